"""What keeps an incident open whatever change covers its grants, and what could not be looked up."""

from collections.abc import Iterator
from datetime import datetime

from playbooks.command_line.commands import read_command_line
from playbooks.command_line.nearby import nearby_flags
from playbooks.folding import fold, fold_display_name
from playbooks.mailbox_role_grant.evidence import Evidence
from playbooks.mailbox_role_grant.grants import ROLE, GrantKind, Reading
from playbooks.mailbox_role_grant.scene import Anchor, Scene, names_of
from playbooks.model import (
    Absent,
    Account,
    Found,
    Lookup,
    Policy,
    ProcessEvent,
    Reason,
    Stance,
    Unavailable,
)
from playbooks.moments import clock, is_business_time
from playbooks.who.account_state import account_risk, account_state
from playbooks.who.accounts import RunnerKind, actor_of, has_identity_conflict, runner_of
from playbooks.who.hosts import alerts_elsewhere, foreign_alerts, further_alerts, host_of
from playbooks.who.identities import Identity, is_member, is_service_account
from playbooks.who.parents import is_scheduler, is_suspicious, is_unknown, parent_shown
from playbooks.who.scope import NO_HOST

_LOG, _DIRECTORY = "process events", "directory"


def red_flags(scene: Scene) -> Iterator[Reason]:
    """Everything that speaks against closing, beside the register."""
    for reading in scene.relevant:
        for raised in reading.flags:
            yield Reason(raised.flag.value, f"Command at {clock(reading.event.time)}: {raised.detail}", _LOG)
    for anchor in scene.anchors:
        yield from _grant(anchor, scene.policy)
        yield from _circumstances(anchor, scene.policy)
        yield from _granter(anchor, scene.policy)
        yield from _grantee(anchor, scene.policy)
    yield from _nearby(scene)
    yield from _exports(scene)
    yield from _incident(scene)


def unread(scene: Scene) -> Iterator[tuple[str, Unavailable]]:
    """Every look-up that a close needs and that gave no whole answer, with what was asked."""
    evidence = scene.evidence
    asked: list[tuple[str, Lookup[object]]] = [
        ("alerts of the incident", evidence.incident.alerts),
        ("time of the alerts", evidence.window),
        ("closes of the last 24 hours", evidence.closes),
        ("register of approved changes", scene.rows),
        *_of_the_log(evidence),
    ]
    for identity in scene.parties:
        shown = identity.runner.shown
        asked.append((f"account {shown}", identity.user))
        if isinstance(identity.user, Unavailable):
            # What hangs on the account was not looked up for the same cause.
            continue
        asked += [
            (f"groups of {shown}", identity.groups),
            (f"directory roles of {shown}", identity.roles),
            (f"sign-in risk of {shown}", identity.risk),
        ]
    yield from ((item, answer) for item, answer in asked if isinstance(answer, Unavailable))
    if not evidence.incident.entities_whole:
        # Where the alerts could not be read either, both may come at another time.
        whole = isinstance(evidence.incident.alerts, Found)
        yield "entities", Unavailable("incident", "incident larger than can be read whole", lasting=whole)
    yield from alerts_elsewhere(
        evidence.incident, evidence.alerts, hosts=evidence.hosts, rule_ids=evidence.policy.rule_ids
    )
    yield from _unseen_accounts(scene)


def _of_the_log(evidence: Evidence) -> Iterator[tuple[str, Lookup[object]]]:
    """The log's answers; without a host or a time it was not asked, and what is missing is told itself."""
    if not evidence.hosts:
        yield "host", NO_HOST
    if isinstance(evidence.window, Found):
        yield "exports on any host", evidence.exports
        yield "how far the logs reach", evidence.logs_reach
        if evidence.hosts:
            yield "process events of the host", evidence.events
            yield "other alerts on host and accounts", evidence.alerts


