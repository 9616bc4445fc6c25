"""`replay`: a generated folder through the whole chain."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from simulator.chain.chain import Chain
from simulator.chain.folder import Folder, read_folder
from simulator.chain.grouping import Sighting
from simulator.chain.replaying import Replayed, outcomes_of, replay_folder
from simulator.chain.results import CaseOutcome, Outcome, score_document
from simulator.cli.comment import main_reason
from simulator.cli.console import (
    BAD_ANSWER,
    AsJson,
    ReportPath,
    counter,
    explained,
    leave_report,
    out,
    print_json,
)
from simulator.cli.score import show_summary, tell_problems
from simulator.report.building import replay_report

_HELP = """Run a generated folder through the whole chain and compare each incident with the truth.

The rules run over all events; each incident is triaged by the function over HTTP and queue; one line an
incident says when, where, who, the verdict and the main reason. A sequence that no rule sees gets an
incident all the same, so that its verdict is tested too.

Exit status: 0 good; 1 an attack was closed or a verdict differs from the truth; 2 the folder could not be
read.

Examples:

    python -m simulator replay out/day

    python -m simulator replay out/day --json | jq .summary

    python -m simulator replay out/day --report out/day/report.html
"""

_STYLES = {Outcome.CLOSED: "green", Outcome.ESCALATED: "yellow", Outcome.ERROR: "red"}
_HOST, _ACCOUNT = 26, 26


def replay(
    folder: Annotated[Path, typer.Argument(help="What `generate` wrote.", show_default=False)],
    *,
    report: ReportPath = None,
    as_json: AsJson = False,
) -> None:
    """The command itself; its help is above."""
    with explained(as_json=as_json):
        read = read_folder(folder)
        replayed = asyncio.run(run_folder(read))
        outcomes = outcomes_of(read, replayed)
        command = f"simulator replay {folder}"
        leave_report(lambda: replay_report(read, replayed, outcomes, command=command), report)
    if as_json:
        print_json(score_document(outcomes))
    else:
        for one in replayed:
            out.print(incident_line(one))
        show_summary(outcomes)
    tell_problems(outcomes)
    leave_if_bad(outcomes)


replay.__doc__ = _HELP


async def run_folder(folder: Folder) -> list[Replayed]:
    """Starts the chain, replays the folder with a bar on stderr, and stops. Incidents in order of time."""
    async with Chain(folder.tenant) as chain:
        with counter("triaging", total=len(folder.truths)) as decided:
            replayed = await replay_folder(chain, folder, decided=decided)
    return sorted(replayed, key=lambda one: _nearest(one).start)


def incident_line(one: Replayed) -> Text:
    """One incident: time, host, account, verdict and main reason."""
    outcome = one.left.outcome
    reason = main_reason(one.left.comments[-1]) if one.left.comments else "no comment was written"
    line = Text(f"{_nearest(one).start:%Y-%m-%d %H:%M}  ")
    line.append(f"{one.gathering.host:<{_HOST}}  {account_of(one):<{_ACCOUNT}}  ")
    line.append(f"{outcome:<9}", style=_STYLES[outcome])
    line.append(f"  {reason}")
    if not one.as_expected:
        line.append(f"  EXPECTED {one.expected}", style="bold red")
    return line


def account_of(one: Replayed) -> str:
    """The first account that the best alert names, or SYSTEM: Sentinel makes no entity of that."""
    accounts = _nearest(one).accounts
    if not accounts:
        return "SYSTEM or unnamed"
    first = accounts[0]
    return f"{first.nt_domain}\\{first.name}" if first.nt_domain else first.name or first.sid


def _nearest(one: Replayed) -> Sighting:
    """The sighting that says most: the seed rule knows the clock hour and who started the process alone."""
    sightings = one.gathering.sightings
    return next((seen for seen in sightings if seen.rule != "seed"), sightings[0])


def leave_if_bad(outcomes: list[CaseOutcome]) -> None:
    """Exit status 1 where an attack was closed or any verdict differs from the truth."""
    if not all(case.as_expected for case in outcomes):
        raise typer.Exit(BAD_ANSWER)
