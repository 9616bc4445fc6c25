"""The backtest over thirty simulated days, beside what really happened and what simulated analysts said."""

import asyncio
import json
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any
from uuid import UUID

import pytest
from fakes import fake_incident
from history import END, NOW, START, Month, Past, environment_of, make_month
from typer.testing import CliRunner

from operations.access import operator_identity
from operations.backtest import Backtest, Would, ask, backtest_document, run_backtest, write_backtest
from operations.backtest.comparing import Question, compare
from operations.backtest.people import outcome_of
from operations.backtest.running import beyond_limit
from operations.backtest.then import Memory, RegistersOfToday, as_created
from operations.backtest.values import Compared, Judged, Outcome, Unjudged, Word, Work
from playbooks.clients import connect
from playbooks.clients.incident_list import ListedIncident
from playbooks.clients.read_only import refuse_write
from playbooks.errors import WriteRefused
from playbooks.model import (
    Absent,
    Found,
    IncidentChange,
    IncidentId,
    Lookup,
    Owner,
    RowProposal,
    Status,
    Unavailable,
    WatchlistItem,
)
from playbooks.settings import read_settings
from simulator.cli import app
from simulator.workspace import Call, Fault, FaultKind, LocalWorkspace

pytestmark = pytest.mark.timeout(300)
MINUTES = 20.0
PART_ID = UUID("99999999-9999-4999-8999-999999999999")
RULE = "4500a2ff-455b-4ee7-a21d-5ac5c7c9ea87"
HONEST = {"benign positive", "false positive"}
READS_BY_POST = ("/query", "/alerts", "/entities", "/$batch", "/token")


def narrowed(tenant: dict[str, Any]) -> None:
    """Registers that know less than the month's truth: see `expected`."""
    lists = tenant["watchlists"]
    lists["MailboxExportJobs"] = [
        row for row in lists["MailboxExportJobs"] if row["JobName"] != "ComplianceExportJob"
    ]
    for row in lists["MailboxExportJobs"]:
        if row["JobName"] == "BackupMailboxJob":
            row |= {"_updated": "2025-11-21T08:00:00Z", "ValidFrom": "2025-11-21T00:00:00Z"}
    lists["MailboxExportHosts"] = [
        row for row in lists["MailboxExportHosts"] if not row["Fqdn"].lower().startswith("ws-adm01")
    ]


def expected(past: Past) -> Would:
    """What the truth says, under registers that lack a job and a host, and one row of which is new."""
    scenario, host = past.truth.scenario, past.truth.hosts[0].lower()
    gone = scenario in {"compliance_job", "maintenance_cleanup"}
    if past.truth.expected != "close" or gone or (scenario == "self_export" and "ws-adm01" in host):
        return Would.ESCALATE
    return Would.CLOSE_TODAY if scenario == "backup_job" else Would.CLOSE


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """One run over the month, and what was true."""

    backtest: Backtest
    document: dict[str, Any]
    past: dict[str, Past]
    calls: list[Call]


async def run_in(month: Month, workspace: LocalWorkspace, **more: str) -> Backtest:
    """The backtest as the command runs it, on the month's clock."""
    settings = read_settings(environment_of(month, workspace, **more))
    asked = ask(settings, playbook="mailbox_export", start=START, end=END, minutes_per_incident=MINUTES)
    asked = replace(asked, bench=replace(asked.bench, now=lambda: NOW))
    identity = operator_identity(settings)
    async with connect(settings, {}, read_only=True, identity=identity) as clients:
        return await run_backtest(clients, asked)


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Month:
    """Thirty days of a small company."""
    return make_month(tmp_path_factory.mktemp("month"))


@pytest.fixture(scope="module")
def ran(month: Month) -> Ran:
    """The month, judged once for all tests."""

    async def run() -> Ran:
        async with month.workspace(change=narrowed) as (workspace, past):
            found = await run_in(month, workspace)
            document: dict[str, Any] = json.loads(json.dumps(backtest_document(found)))
            by_name = {one.name: one for one in past}
            return Ran(backtest=found, document=document, past=by_name, calls=workspace.calls)

    return asyncio.run(run())


