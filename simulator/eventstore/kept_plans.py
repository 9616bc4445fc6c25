"""Answers from plans that are made once: for small stores, where planning costs more than running.

DuckDB plans the correlated rule in 140 ms and runs it on a handful of rows in a few. It keeps the plan of
a PREPAREd statement only where the statement reads no table (duckdb issue 17237 and pull request 20885:
statistics of a table may have shaped the plan). So a small store's rows do not lie in a table: they are
handed over each time a plan runs, and the query's own text works on that: as an Arrow stream, or by a
function as one list where the statement has parameters, since with those a stream counts as a table.
Where rows are many, planning does not matter and tables do.

Several logs side by side are asked at once by SQL's own words for it: `FROM logs, LATERAL (query)` is the
query, once for each log. Its rows come from a function of the log's number and from nowhere else.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import duckdb
import pyarrow as pa
from duckdb.func import PythonUDFType

from simulator.eventstore.held import HeldRows, Span, within
from simulator.eventstore.held_views import cells_of, parser_view, typed, wanted_columns
from simulator.eventstore.kept_rows import Answered, KeptRows, plain_columns
from simulator.eventstore.plan_texts import literal, of_each_log, once_each, over
from simulator.eventstore.row_wise import MOMENT
from simulator.eventstore.tables import PARSERS, PROCESS_EVENTS, TABLES
from simulator.eventstore.translation import Parted, RowPlan, Translation

_MOST_PLANS: Final = 256
# A list after `in` becomes a join, and a join costs more than it saves where rows are few.
_FEW_ROWS: Final = "SET disabled_optimizers = 'in_clause'"
_ANY_ROWS: Final = "RESET disabled_optimizers"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asking:
    """What is asked; where a function gives the rows, of which log; how times are limited, as SQL."""

    name: str
    log: str = ""
    limit: str = ""


_PLAIN: Final = _Asking(name="without values")
_NEWER: Final = _Asking(name="rows that came since")
_OPEN: Final = _Asking(name="with values", log="0")
_WITHIN: Final = _Asking(
    name="with values, rows of a time",
    log="0",
    limit=" WHERE TimeGenerated BETWEEN $span_start AND $span_end",
)
_EACH: Final = _Asking(
    name="rows of each log",
    log="_log.number",
    limit=" WHERE TimeGenerated BETWEEN _log.span_start AND _log.span_end",
)
_LOG_TYPE: Final = "STRUCT(number BIGINT, span_start TIMESTAMP, span_end TIMESTAMP)[]"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """A prepared statement: its name, and for each of its parameters the name of the value it takes.

    `parts` are rows that it stands on, by the name under which they are handed over.
    """

    name: str
    parameters: Mapping[str, str]
    parts: Mapping[str, KeptRows]


class _Handed:
    """Rows for DuckDB, taken anew each time a statement runs (Arrow's PyCapsule interface)."""

    def __init__(self, rows: Callable[[], pa.Table]) -> None:
        self._rows = rows

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._rows().__arrow_c_stream__(requested_schema)


class KeptPlans:
    """Plans on one connection. Not safe in several threads at once; `rows` must not change meanwhile."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, rows: HeldRows) -> None:
        self._connection = connection
        self._rows = rows
        self._plans: OrderedDict[tuple[str, ...], _Kept] = OrderedDict()
        self._sources: dict[tuple[str, tuple[str, ...], bool], str] = {}
        self._functions: dict[tuple[str, tuple[str, ...]], str] = {}
        self._start = 0
        self._span: Span | None = None
        self._whole: set[str] = set()
        self._made = 0
        self._asked: pa.Array[Any] = _asked(())
        self._function("asked_logs", lambda _: self._asked, _LOG_TYPE)

    def close(self) -> None:
        """Lets go of every plan."""
        self._plans.clear()
        self._connection.close()

    def answer(self, query: Parted, values: Mapping[str, object], *, span: Span | None = None) -> Answered:
        """Description and rows; `span` is the first and last moment that counts. Raises duckdb.Error.

        What the query makes of each row by itself is kept for the next time, where that can be.
        """
        if values:
            moments = dict(zip(("span_start", "span_end"), span or (), strict=False))
            kept = self._kept(query.whole, _WITHIN if span else _OPEN)
            return self._run(kept, {**values, **moments})
        self._span = span
        if query.rest and query.whole.sql not in self._whole:
            try:
                kept = self._kept(query.rest, _PLAIN, query.parts)
                for rows in kept.parts.values():
                    rows.follow()
            except duckdb.Error:
                self._whole.add(query.whole.sql)
            else:
                return self._run(kept, {})
        return self._run(self._kept(query.whole, _PLAIN), {})

    def answer_each(self, plan: Translation, spans: Sequence[Span]) -> Answered:
        """Description and rows of all logs, each row behind the number of its log.

        `spans` holds the first and last moment that counts of each log (UTC, no zone); the query's clock
        shows the last. Rows of a log come in no order. Raises duckdb.Error, also where the engine cannot
        ask the query of several logs.
        """
        self._asked = _asked(spans)
        return self._run(self._kept(plan, _EACH), {})

    def _run(self, kept: _Kept, values: Mapping[str, object]) -> Answered:
        given = ", ".join(f"{own} := {literal(values[name])}" for own, name in kept.parameters.items())
        self._connection.execute(f"EXECUTE {kept.name}({given})" if given else f"EXECUTE {kept.name}")
        return list(self._connection.description or ()), self._connection.fetchall()

    def _kept(self, plan: Translation, asking: _Asking, parts: Sequence[RowPlan] = ()) -> _Kept:
        key = (plan.sql, asking.name, *(part.plan.sql for part in parts))
        if key in self._plans:
            self._plans.move_to_end(key)
            return self._plans[key]
        self._plans[key] = kept = self._prepared(plan, asking, parts)
        if len(self._plans) > _MOST_PLANS:
            _, oldest = self._plans.popitem(last=False)
            self._let_go(oldest)
        return kept

    def _let_go(self, kept: _Kept) -> None:
        self._connection.execute(f"DEALLOCATE {kept.name}")
        for source, rows in kept.parts.items():
            self._connection.unregister(source)
            self._connection.execute(f"DEALLOCATE {rows.plan}")

    def _prepared(self, plan: Translation, asking: _Asking, parts: Sequence[RowPlan] = ()) -> _Kept:
        kept = {part.name: self._row_by_row(part) for part in parts}
        sources = {name: self._handed_over(self._within(rows)) for name, rows in kept.items()}
        views = self._views(plan, asking) | {
            name: f"SELECT {cells_of(rows.columns, but=MOMENT)} FROM {sources[name]}"  # noqa: S608 - our own names
            for name, rows in kept.items()
        }
        text = over(plan.sql, views)
        name, parameters = self._named(of_each_log(text) if asking is _EACH else text)
        return _Kept(
            name=name,
            parameters=parameters,
            parts={sources[part]: rows for part, rows in kept.items()},
        )

    def _named(self, text: str) -> tuple[str, Mapping[str, str]]:
        """Prepares the statement: its name and its parameters."""
        self._made += 1
        name = f"kept_{self._made}"
        sql, parameters = once_each(text)
        self._connection.execute(_FEW_ROWS)
        try:
            self._connection.execute(f"PREPARE {name} AS {sql}")
        finally:
            self._connection.execute(_ANY_ROWS)
        return name, parameters

    def _row_by_row(self, part: RowPlan) -> KeptRows:
        """The rows of a part, none of them looked at so far. Raises duckdb.Error."""
        kept = self._prepared(part.plan, _NEWER)
        table = PROCESS_EVENTS if part.source in PARSERS else part.source

        def ask(start: int) -> Answered:
            self._start = start
            return self._run(kept, {})

        none, _ = ask(len(self._rows.of(table)))
        return KeptRows(
            self._rows,
            table,
            plan=kept.name,
            columns=plain_columns(none),
            ask=lambda start: ask(start)[1],
        )

    def _views(self, plan: Translation, asking: _Asking) -> dict[str, str]:
        """The tables that a query reads, as SQL over the held rows, each with the columns that it names."""
        parsed = [parser for parser in PARSERS if parser in plan.tables]
        wanted = {table: wanted_columns(TABLES[table], plan) for table in plan.tables & TABLES.keys()}
        native, parsed_rows = parser_view(plan)
        if parsed:
            wanted[PROCESS_EVENTS] = wanted.get(PROCESS_EVENTS, set()) | native
        views = {table: self._held(table, columns, asking) for table, columns in wanted.items()}
        return views | dict.fromkeys(parsed, parsed_rows)

    def _held(self, table: str, columns: set[str], asking: _Asking) -> str:
        ordered = {column: kind for column, kind in TABLES[table].items() if column in columns}
        rows = (
            self._of_log(table, ordered, asking.log) if asking.log else self._source(table, ordered, asking)
        )
        return f"SELECT {cells_of(ordered)} FROM {rows}{asking.limit}"  # noqa: S608 - our own names

    def _source(self, table: str, columns: Mapping[str, str], asking: _Asking) -> str:
        """The name under which these columns of the table's rows are handed over, or of the newer rows."""
        names, newer = tuple(columns), asking is _NEWER

        def rows() -> pa.Table:
            if newer:
                return self._rows.as_table(table, names, start=self._start)
            return within(self._rows.as_table(table, names), "TimeGenerated", self._span)

        if (table, names, newer) not in self._sources:
            self._sources[table, names, newer] = self._handed_over(rows)
        return self._sources[table, names, newer]

    def _within(self, rows: KeptRows) -> Callable[[], pa.Table]:
        return lambda: within(rows.as_table(), MOMENT, self._span)

    def _handed_over(self, rows: Callable[[], pa.Table]) -> str:
        self._made += 1
        name = f"handed_{self._made}"
        self._connection.register(name, _Handed(rows))
        return name

    def _of_log(self, table: str, columns: Mapping[str, str], log: str) -> str:
        """The rows of a log, which a function gives by its number."""
        names = tuple(columns)
        if (table, names) not in self._functions:
            self._functions[table, names] = name = f"held_{len(self._functions)}"
            self._function(
                name,
                lambda numbers: _of_logs(self._rows.as_lists(table, names), numbers),
                f"STRUCT({typed(columns)})[]",
            )
        return f"(SELECT unnest({self._functions[table, names]}({log}), recursive := true))"

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
