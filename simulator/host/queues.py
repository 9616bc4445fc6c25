"""The queue as triggers see it: the embedded store, or any Storage Queue endpoint through the SDK."""

import asyncio
import math
import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from simulator.host.errors import QueueUnavailable, StorageRefusal
from simulator.host.store import DEFAULT_LIFE, QueueCounts, QueueStore, StoredMessage

# Another process may write to the same file and cannot ring our bell.
_LOOK_AGAIN_SECONDS = 0.5


class TriggerQueues(Protocol):
    """What polling needs of a queue service. Each call may raise QueueUnavailable; times are UTC."""

    async def create(self, queue: str) -> None:
        """Make sure that the queue exists."""

    async def receive(self, queue: str, *, count: int, lease: timedelta) -> list[StoredMessage]:
        """Take up to `count` messages and hide them for `lease`."""

    async def hide(self, queue: str, message: StoredMessage, *, delay: timedelta) -> StoredMessage:
        """Make a taken message visible after `delay`; returns it with its new pop receipt."""

    async def delete(self, queue: str, message: StoredMessage) -> None:
        """Delete a taken message."""

    async def send_poison(self, queue: str, text: str) -> None:
        """Add a message as the host does: with the service's default life of 7 days."""

    async def wait(self, queue: str) -> None:
        """Return when it is worth calling `receive` again after it came back empty."""

    async def counts(self, queue: str) -> QueueCounts:
        """Count the messages; a service that only knows the sum reports them all as visible."""

    async def close(self) -> None:
        """Let go of connections."""


class EmbeddedQueues:
    """Triggers on the embedded store, woken by each insertion."""

    def __init__(self, store: QueueStore) -> None:
        self._store = store
        self._bells: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        store.watch(lambda queue: self._bells[queue].set())

    async def create(self, queue: str) -> None:
        """See TriggerQueues."""
        with _store_errors(queue):
            self._store.create_queue(queue)

    async def receive(self, queue: str, *, count: int, lease: timedelta) -> list[StoredMessage]:
        """See TriggerQueues."""
        with _store_errors(queue):
            return self._store.lease(queue, count=count, lease=lease)

    async def hide(self, queue: str, message: StoredMessage, *, delay: timedelta) -> StoredMessage:
        """See TriggerQueues."""
        with _store_errors(queue):
            return self._store.update(queue, message.id, message.pop_receipt, delay=delay)

    async def delete(self, queue: str, message: StoredMessage) -> None:
        """See TriggerQueues."""
        with _store_errors(queue):
            self._store.delete(queue, message.id, message.pop_receipt)

    async def send_poison(self, queue: str, text: str) -> None:
        """See TriggerQueues."""
        with _store_errors(queue):
            self._store.create_queue(queue)
            self._store.put(queue, text, life=DEFAULT_LIFE)

    async def wait(self, queue: str) -> None:
        """See TriggerQueues."""
        with _store_errors(queue):
            ahead = self._store.seconds_to_next(queue)
        seconds = _LOOK_AGAIN_SECONDS if ahead is None else min(max(ahead, 0.0), _LOOK_AGAIN_SECONDS)
        bell = self._bells[queue]
        try:
            await asyncio.wait_for(bell.wait(), seconds)
        except TimeoutError:
            return
        bell.clear()

    async def counts(self, queue: str) -> QueueCounts:
        """See TriggerQueues."""
        with _store_errors(queue):
            return self._store.counts(queue)

    async def close(self) -> None:
        """See TriggerQueues; the store belongs to the host."""


class SdkQueues:
    """Triggers on any Storage Queue endpoint, for example Azurite, through `azure-storage-queue`.

    Polls as the Storage Queues extension does: from 100 ms, doubling up to `slowest` while nothing comes.
    """

    def __init__(self, connection: str, *, slowest: timedelta) -> None:
        self._connection = connection
        self._slowest = slowest.total_seconds()
        self._pauses: defaultdict[str, float] = defaultdict(lambda: 0.1)
        self._clients: dict[str, Any] = {}

    async def create(self, queue: str) -> None:
        """See TriggerQueues."""
        from azure.core.exceptions import ResourceExistsError  # noqa: PLC0415 - only paid for where it is used

        with _sdk_errors(queue):
            try:
                await self._client(queue).create_queue()
            except ResourceExistsError:
                return

    async def receive(self, queue: str, *, count: int, lease: timedelta) -> list[StoredMessage]:
        """See TriggerQueues."""
        with _sdk_errors(queue):
            pages = self._client(queue).receive_messages(
                messages_per_page=count, max_messages=count, visibility_timeout=_seconds(lease)
            )
            found = [_stored(message) async for message in pages]
        if found:
            self._pauses.pop(queue, None)
        return found

    async def hide(self, queue: str, message: StoredMessage, *, delay: timedelta) -> StoredMessage:
        """See TriggerQueues."""
        with _sdk_errors(queue):
            changed = await self._client(queue).update_message(
                message.id, message.pop_receipt, visibility_timeout=_seconds(delay)
            )
        return StoredMessage(
            id=message.id,
            text=message.text,
            inserted=message.inserted,
            expires=message.expires,
            visible=changed.next_visible_on or message.visible,
            pop_receipt=changed.pop_receipt,
            dequeue_count=message.dequeue_count,
        )

    async def delete(self, queue: str, message: StoredMessage) -> None:
        """See TriggerQueues."""
        with _sdk_errors(queue):
            await self._client(queue).delete_message(message.id, message.pop_receipt)

    async def send_poison(self, queue: str, text: str) -> None:
        """See TriggerQueues."""
        await self.create(queue)
        with _sdk_errors(queue):
            await self._client(queue).send_message(text)

    async def wait(self, queue: str) -> None:
        """See TriggerQueues."""
        pause = min(self._pauses[queue], self._slowest)
        self._pauses[queue] = pause * 2
        await asyncio.sleep(pause)

    async def counts(self, queue: str) -> QueueCounts:
        """See TriggerQueues."""
        with _sdk_errors(queue):
            properties = await self._client(queue).get_queue_properties()
        return QueueCounts(visible=properties.approximate_message_count or 0, invisible=0)

    async def close(self) -> None:
        """See TriggerQueues."""
        for client in self._clients.values():
            await client.close()

    def _client(self, queue: str) -> Any:
        from azure.storage.queue.aio import QueueClient  # noqa: PLC0415 - only paid for where it is used

        if queue not in self._clients:
            self._clients[queue] = QueueClient.from_connection_string(
                self._connection, queue, retry_total=2, initial_backoff=1, increment_base=1
            )
        return self._clients[queue]


@contextmanager
def _store_errors(queue: str) -> Iterator[None]:
    try:
        yield
    except (StorageRefusal, sqlite3.OperationalError) as cause:
        raise QueueUnavailable(f"queue {queue}: {cause}") from cause


@contextmanager
def _sdk_errors(queue: str) -> Iterator[None]:
    from azure.core.exceptions import AzureError  # noqa: PLC0415 - only paid for where it is used

    try:
        yield
    except AzureError as cause:
        raise QueueUnavailable(f"queue {queue}: {cause}") from cause


def _seconds(span: timedelta) -> int:
    return math.ceil(span.total_seconds())


def _stored(message: Any) -> StoredMessage:
    return StoredMessage(
        id=message.id,
        text=message.content,
        inserted=message.inserted_on,
        expires=message.expires_on,
        visible=message.next_visible_on or datetime.now(UTC),
        pop_receipt=message.pop_receipt,
        dequeue_count=message.dequeue_count,
    )
