"""Values on their way into the tables and out of them, as Log Analytics takes and writes them."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import Final
from uuid import UUID

from simulator.eventstore.errors import RowRefused
from simulator.eventstore.tables import TABLES

_FINER_THAN_MICRO: Final = re.compile(r"(\.\d{6})\d+")
_ENCODED: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_PLAIN: Final = frozenset({str, int, bool})
_TRUTHS: Final = MappingProxyType({"true": True, "false": False})


def _string(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int, float, UUID)):
        raise TypeError
    text = str(value)
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _moment(value: object) -> datetime:
    if isinstance(value, str):
        value = datetime.fromisoformat(_FINER_THAN_MICRO.sub(r"\1", value))
    if not isinstance(value, datetime):
        raise TypeError
    return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value


def _number(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise TypeError
    return int(value)


def _real(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise TypeError
    return float(value)


def _truth(value: object) -> bool:
    return value if isinstance(value, bool) else _TRUTHS[str(value).lower()]


def _document(value: object) -> str:
    """JSON text, compact as Kusto writes it; text given as such must be JSON."""
    return _compact(value) if isinstance(value, str) else _ENCODED(value)


@lru_cache(maxsize=4096)
def _compact(text: str) -> str:
    return _ENCODED(json.loads(text))


_READERS: Final[Mapping[str, tuple[Callable[[object], object], str]]] = MappingProxyType(
    {
        "string": (_string, "text"),
        "datetime": (_moment, "an ISO 8601 time such as 2024-11-18T21:00:04Z"),
        "int": (_number, "a whole number"),
        "long": (_number, "a whole number"),
        "real": (_real, "a number"),
        "bool": (_truth, "true or false"),
        "dynamic": (_document, "a JSON value or JSON text"),
    }
)


def read_row(table: str, number: int, row: Mapping[str, object]) -> dict[str, object]:
    """The cells of one row as DuckDB takes them; empty and missing cells are left out.

    Raises RowRefused for an unknown column, a value of the wrong kind or a missing TimeGenerated.
    """
    columns = TABLES[table]
    cells: dict[str, object] = {}
    for column, value in row.items():
        if column not in columns:
            message = f"{table} has no column '{column}' (row {number}); native column names only."
            raise RowRefused(message)
        if value is not None and value != "":
            read, wanted = _READERS[columns[column]]
            try:
                cells[column] = read(value)
            except (TypeError, ValueError, KeyError, OverflowError) as error:
                message = f"{table}.{column} (row {number}): {value!r:.80} is not {wanted}."
                raise RowRefused(message) from error
    if "TimeGenerated" not in cells:
        raise RowRefused(f"{table} row {number} has no TimeGenerated.")
    return cells


def written(value: object, kind: str) -> object:
    """One cell of an answer, ready for JSON: times end in Z, strings are never null."""
    if value is None:
        return "" if kind == "string" else None
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, timedelta):
        return _span(value)
    if kind == "dynamic":
        return _dynamic(value)
    return value if isinstance(value, (bool, int, float)) else str(value)


def written_column(values: Sequence[object], kind: str) -> Sequence[object]:
    """The cells of one column of an answer, ready for JSON; plain ones are handed on as they are."""
    if _PLAIN.issuperset(map(type, values)):
        return values if kind != "dynamic" else list(map(_dynamic, values))
    if kind == "datetime":
        return [iso(value) if isinstance(value, datetime) else None for value in values]
    return [written(value, kind) for value in values]


def iso(moment: datetime) -> str:
    """`2024-11-18T21:00:04Z`, with a fraction only where there is one."""
    text = (moment.replace(tzinfo=None) if moment.tzinfo else moment).isoformat()
    return f"{text.rstrip('0') if moment.microsecond else text}Z"


def _span(span: timedelta) -> str:
    """A timespan in Kusto's own form, `[-][d.]hh:mm:ss[.f]`."""
    size = abs(span)
    hours, seconds = divmod(size.seconds, 3600)
    clock = f"{hours:02d}:{seconds // 60:02d}:{seconds % 60:02d}"
    days = f"{size.days}." if size.days else ""
    fraction = f".{size.microseconds:06d}0" if size.microseconds else ""
    return f"{'-' if span < timedelta() else ''}{days}{clock}{fraction}"


def _dynamic(value: object) -> str:
    """The text of a dynamic cell; a dynamic that is a string shows as the string alone."""
    text = value if isinstance(value, str) else _ENCODED(value)
    return str(json.loads(text)) if text.startswith('"') else text
