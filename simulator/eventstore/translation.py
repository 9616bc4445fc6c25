"""KQL text to SQL, once for each text.

Built on duckdb-kql 1.1.2. What it cannot do: `make-series`, `mv-apply`, `partition`, `scan`,
`search`, `find`, `externaldata`, `evaluate bag_unpack`, `prev`, `row_number`, `row_cumsum`,
`row_window_session`, `make_set_if`, `minif`, `replace_strings`, `make_string`,
`base64_decode_toarray`, `bin_at`, `column_ifexists`, `translate`, `url_decode`, `ingestion_time`,
functions with arguments such as `imProcessCreate(starttime=…)`, and two columns that differ only in
case. Such text raises `UnsupportedQuery`. `project-reorder` of plain names is rewritten here.
"""

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

from duckdb_kql import KqlError, KqlSchemaError, KqlSyntaxError, ir
from duckdb_kql.lower import lower
from duckdb_kql.params import bind as bind_parameters
from duckdb_kql.schema import output_columns
from duckdb_kql.translate import clock
from duckdb_kql.translate import to_sql as render

from simulator.eventstore.aggregates import told_cheaply
from simulator.eventstore.errors import QueryError
from simulator.eventstore.literals import Token, text_of, tokens
from simulator.eventstore.row_wise import MOMENT, nodes, parted
from simulator.eventstore.scalars import lowered, told_briefly, told_once
from simulator.eventstore.tables import PARSERS, PROCESS_EVENTS, TABLES
from simulator.eventstore.terms import Slots, with_terms

_REORDER: Final = re.compile(r"\s*project-reorder\s+(?P<names>[A-Za-z_]\w*(?:\s*,\s*[A-Za-z_]\w*)*)\s*")
_MATERIALIZE: Final = re.compile(r"\blet\s+([A-Za-z_]\w*)\s*=\s*materialize\s*\(")
_QUOTED: Final = re.compile(r'"(\w+)"')
_WHOLE_ROWS: Final = re.compile(r"\bDISTINCT\s+\*|\b(?:EXCEPT|INTERSECT|COLUMNS)\b")
_DEPTHS: Final = {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}
_PARSER_COLUMNS: Final = (
    "EventSchema",
    "EventUid",
    "Dvc",
    "User",
    "Process",
    "CommandLine",
    "Hash",
    "HashType",
)

SCHEMA: Final = {name: list(columns) for name, columns in TABLES.items()} | {
    name: [*TABLES[PROCESS_EVENTS], *_PARSER_COLUMNS] for name in PARSERS
}
COLUMN_NAMES: Final = frozenset(column for columns in SCHEMA.values() for column in columns)
_SPELLINGS: Final = MappingProxyType({column.casefold(): column for column in COLUMN_NAMES})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Translation:
    """SQL for a query: the tables it reads, its parameters' slots by name, and whether it reads the clock.

    `terms` are parameters whose values are words to look for, those of one `has_any` together under a name;
    of those in `lowered` the value in lower case is a parameter too.
    `names` are all the names in it and of its answer, columns among them; `every_column` says that its
    answer may depend on a column that it does not name.
    """

    sql: str
    tables: frozenset[str]
    slots: MappingProxyType[str, str]
    terms: Mapping[Slots, str]
    lowered: frozenset[str]
    reads_clock: bool
    names: frozenset[str]
    every_column: bool


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RowPlan:
    """What a query makes of each row by itself: the name of its table in the rest, and the table it reads."""

    name: str
    source: str
    plan: Translation


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Parted:
    """A query as one statement, and in parts: those row by row, and the rest over their tables."""

    whole: Translation
    parts: tuple[RowPlan, ...] = ()
    rest: Translation | None = None


@lru_cache(maxsize=1024)
def translate(kql: str) -> Translation:
    """The SQL of `kql`, which may declare query parameters. Safe in any thread.

    Raises QueryError: SyntaxError, SemanticError (unknown table or column) or UnsupportedQuery.
    """
    with _told_errors():
        text = _reordered(kql)
        return _rendered(_read(text), text, SCHEMA)


def undivided(kql: str) -> Parted:
    """As `translate`, without parts: for a text that may not come again."""
    return Parted(whole=translate(kql))


