"""How many labelled cases a second `score` takes through the whole chain, and where the time goes.

    python bench/score.py [cases.jsonl --tenant tenant.json] [--rounds 3] [--json]

Without a case file the cases are made: a generated folder, one case for each of its sequences. A rate counts
from the last case of the first batch to the last case, so that starting hosts and planning rules once is
not in it, and every later batch is, its rules included; what a case costs is processor time of this process
(logs, rules, workspace) and of the Functions hosts, start-up left out too. `one core` is the whole chain,
hosts included, held on one core. `rules` are the rules of all playbooks, for a batch of cases at once and,
for comparison, for each case in a store of its own. Exit status 1 where the best round takes fewer than 10
cases a second on all cores or 25 on one.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from time import perf_counter, process_time

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.measure import Report, one_core  # noqa: E402 - the path is set above

WARM = 64
"""Outcomes that are not counted, the first batch of rules: until then hosts start and plans are made."""
PROMISED = {"all cores": 10.0, "one core": 25.0}


def make_cases(folder: Path) -> tuple[Path, Path]:
    """Case file and tenant file: the sequences of a generated folder, each with its own events."""
    from simulator.generate import generate  # noqa: PLC0415 - paid for where it is used

    generate(
        7,
        out=folder,
        days=5,
        events=3_000,
        attacks="attacks",
        benign="closable,open_work,near_misses",
        format="jsonl",
    )
    path = folder / "cases.jsonl"
    path.write_text("".join(json.dumps(case) + "\n" for case in _cases_of(folder)), encoding="utf-8")
    return path, folder / "tenant.json"


def _cases_of(folder: Path) -> Iterator[dict[str, object]]:
    with (folder / "events.jsonl").open(encoding="utf-8") as rows:
        events = {row["EventOriginalUid"]: row for row in map(json.loads, rows)}
    for line in (folder / "truth.jsonl").read_text(encoding="utf-8").splitlines():
        truth = json.loads(line)
        yield {
            **{name: truth[name] for name in ("id", "label", "expected", "scenario")},
            "events": [events[uid] for uid in truth["events"]],
        }


def measure_chain(cases: str, tenant: str, *, pinned: bool) -> dict[str, float]:
    """Rate and costs of one run; `pinned` holds everything on one core."""
    from simulator.chain.cases import read_cases  # noqa: PLC0415 - measured in a process of its own
    from simulator.chain.results import CaseOutcome, Outcome  # noqa: PLC0415
    from simulator.chain.scoring import score_cases  # noqa: PLC0415
    from simulator.chain.tenant import read_tenant  # noqa: PLC0415

    if pinned:
        one_core()
    read = read_cases(Path(cases), read_tenant(Path(tenant)))
    warm = min(WARM, len(read) - 2)
    heard: list[CaseOutcome] = []
    marks: list[tuple[float, float, float]] = []

    def told(outcome: CaseOutcome) -> None:
        heard.append(outcome)
        # Looking at the clocks takes a millisecond and a half, which is none of a case's own.
        if len(heard) in (warm + 1, len(read)):
            marks.append((perf_counter(), process_time(), children_seconds()))

    outcomes = asyncio.run(score_cases(read, told=told))
    counted = len(read) - 1 - warm
    wall, own, hosts = (later - earlier for earlier, later in zip(*marks, strict=True))
    return {
        "rate": counted / wall,
        "chain": own / counted * 1000,
        "hosts": hosts / counted * 1000,
        "errors": float(sum(one.outcome is Outcome.ERROR for one in outcomes)),
    }


def measure_rules(cases: str, tenant: str) -> dict[str, float]:
    """Processor milliseconds a case of the rules alone, after the first batch: together, and one by one."""
    from simulator.chain.cases import Case, playbook_of_case, read_cases  # noqa: PLC0415 - as above
    from simulator.chain.scoring import events_of  # noqa: PLC0415
    from simulator.chain.sightings import Watch  # noqa: PLC0415
    from simulator.chain.tenant import read_tenant  # noqa: PLC0415
    from simulator.eventstore import EventStore, SeparateLogs  # noqa: PLC0415

    store, watch = EventStore(), Watch()

    def one_by_one(part: Sequence[Case]) -> None:
        for case in part:
            store.clear()
            store.add_process_events(events_of(case))
            watch.gatherings(store, dns=case.tenant["organisation"]["dns"])

    def together(part: Sequence[Case]) -> None:
        logs.replace((events_of(case), []) for case in part)
        suffixes = [case.tenant["organisation"]["dns"] for case in part]
        watch.gatherings_each(logs, dns=suffixes, playbooks=list(map(playbook_of_case, part)))

    read = read_cases(Path(cases), read_tenant(Path(tenant)))
    with SeparateLogs() as logs:
        took = {"together": _after_first(together, read), "one by one": _after_first(one_by_one, read)}
    store.close()
    return took


def _after_first[T](work: Callable[[Sequence[T]], None], cases: Sequence[T]) -> float:
    """Processor milliseconds a case, the first batch left out."""
    seconds = {}
    for place in range(0, len(cases), WARM):
        begun = process_time()
        work(cases[place : place + WARM])
        seconds[place] = process_time() - begun
    counted = {place: took for place, took in seconds.items() if place} or seconds
    return sum(counted.values()) / (len(cases) - min(counted)) * 1000


def children_seconds() -> float:
    """Processor seconds so far of the processes that this one started (Linux)."""
    ticks = 0
    for task in Path("/proc/self/task").iterdir():
        for child in (task / "children").read_text().split():
            fields = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def apart[**P](work: Callable[P, dict[str, float]], *args: P.args, **named: P.kwargs) -> dict[str, float]:
    """Runs in a process of its own, so that each is measured from a fresh start."""
    # Not daemonic, since it starts the hosts.
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work, args, named)


def gathered(cases: str, tenant: str, rounds: int) -> Report:
    """All rounds, the ways in turns."""
    report = Report(name="score")
    for _ in range(rounds):
        for name, pinned in (("all cores", False), ("one core", True)):
            run = apart(measure_chain, cases, tenant, pinned=pinned)
            _note(report, name, run)
        rules = apart(measure_rules, cases, tenant)
        report.add("rules one by one, a case", rules["one by one"])
        report.add("rules together, a case", rules["together"], against="rules one by one, a case")
    return report


def _note(report: Report, name: str, run: Mapping[str, float]) -> None:
    report.add(f"rate, {name}", run["rate"], unit="cases/s")
    report.add(f"chain, {name}", run["chain"])
    report.add(f"hosts, {name}", run["hosts"], against=f"chain, {name}")
    report.add(f"no verdict, {name}", run["errors"], unit="cases")


def main() -> int:
    """Measures, prints, and says whether the promise holds."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cases", type=Path, nargs="?")
    parser.add_argument("--tenant", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    os.environ.pop("CONTAINER_NAME", None)
    (ROOT / "out").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ROOT / "out") as folder:
        made = make_cases(Path(folder)) if asked.cases is None else (asked.cases, asked.tenant)
        report = gathered(str(made[0]), str(made[1]), asked.rounds)
    report.leave(as_json=asked.json)
    good = all(max(report.series[f"rate, {name}"].numbers) >= least for name, least in PROMISED.items())
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
