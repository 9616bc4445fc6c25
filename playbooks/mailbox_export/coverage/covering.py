"""What covers each command, and if nothing does, what was closest (policy, section 3)."""

from collections.abc import Iterator
from dataclasses import dataclass

from playbooks.command_line.command_values import Removal
from playbooks.folding import fold
from playbooks.mailbox_export.coverage.attempts import (
    EDISCOVERY,
    MAINTENANCE_CLEANUP,
    SCHEDULED_EXPORT,
    SELF_EXPORT,
    Attempt,
    Check,
    Relied,
    uncovered_code,
)
from playbooks.mailbox_export.coverage.conditions import selects
from playbooks.mailbox_export.coverage.interactive import ediscovery, is_own_mailbox, self_export
from playbooks.mailbox_export.coverage.scheduled import maintenance_cleanup, scheduled_export
from playbooks.mailbox_export.readings import Anchor
from playbooks.mailbox_export.registers.mailbox_names import command_mailboxes, request_names
from playbooks.mailbox_export.registers.register_cells import NameSet
from playbooks.mailbox_export.registers.register_rows import CASES, JOBS, CaseRow, InvalidRow, JobRow, Rows
from playbooks.mailbox_export.scene import Scene
from playbooks.model import Absent, Found, Lookup, Reason, Stance, Unavailable
from playbooks.moments import clock
from playbooks.who.account_state import not_checked
from playbooks.who.identities import is_member, is_service_account
from playbooks.who.parents import is_scheduler


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """A command with every attempt to cover it. `proof` is the one that does, if any."""

    anchor: Anchor
    proof: Attempt | None
    closest: tuple[Attempt, ...]
    """Attempts worth telling, fewest missing conditions first."""
    recent: tuple[Relied, ...] = ()
    invalid: tuple[InvalidRow, ...] = ()
    """Invalid rows that the command selects; empty where a valid row covers it."""
    reasons: tuple[Reason, ...] = ()


def cover(anchor: Anchor, scene: Scene) -> Coverage:
    """Holds every approval against one command. A row that was not changed lately goes first."""
    attempts = tuple(sorted(_attempts(anchor, scene), key=_closeness))
    moment = anchor.event.time
    proofs = sorted(
        (a for a in attempts if a.covers), key=lambda a: (bool(a.recent(moment)), a.scenario, a.row)
    )
    if proofs:
        recent = proofs[0].recent(moment)
        return Coverage(anchor=anchor, proof=proofs[0], closest=(proofs[0],), recent=recent)
    told = _worth_telling(anchor, attempts, scene)
    invalid = _selected_invalid(anchor, scene)
    return Coverage(
        anchor=anchor,
        proof=None,
        closest=told,
        recent=tuple(row for attempt in told for row in attempt.recent(moment)),
        invalid=invalid,
        reasons=_uncovered(anchor, attempts, told, invalid=bool(invalid), scene=scene),
    )


def for_reason(coverage: Coverage) -> Reason | None:
    """The reason for closing that a covered command gives."""
    if coverage.proof is None:
        return None
    anchor, proof = coverage.anchor, coverage.proof
    place = f"{clock(anchor.event.time)} on {anchor.host}"
    text = f"The {anchor.what} at {place} is covered by {proof.scenario}: {proof.row}"
    return Reason(proof.scenario, text, "watchlist and directory", Stance.FOR)


def _attempts(anchor: Anchor, scene: Scene) -> Iterator[Attempt]:
    command, names = anchor.command, NameSet(request_names(anchor.command))
    for job in _usable(scene.jobs):
        if names.selects(job.key):
            yield scheduled_export(anchor, job, scene)
        if isinstance(command, Removal) and job.scenario == "maintenance":
            yield maintenance_cleanup(anchor, command, job, scene=scene)
    if isinstance(scene.jobs, Unavailable) and (names or isinstance(command, Removal)):
        yield _unread(SCHEDULED_EXPORT, scene.jobs)
    for case in _usable(scene.cases):
        if names.selects(case.key) or (isinstance(command, Removal) and _is_case_of_incident(case, scene)):
            yield ediscovery(anchor, case, scene)
    if isinstance(scene.cases, Unavailable) and (names or isinstance(command, Removal)):
        yield _unread(EDISCOVERY, scene.cases)
    yield self_export(anchor, scene)


def _usable[R: (JobRow, CaseRow)](register: Lookup[Rows[R]]) -> tuple[R, ...]:
    return register.value.valid if isinstance(register, Found) else ()


def _is_case_of_incident(case: CaseRow, scene: Scene) -> bool:
    """True where an export of the incident selects the case: its removal may then name a custodian alone."""
    return scene.export_names.selects(case.key)


def _unread(scenario: str, unread: Unavailable) -> Attempt:
    check = Check(passed=unread, met="", code="source_unavailable", missing="", source=unread.source)
    return Attempt(scenario=scenario, row=unread.source, checks=(check,))


