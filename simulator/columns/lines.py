"""Batches as lines of text: pieces taken side by side, blanks filled in where they lie."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from simulator.columns.chance import Numbers
from simulator.columns.drawing import Batch
from simulator.columns.writing import Bytes, Cells, fillers, guids, put, times

PIECES = 7
"""Head, context, before the profile folder, the folder, after it, process id, tail."""
_HEAD, _AFTER, _TAIL = 0, 4, 6
NO_BLANK = -1
_BLOCK = 1024
"""Rows whose text stays in the processor's own memory while its blanks are filled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """Lines one after the other, and where each begins; one more place than lines."""

    letters: Bytes
    places: Numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stamp:
    """What to write where: cells and their places in the whole text; `cuts` says where each block begins."""

    cuts: list[int]
    places: Numbers
    cells: Cells

    def press(self, text: Bytes, *, begin: int, block: int) -> None:
        """Writes the cells of a block into its text, which begins at `begin` in the whole."""
        low, high = self.cuts[block], self.cuts[block + 1]
        put(text, self.places[low:high] - begin, self.cells[low:high])


@dataclass(frozen=True, slots=True, kw_only=True)
class Typesetter:
    """Every piece of every line under one numbering; by part of a line, the number of its first piece.

    `blanks` says by piece and by what belongs there where the nth blank is, or that there is none;
    `kinds` of which kind the nth filler is. Home 0 is empty.
    """

    pieces: pa.Array
    lengths: Numbers
    firsts: tuple[int, ...]
    heads: Numbers
    homes: Numbers
    with_home: NDArray[np.bool_]
    tails: Numbers
    times: Numbers
    uids: Numbers
    guids: Numbers
    fillers: Numbers
    kinds: Numbers

    def lines(self, batch: Batch) -> Iterator[Lines]:
        """The rows of a batch as lines of text in UTF-8, each with its line end; some hundreds at a time."""
        numbers = self._numbers(batch)
        ends = np.cumsum(self.lengths[numbers.reshape(-1)])
        places = np.concatenate(([0], ends))
        stamps = tuple(self._stamps(batch, places[:-1].reshape(-1, PIECES), numbers))
        begins = places[::PIECES]
        for block, first in enumerate(range(0, batch.size, _BLOCK)):
            last = min(first + _BLOCK, batch.size)
            taken = self.pieces.take(pa.array(numbers[first:last].reshape(-1)))
            begin = int(begins[first])
            text = np.frombuffer(taken.buffers()[2], np.uint8, count=int(begins[last]) - begin)
            for stamp in stamps:
                stamp.press(text, begin=begin, block=block)
            yield Lines(letters=text, places=begins[first : last + 1] - begin)

    def _numbers(self, batch: Batch) -> NDArray[np.int32]:
        """The pieces of each row, by part."""
        numbers = np.empty((batch.size, PIECES), dtype=np.int32)
        parts = (
            self.heads[batch.contexts],
            batch.contexts,
            batch.commands,
            self.homes[batch.contexts] * self.with_home[batch.commands],
            batch.commands,
            batch.pids,
            self.tails[batch.contexts],
        )
        for part, (first, nth) in enumerate(zip(self.firsts, parts, strict=True)):
            numbers[:, part] = nth + first
        return numbers

    def _stamps(self, batch: Batch, places: Numbers, numbers: NDArray[np.int32]) -> Iterator[_Stamp]:
        """What is fresh in each row, and over which blanks it goes."""
        written = times(batch.moments)
        for part in (_HEAD, _TAIL):
            for blanks in self.times.T:
                yield from _stamp(blanks[numbers[:, part]], places[:, part], written)
        yield from _stamp(self.uids[numbers[:, _HEAD]], places[:, _HEAD], guids(batch.uids))
        yield from _stamp(self.guids[numbers[:, _TAIL]], places[:, _TAIL], guids(batch.guids))
        for nth in range(self.fillers.shape[1]):
            kinds = self.kinds[numbers[:, _AFTER], nth]
            digits = fillers(batch.fillers, nth=nth, kinds=kinds)
            yield from _stamp(self.fillers[numbers[:, _AFTER], nth], places[:, _AFTER], digits)


def _stamp(blanks: Numbers, starts: Numbers, cells: Cells) -> Iterator[_Stamp]:
    """The stamp for those rows that have the blank; none where none has."""
    rows = np.flatnonzero(blanks != NO_BLANK)
    if rows.size == 0:
        return
    whole = rows.size == blanks.size
    cuts = rows.searchsorted([*range(0, blanks.size, _BLOCK), blanks.size]).tolist()
    places = (starts + blanks) if whole else starts[rows] + blanks[rows]
    yield _Stamp(cuts=cuts, places=places, cells=cells if whole else cells[rows])
