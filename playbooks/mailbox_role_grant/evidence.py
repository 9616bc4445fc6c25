"""All that a decision rests on, and how it is asked for."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

from playbooks.mailbox_role_grant.changes import CHANGES
from playbooks.mailbox_role_grant.grants import Reading, is_relevant, named_account, read_events
from playbooks.model import (
    Found,
    Incident,
    LoggedAlert,
    Lookup,
    Policy,
    ProcessEvent,
    Unavailable,
    WatchlistItem,
)
from playbooks.ports import Sources
from playbooks.who.account_lookups import ask_about_runners, find_runners
from playbooks.who.accounts import Runner, RunnerKind, runner_of
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

MARGIN = timedelta(minutes=60)
"""How far the window reaches before the first and after the last grant."""
ROUNDING = timedelta(seconds=1)
"""Alerts carry milliseconds, events tenths of microseconds."""
LONGEST_PERIOD = timedelta(hours=26)
CLOSED_LABEL = "triage-closed"
EXPORT = "New-MailboxExportRequest"
_DAY = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The time that is looked at (UTC): the alerts' own, and an hour on either side."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything that was learned in one attempt, failures included. Times are UTC."""

    incident: Incident
    policy: Policy
    asked_at: datetime
    hosts: tuple[str, ...]
    window: Lookup[Window]
    events: Lookup[tuple[ProcessEvent, ...]]
    exports: Lookup[tuple[ProcessEvent, ...]]
    """Processes of any host that name the export cmdlet."""
    logs_reach: Lookup[datetime]
    alerts: Lookup[tuple[LoggedAlert, ...]]
    closes: Lookup[int]
    changes: Lookup[tuple[WatchlistItem, ...]]
    accounts: tuple[RunnerLookups, ...] = ()
    """Everyone who ran something relevant, and everyone who was given the role."""


async def gather(incident: Incident, sources: Sources, policy: Policy) -> Evidence:
    """Asks every source once; what cannot be asked or answered stays visible as Unavailable."""
    hosts = judged_hosts(incident, policy)
    window = window_of(incident, sources.asked_at, policy)
    events, changes, closes = await asyncio.gather(
        _events(hosts, window, sources=sources, policy=policy),
        sources.watchlists.items(CHANGES),
        sources.events.closes_since(label=CLOSED_LABEL, moment=sources.asked_at - _DAY),
    )
    found = await find_runners(accounts_in(relevant_of(events, policy), policy), sources.directory, policy)
    accounts, exports, reach, alerts = await asyncio.gather(
        ask_about_runners(found, sources.directory, policy),
        _exports(window, sources),
        _reach(window, sources),
        _alerts(window, alert_names(hosts, found, policy), sources=sources),
    )
    return Evidence(
        incident=incident,
        policy=policy,
        asked_at=sources.asked_at,
        hosts=hosts,
        window=window,
        events=events,
        exports=exports,
        logs_reach=reach,
        alerts=alerts,
        closes=closes,
        changes=changes,
        accounts=accounts,
    )


def window_of(incident: Incident, asked_at: datetime, policy: Policy) -> Lookup[Window]:
    """From an hour before to an hour after the alerts of our rules, of all where none is ours."""
    period = alert_period(incident, asked_at, policy)
    if not isinstance(period, Found):
        return period if isinstance(period, Unavailable) else Unavailable("alerts", "their time is not known")
    first, last = period.value
    if last - first > LONGEST_PERIOD:
        return Unavailable("alerts", "more than 26 hours lie between the alerts", lasting=True)
    return Found(Window(start=first - MARGIN - ROUNDING, end=last + MARGIN))


def relevant_of(events: Lookup[tuple[ProcessEvent, ...]], policy: Policy) -> tuple[Reading, ...]:
    """What grants something in the window, or may hide that it does."""
    logged = events.value if isinstance(events, Found) else ()
    return tuple(reading for reading in read_events(logged, policy) if is_relevant(reading))


def accounts_in(readings: tuple[Reading, ...], policy: Policy) -> tuple[Runner, ...]:
    """Who ran these and to whom they give the role, sorted, each spelling once."""
    found = {runner_of(reading.event, policy) for reading in readings}
    given = {named_account(grant.grantee, policy) for reading in readings for grant in reading.grants}
    named = (
        runner for runner in found | given if runner is not None and runner.kind is not RunnerKind.NOBODY
    )
    return tuple(sorted(named, key=repr))


async def _events(
    hosts: tuple[str, ...], window: Lookup[Window], *, sources: Sources, policy: Policy
) -> Lookup[tuple[ProcessEvent, ...]]:
    if not hosts:
        return NO_HOST
    if not isinstance(window, Found):
        return NO_TIME
    span = window.value
    return await events_on(hosts, sources.events, start=span.start, end=span.end, policy=policy)


async def _exports(window: Lookup[Window], sources: Sources) -> Lookup[tuple[ProcessEvent, ...]]:
    if not isinstance(window, Found):
        return NO_TIME
    span = window.value
    answer = await sources.events.process_events_with(terms=(EXPORT,), start=span.start, end=span.end)
    match answer:
        case Found(events):
            return Found(in_order(events))
        case _:
            return answer


async def _reach(window: Lookup[Window], sources: Sources) -> Lookup[datetime]:
    if not isinstance(window, Found):
        return NO_TIME
    return await sources.events.first_event_after(window.value.end)


async def _alerts(
    window: Lookup[Window], names: frozenset[str], *, sources: Sources
) -> Lookup[tuple[LoggedAlert, ...]]:
    if not isinstance(window, Found) or not names:
        return Unavailable("alerts", "the host, or the time of the alerts, is not known")
    start = window.value.start - _DAY
    return await alerts_on(names, sources.events, start=start, end=sources.asked_at)
