"""Texts of statements whose plans are kept: parameters, values, and views in place of tables."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from duckdb_kql.translate import CLOCK_SLOT

_PARAMETER: Final = re.compile(r"""'(?:[^']|'')*'|"[^"]*"|\$(?P<name>[A-Za-z_]\w*)""")
_LOGS: Final = "SELECT unnest(asked_logs(0), recursive := true)"


def of_each_log(sql: str) -> str:
    """The statement once for each log, in place of the clock its last moment."""
    clocked = _PARAMETER.sub(lambda match: "_log.span_end" if match["name"] == CLOCK_SLOT else match[0], sql)
    return f"SELECT _log.number AS _log, _answer.* FROM ({_LOGS}) AS _log, LATERAL ({clocked}) AS _answer"  # noqa: S608


def literal(value: object) -> str:
    """A string or a time (UTC, no zone) as an SQL constant."""
    if isinstance(value, datetime):
        return f"TIMESTAMP '{value.isoformat(sep=' ')}'"
    quoted = "'" + str(value).replace("'", "''") + "'"
    # SQL text ends at a NUL.
    return "(" + quoted.replace("\0", "' || chr(0) || '") + ")" if "\0" in quoted else quoted


def once_each(sql: str) -> tuple[str, dict[str, str]]:
    """A parameter of its own at each place: a statement with one used twice is planned anew each time."""
    parameters: dict[str, str] = {}

    def renamed(match: re.Match[str]) -> str:
        if match["name"] is None:
            return match[0]
        own = f"p{len(parameters)}"
        parameters[own] = match["name"]
        return f"${own}"

    return _PARAMETER.sub(renamed, sql), parameters


def over(sql: str, views: Mapping[str, str]) -> str:
    """The statement over these views, under the names of the tables."""
    if not views:
        return sql
    scoped = ", ".join(f'"{name}" AS NOT MATERIALIZED ({view})' for name, view in views.items())
    return f"WITH {scoped}, {sql[5:]}" if sql.startswith("WITH ") else f"WITH {scoped} {sql}"
