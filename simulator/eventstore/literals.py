r"""KQL text at the level of its words: literals, comments, statements, `let` values.

The engine reads string literals differently from Kusto in a few places (`\u202e`, `h'…'`, three
backticks), so every literal is first rewritten to the one form that both read alike.
Literals as in the Kusto reference, "The string data type".
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from simulator.eventstore.errors import QueryError

_COMMENT: Final = r"//[^\n]*"
_FENCED: Final = r"[hH]?(?:```.*?```|~~~.*?~~~)"
_VERBATIM: Final = r"[hH]?@(?:'(?:[^'\n\r]|'')*'|\"(?:[^\"\n\r]|\"\")*\")"
_QUOTED: Final = r"[hH]?(?:'(?:[^'\\\n\r]|\\.)*'|\"(?:[^\"\\\n\r]|\\.)*\")"
STRING: Final = rf"(?:{_VERBATIM}|{_QUOTED})"
"""A string on one line, as a pattern."""
_WORD: Final = r"[A-Za-z_]\w*"
_TOKEN: Final = re.compile(
    rf"(?P<comment>{_COMMENT})|(?P<fenced>{_FENCED})|(?P<verbatim>{_VERBATIM})|(?P<quoted>{_QUOTED})"
    rf"|(?P<word>{_WORD})|(?P<blank>\s+)|(?P<mark>.)",
    re.DOTALL,
)
_ESCAPE: Final = re.compile(
    r"\\(?:u(?P<u>[0-9A-Fa-f]{4})|U(?P<U>[0-9A-Fa-f]{8})|x(?P<x>[0-9A-Fa-f]{2})|(?P<o>[0-7]{1,3})"
    r"|(?P<c>[\\'\"abfnrtv])|(?P<bad>.))",
    re.DOTALL,
)
_CONTROLS: Final = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_WRITTEN: Final = str.maketrans(
    {"\\": r"\\", '"': r"\"", "\n": r"\n", "\r": r"\r", "\t": r"\t", "\0": r"\000"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """One piece of KQL: `kind` is string, word, blank or mark; `text` is canonical.

    `value` is what a string literal says. Comments arrive as blanks.
    """

    kind: str
    text: str
    value: str = ""


def _unescape(match: re.Match[str]) -> str:
    if match["c"]:
        return _CONTROLS.get(match["c"], match["c"])
    if match["o"]:
        return chr(int(match["o"], 8))
    digits = match["u"] or match["U"] or match["x"]
    if not digits:
        message = f"Unknown escape \\{match['bad']} in a string; write \\\\ or a verbatim string @'…'."
        raise QueryError("SyntaxError", message)
    return chr(int(digits, 16))


def quoted(value: str) -> str:
    """`value` as a KQL string literal that Kusto and the local engine read alike."""
    return f'"{value.translate(_WRITTEN)}"'


def _literal(kind: str, text: str) -> Token:
    body = text.lstrip("hH@") if kind == "verbatim" else text.lstrip("hH")
    if kind == "fenced":
        value = body[3:-3]
    elif kind == "verbatim":
        value = body[1:-1].replace(body[0] * 2, body[0])
    else:
        value = _ESCAPE.sub(_unescape, body[1:-1])
    # A blank keeps two literals side by side from reading as one with a doubled quote.
    return Token(kind="string", text=quoted(value) + " ", value=value)


def tokens(kql: str) -> Iterator[Token]:
    """The pieces of a query in order. Raises QueryError on a string that does not end."""
    for match in _TOKEN.finditer(kql):
        kind, text = str(match.lastgroup), match.group()
        if kind in {"fenced", "verbatim", "quoted"}:
            yield _literal(kind, text)
        elif kind == "comment":
            yield Token(kind="blank", text=" ")
        elif kind == "mark" and text in {"'", '"'}:
            line = kql.count("\n", 0, match.start()) + 1
            raise QueryError("SyntaxError", f"A string on line {line} does not end.")
        else:
            yield Token(kind=kind, text=text)


def text_of(pieces: Sequence[Token]) -> str:
    """The canonical text of these pieces."""
    return "".join(piece.text for piece in pieces)


def statements(pieces: Sequence[Token]) -> list[list[Token]]:
    """The pieces cut at each `;`, which is left out."""
    found: list[list[Token]] = [[]]
    for piece in pieces:
        if piece.kind == "mark" and piece.text == ";":
            found.append([])
        else:
            found[-1].append(piece)
    return found
