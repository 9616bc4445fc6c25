"""How many calls an incident costs, and how often the triage waits for answers, as the workspace counts."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from client_world import ANN, BEN, OBRIEN, new_world
from faults.organisations import PLACES, guid
from faults.wire_stage import native

from playbooks import load, pipeline
from playbooks.clients import attempt
from playbooks.clients.rounds import Rounds
from playbooks.errors import SourceUnavailable
from playbooks.mailbox_export import CORRELATED_RULE_ID
from playbooks.model import Absent, Found, IncidentId, Unavailable
from playbooks.service import Service
from simulator.chain.settings import settings_for
from simulator.eventstore import EventStore
from simulator.workspace import AlertSpec, Call, FaultKind, LocalWorkspace, Lockstep

JOB_RUNNER = "svc-job"


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What one delivery did: its outcome, every call, and how many calls each round had."""

    outcome: str
    calls: tuple[Call, ...]
    rounds: tuple[int, ...]

    @property
    def sent(self) -> list[Call]:
        """Calls as they went over the wire; the parts of a batch are none."""
        return [call for call in self.calls if not call.inner]


async def course_of(world: str, tenant: dict[str, Any] | None = None) -> Course:
    """One incident of a world, one host, one account, one export and one removal, triaged once."""
    place = PLACES[world]
    now = place.created + timedelta(hours=6)
    store = EventStore()
    async with LocalWorkspace(tenant or place.tenant, store, clock=lambda: now) as workspace:
        store.add_process_events([native(one) for one in place.logged])
        name = workspace.create_incident(
            [
                AlertSpec(
                    system_alert_id=guid("alert"),
                    display_name="Mailbox export and removal",
                    start=place.start,
                    end=place.end,
                    rule_id=CORRELATED_RULE_ID,
                    entities=[
                        {"kind": "Host", "properties": {"hostName": "EXCH01", "dnsDomain": "contoso.com"}}
                    ],
                )
            ],
            title="Mailbox export",
            severity="Low",
            created=place.created,
        )
        service = Service(settings_for(place.tenant, workspace), now=lambda: now)
        step = Lockstep(lambda: workspace.calls)
        workspace.pause_before_calls(step.pause)
        where = workspace.workspace_id.split("/")
        one = service.attempt(
            IncidentId(where[2], where[4], where[8], name), playbook="mailbox_export", last=True
        )
        async with service.clients:
            outcome = await pipeline.triage(load("mailbox_export"), service.clients, one)
    store.close()
    assert isinstance(outcome, pipeline.Finished)
    return Course(outcome=outcome.outcome, calls=tuple(workspace.calls), rounds=tuple(step.rounds))


async def test_a_close_is_at_most_10_rounds_and_18_calls() -> None:
    """With every read that the faults demand: record and alerts before the update, alerts after it."""
    course = await course_of("scheduled")
    after_comment = [
        (call.method, call.path.rpartition("}/")[2] or "incident")
        for call in course.sent[next(n for n, call in enumerate(course.sent) if "comments/" in call.path) :]
    ]

    assert "closed" == course.outcome
    assert (len(course.rounds), len(course.sent)) <= (10, 18), course.rounds
    assert len(course.sent) <= 18
    assert sum(course.rounds) == len(course.sent)
    assert ["PUT", "GET", "POST", "PUT", "POST"] == [method for method, _ in after_comment]
    assert ["alerts", "alerts"] == [path for method, path in after_comment if method == "POST"]


async def test_an_escalation_is_at_most_9_rounds_and_16_calls() -> None:
    """Comment and task, then the record once more for its etag, then the update."""
    course = await course_of("attack")

    assert "escalated" == course.outcome
    assert len(course.rounds) <= 9, course.rounds
    assert len(course.sent) <= 16
    assert ["PUT", "PUT", "GET", "PUT"] == [call.method for call in course.sent[-4:]]


async def test_nothing_is_asked_twice_but_what_has_to_be_read_again() -> None:
    """The record, its alerts: before and after the writes. Everything else once, in batches too."""
    course = await course_of("scheduled")
    asked = Counter(f"{call.method} {call.target}" for call in course.calls if call.method == "GET")
    again = {target.rpartition("/")[2] for target, times in asked.items() if times > 1}

    assert {guid_of(course), "users"} == again
    assert 3 == sum(call.path.endswith("/alerts") for call in course.calls)
    assert {"logs": 2, "graph": 2} == {
        service: sum(call.service == service for call in course.sent) for service in ("logs", "graph")
    }


