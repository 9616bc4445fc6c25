"""The store itself: tables in DuckDB, questions in KQL."""

import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from itertools import batched, count
from pathlib import Path
from typing import Final
from uuid import UUID, uuid5

import duckdb
from duckdb_kql.translate import CLOCK_SLOT

from simulator.eventstore.binding import BoundQuery, Value, bind, unbound
from simulator.eventstore.errors import QueryError
from simulator.eventstore.event_files import load_file
from simulator.eventstore.rows import read_row, written
from simulator.eventstore.tables import (
    ALERTS,
    DEFINITIONS,
    DUCKDB_TYPES,
    INCIDENTS,
    PROCESS_EVENTS,
    TABLES,
    kusto_name,
)
from simulator.eventstore.translation import COLUMN_NAMES, Translation, translate

type Timespan = tuple[datetime, datetime]

_BATCH: Final = 5_000
_ITEMS: Final = UUID("6d1a7c9e-52b1-4f0e-8f0b-3c0a1f6f2b11")


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryTable:
    """An answer: (name, Kusto type) of each column, and rows of JSON-ready cells."""

    columns: tuple[tuple[str, str], ...]
    rows: list[list[object]]

    def records(self) -> list[dict[str, object]]:
        """The rows by column name."""
        names = [name for name, _ in self.columns]
        return [dict(zip(names, row, strict=True)) for row in self.rows]


class EventStore:
    """Process events, alerts and incidents of one workspace, in memory or in a DuckDB file.

    Any thread may query while another writes: each call works on a cursor of its own, which DuckDB
    isolates; writes wait for each other under a lock. A query sees whole batches of rows only.
    Nothing here is awaitable: a server calls it directly (a query takes some milliseconds) or from
    a worker thread.
    """

    def __init__(self, path: Path | None = None) -> None:
        """Opens or creates the store at `path`; without one it lives in memory."""
        self._connection = duckdb.connect(str(path) if path else ":memory:")
        self._writing = threading.Lock()
        self._numbers = count()
        # Parsing the SQL of the rule takes DuckDB 60 ms; a parsed statement may be run any number of times.
        self._parsed = lru_cache(maxsize=512)(self._parse)
        for definition in DEFINITIONS:
            self._connection.execute(definition)

    def close(self) -> None:
        """Closes the database; a store in memory is gone then."""
        self._connection.close()

    def clear(self) -> None:
        """Empties every table."""
        with self._writing, self._connection.cursor() as cursor:
            for table in TABLES:
                cursor.execute(f'TRUNCATE "{table}"')

    def add_process_events(self, rows: Iterable[Mapping[str, object]]) -> int:
        """Adds native rows of ASimProcessEventLogs and returns how many; a missing cell is empty.

        Raises RowRefused for an unknown column or a value that does not fit; rows before it in the
        same 5,000 are then not added either.
        """
        return self._add(PROCESS_EVENTS, ({"_ItemId": self._item_id(), **row} for row in rows))

    def add_alerts(self, rows: Iterable[Mapping[str, object]]) -> int:
        """Adds rows of SecurityAlert, as for process events; `Entities` and the like are JSON text."""
        return self._add(ALERTS, rows)

    def add_incident_records(self, rows: Iterable[Mapping[str, object]]) -> int:
        """Adds rows of SecurityIncident: one for each change of an incident, as the service writes."""
        return self._add(INCIDENTS, rows)

    def load_process_events(self, path: Path) -> int:
        """Adds a whole `.jsonl`, `.csv` or `.parquet` file of native rows; returns how many.

        Raises RowRefused where the file's columns or values do not fit.
        """
        with self._writing, self._connection.cursor() as cursor:
            return load_file(cursor, path)

    def query(self, kql: str, *, now: datetime | None = None, timespan: Timespan | None = None) -> QueryTable:
        """Answers a KQL query as Log Analytics would.

        `now` is what `now()` and `ago()` count from, by default the present. `timespan` limits
        TimeGenerated of every table, both ends included, in addition to the query's own filters.
        Raises QueryError.
        """
        query = bind(kql, COLUMN_NAMES)
        try:
            return self._answer(query, now=now, timespan=timespan)
        except QueryError as error:
            if not query.values or error.code != "UnsupportedQuery":
                raise
        return self._answer(unbound(kql), now=now, timespan=timespan)

    def _answer(
        self, query: BoundQuery, *, now: datetime | None = None, timespan: Timespan | None = None
    ) -> QueryTable:
        plan = translate(query.text)
        values = {plan.slots[name]: value for name, value in query.values.items() if name in plan.slots}
        return self._run(plan, values, now or datetime.now(UTC), timespan)

    def _run(
        self, plan: Translation, values: dict[str, Value], now: datetime, timespan: Timespan | None
    ) -> QueryTable:
        values = {**values, CLOCK_SLOT: now} if plan.reads_clock else values
        sql = plan.sql
        if timespan and plan.tables:
            sql = _within_timespan(sql, plan.tables)
            values = {**values, "span_start": timespan[0], "span_end": timespan[1]}
        with self._connection.cursor() as cursor:
            try:
                cursor.execute(self._parsed(sql), {name: _naive(value) for name, value in values.items()})
                return _table(cursor)
            except (duckdb.BinderException, duckdb.CatalogException) as error:
                raise QueryError("SemanticError", _first_line(error)) from error
            except duckdb.Error as error:
                raise QueryError("QueryFailed", _first_line(error)) from error

    def _parse(self, sql: str) -> duckdb.Statement:
        with self._connection.cursor() as cursor:
            return cursor.extract_statements(sql)[0]

    def _add(self, table: str, rows: Iterable[Mapping[str, object]]) -> int:
        added = 0
        for batch in batched(rows, _BATCH, strict=False):
            cells = [read_row(table, added + place, row) for place, row in enumerate(batch, start=1)]
            with self._writing, self._connection.cursor() as cursor:
                _insert(cursor, table, cells)
            added += len(cells)
        return added

    def _item_id(self) -> str:
        return str(uuid5(_ITEMS, str(next(self._numbers))))


