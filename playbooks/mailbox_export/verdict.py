"""The verdict: close only what is proven benign, escalate everything else. Pure."""

from datetime import datetime

from playbooks.mailbox_export.coverage.covering import Coverage, cover, for_reason
from playbooks.mailbox_export.evidence import Evidence
from playbooks.mailbox_export.reason_codes import ORDER, RAISES_TO_HIGH
from playbooks.mailbox_export.red_flags.account_flags import account_flags, listed
from playbooks.mailbox_export.red_flags.command_flags import (
    command_flags,
    nearby,
    off_hours,
    parent_flags,
    removal_flags,
)
from playbooks.mailbox_export.red_flags.incident_flags import incident_flags, unread
from playbooks.mailbox_export.scene import Scene, set_scene
from playbooks.mailbox_export.story.briefing import brief
from playbooks.model import Close, Escalate, Judgement, Reason, Severity, Stance, Verdict
from playbooks.who.account_state import not_checked


def decide(evidence: Evidence) -> Judgement:
    """The verdict on one incident with its story; the same evidence gives the same bytes.

    A close is not final before the window has passed and the hold after it; an escalation that waits
    for nothing but log data is not final before the ingestion allowance is over.
    """
    scene = set_scene(evidence)
    coverages = tuple(cover(anchor, scene) for anchor in scene.anchors)
    reasons = judge(scene, coverages)
    verdict = _verdict(reasons, coverages)
    return Judgement(
        verdict=verdict,
        briefing=brief(scene, coverages, verdict),
        final_from=_final_from(verdict, scene),
    )


def judge(scene: Scene, coverages: tuple[Coverage, ...]) -> tuple[Reason, ...]:
    """Every reason that holds, for and against, each once, in a fixed order."""
    proofs = [reason for coverage in coverages if (reason := for_reason(coverage)) is not None]
    found = {
        *proofs,
        *(reason for coverage in coverages for reason in coverage.reasons),
        *command_flags(scene),
        *removal_flags(scene, coverages),
        *parent_flags(scene, coverages),
        *nearby(scene),
        *off_hours(coverages, scene.policy),
        *account_flags(scene),
        *listed(scene),
        *incident_flags(scene, coverages),
    }
    unanswered = tuple(unread(scene))
    found -= {not_checked(answer) for _, answer in unanswered}
    found |= {not_checked(answer, item) for item, answer in unanswered}
    return tuple(sorted(found, key=_place))


def _place(reason: Reason) -> tuple[int, int, str, str, bool]:
    place = ORDER.index(reason.code) if reason.code in ORDER else len(ORDER)
    return (list(Stance).index(reason.stance), place, reason.text, reason.source, reason.lasting)


def _verdict(reasons: tuple[Reason, ...], coverages: tuple[Coverage, ...]) -> Verdict:
    """Close where every command is covered and nothing at all speaks against it or was left unchecked."""
    scenarios = tuple(
        sorted({coverage.proof.scenario for coverage in coverages if coverage.proof is not None})
    )
    open_reasons = [reason for reason in reasons if reason.stance is not Stance.FOR]
    if not open_reasons and coverages and all(coverage.proof is not None for coverage in coverages):
        return Close(reasons=reasons, scenarios=scenarios)
    high = any(reason.code in RAISES_TO_HIGH for reason in open_reasons)
    return Escalate(
        reasons=reasons,
        severity=Severity.HIGH if high else Severity.MEDIUM,
        scenarios=scenarios,
        retry_may_help=all(r.stance is Stance.UNCHECKED and not r.lasting for r in open_reasons),
    )


def _final_from(verdict: Verdict, scene: Scene) -> datetime | None:
    if scene.window is None:
        return None
    match verdict:
        case Close():
            return scene.window.end + scene.policy.hold
        case Escalate(reasons=reasons):
            waiting = {reason.code for reason in reasons if reason.stance is not Stance.FOR} == {
                "logs_incomplete"
            }
            return scene.window.end + scene.policy.log_wait if waiting else None