def past_of(ran: Ran, one: Compared) -> Past:
    """What happened to an incident."""
    return ran.past[one.outcome.incident_id.name]


def would_of(one: Compared) -> Would | None:
    """The verdict, if there is one."""
    return one.judged.would if isinstance(one.judged, Judged) else None


def test_every_incident_is_judged_as_the_truth_says_and_none_is_lost(ran: Ran) -> None:
    """Thirty days, whole: closed by people or not, each is judged as when it was created."""
    verdicts = {one.outcome.incident_id.name: would_of(one) for one in ran.backtest.compared}

    assert {name: expected(past) for name, past in ran.past.items()} == verdicts
    assert {Would.CLOSE, Would.CLOSE_TODAY, Would.ESCALATE} == set(verdicts.values())


def test_what_people_did_is_told_as_they_did_it(ran: Ran) -> None:
    """Classification and time to close are those of the simulated analysts."""
    assert {name: (past.word, past.took) for name, past in ran.past.items()} == {
        one.outcome.incident_id.name: (one.outcome.word.value, one.outcome.time_to_close)
        for one in ran.backtest.compared
    }


def test_the_matrix_counts_what_happened(ran: Ran) -> None:
    """Each cell is the number of incidents of that word and that verdict."""
    true = Counter((past.word, expected(past).value) for past in ran.past.values())

    assert true == Counter({(word.value, did): n for (word, did), n in ran.backtest.matrix.items()})


def test_hours_are_claimed_for_what_people_closed_as_honest_alone(ran: Ran) -> None:
    """Minutes given times incidents, today's registers apart; medians stand beside it."""
    saving = [p for p in ran.past.values() if p.word in HONEST and expected(p) is not Would.ESCALATE]
    today = [past for past in saving if expected(past) is Would.CLOSE_TODAY]
    took = [past.took.total_seconds() / 60 for past in saving if past.took]

    assert today
    assert len(today) < len(saving)
    assert len(saving) * MINUTES / 60 == pytest.approx(ran.backtest.hours_saved)
    assert len(today) * MINUTES / 60 == pytest.approx(ran.document["summary"]["hoursSavedToday"], abs=0.01)
    assert median(took) == ran.document["timeToClose"]["wouldClose"]["medianMinutes"]


def test_true_positives_that_would_be_closed_stand_in_front(ran: Ran) -> None:
    """The gravest disagreement, whole; what people could not tell comes apart from it."""
    for word, found in (("true positive", ran.backtest.grave), ("undetermined", ran.backtest.doubtful)):
        true = {
            name
            for name, past in ran.past.items()
            if past.word == word and expected(past) is not Would.ESCALATE
        }
        assert true == {one.outcome.incident_id.name for one in found}
    assert ran.backtest.grave


def test_what_people_closed_as_honest_and_we_would_not_is_listed_with_why(ran: Ran) -> None:
    """Every one, with its reasons against closing."""
    true = {n for n, past in ran.past.items() if past.word in HONEST and expected(past) is Would.ESCALATE}

    assert true == {one.outcome.incident_id.name for one in ran.backtest.escalated_benign}
    assert all(
        isinstance(one.judged, Judged) and any(told.against for told in one.judged.reasons)
        for one in ran.backtest.escalated_benign
    )


def test_rows_are_proposed_for_recurring_honest_work_by_hours(ran: Ran) -> None:
    """The job that lost its row, and the host that lost its: with their incidents, most hours first."""

    def numbers(scenario: str, host: str = "") -> list[int]:
        return [
            one.outcome.number
            for one in ran.backtest.escalated_benign
            if past_of(ran, one).truth.scenario == scenario
            and host in past_of(ran, one).truth.hosts[0].lower()
        ]

    job = next(one for one in ran.backtest.proposals if one.is_new)
    host = next(one for one in ran.backtest.proposals if "MailboxExportHosts" in one.row)
    hours = [one.hours for one in ran.backtest.proposals if not one.attacks]

    same_account = sorted([*numbers("compliance_job"), *numbers("maintenance_cleanup")])
    assert same_account == list(job.incidents)
    assert job.row.startswith("MailboxExportJobs: RunAs=S-1-5-21-")
    assert all("svc-excompl" in runner for runner in job.runners)
    assert "New-MailboxExportRequest" in job.example
    assert numbers("self_export", "ws-adm01") == list(host.incidents)
    assert ("new row Fqdn=ws-adm01.contoso.com; Role=admin",) == host.changes
    assert sorted(hours, reverse=True) == hours
    assert all(len(one.incidents) * MINUTES / 60 == one.hours for one in ran.backtest.proposals)


