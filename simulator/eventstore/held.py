"""The rows of a small store, held in this process, and handed to DuckDB column by column."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import pyarrow as pa

from simulator.eventstore.tables import TABLES

_ARROW_TYPES: Final[Mapping[str, pa.DataType]] = MappingProxyType(
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

type Cells = Mapping[str, object]


class HeldRows:
    """Cells of rows by table, as `read_row` makes them. Not safe in several threads at once."""

    def __init__(self) -> None:
        self._rows: dict[str, list[Cells]] = {table: [] for table in TABLES}
        self._columns: dict[tuple[str, str], pa.Array[Any]] = {}
        self._lists: dict[tuple[str, tuple[str, ...]], pa.Array[Any]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._rows.values()))

    def of(self, table: str) -> Sequence[Cells]:
        """The table's rows, oldest first."""
        return self._rows[table]

    def add(self, table: str, rows: Sequence[Cells]) -> None:
        """Puts rows behind the others."""
        self._rows[table] += rows
        self._forget(table)

    def clear(self) -> None:
        """Drops every row."""
        for rows in self._rows.values():
            rows.clear()
        self._columns.clear()
        self._lists.clear()

    def as_list(self, table: str, columns: tuple[str, ...]) -> "pa.Array[Any]":
        """One value: the list of the table's rows, each a structure of these columns."""
        if (table, columns) not in self._lists:
            self._lists[table, columns] = self._listed(table, columns)
        return self._lists[table, columns]

    def _listed(self, table: str, columns: tuple[str, ...]) -> "pa.Array[Any]":
        cells = [self._column(table, column) for column in columns]
        bounds = pa.array([0, len(self._rows[table])], type=pa.int32())
        return pa.ListArray.from_arrays(bounds, pa.StructArray.from_arrays(cells, names=list(columns)))

    def _column(self, table: str, column: str) -> "pa.Array[Any]":
        """One column; a string that is not given is empty, since Kusto has no null strings."""
        if (table, column) not in self._columns:
            kind = TABLES[table][column]
            empty = "" if kind == "string" else None
            cells = [row.get(column, empty) for row in self._rows[table]]
            self._columns[table, column] = pa.array(cells, type=_ARROW_TYPES[kind])
        return self._columns[table, column]

    def _forget(self, table: str) -> None:
        self._columns = {key: cells for key, cells in self._columns.items() if key[0] != table}
        self._lists = {key: rows for key, rows in self._lists.items() if key[0] != table}
