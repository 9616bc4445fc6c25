r"""What `has` means: a whole word in any case, told to the engine as text and patterns (RE2).

duckdb-kql builds one pattern in SQL, at each place and for each value anew, with classes of all letters
and digits that take 7 ms to compile. Here a term that is a parameter becomes four: its text in lower case,
to rule out at little cost; a narrow pattern, whose boundaries are ASCII (the same where the text is); a
wide one without boundaries; and the full one, for text where a letter beyond ASCII decides.
"""

import re
import unicodedata
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
_ENDINGS: Final = ("_text", "_narrow", "_wide", "_full")

# A plan is kept only where each parameter stands at one place, hence the narrow pattern comes twice.
HAS_TERM: Final = """
    CREATE OR REPLACE MACRO has_term(s, text_, narrow, wide, full_, narrow_again) AS CASE
        WHEN s IS NULL THEN NULL
        WHEN strlen(s) = length(s) THEN
            CASE WHEN contains(lower(s), text_) THEN system.main.regexp_matches(s, narrow) ELSE FALSE END
        WHEN NOT system.main.regexp_matches(s, wide) THEN FALSE
        WHEN system.main.regexp_matches(s, narrow_again) THEN TRUE
        ELSE system.main.regexp_matches(s, full_ || left(s, 0)) END
"""


def with_terms(sql: str) -> tuple[str, frozenset[str]]:
    """The statement with each `has` of a parameter told so; the parameters whose values are such terms."""
    found: set[str] = set()

    def told(match: re.Match[str]) -> str:
        found.add(match["slot"])
        given = ", ".join(f"CAST(${match['slot']}{ending} AS VARCHAR)" for ending in (*_ENDINGS, "_narrow"))
        return f"has_term({match['text']}, {given})"

    return _BUILT.sub(told, sql), frozenset(found)


def term_values(slot: str, term: str) -> dict[str, str]:
    """The values of the parameters that stand for the term of that parameter."""
    escaped = _SPECIAL.sub(_escaped, term)
    first, last = _is_worded(term[:1]), _is_worded(term[-1:])
    told = (
        term.lower() if term.isascii() else "",
        _bounded(escaped, r"[\x00-/:-@\[-`{-\x7f]", first=first, last=last),
        f"(?i){escaped}",
        _bounded(escaped, r"[^\pL\pN]", first=first, last=last),
    )
    return {f"{slot}{ending}": value for ending, value in zip(_ENDINGS, told, strict=True)}


def _bounded(escaped: str, outside: str, *, first: bool, last: bool) -> str:
    """The pattern with a boundary only where the term itself has a letter or digit."""
    return f"(?i){f'(?:^|{outside})' if first else ''}{escaped}{f'(?:$|{outside})' if last else ''}"


def _is_worded(letter: str) -> bool:
    return unicodedata.category(letter)[0] in "LN" if letter else False


def _escaped(match: re.Match[str]) -> str:
    return r"\x00" if match[0] == "\0" else f"\\{match[0]}"
