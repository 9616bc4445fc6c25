"""`replay`: a generated folder through the whole chain."""

import asyncio
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from simulator.catalogues import MAIN_RULES
from simulator.chain.chain import Chain
from simulator.chain.folder import Folder, read_folder
from simulator.chain.grouping import Sighting
from simulator.chain.passing import Passed, course_of, loaded_ahead, replay_passing
from simulator.chain.replaying import Replayed, outcomes_of, replay_folder
from simulator.chain.results import CaseOutcome, Outcome, score_document
from simulator.cli.comment import main_reason
from simulator.cli.console import (
    BAD_ANSWER,
    AsJson,
    ReportPath,
    counter,
    err,
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

With --speed the folder's time passes: events arrive, each rule runs on its own schedule, and each incident is
triaged once its window is over, as in a workspace. --speed 3600 takes a second for an hour.

A folder holds one file of events, all parts of a run made with --shard, or a folder for each day.

Exit status: 0 good; 1 an attack was closed or a verdict differs from the truth; 2 the folder could not be
read.

Examples:

    python -m simulator replay out/day

    python -m simulator replay out/day --json | jq .summary

    python -m simulator replay out/day --report out/day/report.html

    python -m simulator replay out/day --speed 3600
"""

_STYLES = {Outcome.CLOSED: "green", Outcome.ESCALATED: "yellow", Outcome.ERROR: "red"}
_HOST, _ACCOUNT = 26, 26


def replay(
    folder: Annotated[Path, typer.Argument(help="What `generate` wrote.", show_default=False)],
    *,
    speed: Annotated[
        float | None,
        typer.Option(
            min=0.1, max=1_000_000, help="How many times as fast as real time.", show_default="all at once"
        ),
    ] = None,
    report: ReportPath = None,
    as_json: AsJson = False,
) -> None:
    """The command itself; its help is above."""
    with explained(as_json=as_json):
        read = read_folder(folder)
        replayed = asyncio.run(run_folder(read, speed=speed))
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


async def run_folder(folder: Folder, *, speed: float | None = None) -> list[Replayed]:
    """Starts the chain, replays the folder with a bar on stderr, and stops. Incidents in order of time."""
    async with Chain(folder.tenant) as chain:
        run = _run_at_once(chain, folder) if speed is None else _run_passing(chain, folder, speed=speed)
        replayed = await run
    return sorted(replayed, key=lambda one: _nearest(one).start)


async def _run_at_once(chain: Chain, folder: Folder) -> list[Replayed]:
    title = "loading events, running rules"
    with counter(title, total=len(folder.truths), unit="incidents") as told:
        return await replay_folder(chain, folder, decided=lambda done: told(done, "triaging"))


async def _run_passing(chain: Chain, folder: Folder, *, speed: float) -> list[Replayed]:
    """Each incident is told on stderr as it is decided."""
    with ExitStack() as stack:
        with err.status("loading events"):
            ahead = stack.enter_context(loaded_ahead(folder))
        course = course_of(ahead, speed=speed)
        told = stack.enter_context(counter("beginning", total=course.seconds, unit="seconds"))

        def tell(passed: Passed) -> None:
            words = f"{passed.clock:%Y-%m-%d %H:%M} {passed.events:,} events, {passed.decided} of"
            told(passed.seconds, f"{words} {passed.incidents} incidents decided")

        return await replay_passing(chain, folder, ahead=ahead, course=course, told=tell, heard=_tell_decided)


def _tell_decided(one: Replayed) -> None:
    err.print(incident_line(one))


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
    return next((seen for seen in sightings if seen.rule in MAIN_RULES), sightings[0])


def leave_if_bad(outcomes: list[CaseOutcome]) -> None:
    """Exit status 1 where an attack was closed or any verdict differs from the truth."""
    if not all(case.as_expected for case in outcomes):
        raise typer.Exit(BAD_ANSWER)
