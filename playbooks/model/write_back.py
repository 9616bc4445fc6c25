"""The plan of writes that a verdict leads to."""

from dataclasses import dataclass
from uuid import UUID

from playbooks.model.incident import Classification, ClassificationReason, Severity, Status


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment on an incident."""

    id: UUID
    text: str


@dataclass(frozen=True, slots=True)
class Task:
    """A task on an incident."""

    id: UUID
    title: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentChange:
    """The intended changes of one update; a member that is None or empty changes nothing."""

    status: Status | None = None
    severity: Severity | None = None
    classification: Classification | None = None
    classification_reason: ClassificationReason | None = None
    classification_comment: str = ""
    add_labels: tuple[str, ...] = ()
    remove_labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteBack:
    """The whole plan of writes for one verdict, applied in this order."""

    kind: str
    comment: Comment | None
    task: Task | None = None
    change: IncidentChange | None = None
