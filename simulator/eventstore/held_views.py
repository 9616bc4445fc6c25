"""What a query sees of held rows: the columns that it names, as tables and parsers have them, in SQL."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from simulator.eventstore.tables import DUCKDB_TYPES, PARSED, PROCESS_EVENTS, TABLES
from simulator.eventstore.translation import Translation

_WORD: Final = re.compile(r"\w+")


def typed(columns: Mapping[str, str]) -> str:
    """Names and types as a function gives them: JSON is text."""
    return ", ".join(
        f'"{name}" {"VARCHAR" if kind == "dynamic" else DUCKDB_TYPES[kind]}' for name, kind in columns.items()
    )


def cells_of(columns: Mapping[str, str], *, but: str = "") -> str:
    """The columns as tables have them, all but one."""
    return ", ".join(
        f'CAST("{name}" AS JSON) AS "{name}"' if kind == "dynamic" else f'"{name}"'
        for name, kind in columns.items()
        if name != but
    )


def wanted_columns(columns: Iterable[str], plan: Translation) -> set[str]:
    """Those of the columns that the query names, gives or is limited by."""
    return {column for column in columns if plan.every_column or column in plan.names} | {"TimeGenerated"}


def parser_view(plan: Translation) -> tuple[set[str], str]:
    """The native columns below what the query names of a parser, and the parser as SQL over them."""
    cells = {name: f'"{name}"' for name in TABLES[PROCESS_EVENTS]} | dict(PARSED)
    wanted = wanted_columns(cells, plan)
    listed = {name: cell for name, cell in cells.items() if name in wanted}
    text = ", ".join(f'{cell} AS "{name}"' for name, cell in listed.items())
    native = {word for cell in listed.values() for word in _WORD.findall(cell)} & TABLES[
        PROCESS_EVENTS
    ].keys()
    return native, f'SELECT {text} FROM "{PROCESS_EVENTS}"'  # noqa: S608 - our own column names
