"""The incident service and its bounds: retries, errors, redirects, sizes, deadlines, what is logged."""

import asyncio
import base64
import json
import logging
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from client_world import MINUTE, NOON, RULE, World, alert, new_world
from jsonschema import Draft202012Validator
from outside import CONTRACTS

from playbooks.clients import Patience, attempt
from playbooks.clients.answers import Call
from playbooks.clients.attempt import read_retry_after
from playbooks.clients.incident_record import changed_record, whole_incident
from playbooks.clients.rest import followed
from playbooks.clients.wire import parse_moment
from playbooks.errors import (
    NotThere,
    PermissionMissing,
    RequestRefused,
    SourceUnavailable,
    WriteConflict,
    WriteRefused,
)
from playbooks.model import (
    Classification,
    ClassificationReason,
    Found,
    Incident,
    IncidentChange,
    IncidentId,
    Severity,
    Status,
    Unavailable,
)
from simulator.workspace import FaultKind

ROOT = Path(__file__).resolve().parent.parent
INCIDENT = "*/incidents/????????-????-????-????-????????????"
COMMENT = UUID("c0000000-0000-4000-8000-000000000001")
OWNER = {
    "objectId": "9d5a1d7e-52a4-4a52-8d5b-2f3f3d5e0b02",
    "email": "sam@contoso.com",
    "userPrincipalName": "sam@contoso.com",
    "assignedTo": "Sam",
}


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """A workspace with one incident of one alert."""
    async with new_world() as made:
        yield made


async def read(world: World) -> Incident:
    """The incident as the client reads it."""
    return await world.clients.incidents.read(world.incident_id)


async def ask(world: World) -> dict[str, Any]:
    """One call of the incident service, and nothing beside it."""
    return await world.clients.incidents.resource(world.incident_id)


async def test_an_incident_is_read_with_alerts_and_entities(world: World) -> None:
    """All three answers end up in one value."""
    incident = await read(world)

    assert (1, "Mailbox export", Status.NEW) == (incident.number, incident.title, incident.status)
    assert (None, True, frozenset({RULE})) == (incident.owner, incident.entities_whole, incident.rule_ids)
    assert isinstance(incident.alerts, Found)
    assert [(NOON, NOON + MINUTE, frozenset({RULE}))] == [
        (one.start, one.end, one.rule_ids) for one in incident.alerts.value
    ]
    assert ["EXCH01"] == [host.host_name for host in incident.hosts]
    assert [("ann", "CONTOSO")] == [(one.name, one.nt_domain) for one in incident.accounts]


async def test_an_update_sends_every_writable_field_back(world: World) -> None:
    """F54, I8: the service clears what is not sent, and nothing is cleared."""
    world.workspace.edit_incident(
        world.incident_id.name,
        description="a <b> & 'c'",
        owner=OWNER,
        labels=[
            {"labelName": "VIP", "labelType": "User"},
            {"labelName": "auto", "labelType": "AutoAssigned"},
        ],
    )
    before = world.properties

    change = IncidentChange(severity=Severity.HIGH, add_labels=("triage-escalated",))
    after = await world.clients.incidents.update(await read(world), change)

    changed = {name for name, value in world.properties.items() if value != before[name]}
    assert {"severity", "labels"} == changed
    assert before["labels"] == world.properties["labels"][:2]
    assert ("VIP", "auto", "triage-escalated") == after.labels
    assert Severity.HIGH == after.severity
    assert "Sam" == (after.owner.shown if after.owner else "")


async def test_a_close_and_a_reopening_by_us(world: World) -> None:
    """A close carries its classification; a reopening drops it, as the service demands."""
    close = IncidentChange(
        status=Status.CLOSED,
        classification=Classification.BENIGN_POSITIVE,
        classification_reason=ClassificationReason.SUSPICIOUS_BUT_EXPECTED,
        classification_comment="proven",
        add_labels=("triage-closed",),
    )
    closed = await world.clients.incidents.update(await read(world), close)
    kept = {name: world.properties[name] for name in ("status", "classification", "classificationReason")}

    reopen = IncidentChange(status=Status.ACTIVE, remove_labels=("TRIAGE-Closed",))
    reopened = await world.clients.incidents.update(closed, reopen)

    assert ["Closed", "BenignPositive", "SuspiciousButExpected"] == list(kept.values())
    assert (Status.CLOSED, "proven") == (closed.status, closed.classification_comment)
    assert (Status.ACTIVE, ()) == (reopened.status, reopened.labels)
    assert isinstance(reopened.alerts, Found)


