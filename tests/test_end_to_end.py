"""From log rows to what is left in Sentinel, with `function_app.py` unchanged behind HTTP and a queue.

Everything runs on loopback: the function in a Functions host of its own process, Azure in this one.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from simulator.catalogues import family
from simulator.chain.chain import Chain
from simulator.chain.folder import Folder, read_folder
from simulator.chain.replaying import Replayed, replay_folder
from simulator.chain.results import Left, Outcome
from simulator.generate import generate
from simulator.organisation import FIRST_DAY
from simulator.workspace import Fault, FaultKind

pytestmark = pytest.mark.asyncio(loop_scope="session")

CLOSABLE, ATTACKS = family("closable") or (), family("attacks") or ()
SETTLED = FIRST_DAY.replace(year=FIRST_DAY.year - 1)
"""Long past, so that every window is over; the generator's own registers move with it."""


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """Days in which every closable scenario and every attack happens once."""
    out = tmp_path_factory.mktemp("day")
    generate(11, out=out, start=SETTLED, days=6, events=3_000, attacks="attacks", benign="closable")
    return read_folder(out)


@pytest.fixture(scope="session")
def rows(folder: Folder) -> dict[str, list[dict[str, Any]]]:
    """The log rows of each sequence by scenario, with one later row of another host: logs are complete."""
    events = [json.loads(line) for line in folder.events.read_text().splitlines()]
    by_uid = {event["EventOriginalUid"]: event for event in events}
    members = [json.loads(line) for line in (folder.path / "truth.jsonl").read_text().splitlines()]
    return {one["scenario"]: _with_later_row([by_uid[uid] for uid in one["events"]]) for one in members}


def _with_later_row(sequence: list[dict[str, Any]]) -> list[dict[str, Any]]:
    last = max(datetime.fromisoformat(row["TimeGenerated"]) for row in sequence)
    later = {
        "TimeGenerated": (last + timedelta(minutes=61)).isoformat(),
        "DvcFQDN": "ws-other.contoso.com",
        "EventType": "ProcessCreated",
        "TargetProcessName": "C:\\Windows\\System32\\svchost.exe",
    }
    return [*sequence, later]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chain(folder: Folder) -> AsyncIterator[Chain]:
    """The chain in act mode, shared: each test begins it anew."""
    async with Chain(folder.tenant) as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def replayed(chain: Chain, folder: Folder) -> dict[str, Replayed]:
    """The whole folder through the chain, by scenario: the incident of the scenario's own playbook."""
    await chain.begin(folder.tenant)
    incidents = await replay_folder(chain, folder, decided=lambda _: None)
    return {
        truth.scenario: one
        for one in incidents
        for truth in one.truths
        if one.gathering.playbook == truth.playbook
    }


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def outage(folder: Folder, rows: dict[str, list[dict[str, Any]]]) -> AsyncIterator[asyncio.Task[Left]]:
    """An incident whose directory is down for ever, on a chain of its own beside the other tests.

    Five attempts with their repeats take about a minute, so it starts first and is looked at last.
    """
    async with Chain(folder.tenant) as failing:
        name = await begin(failing, folder, rows["self_export"])
        failing.workspace.faults.add(Fault(kind=FaultKind.STATUS, service="graph", status=503))
        waiting = asyncio.create_task(triaged(failing, name, seconds=110))
        yield waiting
        waiting.cancel()


async def begin(chain: Chain, folder: Folder, events: list[dict[str, Any]]) -> str:
    """The one incident of mailbox exports in these events, not yet triggered."""
    await chain.begin(folder.tenant, events=events)
    (gathering,) = (one for one in chain.watch() if one.playbook == "mailbox_export")
    return chain.make_incident(gathering)


async def triaged(chain: Chain, name: str, *, seconds: float = 60) -> Left:
    """What is left of the incident once the queue is empty."""
    await chain.trigger(name, whole=False)
    await chain.drained(seconds=seconds)
    return chain.left(name)


async def test_the_folder_holds_every_closable_scenario_and_every_attack(folder: Folder) -> None:
    """Otherwise the tests below prove less than they say."""
    assert {s.name for s in (*CLOSABLE, *ATTACKS)} == {truth.scenario for truth in folder.truths}


