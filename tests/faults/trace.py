"""What happened in one run: every state of the incident and who made it, every delivery, every log line."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from playbooks.model import Severity, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """The incident after one change. `by` is `us`, `person` or `service`; `attempt` is 0 but for us."""

    by: str
    attempt: int
    status: Status
    severity: Severity
    owner: str
    labels: tuple[str, ...]
    classification: str
    closing_words: str
    alert_ids: tuple[str, ...]
    comments: int
    tasks: int
    others: str = ""
    """Every other writable property, as text."""

    @property
    def closed_by_us(self) -> bool:
        """Closed, and the words of the closing are the triage's."""
        return (
            self.status is Status.CLOSED
            and "triage-closed" in self.labels
            and self.closing_words.startswith("mailbox-export-triage")
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """One delivery: which message, of which count, how it ended, and how many calls it made."""

    number: int
    message: int
    count: int
    poison: bool
    at: datetime
    ending: str
    calls: int


@dataclass(slots=True)
class Trace:
    """Everything that the invariants look at."""

    frames: list[Frame] = field(default_factory=list)
    deliveries: list[Delivered] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    comments: dict[UUID, str] = field(default_factory=dict)
    tasks: dict[UUID, str] = field(default_factory=dict)
    logs: list[str] = field(default_factory=list)
    alarms: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    accepted: bool = False
    gone: bool = False
    reads_missing: bool = False
    """The service answers 404 to every read, as if the incident were gone."""
    elsewhere: bool = False
    """An alert about another host joined, of which no event is known."""
    incident_key: str = ""
    judged: tuple[str, ...] = ()
    """The alerts that the attempt which closed last had judged."""
    unguarded: bool = False
    """Something happened in the one moment that Microsoft Graph leaves unguarded (see `portal`)."""
    at_change: bool = False
    """It happened at a change of the incident itself, and not at a comment."""
    doubled: int = 0
    """Comments of ours that stand there twice."""
    exempt: frozenset[str] = frozenset()
    """Alerts that joined when nothing looked any more and nobody handed them over."""

    @property
    def last(self) -> Frame:
        """The incident as it is left."""
        return self.frames[-1]

    @property
    def closes(self) -> int:
        """How often we closed it."""
        pairs = zip(self.frames, self.frames[1:], strict=False)
        return sum(new.by == "us" and new.closed_by_us and old.status != new.status for old, new in pairs)

    def broke(self, invariant: str, words: str) -> None:
        """Notes a violation."""
        self.violations.append(f"{invariant}: {words}")
