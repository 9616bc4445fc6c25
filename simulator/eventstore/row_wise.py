"""Finds what a query makes of each row by itself, so that it need be made of a row only once.

A rule begins with what needs no other row: `where`, `extend`, `project`. That part is cut off and stands in
the rest of the query as a table of its own. What it gives for a row stays true while the row stays, so a
store may keep it (see `kept_rows`) as Kusto keeps what an update policy makes of a row at ingestion.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any, Final

from duckdb_kql import ir
from duckdb_kql.translate.sharing import VOLATILE

MOMENT: Final = "_RowMoment"
"""A column of every part: the row's TimeGenerated, by which a query may be limited."""

_BY_ROW: Final = (ir.Where, ir.Extend, ir.Project)
_BEYOND_ROW: Final = (ir.ToScalar, ir.RowContext, ir.Query)
_CLOCK: Final = frozenset({"now", "ago"})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one query makes of each row: the name of its table, the table it reads, and the query itself."""

    name: str
    source: str
    query: ir.Query


def parted(query: ir.Query, tables: frozenset[str]) -> tuple[ir.Query, tuple[Part, ...]]:
    """The query over its parts; without any, the query as it was. `tables` are those that hold rows."""
    bound = {name for part in nodes(query) if isinstance(part, ir.Query) for name, _ in part.lets}
    parts: list[Part] = []
    return _rest(query, tables - bound, parts), tuple(parts)


def nodes(value: Any) -> Iterator[Any]:
    """Every part of a query, itself first."""
    if dataclasses.is_dataclass(value):
        yield value
        for field in dataclasses.fields(value):
            yield from nodes(getattr(value, field.name))
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from nodes(item)


def _rest(query: ir.Query, tables: frozenset[str], parts: list[Part]) -> ir.Query:
    # Expressions stay the objects they are: duckdb-kql tells by identity what it need say but once.
    lets = [
        (name, _rest(value, tables, parts) if isinstance(value, ir.Query) else value)
        for name, value in query.lets
    ]
    operators = [_over_rest(operator, tables, parts) for operator in query.operators]
    source, length = query.source, _length(query, tables)
    if isinstance(source, ir.TableRef) and length:
        name = f"RowWise{len(parts)}"
        parts.append(Part(name=name, source=source.name, query=_by_row(source, operators[:length])))
        source = ir.TableRef(name)
    return dataclasses.replace(query, source=source, operators=operators[length:], lets=lets)


def _over_rest(operator: ir.Operator, tables: frozenset[str], parts: list[Part]) -> ir.Operator:
    if isinstance(operator, (ir.Join, ir.Lookup)):
        return dataclasses.replace(operator, right=_rest(operator.right, tables, parts))
    if isinstance(operator, ir.Union):
        branches = tuple(_rest(branch, tables, parts) for branch in operator.branches)
        return dataclasses.replace(operator, branches=branches)
    return operator


def _length(query: ir.Query, tables: frozenset[str]) -> int:
    """How many of the first operators are kept: up to the last `project`, if a `where` is among them."""
    if not isinstance(query.source, ir.TableRef) or query.source.qualified not in tables:
        return 0
    length = 0
    for place, operator in enumerate(query.operators, start=1):
        if not isinstance(operator, _BY_ROW) or not _is_of_row(operator):
            break
        if isinstance(operator, ir.Project):
            length = place
    return length if any(isinstance(one, ir.Where) for one in query.operators[:length]) else 0


def _is_of_row(operator: ir.Operator) -> bool:
    return not any(
        isinstance(node, _BEYOND_ROW)
        or (isinstance(node, ir.FunctionCall) and node.name.casefold() in VOLATILE | _CLOCK)
        for node in nodes(operator)
    )


def _by_row(source: ir.TableRef, operators: Sequence[ir.Operator]) -> ir.Query:
    moment = ir.NamedExpr(ir.ColumnRef(MOMENT), MOMENT)
    carried = [
        dataclasses.replace(one, expressions=(*one.expressions, moment))
        if isinstance(one, ir.Project)
        else one
        for one in operators
    ]
    first = ir.Extend((ir.NamedExpr(ir.ColumnRef("TimeGenerated"), MOMENT),))
    return ir.Query(source=source, operators=[first, *carried])
