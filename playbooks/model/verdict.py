"""The verdict, its reasons, and the story an analyst reads."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from playbooks.model.incident import Classification, ClassificationReason, Severity


class Stance(StrEnum):
    """What a reason does to a close."""

    FOR = "for"
    AGAINST = "against"
    UNCHECKED = "not checked"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a verdict is what it is. `code` is stable once released and never reused."""

    code: str
    text: str
    source: str
    stance: Stance = Stance.AGAINST
    lasting: bool = False
    """For what was not checked: a repeat cannot cure it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Close:
    """Proven benign: every export and removal is covered, by the named scenarios."""

    reasons: tuple[Reason, ...]
    scenarios: tuple[str, ...]
    classification: Classification = Classification.BENIGN_POSITIVE
    classification_reason: ClassificationReason = ClassificationReason.SUSPICIOUS_BUT_EXPECTED

    def __post_init__(self) -> None:
        """A close without proof, or with anything against it or unchecked, cannot be built."""
        if not self.scenarios or not self.reasons:
            raise ValueError("a close needs at least one scenario and one reason")
        if any(reason.stance is not Stance.FOR for reason in self.reasons):
            raise ValueError("a close cannot hold a reason against it")


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalate:
    """Everything that is not proven benign. `severity` is the least the incident should have.

    `retry_may_help` is true where nothing speaks against a close but a look-up failed that a later
    attempt may answer.
    """

    reasons: tuple[Reason, ...]
    severity: Severity = Severity.MEDIUM
    scenarios: tuple[str, ...] = ()
    retry_may_help: bool = False

    def __post_init__(self) -> None:
        """An escalation says why."""
        if not any(reason.stance is not Stance.FOR for reason in self.reasons):
            raise ValueError("an escalation needs a reason against closing")


type Verdict = Close | Escalate


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One export or removal, told for the analyst."""

    what: str
    time: datetime
    host: str
    runner: str
    parent: str
    command: str
    covered_by: str = ""
    """The scenario and register row in words, or empty where nothing covers it."""
    met: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    decoded: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of enrichment: `subject` is the account or host it is about."""

    subject: str
    label: str
    value: str


@dataclass(frozen=True, slots=True)
class Query:
    """A KQL query ready to run, and what it shows."""

    title: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RowProposal:
    """A register row that would have covered something: as it stands and what to change, or a new one."""

    row: str
    changes: tuple[str, ...] = ()
    is_new: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Briefing:
    """What the comment and the task say besides the verdict."""

    headline: str
    title: str = "Mailbox export triage"
    """What the comment's first line begins with; the product's name where no playbook has judged."""
    findings: tuple[Finding, ...] = ()
    facts: tuple[Fact, ...] = ()
    steps: tuple[str, ...] = ()
    queries: tuple[Query, ...] = ()
    proposal: str = ""
    """The register row that would have covered it, ready to paste; empty where a red flag is up."""
    rows: tuple[RowProposal, ...] = ()
    """Every row that would have to be changed or made to cover all of it; empty where a red flag is up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A verdict with its story. It is not final before `final_from` (UTC), if that is set."""

    verdict: Verdict
    briefing: Briefing
    final_from: datetime | None = None
