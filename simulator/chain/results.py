"""What came out, and how good it is: one outcome a case, and the summary over all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from simulator.catalogues import FIRST_PLAYBOOK, RULE_FILES
from simulator.chain.record import DecisionRecord


class Outcome(StrEnum):
    """What is left in Sentinel once the queue is empty."""

    CLOSED = "closed"
    ESCALATED = "escalated"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What is left of one incident in Sentinel. `comments` are HTML in the order of writing."""

    name: str
    status: str
    severity: str
    classification: str
    labels: tuple[str, ...]
    comments: tuple[str, ...]
    tasks: tuple[str, ...]
    record: DecisionRecord | None
    modified: datetime

    @property
    def outcome(self) -> Outcome:
        """Closed or escalated by the function; anything else is an error."""
        if self.status == "Closed" and "triage-closed" in self.labels:
            return Outcome.CLOSED
        if self.status != "Closed" and "triage-escalated" in self.labels:
            return Outcome.ESCALATED
        return Outcome.ERROR


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseOutcome:
    """One case, or one incident of a replay, and what became of it; `problem` says why it is an `error`."""

    id: str
    label: str
    expected: str
    outcome: Outcome
    scenario: str = ""
    rules: tuple[str, ...] = ()
    scenarios: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    milliseconds: int = 0
    problem: str = ""

    @property
    def as_expected(self) -> bool:
        """Closed where `close` was expected, escalated where `escalate` was."""
        return self.outcome is (Outcome.CLOSED if self.expected == "close" else Outcome.ESCALATED)

    @property
    def wrongly_closed(self) -> bool:
        """Closed, though it must stay open."""
        return self.outcome is Outcome.CLOSED and self.label in ("attack", "ambiguous")

    @property
    def document(self) -> dict[str, object]:
        """The line of the results file."""
        return {
            "id": self.id,
            "label": self.label,
            "expected": self.expected,
            "outcome": str(self.outcome),
            "rules": list(self.rules),
            "scenarios": list(self.scenarios),
            "reasons": list(self.reasons),
            "milliseconds": self.milliseconds,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The counts over all cases. `closable` are those that expect a close.

    `detected` are the attacks that each rule saw: the first playbook's rules, and others that saw any.
    """

    cases: int
    attacks: int
    attacks_closed: int
    ambiguous: int
    ambiguous_closed: int
    closable: int
    closable_closed: int
    errors: int
    detected: Mapping[str, int]

    @property
    def document(self) -> dict[str, object]:
        """The `summary` member of the JSON document."""
        return {
            "cases": self.cases,
            "attacks": self.attacks,
            "attacksClosed": self.attacks_closed,
            "ambiguous": self.ambiguous,
            "ambiguousClosed": self.ambiguous_closed,
            "closable": self.closable,
            "closableClosed": self.closable_closed,
            "errors": self.errors,
            "detected": dict(self.detected),
        }


def combined(blank: CaseOutcome, left: Sequence[Left], *, problem: str = "") -> CaseOutcome:
    """The case with its outcome: closed only if every incident is closed, an error if one has no verdict."""
    outcomes = {one.outcome for one in left}
    outcome = Outcome.CLOSED if outcomes == {Outcome.CLOSED} else Outcome.ESCALATED
    if Outcome.ERROR in outcomes or problem:
        outcome = Outcome.ERROR
        state = "; ".join(f"{one.status}, labels {list(one.labels)}" for one in left)
        problem = problem or f"an incident was left without a verdict: {state}"
    records = [one.record for one in left if one.record is not None]
    return replace(
        blank,
        outcome=outcome,
        scenarios=tuple(sorted({code for record in records for code in record.scenarios})),
        reasons=tuple(sorted({code for record in records for code in record.reasons})),
        problem=problem,
    )


def summarize(outcomes: Sequence[CaseOutcome]) -> Summary:
    """The counts of a run."""
    attacks = [case for case in outcomes if case.label == "attack"]
    ambiguous = [case for case in outcomes if case.label == "ambiguous"]
    closable = [case for case in outcomes if case.expected == "close"]
    return Summary(
        cases=len(outcomes),
        attacks=len(attacks),
        attacks_closed=_closed(attacks),
        ambiguous=len(ambiguous),
        ambiguous_closed=_closed(ambiguous),
        closable=len(closable),
        closable_closed=_closed(closable),
        errors=sum(case.outcome is Outcome.ERROR for case in outcomes),
        detected=_detected(attacks),
    )


def score_document(outcomes: Sequence[CaseOutcome]) -> dict[str, object]:
    """What `score --json` and `replay --json` print."""
    return {
        "results": [case.document for case in outcomes],
        "summary": summarize(outcomes).document,
    }


def _detected(attacks: Sequence[CaseOutcome]) -> dict[str, int]:
    seen = {word: sum(word in case.rules for case in attacks) for word in RULE_FILES}
    return {
        word: count for word, count in seen.items() if count or RULE_FILES[word].playbook == FIRST_PLAYBOOK
    }


def _closed(outcomes: Sequence[CaseOutcome]) -> int:
    return sum(case.outcome is Outcome.CLOSED for case in outcomes)
