"""Batches as lines of text: pieces taken side by side, blanks filled in where they lie."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from simulator.columns.chance import Numbers
from simulator.columns.drawing import Batch
from simulator.columns.writing import Bytes, fillers, guids, put, times

PIECES = 7
"""Head, context, before the profile folder, the folder, after it, process id, tail."""
_HEAD, _AFTER, _TAIL = 0, 4, 6
NO_BLANK = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """Lines one after the other, and where each begins; one more place than lines."""

    letters: Bytes
    places: NDArray[np.int32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Typesetter:
    """Every piece of every line under one numbering; by part of a line, the number of its first piece.

    `blanks` says by piece and by what belongs there where the nth blank is, or that there is none;
    `kinds` of which kind the nth filler is. Home 0 is empty.
    """

    pieces: pa.Array
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

    def lines(self, batch: Batch) -> Lines:
        """The rows of a batch as lines of text in UTF-8, each with its line end."""
        numbers = self._numbers(batch)
        taken = self.pieces.take(pa.array(numbers.reshape(-1)))
        _, offsets, letters = taken.buffers()
        ends = np.frombuffer(offsets, np.int32, count=numbers.size + 1)
        text = np.frombuffer(letters, np.uint8, count=int(ends[-1]))
        self._fill(text, ends[:-1].reshape(-1, PIECES).astype(np.int64), numbers, batch)
        return Lines(letters=text, places=ends[::PIECES])

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

    def _fill(self, text: Bytes, places: Numbers, numbers: NDArray[np.int32], batch: Batch) -> None:
        """Writes what is fresh in each row over its blanks."""
        written = times(batch.moments)
        for part in (_HEAD, _TAIL):
            for blanks in self.times.T:
                _put(text, places[:, part], blanks[numbers[:, part]], written)
        _put(text, places[:, _HEAD], self.uids[numbers[:, _HEAD]], guids(batch.uids))
        _put(text, places[:, _TAIL], self.guids[numbers[:, _TAIL]], guids(batch.guids))
        for nth in range(self.fillers.shape[1]):
            blanks = self.fillers[numbers[:, _AFTER], nth]
            there = np.flatnonzero(blanks != NO_BLANK)
            kinds = self.kinds[numbers[there, _AFTER], nth]
            digits = fillers(batch.fillers[there], nth=nth, kinds=kinds)
            put(text, places[there, _AFTER] + blanks[there], digits)


def _put(text: Bytes, starts: Numbers, blanks: Numbers, cells: NDArray[np.void]) -> None:
    """Writes the cells over those blanks that are there."""
    there = blanks != NO_BLANK
    if there.all():
        put(text, starts + blanks, cells)
    elif there.any():
        put(text, (starts + blanks)[there], cells[there])
