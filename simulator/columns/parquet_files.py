"""Parquet: one file, or one for each day (UTC) in the folders that data lakes read as partitions."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import batched
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from simulator.asim import TIMES
from simulator.columns.command_lines import command_lines
from simulator.columns.drawing import Background, joined
from simulator.columns.in_order import in_order
from simulator.columns.known import Known
from simulator.columns.tables import LINES, Tabulator, tabulator

_GROUP = 12
"""Batches in a row group."""
_DAY = 86_400_000
_PRUNED_BY = ("TimeGenerated",)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shelf:
    """Where tables go: one file, or one a day below a folder, opened as they come."""

    path: Path
    part: str | None
    schema: pa.Schema
    files: ExitStack
    writers: dict[Path, pq.ParquetWriter] = field(default_factory=dict)

    def put(self, table: pa.Table) -> None:
        """Writes a table as one row group, or one for each of its days."""
        if self.part is None:
            self._writer(self.path).write_table(table)
            return
        for day, rows in _days(table):
            self._writer(self.path / f"day={day}" / self.part).write_table(rows)

    def _writer(self, path: Path) -> pq.ParquetWriter:
        """The one open file. Rows come in order of time, so that an earlier day is over."""
        if path not in self.writers:
            self.files.close()
            path.parent.mkdir(parents=True, exist_ok=True)
            self.writers[path] = self.files.enter_context(_opened(path, self.schema))
        return self.writers[path]


def write_parquet(  # noqa: PLR0913 - the same as for text, and the part
    background: Background,
    known: Known,
    path: Path,
    *,
    batches: range,
    threads: int,
    told: Callable[[int], None],
    part: str | None = None,
) -> int:
    """Writes those batches and returns the number of rows.

    With `part`, `path` is a folder, and each day's rows go to `day=YYYY-MM-DD/<part>` in it. `told` hears
    how many rows are written.
    """
    tables = tabulator(background.repertoire, command_lines(background.repertoire), known)

    def table(group: tuple[int, ...]) -> pa.Table:
        among = known.among(background, first=group[0], after=group[-1] + 1)
        return tables.table(joined(map(background.draw, group)), among)

    written = 0
    with ExitStack() as files:
        shelf = _Shelf(path=path, part=part, schema=_schema(tables, background), files=files)
        if part is None:
            shelf.put(shelf.schema.empty_table())
        for made in in_order(table, batched(batches, _GROUP, strict=False), threads=threads):
            shelf.put(made)
            written += made.num_rows
            told(written)
    return written


def _schema(tables: Tabulator, background: Background) -> pa.Schema:
    """The schema of every table, taken from one without rows."""
    nothing = Background(
        seed=background.seed, rows=0, rhythm=background.rhythm, repertoire=background.repertoire
    )
    return tables.table(nothing.draw(0), range(0)).schema


def _opened(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    """A writer. Command lines are compressed; all else is packed by its encoding, or is fresh GUIDs."""
    repeated = [name for name in schema.names if pa.types.is_dictionary(schema.field(name).type)]
    return pq.ParquetWriter(
        path,
        schema,
        compression={name: "SNAPPY" if name == LINES else "NONE" for name in schema.names},
        use_dictionary=repeated,
        column_encoding={name: "DELTA_BINARY_PACKED" for name in schema.names if name in TIMES},
        write_statistics=list(_PRUNED_BY),
        store_schema=False,
        write_batch_size=_GROUP * 8192,
    )


def _days(table: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    """The rows of each day, in order."""
    numbers = table["TimeGenerated"].cast(pa.int64()).to_numpy() // _DAY
    for number in np.unique(numbers):
        low, high = np.searchsorted(numbers, (number, number + 1)).tolist()
        day = datetime.fromtimestamp(int(number) * _DAY / 1000, UTC)
        yield f"{day:%Y-%m-%d}", table.slice(low, high - low)
