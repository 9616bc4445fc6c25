"""The comparison: totals, disagreements, hours. Pure: the same incidents give the same backtest."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from operations.backtest.proposals import Proposal, propose
from operations.backtest.values import Compared, Judged, Unjudged, Word, Would
from playbooks.model import Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Whose incidents, created from `start` up to `end` (UTC), and how many minutes of work each is."""

    playbook: str
    title: str
    workspaces: tuple[str, ...]
    start: datetime
    end: datetime
    minutes_per_incident: float
    signature: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Closings:
    """How long a group of incidents took people: how many are closed, and the median from creation."""

    closed: int
    median: timedelta | None
    inexact: int = 0
    """How many of the closed only have a time of the last change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backtest:
    """The whole answer; every incident is in `compared`, oldest first, whatever became of it."""

    question: Question
    compared: tuple[Compared, ...]
    unread: tuple[str, ...]
    """Incidents of the list that could not be read at all, one sentence each."""
    matrix: Counter[tuple[Word, str]]
    """(what people said, what the triage would have done, or `not judged`) -> incidents."""
    grave: tuple[Compared, ...]
    doubtful: tuple[Compared, ...]
    alarming: tuple[Compared, ...]
    """People closed it as honest, and the triage would have raised it to High."""
    escalated_benign: tuple[Compared, ...]
    unjudged: tuple[Compared, ...]
    proposals: tuple[Proposal, ...]
    saved: Mapping[Would, float]
    """Hours of work, for each way to close."""
    would_close: Closings
    would_escalate: Closings

    @property
    def hours_saved(self) -> float:
        """All hours, today's registers included."""
        return sum(self.saved.values())


NOT_JUDGED = "not judged"


def compare(question: Question, compared: Iterable[Compared], *, unread: Iterable[str] = ()) -> Backtest:
    """Everything that a reader is told, from the incidents alone."""
    ordered = tuple(sorted(compared, key=lambda one: (one.outcome.created, one.outcome.incident_id.key)))
    minutes = question.minutes_per_incident
    escalated = tuple(one for one in ordered if one.escalates and one.outcome.word.is_honest)
    attacks = tuple(one for one in ordered if one.outcome.word is Word.TRUE_POSITIVE)
    return Backtest(
        question=question,
        compared=ordered,
        unread=tuple(unread),
        matrix=Counter((one.outcome.word, _did(one)) for one in ordered),
        grave=tuple(one for one in ordered if one.closes and one.outcome.word is Word.TRUE_POSITIVE),
        doubtful=tuple(one for one in ordered if one.closes and one.outcome.word is Word.UNDETERMINED),
        alarming=tuple(one for one in escalated if _is_alarming(one)),
        escalated_benign=escalated,
        unjudged=tuple(one for one in ordered if _is_unjudged(one)),
        proposals=propose(escalated, attacks, minutes_per_incident=minutes),
        saved={way: _hours(ordered, way, minutes) for way in Would if way.closes},
        would_close=_closings(one for one in ordered if one.saves_work),
        would_escalate=_closings(one for one in ordered if one.escalates),
    )


def _did(one: Compared) -> str:
    return one.judged.would.value if isinstance(one.judged, Judged) else NOT_JUDGED


def _is_unjudged(one: Compared) -> bool:
    """What was merged away is left alone by the triage as well: nothing is missing of it."""
    return isinstance(one.judged, Unjudged) and one.outcome.word is not Word.MERGED


def _is_alarming(one: Compared) -> bool:
    return isinstance(one.judged, Judged) and one.judged.severity == Severity.HIGH


def _hours(compared: Iterable[Compared], way: Would, minutes: float) -> float:
    count = sum(
        one.saves_work and isinstance(one.judged, Judged) and one.judged.would is way for one in compared
    )
    return count * minutes / 60


def _closings(compared: Iterable[Compared]) -> Closings:
    closed = [one.outcome for one in compared if one.outcome.closed and one.outcome.word is not Word.TRIAGE]
    spans = [span.total_seconds() for outcome in closed if (span := outcome.time_to_close) is not None]
    return Closings(
        closed=len(closed),
        median=timedelta(seconds=median(spans)) if spans else None,
        inexact=sum(not outcome.exact for outcome in closed),
    )
