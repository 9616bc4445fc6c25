"""The event store with its answers remembered: the same question on the same rows is asked once only."""

import json
import threading
from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any

from simulator.eventstore import EventStore
from simulator.workspace import QueryTable

type Rows = Sequence[Mapping[str, Any]]


class RecordedStore:
    """Rows are kept aside, and only loaded into DuckDB for a question that is new."""

    def __init__(self) -> None:
        self._real = EventStore()
        self._rows: list[tuple[str, list[Mapping[str, Any]]]] = []
        self._version = self._loaded = ""
        self._answers: dict[tuple[object, ...], QueryTable] = {}
        self._lock = threading.Lock()
        self.changes: list[Mapping[str, Any]] = []

    @property
    def is_small(self) -> bool:
        """See the workspace's protocol. A question may wait for the lock here, so a thread asks it."""
        return False

    def close(self) -> None:
        """Ends the database."""
        self._real.close()

    def clear(self) -> None:
        """Empties every table."""
        self._rows.clear()
        self.changes.clear()
        self._version = ""

    def add_process_events(self, rows: Rows) -> None:
        """See the workspace's protocol."""
        self._add("add_process_events", rows)

    def add_alerts(self, rows: Rows) -> None:
        """See the workspace's protocol."""
        self._add("add_alerts", rows)

    def add_incident_records(self, rows: Rows) -> None:
        """See the workspace's protocol; every row is one change of the incident."""
        self.changes += rows
        self._add("add_incident_records", rows)

    def query(
        self, kql: str, *, now: datetime, timespan: tuple[datetime, datetime] | None = None
    ) -> QueryTable:
        """See the workspace's protocol."""
        key = (kql, now if "now(" in kql else None, timespan, self._version)
        with self._lock:
            if key not in self._answers:
                self._load()
                self._answers[key] = self._real.query(kql, now=now, timespan=timespan)
            return self._answers[key]

    def _add(self, table: str, rows: Rows) -> None:
        self._rows.append((table, list(rows)))
        told = json.dumps([table, list(rows)], default=str, sort_keys=True)
        self._version = sha256((self._version + told).encode()).hexdigest()

    def _load(self) -> None:
        if self._loaded == self._version:
            return
        self._real.clear()
        for table, rows in self._rows:
            getattr(self._real, table)(rows)
        self._loaded = self._version
