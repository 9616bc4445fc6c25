"""`generate`: activity of a made-up organisation, with the truth about it."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer

from playbooks.scenarios import Kind
from simulator.catalogues import CATALOGUES
from simulator.chain.problems import InputRefused, Problem
from simulator.cli.console import AsJson, counter, explained, out, print_json
from simulator.errors import PlanError
from simulator.generate import Summary
from simulator.generate import generate as generate_folder
from simulator.plan import Choices, Format, Plan

SETTLED_DAY = date(2025, 11, 17)
"""A Monday that is long past: the playbook decides only once an activity's window is over."""

_HELP = """Write a folder of activity: events.* (rows of ASimProcessEventLogs), truth.jsonl, tenant.json.

The same arguments give the same bytes. --attacks and --benign take a number, names of scenarios or playbooks
(see `list`), or several of these separated by commas.

Examples:

    python -m simulator generate --seed 7 --out out/day

    python -m simulator generate --seed 7 --out out/month --days 28 --events 1000000 --format parquet

    python -m simulator generate --seed 7 --out out/one --attacks dark_halo,proxyshell --benign 0

    python -m simulator generate --out out/lake --days 28 --events 10000000 --format parquet --partition

    python -m simulator generate --out out/big --days 28 --events 10000000 --shard 3/16

    python -m simulator generate --out out/new --days 7 --end now

All shards of a run, one after the other, are the run (each CSV file has its titles). With --partition each
day (UTC) has a folder: events/day=2025-11-17/part-000.parquet. `replay`, `serve` and `ingest` read all of
these, once every part of a run lies in one folder.
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
    end: Annotated[
        str,
        typer.Option(
            help="Instead of --start: end with the last day over by then; `now`, or a time with zone."
        ),
    ] = "",
    shard: Annotated[str, typer.Option(help="Make one part only, such as 3/16.", show_default="all")] = "",
    partition: Annotated[bool, typer.Option("--partition", help="Parquet in one folder a day.")] = False,
    threads: Annotated[int, typer.Option(help="At work at the same time; never changes the bytes.")] = 1,
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
        shard=shard or None,
        partition=partition,
        threads=threads,
    )
    with explained(as_json=as_json):
        choices["end"] = _read_end(end)
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
        with counter("generating", total=_rows_of(Plan(seed=seed, **choices)), unit="events") as told:
            return generate_folder(seed, out=folder, told=told, **choices)
    except PlanError as refused:
        raise InputRefused([Problem(file="generate", message=str(refused))]) from None


def _rows_of(plan: Plan) -> int:
    """About how many rows the plan's shard has."""
    return plan.events // plan.piece.of


def _read_end(text: str) -> datetime | None:
    """`now`, a time in ISO 8601, or nothing. Raises InputRefused for anything else."""
    if not text:
        return None
    try:
        return datetime.now(UTC) if text == "now" else datetime.fromisoformat(text)
    except ValueError:
        message = f"--end {text!r}: write `now`, or a time such as 2025-11-24T12:00:00Z"
        raise InputRefused([Problem(file="generate", message=message)]) from None


def make_day(folder: Path, *, seed: int) -> Summary:
    """The day that `demo` and `serve` show. Raises InputRefused or OSError."""
    shown = [scenario for catalogue in CATALOGUES.values() for scenario in catalogue.demonstrated]
    attacks = [scenario.name for scenario in shown if scenario.kind is Kind.ATTACK]
    honest = [scenario.name for scenario in shown if scenario.kind is not Kind.ATTACK]
    plan = Plan(seed=seed)
    choices = Choices(
        start=SETTLED_DAY,
        attacks=",".join([str(plan.attacks), *attacks]),
        benign=",".join([str(plan.benign), *honest]),
    )
    return make_folder(folder, seed=seed, choices=choices)
