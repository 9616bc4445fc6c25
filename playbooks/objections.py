"""Judgements that do not come from evidence: triage failed, or something speaks against a close. Pure."""

from dataclasses import replace
from typing import assert_never

from playbooks.model import Briefing, Close, Escalate, Judgement, Reason, Stance

REOPENED_REASON = Reason(
    "reopened", "This incident was closed by triage before and is open again.", "incident"
)
ESCALATED_REASON = Reason(
    "escalated_before", "Triage handed this incident to people before; closing it is theirs.", "incident"
)
CLOSED_UNREAD_REASON = Reason(
    "closed_unread", "A person closed this incident before triage had told them what follows.", "incident"
)
OVERTAKEN_REASON = Reason(
    "overtaken", "Somebody changed this incident at the moment in which triage closed it.", "incident"
)


def close_refused(cause: str) -> Reason:
    """The objection where the service will not take a close; `cause` is in the service's words."""
    return Reason("close_refused", f"The incident service refused the close: {cause}", "incident")


def untriaged(cause: str) -> Judgement:
    """The judgement where triage itself could not be done."""
    reason = Reason("triage_failed", f"Not checked: anything: {cause}", "triage", Stance.UNCHECKED)
    return Judgement(
        verdict=Escalate(reasons=(reason,)),
        briefing=Briefing(
            headline="Triage could not be completed, so a person has to look.",
            steps=(
                "Treat this incident as untriaged: read both command lines in the alert's events.",
                "Check the app's health page (GET /api/health): is a permission missing, a service failing?",
                "When it is green again, post the incident to the app once more for a full triage.",
            ),
        ),
    )


def with_objection(judgement: Judgement, reason: Reason) -> Judgement:
    """The same judgement as an escalation, with one more reason."""
    verdict = judgement.verdict
    match verdict:
        case Close():
            escalated = Escalate(reasons=(reason, *verdict.reasons), scenarios=verdict.scenarios)
        case Escalate():
            escalated = replace(verdict, reasons=(reason, *verdict.reasons))
        case _:
            assert_never(verdict)
    steps = judgement.briefing.steps or (
        "Read the reasons above and decide whether the export was approved.",
    )
    return replace(judgement, verdict=escalated, briefing=replace(judgement.briefing, steps=steps))
