"""`list`: the worked scenarios."""

from collections.abc import Iterable

from rich import box
from rich.table import Table

from playbooks.scenarios import Scenario
from simulator.catalogues import CATALOGUES, SCENARIOS
from simulator.cli.console import AsJson, out, print_json

_HELP = """List every playbook's scenarios: name, kind, the verdict that is right, title and techniques.

Examples:

    python -m simulator list

    python -m simulator list --json | jq '.scenarios[] | select(.expected == "close") | .name'
"""


def show_scenarios(*, as_json: AsJson = False) -> None:
    """The command itself; its help is above."""
    if as_json:
        print_json({"scenarios": [_document(scenario) for scenario in SCENARIOS]})
        return
    for catalogue in CATALOGUES.values():
        out.print(f"{catalogue.playbook}: {len(catalogue.scenarios)} scenarios", markup=False)
        _show(catalogue.scenarios)


def _show(scenarios: Iterable[Scenario]) -> None:
    table = Table(box=box.SIMPLE, pad_edge=False)
    for heading in ("name", "kind", "expected"):
        table.add_column(heading, no_wrap=True)
    table.add_column("title", ratio=2)
    table.add_column("techniques", ratio=1)
    for scenario in scenarios:
        techniques = " ".join(scenario.techniques)
        table.add_row(scenario.name, scenario.kind, scenario.expected, scenario.title, techniques)
    out.print(table, soft_wrap=False)


show_scenarios.__doc__ = _HELP


def _document(scenario: Scenario) -> dict[str, object]:
    return {
        "name": scenario.name,
        "playbook": scenario.playbook,
        "title": scenario.title,
        "kind": scenario.kind,
        "expected": scenario.expected,
        "scenarios": list(scenario.scenarios),
        "reasons": list(scenario.reasons),
        "techniques": list(scenario.techniques),
        "seenBy": list(scenario.seen_by),
    }
