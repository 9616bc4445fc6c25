"""The rows of small logs, held in this process, and handed to DuckDB column by column."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import pairwise
from types import MappingProxyType
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from simulator.eventstore.tables import TABLES

ARROW_TYPES: Final[Mapping[str, pa.DataType]] = MappingProxyType(
    {
        "string": pa.string(),
        "dynamic": pa.string(),
        "datetime": pa.timestamp("us"),
        "bool": pa.bool_(),
        "int": pa.int32(),
        "long": pa.int64(),
        "real": pa.float64(),
    }
)

_EMPTY: Final = MappingProxyType({"string": ""})

type Cells = Mapping[str, object]
type Span = tuple[datetime, datetime]
"""The first and the last moment that counts (UTC, no zone)."""


class HeldRows:
    """Cells of rows by table, as `read_row` makes them, of one log or of several side by side.

    Not safe in several threads at once.
    """

    def __init__(self) -> None:
        self._rows: dict[str, list[Cells]] = {table: [] for table in TABLES}
        self._ends: dict[str, list[int]] = {table: [] for table in TABLES}
        self._filled: dict[str, set[str]] = {table: set() for table in TABLES}
        self._columns: dict[tuple[str, str], pa.Array[Any]] = {}
        self._lists: dict[tuple[str, tuple[str, ...]], pa.Array[Any]] = {}
        self._tables: dict[tuple[str, tuple[str, ...]], pa.Table] = {}
        self._cleared = 0

    @property
    def cleared(self) -> int:
        """How often all rows were dropped; until then a row keeps its place."""
        return self._cleared

    def __len__(self) -> int:
        return sum(map(len, self._rows.values()))

    def of(self, table: str) -> Sequence[Cells]:
        """The table's rows of all logs, oldest first."""
        return self._rows[table]

    def add(self, table: str, rows: Sequence[Cells]) -> None:
        """Puts rows behind the others of the last log."""
        self._rows[table] += rows
        self._filled[table].update(*rows)
        self._forget(table)

    def by_log(self, table: str) -> list[Sequence[Cells]]:
        """The table's rows, log by log."""
        bounds = pairwise(self._bounds(table))
        return [self._rows[table][start:end] for start, end in bounds]

    def begin_log(self) -> None:
        """Whatever is added from now on belongs to another log."""
        for table, rows in self._rows.items():
            self._ends[table].append(len(rows))
        self._lists.clear()

    def clear(self) -> None:
        """Drops every row and every log."""
        for table in TABLES:
            self._rows[table].clear()
            self._ends[table].clear()
            self._filled[table].clear()
        self._columns.clear()
        self._lists.clear()
        self._tables.clear()
        self._cleared += 1

    def as_table(self, table: str, columns: tuple[str, ...], *, start: int = 0) -> pa.Table:
        """The table's rows of all logs from a place on, with these columns."""
        if start:
            rows = self._rows[table][start:]
            return pa.table({column: self._cells(table, column, rows) for column in columns})
        if (table, columns) not in self._tables:
            whole = {column: self._column(table, column) for column in columns}
            self._tables[table, columns] = pa.table(whole)
        return self._tables[table, columns]

    def as_lists(self, table: str, columns: tuple[str, ...]) -> "pa.Array[Any]":
        """One value a log: the list of the table's rows in it, each a structure of these columns."""
        if (table, columns) not in self._lists:
            self._lists[table, columns] = self._listed(table, columns)
        return self._lists[table, columns]

    def _listed(self, table: str, columns: tuple[str, ...]) -> "pa.Array[Any]":
        cells = [self._column(table, column) for column in columns]
        bounds = pa.array(self._bounds(table), type=pa.int32())
        return pa.ListArray.from_arrays(bounds, pa.StructArray.from_arrays(cells, names=list(columns)))

    def _bounds(self, table: str) -> list[int]:
        """Where each log's rows begin, and where the last log's end."""
        return [0, *self._ends[table], len(self._rows[table])]

    def _column(self, table: str, column: str) -> "pa.Array[Any]":
        """One column of every row."""
        if (table, column) not in self._columns:
            self._columns[table, column] = self._cells(table, column, self._rows[table])
        return self._columns[table, column]

    def _cells(self, table: str, column: str, rows: Sequence[Cells]) -> "pa.Array[Any]":
        """One column; a string that is not given is empty, since Kusto has no null strings."""
        kind = TABLES[table][column]
        if column not in self._filled[table]:
            return _blank(kind, len(rows))
        return pa.array([row.get(column, _EMPTY.get(kind)) for row in rows], type=ARROW_TYPES[kind])

    def _forget(self, table: str) -> None:
        self._columns = {key: cells for key, cells in self._columns.items() if key[0] != table}
        self._lists = {key: rows for key, rows in self._lists.items() if key[0] != table}
        self._tables = {key: rows for key, rows in self._tables.items() if key[0] != table}


def within(rows: pa.Table, column: str, span: Span | None) -> pa.Table:
    """The rows whose moment in that column lies in the span, both ends included."""
    if span is None:
        return rows
    first, last = (pa.scalar(moment, type=ARROW_TYPES["datetime"]) for moment in span)
    moments = rows[column]
    return rows.filter(pc.and_(pc.greater_equal(moments, first), pc.less_equal(moments, last)))


@lru_cache(maxsize=1024)
def _blank(kind: str, rows: int) -> "pa.Array[Any]":
    """A column of so many empty cells."""
    return pa.array([_EMPTY.get(kind)] * rows, type=ARROW_TYPES[kind])
