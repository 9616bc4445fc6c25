"""Files of events: JSON lines as they come, CSV and Parquet made from them by DuckDB.

Times are text in JSON lines and CSV, and timestamps in UTC without a zone in Parquet.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import duckdb

from simulator.asim import NUMBERS, TIMES
from simulator.plan import Format

_BATCH = 2_000
_OPTIONS: dict[Format, str] = {
    "csv": "FORMAT csv, HEADER true, FORCE_QUOTE *",
    "parquet": "FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 100000",
}


def event_file(format: Format) -> str:  # noqa: A002 - the field's own word, as on the command line
    """The name of the event file in a generated folder."""
    return f"events.{format}"


def write_events(lines: Iterator[str], *, out: Path, format: Format) -> int:  # noqa: A002
    """Writes the lines to `out` in the format and returns their number. Memory stays bounded."""
    if format == "jsonl":
        return _write_lines(lines, out / event_file("jsonl"))
    passing = out / ".events.jsonl"
    try:
        count = _write_lines(lines, passing)
        _convert(passing, out / event_file(format), format=format)
    finally:
        passing.unlink(missing_ok=True)
    return count


def _write_lines(lines: Iterator[str], path: Path) -> int:
    """Writes lines in batches and returns their number."""
    count = 0
    batch: list[str] = []
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for line in lines:
            batch.append(line)
            if len(batch) == _BATCH:
                file.write("\n".join(batch) + "\n")
                count += len(batch)
                batch.clear()
        file.write("".join(f"{line}\n" for line in batch))
    return count + len(batch)


def _convert(source: Path, target: Path, *, format: Format) -> None:  # noqa: A002
    """Reads JSON lines and writes the other format; one thread, so that bytes and order are fixed."""
    with source.open(encoding="utf-8") as file:
        names = tuple(json.loads(file.readline()))
    columns = ", ".join(f"'{name}': '{_duckdb_type(name, format)}'" for name in names)
    with duckdb.connect(config={"threads": 1}) as connection:
        relation = f"read_json($source, format = 'newline_delimited', columns = {{{columns}}})"
        connection.execute(
            f"COPY (SELECT * FROM {relation}) TO '{_quoted(target)}' ({_OPTIONS[format]})",  # noqa: S608
            {"source": str(source)},
        )


def _duckdb_type(name: str, format: Format) -> str:  # noqa: A002
    """The DuckDB type of a column; in CSV everything is text."""
    if format == "csv":
        return "VARCHAR"
    if name in TIMES:
        return "TIMESTAMP"
    return "INTEGER" if name in NUMBERS else "VARCHAR"


def _quoted(path: Path) -> str:
    """A path inside single quotes of SQL."""
    return str(path).replace("'", "''")
