"""Random and mutated bodies against the HTTP intake: never 500, never over a second.

    python tools/fuzz_bodies.py [--count 100000] [--http 3000] [--seed 1]

`--count` bodies go to `Service.receive` in this process, with a queue that only counts; `--http` more go
through `function_app.py` in the local Functions host. Each must get a documented status with code, message
and correlation id. Prints the figures. Exit status: 0 all did, 1 one did not.
"""  # noqa: INP001 - a script, not a package

import argparse
import asyncio
import io
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import aiohttp

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from playbooks.answers import refusal  # noqa: E402
from playbooks.errors import PlaybookError  # noqa: E402
from playbooks.service import Service  # noqa: E402
from simulator.host import HostProcess  # noqa: E402

WORKSPACE = (
    "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg-soc/providers"
    "/Microsoft.OperationalInsights/workspaces/law-soc"
)
CUSTOMER = "00000000-0000-0000-0000-0000000000aa"
INCIDENT = f"{WORKSPACE}/providers/Microsoft.SecurityInsights/incidents/11111111-1111-1111-1111-111111111111"
SETTINGS = {
    "TRIAGE_WORKSPACES": f"{WORKSPACE}={CUSTOMER}",
    "TRIAGE_DOMAINS": "CONTOSO=contoso.com",
    "TRIAGE_TIME_ZONE": "Europe/Vienna",
    "TRIAGE_BUSINESS_HOURS": "Mon-Fri 07:00-19:00",
    "TRIAGE_LOCAL_TOKEN": "fuzz",
    "TRIAGE_ARM_ENDPOINT": "http://127.0.0.1:9",
    "TRIAGE_GRAPH_ENDPOINT": "http://127.0.0.1:9",
    "TRIAGE_LOGS_ENDPOINT": "http://127.0.0.1:9",
}
STATUSES = frozenset({202, 400, 403, 404, 413, 415})
SLOW_SECONDS = 1.0
AT_ONCE = 4
PLAYBOOK = "mailbox_export"
JSON = "application/json"

type Chance = random.Random
type Answer = tuple[int, Any]

_SEEDS: tuple[object, ...] = (
    {"incidentId": INCIDENT},
    {"object": {"id": INCIDENT, "properties": {"status": "New", "relatedEntities": [{"a": None}]}}},
    {
        "SystemAlertId": "aaaaaaaa-0000-4000-8000-000000000001",
        "WorkspaceId": CUSTOMER,
        "WorkspaceSubscriptionId": "00000000-0000-0000-0000-000000000001",
        "WorkspaceResourceGroup": "rg-soc",
        "Entities": [{"Type": "host", "HostName": "EXCH01"}],
    },
)
_PIECES = (
    *(b"{", b"}", b"[", b"]", b'"', b":", b",", b"\\", b"null", b"NaN", b"1e999", b"-", b"9" * 400, b"\x00"),
    *(b"\xff", b"\xef\xbb\xbf", b"\\ud800", b"\\u0000", b"\\u202e", b"\xe2\x80\xae", b"//", b"..", b"%2e"),
    *(b"?", b"#", b"@", b";", b" ", b"\r\n", b"'", b"/*", b"\xf0\x9f\x98\x80", b"<img src=x>", b"${7*7}"),
)
_NUMBERS = (0, -1, 1.5, 10**30, True, None, [], {}, "", "x", "\u202e", "' or 1==1 | union SecurityEvent //")


@dataclass(slots=True)
class Figures:
    """What came back: statuses, codes, the slowest answer in seconds, and what should not have been."""

    statuses: Counter[int] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    seconds: float = 0.0
    violations: list[str] = field(default_factory=list)
    slow: list[str] = field(default_factory=list)

    def add(self, body: bytes, answer: Answer, seconds: float) -> None:
        """Takes one answer in."""
        status, document = answer
        self.statuses[status] += 1
        self.slowest = max(self.slowest, seconds)
        wrong = fault_of(status, document)
        if not wrong and status != 202:
            self.codes[document["error"]["code"]] += 1
        where = f"{body[:100]!r} ({len(body)} bytes)"
        if wrong:
            self.violations.append(f"{wrong}: {where}")
        if seconds >= SLOW_SECONDS:
            self.slow.append(f"{seconds:.2f} s: {where}")


