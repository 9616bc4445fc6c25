"""What an incident is about, and the questions every playbook asks of the log about it."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from playbooks.folding import fold
from playbooks.model import Found, Incident, LoggedAlert, Lookup, Policy, ProcessEvent, Unavailable
from playbooks.ports import Events
from playbooks.who.accounts import RunnerKind
from playbooks.who.hosts import host_of, host_of_entity, short_name
from playbooks.who.identities import RunnerLookups, resolved_user

NO_HOST = Unavailable("incident", "no entities: the incident names no host to look at")
"""Entities may not be ready when an incident is made: another attempt may find them."""
NO_TIME = Unavailable("process events", "the time of the alerts is not known")


def judged_hosts(incident: Incident, policy: Policy) -> tuple[str, ...]:
    """Full names of the incident's hosts, sorted; empty names are none."""
    names = {host_of_entity(entity, policy) for entity in incident.hosts}
    return tuple(sorted(name for name in names if name))


def alert_period(incident: Incident, asked_at: datetime, policy: Policy) -> Lookup[tuple[datetime, datetime]]:
    """First start and last end of the alerts of our rules; of all alerts where none is ours."""
    match incident.alerts:
        case Found(alerts):
            ours = [alert for alert in alerts if alert.rule_ids & policy.rule_ids] or list(alerts)
        case Unavailable() as unread:
            return unread
        case _:
            ours = []
    if not ours:
        return Unavailable("alerts", "the incident holds no alert")
    spans = [(alert.start, alert.end) for alert in ours]
    usable = [(start, end) for start, end in spans if start and end and _is_usable(start, end, asked_at)]
    if len(usable) < len(spans):
        return Unavailable(
            "alerts", "time not usable: an alert's start or end is missing or impossible", lasting=True
        )
    return Found((min(start for start, _ in usable), max(end for _, end in usable)))


def _is_usable(start: datetime, end: datetime, asked_at: datetime) -> bool:
    zoned = start.tzinfo is not None and end.tzinfo is not None
    return zoned and start.year >= 1970 and start <= end and start <= asked_at and end.year < 2262


async def events_on(
    hosts: tuple[str, ...], log: Events, *, start: datetime, end: datetime, policy: Policy
) -> Lookup[tuple[ProcessEvent, ...]]:
    """Process events of these hosts (full names), each once, in order of time."""
    names = frozenset(hosts) | {short_name(host) for host in hosts}
    answer = await log.process_events(host_names=names, start=start, end=end)
    match answer:
        case Found(events):
            return Found(in_order(event for event in events if host_of(event, policy) in hosts))
        case _:
            return answer


def in_order(events: Iterable[ProcessEvent]) -> tuple[ProcessEvent, ...]:
    """Each event once, in order of time; the same events in any order are the same tuple."""
    each = set(events)
    alike = Counter(event.time for event in each)
    return tuple(sorted(each, key=lambda event: (event.time, repr(event) if alike[event.time] > 1 else "")))


async def alerts_on(
    names: frozenset[str], log: Events, *, start: datetime, end: datetime
) -> Lookup[tuple[LoggedAlert, ...]]:
    """Alerts that name one of these, in order of time."""
    answer = await log.alerts_naming(names=names, start=start, end=end)
    match answer:
        case Found(alerts):
            return Found(tuple(sorted(alerts, key=lambda alert: (alert.time, fold(alert.system_alert_id)))))
        case _:
            return answer


def alert_names(
    hosts: tuple[str, ...], accounts: tuple[RunnerLookups, ...], policy: Policy
) -> frozenset[str]:
    """Every spelling under which an alert may name the hosts or the accounts, in lower case."""
    names = set(hosts) | {short_name(host) for host in hosts}
    for asked in accounts:
        runner = asked.runner
        if runner.kind in {RunnerKind.ACCOUNT, RunnerKind.DOLLAR}:
            names |= {runner.name, runner.spelled, fold(runner.sid)}
        if user := resolved_user(asked, policy):
            sam, dns = fold(user.sam_account_name), fold(user.domain_name)
            netbios = [name for name, domain in policy.domains.items() if fold(domain) == dns]
            names |= {fold(user.id), fold(user.user_principal_name), fold(user.sid), fold(user.mail), sam}
            names |= {f"{domain}\\{sam}" for domain in (*netbios, dns) if domain and sam}
    return frozenset(name for name in names if name)
