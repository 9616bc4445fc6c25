"""`show`: one scenario, step by step."""

from difflib import get_close_matches
from typing import Annotated

import typer
from rich import box
from rich.table import Table

from playbooks.scenarios import Expected, Scenario, Step
from simulator.catalogues import BY_NAME
from simulator.chain.problems import InputRefused, Problem
from simulator.cli.console import AsJson, explained, out, print_json
from simulator.report.techniques import technique_name, technique_page

_HELP = """Show one scenario: its steps, ATT&CK techniques, the verdict that is right for it, and why.

`list` names them all. Words in braces are filled from the made-up organisation when it is performed.

Examples:

    python -m simulator show dark_halo

    python -m simulator show compliance_job --json | jq .steps
"""


def show(
    name: Annotated[str, typer.Argument(help="A name that `list` prints.", show_default=False)],
    *,
    as_json: AsJson = False,
) -> None:
    """The command itself; its help is above."""
    with explained(as_json=as_json):
        scenario = _named(name)
    if as_json:
        print_json(_document(scenario))
        return
    _print(scenario)


show.__doc__ = _HELP


def _named(name: str) -> Scenario:
    if name in BY_NAME:
        return BY_NAME[name]
    near = get_close_matches(name, BY_NAME, n=3)
    hint = f"did you mean {', '.join(near)}?" if near else "`list` names them all"
    raise InputRefused([Problem(file="show", message=f"there is no scenario {name[:60]!r}; {hint}")])


def _why(scenario: Scenario) -> str:
    """One sentence on why the verdict is right."""
    if scenario.expected is Expected.CLOSE:
        return f"everything in it is covered by {', '.join(scenario.scenarios)}"
    reasons = ", ".join(scenario.reasons)
    return f"an escalation names at least {reasons}" if reasons else "nothing proves that it is approved"


def _document(scenario: Scenario) -> dict[str, object]:
    return {
        "name": scenario.name,
        "playbook": scenario.playbook,
        "title": scenario.title,
        "kind": scenario.kind,
        "expected": scenario.expected,
        "why": _why(scenario),
        "scenarios": list(scenario.scenarios),
        "reasons": list(scenario.reasons),
        "techniques": [
            {"id": one, "name": technique_name(one), "page": technique_page(one)}
            for one in scenario.techniques
        ],
        "seenBy": list(scenario.seen_by),
        "place": scenario.place,
        "hours": scenario.hours,
        "register": scenario.register,
        "sources": list(scenario.sources),
        "steps": [_step(step) for step in scenario.steps],
    }


def _step(step: Step) -> dict[str, object]:
    return {
        "minute": step.minute,
        "runner": step.runner,
        "startedBy": step.actor,
        "parent": step.parent.image,
        "process": step.process.image,
        "command": step.command,
        "encoded": step.encoded,
    }


def _print(scenario: Scenario) -> None:
    facts = [
        ("playbook", scenario.playbook),
        ("kind", str(scenario.kind)),
        ("expected", f"{scenario.expected}: {_why(scenario)}"),
        ("seen by", ", ".join(scenario.seen_by) or "no rule: its incident is made to test the verdict"),
        ("where", str(scenario.place)),
        ("when", str(scenario.hours)),
        ("register", str(scenario.register or "none")),
        *(("technique", f"{one} {technique_name(one)}") for one in scenario.techniques),
    ]
    out.print(f"{scenario.name}: {scenario.title}\n", markup=False)
    for words, value in facts:
        out.print(f"{words:<10} {value}", markup=False)
    table = Table(box=box.SIMPLE, pad_edge=False, show_lines=True)
    for heading, ratio in (("minute", None), ("as", None), ("parent", None), ("command", 1)):
        table.add_column(heading, ratio=ratio, overflow="fold", vertical="top")
    for step in scenario.steps:
        parent = step.parent.image.rpartition("\\")[2]
        command = f"{step.command}{' (handed over encoded)' if step.encoded else ''}"
        table.add_row(f"{step.minute:g}", str(step.runner), parent, _plain(command))
    out.print(table, soft_wrap=False)


def _plain(text: str) -> str:
    """Text that rich does not read as its own markup."""
    return text.replace("[", r"\[")
