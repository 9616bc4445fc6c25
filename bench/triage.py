"""What the triage of one incident costs: calls, rounds, latency, processor time, many at once, memory.

    python bench/triage.py [--incidents 200] [--memory 10000] [--json]

Azure's part runs in a process of its own (`bench/far_side.py`), so that its work is not counted. A latency is
compared with rounds x delay, processor time with as many plain GETs through the same pipeline, a rate with
what the delay alone would allow: all measured or computed in the same run. Exit status 1 where a promise is
missed; on a machine that does other work at the same time only ratios mean anything.
"""

import argparse
import asyncio
import cProfile
import logging
import pstats
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter, process_time

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.certificates import trust_own_certificate  # noqa: E402
from bench.far_side import NOW, FarSide, Station  # noqa: E402
from bench.measure import Report  # noqa: E402
from playbooks import load, pipeline  # noqa: E402
from playbooks.clients.answers import Call  # noqa: E402
from playbooks.clients.attempt import Patience  # noqa: E402
from playbooks.messages import TriageMessage  # noqa: E402
from playbooks.model import IncidentId  # noqa: E402
from playbooks.service import Service  # noqa: E402
from playbooks.worker import Delivery, Worker  # noqa: E402

CALM, ATTACKED = [Station(0)], [Station(1)]
MANY = [Station(number) for number in range(32)]
AT_ONCE = 64
MOST = {
    "calls of a close": 18,
    "rounds of a close": 10,
    "calls of an escalation": 16,
    "rounds of an escalation": 9,
    "latency at 100 ms": 1.15,
    "processor time": 15.0,
    "growth of memory": 1.05,
}
LEAST_PER_SECOND = 50.0
_STEPS = {
    "playbooks/mailbox_export": "judging: command lines, registers, verdict, briefing",
    "playbooks/command_line": "judging: command lines, registers, verdict, briefing",
    "playbooks/who": "judging: command lines, registers, verdict, briefing",
    "playbooks/folding": "judging: command lines, registers, verdict, briefing",
    "playbooks/moments": "judging: command lines, registers, verdict, briefing",
    "dataclasses": "dataclasses copied, written out and compared",
    "<string>": "dataclasses copied, written out and compared",
    "<template>": "comment (jinja2)",
    "urllib": "our clients",
    "playbooks/kql": "our clients",
    "playbooks/report": "comment (jinja2)",
    "jinja2": "comment (jinja2)",
    "markupsafe": "comment (jinja2)",
    "playbooks/clients": "our clients",
    "playbooks": "pipeline and messages",
    "kiota": "requests of msgraph-sdk",
    "msgraph": "requests of msgraph-sdk",
    "azure": "calls: azure-core, aiohttp",
    "aiohttp": "calls: azure-core, aiohttp",
    "yarl": "calls: azure-core, aiohttp",
    "json": "JSON",
    "asyncio": "event loop",
    "selectors": "event loop",
    "ssl": "TLS",
    "logging": "log",
}


class Triage:
    """The product bound to a far side, as the Functions worker would hold it."""

    def __init__(self, far: FarSide) -> None:
        environment = {name: value for name, value in far.addresses.items() if name != "workspace"}
        self.service = Service(environment, now=lambda: NOW)
        self._worker = Worker(self.service)
        self._place = far.addresses["workspace"].split("/")

    async def one(self, name: str) -> None:
        """One delivery of the message of one incident."""
        place = self._place
        message = TriageMessage(
            playbook="mailbox_export",
            subject=IncidentId(place[2], place[4], place[8], name),
            correlation_id=name,
            accepted_at=NOW,
        )
        await self._worker.triage(Delivery(text=message.encode(), message_id=name, dequeue_count=1))

    async def all(self, names: Sequence[str], *, at_once: int) -> None:
        """Every incident, so many in flight at a time."""
        waiting = iter(names)

        async def work() -> None:
            for name in waiting:
                await self.one(name)

        async with asyncio.TaskGroup() as group:
            for _ in range(at_once):
                group.create_task(work())


