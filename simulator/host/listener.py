"""Polls one trigger queue and runs its function, with the rules of the Storage Queues extension.

Source: azure-sdk-for-net, Microsoft.Azure.WebJobs.Extensions.Storage.Queues (version 5): QueueListener,
QueueProcessor and QueueServiceClientProvider. Three of its rules surprise:
- a message that is not base64 goes to the poison queue untouched, without running the function;
- a poison queue has no poison queue, so what fails there stays hidden for the rest of its lease, is not run
  again once it was delivered more than maxDequeueCount times, and an undecodable message there never runs;
- the copy in the poison queue lives 7 days, whatever life the message had.
"""

import asyncio
import base64
import json
import logging
from datetime import datetime, timedelta

from simulator.host.calls import Calls
from simulator.host.errors import QueueUnavailable
from simulator.host.fields import Fields
from simulator.host.queues import TriggerQueues
from simulator.host.settings import QueueSettings
from simulator.host.store import StoredMessage
from simulator.host.triggers import QueueTrigger

DEFAULT_LEASE = timedelta(minutes=10)
_LOG = logging.getLogger(__name__)


class QueueListener:
    """One function's listener; `listen` runs until it is cancelled, `running` counts the messages in hand."""

    def __init__(
        self,
        trigger: QueueTrigger,
        *,
        queues: TriggerQueues,
        calls: Calls,
        settings: QueueSettings,
        lease: timedelta = DEFAULT_LEASE,
    ) -> None:
        self.trigger = trigger
        self._queues = queues
        self._calls = calls
        self._settings = settings
        self._lease = lease
        self._running: set[asyncio.Task[None]] = set()

    @property
    def running(self) -> int:
        """Number of messages being worked on."""
        return len(self._running)

    @property
    def in_hand(self) -> frozenset[asyncio.Task[None]]:
        """The messages being worked on, as tasks."""
        return frozenset(self._running)

    async def listen(self) -> None:
        """Take messages in batches while no more than newBatchThreshold are in hand."""
        while True:
            for message in await self._received():
                task = asyncio.create_task(self._handled(message), name=f"message for {self.trigger.name}")
                self._running.add(task)
                task.add_done_callback(self._running.discard)
            while len(self._running) > self._settings.new_batch_threshold:
                await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)

    async def finish(self, grace: float) -> None:
        """Let messages in hand end within `grace` seconds; the others stay leased, as in Azure."""
        if not self._running:
            return
        _, late = await asyncio.wait(self._running, timeout=grace)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def _received(self) -> list[StoredMessage]:
        queue = self.trigger.queue
        try:
            messages = await self._queues.receive(queue, count=self._settings.batch_size, lease=self._lease)
            if not messages:
                await self._queues.wait(queue)
        except QueueUnavailable as cause:
            _LOG.warning("Polling for %s goes on: %s", self.trigger.name, cause)
            await asyncio.sleep(1)
            return []
        return messages

    async def _handled(self, message: StoredMessage) -> None:
        try:
            body = self._decoded(message.text)
            if body is None:
                _LOG.warning("Message decoding has failed! Check MessageEncoding settings. %s", message.id)
                await self._to_poison(message)
            elif message.dequeue_count > self._settings.max_dequeue_count:
                await self._to_poison(message)
            else:
                await self._run(message, body)
        except QueueUnavailable as cause:
            _LOG.warning("Message %s of %s is left to its lease: %s", message.id, self.trigger.name, cause)

    async def _run(self, message: StoredMessage, body: bytes) -> None:
        held = _Held(message)
        renewal = asyncio.create_task(self._renewed(held))
        try:
            invocation = await self._calls.call(
                self.trigger,
                Fields(string=body.decode("utf-8", errors="replace")),
                trigger_metadata=queue_metadata(message, body),
            )
        finally:
            renewal.cancel()
            await asyncio.gather(renewal, return_exceptions=True)
        if invocation.succeeded:
            await self._queues.delete(self.trigger.queue, held.message)
        elif not self.trigger.is_on_poison_queue:
            await self._failed(held.message)

    async def _failed(self, message: StoredMessage) -> None:
        if message.dequeue_count >= self._settings.max_dequeue_count:
            await self._to_poison(message)
            return
        await self._queues.hide(self.trigger.queue, message, delay=self._settings.visibility_timeout)

    async def _to_poison(self, message: StoredMessage) -> None:
        if self.trigger.is_on_poison_queue:
            return
        poison = poison_queue(self.trigger.queue)
        _LOG.warning(
            "Moving message %s to queue '%s' after %d deliveries", message.id, poison, message.dequeue_count
        )
        await self._queues.send_poison(poison, message.text)
        await self._queues.delete(self.trigger.queue, message)

    async def _renewed(self, held: "_Held") -> None:
        while True:
            await asyncio.sleep(self._lease.total_seconds() / 2)
            try:
                held.message = await self._queues.hide(self.trigger.queue, held.message, delay=self._lease)
            except QueueUnavailable as cause:
                _LOG.warning("The lease of message %s could not be renewed: %s", held.message.id, cause)

    def _decoded(self, text: str) -> bytes | None:
        if not self._settings.base64:
            return text.encode()
        try:
            return base64.b64decode("".join(text.split()), validate=True)
        except ValueError:
            return None


class _Held:
    """A message in hand; each renewal of its lease brings a new pop receipt."""

    def __init__(self, message: StoredMessage) -> None:
        self.message = message


def poison_queue(queue: str) -> str:
    """Name the poison queue of a queue."""
    return f"{queue}-poison"


def queue_metadata(message: StoredMessage, body: bytes) -> dict[str, Fields]:
    """Build the trigger metadata of a queue message, in the JSON form in which the host sends it."""
    return {
        "QueueTrigger": Fields(string=body.decode("utf-8", errors="replace")),
        "Id": Fields(string=message.id),
        "PopReceipt": Fields(string=message.pop_receipt),
        "DequeueCount": Fields(json=json.dumps(message.dequeue_count)),
        "InsertionTime": _moment(message.inserted),
        "ExpirationTime": _moment(message.expires),
        "NextVisibleTime": _moment(message.visible),
    }


def _moment(moment: datetime) -> Fields:
    return Fields(json=json.dumps(moment.replace(microsecond=0).isoformat()))
