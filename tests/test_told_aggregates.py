"""Sets, counts and chosen rows mean what Kusto says, however they are told to the engine."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from simulator.eventstore import EventStore

NINE = datetime(2024, 11, 18, 21, tzinfo=UTC)


def answered(kql: str, *lines: str) -> list[list[object]]:
    """The rows of an answer, from events with these command lines, a minute apart."""
    store = EventStore()
    store.add_process_events(
        {
            "TimeGenerated": NINE + timedelta(minutes=minute),
            "DvcHostname": "EXCH01",
            "TargetProcessCommandLine": line,
            "TargetProcessId": str(minute),
        }
        for minute, line in enumerate(lines)
    )
    try:
        return store.query(f"_Im_ProcessCreate | {kql}").rows
    finally:
        store.close()


def test_a_string_that_looks_like_a_list_is_one_value_of_a_set() -> None:
    """A command line may be any text, `["a"]` among them; only dynamic lists are united."""
    sets = "summarize s = make_set(CommandLine), t = array_sort_asc(make_set(CommandLine))"
    ((loose, in_order),) = answered(sets, "b", '["a"]', "b")

    assert ["b", '["a"]'] == sorted(json.loads(str(loose)), reverse=True)
    assert '["[\\"a\\"]","b"]' == in_order


def test_dynamic_lists_are_united_in_a_set() -> None:
    """Sorted or not, each value once, whichever list it came from."""
    lists = "extend words = split(CommandLine, ' ') | summarize array_sort_asc(make_set(words))"

    assert [['["a","b","c"]']] == answered(lists, "b a", "c b")


def test_a_set_of_nothing_is_empty() -> None:
    """No row, no value, and still an answer."""
    nothing = "where CommandLine == 'x' | summarize make_set(CommandLine), array_sort_asc(make_set(Dvc))"

    assert [["[]", "[]"]] == answered(nothing, "b")


def test_numbers_and_times_of_a_set_are_no_text() -> None:
    """Only strings are quoted."""
    sizes = "extend n = strlen(CommandLine), none = isempty(CommandLine)"
    sets = f"{sizes} | summarize array_sort_asc(make_set(n)), array_sort_asc(make_set(none))"

    assert [["[0,2]", "[false,true]"]] == answered(sets, "bb", "", "cc")


@pytest.mark.parametrize(("of", "chosen"), [("arg_min", ["aa", "1", 2]), ("arg_max", ["cccc", "2", 4])])
def test_a_chosen_row_is_one_row(of: str, chosen: list[object]) -> None:
    """Its columns come from the same event, beside others that are chosen by another measure."""
    rows = (
        f"extend n = strlen(CommandLine) | summarize {of}(n, CommandLine, TargetProcessId),"
        " arg_max(TimeGenerated, Dvc)"
    )

    assert [chosen] == [[row[1], row[2], row[0]] for row in answered(rows, "bbb", "aa", "cccc")]


def test_a_row_is_chosen_where_no_measure_has_a_value() -> None:
    """Kusto gives some row then, whole."""
    rows = "extend n = toint(CommandLine) | summarize arg_min(n, CommandLine, TargetProcessId)"

    assert [[None, "b", "0"]] == answered(rows, "b")


def test_an_empty_cell_of_the_chosen_row_stays_empty() -> None:
    """It is not filled from another row."""
    rows = "extend n = toint(CommandLine) | summarize arg_max(TimeGenerated, n, CommandLine)"

    assert [[None, "b"]] == [row[1:] for row in answered(rows, "7", "b")]
