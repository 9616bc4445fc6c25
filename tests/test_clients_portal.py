"""Incidents over Microsoft Graph (Defender portal): reading, rules behind alerts, writes without etags."""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from client_world import MINUTE, NOON, RULE, TENANT, World, alert, new_world

from playbooks.clients import check_permissions
from playbooks.clients.graph_incident_record import counterpart, marked, marks
from playbooks.errors import (
    NotThere,
    Overtaken,
    PermissionMissing,
    SourceError,
    SourceUnavailable,
    WriteConflict,
    WriteRefused,
)
from playbooks.model import (
    Account,
    Classification,
    ClassificationReason,
    Found,
    Host,
    IncidentChange,
    Owner,
    Severity,
    Status,
    Unavailable,
)
from playbooks.ports import Incidents
from playbooks.settings import Workspace
from simulator.workspace import FaultKind

PORTAL = TENANT | {"settings": {"incidents": "graph"}}
INCIDENT = "*/security/incidents/????"
COMMENTS = "*/security/incidents/????/comments"
COMMENT = UUID("c0000000-0000-4000-8000-000000000001")
OTHER_RULE = "99999999-9999-4999-8999-999999999999"
CLOSE = IncidentChange(
    status=Status.CLOSED,
    classification=Classification.BENIGN_POSITIVE,
    classification_reason=ClassificationReason.SUSPICIOUS_BUT_EXPECTED,
    classification_comment="mailbox-export-triage: a registered job",
    add_labels=("triage-closed",),
)
ESCALATION = IncidentChange(severity=Severity.HIGH, add_labels=("triage-escalated",))
TAGS = [{"labelName": "vip", "labelType": "User"}, {"labelName": "Triage-Observed", "labelType": "User"}]


@asynccontextmanager
async def portal_world(**given: Any) -> AsyncIterator[World]:
    """A workspace in the Defender portal with one incident of one alert."""
    async with new_world(PORTAL, TRIAGE_INCIDENTS="graph", **{"written": {"labels": TAGS}} | given) as made:
        yield made


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """See `portal_world`."""
    async with portal_world() as made:
        yield made


def service(world: World) -> Incidents:
    """The port that the settings choose."""
    return world.clients.incidents


def comments(world: World) -> list[str]:
    """Texts of the incident's comments."""
    return [one["properties"]["message"] for one in world.workspace.comments(world.incident_id.name)]


def graph_writes(world: World) -> list[str]:
    """Methods of the calls that change something."""
    return [
        call.method for call in world.workspace.calls if call.method in ("PATCH", "POST", "PUT", "DELETE")
    ]


# Reading


async def test_an_incident_is_read_from_graph_under_sentinels_id(world: World) -> None:
    """Sentinel's incident names its counterpart, whose number is another one than Sentinel's own."""
    read = await service(world).read(world.incident_id)

    assert (world.incident_id, 3001) == (read.id, read.number)
    assert (Status.NEW, Severity.MEDIUM, None) == (read.status, read.severity, read.owner)
    assert (("vip", "Triage-Observed"), frozenset({RULE})) == (read.labels, read.rule_ids)
    assert (NOON, True) == (read.created, read.entities_whole)
    assert (Account(name="ann", nt_domain="CONTOSO"),) == read.accounts
    assert (Host(host_name="EXCH01", dns_domain="contoso.com"),) == read.hosts
    assert isinstance(read.alerts, Found)
    assert [(frozenset({RULE}), NOON, NOON + MINUTE)] == [
        (one.rule_ids, one.start, one.end) for one in read.alerts.value
    ]
    # The SecurityAlert table knows alerts by the product's id, not by Graph's.
    assert (alert(0).system_alert_id,) == read.alert_ids


async def test_a_workspace_outside_the_portal_is_not_guessed_at() -> None:
    """Its numbers are Sentinel's own, and another incident of Graph may have the same."""
    async with new_world(TRIAGE_INCIDENTS="graph") as world:
        with pytest.raises(SourceUnavailable, match="set TRIAGE_INCIDENTS to sentinel"):
            await service(world).read(world.incident_id)

        assert 0 == world.called("graph")


@pytest.mark.parametrize("number", ["", "0", "-1", "1/../2", "12?x=1", "１２", "9" * 20, None, 12])
def test_a_number_that_is_none_is_never_asked_for(number: object) -> None:
    """It becomes part of a path."""
    properties = {"providerName": "Microsoft XDR", "providerIncidentId": number}
    body = {"properties": properties | {"additionalData": {"alertsCount": 1}}}

    with pytest.raises(SourceUnavailable):
        counterpart(body)


