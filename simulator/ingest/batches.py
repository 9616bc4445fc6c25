"""Events read from a folder in order, marked with their run, and cut into calls of bounded size."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from simulator.chain.problems import InputRefused, Problem
from simulator.event_sources import read_rows
from simulator.ingest.shifting import shifted

MOST_BYTES = 1_000_000
"""One call, unpacked: the service takes 1 MB, counted before and after compression."""
RUN_ID = "simulationRunId"
ROW_NUMBER = "simulationRow"


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """The rows `first` to `last` of the folder (from 0, both included) as one JSON array of `rows`."""

    first: int
    rows: tuple[str, ...]

    @property
    def last(self) -> int:
        """Number of the last row."""
        return self.first + len(self.rows) - 1

    @property
    def body(self) -> bytes:
        """The JSON array to send."""
        return f"[{','.join(self.rows)}]".encode()

    def halves(self) -> tuple["Batch", "Batch"]:
        """The same rows as two batches. Raises ValueError for a single row."""
        if len(self.rows) < 2:
            raise ValueError("a single row cannot be cut")
        middle = len(self.rows) // 2
        return (
            Batch(first=self.first, rows=self.rows[:middle]),
            Batch(first=self.first + middle, rows=self.rows[middle:]),
        )


def marked(row: Mapping[str, Any], *, run_id: str, number: int, by: timedelta) -> dict[str, Any]:
    """The row as it is sent: moved in time, run and number in AdditionalFields, empty cells left out."""
    more = row.get("AdditionalFields") or {}
    fields = json.loads(more) if isinstance(more, str) else dict(more)
    moved = {name: cell for name, cell in shifted(row, by).items() if cell not in (None, "")}
    return {**moved, "AdditionalFields": {**fields, RUN_ID: run_id, ROW_NUMBER: number}}


def cut_batches(
    rows: Iterator[str], *, skip: Callable[[int], bool], most_bytes: int = MOST_BYTES, most_rows: int = 5_000
) -> Iterator[Batch]:
    """Batches of JSON texts (ASCII), in order; numbers that `skip` knows are left out and end a batch.

    Raises InputRefused for a row that alone is too large.
    """
    first, kept, size = 0, list[str](), 2
    for number, text in enumerate(rows):
        weight = len(text) + 1
        if weight + 2 > most_bytes:
            raise InputRefused([Problem(file="events", line=number + 1, message="is too large for one call")])
        skipped = skip(number)
        if kept and (skipped or size + weight > most_bytes or len(kept) == most_rows):
            yield Batch(first=first, rows=tuple(kept))
            kept, size = [], 2
        if not skipped:
            first = first if kept else number
            kept.append(text)
            size += weight
    if kept:
        yield Batch(first=first, rows=tuple(kept))


def span_of(source: Path) -> tuple[int, str, str]:
    """How many events a source holds, and the first and last TimeGenerated as written.

    Raises InputRefused where it holds none, or no TimeGenerated.
    """
    count, first, last = 0, "", ""
    for row in read_rows(source):
        count += 1
        moment = str(row.get("TimeGenerated") or "")
        if not moment:
            raise InputRefused([Problem(file=str(source), line=count, message="has no TimeGenerated")])
        first, last = min(first or moment, moment), max(last, moment)
    if not count:
        raise InputRefused([Problem(file=str(source), message="holds no event")])
    return count, first, last


def as_text(row: Mapping[str, Any]) -> str:
    """One row as compact JSON in ASCII: a command line may hold half a surrogate pair, which UTF-8 cannot."""
    return json.dumps(row, separators=(",", ":"), default=str)
