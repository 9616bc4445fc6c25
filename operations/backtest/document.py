"""The backtest as one JSON document; the page shows the same."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime, timedelta

from operations.backtest.comparing import NOT_JUDGED, Backtest, Closings
from operations.backtest.proposals import Proposal
from operations.backtest.values import Compared, Judged, Word, Would

NOTES = (
    "Every incident is judged as when it was created: open, without owner, without labels of the triage.",
    (
        "Directory and registers are today's. What rests on a register row that was entered, changed or begun"
        " too late for its incident is counted apart: close with today's registers."
    ),
    (
        "An account that was disabled, renamed or moved since is seen as it is today, and so are its groups,"
        " roles and sign-in risk."
    ),
    (
        "Alerts that joined an incident later are part of it. Logs count as complete; when they arrived is"
        " not replayed. Events that the log no longer keeps are not seen, and their incidents stay open."
    ),
    "The close limit is replayed over these incidents; the sample is drawn as the settings say today.",
    (
        "Hours are the incidents that people closed as benign or false positive and that the triage would"
        " have closed, sample left out, times the minutes of work given. Time to close is no work, it is only"
        " shown."
    ),
)

type Document = dict[str, object]


def backtest_document(backtest: Backtest) -> Document:
    """The whole answer; times are ISO 8601 in UTC, spans in minutes."""
    question = backtest.question
    return {
        "playbook": question.playbook,
        "title": question.title,
        "workspaces": list(question.workspaces),
        "from": question.start.isoformat(),
        "to": question.end.isoformat(),
        "settings": question.signature,
        "minutesPerIncident": question.minutes_per_incident,
        "summary": _summary(backtest),
        "matrix": [_matrix_row(backtest, word) for word in Word if _matrix_row(backtest, word)["incidents"]],
        "timeToClose": {
            "wouldClose": _closings(backtest.would_close),
            "wouldEscalate": _closings(backtest.would_escalate),
        },
        "wouldCloseTruePositive": _cases(backtest.grave),
        "wouldCloseUndetermined": _cases(backtest.doubtful),
        "wouldRaiseBenignToHigh": _cases(backtest.alarming),
        "wouldEscalateBenign": _cases(backtest.escalated_benign),
        "whyBenignStaysOpen": _codes(backtest.escalated_benign),
        "proposals": [_proposal(proposal) for proposal in backtest.proposals],
        "notJudged": _cases(backtest.unjudged),
        "notRead": list(backtest.unread),
        "notes": list(NOTES),
        "incidents": _cases(backtest.compared),
    }


def _summary(backtest: Backtest) -> Document:
    counts = Counter(did for (_, did), count in backtest.matrix.items() for _ in range(count))
    judged = [one.judged for one in backtest.compared if isinstance(one.judged, Judged)]
    return {
        "incidents": len(backtest.compared) + len(backtest.unread),
        "judged": len(judged),
        "notJudged": len(backtest.unjudged) + len(backtest.unread),
        "wouldClose": counts[Would.CLOSE.value],
        "wouldCloseToday": counts[Would.CLOSE_TODAY.value],
        "wouldEscalate": counts[Would.ESCALATE.value],
        "sampled": sum(one.sampled for one in judged),
        "truePositives": sum(one.outcome.word is Word.TRUE_POSITIVE for one in backtest.compared),
        "closedTruePositives": len(backtest.grave),
        "benignRaisedToHigh": len(backtest.alarming),
        "hoursSaved": round(backtest.hours_saved, 2),
        "hoursSavedThen": round(backtest.saved[Would.CLOSE], 2),
        "hoursSavedToday": round(backtest.saved[Would.CLOSE_TODAY], 2),
    }


def _matrix_row(backtest: Backtest, word: Word) -> Document:
    counts = {did: backtest.matrix.get((word, did), 0) for did in (*(w.value for w in Would), NOT_JUDGED)}
    return {
        "people": word.value,
        "incidents": sum(counts.values()),
        "close": counts[Would.CLOSE.value],
        "closeToday": counts[Would.CLOSE_TODAY.value],
        "escalate": counts[Would.ESCALATE.value],
        "notJudged": counts[NOT_JUDGED],
    }


def _closings(closings: Closings) -> Document:
    return {
        "closedByPeople": closings.closed,
        "medianMinutes": _minutes(closings.median),
        "byLastChange": closings.inexact,
    }


def _codes(compared: Iterable[Compared]) -> list[Document]:
    """Reasons against closing, the most frequent first, each counted once an incident."""
    counted: Counter[str] = Counter()
    words: dict[str, str] = {}
    for one in compared:
        if isinstance(one.judged, Judged):
            against = {told.code: told.text for told in one.judged.reasons if told.against}
            counted.update(against.keys())
            words = against | words
    ranked = sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))
    return [{"code": code, "incidents": count, "example": words[code]} for code, count in ranked]


def _proposal(proposal: Proposal) -> Document:
    return {
        "row": proposal.row,
        "isNew": proposal.is_new,
        "changes": list(proposal.changes),
        "hours": round(proposal.hours, 2),
        "incidents": list(proposal.incidents),
        "first": proposal.first.isoformat(),
        "last": proposal.last.isoformat(),
        "runners": list(proposal.runners),
        "parents": list(proposal.parents),
        "example": proposal.example,
        "alsoNeeds": list(proposal.needs),
        "truePositivesOfTheSameRunner": list(proposal.attacks),
    }


def _cases(compared: Iterable[Compared]) -> list[Document]:
    return [_case(one) for one in compared]


def _case(one: Compared) -> Document:
    outcome = one.outcome
    people: Document = {
        "word": outcome.word.value,
        "reason": outcome.reason,
        "comment": outcome.comment,
        "owner": outcome.owner,
        "closed": _time(outcome.closed),
        "minutesToClose": _minutes(outcome.time_to_close),
        "exact": outcome.exact,
    }
    return {
        "number": outcome.number,
        "id": outcome.incident_id.path,
        "title": outcome.title,
        "url": outcome.url,
        "created": outcome.created.isoformat(),
        "people": people,
        "triage": _triage(one),
    }


def _triage(one: Compared) -> Document:
    judged = one.judged
    if not isinstance(judged, Judged):
        return {"would": NOT_JUDGED, "cause": judged.cause}
    return {
        "would": judged.would.value,
        "sampled": judged.sampled,
        "decided": judged.decided.isoformat(),
        "headline": judged.headline,
        "why": next((told.text for told in judged.reasons if told.against), judged.headline),
        "severity": judged.severity,
        "scenarios": list(judged.scenarios),
        "reasons": [asdict(told) for told in judged.reasons],
        "commands": [asdict(work) | {"time": work.time.isoformat()} for work in judged.work],
    }


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _minutes(span: timedelta | None) -> float | None:
    return None if span is None else round(span.total_seconds() / 60, 1)
