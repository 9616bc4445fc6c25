"""Calls functions under the host's time limit, keeps count of those running, and logs how each ended."""

import asyncio
import logging
import time
from collections.abc import Mapping
from datetime import timedelta

from simulator.host.fields import Fields
from simulator.host.triggers import Trigger
from simulator.host.worker import Invocation, Worker

_LOG = logging.getLogger(__name__)


class Calls:
    """The one way into the worker. `limit` is host.json's functionTimeout, None for no limit."""

    def __init__(self, worker: Worker, *, limit: timedelta | None) -> None:
        self._worker = worker
        self._limit = None if limit is None else limit.total_seconds()
        self._running: set[asyncio.Task[Invocation]] = set()

    @property
    def running(self) -> int:
        """Number of invocations under way."""
        return len(self._running)

    async def call(
        self, trigger: Trigger, value: Fields, *, trigger_metadata: Mapping[str, Fields] | None = None
    ) -> Invocation:
        """Run a function. What it raises, and running out of time, come back as a failed invocation.

        An async function that runs out of time is cancelled. A synchronous one cannot be stopped and its
        thread goes on; Azure ends the whole worker instead.
        """
        started = time.monotonic()
        invoked = self._worker.invoke(
            trigger.function_id,
            argument=trigger.argument,
            value=value,
            trigger_metadata=trigger_metadata or {},
        )
        task = asyncio.create_task(invoked, name=f"call {trigger.name}")
        self._running.add(task)
        try:
            invocation = await self._ended(task, trigger.name)
        finally:
            self._running.discard(task)
        _log(trigger.name, invocation, time.monotonic() - started)
        return invocation

    async def _ended(self, task: asyncio.Task[Invocation], name: str) -> Invocation:
        try:
            await asyncio.wait({task}, timeout=self._limit)
        except asyncio.CancelledError:
            task.cancel()
            raise
        if not task.done():
            task.cancel()
            return Invocation(
                succeeded=False, failure=f"{name} exceeded the functionTimeout of {self._limit} s"
            )
        if task.cancelled():
            return Invocation(succeeded=False, failure=f"{name} was cancelled from inside")
        return task.result()


def _log(name: str, invocation: Invocation, seconds: float) -> None:
    if invocation.succeeded:
        _LOG.info("Executed 'Functions.%s' (Succeeded, %d ms)", name, seconds * 1000)
        return
    _LOG.error(
        "Executed 'Functions.%s' (Failed, %d ms): %s\n%s",
        name,
        seconds * 1000,
        invocation.failure,
        invocation.trace,
    )
