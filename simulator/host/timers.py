"""Runs timer functions on their schedule, one occurrence at a time."""

import asyncio
import json
from datetime import UTC, datetime

from simulator.host.calls import Calls
from simulator.host.fields import Fields
from simulator.host.triggers import TimerTrigger

# Sleeping in pieces keeps the schedule when the machine's clock is set or the machine slept.
_PIECE_SECONDS = 30.0


async def run_on_schedule(trigger: TimerTrigger, calls: Calls) -> None:
    """Run a timer function at each occurrence until cancelled; a late end skips what it overran."""
    if trigger.run_on_startup:
        await calls.call(trigger, timer_value(trigger))
    while True:
        await _sleep_until(trigger.schedule.next_after(datetime.now(UTC)))
        await calls.call(trigger, timer_value(trigger))


def timer_value(trigger: TimerTrigger) -> Fields:
    """Build the trigger argument: never past due, with the next occurrence in UTC."""
    upcoming = trigger.schedule.next_after(datetime.now(UTC))
    schedule = {
        "IsPastDue": False,
        "Schedule": {"AdjustForDST": True},
        "ScheduleStatus": {"Next": upcoming.isoformat()},
    }
    return Fields(json=json.dumps(schedule))


async def _sleep_until(moment: datetime) -> None:
    while (ahead := (moment - datetime.now(UTC)).total_seconds()) > 0:  # noqa: ASYNC110 - time is the event
        await asyncio.sleep(min(ahead, _PIECE_SECONDS))
