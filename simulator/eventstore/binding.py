"""Takes the values out of a query's `let` statements, so that its translation can be kept.

A query of the product differs from its last run only in values such as
`let since = datetime(2024-11-18T20:00:00Z);` or `let hosts = dynamic(["EXCH01"]);`. Translating
takes about 100 ms, running a few: so string, datetime and list values are lifted out and bound as
parameters, where that cannot change the answer:

- the name is used only as the right side of a comparison or a bound of `between`; anything else
  (a pattern of `matches regex`, an argument of a function) keeps its `let`;
- a list becomes one parameter a value, `has_any (n1, n2)`: the engine then sees constant terms,
  which is also a thousand times faster than a list value.

Reading a text word by word takes some milliseconds too. So what follows the first `let` statements is
read once for each number and kind of values, and a text that comes again to the letter is not read again.
"""

import json
import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from simulator.eventstore.literals import STRING, Token, quoted, statements, text_of, tokens

type Value = str | datetime
type Statement = Sequence[Token]

_LET: Final = re.compile(r"\s*let\s+(?P<name>[A-Za-z_]\w*)\s*=\s*(?P<value>.+?)\s*", re.DOTALL)
_DATETIME: Final = re.compile(
    r"datetime\(\s*(?P<moment>\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?Z?)?)\s*\)"
)
_HEAD: Final = re.compile(
    r"let\s+(?P<name>[A-Za-z_]\w*)\s*="
    rf"\s*(?P<value>datetime\([^()]*\)|{STRING}|dynamic\(\[(?:{STRING}|[\s,])*\]\))\s*;\s*"
)
_BEFORE: Final = {
    "string": re.compile(r"(?<![\w!])!?(?:has|contains|startswith|endswith)\s+$|(?:==|!=|=~|!~)\s*$"),
    "datetime": re.compile(r"(?:==|!=|>=|<=|>|<|\.\.|(?<![\w!])between\s*\()\s*$"),
    "list": re.compile(r"(?<![\w!])(?:has_any|has_all|!?in~?)\s*\(\s*$"),
}
_AFTER: Final = {
    "string": re.compile(r"\s*(?:$|[|)]|and\b|or\b)"),
    "datetime": re.compile(r"\s*(?:$|[|)]|\.\.|and\b|or\b)"),
    "list": re.compile(r"\s*\)"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundQuery:
    """A query text that may be kept, and the values that this run binds to its parameters."""

    text: str
    values: Mapping[str, Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Let:
    """A `let` of values; `kind` is string, datetime or list."""

    name: str
    kind: str
    values: tuple[Value, ...]

    @property
    def parameters(self) -> dict[str, Value]:
        return {f"bound_{self.name}_{number}": value for number, value in enumerate(self.values)}


def bind(kql: str, columns: AbstractSet[str] = frozenset()) -> BoundQuery:
    """Lifts what can be lifted; a name in `columns` stays, since a column hides a `let`.

    Raises QueryError for text whose strings cannot be read.
    """
    lets, rest = _head(kql)
    text = _read_once(rest, tuple((let.name, let.kind, len(let.values)) for let in lets), frozenset(columns))
    if not lets or text is None or any("" in let.values for let in lets):
        return _bound(kql, frozenset(columns))
    return BoundQuery(
        text=text, values={name: value for let in lets for name, value in let.parameters.items()}
    )


def _head(kql: str) -> tuple[list[_Let], str]:
    """The `let` statements of values that a text begins with, and what follows them."""
    lets: list[_Let] = []
    place = 0
    while match := _HEAD.match(kql, place):
        let = _plain_let(match["name"], match["value"])
        let = let or _read_let(list(tokens(match[0].rstrip("; \n\r\t"))))
        if let is None:
            break
        lets.append(let)
        place = match.end()
    return lets, kql[place:]


def _plain_let(name: str, value: str) -> _Let | None:
    """What `_read_let` reads, where no string has an escape or is written in another way than JSON's."""
    if moment := _DATETIME.fullmatch(value):
        return _Let(name=name, kind="datetime", values=(_moment(moment),))
    if "\\" in value:
        return None
    if value.startswith('"'):
        return _Let(name=name, kind="string", values=(value[1:-1],))
    if value.startswith("dynamic(") and (values := _texts(value[len("dynamic(") : -1])):
        return _Let(name=name, kind="list", values=values)
    return None


@lru_cache(maxsize=512)
def _read_once(rest: str, shapes: tuple[tuple[str, str, int], ...], columns: frozenset[str]) -> str | None:
    """The text over parameters for any such values; None where one of them must stay in the text."""
    stand_ins = {"datetime": "datetime(2000-01-01)", "string": quoted("x")}
    lets = [
        f"let {name} = {stand_ins.get(kind) or 'dynamic([' + ','.join(['"x"'] * number) + '])'};"
        for name, kind, number in shapes
    ]
    query = _bound("".join(lets) + rest, columns)
    lifted = {f"bound_{name}_{place}" for name, _, number in shapes for place in range(number)}
    return query.text if query.values.keys() == lifted else None


@lru_cache(maxsize=128)
def _bound(kql: str, columns: frozenset[str]) -> BoundQuery:
    parts: list[Statement] = [*statements(list(tokens(kql)))]
    lets = [let for part in parts if (let := _read_let(part))]
    values: dict[str, Value] = {}
    for let in lets:
        rest = [part for part in parts if _read_let(part) != let]
        if let.name not in columns and len(rest) == len(parts) - 1 and _is_liftable(let, rest):
            parts = [_replaced(part, let) for part in rest]
            values |= let.parameters
    return BoundQuery(text=_declared(values) + ";".join(text_of(part) for part in parts), values=values)


@lru_cache(maxsize=128)
def unbound(kql: str) -> BoundQuery:
    """The same query with every value left in its text."""
    return BoundQuery(text=text_of(list(tokens(kql))), values={})


def _read_let(part: Statement) -> _Let | None:
    """The statement as a `let` of a datetime, a string or a list of strings; None for any other."""
    match = _LET.fullmatch(text_of(part))
    if not match:
        return None
    if moment := _DATETIME.fullmatch(match["value"]):
        return _Let(name=match["name"], kind="datetime", values=(_moment(moment),))
    pieces = [piece for piece in tokens(match["value"]) if piece.kind != "blank"]
    if len(pieces) == 1 and pieces[0].kind == "string":
        return _Let(name=match["name"], kind="string", values=(pieces[0].value,))
    if [piece.text for piece in pieces[:2]] == ["dynamic", "("] and pieces[-1].text == ")":
        return _Let(name=match["name"], kind="list", values=_strings(pieces[2:-1]))
    return None


def _strings(pieces: Statement) -> tuple[str, ...]:
    """The values of a JSON list of strings; nothing for any other value."""
    written = (json.dumps(piece.value) if piece.kind == "string" else piece.text for piece in pieces)
    return _texts("".join(written))


def _moment(match: re.Match[str]) -> datetime:
    return datetime.fromisoformat(match["moment"]).replace(tzinfo=UTC)


def _texts(text: str) -> tuple[str, ...]:
    """The strings of a list in JSON; nothing for anything else."""
    try:
        found = json.loads(text)
    except json.JSONDecodeError:
        return ()
    is_plain = isinstance(found, list) and all(isinstance(value, str) for value in found)
    return tuple(found) if is_plain else ()


def _is_liftable(let: _Let, rest: Sequence[Statement]) -> bool:
    """Whether the name is used, only where a parameter means the same, with values that are there."""
    uses = [
        (text_of(part[:place]), text_of(part[place + 1 :]))
        for part in rest
        for place, piece in enumerate(part)
        if piece.kind == "word" and piece.text == let.name
    ]
    is_known = all(
        _BEFORE[let.kind].search(before) and _AFTER[let.kind].match(after) for before, after in uses
    )
    return bool(uses and let.values) and is_known and "" not in let.values


def _replaced(part: Statement, let: _Let) -> Statement:
    named = Token(kind="mark", text=", ".join(let.parameters))
    return [named if piece.kind == "word" and piece.text == let.name else piece for piece in part]


def _declared(values: Mapping[str, Value]) -> str:
    """The head that tells the engine the parameters and their types."""
    kinds = (
        f"{name}:{'datetime' if isinstance(value, datetime) else 'string'}" for name, value in values.items()
    )
    return f"declare query_parameters({', '.join(kinds)});" if values else ""