@pytest.mark.parametrize("scenario", CLOSABLE, ids=lambda scenario: scenario.name)
async def test_registered_work_is_closed(scenario: Any, replayed: dict[str, Replayed]) -> None:
    """Closed as BenignPositive with one comment that names the scenario, one label, no task."""
    left = replayed[scenario.name].left

    assert ("Closed", "BenignPositive", ("triage-closed",), ()) == (
        left.status,
        left.classification,
        left.labels,
        left.tasks,
    )
    assert 1 == len(left.comments)
    assert left.record is not None
    assert set(scenario.scenarios) == set(left.record.scenarios)


@pytest.mark.parametrize("scenario", ATTACKS, ids=lambda scenario: scenario.name)
async def test_an_attack_stays_open_and_says_why(scenario: Any, replayed: dict[str, Replayed]) -> None:
    """Open, unclassified, one comment, one task, one label, and the reasons that the scenario is about."""
    left = replayed[scenario.name].left

    assert ("New", "", ("triage-escalated",)) == (left.status, left.classification, left.labels)
    assert (1, 1) == (len(left.comments), len(left.tasks))
    assert left.record is not None
    assert set(scenario.reasons) <= set(left.record.reasons)


async def test_the_same_incident_posted_three_times_is_triaged_once(
    chain: Chain, folder: Folder, rows: dict[str, list[dict[str, Any]]]
) -> None:
    """202 each time under the same operation id; one comment, one task, one label."""
    name = await begin(chain, folder, rows["dark_halo"])
    body = chain.workspace.trigger_body(name)

    answers = [await chain.post(body) for _ in range(3)]
    await chain.drained()
    left = chain.left(name)

    assert [202, 202, 202] == [status for status, _ in answers]
    assert 1 == len({answer["operationId"] for _, answer in answers})
    assert (1, 1, ("triage-escalated",)) == (len(left.comments), len(left.tasks), left.labels)


async def test_a_closed_incident_posted_again_is_left_alone(
    chain: Chain, folder: Folder, rows: dict[str, list[dict[str, Any]]]
) -> None:
    """The second delivery writes nothing at all."""
    name = await begin(chain, folder, rows["compliance_job"])
    before = await triaged(chain, name)

    after = await triaged(chain, name)

    assert Outcome.CLOSED is before.outcome
    assert before == after


FAULTS = {
    "no permission for risk": Fault(
        kind=FaultKind.STATUS, service="graph", status=403, path="*identityProtection/riskyUsers*"
    ),
    "partial log answers": Fault(kind=FaultKind.PARTIAL, service="logs"),
    "empty watchlist": Fault(kind=FaultKind.STATUS, service="arm", status=404, path="*MailboxExportHosts*"),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
async def test_what_cannot_be_checked_is_never_closed(
    chain: Chain, folder: Folder, rows: dict[str, list[dict[str, Any]]], fault: Fault
) -> None:
    """Work that would close stays open when a source fails, and the comment says what was not checked."""
    name = await begin(chain, folder, rows["self_export"])
    chain.workspace.faults.add(fault)

    left = await triaged(chain, name)

    assert Outcome.ESCALATED is left.outcome
    assert 1 == len(left.comments)
    assert "Not checked" in left.comments[0]
    assert left.record is not None
    assert "source_unavailable" in left.record.reasons


async def test_without_its_watchlist_nothing_closes(
    chain: Chain, folder: Folder, rows: dict[str, list[dict[str, Any]]]
) -> None:
    """A register that does not exist is no empty register."""
    lists = {k: v for k, v in folder.tenant["watchlists"].items() if k != "MailboxExportJobs"}
    await chain.begin({**folder.tenant, "watchlists": lists}, events=rows["compliance_job"])
    (gathering,) = chain.watch()

    left = await triaged(chain, chain.make_incident(gathering))

    assert Outcome.ESCALATED is left.outcome
    assert "MailboxExportJobs" in left.comments[0]


async def test_a_fault_that_passes_changes_nothing(
    chain: Chain, folder: Folder, rows: dict[str, list[dict[str, Any]]]
) -> None:
    """A few failed calls of each service are repeated, and the work is closed all the same."""
    name = await begin(chain, folder, rows["self_export"])
    for service in ("graph", "logs", "arm"):
        chain.workspace.faults.add(Fault(kind=FaultKind.STATUS, service=service, status=503, times=2))

    left = await triaged(chain, name)

    assert Outcome.CLOSED is left.outcome
    assert 1 == len(left.comments)


INCIDENT = (
    "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg-soc/providers"
    "/Microsoft.OperationalInsights/workspaces/law-soc/providers/Microsoft.SecurityInsights"
    "/incidents/11111111-1111-1111-1111-111111111111"
)
STRANGER = INCIDENT.replace("law-soc", "law-elsewhere")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "body_not_object"),
        (b"[]", 400, "body_not_object"),
        (b"{}", 400, "incident_id_missing"),
        (b"not json", 400, "body_not_json"),
        (b"{} {}", 400, "body_not_json"),
        (b"\xff\xfe{}", 400, "body_not_json"),
        (b"[" * 100_000, 400, "body_too_deep"),
        (json.dumps({"object": {"id": INCIDENT + "/../x"}}).encode(), 400, "incident_id_invalid"),
        (json.dumps({"object": {"id": INCIDENT + "/comments/1"}}).encode(), 400, "not_an_incident_id"),
        (json.dumps({"object": {"id": STRANGER}}).encode(), 403, "incident_not_allowed"),
    ],
    ids=["empty", "list", "nothing", "words", "two", "utf-16", "deep", "dots", "comment", "stranger"],
)  # fmt: skip
async def test_a_bad_body_is_refused_in_words_and_nothing_is_queued(
    chain: Chain, body: bytes, status: int, code: str
) -> None:
    """The documented status with code, message and correlation id; no call to any service follows."""
    calls = len(chain.workspace.calls)

    answered, answer = await chain.send(body)
    await chain.drained(seconds=5)

    assert (status, code) == (answered, answer["error"]["code"])
    assert {"code", "message", "correlationId"} == set(answer["error"])
    assert calls == len(chain.workspace.calls)


