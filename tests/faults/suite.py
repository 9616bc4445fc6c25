"""The levels by name, in a short form for every test run and a long one for `tools/chaos.py`."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

from faults import portal
from faults.levels import (
    Tally,
    calm,
    deciding_pairs,
    generated,
    other_pairs,
    outages,
    run_all,
    singles,
    steps_of,
)
from faults.organisations import DANGEROUS_PLACES, HONEST_PLACES
from faults.people import EDITS
from faults.schedule import Schedule, Strike
from faults.wire_levels import (
    WORLDS,
    run_wire_all,
    sample,
    wire_calm,
    wire_outages,
    wire_singles,
    wire_writes,
)

type Runner = Callable[..., Tally]
type Schedules = Callable[[int, int], Iterator[Schedule]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One level: what it shows, how it is run, and its schedules for a seed and a number of runs (0: all)."""

    name: str
    shows: str
    run: Runner
    schedules: Schedules
    short: int
    endless: bool = False
    """Whether there is no end of schedules, so that a number of runs has to be given."""
    closes: bool = True
    """Whether any of its runs must close, without which it would prove nothing."""


def _chosen(everything: Callable[[], Iterator[Schedule]]) -> Schedules:
    def schedules(seed: int, number: int) -> Iterator[Schedule]:
        return iter(sample(everything(), number, seed=seed)) if number else everything()

    return schedules


def _endless(stream: Callable[[int], Iterator[Schedule]]) -> Schedules:
    return lambda seed, number: islice(stream(seed), number or 20_000)


def late(worlds: tuple[str, ...] = ("scheduled", "own")) -> Iterator[Schedule]:
    """What people and the service do after everything was done, at every step of a second delivery."""
    for world in worlds:
        first = len(steps_of(world))
        for step in range(first, first + 12):
            for kind in EDITS:
                yield Schedule(world=world, posts=2, strikes=(Strike(step, kind),))


def waited() -> Iterator[Schedule]:
    """A call that finds nothing, at every step of a run that waits for its window first."""
    for step in range(1, 60):
        yield Schedule(world="scheduled", flags=frozenset({"early"}), strikes=(Strike(step, "missing"),))


def unnotified() -> Iterator[Schedule]:
    """Alerts that join at every step, and no automation rule hands the incident over again."""
    for world in ("scheduled", "case"):
        for schedule in singles((world,), "unnotified"):
            if {strike.kind for strike in schedule.strikes} <= {
                "alert",
                "alert_silent",
                "foreign",
                "foreign_silent",
            }:
                yield schedule


def pairs() -> Iterator[Schedule]:
    """Every pair that touches a decision or a write, in an honest world."""
    yield from deciding_pairs("scheduled")


def _outages_over_http(*flags: str) -> Schedules:
    """All of them, or those that tell most and a seeded choice of the others."""

    def schedules(seed: int, number: int) -> Iterator[Schedule]:
        if not number:
            yield from wire_outages(WORLDS, *flags)
            return
        telling = [("/query", "partial"), ("/riskyUsers/{id}", "s403"), ("/watchlistItems", "s403")]
        telling += [("/users", "s403"), ("/incidents/{incident}", "s403"), ("graph.group", "foreign_link")]
        telling += [(endpoint, "s403") for endpoint in portal.ENDPOINTS if flags]
        for world in ("scheduled", "risky"):
            for down, how in telling:
                yield Schedule(world=world, down=down, how=how, flags=frozenset({"wire", *flags}))
        yield from sample(wire_outages(("scheduled", "risky"), *flags), number - 2 * len(telling), seed=seed)

    return schedules


def _singles_over_http(*flags: str) -> Schedules:
    def schedules(seed: int, number: int) -> Iterator[Schedule]:
        if not number:
            return wire_singles(("scheduled", "own", "vip"), *flags)
        telling = list(wire_writes(*flags)) if flags else []
        chosen = sample(wire_singles(("scheduled",), *flags), number - len(telling), seed=seed)
        return iter((*telling, *chosen))

    return schedules


LEVELS = (
    Level(name="calm", shows="every world, nothing fails", run=run_all, schedules=_chosen(calm), short=0),
    Level(
        name="singles",
        shows="every step x every happening, honest and dangerous",
        run=run_all,
        schedules=_chosen(lambda: singles(("scheduled", "attack", "stranger"))),
        short=700,
    ),
    Level(
        name="singles-everywhere",
        shows="the same in every world",
        run=run_all,
        schedules=_chosen(lambda: singles((*HONEST_PLACES, *DANGEROUS_PLACES))),
        short=200,
    ),
    Level(
        name="singles-early",
        shows="the same while the window is open: waits and new messages",
        run=run_all,
        schedules=_chosen(lambda: singles(("scheduled", "own"), "early")),
        short=80,
    ),
    Level(
        name="waited",
        shows="404 once, before and after the wait for the window",
        run=run_all,
        schedules=_chosen(waited),
        short=0,
    ),
    Level(
        name="late",
        shows="what happens during a second delivery",
        run=run_all,
        schedules=_chosen(late),
        short=0,
    ),
    Level(
        name="unnotified",
        shows="alerts that nobody hands over",
        run=run_all,
        schedules=_chosen(unnotified),
        short=0,
    ),
    Level(
        name="outages",
        shows="every call failing for ever, and for eight minutes",
        run=run_all,
        schedules=_chosen(outages),
        short=120,
    ),
    Level(
        name="pairs",
        shows="all pairs that touch a decision or a write",
        run=run_all,
        schedules=_chosen(pairs),
        short=400,
    ),
    Level(
        name="other-pairs",
        shows="seeded other pairs, any world",
        run=run_all,
        schedules=_endless(other_pairs),
        short=200,
        endless=True,
    ),
    Level(
        name="generated",
        shows="3 to 12 happenings over many deliveries",
        run=run_all,
        schedules=_endless(generated),
        short=150,
        endless=True,
    ),
    *(
        level
        for name, where, flags in (("", "Sentinel", ()), ("-portal", "Microsoft Graph", (portal.FLAG,)))
        for level in (
            Level(
                name=f"wire-calm{name}",
                shows=f"the real clients over HTTP, incidents of {where}, every world, nothing fails",
                run=run_wire_all,
                schedules=_chosen(lambda flags=flags: wire_calm(*flags)),
                short=0,
            ),
            Level(
                name=f"wire-outages{name}",
                shows=f"every endpoint failing for ever, incidents of {where}",
                run=run_wire_all,
                schedules=_outages_over_http(*flags),
                short=20 if flags else 50,
                closes=False,
            ),
            Level(
                name=f"wire-singles{name}",
                shows=f"every HTTP call x every fault of an answer, edit, kill, copy; incidents of {where}",
                run=run_wire_all,
                schedules=_singles_over_http(*flags),
                short=45 if flags else 60,
            ),
        )
    ),
)


def level_named(name: str) -> Level:
    """The level of that name. Raises KeyError."""
    return {level.name: level for level in LEVELS}[name]