def test_no_row_is_ever_proposed_for_what_people_called_an_attack(ran: Ran) -> None:
    """Nor for anything with a red flag: a row is approved by its look."""
    proposed = {number for one in ran.backtest.proposals for number in one.incidents}
    honest = {one.outcome.number for one in ran.backtest.compared if past_of(ran, one).word in HONEST}
    attacks = {
        one.outcome.number for one in ran.backtest.compared if past_of(ran, one).truth.label == "attack"
    }

    assert proposed <= honest
    assert not proposed & attacks


def test_nothing_was_written_to_the_workspace(ran: Ran) -> None:
    """Every call that arrived is a GET, or a question that is asked by POST; parts of a batch are GETs."""
    assert {"GET", "POST"} == {call.method for call in ran.calls}
    posts = {call.path for call in ran.calls if call.method == "POST"}
    assert not [path for path in posts if not path.endswith(READS_BY_POST)]


async def test_clients_that_only_read_refuse_each_write_before_it_is_sent(month: Month) -> None:
    """Comment, task, update and queue: refused here, and nothing arrives."""
    async with month.workspace() as (workspace, past):
        settings = read_settings(environment_of(month, workspace))
        path = workspace.workspace_id.split("/")
        incident_id = IncidentId(path[2], path[4], path[8], past[0].name)
        async with connect(settings, {}, read_only=True) as clients:
            incident = await clients.incidents.read(incident_id)
            arrived = len(workspace.calls)
            writes = (
                clients.incidents.add_comment(incident_id, PART_ID, "words"),
                clients.incidents.add_task(incident_id, PART_ID, title="t", description="d"),
                clients.incidents.update(incident, IncidentChange(status=Status.CLOSED)),
            )
            for write in writes:
                with pytest.raises(WriteRefused):
                    await write
            with pytest.raises(WriteRefused):
                _ = clients.messages
        assert arrived == len(workspace.calls)


@pytest.mark.parametrize(
    ("method", "url", "body"),
    [
        ("PUT", "/subscriptions/s/providers/Microsoft.SecurityInsights/incidents/i", b"{}"),
        ("PUT", "/subscriptions/s/providers/Microsoft.SecurityInsights/incidents/i/comments/c", b"{}"),
        ("DELETE", "/subscriptions/s/providers/Microsoft.SecurityInsights/incidents/i", b""),
        ("PATCH", "/v1.0/security/incidents/7", b"{}"),
        ("POST", "/v1.0/security/incidents/7/comments", b"{}"),
        ("POST", "/subscriptions/s/providers/Microsoft.SecurityInsights/incidents/i/runPlaybook", b"{}"),
        ("POST", "/subscriptions/s/incidents/i/alerts/../comments", b"{}"),
        ("POST", "/v1.0/$batch", b'{"requests": [{"method": "GET"}, {"method": "PATCH"}]}'),
        ("POST", "/v1.0/$batch", b'{"requests": []}'),
        ("POST", "/v1.0/$batch", b"not json"),
        ("POST", "/v1/workspaces/w/query/x", b"{}"),
    ],
)
def test_what_is_no_read_is_refused(method: str, url: str, body: bytes) -> None:
    """By method and place; a batch by every part of it."""
    with pytest.raises(WriteRefused):
        refuse_write(method, f"https://example.com{url}", body)


