"""Evidence and verdict: closed where each flag names a ticket of the register, escalated otherwise."""

import re
from dataclasses import dataclass
from datetime import timedelta

from playbooks.zz_probe.tickets import TICKETS, read_tickets

from playbooks.model import (
    Briefing,
    Close,
    Escalate,
    Found,
    Incident,
    Judgement,
    Lookup,
    Policy,
    ProcessEvent,
    Reason,
    Severity,
    Stance,
    WatchlistItem,
)
from playbooks.ports import Sources

_TICKET = re.compile(r"Set-ProbeFlag -Ticket (\S+)", re.IGNORECASE)
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What was learned."""

    events: Lookup[tuple[ProcessEvent, ...]]
    tickets: Lookup[tuple[WatchlistItem, ...]]


async def gather(incident: Incident, sources: Sources, policy: Policy) -> Evidence:
    """The events of the incident's hosts around its alerts, and the register."""
    alerts = incident.alerts.value if isinstance(incident.alerts, Found) else ()
    ours = [alert for alert in alerts if alert.rule_ids & policy.rule_ids]
    starts = [alert.start for alert in ours if alert.start]
    ends = [alert.end for alert in ours if alert.end]
    names = frozenset(f"{host.host_name}.{host.dns_domain}".lower().strip(".") for host in incident.hosts)
    return Evidence(
        events=await sources.events.process_events(
            host_names=names, start=min(starts) - _HOUR, end=max(ends) + _HOUR
        ),
        tickets=await sources.watchlists.items(TICKETS),
    )


def decide(evidence: Evidence) -> Judgement:
    """The verdict with its story."""
    if not isinstance(evidence.events, Found) or not isinstance(evidence.tickets, Found):
        unread = Reason("source_unavailable", "Not checked: events or register", "logs", Stance.UNCHECKED)
        return _judged(Escalate(reasons=(unread,), retry_may_help=True))
    rows = read_tickets(evidence.tickets.value, None)
    known = {row.key for row in rows if not row.problems}
    found = [match for event in evidence.events.value if (match := _TICKET.search(_line(event)))]
    if found and all(match[1].strip('"') in known for match in found):
        reason = Reason("probe_ticket", "the register holds the ticket", TICKETS, Stance.FOR)
        return _judged(Close(reasons=(reason,), scenarios=("probe_ticket",)))
    reason = Reason("probe_unregistered", "a flag without a registered ticket", TICKETS, Stance.AGAINST)
    return _judged(Escalate(reasons=(reason,), severity=Severity.MEDIUM))


def _line(event: ProcessEvent) -> str:
    return event.target_process_command_line


def _judged(verdict: Close | Escalate) -> Judgement:
    briefing = Briefing(
        headline="A probe flag was set.", title="Probe flag triage", steps=("Ask who set the flag.",)
    )
    return Judgement(verdict=verdict, briefing=briefing)
