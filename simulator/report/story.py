"""What a report tells: each incident with its events, what it really is, and what became of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from simulator.chain.results import CaseOutcome, Left, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """What a sequence of the truth, or a labelled case, really is.

    `seen_by` are the rules in whose reach it lies; empty where nobody said so.
    """

    id: str
    label: str
    expected: str
    scenario: str
    title: str = ""
    techniques: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    seen_by: tuple[str, ...] = ()

    @property
    def group(self) -> str:
        """The row of the confusion matrix: attacks, ambiguous, and benign by what is expected of it."""
        return f"benign_{self.expected}" if self.label == "benign" else self.label

    @property
    def document(self) -> dict[str, object]:
        """The same for machines."""
        return {
            "id": self.id,
            "label": self.label,
            "group": self.group,
            "expected": self.expected,
            "scenario": self.scenario,
            "title": self.title,
            "techniques": list(self.techniques),
            "reasons": list(self.reasons),
            "seenBy": list(self.seen_by),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class EventLine:
    """One process event on an incident's time line. `time` is UTC; `known` says that the truth names it."""

    time: datetime
    host: str
    uid: str = ""
    product: str = ""
    account: str = ""
    actor: str = ""
    parent: str = ""
    program: str = ""
    command: str = ""
    known: bool = False

    @property
    def document(self) -> dict[str, object]:
        """The same for machines."""
        return {
            "time": self.time.isoformat(),
            "host": self.host,
            "uid": self.uid,
            "product": self.product,
            "account": self.account,
            "actor": self.actor,
            "parent": self.parent,
            "process": self.program,
            "command": self.command,
            "known": self.known,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert of an incident: the rule (`seed`, `correlated` or a GUID) and the time it covers."""

    rule: str
    start: datetime
    end: datetime

    @property
    def document(self) -> dict[str, object]:
        """The same for machines."""
        return {"rule": self.rule, "start": self.start.isoformat(), "end": self.end.isoformat()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One incident. `made_up` marks one that no rule raised, made so that the verdict is tested too."""

    host: str
    start: datetime
    end: datetime
    left: Left
    accounts: tuple[str, ...] = ()
    alerts: tuple[Alert, ...] = ()
    activities: tuple[Activity, ...] = ()
    events: tuple[EventLine, ...] = ()
    omitted_events: int = 0
    milliseconds: int = 0
    made_up: bool = False

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules that raised it, `seed` first; none where it is made up."""
        return () if self.made_up else tuple(sorted({alert.rule for alert in self.alerts}, reverse=True))

    @property
    def expected(self) -> str:
        """`close` where everything in it may close, else `escalate`; so too where nothing is known."""
        known = self.activities and all(one.expected == "close" for one in self.activities)
        return "close" if known else "escalate"

    @property
    def as_expected(self) -> bool:
        """The verdict is the right one."""
        return self.left.outcome is (Outcome.CLOSED if self.expected == "close" else Outcome.ESCALATED)

    @property
    def groups(self) -> tuple[str, ...]:
        """The rows of the confusion matrix it belongs to."""
        return tuple(sorted({one.group for one in self.activities})) or ("unexplained",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One run. `activities` are by the id of their outcome; an outcome without one is unexplained.

    `notes` are sentences about the run as a whole; `made` is when it was reported, with a zone.
    """

    title: str
    command: str
    made: datetime
    outcomes: tuple[CaseOutcome, ...]
    activities: Mapping[str, Activity]
    stories: tuple[Story, ...]
    notes: tuple[str, ...] = ()
    figures: Mapping[str, object] = field(default_factory=dict)
    """Further members of the summary, such as `timeToVerdict`."""
