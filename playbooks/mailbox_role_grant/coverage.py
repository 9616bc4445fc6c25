"""Which approved change covers a grant, and if none does, what the closest one lacks."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from playbooks.folding import fold
from playbooks.mailbox_role_grant.changes import ChangeRow
from playbooks.mailbox_role_grant.grants import GrantKind
from playbooks.mailbox_role_grant.reason_codes import APPROVED_MEMBER, APPROVED_ROLE
from playbooks.mailbox_role_grant.scene import Anchor, Scene, names_of
from playbooks.model import DirectoryUser, Found, Reason, Stance, Unavailable
from playbooks.moments import clock
from playbooks.who.identities import Identity

_REGISTER = "watchlist"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One condition of a row. `passed` is None where a look-up that it needs gave no answer."""

    passed: bool | None
    met: str
    code: str
    missing: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """A grant with the row that covers it, if one does, and the closest row's conditions."""

    anchor: Anchor
    row: ChangeRow | None
    checks: tuple[Check, ...]
    reasons: tuple[Reason, ...]

    @property
    def scenario(self) -> str:
        """The scenario that a covered grant closes by."""
        return APPROVED_ROLE if self.anchor.grant.kind is GrantKind.ROLE else APPROVED_MEMBER


def cover(anchor: Anchor, scene: Scene) -> Coverage:
    """Holds every row that names the granter or the grantee against one grant."""
    if not isinstance(scene.rows, Found):
        return Coverage(anchor=anchor, row=None, checks=(), reasons=())
    tried = [(row, tuple(_checks(anchor, row))) for row in scene.rows.value]
    named = sorted((one for one in tried if _is_meant(one[1])), key=lambda one: _distance(one, anchor))
    if not named:
        return Coverage(anchor=anchor, row=None, checks=(), reasons=_not_found(anchor, scene))
    row, checks = named[0]
    reasons = list(_recent(row, anchor))
    if all(check.passed for check in checks):
        covered = Coverage(anchor=anchor, row=row, checks=checks, reasons=())
        text = f"The grant at {anchor.when} is covered by {row.shown}"
        proof = Reason(covered.scenario, text, "watchlist and directory", Stance.FOR)
        return Coverage(anchor=anchor, row=row, checks=checks, reasons=(*reasons, proof))
    missing = [check for check in checks if check.passed is False]
    reasons += [Reason(check.code, check.missing, _REGISTER) for check in missing]
    if missing:
        text = f"No approved change covers the grant at {anchor.when} (closest: {row.shown})"
        reasons.append(Reason("grant_uncovered", text, _REGISTER))
    return Coverage(anchor=anchor, row=None, checks=checks, reasons=tuple(reasons))


def _checks(anchor: Anchor, row: ChangeRow) -> Iterator[Check]:
    """Granter, grantee, role, host, time and approver, in this order."""
    event = anchor.reading.event
    yield Check(
        passed=_is_sid(anchor.granter, row.granter_sid),
        met=f"granter {anchor.granter.runner.shown} is GranterSid of {row.key}",
        code="granter_not_approved",
        missing=f"{anchor.granter.runner.full or 'nobody named'} is not GranterSid of {row.key}",
    )
    yield Check(
        passed=_is_sid(anchor.grantee, row.grantee_sid),
        met=f"grantee {anchor.grant.grantee} is GranteeSid of {row.key}",
        code="grantee_not_approved",
        missing=f"grantee {anchor.grant.grantee or 'nobody named'} is not GranteeSid of {row.key}",
    )
    yield Check(
        passed=not anchor.grant.doubt and fold(anchor.grant.given) == fold(row.role_or_group),
        met=f"{anchor.grant.given} is RoleOrGroup of {row.key}",
        code="role_not_approved",
        missing=f"{anchor.grant.given or 'what is given'} is not {row.role_or_group} of {row.key}",
    )
    yield Check(
        passed=anchor.reading.host in row.hosts,
        met=f"host {anchor.reading.host} is one of Hosts",
        code="host_not_bound",
        missing=f"host {anchor.reading.host} is not one of Hosts of {row.key}",
    )
    yield Check(
        passed=row.valid_from <= event.time <= row.valid_to,
        met=f"valid until {clock(row.valid_to)}",
        code="row_expired",
        missing=f"{row.key} is valid {clock(row.valid_from)} to {clock(row.valid_to)}",
    )
    yield Check(
        passed=not _approved_by(anchor, row),
        met=f"approved by {row.approver}",
        code="row_self_approved",
        missing=f"{row.key} was approved by the granter or the grantee",
    )


def _is_sid(identity: Identity | None, sid: str) -> bool | None:
    """Whether the directory's one user behind a name has that SID; None where it could not be asked."""
    if identity is None:
        return False
    if isinstance(identity.user, Unavailable):
        return None
    return identity.found is not None and identity.found.sid.upper() == sid


def _approved_by(anchor: Anchor, row: ChangeRow) -> bool:
    parties = (anchor.granter, anchor.grantee)
    users = [party.found for party in parties if party is not None and party.found is not None]
    return any(_is_named(user, fold(row.approver)) for user in users)


def _is_named(user: DirectoryUser, cell: str) -> bool:
    """Whether a cell that people write names the user, alone or among others, in any usual way."""
    spelled = any(re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-]|\.\w)", cell) for name in names_of(user))
    words = set(re.findall(r"\w+", fold(user.display_name)))
    return spelled or (len(words) > 1 and words <= set(re.findall(r"\w+", cell)))


def _is_meant(checks: tuple[Check, ...]) -> bool:
    """Granter or grantee is the row's, or may be."""
    return any(check.passed is not False for check in checks[:2])


def _distance(tried: tuple[ChangeRow, tuple[Check, ...]], anchor: Anchor) -> tuple[int, int, bool, str]:
    """Fewest conditions that fail, then fewest open; a row that was not changed lately goes first."""
    row, checks = tried
    failed = sum(check.passed is False for check in checks)
    opened = sum(check.passed is None for check in checks)
    return failed, opened, row.is_recent(anchor.reading.event.time), repr(row)


def _recent(row: ChangeRow, anchor: Anchor) -> Iterator[Reason]:
    if row.is_recent(anchor.reading.event.time):
        text = f"{row.shown} was changed {clock(row.updated)}, less than 24 hours before the grant or later"
        yield Reason("register_row_recent", text, _REGISTER)


def _not_found(anchor: Anchor, scene: Scene) -> tuple[Reason, ...]:
    sids = {user.sid.upper() for user in scene.people}
    unusable = [invalid for invalid in scene.invalid if invalid.sids & sids]
    text = f"No approved change names who gave the role at {anchor.when}, or to whom"
    return (
        Reason("change_not_found", text, _REGISTER),
        *(Reason("register_row_invalid", f"Unusable row: {row.shown}", _REGISTER) for row in unusable),
    )
