"""The levels that go over HTTP: every call with what can befall an answer, and every endpoint for ever."""

import asyncio
import random
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import Any

from faults.driver import Run
from faults.invariants import check_convergence
from faults.levels import Tally
from faults.organisations import DANGEROUS_PLACES, HONEST_PLACES, PLACES
from faults.schedule import Schedule, Strike
from faults.trace import Trace
from faults.wire_stage import WIRE_EDITS, WIRE_FAULTS, WireStage, floors

WORLDS = (*HONEST_PLACES, *DANGEROUS_PLACES)
LASTING = ("s403", "s500", "s429_3600", "html", "partial", "foreign_link", "drop_value", "reset")
ENDPOINTS = (
    "/incidents/{incident}",
    "/alerts",
    "/entities",
    "/comments",
    "/tasks",
    "/comments/{comment}",
    "/watchlists/{alias}",
    "/watchlistItems",
    "/query",
    "/users",
    "graph.group",
    "/riskyUsers/{id}",
    "/roleAssignments",
    "/roleEligibilityScheduleInstances",
)
CALLS = 40
"""Calls of the fault-free run of the world `scheduled`, rounded up."""


async def run_wire(floor_of: Callable[[str, bool], Any], schedule: Schedule) -> Trace:
    """One run over HTTP."""
    floor = await floor_of(schedule.world, "observe" in schedule.flags)
    wait = timedelta(minutes=1) if "early" in schedule.flags else timedelta(hours=6)
    return await Run(WireStage(floor, schedule, now=PLACES[schedule.world].created + wait)).whole()


def run_wire_all(name: str, schedules: Iterable[Schedule], *, most_violations: int = 20) -> Tally:
    """Runs every schedule over HTTP, in one loop; stops early where enough is broken."""
    return asyncio.run(_run_all(name, schedules, most_violations))


async def _run_all(name: str, schedules: Iterable[Schedule], most_violations: int) -> Tally:
    tally, started = Tally(name), time.perf_counter()
    calm: dict[Schedule, Trace] = {}
    async with floors() as floor_of:
        for schedule in schedules:
            quiet = Schedule(world=schedule.world, flags=schedule.flags)
            if quiet not in calm:
                calm[quiet] = await run_wire(floor_of, quiet)
                if PLACES[schedule.world].closes and not calm[quiet].closes:
                    calm[quiet].broke("I10", "an honest incident is not closed although nothing fails")
            trace = calm[quiet] if schedule == quiet else await run_wire(floor_of, schedule)
            check_convergence(trace, calm[quiet], schedule)
            tally.add(schedule, trace)
            if len(tally.violations) >= most_violations:
                break
    tally.seconds = time.perf_counter() - started
    return tally


def wire_calm() -> Iterator[Schedule]:
    """Each world with nothing happening."""
    yield from (Schedule(world=world, flags=frozenset({"wire"})) for world in WORLDS)


def wire_outages(worlds: Iterable[str] = ("scheduled", "risky")) -> Iterator[Schedule]:
    """Every endpoint failing for ever, in each lasting way."""
    for world in worlds:
        for endpoint in ENDPOINTS:
            for how in LASTING:
                yield Schedule(world=world, down=endpoint, how=how, flags=frozenset({"wire"}))


def wire_singles(worlds: Iterable[str] = ("scheduled",)) -> Iterator[Schedule]:
    """Every call with every fault of an answer, every edit of a person, a kill and a copy."""
    for world in worlds:
        for step in range(1, CALLS + 1):
            for kind in (*(k for k in WIRE_FAULTS if k != "s404"), *WIRE_EDITS, "kill", "kill_after", "copy"):
                yield Schedule(world=world, strikes=(Strike(step, kind),), flags=frozenset({"wire"}))


def sample(schedules: Iterable[Schedule], number: int, *, seed: int) -> list[Schedule]:
    """A seeded choice, in order."""
    known = list(schedules)
    chosen = random.Random(seed).sample(range(len(known)), min(number, len(known)))  # noqa: S311 - a seeded choice
    return [known[place] for place in sorted(chosen)]
