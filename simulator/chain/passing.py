"""A folder replayed as its time passes: events arrive, each rule runs on its schedule, incidents are judged.

The clock of the replay is `speed` times as fast as the one on the wall; where rules take longer than that
leaves them, it is late, and nothing is left out. An incident is handed to the function when its activity's
window is over, which is when the function decides.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from simulator.chain.chain import Chain
from simulator.chain.folder import Folder
from simulator.chain.grouping import Gathering, Sighting, gather_sightings
from simulator.chain.problems import InputRefused, Problem
from simulator.chain.replaying import SETTLED, Replayed, fits, judged, made_up_of, refuse_young
from simulator.chain.results import Outcome
from simulator.chain.sightings import span_of
from simulator.chain.together import running_together
from simulator.eventstore import EventStore
from simulator.rules import Rule

_STEP_SECONDS = 0.2
"""On the wall, from one look at the clock to the next."""
_LONGEST_STEP = timedelta(minutes=5)
_HUNTED = timedelta(hours=1)
"""How often, and how far back, a query runs that has no schedule of its own."""
_EDGE = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """How far a replay is: its clock, its seconds gone by, events that came, incidents and verdicts."""

    clock: datetime
    seconds: float
    events: int
    incidents: int
    decided: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """From when to when (UTC), and how many seconds of it pass in one on the wall."""

    first: datetime
    last: datetime
    speed: float

    @property
    def seconds(self) -> float:
        """How much time passes in it."""
        return (self.last - self.first).total_seconds()

    def moments(self) -> Iterator[datetime]:
        """The moments at which the clock is looked at, the last one included."""
        step = min(_LONGEST_STEP, max(_EDGE, timedelta(seconds=self.speed * _STEP_SECONDS)))
        moment = self.first
        while moment < self.last:
            yield moment
            moment += step
        yield self.last

    def wall_seconds(self, moment: datetime) -> float:
        """How long after the beginning, on the wall, a moment comes."""
        return (moment - self.first).total_seconds() / self.speed


@dataclass(slots=True, kw_only=True)
class _Passing:
    """A replay under way. `ahead` holds the events that are still to come, `due` when each rule runs next."""

    chain: Chain
    folder: Folder
    ahead: EventStore
    course: Course
    heard: Callable[[Replayed], None]
    fed: datetime
    events: int = 0
    due: dict[str, datetime] = field(default_factory=dict)
    known: set[Sighting] = field(default_factory=set)
    waiting: list[Sighting] = field(default_factory=list)
    posted: dict[str, tuple[Gathering, datetime]] = field(default_factory=dict)
    made_up: set[str] = field(default_factory=set)
    decided: set[str] = field(default_factory=set)

    def feed(self, moment: datetime) -> None:
        """Events up to the moment arrive, and rules that are due by then run."""
        rows = self.ahead.process_events(after=self.fed, until=moment)
        self.chain.store.add_process_table(rows)
        self.events += rows.num_rows
        self.fed = moment
        for word, rule in self.chain.rules.items():
            while self.due.setdefault(word, _next_run(rule, self.course.first)) <= moment:
                self._watch(word, end=self.due[word] - _EDGE)
                self.due[word] += _every(rule)

    def watch_last(self) -> None:
        """Every rule once more, over what came since it last ran."""
        for word in self.chain.rules:
            self._watch(word, end=self.course.last)

    async def post(self, moment: datetime | None) -> None:
        """Hands over the incidents whose window is over by a moment; all of them without one."""
        for gathering in gather_sightings(self.waiting, dns=self.chain.tenant["organisation"]["dns"]):
            if moment is None or gathering.end + self._patience <= moment:
                self.waiting = [one for one in self.waiting if one not in gathering.sightings]
                await self._post(gathering)

    async def post_unseen(self) -> None:
        """Hands over an incident for each truth that no rule saw, so that its verdict is tested too."""
        seen = [gathering for gathering, _ in self.posted.values()]
        for truth in self.folder.truths:
            if not any(fits(truth, gathering) for gathering in seen):
                self.made_up.add(await self._post(made_up_of(truth)))

    def listen(self) -> None:
        """Tells of each incident that has a verdict since the last time."""
        for name in self.posted.keys() - self.decided:
            one = self.judged(name)
            if one.left.outcome is not Outcome.ERROR:
                self.decided.add(name)
                self.heard(one)

    def judged(self, name: str) -> Replayed:
        """An incident as it is now."""
        gathering, posted = self.posted[name]
        made_up = name in self.made_up
        return judged(self.chain, gathering, name=name, folder=self.folder, posted=posted, made_up=made_up)

    @property
    def passed(self) -> Passed:
        """How far it is."""
        return Passed(
            clock=self.fed,
            seconds=(self.fed - self.course.first).total_seconds(),
            events=self.events,
            incidents=len(self.posted),
            decided=len(self.decided),
        )

    @property
    def _patience(self) -> timedelta:
        """How long after its end nothing more is seen of an incident, and it is old enough to be decided."""
        return max(SETTLED, *(_back(rule) + _every(rule) for rule in self.chain.rules.values()))

    def _watch(self, word: str, *, end: datetime) -> None:
        start = end - _back(self.chain.rules[word])
        for sighting in self.chain.sightings(word, start=start, end=end):
            if sighting not in self.known:
                self.known.add(sighting)
                self.waiting.append(sighting)

    async def _post(self, gathering: Gathering) -> str:
        name = self.chain.make_incident(gathering)
        self.posted[name] = gathering, datetime.now(UTC)
        await self.chain.trigger(name, whole=len(self.posted) % 2 == 1)
        return name


@contextmanager
def loaded_ahead(folder: Folder) -> Iterator[EventStore]:
    """The folder's events, none of which has come yet.

    Raises InputRefused where they are too young to be decided, RowRefused where they do not fit the table.
    """
    refuse_young(folder)
    ahead = EventStore()
    try:
        ahead.load_process_events(folder.events)
        yield ahead
    finally:
        ahead.close()


def course_of(ahead: EventStore, *, speed: float) -> Course:
    """From the first to the last event. Raises InputRefused where there is none."""
    span = span_of(ahead)
    if span is None:
        raise InputRefused([Problem(file="events", message="holds no event")])
    return Course(first=span[0], last=span[1], speed=speed)


async def replay_passing(
    chain: Chain,
    folder: Folder,
    *,
    ahead: EventStore,
    course: Course,
    told: Callable[[Passed], None],
    heard: Callable[[Replayed], None],
) -> list[Replayed]:
    """Replays a folder as the course says; every incident in order of time.

    `told` hears several times a second how far it is, `heard` of each incident once it has a verdict.
    Raises TimeoutError where the queue does not empty.
    """
    passing = _Passing(
        chain=chain, folder=folder, ahead=ahead, course=course, heard=heard, fed=course.first - _EDGE
    )
    await _pass(passing, told)
    replayed = [passing.judged(name) for name in passing.posted]
    return sorted(replayed, key=lambda one: (one.gathering.start, one.gathering.host))


async def _pass(passing: _Passing, told: Callable[[Passed], None]) -> None:
    """Lets the time pass, then waits until the last incident is decided."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    for moment in passing.course.moments():
        await asyncio.sleep(max(0.0, began + passing.course.wall_seconds(moment) - loop.time()))
        await asyncio.to_thread(passing.feed, moment)
        await passing.post(moment)
        passing.listen()
        told(passing.passed)
    await asyncio.to_thread(passing.watch_last)
    await passing.post(None)
    await passing.post_unseen()
    async with running_together() as group:
        listening = group.create_task(_listen(passing, told))
        await passing.chain.drained(seconds=60 + 2 * len(passing.posted))
        listening.cancel()
    passing.listen()
    told(passing.passed)


async def _listen(passing: _Passing, told: Callable[[Passed], None]) -> None:
    """Listens until it is cancelled."""
    while True:
        passing.listen()
        told(passing.passed)
        await asyncio.sleep(_STEP_SECONDS)


def _every(rule: Rule) -> timedelta:
    return rule.query_frequency or _HUNTED


def _back(rule: Rule) -> timedelta:
    return rule.query_period or _HUNTED


def _next_run(rule: Rule, moment: datetime) -> datetime:
    """The first run of a rule after a moment; runs lie on whole multiples of its frequency since midnight."""
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    every = _every(rule)
    return midnight + ((moment - midnight) // every + 1) * every
