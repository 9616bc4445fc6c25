"""The truth of a generated folder with all that a report tells of it."""

import json
from pathlib import Path

from pydantic import ValidationError

from playbooks.mailbox_export.scenarios import SCENARIOS
from simulator.chain.folder import Truth
from simulator.chain.problems import InputRefused, Problem, problems_of
from simulator.report.story import Activity
from simulator.rules import CORRELATED_RULE, load_rule

_TECHNIQUES = {scenario.name: scenario.techniques for scenario in SCENARIOS}


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
    path = folder / "truth.jsonl"
    truths: list[FullTruth] = []
    problems: list[Problem] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), start=1):
        if not line.strip():
            continue
        try:
            truths.append(FullTruth.model_validate(json.loads(line)))
        except json.JSONDecodeError as error:
            problems.append(Problem(file=str(path), line=number, message=f"is not JSON: {error.msg}"))
        except ValidationError as error:
            problems += problems_of(error, file=str(path), line=number)
    if problems:
        raise InputRefused(problems)
    return tuple(truths)


def techniques_of(scenario: str, label: str) -> tuple[str, ...]:
    """The techniques of a case: its scenario's where that is one of ours, else an attack's are the rule's."""
    if scenario in _TECHNIQUES:
        return _TECHNIQUES[scenario]
    return load_rule(CORRELATED_RULE).techniques if label == "attack" else ()
