"""Outside text as HTML that does nothing: shown as it was typed, in Sentinel's HTML and in Markdown alike.

Every character that either would read as markup becomes a numeric entity, invisible or direction-changing
characters are named, and letters that pass for others have their name beside them, so text stays text and no
name looks like another.
"""

import re
import unicodedata
from functools import lru_cache

from markupsafe import Markup

MOST_KEPT, LONGEST_KEPT = 1_024, 256
"""Texts, and letters of each, that are written once: labels, steps and names come again in each comment."""

_MARKUP = frozenset("&<>\"'[]()!*_`~#@|\\:={}$^+")
_ESCAPES = tuple(f"&#{place};" if chr(place) in _MARKUP else chr(place) for place in range(128))
"""Of every ASCII character: in a table with gaps each letter that is not there costs an exception."""
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_WORD = re.compile(r"\w+")
_LATIN = re.compile(r"[A-Za-z]")
_ALPHABETS = ("CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC", "LISU", "GEORGIAN")


def inert(text: object) -> Markup:
    """Any outside text as HTML that shows it as typed and does nothing else; what is inert stays as it is."""
    if isinstance(text, Markup):
        return text
    written = str(text)
    return (_inert_again if len(written) <= LONGEST_KEPT else _inert)(written)


def _inert(written: str) -> Markup:
    if written.isascii() and written.isprintable():
        return Markup(written.translate(_ESCAPES))  # noqa: S704 - each character is escaped here
    odd = frozenset[int]() if written.isascii() else _lookalikes(written)
    parts = (
        _inert_character(one) + (_named(one) if place in odd else "") for place, one in enumerate(written)
    )
    return Markup("".join(parts))  # noqa: S704 - each character is escaped here


_inert_again = lru_cache(MOST_KEPT)(_inert)


def _lookalikes(text: str) -> frozenset[int]:
    """Places of letters that pass for ASCII: of another alphabet in a Latin word, or a form of the letter."""
    return frozenset(
        word.start() + place
        for word in _WORD.finditer(text)
        if not word[0].isascii()
        for place in _odd_places(word[0], is_latin=_LATIN.search(word[0]) is not None)
    )


def _odd_places(word: str, *, is_latin: bool) -> list[int]:
    return [
        place
        for place, letter in enumerate(word)
        if not letter.isascii()
        and (
            unicodedata.normalize("NFKC", letter).isascii()
            or (is_latin and unicodedata.name(letter, "").startswith(_ALPHABETS))
        )
    ]


def _named(character: str) -> str:
    return f"&#91;U&#43;{ord(character):04X}&#93;"


def _inert_character(character: str) -> str:
    if character in _MARKUP:
        return f"&#{ord(character)};"
    if character == " " or (character.isascii() and character.isprintable()):
        return character
    if unicodedata.category(character) in _INVISIBLE or character.isspace():
        return _named(character)
    return character
