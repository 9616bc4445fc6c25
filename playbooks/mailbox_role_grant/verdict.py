"""The verdict: close only what is proven benign, escalate everything else. Pure."""

from datetime import datetime

from playbooks.mailbox_role_grant.coverage import Coverage, cover
from playbooks.mailbox_role_grant.evidence import Evidence
from playbooks.mailbox_role_grant.reason_codes import ORDER, RAISES_TO_HIGH
from playbooks.mailbox_role_grant.red_flags import red_flags, unread
from playbooks.mailbox_role_grant.scene import Scene, set_scene
from playbooks.mailbox_role_grant.story import brief
from playbooks.model import Close, Escalate, Found, Judgement, Reason, Severity, Stance, Verdict
from playbooks.who.account_state import not_checked


def decide(evidence: Evidence) -> Judgement:
    """The verdict on one incident with its story; the same evidence gives the same bytes.

    A close is not final before the window has passed and the hold after it; an escalation that waits
    for nothing but log data is not final before the ingestion allowance is over.
    """
    scene = set_scene(evidence)
    coverages = tuple(cover(anchor, scene) for anchor in scene.anchors)
    verdict = _verdict(judge(scene, coverages), coverages)
    return Judgement(
        verdict=verdict,
        briefing=brief(scene, coverages, verdict),
        final_from=_final_from(verdict, scene),
    )


def judge(scene: Scene, coverages: tuple[Coverage, ...]) -> tuple[Reason, ...]:
    """Every reason that holds, for and against, each once, in a fixed order."""
    found = {
        *(reason for coverage in coverages for reason in coverage.reasons),
        *red_flags(scene),
        *(not_checked(answer, item) for item, answer in unread(scene)),
    }
    return tuple(sorted(found, key=_place))


def _place(reason: Reason) -> tuple[int, int, str, str, bool]:
    stance = list(Stance).index(reason.stance)
    return stance, ORDER.index(reason.code), reason.text, reason.source, reason.lasting


def _verdict(reasons: tuple[Reason, ...], coverages: tuple[Coverage, ...]) -> Verdict:
    """Close where every grant is covered and nothing at all speaks against it or was left unchecked."""
    covered = [coverage for coverage in coverages if coverage.row is not None]
    scenarios = tuple(sorted({coverage.scenario for coverage in covered}))
    against = [reason for reason in reasons if reason.stance is not Stance.FOR]
    if not against and coverages and len(covered) == len(coverages):
        return Close(reasons=reasons, scenarios=scenarios)
    high = any(reason.code in RAISES_TO_HIGH for reason in against)
    return Escalate(
        reasons=reasons,
        severity=Severity.HIGH if high else Severity.MEDIUM,
        scenarios=scenarios,
        retry_may_help=all(one.stance is Stance.UNCHECKED and not one.lasting for one in against),
    )


def _final_from(verdict: Verdict, scene: Scene) -> datetime | None:
    window = scene.evidence.window
    if not isinstance(window, Found):
        return None
    match verdict:
        case Close():
            return window.value.end + scene.policy.hold
        case Escalate(reasons=reasons):
            waiting = {reason.code for reason in reasons if reason.stance is not Stance.FOR}
            late = window.value.end + scene.policy.log_wait
            return late if waiting == {"logs_incomplete"} else None
