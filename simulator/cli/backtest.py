"""`backtest`: the last days of a workspace, as the triage would have judged them."""

import asyncio
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from operations.access import read_environment
from operations.backtest import Backtest, Would, backtest_document, backtest_workspaces, write_backtest
from simulator.cli.console import BAD_ANSWER, AsJson, err, explained, out, print_json

_HELP = """Say what triage would have closed of the last days' incidents, beside what people did with them.

Reads the incidents of the playbook's rules from the workspaces that the settings name, judges each as of when
it was created with the playbook's own code, and compares: what would have been closed and why, every
disagreement, hours saved, and the register rows that would have covered recurring honest work. Nothing is
written to a workspace: a request that would is refused before it is sent. A page and the same as JSON
(report.html, backtest.json) go to --out.

Settings are the function's: the environment, or a local.settings.json. You are signed in by `az login`, and
need Microsoft Sentinel Reader, Log Analytics Reader, and the function's permissions in Microsoft Graph.

Exit status: 0 done; 1 an incident that people called a true positive would have been closed; 2 bad input,
settings or permissions.

Examples:

    python -m simulator backtest --settings local.settings.json

    python -m simulator backtest --days 90 --minutes-per-incident 25 --out out/quarter

    python -m simulator backtest --settings local.settings.json --json | jq .summary
"""

Minutes = Annotated[
    float,
    typer.Option(
        "--minutes-per-incident",
        min=0.0,
        max=480.0,
        help="An analyst's work on one: open it, run a query, look up the account, find the ticket,"
        " close it. A cautious guess; measure your own.",
    ),
]


def backtest(  # noqa: PLR0913 - one parameter an option
    *,
    days: Annotated[int, typer.Option(min=1, max=365, help="Incidents of the last so many days.")] = 30,
    until: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="The day (UTC) before which they end.", show_default="now"),
    ] = None,
    playbook: Annotated[str, typer.Option(help="Whose incidents.")] = "mailbox_export",
    settings: Annotated[
        Path | None,
        typer.Option(help="A local.settings.json.", show_default="the environment"),
    ] = None,
    minutes: Minutes = 15.0,
    folder: Annotated[Path, typer.Option("--out", help="Where to write; made if missing.")] = Path(
        "out/backtest"
    ),
    as_json: AsJson = False,
) -> None:
    """The command itself; its help is above."""
    end = until.replace(tzinfo=UTC) if until else datetime.now(UTC)
    with explained(as_json=as_json):
        environment = read_environment(settings, os.environ)
        span = (end - timedelta(days=days), end)
        found = _run(environment, playbook=playbook, span=span, minutes=minutes)
        page = write_backtest(found, folder)
    if as_json:
        print_json(backtest_document(found))
    else:
        _show(found)
    err.print(f"report: {page} (also backtest.json)", markup=False)
    if found.grave:
        raise typer.Exit(BAD_ANSWER)


backtest.__doc__ = _HELP


def _run(
    environment: Mapping[str, str], *, playbook: str, span: tuple[datetime, datetime], minutes: float
) -> Backtest:
    with _bar() as told:
        run = backtest_workspaces(
            environment, playbook=playbook, span=span, minutes_per_incident=minutes, told=told
        )
        return asyncio.run(run)


@contextmanager
def _bar() -> Iterator[Callable[[int, int], None]]:
    """Count, rate and time left on stderr while it is a terminal."""
    rate = TextColumn("{task.fields[rate]:.1f} incidents/s")
    columns = (TextColumn("judging"), BarColumn(), MofNCompleteColumn(), rate, TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task("judging", total=None, rate=0.0)

        def told(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total, rate=bar.tasks[0].speed or 0.0)

        yield told


def _figures(found: Backtest) -> Iterator[tuple[str, str]]:
    """What is told in a line each."""
    figures = {way: sum(did == way for _, did in found.matrix.elements()) for way in Would}
    yield "incidents", str(len(found.compared))
    yield "would have been closed", str(figures[Would.CLOSE])
    yield "  also, with today's registers", str(figures[Would.CLOSE_TODAY])
    yield "would have been escalated", str(figures[Would.ESCALATE])
    yield "could not be judged", str(len(found.unjudged) + len(found.unread))
    yield "called true positive, would have been closed", f"{len(found.grave)} (must be 0)"
    yield "called undetermined, would have been closed", str(len(found.doubtful))
    yield "closed as honest, would have been escalated", str(len(found.escalated_benign))
    yield "  of these, raised to High: look again", str(len(found.alarming))
    minutes = found.question.minutes_per_incident
    yield "hours of work saved", f"{found.hours_saved:.1f} (at {minutes:g} minutes an incident)"


def _show(found: Backtest) -> None:
    """The figures for people, on stdout; what is grave first."""
    for one in found.grave:
        out.print(f"WOULD CLOSE A TRUE POSITIVE: #{one.outcome.number} {one.outcome.title}", markup=False)
    for words, figure in _figures(found):
        out.print(f"{words:<44} {figure}", markup=False)
    for row in found.proposals:
        kind = "new row" if row.is_new else "change"
        out.print(f"\n{row.hours:.1f} h by a {kind}: {row.row}", markup=False)
        for number in row.attacks:
            out.print(f"    NOT YET: the same account ran true positive #{number}", markup=False)
        for change in row.changes:
            out.print(f"    {change}", markup=False)
    for one in found.unjudged:
        err.print(f"not judged: #{one.outcome.number}: {getattr(one.judged, 'cause', '')}", markup=False)
    for words in found.unread:
        err.print(f"not judged: {words}", markup=False)
