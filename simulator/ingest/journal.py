"""What was sent, row by row, in a file that survives a crash: never twice, never not at all.

The Logs Ingestion API has no idempotent call, so the journal keeps three things apart: rows that are
confirmed (204), rows under way whose answer never came (in doubt), and rows that were never sent. Each line
is on disk before the next step is taken.
"""

import json
import os
from bisect import bisect_right
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any, Self

from simulator.chain.problems import InputRefused, Problem
from simulator.ingest.target import Target

type Range = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run: what is sent where, and how far it is moved in time; fixed when it begins."""

    run_id: str
    target: Target
    source: str
    source_bytes: int
    events: int
    shift: timedelta
    ending: str
    began: datetime

    @property
    def document(self) -> dict[str, Any]:
        """The first line of the journal."""
        return {
            "run": self.run_id,
            **self.target.document,
            "source": self.source,
            "sourceBytes": self.source_bytes,
            "events": self.events,
            "shiftSeconds": self.shift.total_seconds(),
            "ending": self.ending,
            "began": self.began.isoformat(),
        }

    @classmethod
    def of_document(cls, written: dict[str, Any]) -> Self:
        """The reverse. Raises KeyError, TypeError or ValueError for another document."""
        return cls(
            run_id=str(written["run"]),
            target=Target(endpoint=written["endpoint"], rule_id=written["rule"], stream=written["stream"]),
            source=written["source"],
            source_bytes=int(written["sourceBytes"]),
            events=int(written["events"]),
            shift=timedelta(seconds=float(written["shiftSeconds"])),
            ending=written["ending"],
            began=datetime.fromisoformat(written["began"]),
        )


@dataclass(slots=True, kw_only=True)
class Journal:
    """The state of a run. `confirmed` and `doubtful` are ranges of row numbers, both ends included."""

    path: Path
    run: Run
    confirmed: set[Range] = field(default_factory=set)
    doubtful: set[Range] = field(default_factory=set)
    _file: IO[str] | None = None

    @property
    def confirmed_rows(self) -> int:
        """How many rows the service has confirmed."""
        return sum(last - first + 1 for first, last in self.confirmed)

    def settled(self) -> Callable[[int], bool]:
        """Whether a row must not be sent now: it is confirmed or in doubt, as of this moment."""
        ranges = sorted(self.confirmed | self.doubtful)
        starts = [first for first, _ in ranges]

        def is_settled(number: int) -> bool:
            place = bisect_right(starts, number) - 1
            return place >= 0 and number <= ranges[place][1]

        return is_settled

    def sending(self, rows: Range) -> None:
        """These rows are about to be sent: in doubt until something else is known."""
        self.doubtful.add(rows)
        self._write("sending", rows)

    def confirm(self, rows: Range) -> None:
        """The service has them."""
        self.doubtful.discard(rows)
        self.confirmed.add(rows)
        self._write("confirmed", rows)

    def refuse(self, rows: Range) -> None:
        """The service surely does not have them: they are to be sent again."""
        self.doubtful.discard(rows)
        self._write("refused", rows)

    @contextmanager
    def writing(self) -> Iterator[Self]:
        """Opens the file for further lines; one writer at a time. Raises OSError."""
        _drop_cut_line(self.path)
        with self.path.open("a", encoding="utf-8", newline="\n") as file:
            self._file = file
            if file.tell() == 0:
                self._line(self.run.document)
            yield self
        self._file = None

    def _write(self, event: str, rows: Range) -> None:
        self._line({"event": event, "rows": list(rows)})

    def _line(self, document: dict[str, Any]) -> None:
        if self._file is None:
            raise OSError("the journal is not open for writing")
        self._file.write(json.dumps(document) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())


def _drop_cut_line(path: Path) -> None:
    """A crash may have left half a line, which the next one must not be glued to."""
    if path.is_file():
        whole = path.read_bytes().rpartition(b"\n")
        with path.open("r+b") as file:
            file.truncate(len(whole[0]) + len(whole[1]))


def journal_path(folder: Path, run_id: str) -> Path:
    """Beside the folder: `<folder>.ingest-<run>.jsonl`."""
    return folder.resolve().with_name(f"{folder.resolve().name}.ingest-{run_id}.jsonl")


def read_journal(path: Path) -> Journal:
    """The state that a run was left in. A last line cut off by a crash is passed over.

    Raises InputRefused where the file is no journal, or OSError.
    """
    lines = path.read_text(encoding="utf-8").split("\n")
    try:
        journal = Journal(path=path, run=Run.of_document(json.loads(lines[0])))
        whole = [json.loads(line) for line in lines[1:-1] if line]
    except (ValueError, KeyError, TypeError) as error:
        raise InputRefused([Problem(file=str(path), message=f"is no journal of `ingest`: {error}")]) from None
    for entry in whole:
        rows = (entry["rows"][0], entry["rows"][1])
        journal.doubtful.discard(rows)
        if entry["event"] == "confirmed":
            journal.confirmed.add(rows)
        elif entry["event"] == "sending":
            journal.doubtful.add(rows)
    return journal
