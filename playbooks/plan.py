"""From a judgement to a plan of writes. Pure: the plan depends on evidence, settings and what stands there.

Ids of comment and task are uuid5 of the lower-cased incident id, the sorted alert ids and the kind of
decision, so however often the same state is delivered, the same comment is meant.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from hashlib import sha256
from uuid import NAMESPACE_URL, UUID, uuid5

from playbooks.model import (
    Close,
    Comment,
    Escalate,
    Incident,
    IncidentChange,
    Judgement,
    Mode,
    Severity,
    Status,
    Task,
    Unavailable,
    WriteBack,
    WriteSettings,
)
from playbooks.report import Heading, render_comment, render_steps


class Kind(StrEnum):
    """Kinds of decision; the value is part of the derived ids and of the label."""

    CLOSED = "closed"
    ESCALATED = "escalated"
    OBSERVED = "observed"
    SAMPLED = "sampled"
    NOTED = "noted"
    """A person holds the incident: the evidence in one comment, and nothing else."""

    @property
    def label(self) -> str:
        """The incident label that stands for this kind."""
        return f"triage-{self.value}"


LABELS = frozenset(kind.label for kind in Kind)
REOPENED = "triage-reopened"
"""Stays for good once we closed an incident and it is open again: it is never closed by us twice."""
CLOSING_MARK = "mailbox-export-triage"


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands on the incident: ids of all its comments and tasks, and whether a person holds it.

    `task_ids` is None where the service has no tasks: the comment holds the steps.
    """

    comment_ids: frozenset[UUID]
    task_ids: frozenset[UUID] | None
    held: bool


def decision_id(incident: Incident, kind: Kind, part: str = "comment") -> UUID:
    """The fixed id of a decision's comment or task."""
    return uuid5(NAMESPACE_URL, "|".join((incident.id.key, *incident.alert_ids, kind.value, part)))


def _stands(incident: Incident, kind: Kind, ids: frozenset[UUID], part: str = "comment") -> bool:
    """True where the decision's comment or task is among these; nearly always there is none at all."""
    return bool(ids) and decision_id(incident, kind, part) in ids


def is_held(incident: Incident, settings: WriteSettings) -> bool:
    """True where a person has taken the incident: an owner, a true positive, or a status not set by us.

    A close of ours is ours to undo, whoever took the incident since.
    """
    if was_closed_by_us(incident):
        return False
    if incident.owner and incident.owner.key.casefold() not in settings.unowned_owners:
        return True
    if incident.status is not Status.CLOSED and incident.classified.casefold().startswith("truepositive"):
        return True
    ours = settings.escalated_status is Status.ACTIVE and Kind.ESCALATED.label in incident.labels
    return incident.status is Status.ACTIVE and not ours


def is_merged(incident: Incident) -> bool:
    """True where the service has moved everything of this incident into another one."""
    return "redirected" in {label.lower() for label in incident.labels}


def was_closed_by_us(incident: Incident) -> bool:
    """True where the incident is closed and the closing is ours, not a person's after us."""
    return (
        incident.status is Status.CLOSED
        and Kind.CLOSED.label in incident.labels
        and incident.classification_comment.startswith(CLOSING_MARK)
    )


def was_closed_before(incident: Incident) -> bool:
    """True where we closed this incident once, whoever opened it again."""
    return not {Kind.CLOSED.label, REOPENED}.isdisjoint(incident.labels)


def bears_our_label(incident: Incident) -> bool:
    """True where triage has finished with it before, in whatever way."""
    return not (LABELS | {REOPENED}).isdisjoint(incident.labels)


def was_escalated_before(incident: Incident, standing: Standing) -> bool:
    """True where an escalation of ours was told, for these alerts or, by its label, for earlier ones."""
    parts = standing.comment_ids | (standing.task_ids or frozenset())
    unread = replace(incident, alerts=Unavailable("alerts", "not read"))
    return Kind.ESCALATED.label in incident.labels or any(
        _stands(one, Kind.ESCALATED, parts, part)
        for one in (incident, unread)
        for part in ("comment", "task")
    )


def may_have_task_of_ours(incident: Incident, comment_ids: frozenset[UUID]) -> bool:
    """True where a comment or the label of an escalation of ours stands, which any task of ours follows."""
    return Kind.ESCALATED.label in incident.labels or _stands(incident, Kind.ESCALATED, comment_ids)


def is_told(incident: Incident, standing: Standing) -> bool:
    """True where a comment of ours stands on the incident for exactly these alerts, of whatever kind."""
    return any(_stands(incident, kind, standing.comment_ids) for kind in Kind)


def kind_of(judgement: Judgement, incident: Incident, *, settings: WriteSettings, held: bool) -> Kind:
    """Which kind of decision a judgement becomes on this incident."""
    if held:
        return Kind.NOTED
    if settings.mode is Mode.OBSERVE and not was_closed_by_us(incident):
        return Kind.OBSERVED
    if isinstance(judgement.verdict, Escalate):
        return Kind.ESCALATED
    return Kind.SAMPLED if is_sampled(incident, settings.sample_share) else Kind.CLOSED