@pytest.mark.parametrize(
    ("method", "url", "body"),
    [
        ("GET", "/v1.0/users?$filter=x", b""),
        ("POST", "/v1/workspaces/00000000-0000-0000-0000-0000000000aa/query", b"{}"),
        ("POST", "/subscriptions/s/providers/Microsoft.SecurityInsights/incidents/i/alerts?x=1", b""),
        ("POST", "/subscriptions/s/providers/Microsoft.SecurityInsights/incidents/i/entities", b""),
        ("POST", "/v1.0/$batch", b'{"requests": [{"method": "GET"}, {"method": "get"}]}'),
        ("POST", "/v1.0/%24batch", b'{"requests": [{"method": "GET"}]}'),
    ],
)
def test_a_read_passes(method: str, url: str, body: bytes) -> None:
    """Questions by POST as well."""
    refuse_write(method, f"https://example.com{url}", body)


async def test_the_list_is_read_page_by_page_and_by_rule(month: Month) -> None:
    """Every incident of the rules in the span, oldest first, whatever the page; none of other rules."""
    async with month.workspace() as (workspace, past):
        settings = read_settings(environment_of(month, workspace))
        async with connect(settings, {}, read_only=True) as clients:
            listing = clients.incident_list(settings.workspaces[0])
            rules = frozenset({RULE, "b0d9a6c2-6b1e-4a57-9f0e-6c1d7a1f2e34"})
            found, lost = await listing.created_between(START, END, rule_ids=rules, page=7)
            none, _ = await listing.created_between(START, END, rule_ids=frozenset({"another"}))
            part, _ = await listing.created_between(START, past[9].created, rule_ids=rules)
            closings = await listing.closing_times(START, NOW, rule_ids=rules)

    ordered = [one.name for one in sorted(past, key=lambda one: (one.created, one.name))]
    assert set(ordered) == {one.incident.id.name for one in found}
    assert sorted(one.incident.created for one in found) == [one.incident.created for one in found]
    assert ((), ()) == (none, lost)
    assert {one.name for one in past if one.created < past[9].created} == {o.incident.id.name for o in part}
    assert isinstance(closings, Found)
    assert {one.name: one.created + one.took for one in past if one.took} == dict(closings.value)


async def test_an_incident_that_cannot_be_read_is_told_with_its_cause_and_the_rest_goes_on(
    month: Month,
) -> None:
    """A lasting fault of one incident, and of one account's look-up: named, counted, never lost."""
    async with month.workspace() as (workspace, past):
        broken = past[0].name
        workspace.faults.add(Fault(kind=FaultKind.STATUS, status=404, path=f"*/incidents/{broken}"))
        settings = read_settings(environment_of(month, workspace))
        asked = ask(
            settings,
            playbook="mailbox_export",
            start=START,
            end=past[2].created,
            minutes_per_incident=MINUTES,
        )
        asked = replace(asked, bench=replace(asked.bench, now=lambda: NOW))
        heard: list[tuple[int, int]] = []
        async with connect(settings, {}, read_only=True) as clients:
            found = await run_backtest(clients, asked, told=lambda *count: heard.append(count))

    assert [broken] == [one.outcome.incident_id.name for one in found.unjudged]
    (one,) = found.unjudged
    assert isinstance(one.judged, Unjudged)
    assert "Microsoft Sentinel: not found" in one.judged.cause
    assert len([p for p in past if p.created < past[2].created]) == len(found.compared)
    assert (len(found.compared), len(found.compared)) == heard[-1]
    assert [count for count, _ in heard] == sorted(count for count, _ in heard)


async def test_incidents_of_the_defender_portal_are_judged_alike(month: Month) -> None:
    """The list comes from Sentinel, which has them all; each is read as the settings say, by GETs alone."""

    def in_portal(tenant: dict[str, Any]) -> None:
        tenant["settings"]["incidents"] = "graph"

    async with month.workspace(change=in_portal) as (workspace, past):
        settings = read_settings(environment_of(month, workspace, TRIAGE_INCIDENTS="graph"))
        end = past[2].created
        asked = ask(settings, playbook="mailbox_export", start=START, end=end, minutes_per_incident=MINUTES)
        async with connect(settings, {}, read_only=True) as clients:
            found = await run_backtest(clients, asked)
        calls = workspace.calls

    assert [Would.CLOSE, Would.CLOSE] == [would_of(one) for one in found.compared]
    assert [one.word for one in past[:2]] == [one.outcome.word.value for one in found.compared]
    assert "/v1.0/security/incidents/{id}" in {call.path for call in calls}
    assert not [c for c in calls if c.method != "GET" and not c.path.endswith(READS_BY_POST)]


