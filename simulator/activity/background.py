"""Background: the rows of a working day, in order of time, a minute at a time.

Each minute has a generator of its own, so memory does not grow with the number of rows and the same seed
gives the same bytes. Rows are cut from encoded templates: only times, ids and GUIDs are filled in.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import accumulate
from random import Random
from zoneinfo import ZoneInfo

from simulator.activity.noise import HABITS, HEARTBEAT, Habit, Who
from simulator.activity.processes import parent_account, resident
from simulator.activity.rows import ProcessStart, Running, native_row, written
from simulator.company.accounts import NETWORK_SERVICE, SYSTEM, Account, Part
from simulator.company.machines import Machine, Role
from simulator.organisation import Organisation

type Line = tuple[str, str]
"""A row's time as written, and the row as a line of JSON."""

# How busy desks are in each local hour of a working day, against a server's steady hundred.
_DESK_RHYTHM = (
    1,
    1,
    1,
    1,
    1,
    3,
    15,
    90,
    210,
    240,
    230,
    200,
    120,
    190,
    230,
    220,
    190,
    110,
    40,
    15,
    8,
    4,
    2,
    1,
)
_SERVER_LOAD, _STAFFED_FROM = 100, 90
_TEMPLATES_KEPT = 20_000
_BLANK = re.compile("@(time|uid|pid|guid)@")


