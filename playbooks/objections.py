"""Judgements that do not come from evidence: triage failed, or something speaks against a close. Pure."""

from dataclasses import replace
from typing import assert_never

from playbooks.model import Briefing, Close, Escalate, Judgement, Reason, Stance


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
