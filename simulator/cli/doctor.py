"""`doctor`: what is wrong around a deployed playbook, and how to mend it."""

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from operations.access import read_environment
from operations.doctor.document import document
from operations.doctor.examining import Examination, examine
from playbooks.health.troubles import Check, State, Trouble
from simulator.cli.console import BAD_ANSWER, AsJson, explained, out, print_json

_HELP = """Look at everything around a deployed playbook, and say what is wrong, why it matters and the fix.

Settings, token, every permission, workspace, clock, watchlists (columns, rows that cannot be read, expire or
are never used), analytics rules, automation rules, Logic App, queues. Reads alone.

The settings are the function's own, from the environment or a file: a local.settings.json, or what
`az functionapp config appsettings list` prints. It asks as who is signed in by the Azure CLI; the function's
own permissions come from an answer of its health page, kept in a file and given with --health.

Exit status: 0 all is well; 1 something is wrong; 2 the settings are.

Examples:

    python -m simulator doctor --settings local.settings.json

    python -m simulator doctor --settings app-settings.json --days 0 --json
"""

_COLOURS = {State.WELL: "green", State.WRONG: "red", State.UNSEEN: "yellow"}


def doctor(
    *,
    settings: Annotated[
        Path | None,
        typer.Option(help="A file with the app settings.", show_default="the environment"),
    ] = None,
    days: Annotated[
        int, typer.Option(min=0, max=365, help="Rows unused for so long are named; 0 leaves the logs alone.")
    ] = 90,
    managed_identity: Annotated[
        bool, typer.Option("--managed-identity", help="Ask as the managed identity of this machine.")
    ] = False,
    health: Annotated[
        Path | None,
        typer.Option(help="An answer of the function's health page, kept in a file.", show_default=False),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """The command itself; its help is above."""
    with explained(as_json=as_json):
        environment = read_environment(settings, os.environ)
        examination = asyncio.run(
            examine(
                environment,
                now=lambda: datetime.now(UTC),
                days=days,
                own_identity=managed_identity,
                health_page=health,
            )
        )
    if as_json:
        print_json(document(examination))
    else:
        _show(examination)
    if examination.troubles:
        raise typer.Exit(BAD_ANSWER)


doctor.__doc__ = _HELP


def _show(examination: Examination) -> None:
    out.print(f"asked as {examination.asked_as}; the mode is {examination.mode}", markup=False)
    for check in examination.checks:
        _show_check(check)
    for trouble in examination.troubles:
        _show_trouble(trouble)
    count = len(examination.troubles)
    out.print(f"\n{count} thing{'s' * (count != 1)} to mend" if count else "\nall is well", markup=False)


def _show_check(check: Check) -> None:
    place = f" ({check.place})" if check.place else ""
    words = check.words if check.state is State.WELL else check.unseen
    colour = _COLOURS[check.state]
    line = escape(f"{check.subject}{place}" + (f": {words}" if words else ""))
    out.print(f"[{colour}]{check.state:<15}[/{colour}] {line}")


def _show_trouble(trouble: Trouble) -> None:
    out.print(f"\n[bold]{escape(trouble.what)}[/bold]")
    out.print(f"  why  {trouble.why}", markup=False)
    out.print(f"  fix  {trouble.fix}", markup=False)
