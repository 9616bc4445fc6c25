"""Which items meet an OData filter. Strings compare without case, as both services do."""

from collections.abc import Callable
from datetime import datetime
from functools import reduce
from typing import Any

from simulator.workspace.odata import (
    AnyOf,
    Comparison,
    Filter,
    Junction,
    Literal,
    Membership,
    Negation,
    TextTest,
)
from simulator.workspace.wire import read_time

type Test = Callable[[Any], bool]


def matcher(condition: Filter) -> Test:
    """A test of one item (a JSON object, or inside a lambda one element), worked out once for many."""
    match condition:
        case Comparison(path, operator, literal):
            return _comparison(path, operator, literal)
        case Membership(path, literals):
            return _any_of([_comparison(path, "eq", literal) for literal in literals])
        case TextTest(function, path, literal):
            return _text_test(function, path, literal)
        case AnyOf(path, variable, inner):
            return _lambda(path, variable, matcher(inner))
        case Negation(inner):
            meets = matcher(inner)
            return lambda item: not meets(item)
        case Junction(operator, conditions):
            return (_all_of if operator == "and" else _any_of)([matcher(part) for part in conditions])


def _any_of(tests: list[Test]) -> Test:
    return reduce(lambda one, other: lambda item: one(item) or other(item), tests)


def _all_of(tests: list[Test]) -> Test:
    return lambda item: all(test(item) for test in tests)


def _lambda(path: str, variable: str, meets: Test) -> Test:
    value = reader(path)

    def some(item: Any) -> bool:
        elements = value(item)
        return isinstance(elements, list) and any(meets({variable: element}) for element in elements)

    return some


def reader(path: str) -> Callable[[Any], Any]:
    """What gives the value at a path, steps parted by `/`; None where there is none."""
    first, *rest = path.split("/")
    if not rest:
        return lambda item: item.get(first) if isinstance(item, dict) else None

    def read(item: Any) -> Any:
        value = item.get(first) if isinstance(item, dict) else None
        for step in rest:
            value = value.get(step) if isinstance(value, dict) else None
        return value

    return read


def _text_test(function: str, path: str, literal: str) -> Test:
    value, part = reader(path), literal.casefold()
    tests = {"startswith": str.startswith, "endswith": str.endswith, "contains": str.__contains__}
    test = tests[function]
    return lambda item: isinstance(text := value(item), str) and test(text.casefold(), part)


def _comparison(path: str, operator: str, literal: Literal) -> Test:
    value = reader(path)
    if isinstance(literal, str) and operator == "eq":
        folded = literal.casefold()
        return lambda item: isinstance(text := value(item), str) and text.casefold() == folded
    return lambda item: _compare(value(item), operator, literal)


def _compare(value: Any, operator: str, literal: Literal) -> bool:
    left, right = _comparable(value, literal)
    if operator in ("eq", "ne"):
        return bool(left == right) == (operator == "eq")
    if left is None or right is None or type(left) is not type(right):
        return False
    return bool({"gt": left > right, "ge": left >= right, "lt": left < right, "le": left <= right}[operator])


def _comparable(value: Any, literal: Literal) -> tuple[Any, Any]:
    if isinstance(literal, datetime):
        return (read_time(value) if isinstance(value, str) else None), literal
    if isinstance(value, str) and isinstance(literal, str):
        return value.casefold(), literal.casefold()
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value), literal
    return value, literal
