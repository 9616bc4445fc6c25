"""The store itself: tables in DuckDB, questions in KQL."""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from itertools import batched, count
from pathlib import Path
from typing import Final
from uuid import UUID, uuid5

import duckdb
import pyarrow as pa
from duckdb_kql.translate import CLOCK_SLOT

from simulator.eventstore.answers import QueryTable, naive, naive_moment, table_of
from simulator.eventstore.binding import BoundQuery, bind, unbound
from simulator.eventstore.errors import QueryError
from simulator.eventstore.event_files import load_file
from simulator.eventstore.held import HeldRows
from simulator.eventstore.kept_plans import KeptPlans
from simulator.eventstore.rows import read_row
from simulator.eventstore.scalars import lowered_slot
from simulator.eventstore.tables import (
    ALERTS,
    DEFINITIONS,
    DUCKDB_TYPES,
    INCIDENTS,
    PROCESS_EVENTS,
    TABLES,
)
from simulator.eventstore.terms import term_values
from simulator.eventstore.translation import COLUMN_NAMES, Parted, Translation, translate_parted, undivided

type Timespan = tuple[datetime, datetime]

_BATCH: Final = 5_000
_MOST_HELD: Final = 20_000
_ITEMS: Final = UUID("6d1a7c9e-52b1-4f0e-8f0b-3c0a1f6f2b11")


