"""How fast events are made, against a fake row at a time: both measured in one run, on one core.

    python bench/generation.py [--rows 10000000] [--json]

`parquet`, `jsonl` and `csv` are whole runs of `generate` with every scenario, files included. `faker` makes
the same columns row by row, fifteen of them by calls of Faker and the rest fixed, and writes them in the same
format to the same folder; its CSV is taken to be as fast as its JSON lines. Each measurement has a process of
its own, held to one core where the system can do that, and the best of two rounds counts for every one.

A rate is rows for each second of processor time, so that other work on the machine counts less; the rate by
the clock on the wall stands beside it. `plain write` writes as many bytes as the JSON lines have, from memory
to the same folder, once as programs do and once until the disk has them: the least that the wall can show.

The distinct values of each column are counted in the Parquet file. Exit status 1 where `parquet` is below 400
times, `jsonl` below 250 times as fast as Faker on one core, or memory above 400 MB.
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
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

KINDS = ("parquet", "jsonl", "csv")
PROMISED = {"parquet": 400, "jsonl": 250}
MOST_MEGABYTES = 400
FAKE_ROWS = 10_000
ROUNDS = 2
"""The best of so many rounds counts, for all sides alike."""
DISK = "plain write"

type Measured = dict[str, Any]


def fake_row_maker() -> Callable[[], dict[str, object]]:
    """The columns of a generated row, fifteen of them each by a call of Faker: the plain way to do it."""
    from faker import Faker  # noqa: PLC0415 - measured in a process of its own

    from simulator.columns.repertoire import repertoire  # noqa: PLC0415
    from simulator.organisation import organise  # noqa: PLC0415

    fixed = next(repertoire(organise(7), seed=7).examples())
    fake = Faker()
    fake.seed_instance(1)
    programs = [rf"C:\Windows\System32\{name}.exe" for name in ("svchost", "cmd", "conhost", "taskhostw")]
    products = ("Sysmon", "Security Events", "M365 Defender for Endpoint")

    def row() -> dict[str, object]:
        return fixed | {
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


def measure_faker(kind: str, rows: int) -> Measured:
    """Rows of a fake each second, written to disk."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    row = fake_row_maker()
    row()
    with tempfile.TemporaryDirectory(dir=ROOT / "out") as folder:
        path = Path(folder) / f"events.{kind}"
        begun, busy = perf_counter(), process_time()
        if kind == "parquet":
            pq.write_table(pa.Table.from_pylist([row() for _ in range(rows)]), path)
        else:
            with path.open("w", encoding="utf-8") as file:
                for _ in range(rows):
                    file.write(json.dumps(row(), ensure_ascii=False, separators=(",", ":")) + "\n")
        return taken(rows, begun, busy) | {"bytesPerRow": round(path.stat().st_size / rows)}


def measure_generation(kind: str, rows: int) -> Measured:
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
            format=kind,  # type: ignore[arg-type]
        )
        told = taken(summary.events, begun, busy)
        told["peakMB"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        file = Path(folder) / f"events.{kind}"
        told["fileMB"] = round(file.stat().st_size / 1e6)
        told["bytesPerRow"] = round(file.stat().st_size / summary.events)
        if kind == "parquet":
            told["distinct"] = distinct_values(file)
        return told


def measure_disk(megabytes: int) -> Measured:
    """Writes so many megabytes from memory, a megabyte at a time, then waits for the disk."""
    megabyte = os.urandom(1 << 20)
    with tempfile.TemporaryFile(dir=ROOT / "out", buffering=0) as file:
        begun, busy = perf_counter(), process_time()
        for _ in range(megabytes):
            file.write(megabyte)
        seconds, wall = process_time() - busy, perf_counter() - begun
        os.fsync(file.fileno())
        return {
            "fileMB": megabytes,
            "seconds": round(seconds, 2),
            "wall": round(wall, 2),
            "wallUntilOnDisk": round(perf_counter() - begun, 2),
        }


def distinct_values(file: Path) -> dict[str, int]:
    """How many different values each column has."""
    import duckdb  # noqa: PLC0415

    with duckdb.connect() as connection:
        names = [
            column[0]
            for column in connection.execute("FROM read_parquet(?) LIMIT 0", [str(file)]).description
        ]
        counts = {}
        for name in names:
            question = f'SELECT count(DISTINCT "{name}") FROM read_parquet(?)'  # noqa: S608 - our own names
            counts[name] = connection.execute(question, [str(file)]).fetchall()[0][0]
    return counts


def taken(rows: int, begun: float, busy: float) -> Measured:
    """Processor and wall time since, and rates."""
    seconds, wall = process_time() - busy, perf_counter() - begun
    return {
        "rows": rows,
        "seconds": round(seconds, 2),
        "wall": round(wall, 2),
        "rowsPerSecond": round(rows / seconds),
        "rowsPerWallSecond": round(rows / wall),
    }


def hold_to_one_core() -> None:
    """Keeps a process and its threads on one core, where the system can."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def apart(work: Callable[..., Measured], *arguments: object) -> Measured:
    """Runs in a process of its own, so that each is measured from a fresh start."""
    with multiprocessing.get_context("spawn").Pool(1, initializer=hold_to_one_core) as pool:
        measured: Measured = pool.apply(work, arguments)
    told = {name: cell for name, cell in measured.items() if name != "distinct"}
    print(work.__name__, *arguments, told, file=sys.stderr)
    return measured


def measure(rows: int) -> dict[str, Measured]:
    """Faker, every format and the disk, in turns, so that all see the same weather."""
    rounds: dict[str, list[Measured]] = {}
    for _ in range(ROUNDS):
        for kind in KINDS:
            if kind != "csv":
                rounds.setdefault(f"faker {kind}", []).append(apart(measure_faker, kind, FAKE_ROWS))
            rounds.setdefault(kind, []).append(apart(measure_generation, kind, rows))
        rounds.setdefault(DISK, []).append(apart(measure_disk, rounds["jsonl"][-1]["fileMB"]))
    told = {name: min(measured, key=lambda one: one["seconds"]) for name, measured in rounds.items()}
    for kind in KINDS:
        fake, one = told["faker parquet" if kind == "parquet" else "faker jsonl"], told[kind]
        one["timesFaker"] = round(one["rowsPerSecond"] / fake["rowsPerSecond"], 1)
        one["timesFakerOnTheWall"] = round(one["rowsPerWallSecond"] / fake["rowsPerWallSecond"], 1)
    return told


def show(told: dict[str, Measured]) -> None:
    """A line for each measurement, then the distinct values."""
    distinct = told["parquet"]["distinct"]
    for name, one in told.items():
        print(f"{name}: " + ", ".join(f"{what} {cell:,}" for what, cell in one.items() if what != "distinct"))
    print(f"\ndistinct values in {told['parquet']['rows']:,} rows")
    for name, count in distinct.items():
        print(f"  {name:<28} {count:>12,}")
    print(
        f"\nby the clock on the wall, JSON lines took {told['jsonl']['wall']} s; their bytes alone, written"
        f" from memory, took {told[DISK]['wall']} s, and {told[DISK]['wallUntilOnDisk']} s until on disk"
    )


def main() -> int:
    """Measures, prints, and says whether the promise holds."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    (ROOT / "out").mkdir(exist_ok=True)
    told = measure(asked.rows)
    if asked.json:
        print(json.dumps(told, indent=2))
    else:
        show(told)
    fast = all(told[name]["timesFaker"] >= promised for name, promised in PROMISED.items())
    good = fast and all(told[kind]["peakMB"] < MOST_MEGABYTES for kind in KINDS)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