def guid_of(course: Course) -> str:
    """Name of the incident that was triaged."""
    return next(
        call.target.rpartition("/")[2] for call in course.sent if call.path.endswith("/incidents/{incident}")
    )


async def test_what_there_is_more_of_costs_a_call_each() -> None:
    """An optional watchlist that exists is one call; groups that may hold roles are one batch more."""
    tenant = deepcopy(PLACES["scheduled"].tenant)
    tenant["watchlists"] |= {
        alias: [{"User Principal Name": "nobody@contoso.com"}]
        for alias in ("VIPUsers", "TerminatedEmployees")
    }
    runner = next(one for one in tenant["users"] if one["onPremisesSamAccountName"] == JOB_RUNNER)
    group = {"id": guid("role-holders"), "displayName": "Role holders", "members": [runner["id"]]}
    tenant["groups"].append(group)
    tenant["directoryRoles"].append(
        {"roleTemplateId": guid("a-role"), "displayName": "A role", "members": [group["id"]]}
    )
    plain, more = await course_of("scheduled"), await course_of("scheduled", tenant)

    assert "closed" == more.outcome
    assert (len(plain.rounds) + 1, len(plain.sent) + 3) == (len(more.rounds), len(more.sent))
    assert len(more.rounds) <= 10


async def test_questions_of_one_attempt_travel_in_one_batch() -> None:
    """Each is answered for itself, matched by id; the service answers last first."""
    async with new_world() as world:
        directory = world.sources.directory
        with attempt("one"):
            users = await asyncio.gather(
                *(directory.user_by_upn(f"{name}@contoso.com") for name in ("ann", "ben", "o'brien", "ann"))
            )
            missing, device = await asyncio.gather(
                directory.user_by_upn("nobody@contoso.com"), directory.device_named("EXCH01")
            )
        calls = world.workspace.calls

    assert [ANN, BEN, OBRIEN, ANN] == [user.value.id for user in users if isinstance(user, Found)]
    assert isinstance(missing, Absent)
    assert isinstance(device, Found)
    assert ["/v1.0/$batch"] * 2 == [call.path for call in calls if not call.inner]
    assert 3 + 2 == sum(call.inner for call in calls)


async def test_attempts_side_by_side_share_no_batch() -> None:
    """F16: nothing of one incident travels with another's."""
    async with new_world() as world:
        directory = world.sources.directory

        async def one(name: str) -> list[Any]:
            with attempt(name):
                return await asyncio.gather(
                    directory.user_by_upn(f"{name}@contoso.com"), directory.device_named("EXCH01")
                )

        answers = await asyncio.gather(one("ann"), one("ben"))
        batches = [call for call in world.workspace.calls if call.path == "/v1.0/$batch"]

    assert [ANN, BEN] == [user.value.id for user, _ in answers]
    assert 2 == len(batches)


@pytest.mark.parametrize(
    ("fault", "words", "lasting"),
    [
        ({"kind": FaultKind.STATUS, "status": 403}, "needs", True),
        ({"kind": FaultKind.STATUS, "status": 404}, "404", False),
        ({"kind": FaultKind.STATUS, "status": 429, "retry_after": "3600"}, "429", False),
        ({"kind": FaultKind.RESET}, "no whole answer", False),
        ({"kind": FaultKind.HTML}, "not JSON", False),
        ({"kind": FaultKind.DROP, "pointer": "/responses"}, "no answer in the batch", False),
        ({"kind": FaultKind.HUGE}, "", False),
    ],
    ids=lambda fault: str(fault.get("status", fault["kind"])) if isinstance(fault, dict) else None,
)
async def test_a_batch_that_fails_proves_nothing(fault: dict[str, Any], words: str, lasting: bool) -> None:
    """F33: never Absent. Only one that is too large is asked again, part by part."""
    async with new_world() as world:
        world.order(path="/v1.0/$batch", **fault)
        with attempt("failing"):
            risk, user = await asyncio.gather(
                world.sources.directory.risk_of(BEN),
                world.sources.directory.user_by_upn("nobody@contoso.com"),
            )

    if fault["kind"] is FaultKind.HUGE:
        assert (Absent, Absent) == (type(risk), type(user))
        return
    for answer in (risk, user):
        assert isinstance(answer, Unavailable)
        assert (True, lasting) == (words in answer.cause, answer.lasting), answer


