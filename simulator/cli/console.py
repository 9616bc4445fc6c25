"""Where the command line writes: results to stdout, everything for people's eyes to stderr."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Protocol

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from playbooks.errors import PlaybookError
from simulator.chain.chain import ChainFailed
from simulator.chain.problems import InputRefused
from simulator.eventstore import QueryError, RowRefused
from simulator.host import HostError
from simulator.report import Report, write_report
from simulator.rules import RuleRefused

_WIDTH = None if sys.stdout.isatty() else 120
"""The terminal's own, or what a file or a pipe gets."""

out = Console(highlight=False, soft_wrap=True, width=_WIDTH)
err = Console(stderr=True, highlight=False, soft_wrap=True)

_SLOW = 2
"""Steps a second, below which the rate is told for a minute."""

BAD_ANSWER = 1
BAD_INPUT = 2

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout, nothing else.")]
ReportPath = Annotated[
    Path | None,
    typer.Option(
        "--report",
        metavar="PATH",
        help="Write a page (one HTML file) here; JSON and an ATT&CK Navigator layer beside it.",
        show_default=False,
    ),
]


def leave_report(make: Callable[[], Report], page: Path | None) -> None:
    """Writes the report and says where on stderr; nothing where no path was given. Raises OSError."""
    if page is not None:
        files = write_report(make(), page)
        err.print(f"report: {files.page} (also {files.document.name}, {files.layer.name})", markup=False)


@contextmanager
def explained(*, as_json: bool = False) -> Iterator[None]:
    """Turns what is wrong with the input into sentences on stderr and exit status 2.

    With `as_json` the same problems are also printed on stdout as one document, `{"errors": [...]}`.
    """
    try:
        yield
    except InputRefused as refused:
        _refuse(
            [str(problem) for problem in refused.problems],
            document=[problem.document for problem in refused.problems] if as_json else None,
        )
    except (PlaybookError, ChainFailed, HostError, QueryError, RowRefused, RuleRefused) as failed:
        _refuse([str(failed)], document=[{"message": str(failed)}] if as_json else None)
    except OSError as failed:
        message = f"{failed.filename}: {failed.strerror}" if failed.filename else str(failed)
        _refuse([message], document=[{"message": message}] if as_json else None)


def print_json(document: object) -> None:
    """One JSON document on stdout, whatever the terminal's width."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2) + "\n")
    sys.stdout.flush()


class Told(Protocol):
    """Hears how many steps are done, and what is being done where that changes."""

    def __call__(self, done: float, title: str | None = None) -> None:
        """Shows it."""
        ...


@contextmanager
def counter(title: str, *, total: float, unit: str, begun: int = 0) -> Iterator[Told]:
    """A bar with share, rate and time left on stderr, while that is a terminal.

    `unit` names the steps, in the plural. Of those steps that were done before, `begun`, none counts for the
    rate.
    """
    count = TextColumn("{task.completed:,.0f} of {task.total:,.0f} " + unit)
    rate = TextColumn("{task.fields[rate]}")
    left = TimeRemainingColumn(elapsed_when_finished=True)
    columns = (TextColumn("{task.description}"), BarColumn(), count, rate, left)
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task(title, total=total, completed=begun, rate="")

        def tell(done: float, title: str | None = None) -> None:
            bar.update(task, completed=done, description=title)
            if speed := bar.tasks[0].speed:
                bar.update(task, rate=f"{speed:,.0f}/s" if speed >= _SLOW else f"{speed * 60:,.0f}/min")

        yield tell


def _refuse(messages: list[str], *, document: list[dict[str, object]] | None) -> None:
    for message in messages:
        err.print(f"error: {message}", markup=False)
    if document is not None:
        print_json({"errors": document})
    raise typer.Exit(BAD_INPUT)
