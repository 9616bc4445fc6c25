"""`serve`: the local cloud left running, to be tried by hand."""

import asyncio
import json
import signal
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from simulator.chain.chain import PLAYBOOK, Chain
from simulator.chain.folder import Folder, read_folder
from simulator.cli.console import err, explained, out
from simulator.cli.generation import make_day

_HELP = """Keep the local workspace (Sentinel, Graph, Log Analytics) and the Functions host running.

A generated day, or a folder of your own, is loaded, the rules run and the incidents are made; none is
triaged yet. Addresses, the function key and curl lines that work as they stand are printed. Ctrl-C stops.

Examples:

    python -m simulator serve

    python -m simulator serve --from out/demo --port 7100 --workspace-port 7101 --mode observe
"""


def serve(
    *,
    source: Annotated[
        Path | None, typer.Option("--from", help="A folder that `generate` wrote.", show_default="a new day")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the generated day.")] = 1,
    port: Annotated[int, typer.Option(help="Port of the function; 0 takes a free one.")] = 7071,
    workspace_port: Annotated[int, typer.Option(help="Port of the workspace; 0 takes a free one.")] = 7072,
    mode: Annotated[str, typer.Option(help="act or observe.")] = "act",
) -> None:
    """The command itself; its help is above."""
    with explained(), tempfile.TemporaryDirectory(prefix="simulator-") as made:
        if source is None:
            source = Path(made)
            make_day(source, seed=seed)
        asyncio.run(_serve(read_folder(source), mode=mode, ports=(port, workspace_port)))


serve.__doc__ = _HELP


async def _serve(folder: Folder, *, mode: str, ports: tuple[int, int]) -> None:
    port, workspace_port = ports
    host = ("--port", str(port))
    async with Chain(folder.tenant, mode=mode, port=workspace_port, arguments=host) as chain:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        with err.status("loading events and running the rules"):
            await asyncio.to_thread(chain.load, folder)
            gatherings = await asyncio.to_thread(chain.watch)
        names = [chain.make_incident(gathering) for gathering in gatherings]
        _show(chain, names)
        await stop.wait()
        err.print("stopping")


def _show(chain: Chain, names: list[str]) -> None:
    """Where everything is, and lines to copy."""
    url, key, control = chain.host.base_url, chain.host.function_key, f"{chain.workspace.base_url}/_control"
    out.print(f"function    {url}", markup=False)
    out.print(f"workspace   {chain.workspace.base_url}", markup=False)
    out.print(f"key         {key}", markup=False)
    out.print(f"incidents   {len(names)} made, none triaged yet", markup=False)
    if not names:
        return
    body = json.dumps({"object": {"id": chain.workspace.trigger_body(names[0])["object"]["id"]}})
    header = f"-H 'x-functions-key: {key}'"
    post = f"curl -s {header} -H 'Content-Type: application/json' -d '{body}' {url}/api/playbooks/{PLAYBOOK}"
    for words, line in (
        ("Is everything in reach?", f"curl -s {header} {url}/api/health"),
        ("What would become of the first incident? (nothing is written)", f"{post}/preview"),
        ("Triage it:", post),
        ("What is left of it in Sentinel:", f"curl -s {control}/incidents/{names[0]}"),
        ("All incidents:", f"curl -s {control}/incidents"),
    ):
        out.print(f"\n# {words}\n{line}", markup=False)
    out.print("\nCtrl-C stops.")
