"""Files of events: JSON lines, CSV and Parquet, whole, in shards, or partitioned by day.

Times are text in JSON lines and CSV, and timestamps in UTC without a zone in Parquet.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from simulator.columns.drawing import Background
from simulator.columns.known import Known
from simulator.columns.parquet_files import write_parquet
from simulator.columns.text_files import write_text
from simulator.plan import FORMATS, WHOLE, Format, Plan, Shard

_LAKE = "events"


def event_file(format: Format, shard: Shard = WHOLE) -> str:  # noqa: A002 - the field's own word
    """The name of the event file in a generated folder; that of a shard says which it is."""
    return f"events{_suffix(shard)}.{format}"


def events_name(plan: Plan) -> str:
    """The name of what the plan writes: a file, or where it is partitioned, a folder and the part in it."""
    if plan.partition:
        return f"{_LAKE}/day=*/{_part(plan.piece)}"
    return event_file(plan.format, plan.piece)


def write_events(
    background: Background, known: Known, *, out: Path, plan: Plan, told: Callable[[int], None]
) -> int:
    """Writes the plan's share of the events and returns their number. Memory stays bounded.

    What an earlier run with other choices left in `out` is taken away first; other shards of the same
    plan are left. `told` hears how many rows are written.
    """
    _clear(out, plan)
    batches = plan.piece.share(background.batches)
    path = out / (_LAKE if plan.partition else event_file(plan.format, plan.piece))
    if plan.format == "parquet":
        part = _part(plan.piece) if plan.partition else None
        return write_parquet(
            background, known, path, batches=batches, threads=plan.threads, told=told, part=part
        )
    return write_text(background, known, path, batches=batches, threads=plan.threads, told=told)


def _suffix(shard: Shard) -> str:
    return "" if shard == WHOLE else f"-{shard.number:03}-of-{shard.of:03}"


def _part(shard: Shard) -> str:
    return f"part-{shard.number - 1:03}.parquet"


def _clear(out: Path, plan: Plan) -> None:
    """Takes away what is outdated, and the folders of days that are then empty."""
    for old in tuple(_outdated(out, plan)):
        old.unlink()
    for folder in (*out.glob(f"{_LAKE}/day=*"), *out.glob(_LAKE)):
        if not any(folder.iterdir()):
            folder.rmdir()


def _outdated(out: Path, plan: Plan) -> Iterator[Path]:
    """Event files in the folder that belong to no run of this plan but this one."""
    siblings = re.compile(rf"events-\d{{3}}-of-{plan.piece.of:03}\.{plan.format}")
    for format in FORMATS:  # noqa: A001 - the field's own word
        for path in (*out.glob(event_file(format)), *out.glob(f"events-???-of-???.{format}")):
            if plan.partition or not siblings.fullmatch(path.name):
                yield path
    for path in out.glob(f"{_LAKE}/day=*/part-???.parquet"):
        if not plan.partition or plan.piece == WHOLE or path.name == _part(plan.piece):
            yield path
