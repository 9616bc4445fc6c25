"""The truth of a generated folder with all that a report tells of it."""

from pathlib import Path

from simulator.catalogues import BY_NAME, FIRST_PLAYBOOK, RULE_FILES, main_rule_of
from simulator.chain.folder import Truth, read_truths
from simulator.report.story import Activity
from simulator.rules import load_rule


class FullTruth(Truth):
    """One line of `truth.jsonl`; `events` are EventOriginalUid values, `seen_by` rules in reach."""

    techniques: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    seen_by: tuple[str, ...] = ()

    @property
    def activity(self) -> Activity:
        """What it really is, for a report."""
        return Activity(
            id=self.id,
            label=self.label,
            expected=self.expected,
            scenario=self.scenario,
            title=self.title,
            techniques=self.techniques,
            reasons=self.reasons,
            seen_by=self.seen_by,
        )


def read_full_truths(folder: Path) -> tuple[FullTruth, ...]:
    """Every line of the folder's `truth.jsonl`. Raises InputRefused with line and field, or OSError."""
    return read_truths(folder / "truth.jsonl", FullTruth)


def techniques_of(scenario: str, label: str) -> tuple[str, ...]:
    """The techniques of a case: its scenario's where that is one of ours, else an attack's are the rule's."""
    if scenario in BY_NAME:
        return BY_NAME[scenario].techniques
    main = RULE_FILES[main_rule_of(FIRST_PLAYBOOK)]
    return load_rule(main.path).techniques if label == "attack" else ()
