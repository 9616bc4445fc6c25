"""Batches as Arrow tables: what repeats is a dictionary column, what is fresh is filled in as text."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import PureWindowsPath

import numpy as np
import pyarrow as pa

from simulator.activity.rows import Row
from simulator.asim import NUMBERS, TIMES
from simulator.columns.chance import Numbers
from simulator.columns.command_lines import CommandLines
from simulator.columns.drawing import PROCESS_IDS, Batch
from simulator.columns.known import Known
from simulator.columns.repertoire import Command, Repertoire
from simulator.columns.writing import GUID_WIDTH, Cells, guids

UIDS, GUIDS, LINES, PIDS = (
    "EventOriginalUid",
    "TargetProcessGuid",
    "TargetProcessCommandLine",
    "TargetProcessId",
)
FRESH = (UIDS, GUIDS, LINES)
_BY_COMMAND: dict[str, Callable[[Command], str]] = {
    "TargetProcessName": lambda command: command.image,
    "TargetProcessFilename": lambda command: PureWindowsPath(command.image).name,
}
_MOMENT = pa.timestamp("ms")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Dictionary:
    """The values of a column, and the number of the value that each context (or command) has."""

    values: pa.Array
    codes: np.ndarray[tuple[int], np.dtype[np.int32]]

    def column(self, which: Numbers) -> pa.DictionaryArray:
        """The column of rows with these contexts (or commands)."""
        codes = self.codes.take(which) if len(self.values) > 1 else np.zeros(which.size, dtype=np.int32)
        return pa.DictionaryArray.from_arrays(pa.array(codes), self.values, safe=False)


def _dictionary(texts: Iterable[str]) -> _Dictionary:
    numbers: dict[str, int] = {}
    codes = [numbers.setdefault(text, len(numbers)) for text in texts]
    return _Dictionary(values=pa.array(list(numbers), pa.string()), codes=np.array(codes, dtype=np.int32))


@dataclass(frozen=True, slots=True, kw_only=True)
class Tabulator:
    """Makes tables. Known rows follow contexts and commands as if each were one more of both."""

    known: Known
    names: tuple[str, ...]
    contexts: int
    commands: int
    has_guid: Numbers
    dictionaries: dict[str, _Dictionary]
    command_lines: CommandLines
    pids: pa.Array

    def table(self, batch: Batch, among: range) -> pa.Table:
        """The rows of a batch with the known rows of that range among them, in order of time."""
        places = np.searchsorted(batch.moments, self.known.moments[among.start : among.stop])
        fresh = {
            UIDS: _texts(guids(batch.uids)),
            GUIDS: _guid_texts(batch, self.has_guid),
            LINES: self.command_lines.texts(batch),
        }
        merged = self._merged(batch, among, places)
        columns = {name: self._column(name, merged) for name in self.names if name not in FRESH}
        for name, column in fresh.items():
            columns[name] = _spliced(column, places, [str(self.known.rows[nth][name]) for nth in among])
        # No cell is ever null; said so, Parquet need not write of each cell that it is there.
        fields = [pa.field(name, columns[name].type, nullable=False) for name in self.names]
        return pa.table([columns[name] for name in self.names], schema=pa.schema(fields))

    def _merged(self, batch: Batch, among: range, places: Numbers) -> Batch:
        """The batch with the known rows' moments, contexts, commands and process ids put in."""
        numbers = np.arange(among.start, among.stop)
        pids = [PROCESS_IDS.index(str(self.known.rows[nth][PIDS])) for nth in among]
        return replace(
            batch,
            moments=np.insert(batch.moments, places, self.known.moments[among.start : among.stop]),
            contexts=np.insert(batch.contexts, places, self.contexts + numbers),
            commands=np.insert(batch.commands, places, self.commands + numbers),
            pids=np.insert(batch.pids, places, pids),
        )

    def _column(self, name: str, batch: Batch) -> pa.Array:
        """A column of which nothing is fresh but the moment or the process id."""
        if name in TIMES:
            return pa.array(batch.moments).cast(_MOMENT)
        if name in NUMBERS:
            return pa.array(np.ones(batch.size, dtype=np.int32))
        if name == PIDS:
            return pa.DictionaryArray.from_arrays(pa.array(batch.pids.astype(np.int32)), self.pids)
        return self.dictionaries[name].column(batch.commands if name in _BY_COMMAND else batch.contexts)


def tabulator(repertoire: Repertoire, command_lines: CommandLines, known: Known) -> Tabulator:
    """The tabulator of a repertoire and of known rows. Every row has the same columns."""
    rows = [context.row(seed=repertoire.seed) for context in repertoire.contexts]
    names = tuple(rows[0])
    plain = set(names) - {*FRESH, PIDS} - TIMES - NUMBERS
    return Tabulator(
        known=known,
        names=names,
        contexts=len(rows),
        commands=len(repertoire.commands),
        has_guid=np.array([bool(row[GUIDS]) for row in rows], dtype=np.int64),
        dictionaries={
            name: _dictionary(_repeated(name, rows, repertoire.commands, known.rows)) for name in plain
        },
        command_lines=command_lines,
        pids=pa.array(PROCESS_IDS, pa.string()),
    )


def _repeated(
    name: str, rows: Sequence[Row], commands: Sequence[Command], others: Sequence[Row]
) -> Iterable[str]:
    """What a column says in each context (or for each command), then in each known row."""
    if name in _BY_COMMAND:
        yield from map(_BY_COMMAND[name], commands)
    else:
        yield from (str(row[name]) for row in rows)
    yield from (str(row[name]) for row in others)


def _texts(cells: Cells) -> pa.Array:
    ends = np.arange(cells.size + 1, dtype=np.int32) * GUID_WIDTH
    return pa.StringArray.from_buffers(cells.size, pa.py_buffer(ends), pa.py_buffer(cells.view(np.uint8)))


def _guid_texts(batch: Batch, has_guid: Numbers) -> pa.Array:
    """The GUID of each started process; empty where the log source has none."""
    there = has_guid[batch.contexts]
    ends = np.concatenate(([0], np.cumsum(there * GUID_WIDTH))).astype(np.int32)
    cells = guids(batch.guids)[there.astype(bool)]
    return pa.StringArray.from_buffers(batch.size, pa.py_buffer(ends), pa.py_buffer(cells.view(np.uint8)))


def _spliced(column: pa.Array, places: Numbers, texts: list[str]) -> pa.Array:
    """The column with texts put in before the rows at their places."""
    if not texts:
        return column
    edges = [0, *places.tolist(), len(column)]
    parts: list[pa.Array] = []
    for nth, text in enumerate(texts):
        parts += [column[edges[nth] : edges[nth + 1]], pa.array([text], pa.string())]
    return pa.concat_arrays([*parts, column[edges[-2] :]])