def fault_of(status: int, document: Any) -> str:
    """What is wrong with an answer; empty where it is a documented one."""
    if status not in STATUSES:
        return f"status {status}"
    if status == 202:
        return "" if {"operationId", "correlationId", "acceptedAt"} <= set(document) else "202 without ids"
    error = document.get("error") if isinstance(document, dict) else None
    if not isinstance(error, dict) or {"code", "message", "correlationId"} != set(error):
        return f"status {status} without code, message and correlation id"
    return "" if all(isinstance(text, str) and text for text in error.values()) else "an empty member"


class CountingQueue:
    """A queue that only counts."""

    def __init__(self) -> None:
        self.sent = 0

    async def send(self, body: str, *, delay_seconds: int = 0) -> None:
        """Takes a message, which is a small one."""
        del delay_seconds
        if len(body) >= 4096:
            raise OverflowError(f"a message of {len(body)} characters")
        self.sent += 1


class FakeClients:
    """The only client that an intake uses."""

    def __init__(self) -> None:
        self.messages = CountingQueue()


class FakeService(Service):
    """The app with a queue that only counts."""

    def __init__(self) -> None:
        super().__init__(SETTINGS)

    @cached_property
    def clients(self) -> Any:
        """No real client."""
        return FakeClients()


def bodies(count: int, seed: int) -> Iterator[tuple[bytes, str]]:
    """So many bodies with their content types; the same seed gives the same."""
    rng = random.Random(seed)  # noqa: S311 - a seeded run, not cryptography
    ways: tuple[Callable[[Chance], bytes], ...] = (_noise, _pieces, _text, _document, _document, _bent, _bent)
    for _ in range(count):
        body = rng.choice(ways)(rng)
        kind = (
            JSON if rng.random() < 0.97 else rng.choice(["", "text/plain", "application/json;charset=x", "é"])
        )
        yield body, kind


def _noise(rng: Chance) -> bytes:
    return rng.randbytes(rng.choice([0, 1, 2, 8, 64, 512, 4096]))


def _pieces(rng: Chance) -> bytes:
    repeats = rng.choice([1, 1, 1, 1, 50, 300])
    return b"".join(rng.choice(_PIECES) for _ in range(rng.randint(1, 30))) * repeats


def _text(rng: Chance) -> bytes:
    text = "".join(
        chr(rng.choice([rng.randrange(128), rng.randrange(0xD800)])) for _ in range(rng.randrange(200))
    )
    return json.dumps({"incidentId": text}, ensure_ascii=rng.random() < 0.5).encode()


def _document(rng: Chance) -> bytes:
    """A good body with one value of it changed, or none."""
    document = json.loads(json.dumps(rng.choice(_SEEDS)))
    place = document
    while isinstance(place, dict) and place:
        name = rng.choice(list(place))
        if not isinstance(place[name], dict) or rng.random() < 0.5:
            place[name] = rng.choice([place[name], _changed(rng, place[name])])
            break
        place = place[name]
    return json.dumps(document).encode()


def _changed(rng: Chance, value: object) -> object:
    if not isinstance(value, str) or rng.random() < 0.3:
        return rng.choice(_NUMBERS)
    at = rng.randint(0, len(value))
    piece = rng.choice([*_PIECES, chr(rng.randrange(0xD800)).encode()]).decode("utf-8", "replace")
    return value[:at] + piece + value[at + rng.choice([0, 1, 5]) :]


def _bent(rng: Chance) -> bytes:
    """A good body with some bytes of it changed, doubled, cut or moved."""
    body = bytearray(json.dumps(rng.choice(_SEEDS)).encode())
    for _ in range(rng.randint(1, 4)):
        at = rng.randint(0, len(body))
        match rng.randrange(5):
            case 0:
                body[at:at] = rng.choice(_PIECES)
            case 1:
                del body[at : at + rng.randint(1, 20)]
            case 2:
                body[at:at] = body[at : at + rng.randint(1, 60)]
            case 3 if at < len(body):
                body[at] = rng.randrange(256)
            case _:
                body = body[:at] + b"[" * rng.choice([1, 40, 5000]) + body[at:]
    return bytes(body)


