"""Aggregates told so that they cost little to set up; their answers are the same.

For each `FILTER` DuckDB sets up a copy of every column of the aggregation, which takes longer than adding
up a handful of rows. What is counted only under a condition is told as a CASE instead.
"""

import re
from typing import Final

_PIECE: Final = re.compile(r"""'(?:[^']|'')*'|"[^"]*"|[()]""")
_COUNTED: Final = re.compile(r"""'(?:[^']|'')*'|"[^"]*"|(?P<count>count\(\*\) FILTER \(WHERE )""")
_DEPTHS: Final = {"(": 1, ")": -1}
# What duckdb-kql makes of `make_set`: lists in a list, which is made flat; an empty one leaves no trace.
_GATHERED: Final = re.compile(
    r"""flatten\(list\(CASE WHEN (?P<made>json_type\(TRY_CAST\((?P<cell>"\w+") AS JSON\)\) = 'ARRAY'"""
    r""" THEN CAST\(to_json\((?P=cell)\) AS JSON\[\]\) ELSE \[to_json\((?P=cell)\)\] END\))"""
    r""" FILTER \(WHERE (?P=cell) IS NOT NULL\)\)"""
)


def without_filters(sql: str) -> str:
    """The statement with the filters of `countif` and `make_set` told as cases."""
    text = _GATHERED.sub(r"flatten(list(CASE WHEN \g<cell> IS NULL THEN [] WHEN \g<made>)", sql)
    told, place = "", 0
    for match in _COUNTED.finditer(text):
        if match["count"]:
            end = _closing(text, match.end())
            told += f"{text[place : match.start()]}count(CASE WHEN {text[match.end() : end]} THEN 1 END"
            place = end
    return told + text[place:]


def _closing(text: str, start: int) -> int:
    """The place of the bracket that closes what is open at `start`."""
    depth = 1
    for piece in _PIECE.finditer(text, start):
        depth += _DEPTHS.get(piece[0], 0)
        if depth == 0:
            return piece.start()
    return len(text)
