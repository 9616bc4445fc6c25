"""Host names: the organisation's suffix, whole names only."""

import re

from playbooks.folding import fold
from playbooks.model import Host, Policy, ProcessEvent

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
