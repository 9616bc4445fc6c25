"""Account names as logs and registers write them, and who ran a process (policy, section 2)."""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from playbooks.folding import fold
from playbooks.model import Policy, ProcessEvent
from playbooks.who.hosts import complete_host, dns_of, short_name

MOST_KEPT, LONGEST_KEPT = 4_096, 1_024
"""Accounts, and letters of each, whose reading is kept: one event is asked a dozen times who ran it."""

SYSTEM_SID, NETWORK_SERVICE_SID, NOBODY_SID = "S-1-5-18", "S-1-5-20", "S-1-0-0"
_SID = re.compile(r"S-1-\d{1,14}(?:-\d{1,10}){1,15}", re.IGNORECASE | re.ASCII)
_NO_ACCOUNT = frozenset({"", "-", "-\\-", "\\", "\\-", "-\\", "nobody", "local system", "s-1-0-0"})


class RunnerKind(StrEnum):
    """What kind of account a name stands for, as far as the name alone can say."""

    ACCOUNT = "account"
    SYSTEM = "system"
    NETWORK_SERVICE = "network_service"
    DOLLAR = "dollar"
    """A name ending in `$` that is not this host's own: a managed service account or another computer."""
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    r"""An account as an event names it: `domain` and `name` in lower case, `sid` in capitals, or empty.

    `domain` is a NetBIOS or DNS name, or the suffix where the event has a UPN (`is_upn`).
    """

    kind: RunnerKind
    domain: str = ""
    name: str = ""
    sid: str = ""
    is_upn: bool = False
    shown: str = ""
    contradiction: str = ""
    """Set where the event's own name and SID cannot belong together."""

    @property
    def full(self) -> str:
        """Name and SID for a reader."""
        return f"{self.shown} ({self.sid})" if self.sid and self.shown != self.sid else self.shown

    @property
    def spelled(self) -> str:
        r"""The name as `domain\name`, `name@suffix` or `name`."""
        if not self.domain:
            return self.name
        return f"{self.name}@{self.domain}" if self.is_upn else f"{self.domain}\\{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunAs:
    """The RunAs cell of a job: a SID, an account of one of the organisation's domains, or SYSTEM."""

    sid: str = ""
    domain: str = ""
    name: str = ""
    is_system: bool = False
    shown: str = ""


def parse_run_as(text: str, policy: Policy) -> RunAs:
    r"""The RunAs cell of a job. Raises ValueError for anything but SID, `DOMAIN\name` or SYSTEM."""
    written = text.strip()
    if fold(written) in {"system", "nt authority\\system"} or written.upper() == SYSTEM_SID:
        return RunAs(is_system=True, shown="SYSTEM")
    if _SID.fullmatch(written):
        if not written.upper().startswith("S-1-5-21-"):
            raise ValueError(f"{written!r} is no account of a domain or host")
        return RunAs(sid=written.upper(), shown=written.upper())
    domain, slash, name = written.partition("\\")
    if not slash or not name.strip() or not dns_of(domain, policy):
        raise ValueError(f"{written!r} is neither a SID, nor DOMAIN\\name of a known domain, nor SYSTEM")
    return RunAs(domain=dns_of(domain, policy), name=fold(name.strip()), shown=written)


def runner_of(event: ProcessEvent, policy: Policy) -> Runner:
    """The account a process runs as: the target user if it names an account, else the actor."""
    target = target_of(event, policy)
    return target if target.kind is not RunnerKind.NOBODY else actor_of(event, policy)


def actor_of(event: ProcessEvent, policy: Policy) -> Runner:
    """The account that started a process; kind NOBODY where the event names none."""
    return read_account(event.actor_username, event.actor_user_id, event=event, policy=policy)


def target_of(event: ProcessEvent, policy: Policy) -> Runner:
    """The account that a process is said to run as; kind NOBODY where the event names none."""
    return read_account(event.target_username, event.target_user_id, event=event, policy=policy)


