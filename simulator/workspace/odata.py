"""OData 4 `$filter` text: a parser for the part that ARM and Microsoft Graph take.

Grammar (OData 4.01 URL conventions): `or`, `and`, `not`, parentheses, `eq ne gt ge lt le in`,
`startswith endswith contains`, and one-level lambdas `path/any(x:…)`. Strings compare without case, as
both services do.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from simulator.workspace.wire import Refusal, read_time

type Literal = str | float | bool | datetime | None
type Filter = Comparison | Membership | TextTest | AnyOf | Negation | Junction

_TOKEN = re.compile(
    r"\s*(?:(?P<string>'(?:[^']|'')*')"
    r"|(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)|\d{4}-\d\d-\d\d(?![\w-]))"
    r"|(?P<number>-?\d+(?:\.\d+)?(?![\w-]))"
    r"|(?P<name>[A-Za-z_@][\w.@-]*(?:/[A-Za-z_][\w.]*)*)"
    r"|(?P<mark>[(),:/]))"
)
_COMPARISONS = frozenset({"eq", "ne", "gt", "ge", "lt", "le"})
_TEXT_TESTS = frozenset({"startswith", "endswith", "contains"})
_DEPTH = 50


@dataclass(frozen=True, slots=True)
class Comparison:
    """`path operator literal`."""

    path: str
    operator: str
    literal: Literal


@dataclass(frozen=True, slots=True)
class Membership:
    """`path in ('a','b')`."""

    path: str
    literals: tuple[Literal, ...]


@dataclass(frozen=True, slots=True)
class TextTest:
    """`startswith(path,'a')` and its like."""

    function: str
    path: str
    literal: str


@dataclass(frozen=True, slots=True)
class AnyOf:
    """`path/any(x:condition on x)`."""

    path: str
    variable: str
    condition: Filter


@dataclass(frozen=True, slots=True)
class Negation:
    """`not condition`."""

    condition: Filter


@dataclass(frozen=True, slots=True)
class Junction:
    """`a and b and …` or `a or b or …`."""

    operator: str
    conditions: tuple[Filter, ...]


class _Parser:
    """Recursive descent over the tokens of one filter text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(_tokens(text))
        self._place = 0

    def whole(self) -> Filter:
        """The whole text as one filter."""
        condition = self._junction("or", 0)
        if self._place != len(self._tokens):
            raise self._unread()
        return condition

    def _junction(self, operator: str, depth: int) -> Filter:
        if depth > _DEPTH:
            raise Refusal(400, "BadRequest", "Invalid filter clause: nested too deeply.")
        conditions = [self._operand(operator, depth)]
        while self._takes("name", operator):
            conditions.append(self._operand(operator, depth))
        return conditions[0] if len(conditions) == 1 else Junction(operator, tuple(conditions))

    def _operand(self, operator: str, depth: int) -> Filter:
        return self._junction("and", depth) if operator == "or" else self._unary(depth)

    def _unary(self, depth: int) -> Filter:
        if self._takes("name", "not"):
            return Negation(self._unary(depth + 1))
        if self._takes("mark", "("):
            condition = self._junction("or", depth + 1)
            self._need(")")
            return condition
        name = self._next("name")
        if name.lower() in _TEXT_TESTS and self._takes("mark", "("):
            return self._text_test(name.lower())
        if name.endswith("/any") and self._takes("mark", "("):
            return self._lambda(name.removesuffix("/any"), depth)
        return self._comparison(name)

    def _comparison(self, path: str) -> Filter:
        operator = self._next("name").lower()
        if operator == "in":
            self._need("(")
            literals = [self._literal()]
            while self._takes("mark", ","):
                literals.append(self._literal())
            self._need(")")
            return Membership(path, tuple(literals))
        if operator not in _COMPARISONS:
            raise self._unread()
        return Comparison(path, operator, self._literal())

    def _text_test(self, function: str) -> Filter:
        path = self._next("name")
        self._need(",")
        literal = self._literal()
        self._need(")")
        if not isinstance(literal, str):
            raise self._unread()
        return TextTest(function, path, literal)

    def _lambda(self, path: str, depth: int) -> Filter:
        variable = self._next("name")
        self._need(":")
        condition = self._junction("or", depth + 1)
        self._need(")")
        return AnyOf(path, variable, condition)

    def _literal(self) -> Literal:
        if self._place >= len(self._tokens):
            raise self._unread()
        kind, text = self._tokens[self._place]
        self._place += 1
        match kind, text.lower():
            case "string", _:
                return text[1:-1].replace("''", "'")
            case "number", _:
                return float(text)
            case "time", _ if (moment := read_time(text)) is not None:
                return moment
            case "name", "true" | "false":
                return text.lower() == "true"
            case "name", "null":
                return None
        raise self._unread()

    def _takes(self, kind: str, text: str) -> bool:
        taken = self._place < len(self._tokens) and (kind, text) == self._tokens[self._place]
        self._place += taken
        return taken

    def _need(self, mark: str) -> None:
        if not self._takes("mark", mark):
            raise self._unread()

    def _next(self, kind: str) -> str:
        if self._place >= len(self._tokens) or self._tokens[self._place][0] != kind:
            raise self._unread()
        self._place += 1
        return self._tokens[self._place - 1][1]

    def _unread(self) -> Refusal:
        return Refusal(400, "BadRequest", f"Invalid filter clause: syntax error in '{self._text[:200]}'.")


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    place = 0
    while text[place:].strip():
        match = _TOKEN.match(text, place)
        if match is None or match.lastgroup is None:
            raise Refusal(400, "BadRequest", f"Invalid filter clause: syntax error at position {place}.")
        yield match.lastgroup, match[match.lastgroup]
        place = match.end()


@lru_cache(maxsize=512)
def parse_filter(text: str) -> Filter:
    """The filter that `text` spells. Raises Refusal 400 for anything else."""
    return _Parser(text).whole()


def clauses(condition: Filter) -> Iterator[Filter]:
    """The condition and everything inside it."""
    yield condition
    match condition:
        case Negation(inner) | AnyOf(_, _, inner):
            yield from clauses(inner)
        case Junction(_, conditions):
            for part in conditions:
                yield from clauses(part)


def paths(condition: Filter) -> Iterator[str]:
    """The properties that a filter reads, those of a lambda's variable left out."""
    match condition:
        case Comparison(path) | Membership(path) | TextTest(_, path) | AnyOf(path):
            yield path
        case Negation(inner):
            yield from paths(inner)
        case Junction(_, conditions):
            for part in conditions:
                yield from paths(part)


def check_paths(condition: Filter, allowed: Collection[str]) -> None:
    """Raises Refusal 400 where the filter reads a property that cannot be filtered by."""
    for path in paths(condition):
        if path not in allowed:
            raise Refusal(
                400, "BadRequest", f"Invalid filter clause: '{path[:100]}' is not a property to filter by."
            )