def _closeness(attempt: Attempt) -> tuple[int, int, str, str]:
    return len(attempt.missing), len(attempt.unchecked), attempt.scenario, attempt.row


def _worth_telling(anchor: Anchor, attempts: tuple[Attempt, ...], scene: Scene) -> tuple[Attempt, ...]:
    """The closest attempt of each scenario that the command points at, by its names or its mailbox."""
    pointed = [attempt for attempt in attempts if _points_at(anchor, attempt, scene)]
    first = {attempt.scenario: attempt for attempt in reversed(pointed)}
    return tuple(sorted(first.values(), key=_closeness))


def _points_at(anchor: Anchor, attempt: Attempt, scene: Scene) -> bool:
    if attempt.unchecked and not attempt.missing:
        return True
    if attempt.scenario == SELF_EXPORT:
        return is_own_mailbox(anchor, scene) is True
    if attempt.scenario == MAINTENANCE_CLEANUP:
        runner_fits = attempt.checks[0].passed is not False
        return not request_names(anchor.command) and (runner_fits or len(attempt.missing) == 1)
    return True


def _uncovered(
    anchor: Anchor,
    attempts: tuple[Attempt, ...],
    told: tuple[Attempt, ...],
    *,
    invalid: bool,
    scene: Scene,
) -> tuple[Reason, ...]:
    """Why nothing covers it, with what the closest attempt lacks and has no code of its own for.

    Where only a doubt stands between it and a proof, the doubt alone is told.
    """
    doubts = [unread for attempt in attempts if not attempt.missing for unread in attempt.unchecked]
    if doubts:
        return tuple(not_checked(unread) for unread in doubts)
    code, what = uncovered_code(anchor), f"{anchor.what} at {clock(anchor.event.time)}"
    own = [check for check in told[0].missing if check.code == code] if told else []
    missing = [_reason(check) for attempt in told for check in attempt.missing if check not in own]
    best = f"closest: {told[0].scenario}, {told[0].row}" if told else _nothing_fits(anchor, scene)
    who = scene.identity(anchor.reading).runner.shown or "nobody named"
    why = "".join(f", {check.missing}" for check in own)
    summary = Reason(code, f"Nothing covers the {what} by {who}{why} ({best})", "watchlist and directory")
    selection = () if told or invalid else tuple(_not_selected(anchor, scene))
    return (*missing, *selection, summary)


def _nothing_fits(anchor: Anchor, scene: Scene) -> str:
    unknown = unresolved_words(anchor, scene)
    return f"no register row and no scenario fits{f', and {unknown}' if unknown else ''}"


def unresolved_words(anchor: Anchor, scene: Scene) -> str:
    """That the directory has none of that name, where a command names a mailbox; empty where it has all."""
    named = command_mailboxes(anchor.command)
    unknown = [f"'{name}'" for name in named if isinstance(scene.mailbox(name), Absent)]
    return f"the directory resolves no mailbox by the name {' or '.join(unknown)}" if unknown else ""


def _reason(check: Check) -> Reason:
    return Reason(check.code, check.missing[:1].upper() + check.missing[1:], check.source)


def _not_selected(anchor: Anchor, scene: Scene) -> Iterator[Reason]:
    """That no row is selected, told for the registers which such a runner would be expected in."""
    identity = scene.identity(anchor.reading)
    job_like = is_scheduler(anchor.event, scene.policy) or is_service_account(identity, scene.policy) is True
    staff = is_member(identity, scene.policy.ediscovery_groups) is True
    names = ", ".join(name.replace("\0", "…") for name in request_names(anchor.command)) or "none"
    if not staff and isinstance(scene.jobs, Found):
        text = f"No row of {JOBS} is selected by the {anchor.what}'s batch or name ({names})"
        yield Reason("job_not_selected", text, "watchlist")
    if (staff or not job_like) and isinstance(scene.cases, Found):
        text = f"No case of {CASES} is selected by the {anchor.what}'s batch or name ({names})"
        yield Reason("case_not_selected", text, "watchlist")


def _selected_invalid(anchor: Anchor, scene: Scene) -> tuple[InvalidRow, ...]:
    """Invalid rows of that name; for a removal also invalid maintenance rows, which no name selects."""
    found: list[InvalidRow] = []
    if isinstance(scene.jobs, Found):
        found += [row for row in scene.jobs.value.invalid if _is_selected(anchor, row)]
    if isinstance(scene.cases, Found):
        found += [row for row in scene.cases.value.invalid if row.key and selects(anchor.command, row.key)]
    if isinstance(scene.export_hosts, Found):
        found += [row for row in scene.export_hosts.value.invalid if row.key == anchor.host]
    return tuple(found)


def _is_selected(anchor: Anchor, row: InvalidRow) -> bool:
    maintenance = fold(dict(row.cells).get("scenario", "")) == "maintenance"
    selected = bool(row.key) and row.key != "*" and selects(anchor.command, row.key)
    return selected or (maintenance and isinstance(anchor.command, Removal))
