"""`ingest`: a generated folder into a real workspace."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from simulator.chain.folder import Folder, read_folder
from simulator.chain.problems import InputRefused, Problem
from simulator.cli.console import BAD_ANSWER, AsJson, counter, err, explained, out, print_json
from simulator.ingest.credentials import credential_for
from simulator.ingest.reading import LOGS, Place
from simulator.ingest.running import Planned, plan_run, resume_run, send_run, shift_words
from simulator.ingest.sending import Pace, SendingStopped
from simulator.ingest.shifting import Ending
from simulator.ingest.target import Target, allowed_rules, checked_target

_HELP = """Send a generated folder's events into a workspace through the Logs Ingestion API.

A dry run unless --yes is given. The data collection rule must be on a list (--allow, --allow-file), so that
no simulation lands in a workspace it was not meant for. Every event carries the run's id and its own number
in AdditionalFields (simulationRunId, simulationRow), and all are moved in time by the same amount.

A journal beside the folder keeps what the service confirmed: after a break, --resume RUN goes on without
sending anything twice. A call whose answer was lost may have arrived; with --workspace-id the workspace is
asked, without it such rows are told and left.

The tenant's watchlists and accounts have to be in the workspace for its playbook to judge as the truth says.
With --end now the time of day moves too, so that job windows and business hours may not hold; --end same-hour
keeps it.

Exit status: 0 done, or dry run; 1 some events are not confirmed; 2 bad input, target or settings.

Examples:

    python -m simulator ingest out/day --endpoint https://dce-soc-x1y2.westeurope-1.ingest.monitor.azure.com
    --rule dcr-00000000000000000000000000000000 --allow-file lab-rules.txt

    python -m simulator ingest out/day --endpoint … --rule dcr-… --allow dcr-… --yes
    --workspace-id 00000000-0000-0000-0000-000000000000

    python -m simulator ingest out/day --endpoint … --rule dcr-… --allow dcr-… --yes --resume 20260105-1a2b3c
