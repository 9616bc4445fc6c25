"""Tests on text mean the same however they are told to the engine."""

from datetime import UTC, datetime

import pytest
from duckdb_kql.lower import lower
from duckdb_kql.translate import to_sql
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.eventstore import EventStore
from simulator.eventstore.scalars import lowered, told_briefly, told_once

NINE = datetime(2024, 11, 18, 21, tzinfo=UTC)
PIECES = ["a", "B", "é", "É", "İ", "ß", "Σς", "%", "_", "\\", ".", "'", '"', " ", "-", "1", "\n", "名"]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=6).map("".join)
TERMS = st.lists(st.sampled_from(PIECES), min_size=1, max_size=2).map("".join)
TESTS = (
    "line contains {term}",
    "line !contains {term}",
    "line startswith {term}",
    "line !startswith {term}",
    "line endswith {term}",
    "line !endswith {term}",
    "line =~ {term}",
    "line in~ ({term}, 'exch01')",
    "line !in~ ({term}, 'exch01')",
    "line has {term}",
    "isempty(line) or line contains {term}",
    "isnotempty(line) and not(line contains {term})",
    "tostring(split(line, '.')[0]) in~ ({term})",
    "tostring(split(line, '.')[1]) == {term}",
    "line matches regex '^[a-b.]+$' or line startswith {term}",
    "tostring(box.word) contains {term}",
    "tostring(box.word) in~ ({term}, 'a')",
    "box.word startswith {term}",
)

STORE = EventStore()


@pytest.fixture(scope="module", autouse=True)
def _closed() -> object:
    yield
    STORE.close()


def kusto(text: str) -> str:
    """The text as a KQL literal."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def rows(test: str, texts: list[str]) -> str:
    """A query that says of each text whether it passes."""
    cells = ", ".join(kusto(text) for text in texts)
    return (
        f"datatable(line: string) [{cells}]"
        " | extend box = bag_pack('word', line) | project line, box"
        f" | extend passes = {test}"
    )


def untold(kql: str) -> list[object]:
    """The answer to the SQL that duckdb-kql makes, as it is."""
    with STORE._connection.cursor() as cursor:
        cursor.execute(str(to_sql(lower(kql, {}, {}), {})))
        return [row[-1] for row in cursor.fetchall()]


@settings(deadline=None, max_examples=150)
@given(test=st.sampled_from(TESTS), texts=st.lists(TEXTS, min_size=1, max_size=4), term=TERMS)
def test_told_briefly_they_pass_the_same_texts(test: str, texts: list[str], term: str) -> None:
    """Any letters, any case, what is special in patterns, columns of text and of JSON."""
    kql = rows(test.format(term=kusto(term)), texts)

    assert untold(kql) == [row[-1] for row in STORE.query(kql).rows]


@settings(deadline=None, max_examples=60)
@given(test=st.sampled_from(TESTS), text=TEXTS, term=TERMS)
def test_values_that_are_bound_pass_the_same_texts(test: str, text: str, term: str) -> None:
    """A term in a `let` is a parameter, in lower case where the test folds case as DuckDB does."""
    STORE.clear()
    STORE.add_process_events([{"TimeGenerated": NINE, "TargetProcessCommandLine": text}])
    question = "_Im_ProcessCreate | project line = CommandLine, box = bag_pack('word', CommandLine) | where "
    bound = f"let term = {kusto(term)}; {question}{test.format(term='term')}"
    plain = question + test.format(term=kusto(term))

    assert STORE.query(plain).rows == STORE.query(bound).rows


def test_a_test_of_text_is_said_once() -> None:
    """Not once for JSON and once for text, each with parameters of its own."""
    kql = "declare query_parameters(term: string); T | where Line in~ (term, 'a') and Line contains 'b'"
    raw = str(to_sql(lower(kql, {}, {}), {"T": ["Line"]}))

    told, slots = lowered(told_once(told_briefly(raw)))

    assert [2, 2, 0] == [raw.count(word) for word in ("$kqlp0", "ILIKE", "contains(")]
    assert [1, 0, 1] == [told.count(word) for word in ("$kqlp0_lower", "ILIKE", "contains(")]
    assert {"kqlp0"} == slots
