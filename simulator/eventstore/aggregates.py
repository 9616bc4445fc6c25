"""Aggregates told so that they cost little to set up; their answers are the same.

For each `FILTER` DuckDB sets up a copy of every column of the aggregation, which takes longer than adding
up a handful of rows; what is counted only under a condition is told as a CASE instead. A set of strings
needs no look at whether one of them is a list. And what `arg_min` gives of several columns is one row.
"""

import re
from collections import defaultdict
from typing import Final

from simulator.eventstore.brackets import closing

_COUNTED: Final = re.compile(r"""'(?:[^']|'')*'|"[^"]*"|(?P<count>count\(\*\) FILTER \(WHERE )""")
# What duckdb-kql makes of `make_set`: lists in a list, which is made flat; an empty one leaves no trace.
_SET: Final = (
    r"""coalesce\(list_distinct\(flatten\(list\(CASE WHEN"""
    r""" (?P<made>json_type\(TRY_CAST\((?P<cell>"\w+") AS JSON\)\) = 'ARRAY'"""
    r""" THEN CAST\(to_json\((?P=cell)\) AS JSON\[\]\) ELSE \[to_json\((?P=cell)\)\] END\))"""
    r""" FILTER \(WHERE (?P=cell) IS NOT NULL\)\)\), \[\]\)"""
)
_SETS: Final = re.compile(
    rf"(?P<sorted>to_json\(list_sort\(CAST\(to_json\(\(to_json\()?{_SET}"
    r"(?(sorted)\)\)\) AS JSON\[\]\)\)\))"
)
_MIXED: Final = r"coalesce(list_distinct(flatten(list(CASE WHEN \g<cell> IS NULL THEN [] WHEN \g<made>)), [])"
_PLAIN: Final = r"coalesce(list_distinct(list(to_json(\g<cell>))), [])"
_CHOSEN: Final = re.compile(
    r"""COALESCE\((?P<of>arg_min|arg_max)\(\{'v': (?P<cell>"\w+")\}, (?P<by>"\w+")\),"""
    r""" any_value\(\{'v': (?P=cell)\}\)\)\['v'\]"""
)
_LISTED: Final = re.compile(
    r"""(?:(?:, )?COALESCE\(arg_(?:min|max)\(\{'v': "\w+"\}, "\w+"\),"""
    r""" any_value\(\{'v': "\w+"\}\)\)\['v'\] AS "\w+")+"""
)


def told_cheaply(sql: str) -> str:
    """The statement with `countif` and `make_set` told without filters, and one row for each `arg_min`."""
    return _with_rows(_with_cases(_SETS.sub(_set, sql)))


def _set(match: re.Match[str]) -> str:
    """The set, sorted or not: of a column of strings in short, of any other as it was."""
    plain, mixed = (match.expand(form) for form in (_PLAIN, _MIXED))
    if match["sorted"]:
        plain, mixed = f"to_json(list_sort({plain}))", f"to_json(list_sort({mixed}))"
    return f"CASE WHEN typeof(any_value({match['cell']})) = 'VARCHAR' THEN {plain} ELSE {mixed} END"


def _with_cases(sql: str) -> str:
    told, place = "", 0
    for match in _COUNTED.finditer(sql):
        if match["count"]:
            end = closing(sql, match.end())
            told += f"{sql[place : match.start()]}count(CASE WHEN {sql[match.end() : end]} THEN 1 END"
            place = end
    return told + sql[place:]


def _with_rows(sql: str) -> str:
    """Each column of an `arg_min` or `arg_max` as a part of one row, which is looked for once."""
    return _LISTED.sub(_of_one_row, sql)


def _of_one_row(listed: re.Match[str]) -> str:
    cells: defaultdict[tuple[str, ...], dict[str, None]] = defaultdict(dict)
    for match in _CHOSEN.finditer(listed[0]):
        cells[match.group("of", "by")][match["cell"]] = None

    def told(match: re.Match[str]) -> str:
        of, by, cell = match.group("of", "by", "cell")
        row = ", ".join(f"'{name[1:-1]}': {name}" for name in cells[of, by])
        return f"COALESCE({of}({{{row}}}, {by}), any_value({{{row}}}))['{cell[1:-1]}']"

    return _CHOSEN.sub(told, listed[0])