async def count(report: Report) -> Mapping[str, int]:
    """Calls by service, and rounds, of a close and of an escalation; the rounds of each."""
    from bench.far_side import REMOVAL, incident_of, tenant_of  # noqa: PLC0415
    from simulator.chain.settings import settings_for  # noqa: PLC0415 - the far side's, in this one process
    from simulator.eventstore import EventStore  # noqa: PLC0415
    from simulator.workspace import LocalWorkspace, Lockstep  # noqa: PLC0415

    rounds: dict[str, int] = {}
    for what, stations in (("a close", CALM), ("an escalation", ATTACKED)):
        tenant, store = tenant_of(stations), EventStore()
        async with LocalWorkspace(tenant, store, clock=lambda: NOW) as workspace:
            store.add_process_events(stations[0].events)
            later = {"TimeGenerated": (REMOVAL + timedelta(minutes=61)).isoformat(), "DvcHostname": "other"}
            store.add_process_events([later])
            name = incident_of(workspace, stations[0], 1)
            service = Service(settings_for(tenant, workspace), now=lambda: NOW)
            step = Lockstep(lambda: workspace.calls)
            workspace.pause_before_calls(step.pause)
            place = workspace.workspace_id.split("/")
            incident_id = IncidentId(place[2], place[4], place[8], name)
            async with service.clients:
                one = service.attempt(incident_id, playbook="mailbox_export", last=True)
                await pipeline.triage(load("mailbox_export"), service.clients, one)
            sent = [call for call in workspace.calls if not call.inner]
        store.close()
        by_service = dict(Counter(call.service for call in sent))
        parts = len(workspace.calls) - len(sent)
        report.add(f"calls of {what}", len(sent), unit="calls")
        report.add(f"rounds of {what}", len(step.rounds), unit="rounds")
        report.facts[f"calls of {what}"] = {**by_service, "parts of Graph batches": parts}
        rounds[what] = len(step.rounds)
    return rounds


def counted() -> tuple[Report, Mapping[str, int]]:
    """A report with the calls and rounds, and the rounds of each; for a process of its own.

    The objects of the local workspace would make each pass of the collector longer, by 0.5 ms an incident.
    """
    report = Report(name="triage")
    return report, asyncio.run(count(report))


async def latency(report: Report, rounds: Mapping[str, int], *, runs: int) -> None:
    """One incident at a time at 0, 20 and 100 ms a call, against rounds x delay."""
    for what, stations in (("a close", CALM), ("an escalation", ATTACKED)):
        with FarSide(stations) as far:
            triage = Triage(far)
            async with triage.service.clients:
                await triage.all([name for name, _ in far.incidents(3)], at_once=1)
                for milliseconds in (0, 20, 100):
                    far.delay(milliseconds / 1000)
                    for name, _ in far.incidents(runs):
                        begun = perf_counter()
                        await triage.one(name)
                        took = (perf_counter() - begun) * 1000
                        floor = f"{rounds[what]} rounds x {milliseconds} ms"
                        named = f"latency of {what} at {milliseconds} ms"
                        report.add(named, took, against=floor if milliseconds else "")
                        if milliseconds:
                            report.add(floor, rounds[what] * milliseconds)


