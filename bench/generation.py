"""How fast events are made, against a fake row at a time: both measured in one run, on one core.

    python bench/generation.py [--rows 2000000] [--json]

A rate is rows for each second of processor time, so that other work on the machine counts less; wall
time stands beside it. Exit status 1 where a ratio is below what is promised (400 for Parquet, 250 for
JSON lines) or memory above 400 MB.
"""

import argparse
import json
import multiprocessing
import resource
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, process_time

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

PROMISED = {"parquet": 400, "jsonl": 250, "csv": 0}
MOST_MEGABYTES = 400
FAKE_ROWS = 5_000
ROUNDS = 3
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
    rounds: dict[str, list[dict[str, float]]] = {"faker": [], **{kind: [] for kind in PROMISED}}
    for _ in range(ROUNDS):
        rounds["faker"].append(apart(measure_faker))
        for kind in PROMISED:
            rounds[kind].append(apart(measure_generation, kind, rows))
    told = {name: best_of(measured) for name, measured in rounds.items()}
    for kind, promised in PROMISED.items():
        told[kind]["ratio"] = round(told[kind]["rowsPerSecond"] / told["faker"]["rowsPerSecond"], 1)
        told[kind]["promised"] = promised
    return told


def main() -> int:
    """Measures, prints, and says whether the promise holds."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    (ROOT / "out").mkdir(exist_ok=True)
    told = measure(asked.rows)
    if asked.json:
        print(json.dumps(told, indent=2))
    else:
        print(f"{'':10}{'rows/s':>12}{'ratio':>9}{'promised':>10}{'wall s':>9}{'peak MB':>9}{'file MB':>10}")
        for name, one in told.items():
            print(
                f"{name:10}{one['rowsPerSecond']:>12,.0f}{one.get('ratio', 1):>9}{one.get('promised', ''):>10}"
                f"{one['wall']:>9}{one.get('peakMB', ''):>9}{one.get('fileMB', ''):>10}"
            )
        print(json.dumps(told))
    good = all(
        told[kind]["ratio"] >= promised and told[kind]["peakMB"] < MOST_MEGABYTES
        for kind, promised in PROMISED.items()
    )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
