"""What a backtest knows of each incident: what people said, what the triage would have said."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from playbooks.model import IncidentId, RowProposal


class Word(StrEnum):
    """What became of an incident by other hands than a backtest's, gravest first; the value is for people."""

    TRUE_POSITIVE = "true positive"
    UNDETERMINED = "undetermined"
    OPEN = "still open"
    FALSE_POSITIVE = "false positive"
    BENIGN_POSITIVE = "benign positive"
    TRIAGE = "closed by triage"
    MERGED = "merged into another"

    @property
    def is_honest(self) -> bool:
        """A person said that it was no attack."""
        return self in {Word.BENIGN_POSITIVE, Word.FALSE_POSITIVE}


class Would(StrEnum):
    """What the triage would have done; the value is for people."""

    CLOSE = "close"
    CLOSE_TODAY = "close with today's registers"
    """Rests on a register row that was entered or changed too late for that incident."""
    ESCALATE = "escalate"

    @property
    def closes(self) -> bool:
        """The incident would not have stayed for a person."""
        return self is not Would.ESCALATE


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What people did with an incident. Times are UTC; `closed` is None while it is open.

    `exact` is false where the log does not know the closing and `closed` is the last change: at most then.
    """

    incident_id: IncidentId
    number: int
    title: str
    url: str
    created: datetime
    word: Word
    reason: str = ""
    comment: str = ""
    owner: str = ""
    closed: datetime | None = None
    exact: bool = True

    @property
    def time_to_close(self) -> timedelta | None:
        """From creation to the closing; None while it is open."""
        return self.closed - self.created if self.closed else None


@dataclass(frozen=True, slots=True)
class Told:
    """One reason of a verdict: stable code, words, and whether it speaks against closing."""

    code: str
    text: str
    against: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What ran, as far as a verdict tells it: who, where, started by what, when (UTC)."""

    what: str
    time: datetime
    host: str
    runner: str
    parent: str
    command: str
    covered: bool = False
    """A register or the directory approves it; what stays open is about the rest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What the triage would have decided about an incident, and when (UTC).

    `sampled`: it would close, but would be left open for a person by the share that the settings name.
    """

    would: Would
    decided: datetime
    headline: str
    reasons: tuple[Told, ...]
    scenarios: tuple[str, ...] = ()
    severity: str = ""
    sampled: bool = False
    work: tuple[Work, ...] = ()
    rows: tuple[RowProposal, ...] = ()


@dataclass(frozen=True, slots=True)
class Unjudged:
    """An incident that could not be judged, and why, in one sentence."""

    cause: str


@dataclass(frozen=True, slots=True)
class Compared:
    """One incident: what people did, and what the triage would have done."""

    outcome: Outcome
    judged: Judged | Unjudged

    @property
    def closes(self) -> bool:
        """The triage would have closed it, or left it to the sample of what it would close."""
        return isinstance(self.judged, Judged) and self.judged.would.closes

    @property
    def escalates(self) -> bool:
        """The triage would have handed it to a person."""
        return isinstance(self.judged, Judged) and not self.judged.would.closes

    @property
    def saves_work(self) -> bool:
        """A person closed as honest what the triage would have closed, sample left out."""
        sampled = isinstance(self.judged, Judged) and self.judged.sampled
        return self.closes and self.outcome.word.is_honest and not sampled
