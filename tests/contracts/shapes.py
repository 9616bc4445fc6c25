"""The shape of JSON: what is left of a value when everything that no document could judge is taken out.

Two exchanges of the same shape fit or break a document alike, so that each shape is judged once.
"""

import re
from collections.abc import Mapping
from typing import Any

_PATTERNS = (
    ("guid", re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)),
    ("GUID", re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}", re.ASCII)),
    ("time", re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", re.ASCII)),
)
_LONGEST_WORD = 40
_QUOTED = re.compile(r"'(?:[^']|'')*'")
_NUMBERS = re.compile(r"\d[\d:.TZ-]*|[0-9a-f-]{36}")


def shape_of(value: Any, words: frozenset[str]) -> object:
    """A value's shape; texts in `words`, the enumerated ones, stay as they are."""
    match value:
        case str():
            return _text_shape(value, words)
        case dict():
            return frozenset((name, shape_of(member, words)) for name, member in value.items())
        case list():
            return _list_shape(value, words)
        case bool() | None:
            return value
        case int():
            return ("int", (value > 0) - (value < 0), abs(value) > 1000)
    return type(value).__name__


def _list_shape(value: list[Any], words: frozenset[str]) -> object:
    kinds = {shape_of(member, words) for member in value}
    return ("list", min(len(value), 21), frozenset(kinds))


def _text_shape(text: str, words: frozenset[str]) -> str:
    if len(text) > _LONGEST_WORD:
        return "text"
    if text in words or not text:
        return f"={text}"
    if text[0] == "#":  # a type of Graph
        return text
    known = next((name for name, pattern in _PATTERNS if pattern.fullmatch(text)), None)
    # A short word where a time or a word of a list belongs is a mistake of its own.
    return known or "text"


def query_shape(query: Mapping[str, str]) -> object:
    """A query's shape; what stands in quotes, and numbers within a filter, are the caller's affair."""
    return frozenset((name, _option(name, value)) for name, value in query.items())


def _option(name: str, value: str) -> str:
    if name.lower() in {"$skiptoken", "skiptoken"}:
        return ""
    return _NUMBERS.sub("0", _QUOTED.sub("''", value)) if name == "$filter" else value
