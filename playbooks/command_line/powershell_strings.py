"""Strings and bare words of PowerShell, letter by letter.

Rules: about_Quoting_Rules, about_Special_Characters and about_Parsing (Microsoft Learn). Every letter is
accounted for: what is not understood becomes a hole.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from tree_sitter import Node

from playbooks.command_line.command_letters import DOUBLE_QUOTES, SINGLE_QUOTES
from playbooks.command_line.command_values import Value
from playbooks.command_line.powershell_bound import joined, literal, unknown
from playbooks.command_line.powershell_source import Source

_ESCAPES = {"0": "\0", "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_BARE = frozenset("\\._-/:@#*?%+=~!")
_NAME = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"
_EXPANDS = frozenset(_NAME + "{($?^:")


def verbatim(text: str) -> Value:
    """A string in single quotes: a doubled quote is one quote, nothing else is special."""
    letters: list[str] = []
    inner = text[1:-1]
    at = 0
    while at < len(inner):
        doubled = inner[at] in SINGLE_QUOTES and inner[at + 1 : at + 2] != ""
        letters.append(inner[at + doubled])
        at += 1 + doubled
    return literal("".join(letters))


def here_body(text: str) -> tuple[int, int]:
    """Where the lines of a here-string begin and end inside its text."""
    start = text.find("\n") + 1
    end = text.rfind("\n")
    if end > start and text[end - 1] == "\r":
        end -= 1
    return start, max(start, end)


@dataclass(slots=True)
class Expansion:
    """Reads a string in double quotes, or a bare word, with the nodes that the grammar found in it."""

    source: Source
    at: int
    end: int
    inner: dict[int, Node]
    evaluate: Callable[[Node], Value]
    doubles_quotes: bool = True
    parts: list[Value] = field(default_factory=list)

    def read(self) -> Value:
        """The value; a hole for the whole where the grammar and this reading disagree."""
        whole = self.source.between(self.at, self.end)
        while self.at < self.end:
            node = self.inner.pop(self.at, None)
            if node is None:
                self._letter(self._peek())
            else:
                self.parts.append(self.evaluate(node))
                self.at = node.end_byte
        return unknown(whole) if self.inner or self.at != self.end else joined(tuple(self.parts))

    def _peek(self) -> str:
        letter = self.source.between(self.at, self.at + 2)
        return self.source.between(self.at, self.at + 4) if "\ud800" <= letter < "\udc00" else letter

    def _letter(self, letter: str) -> None:
        self.at += 2 * (1 + (letter > "\uffff"))
        if letter == "`":
            self._escape()
        elif letter == "$" and self.at < self.end and self._peek() in _EXPANDS:
            self.parts.append(unknown(self.source.between(self.at - 2, self.end)))
        elif letter in DOUBLE_QUOTES and self.doubles_quotes:
            self.parts.append(literal(letter))
            self.at += 2
        else:
            self.parts.append(literal(letter))

    def _escape(self) -> None:
        letter = self._peek()
        self.at += 2
        if letter in "ue" or letter > "\uffff":
            # `u{...} and `e differ between Windows PowerShell and PowerShell 7.
            self.parts.append(unknown(f"`{letter}"))
            self.at += 2 * (letter > "\uffff")
        else:
            self.parts.append(literal(_ESCAPES.get(letter, letter)))


def bare_word(text: str, variable: Callable[[str], Value]) -> Value:
    """A word without quotes. Any letter that may end a word for PowerShell leaves a hole."""
    parts: list[Value] = []
    at = 0
    while at < len(text):
        letter = text[at]
        if letter == "$" and text[at + 1 : at + 2] and text[at + 1] in _EXPANDS:
            name = _leading_name(text[at + 1 :])
            if not name or text[at + 1 + len(name) :].startswith((":", "?")):
                return joined((*parts, unknown(text[at:])))
            parts.append(variable("$" + name))
            at += 1 + len(name)
        elif letter == "`" and text[at + 1 : at + 2] not in ("", "u", "e"):
            parts.append(literal(_ESCAPES.get(text[at + 1], text[at + 1])))
            at += 2
        elif _is_plain(letter) or letter == "$":
            parts.append(literal(letter))
            at += 1
        else:
            return joined((*parts, unknown(text[at:])))
    return joined(tuple(parts))


def _leading_name(text: str) -> str:
    return text[: len(text) - len(text.lstrip(_NAME))]


def _is_plain(letter: str) -> bool:
    if letter.isascii():
        return letter.isalnum() or letter in _BARE
    return letter not in SINGLE_QUOTES + DOUBLE_QUOTES
