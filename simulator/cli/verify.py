"""`verify`: what Sentinel and the playbook made of an ingested run."""

import asyncio
import re
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import aiohttp
import typer

from simulator.catalogues import FIRST_PLAYBOOK, RULE_FILES, main_rule_of
from simulator.chain.folder import Folder, read_folder
from simulator.chain.problems import InputRefused, Problem
from simulator.chain.results import score_document
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
from simulator.cli.ingest import CustomerId, LocalToken, LogsEndpoint
from simulator.cli.score import show_summary
from simulator.ingest.credentials import credential_for
from simulator.ingest.journal import Journal, journal_path, read_journal
from simulator.ingest.reading import ARM, LOGS, Place, Reading, ReadingFailed
from simulator.ingest.reporting import verify_report
from simulator.ingest.verified import Verified
from simulator.ingest.verifying import Verifier
from simulator.report.truths import read_full_truths

_HELP = """Wait for the incidents of a run that `ingest` sent, and compare each with the truth.

Reads incidents, alerts, entities and comments over ARM; writes nothing. An incident belongs to a sequence by
host and time. With --workspace-id the workspace is also asked whether every event arrived, and none twice.
The playbook decides 75 minutes after the last event at the earliest.

Exit status: 0 good; 1 an attack was closed, an expected incident did not come, a verdict differs, or events
were lost or doubled; 2 bad input, or the workspace cannot be read.

Examples:

    python -m simulator verify out/day --run 20260105-1a2b3c --workspace /subscriptions/…/workspaces/law-lab

    python -m simulator verify out/day --run 20260105-1a2b3c --workspace /subscriptions/…/workspaces/law-lab
    --workspace-id 00000000-0000-0000-0000-000000000000 --wait-minutes 180 --report report.html
"""

_WORKSPACE = re.compile(
    r"/subscriptions/[0-9a-f-]{36}/resourceGroups/[^/]+/providers/Microsoft\.OperationalInsights/workspaces/[^/]+",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Patience:
    seconds: float
    every: float


def verify(  # noqa: PLR0913 - one parameter an option
    folder: Annotated[Path, typer.Argument(help="What was ingested.", show_default=False)],
    *,
    run: Annotated[str, typer.Option(help="The run's id, as `ingest` printed it.", show_default=False)],
    workspace: Annotated[str, typer.Option(help="ARM id of the workspace.", show_default=False)],
    wait_minutes: Annotated[float, typer.Option(min=0, help="How long to wait for verdicts.")] = 180,
    every_seconds: Annotated[float, typer.Option(min=0.1, help="Time between two looks.")] = 60,
    rule: Annotated[
        str, typer.Option(help=f"Which rule the workspace runs: {', '.join(RULE_FILES)}.")
    ] = main_rule_of(FIRST_PLAYBOOK),
    rule_guid: Annotated[
        str, typer.Option(help="The rule's id there, where it is not ours.", show_default=False)
    ] = "",
    customer_id: CustomerId = "",
    arm_endpoint: Annotated[str, typer.Option(help="Azure Resource Manager.")] = ARM,
    logs_endpoint: LogsEndpoint = LOGS,
    local_token: LocalToken = "",
    report: ReportPath = None,
    as_json: AsJson = False,
) -> None:
    """The command itself; its help is above."""
    with explained(as_json=as_json):
        _check(workspace, rule)
        read = read_folder(folder)
        journal = read_journal(journal_path(read.path, run))
        place = Place(workspace=workspace, customer_id=customer_id, arm=arm_endpoint, logs=logs_endpoint)
        verified = asyncio.run(
            _verify(
                read,
                journal,
                place=place,
                local_token=local_token,
                rules={rule_guid: rule} if rule_guid else {},
                patience=_Patience(seconds=wait_minutes * 60, every=every_seconds),
                wanted=rule,
            )
        )
        command = f"simulator verify {folder} --run {run}"
        leave_report(lambda: verify_report(read, verified, command=command), report)
    _tell(verified, as_json=as_json)
    if not verified.is_good:
        raise typer.Exit(BAD_ANSWER)


verify.__doc__ = _HELP


def _check(workspace: str, rule: str) -> None:
    problems = []
    if not _WORKSPACE.fullmatch(workspace):
        problems.append(Problem(file="--workspace", message="must be /subscriptions/…/workspaces/NAME"))
    if rule not in RULE_FILES:
        problems.append(Problem(file="--rule", message=f"must be one of {', '.join(RULE_FILES)}"))
    if problems:
        raise InputRefused(problems)


async def _verify(  # noqa: PLR0913 - what the options say
    folder: Folder,
    journal: Journal,
    *,
    place: Place,
    local_token: str,
    rules: dict[str, str],
    patience: _Patience,
    wanted: str,
) -> Verified:
    """Waits with a bar on stderr. Raises InputRefused where the workspace cannot be read."""
    addresses = [place.arm, *([place.logs] if place.customer_id else [])]
    credential = credential_for(addresses, local_token=local_token)
    truths = read_full_truths(folder.path)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(credential)
        session = await stack.enter_async_context(aiohttp.ClientSession())
        verifier = Verifier(
            Reading(place, credential, session),
            journal.run,
            truths,
            dns=folder.tenant["organisation"]["dns"],
            rules=rules,
            wanted_rule=wanted,
        )
        told = stack.enter_context(counter("waiting", total=len(truths), unit="verdicts"))
        try:
            return await verifier.wait(
                seconds=patience.seconds,
                every=patience.every,
                asks_arrivals=bool(place.customer_id),
                told=lambda seen: told(sum(bool(one.seconds is not None) for one in seen.found)),
            )
        except ReadingFailed as failed:
            raise InputRefused([Problem(file="workspace", message=str(failed))]) from None


def _tell(verified: Verified, *, as_json: bool) -> None:
    """The outcomes with what is wrong, and the figures."""
    outcomes = verified.outcomes()
    if as_json:
        document: dict[str, Any] = score_document(outcomes)
        document["summary"] |= verified.figures
        document["run"] = verified.run.document
        print_json(document)
    else:
        show_summary(outcomes)
        _show_figures(verified)
    for case in outcomes:
        if not case.as_expected:
            word = "wrong" if verified.is_wrong(case) else "differs, for its time of day was moved"
            why = case.problem or ", ".join(case.reasons)
            err.print(f"{word}: {case.id} expected {case.expected}, {case.outcome}: {why}", markup=False)


def _show_figures(verified: Verified) -> None:
    figures: dict[str, Any] = verified.figures
    if times := figures.get("timeToVerdict"):
        out.print(f"seconds to a verdict       p50 {times['p50']}, p95 {times['p95']}")
    if arrived := figures.get("arrived"):
        out.print(
            f"events in the workspace    {arrived['events']} of {arrived['sent']},"
            f" {arrived['doubled']} doubled"
        )
    out.print(f"expected, no incident      {len(verified.missed)} (must be 0)")
