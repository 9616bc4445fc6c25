"""From an incident of the list to what people made of it. Pure."""

from collections.abc import Mapping
from datetime import datetime

from operations.backtest.values import Outcome, Word
from playbooks.clients.incident_list import ListedIncident
from playbooks.model import Found, Lookup, Status
from playbooks.plan import is_merged, was_closed_by_us

_WORDS = {
    "truepositive": Word.TRUE_POSITIVE,
    "benignpositive": Word.BENIGN_POSITIVE,
    "falsepositive": Word.FALSE_POSITIVE,
}
"""Classifications of SecurityInsights 2025-09-01; any other, and none, is undetermined."""


def outcome_of(listed: ListedIncident, closings: Lookup[Mapping[str, datetime]]) -> Outcome:
    """What became of it; the closing time from the log, else the last change."""
    incident = listed.incident
    is_closed = incident.status is Status.CLOSED
    logged = closings.value.get(incident.id.name) if isinstance(closings, Found) else None
    usable = logged is not None and logged >= incident.created
    return Outcome(
        incident_id=incident.id,
        number=incident.number,
        title=incident.title,
        url=incident.url,
        created=incident.created,
        word=_word(listed),
        reason=listed.classification_reason,
        comment=incident.classification_comment,
        owner=incident.owner.shown if incident.owner else "",
        closed=(logged if usable else listed.modified) if is_closed else None,
        exact=usable or not is_closed,
    )


def _word(listed: ListedIncident) -> Word:
    incident = listed.incident
    if is_merged(incident):
        return Word.MERGED
    if incident.status is not Status.CLOSED:
        return Word.OPEN
    if was_closed_by_us(incident):
        return Word.TRIAGE
    return _WORDS.get(listed.classification.lower(), Word.UNDETERMINED)