class EventStore:
    """Process events, alerts and incidents of one workspace, in memory or in a DuckDB file.

    Any thread may query while another writes. Up to 20,000 rows in memory are held in this process and
    asked through kept plans, one query at a time; beyond that, for a file of events or a store in a file,
    rows lie in DuckDB's tables, where each call works on a cursor of its own, which DuckDB isolates.
    Writes wait for each other under a lock. A query sees whole batches of rows only.
    Nothing here is awaitable: a server calls it directly (a query takes some milliseconds) or from
    a worker thread.
    """

    def __init__(self, path: Path | None = None) -> None:
        """Opens or creates the store at `path`; without one it lives in memory."""
        self._connection = duckdb.connect(str(path) if path else ":memory:")
        self._writing = threading.Lock()
        self._numbers = count()
        self._held = HeldRows()
        self._kept = KeptPlans(self._connection.cursor(), self._held)
        self._in_memory = path is None
        self._holds = False
        # Parsing the SQL of the rule takes DuckDB 60 ms; a parsed statement may be run any number of times.
        self._parsed = lru_cache(maxsize=512)(self._parse)
        for definition in DEFINITIONS:
            self._connection.execute(definition)
        self._hold(self._in_memory)

    def close(self) -> None:
        """Closes the database; a store in memory is gone then."""
        self._kept.close()
        self._connection.close()

    def clear(self) -> None:
        """Empties every table."""
        with self._writing:
            self._held.clear()
            if not self._holds:
                with self._connection.cursor() as cursor:
                    for table in TABLES:
                        cursor.execute(f'TRUNCATE "{table}"')
                self._hold(self._in_memory)

    @property
    def is_small(self) -> bool:
        """True while its rows are held in this process, where a query takes milliseconds."""
        return self._holds

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

    def load_process_events(self, source: Path) -> int:
        """Adds a source of native rows, see `simulator.event_sources`; returns how many.

        Raises RowRefused where the file's columns or values do not fit.
        """
        with self._writing, self._connection.cursor() as cursor:
            self._spill(cursor)
            return load_file(cursor, source)

    def process_events(self, *, after: datetime, until: datetime) -> pa.Table:
        """The process events of a span of time, `until` included, as a table of native columns."""
        span = [naive(after), naive(until)]
        with self._writing, self._connection.cursor() as cursor:
            self._spill(cursor)
            return cursor.sql(
                f'FROM "{PROCESS_EVENTS}" WHERE TimeGenerated > ? AND TimeGenerated <= ?', params=span
            ).to_arrow_table()

    def add_process_table(self, rows: pa.Table) -> None:
        """Adds what `process_events` of another store gave."""
        if self._holds and len(self._held) + rows.num_rows <= _MOST_HELD:
            self.add_process_events(rows.to_pylist())
            return
        with self._writing, self._connection.cursor() as cursor:
            self._spill(cursor)
            cursor.register("rows_of_another", rows)
            cursor.execute(f'INSERT INTO "{PROCESS_EVENTS}" BY NAME FROM rows_of_another')

    def query(
        self,
        kql: str,
        *,
        now: datetime | None = None,
        timespan: Timespan | None = None,
        constant: bool = False,
    ) -> QueryTable:
        """Answers a KQL query as Log Analytics would.

        `now` is what `now()` and `ago()` count from, by default the present. `timespan` limits
        TimeGenerated of every table, both ends included, in addition to the query's own filters.
        `constant` says that the text comes again to the letter, as a rule's does. Raises QueryError.
        """
        if constant:
            return self._answer(unbound(kql), translate_parted, now=now, timespan=timespan)
        query = bind(kql, COLUMN_NAMES)
        try:
            return self._answer(query, now=now, timespan=timespan)
        except QueryError as error:
            if not query.values or error.code != "UnsupportedQuery":
                raise
        return self._answer(unbound(kql), now=now, timespan=timespan)

    def _answer(
        self,
        query: BoundQuery,
        translated: Callable[[str], Parted] = undivided,
        *,
        now: datetime | None = None,
        timespan: Timespan | None = None,
    ) -> QueryTable:
        parted = translated(query.text)
        plan = parted.whole
        values: dict[str, object] = {
            plan.slots[name]: naive(value) for name, value in query.values.items() if name in plan.slots
        }
        for slots, name in plan.terms.items():
            values |= term_values(slots, name, values)
        for slot in plan.lowered:
            values[lowered_slot(slot)] = self._lower(str(values[slot]))
        if plan.reads_clock:
            values[CLOCK_SLOT] = naive(now or datetime.now(UTC))
        span = (naive_moment(timespan[0]), naive_moment(timespan[1])) if timespan and plan.tables else None
        return self._run(parted, values, span)

    def _lower(self, text: str) -> str:
        """In lower case as DuckDB has it, which beyond ASCII is not Python's."""
        if text.isascii():
            return text.lower()
        with self._connection.cursor() as cursor:
            cursor.execute("SELECT lower($text)", {"text": text})
            ((lower,),) = cursor.fetchall()
        return str(lower)

    def _run(self, query: Parted, values: dict[str, object], span: Timespan | None) -> QueryTable:
        try:
            with self._writing:
                if self._holds:
                    return table_of(*self._kept.answer(query, values, span=span))
            return self._ask_tables(query.whole, values, span)
        except (duckdb.BinderException, duckdb.CatalogException) as error:
            raise QueryError("SemanticError", _first_line(error)) from error
        except duckdb.Error as error:
            raise QueryError("QueryFailed", _first_line(error)) from error

    def _ask_tables(self, plan: Translation, values: dict[str, object], span: Timespan | None) -> QueryTable:
        sql = plan.sql
        if span:
            sql = _within_timespan(sql, plan.tables)
            values |= {"span_start": span[0], "span_end": span[1]}
        statement = self._parsed(sql)
        with self._connection.cursor() as cursor:
            cursor.execute(statement, {name: values[name] for name in statement.named_parameters})
            return table_of(list(cursor.description or ()), cursor.fetchall())

    def _parse(self, sql: str) -> duckdb.Statement:
        with self._connection.cursor() as cursor:
            return cursor.extract_statements(sql)[0]

    def _add(self, table: str, rows: Iterable[Mapping[str, object]]) -> int:
        added = 0
        for batch in batched(rows, _BATCH, strict=False):
            cells = [read_row(table, added + place, row) for place, row in enumerate(batch, start=1)]
            with self._writing:
                self._put(table, cells)
            added += len(cells)
        return added

    def _put(self, table: str, cells: list[dict[str, object]]) -> None:
        if self._holds and len(self._held) + len(cells) <= _MOST_HELD:
            self._held.add(table, cells)
            return
        with self._connection.cursor() as cursor:
            self._spill(cursor)
            _insert(cursor, table, cells)

    def _hold(self, holds: bool) -> None:  # noqa: FBT001 - a state, not an option
        """Rows are held, or lie in tables; a few rows are answered faster by one thread."""
        self._holds = holds
        self._connection.execute("SET threads = 1" if holds else "RESET threads")

    def _spill(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """From now on rows lie in tables, those that were held among them."""
        self._hold(False)  # noqa: FBT003
        for table in TABLES:
            for batch in batched(self._held.of(table), _BATCH, strict=False):
                _insert(cursor, table, batch)
        self._held.clear()

    def _item_id(self) -> str:
        return str(uuid5(_ITEMS, str(next(self._numbers))))


def _insert(cursor: duckdb.DuckDBPyConnection, table: str, rows: Sequence[Mapping[str, object]]) -> None:
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


def _first_line(error: duckdb.Error) -> str:
    return str(error).partition("\n")[0]
