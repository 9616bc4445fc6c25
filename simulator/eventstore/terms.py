r"""What `has` means: a whole word in any case, told to the engine as text and patterns (RE2).

duckdb-kql builds one pattern in SQL, at each place and for each value anew, with classes of all letters
and digits that take 7 ms to compile. Here a term that is a parameter becomes four: its text in lower case,
to rule out at little cost; a narrow pattern, whose boundaries are ASCII (the same where the text is); a
wide one without boundaries; and the full one, for text where a letter beyond ASCII decides. The terms of
one `has_any` share the patterns.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

_TEXT: Final = r"""(?P<text>"[^"]+"|coalesce\("[^"]+" ->> '\$', ''\))"""
_CASTS: Final = r"(?P<term>(?:CAST\()+\$(?P<slot>\w+)(?: AS VARCHAR\))+)"
_BUILT: Final = re.compile(
    rf"regexp_matches\({_TEXT}, '\(\?i\)' \|\| CASE WHEN regexp_matches\({_CASTS}, '\^\[\\pL\\pN\]'\)"
    r" THEN '\(\?:\^\|\[\^\\pL\\pN\]\)' ELSE '' END \|\| regexp_escape\((?P=term)\)"
    r" \|\| CASE WHEN regexp_matches\((?P=term), '\[\\pL\\pN\]\$'\)"
    r" THEN '\(\?:\$\|\[\^\\pL\\pN\]\)' ELSE '' END\)"
)
_SPECIAL: Final = re.compile(r"[^0-9A-Za-z_\x80-\U0010ffff]")
_ENDINGS: Final = ("_narrow", "_wide", "_full")

type Slots = tuple[str, ...]
"""Parameters that are terms of one `has` or `has_any`."""

# A plan is kept only where each parameter stands at one place, hence the narrow pattern comes twice.
HAS_TERM: Final = """
    CREATE OR REPLACE MACRO has_term(s, may, narrow, wide, full_, narrow_again) AS CASE
        WHEN s IS NULL THEN NULL
        WHEN strlen(s) = length(s) THEN
            CASE WHEN may THEN system.main.regexp_matches(s, narrow) ELSE FALSE END
        WHEN NOT system.main.regexp_matches(s, wide) THEN FALSE
        WHEN system.main.regexp_matches(s, narrow_again) THEN TRUE
        ELSE system.main.regexp_matches(s, full_ || left(s, 0)) END
"""


def with_terms(sql: str) -> tuple[str, dict[Slots, str]]:
    """The statement with each `has` and `has_any` of parameters told so; their parameters, with a name."""
    told, place = "", 0
    names: dict[Slots, str] = {}
    for matches in _together(sql):
        slots = tuple(match["slot"] for match in matches)
        name = names.setdefault(slots, f"any{len(names)}")
        told += sql[place : matches[0].start()] + _told(matches[0]["text"], slots, name)
        place = matches[-1].end()
    return told + sql[place:], names


def term_values(slots: Slots, name: str, values: Mapping[str, object]) -> dict[str, str]:
    """The values of the parameters that stand for terms of that name; `values` are the terms by slot."""
    terms = [str(values[slot]) for slot in slots]
    patterns = (
        _any_of(_bounded(term, r"[\x00-/:-@\[-`{-\x7f]") for term in terms),
        _any_of(map(_escaped, terms)),
        _any_of(_bounded(term, r"[^\pL\pN]") for term in terms),
    )
    texts = (term.lower() if term.isascii() else "" for term in terms)
    return {
        **{f"{slot}_text": text for slot, text in zip(slots, texts, strict=True)},
        **{f"{name}{ending}": value for ending, value in zip(_ENDINGS, patterns, strict=True)},
    }


def _together(sql: str) -> Iterator[Sequence[re.Match[str]]]:
    """Each `has` alone, but those of one `has_any`, which stand in brackets, together."""
    waiting: list[re.Match[str]] = []
    for match in _BUILT.finditer(sql):
        if waiting and not _continues(sql, waiting[-1], match):
            yield from _whole(sql, waiting)
            waiting = []
        waiting.append(match)
    yield from _whole(sql, waiting)


def _continues(sql: str, one: re.Match[str], other: re.Match[str]) -> bool:
    return sql[one.end() : other.start()] == " OR " and one["text"] == other["text"]


def _whole(sql: str, matches: Sequence[re.Match[str]]) -> Iterator[Sequence[re.Match[str]]]:
    """All in one where nothing else stands in the brackets around them, else one by one."""
    if matches and sql[matches[0].start() - 1] == "(" and sql.startswith(")", matches[-1].end()):
        yield matches
    else:
        yield from ([match] for match in matches)


def _told(text: str, slots: Slots, name: str) -> str:
    may = " OR ".join(f"contains(lower({text}), {_value(f'{slot}_text')})" for slot in slots)
    patterns = ", ".join(_value(f"{name}{ending}") for ending in (*_ENDINGS, "_narrow"))
    return f"has_term({text}, ({may}), {patterns})"


def _value(parameter: str) -> str:
    return f"CAST(${parameter} AS VARCHAR)"


def _any_of(patterns: Iterable[str]) -> str:
    return f"(?i){'|'.join(patterns)}"


def _bounded(term: str, outside: str) -> str:
    """The term as a pattern, with a boundary only where it itself has a letter or digit."""
    first, last = _is_worded(term[:1]), _is_worded(term[-1:])
    return f"{f'(?:^|{outside})' if first else ''}{_escaped(term)}{f'(?:$|{outside})' if last else ''}"


def _is_worded(letter: str) -> bool:
    return unicodedata.category(letter)[0] in "LN" if letter else False


def _escaped(term: str) -> str:
    return _SPECIAL.sub(lambda match: r"\x00" if match[0] == "\0" else f"\\{match[0]}", term)