async def test_no_call_leaves_for_another_workspace(world: World) -> None:
    """The id is checked before any token or call."""
    other = replace(world.incident_id, workspace="law-other")
    for ask in (service(world).read, service(world).comment_ids):
        with pytest.raises(Exception, match="workspace"):
            await ask(other)

    assert 0 == world.called()


async def test_what_sentinel_has_and_graph_has_not_is_not_gone(world: World) -> None:
    """Only Sentinel's 404 tells that an incident is gone."""
    world.order(FaultKind.STATUS, path=INCIDENT, status=404)
    with pytest.raises(SourceUnavailable, match="though Sentinel does"):
        await service(world).read(world.incident_id)
    world.workspace.faults.clear()
    world.workspace.delete_incident(world.incident_id.name)

    with pytest.raises(NotThere):
        await service(world).read(world.incident_id)


@pytest.mark.parametrize(
    ("members", "rules"),
    [
        ({}, {RULE}),
        ({"rule_id": None, "detector_id": f"law_{OTHER_RULE}", "alert_type": "x"}, {OTHER_RULE}),
        ({"rule_id": None, "detector_id": "", "alert_type": "x"}, set()),
        ({"rule_id": None, "detector_id": "ransomware", "display_name": RULE, "alert_type": "x"}, set()),
    ],
    ids=["sentinel", "custom detection", "none", "a title is no sign"],
)
async def test_the_rule_of_an_alert(members: dict[str, Any], rules: set[str]) -> None:
    """The detector's id; what a product calls its alert says nothing."""
    async with portal_world() as world:
        name = world.incident_id.name
        world.workspace.add_alert(name, alert(7, **members))
        read = await service(world).read(world.incident_id)

    assert isinstance(read.alerts, Found)
    assert rules == set(read.alerts.value[-1].rule_ids)


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("/alerts/0/providerAlertId", None),
        ("/alerts/0/title", 7),
        ("/alerts/0/detectorId", 7),
        ("/alerts/0/incidentId", "17"),
        ("/alerts/0/additionalData", {"Analytic Rule Ids": f'["{OTHER_RULE}"]'}),
        ("/alerts/0/additionalData", {"Analytic Rule Ids": "["}),
        ("/alerts/0/additionalData", "x"),
        ("/alerts", None),
        ("/alerts", []),
    ],
)
async def test_an_alert_that_cannot_be_read_is_unknown(world: World, pointer: str, value: object) -> None:
    """And with it all alerts: a shorter list is never taken for whole. Sentinel tells how many there are."""
    world.order(FaultKind.SET, path=INCIDENT, pointer=pointer, value=value)
    read = await service(world).read(world.incident_id)

    assert isinstance(read.alerts, Unavailable)


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("/alerts/0/evidence", None),
        ("/alerts/0/evidence/0/@odata.type", None),
        ("/alerts/0/evidence/1/userAccount", None),
        ("/alerts/0/evidence/1/userAccount/accountName", None),
        ("/alerts/0/evidence/0/hostName", 5),
    ],
)
async def test_evidence_that_cannot_be_read_is_not_whole(world: World, pointer: str, value: object) -> None:
    """Which keeps an incident open."""
    world.order(FaultKind.SET, path=INCIDENT, pointer=pointer, value=value)
    read = await service(world).read(world.incident_id)

    assert not read.entities_whole


@pytest.mark.parametrize(
    "name",
    [
        "status",
        "severity",
        "customTags",
        "createdDateTime",
        "lastUpdateDateTime",
        "displayName",
        "assignedTo",
        "id",
    ],
)
@pytest.mark.parametrize("value", [" ", 7, {}])
async def test_an_incident_that_cannot_be_read_is_an_error(world: World, name: str, value: object) -> None:
    """Never a default value. A title may be blank, and a blank owner is none."""
    if value == " " and name in {"displayName", "assignedTo"}:
        value = []
    world.order(FaultKind.SET, path=INCIDENT, pointer=f"/{name}", value=value)

    with pytest.raises(SourceUnavailable):
        await service(world).read(world.incident_id)


async def test_a_merged_incident_says_so(world: World) -> None:
    """Nothing is decided about it any more; the pipeline knows it by Sentinel's own word."""
    into = world.workspace.create_incident([alert(5)], title="Other", severity="Low", created=NOON)
    world.workspace.redirect_incident(world.incident_id.name, into)
    read = await service(world).read(world.incident_id)

    assert (Status.CLOSED, "Redirected") == (read.status, read.labels[-1])


