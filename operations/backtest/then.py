"""The sources as an attempt of that time would have had them, as far as they can still tell.

Events and alerts are read for their own span of time. The directory and the registers only know today;
each of their answers is asked for once and kept for the whole run.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import cast

from playbooks.model import (
    Device,
    DirectoryRole,
    DirectoryUser,
    Found,
    Group,
    Incident,
    LoggedAlert,
    Lookup,
    ProcessEvent,
    Risk,
    Status,
    Unavailable,
    WatchlistItem,
)
from playbooks.plan import LABELS, REOPENED
from playbooks.ports import Directory, Events, Sources, Watchlists

IN_FORCE = timedelta(days=2)
"""Before its creation: a row has to be older than the events of an incident by a day."""
_BEGINS = "validfrom"
_AN_INSTANT = timedelta(microseconds=1)


def as_created(incident: Incident) -> Incident:
    """The incident before anybody took it: new, without owner, closing words, and labels of ours."""
    ours = LABELS | {REOPENED}
    return replace(
        incident,
        status=Status.NEW,
        owner=None,
        labels=tuple(label for label in incident.labels if label.casefold() not in ours),
        classification_comment="",
        record={},
    )


@dataclass(frozen=True, slots=True)
class Memory:
    """Answers by question. What could not be looked up is not kept, unless no repeat can cure it."""

    answers: dict[Hashable, object] = field(default_factory=dict)
    locks: dict[Hashable, asyncio.Lock] = field(default_factory=dict)

    async def once[T](self, question: Hashable, ask: Callable[[], Awaitable[Lookup[T]]]) -> Lookup[T]:
        """The kept answer, or that of `ask`."""
        async with self.locks.setdefault(question, asyncio.Lock()):
            if question in self.answers:
                return cast("Lookup[T]", self.answers[question])
            answer = await ask()
            if not isinstance(answer, Unavailable) or answer.lasting:
                self.answers[question] = answer
            return answer


class DirectoryOfToday:
    """The Directory port, each question asked once."""

    def __init__(self, directory: Directory, memory: Memory) -> None:
        self._asked = directory
        self._memory = memory

    async def user_by_sid(self, sid: str) -> Lookup[DirectoryUser]:
        """See the port."""
        return await self._memory.once(("sid", sid), lambda: self._asked.user_by_sid(sid))

    async def user_by_name(self, domain: str, sam_account_name: str) -> Lookup[DirectoryUser]:
        """See the port."""
        question = ("name", domain, sam_account_name)
        return await self._memory.once(question, lambda: self._asked.user_by_name(domain, sam_account_name))

    async def user_by_upn(self, user_principal_name: str) -> Lookup[DirectoryUser]:
        """See the port."""
        question = ("upn", user_principal_name)
        return await self._memory.once(question, lambda: self._asked.user_by_upn(user_principal_name))

    async def user_by_mailbox(self, name: str) -> Lookup[DirectoryUser]:
        """See the port."""
        return await self._memory.once(("mailbox", name), lambda: self._asked.user_by_mailbox(name))

    async def groups_of(self, user_id: str) -> Lookup[tuple[Group, ...]]:
        """See the port."""
        return await self._memory.once(("groups", user_id), lambda: self._asked.groups_of(user_id))

    async def roles_of(self, user_id: str) -> Lookup[tuple[DirectoryRole, ...]]:
        """See the port."""
        return await self._memory.once(("roles", user_id), lambda: self._asked.roles_of(user_id))

    async def risk_of(self, user_id: str) -> Lookup[Risk]:
        """See the port."""
        return await self._memory.once(("risk", user_id), lambda: self._asked.risk_of(user_id))

    async def device_named(self, host_name: str) -> Lookup[Device]:
        """See the port."""
        return await self._memory.once(("device", host_name), lambda: self._asked.device_named(host_name))


class RegistersOfToday:
    """The Watchlists port. With `in_force_at`, rows count as if they had been in force at that time."""

    def __init__(
        self, watchlists: Watchlists, memory: Memory, *, in_force_at: datetime | None = None
    ) -> None:
        self._asked = watchlists
        self._memory = memory
        self._in_force_at = in_force_at

    async def items(self, alias: str, *, optional: bool = False) -> Lookup[tuple[WatchlistItem, ...]]:
        """See the port."""
        answer = await self._memory.once(
            ("items", alias), lambda: self._asked.items(alias, optional=optional)
        )
        moment = self._in_force_at
        if moment is None or not isinstance(answer, Found):
            return answer
        return Found(tuple(_in_force(item, moment) for item in answer.value))


class EventsThen:
    """The Events port at a time long past, with `closes` as what was closed in the day before.

    Logs are whole by now, so that only the time of asking can make them incomplete; `reached` is how far
    they were asked to reach.
    """

    def __init__(self, events: Events, memory: Memory, *, closes: int) -> None:
        self._asked = events
        self._memory = memory
        self._closes = closes
        self.reached: datetime | None = None

    async def process_events(
        self, *, host_names: frozenset[str], start: datetime, end: datetime
    ) -> Lookup[tuple[ProcessEvent, ...]]:
        """See the port."""
        return await self._memory.once(
            ("hosts", host_names, start, end),
            lambda: self._asked.process_events(host_names=host_names, start=start, end=end),
        )

    async def process_events_with(
        self, *, terms: tuple[str, ...], start: datetime, end: datetime
    ) -> Lookup[tuple[ProcessEvent, ...]]:
        """See the port."""
        return await self._memory.once(
            ("terms", terms, start, end),
            lambda: self._asked.process_events_with(terms=terms, start=start, end=end),
        )

    async def first_event_after(self, moment: datetime) -> Lookup[datetime]:
        """Right after it: see above."""
        self.reached = moment
        return Found(moment + _AN_INSTANT)

    async def alerts_naming(
        self, *, names: frozenset[str], start: datetime, end: datetime
    ) -> Lookup[tuple[LoggedAlert, ...]]:
        """See the port."""
        return await self._memory.once(
            ("alerts", names, start, end),
            lambda: self._asked.alerts_naming(names=names, start=start, end=end),
        )

    async def closes_since(self, *, label: str, moment: datetime) -> Lookup[int]:  # noqa: ARG002 - replayed
        """What the replay counts, never what was really closed."""
        return Found(self._closes)

    async def incident_of_alert(self, system_alert_id: str) -> Lookup[str]:
        """See the port."""
        return await self._asked.incident_of_alert(system_alert_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcesThen:
    """Makes the sources of one incident. `run` is kept for the whole run, `own` for this incident."""

    sources: Sources
    run: Memory
    own: Memory
    closes: int = 0

    def at(self, asked_at: datetime, *, in_force_at: datetime | None) -> tuple[Sources, EventsThen]:
        """What an attempt at that time may ask, and its events to see how far they were asked to reach."""
        events = EventsThen(self.sources.events, self.own, closes=self.closes)
        made = Sources(
            directory=DirectoryOfToday(self.sources.directory, self.run),
            watchlists=RegistersOfToday(self.sources.watchlists, self.run, in_force_at=in_force_at),
            events=events,
            asked_at=asked_at,
        )
        return made, events

    def has_rows_after(self, moment: datetime) -> bool:
        """True where a row that was read in this run was entered, or begins, after that time."""
        rows = (row for answer in self.run.answers.values() for row in _rows(answer))
        return any(_in_force(row, moment) != row for row in rows if isinstance(row, WatchlistItem))


def _rows(answer: object) -> tuple[object, ...]:
    return answer.value if isinstance(answer, Found) and isinstance(answer.value, tuple) else ()


def _in_force(item: WatchlistItem, moment: datetime) -> WatchlistItem:
    """The row as if it had been entered, and begun, before that time."""
    begun = moment.isoformat()
    cells = {
        name: begun if name.strip().casefold() == _BEGINS and _is_later(cell, moment) else cell
        for name, cell in item.cells.items()
    }
    return WatchlistItem(cells=cells, updated=min(item.updated, moment))


def _is_later(cell: str, moment: datetime) -> bool:
    try:
        begins = datetime.fromisoformat(cell.strip())
    except ValueError:
        return False
    return begins.tzinfo is not None and begins > moment
