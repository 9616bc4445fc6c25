"""All that a decision rests on, and how it is asked for."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

from playbooks.folding import fold
from playbooks.mailbox_role_grant.changes import CHANGES
from playbooks.mailbox_role_grant.grants import Reading, is_relevant, named_account, read_events
from playbooks.model import (
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
from playbooks.ports import Sources
from playbooks.who.account_lookups import ask_about_runners, find_runners
from playbooks.who.accounts import Runner, RunnerKind, runner_of
from playbooks.who.hosts import host_of, host_of_entity, short_name
from playbooks.who.identities import RunnerLookups, resolved_user

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
    hosts = tuple(sorted({name for entity in incident.hosts if (name := host_of_entity(entity, policy))}))
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
        _alerts(window, _alert_names(hosts, found, policy), sources=sources),
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
    if not isinstance(incident.alerts, Found):
        cause = "the alerts of the incident are not known"
        return incident.alerts if isinstance(incident.alerts, Unavailable) else Unavailable("alerts", cause)
    alerts = incident.alerts.value
    ours = [alert for alert in alerts if alert.rule_ids & policy.rule_ids] or list(alerts)
    if not ours:
        return Unavailable("alerts", "the incident holds no alert")
    spans = [(alert.start, alert.end) for alert in ours]
    usable = [(start, end) for start, end in spans if start and end and _is_usable(start, end, asked_at)]
    if len(usable) < len(spans):
        cause = "time not usable: an alert's start or end is missing or impossible"
        return Unavailable("alerts", cause, lasting=True)
    first, last = min(start for start, _ in usable), max(end for _, end in usable)
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


def _is_usable(start: datetime, end: datetime, asked_at: datetime) -> bool:
    zoned = start.tzinfo is not None and end.tzinfo is not None
    return zoned and start.year >= 1970 and start <= end and start <= asked_at and end.year < 2262


async def _events(
    hosts: tuple[str, ...], window: Lookup[Window], *, sources: Sources, policy: Policy
) -> Lookup[tuple[ProcessEvent, ...]]:
    if not hosts:
        return Unavailable("process events", "no entities: the incident names no host", lasting=True)
    if not isinstance(window, Found):
        return Unavailable("process events", "the time of the alerts is not known", lasting=True)
    names = frozenset(hosts) | {short_name(host) for host in hosts}
    span = window.value
    answer = await sources.events.process_events(host_names=names, start=span.start, end=span.end)
    match answer:
        case Found(events):
            here = {event for event in events if host_of(event, policy) in hosts}
            return Found(tuple(sorted(here, key=lambda event: (event.time, repr(event)))))
        case _:
            return answer


async def _exports(window: Lookup[Window], sources: Sources) -> Lookup[tuple[ProcessEvent, ...]]:
    if not isinstance(window, Found):
        return Unavailable("process events", "the time of the alerts is not known", lasting=True)
    span = window.value
    answer = await sources.events.process_events_with(terms=(EXPORT,), start=span.start, end=span.end)
    match answer:
        case Found(events):
            return Found(tuple(sorted(set(events), key=lambda event: (event.time, repr(event)))))
        case _:
            return answer


async def _reach(window: Lookup[Window], sources: Sources) -> Lookup[datetime]:
    if not isinstance(window, Found):
        return Unavailable("process events", "the time of the alerts is not known", lasting=True)
    return await sources.events.first_event_after(window.value.end)


async def _alerts(
    window: Lookup[Window], names: frozenset[str], *, sources: Sources
) -> Lookup[tuple[LoggedAlert, ...]]:
    if not isinstance(window, Found) or not names:
        return Unavailable("alerts", "the time of the alerts is not known", lasting=True)
    start = window.value.start - _DAY
    answer = await sources.events.alerts_naming(names=names, start=start, end=sources.asked_at)
    match answer:
        case Found(alerts):
            return Found(tuple(sorted(alerts, key=lambda alert: (alert.time, fold(alert.system_alert_id)))))
        case _:
            return answer


def _alert_names(
    hosts: tuple[str, ...], accounts: tuple[RunnerLookups, ...], policy: Policy
) -> frozenset[str]:
    """Every spelling under which an alert may name the hosts or the accounts, in lower case."""
    names = set(hosts) | {short_name(host) for host in hosts}
    for asked in accounts:
        runner, user = asked.runner, resolved_user(asked, policy)
        if runner.kind in {RunnerKind.ACCOUNT, RunnerKind.DOLLAR}:
            names |= {runner.name, runner.spelled, fold(runner.sid)}
        if user is not None:
            names |= _user_names(user, policy)
    return frozenset(name for name in names if name)


def _user_names(user: DirectoryUser, policy: Policy) -> set[str]:
    sam, dns = fold(user.sam_account_name), fold(user.domain_name)
    places = [name for name, domain in policy.domains.items() if fold(domain) == dns]
    names = {fold(user.id), fold(user.user_principal_name), fold(user.sid), fold(user.mail), sam}
    return names | {f"{place}\\{sam}" for place in (*places, dns) if place and sam}