async def timed(call: Callable[[], Awaitable[Answer]]) -> tuple[Answer, float]:
    """The answer and its seconds; what was slow is asked once more, since the machine may be busy."""
    seconds = SLOW_SECONDS
    for _ in range(2):
        if seconds >= SLOW_SECONDS:
            start = time.perf_counter()
            answer = await call()
            seconds = time.perf_counter() - start
    return answer, seconds


async def received(app: Service, body: bytes, kind: str) -> Answer:
    """What the service answers, or the HTTP answer that its error becomes; any other error is raised."""
    try:
        return await app.receive(PLAYBOOK, body, kind)
    except PlaybookError as error:
        return refusal(error, "fuzz")


async def in_process(*, count: int, seed: int, service: FakeService | None = None) -> Figures:
    """The figures of bodies given to the service itself."""
    app, figures, begun = service or FakeService(), Figures(), time.perf_counter()
    for body, kind in bodies(count, seed):
        try:
            answer, seconds = await timed(partial(received, app, body, kind))
        except Exception as error:  # noqa: BLE001 - this is what the fuzz looks for
            figures.violations.append(f"{type(error).__name__}: {body[:100]!r} ({len(body)} bytes)")
        else:
            figures.add(body, answer, seconds)
    figures.seconds = time.perf_counter() - begun
    return figures


async def posted(session: aiohttp.ClientSession, url: str, body: bytes, headers: dict[str, str]) -> Answer:
    """What the host answers."""
    async with session.post(url, data=io.BytesIO(body), headers=headers) as answer:
        text = await answer.text()
        return answer.status, json.loads(text) if text else None


async def over_http(*, count: int, seed: int) -> Figures:
    """The figures of bodies posted to the local host, some at once."""
    figures, slots = Figures(), asyncio.Semaphore(AT_ONCE)
    quiet = ("--no-timers", "--log-level", "ERROR")
    async with HostProcess(ROOT, env=SETTINGS, arguments=quiet) as host, aiohttp.ClientSession() as session:
        url = f"{host.base_url}/api/playbooks/{PLAYBOOK}"
        key = {"x-functions-key": host.function_key}
        # The first request imports the playbook, which the limit of a second is not about.
        await posted(session, url, b"{}", {**key, "Content-Type": JSON})
        begun = time.perf_counter()

        async def post(body: bytes, kind: str) -> None:
            async with slots:
                figures.add(
                    body, *await timed(partial(posted, session, url, body, {**key, "Content-Type": kind}))
                )

        async with asyncio.TaskGroup() as group:
            for body, kind in bodies(count, seed):
                group.create_task(post(body, kind))
        figures.seconds = time.perf_counter() - begun
        # What was accepted is on the queue, and the services it asks are not there.
        await host.kill()
        host.log_file.unlink(missing_ok=True)
    return figures


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--count", type=int, default=100_000, help="bodies in this process")
    parser.add_argument("--http", type=int, default=3_000, help="bodies over HTTP")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    told = {
        "in process": asyncio.run(in_process(count=given.count, seed=given.seed)),
        "over HTTP": asyncio.run(over_http(count=given.http, seed=given.seed)),
    }
    for name, figures in told.items():
        statuses = ", ".join(f"{status}: {count}" for status, count in sorted(figures.statuses.items()))
        codes = ", ".join(f"{code} {count}" for code, count in figures.codes.most_common())
        sys.stdout.write(
            f"{name}: {sum(figures.statuses.values())} bodies in {figures.seconds:.1f} s,"
            f" slowest {figures.slowest * 1000:.0f} ms,"
            f" {len(figures.violations)} violations, {len(figures.slow)} over {SLOW_SECONDS:.0f} s\n"
            f"  statuses {statuses}\n  codes {codes}\n"
        )
        sys.stdout.writelines(f"  VIOLATION {words}\n" for words in figures.violations[:20])
        sys.stdout.writelines(f"  SLOW {words}\n" for words in figures.slow[:20])
    return 1 if any(figures.violations or figures.slow for figures in told.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
