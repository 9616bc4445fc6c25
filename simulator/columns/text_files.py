"""Files of lines: JSON lines and CSV."""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simulator.columns.drawing import Background
from simulator.columns.fragments import CSV, JSON, Encoding
from simulator.columns.in_order import in_order
from simulator.columns.known import Known
from simulator.columns.lines import Lines, Typesetter
from simulator.columns.long_file import LongFile
from simulator.columns.typesetting import typesetter

ENCODINGS = {"jsonl": JSON, "csv": CSV}

type Piece = bytes | memoryview


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    """A batch as pieces of text, and how many rows these hold."""

    pieces: Iterator[Piece]
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Printer:
    """Makes pages of batches, with the known lines where they belong."""

    background: Background
    typesetter: Typesetter
    known: Known
    lines: tuple[bytes, ...]

    def page(self, batch: int) -> _Page:
        """The rows of a batch and the known rows that belong to it."""
        drawn = self.background.draw(batch)
        among = self.known.among(self.background, first=batch, after=batch + 1)
        places = np.searchsorted(drawn.moments, self.known.moments[among.start : among.stop]).tolist()
        waiting = deque(zip(places, self.lines[among.start : among.stop], strict=True))
        pieces = _mixed(self.typesetter.lines(drawn), waiting)
        return _Page(pieces=pieces, rows=drawn.size + len(among))

    def finished(self, batch: int) -> _Page:
        """The same, made at once rather than when it is written."""
        page = self.page(batch)
        return _Page(pieces=iter(list(page.pieces)), rows=page.rows)


def _mixed(made: Iterator[Lines], waiting: deque[tuple[int, bytes]]) -> Iterator[Piece]:
    """Lines with those that wait put in before the row at whose number they wait."""
    row = 0
    for lines in made:
        letters, begin = lines.letters.data, 0
        rows = lines.places.size - 1
        while waiting and waiting[0][0] < row + rows:
            place, line = waiting.popleft()
            end = int(lines.places[place - row])
            yield from (letters[begin:end], line)
            begin = end
        yield letters[begin:]
        row += rows
    yield from (line for _, line in waiting)


def write_text(
    background: Background,
    known: Known,
    path: Path,
    *,
    batches: range,
    threads: int,
    told: Callable[[int], None],
) -> int:
    """Writes those batches as text, by the ending of the path, and returns the number of rows.

    Every CSV file has its own line of titles. `told` hears how many rows are written.
    """
    encoding = ENCODINGS[path.suffix[1:]]
    printer = _Printer(
        background=background,
        typesetter=typesetter(background.repertoire, encoding),
        known=known,
        lines=tuple(f"{encoding.line(row)}\n".encode() for row in known.rows),
    )
    work = printer.page if threads == 1 else printer.finished
    written = 0
    with LongFile(path) as file:
        file.write(_titles(encoding, background).encode())
        for page in in_order(work, batches, threads=threads):
            for piece in page.pieces:
                file.write(piece)
            written += page.rows
            told(written)
    return written


def _titles(encoding: Encoding, background: Background) -> str:
    """The line of titles, where the format has one."""
    return encoding.titles(list(background.repertoire.contexts[0].row(seed=background.seed)))
