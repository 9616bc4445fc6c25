"""The register row that would have covered the activity, to be approved; never with a red flag up."""

from collections.abc import Mapping

from playbooks.folding import fold
from playbooks.mailbox_export.coverage.attempts import (
    EDISCOVERY,
    MAINTENANCE_CLEANUP,
    SCHEDULED_EXPORT,
    SELF_EXPORT,
    Attempt,
)
from playbooks.mailbox_export.coverage.covering import Coverage
from playbooks.mailbox_export.readings import Anchor
from playbooks.mailbox_export.reason_codes import RED_FLAGS
from playbooks.mailbox_export.registers.register_rows import CASES, EXPORT_HOSTS, JOBS
from playbooks.mailbox_export.registers.schedules import parse_zone, weekday_and_time
from playbooks.mailbox_export.scene import Scene
from playbooks.model import Escalate, RowProposal, Stance, Verdict

_WARNING = (
    "Enter this row only after its owner has confirmed, by a way that the runner does not control, that the "
    "work is theirs and is to recur. A row approves every later run that fits it, and closes no incident "
    "whose events are not at least 24 hours younger than the row."
)


def proposed_rows(scene: Scene, coverages: tuple[Coverage, ...], verdict: Verdict) -> tuple[RowProposal, ...]:
    """The rows that would have covered everything; none with a red flag up or a look-up unanswered."""
    if not isinstance(verdict, Escalate):
        return ()
    codes = {reason.code for reason in verdict.reasons if reason.stance is not Stance.FOR}
    unread = any(reason.stance is Stance.UNCHECKED for reason in verdict.reasons)
    if unread or codes & set(RED_FLAGS):
        return ()
    found = [_proposed(coverage, scene, codes) for coverage in coverages if coverage.proof is None]
    rows: dict[tuple[str, bool], dict[str, None]] = {}
    for one in found:
        if one is None:
            return ()
        rows.setdefault((one.row, one.is_new), {}).update(dict.fromkeys(one.changes))
    return tuple(
        RowProposal(row=row, changes=tuple(changes), is_new=is_new) for (row, is_new), changes in rows.items()
    )


def proposal(rows: tuple[RowProposal, ...]) -> str:
    """The changed cells of each row, its approver and a plain warning; empty where a row is missing."""
    if not rows or any(one.is_new for one in rows):
        return ""
    told = [f"{one.row}. Change: {'; '.join(one.changes)}." for one in rows]
    return "\n".join((*told, _WARNING))


def _proposed(coverage: Coverage, scene: Scene, codes: set[str]) -> RowProposal | None:
    """The row for one command; None where no row should ever allow it."""
    if not coverage.closest:
        return _new_row(coverage.anchor, scene, codes)
    changes = _changes(coverage)
    return RowProposal(row=_row(coverage), changes=changes) if changes else None


def _new_row(anchor: Anchor, scene: Scene, codes: set[str]) -> RowProposal | None:
    """What a row would have to say first, where no row is near; the rest is for its owner to narrow."""
    fitting = {"job_not_selected": JOBS, "case_not_selected": CASES}
    registers = " or ".join(register for code, register in fitting.items() if code in codes)
    runner, user = scene.identity(anchor.reading).runner, scene.identity(anchor.reading).found
    # Some logs name an account by its id and some by its name: one account is one row.
    who = (user.sid if user else "") or runner.sid or runner.shown
    if not registers or not who:
        return None
    return RowProposal(row=f"{registers}: RunAs={who}", changes=(f"Hosts: {anchor.host}",), is_new=True)


def _row(coverage: Coverage) -> str:
    """The row of the closest attempt as it stands, with its approver."""
    attempt = coverage.closest[0]
    if attempt.scenario == SELF_EXPORT:
        return f"{EXPORT_HOSTS} (to be approved by the owner of that register)"
    register = CASES if attempt.scenario == EDISCOVERY else JOBS
    written = "; ".join(f"{name}={cell}" for name, cell in attempt.cells if not name.startswith("_"))
    return f"{register} (to be approved by {_owner(dict(attempt.cells))}): {written}"


def _changes(coverage: Coverage) -> tuple[str, ...]:
    """What the row would have to say as well; empty where no row should ever allow what was missing."""
    attempt = coverage.closest[0]
    changes = tuple(_change(check.code, attempt, coverage.anchor) for check in attempt.missing)
    return changes if all(changes) else ()


def _change(code: str, attempt: Attempt, anchor: Anchor) -> str:
    if code == "host_not_bound":
        own = attempt.scenario == SELF_EXPORT
        return f"new row Fqdn={anchor.host}; Role=admin" if own else f"Hosts: add {anchor.host}"
    if attempt.scenario not in {SCHEDULED_EXPORT, MAINTENANCE_CLEANUP}:
        return ""
    if code in {"outside_window", "removal_too_late"}:
        zone = next((cell for name, cell in attempt.cells if fold(name) == "timezone"), "UTC")
        return f"Days and Window: include {weekday_and_time(anchor.event.time, parse_zone(zone))} ({zone})"
    return "ValidFrom, ValidUntil: renew" if code == "row_expired" else ""


def _owner(cells: Mapping[str, str]) -> str:
    return next(
        (cell for name, cell in cells.items() if fold(name) == "owner" and cell), "the register's owner"
    )