@lru_cache(maxsize=128)
def translate_parted(kql: str) -> Parted:
    """As `translate`, and in parts; none where nothing can be worked out row by row."""
    whole = translate(kql)
    with _told_errors():
        text = _reordered(kql)
        query = _read(text)
        rest, parts = parted(query, frozenset(TABLES) | frozenset(PARSERS))
        if query.parameters or not parts:
            return Parted(whole=whole)
        columns = {
            part.name: [name for name in output_columns(part.query, SCHEMA) or () if name != MOMENT]
            for part in parts
        }
        plans = ((part, _rendered(part.query, "", SCHEMA)) for part in parts)
        return Parted(
            whole=whole,
            parts=tuple(RowPlan(name=part.name, source=part.source, plan=plan) for part, plan in plans),
            rest=_rendered(rest, text, SCHEMA | columns),
        )


@contextmanager
def _told_errors() -> Iterator[None]:
    try:
        yield
    except KqlSyntaxError as error:
        raise QueryError("SyntaxError", f"The query could not be parsed. {error}") from error
    except KqlSchemaError as error:
        raise QueryError("SemanticError", f"The query does not fit the tables. {error}") from error
    except KqlError as error:
        raise QueryError("UnsupportedQuery", f"The local engine cannot run this query. {error}") from error


@lru_cache(maxsize=8)
def _read(kql: str) -> Any:
    with clock(datetime.min):  # noqa: DTZ901
        query = lower(kql, {}, {})
    _check_tables(query)
    _check_spelling(query)
    return query


def _rendered(query: Any, kql: str, schema: Mapping[str, list[str]]) -> Translation:
    with clock(datetime.min) as active:  # noqa: DTZ901
        sql = render(query, dict(schema))
    bind_parameters(query.parameters, {})
    slots = {parameter.name: parameter.slot for parameter in query.parameters if parameter.slot in sql.slots}
    text, terms = with_terms(told_briefly(told_cheaply(_materialized(kql, str(sql)))))
    text, lower_slots = lowered(told_once(text))
    return Translation(
        sql=text,
        tables=_tables(query),
        slots=MappingProxyType(slots),
        terms=MappingProxyType(terms),
        lowered=lower_slots,
        reads_clock=active.used,
        names=frozenset(_QUOTED.findall(text)) | frozenset(output_columns(query, dict(schema)) or ()),
        every_column=bool(_WHOLE_ROWS.search(text)),
    )


def _materialized(kql: str, sql: str) -> str:
    """The SQL with each `let x = materialize(…)` made once, as the text asks; duckdb-kql drops the word."""
    for name in _MATERIALIZE.findall(kql):
        sql = re.sub(rf'("_l\d+_{name}") AS \(', r"\1 AS MATERIALIZED (", sql, count=1)
    return sql


def _tables(query: Any) -> frozenset[str]:
    """The tables that a query reads, whether they are there or not."""
    bound = {name for part in nodes(query) if isinstance(part, ir.Query) for name, _ in part.lets}
    return frozenset({part.qualified for part in nodes(query) if isinstance(part, ir.TableRef)} - bound)


def _check_tables(query: Any) -> None:
    """Raises QueryError for a table that is not there."""
    for name in sorted(_tables(query) - SCHEMA.keys()):
        message = f"Failed to resolve table or column expression named '{name}'."
        raise QueryError("SemanticError", message)


def _check_spelling(query: Any) -> None:
    """Raises QueryError for a column that is right but for its case: Kusto would not find it."""
    parts = list(nodes(query))
    given = {getattr(part, "name", None) for part in parts if not isinstance(part, ir.ColumnRef)}
    for name in (part.name for part in parts if isinstance(part, ir.ColumnRef)):
        right = _SPELLINGS.get(name.casefold(), name)
        if name not in given and right != name:
            message = f"Failed to resolve column '{name}'; did you mean '{right}'?"
            raise QueryError("SemanticError", message)


def _reordered(kql: str) -> str:
    """Each `project-reorder` of the outermost pipeline as the `project` that it amounts to."""
    if "project-reorder" not in kql:
        return kql
    done = ""
    for stage in _stages(list(tokens(kql))):
        match = _REORDER.fullmatch(stage.lstrip("|"))
        done += _as_project(done, match["names"]) if match else stage
    return done


def _as_project(before: str, names: str) -> str:
    first = [name.strip() for name in names.split(",")]
    rest = [name for name in output_columns(lower(before, {}, {}), SCHEMA) if name not in first]
    return f"| project {', '.join([*first, *rest])}\n"


def _stages(pieces: Sequence[Token]) -> list[str]:
    """The text cut before each `|` that stands outside brackets."""
    depth, cuts = 0, [0]
    for place, piece in enumerate(pieces):
        if piece.kind == "mark":
            depth += _DEPTHS.get(piece.text, 0)
            if piece.text == "|" and depth == 0:
                cuts.append(place)
    return [text_of(pieces[start:end]) for start, end in zip(cuts, [*cuts[1:], len(pieces)], strict=True)]
