"""Whole files of native process events, read by DuckDB itself: a million rows in seconds."""

import json
from pathlib import Path
from typing import Final

import duckdb

from simulator.event_sources import files_of
from simulator.eventstore.errors import RowRefused
from simulator.eventstore.tables import DUCKDB_TYPES, PROCESS_EVENTS, TABLES

_COLUMNS: Final = TABLES[PROCESS_EVENTS]
_JSON_COLUMNS: Final = ", ".join(f"\"{name}\": '{DUCKDB_TYPES[kind]}'" for name, kind in _COLUMNS.items())
_READERS: Final = {
    ".jsonl": f"read_json(?, format='newline_delimited', columns={{{_JSON_COLUMNS}}})",
    ".csv": "read_csv(?, header=true, all_varchar=true)",
    ".parquet": "read_parquet(?, hive_partitioning=false)",
}


def load_file(cursor: duckdb.DuckDBPyConnection, source: Path) -> int:
    """Adds the rows of a source (see `simulator.event_sources`) to the process events; returns how many.

    What a file does not say is empty. Raises RowRefused for another kind of file, for a column that
    the table lacks (in JSON lines the first line is looked at) and for a value that does not fit.
    """
    added = 0
    for path in files_of(source):
        if path.suffix not in _READERS:
            raise RowRefused(f"{path.name}: events are read from {', '.join(_READERS)} files.")
        try:
            added += _insert(cursor, path, _given_columns(cursor, path))
        except (duckdb.Error, json.JSONDecodeError) as error:
            raise RowRefused(f"{path.name} does not fit {PROCESS_EVENTS}: {error}") from error
    return added


def _given_columns(cursor: duckdb.DuckDBPyConnection, path: Path) -> list[str]:
    if path.suffix == ".jsonl":
        with path.open(encoding="utf-8") as lines:
            first = json.loads(next(lines, "{}"))
        given = [*_COLUMNS, *(first.keys() - _COLUMNS.keys())]
    else:
        cursor.execute(f"FROM {_READERS[path.suffix]} LIMIT 0", [str(path)])
        given = [column[0] for column in cursor.description or ()]
    if unknown := sorted(set(given) - _COLUMNS.keys()):
        raise RowRefused(f"{path.name}: {PROCESS_EVENTS} has no column {', '.join(unknown)}.")
    return given


def _insert(cursor: duckdb.DuckDBPyConnection, path: Path, given: list[str]) -> int:
    cells = [f'{_cell(name)} AS "{name}"' for name in given]
    if "_ItemId" not in given:
        cells.append('CAST(uuid() AS VARCHAR) AS "_ItemId"')
    source, head = _READERS[path.suffix], f'INSERT INTO "{PROCESS_EVENTS}" BY NAME'
    statement = f"{head} SELECT {', '.join(cells)} FROM {source}"  # noqa: S608 - our own column names
    return int((cursor.execute(statement, [str(path)]).fetchone() or (0,))[0])


def _cell(name: str) -> str:
    kind = _COLUMNS[name]
    if kind == "string":
        return f"coalesce(CAST(\"{name}\" AS VARCHAR), '')"
    return f"CAST(nullif(CAST(\"{name}\" AS VARCHAR), '') AS {DUCKDB_TYPES[kind]})"
