"""All that a decision rests on, and how it is asked for."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from playbooks.mailbox_export.readings import (
    MARGIN,
    ROUNDING,
    Reading,
    Window,
    anchors_of,
    is_relevant,
    read_events,
    window_of,
    within,
)
from playbooks.mailbox_export.registers.mailbox_names import named_mailboxes
from playbooks.mailbox_export.registers.register_rows import MOST_REGISTERS, OPTIONAL, REQUIRED
from playbooks.model import (
    Device,
    DirectoryUser,
    Found,
    Incident,
    LoggedAlert,
    Lookup,
    Policy,
    ProcessEvent,
    Unavailable,
    WatchlistItem,
)
from playbooks.ports import Sources, Watchlists
from playbooks.who.account_lookups import ask_about_runners, ask_mailboxes, find_runners
from playbooks.who.accounts import Runner, RunnerKind
from playbooks.who.hosts import host_of, short_name
from playbooks.who.identities import RunnerLookups
from playbooks.who.scope import (
    NO_HOST,
    NO_TIME,
    alert_names,
    alert_period,
    alerts_on,
    events_on,
    in_order,
    judged_hosts,
)

CLOSED_LABEL = "triage-closed"
ROLE_GRANTS = ("New-ManagementRoleAssignment", "Add-RoleGroupMember", "Update-RoleGroupMember")
_DAY = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything that was learned in one attempt, failures included. Times are UTC.

    `period` is the alerts' first start and last end. Tuples of pairs are sorted, so that the same
    answers in any order are the same evidence.
    """

    incident: Incident
    policy: Policy
    asked_at: datetime
    hosts: tuple[str, ...]
    period: Lookup[tuple[datetime, datetime]]
    events: Lookup[tuple[ProcessEvent, ...]]
    role_grants: Lookup[tuple[ProcessEvent, ...]]
    logs_reach: Lookup[datetime]
    alerts: Lookup[tuple[LoggedAlert, ...]]
    closes: Lookup[int]
    watchlists: tuple[tuple[str, Lookup[tuple[WatchlistItem, ...]]], ...]
    runners: tuple[RunnerLookups, ...] = ()
    mailboxes: tuple[tuple[str, Lookup[DirectoryUser]], ...] = ()
    devices: tuple[tuple[str, Lookup[Device]], ...] = ()

    def watchlist(self, alias: str) -> Lookup[tuple[WatchlistItem, ...]]:
        """The items of a watchlist, as they were answered."""
        return dict(self.watchlists)[alias]


async def gather(incident: Incident, sources: Sources, policy: Policy) -> Evidence:
    """Asks every source once; what cannot be asked or answered stays visible as Unavailable."""
    hosts = judged_hosts(incident, policy)
    period = alert_period(incident, sources.asked_at, policy)
    events, registers, closes = await asyncio.gather(
        _events(hosts, period, sources=sources, policy=policy),
        _lists(REQUIRED, sources.watchlists, optional=False),
        sources.events.closes_since(label=CLOSED_LABEL, moment=sources.asked_at - _DAY),
    )
    readings, window = judged_readings(events, period, hosts=hosts, policy=policy)
    relevant = tuple(reading for reading in readings if is_relevant(reading))
    names = named_mailboxes(anchors_of(relevant), dict(registers), policy)
    found, mailboxes, devices, watched = await asyncio.gather(
        find_runners(runners_of(relevant), sources.directory, policy),
        ask_mailboxes(names, sources.directory),
        asyncio.gather(*(sources.directory.device_named(short_name(host)) for host in hosts)),
        _lists(OPTIONAL, sources.watchlists, optional=True),
    )
    # The log's questions wait for the names, so that one request carries them all.
    runners, (grants, reach), alerts = await asyncio.gather(
        ask_about_runners(found, sources.directory, policy),
        _around(window, sources),
        _alerts(window, alert_names(hosts, found, policy), sources=sources),
    )
    return Evidence(
        incident=incident,
        policy=policy,
        asked_at=sources.asked_at,
        hosts=hosts,
        period=period,
        events=events,
        role_grants=grants,
        logs_reach=reach,
        alerts=alerts,
        closes=closes,
        watchlists=(*registers, *watched),
        runners=runners,
        mailboxes=mailboxes,
        devices=tuple(zip(hosts, devices, strict=True)),
    )


def judged_readings(
    events: Lookup[tuple[ProcessEvent, ...]],
    period: Lookup[tuple[datetime, datetime]],
    *,
    hosts: tuple[str, ...],
    policy: Policy,
) -> tuple[tuple[Reading, ...], Window | None]:
    """The readings inside the window on the judged hosts, and the window; None without events."""
    if isinstance(events, Unavailable) or not isinstance(period, Found):
        return (), None
    logged = events.value if isinstance(events, Found) else ()
    here = tuple(event for event in logged if host_of(event, policy) in hosts)
    readings = read_events(here, policy)
    window = window_of(anchors_of(readings), period.value)
    return within(readings, window), window


def runners_of(readings: Iterable[Reading]) -> tuple[Runner, ...]:
    """Everyone who ran one of these, sorted, each spelling once."""
    found = {reading.runner for reading in readings}
    return tuple(sorted((r for r in found if r.kind is not RunnerKind.NOBODY), key=repr))


async def _lists(
    aliases: tuple[str, ...], watchlists: Watchlists, *, optional: bool
) -> tuple[tuple[str, Lookup[tuple[WatchlistItem, ...]]], ...]:
    answers = await asyncio.gather(*(watchlists.items(alias, optional=optional) for alias in aliases))
    return tuple((alias, _ordered(items)) for alias, items in zip(aliases, answers, strict=True))


def _ordered(items: Lookup[tuple[WatchlistItem, ...]]) -> Lookup[tuple[WatchlistItem, ...]]:
    return Found(_in_order(items.value)) if isinstance(items, Found) else items


@lru_cache(MOST_REGISTERS)
def _in_order(rows: tuple[WatchlistItem, ...]) -> tuple[WatchlistItem, ...]:
    return tuple(sorted(rows, key=lambda row: (sorted(row.cells.items()), row.updated)))


async def _events(
    hosts: tuple[str, ...],
    period: Lookup[tuple[datetime, datetime]],
    *,
    sources: Sources,
    policy: Policy,
) -> Lookup[tuple[ProcessEvent, ...]]:
    if not hosts:
        return NO_HOST
    if not isinstance(period, Found):
        return NO_TIME
    start, end = period.value
    reach = MARGIN + ROUNDING
    return await events_on(hosts, sources.events, start=start - reach, end=end + reach, policy=policy)


async def _around(
    window: Window | None, sources: Sources
) -> tuple[Lookup[tuple[ProcessEvent, ...]], Lookup[datetime]]:
    """Role grants on any host in the window, and whether logs reach past its end."""
    if window is None:
        unread = Unavailable("process events", "the events of the host are not known")
        return unread, unread
    grants, reach = await asyncio.gather(
        sources.events.process_events_with(terms=ROLE_GRANTS, start=window.start, end=window.end),
        sources.events.first_event_after(window.end),
    )
    match grants:
        case Found(events):
            inside = (event for event in events if window.start <= event.time <= window.end)
            return Found(in_order(inside)), reach
        case _:
            return grants, reach


async def _alerts(
    window: Window | None, names: frozenset[str], *, sources: Sources
) -> Lookup[tuple[LoggedAlert, ...]]:
    if window is None or not names:
        return Unavailable("alerts", "the events of the host are not known")
    return await alerts_on(names, sources.events, start=window.first - _DAY, end=sources.asked_at)
