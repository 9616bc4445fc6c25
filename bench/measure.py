"""What every benchmark here tells alike: medians with minimum and maximum, the machine, a file and a table.

A benchmark gathers numbers in `Series`, one for each thing it times, all in one run; `Report.leave` writes
`out/bench/NAME.json` and prints a Markdown table for the documentation. A figure says what it is compared
with: `times` is its median as a multiple of the median of another series of the same run.
"""

import json
import os
import platform
import statistics
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from time import perf_counter, process_time

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "out" / "bench"
_LIBRARIES = ("aiohttp", "azure-core", "azure-functions-runtime", "duckdb", "duckdb-kql", "msgraph-sdk")


@dataclass(slots=True, kw_only=True)
class Series:
    """Numbers of one thing in one unit; `against` names the series that it is compared with."""

    name: str
    unit: str
    against: str = ""
    numbers: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """The middle number. Raises StatisticsError where there is none."""
        return statistics.median(self.numbers)


@dataclass(slots=True, kw_only=True)
class Report:
    """The series of one benchmark, by name and in order, and facts that are no series."""

    name: str
    series: dict[str, Series] = field(default_factory=dict)
    facts: dict[str, object] = field(default_factory=dict)

    def add(self, name: str, number: float, *, unit: str = "ms", against: str = "") -> None:
        """One more number of a series; the first one makes it."""
        series = self.series.setdefault(name, Series(name=name, unit=unit, against=against))
        series.numbers.append(number)

    def times(self, name: str) -> float | None:
        """The median as a multiple of that which it is compared with; None where it is with nothing."""
        one = self.series[name]
        other = self.series.get(one.against)
        return one.median / other.median if other is not None and other.median else None

    @property
    def document(self) -> dict[str, object]:
        """What the JSON file holds."""
        return {
            "benchmark": self.name,
            "machine": machine(),
            "facts": self.facts,
            "figures": [self._figure(one) for one in self.series.values()],
        }

    @property
    def table(self) -> str:
        """A Markdown table: one line a series."""
        lines = ["| what | unit | median | min | max | times | of |", "|---|---|--:|--:|--:|--:|---|"]
        for one in self.series.values():
            numbers = " | ".join(_short(n) for n in (one.median, min(one.numbers), max(one.numbers)))
            times = self.times(one.name)
            compared = f"{times:.2f} | {one.against}" if times is not None else " | "
            lines.append(f"| {one.name} | {one.unit} | {numbers} | {compared} |")
        return "\n".join(lines)

    def leave(self, *, as_json: bool = False) -> Path:
        """Writes the JSON file and prints the table, or the document where `as_json`; returns the file."""
        FOLDER.mkdir(parents=True, exist_ok=True)
        path = FOLDER / f"{self.name}.json"
        text = json.dumps(self.document, indent=2)
        path.write_text(text + "\n", encoding="utf-8")
        sys.stdout.write((text if as_json else f"{self.table}\n\n{_told(self.facts)}") + "\n")
        return path

    def _figure(self, one: Series) -> dict[str, object]:
        times = self.times(one.name)
        return {
            "name": one.name,
            "unit": one.unit,
            "median": round(one.median, 4),
            "min": round(min(one.numbers), 4),
            "max": round(max(one.numbers), 4),
            "runs": len(one.numbers),
            **({"times": round(times, 3), "against": one.against} if times is not None else {}),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Took:
    """One run's wall time and the processor time of this process, all threads, in milliseconds."""

    wall: float
    processor: float


def timed(work: Callable[[], object]) -> Took:
    """Runs `work` once, and says what it took."""
    begun, busy = perf_counter(), process_time()
    work()
    wall, processor = perf_counter() - begun, process_time() - busy
    return Took(wall=wall * 1000, processor=processor * 1000)


def in_turns(works: Mapping[str, Callable[[], object]], *, rounds: int) -> dict[str, list[Took]]:
    """Runs every work once a round, one after the other, so that all of them see the same weather."""
    took: dict[str, list[Took]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            took[name].append(timed(work))
    return took


def machine() -> dict[str, object]:
    """What the figures were taken on: processor, cores, load at the time, and versions."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "coresAllowed": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "memoryGB": _memory(),
        "loadAverage": [round(load, 2) for load in os.getloadavg()],
        "system": platform.system(),
        "python": platform.python_version(),
        **_versions(_LIBRARIES),
    }


def one_core() -> None:
    """Keeps this process, and those that it starts, on the first core it may use (Linux)."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.machine()


def _memory() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (ValueError, OSError):
        return None


def _versions(names: Iterable[str]) -> dict[str, str]:
    return {name: version(name) for name in names}


def _short(number: float) -> str:
    return f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.3g}"


def _told(facts: Mapping[str, object]) -> str:
    return "\n".join(f"- {name}: {fact}" for name, fact in facts.items())
