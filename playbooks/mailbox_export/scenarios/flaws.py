"""How the removal of a closable scenario is spoilt; `playbooks.scenarios.flaws` has the other ways."""

from dataclasses import replace

from playbooks.scenarios import Runner, Scenario


def removal_by(scenario: Scenario, *, script: str = "", runner: Runner | None = None) -> Scenario:
    """The last step with its removal replaced, or under another account."""
    *before, last = scenario.steps
    text = last.command if not script else f'{last.command[: last.command.rindex("; Get-")]}; {script}"'
    spoilt = replace(last, command=text, runner=runner or last.runner)
    return replace(scenario, steps=(*before, spoilt))
