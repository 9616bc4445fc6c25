"""How a closable scenario is spoilt: each function breaks one thing and leaves the rest as it was."""

from dataclasses import replace

from playbooks.scenarios.programs import Program
from playbooks.scenarios.scenario import Expected, Kind, Runner, Scenario, Step


def near_miss(scenario: Scenario, flaw: str, title: str, *reasons: str) -> Scenario:
    """The spoilt scenario under a name of its own, expected to escalate for `reasons`."""
    return replace(
        scenario,
        name=f"{scenario.name}_{flaw}",
        title=f"{scenario.title}, but {title}",
        kind=Kind.AMBIGUOUS,
        expected=Expected.ESCALATE,
        scenarios=(),
        reasons=reasons,
    )


def reworded(scenario: Scenario, old: str, new: str) -> Scenario:
    """Every command with `old` replaced by `new`. Raises ValueError where no command holds `old`."""
    if not any(old in step.command for step in scenario.steps):
        raise ValueError(f"no command of {scenario.name} holds {old!r}, so nothing would be spoilt")
    return replace(
        scenario,
        steps=tuple(replace(step, command=step.command.replace(old, new)) for step in scenario.steps),
    )


def run_by(scenario: Scenario, runner: Runner) -> Scenario:
    """Every step under another account."""
    return replace(scenario, steps=tuple(replace(step, runner=runner) for step in scenario.steps))


def started_by(scenario: Scenario, actor: Runner) -> Scenario:
    """Every step started by another account than it runs as."""
    return replace(scenario, steps=tuple(replace(step, actor=actor) for step in scenario.steps))


def below(scenario: Scenario, parent: Program) -> Scenario:
    """Every step below another parent program."""
    return replace(scenario, steps=tuple(replace(step, parent=parent) for step in scenario.steps))


def with_step(scenario: Scenario, step: Step) -> Scenario:
    """One more process on the host."""
    return replace(scenario, steps=tuple(sorted((*scenario.steps, step), key=lambda each: each.minute)))
