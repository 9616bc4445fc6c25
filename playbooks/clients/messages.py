"""The triage queue: Azure Storage, written directly so that an answer of 202 follows a confirmed write.

Nothing here creates a queue: the deployment does, and a missing one must be seen.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC
from functools import cached_property

from azure.core.exceptions import AzureError, ResourceNotFoundError
from azure.core.pipeline.transport import AioHttpTransport
from azure.storage.queue.aio import QueueClient

from playbooks.clients.attempt import seconds_left
from playbooks.clients.identity import Identity
from playbooks.clients.lookups import looked_up
from playbooks.clients.rest import CONNECT_SECONDS, loopback
from playbooks.errors import PermissionMissing, SourceError, SourceUnavailable
from playbooks.model import Absent, Found, Lookup, QueueState

SOURCE = "queue"
ROLE = "the role Storage Queue Data Contributor on the storage account"
CONNECTION = "AzureWebJobsStorage"
SECONDS = 20.0


class QueueMessages:
    """Sends messages to one queue as plain text, as host.json says (`messageEncoding`)."""

    def __init__(self, environment: Mapping[str, str], *, queue_name: str, identity: Identity) -> None:
        self._environment = environment
        self._queue_name = queue_name
        self._identity = identity

    async def send(self, body: str, *, delay_seconds: int = 0) -> None:
        """Writes a message that never expires and is seen after `delay_seconds`.

        Returns once the service has confirmed it. Raises SourceUnavailable for anything else; the
        message may then be there all the same.
        """
        try:
            async with asyncio.timeout(SECONDS):
                await self._client.send_message(body, visibility_timeout=delay_seconds, time_to_live=-1)
        except (AzureError, TimeoutError) as error:
            status = getattr(error, "status_code", None) or 0
            raise SourceUnavailable(
                SOURCE, f"not confirmed ({type(error).__name__})", status=status
            ) from error

    async def probe(self) -> None:
        """Looks at the queue without taking a message. Raises PermissionMissing, SourceUnavailable."""
        try:
            async with asyncio.timeout(seconds_left(SOURCE, most=SECONDS)):
                await self._client.peek_messages()
        except (AzureError, TimeoutError) as error:
            raise _unread(error) from error

    async def state(self) -> Lookup[QueueState]:
        """What the queue holds; Absent where there is none. Raises PermissionMissing, SourceUnavailable.

        The oldest message is that of the front 32 which may be seen now; a delayed one is not waiting yet.
        """
        try:
            async with asyncio.timeout(seconds_left(SOURCE, most=SECONDS)):
                properties = await self._client.get_queue_properties()
                front = await self._client.peek_messages(max_messages=32)
        except ResourceNotFoundError:
            return Absent(SOURCE)
        except (AzureError, TimeoutError) as error:
            raise _unread(error) from error
        put_in = [message.inserted_on.astimezone(UTC) for message in front if message.inserted_on]
        messages = properties.approximate_message_count or 0
        return Found(QueueState(messages=messages, oldest=min(put_in, default=None)))

    async def close(self) -> None:
        """Ends the connections, if any were made."""
        if "_client" in self.__dict__:
            await self._client.close()

    @cached_property
    def _client(self) -> QueueClient:
        connection = self._environment.get(CONNECTION, "")
        if connection:
            return self._made(
                connection, lambda **options: QueueClient.from_connection_string(connection, **options)
            )
        url = _service_url(self._environment)
        return self._made(url, lambda **options: QueueClient(url, credential=self._identity, **options))

    def _made(self, place: str, make: Callable[..., QueueClient]) -> QueueClient:
        local = (
            loopback(place) or "://127.0.0.1" in place or place.lower().startswith("usedevelopmentstorage")
        )
        transport = AioHttpTransport(
            connection_timeout=CONNECT_SECONDS, read_timeout=SECONDS, use_env_settings=not local
        )
        # The stock retry hangs for 25 seconds on a dead queue; the caller repeats anyway.
        options = {"retry_total": 2, "initial_backoff": 1, "increment_base": 1}
        try:
            return make(
                queue_name=self._queue_name,
                transport=transport,
                **options,
            )
        except ValueError as error:
            raise SourceUnavailable(SOURCE, f"the setting {CONNECTION} cannot be read") from error


async def read_state(queue: QueueMessages) -> Lookup[QueueState]:
    """What the queue holds, with every error as Unavailable."""
    return await looked_up(SOURCE, queue.state())


def _unread(error: Exception) -> SourceError:
    """What an error of a read means."""
    status = getattr(error, "status_code", None) or 0
    if status in (401, 403):
        return PermissionMissing(SOURCE, f"needs {ROLE} ({status})", status=status)
    return SourceUnavailable(SOURCE, f"no whole answer ({type(error).__name__})", status=status)


def _service_url(environment: Mapping[str, str]) -> str:
    """The queue service, reached with the managed identity. Raises SourceUnavailable where none is set."""
    if url := environment.get(f"{CONNECTION}__queueServiceUri"):
        return url.rstrip("/")
    if account := environment.get(f"{CONNECTION}__accountName"):
        return f"https://{account}.queue.core.windows.net"
    message = f"none of {CONNECTION}, {CONNECTION}__queueServiceUri and {CONNECTION}__accountName is set"
    raise SourceUnavailable(SOURCE, message)
