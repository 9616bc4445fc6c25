"""The events of a folder that belong on time lines: those the truth names, and what playbooks are about."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from simulator.catalogues import NAMED
from simulator.event_sources import files_of
from simulator.eventstore import RowRefused
from simulator.report.story import EventLine

MOST_EVENTS = 200
"""On one time line; the rest is counted."""
_COLUMNS = (
    *("TimeGenerated", "EventOriginalUid", "EventProduct", "DvcFQDN", "DvcHostname"),
    *("ActorUsername", "TargetUsername", "ActingProcessName"),
    *("TargetProcessName", "TargetProcessCommandLine"),
)
_NOBODY = frozenset({"", "-", "-\\-"})


def event_line(row: Mapping[str, object], *, known: bool = False) -> EventLine:
    """A native row of ASimProcessEventLogs as one line; who ran it is the target user, else the actor."""
    cell = {name: "" if row.get(name) is None else str(row[name]) for name in _COLUMNS}
    moment = datetime.fromisoformat(cell["TimeGenerated"])
    named = cell["TargetUsername"] not in _NOBODY
    return EventLine(
        time=moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC),
        host=(cell["DvcFQDN"] or cell["DvcHostname"]).lower(),
        uid=cell["EventOriginalUid"],
        product=cell["EventProduct"],
        account=cell["TargetUsername"] if named else cell["ActorUsername"],
        actor=cell["ActorUsername"],
        parent=cell["ActingProcessName"],
        program=cell["TargetProcessName"],
        command=cell["TargetProcessCommandLine"],
        known=known,
    )


def telling_events(source: Path, uids: Sequence[str]) -> tuple[EventLine, ...]:
    """The events with these EventOriginalUid, and those whose command line is about a playbook, by time.

    `source` is as `simulator.event_sources` has it. Memory is bounded by what is found. Raises RowRefused
    where it cannot be read.
    """
    wanted = frozenset(uids)
    try:
        with duckdb.connect() as connection:
            rows = [
                row
                for file in files_of(source)
                for row in connection.execute(
                    _statement(connection, file), [str(file), list(wanted)]
                ).fetchall()
            ]
    except duckdb.Error as error:
        raise RowRefused(f"{source}: {str(error).partition('\n')[0]}") from error
    lines = (dict(zip(_COLUMNS, row, strict=True)) for row in rows)
    found = (event_line(row, known=row["EventOriginalUid"] in wanted) for row in lines)
    return tuple(sorted(found, key=lambda event: (event.time, event.uid)))


def between(
    events: Iterable[EventLine], *, host: str, start: datetime, end: datetime
) -> tuple[EventLine, ...]:
    """The events of one host (full name, lower case) from `start` to `end`."""
    short = host.partition(".")[0]
    return tuple(e for e in events if e.host in (host, short) and start <= e.time <= end)


def _statement(connection: duckdb.DuckDBPyConnection, source: Path) -> str:
    if source.suffix == ".jsonl":
        typed = ", ".join(f"{name}: 'VARCHAR'" for name in _COLUMNS)
        reader = f"read_json(?, format='newline_delimited', columns={{{typed}}})"
    elif source.suffix == ".csv":
        reader = "read_csv(?, header=true, all_varchar=true)"
    else:
        reader = "read_parquet(?, hive_partitioning=false)"
    there = [
        column[0] for column in connection.execute(f"FROM {reader} LIMIT 0", [str(source)]).description or ()
    ]
    cells = ", ".join(
        f"CAST({name} AS VARCHAR) AS {name}" if name in there else f"'' AS {name}" for name in _COLUMNS
    )
    wanted = "EventOriginalUid IN (SELECT unnest(?::VARCHAR[]))"
    named = " OR ".join(f"contains(lower(TargetProcessCommandLine), '{term}')" for term in NAMED)
    return f"FROM (SELECT {cells} FROM {reader}) WHERE {wanted} OR {named}"  # noqa: S608 - our own names