def has_identity_conflict(event: ProcessEvent, policy: Policy) -> bool:
    """True where actor and target are both named and the actor is no account that starts for others."""
    target = target_of(event, policy)
    actor = actor_of(event, policy)
    if RunnerKind.NOBODY in {target.kind, actor.kind}:
        return False
    return actor.kind not in {RunnerKind.SYSTEM, RunnerKind.NETWORK_SERVICE} and not is_same(
        actor, target, policy
    )


def is_same(one: Runner, other: Runner, policy: Policy) -> bool:
    """True where two spellings are one account: by SID where both have one, else by domain and name."""
    if one.kind is not other.kind or one.contradiction or other.contradiction:
        return False
    if one.kind in {RunnerKind.SYSTEM, RunnerKind.NETWORK_SERVICE}:
        return True
    if one.sid and other.sid:
        return one.sid == other.sid
    return bool(one.name) and (one.name, _place(one, policy)) == (other.name, _place(other, policy))


def read_account(username: str, user_id: str, *, event: ProcessEvent, policy: Policy) -> Runner:
    """What a pair of name and SID columns stands for on that event's host."""
    host = event.dvc_fqdn or event.dvc_hostname
    read = _read_again if len(username) + len(user_id) + len(host) <= LONGEST_KEPT else _read
    return read(username, user_id, host, policy)


def _read(username: str, user_id: str, host_name: str, policy: Policy) -> Runner:
    written, sid = username.strip(), user_id.strip().upper()
    if _SID.fullmatch(written):
        written, sid = "", (sid if _SID.fullmatch(sid) and sid != NOBODY_SID else written.upper())
    written = "" if fold(written) in _NO_ACCOUNT else written
    sid = sid if _SID.fullmatch(sid) and sid != NOBODY_SID else ""
    if not written and not sid:
        return Runner(kind=RunnerKind.NOBODY)
    domain, name, is_upn = _split_name(written)
    own = _is_own_computer(domain, name, host=complete_host(host_name, policy), policy=policy)
    kind = _kind(domain, name, sid=sid, own=own)
    return Runner(
        kind=kind,
        domain=domain,
        name=name,
        sid=sid,
        is_upn=is_upn,
        shown=written or sid,
        contradiction=_contradiction(kind, domain, name, own=own, known_domain=bool(dns_of(domain, policy))),
    )


_read_again = lru_cache(MOST_KEPT)(_read)


def _split_name(written: str) -> tuple[str, str, bool]:
    """Domain or suffix, name, and whether it was a UPN; in lower case."""
    folded = fold(written)
    if "\\" in folded:
        domain, _, name = folded.partition("\\")
        return domain.strip(), name.strip(), False
    if "@" in folded:
        name, _, suffix = folded.rpartition("@")
        return suffix.strip(), name.strip(), True
    return "", folded, False


def _is_own_computer(domain: str, name: str, *, host: str, policy: Policy) -> bool:
    """True for `HOST$` of that host, in the host's own domain."""
    own_domain = host.partition(".")[2]
    return name == f"{short_name(host)}$" and (not domain or dns_of(domain, policy) == own_domain)


def _kind(domain: str, name: str, *, sid: str, own: bool) -> RunnerKind:
    if sid == NETWORK_SERVICE_SID or (not sid and (domain, name) == ("nt authority", "network service")):
        return RunnerKind.NETWORK_SERVICE
    if sid == SYSTEM_SID or (not sid and (own or (domain, name) == ("nt authority", "system"))):
        return RunnerKind.SYSTEM
    return RunnerKind.DOLLAR if name.endswith("$") else RunnerKind.ACCOUNT


def _contradiction(kind: RunnerKind, domain: str, name: str, *, own: bool, known_domain: bool) -> str:
    """Words for a name that cannot have the SID of SYSTEM or NETWORK SERVICE.

    The names of those two are translated by Windows, so any name outside the organisation may stand
    there, but no account of one of its domains and no computer but the host itself.
    """
    if kind not in {RunnerKind.SYSTEM, RunnerKind.NETWORK_SERVICE} or not name or own:
        return ""
    if name.endswith("$") or known_domain or not domain:
        return f"{domain}\\{name} is not the account of that SID" if name != "system" else ""
    return ""


def _place(runner: Runner, policy: Policy) -> str:
    return dns_of(runner.domain, policy) or runner.domain