async def test_a_person_in_between_wins(world: World) -> None:
    """F46, I7: the etag of the read is stale, so nothing of ours is written."""
    incident = await read(world)
    world.workspace.edit_incident(world.incident_id.name, owner=OWNER)

    with pytest.raises(WriteConflict):
        await world.clients.incidents.update(incident, IncidentChange(severity=Severity.HIGH))

    assert ("Medium", "Sam") == (world.properties["severity"], world.properties["owner"]["assignedTo"])


async def test_no_update_is_sent_without_an_etag(world: World) -> None:
    """F46: a record that was not read cannot be replaced."""
    world.order(FaultKind.DROP, method="GET", path=INCIDENT, pointer="/etag")

    with pytest.raises(SourceUnavailable, match="etag"):
        await read(world)


async def test_a_write_whose_answer_is_lost_has_one_effect(world: World) -> None:
    """F47: the repeat meets the new etag, and a fresh read shows the change."""
    incident = await read(world)
    world.order(FaultKind.LOST, method="PUT", path=INCIDENT, times=1)
    world.order_also(FaultKind.LOST, method="PUT", path="*/comments/*", times=1)

    with pytest.raises(WriteConflict):
        await world.clients.incidents.update(incident, IncidentChange(add_labels=("triage-escalated",)))
    await world.clients.incidents.add_comment(world.incident_id, COMMENT, "once")

    assert ("triage-escalated",) == (await read(world)).labels
    assert 1 == len(world.workspace.comments(world.incident_id.name))


async def test_an_alert_that_joins_during_the_update_is_noticed(world: World) -> None:
    """F60: the answer counts more alerts than were read, so they are unknown again."""
    incident = await read(world)
    world.workspace.add_alert(world.incident_id.name, alert(9), silently=True)

    after = await world.clients.incidents.update(incident, IncidentChange(severity=Severity.HIGH))

    assert isinstance(after.alerts, Unavailable)


async def test_comments_and_tasks_under_a_fixed_id_are_written_once(world: World) -> None:
    """F08, I6: what is there already counts as written, also a task that a person has changed."""
    incidents = world.clients.incidents
    for _ in range(2):
        await incidents.add_comment(world.incident_id, COMMENT, "a comment")
        await incidents.add_task(world.incident_id, COMMENT, "a task", "with steps")

    assert frozenset({COMMENT}) == await incidents.comment_ids(world.incident_id)
    assert frozenset({COMMENT}) == await incidents.task_ids(world.incident_id)
    assert ["a comment"] == [
        one["properties"]["message"] for one in world.workspace.comments(world.incident_id.name)
    ]


async def test_a_conflict_without_a_comment_is_a_conflict(world: World) -> None:
    """409 counts as written only where the comment can be read."""
    world.order(FaultKind.STATUS, status=409, method="PUT", path="*/comments/*")

    with pytest.raises(WriteConflict):
        await world.clients.incidents.add_comment(world.incident_id, COMMENT, "text")


@pytest.mark.parametrize(
    ("status", "error"), [(400, WriteRefused), (403, PermissionMissing), (412, WriteConflict)]
)
async def test_a_refused_write_says_how(world: World, status: int, error: type[Exception]) -> None:
    """F49, F52, F46: each refusal has its own type, and none is repeated."""
    world.order(FaultKind.STATUS, status=status, method="PUT")
    incident = await read(world)
    before = world.called()

    with pytest.raises(error):
        await world.clients.incidents.update(incident, IncidentChange(severity=Severity.HIGH))

    assert 1 == world.called() - before


