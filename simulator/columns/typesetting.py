"""The typesetter of a repertoire: all pieces encoded and numbered, their blanks found."""

from collections.abc import Iterable
from itertools import accumulate, chain

import numpy as np

from simulator.columns.chance import Numbers
from simulator.columns.drawing import PROCESS_IDS
from simulator.columns.fragments import (
    Encoding,
    Piece,
    around,
    filler_codes,
    frame,
    padded,
    piece,
)
from simulator.columns.lines import Blanks, Typesetter
from simulator.columns.pieces import shelf
from simulator.columns.repertoire import GUID, TIME, UID, Repertoire

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
    return Typesetter(
        pieces=shelf([[one.letters for one in part] for part in parts]),
        lengths=np.array([len(one.letters) for one in pieces], dtype=np.int32),
        firsts=tuple(accumulate(map(len, parts[:-1]), initial=0)),
        heads=_looked_up(heads, (one.head for one in frames)),
        homes=1 + _looked_up(homes, (context.home for context in repertoire.contexts)),
        with_home=np.array([command.has_home for command in repertoire.commands]),
        tails=_looked_up(tails, (one.tail for one in frames)),
        blanks=_blanks(parts[0], [after for _, after in commands], parts[-1]),
    )


def _blanks(heads: list[Piece], afters: list[Piece], tails: list[Piece]) -> Blanks:
    """Where the blanks of these pieces are."""
    return Blanks(
        times_in_head=tuple(padded([_places(one, TIME) for one in heads], width=_TIMES_IN_HEAD).T),
        uids=padded([_places(one, UID) for one in heads], width=1)[:, 0],
        times_in_tail=padded([_places(one, TIME) for one in tails], width=1)[:, 0],
        guids=padded([_places(one, GUID) for one in tails], width=1)[:, 0],
        fillers=padded([filler_codes(one) for one in afters]),
    )


def _numbered(texts: Iterable[str]) -> dict[str, int]:
    """Each text once, in order, with its number."""
    return {text: number for number, text in enumerate(dict.fromkeys(texts))}


def _looked_up(numbers: dict[str, int], texts: Iterable[str]) -> Numbers:
    return np.array([numbers[text] for text in texts], dtype=np.int64)


def _places(one: Piece, slot: str) -> list[int]:
    return [at for name, at in one.blanks if name == slot]
