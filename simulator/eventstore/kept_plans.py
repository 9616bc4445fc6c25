"""Answers from plans that are made once: for small stores, where planning costs more than running.

DuckDB plans the correlated rule in 140 ms and runs it on a handful of rows in a few. It keeps the plan of
a PREPAREd statement only where the statement reads no table (duckdb issue 17237 and pull request 20885:
statistics of a table may have shaped the plan). So a small store's rows do not lie in a table: a function
hands them over as one list, each time a plan runs, and the query's own text works on that. Where rows
are many, planning does not matter and tables do.

Several logs side by side are asked at once by SQL's own words for it: `FROM logs, LATERAL (query)` is the
query, once for each log. Its rows come from a function of the log's number and from nowhere else.
"""

import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import duckdb
import pyarrow as pa
from duckdb.func import PythonUDFType
from duckdb_kql.translate import CLOCK_SLOT

from simulator.eventstore.held import HeldRows
from simulator.eventstore.tables import DUCKDB_TYPES, PARSED, PARSERS, PROCESS_EVENTS, TABLES
from simulator.eventstore.translation import Translation

_MOST_PLANS: Final = 256
# A list after `in` becomes a join, and a join costs more than it saves where rows are few.
_FEW_ROWS: Final = "SET disabled_optimizers = 'in_clause'"
_ANY_ROWS: Final = "RESET disabled_optimizers"
_PARAMETER: Final = re.compile(r"""'(?:[^']|'')*'|"[^"]*"|\$(?P<name>[A-Za-z_]\w*)""")
_WORD: Final = re.compile(r"\w+")

type Span = tuple[datetime, datetime]
type Answered = tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asking:
    """Which log is asked and how its times are limited, as SQL."""

    log: str
    limit: str


