"""500 incidents at once, random upstream faults, two workers on one queue, one killed again and again.

    python tools/storm.py [--incidents 500] [--faults 0.05] [--kill-every 4] [--seed 1] [--again 0.05]

Every incident must end as its truth says, which is how a run without faults ends, or escalated; none may be
lost or doubled. Prints a table. Exit status: 0 the promise held, 1 it did not, 2 the run itself broke.

All of it runs on loopback: two Functions hosts with `function_app.py` unchanged share a queue file, and the
local workspace in this process plays Sentinel, Graph and Log Analytics. That one process, which evaluates
some ten KQL questions an incident, is what bounds the speed.
"""  # noqa: INP001 - a script, not a package

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from simulator.chain.chain import APP_FOLDER, Chain  # noqa: E402
from simulator.chain.folder import Folder, read_folder  # noqa: E402
from simulator.chain.record import read_record  # noqa: E402
from simulator.chain.replaying import fits  # noqa: E402
from simulator.chain.results import Left, Outcome  # noqa: E402
from simulator.chain.settings import settings_for  # noqa: E402
from simulator.generate import generate  # noqa: E402
from simulator.host import HostProcess  # noqa: E402
from simulator.organisation import FIRST_DAY  # noqa: E402
from simulator.workspace import Fault, FaultKind, LocalWorkspace  # noqa: E402

AT_ONCE = 32
CALLS_AN_INCIDENT = 400
HOST_SETTINGS = {
    "AzureFunctionsJobHost__extensions__queues__visibilityTimeout": "00:00:01",
    "AzureFunctionsJobHost__extensions__queues__maxPollingInterval": "00:00:01",
}
LABELS = ("triage-closed", "triage-escalated")


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """How rough it is: share of failing calls, share of repeated posts, seconds between two kills."""

    seed: int = 1
    faults: float = 0.05
    again: float = 0.05
    kill_every: float = 4.0
    lease: float = 5.0
    """Seconds until what a killed worker held comes back."""


@dataclass(slots=True)
class Report:
    """What a storm did, and every way in which the promise was broken."""

    incidents: int = 0
    seconds: float = 0.0
    posts: int = 0
    refused: int = 0
    kills: int = 0
    calls: int = 0
    failed_calls: int = 0
    foreign_calls: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)

    def table(self) -> str:
        """The figures, one a line."""
        rows = {
            "incidents": self.incidents,
            "posts (202)": self.posts,
            "posts answered otherwise, and posted again": self.refused,
            "workers killed": self.kills,
            "calls to services": self.calls,
            "  of them without a good answer": self.failed_calls,
            "closed, as the truth says": self.outcomes["closed"],
            "escalated, as the truth says": self.outcomes["escalated"],
            "escalated though closable": self.outcomes["doubted"],
            "violations": len(self.violations),
            "seconds": round(self.seconds, 1),
        }
        return "\n".join(f"{name:45}{value:>10}" for name, value in rows.items())


def faults_of(rng: random.Random) -> Fault:
    """One fault that strikes once; what kind is a matter of chance, passing ones most often."""
    kind = rng.choice(
        [
            *[FaultKind.STATUS] * 4,
            *(FaultKind.RESET, FaultKind.LOST, FaultKind.LOST, FaultKind.HTML, FaultKind.CUT_OFF),
            *(FaultKind.MALFORMED, FaultKind.PARTIAL, FaultKind.EMPTY, FaultKind.REDIRECT, FaultKind.DELAY),
        ]
    )
    status = rng.choice([401, 403, 404, 408, 409, 412, 429, 429, 500, 502, 503, 503, 504])
    wait = rng.choice([None, "1", "3600", "abc"]) if status in (429, 503) else None
    if kind is not FaultKind.STATUS:
        status, wait = 0, None
    return Fault(kind=kind, times=1, status=status, retry_after=wait, seconds=1.5)


def order_faults(workspace: LocalWorkspace, *, calls: int, weather: Weather) -> None:
    """A share of the next calls fails, chosen by seed; each fault is ordered right before its call."""
    rng = random.Random(weather.seed)  # noqa: S311 - a seeded run, not cryptography
    for number in range(1, calls):
        if rng.random() < weather.faults:
            workspace.before_call(number, partial(strike, workspace, faults_of(rng)))


def strike(workspace: LocalWorkspace, fault: Fault) -> None:
    """The fault strikes the very next call, and those before it are over."""
    workspace.faults.clear()
    workspace.faults.add(fault)


def second_worker(chain: Chain, queue: Path, *, log: Path, lease: float) -> HostProcess:
    """Another worker with the same settings on the same queue."""
    environment = {**settings_for(chain.tenant, chain.workspace), **HOST_SETTINGS}
    return HostProcess(
        APP_FOLDER, env=environment, queue_file=queue, log_file=log, arguments=host_arguments(lease)
    )


def host_arguments(lease: float, queue: Path | None = None) -> tuple[str, ...]:
    """A short lease, so that what a killed worker held comes back in seconds; no timer."""
    shared = () if queue is None else ("--queue-file", str(queue))
    return (*shared, "--lease", str(lease), "--no-timers", "--log-level", "WARNING")


async def kill_again_and_again(worker: HostProcess, every: float, report: Report) -> None:
    """SIGKILL, a new start, a while of work; until it is cancelled."""
    while True:
        await asyncio.sleep(every)
        await worker.kill()
        report.kills += 1
        await worker.start()