async def test_an_owner_is_who_is_named(world: World) -> None:
    """`assignedTo` is free text."""
    world.workspace.edit_incident(world.incident_id.name, owner={"userPrincipalName": "sam@contoso.com"})
    read = await service(world).read(world.incident_id)

    assert Owner(key="sam@contoso.com", shown="sam@contoso.com") == read.owner


async def test_sentinel_is_asked_for_what_was_never_triaged(world: World) -> None:
    """It has the ids that the queue takes."""
    other = world.workspace.create_incident([alert(5)], title="New", severity="Low", created=NOON)
    path = world.workspace.workspace_id
    found = await service(world).untriaged(path, rule_ids=frozenset({RULE}), since=NOON - timedelta(days=1))

    assert [other] == [one.name for one in found]


async def test_a_number_of_the_portal_leads_to_sentinels_incident(world: World) -> None:
    """To one incident of a configured workspace, or to none."""
    sentinel = world.clients.sentinel
    found = await sentinel.of_defender("3001")

    assert found is not None
    assert world.incident_id.key == found.key
    assert await sentinel.of_defender("1") is None


async def test_outside_the_portal_a_number_leads_nowhere() -> None:
    """Sentinel's own number 1 is not incident 1 of the Defender portal."""
    async with new_world() as world:
        assert await world.clients.sentinel.of_defender("1") is None


# Comments


async def test_a_comment_is_written_once(world: World) -> None:
    """It is found again by its mark; there are no tasks."""
    for _ in range(2):
        await service(world).add_comment(world.incident_id, COMMENT, "<p>why</p>")

    assert [marked("<p>why</p>", COMMENT)] == comments(world)
    assert frozenset({COMMENT}) == await service(world).comment_ids(world.incident_id)
    assert await service(world).task_ids(world.incident_id) is None
    with pytest.raises(WriteRefused):
        await service(world).add_task(world.incident_id, COMMENT, "t", "d")


@pytest.mark.parametrize("kind", [FaultKind.LOST, FaultKind.CUT_OFF, FaultKind.MALFORMED, FaultKind.HTML])
async def test_a_comment_whose_answer_is_lost_is_written_once(world: World, kind: FaultKind) -> None:
    """It is looked for before each repeat."""
    world.order(kind, path=COMMENTS, method="POST", times=1)
    await service(world).add_comment(world.incident_id, COMMENT, "<p>why</p>")

    assert 1 == len(comments(world))


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, WriteRefused), (403, PermissionMissing), (404, SourceUnavailable), (409, WriteConflict)],
)
async def test_a_refused_comment_says_how(world: World, status: int, error: type[Exception]) -> None:
    """One try; what a repeat cannot cure is not repeated."""
    world.order(FaultKind.STATUS, path=COMMENTS, status=status)
    with pytest.raises(error):
        await service(world).add_comment(world.incident_id, COMMENT, "why")

    assert (["POST"], []) == (graph_writes(world), world.waits)


def test_a_mark_is_ours_alone() -> None:
    """A quoted mark inside a comment of ours is escaped; the last one counts; others' comments have none."""
    quoted = marked("&#91;triage-decision c0000000-0000-4000-8000-000000000002&#93;", COMMENT)
    texts = [quoted, "seen, thanks", "[triage-decision x]", None]
    body = {"comments": [{"comment": text} for text in texts]}

    assert frozenset({COMMENT}) == marks(body)


@pytest.mark.parametrize(
    "body", [{}, {"comments": None}, {"comments": ["x"]}, {"comments": [], "comments@odata.nextLink": "x"}]
)
def test_comments_that_cannot_all_be_read_are_an_error(body: dict[str, Any]) -> None:
    """An unseen comment would be written twice."""
    with pytest.raises(SourceUnavailable):
        marks(body)


# The update


async def test_a_close_names_what_it_changes_and_loses_no_tag(world: World) -> None:
    """`informationalExpectedActivity` and `confirmedActivity`; everything else is as it was."""
    read = await service(world).read(world.incident_id)
    change = replace(CLOSE, remove_labels=("triage-observed",))
    after = await service(world).update(read, change)
    left = world.properties

    assert (Status.CLOSED, ("vip", "triage-closed")) == (after.status, after.labels)
    assert CLOSE.classification_comment == after.classification_comment
    assert ("Closed", "BenignPositive", "SuspiciousButExpected") == tuple(
        left[name] for name in ("status", "classification", "classificationReason")
    )
    assert ("Mailbox export", "Medium") == (left["title"], left["severity"])
    assert ["PATCH"] == graph_writes(world)


