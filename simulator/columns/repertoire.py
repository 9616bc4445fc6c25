"""What can happen in the background: on every machine, which contexts and which commands, and how often.

A context is everything a row says except when it was, what was started and the fresh ids: machine, log
source, accounts and parent process.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, chain, cycle

import numpy as np

from playbooks.scenarios import Source
from playbooks.scenarios.programs import Program
from simulator.activity.noise import HABITS, Habit, Who
from simulator.activity.processes import parent_account, resident
from simulator.activity.rows import ProcessStart, Row, Running, native_row
from simulator.activity.wording import HOME, worded
from simulator.columns.chance import Numbers, Words, below, halves
from simulator.columns.rhythm import Rhythm
from simulator.company.accounts import NETWORK_SERVICE, SYSTEM, Account, Part
from simulator.company.machines import Machine, Role
from simulator.organisation import Organisation

UID, GUID, TIME, PID = "@uid@", "@guid@", "@time@", "@pid@"
_FILLED: dict[str | int, str] = {
    TIME: "2025-11-17T08:00:00.000Z",
    UID: "00000000-0000-4000-8000-000000000000",
    GUID: "00000000-0000-4000-8000-000000000000",
    PID: "4096",
}
_ROLES = tuple(Role)


@dataclass(frozen=True, slots=True)
class Context:
    """On `machine`, as told by `source`, `parent` starts something that runs as `user`."""

    machine: Machine
    source: Source
    parent: Program
    user: Account

    def row(self, *, seed: int, image: str = "", command_line: str = "") -> Row:
        """The row of a process of that context, with slots for time and fresh ids."""
        return native_row(
            ProcessStart(
                uid=UID,
                time=TIME,
                machine=self.machine,
                source=self.source,
                actor=parent_account(self.parent, self.user),
                user=self.user,
                acting=resident(self.parent, self.machine, seed=seed, session=self.user.sam),
                target=Running(image=image, command_line=command_line, pid=PID, guid=GUID),
            )
        )

    @property
    def home(self) -> str:
        """The profile folder of the user; Windows' own accounts have none that matters here."""
        return "" if self.user.is_built_in else rf"C:\Users\{self.user.sam}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command line in two parts with the user's profile folder between, where it has one.

    Without one, `before` is empty. `after` may hold slots: four random hexadecimal digits (`@hex4@`) or a
    number of four digits (`@num4@`).
    """

    image: str
    before: str
    has_home: bool
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What was drawn for each row: numbers of contexts and of commands."""

    contexts: Numbers
    commands: Numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ranges:
    """A list of lists, flat: the nth one has `counts[n]` members from `firsts[n]` on."""

    members: Numbers
    firsts: Numbers
    counts: Numbers

    def pick(self, which: Numbers, half: Words) -> Numbers:
        """One member of each list named, by 32 random bits each."""
        picked: Numbers = self.members[self.firsts[which] + below(half, self.counts[which])]
        return picked


def _ranges(lists: list[list[int]]) -> _Ranges:
    counts = [len(members) for members in lists]
    return _Ranges(
        members=np.array(list(chain.from_iterable(lists)), dtype=np.int64),
        firsts=np.array([0, *accumulate(counts)][:-1], dtype=np.int64),
        counts=np.array(counts, dtype=np.int64),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Repertoire:
    """All contexts and commands, and what happens where. Servers come first among the machines."""

    seed: int
    contexts: tuple[Context, ...]
    commands: tuple[Command, ...]
    servers: int
    desks: int
    groups: Numbers
    habits: _Ranges
    contexts_by_habit: _Ranges
    commands_by_habit: _Ranges

    def examples(self) -> Iterator[Row]:
        """One whole row of every kind: each log source, parent program and kind of account."""
        kinds = {(one.source, one.parent, one.user.kind): one for one in self.contexts}
        for context, command in zip(kinds.values(), cycle(self.commands), strict=False):
            row = context.row(seed=self.seed, image=command.image, command_line=command.after)
            yield {name: _FILLED.get(cell, cell) for name, cell in row.items()}

    def draw(self, drawn: Words, quarters: Numbers, rhythm: Rhythm) -> Choice:
        """Context and command of each row, from three words each."""
        place, doing, wording = (halves(row) for row in drawn)
        on_server = below(place[0], rhythm.totals[quarters]) < rhythm.servers[quarters]
        nth = below(place[1], np.where(on_server, self.servers, self.desks))
        machines = np.where(on_server, nth, self.servers + nth)
        staffed = rhythm.staffed[quarters] | ~on_server
        habits = self.habits.pick(2 * self.groups[machines] + staffed, doing[0])
        cells = machines * self.commands_by_habit.counts.size + habits
        return Choice(
            contexts=self.contexts_by_habit.pick(cells, doing[1]),
            commands=self.commands_by_habit.pick(habits, wording[0]),
        )


def repertoire(organisation: Organisation, *, seed: int) -> Repertoire:
    """The repertoire of the organisation's machines."""
    machines = sorted(organisation.machines, key=lambda machine: not machine.role.is_server)
    habits = tuple(dict.fromkeys(chain.from_iterable(HABITS.values())))
    contexts: dict[Context, int] = {}
    cells = [
        [contexts.setdefault(context, len(contexts)) for context in _contexts(machine, habit, organisation)]
        for machine in machines
        for habit in habits
    ]
    commands = [[_command(habit.image, text) for text in worded(habit.command_line)] for habit in habits]
    numbers = iter(range(sum(map(len, commands))))
    servers = sum(1 for machine in machines if machine.role.is_server)
    return Repertoire(
        seed=seed,
        contexts=tuple(contexts),
        commands=tuple(chain.from_iterable(commands)),
        servers=servers,
        desks=len(machines) - servers,
        groups=np.array([_ROLES.index(machine.role) for machine in machines], dtype=np.int64),
        habits=_ranges(
            [list(_weighted(role, habits, staffed)) for role in _ROLES for staffed in (False, True)]
        ),
        contexts_by_habit=_ranges(cells),
        commands_by_habit=_ranges([[next(numbers) for _ in texts] for texts in commands]),
    )


def _weighted(role: Role, habits: tuple[Habit, ...], staffed: bool) -> Iterator[int]:  # noqa: FBT001
    """Each habit of the role as often as it weighs; nobody works at an unstaffed machine."""
    for habit in HABITS[role]:
        if staffed or habit.who is not Who.USER:
            yield from [habits.index(habit)] * habit.weight


def _contexts(machine: Machine, habit: Habit, organisation: Organisation) -> Iterator[Context]:
    """The contexts in which a machine has a habit; none where its role has not."""
    if habit in HABITS[machine.role]:
        for user in _users(machine, habit, organisation):
            for source in machine.sources:
                yield Context(machine, source, habit.parent, user)


def _users(machine: Machine, habit: Habit, organisation: Organisation) -> tuple[Account, ...]:
    """Who runs a habit: Windows itself, the owner of the machine, or the administrators of the server."""
    match habit.who:
        case Who.SYSTEM:
            return (SYSTEM,)
        case Who.NETWORK:
            return (NETWORK_SERVICE,)
        case Who.USER if machine.owner is not None:
            return (machine.owner.account,)
        case _:
            admins = organisation.playing(Part.EXCHANGE_ADMIN) + organisation.playing(Part.DOMAIN_ADMIN)
            return tuple(admin.account for admin in admins)


def _command(image: str, text: str) -> Command:
    before, home, after = text.partition(HOME)
    if not home:
        return Command(image=image, before="", has_home=False, after=text)
    return Command(image=image, before=before, has_home=True, after=after)
