"""Placing: each scenario gets a host and a start so that no sequence disturbs another.

Two sequences on one host lie at least two and a half hours apart, and a role grant, which counts against
every host, keeps clear of all honest and ambiguous work by over an hour on either side.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

from playbooks.scenarios import Hours, Kind, Runner, Scenario
from simulator.activity.casting import job_of
from simulator.activity.rooms import Rooms
from simulator.company.machines import Machine
from simulator.errors import PlanError
from simulator.organisation import Organisation

SAME_HOST_GAP = timedelta(minutes=150)
GRANT_GAP = timedelta(minutes=65)

# Local minutes after midnight. The hours from two to three are left out: clocks change in them.
_RANGES = {
    Hours.OUTSIDE_WINDOW: ((13 * 60 + 30, 17 * 60),),
    Hours.BUSINESS: ((7 * 60 + 30, 15 * 60 + 50),),
    Hours.OFF_HOURS: ((5 * 60 + 50, 6 * 60 + 50), (19 * 60 + 5, 21 * 60)),
    Hours.NIGHT: ((3 * 60 + 5, 4 * 60 + 50), (23 * 60 + 1, 24 * 60 - 2)),
    Hours.ANY: ((3 * 60 + 5, 4 * 60 + 50), (7 * 60, 21 * 60)),
}
_NEW_DAYS = 14
"""The account is ten days old at the start, and new until it is thirty days old."""
_WEEKDAYS_ONLY = {Hours.BUSINESS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """A scenario on a host; `start` is UTC, `day` the local date."""

    scenario: Scenario
    machine: Machine
    start: datetime
    day: date

    @property
    def end(self) -> datetime:
        """The time of the last step."""
        return self.start + timedelta(minutes=self.scenario.minutes)


@dataclass(frozen=True, slots=True)
class _Board:
    """What has been placed so far, by host and by what disturbs what."""

    by_host: dict[str, list[Placement]] = field(default_factory=dict)
    grants: list[Placement] = field(default_factory=list)
    quiet: list[Placement] = field(default_factory=list)

    def takes(self, wanted: Placement) -> bool:
        """Whether the placement would disturb nothing."""
        if any(_near(wanted, other, SAME_HOST_GAP) for other in self.by_host.get(wanted.machine.name, ())):
            return False
        if wanted.scenario.grants_role:
            return not any(_near(wanted, other, GRANT_GAP) for other in self.quiet)
        return not _needs_quiet(wanted.scenario) or not any(
            _near(wanted, other, GRANT_GAP) for other in self.grants
        )

    def add(self, placed: Placement) -> None:
        """Puts a placement down."""
        self.by_host.setdefault(placed.machine.name, []).append(placed)
        if placed.scenario.grants_role:
            self.grants.append(placed)
        elif _needs_quiet(placed.scenario):
            self.quiet.append(placed)


def _near(one: Placement, other: Placement, gap: timedelta) -> bool:
    """Whether less than `gap` lies between two sequences."""
    return one.start < other.end + gap and other.start < one.end + gap


def _needs_quiet(scenario: Scenario) -> bool:
    """Whether a role grant anywhere would change what the scenario shows."""
    return scenario.kind is not Kind.ATTACK


def place(
    scenarios: tuple[Scenario, ...], organisation: Organisation, *, days: tuple[date, ...], seed: int
) -> tuple[Placement, ...]:
    """A place and time for each scenario, in order of time. Raises PlanError where one finds no room."""
    board, rooms = _Board(), Rooms(scenarios, organisation)
    order = sorted(enumerate(scenarios), key=lambda entry: (_urgency(entry[1]), entry[0]))
    for index, scenario in order:
        random = Random(f"{seed}:place:{index}")
        wanted = candidates(
            scenario,
            organisation,
            days=_turned(_open_days(scenario, days), index),
            random=random,
            machines=rooms.of(scenario),
        )
        found = next((candidate for candidate in wanted if board.takes(candidate)), None)
        if found is None:
            raise PlanError(
                f"no room for another {scenario.name} within {len(days)} day(s) from {days[0]}:"
                " ask for more days or hosts, for fewer sequences, or for days that include a working day"
            )
        board.add(found)
    placed = (placement for placements in board.by_host.values() for placement in placements)
    return tuple(sorted(placed, key=lambda placement: (placement.start, placement.machine.name)))


def _urgency(scenario: Scenario) -> tuple[int, float]:
    """The choosiest first: fixed windows, then working hours, then role grants, then the longest."""
    if scenario.hours is Hours.JOB_WINDOW:
        return 0, -scenario.minutes
    if _needs_quiet(scenario):
        return 1, -scenario.minutes
    return (2 if scenario.grants_role else 3), -scenario.minutes


def _open_days(scenario: Scenario, days: tuple[date, ...]) -> tuple[date, ...]:
    """The days on which the scenario is what it says: the new operator is not new for long."""
    new = any(Runner.NEW_OPERATOR in {step.runner, step.actor} for step in scenario.steps)
    return days[:_NEW_DAYS] if new else days


def _turned(days: tuple[date, ...], index: int) -> tuple[date, ...]:
    """The days, beginning with another one for each scenario, so that all days fill evenly."""
    shift = index % len(days)
    return days[shift:] + days[:shift]


def candidates(
    scenario: Scenario,
    organisation: Organisation,
    *,
    days: tuple[date, ...],
    random: Random,
    machines: tuple[Machine, ...],
) -> Iterator[Placement]:
    """Every hour on these hosts that would fit the scenario by itself, day by day, shuffled within a day."""
    ranges = _ranges(scenario, organisation)
    zone = ZoneInfo(organisation.time_zone)
    for day in days:
        if scenario.hours in _WEEKDAYS_ONLY and day.weekday() > 4:
            continue
        slots = [(machine, minute) for machine in machines for minute in _starts(scenario, ranges, random)]
        random.shuffle(slots)
        for machine, minute in slots:
            seconds = 60 * minute + random.randrange(1, 50)
            # Midnight to start is counted on the wall clock, the steps after it are not.
            local = datetime.combine(day, time(), zone) + timedelta(seconds=seconds)
            yield Placement(scenario=scenario, machine=machine, start=local.astimezone(UTC), day=day)


def _starts(scenario: Scenario, ranges: tuple[tuple[int, int], ...], random: Random) -> list[int]:
    """One start in each hour in which the whole scenario fits: local minutes after midnight."""
    low, high = scenario.start_minutes
    starts = (60 * hour + random.randint(low, high) for hour in range(24))
    return [
        start
        for start in starts
        if any(first <= start and start + _fitting(scenario) <= last for first, last in ranges)
    ]


def _fitting(scenario: Scenario) -> float:
    """Minutes that must lie in the range; a removal may follow later where that is the point."""
    in_window = scenario.hours is Hours.JOB_WINDOW and scenario.minutes > 60
    return 0 if in_window else scenario.minutes


def _ranges(scenario: Scenario, organisation: Organisation) -> tuple[tuple[int, int], ...]:
    """Local minutes in which the scenario may run."""
    if scenario.hours is not Hours.JOB_WINDOW:
        return _RANGES[scenario.hours]
    job = job_of(scenario, organisation)
    if job is None:
        raise PlanError(f"{scenario.name} wants the window of a job and names no job")
    return tuple(_window(part) for part in job.window.split(";"))


def _window(text: str) -> tuple[int, int]:
    """`22:00-23:00` as minutes after midnight."""
    first, last = (int(part[:2]) * 60 + int(part[3:]) for part in text.split("-"))
    return first, last
