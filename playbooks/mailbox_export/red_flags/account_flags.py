"""Red flags of accounts: who ran it, in what state the account is, whose mailbox it was (policy, 2 and 4)."""

from collections.abc import Iterator

from playbooks.mailbox_export.readings import Reading
from playbooks.mailbox_export.red_flags.watched import names_of_mailbox, names_of_runner, on_list
from playbooks.mailbox_export.registers.mailbox_names import command_mailboxes
from playbooks.mailbox_export.registers.register_rows import LEAVERS, VIPS
from playbooks.mailbox_export.scene import Scene
from playbooks.model import Absent, Found, Reason
from playbooks.moments import clock
from playbooks.who.account_state import account_risk, account_state
from playbooks.who.accounts import RunnerKind, has_identity_conflict
from playbooks.who.identities import Identity, is_member, is_run_as, is_service_account


def account_flags(scene: Scene) -> Iterator[Reason]:
    """Everything that the runners of the relevant commands raise."""
    for reading in scene.relevant:
        identity = scene.identity(reading)
        yield from _who(reading, identity, scene)
        if identity.found is not None:
            yield from account_state(identity.found, reading.event.time, act="the command")
            yield from account_risk(identity.found, identity.risk)


def listed(scene: Scene) -> Iterator[Reason]:
    """Mailboxes of VIPs; runners and mailboxes of people who leave. A missing list raises nothing."""
    mailboxes = sorted({name for anchor in scene.anchors for name in command_mailboxes(anchor.command)})
    vips, leavers = scene.evidence.watchlist(VIPS), scene.evidence.watchlist(LEAVERS)
    for name in mailboxes:
        names = names_of_mailbox(name, scene.mailbox(name))
        if on_list(vips, names):
            yield Reason("vip_mailbox", f"Mailbox {name} belongs to a person on {VIPS}", "watchlist")
        if on_list(leavers, names):
            yield Reason(
                "terminated_employee", f"Mailbox {name} belongs to a person on {LEAVERS}", "watchlist"
            )
    for reading in scene.relevant:
        identity = scene.identity(reading)
        if on_list(leavers, names_of_runner(identity)):
            text = f"Runner {identity.runner.shown} is on {LEAVERS}"
            yield Reason("terminated_employee", text, "watchlist")


def _who(reading: Reading, identity: Identity, scene: Scene) -> Iterator[Reason]:
    runner = identity.runner
    if has_identity_conflict(reading.event, scene.policy):
        text = (
            f"The process at {clock(reading.event.time)} runs as {runner.shown}, "
            f"but {reading.event.actor_username or reading.event.actor_user_id} started it"
        )
        yield Reason("identity_conflict", text, "process events")
    if identity.conflict:
        yield Reason("identity_conflict", f"Account {runner.shown}: {identity.conflict}", "directory")
    if words := _unknown(identity, scene):
        yield Reason("runner_unknown", words, "directory")
    if _is_unregistered_service(reading, identity, scene):
        text = f"{runner.shown} is a service account, and no job of the register names it"
        yield Reason("service_account_unregistered", text, "watchlist")


def _unknown(identity: Identity, scene: Scene) -> str:
    """Words for a runner that is not exactly one known account; empty for a known or an unread one."""
    runner = identity.runner
    if runner.kind is RunnerKind.NOBODY:
        return "The event names no account that ran it"
    if identity.disagreement or identity.conflict:
        return f"Name and SID of {runner.full} disagree: {identity.disagreement or identity.conflict}"
    if identity.is_ambiguous:
        return f"{runner.shown} is more than one user of the directory"
    if runner.kind is RunnerKind.DOLLAR and identity.is_computer == Found(value=True):
        return f"{runner.shown} is the account of another computer"
    if _is_known_of_its_own(identity) or _may_be_registered(identity, scene):
        return ""
    return f"{runner.shown} is not exactly one user of the directory, and no job is registered for it"


def _is_known_of_its_own(identity: Identity) -> bool:
    """A directory user (one that could not be read is told elsewhere), or an account of the host itself."""
    if identity.runner.kind is RunnerKind.ACCOUNT:
        return not isinstance(identity.user, Absent)
    return identity.runner.kind in {RunnerKind.SYSTEM, RunnerKind.NETWORK_SERVICE}


def _may_be_registered(identity: Identity, scene: Scene) -> bool:
    """True unless the register was read and no job's RunAs is this account."""
    if not isinstance(scene.jobs, Found):
        return True
    answers = [is_run_as(identity, row.run_as, scene.policy) for row in scene.jobs.value.valid]
    return any(answer is not False for answer in answers)


def _is_unregistered_service(reading: Reading, identity: Identity, scene: Scene) -> bool:
    if is_service_account(identity, scene.policy) is not True or not isinstance(scene.jobs, Found):
        return False
    if not identity.is_managed and is_member(identity, scene.policy.ediscovery_groups) is not False:
        return False
    rows = [row for row in scene.jobs.value.valid if reading.host in row.hosts or not identity.is_managed]
    return all(is_run_as(identity, row.run_as, scene.policy) is False for row in rows)
