"""Command lines alone, as a column of text."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from simulator.columns.chance import Numbers
from simulator.columns.drawing import Batch
from simulator.columns.fragments import Piece, filler_codes, padded, piece
from simulator.columns.pieces import shelf
from simulator.columns.repertoire import Repertoire
from simulator.columns.writing import fillers, put

_PIECES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandLines:
    """Pieces: what stands before the profile folder, folders (the first is empty), what stands after.

    `fillers` has the codes of each command's, in what stands after.
    """

    pieces: pa.Array
    commands: int
    folders: int
    homes: Numbers
    with_home: NDArray[np.bool_]
    fillers: Numbers

    def texts(self, batch: Batch) -> pa.Array:
        """The command lines of a batch."""
        numbers = np.empty((batch.size, _PIECES), dtype=np.int32)
        numbers[:, 0] = batch.commands
        numbers[:, 1] = self.commands + self.homes[batch.contexts] * self.with_home[batch.commands]
        numbers[:, 2] = self.commands + self.folders + batch.commands
        _, offsets, letters = self.pieces.take(pa.array(numbers.reshape(-1))).buffers()
        ends = np.frombuffer(offsets, np.int32, count=numbers.size + 1)
        text = np.frombuffer(letters, np.uint8, count=int(ends[-1])) if batch.size else np.empty(0, np.uint8)
        starts = ends[2:-1:_PIECES].astype(np.int64)
        rows, places, digits = fillers(batch.fillers, self.fillers.take(batch.commands, axis=0))
        put(text, starts[rows] + places, digits)
        return pa.StringArray.from_buffers(batch.size, pa.py_buffer(ends[::_PIECES].copy()), letters)


def command_lines(repertoire: Repertoire) -> CommandLines:
    """The command lines of a repertoire. Raises ValueError for one with too many blanks."""
    homes = ["", *dict.fromkeys(context.home for context in repertoire.contexts)]
    numbers = {home: number for number, home in enumerate(homes)}
    afters = [piece(command.after) for command in repertoire.commands]
    befores = [Piece(letters=command.before.encode()) for command in repertoire.commands]
    folders = [Piece(letters=home.encode()) for home in homes]
    return CommandLines(
        pieces=shelf([[one.letters for one in part] for part in (befores, folders, afters)]),
        commands=len(befores),
        folders=len(folders),
        homes=np.array([numbers[context.home] for context in repertoire.contexts], dtype=np.int64),
        with_home=np.array([command.has_home for command in repertoire.commands]),
        fillers=padded([filler_codes(one) for one in afters]),
    )