async def test_without_a_key_nobody_gets_in(chain: Chain) -> None:
    """401, as the platform answers."""
    status, _ = await chain.send(b"{}", key="")

    assert 401 == status


async def test_a_preview_writes_nothing(
    chain: Chain, folder: Folder, rows: dict[str, list[dict[str, Any]]]
) -> None:
    """It answers the verdict and the comment it would write, and leaves the incident as it was."""
    name = await begin(chain, folder, rows["ediscovery_case"])
    before = chain.left(name)

    status, answer = await chain.post(
        chain.workspace.trigger_body(name), path="playbooks/mailbox_export/preview"
    )

    assert (200, "close", ["ediscovery"]) == (status, answer["verdict"], answer["scenarios"])
    assert "ediscovery" in answer["comment"]
    assert before == chain.left(name)


async def test_what_a_body_says_is_no_evidence(
    chain: Chain, folder: Folder, rows: dict[str, list[dict[str, Any]]]
) -> None:
    """A body that calls an attack benign, on another host, by another rule, is read for its id alone."""
    name = await begin(chain, folder, rows["proxyshell"])
    body = chain.workspace.trigger_body(name)
    body |= {"benign": True, "verdict": "close"}
    body["object"]["properties"] |= {"relatedEntities": [], "status": "Closed", "title": "Benign"}

    status, _ = await chain.post(body)
    await chain.drained()

    assert 202 == status
    assert Outcome.ESCALATED is chain.left(name).outcome


async def test_observe_mode_only_comments_and_labels(
    folder: Folder, rows: dict[str, list[dict[str, Any]]]
) -> None:
    """What would close and what would escalate: comment and label `triage-observed`, nothing else changes."""
    async with Chain(folder.tenant, mode="observe") as observing:
        for scenario, word in (("compliance_job", "close"), ("dark_halo", "escalate")):
            name = await begin(observing, folder, rows[scenario])
            before = observing.left(name)

            left = await triaged(observing, name)

            assert ("New", "", before.severity) == (left.status, left.classification, left.severity)
            assert (1, (), ("triage-observed",)) == (len(left.comments), left.tasks, left.labels)
            assert left.record is not None
            assert word == left.record.verdict


async def test_a_message_whose_attempts_all_fail_is_escalated_by_the_poison_function(
    folder: Folder, rows: dict[str, list[dict[str, Any]]]
) -> None:
    """The host gives up before the function does; the incident is escalated without directory and logs."""
    once = {"AzureFunctionsJobHost__extensions__queues__maxDequeueCount": "1"}
    async with Chain(folder.tenant, settings=once) as failing:
        name = await begin(failing, folder, rows["compliance_job"])
        failing.workspace.faults.add(Fault(kind=FaultKind.PARTIAL, service="logs"))

        left = await triaged(failing, name)

        assert Outcome.ESCALATED is left.outcome
        assert (1, "Medium") == (len(left.comments), left.severity)


