"""The typesetter of a repertoire: all pieces encoded and numbered, their blanks found."""

from collections.abc import Iterable
from itertools import accumulate, chain

import numpy as np
import pyarrow as pa

from simulator.columns.chance import Numbers
from simulator.columns.drawing import PROCESS_IDS
from simulator.columns.fragments import FILLER_KINDS, Encoding, Piece, around, frame, piece
from simulator.columns.lines import NO_BLANK, Typesetter
from simulator.columns.repertoire import GUID, TIME, UID, Repertoire

MOST_FILLERS = 4
_TIMES_IN_HEAD = 3


def typesetter(repertoire: Repertoire, encoding: Encoding) -> Typesetter:
    """Encodes the repertoire. Raises ValueError for a command line with more blanks than a row has digits."""
    frames = [frame(context, encoding, seed=repertoire.seed) for context in repertoire.contexts]
    heads, tails = _numbered(one.head for one in frames), _numbered(one.tail for one in frames)
    homes = _numbered(context.home for context in repertoire.contexts)
    commands = [around(command, frames[0].middle, encoding) for command in repertoire.commands]
    folders = [Piece(letters=encoding.text(home).encode()) for home in homes]
    parts = (
        [piece(text) for text in heads],
        [piece(one.context) for one in frames],
        [before for before, _ in commands],
        [Piece(letters=b""), *folders],
        [after for _, after in commands],
        [Piece(letters=number.encode()) for number in PROCESS_IDS],
        [piece(text) for text in tails],
    )
    pieces = list(chain.from_iterable(parts))
    fillers = [[blank for blank in one.blanks if blank[0] in FILLER_KINDS] for one in pieces]
    return Typesetter(
        pieces=pa.array([one.letters for one in pieces], pa.binary()),
        lengths=np.array([len(one.letters) for one in pieces], dtype=np.int64),
        firsts=tuple(accumulate(map(len, parts[:-1]), initial=0)),
        heads=_looked_up(heads, (one.head for one in frames)),
        homes=1 + _looked_up(homes, (context.home for context in repertoire.contexts)),
        with_home=np.array([command.has_home for command in repertoire.commands]),
        tails=_looked_up(tails, (one.tail for one in frames)),
        times=_padded([_places(one, TIME) for one in pieces], width=_TIMES_IN_HEAD),
        uids=_padded([_places(one, UID) for one in pieces], width=1)[:, 0],
        guids=_padded([_places(one, GUID) for one in pieces], width=1)[:, 0],
        fillers=_padded([[at for _, at in blanks] for blanks in fillers], width=MOST_FILLERS),
        kinds=_padded([[FILLER_KINDS[slot] for slot, _ in blanks] for blanks in fillers], width=MOST_FILLERS),
    )


def _numbered(texts: Iterable[str]) -> dict[str, int]:
    """Each text once, in order, with its number."""
    return {text: number for number, text in enumerate(dict.fromkeys(texts))}


def _looked_up(numbers: dict[str, int], texts: Iterable[str]) -> Numbers:
    return np.array([numbers[text] for text in texts], dtype=np.int64)


def _places(one: Piece, slot: str) -> list[int]:
    return [at for name, at in one.blanks if name == slot]


def _padded(rows: list[list[int]], *, width: int) -> Numbers:
    """Lists as rows of one width, filled up with "no blank"."""
    if (longest := max(map(len, rows))) > width:
        raise ValueError(f"a piece has {longest} blanks of a kind; {width} can be filled")
    return np.array([row + [NO_BLANK] * (width - len(row)) for row in rows], dtype=np.int64)