def is_sampled(incident: Incident, share: float) -> bool:
    """True for a fixed `share` (0 to 1) of incidents, chosen by a hash of the incident id."""
    return int.from_bytes(sha256(incident.id.key.encode()).digest()[:8]) < share * 2**64


def plan_write_back(
    judgement: Judgement, incident: Incident, *, standing: Standing, settings: WriteSettings
) -> WriteBack:
    """Every write that this judgement leads to, leaving out what stands there already."""
    kind = kind_of(judgement, incident, settings=settings, held=standing.held)
    return WriteBack(
        kind=kind.value,
        comment=_comment(
            judgement, incident, heading=heading_of(kind, incident, settings), standing=standing
        ),
        task=_task(judgement, incident, written=standing.task_ids) if kind is Kind.ESCALATED else None,
        change=_change(judgement, incident, kind=kind, settings=settings),
    )


def decided(incident: Incident, standing: Standing, settings: WriteSettings) -> Kind | None:
    """The kind of the decision that stands whole for exactly these alerts, if any: nothing is left to do."""
    kinds = [Kind.ESCALATED]
    kinds.append(Kind.OBSERVED if settings.mode is Mode.OBSERVE else Kind.SAMPLED)
    if standing.held:
        kinds.append(Kind.NOTED)
    return next((kind for kind in kinds if _stands_whole(kind, incident, standing)), None)


def _stands_whole(kind: Kind, incident: Incident, standing: Standing) -> bool:
    """True where comment, label and, as far as there are tasks, the task of this decision are all there."""
    if not _stands(incident, kind, standing.comment_ids):
        return False
    tasks = standing.task_ids
    if kind is Kind.ESCALATED and tasks is not None and not _stands(incident, kind, tasks, "task"):
        return False
    return kind is Kind.NOTED or kind.label in incident.labels


def heading_of(kind: Kind, incident: Incident, settings: WriteSettings) -> Heading:
    """Title and signature of a comment: the incident's GUID leads to the app's log records."""
    signature = "; ".join(filter(None, (settings.signature, f"log records: {incident.id.name}")))
    return Heading(kind=kind.value, signature=signature)


def _comment(
    judgement: Judgement, incident: Incident, *, heading: Heading, standing: Standing
) -> Comment | None:
    kind = Kind(heading.kind)
    comment_id = decision_id(incident, kind)
    if comment_id in standing.comment_ids:
        return None
    replaced = {label for label in incident.labels if label in LABELS}
    replaced |= {other.label for other in Kind if _stands(incident, other, standing.comment_ids)}
    heading = replace(heading, replaces=tuple(sorted(replaced - {kind.label})))
    return Comment(comment_id, render_comment(judgement, heading))


def _task(judgement: Judgement, incident: Incident, *, written: frozenset[UUID] | None) -> Task | None:
    task_id = decision_id(incident, Kind.ESCALATED, "task")
    if written is None or task_id in written or not judgement.briefing.steps:
        return None
    return Task(
        task_id, "Mailbox export: decide whether it was approved", render_steps(judgement.briefing.steps)
    )


def _change(
    judgement: Judgement, incident: Incident, *, kind: Kind, settings: WriteSettings
) -> IncidentChange | None:
    """The update of the incident record, or None where it would change nothing."""
    if kind is Kind.NOTED:
        return None
    present = {label.lower() for label in incident.labels}
    wanted = (kind.label, REOPENED) if was_closed_before(incident) else (kind.label,)
    add = tuple(label for label in wanted if label not in present)
    # What was handed to people stays marked so, whatever is only observed about it later.
    lasting = {kind.label, Kind.ESCALATED.label} if kind is Kind.OBSERVED else {kind.label}
    remove = tuple(label for label in incident.labels if label.lower() in LABELS - lasting)
    status, severity = _raised(judgement, incident, kind=kind, settings=settings)
    if kind is Kind.CLOSED and isinstance(judgement.verdict, Close):
        return IncidentChange(
            status=Status.CLOSED,
            classification=judgement.verdict.classification,
            classification_reason=judgement.verdict.classification_reason,
            classification_comment=f"{CLOSING_MARK}: {judgement.briefing.headline}"[:1000],
            add_labels=add,
            remove_labels=remove,
        )
    if not (add or remove or status or severity):
        return None
    return IncidentChange(status=status, severity=severity, add_labels=add, remove_labels=remove)


def _raised(
    judgement: Judgement, incident: Incident, *, kind: Kind, settings: WriteSettings
) -> tuple[Status | None, Severity | None]:
    """Status and severity that an escalation sets; severity is never lowered."""
    if kind is not Kind.ESCALATED or not isinstance(judgement.verdict, Escalate):
        return None, None
    wanted = judgement.verdict.severity
    severity = wanted if wanted.rank > incident.severity.rank else None
    if incident.status is Status.CLOSED:
        return settings.escalated_status or Status.NEW, severity
    status = settings.escalated_status
    return (status if status is not incident.status else None), severity