def _insert(cursor: duckdb.DuckDBPyConnection, table: str, rows: list[dict[str, object]]) -> None:
    """One statement for all rows; only columns that some row fills are named."""
    kinds = TABLES[table]
    used = [column for column in kinds if any(column in row for row in rows)]
    names, cells = [], []
    for place, column in enumerate(used, start=1):
        empty = "" if kinds[column] == "string" else None
        names.append(f"unnest(${place}::{DUCKDB_TYPES[kinds[column]]}[])")
        cells.append([row.get(column, empty) for row in rows])
    columns = ", ".join(f'"{column}"' for column in used)
    cursor.execute(f'INSERT INTO "{table}" ({columns}) SELECT {", ".join(names)}', cells)


def _within_timespan(sql: str, tables: Iterable[str]) -> str:
    """The statement over tables that hold the timespan's rows alone, under the same names."""
    within = "WHERE TimeGenerated BETWEEN $span_start AND $span_end"
    scoped = ", ".join(
        f'"{table}" AS NOT MATERIALIZED (FROM main."{table}" {within})' for table in sorted(tables)
    )
    return f"WITH {scoped}, {sql[5:]}" if sql.startswith("WITH ") else f"WITH {scoped} {sql}"


def _table(cursor: duckdb.DuckDBPyConnection) -> QueryTable:
    columns = tuple((name, kusto_name(kind)) for name, kind, *_ in cursor.description or ())
    kinds = [kind for _, kind in columns]
    return QueryTable(columns=columns, rows=list(_rows(cursor, kinds)))


def _rows(cursor: duckdb.DuckDBPyConnection, kinds: list[str]) -> Iterator[list[object]]:
    for row in cursor.fetchall():
        yield [written(value, kind) for value, kind in zip(row, kinds, strict=True)]


def _naive(value: object) -> object:
    """Times are bound as UTC without a zone, as the tables hold them."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).replace(tzinfo=None)
    return value


def _first_line(error: duckdb.Error) -> str:
    return str(error).partition("\n")[0]