async def test_an_incident_too_young_to_be_decided_is_told_so(month: Month) -> None:
    """Nothing is claimed about what the function would still wait for."""
    async with month.workspace() as (workspace, past):
        settings = read_settings(environment_of(month, workspace))
        first = min(past, key=lambda one: one.created)
        now = first.created + timedelta(minutes=16)
        asked = ask(settings, playbook="mailbox_export", start=START, end=now, minutes_per_incident=MINUTES)
        asked = replace(asked, bench=replace(asked.bench, now=lambda: now))
        async with connect(settings, {}, read_only=True) as clients:
            found = await run_backtest(clients, asked)

    assert ["triage would not decide before"] == [
        one.judged.cause[:30] for one in found.unjudged if isinstance(one.judged, Unjudged)
    ]


T0 = datetime(2025, 11, 3, 12, tzinfo=UTC)
INCIDENT = fake_incident(hosts=["exch01.contoso.com"], start=T0, end=T0)


def listed(classification: str = "", **changes: Any) -> ListedIncident:
    """An incident of a list."""
    return ListedIncident(
        incident=replace(INCIDENT, **changes),
        classification=classification,
        classification_reason="",
        modified=T0 + timedelta(hours=9),
    )


@pytest.mark.parametrize(
    ("one", "word"),
    [
        (listed(), Word.OPEN),
        (listed(status=Status.ACTIVE, owner=Owner(key="a", shown="Ann")), Word.OPEN),
        (listed("TruePositive", status=Status.CLOSED), Word.TRUE_POSITIVE),
        (listed("BenignPositive", status=Status.CLOSED), Word.BENIGN_POSITIVE),
        (listed("FalsePositive", status=Status.CLOSED), Word.FALSE_POSITIVE),
        (listed("Undetermined", status=Status.CLOSED), Word.UNDETERMINED),
        (listed("", status=Status.CLOSED), Word.UNDETERMINED),
        (listed("SomethingNew", status=Status.CLOSED), Word.UNDETERMINED),
        (listed("BenignPositive", status=Status.CLOSED, labels=("Redirected",)), Word.MERGED),
        (
            listed(
                "BenignPositive",
                status=Status.CLOSED,
                labels=("triage-closed",),
                classification_comment="mailbox-export-triage: covered",
            ),
            Word.TRIAGE,
        ),
    ],
)
def test_what_became_of_an_incident(one: ListedIncident, word: Word) -> None:
    """A person's classification counts; a close of our own, and a merge, is nobody's opinion."""
    assert word is outcome_of(one, Absent("log")).word


@pytest.mark.parametrize(
    ("closings", "hours", "exact"),
    [
        (Found({INCIDENT.id.name: T0 + timedelta(hours=2)}), 2, True),
        (Found({}), 9, False),
        (Found({INCIDENT.id.name: T0 - timedelta(hours=2)}), 9, False),
        (Unavailable("Log Analytics", "403"), 9, False),
    ],
)
def test_the_closing_time_is_the_logs_or_at_most_the_last_change(
    closings: Lookup[dict[str, datetime]], hours: int, *, exact: bool
) -> None:
    """Where the log does not know it, the incident's last change is an upper bound, and marked as one."""
    outcome = outcome_of(listed("BenignPositive", status=Status.CLOSED), closings)

    assert (timedelta(hours=hours), exact) == (outcome.time_to_close, outcome.exact)


def test_an_incident_is_judged_as_if_nobody_had_taken_it() -> None:
    """Open, unowned, without words and labels of the triage; other labels stay."""
    taken = replace(
        INCIDENT,
        status=Status.CLOSED,
        owner=Owner(key="a", shown="Ann"),
        labels=("Triage-Closed", "triage-reopened", "VIP"),
        classification_comment="done",
    )

    assert replace(INCIDENT, labels=("VIP",)) == as_created(taken)


