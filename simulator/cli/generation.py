"""`generate`: activity of a made-up organisation, with the truth about it."""

from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer

from simulator.chain.problems import InputRefused, Problem
from simulator.cli.console import AsJson, err, explained, out, print_json
from simulator.errors import PlanError
from simulator.generate import Summary
from simulator.generate import generate as generate_folder
from simulator.plan import Choices, Format

SETTLED_DAY = date(2025, 11, 17)
"""A Monday that is long past: the playbook decides only once an activity's window is over."""

_HELP = """Write a folder of activity: events.* (rows of ASimProcessEventLogs), truth.jsonl, tenant.json.

The same arguments give the same bytes. --attacks and --benign take a number, or names of scenarios (see
`list`) separated by commas.

Examples:

    python -m simulator generate --seed 7 --out out/day

    python -m simulator generate --seed 7 --out out/month --days 28 --events 1000000 --format parquet

    python -m simulator generate --seed 7 --out out/one --attacks dark_halo,proxyshell --benign 0
"""


def make_activity(  # noqa: PLR0913 - one parameter an option
    *,
    seed: Annotated[int, typer.Option(help="The same seed gives the same folder.")] = 1,
    folder: Annotated[Path, typer.Option("--out", help="Where to write; made if missing.")] = Path("out/day"),
    start: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="First local day.", show_default="a fixed Monday"),
    ] = None,
    days: Annotated[int, typer.Option(help="Number of days.")] = 1,
    users: Annotated[int, typer.Option(help="People in the organisation.")] = 200,
    hosts: Annotated[int, typer.Option(help="Machines in the organisation.")] = 80,
    events: Annotated[int, typer.Option(help="Rows in all.")] = 20_000,
    attacks: Annotated[str, typer.Option(help="How many attacks, or which.")] = "8",
    benign: Annotated[str, typer.Option(help="How much honest activity, or which.")] = "13",
    file_format: Annotated[Format, typer.Option("--format", help="Of the event file.")] = "jsonl",
    as_json: AsJson = False,
) -> None:
    """The command itself; its help is above."""
    choices = Choices(
        start=start.date() if start else None,
        days=days,
        users=users,
        hosts=hosts,
        events=events,
        attacks=attacks,
        benign=benign,
        format=file_format,
    )
    with explained(as_json=as_json):
        summary = make_folder(folder, seed=seed, choices=choices)
    if as_json:
        print_json(summary.document())
        return
    names = ", ".join(summary.files)
    out.print(
        f"{summary.events} events, {summary.attacks} attacks and {summary.benign} honest sequences"
        f" in {summary.seconds:.1f} s: {folder}/ ({names})",
        markup=False,
    )


make_activity.__doc__ = _HELP


def make_folder(folder: Path, *, seed: int, choices: Choices) -> Summary:
    """Generates. Raises InputRefused where the plan cannot be carried out, or OSError."""
    try:
        with err.status("generating"):
            return generate_folder(seed, out=folder, **choices)
    except PlanError as refused:
        raise InputRefused([Problem(file="generate", message=str(refused))]) from None


def make_day(folder: Path, *, seed: int) -> Summary:
    """The day that `demo` and `serve` show. Raises InputRefused or OSError."""
    return make_folder(folder, seed=seed, choices=Choices(start=SETTLED_DAY))
