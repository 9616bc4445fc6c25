"""How fast events are made, against a fake row at a time: both measured in one run, on one core.

    python bench/generation.py [--rows 5000000] [--json]

A rate is rows for each second of processor time, so that other work on the machine counts less; wall
time stands beside it. `parquet`, `jsonl` and `csv` are whole runs of `generate`, files on disk included.
`jsonl made` makes every byte of the same lines and hands them to the null device, since Faker writes
nothing either: what a disk and its cache take differs a lot from machine to machine. Exit status 1 where
`parquet` is below 400 times Faker, `jsonl made` below 250 times, or memory above 400 MB.
"""

import argparse
import json
import multiprocessing
import os
import resource
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, process_time

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

KINDS = ("parquet", "jsonl", "csv")
MADE = "jsonl made"
PROMISED = {"parquet": 400, MADE: 250}
MOST_MEGABYTES = 400
FAKE_ROWS = 5_000
ROUNDS = 2
"""The best of so many rounds counts, for both sides alike."""


def fake_row_maker() -> Callable[[], dict[str, object]]:
    """Fifteen columns of a process event, each by a call of Faker: the plain way to do it."""
    from faker import Faker  # noqa: PLC0415 - measured in a process of its own

    fake = Faker()
    fake.seed_instance(1)
    programs = [rf"C:\Windows\System32\{name}.exe" for name in ("svchost", "cmd", "conhost", "taskhostw")]
    products = ("Sysmon", "Security Events", "M365 Defender for Endpoint")

    def row() -> dict[str, object]:
        return {
            "TimeGenerated": fake.iso8601(),
            "EventOriginalUid": fake.uuid4(),
            "EventProduct": fake.random_element(products),
            "DvcHostname": fake.hostname(0),
            "DvcIpAddr": fake.ipv4_private(),
            "ActorUsername": fake.user_name(),
            "ActorUserId": fake.numerify("S-1-5-21-%%%%%%%%%-1%%%"),
            "TargetUsername": fake.user_name(),
            "ActingProcessName": fake.random_element(programs),
            "ActingProcessId": str(fake.random_int(800, 64_000)),
            "ActingProcessGuid": fake.uuid4(),
            "TargetProcessName": fake.random_element(programs),
            "TargetProcessCommandLine": f"{fake.random_element(programs)} {fake.word()}",
            "TargetProcessId": str(fake.random_int(800, 64_000)),
            "TargetProcessGuid": fake.uuid4(),
        }

    return row


def measure_faker() -> dict[str, float]:
    """Rows of a fake each second."""
    row = fake_row_maker()
    begun, busy = perf_counter(), process_time()
    for _ in range(FAKE_ROWS):
        row()
    return {"rows": FAKE_ROWS, "seconds": process_time() - busy, "wall": perf_counter() - begun}


def measure_generation(kind: str, rows: int) -> dict[str, float]:
    """A whole `generate` with every scenario, start to end, on one thread."""
    from simulator.generate import generate  # noqa: PLC0415 - measured in a process of its own

    with tempfile.TemporaryDirectory(dir=ROOT / "out") as folder:
        begun, busy = perf_counter(), process_time()
        summary = generate(
            7,
            out=Path(folder),
            days=5,
            events=rows,
            attacks="attacks",
            benign="closable,open_work,near_misses",
            format=kind,
        )
        seconds, wall = process_time() - busy, perf_counter() - begun
        size = sum(path.stat().st_size for path in Path(folder).glob("events*"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"rows": summary.events, "seconds": seconds, "wall": wall, "peakMB": peak, "fileMB": size / 1e6}


def measure_making(rows: int) -> dict[str, float]:
    """The same background as JSON lines, on one thread, to where nothing is kept."""
    from simulator.columns.drawing import background  # noqa: PLC0415 - measured in a process of its own
    from simulator.columns.fragments import JSON  # noqa: PLC0415
    from simulator.columns.typesetting import typesetter  # noqa: PLC0415
    from simulator.organisation import organise  # noqa: PLC0415
    from simulator.plan import Plan  # noqa: PLC0415

    begun, busy = perf_counter(), process_time()
    noise = background(organise(7), days=Plan(seed=7, days=5).dates, rows=rows, seed=7)
    setter = typesetter(noise.repertoire, JSON)
    with Path(os.devnull).open("wb", buffering=0) as nowhere:
        for batch in range(noise.batches):
            nowhere.writelines(lines.letters.data for lines in setter.lines(noise.draw(batch)))
    seconds, wall = process_time() - busy, perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"rows": rows, "seconds": seconds, "wall": wall, "peakMB": peak}


def best_of(rounds: list[dict[str, float]]) -> dict[str, float]:
    """The fastest round, with its rate."""
    best = min(rounds, key=lambda one: one["seconds"])
    told = {**best, "rowsPerSecond": best["rows"] / best["seconds"]}
    return {name: round(number, 2) for name, number in told.items()}


def apart(work: Callable[..., dict[str, float]], *arguments: object) -> dict[str, float]:
    """Runs in a process of its own, so that each is measured from a fresh start."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work, arguments)


def measure(rows: int) -> dict[str, dict[str, float]]:
    """Faker and every format, in turns, so that both see the same weather."""
    rounds: dict[str, list[dict[str, float]]] = {name: [] for name in ("faker", MADE, *KINDS)}
    for _ in range(ROUNDS):
        rounds["faker"].append(apart(measure_faker))
        rounds[MADE].append(apart(measure_making, rows))
        for kind in KINDS:
            rounds[kind].append(apart(measure_generation, kind, rows))
    told = {name: best_of(measured) for name, measured in rounds.items()}
    for one in told.values():
        one["timesFaker"] = round(one["rowsPerSecond"] / told["faker"]["rowsPerSecond"], 1)
    return told


def main() -> int:
    """Measures, prints, and says whether the promise holds."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    (ROOT / "out").mkdir(exist_ok=True)
    told = measure(asked.rows)
    if asked.json:
        print(json.dumps(told, indent=2))
    else:
        for name, one in told.items():
            print(f"{name}: " + ", ".join(f"{what} {number:,}" for what, number in one.items()))
        print(json.dumps(told))
    fast = all(told[name]["timesFaker"] >= promised for name, promised in PROMISED.items())
    good = fast and all(told[kind]["peakMB"] < MOST_MEGABYTES for kind in KINDS)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