def closing(number: int, minutes: int, *, sampled: bool = False, would: Would = Would.CLOSE) -> Compared:
    """An incident that would have been closed so many minutes after noon."""
    decided = T0 + timedelta(minutes=minutes)
    outcome = Outcome(
        incident_id=IncidentId("s", "g", "w", f"{number:04}"),
        number=number,
        title="",
        url="",
        created=T0,
        word=Word.OPEN,
    )
    judged = Judged(would=would, decided=decided, headline="", reasons=(), sampled=sampled)
    return Compared(outcome, judged)


def test_the_close_limit_is_replayed_in_the_order_of_the_decisions() -> None:
    """More than the limit within 24 hours: held back, and what is held back does not count itself."""
    burst = [closing(n, n) for n in range(5)]
    day = 24 * 60
    later = [closing(9, day + 2), closing(8, 3 * day)]
    others = [closing(20, 0, sampled=True), closing(21, 0, would=Would.ESCALATE)]

    beyond = beyond_limit([*reversed(burst), *later, *others], limit=2)

    assert {"0003": 3, "0004": 3} == {incident.name: count for incident, count in beyond.items()}


def closes_of_one_day(past: list[Past]) -> tuple[Past, Past]:
    """The first two incidents that may close, by the truth, less than a day apart."""
    may_close = sorted((one for one in past if one.truth.expected == "close"), key=lambda one: one.created)
    pairs = pairwise(may_close)
    return next((one, other) for one, other in pairs if other.created - one.created < timedelta(hours=20))


async def test_what_exceeds_the_close_limit_is_escalated_by_the_playbook_itself(month: Month) -> None:
    """With a limit of nothing, the second close within a day is an escalation with that reason."""
    async with month.workspace() as (workspace, past):
        settings = read_settings(environment_of(month, workspace, TRIAGE_CLOSE_LIMIT="0"))
        one, other = closes_of_one_day(past)
        start, end = one.created - timedelta(minutes=1), other.created + timedelta(minutes=1)
        asked = ask(settings, playbook="mailbox_export", start=start, end=end, minutes_per_incident=MINUTES)
        async with connect(settings, {}, read_only=True) as clients:
            found = await run_backtest(clients, asked)

    judged = {each.outcome.incident_id.name: each.judged for each in found.compared}
    first, second = judged[one.name], judged[other.name]
    assert isinstance(first, Judged)
    assert isinstance(second, Judged)
    assert (Would.CLOSE, Would.ESCALATE) == (first.would, second.would)
    assert ["close_limit"] == [told.code for told in second.reasons if told.against]


def open_work(number: int, word: Word, runner: str, *, row: str, severity: str = "Medium") -> Compared:
    """An incident that would be escalated, for want of a row."""
    done = Work(what="export", time=T0, host="h", runner=runner, parent="p", command=f"export {number}")
    judged = Judged(
        would=Would.ESCALATE,
        decided=T0,
        headline="",
        reasons=(),
        severity=severity,
        work=(done,),
        rows=(RowProposal(row=row, changes=(f"Hosts: add h{number}",)),) if row else (),
    )
    return Compared(replace(closing(number, number).outcome, word=word), judged)


def test_the_row_that_saves_most_comes_first_and_one_of_an_attacker_last() -> None:
    """Ranked by hours; once is not recurring; the account of a true positive is named as such."""
    honest, attack = Word.BENIGN_POSITIVE, Word.TRUE_POSITIVE
    small = [open_work(n, honest, "a", row="small") for n in (1, 2)]
    large = [open_work(n, Word.FALSE_POSITIVE, "b", row="large") for n in (3, 4, 5)]
    stolen = [open_work(n, honest, "mallory", row="stolen") for n in (6, 7, 8, 9)]
    others = [
        open_work(10, honest, "c", row="once"),
        open_work(11, Word.OPEN, "a", row="small"),
        open_work(12, attack, "mallory", row=""),
        open_work(13, attack, "d", row="large"),
    ]
    question = Question(playbook="p", title="P", workspaces=("w",), start=T0, end=T0, minutes_per_incident=30)

    found = compare(question, [*small, *large, *stolen, *others]).proposals

    assert [("large", 1.5, ()), ("small", 1.0, ()), ("stolen", 2.0, (12,))] == [
        (one.row, one.hours, one.attacks) for one in found
    ]
    assert ("Hosts: add h3", "Hosts: add h4", "Hosts: add h5") == found[0].changes
    assert "export 3" == found[0].example


