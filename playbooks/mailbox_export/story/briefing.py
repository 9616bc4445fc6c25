"""The story of a verdict: one sentence, the findings, the facts, the next steps and a proposal."""

from playbooks.mailbox_export.coverage.covering import Coverage
from playbooks.mailbox_export.scene import Scene
from playbooks.mailbox_export.story.facts import facts
from playbooks.mailbox_export.story.findings import findings
from playbooks.mailbox_export.story.next_steps import next_steps
from playbooks.mailbox_export.story.proposal import proposal, proposed_rows
from playbooks.mailbox_export.story.queries import queries
from playbooks.model import Briefing, Close, Escalate, Reason, Stance, Verdict


def brief(scene: Scene, coverages: tuple[Coverage, ...], verdict: Verdict) -> Briefing:
    """Everything that the comment and the task say besides the verdict, in a fixed order."""
    rows = proposed_rows(scene, coverages, verdict)
    return Briefing(
        headline=_headline(scene, verdict),
        findings=findings(scene, coverages),
        facts=facts(scene),
        steps=next_steps(scene, verdict),
        queries=queries(scene, verdict),
        proposal=proposal(rows),
        rows=rows,
    )


def _headline(scene: Scene, verdict: Verdict) -> str:
    """One sentence: what was done, by whom and where, and why it is closed or stays open."""
    who = sorted(
        {scene.identity(anchor.reading).runner.shown or "an account not named" for anchor in scene.anchors}
    )
    hosts = ", ".join(scene.evidence.hosts) or "an unnamed host"
    counted = f"{_count(len(scene.exports), 'mailbox export')} and {_count(len(scene.removals), 'removal')}"
    done = (
        f"{counted} on {hosts} by {', '.join(who[:3])}"
        if who
        else f"No export or removal could be read on {hosts}"
    )
    match verdict:
        case Close(scenarios=scenarios):
            return f"{done}: every command is covered by {' and '.join(scenarios)}."
        case Escalate(reasons=reasons):
            return f"{done}. {_why(reasons)}"


def _why(reasons: tuple[Reason, ...]) -> str:
    """The gravest reason in its own words, and how many more there are."""
    against = [reason for reason in reasons if reason.stance is Stance.AGAINST]
    if not against:
        return "Nothing speaks against closing, but not everything could be checked."
    more = len(against) - 1
    others = f", and {_count(more, 'more reason')}" if more else ""
    return f"It stays open: {against[0].text}{others}."


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
