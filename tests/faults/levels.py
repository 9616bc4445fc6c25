"""The levels of the suite: which schedules there are, and what came of them."""

import asyncio
import random
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache
from itertools import combinations

from faults.driver import Run
from faults.invariants import check_convergence
from faults.organisations import DANGEROUS_PLACES, HONEST_PLACES, PLACES
from faults.people import EDITS
from faults.ports_stage import READS, SEND, WRITES, PortsStage
from faults.schedule import Schedule, Strike
from faults.trace import Trace

LOOKUP_FAULTS = ("unavailable", "forbidden")
READ_FAULTS = ("unavailable", "forbidden", "missing")
WRITE_FAULTS = ("unavailable", "lost", "forbidden", "missing", "conflict", "refused")
SEND_FAULTS = ("unavailable", "lost")
ANYWHERE = ("kill", "kill_after", "copy", "jump")


@dataclass(slots=True)
class Tally:
    """What a level came to: runs, closes, seconds, and each violation with its schedule."""

    name: str
    runs: int = 0
    closes: int = 0
    seconds: float = 0.0
    violations: list[tuple[str, str]] = field(default_factory=list)
    first_after: int = 0
    """Number of the run that broke an invariant first."""

    def add(self, schedule: Schedule, trace: Trace) -> None:
        """Counts one run."""
        self.runs += 1
        self.closes += trace.closes > 0
        if trace.violations and not self.violations:
            self.first_after = self.runs
        self.violations += [(words, str(schedule)) for words in trace.violations]


async def run_ports(schedule: Schedule) -> Trace:
    """One run at the level of the ports."""
    place = PLACES[schedule.world]
    wait = timedelta(minutes=1) if "early" in schedule.flags else timedelta(hours=6)
    stage = PortsStage(place, schedule, now=place.created + wait)
    return await Run(stage).whole()


def run_one(schedule: Schedule) -> Trace:
    """One run, held against the fault-free one."""
    trace = asyncio.run(run_ports(schedule))
    if schedule != (calm := calm_of(schedule)):
        check_convergence(trace, fault_free(calm), schedule)
    elif PLACES[schedule.world].closes and not trace.closes and "observe" not in schedule.flags:
        trace.broke("I10", "an honest incident is not closed although nothing fails")
    return trace


def calm_of(schedule: Schedule) -> Schedule:
    """The same world without anything happening."""
    return Schedule(world=schedule.world, flags=schedule.flags - {"echo", "unnotified"})


@lru_cache
def fault_free(calm: Schedule) -> Trace:
    """The run of a calm schedule."""
    return asyncio.run(run_ports(calm))


def run_all(name: str, schedules: Iterable[Schedule], *, most_violations: int = 20) -> Tally:
    """Runs every schedule, and stops early where enough is broken."""
    tally, started = Tally(name), time.perf_counter()
    for schedule in schedules:
        tally.add(schedule, run_one(schedule))
        if len(tally.violations) >= most_violations:
            break
    tally.seconds = time.perf_counter() - started
    return tally


def steps_of(world: str, *flags: str) -> list[str]:
    """The calls of the fault-free run up to its end, in order."""
    trace = fault_free(Schedule(world=world, flags=frozenset(flags)))
    first_end = sum(one.calls for one in trace.deliveries if one.message == 1) + 1
    return trace.steps[: max(first_end, 1)]


def faults_of(call: str) -> tuple[str, ...]:
    """The faults that can befall a call."""
    if call == SEND:
        return SEND_FAULTS
    if call in WRITES:
        return WRITE_FAULTS
    return READ_FAULTS if call in READS else LOOKUP_FAULTS


def strikes_of(world: str, *flags: str) -> list[Strike]:
    """Everything that can happen at every step of a world."""
    return [
        Strike(number, kind)
        for number, call in enumerate(steps_of(world, *flags), start=1)
        for kind in (*faults_of(call), *ANYWHERE, *EDITS)
    ]


def calm() -> Iterator[Schedule]:
    """Each world with nothing happening, in each of its ways."""
    for world in PLACES:
        for flags in ((), ("early",), ("by_alert",), ("observe",), ("echo",), ("early", "echo")):
            yield Schedule(world=world, flags=frozenset(flags))
        yield Schedule(world=world, posts=5)


def singles(worlds: Iterable[str], *flags: str) -> Iterator[Schedule]:
    """Every step with everything that can happen there."""
    for world in worlds:
        for strike in strikes_of(world):
            yield Schedule(world=world, strikes=(strike,), flags=frozenset(flags))


def outages() -> Iterator[Schedule]:
    """Every call failing for ever, and for eight minutes."""
    for world in (*HONEST_PLACES, *DANGEROUS_PLACES):
        for call in sorted(set(steps_of(world))):
            for how in faults_of(call):
                yield Schedule(world=world, down=call, how=how)
            yield Schedule(world=world, down=call, minutes=8)


def deciding_pairs(world: str) -> Iterator[Schedule]:
    """Every pair of happenings of which both touch the incident: a read, a write, or what others do there."""
    touching = [number for number, call in enumerate(steps_of(world), start=1) if call in WRITES | READS]
    edits = [Strike(n, kind) for n in touching for kind in ("owner", "close", "reopen", "alert", "foreign")]
    steps = steps_of(world)
    faults = [
        Strike(n, kind)
        for n in touching
        for kind in (*(WRITE_FAULTS if steps[n - 1] in WRITES else READ_FAULTS), *ANYWHERE)
    ]
    for one, other in combinations(sorted(edits + faults), 2):
        yield Schedule(world=world, strikes=(one, other))


def other_pairs(seed: int) -> Iterator[Schedule]:
    """Any two happenings in any world, for ever; the same for the same seed."""
    chance = random.Random(seed)  # noqa: S311 - a seeded choice
    worlds = (*HONEST_PLACES * 2, *DANGEROUS_PLACES)
    flags = ((), (), ("echo",), ("unnotified",), ("early",), ("by_alert",))
    while True:
        world, chosen = chance.choice(worlds), chance.choice(flags)
        strikes = strikes_of(world)
        late = Strike(chance.randint(1, 60), chance.choice((*ANYWHERE, *EDITS)))
        yield Schedule(
            world=world,
            strikes=tuple(sorted((chance.choice(strikes), chance.choice((*strikes[:50], late))))),
            flags=frozenset(chosen),
        )


def generated(seed: int) -> Iterator[Schedule]:
    """Long schedules: three to twelve happenings over many deliveries, for ever."""
    chance = random.Random(seed)  # noqa: S311 - a seeded choice
    worlds = (*HONEST_PLACES * 2, *DANGEROUS_PLACES)
    kinds = (*WRITE_FAULTS, *ANYWHERE, *EDITS)
    while True:
        count = chance.randint(3, 12)
        strikes = {Strike(chance.randint(1, 110), chance.choice(kinds)) for _ in range(count)}
        flags = frozenset(
            flag for flag in ("echo", "unnotified", "early", "by_alert") if chance.random() < 0.15
        )
        yield Schedule(
            world=chance.choice(worlds),
            strikes=tuple(sorted(strikes)),
            posts=chance.choice((1, 1, 2, 5)),
            flags=flags,
        )
