"""The events of a folder wherever they lie: one file, the parts of a run, or a folder for each day.

A source is a path: of a file (.jsonl, .csv, .parquet), of a folder of Parquet files, or of parts, with `?`
for each digit of a part's number: `out/big/events-???-of-016.jsonl`.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb

from simulator.chain.problems import InputRefused, Problem

_WHOLE = ("events.jsonl", "events.parquet", "events.csv")
_LAKE = "events"
_PART = re.compile(r"events-([0-9]{3})-of-([0-9]{3})\.(jsonl|parquet|csv)")
_DAY_PART = re.compile(r"part-([0-9]{3})\.parquet")
_FETCHED = 2_000


def find_source(folder: Path) -> Path:
    """The source in a generated folder. Raises InputRefused where there is none, or parts are missing."""
    whole = next((folder / name for name in _WHOLE if (folder / name).is_file()), None)
    return whole or _parts(folder) or _lake(folder) or _refused(folder)


def files_of(source: Path) -> tuple[Path, ...]:
    """The files of a source, in the order of their rows."""
    if source.is_dir():
        return tuple(sorted(source.rglob("*.parquet")))
    return tuple(sorted(source.parent.glob(source.name))) if "?" in source.name else (source,)


def read_rows(source: Path) -> Iterator[dict[str, Any]]:
    """Every row of a source, in order, streamed. Raises InputRefused with the line that is no JSON object."""
    for file in files_of(source):
        yield from _json_rows(file) if file.suffix == ".jsonl" else _table_rows(file)


def _parts(folder: Path) -> Path | None:
    """The parts of a run that was made with `--shard`. Raises InputRefused where one is missing."""
    found = sorted(match.groups() for file in folder.iterdir() if (match := _PART.fullmatch(file.name)))
    if not found:
        return None
    _, of, suffix = found[0]
    there = {int(number) for number, total, kind in found if (total, kind) == (of, suffix)}
    if len(there) < len(found):
        message = "holds parts of more than one run; keep those of one"
        raise InputRefused([Problem(file=str(folder), message=message)])
    _refuse_gaps(folder, set(range(1, int(of) + 1)) - there, of=int(of))
    return folder / f"events-???-of-{of}.{suffix}"


def _lake(folder: Path) -> Path | None:
    """The folder of days. Raises InputRefused where a part lower than others is missing on all of them."""
    numbers = {
        int(match[1])
        for file in folder.glob(f"{_LAKE}/day=*/*.parquet")
        if (match := _DAY_PART.fullmatch(file.name))
    }
    if not numbers:
        return None
    _refuse_gaps(folder, {number + 1 for number in set(range(max(numbers))) - numbers}, of=0)
    return folder / _LAKE


def _refuse_gaps(folder: Path, missing: set[int], *, of: int) -> None:
    if missing:
        named = ", ".join(str(number) for number in sorted(missing))
        message = f"lacks part {named}{f' of {of}' if of else ''}; make it with `generate --shard`"
        raise InputRefused([Problem(file=str(folder), message=message)])


def _refused(folder: Path) -> Path:
    message = f"holds none of {', '.join(_WHOLE)}, parts or days of them; make them with `generate --out`"
    raise InputRefused([Problem(file=str(folder), message=message)])


def _table_rows(file: Path) -> Iterator[dict[str, Any]]:
    reader = "read_parquet(?, hive_partitioning=false)"
    if file.suffix == ".csv":
        reader = "read_csv(?, header=true, all_varchar=true)"
    with duckdb.connect() as connection:
        cursor = connection.execute(f"FROM {reader}", [[str(file)]])
        names = [column[0] for column in cursor.description or ()]
        while fetched := cursor.fetchmany(_FETCHED):
            yield from (dict(zip(names, row, strict=True)) for row in fetched)


def _json_rows(source: Path) -> Iterator[dict[str, Any]]:
    with source.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                row = json.loads(line)
            except json.JSONDecodeError as error:
                message = f"is not JSON: {error.msg}"
                raise InputRefused([Problem(file=str(source), line=number, message=message)]) from None
            if not isinstance(row, dict):
                raise InputRefused([Problem(file=str(source), line=number, message="is no JSON object")])
            yield row
