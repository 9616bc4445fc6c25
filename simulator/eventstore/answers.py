"""What a question comes back with."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from simulator.eventstore.rows import written_column
from simulator.eventstore.tables import kusto_name


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryTable:
    """An answer: (name, Kusto type) of each column, and rows of JSON-ready cells."""

    columns: tuple[tuple[str, str], ...]
    rows: list[list[object]]

    def records(self) -> list[dict[str, object]]:
        """The rows by column name."""
        names = [name for name, _ in self.columns]
        return [dict(zip(names, row, strict=True)) for row in self.rows]


def table_of(description: list[tuple[Any, ...]], rows: list[tuple[Any, ...]]) -> QueryTable:
    """An answer from what DuckDB gives: its description and rows."""
    columns = tuple((name, kusto_name(kind)) for name, kind, *_ in description)
    cells = (
        written_column(values, kind)
        for values, (_, kind) in zip(zip(*rows, strict=True), columns, strict=bool(rows))
    )
    return QueryTable(columns=columns, rows=[list(row) for row in zip(*cells, strict=True)])


def naive(value: object) -> object:
    """Times are bound as UTC without a zone, as the tables hold them."""
    return naive_moment(value) if isinstance(value, datetime) else value


def naive_moment(moment: datetime) -> datetime:
    """UTC without a zone; without one already, it is taken for that."""
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo is not None else moment