def test_what_people_closed_as_honest_and_triage_raises_to_high_is_told_apart(ran: Ran) -> None:
    """An attack with a red flag that an analyst closed as honest is among them."""
    missed = {
        name
        for name, past in ran.past.items()
        if past.truth.label == "attack" and past.word in HONEST and past.truth.scenario == "proxyshell"
    }

    assert missed
    assert missed <= {one.outcome.incident_id.name for one in ran.backtest.alarming}
    assert set(ran.backtest.alarming) < set(ran.backtest.escalated_benign)


async def test_rows_of_today_count_as_in_force_then() -> None:
    """What was entered or begins later is taken as older; what was there already stays as it is."""
    before = datetime(2025, 1, 1, tzinfo=UTC)
    old = WatchlistItem(cells={"ValidFrom": "2024-01-01T00:00:00Z", "JobName": "a"}, updated=before)
    new = WatchlistItem(cells={"ValidFrom": "2025-11-20T00:00:00Z", "JobName": "b"}, updated=NOW)
    odd = WatchlistItem(cells={"ValidFrom": "soon", "JobName": "c"}, updated=before)

    class Lists:
        """A register of three rows."""

        async def items(self, alias: str, *, optional: bool = False) -> Lookup[tuple[WatchlistItem, ...]]:  # noqa: ARG002
            """The rows, or no watchlist."""
            return Found((old, new, odd)) if alias == "jobs" else Absent(alias)

    today = RegistersOfToday(Lists(), Memory())
    then = RegistersOfToday(Lists(), Memory(), in_force_at=T0)
    aged = WatchlistItem(cells={"ValidFrom": T0.isoformat(), "JobName": "b"}, updated=T0)

    assert Found((old, new, odd)) == await today.items("jobs")
    assert Found((old, aged, odd)) == await then.items("jobs")
    assert Absent("cases") == await then.items("cases")


async def test_an_answer_is_asked_for_once_unless_a_repeat_may_cure_it() -> None:
    """Kept: what was found, absent, or is lastingly out of reach. Asked again: what failed in passing."""
    asked: list[str] = []

    async def answer(name: str, value: Lookup[int]) -> Lookup[int]:
        asked.append(name)
        return value

    memory = Memory()
    answers: dict[str, Lookup[int]] = {
        "found": Found(1),
        "absent": Absent("s"),
        "lasting": Unavailable("s", "403", lasting=True),
        "passing": Unavailable("s", "503"),
    }
    for _ in range(2):
        for name, value in answers.items():
            assert value == await memory.once(name, lambda name=name, value=value: answer(name, value))

    assert Counter({"found": 1, "absent": 1, "lasting": 1, "passing": 2}) == Counter(asked)


async def command(month: Month, workspace: LocalWorkspace, *arguments: str, **more: str) -> Any:
    """The command with the month's settings in its environment; its answer."""
    environment = environment_of(month, workspace, **more)
    call = ("backtest", "--until", "2025-10-22", "--days", "3", *arguments)
    return await asyncio.to_thread(CliRunner().invoke, app, call, env=environment)


async def test_the_command_tells_what_is_grave_first_and_says_so_by_its_status(
    month: Month, tmp_path: Path
) -> None:
    """A true positive that would be closed: status 1, first line; page and JSON in the folder."""
    async with month.workspace() as (workspace, past):
        first = next(one for one in past if one.truth.expected == "close")
        workspace.edit_incident(
            first.name,
            status="Closed",
            classification="TruePositive",
            classification_reason="SuspiciousActivity",
        )
        ended = await command(month, workspace, "--out", str(tmp_path / "new" / "out"))
        calls = workspace.calls

    assert 1 == ended.exit_code, ended.output
    assert ended.stdout.startswith("WOULD CLOSE A TRUE POSITIVE: #1 ")
    document = json.loads((tmp_path / "new" / "out" / "backtest.json").read_text())
    assert [first.name] == [one["id"].rpartition("/")[2] for one in document["wouldCloseTruePositive"]]
    page = (tmp_path / "new" / "out" / "report.html").read_text()
    assert "would have been closed.</b>" in page
    assert "None of the" not in page
    assert {"GET", "POST"} == {call.method for call in calls}