async def test_every_page_of_comments_is_read() -> None:
    """Ours may be on the last page; ids of other shapes are not ours."""
    async with new_world(page_sizes={"incidents": 2}) as world:
        ours = {uuid4() for _ in range(5)}
        for comment_id in ours:
            await world.clients.incidents.add_comment(world.incident_id, comment_id, "text")

        assert ours == await world.clients.incidents.comment_ids(world.incident_id)


async def test_a_link_to_another_host_is_not_followed(world: World) -> None:
    """F35, I13: neither the call nor the token goes there."""
    world.order(FaultKind.FOREIGN_LINK)

    with pytest.raises(SourceUnavailable, match="another place"):
        await world.clients.incidents.comment_ids(world.incident_id)
    answer = await world.sources.watchlists.items("MailboxExportHosts")

    assert isinstance(answer, Unavailable)
    assert "another place" in answer.cause
    assert 0 == world.called("foreign")


@pytest.mark.parametrize(
    "link",
    [
        "https://127.0.0.1:8080/v1/list?page=2",
        "http://127.0.0.1:8081/v1/list",
        "http://127.0.0.1/v1/list",
        "http://user@127.0.0.1:8080/v1/list",
        "http://127.0.0.1:8080@contoso.com/v1/list",
        "http://127.0.0.1:8080/v1/../admin/list",
        "http://127.0.0.1:8080/v1/list/%2e%2e/x",
        "http://127.0.0.1:8080/v2/list",
        "http://127.0.0.1:port/v1/list",
        "//127.0.0.1:8080/v1/list",
        7,
    ],
)
def test_a_next_page_is_where_the_first_one_was(link: object) -> None:
    """Scheme, host, port and path; anything else is not followed."""
    call = Call(source="x", method="GET", template="/list", needs="x")
    start = "http://127.0.0.1:8080/v1/list"

    assert f"{start}?page=2" == followed(call, f"{start}?page=2", start=start)
    with pytest.raises(SourceUnavailable, match="another place"):
        followed(call, link, start=start)


async def test_a_short_list_of_alerts_is_unknown(world: World) -> None:
    """F24: the service counts more alerts than it lists."""
    world.order(FaultKind.SET, path=INCIDENT, pointer="/properties/additionalData/alertsCount", value=2)

    assert (
        Unavailable("Microsoft Sentinel", "incident larger than can be read whole")
        == (await read(world)).alerts
    )


async def test_a_short_list_of_entities_is_not_whole(world: World) -> None:
    """F24: the service counts more hosts than it lists; 500 entities may be the rest of more."""
    world.order(FaultKind.SET, path="*/entities", pointer="/metaData/0/count", value=2, times=1)
    short = await read(world)
    many = [{"kind": "Host", "properties": {"hostName": f"H{n}"}} for n in range(600)]
    world.workspace.add_alert(world.incident_id.name, alert(2, entities=many))

    assert (False, False) == (short.entities_whole, (await read(world)).entities_whole)


USED_FIELDS = [
    *((INCIDENT, f"/properties/{name}") for name in ("title", "status", "severity", "incidentNumber")),
    *((INCIDENT, f"/properties/{name}") for name in ("owner", "labels", "createdTimeUtc")),
    *((INCIDENT, f"/properties/{name}") for name in ("relatedAnalyticRuleIds", "additionalData")),
    *((INCIDENT, pointer) for pointer in ("/etag", "/properties", "/properties/additionalData/alertsCount")),
    *(("*/alerts", pointer) for pointer in ("/value", "/value/0", "/value/0/properties")),
    *(("*/alerts", f"/value/0/properties/{name}") for name in ("systemAlertId", "alertDisplayName")),
    *(("*/alerts", f"/value/0/properties/{name}") for name in ("productName", "alertType", "endTimeUtc")),
    *(("*/entities", pointer) for pointer in ("/entities", "/metaData", "/entities/0/kind")),
    ("*/entities", "/entities/0/properties"),
]
GOOD_VALUES = (("/properties/incidentNumber", 7), ("/properties/relatedAnalyticRuleIds", ["x"]))


