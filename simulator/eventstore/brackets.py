"""Brackets in SQL text, those in strings and names left out."""

import re
from typing import Final

_PIECE: Final = re.compile(r"""'(?:[^']|'')*'|"[^"]*"|[()]""")
_DEPTHS: Final = {"(": 1, ")": -1}


def closing(text: str, start: int) -> int:
    """The place of the bracket that closes what is open at `start`."""
    depth = 1
    for piece in _PIECE.finditer(text, start):
        depth += _DEPTHS.get(piece[0], 0)
        if depth == 0:
            return piece.start()
    return len(text)