@dataclass(frozen=True, slots=True)
class _Minute:
    """A minute of the plan: its start in UTC and how heavily servers and desks weigh in it."""

    start: datetime
    servers: int
    desks: int
    staffed: bool
    """Whether administrators are at work on the servers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fleet:
    """Machines to draw from, and how a habit on one of them is encoded."""

    servers: tuple[Machine, ...]
    desks: tuple[Machine, ...]
    template: Callable[[Machine, Habit], str]


def background(organisation: Organisation, *, days: tuple[date, ...], rows: int, seed: int) -> Iterator[Line]:
    """`rows` rows over the local days and, at the very end, one more by which the logs are complete."""
    fleet = _fleet(organisation, seed)
    minutes = tuple(_minutes(organisation, days))
    for minute, count in _shares(minutes, rows):
        yield from _lines(minute, count, fleet=fleet, seed=seed)
    last = minutes[-1].start + timedelta(seconds=59, milliseconds=900)
    random = Random(f"{seed}:end")
    keeper = next(machine for machine in fleet.servers if machine.role is Role.DOMAIN_CONTROLLER)
    yield _line(fleet.template(keeper, HEARTBEAT), written(last), random)


def _minutes(organisation: Organisation, days: tuple[date, ...]) -> Iterator[_Minute]:
    """Every minute from the first local midnight to the last, as the clock on the wall counts the hours."""
    zone = ZoneInfo(organisation.time_zone)
    desks = sum(1 for machine in organisation.machines if not machine.role.is_server)
    servers = len(organisation.machines) - desks
    moment = datetime.combine(days[0], time(), zone).astimezone(UTC)
    end = datetime.combine(days[-1] + timedelta(days=1), time(), zone).astimezone(UTC)
    while moment < end:
        local = moment.astimezone(zone)
        busy = _DESK_RHYTHM[local.hour] if local.weekday() < 5 else 1
        yield _Minute(moment, servers * _SERVER_LOAD, desks * busy, staffed=busy >= _STAFFED_FROM)
        moment += timedelta(minutes=1)


def _shares(minutes: tuple[_Minute, ...], rows: int) -> Iterator[tuple[_Minute, int]]:
    """How many of the rows fall in each minute; the shares add up to `rows` exactly."""
    running_totals = tuple(accumulate(minute.servers + minute.desks for minute in minutes))
    given = 0
    for minute, total in zip(minutes, running_totals, strict=True):
        due = total * rows // running_totals[-1]
        yield minute, due - given
        given = due


def _lines(minute: _Minute, count: int, *, fleet: _Fleet, seed: int) -> Iterator[Line]:
    """The rows of one minute, in order of time."""
    random = Random(f"{seed}:background:{minute.start.timestamp():.0f}")
    on_servers = minute.servers / (minute.servers + minute.desks)
    clock = f"{minute.start:%Y-%m-%dT%H:%M:}"
    for offset in sorted(random.choices(range(60_000), k=count)):
        machine = random.choice(fleet.servers if random.random() < on_servers else fleet.desks)
        habits = HABITS[machine.role]
        weights = _WEIGHTS[machine.role, minute.staffed or not machine.role.is_server]
        habit = random.choices(habits, cum_weights=weights)[0]
        moment = f"{clock}{offset // 1000:02}.{offset % 1000:03}Z"
        yield _line(fleet.template(machine, habit), moment, random)


def _weights(habits: tuple[Habit, ...], *, staffed: bool) -> tuple[int, ...]:
    """Cumulative weights; nobody works at an unstaffed machine."""
    return tuple(accumulate(habit.weight if staffed or habit.who is not Who.USER else 0 for habit in habits))


_WEIGHTS = {
    (role, staffed): _weights(habits, staffed=staffed)
    for role, habits in HABITS.items()
    for staffed in (True, False)
}


def _line(template: str, moment: str, random: Random) -> Line:
    """A template with time, ids and GUID filled in."""
    digits = f"{random.getrandbits(256):064x}"
    blanks = {
        "time": moment,
        "uid": _guid(digits[:32]),
        "pid": 4 * (200 + int(digits[56:], 16) % 15_800),
        "guid": _guid(digits[24:56]),
    }
    return moment, template % blanks


def _guid(digits: str) -> str:
    """Thirty-two hexadecimal digits in the form of a version 4 GUID."""
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


def _fleet(organisation: Organisation, seed: int) -> _Fleet:
    """The machines of the organisation, with a bounded store of encoded templates."""

    def template(machine: Machine, habit: Habit) -> str:
        return _template(machine, habit, organisation=organisation, seed=seed)

    return _Fleet(
        servers=tuple(machine for machine in organisation.machines if machine.role.is_server),
        desks=tuple(machine for machine in organisation.machines if not machine.role.is_server),
        template=lru_cache(maxsize=_TEMPLATES_KEPT)(template),
    )


def _template(machine: Machine, habit: Habit, *, organisation: Organisation, seed: int) -> str:
    """One habit on one machine as a line of JSON with blanks for time, ids and GUID."""
    random = Random(f"{seed}:{machine.name}:{habit.command_line}")
    user = _account(machine, habit, organisation=organisation, random=random)
    start = ProcessStart(
        uid="@uid@",
        time="@time@",
        machine=machine,
        source=random.choice(machine.sources),
        actor=parent_account(habit.parent, user),
        user=user,
        acting=resident(habit.parent, machine, seed=seed, session=user.sam),
        target=Running(image=habit.image, command_line=habit.command_line, pid="@pid@", guid="@guid@"),
    )
    line = encoded(native_row(start)).replace("%", "%%")
    return _BLANK.sub(r"%(\1)s", line)


def encoded(row: dict[str, str | int]) -> str:
    """A row as one line of JSON."""
    return json.dumps(row, ensure_ascii=False, separators=(",", ":"))


def _account(machine: Machine, habit: Habit, *, organisation: Organisation, random: Random) -> Account:
    """Who runs a habit: Windows itself, the owner of the machine, or an administrator of the server."""
    match habit.who:
        case Who.SYSTEM:
            return SYSTEM
        case Who.NETWORK:
            return NETWORK_SERVICE
        case Who.USER if machine.owner is not None:
            return machine.owner.account
        case _:
            admins = organisation.playing(Part.EXCHANGE_ADMIN) + organisation.playing(Part.DOMAIN_ADMIN)
            return random.choice(admins).account
