"""Log Analytics: whole answers or none, no name missed, no name read as query."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from client_world import LATER, MINUTE, NOON, RULE, World, alert, new_world
from hypothesis import given, settings
from hypothesis import strategies as st

from playbooks import kql
from playbooks.clients.log_names import alert_pieces, first_labels
from playbooks.clients.log_questions import MOST_ROWS
from playbooks.model import Absent, Found, Lookup, ProcessEvent, Unavailable
from playbooks.ports import Events
from simulator.eventstore import EventStore
from simulator.eventstore.literals import tokens
from simulator.workspace import FaultKind

type Question = Callable[[Events], Awaitable[Lookup[Any]]]

HOUR = timedelta(hours=1)
SPAN = {"start": NOON - HOUR, "end": NOON + HOUR}
QUESTIONS: dict[str, Question] = {
    "host": lambda events: events.process_events(host_names=frozenset({"EXCH01"}), **SPAN),
    "terms": lambda events: events.process_events_with(terms=("New-MailboxExportRequest",), **SPAN),
    "after": lambda events: events.first_event_after(NOON - MINUTE),
    "alerts": lambda events: events.alerts_naming(names=frozenset({"EXCH01"}), **SPAN),
    "closes": lambda events: events.closes_since(label="triage-closed", moment=NOON - HOUR),
    "incident": lambda events: events.incident_of_alert("aaaaaaaa-0000-4000-8000-000000000000"),
}


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """A workspace with one incident, its alert, and one event."""
    async with new_world() as made:
        made.store.add_process_events([event()])
        yield made


def event(time: datetime = NOON, **columns: str) -> dict[str, Any]:
    """A native row of ASimProcessEventLogs."""
    given = {"DvcHostname": "EXCH01", "TargetProcessCommandLine": "New-MailboxExportRequest -Mailbox ann"}
    return {"TimeGenerated": time, "EventType": "ProcessCreated", **given, **columns}


def times(answer: Lookup[tuple[ProcessEvent, ...]]) -> list[datetime]:
    """Times of the events found."""
    assert isinstance(answer, Found), answer
    return [one.time for one in answer.value]


async def of_host(world: World, *names: str) -> list[ProcessEvent]:
    """Events of hosts with these names around noon."""
    answer = await world.sources.events.process_events(host_names=frozenset(names), **SPAN)
    assert isinstance(answer, Found), answer
    return list(answer.value)


async def test_an_event_is_read_whole(world: World) -> None:
    """Every column that judging needs; a column without a value is empty."""
    row = {
        "DvcHostname": "EXCH02.contoso.com",
        "DvcFQDN": "EXCH02.contoso.com",
        "EventProduct": "Sysmon",
        "ActorUsername": "NT AUTHORITY\\SYSTEM",
        "ActorUserId": "S-1-5-18",
        "TargetUsername": "CONTOSO\\svc-export",
        "TargetUserId": "S-1-5-21-1-2-3-9",
        "ActingProcessName": "C:\\Windows\\System32\\svchost.exe",
        "ActingProcessCommandLine": "svchost.exe -k netsvcs -p -s Schedule",
        "TargetProcessName": "C:\\powershell.exe",
        "TargetProcessCommandLine": 'powershell.exe "\u202e😀\nNew-MailboxExportRequest"',
        "TargetProcessId": "4711",
    }
    world.store.add_process_events([event(**row)])

    assert [
        ProcessEvent(
            time=NOON,
            dvc_hostname="EXCH02.contoso.com",
            dvc_fqdn="EXCH02.contoso.com",
            event_product="Sysmon",
            actor_username="NT AUTHORITY\\SYSTEM",
            actor_user_id="S-1-5-18",
            target_username="CONTOSO\\svc-export",
            target_user_id="S-1-5-21-1-2-3-9",
            acting_process_name="C:\\Windows\\System32\\svchost.exe",
            acting_process_command_line="svchost.exe -k netsvcs -p -s Schedule",
            target_process_name="C:\\powershell.exe",
            target_process_command_line='powershell.exe "\u202e😀\nNew-MailboxExportRequest"',
            target_process_id="4711",
        )
    ] == await of_host(world, "EXCH02")


@pytest.mark.parametrize("asked", ["EXCH03", "exch03", "EXCH03.contoso.com", "exch03.CONTOSO.com"])
@pytest.mark.parametrize(
    "columns",
    [
        {"DvcHostname": "EXCH03"},
        {"DvcHostname": "exch03.contoso.com"},
        {"DvcHostname": "EXCH03.CONTOSO.COM."},
        {"DvcHostname": "", "DvcFQDN": "EXCH03.contoso.com"},
        {"DvcHostname": "other", "DvcFQDN": "EXCH03.contoso.com"},
    ],
)
async def test_a_host_is_found_under_every_spelling(
    world: World, asked: str, columns: dict[str, str]
) -> None:
    """Short or in full, in either column, in any case."""
    world.store.add_process_events([event(**columns)])

    assert 1 == len(await of_host(world, asked))


@pytest.mark.parametrize(
    ("columns", "full"),
    [
        ({"DvcHostname": "exch03", "DvcDomain": "fabrikam.com", "DvcDomainType": "FQDN"}, "fabrikam.com"),
        ({"DvcHostname": "exch03", "DvcDomain": "CONTOSO", "DvcDomainType": "Windows"}, ""),
        ({"DvcHostname": "exch03", "DvcFQDN": "exch03.contoso.com", "DvcDomain": "x.y"}, "contoso.com"),
    ],
)
async def test_a_host_of_another_domain_has_its_own_name(
    world: World, columns: dict[str, str], full: str
) -> None:
    """Wherever the parser puts the domain, as the correlated rule reads it."""
    world.store.add_process_events([event(**columns)])
    (found,) = await of_host(world, "exch03")

    assert (f"exch03.{full}" if full else "") == found.dvc_fqdn


@pytest.mark.parametrize(
    "asked", ["EXCH0", "EXCH", "0", "XCH01", "10.0.0.1", 'EXCH01" or "1" == "1', "x'] | take 9 //"]
)
async def test_other_names_find_nothing(world: World, asked: str) -> None:
    """No part of a name, and no query in place of a name."""
    world.store.add_process_events([event(DvcHostname="10.0.0.2")])

    assert [] == await of_host(world, asked)


async def test_both_ends_of_the_window_belong_to_it(world: World) -> None:
    """From start to end inclusive, to the microsecond, in the order of time."""
    tick = timedelta(microseconds=1)
    edges = [SPAN["start"] - tick, SPAN["start"], SPAN["end"], SPAN["end"] + tick]
    world.store.add_process_events([event(edge) for edge in reversed(edges)])

    assert [edges[1], NOON, edges[2]] == [one.time for one in await of_host(world, "EXCH01")]


async def test_terms_are_found_on_every_host(world: World) -> None:
    """Whole words without case, on any host."""
    lines = ["x; add-rolegroupmember y", "Add-RoleGroupMembership", "net share"]
    world.store.add_process_events(
        [
            event(NOON + n * MINUTE, DvcHostname=f"H{n}", TargetProcessCommandLine=line)
            for n, line in enumerate(lines)
        ]
    )

    answer = await world.sources.events.process_events_with(
        terms=("Add-RoleGroupMember", "net share"), **SPAN
    )

    assert [NOON, NOON + 2 * MINUTE] == times(answer)


async def test_more_rows_than_one_answer_holds_are_read_in_slices(world: World) -> None:
    """None is lost or doubled at the seams."""
    moments = [NOON - HOUR + timedelta(seconds=n) for n in range(MOST_ROWS + 500)]
    world.store.add_process_events([event(moment) for moment in moments])

    answer = await world.sources.events.process_events(
        host_names=frozenset({"EXCH01"}), start=moments[0], end=moments[-1]
    )

    assert sorted([*moments, NOON]) == times(answer)


async def test_more_rows_than_all_slices_hold_are_unknown(world: World) -> None:
    """F24, F39: never a part of the events."""
    world.store.add_process_events([event() for _ in range(MOST_ROWS + 1)])

    for question in ("host", "terms"):
        answer = await QUESTIONS[question](world.sources.events)
        assert isinstance(answer, Unavailable)
        assert "read whole" in answer.cause


async def test_logs_reach_past_a_moment_or_do_not(world: World) -> None:
    """F42: an event of any host after the moment proves it; at the moment does not."""
    events = world.sources.events
    assert Absent("Log Analytics") == await events.first_event_after(NOON)

    world.store.add_process_events([event(NOON + 3 * HOUR, DvcHostname="ELSEWHERE")])

    assert Found(NOON + 3 * HOUR) == await events.first_event_after(NOON)
    assert Found(NOON) == await events.first_event_after(NOON - MINUTE)


def logged(name: str, entities: str, **columns: Any) -> dict[str, Any]:
    """A row of SecurityAlert."""
    row = {"TimeGenerated": NOON, "SystemAlertId": name, "AlertName": name, "ProductName": "Defender"}
    return row | {"AlertType": "Some_Type", "ExtendedProperties": "{}", "Entities": entities} | columns


@pytest.mark.parametrize(
    ("asked", "entities"),
    [
        ("exch01", '[{"Type":"host","HostName":"EXCH01","DnsDomain":"contoso.com"}]'),
        ("exch01.contoso.com", '[{"Type":"host","HostName":"EXCH01"}]'),
        ("EXCH01", '[{"Type":"host","HostName":"exch01.contoso.com"}]'),
        ("dc.contoso.com", '[{"Type":"host","NetBiosName":"DC"}]'),
        ("exch01", '[{"Type":"process","Host":{"$id":"3","Type":"host","HostName":"EXCH01"}}]'),
        ("CONTOSO\\m.bauer", '[{"Type":"account","Name":"m.bauer","NTDomain":"CONTOSO"}]'),
        ("CONTOSO\\m.bauer", '[{"Type":"account","Name":"M.Bauer","UPNSuffix":"contoso.com"}]'),
        ("m.bauer@contoso.com", '[{"Type":"account","Name":"m.bauer@contoso.com"}]'),
        ("m.bauer", '[{"Type":"account","Name":"CONTOSO\\\\m.bauer"}]'),
        ("contoso\\svc-x$", '[{"Type":"account","Name":"svc-x$","NTDomain":"contoso"}]'),
        ("svc_export", '[{"Type":"account","Name":"svc_export"}]'),
        ("o'brien", '[{"Type":"account","Name":"O\\u0027Brien"}]'),
        ("o'brien", '[{"Type":"account","Name":"O\'Brien"}]'),
        ("jörg", '[{"Type":"account","Name":"J\\u00f6rg"}]'),
        ("jörg", '[{"Type":"account","Name":"Jörg"}]'),
        ("S-1-5-21-1-2-3-4", '[{"Type":"account","Sid":"S-1-5-21-1-2-3-4"}]'),
        ("0f1e-aad", '[{"Type":"account","AadUserId":"0F1E-aad"}]'),
        ("ann@contoso.com", '[{"Type":"mailbox","Upn":"ann@contoso.com"}]'),
    ],
)
async def test_no_alert_about_a_name_is_missed(world: World, asked: str, entities: str) -> None:
    """`other_alerts` rests on this: however the product spells and escapes the name."""
    world.store.add_alerts(
        [logged("about", entities), logged("other", '[{"Type":"host","HostName":"WS-1"}]')]
    )

    answer = await world.sources.events.alerts_naming(names=frozenset({asked}), **SPAN)

    assert isinstance(answer, Found), answer
    names = {one.name for one in answer.value}
    assert {"about"} == names - {"Mailbox export and removal"}


@given(st.text(min_size=1, max_size=12))
def test_words_for_an_alert_are_plain_or_not_used(name: str) -> None:
    """What a JSON writer might escape is never searched for by words."""
    pieces = alert_pieces({name})

    assert all(piece.isascii() and piece[0].isalnum() and piece[-1].isalnum() for piece in pieces)
    assert all(piece in name.lower() for piece in pieces)


async def test_an_alert_is_read_in_its_latest_state(world: World) -> None:
    """Its names, and its rule by the list or the end of its type."""
    entities = (
        '[{"$id":"3","Type":"host","HostName":"WS-7","DnsDomain":"contoso.com"},'
        '{"$id":"4","Type":"account","Name":"Eve","NTDomain":"CONTOSO","Sid":"S-1-5-21-9"}]'
    )
    more = f'{{"Analytic Rule Ids": "[\\"{RULE.upper()}\\"]"}}'
    rows = [
        logged("first", entities, SystemAlertId="one", TimeGenerated=NOON - MINUTE),
        logged("last", entities, SystemAlertId="one", ExtendedProperties=more),
        logged("by type", entities, SystemAlertId="two", AlertType=f"x_{RULE}"),
    ]
    world.store.add_alerts(rows)

    answer = await world.sources.events.alerts_naming(names=frozenset({"ws-7"}), **SPAN)

    assert isinstance(answer, Found)
    assert {("last", RULE), ("by type", RULE)} == {(one.name, *one.rule_ids) for one in answer.value}
    assert {frozenset({"ws-7", "ws-7.contoso.com"})} == {one.host_names for one in answer.value}
    assert {frozenset({"contoso\\eve", "s-1-5-21-9"})} == {one.account_names for one in answer.value}


@pytest.mark.parametrize(
    "columns",
    [
        {"Entities": '[{"Type":"host","HostName":"WS-7"'},
        {"Entities": '[{"Type":"host","HostName":"WS-7"}]', "ExtendedProperties": "{"},
        {"Entities": "[" * 50 + '"WS-7"' + "]" * 50},
    ],
)
async def test_an_alert_that_cannot_be_read_is_unknown(world: World, columns: dict[str, str]) -> None:
    """F25: it may be about this very host."""
    world.store.add_alerts([logged("odd", "", **columns)])

    answer = await world.sources.events.alerts_naming(names=frozenset({"ws-7"}), **SPAN)

    assert isinstance(answer, Unavailable)


async def test_no_alert_is_an_answer(world: World) -> None:
    """Empty is found, not unknown; no names are no question."""
    events = world.sources.events

    assert Found(()) == await events.alerts_naming(names=frozenset({"nobody"}), **SPAN)
    assert isinstance(await events.alerts_naming(names=frozenset(), **SPAN), Unavailable)


async def test_closes_of_ours_are_counted(world: World) -> None:
    """By label and time of closing; what is open or was closed by others does not count."""
    labels = [{"labelName": "triage-closed", "labelType": "User"}]
    close = {
        "status": "Closed",
        "classification": "BenignPositive",
        "classification_reason": "SuspiciousButExpected",
    }
    for changes in (close, {"labels": labels}, close | {"labels": labels}):
        name = world.workspace.create_incident([], title="t", severity="Low", created=NOON)
        world.workspace.edit_incident(name, **changes)

    answers = [
        await world.sources.events.closes_since(label="triage-closed", moment=moment)
        for moment in (LATER - HOUR, LATER, LATER + MINUTE)
    ]

    assert [Found(1), Found(1), Found(0)] == answers


async def test_an_alert_is_resolved_to_its_incident(world: World) -> None:
    """The newest that is open; none is absent."""
    twin = world.workspace.create_incident([alert(0)], title="t", severity="Low", created=NOON + MINUTE)
    events = world.sources.events
    newest = await QUESTIONS["incident"](events)
    world.workspace.edit_incident(
        twin, status="Closed", classification="FalsePositive", classification_reason="InaccurateData"
    )

    assert Found(twin) == newest
    assert Found(world.incident_id.name) == await QUESTIONS["incident"](events)
    assert Absent("Log Analytics") == await events.incident_of_alert("aaaaaaaa-0000-4000-8000-00000000ffff")


FAULTS: list[dict[str, Any]] = [
    *({"kind": FaultKind.STATUS, "status": status} for status in (302, 400, 401, 403, 404, 429, 500, 504)),
    {"kind": FaultKind.STATUS, "status": 429, "retry_after": "abc"},
    *({"kind": kind} for kind in (FaultKind.RESET, FaultKind.CUT_OFF, FaultKind.HTML, FaultKind.MALFORMED)),
    *({"kind": kind} for kind in (FaultKind.REDIRECT, FaultKind.HUGE, FaultKind.BOMB, FaultKind.PARTIAL)),
    {"kind": FaultKind.DROP, "pointer": "/tables"},
    {"kind": FaultKind.DROP, "pointer": "/tables/0/columns/0"},
    {"kind": FaultKind.DROP, "pointer": "/tables/0/rows"},
    {"kind": FaultKind.SET, "pointer": "/tables/0/rows/0/0", "value": {"a": 1}},
    {"kind": FaultKind.SET, "pointer": "/tables/0/rows/0/0", "value": "0001-01-01T00:00:00Z"},
]


@pytest.mark.parametrize("question", QUESTIONS)
async def test_whatever_fails_is_unknown(world: World, question: str) -> None:
    """F25, F38, F39, F65, F66: partial or broken answers are thrown away whole."""
    assert isinstance(await QUESTIONS[question](world.sources.events), Found)
    for fault in FAULTS:
        members = dict(fault)
        if (question, fault.get("value")) == ("incident", "0001-01-01T00:00:00Z"):
            members["pointer"] = "/tables/0/rows/0/2"
        world.order(**members)

        answer = await QUESTIONS[question](world.sources.events)

        assert isinstance(answer, Unavailable), fault
    assert 0 == world.called("foreign")


async def test_a_timeout_of_the_service_is_repeated(world: World) -> None:
    """F39: then the answer is there."""
    world.order(FaultKind.STATUS, status=504, times=1)

    assert 1 == len(await of_host(world, "EXCH01"))
    assert [0.5] == world.waits


@pytest.mark.parametrize("name", ["a" * 257, "EXCH\u202e01", "EXCH\x0001", " ", ""])
async def test_an_odd_name_is_not_asked_for(world: World, name: str) -> None:
    """Unknown for good, and without a call."""
    events = world.sources.events
    answers = [
        await events.process_events(host_names=frozenset({"EXCH01", name}), **SPAN),
        await events.alerts_naming(names=frozenset({"EXCH01", name}), **SPAN),
        await events.incident_of_alert(name),
    ]

    assert [True] * 3 == [isinstance(answer, Unavailable) and answer.lasting for answer in answers]
    assert 0 == world.called()


HARD = st.text(
    st.sampled_from("\"'\\\n\r\t\0`~@h|;/#ab\u202e\u200b\u2028\x85é😀\ud800") | st.characters(), max_size=30
)


@given(HARD)
def test_any_text_is_one_literal(value: str) -> None:
    """I14: one token that says that very text, in printable ASCII, whatever the text is."""
    written = kql.text(value)

    assert written.isascii()
    assert written.isprintable()
    assert [("string", value)] == [(one.kind, one.value) for one in tokens(written)]


@given(st.lists(HARD, max_size=4))
def test_any_list_is_one_literal(values: list[str]) -> None:
    """The values, sorted, inside one dynamic literal."""
    strings = [one.value for one in tokens(kql.texts(values)) if one.kind == "string"]

    assert sorted(values) == strings


@settings(deadline=None, max_examples=30)  # each example is a translation of its own
@given(
    HARD.filter(lambda value: not any("\ud800" <= letter <= "\udfff" or letter == "\0" for letter in value))
)
def test_the_store_reads_the_literal_back(value: str) -> None:
    """The engine answers the text that went in."""
    store = EventStore()
    rows = store.query(f"print Said = {kql.text(value)}").rows
    store.close()

    assert [[value]] == rows


def test_an_address_has_no_short_name() -> None:
    """192 is no host."""
    assert frozenset({"exch01"}) == first_labels({"exch01.contoso.com", "192.0.2.1", "2001:db8::1"})
