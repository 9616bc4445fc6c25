"""`ingest` from folder to confirmed rows: what would be sent, and sending it."""

import re
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4
from zoneinfo import ZoneInfo

import aiohttp

from simulator.chain.folder import Folder
from simulator.chain.problems import InputRefused, Problem
from simulator.event_sources import files_of
from simulator.ingest.batches import span_of
from simulator.ingest.credentials import Credential
from simulator.ingest.journal import Journal, Range, Run, journal_path, read_journal
from simulator.ingest.reading import Arrivals, Place, Reading
from simulator.ingest.sending import Pace, Sender
from simulator.ingest.shifting import REPLACED_AFTER, Ending, read_time, shift_for
from simulator.ingest.target import Target
from simulator.ingest.uploading import Uploader

_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A run as it would be sent. `first` and `last` are the moved times of its first and last event."""

    journal: Journal
    first: datetime
    last: datetime

    @property
    def too_old(self) -> bool:
        """Whether the service would replace the times of some events with those of their arrival."""
        return datetime.now(UTC) - self.first > REPLACED_AFTER

    @property
    def document(self) -> dict[str, object]:
        """What `ingest --json` prints."""
        journal = self.journal
        return {
            **journal.run.document,
            "first": self.first.isoformat(),
            "last": self.last.isoformat(),
            "journal": str(journal.path),
            "confirmed": journal.confirmed_rows,
            "inDoubt": sum(last - first + 1 for first, last in journal.doubtful),
        }


def plan_run(folder: Folder, target: Target, *, ending: Ending, run_id: str = "") -> Planned:
    """A new run of a folder, not begun yet. Raises InputRefused, OSError."""
    run_id = run_id or f"{datetime.now(UTC):%Y%m%d}-{uuid4().hex[:12]}"
    if not _RUN_ID.fullmatch(run_id):
        raise InputRefused([Problem(file="--run-id", message="takes up to 64 letters, digits and hyphens")])
    path = journal_path(folder.path, run_id)
    if path.exists():
        raise InputRefused([Problem(file=str(path), message=f"is there already: use --resume {run_id}")])
    count, first, last = span_of(folder.events)
    now = datetime.now(UTC)
    zone = ZoneInfo(folder.tenant["organisation"]["timeZone"])
    shift = shift_for(read_time(last), ending=ending, now=now, zone=zone)
    run = Run(
        run_id=run_id,
        target=target,
        source=folder.events.name,
        source_bytes=_size(folder.events),
        events=count,
        shift=shift,
        ending=str(ending),
        began=now,
    )
    return Planned(
        journal=Journal(path=path, run=run), first=read_time(first) + shift, last=read_time(last) + shift
    )


def resume_run(folder: Folder, target: Target, *, run_id: str) -> Planned:
    """A run that was begun, as its journal left it. Raises InputRefused where folder or target differ."""
    path = journal_path(folder.path, run_id)
    journal = read_journal(path)
    problems = [
        Problem(file=str(path), message=message)
        for differs, message in (
            (journal.run.target != target, "belongs to another endpoint, rule or stream"),
            (journal.run.source_bytes != _size(folder.events), "belongs to other events"),
        )
        if differs
    ]
    if problems:
        raise InputRefused(problems)
    _, first, last = span_of(folder.events)
    shift = journal.run.shift
    return Planned(journal=journal, first=read_time(first) + shift, last=read_time(last) + shift)


async def send_run(
    planned: Planned,
    source: Path,
    credential: Credential,
    *,
    place: Place,
    pace: Pace,
    told: Callable[[int], None],
) -> None:
    """Sends what the journal has not settled. `place` without a customer id leaves doubts as they are.

    Raises SendingStopped, InputRefused, OSError.
    """
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(credential)
        uploader = await stack.enter_async_context(Uploader(planned.journal.run.target, credential))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        reading = Reading(place, credential, session)
        run = planned.journal.run

        async def ask(rows: Range) -> Arrivals:
            return await reading.arrivals(run.run_id, first=rows[0], last=rows[1], began=run.began)

        asks = ask if place.customer_id else None
        with planned.journal.writing():
            await Sender(planned.journal, uploader, pace=pace, asks=asks, told=told).send(source)


def _size(source: Path) -> int:
    return sum(file.stat().st_size for file in files_of(source))


def shift_words(shift: timedelta) -> str:
    """`moved by 372 days 10:02:11` for people."""
    whole = timedelta(seconds=round(abs(shift).total_seconds()))
    direction = "back" if shift < timedelta() else "forward"
    return f"moved {direction} by {whole}" if whole else "times kept"
