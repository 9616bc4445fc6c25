"""Batches: the rows of the background in order of time, drawn a few thousand at a time."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import numpy as np

from simulator.columns.chance import Numbers, Words, below, halves, words
from simulator.columns.repertoire import Repertoire, repertoire
from simulator.columns.rhythm import Rhythm, rhythm
from simulator.organisation import Organisation

_MOST, _FEWEST, _PIECES = 8192, 64, 64
_EACH = 9

PROCESS_IDS = tuple(str(4 * number) for number in range(200, 16_000))
"""Process ids: on Windows multiples of four."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Rows by column: moments in milliseconds, numbers of contexts, commands and process ids, random bits.

    `uids` and `guids` are two words a row, `fillers` one.
    """

    moments: Numbers
    contexts: Numbers
    commands: Numbers
    pids: Numbers
    uids: Words
    guids: Words
    fillers: Words

    @property
    def size(self) -> int:
        """Number of rows."""
        return self.moments.size


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """`rows` rows over the days of a rhythm, cut into batches that are each drawn apart."""

    seed: int
    rows: int
    rhythm: Rhythm
    repertoire: Repertoire

    @property
    def step(self) -> int:
        """Rows in a batch; small plans have small ones, so that they too can be shared out."""
        return max(_FEWEST, min(_MOST, -(-self.rows // _PIECES)))

    @property
    def batches(self) -> int:
        """Number of batches, one at least."""
        return max(1, -(-self.rows // self.step))

    def begins(self, batch: int) -> int:
        """The moment before which no row of the batch or of a later one lies."""
        return self.rhythm.moment(min(self.rows, batch * self.step), max(1, self.rows))

    def draw(self, batch: int) -> Batch:
        """The rows of one batch, in order of time."""
        first = batch * self.step
        size = max(0, min(self.step, self.rows - first))
        drawn = words(f"{self.seed}:background", batch=batch, rows=size, each=_EACH)
        moments, quarters = self.rhythm.draw(drawn[0], first=first, of=max(1, self.rows))
        choice = self.repertoire.draw(drawn[1:4], quarters, self.rhythm)
        return Batch(
            moments=moments,
            contexts=choice.contexts,
            commands=choice.commands,
            pids=below(halves(drawn[3])[1], len(PROCESS_IDS)),
            uids=drawn[4:6],
            guids=drawn[6:8],
            fillers=drawn[8],
        )


def background(organisation: Organisation, *, days: tuple[date, ...], rows: int, seed: int) -> Background:
    """`rows` rows of background over the local days."""
    return Background(
        seed=seed,
        rows=rows,
        rhythm=rhythm(organisation, days),
        repertoire=repertoire(organisation, seed=seed),
    )


def joined(batches: Iterable[Batch]) -> Batch:
    """Batches one after the other, as one."""
    parts = tuple(batches)
    return Batch(
        moments=np.concatenate([part.moments for part in parts]),
        contexts=np.concatenate([part.contexts for part in parts]),
        commands=np.concatenate([part.commands for part in parts]),
        pids=np.concatenate([part.pids for part in parts]),
        uids=np.concatenate([part.uids for part in parts], axis=1),
        guids=np.concatenate([part.guids for part in parts], axis=1),
        fillers=np.concatenate([part.fillers for part in parts]),
    )
