"""Pieces of lines, encoded once: whole rows of text are made by putting pieces side by side.

A line is head, context, the beginning of the command, the user's profile folder, the rest of the command,
the process id, and a tail. What is fresh in each row leaves a blank of fixed width in its piece.
"""

import csv
import io
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PureWindowsPath

import numpy as np

from simulator.activity.wording import HEX4, HOME, NUM4
from simulator.columns.chance import Numbers
from simulator.columns.repertoire import GUID, PID, TIME, UID, Command, Context
from simulator.columns.writing import FILLER_WIDTH, GUID_WIDTH, HEX, NUMBER, TIME_WIDTH

_BLANKS = {TIME: TIME_WIDTH, UID: GUID_WIDTH, GUID: GUID_WIDTH, HEX4: FILLER_WIDTH, NUM4: FILLER_WIDTH}
_BLANK = re.compile("|".join(_BLANKS).encode())
_FILLER_KINDS = {HEX4: HEX, NUM4: NUMBER}
MOST_FILLERS = 4
NO_BLANK = -1

type Cell = str | int


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """How a row becomes a line: `line` encodes a whole row, `text` one text inside its quotes.

    `titles` is the first line of a file, where it has one.
    """

    line: Callable[[Mapping[str, Cell]], str]
    text: Callable[[str], str]
    titles: Callable[[Sequence[str]], str]


def _json_line(row: Mapping[str, Cell]) -> str:
    return json.dumps(row, ensure_ascii=False, separators=(",", ":"))


def _json_text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _csv_line(row: Mapping[str, Cell]) -> str:
    line = io.StringIO()
    csv.writer(line, quoting=csv.QUOTE_ALL, lineterminator="").writerow(row.values())
    return line.getvalue()


def _csv_text(text: str) -> str:
    return text.replace('"', '""')


def _csv_titles(names: Sequence[str]) -> str:
    return ",".join(names) + "\n"


JSON = Encoding(line=_json_line, text=_json_text, titles=lambda _: "")
CSV = Encoding(line=_csv_line, text=_csv_text, titles=_csv_titles)


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Encoded bytes and their blanks: what belongs in each, and where it begins."""

    letters: bytes
    blanks: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """The pieces of a row around its command: before the context, the context, and after the process id."""

    head: str
    context: str
    middle: str
    tail: str


def frame(context: Context, encoding: Encoding, *, seed: int) -> Frame:
    """The row of a context cut where pieces meet."""
    marked = context.row(seed=seed, image="@image@", command_line=HOME)
    marked["TargetProcessFilename"] = "@file@"
    line = encoding.line(marked) + "\n"
    head, host, rest = line.partition(UID)
    before, image, after = rest.partition("@image@")
    middle, pid, tail = after.partition(PID)
    if not (host and image and pid):
        raise ValueError("a row has to hold id, image and process id, in that order")
    return Frame(head=head + host, context=before, middle=middle, tail=tail)


def piece(text: str) -> Piece:
    """A piece with blanks of the right width where its slots are."""
    blanks: list[tuple[str, int]] = []
    letters = b""
    rest = text.encode()
    while found := _BLANK.search(rest):
        letters += rest[: found.start()]
        blanks.append((found[0].decode(), len(letters)))
        letters += b"0" * _BLANKS[found[0].decode()]
        rest = rest[found.end() :]
    return Piece(letters=letters + rest, blanks=tuple(blanks))


def around(command: Command, middle: str, encoding: Encoding) -> tuple[Piece, Piece]:
    """The pieces before and after the profile folder, from the image up to the process id."""
    before, _, after = middle.replace("@file@", encoding.text(PureWindowsPath(command.image).name)).partition(
        HOME
    )
    return (
        piece(encoding.text(command.image) + before + encoding.text(command.before)),
        piece(encoding.text(command.after) + after),
    )


def filler_codes(one: Piece) -> list[int]:
    """Where the fillers of a piece are and of which kind, as `simulator.columns.writing` has it."""
    return [2 * at + _FILLER_KINDS[slot] for slot, at in one.blanks if slot in _FILLER_KINDS]


def padded(rows: list[list[int]], *, width: int = MOST_FILLERS) -> Numbers:
    """Lists as rows of one width, filled up with "no blank". Raises ValueError for a longer one."""
    if (longest := max(map(len, rows))) > width:
        raise ValueError(f"a piece has {longest} blanks of a kind; {width} can be filled")
    return np.array([row + [NO_BLANK] * (width - len(row)) for row in rows], dtype=np.int64)