def _grant(anchor: Anchor, policy: Policy) -> Iterator[Reason]:
    """What the grant itself leaves open: how it is written, what it gives, whom it names."""
    grant, when = anchor.grant, anchor.when
    if grant.doubt:
        yield Reason("grant_unread", f"The grant at {when} is not read as one: {grant.doubt}", _LOG)
    elif not _is_known(anchor, policy):
        text = f"The grant at {when} gives {grant.given}, which is not known to hold the role alone"
        yield Reason("role_unknown", text, _LOG)
    if not grant.doubt and anchor.grantee is None:
        text = f"The grant at {when} names {grant.grantee}, which Exchange may take for several accounts"
        yield Reason("grantee_unproven", text, _LOG)


def _is_known(anchor: Anchor, policy: Policy) -> bool:
    if anchor.grant.kind is GrantKind.ROLE:
        return fold(anchor.grant.given) == fold(ROLE)
    return fold_display_name(anchor.grant.given) in policy.export_role_groups


def _circumstances(anchor: Anchor, policy: Policy) -> Iterator[Reason]:
    """What started it, and when."""
    event, when = anchor.reading.event, anchor.when
    if is_suspicious(event):
        yield Reason("parent_suspicious", f"The grant at {when} was started by {parent_shown(event)}", _LOG)
    elif is_scheduler(event, policy) or is_unknown(event, policy):
        text = f"The grant at {when} was started by {parent_shown(event)}, not by a person's shell"
        yield Reason("not_interactive", text, _LOG)
    if not is_business_time(event.time, policy):
        yield Reason("off_hours", f"The grant at {when} was outside business hours", _LOG)


def _granter(anchor: Anchor, policy: Policy) -> Iterator[Reason]:
    identity, event = anchor.granter, anchor.reading.event
    shown = identity.runner.shown or "nobody named"
    if has_identity_conflict(event, policy):
        text = f"The grant at {anchor.when} runs as {shown}, but {event.actor_username} started it"
        yield Reason("identity_conflict", text, _LOG)
    if is_member(identity, policy.exchange_admin_groups) is False:
        text = f"{shown} gave the role and is in none of the groups of Exchange admins"
        yield Reason("granter_not_admin", text, _DIRECTORY)
    yield from _account(identity, policy, event.time)
    grantee = anchor.grantee.found if anchor.grantee is not None else None
    if identity.found is not None and (
        _names_itself(anchor) or (grantee and grantee.id == identity.found.id)
    ):
        yield Reason("self_grant", f"{shown} gave the role to itself", _LOG)


def _grantee(anchor: Anchor, policy: Policy) -> Iterator[Reason]:
    if anchor.grantee is None:
        return
    yield from _account(anchor.grantee, policy, anchor.reading.event.time)
    if isinstance(anchor.grantee.user, Absent):
        text = f"The grantee {anchor.grant.grantee} is not exactly one user of the directory"
        yield Reason("grantee_unproven", text, _DIRECTORY)


def _names_itself(anchor: Anchor) -> bool:
    """The granter's own name in the grant, in a spelling that proves nobody else."""
    user = anchor.granter.found
    return user is not None and fold(anchor.grant.grantee) in names_of(user)


def _account(identity: Identity, policy: Policy, moment: datetime) -> Iterator[Reason]:
    """State of an account that gives or gets the role: a person, known, enabled, not new, not at risk."""
    shown = identity.runner.shown or "nobody named"
    if is_service_account(identity, policy) is True:
        yield Reason("service_account", f"{shown} is no account of a person", _DIRECTORY)
    if identity.conflict:
        yield Reason("identity_conflict", f"Account {shown}: {identity.conflict}", _DIRECTORY)
    if isinstance(identity.user, Absent) or identity.is_ambiguous:
        text = f"{shown} is not exactly one user of the directory {identity.disagreement}".rstrip()
        yield Reason("runner_unknown", text, _DIRECTORY)
    if identity.found is not None:
        yield from account_state(identity.found, moment, act="the grant")
        yield from account_risk(identity.found, identity.risk)


def _nearby(scene: Scene) -> Iterator[Reason]:
    """What else ran on the hosts: tools of staging and of covering tracks, and other changes of roles."""
    parties = frozenset(name for user in scene.people for name in names_of(user))
    for reading in scene.readings:
        event = reading.event
        text, name = event.target_process_command_line, event.target_process_name
        for code, words in nearby_flags(text, process_name=name):
            if _counts(code, reading, parties, scene.policy):
                yield Reason(code, f"At {clock(event.time)} on {reading.host}: {words}", _LOG)