@pytest.mark.parametrize(("path", "pointer"), USED_FIELDS)
async def test_a_field_that_is_missing_or_of_the_wrong_type_is_noticed(
    world: World, path: str, pointer: str
) -> None:
    """F25: an error of the tree, or the item marked unknown; never a default, never another error."""
    for value in ("drop", None, 7, {}, ["x"]):
        if (pointer, value) in GOOD_VALUES:
            continue
        kind = FaultKind.DROP if value == "drop" else FaultKind.SET
        world.order(kind, path=path, pointer=pointer, value=value)

        try:
            incident = await read(world)
        except SourceUnavailable:
            continue
        ends = [one.end for one in incident.alerts.value] if isinstance(incident.alerts, Found) else [None]
        assert ends == [None] or not incident.entities_whole, (pointer, value)


@pytest.mark.parametrize("name", ["status", "severity"])
async def test_an_unknown_enum_value_is_an_error(world: World, name: str) -> None:
    """F25: a status of tomorrow is no status of today."""
    world.order(FaultKind.SET, path=INCIDENT, pointer=f"/properties/{name}", value="Pending")

    with pytest.raises(SourceUnavailable, match="unknown value"):
        await read(world)


async def test_the_rule_of_an_alert(world: World) -> None:
    """F26: by its list, else by the end of its type; a product's own alert has none."""
    where = "/value/0/properties"
    world.order(FaultKind.DROP, path="*/alerts", pointer=f"{where}/additionalData/Analytic Rule Ids", times=1)
    by_type = await read(world)
    world.workspace.add_alert(
        world.incident_id.name, alert(2, rule_id=None, alert_type="Ransomware_Detected")
    )
    both = await read(world)
    world.order(
        FaultKind.SET, path="*/alerts", pointer=f"{where}/additionalData/Analytic Rule Ids", value="[not json"
    )
    unreadable = await read(world)

    assert isinstance(by_type.alerts, Found)
    assert isinstance(both.alerts, Found)
    assert [{RULE}] == [set(one.rule_ids) for one in by_type.alerts.value]
    assert [{RULE}, set()] == [set(one.rule_ids) for one in both.alerts.value]
    assert isinstance(unreadable.alerts, Unavailable)


@pytest.mark.parametrize(
    "text",
    [
        "2024-11-18T12:00:00",
        "0001-01-01T00:00:00Z",
        "2262-04-12T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "soon",
        "",
    ],
)
async def test_a_time_that_cannot_be_used_is_none(world: World, text: str) -> None:
    """No zone, year 1 and 2262 or later are no times."""
    world.order(FaultKind.SET, path="*/alerts", pointer="/value/0/properties/startTimeUtc", value=text)

    incident = await read(world)

    assert isinstance(incident.alerts, Found)
    assert (None, NOON + MINUTE) == (incident.alerts.value[0].start, incident.alerts.value[0].end)
    assert parse_moment(text) is None


async def test_an_end_before_its_start_is_no_time(world: World) -> None:
    """Neither of the two can be trusted then."""
    early = (NOON - timedelta(days=1)).isoformat()
    world.order(FaultKind.SET, path="*/alerts", pointer="/value/0/properties/endTimeUtc", value=early)

    incident = await read(world)

    assert isinstance(incident.alerts, Found)
    assert (None, None) == (incident.alerts.value[0].start, incident.alerts.value[0].end)


async def test_retry_after_is_waited_for(world: World) -> None:
    """F17: exactly as long as asked."""
    world.order(FaultKind.STATUS, status=429, retry_after="2", times=2)

    await ask(world)

    assert [2.0, 2.0] == world.waits


@pytest.mark.parametrize(
    "text", ["3600", "86400", "Fri, 31 Dec 2099 23:59:59 GMT", "inf", "abc", "-1", "1e9", "٣", "61"]
)
async def test_a_long_or_unreadable_retry_after_is_never_slept(world: World, text: str) -> None:
    """F18: the queue waits instead; one call, no wait, no other error."""
    world.order(FaultKind.STATUS, status=429, retry_after=text)

    with pytest.raises(SourceUnavailable, match="429"):
        await ask(world)

    assert ([], 1) == (world.waits, world.called())