async def test_one_part_of_a_batch_fails_alone() -> None:
    """F29, F33: 403 on risk says nothing of the others, and what is missing is asked for once more."""
    async with new_world() as world:
        world.order(FaultKind.STATUS, status=403, path="*riskyUsers*")
        world.order_also(FaultKind.MISSING, path="*/devices", times=1)
        with attempt("partly"):
            risk, user, device = await asyncio.gather(
                world.sources.directory.risk_of(ANN),
                world.sources.directory.user_by_upn("ann@contoso.com"),
                world.sources.directory.device_named("EXCH01"),
            )

    assert isinstance(user, Found)
    assert isinstance(risk, Unavailable)
    assert "IdentityRiskyUser" in risk.cause
    assert isinstance(device, Found)
    assert [0.5] == world.waits


async def test_more_than_twenty_questions_are_several_batches() -> None:
    """Microsoft Graph takes no more in one."""
    async with new_world() as world:
        names = [f"user{number}@contoso.com" for number in range(45)]
        with attempt("many"):
            answers = await asyncio.gather(*map(world.sources.directory.user_by_upn, names))
        batches = [call for call in world.workspace.calls if not call.inner]

    assert {Absent} == {type(answer) for answer in answers}
    assert 3 == len(batches)


async def test_log_questions_of_one_round_are_one_query() -> None:
    """Each gets its own rows; a part that the service refuses makes each be asked alone."""
    async with new_world() as world:
        events = world.sources.events
        for refused in (False, True):
            world.order(FaultKind.STATUS, status=400, path="*/query", times=1) if refused else None
            before = world.called("logs")
            with attempt("logs"):
                closes, reach, alerts = await asyncio.gather(
                    events.closes_since(label="triage-closed", moment=PLACES["scheduled"].start),
                    events.first_event_after(PLACES["scheduled"].start),
                    events.alerts_naming(
                        names=frozenset({"exch01"}),
                        start=PLACES["scheduled"].start - timedelta(days=30),
                        end=PLACES["scheduled"].end,
                    ),
                )

            assert Found(0) == closes
            assert isinstance(reach, Absent)
            assert isinstance(alerts, Found)
            assert (1 + 3 if refused else 1) == world.called("logs") - before


async def test_a_partial_union_is_used_by_nobody() -> None:
    """F38: rows beside an error are thrown away, those of every question."""
    async with new_world() as world:
        world.order(FaultKind.PARTIAL, path="*/query")
        events = world.sources.events
        with attempt("partial"):
            closes, reach = await asyncio.gather(
                events.closes_since(label="triage-closed", moment=PLACES["scheduled"].start),
                events.first_event_after(PLACES["scheduled"].start),
            )

    assert ["partial" in answer.cause for answer in (closes, reach) if isinstance(answer, Unavailable)] == [
        True,
        True,
    ]


async def test_a_round_ends_with_those_who_wait_for_it() -> None:
    """A caller that is gone takes its request with it; one that waits on gets its answer all the same."""
    asked: list[Sequence[int]] = []
    ended: list[bool] = []
    begun = asyncio.Event()

    async def answer(questions: Sequence[int]) -> Sequence[int | SourceUnavailable]:
        asked.append(list(questions))
        begun.set()
        try:
            await asyncio.sleep(0.05)
        finally:
            ended.append(True)
        return [SourceUnavailable("x", "no") if number == 3 else number * 10 for number in questions]

    rounds = Rounds[int, int](answer)
    first, second, third = (asyncio.ensure_future(rounds.ask(number)) for number in (1, 2, 3))
    await begun.wait()
    first.cancel()

    assert 20 == await second
    with pytest.raises(SourceUnavailable):
        await third
    begun.clear()
    alone = asyncio.ensure_future(rounds.ask(4))
    await begun.wait()
    alone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await alone
    await asyncio.sleep(0)
    assert [[1, 2, 3], [4]] == asked
    assert [True, True] == ended
