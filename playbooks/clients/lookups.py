"""From errors to look-ups, and the names that are not worth asking for."""

import unicodedata
from collections.abc import Awaitable

from playbooks.errors import SourceError
from playbooks.model import Lookup, Unavailable

LONGEST_NAME = 256

_ODD_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


async def looked_up[T](source: str, question: Awaitable[Lookup[T]]) -> Lookup[T]:
    """The answer, with every error of the source as Unavailable.

    403 and 400 are lasting: no repeat grants a permission or mends a question.
    """
    try:
        return await question
    except SourceError as error:
        return Unavailable(source, error.cause, lasting=error.status in (400, 403))


def odd_name(name: str, what: str) -> str:
    """Why this name is not asked for, in words; empty where it may be.

    Control, bidirectional, zero-width and unassigned characters are named, never sent.
    """
    if not name.strip():
        return f"no {what} given"
    if len(name) > LONGEST_NAME:
        return f"{what}: name too long ({len(name)} characters)"
    if name.isprintable():
        return ""
    odd = sorted({character for character in name if unicodedata.category(character) in _ODD_CATEGORIES})
    if odd:
        shown = ", ".join(f"U+{ord(character):04X}" for character in odd[:5])
        return f"{what} holds characters that no real name has: {shown}"
    return ""
