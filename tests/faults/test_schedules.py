"""Schedules that once broke an invariant, and the suite's own tools."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from faults.driver import Run
from faults.host_queue import LEASE, MOST_DELIVERIES, RETRY, HostQueue
from faults.levels import run_one, run_ports, steps_of
from faults.organisations import HONEST_PLACES, PLACES
from faults.ports_stage import PortsStage
from faults.schedule import Schedule, Strike
from playbooks.worker import MAX_DEQUEUE_COUNT
from simulator.host.listener import DEFAULT_LEASE

FOUND = {
    "world=scheduled 25:foreign 25:owner": "our close with an unseen alert stayed, as somebody owned it",
    "world=stranger 3:raise": "a person raised the severity while we judged, and we lowered it",
    "world=paged echo 27:foreign_silent 36:reword 60:alert": "a close that a person took over was reopened",
    "world=scheduled how=missing down=comment_ids": "404 of the comments was read as a gone incident",
    "world=scheduled 23:kill_after 24:missing": "one 404 ended a message that had waited over ten minutes",
    "world=scheduled 25:foreign 28:reword": "a close that a person took over was reopened",
}


@pytest.mark.parametrize("text", FOUND)
def test_what_once_broke_holds(text: str) -> None:
    """Each of these ended in a violation before the product was mended."""
    assert [] == run_one(Schedule.parse(text)).violations, FOUND[text]


@pytest.mark.parametrize("world", HONEST_PLACES)
def test_an_outage_of_eight_minutes_changes_nothing(world: str) -> None:
    """F14, I10: attempts span ten minutes or more, so a short outage of any source ends in the close."""
    for call in sorted(set(steps_of(world)) - {"send"}):
        trace = run_one(Schedule(world=world, down=call, minutes=8))
        assert (1, []) == (trace.closes, trace.violations), call


def test_our_own_writes_that_come_back_as_updates_end_soon() -> None:
    """F55: every comment and label of ours hands the incident over again; nothing more is written."""
    for world in PLACES:
        calm = run_one(Schedule(world=world))
        echoed = run_one(Schedule(world=world, flags=frozenset({"echo"})))

        assert [] == echoed.violations
        ours = [len([frame for frame in trace.frames if frame.by == "us"]) for trace in (calm, echoed)]
        assert ours[0] == ours[1]
        assert len(echoed.deliveries) <= len(calm.deliveries) + ours[0]


def test_the_message_outlives_an_outage_without_end() -> None:
    """I1: while the incident service refuses everything, a message is there and an alarm is up."""
    trace = run_one(Schedule(world="attack", down="read", how="forbidden"))

    assert [] == trace.violations
    assert "no_permission" in trace.alarms
    assert any(delivery.poison for delivery in trace.deliveries)
    assert "triage-escalated" in trace.last.labels


def test_a_gone_incident_is_told() -> None:
    """F22: 404 always ends with an alarm, after ten minutes and never silently."""
    trace = run_one(Schedule(world="scheduled", strikes=(Strike(2, "delete"),)))

    assert "incident_not_found" in trace.alarms
    assert trace.deliveries[4].at - trace.deliveries[0].at >= timedelta(minutes=10)


async def test_the_sweep_hands_over_what_nobody_did() -> None:
    """An incident that was never posted is found, triaged and then left alone by every later sweep."""
    place = PLACES["scheduled"]
    stage = PortsStage(place, Schedule(world="scheduled"), now=place.created + timedelta(hours=6))
    run = Run(stage)

    await run.worker.sweep()
    assert 1 == len(run.queue.messages)
    await run.drain()
    assert 1 == stage.trace.closes

    await run.worker.sweep()
    assert [] == run.queue.messages


async def test_a_swept_incident_that_must_wait_leaves_no_message_behind() -> None:
    """The next sweep brings it again, so sweeps never pile messages up."""
    place = PLACES["scheduled"]
    stage = PortsStage(place, Schedule(world="scheduled"), now=place.created + timedelta(minutes=1))
    run = Run(stage)
    for _ in range(4):
        await run.worker.sweep()
        await run.drain()
        assert [] == run.queue.messages
        stage.now += timedelta(minutes=30)

    assert 1 == stage.trace.closes


@pytest.mark.parametrize("edit", ["owner", "close", "label"])
async def test_a_sweep_leaves_people_alone(edit: str) -> None:
    """Owned or closed incidents are not handed over; a person's own label does not hide one."""
    place = PLACES["scheduled"]
    schedule = Schedule(world="scheduled", strikes=(Strike(1, edit),))
    stage = PortsStage(place, schedule, now=place.created + timedelta(hours=6))
    await stage.comment_ids(stage.incident.id)
    run = Run(stage)

    await run.worker.sweep()

    assert (1 if edit == "label" else 0) == len(run.queue.messages)


async def test_a_failing_sweep_is_an_alarm_and_no_error() -> None:
    """The timer goes on; the next sweep tries again."""
    place = PLACES["scheduled"]
    for down in ("untriaged", "send"):
        stage = PortsStage(place, Schedule(world="scheduled", down=down), now=place.created)
        run = Run(stage)

        await run.worker.sweep()

        assert [] == run.queue.messages


@pytest.mark.parametrize(
    "text",
    [
        "world=scheduled",
        "world=own down=read how=forbidden minutes=8 posts=5 early echo 3:lost 7:kill",
        "world=vip wire 12:s403",
    ],
)
def test_a_schedule_is_a_line_of_text(text: str) -> None:
    """What a violation names can be run again."""
    assert Schedule.parse(text) == Schedule.parse(str(Schedule.parse(text)))


def test_a_word_that_is_no_part_of_a_schedule_is_refused() -> None:
    """Mistyped schedules are errors, not calm runs."""
    with pytest.raises(ValueError, match="sometimes"):
        Schedule.parse("world=own sometimes")


def test_the_same_schedule_is_the_same_run() -> None:
    """Steps, states and deliveries of a run follow from its schedule alone."""
    schedule = Schedule.parse("world=own posts=2 4:conflict 9:unavailable 22:kill_after 40:alert")
    one, other = (asyncio.run(run_ports(schedule)) for _ in range(2))

    assert one.steps == other.steps
    assert one.frames == other.frames
    assert one.deliveries == other.deliveries
    assert one.comments == other.comments


def test_the_queue_model_has_the_hosts_rules() -> None:
    """Five deliveries three minutes apart, then poison; what a killed one held returns after its lease."""
    now = datetime(2024, 11, 18, tzinfo=UTC)
    queue = HostQueue()
    queue.put("a", visible=now)
    for count in range(1, MOST_DELIVERIES + 1):
        message = queue.next()
        assert message is not None
        assert (False, now) == (message.poison, message.visible)
        assert queue.lease(message, now)
        assert (count, now + LEASE) == (message.count, message.visible)
        queue.failed(message, now)
        now = message.visible
    message = queue.next()
    assert message is not None
    assert message.poison
    assert (MAX_DEQUEUE_COUNT, DEFAULT_LEASE) == (MOST_DELIVERIES, LEASE)
    assert timedelta(minutes=10) <= RETRY * (MOST_DELIVERIES - 1)