async def test_an_escalation_changes_severity_and_tags_alone(world: World) -> None:
    """Status and owner stay as they are."""
    read = await service(world).read(world.incident_id)
    after = await service(world).update(read, ESCALATION)

    assert (Status.NEW, Severity.HIGH) == (after.status, after.severity)
    assert ("vip", "Triage-Observed", "triage-escalated") == after.labels


async def test_opened_again_nothing_of_our_close_is_left(world: World) -> None:
    """Graph would keep the classification and the words of the closing."""
    closed = await service(world).update(await service(world).read(world.incident_id), CLOSE)
    change = IncidentChange(status=Status.NEW, remove_labels=("triage-closed",))
    opened = await service(world).update(closed, change)

    assert (Status.NEW, "") == (opened.status, opened.classification_comment)
    assert "unknown" == opened.record["classification"]


async def test_the_words_of_our_close_do_not_sign_the_close_of_a_person(world: World) -> None:
    """A person opens it again and closes it as an attack: Graph may keep our words, they are theirs now."""
    await service(world).update(await service(world).read(world.incident_id), CLOSE)
    world.workspace.edit_incident(world.incident_id.name, status="New")
    world.workspace.edit_incident(
        world.incident_id.name,
        status="Closed",
        classification="TruePositive",
        classification_reason="SuspiciousActivity",
        classification_comment=CLOSE.classification_comment,
    )
    read = await service(world).read(world.incident_id)

    assert (Status.CLOSED, "") == (read.status, read.classification_comment)


EDITS: dict[str, Callable[[World], None]] = {
    "owner": lambda w: w.workspace.edit_incident(
        w.incident_id.name, owner={"userPrincipalName": "sam@contoso.com"}
    ),
    "status": lambda w: w.workspace.edit_incident(w.incident_id.name, status="Active"),
    "severity": lambda w: w.workspace.edit_incident(w.incident_id.name, severity="High"),
    "tag": lambda w: w.workspace.edit_incident(w.incident_id.name, labels=[*TAGS, {"labelName": "mine"}]),
    "title": lambda w: w.workspace.edit_incident(w.incident_id.name, title="Renamed"),
    "alert": lambda w: w.workspace.add_alert(w.incident_id.name, alert(5), silently=True),
}


@pytest.mark.parametrize("edit", EDITS)
async def test_a_person_in_between_wins(world: World, edit: str) -> None:
    """What changed since the read that was judged stops the write; the time of the change alone may not."""
    read = await service(world).read(world.incident_id)
    EDITS[edit](world)
    with pytest.raises(WriteConflict):
        await service(world).update(read, CLOSE)

    assert [] == graph_writes(world)


@pytest.mark.parametrize(("edit", "seen"), [("owner", "assignedTo"), ("severity", "severity")])
async def test_a_change_between_last_read_and_write_is_noticed(world: World, edit: str, seen: str) -> None:
    """Graph has no conditional write: the close is applied, and told to have been overtaken."""
    read = await service(world).read(world.incident_id)
    world.workspace.before_call(len(world.workspace.calls) + 2, lambda: EDITS[edit](world))
    with pytest.raises(Overtaken, match=seen):
        await service(world).update(read, CLOSE)

    assert ["PATCH"] == graph_writes(world)


async def test_a_change_right_after_ours_is_left_alone(world: World) -> None:
    """A person opens it again at once: a conflict, to be decided anew."""
    read = await service(world).read(world.incident_id)
    name = world.incident_id.name
    world.workspace.before_call(
        len(world.workspace.calls) + 3, lambda: world.workspace.edit_incident(name, status="Active")
    )
    with pytest.raises(WriteConflict) as caught:
        await service(world).update(read, CLOSE)

    assert not isinstance(caught.value, Overtaken)
    assert "Active" == world.properties["status"]


@pytest.mark.parametrize("kind", [FaultKind.LOST, FaultKind.CUT_OFF, FaultKind.MALFORMED])
async def test_an_update_whose_answer_is_lost_has_one_effect(world: World, kind: FaultKind) -> None:
    """The next read shows it; it is not sent again."""
    read = await service(world).read(world.incident_id)
    world.order(kind, path=INCIDENT, method="PATCH", times=1)
    after = await service(world).update(read, CLOSE)

    assert (Status.CLOSED, ["PATCH"]) == (after.status, graph_writes(world))