async def test_waits_sum_up_to_a_minute_at_most(world: World) -> None:
    """I11: three times 25 seconds are one too many."""
    world.order(FaultKind.STATUS, status=503, retry_after="25")

    with pytest.raises(SourceUnavailable):
        await ask(world)

    assert [25.0, 25.0] == world.waits


PASSING: list[dict[str, Any]] = [
    *({"kind": FaultKind.STATUS, "status": status} for status in (408, 429, 500, 502, 503, 504)),
    *({"kind": kind} for kind in (FaultKind.RESET, FaultKind.CUT_OFF, FaultKind.HTML, FaultKind.MALFORMED)),
]


@pytest.mark.parametrize("fault", PASSING, ids=lambda fault: f"{fault['kind']}-{fault.get('status', '')}")
async def test_what_passes_is_repeated_three_times_at_most(world: World, fault: dict[str, Any]) -> None:
    """F19, F28: growing waits, then the message goes back to the queue."""
    # aiohttp itself tries once more at once where a connection is reset.
    world.order(**fault, times=6 if fault["kind"] is FaultKind.RESET else 3)
    record = await ask(world)
    passed = list(world.waits)
    world.order(**fault)

    with pytest.raises(SourceUnavailable):
        await ask(world)

    assert world.incident_id.name == record["name"]
    assert [0.5, 1.0, 2.0] == passed == world.waits


async def test_a_repeat_carries_jitter() -> None:
    """Two instances do not come back in step."""
    patience = Patience(jitter=lambda: 0.5)

    assert [0.75, 1.5, 3.0] == [patience.wait(turn, None) for turn in range(3)]
    assert 7.0 == patience.wait(0, 7.0)
    assert [None, 3.0] == [read_retry_after(text) for text in (None, " 3 ")]


@pytest.mark.parametrize(("claims", "calls"), [(False, 2), (True, 2)])
async def test_401_gets_one_new_token(world: World, *, claims: bool, calls: int) -> None:
    """F20, F36, F44: once more with a new token, or with the claims asked for; then it is a permission."""
    world.order(FaultKind.STATUS, status=401, claims=claims, times=1)
    await ask(world)
    before = world.called()
    world.order(FaultKind.STATUS, status=401, claims=claims)

    with pytest.raises(PermissionMissing):
        await ask(world)

    assert (calls, []) == (world.called() - before, world.waits)


async def test_403_names_the_role_and_its_delay(world: World) -> None:
    """F21, F45: never handled as 404, never repeated."""
    world.order(FaultKind.STATUS, status=403)

    with pytest.raises(PermissionMissing, match=r"Sentinel Responder.*24 h"):
        await ask(world)

    assert 1 == world.called()


async def test_404_is_its_own_error(world: World) -> None:
    """F22: the incident may not be visible yet."""
    world.workspace.delete_incident(world.incident_id.name)

    with pytest.raises(NotThere):
        await ask(world)


@pytest.mark.parametrize("kind", [FaultKind.REDIRECT, FaultKind.HUGE, FaultKind.BOMB])
async def test_redirects_and_endless_answers_are_refused(world: World, kind: FaultKind) -> None:
    """F65, F66: not followed, not read beyond 8 MiB, not repeated."""
    world.order(kind)

    with pytest.raises(SourceUnavailable, match=r"redirect|larger"):
        await ask(world)

    assert (1, 0) == (world.called("arm"), world.called("foreign"))


