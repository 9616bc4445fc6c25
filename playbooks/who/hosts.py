"""Host names: the organisation's suffix, whole names only."""

import re
from collections.abc import Iterable, Iterator

from playbooks.folding import fold
from playbooks.model import (
    Alert,
    Found,
    Host,
    Incident,
    LoggedAlert,
    Lookup,
    Policy,
    ProcessEvent,
    Unavailable,
)

_HOST_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*")


def organisation_suffix(policy: Policy) -> str:
    """DNS name that completes a short host name: the first domain of the settings."""
    return fold(next(iter(policy.domains.values()), ""))


def dns_of(domain: str, policy: Policy) -> str:
    """DNS name of one of the organisation's domains, given as NetBIOS or DNS name; else an empty string."""
    wanted = fold(domain.strip())
    if wanted in policy.domains:
        return fold(policy.domains[wanted])
    return wanted if wanted and wanted in {fold(dns) for dns in policy.domains.values()} else ""


def is_host_name(name: str) -> bool:
    """True for a DNS or NetBIOS host name in lower case; addresses and anything else are none."""
    return _HOST_NAME.fullmatch(name) is not None and not name.replace(".", "").isdigit()


def complete_host(name: str, policy: Policy) -> str:
    """The host name in lower case, a short one completed with the organisation's DNS suffix."""
    bare = fold(name.strip()).rstrip(".")
    suffix = organisation_suffix(policy)
    return f"{bare}.{suffix}" if bare and "." not in bare and suffix else bare


def short_name(host: str) -> str:
    """The first label of a host name, in lower case."""
    return fold(host.strip()).partition(".")[0]


def host_of(event: ProcessEvent, policy: Policy) -> str:
    """Where an event happened, as a full name in lower case; empty where the event does not say."""
    return complete_host(event.dvc_fqdn or event.dvc_hostname, policy)


def host_of_entity(entity: Host, policy: Policy) -> str:
    """Full name of a Host entity; a domain that is no DNS name is taken as NetBIOS name where known."""
    name = entity.host_name.strip().rstrip(".")
    domain = dns_of(entity.dns_domain, policy) or entity.dns_domain.strip().strip(".")
    if name and "." not in name and "." in domain:
        return fold(f"{name}.{domain}")
    return complete_host(name, policy)


def alerts_elsewhere(
    incident: Incident,
    logged: Lookup[tuple[LoggedAlert, ...]],
    *,
    hosts: Iterable[str],
    rule_ids: frozenset[str],
) -> Iterator[tuple[str, Unavailable]]:
    """Alerts of these rules that no judged host is known to be in: what they saw may not have been looked at.

    An incident gives its hosts and its alerts apart, so the log (`SecurityAlert`) tells which alert names
    which host. `hosts` are full names. Empty where one of the two is not known, which is told elsewhere.
    """
    if not isinstance(logged, Found) or not isinstance(incident.alerts, Found):
        return
    judged = {name for host in hosts for name in (host, short_name(host))}
    there = {fold(row.system_alert_id) for row in logged.value if row.host_names & judged}
    for alert in incident.alerts.value:
        if alert.rule_ids & rule_ids and fold(alert.system_alert_id) not in there:
            cause = "the log does not show it on a host that was judged"
            yield f"host of the alert {alert.system_alert_id}", Unavailable("alerts", cause)


def foreign_alerts(incident: Incident, rule_ids: frozenset[str]) -> Iterator[Alert]:
    """Alerts in the incident that none of these rules raised."""
    inside = incident.alerts.value if isinstance(incident.alerts, Found) else ()
    return (alert for alert in inside if not alert.rule_ids & rule_ids)


def further_alerts(
    incident: Incident, logged: Lookup[tuple[LoggedAlert, ...]], rule_ids: frozenset[str]
) -> Iterator[LoggedAlert]:
    """Logged alerts that are not in the incident and that none of these rules raised."""
    own = set(incident.alert_ids)
    found = logged.value if isinstance(logged, Found) else ()
    return (one for one in found if fold(one.system_alert_id) not in own and not one.rule_ids & rule_ids)
