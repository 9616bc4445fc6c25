"""What the analyst is told about accounts and hosts, looked-up or not."""

from collections.abc import Iterator
from datetime import datetime

from playbooks.folding import fold_display_name
from playbooks.mailbox_export.red_flags.watched import is_high_value, names_of_runner, on_list
from playbooks.mailbox_export.registers.register_rows import ASSETS, LEAVERS, VIPS
from playbooks.mailbox_export.scene import Scene
from playbooks.model import (
    Absent,
    Device,
    DirectoryRole,
    DirectoryUser,
    Fact,
    Found,
    Group,
    Lookup,
    Policy,
    Risk,
    Unavailable,
    WatchlistItem,
)
from playbooks.who.accounts import RunnerKind
from playbooks.who.identities import Identity

_KINDS = {
    RunnerKind.SYSTEM: "the local SYSTEM account of the host",
    RunnerKind.NETWORK_SERVICE: "the NETWORK SERVICE account of the host",
    RunnerKind.DOLLAR: "a managed service account or another computer, not a person",
    RunnerKind.NOBODY: "no account is named by the event",
    RunnerKind.ACCOUNT: "not in the directory",
}


def facts(scene: Scene) -> tuple[Fact, ...]:
    """Accounts first, then hosts; each fact once, in a fixed order."""
    told: dict[Fact, None] = {}
    identities = {identity.runner: identity for identity in map(scene.identity, scene.relevant)}
    for runner in sorted(identities, key=repr):
        told |= dict.fromkeys(_account(identities[runner], scene))
    for host in scene.evidence.hosts:
        told |= dict.fromkeys(_host(host, scene))
    return tuple(told)


def worded[T](answer: Lookup[T], *, absent: str) -> str | T:
    """The value, words for its absence, or that it was not checked and why."""
    match answer:
        case Found(value):
            return value
        case Absent():
            return absent
        case Unavailable(source, cause):
            return f"not checked ({source}: {cause})"


def _account(identity: Identity, scene: Scene) -> Iterator[Fact]:
    subject, user = identity.runner.shown or "account not named", identity.found
    if identity.runner.sid:
        yield Fact(subject, "SID", identity.runner.sid)
    if user is None:
        reading = identity.user if isinstance(identity.user, Unavailable) else Absent("directory")
        yield Fact(subject, "Account", str(worded(reading, absent=_KINDS[identity.runner.kind])))
        yield from _lists(subject, identity, scene)
        return
    yield from _user(subject, user)
    yield from _groups(subject, identity.groups, scene.policy)
    yield Fact(subject, "Directory roles", _roles(identity.roles))
    yield Fact(subject, "Sign-in risk", _risk(identity.risk, scene.policy))
    yield from _lists(subject, identity, scene)


def _user(subject: str, user: DirectoryUser) -> Iterator[Fact]:
    enabled = {True: "enabled", False: "disabled", None: "not known"}[user.enabled]
    pairs = (
        ("Name", user.display_name),
        ("User principal name", user.user_principal_name),
        ("Job title", user.job_title),
        ("Department", user.department),
        ("Account state", enabled),
        ("Created", _day(user.created)),
        ("User type", user.user_type),
    )
    yield from (Fact(subject, label, value) for label, value in pairs if value)


def _groups(subject: str, groups: Lookup[tuple[Group, ...]], policy: Policy) -> Iterator[Fact]:
    for label, wanted in (
        ("Exchange admin groups", policy.exchange_admin_groups),
        ("eDiscovery groups", policy.ediscovery_groups),
        ("Groups with the Mailbox Import Export role", policy.export_role_groups),
    ):
        held = worded(groups, absent="none")
        if not isinstance(held, str):
            names = {
                group.display_name
                for group in held
                if {fold_display_name(group.id), fold_display_name(group.display_name)} & wanted
            }
            held = ", ".join(sorted(names)) or "none"
        yield Fact(subject, label, held)


def _roles(roles: Lookup[tuple[DirectoryRole, ...]]) -> str:
    held = worded(roles, absent="none")
    if isinstance(held, str):
        return held
    return ", ".join(sorted({f"{role.display_name} ({role.via})" for role in held})) or "none"


def _risk(risk: Lookup[Risk], policy: Policy) -> str:
    if not policy.identity_protection:
        return "not looked up: Identity Protection is not in use here (setting)"
    found = worded(risk, absent="none recorded")
    return found if isinstance(found, str) else f"level {found.level}, state {found.state}"


def _lists(subject: str, identity: Identity, scene: Scene) -> Iterator[Fact]:
    for alias, label in ((VIPS, "VIP"), (LEAVERS, "Leaver")):
        items = scene.evidence.watchlist(alias)
        yield Fact(subject, label, _listed(items, alias, hit=on_list(items, names_of_runner(identity))))


def _host(host: str, scene: Scene) -> Iterator[Fact]:
    match scene.export_hosts:
        case Found(rows):
            roles = sorted({row.role for row in rows.valid if row.key == host})
            yield Fact(host, "Role in MailboxExportHosts", ", ".join(roles) or "not listed")
        case Unavailable(source, cause):
            yield Fact(host, "Role in MailboxExportHosts", f"not checked ({source}: {cause})")
        case Absent():
            yield Fact(host, "Role in MailboxExportHosts", "not listed")
    assets = scene.evidence.watchlist(ASSETS)
    yield Fact(
        host, "High-value asset", _listed(assets, ASSETS, hit=is_high_value(assets, host, scene.policy))
    )
    yield Fact(host, "Device in Entra", _device(dict(scene.evidence.devices).get(host, Absent("devices"))))


def _listed(items: Lookup[tuple[WatchlistItem, ...]], alias: str, *, hit: bool) -> str:
    match items:
        case Found():
            return f"yes, on {alias}" if hit else "no"
        case Absent():
            return f"no list {alias} in this workspace"
        case Unavailable(source, cause):
            return f"not checked ({source}: {cause})"


def _device(device: Lookup[Device]) -> str:
    found = worded(device, absent="no device of that name")
    if isinstance(found, str):
        return found
    words = {True: "yes", False: "no", None: "not known"}
    compliant, managed = words[found.is_compliant], words[found.is_managed]
    return f"{found.trust_type or 'trust type not known'}, compliant: {compliant}, managed: {managed}"


def _day(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d}" if moment is not None else "not known"