def _counts(code: str, reading: Reading, parties: frozenset[str], policy: Policy) -> bool:
    """A transfer tool of some other person is everyday work on a desk; a grant is judged as one."""
    if code == "upload_tool":
        is_person = runner_of(reading.event, policy).kind is RunnerKind.ACCOUNT
        return not is_person or bool(_names(reading.event, policy) & parties)
    return code != "role_granted" or not reading.grants


def _exports(scene: Scene) -> Iterator[Reason]:
    """Exports on the hosts by anybody, and on any host by those who gave or were given the role."""
    exports = scene.evidence.exports
    names = frozenset(name for user in scene.people for name in names_of(user))
    here = tuple(reading.event for reading in scene.readings if reading.line.exports)
    for event in (*here, *(exports.value if isinstance(exports, Found) else ())):
        line = read_command_line(event.target_process_command_line, process_name=event.target_process_name)
        host = host_of(event, scene.policy)
        concerns = host in scene.evidence.hosts or _names(event, scene.policy) & names
        if concerns and (line.exports or line.flags):
            words = " ".join(event.target_process_command_line.split())[:200]
            yield Reason("export_nearby", f"At {clock(event.time)} on {host}: {words}", _LOG)


def _names(event: ProcessEvent, policy: Policy) -> frozenset[str]:
    runners = (runner_of(event, policy), actor_of(event, policy))
    names = (name for one in runners for name in (one.name, fold(one.sid), one.spelled))
    return frozenset(name for name in names if name)


def _incident(scene: Scene) -> Iterator[Reason]:
    evidence = scene.evidence
    if not isinstance(evidence.events, Unavailable):
        for host in evidence.hosts:
            if not any(anchor.reading.host == host for anchor in scene.anchors):
                yield Reason("grant_missing", f"No grant is in the events of {host} around the alert", _LOG)
    yield from _reach(scene)
    yield from _other_alerts(scene)
    limit = scene.policy.close_limit
    if isinstance(evidence.closes, Found) and evidence.closes.value > limit:
        text = f"{evidence.closes.value} incidents were closed in the last 24 hours (limit {limit})"
        yield Reason("close_limit", text, "incidents")


def _reach(scene: Scene) -> Iterator[Reason]:
    window, reach = scene.evidence.window, scene.evidence.logs_reach
    if not isinstance(window, Found) or isinstance(reach, Unavailable):
        return
    if isinstance(reach, Absent) or not window.value.end < reach.value <= scene.evidence.asked_at:
        text = f"Not checked: log data not complete until {clock(window.value.end)}"
        yield Reason("logs_incomplete", text, _LOG, Stance.UNCHECKED)


def _other_alerts(scene: Scene) -> Iterator[Reason]:
    evidence, rules = scene.evidence, scene.policy.rule_ids
    for alert in foreign_alerts(evidence.incident, rules):
        text = f"The incident holds an alert outside this triage: {alert.name} ({alert.product})"
        yield Reason("other_alerts", text, "incident")
    for logged in further_alerts(evidence.incident, evidence.alerts, rules):
        text = f"Alert on the host or an account at {clock(logged.time)}: {logged.name} ({logged.product})"
        yield Reason("other_alerts", text, "alerts")


def _unseen_accounts(scene: Scene) -> Iterator[tuple[str, Unavailable]]:
    """Accounts that the incident names and that no event does: their part was not seen."""
    if not isinstance(scene.evidence.events, Found):
        return
    seen = {name for reading in scene.readings for name in _names(reading.event, scene.policy)}
    seen |= {name for user in scene.people for name in names_of(user)}
    for account in scene.evidence.incident.accounts:
        if (names := _entity_names(account)) and not names & seen:
            cause = "the incident names it, but no event on its hosts does"
            yield f"account {', '.join(sorted(names))}", Unavailable("incident", cause, lasting=True)


def _entity_names(account: Account) -> set[str]:
    name = fold(account.name.strip()).rpartition("\\")[2].partition("@")[0]
    return {name, fold(account.sid.strip()), fold(account.aad_user_id.strip())} - {""}
