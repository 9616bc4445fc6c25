"""What the analyst reads: a headline in the gravest reason's words, and queries that stay queries."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import HONEST, changed, judge

from playbooks import kql
from playbooks.model import Close

LITERAL = re.compile(r'"(?:[^"\\]|\\.)*"')


def skeleton(text: str) -> str:
    """A query without the contents of its literals."""
    return LITERAL.sub('""', text)


@pytest.mark.parametrize("scenario", HONEST)
async def test_a_close_needs_no_steps_and_no_queries(scenario: str) -> None:
    """Nothing is left to do where everything is covered."""
    judgement = await judge(HONEST[scenario])

    assert isinstance(judgement.verdict, Close)
    assert ((), ()) == (judgement.briefing.steps, judgement.briefing.queries)


async def test_an_escalation_says_the_gravest_reason_first() -> None:
    """The headline is one a tired analyst understands without the codes."""
    pair = changed(HONEST["scheduled_export"], 0, acting_process_name=r"C:\Windows\System32\inetsrv\w3wp.exe")
    briefing = (await judge(pair)).briefing

    assert "It stays open: " in briefing.headline
    assert "more reason" in briefing.headline


async def test_an_escalation_carries_queries_with_host_account_and_time_filled_in() -> None:
    """No placeholder is left, and the window is the one that was judged."""
    pair = changed(HONEST["scheduled_export"], 0, acting_process_name=r"C:\Windows\System32\inetsrv\w3wp.exe")
    queries = (await judge(pair)).briefing.queries

    assert 4 == len(queries)
    assert '"exch01.contoso.com"' in queries[0].text
    assert not [query for query in queries if "{" in query.text]


@settings(max_examples=60, deadline=None)
@given(st.text(min_size=1, max_size=30).filter(lambda name: "\\" not in name and "@" not in name))
async def test_an_account_name_never_changes_a_query(name: str) -> None:
    """I14: whatever an account is called, each query has the structure it has with `x` in its place."""

    async def shapes(account: str) -> list[str]:
        pair = changed(
            HONEST["scheduled_export"], 0, target_username=f"CONTOSO\\{account}", target_user_id=""
        )
        return [skeleton(query.text) for query in (await judge(pair)).briefing.queries]

    assert set(await shapes(name)) <= {*await shapes("x"), *await shapes("svc-x")}


@given(st.text(max_size=60))
def test_a_literal_holds_any_text(value: str) -> None:
    """One literal, printable ASCII only, whatever stands in it."""
    literal = kql.text(value)

    assert '""' == skeleton(literal)
    assert literal.isascii()
    assert literal.isprintable()
