"""`demo`: the whole job in about a minute."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Group
from rich.panel import Panel

from simulator.chain.folder import read_folder
from simulator.chain.replaying import Replayed, outcomes_of
from simulator.chain.results import Outcome
from simulator.cli.comment import readable
from simulator.cli.console import ReportPath, explained, out
from simulator.cli.generation import make_day
from simulator.cli.replay import incident_line, leave_if_bad, run_folder
from simulator.cli.score import show_summary, tell_problems
from simulator.report import write_report
from simulator.report.building import replay_report

_HELP = """Show the whole job: a generated day, the rules, the function, the verdicts, one comment, the sum.

Exit status: 0 good; 1 an attack was closed or a verdict differs from the truth; 2 it could not be run.

Examples:

    python -m simulator demo

    python -m simulator demo --seed 7 --out out/seven

The day's report, a page to open in a browser, is written to report.html in the folder of --out.
"""


def demo(
    *,
    seed: Annotated[int, typer.Option(help="Seed of the day.")] = 1,
    folder: Annotated[Path, typer.Option("--out", help="Where to write the day.")] = Path("out/demo"),
    report: ReportPath = None,
) -> None:
    """The command itself; its help is above."""
    with explained():
        summary = make_day(folder, seed=seed)
        read = read_folder(folder)
        out.print(
            f"{summary.events} process events of one day at contoso.com, with {summary.attacks} attacks and"
            f" {summary.benign} honest exports among them: {folder}/",
            markup=False,
        )
        replayed = asyncio.run(run_folder(read))
    out.print(f"{len(replayed)} incidents, each triaged by the function over HTTP and queue:\n")
    for one in replayed:
        out.print(incident_line(one))
    _show_comment(replayed)
    outcomes = outcomes_of(read, replayed)
    show_summary(outcomes)
    tell_problems(outcomes)
    page = report or folder / "report.html"
    with explained():
        write_report(replay_report(read, replayed, outcomes, command="simulator demo"), page)
    out.print(f"\nreport                     {page.resolve().as_uri()}", markup=False)
    leave_if_bad(outcomes)


demo.__doc__ = _HELP


def _show_comment(replayed: list[Replayed]) -> None:
    """One escalation as the analyst finds it: the attack that most speaks against."""
    escalated = [one for one in replayed if one.left.outcome is Outcome.ESCALATED and one.left.comments]
    attacks = [one for one in escalated if any(truth.label == "attack" for truth in one.truths)]
    if not escalated:
        return
    one = max(attacks or escalated, key=lambda told: len(told.left.record.reasons) if told.left.record else 0)
    title = f"comment on the incident of {one.gathering.host}"
    out.print()
    out.print(Panel(Group(*readable(one.left.comments[-1])), title=title), soft_wrap=False)