"""

Endpoint = Annotated[str, typer.Option(help="Data collection endpoint (https address).", show_default=False)]
RuleId = Annotated[
    str, typer.Option("--rule", help="Immutable id of the data collection rule.", show_default=False)
]
LocalToken = Annotated[
    str,
    typer.Option(
        "--local-token",
        envvar="SIMULATOR_LOCAL_TOKEN",
        help="A fixed token, for services on this machine alone.",
        show_default=False,
    ),
]
CustomerId = Annotated[
    str,
    typer.Option(
        "--workspace-id", help="Customer id (GUID) of the workspace, to ask what arrived.", show_default=False
    ),
]
LogsEndpoint = Annotated[str, typer.Option("--logs-endpoint", help="Log Analytics query API.")]


def ingest(  # noqa: PLR0913 - one parameter an option
    folder: Annotated[Path, typer.Argument(help="What `generate` wrote.", show_default=False)],
    *,
    endpoint: Endpoint,
    rule_id: RuleId,
    stream: Annotated[str, typer.Option(help="Stream of the rule.")] = "Microsoft-ASimProcessEventLogs",
    allow: Annotated[
        list[str] | None, typer.Option(help="A rule that may be sent to; repeat it.", show_default=False)
    ] = None,
    allow_file: Annotated[
        Path | None, typer.Option(help="Rules that may be sent to, one a line.", show_default=False)
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Send. Without it nothing leaves this machine.")] = False,
    end: Annotated[Ending, typer.Option(help="When the last event is to be.")] = Ending.NOW,
    run_id: Annotated[str, typer.Option(help="Name of the run.", show_default="date and a random part")] = "",
    resume: Annotated[
        str, typer.Option(metavar="RUN", help="Go on with a run that broke off.", show_default=False)
    ] = "",
    calls_per_second: Annotated[float, typer.Option(min=0.01, max=50, help="Rate limit.")] = 2.0,
    batch_bytes: Annotated[int, typer.Option(min=10_000, max=1_000_000, help="Largest call.")] = 1_000_000,
    settle_seconds: Annotated[
        float, typer.Option(min=0, help="How long rows in doubt may take to show in the workspace.")
    ] = 900,
    customer_id: CustomerId = "",
    logs_endpoint: LogsEndpoint = LOGS,
    local_token: LocalToken = "",
    as_json: AsJson = False,
) -> None:
    """The command itself; its help is above."""
    with explained(as_json=as_json):
        target = checked_target(endpoint=endpoint, rule_id=rule_id, stream=stream)
        is_allowed = target.rule_id in allowed_rules(allow or (), allow_file)
        if yes and not is_allowed:
            raise InputRefused([_not_allowed(target)])
        read = read_folder(folder)
        with err.status("reading events"):
            planned = (
                resume_run(read, target, run_id=resume)
                if resume
                else plan_run(read, target, ending=end, run_id=run_id)
            )
        _warn(planned, is_allowed=is_allowed)
        stopped = ""
        if yes:
            pace = Pace(
                calls_per_second=calls_per_second,
                most_bytes=batch_bytes,
                settle_seconds=settle_seconds,
                look_seconds=min(15.0, max(0.1, settle_seconds / 10)),
            )
            place = Place(customer_id=customer_id, logs=logs_endpoint)
            stopped = _send(read, planned, place=place, pace=pace, local_token=local_token)
    _tell(planned, sent=yes, stopped=stopped, as_json=as_json)
    if yes and planned.journal.confirmed_rows != planned.journal.run.events:
        raise typer.Exit(BAD_ANSWER)


ingest.__doc__ = _HELP


def _send(folder: Folder, planned: Planned, *, place: Place, pace: Pace, local_token: str) -> str:
    """Sends with a bar on stderr; why it stopped, or nothing."""
    journal = planned.journal
    credential = credential_for(
        [journal.run.target.endpoint, *([place.logs] if place.customer_id else [])], local_token=local_token
    )
    err.print(f"run {journal.run.run_id}, journal {journal.path}", markup=False)
    begun = journal.confirmed_rows
    with counter("sending", total=journal.run.events, unit="events", begun=begun) as told:
        try:
            asyncio.run(send_run(planned, folder.events, credential, place=place, pace=pace, told=told))
        except SendingStopped as failed:
            return str(failed)
    return ""


def _not_allowed(target: Target) -> Problem:
    message = (
        f"{target.rule_id} is on no list; name it with --allow or in --allow-file if it is the right one"
    )
    return Problem(file="--rule", message=message)


def _warn(planned: Planned, *, is_allowed: bool) -> None:
    if not is_allowed:
        err.print(f"warning: {_not_allowed(planned.journal.run.target)}", markup=False)
    if planned.too_old:
        err.print(
            f"warning: the first event is of {planned.first:%Y-%m-%d %H:%M} UTC; the service may replace"
            " times that lie more than two days back, and a rule looks back hours. Generate one or two days.",
            markup=False,
        )


def _tell(planned: Planned, *, sent: bool, stopped: str, as_json: bool) -> None:
    """What was sent, or would be."""
    document = {**planned.document, "sent": sent, "stopped": stopped}
    if stopped:
        err.print(f"stopped: {stopped}", markup=False)
    if as_json:
        print_json(document)
        return
    run = planned.journal.run
    doubt = document["inDoubt"]
    words = [
        f"run        {run.run_id}",
        f"target     {run.target.endpoint}",
        f"rule       {run.target.rule_id}, stream {run.target.stream}",
        f"events     {run.events}, {shift_words(run.shift)}",
        f"time       {planned.first:%Y-%m-%d %H:%M:%S} to {planned.last:%Y-%m-%d %H:%M:%S} UTC",
        f"confirmed  {planned.journal.confirmed_rows} of {run.events}",
    ]
    words += [f"in doubt   {doubt}; --resume with --workspace-id settles them"] if doubt else []
    words += [] if sent else ["dry run: nothing was sent; --yes sends"]
    out.print("\n".join(words), markup=False)


__all__ = ["CustomerId", "LocalToken", "LogsEndpoint", "ingest"]
