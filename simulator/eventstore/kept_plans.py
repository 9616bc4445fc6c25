"""Answers from plans that are made once: for small stores, where planning costs more than running.

DuckDB plans the correlated rule in 140 ms and runs it on a handful of rows in a few. It keeps the plan of
a PREPAREd statement only where the statement reads no table (duckdb issue 17237 and pull request 20885:
statistics of a table may have shaped the plan). So a small store's rows do not lie in a table: a function
hands them over as one list, each time a plan runs, and the query's own text works on that. Where rows
are many, planning does not matter and tables do.
"""

import re
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import duckdb
from duckdb.func import PythonUDFType

from simulator.eventstore.held import HeldRows
from simulator.eventstore.tables import DUCKDB_TYPES, PARSED, PARSERS, PROCESS_EVENTS, TABLES
from simulator.eventstore.translation import Translation

_MOST_PLANS: Final = 256
# A list after `in` becomes a join, and a join costs more than it saves where rows are few.
_FEW_ROWS: Final = "SET disabled_optimizers = 'in_clause'"
_ANY_ROWS: Final = "RESET disabled_optimizers"
_PARAMETER: Final = re.compile(r"""'(?:[^']|'')*'|"[^"]*"|\$(?P<name>[A-Za-z_]\w*)""")
_WORD: Final = re.compile(r"\w+")
_WITHIN: Final = " WHERE TimeGenerated BETWEEN $span_start AND $span_end"

type Answered = tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """A prepared statement: its name, and for each of its parameters the name of the value it takes."""

    name: str
    parameters: Mapping[str, str]


class KeptPlans:
    """Plans on one connection. Not safe in several threads at once; `rows` must not change meanwhile."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, rows: HeldRows) -> None:
        self._connection = connection
        self._rows = rows
        self._plans: OrderedDict[tuple[str, bool], _Kept] = OrderedDict()
        self._sources: dict[tuple[str, tuple[str, ...]], str] = {}
        self._made = 0

    def close(self) -> None:
        """Lets go of every plan."""
        self._plans.clear()
        self._connection.close()

    def answer(self, plan: Translation, values: Mapping[str, object], *, within: bool) -> Answered:
        """Description and rows. `within`: `values` have `span_start` and `span_end`. Raises duckdb.Error."""
        kept = self._kept(plan, within=within)
        given = ", ".join(f"{own} := {literal(values[name])}" for own, name in kept.parameters.items())
        self._connection.execute(f"EXECUTE {kept.name}({given})" if given else f"EXECUTE {kept.name}")
        return list(self._connection.description or ()), self._connection.fetchall()

    def _kept(self, plan: Translation, *, within: bool) -> _Kept:
        key = (plan.sql, within)
        if key in self._plans:
            self._plans.move_to_end(key)
            return self._plans[key]
        kept = self._prepared(plan, within=within)
        self._plans[key] = kept
        if len(self._plans) > _MOST_PLANS:
            _, oldest = self._plans.popitem(last=False)
            self._connection.execute(f"DEALLOCATE {oldest.name}")
        return kept

    def _prepared(self, plan: Translation, *, within: bool) -> _Kept:
        self._made += 1
        name = f"kept_{self._made}"
        sql, parameters = _once_each(_over(plan.sql, self._views(plan, within=within)))
        self._connection.execute(_FEW_ROWS)
        try:
            self._connection.execute(f"PREPARE {name} AS {sql}")
        finally:
            self._connection.execute(_ANY_ROWS)
        return _Kept(name=name, parameters=parameters)

    def _views(self, plan: Translation, *, within: bool) -> dict[str, str]:
        """The tables that a query reads, as SQL over the held rows, each with the columns that it names."""
        parsed = [parser for parser in PARSERS if parser in plan.tables]
        wanted = {table: _wanted(TABLES[table], plan) for table in plan.tables.difference(PARSERS)}
        native, parser_view = _parser(plan)
        if parsed:
            wanted[PROCESS_EVENTS] = wanted.get(PROCESS_EVENTS, set()) | native
        limit = _WITHIN if within else ""
        views = {table: self._held(table, columns) + limit for table, columns in wanted.items()}
        return views | dict.fromkeys(parsed, parser_view)

    def _held(self, table: str, columns: set[str]) -> str:
        kinds = TABLES[table]
        ordered = tuple(column for column in kinds if column in columns)
        cells = ", ".join(
            f'CAST("{column}" AS JSON) AS "{column}"' if kinds[column] == "dynamic" else f'"{column}"'
            for column in ordered
        )
        rows = f"SELECT unnest({self._source(table, ordered)}(0), recursive := true)"
        return f"SELECT {cells} FROM ({rows})"  # noqa: S608 - our own column names

    def _source(self, table: str, columns: tuple[str, ...]) -> str:
        """The SQL function that hands over these columns of the table's rows."""
        if (table, columns) not in self._sources:
            name, rows = f"held_{len(self._sources)}", self._rows
            kinds = (f'"{column}" {_type(TABLES[table][column])}' for column in columns)
            self._connection.create_function(
                name,
                lambda _: rows.as_list(table, columns),
                ["bigint"],
                f"STRUCT({', '.join(kinds)})[]",
                type=PythonUDFType.ARROW,
                side_effects=True,
            )
            self._sources[table, columns] = name
        return self._sources[table, columns]


def literal(value: object) -> str:
    """A string or a time (UTC, no zone) as an SQL constant."""
    if isinstance(value, datetime):
        return f"TIMESTAMP '{value.isoformat(sep=' ')}'"
    quoted = "'" + str(value).replace("'", "''") + "'"
    # SQL text ends at a NUL.
    return "(" + quoted.replace("\0", "' || chr(0) || '") + ")" if "\0" in quoted else quoted


def _once_each(sql: str) -> tuple[str, dict[str, str]]:
    """A parameter of its own at each place: a statement with one used twice is planned anew each time."""
    parameters: dict[str, str] = {}

    def renamed(match: re.Match[str]) -> str:
        if match["name"] is None:
            return match[0]
        own = f"{match['name']}_{len(parameters)}"
        parameters[own] = match["name"]
        return f"${own}"

    return _PARAMETER.sub(renamed, sql), parameters


def _type(kind: str) -> str:
    return "VARCHAR" if kind == "dynamic" else DUCKDB_TYPES[kind]


def _wanted(columns: Iterable[str], plan: Translation) -> set[str]:
    """Those of the columns that the query names, gives or is limited by."""
    return {column for column in columns if plan.every_column or column in plan.names} | {"TimeGenerated"}


def _parser(plan: Translation) -> tuple[set[str], str]:
    """The native columns below what the query names of a parser, and the parser as SQL over them."""
    cells = {name: f'"{name}"' for name in TABLES[PROCESS_EVENTS]} | dict(PARSED)
    wanted = _wanted(cells, plan)
    listed = {name: cell for name, cell in cells.items() if name in wanted}
    text = ", ".join(f'{cell} AS "{name}"' for name, cell in listed.items())
    native = {word for cell in listed.values() for word in _WORD.findall(cell)} & TABLES[
        PROCESS_EVENTS
    ].keys()
    return native, f'SELECT {text} FROM "{PROCESS_EVENTS}"'  # noqa: S608 - our own column names


def _over(sql: str, views: Mapping[str, str]) -> str:
    """The statement over these views, under the names of the tables."""
    if not views:
        return sql
    scoped = ", ".join(f'"{name}" AS NOT MATERIALIZED ({view})' for name, view in views.items())
    return f"WITH {scoped}, {sql[5:]}" if sql.startswith("WITH ") else f"WITH {scoped} {sql}"
