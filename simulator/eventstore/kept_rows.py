"""What a part of a query made of each held row, kept while the rows stay.

An answer is never kept: whatever looks at more than one row is worked out each time, over these. Rows that
came since the last question are looked at then, and only they.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import duckdb
import pyarrow as pa

from simulator.eventstore.held import ARROW_TYPES, HeldRows
from simulator.eventstore.tables import DUCKDB_TYPES, kusto_name

type Answered = tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]


class KeptRows:
    """The rows of one part over one table. Not safe in several threads at once.

    `ask` answers the part for the table's rows from a place on, by the statement `plan`; `columns` are the
    Kusto types of its answer by name.
    """

    def __init__(
        self,
        rows: HeldRows,
        table: str,
        *,
        plan: str,
        columns: Mapping[str, str],
        ask: Callable[[int], list[tuple[Any, ...]]],
    ) -> None:
        self._rows = rows
        self._source = table
        self._ask = ask
        self.plan: Final = plan
        self.columns: Final = columns
        self._forget()

    def _forget(self) -> None:
        self._since = self._rows.cleared
        self._seen = 0
        self._cells = [pa.array([], type=ARROW_TYPES[kind]) for kind in self.columns.values()]
        self._table = self._made()

    def follow(self) -> None:
        """Looks at the rows that came since, and drops what is kept of rows that are gone.

        Raises duckdb.Error where a row cannot be worked out; it is then looked at again next time.
        """
        if self._since != self._rows.cleared:
            self._forget()
        held = len(self._rows.of(self._source))
        if self._seen < held:
            if answered := self._ask(self._seen):
                self._append(answered)
            self._seen = held

    def as_table(self) -> pa.Table:
        """All that is kept, oldest row first."""
        return self._table

    def _append(self, answered: list[tuple[Any, ...]]) -> None:
        kinds = self.columns.values()
        self._cells = [
            pa.concat_arrays([cells, pa.array(values, type=ARROW_TYPES[kind])])
            for cells, values, kind in zip(self._cells, zip(*answered, strict=True), kinds, strict=True)
        ]
        self._table = self._made()

    def _made(self) -> pa.Table:
        return pa.table(dict(zip(self.columns, self._cells, strict=True)))


def plain_columns(description: Sequence[tuple[Any, ...]]) -> dict[str, str]:
    """Kusto types by name. Raises duckdb.NotSupportedError for a type that no column of a table has."""
    columns = {}
    for name, duck, *_ in description:
        columns[name] = kusto_name(duck)
        if DUCKDB_TYPES.get(columns[name]) != str(duck):
            raise duckdb.NotSupportedError(f"rows with a cell of type {duck} are not kept")
    return columns
