"""`serve`: the local cloud left running, to be tried by hand."""

import asyncio
import json
import shlex
import signal
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from simulator.catalogues import FIRST_PLAYBOOK
from simulator.chain.chain import Chain
from simulator.chain.folder import Folder, read_folder
from simulator.cli.console import err, explained, out
from simulator.cli.generation import make_day
from simulator.ingest.local_endpoint import LocalEndpoint
from simulator.workspace.model import CUSTOMER_ID, TOKEN

LOCAL_RULE, LOCAL_STREAM = f"dcr-{0:032x}", "Microsoft-ASimProcessEventLogs"
"""The data collection rule of the local endpoint, and its one stream."""

_HELP = """Keep the local workspace (Sentinel, Graph, Log Analytics) and the Functions host running.

A generated day, or a folder of your own, is loaded, the rules run and the incidents are made; none is
triaged yet. Addresses, the function key and curl lines that work as they stand are printed. Ctrl-C stops.

A data collection endpoint stands beside them, to try `ingest` on: the line to do so is printed too. What it
takes is in the workspace at once; the rules do not run over it again.

Examples:

    python -m simulator serve

    python -m simulator serve --from out/demo --mode observe

    python -m simulator serve --port 7100 --workspace-port 7101 --ingest-port 7102
"""


def serve(
    *,
    source: Annotated[
        Path | None, typer.Option("--from", help="A folder that `generate` wrote.", show_default="a new day")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the generated day.")] = 1,
    port: Annotated[int, typer.Option(help="Port of the function; 0 takes a free one.")] = 7071,
    workspace_port: Annotated[int, typer.Option(help="Port of the workspace; 0 takes a free one.")] = 7072,
    ingest_port: Annotated[
        int, typer.Option(help="Port of the data collection endpoint; 0 takes a free one.")
    ] = 7073,
    mode: Annotated[str, typer.Option(help="act or observe.")] = "act",
) -> None:
    """The command itself; its help is above."""
    with explained(), tempfile.TemporaryDirectory(prefix="simulator-") as made:
        if source is None:
            source = Path(made) / "day"
            make_day(source, seed=seed)
        ports = (port, workspace_port, ingest_port)
        file = Path(made) / "local.settings.json"
        asyncio.run(_serve(read_folder(source), mode=mode, ports=ports, settings_file=file))


serve.__doc__ = _HELP


async def _serve(folder: Folder, *, mode: str, ports: tuple[int, int, int], settings_file: Path) -> None:
    port, workspace_port, ingest_port = ports
    host = ("--port", str(port))
    async with Chain(folder.tenant, mode=mode, port=workspace_port, arguments=host) as chain:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        with err.status("loading events and running the rules"):
            await asyncio.to_thread(chain.load, folder)
            gatherings = await asyncio.to_thread(chain.watch)
        names = [chain.make_incident(gathering) for gathering in gatherings]
        endpoint = LocalEndpoint(chain.store, rule_id=LOCAL_RULE, stream=LOCAL_STREAM, port=ingest_port)
        async with endpoint:
            _show(chain, names, endpoint)
            _show_doctor(chain, settings_file)
            _show_ingest(chain, folder, endpoint)
            await stop.wait()
        err.print("stopping")


def _show(chain: Chain, names: list[str], endpoint: LocalEndpoint) -> None:
    """Where everything is, and lines to copy."""
    url, key, control = chain.host.base_url, chain.host.function_key, f"{chain.workspace.base_url}/_control"
    out.print(f"function    {url}", markup=False)
    out.print(f"workspace   {chain.workspace.base_url}", markup=False)
    out.print(f"ingestion   {endpoint.address}", markup=False)
    out.print(f"key         {key}", markup=False)
    out.print(f"incidents   {len(names)} made, none triaged yet", markup=False)
    if not names:
        return
    body = json.dumps({"object": {"id": chain.workspace.incident_id(names[0])}})
    header = f"-H 'x-functions-key: {key}'"
    address = f"{url}/api/playbooks/{FIRST_PLAYBOOK}"
    post = f"curl -s {header} -H 'Content-Type: application/json' -d '{body}' {address}"
    for words, line in (
        ("Is everything in reach?", f"curl -s {header} {url}/api/health"),
        ("What would become of the first incident? (nothing is written)", f"{post}/preview"),
        ("Triage it:", post),
        ("What is left of it in Sentinel:", f"curl -s {control}/incidents/{names[0]}"),
        ("All incidents:", f"curl -s {control}/incidents"),
    ):
        out.print(f"\n# {words}\n{line}", markup=False)


def _show_doctor(chain: Chain, file: Path) -> None:
    """The line that has doctor look at it all; the settings it needs are left in a file."""
    file.write_text(json.dumps({"IsEncrypted": False, "Values": chain.app_settings}))
    out.print("\n# What is wrong around it (rows of the generated company are untidy, as people leave them)?")
    out.print(f"python -m simulator doctor --settings {shlex.quote(str(file))}", markup=False)


def _show_ingest(chain: Chain, folder: Folder, endpoint: LocalEndpoint) -> None:
    """The line that sends a folder to the local endpoint; last, since it says how to stop."""
    words = [
        f"python -m simulator ingest {shlex.quote(str(folder.path))} --yes",
        f"--endpoint {endpoint.address} --rule {LOCAL_RULE} --allow {LOCAL_RULE} --local-token {TOKEN}",
        f"--workspace-id {CUSTOMER_ID} --logs-endpoint {chain.workspace.base_url}",
    ]
    out.print("\n# Send events as into a real workspace, marked with a run:", markup=False)
    out.print(" ".join(words), markup=False)
    out.print("\nCtrl-C stops.")
