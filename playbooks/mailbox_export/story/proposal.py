"""The register row that would have covered the activity, to be approved; never with a red flag up."""

from collections.abc import Mapping

from playbooks.mailbox_export.coverage.attempts import (
    EDISCOVERY,
    MAINTENANCE_CLEANUP,
    SCHEDULED_EXPORT,
    SELF_EXPORT,
    Attempt,
)
from playbooks.mailbox_export.coverage.covering import Coverage
from playbooks.mailbox_export.folding import fold
from playbooks.mailbox_export.readings import Anchor
from playbooks.mailbox_export.reason_codes import RED_FLAGS
from playbooks.mailbox_export.registers.register_rows import CASES, EXPORT_HOSTS, JOBS
from playbooks.mailbox_export.registers.schedules import parse_zone, weekday_and_time
from playbooks.model import Escalate, Stance, Verdict

_WARNING = (
    "Enter this row only after its owner has confirmed, by a way that the runner does not control, that the "
    "work is theirs and is to recur. A row approves every later run that fits it, and closes no incident "
    "whose events are not at least 24 hours younger than the row."
)


def proposal(coverages: tuple[Coverage, ...], verdict: Verdict) -> str:
    """The changed cells of the closest row, its approver and a plain warning; empty where none is due."""
    if not isinstance(verdict, Escalate):
        return ""
    codes = {reason.code for reason in verdict.reasons if reason.stance is not Stance.FOR}
    unread = any(reason.stance is Stance.UNCHECKED for reason in verdict.reasons)
    uncovered = [coverage for coverage in coverages if coverage.proof is None]
    changes = [(_row(coverage), _changes(coverage)) for coverage in uncovered]
    if unread or codes & set(RED_FLAGS) or not all(row and change for row, change in changes):
        return ""
    rows: dict[str, dict[str, None]] = {}
    for row, change in changes:
        rows.setdefault(row, {}).update(dict.fromkeys(change))
    told = [f"{row}. Change: {'; '.join(change)}." for row, change in rows.items()]
    return "\n".join((*told, _WARNING)) if told else ""


def _row(coverage: Coverage) -> str:
    """The row of the closest attempt as it stands, with its approver; empty where none is close."""
    if not coverage.closest:
        return ""
    attempt = coverage.closest[0]
    if attempt.scenario == SELF_EXPORT:
        return f"{EXPORT_HOSTS} (to be approved by the owner of that register)"
    register = CASES if attempt.scenario == EDISCOVERY else JOBS
    written = "; ".join(f"{name}={cell}" for name, cell in attempt.cells if not name.startswith("_"))
    return f"{register} (to be approved by {_owner(dict(attempt.cells))}): {written}"


def _changes(coverage: Coverage) -> tuple[str, ...]:
    """What the row would have to say as well; empty where no row should ever allow what was missing."""
    if not coverage.closest:
        return ()
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
