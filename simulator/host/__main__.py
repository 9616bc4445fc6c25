"""`python -m simulator.host`: run a function app until SIGTERM or SIGINT.

Exit status 0 after a stop, 2 where the settings or the app cannot be used. Logs, and what functions print, go
to stderr; stdout carries the one line that says where the host answers.
"""

import argparse
import asyncio
import contextlib
import gc
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TextIO

from simulator.host.errors import HostError
from simulator.host.host import FunctionsHost, HostOptions

_QUIET = ("azure", "azure.functions", "aiohttp.access", "asyncio")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(
        stream=sys.stderr, level=options.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelName(options.log_level)))
    stdout = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):
        try:
            asyncio.run(_serve(options, stdout))
        except HostError as problem:
            sys.stderr.write(f"{problem}\n")
            return 2
    return 0


async def _serve(options: argparse.Namespace, stdout: TextIO) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    host = FunctionsHost(
        options.app,
        queue_file=options.queue_file,
        http_port=options.port,
        timers=options.timers,
        options=HostOptions(
            queue_port=options.queue_port,
            external=options.queue == "external",
            lease=timedelta(seconds=options.lease),
        ),
    )
    async with host:
        stdout.write(_ready_json(host) if options.json_ready else _ready_text(host))
        stdout.flush()
        # What is loaded by now stays; the collector need not look at it again and again.
        gc.freeze()
        await stop.wait()


def _ready_json(host: FunctionsHost) -> str:
    ready = {
        "url": host.base_url,
        "queueEndpoint": host.queue_endpoint,
        "functionKey": host.keys.function,
        "masterKey": host.keys.master,
        "functions": list(host.functions),
    }
    return json.dumps(ready) + "\n"


def _ready_text(host: FunctionsHost) -> str:
    names = ", ".join(host.functions)
    return f"Functions host on {host.base_url} (function key {host.keys.function}): {names}\n"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m simulator.host", description=__doc__)
    parser.add_argument("--app", type=Path, required=True, help="folder with function_app.py and host.json")
    parser.add_argument("--port", type=int, default=0, help="HTTP port on 127.0.0.1; 0 takes a free one")
    parser.add_argument(
        "--queue-port", type=int, default=0, help="port of the embedded queue; 0 takes a free one"
    )
    parser.add_argument(
        "--queue-file", type=Path, help="SQLite file of the embedded queue; default is memory"
    )
    parser.add_argument(
        "--queue",
        choices=("embedded", "external"),
        default="embedded",
        help="external polls the endpoint of AzureWebJobsStorage, for example Azurite",
    )
    parser.add_argument("--no-timers", dest="timers", action="store_false", help="run timers by hand only")
    parser.add_argument(
        "--lease", type=float, default=600.0, help="seconds a message is hidden while its function runs"
    )
    parser.add_argument(
        "--json-ready", action="store_true", help="print the ready line as JSON, with the keys"
    )
    parser.add_argument(
        "--log-level", choices=("DEBUG", "INFO", "WARNING", "ERROR"), default="INFO", help="default INFO"
    )
    return parser


def _leave(status: int) -> None:
    logging.shutdown()
    sys.stderr.flush()
    if any(thread is not threading.main_thread() and not thread.daemon for thread in threading.enumerate()):
        # A synchronous function that never ends would hold the interpreter back for ever.
        os._exit(status)
    sys.exit(status)


if __name__ == "__main__":
    _leave(main())