async def processor(report: Report, *, incidents: int) -> None:
    """Processor time of this process for an incident, against as many plain GETs as it makes calls."""
    with FarSide(MANY) as far:
        triage = Triage(far)
        async with triage.service.clients as clients:
            await triage.all([name for name, _ in far.incidents(2 * len(MANY))], at_once=1)
            for _ in range(5):
                names = [name for name, _ in far.incidents(incidents // 5)]
                far.calls()
                busy = process_time()
                await triage.all(names, at_once=1)
                report.add(
                    "processor time of an incident",
                    (process_time() - busy) * 1000 / len(names),
                    against="as many GETs",
                )
                sent = sum(not inner for *_, inner in far.calls()) / len(names)
                busy = process_time()
                for _ in range(len(names)):
                    for _ in range(round(sent)):
                        await _get(clients, far)
                report.add("as many GETs", (process_time() - busy) * 1000 / len(names))
            report.facts["processor time by step (profile)"] = await _by_step(triage, far, incidents // 5)
            report.facts["calls of an incident (mean)"] = round(sent, 2)


async def _get(clients: object, far: FarSide) -> None:
    call = Call(source="x", method="GET", template="x", needs="")
    path = f"{far.addresses['workspace']}/providers/Microsoft.SecurityInsights/watchlists"
    rest = clients._arm  # type: ignore[attr-defined]  # noqa: SLF001 - the same pipeline as the triage's
    await rest.ask(call, path, query={"api-version": "2025-09-01"}, patience=Patience())


async def _by_step(triage: Triage, far: FarSide, number: int) -> dict[str, float]:
    """Milliseconds of an incident by what they were spent on; a profile makes everything slower alike."""
    names = [name for name, _ in far.incidents(number)]
    # What is written in C counts for whoever calls it, and waiting for nobody.
    profile = cProfile.Profile(process_time, builtins=False)
    profile.enable()
    await triage.all(names, at_once=1)
    profile.disable()
    spent: Counter[str] = Counter()
    for (file, _, _), (_, _, own, _, _) in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]
        spent[_step(file)] += own
    return {step: round(seconds * 1000 / number, 2) for step, seconds in spent.most_common()}


def _step(file: str) -> str:
    short = file.rpartition("site-packages/")[2] if "site-packages" in file else file.removeprefix(f"{ROOT}/")
    short = short.rpartition("python3.13/")[2]
    return next((step for start, step in _STEPS.items() if short.startswith(start)), "everything else")


async def many_at_once(
    report: Report, rounds: Mapping[str, int], *, incidents: int, certificate: Path
) -> None:
    """64 in flight over TLS at 20 ms a call: incidents a second, and facts of others in their comments."""
    with FarSide(MANY, certificate=certificate) as far:
        triage = Triage(far)
        async with triage.service.clients:
            await triage.all([name for name, _ in far.incidents(2 * len(MANY))], at_once=8)
            far.delay(0.02)
            for _ in range(3):
                made = far.incidents(incidents)
                begun, busy = perf_counter(), process_time()
                await triage.all([name for name, _ in made], at_once=AT_ONCE)
                took, busy = perf_counter() - begun, process_time() - busy
                name, allowed = "incidents a second, 64 at once", "what one core allows"
                report.add(name, incidents / took, unit="1/s", against=allowed)
                report.add(allowed, incidents / busy, unit="1/s")
                crossed, closed = _crossed(far, made)
                report.add("comments with another's facts", crossed, unit="comments")
                report.facts["closed at 64 at once"] = f"{closed} of {incidents}"
    report.facts["what the delay alone allows"] = round(AT_ONCE / (rounds["a close"] * 0.02), 1)


def _crossed(far: FarSide, made: Sequence[tuple[str, Station]]) -> tuple[int, int]:
    """Comments that name another host, account or mailbox, or not their own; and how many were closed."""
    crossed = closed = 0
    for (_, station), (status, comments) in zip(made, far.left([name for name, _ in made]), strict=True):
        others = [name for other in far.stations if other != station for name in other.names]
        closed += status == "Closed"
        right = len(comments) == 1 and all(name.lower() in comments[0].lower() for name in station.names)
        crossed += not right or any(name.lower() in comments[0].lower() for name in others)
        crossed += (status == "Closed") == station.is_attacked
    return crossed, closed


async def memory(report: Report, *, incidents: int) -> None:
    """Resident memory after the first tenth and after all of them, in one process."""
    with FarSide(MANY) as far:
        triage = Triage(far)
        async with triage.service.clients:
            step = max(incidents // 10, 1)
            for part in range(10):
                made = far.incidents(step)
                await triage.all([name for name, _ in made], at_once=AT_ONCE)
                far.left([name for name, _ in made])
                name = f"memory after {step} incidents"
                if part == 0:
                    report.add(name, _resident(), unit="MB")
            report.add(f"memory after {incidents} incidents", _resident(), unit="MB", against=name)


def _resident() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096 / 2**20


def missed(report: Report, rounds: Mapping[str, int], *, incidents: int) -> list[str]:
    """Promises that this run does not keep."""
    close = report.series
    checks = {
        **{name: close[name].median <= MOST[name] for name in MOST if name in close},
        "latency at 100 ms": all(
            (report.times(f"latency of {what} at 100 ms") or 0) <= MOST["latency at 100 ms"]
            for what in rounds
        ),
        "processor time": close["processor time of an incident"].median <= MOST["processor time"],
        "incidents a second": close["incidents a second, 64 at once"].median >= LEAST_PER_SECOND,
        "crossed facts": max(close["comments with another's facts"].numbers) == 0,
    }
    if incidents:
        grown = report.times(f"memory after {incidents} incidents") or 0
        checks["growth of memory"] = grown <= MOST["growth of memory"]
    return [name for name, kept in checks.items() if not kept]


async def run(arguments: argparse.Namespace, certificate: Path) -> int:
    """Everything, one after the other."""
    with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as pool:
        report, rounds = pool.submit(counted).result()
    await latency(report, rounds, runs=arguments.runs)
    await processor(report, incidents=arguments.incidents)
    await many_at_once(report, rounds, incidents=arguments.incidents, certificate=certificate)
    if arguments.memory:
        await memory(report, incidents=arguments.memory)
    broken = missed(report, rounds, incidents=arguments.memory)
    report.facts["promises missed"] = broken
    report.leave(as_json=arguments.json)
    return 1 if broken else 0


def main() -> int:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--incidents", type=int, default=200)
    parser.add_argument("--runs", type=int, default=10, help="incidents for each latency")
    parser.add_argument("--memory", type=int, default=10_000, help="incidents for memory; 0 leaves it out")
    parser.add_argument("--json", action="store_true")
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder:
        # Before the first client: aiohttp reads what it trusts when it is imported.
        return asyncio.run(run(parser.parse_args(), trust_own_certificate(Path(folder))))


if __name__ == "__main__":
    sys.exit(main())
