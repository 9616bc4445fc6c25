"""What the analyst reads: a headline in the gravest reason's words, and queries that stay queries."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import DOMAIN_SID, HONEST, OWN, changed, codes, judge, reworded, tenant

from playbooks import kql
from playbooks.model import Close, ProcessEvent

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


async def test_what_a_job_s_command_lacks_stands_in_the_headline() -> None:
    """Run by hand at night: that the Task Scheduler did not start it is the reason, and no hour."""
    pair = changed(HONEST["scheduled_export"], 0, acting_process_name=r"C:\Windows\System32\cmd.exe")
    headline = (await judge(pair)).briefing.headline

    assert "cmd.exe" in headline
    assert "not by the Task Scheduler (closest: scheduled_export" in headline
    assert "more reason" not in headline


async def test_an_escalation_carries_queries_with_host_account_and_time_filled_in() -> None:
    """No placeholder is left, and the window is the one that was judged."""
    pair = changed(HONEST["scheduled_export"], 0, acting_process_name=r"C:\Windows\System32\inetsrv\w3wp.exe")
    queries = (await judge(pair)).briefing.queries

    assert 4 == len(queries)
    assert '"exch01.contoso.com"' in queries[0].text
    assert not [query for query in queries if "{" in query.text]


def by(account: str, sid: str = "") -> tuple[ProcessEvent, ...]:
    """A job's pair with an export by this account, which is not its RunAs."""
    return changed(HONEST["scheduled_export"], 0, target_username=account, target_user_id=sid)


SIGN_INS = {
    r"CONTOSO\admin": 'UserId in~ ("id-admin") or UserPrincipalName in~ ("admin@contoso.com")',
    r"CONTOSO\nobody-knows": 'UserPrincipalName startswith "nobody-knows@"',
    "gone@contoso.com": 'UserPrincipalName in~ ("gone@contoso.com")',
}


@pytest.mark.parametrize("account", SIGN_INS)
async def test_sign_ins_are_asked_for_by_what_their_logs_hold(account: str) -> None:
    """Object id and sign-in name of a user; of an account that is none, what its sign-in name begins with."""
    briefing = (await judge(by(account)[:1])).briefing
    (asked,) = (query.text for query in briefing.queries if "SigninLogs" in query.text)

    assert f"| where {SIGN_INS[account]}\n" in asked


MANAGED = {
    r"CONTOSO\gmsa-x$": f"{DOMAIN_SID}-7701",
    r"CONTOSO\EXCH09$": "",
    r"NT AUTHORITY\SYSTEM": "",
    r"NT AUTHORITY\NETWORK SERVICE": "S-1-5-20",
}


@pytest.mark.parametrize("account", MANAGED)
async def test_nobody_is_sent_to_the_sign_ins_of_an_account_that_never_signs_in(account: str) -> None:
    """Managed accounts, computers and SYSTEM: where it was used is looked for on the host."""
    no_clean_up = tenant(lambda world: world["watchlists"]["MailboxExportJobs"].pop(1))
    judgement = await judge(by(account, MANAGED[account])[:1], no_clean_up)
    told = [*judgement.briefing.steps, *(query.text for query in judgement.briefing.queries)]

    assert codes(judgement.verdict) & {"runner_unknown", "service_account_unregistered"}
    assert [] == [text for text in told if "SigninLogs" in text or "password and" in text]
    assert 1 == sum("SecurityEvent 4624" in step for step in judgement.briefing.steps)


async def test_each_kind_of_account_has_its_own_step() -> None:
    """A person's account and a managed one in one incident: neither is named in the other's step."""
    pair = (*by(r"CONTOSO\gmsa-x$")[:1], *by(r"CONTOSO\stranger")[:1])
    steps = (await judge(pair)).briefing.steps
    (people,) = (step for step in steps if "SigninLogs" in step)
    (managed,) = (step for step in steps if "SecurityEvent 4624" in step)

    assert ("stranger" in people, "gmsa-x$" in people) == (True, False)
    assert ("stranger" in managed, "gmsa-x$" in managed) == (False, True)


async def test_a_mailbox_that_the_directory_does_not_know_is_told_as_such() -> None:
    """A display name resolves to nobody: whether it is the runner's own mailbox was not answered with no."""
    judgement = await judge(reworded(OWN, 0, "-Mailbox admin", "-Mailbox 'Ada Admin'"))
    words = "the directory resolves no mailbox by the name 'Ada Admin'"
    missing = [line for finding in judgement.briefing.findings for line in finding.missing]

    assert [f"no registered job and no eDiscovery case is selected, and {words}"] == missing
    assert any(words in reason.text for reason in judgement.verdict.reasons)


async def test_the_mailbox_of_another_is_told_as_anothers() -> None:
    """One that the directory resolves is not said to be unknown."""
    judgement = await judge(reworded(OWN, 0, "-Mailbox admin", "-Mailbox boss"))
    missing = [line for finding in judgement.briefing.findings for line in finding.missing]

    assert any(line.endswith("and it is not the runner's own mailbox") for line in missing)
    assert not any("resolves no mailbox" in reason.text for reason in judgement.verdict.reasons)


@settings(max_examples=60, deadline=None)
@given(st.text(min_size=1, max_size=30).filter(lambda name: "\\" not in name and "@" not in name))
async def test_an_account_name_never_changes_a_query(name: str) -> None:
    """I14: whatever an account is called, each query has the structure it has with `x` in its place.

    Or with `x$`, where nobody signs in by that name.
    """

    async def shapes(account: str) -> list[str]:
        pair = changed(
            HONEST["scheduled_export"], 0, target_username=f"CONTOSO\\{account}", target_user_id=""
        )
        return [skeleton(query.text) for query in (await judge(pair)).briefing.queries]

    assert set(await shapes(name)) <= {*await shapes("x"), *await shapes("x$")}


@given(st.text(max_size=60))
def test_a_literal_holds_any_text(value: str) -> None:
    """One literal, printable ASCII only, whatever stands in it."""
    literal = kql.text(value)

    assert '""' == skeleton(literal)
    assert literal.isascii()
    assert literal.isprintable()
