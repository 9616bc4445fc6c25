"""Each export and removal told for the analyst, and the facts around them in one place."""

from collections.abc import Iterator

from playbooks.mailbox_export.coverage.attempts import Attempt
from playbooks.mailbox_export.coverage.covering import Coverage, unresolved_words
from playbooks.mailbox_export.readings import Reading
from playbooks.mailbox_export.scene import Scene
from playbooks.model import Finding
from playbooks.moments import clock
from playbooks.who.parents import parent_shown

_SCENARIO_WORDS = {
    "scheduled_export": "registered job",
    "ediscovery": "open eDiscovery case",
    "self_export": "export of the own mailbox",
    "maintenance_cleanup": "registered maintenance",
}


def findings(scene: Scene, coverages: tuple[Coverage, ...]) -> tuple[Finding, ...]:
    """One finding for each export and removal, and one for each command that could not be read."""
    told = [_finding(coverage, scene) for coverage in coverages]
    told += [_unread(reading, scene) for reading in scene.relevant if _shows_nothing(reading)]
    return tuple(sorted(dict.fromkeys(told), key=lambda finding: (finding.time, finding.what, repr(finding))))


def proof_words(attempt: Attempt) -> str:
    """Scenario and register row in words."""
    return f"{attempt.scenario} ({_SCENARIO_WORDS[attempt.scenario]}): {attempt.row}"


def _finding(coverage: Coverage, scene: Scene) -> Finding:
    anchor, proof = coverage.anchor, coverage.proof
    best = coverage.closest[0] if coverage.closest else None
    return Finding(
        what=anchor.what,
        time=anchor.event.time,
        host=anchor.host,
        runner=scene.identity(anchor.reading).runner.full or "not named",
        parent=parent_shown(anchor.event),
        command=anchor.event.target_process_command_line,
        covered_by=proof_words(proof) if proof is not None else "",
        met=best.met if best is not None else (),
        missing=tuple(_missing(coverage, scene)),
        decoded=anchor.reading.line.decoded,
    )


def _missing(coverage: Coverage, scene: Scene) -> Iterator[str]:
    if coverage.proof is not None:
        return
    for attempt in coverage.closest:
        yield from (f"{attempt.scenario}: {check.missing}" for check in attempt.missing)
        yield from (f"{attempt.scenario}: not checked: {unread.cause}" for unread in attempt.unchecked)
    if not coverage.closest:
        own = unresolved_words(coverage.anchor, scene) or "it is not the runner's own mailbox"
        yield f"no registered job and no eDiscovery case is selected, and {own}"


def _shows_nothing(reading: Reading) -> bool:
    """A relevant event whose flags are all that is known of it."""
    line = reading.line
    return bool(line.flags) and not (line.exports or line.removals)


def _unread(reading: Reading, scene: Scene) -> Finding:
    return Finding(
        what="command that could not be read",
        time=reading.event.time,
        host=reading.host,
        runner=scene.identity(reading).runner.full or "not named",
        parent=parent_shown(reading.event),
        command=reading.event.target_process_command_line,
        missing=tuple(sorted({raised.detail for raised in reading.line.flags})),
        decoded=reading.line.decoded,
    )


def when(scene: Scene) -> str:
    """The window in words, for steps; empty where there is none."""
    window = scene.window
    return f"{clock(window.start)} to {clock(window.end)}" if window is not None else ""