async def post_all(chain: Chain, names: Sequence[str], *, weather: Weather, report: Report) -> None:
    """Every incident at once, some twice; what is not answered with 202 is posted again, as Logic Apps do."""
    rng = random.Random(weather.seed)  # noqa: S311 - as above
    posts = [*names, *(name for name in names if rng.random() < weather.again)]
    slots = asyncio.Semaphore(AT_ONCE)

    async def post(name: str) -> None:
        async with slots:
            body = {"incidentId": chain.workspace.trigger_body(name)["object"]["id"]}
            while (await chain.post(body))[0] != 202:
                report.refused += 1
                await asyncio.sleep(1)
            report.posts += 1

    async with asyncio.TaskGroup() as group:
        for name in posts:
            group.create_task(post(name))


async def run_storm(folder: Folder, *, weather: Weather, scratch: Path) -> Report:
    """The whole run. Raises TimeoutError where the queue does not empty."""
    queue, report = scratch / "queue.sqlite", Report()
    async with Chain(folder.tenant, arguments=host_arguments(weather.lease, queue)) as chain:
        await chain.begin(folder.tenant)
        await asyncio.to_thread(chain.load, folder)
        gatherings = await asyncio.to_thread(chain.watch)
        expected = {
            chain.make_incident(one): [truth.expected for truth in folder.truths if fits(truth, one)]
            for one in gatherings
        }
        report.incidents = len(expected)
        order_faults(chain.workspace, calls=CALLS_AN_INCIDENT * len(expected), weather=weather)
        begun = time.perf_counter()
        async with second_worker(chain, queue, log=scratch / "second.log", lease=weather.lease) as worker:
            killing = asyncio.create_task(kill_again_and_again(worker, weather.kill_every, report))
            await post_all(chain, list(expected), weather=weather, report=report)
            await chain.drained(seconds=120 + 5 * len(expected))
            killing.cancel()
        report.seconds = time.perf_counter() - begun
        judge(chain, expected, report)
    return report


def judge(chain: Chain, expected: dict[str, list[str]], report: Report) -> None:
    """Every incident beside its truth, and the calls that were made."""
    for name, truths in expected.items():
        left = chain.left(name)
        closable = bool(truths) and set(truths) == {"close"}
        doubted = closable and left.outcome is Outcome.ESCALATED
        report.outcomes["doubted" if doubted else str(left.outcome)] += 1
        report.violations += [f"{name}: {words}" for words in broken(left, closable=closable)]
    calls = chain.workspace.calls
    report.calls = len(calls)
    report.failed_calls = sum(not 200 <= call.status < 300 for call in calls)
    report.foreign_calls = sum(call.service == "foreign" for call in calls)
    if report.foreign_calls:
        report.violations.append(f"{report.foreign_calls} calls went to another host")


def broken(left: Left, *, closable: bool) -> list[str]:
    """What is wrong with an incident, in words."""
    records = [read_record(comment) for comment in left.comments]
    kinds = Counter(f"{record.verdict}" if record else "unreadable" for record in records)
    ours = [label for label in left.labels if label in LABELS]
    wrong = []
    if left.outcome is Outcome.ERROR:
        wrong.append(f"lost: {left.status}, labels {list(left.labels)}, {len(left.comments)} comments")
    if left.outcome is Outcome.CLOSED and not closable:
        wrong.append("closed, but the truth says that it stays open")
    if not left.comments or (doubled := [kind for kind, count in kinds.items() if count > 1]):
        wrong.append(f"{len(left.comments)} comments; doubled: {doubled if left.comments else 'none there'}")
    # An escalation that could not be finished may turn into a close: its comment and task stay.
    least, most = left.outcome is Outcome.ESCALATED, "escalate" in kinds
    if not least <= len(left.tasks) <= most:
        wrong.append(f"{len(left.tasks)} tasks on an incident that is {left.outcome}")
    if len(ours) != 1 or len(set(left.labels)) != len(left.labels):
        wrong.append(f"labels {list(left.labels)}")
    return wrong


def make_folder(out: Path, *, incidents: int, seed: int) -> Folder:
    """A generated folder with about so many incidents; what happens close together becomes one of them."""
    sequences = incidents + incidents // 20
    closable = sequences // 2
    generate(
        seed,
        out=out,
        start=FIRST_DAY.replace(year=FIRST_DAY.year - 1),
        days=max(6, sequences // 12),
        users=max(200, incidents),
        hosts=max(80, incidents // 2),
        events=incidents * 40,
        attacks=sequences - closable,
        benign=closable,
    )
    return read_folder(out)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--incidents", type=int, default=500)
    parser.add_argument("--faults", type=float, default=0.05, help="share of calls that fail")
    parser.add_argument("--again", type=float, default=0.05, help="share of incidents posted twice")
    parser.add_argument("--kill-every", type=float, default=4.0, help="seconds between two kills")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    weather = Weather(seed=given.seed, faults=given.faults, again=given.again, kill_every=given.kill_every)
    with tempfile.TemporaryDirectory(prefix="storm-") as scratch:
        folder = make_folder(Path(scratch) / "folder", incidents=given.incidents, seed=given.seed)
        try:
            report = asyncio.run(run_storm(folder, weather=weather, scratch=Path(scratch)))
        except TimeoutError as error:
            sys.stderr.write(f"{error}\n")
            return 2
    sys.stdout.write(report.table() + "\n")
    sys.stdout.writelines(f"VIOLATION {words}\n" for words in report.violations[:50])
    return 1 if report.violations else 0


if __name__ == "__main__":
    sys.exit(main())