async def test_the_host_logs_no_secret(chain: Chain, replayed: dict[str, Replayed]) -> None:
    """Neither the key nor the token stands in the log of a run without faults."""
    del replayed
    assert chain.host.function_key not in chain.host.log
    assert chain.workspace.token not in chain.host.log


async def test_an_outage_without_end_is_escalated(outage: asyncio.Task[Left]) -> None:
    """Every attempt meets 503 from Graph; after the last one the work that would close stays open."""
    left = await outage

    assert Outcome.ESCALATED is left.outcome
    assert (1, 1) == (len(left.comments), len(left.tasks))
    assert "Not checked" in left.comments[0]
    assert "503" in left.comments[0]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def portal(folder: Folder) -> AsyncIterator[Chain]:
    """The chain of the same organisation with its workspace in the Defender portal."""
    tenant = in_portal(folder)
    async with Chain(tenant) as running:
        yield running


def in_portal(folder: Folder) -> dict[str, Any]:
    """The organisation, its incidents read and written over Microsoft Graph."""
    return {**folder.tenant, "settings": {**(folder.tenant.get("settings") or {}), "incidents": "graph"}}


async def begin_in_portal(chain: Chain, folder: Folder, events: list[dict[str, Any]]) -> str:
    """The one incident of mailbox exports in these events, in the Defender portal, not yet triggered."""
    await chain.begin(in_portal(folder), events=events)
    (gathering,) = (one for one in chain.watch() if one.playbook == "mailbox_export")
    return chain.make_incident(gathering)


def writes(chain: Chain) -> set[tuple[str, str]]:
    """Services and methods of the calls that changed something."""
    asked = ("alerts", "entities", "$batch", "query")
    return {
        (call.service, call.method)
        for call in chain.workspace.calls
        if call.method in ("PUT", "PATCH", "POST") and not call.path.endswith(asked)
    }


@pytest.mark.parametrize("scenario", ["compliance_job", "self_export"])
async def test_registered_work_is_closed_over_graph(
    scenario: str, portal: Chain, folder: Folder, rows: dict[str, list[dict[str, Any]]]
) -> None:
    """As over Resource Manager, which nothing is written to; Sentinel shows BenignPositive."""
    name = await begin_in_portal(portal, folder, rows[scenario])

    left = await triaged(portal, name)

    assert ("Closed", "BenignPositive", ("triage-closed",)) == (left.status, left.classification, left.labels)
    assert {("graph", "PATCH"), ("graph", "POST")} == writes(portal)
    assert left.record is not None
    assert "close" == left.record.verdict


async def test_an_attack_stays_open_over_graph(
    portal: Chain, folder: Folder, rows: dict[str, list[dict[str, Any]]]
) -> None:
    """Posted by its number in the portal; there are no tasks, so the comment holds the steps."""
    name = await begin_in_portal(portal, folder, rows["proxyshell"])
    number = portal.workspace.incident(name)["properties"]["providerIncidentId"]

    status, _ = await portal.post({"defenderIncidentId": number})
    await portal.drained()
    left = portal.left(name)

    assert 202 == status
    assert ("New", "High", ("triage-escalated",), ()) == (left.status, left.severity, left.labels, left.tasks)
    assert 1 == len(left.comments)
    assert "Next steps" in left.comments[0]


async def test_a_person_in_between_keeps_the_incident_over_graph(
    portal: Chain, folder: Folder, rows: dict[str, list[dict[str, Any]]]
) -> None:
    """Somebody takes it while evidence is gathered: one comment for them, and nothing else is changed."""
    name = await begin_in_portal(portal, folder, rows["compliance_job"])
    owner = {"userPrincipalName": "sam.analyst@contoso.com"}
    portal.workspace.before_call(
        len(portal.workspace.calls) + 10, lambda: portal.workspace.edit_incident(name, owner=owner)
    )

    left = await triaged(portal, name)

    assert ("New", "", ()) == (left.status, left.classification, left.labels)
    assert (
        owner["userPrincipalName"]
        == (portal.workspace.incident(name)["properties"]["owner"]["userPrincipalName"])
    )
    assert "noted" in left.comments[-1]
