"""From process start to the first answer and to the first verdict, against hello-world apps.

    python bench/cold_start.py [--rounds 7] [--json]

A process starts, Microsoft's worker library (`azure-functions-runtime`) indexes the app and calls one
function; nothing else is in that process. One hello-world answers a text; another one, and ours, answer 202
once a queue has confirmed a message. Ours then judges an incident of a local workspace in another process.
`in a host` is the same with what the local host imports, aiohttp among it: so starts what this repository
runs. Exit status 1 where our first answer takes more than 2.2 times that of a hello-world in a host, or more
than 1.6 times that of the hello-world that makes the same promise.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter
from types import ModuleType, SimpleNamespace
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

MOST_TIMES = {"ours in a host: first answer (202)": 2.2, "ours: the same": 1.6}
QUEUE = "triage"
HELLO = """
import azure.functions as func
app = func.FunctionApp(func.AuthLevel.ANONYMOUS)
@app.route("hello", methods=["POST"])
async def hello(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("hello")
"""
QUEUEING = f"""
import os
import azure.functions as func
from azure.storage.queue.aio import QueueClient
app = func.FunctionApp(func.AuthLevel.ANONYMOUS)
@app.route("hello", methods=["POST"])
async def hello(req: func.HttpRequest) -> func.HttpResponse:
    async with QueueClient.from_connection_string(os.environ["AzureWebJobsStorage"], "{QUEUE}") as queue:
        await queue.send_message("hello", time_to_live=-1)
    return func.HttpResponse("hello", status_code=202)
"""


async def child(folder: Path, calls: list[dict[str, Any]], *, in_host: bool) -> None:
    """Loads the app and makes the calls one after the other; tells when each of it was done."""
    if not in_host:
        # The host's own front, which its package imports, would bring aiohttp into a hello-world without it.
        host = sys.modules["simulator.host"] = ModuleType("simulator.host")
        host.__path__ = [str(ROOT / "simulator" / "host")]
    from simulator.host.fields import Fields  # noqa: PLC0415 - only this process is measured
    from simulator.host.worker import Worker  # noqa: PLC0415

    with Worker(folder, dict(os.environ)) as worker:
        known = {one.name: one for one in await worker.index()}
        moments, answers = [perf_counter()], []
        for call in calls:
            value, metadata = _input(call, Fields)
            done = await worker.invoke(
                known[call["function"]].function_id,
                argument=call["argument"],
                value=value,
                trigger_metadata=metadata,
            )
            moments.append(perf_counter())
            http = getattr(done.returned, "http", None)
            answers.append([done.succeeded, str(http.status_code) if http else "", done.failure])
        # Ends at once: what the app's threads still hold is not measured.
        sys.stdout.write(json.dumps({"moments": moments, "answers": answers}) + "\n")
        sys.stdout.flush()
        os._exit(0)


def _input(call: Mapping[str, Any], fields: Any) -> tuple[Any, dict[str, Any]]:
    if "message" in call:
        metadata = {"Id": fields(json=json.dumps("1")), "DequeueCount": fields(json="1")}
        return fields(string=call["message"]), metadata
    headers = {"content-type": "application/json"}
    body = fields(bytes=call["body"].encode())
    http = fields(method="POST", url=call["url"], headers=headers, params=call["params"], query={}, body=body)
    return fields(http=http), {}


async def started(
    folder: Path, calls: list[dict[str, Any]], environment: Mapping[str, str], *, in_host: bool = False
) -> list[float]:
    """Milliseconds from the start of a process to the app loaded, and to the answer of each call."""
    given = {name: value for name, value in os.environ.items() if name != "CONTAINER_NAME"}
    begun = perf_counter()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, __file__, "--child", str(folder), "--calls", json.dumps(calls)),
        *(["--in-host"] if in_host else []),
        env={**given, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    told, _ = await process.communicate()
    document = json.loads(told)
    if failed := [answer for answer in document["answers"] if not answer[0]]:
        raise SystemExit(f"a call failed: {failed}")
    # Both processes read the same monotonic clock.
    return [(moment - begun) * 1000 for moment in document["moments"]]


async def measure(rounds: int) -> tuple[Any, bool]:
    """The report, and whether the first answer is as fast as promised."""
    from bench.far_side import NOW, FarSide, Station  # noqa: PLC0415 - not in the measured process
    from bench.measure import Report  # noqa: PLC0415
    from playbooks.messages import TriageMessage  # noqa: PLC0415
    from playbooks.model import IncidentId  # noqa: PLC0415
    from simulator.host.queue_service import QueueService, connection_string  # noqa: PLC0415
    from simulator.host.store import QueueStore  # noqa: PLC0415

    report, store = Report(name="cold_start"), QueueStore()
    store.create_queue(QUEUE)
    with tempfile.TemporaryDirectory() as place, FarSide([Station(0)]) as far:
        plain, queueing = _app(Path(place) / "plain", HELLO), _app(Path(place) / "queueing", QUEUEING)
        async with QueueService(store) as queue:
            settings = {name: value for name, value in far.addresses.items() if name != "workspace"}
            settings["AzureWebJobsStorage"] = connection_string(queue.endpoint)
            for _ in range(rounds):
                hello = [_http("hello", "req", "hello", {})]
                loaded, answered = await started(plain, hello, {})
                report.add("hello-world: loaded", loaded)
                report.add(PLAIN, answered)
                _, answered = await started(queueing, hello, settings)
                report.add(SAME, answered, against=PLAIN)
                _, answered = await started(plain, hello, {}, in_host=True)
                report.add(IN_HOST, answered)
                parts = far.addresses["workspace"].split("/")
                [(name, _)] = far.incidents(1)
                incident_id = IncidentId(parts[2], parts[4], parts[8], name)
                message = TriageMessage(
                    playbook="mailbox_export", subject=incident_id, correlation_id="cold", accepted_at=NOW
                )
                post = _http("receive", "req", json.dumps({"incidentId": incident_id.path}), PLAYBOOK)
                verdict = {"function": "triage", "argument": "msg", "message": message.encode()}
                loaded, answered, judged = await started(ROOT, [post, verdict], settings)
                report.add("ours: loaded", loaded, against="hello-world: loaded")
                report.add("ours: first answer (202)", answered, against=PLAIN)
                report.add("ours: the same", answered, against=SAME)
                report.add("ours: first verdict", judged, against=SAME)
                _, answered = await started(ROOT, [post], settings, in_host=True)
                report.add("ours in a host: first answer (202)", answered, against=IN_HOST)
                [(status, _comments)] = far.left([name])
                report.facts["the incident of the first verdict"] = status
    kept = all((report.times(name) or 0) <= most for name, most in MOST_TIMES.items())
    return report, kept


PLAYBOOK = {"playbook": "mailbox_export"}
PLAIN, SAME = "hello-world: first answer", "hello-world that queues: first answer (202)"
IN_HOST = "hello-world in a host: first answer"


def _app(folder: Path, source: str) -> Path:
    folder.mkdir()
    (folder / "function_app.py").write_text(source, encoding="utf-8")
    return folder


def _http(function: str, argument: str, body: str, params: dict[str, str]) -> dict[str, Any]:
    url = f"http://127.0.0.1/api/{function}"
    return {"function": function, "argument": argument, "body": body, "params": params, "url": url}


def main() -> int:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--calls", default="[]", help=argparse.SUPPRESS)
    parser.add_argument("--in-host", action="store_true", help=argparse.SUPPRESS)
    given: SimpleNamespace = parser.parse_args(namespace=SimpleNamespace())
    if given.child:
        asyncio.run(child(given.child, json.loads(given.calls), in_host=given.in_host))
    report, kept = asyncio.run(measure(given.rounds))
    report.leave(as_json=given.json)
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
