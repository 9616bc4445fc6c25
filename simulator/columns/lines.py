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
class Blanks:
    """Where in each head, tail and end of a command its blanks are; less than 0 where it has none.

    A head has three times. Fillers are codes, see `simulator.columns.writing`.
    """

    times_in_head: tuple[Numbers, ...]
    uids: Numbers
    times_in_tail: Numbers
    guids: Numbers
    fillers: Numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class Typesetter:
    """Every piece of every line under one numbering; by part of a line, the number of its first piece.

    Heads, homes and tails are by context; home 0 is empty.
    """

    pieces: pa.Array
    lengths: NDArray[np.int32]
    firsts: tuple[int, ...]
    heads: Numbers
    homes: Numbers
    with_home: NDArray[np.bool_]
    tails: Numbers
    blanks: Blanks

    def lines(self, batch: Batch) -> Iterator[Lines]:
        """The rows of a batch as lines of text in UTF-8, each with its line end; some hundreds at a time."""
        if not batch.size:
            return
        numbers = self._numbers(batch)
        places = np.zeros(numbers.size + 1, dtype=np.int64)
        np.cumsum(self.lengths[numbers.reshape(-1)], out=places[1:])
        stamps = tuple(self._stamps(batch, places[:-1].reshape(-1, PIECES)))
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

    def _stamps(self, batch: Batch, places: Numbers) -> Iterator[_Stamp]:
        """What is fresh in each row, and over which blanks it goes."""
        written = times(batch.moments)
        heads, tails = self.heads[batch.contexts], self.tails[batch.contexts]
        for blanks in self.blanks.times_in_head:
            yield _stamp(blanks[heads], places[:, _HEAD], written)
        yield _stamp(self.blanks.times_in_tail[tails], places[:, _TAIL], written)
        yield _stamp(self.blanks.uids[heads], places[:, _HEAD], guids(batch.uids))
        yield _stamp(self.blanks.guids[tails], places[:, _TAIL], guids(batch.guids))
        rows, blanks, digits = fillers(batch.fillers, self.blanks.fillers.take(batch.commands, axis=0))
        yield _Stamp(cuts=_cuts(rows, batch.size), places=places[rows, _AFTER] + blanks, cells=digits)


def _stamp(blanks: Numbers, starts: Numbers, cells: Cells) -> _Stamp:
    """The stamp for those rows that have the blank."""
    rows = np.flatnonzero(blanks >= 0)
    if rows.size == blanks.size:
        return _Stamp(cuts=[*range(0, rows.size, _BLOCK), rows.size], places=starts + blanks, cells=cells)
    return _Stamp(cuts=_cuts(rows, blanks.size), places=starts[rows] + blanks[rows], cells=cells[rows])


def _cuts(rows: Numbers, size: int) -> list[int]:
    """Where in a list of rows, in order, each block of them begins, and the end."""
    return [int(place) for place in rows.searchsorted([*range(0, size, _BLOCK), size])]
