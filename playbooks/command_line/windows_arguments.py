"""Split a Windows command line into arguments, as the program that is started sees it.

Rules: "Parsing C++ command-line arguments" and `CommandLineToArgvW` (Microsoft Learn). They agree but
for doubled quotes inside a quoted argument; those are reported, because programs differ there.
"""

import re
from dataclasses import dataclass

BLANKS = " \t"
"""What separates arguments. A line end does not: it is a part of an argument, and ends a comment in it."""
_BEHIND_PROGRAM = BLANKS + "\r\n\v\f"
_PLAIN, _PLAIN_IN_QUOTES = re.compile(r'[^ \t"\\]+'), re.compile(r'[^"\\]+')


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitLine:
    """The arguments, the program first; the text behind the program; and what was odd about the quotes."""

    arguments: tuple[str, ...]
    rest: str = ""
    unterminated: bool = False
    doubled_quotes: bool = False


@dataclass(slots=True)
class _Cursor:
    """Where the splitter stands."""

    text: str
    at: int
    quoted: bool = False
    doubled: bool = False

    def run_of(self, letter: str) -> int:
        """How often the letter stands in a row from here on."""
        end = self.at
        while end < len(self.text) and self.text[end] == letter:
            end += 1
        return end - self.at

    def ended(self) -> bool:
        """True behind the last letter of the argument."""
        return self.at >= len(self.text) or (not self.quoted and self.text[self.at] in BLANKS)


def split_arguments(text: str) -> SplitLine:
    """Split a whole command line; the first argument is the program, which knows no backslash rule."""
    program, cursor, unterminated = _program(text.lstrip(_BEHIND_PROGRAM))
    return _split_rest(cursor, (program,) if program or cursor.text else (), unterminated=unterminated)


def _split_rest(cursor: _Cursor, first: tuple[str, ...], *, unterminated: bool) -> SplitLine:
    arguments = list(first)
    rest = cursor.text[cursor.at :]
    while _skip_blanks(cursor):
        arguments.append(_argument(cursor))
    return SplitLine(
        arguments=tuple(arguments),
        rest=rest,
        unterminated=unterminated or cursor.quoted,
        doubled_quotes=cursor.doubled,
    )


def _program(text: str) -> tuple[str, _Cursor, bool]:
    if text.startswith('"'):
        end = text.find('"', 1)
        stop = len(text) if end < 0 else end
        return text[1:stop], _Cursor(text, stop + 1), end < 0
    stop = next((place for place, letter in enumerate(text) if letter in _BEHIND_PROGRAM), len(text))
    return text[:stop], _Cursor(text, stop), False


def _skip_blanks(cursor: _Cursor) -> bool:
    while cursor.at < len(cursor.text) and cursor.text[cursor.at] in BLANKS:
        cursor.at += 1
    return cursor.at < len(cursor.text)


def _argument(cursor: _Cursor) -> str:
    letters: list[str] = []
    while not cursor.ended():
        letter = cursor.text[cursor.at]
        if letter == "\\":
            letters.append(_backslashes(cursor))
        elif letter == '"':
            letters.append(_quote(cursor))
        else:
            letters.append(_plain(cursor))
    return "".join(letters)


def _plain(cursor: _Cursor) -> str:
    """The letters up to the next one that means something."""
    found = (_PLAIN_IN_QUOTES if cursor.quoted else _PLAIN).match(cursor.text, cursor.at)
    plain = found[0] if found else cursor.text[cursor.at]
    cursor.at += len(plain)
    return plain


def _backslashes(cursor: _Cursor) -> str:
    count = cursor.run_of("\\")
    cursor.at += count
    if cursor.text[cursor.at : cursor.at + 1] != '"':
        return "\\" * count
    if count % 2 == 0:
        return "\\" * (count // 2)
    cursor.at += 1
    return "\\" * (count // 2) + '"'


def _quote(cursor: _Cursor) -> str:
    if cursor.quoted and cursor.text[cursor.at + 1 : cursor.at + 2] == '"':
        cursor.at += 2
        cursor.doubled = True
        return '"'
    cursor.at += 1
    cursor.quoted = not cursor.quoted
    return ""