@pytest.mark.parametrize(
    "change",
    [
        lambda place: IncidentId(
            "0" * 8 + place.subscription[8:-1] + "9", place.resource_group, "law-soc", place.name
        ),
        lambda place: IncidentId(place.subscription, "other", place.workspace, place.name),
        lambda place: IncidentId(place.subscription, place.resource_group, "other", place.name),
        lambda place: IncidentId(place.subscription, place.resource_group, place.workspace, "../../x"),
        lambda place: IncidentId(
            place.subscription, place.resource_group, place.workspace, f"{place.name}/alerts"
        ),
    ],
)
async def test_no_call_leaves_for_another_workspace(
    world: World, change: Callable[[IncidentId], IncidentId]
) -> None:
    """F62, F63, I13: refused before any token or call."""
    foreign = change(world.incident_id)

    with pytest.raises(RequestRefused, match="not in a workspace"):
        await world.clients.incidents.read(foreign)
    if foreign.workspace_path != world.incident_id.workspace_path:
        with pytest.raises(RequestRefused, match="not in a workspace"):
            world.clients.sources(foreign, asked_at=NOON)

    assert 0 == world.called()


async def test_an_id_in_another_case_is_the_same_incident(world: World) -> None:
    """ARM ids compare without case."""
    place = world.incident_id
    shouted = IncidentId(place.subscription, place.resource_group.upper(), "LAW-SOC", place.name.upper())

    assert 1 == (await world.clients.incidents.read(shouted)).number
    assert world.clients.sources(shouted, asked_at=NOON).asked_at == NOON


async def test_nothing_starts_after_the_attempt_has_ended(world: World) -> None:
    """F15, I11: no call, and no wait that would outlast the attempt."""
    with attempt("late", seconds=0), pytest.raises(SourceUnavailable, match="used up"):
        await ask(world)
    assert 0 == world.called()

    world.order(FaultKind.STATUS, status=503, retry_after="30")
    with attempt("short", seconds=20), pytest.raises(SourceUnavailable, match="503"):
        await ask(world)
    assert ([], 1) == (world.waits, world.called())


async def test_a_service_that_is_down_is_waited_for_once_in_an_attempt(world: World) -> None:
    """Patience is spent once for an operation; the next attempt begins with all of it again."""
    world.order(FaultKind.STATUS, service="arm", status=503)
    for _ in range(2):
        before = world.called("arm")
        with attempt("down"):
            for _ in range(3):
                with pytest.raises(SourceUnavailable, match="503"):
                    await ask(world)

        assert 4 + 1 + 1 == world.called("arm") - before


async def test_a_hanging_call_ends_with_the_attempt(world: World) -> None:
    """F15: a service that says nothing for an hour cannot hold the worker."""
    world.order(FaultKind.HANG, seconds=3600)

    with attempt("hanging", seconds=0.3), pytest.raises(SourceUnavailable, match="no whole answer"):
        await ask(world)


