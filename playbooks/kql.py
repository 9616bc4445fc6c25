"""Values as KQL literals: the one place where outside text enters a query.

Everything that is not printable ASCII is written as an escape, so that no quote, line end, control or
bidirectional character can end a literal or hide what follows. (KQL reference, "The string data type".)
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime

_TO_ESCAPE = re.compile(r'[^ -~]|["\\]')
_NAMED = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def text(value: str) -> str:
    """A string literal."""
    return '"' + _TO_ESCAPE.sub(lambda found: _escaped(found[0]), value) + '"'


def texts(values: Iterable[str]) -> str:
    """A dynamic literal: an array of strings, sorted, so that the same values make the same query."""
    return f"dynamic([{', '.join(text(value) for value in sorted(values))}])"


def moment(value: datetime) -> str:
    """A datetime literal in UTC."""
    return f"datetime({value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z)"


def _escaped(character: str) -> str:
    if character in _NAMED:
        return _NAMED[character]
    return f"\\u{ord(character):04x}" if ord(character) <= 0xFFFF else f"\\U{ord(character):08x}"