_OPEN: Final = _Asking(log="0", limit="")
_WITHIN: Final = _Asking(log="0", limit=" WHERE TimeGenerated BETWEEN $span_start AND $span_end")
_EACH: Final = _Asking(
    log="_log.number", limit=" WHERE TimeGenerated BETWEEN _log.span_start AND _log.span_end"
)
_LOGS: Final = "SELECT unnest(asked_logs(0), recursive := true)"
_LOG_TYPE: Final = "STRUCT(number BIGINT, span_start TIMESTAMP, span_end TIMESTAMP)[]"


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
        self._plans: OrderedDict[tuple[str, _Asking], _Kept] = OrderedDict()
        self._sources: dict[tuple[str, tuple[str, ...]], str] = {}
        self._made = 0
        self._asked: pa.Array[Any] = _asked(())
        self._function("asked_logs", lambda _: self._asked, _LOG_TYPE)

    def close(self) -> None:
        """Lets go of every plan."""
        self._plans.clear()
        self._connection.close()

    def answer(self, plan: Translation, values: Mapping[str, object], *, within: bool) -> Answered:
        """Description and rows. `within`: `values` have `span_start` and `span_end`. Raises duckdb.Error."""
        kept = self._kept(plan, _WITHIN if within else _OPEN)
        given = ", ".join(f"{own} := {literal(values[name])}" for own, name in kept.parameters.items())
        return self._executed(f"EXECUTE {kept.name}({given})" if given else f"EXECUTE {kept.name}")

    def answer_each(self, plan: Translation, spans: Sequence[Span]) -> Answered:
        """Description and rows of all logs, each row behind the number of its log.

        `spans` holds the first and last moment that counts of each log (UTC, no zone); the query's clock
        shows the last. Rows of a log come in no order. Raises duckdb.Error, also where the engine cannot
        ask the query of several logs.
        """
        self._asked = _asked(spans)
        return self._executed(f"EXECUTE {self._kept(plan, _EACH).name}")

    def _executed(self, statement: str) -> Answered:
        self._connection.execute(statement)
        return list(self._connection.description or ()), self._connection.fetchall()

    def _kept(self, plan: Translation, asking: _Asking) -> _Kept:
        key = (plan.sql, asking)
        if key in self._plans:
            self._plans.move_to_end(key)
            return self._plans[key]
        kept = self._prepared(plan, asking)
        self._plans[key] = kept
        if len(self._plans) > _MOST_PLANS:
            _, oldest = self._plans.popitem(last=False)
            self._connection.execute(f"DEALLOCATE {oldest.name}")
        return kept

    def _prepared(self, plan: Translation, asking: _Asking) -> _Kept:
        self._made += 1
        name = f"kept_{self._made}"
        text = _over(plan.sql, self._views(plan, asking))
        sql, parameters = _once_each(_of_each_log(text) if asking is _EACH else text)
        self._connection.execute(_FEW_ROWS)
        try:
            self._connection.execute(f"PREPARE {name} AS {sql}")
        finally:
            self._connection.execute(_ANY_ROWS)
        return _Kept(name=name, parameters=parameters)

    def _views(self, plan: Translation, asking: _Asking) -> dict[str, str]:
        """The tables that a query reads, as SQL over the held rows, each with the columns that it names."""
        parsed = [parser for parser in PARSERS if parser in plan.tables]
        wanted = {table: _wanted(TABLES[table], plan) for table in plan.tables.difference(PARSERS)}
        native, parser_view = _parser(plan)
        if parsed:
            wanted[PROCESS_EVENTS] = wanted.get(PROCESS_EVENTS, set()) | native
        views = {table: self._held(table, columns, asking) for table, columns in wanted.items()}
        return views | dict.fromkeys(parsed, parser_view)

    def _held(self, table: str, columns: set[str], asking: _Asking) -> str:
        kinds = TABLES[table]
        ordered = tuple(column for column in kinds if column in columns)
        cells = ", ".join(
            f'CAST("{column}" AS JSON) AS "{column}"' if kinds[column] == "dynamic" else f'"{column}"'
            for column in ordered
        )
        rows = f"SELECT unnest({self._source(table, ordered)}({asking.log}), recursive := true)"
        return f"SELECT {cells} FROM ({rows}){asking.limit}"  # noqa: S608 - our own column names

    def _source(self, table: str, columns: tuple[str, ...]) -> str:
        """The SQL function that hands over these columns of the table's rows in a log, given its number."""
        if (table, columns) not in self._sources:
            name, rows = f"held_{len(self._sources)}", self._rows
            kinds = (f'"{column}" {_type(TABLES[table][column])}' for column in columns)
            self._function(
                name,
                lambda numbers: _of_logs(rows.as_lists(table, columns), numbers),
                f"STRUCT({', '.join(kinds)})[]",
            )
            self._sources[table, columns] = name
        return self._sources[table, columns]

    def _function(self, name: str, answer: Callable[[Any], Any], kind: str) -> None:
        self._connection.create_function(
            name, answer, ["bigint"], kind, type=PythonUDFType.ARROW, side_effects=True
        )


def _of_logs(
    lists: "pa.Array[Any]", numbers: "pa.ChunkedArray[Any]"
) -> "pa.Array[Any] | pa.ChunkedArray[Any]":
    """The lists of the logs with these numbers; a log that is alone is not copied."""
    return (
        lists
        if len(lists) == len(numbers) == 1
        else pa.chunked_array([lists.take(part) for part in numbers.chunks])
    )


def _asked(spans: Sequence[Span]) -> "pa.Array[Any]":
    """One value: the list of the logs, by number, with their spans."""
    logs = [
        {"number": number, "span_start": start, "span_end": end} for number, (start, end) in enumerate(spans)
    ]
    moment = pa.timestamp("us")
    kind = pa.struct({"number": pa.int64(), "span_start": moment, "span_end": moment})
    return pa.array([logs], type=pa.list_(kind))


def _of_each_log(sql: str) -> str:
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


def _once_each(sql: str) -> tuple[str, dict[str, str]]:
    """A parameter of its own at each place: a statement with one used twice is planned anew each time."""
    parameters: dict[str, str] = {}

    def renamed(match: re.Match[str]) -> str:
        if match["name"] is None:
            return match[0]
        own = f"p{len(parameters)}"
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
