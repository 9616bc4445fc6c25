"""Scenarios of people at work: `ediscovery` and `self_export` (policy, section 3)."""

import re
from dataclasses import replace

from playbooks.command_line.command_values import Export, Removal, RequestKind
from playbooks.folding import fold
from playbooks.mailbox_export.coverage.attempts import (
    EDISCOVERY,
    SELF_EXPORT,
    Attempt,
    Check,
    Relied,
    both,
    either,
    uncovered_code,
)
from playbooks.mailbox_export.coverage.conditions import (
    host_has_role,
    in_business_hours,
    in_names,
    mailboxes_in_scope,
    same_user,
    selects,
    target_is_inside,
)
from playbooks.mailbox_export.readings import Anchor
from playbooks.mailbox_export.registers.mailbox_names import command_mailboxes
from playbooks.mailbox_export.registers.register_rows import CaseRow
from playbooks.mailbox_export.scene import Scene
from playbooks.mailbox_export.targets import Root, parse_root
from playbooks.model import Absent, DirectoryUser, Found, Policy, Unavailable
from playbooks.moments import clock
from playbooks.who.identities import Identity, is_member, is_service_account

_SAM = "{sam}"
_PLAIN_NAME = re.compile(r"[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9_-])?")
_DATE_FILTER = re.compile(
    r"""(?:[A-Za-z0-9/:.,+\s{}()-]|'[A-Za-z0-9/:.,+ -]*'|"[A-Za-z0-9/:.,+ -]*")*""", re.ASCII
)
"""Words, dates, closed quotes: no comment, escape or typographic quote that Exchange reads otherwise."""
_DATE_WORDS = frozenset({"received", "sent", "and", "or", "not", "ge", "gt", "le", "lt", "eq", "ne"})


def ediscovery(anchor: Anchor, case: CaseRow, scene: Scene) -> Attempt:
    """An open case: an export of its custodians, or a removal limited to its batch, name or mailbox."""
    identity, command = scene.identity(anchor.reading), anchor.command
    host, relied = host_has_role(anchor, scene, roles=frozenset({"legal", "exchange"}), also=case.hosts)
    own: tuple[Check, ...]
    if isinstance(command, Export):
        own = (
            mailboxes_in_scope(command, case.custodians, scene, cell="Custodians"),
            target_is_inside(command, (case.root.below(case.key),), scene.policy),
        )
    else:
        own = (_limited_to_case(anchor, command, case, scene=scene),)
    checks = (_is_member(anchor, identity, scene), _case_is_open(anchor, case), *own)
    return Attempt(
        scenario=EDISCOVERY,
        row=case.shown,
        checks=(*checks, host, in_business_hours(anchor, scene)),
        relied=(Relied(case.shown, case.updated), *relied),
        cells=case.cells,
    )


def self_export(anchor: Anchor, scene: Scene) -> Attempt:
    """A person's own mailbox to that person's own folder, or a removal limited to that mailbox."""
    identity, command = scene.identity(anchor.reading), anchor.command
    host, relied = host_has_role(anchor, scene, roles=frozenset({"exchange", "legal", "admin"}))
    checks = [
        _is_person(identity, scene.policy),
        _own_mailbox(anchor, scene),
        _holds_role(anchor, identity, scene.policy),
    ]
    if isinstance(command, Export):
        inside = target_is_inside(command, personal_roots(identity.found, scene.policy), scene.policy)
        doubt = identity.user if isinstance(identity.user, Unavailable) else inside.passed
        checks += [_unfiltered(anchor, command), replace(inside, passed=doubt)]
    return Attempt(
        scenario=SELF_EXPORT,
        row="own mailbox",
        checks=(*checks, host, in_business_hours(anchor, scene)),
        relied=relied,
    )


def is_own_mailbox(anchor: Anchor, scene: Scene) -> bool | Unavailable:
    """Whether the command concerns the runner's own mailbox alone, compared by directory id."""
    user, command = scene.identity(anchor.reading).user, anchor.command
    names = command_mailboxes(command)
    if not names or (isinstance(command, Export) and len(command.mailboxes) != 1):
        return False
    match user:
        case Found(person):
            return both(*(same_user(name, person, scene) for name in names))
        case Unavailable():
            return user
        case Absent():
            return False