async def test_attempts_side_by_side_keep_their_own_ids(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """F16: nothing is shared between two invocations of one process."""
    caplog.set_level(logging.DEBUG, logger="playbooks.clients")

    async def one(correlation_id: str) -> None:
        with attempt(correlation_id):
            await read(world)

    await asyncio.gather(one("first"), one("second"))

    for correlation_id in ("first", "second"):
        assert 3 == len([line for line in caplog.messages if f'"{correlation_id}"' in line])


async def test_no_secret_and_no_address_is_logged(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """I15: whatever fails, neither token nor query string nor a body is in any record or error."""
    caplog.set_level(logging.DEBUG)
    for logger in ("httpx", "httpcore", "azure", "azure.identity"):
        assert logging.getLogger(logger).getEffectiveLevel() >= logging.WARNING
    for fault in (*PASSING, {"kind": FaultKind.STATUS, "status": 403}):
        world.order(**fault, path="*/incidents/*")
        with pytest.raises((SourceUnavailable, PermissionMissing)) as caught:
            await read(world)
        assert world.workspace.token not in str(caught.value)
    world.workspace.faults.clear()
    await world.sources.directory.user_by_upn("ann@contoso.com")

    ours = [record.getMessage() for record in caplog.records if record.name != "asyncio"]
    assert ours
    for secret in (world.workspace.token, "ann@contoso.com", "api-version", "$filter", "%24filter"):
        assert not [message for message in ours if secret in message]
    assert base64.b64encode(world.workspace.token.encode()).decode() not in caplog.text


async def test_watchlists_are_whole_or_unknown() -> None:
    """F40: every page; empty, half loaded or broken is unknown; only a missing list is absent."""
    async with new_world(page_sizes={"watchlists": 2}) as world:
        watchlists = world.sources.watchlists
        whole = await watchlists.items("MailboxExportHosts")
        empty = await watchlists.items("EDiscoveryCases")
        missing = await watchlists.items("../MailboxExportHosts")
        answers = []
        for pointer, value in (
            ("/value/*/properties/provisioningState", "Uploading"),
            ("/value/0/properties/updated", None),
            ("/value/0/properties/itemsKeyValue", []),
            ("/value/*/properties/isDeleted", True),
        ):
            world.order(FaultKind.SET, path="*watchlists*", pointer=pointer, value=value)
            answers.append(await world.sources.watchlists.items("MailboxExportHosts"))

    assert isinstance(whole, Found)
    assert [f"EXCH{n:02}.contoso.com" for n in range(5)] == [row.cells["Fqdn"] for row in whole.value]
    assert {"2024-01-02T03:04:05+00:00"} == {row.updated.isoformat() for row in whole.value}
    assert isinstance(empty, Unavailable)
    assert "empty or not loaded" in empty.cause
    assert "Absent" == type(missing).__name__
    assert [Unavailable] * 4 == [type(answer) for answer in answers]


async def test_a_deleted_row_approves_nothing(world: World) -> None:
    """A row that was taken off the list is not on it."""
    world.order(FaultKind.SET, path="*watchlistItems", pointer="/value/0/properties/isDeleted", value=True)

    answer = await world.sources.watchlists.items("MailboxExportHosts")

    assert isinstance(answer, Found)
    assert "EXCH00.contoso.com" not in [row.cells["Fqdn"] for row in answer.value]


async def test_a_register_is_asked_for_anew_however_often_its_text_was_read(world: World) -> None:
    """I2: each attempt asks; a cell that was changed since is seen, and what is shared cannot be changed."""
    before, answers = world.called(), []
    for role in ("", "", "admin"):
        if role:
            pointer = "/value/0/properties/itemsKeyValue/Role"
            world.order(FaultKind.SET, path="*watchlistItems", pointer=pointer, value=role)
        answers.append(await world.sources.watchlists.items("MailboxExportHosts"))

    rows = [answer.value[0] for answer in answers if isinstance(answer, Found)]
    assert 2 * len(answers) == world.called() - before
    assert ["exchange", "exchange", "admin"] == [row.cells["Role"] for row in rows]
    assert rows[0] == rows[1] != rows[2]
    shared: Any = rows[0].cells
    with pytest.raises(TypeError):
        shared["Role"] = "admin"


@pytest.mark.skipif(not CONTRACTS.is_dir(), reason="the API contracts are not on this machine")
def test_the_examples_of_the_api_document_are_read() -> None:
    """SecurityInsights 2025-09-01: incident, alerts and entities as its authors show them."""
    document = json.loads((CONTRACTS / "securityinsights.json").read_text())
    operations = {
        operation["operationId"]: operation
        for methods in document["paths"].values()
        for operation in methods.values()
        if isinstance(operation, dict)
    }
    bodies = [
        next(iter(operations[name]["x-ms-examples"].values()))["responses"]["200"]["body"]
        for name in ("Incidents_Get", "Incidents_ListAlerts", "Incidents_ListEntities")
    ]
    place = IncidentId("d0cfe6b2-9ac0-4464-9919-dccaee2e48c0", "myRg", "myWorkspace", bodies[0]["name"])

    incident = whole_incident(place, bodies[0], alerts=bodies[1], entities=bodies[2])
    change = IncidentChange(status=Status.CLOSED, add_labels=("triage-closed",))
    schema = {"$ref": "#/definitions/IncidentProperties", "definitions": document["definitions"]}

    assert (3177, Status.CLOSED, True) == (incident.number, incident.status, incident.entities_whole)
    assert ["administrator"] == [account.name for account in incident.accounts]
    assert isinstance(incident.alerts, Found)
    assert [frozenset()] == [one.rule_ids for one in incident.alerts.value]
    assert [] == list(Draft202012Validator(schema).iter_errors(changed_record(incident, change)))