async def test_an_update_that_did_not_arrive_is_sent_again_after_a_look(world: World) -> None:
    """503 and 429 are repeated, each after a read."""
    read = await service(world).read(world.incident_id)
    world.order(FaultKind.STATUS, path=INCIDENT, method="PATCH", status=429, retry_after="2", times=1)
    await service(world).update(read, CLOSE)
    methods = [call.method for call in world.workspace.calls if call.service == "graph"]

    assert [2.0] == world.waits
    assert ["GET", "GET", "PATCH", "GET", "PATCH", "GET"] == methods


async def test_a_person_between_two_tries_stops_the_second(world: World) -> None:
    """The repeat is a new look, not the same call again."""
    read = await service(world).read(world.incident_id)
    world.order(FaultKind.STATUS, path=INCIDENT, method="PATCH", status=503, times=1)
    world.workspace.before_call(len(world.workspace.calls) + 3, lambda: EDITS["owner"](world))
    with pytest.raises(WriteConflict):
        await service(world).update(read, CLOSE)

    assert ["PATCH"] == graph_writes(world)
    assert "New" == world.properties["status"]


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, WriteRefused), (403, PermissionMissing), (404, SourceUnavailable), (409, WriteConflict)],
)
async def test_a_refused_update_says_how(world: World, status: int, error: type[Exception]) -> None:
    """One try."""
    read = await service(world).read(world.incident_id)
    world.order(FaultKind.STATUS, path=INCIDENT, method="PATCH", status=status)
    with pytest.raises(error):
        await service(world).update(read, CLOSE)

    assert 1 == len(graph_writes(world))


async def test_alerts_beyond_all_bounds_are_unknown_and_it_can_be_escalated(world: World) -> None:
    """8 MiB are read at most; the incident alone is asked for then."""
    world.order(FaultKind.HUGE, path=INCIDENT, method="GET", times=1)
    read = await service(world).read(world.incident_id)

    assert isinstance(read.alerts, Unavailable)
    assert (Status.NEW, False) == (read.status, read.entities_whole)


async def test_a_size_that_sentinel_told_holds_for_the_update_too() -> None:
    """An incident that could not be read whole can still be escalated."""
    async with portal_world() as world:
        world.order(
            FaultKind.SET,
            path="*SecurityInsights/incidents/*",
            pointer="/properties/additionalData/alertsCount",
            value=9,
        )
        read = await service(world).read(world.incident_id)
        await service(world).update(read, ESCALATION)

        assert isinstance(read.alerts, Unavailable)
        assert "triage-escalated" in world.workspace.labels(world.incident_id.name)


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": FaultKind.STATUS, "status": 400},
        {"kind": FaultKind.STATUS, "status": 403},
        {"kind": FaultKind.STATUS, "status": 429, "retry_after": "3600"},
        {"kind": FaultKind.REDIRECT},
        {"kind": FaultKind.RESET},
        {"kind": FaultKind.HUGE},
    ],
)
async def test_no_secret_and_no_text_is_logged(
    world: World, caplog: pytest.LogCaptureFixture, fault: dict[str, Any]
) -> None:
    """I15: whatever fails, neither token nor query string nor body is in any record or error."""
    caplog.set_level(logging.DEBUG)
    read = await service(world).read(world.incident_id)
    world.order(**fault, service="graph")
    for ask in (
        service(world).read(world.incident_id),
        service(world).add_comment(world.incident_id, COMMENT, "planted words"),
        service(world).update(read, CLOSE),
    ):
        with pytest.raises(SourceError) as caught:
            await ask
        assert world.workspace.token not in str(caught.value)

    ours = [one.getMessage() for one in caplog.records if not one.name.startswith(("asyncio", "simulator"))]
    assert ours
    for text in (world.workspace.token, "planted words", "$expand", "%24expand", "3001", "vip"):
        assert not [message for message in ours if text in message]


# Health


async def test_health_asks_for_two_more_permissions(world: World) -> None:
    """And only in the Defender portal."""
    place = Workspace(path=world.workspace.workspace_id, customer_id=world.workspace.customer_id)
    granted = {one.name: one.granted for one in await check_permissions(world.clients, place)}
    world.order(FaultKind.STATUS, path="*/security/*", status=403)
    refused = {one.name for one in await check_permissions(world.clients, place) if one.granted is False}
    async with new_world() as other:
        without = {one.name for one in await check_permissions(other.clients, place)}

    words = "the Microsoft Graph permission"
    assert {f"{words} SecurityIncident.ReadWrite.All", f"{words} SecurityAlert.Read.All"} == refused
    assert all(granted[name] for name in refused)
    assert set() == refused & without