def personal_roots(user: DirectoryUser | None, policy: Policy) -> tuple[Root, ...]:
    """The user's personal export root by the setting's template; none where it cannot be told."""
    sam = user.sam_account_name if user is not None else ""
    if _SAM not in policy.personal_export_root or _PLAIN_NAME.fullmatch(sam) is None:
        return ()
    try:
        return (parse_root(policy.personal_export_root.replace(_SAM, sam), policy),)
    except ValueError:
        return ()


def _is_member(anchor: Anchor, identity: Identity, scene: Scene) -> Check:
    """Membership also registers a service account that people operate, never a managed one."""
    return Check(
        passed=both(not identity.is_managed, is_member(identity, scene.policy.ediscovery_groups)),
        met=f"runner {identity.runner.shown} is eDiscovery staff",
        code=uncovered_code(anchor),
        missing=f"runner {identity.runner.shown} is not a member of an eDiscovery group",
        source="directory",
    )


def _case_is_open(anchor: Anchor, case: CaseRow) -> Check:
    closed = f", closed {clock(case.closed)}" if case.closed is not None else ""
    return Check(
        passed=case.is_open_at(anchor.event.time),
        met=f"case {case.key} was open",
        code="case_not_open",
        missing=f"case {case.key} was not open at the time (opened {clock(case.opened)}{closed})",
        source="watchlist",
    )


def _limited_to_case(anchor: Anchor, removal: Removal, case: CaseRow, *, scene: Scene) -> Check:
    by_mailbox = either(in_names(name, case.custodians, scene) for name in command_mailboxes(removal))
    return Check(
        passed=both(removal.kind is RequestKind.EXPORT, either((selects(removal, case.key), by_mailbox))),
        met="removes only requests of the case",
        code=uncovered_code(anchor),
        missing=f"the removal is not limited to the batch, name or mailboxes of case {case.key}",
        source="process events",
    )


def _is_person(identity: Identity, policy: Policy) -> Check:
    service = is_service_account(identity, policy)
    return Check(
        passed=service if isinstance(service, Unavailable) else not service,
        met="the runner is a person",
        code="service_account_unregistered",
        missing=f"{identity.runner.shown} is a service account; own mailboxes are exported by people only",
        source="directory",
    )


def _own_mailbox(anchor: Anchor, scene: Scene) -> Check:
    kind = anchor.command.kind if isinstance(anchor.command, Removal) else RequestKind.EXPORT
    return Check(
        passed=both(kind is RequestKind.EXPORT, is_own_mailbox(anchor, scene)),
        met="the mailbox is the runner's own (same directory id)",
        code="mailbox_outside_scope",
        missing=f"the {anchor.what} is not limited to the runner's own mailbox",
        source="directory",
    )


def _holds_role(anchor: Anchor, identity: Identity, policy: Policy) -> Check:
    return Check(
        passed=is_member(identity, policy.export_role_groups),
        met="the runner holds the Mailbox Import Export role through a group",
        code=uncovered_code(anchor),
        missing=f"runner {identity.runner.shown} is in no group that holds the Mailbox Import Export role",
        source="directory",
    )


def _unfiltered(anchor: Anchor, export: Export) -> Check:
    """No folder or subject filter; a span of dates is none."""
    return Check(
        passed=all(_is_date_filter(text) for text in export.filters),
        met="no folder or subject filter",
        code=uncovered_code(anchor),
        missing="a folder or content filter on an export of the own mailbox",
        source="process events",
    )


def _is_date_filter(text: str) -> bool:
    """True for `-ContentFilter` on nothing but Received and Sent; `text` is the parameter and its value."""
    parameter, _, written = text.partition(" ")
    if _DATE_FILTER.fullmatch(written) is None:
        return False
    bare = re.sub(r"'[^']*'|\"[^\"]*\"", " ", written)
    words = {fold(word) for word in re.findall(r"[^\W\d]\w*|\$", bare)}
    return fold(parameter) == "-contentfilter" and bool(words) and words <= _DATE_WORDS
