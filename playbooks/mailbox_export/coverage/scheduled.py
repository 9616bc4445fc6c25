"""Scenarios of registered jobs: `scheduled_export` and `maintenance_cleanup` (policy, section 3)."""

from playbooks.command_line.command_values import Export, Removal, RequestKind
from playbooks.folding import fold
from playbooks.mailbox_export.coverage.attempts import (
    MAINTENANCE_CLEANUP,
    SCHEDULED_EXPORT,
    Attempt,
    Check,
    Relied,
    uncovered_code,
)
from playbooks.mailbox_export.coverage.conditions import (
    host_is_bound,
    mailboxes_in_scope,
    parent_is_scheduler,
    row_is_valid,
    runner_is_run_as,
    selects,
    target_is_inside,
)
from playbooks.mailbox_export.readings import Anchor
from playbooks.mailbox_export.registers.register_rows import JOBS, JobRow
from playbooks.mailbox_export.scene import Scene
from playbooks.moments import clock

_DONE = frozenset({"completed", "completedwithwarning"})


def scheduled_export(anchor: Anchor, row: JobRow, scene: Scene) -> Attempt:
    """A registered compliance or backup job: its export, or a removal limited to its own name or batch."""
    scenario = Check(
        passed=row.scenario in {"compliance", "backup"},
        met=f"job {row.key} is registered for {row.scenario}",
        code=uncovered_code(anchor),
        missing=f"job {row.key} is registered for {row.scenario}, which covers no {anchor.what} of its own",
        source="watchlist",
    )
    own: tuple[Check, ...]
    if isinstance(anchor.command, Export):
        own = (
            target_is_inside(anchor.command, row.roots, scene.policy),
            mailboxes_in_scope(anchor.command, row.mailboxes, scene, cell="Mailboxes"),
            _starts_in_window(anchor, row),
        )
    else:
        own = (_takes_own_requests(anchor, anchor.command, row), _removal_in_time(anchor, row, scene))
    return _attempt(SCHEDULED_EXPORT, row, (scenario, *_bindings(anchor, row, scene), *own))


def maintenance_cleanup(anchor: Anchor, removal: Removal, row: JobRow, *, scene: Scene) -> Attempt:
    """A registered maintenance job that removes finished export requests, whoever made them.

    That each export is covered as well is held by the verdict, which wants every command covered.
    """
    finished = Check(
        passed=takes_finished_exports(removal),
        met="takes only finished export requests",
        code="removal_unscoped",
        missing="takes other requests than export requests with Status Completed or CompletedWithWarning",
        source="process events",
    )
    checks = (*_bindings(anchor, row, scene), finished, _starts_in_window(anchor, row))
    return _attempt(MAINTENANCE_CLEANUP, row, checks)


def takes_finished_exports(removal: Removal) -> bool:
    """True where a removal takes only export requests with Status Completed or CompletedWithWarning."""
    statuses = {fold(status) for status in removal.statuses or ()}
    return removal.kind is RequestKind.EXPORT and bool(statuses) and statuses <= _DONE


def _attempt(scenario: str, row: JobRow, checks: tuple[Check, ...]) -> Attempt:
    relied = (Relied(row.shown, row.updated),)
    return Attempt(scenario=scenario, row=row.shown, checks=checks, relied=relied, cells=row.cells)


def _bindings(anchor: Anchor, row: JobRow, scene: Scene) -> tuple[Check, ...]:
    return (
        runner_is_run_as(anchor, row, scene),
        host_is_bound(anchor, row.hosts, register=JOBS),
        parent_is_scheduler(anchor, scene.policy),
        row_is_valid(anchor, row),
    )


def _starts_in_window(anchor: Anchor, row: JobRow) -> Check:
    return Check(
        passed=row.schedule.contains(anchor.event.time),
        met="started in Days and Window",
        code="outside_window",
        missing=f"{anchor.what} at {clock(anchor.event.time)}, outside Days and Window of job {row.key}",
        source="watchlist",
    )


def _takes_own_requests(anchor: Anchor, removal: Removal, row: JobRow) -> Check:
    return Check(
        passed=removal.kind is RequestKind.EXPORT and selects(removal, row.key),
        met="removes only requests of its own name or batch",
        code=uncovered_code(anchor),
        missing=f"the removal is not limited to requests of job {row.key}",
        source="process events",
    )


def _removal_in_time(anchor: Anchor, row: JobRow, scene: Scene) -> Check:
    """From the window's start to 60 minutes after its end; late is told apart from altogether outside."""
    moment = anchor.event.time
    in_time = row.schedule.reaches(moment)
    late = not in_time and any(row.schedule.ended_for(moment, export.event.time) for export in scene.exports)
    words = (
        "more than 60 minutes after the end of the window"
        if late
        else "outside Days and Window, and the hour after,"
    )
    return Check(
        passed=in_time,
        met="removed within 60 minutes of the window",
        code="removal_too_late" if late else "outside_window",
        missing=f"removal at {clock(moment)}, {words} of job {row.key}",
        source="watchlist",
    )
