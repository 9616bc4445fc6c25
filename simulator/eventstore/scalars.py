r"""Tests on text told so that they cost little to set up and to run; their answers are the same.

duckdb-kql cannot know the types of columns, so it says each test for JSON and for text, and `contains` as
an ILIKE whose pattern is put together for each row. DuckDB pays for each expression at each run, whatever
is in it, and for each parameter, even in a branch that is never taken.
"""

import re
from collections.abc import Mapping
from typing import Final

from simulator.eventstore.brackets import closing

_TEXT: Final = r"""'(?:[^']|'')*'"""
_AS_TEXT: Final = (
    rf"""coalesce\(CASE typeof\((?P<of>"\w+"|{_TEXT})\) WHEN 'JSON' THEN (?:(?!CASE typeof).)*?"""
    r""" ELSE CAST\((?P=of) AS VARCHAR\) END ELSE CAST\((?P=of) AS VARCHAR\) END, ''\)"""
)
# isempty and isnotempty: what is told as text is never null.
_EMPTY: Final = re.compile(
    rf"(?P<text>{_AS_TEXT}) IS (?P<not>NOT )?NULL (?:AND|OR) CAST\((?P=text) AS VARCHAR\) (?P<sign><>|=) ''"
)
_PART: Final = re.compile(
    rf"json_extract\((?P<parts>str_split\({_AS_TEXT}, {_TEXT}\)), '\$\[(?P<place>\d+)\]'\) ->> '\$'"
)
_LIKE: Final = re.compile(
    rf"""(?P<text>"\w+"|coalesce\("\w+" ->> '\$', ''\)|{_AS_TEXT}) ILIKE (?P<before>'%' \|\| )?"""
    rf"""replace\(replace\(replace\((?P<term>{_TEXT}|CAST\(\$\w+ AS VARCHAR\)), '\\', '\\\\'\),"""
    r""" '%', '\\%'\), '_', '\\_'\)(?P<after> \|\| '%')? ESCAPE '\\'"""
)
_PLACES: Final[Mapping[tuple[bool, bool], str]] = {
    (True, True): "contains",
    (False, True): "starts_with",
    (True, False): "ends_with",
}
_MATCHES: Final = re.compile(
    rf"""(?<![.\w])regexp_matches\((?P<text>"\w+"|coalesce\("\w+" ->> '\$', ''\)), (?P<pattern>{_TEXT})\)"""
)
_LOWER: Final = re.compile(r"lower\(CAST\(\$(?P<slot>\w+) AS VARCHAR\)\)")
_TWICE: Final = re.compile(r"""CASE WHEN typeof\((?P<of>"\w+")\) = 'JSON' THEN (?=coalesce\()""")
_ENDING: Final = "_lower"


def told_briefly(sql: str) -> str:
    """The statement with its tests on text told so."""
    text = _EMPTY.sub(r"\g<text> \g<sign> ''", sql)
    text = _PART.sub(lambda match: f"{match['parts']}[{int(match['place']) + 1}]", text)
    return _MATCHES.sub(_matched, _LIKE.sub(_liked, text))


def _liked(match: re.Match[str]) -> str:
    name = _PLACES.get((bool(match["before"]), bool(match["after"])))
    return f"{name}(lower({match['text']}), lower({match['term']}))" if name else match[0]


def _matched(match: re.Match[str]) -> str:
    """Without what is for patterns of `has` alone, see `tables`."""
    is_plain = r"\p" not in match["pattern"]
    return f"system.main.regexp_matches({match['text']}, {match['pattern']})" if is_plain else match[0]


def told_once(sql: str) -> str:
    """The statement with each test of text, which is said for JSON and for text, said once for either."""
    told, place = "", 0
    for match in _TWICE.finditer(sql):
        if match.start() < place:
            continue
        of, end = match["of"], closing(sql, sql.index("(", match.end()) + 1) + 1
        own = f"coalesce({of} ->> '$', '')"
        other = sql[match.end() : end].replace(own, of)
        rest = f" ELSE {other} END"
        if _reads_text(other, of) and own in sql[match.end() : end] and sql.startswith(rest, end):
            either = f"CASE WHEN typeof({of}) = 'JSON' THEN {own} ELSE {of} END"
            told += sql[place : match.start()] + other.replace(of, either)
            place = end + len(rest)
    return told + sql[place:]


def _reads_text(test: str, of: str) -> bool:
    """Whether the column stands only where nothing but text can stand."""
    return test.count(of) == sum(test.count(f"{name}({of}") for name in ("lower", "has_term"))


def lowered(sql: str) -> tuple[str, frozenset[str]]:
    """The statement with parameters for what it makes of others in lower case; the slots of those."""
    slots = frozenset(match["slot"] for match in _LOWER.finditer(sql))
    return _LOWER.sub(rf"CAST($\g<slot>{_ENDING} AS VARCHAR)", sql), slots


def lowered_slot(slot: str) -> str:
    """The parameter that stands for the other one's value in lower case."""
    return f"{slot}{_ENDING}"
