"""Sends what a journal has not settled, at a bounded rate, and settles what is in doubt."""

import asyncio
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from simulator.event_sources import read_rows
from simulator.ingest.batches import MOST_BYTES, Batch, as_text, cut_batches, marked
from simulator.ingest.journal import Journal, Range
from simulator.ingest.reading import Arrivals, ReadingFailed
from simulator.ingest.uploading import Fate, Upload

_LONGEST_BACKOFF = 60.0


class SendingStopped(Exception):
    """The service refuses, or has not taken anything for too long; what was confirmed is in the journal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast to send and how long to wait. Seconds, and bytes and rows of one call.

    `settle_seconds` is how long rows in doubt may take to show in the workspace before they count as lost;
    `attempts` is how often one call is tried while the service says `later`.
    """

    calls_per_second: float = 2.0
    most_bytes: int = MOST_BYTES
    most_rows: int = 5_000
    attempts: int = 8
    backoff: float = 1.0
    settle_seconds: float = 900.0
    look_seconds: float = 15.0


class Uploads(Protocol):
    """What sends a batch."""

    async def upload(self, batch: Batch) -> Upload:
        """Sends it once and says what became of it."""
        ...


class Asks(Protocol):
    """What looks for rows in the workspace."""

    async def __call__(self, rows: Range) -> Arrivals:
        """How many of these rows are there. Raises ReadingFailed."""
        ...


class Sender:
    """Sends one run.

    `asks` looks for rows in doubt; without it they stay in doubt. `told` hears how many are confirmed.
    """

    def __init__(
        self,
        journal: Journal,
        uploads: Uploads,
        *,
        pace: Pace,
        asks: Asks | None,
        told: Callable[[int], None],
    ) -> None:
        self._journal = journal
        self._uploads = uploads
        self._pace = pace
        self._asks = asks
        self._told = told
        self._next_call = 0.0

    async def send(self, source: Path) -> None:
        """Sends every row that is neither confirmed nor in doubt, until none is left to send.

        Raises SendingStopped with what to do, InputRefused for an unreadable row.
        """
        for round_number in itertools.count(1):
            for batch in self._batches(source):
                await self._send(batch)
            if not self._journal.doubtful or not await self._settle():
                return
            if round_number == self._pace.attempts:
                raise SendingStopped("calls keep breaking off; resume later with --resume")

    def _batches(self, source: Path) -> Iterator[Batch]:
        run = self._journal.run
        texts = (
            as_text(marked(row, run_id=run.run_id, number=number, by=run.shift))
            for number, row in enumerate(read_rows(source))
        )
        pace = self._pace
        return cut_batches(
            texts, skip=self._journal.settled(), most_bytes=pace.most_bytes, most_rows=pace.most_rows
        )

    async def _send(self, batch: Batch) -> None:
        """One batch until its fate is known; halves of it where it is too large."""
        rows = (batch.first, batch.last)
        for attempt in range(self._pace.attempts):
            await self._wait_for_turn()
            self._journal.sending(rows)
            upload = await self._uploads.upload(batch)
            match upload.fate:
                case Fate.ACCEPTED:
                    self._journal.confirm(rows)
                    self._told(self._journal.confirmed_rows)
                    return
                case Fate.DOUBTFUL:
                    return
            self._journal.refuse(rows)
            if upload.fate is Fate.TOO_LARGE and len(batch.rows) > 1:
                for half in batch.halves():
                    await self._send(half)
                return
            if upload.fate is not Fate.WAIT:
                raise SendingStopped(f"the service refuses rows {rows[0]} to {rows[1]}: {upload.message}")
            backoff = min(self._pace.backoff * 2**attempt, _LONGEST_BACKOFF)
            await asyncio.sleep(backoff if upload.wait is None else upload.wait)
        raise SendingStopped(f"the service takes nothing; resume later with --resume ({upload.message})")

    async def _wait_for_turn(self) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(0.0, self._next_call - loop.time()))
        self._next_call = loop.time() + 1 / self._pace.calls_per_second

    async def _settle(self) -> bool:
        """Asks the workspace for rows in doubt until all are settled or time is over.

        True where rows are to be sent again.
        """
        if self._asks is None:
            return False
        deadline = asyncio.get_running_loop().time() + self._pace.settle_seconds
        again = False
        while self._journal.doubtful:
            is_over = asyncio.get_running_loop().time() >= deadline
            for rows in sorted(self._journal.doubtful):
                again |= await self._settle_one(rows, asks=self._asks, is_over=is_over)
            if is_over:
                break
            if self._journal.doubtful:
                await asyncio.sleep(self._pace.look_seconds)
        return again

    async def _settle_one(self, rows: Range, *, asks: Asks, is_over: bool) -> bool:
        """Confirms rows that are there. True where time is over and none of them is: they are sent again."""
        try:
            there = (await asks(rows)).events
        except ReadingFailed as failed:
            if failed.lasting:
                raise SendingStopped(f"rows in doubt cannot be looked for: {failed}") from failed
            return False
        if there == rows[1] - rows[0] + 1:
            self._journal.confirm(rows)
            self._told(self._journal.confirmed_rows)
        elif is_over and there == 0:
            self._journal.refuse(rows)
            return True
        return False