async def test_json_is_one_document_and_a_good_run_ends_with_zero(month: Month, tmp_path: Path) -> None:
    """Settings from a file win over the environment; nothing but the document is on stdout."""
    async with month.workspace() as (workspace, past):
        for one in past:
            workspace.edit_incident(one.name, status="New")
        file = tmp_path / "local.settings.json"
        file.write_text(json.dumps({"IsEncrypted": False, "Values": environment_of(month, workspace)}))
        out = ("--out", str(tmp_path / "out"), "--settings", str(file), "--json")
        ended = await command(month, workspace, *out, TRIAGE_DOMAINS="not read")

    assert 0 == ended.exit_code, ended.output
    document = json.loads(ended.stdout)
    assert {"still open"} == {row["people"] for row in document["matrix"]}
    assert 0 == document["summary"]["hoursSaved"]
    assert document == json.loads((tmp_path / "out" / "backtest.json").read_text())


@pytest.mark.parametrize(
    ("arguments", "more", "words"),
    [
        (("--playbook", "nothing"), {}, "there is no playbook 'nothing'"),
        (("--settings", "missing.json"), {}, "missing.json cannot be read as JSON"),
        ((), {"TRIAGE_TIME_ZONE": "Mars"}, "TRIAGE_TIME_ZONE: not an IANA time zone"),
        ((), {"TRIAGE_LOCAL_TOKEN": "wrong"}, "needs the role Microsoft Sentinel Reader on the workspace"),
    ],
)
async def test_bad_input_ends_with_two_and_says_what_to_do(
    month: Month, tmp_path: Path, arguments: tuple[str, ...], more: dict[str, str], words: str
) -> None:
    """No traceback, no report; with --json the same as a document."""
    async with month.workspace() as (workspace, _):
        ended = await command(month, workspace, *arguments, "--out", str(tmp_path / "o"), "--json", **more)

    assert 2 == ended.exit_code, ended.output
    assert words in ended.stderr
    assert words in json.loads(ended.stdout)["errors"][0]["message"]
    assert not (tmp_path / "o").exists()


@pytest.fixture
def opened(ran: Ran, tmp_path: Path) -> Iterator[Any]:
    """The page of the month in Debian's Chromium, with all that it complained about or fetched."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("there is no Chromium on this machine")
    hostile = "<script>alert(1)</script><img src=https://192.0.2.7/x onerror=alert(1)>\u202e"
    first, *rest = ran.backtest.grave
    outcome = replace(first.outcome, title=hostile, comment=hostile, url="javascript:alert(1)")
    shown = replace(ran.backtest, grave=(Compared(outcome, first.judged), *rest))
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=["--headless", "--no-sandbox"])
        page = browser.new_page()
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: (complaints.append("dialog"), dialog.dismiss()))
        page.on("request", lambda request: complaints.append(request.url))
        page.goto(write_backtest(shown, tmp_path).as_uri())
        yield page
        browser.close()
    assert [(tmp_path / "report.html").as_uri()] == complaints


def test_the_page_shows_the_figures_and_runs_nothing(opened: Any, ran: Ran) -> None:
    """One page without outside resources; hostile text is shown and does nothing."""
    grave = opened.locator("section[aria-labelledby=h-grave] details")

    assert len(ran.backtest.grave) == grave.count()
    assert "would have been closed." in opened.locator(".banner").inner_text()
    assert "<script>alert(1)</script>" in grave.first.inner_text()
    assert "[U+202E]" in grave.first.inner_text()
    assert 0 == opened.locator("script, img, a[href^=javascript]").count()
    assert len(ran.backtest.compared) == opened.locator("section[aria-labelledby=h-all] details.case").count()
    assert f"{ran.backtest.hours_saved:.1f}".removesuffix(".0") in opened.locator(".figures").inner_text()
