"""The levels that go over HTTP: every call with what can befall an answer, and every endpoint for ever."""

import asyncio
import random
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from functools import lru_cache
from typing import Any

from faults import portal
from faults.driver import Run
from faults.invariants import check_convergence
from faults.levels import Tally
from faults.organisations import DANGEROUS_PLACES, HONEST_PLACES, PLACES
from faults.schedule import Schedule, Strike
from faults.trace import Trace
from faults.wire_stage import WIRE_EDITS, WIRE_FAULTS, WireStage, floors

WORLDS = (*HONEST_PLACES, *DANGEROUS_PLACES)
LASTING = ("s403", "s500", "s429_3600", "html", "partial", "foreign_link", "drop_value", "reset")
OF_SENTINEL = ("/alerts", "/entities", "/comments", "/tasks", "/comments/{comment}")
OF_ALL = (
    "/incidents/{incident}",
    "/watchlists",
    "/watchlistItems",
    "/query",
    "/users",
    "graph.group",
    "/riskyUsers/{id}",
    "/roleAssignments",
    "/roleEligibilityScheduleInstances",
    "/$batch",
)


@lru_cache
def steps_over_http(world: str, *flags: str) -> tuple[str, ...]:
    """The calls of the fault-free run up to the end of its first delivery, in order."""
    trace = asyncio.run(_calm(Schedule(world=world, flags=frozenset({"wire", *flags}))))
    return tuple(trace.steps[: trace.deliveries[0].calls])


async def _calm(schedule: Schedule) -> Trace:
    async with floors() as floor_of:
        return await run_wire(floor_of, schedule)


async def run_wire(floor_of: Callable[[Schedule], Any], schedule: Schedule) -> Trace:
    """One run over HTTP."""
    floor = await floor_of(schedule)
    wait = timedelta(minutes=1) if "early" in schedule.flags else timedelta(hours=6)
    return await Run(WireStage(floor, schedule, now=PLACES[schedule.world].created + wait)).whole()


def run_wire_all(name: str, schedules: Iterable[Schedule], *, most_violations: int = 20) -> Tally:
    """Runs every schedule over HTTP, in one loop; stops early where enough is broken."""
    # A list: finding out how many steps there are runs a loop of its own.
    return asyncio.run(_run_all(name, list(schedules), most_violations))


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


def wire_calm(*flags: str) -> Iterator[Schedule]:
    """Each world with nothing happening."""
    yield from (Schedule(world=world, flags=frozenset({"wire", *flags})) for world in WORLDS)


def wire_outages(worlds: Iterable[str] = ("scheduled", "risky"), *flags: str) -> Iterator[Schedule]:
    """Every endpoint failing for ever, in each lasting way."""
    endpoints = (*OF_ALL, *(portal.ENDPOINTS if portal.FLAG in flags else OF_SENTINEL))
    for world in worlds:
        for endpoint in endpoints:
            for how in LASTING:
                yield Schedule(world=world, down=endpoint, how=how, flags=frozenset({"wire", *flags}))


def wire_singles(worlds: Iterable[str] = ("scheduled",), *flags: str) -> Iterator[Schedule]:
    """Every call with every fault of an answer, every edit of a person, a kill and a copy."""
    kinds = (*(kind for kind in WIRE_FAULTS if kind != "s404"), *WIRE_EDITS, "kill", "kill_after", "copy")
    for world in worlds:
        for step in range(1, len(steps_over_http(world, *flags)) + 1):
            for kind in kinds:
                strike = Strike(step, kind)
                yield Schedule(world=world, strikes=(strike,), flags=frozenset({"wire", *flags}))


def wire_writes(*flags: str) -> Iterator[Schedule]:
    """Every write of an incident and the calls around it, with lost answers and with what others do there."""
    steps = steps_over_http("scheduled", *flags)
    writing = [place for place, step in enumerate(steps, start=1) if step.split()[1] in ("PATCH", "PUT")]
    writing += [
        place for place, step in enumerate(steps, start=1) if step.endswith("/incidents/{id}/comments")
    ]
    for step in sorted({near for place in writing for near in (place - 1, place, place + 1)}):
        for kind in ("lost_answer", "owner", "active", "alert", "copy"):
            strike = Strike(step, kind)
            yield Schedule(world="scheduled", strikes=(strike,), flags=frozenset({"wire", *flags}))


def sample(schedules: Iterable[Schedule], number: int, *, seed: int) -> list[Schedule]:
    """A seeded choice, in order."""
    known = list(schedules)
    chosen = random.Random(seed).sample(range(len(known)), min(number, len(known)))  # noqa: S311 - a seeded choice
    return [known[place] for place in sorted(chosen)]
