"""The local Functions host: one app, its HTTP routes, queues and timers, on loopback."""

import asyncio
import logging
import os
import secrets
import socket
from collections.abc import Coroutine, Iterable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

from aiohttp import web

from simulator.host.calls import Calls
from simulator.host.errors import HostError, HostSettingsError
from simulator.host.fields import Fields
from simulator.host.front import Front, Keys
from simulator.host.listener import DEFAULT_LEASE, QueueListener, poison_queue, queue_metadata
from simulator.host.loopback import bound
from simulator.host.queue_service import QueueService, connection_string
from simulator.host.queues import EmbeddedQueues, SdkQueues, TriggerQueues
from simulator.host.routes import Router
from simulator.host.settings import HostSettings, load_settings
from simulator.host.store import NEVER, QueueStore, StoredMessage
from simulator.host.timers import run_on_schedule, timer_value
from simulator.host.triggers import (
    DEFAULT_CONNECTION,
    HttpTrigger,
    QueueTrigger,
    TimerTrigger,
    Trigger,
    read_trigger,
)
from simulator.host.worker import Worker, environment_with

_LOG = logging.getLogger(__name__)
_LOOK_SECONDS = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class HostOptions:
    """What is seldom changed.

    `external` polls the endpoint of the AzureWebJobsStorage given in the environment instead of the embedded
    queue. `lease` is how long a message stays hidden while its function runs, renewed at half time, and hence
    how long it takes to return after a killed host; Azure's is 10 minutes. `grace` is the seconds that
    running functions get when the host stops.
    """

    queue_port: int = 0
    external: bool = False
    lease: timedelta = DEFAULT_LEASE
    grace: float = 5.0


class FunctionsHost:
    """A running host as an async context manager.

    Raises HostSettingsError for a bad host.json or override, IndexingError for an app that cannot be loaded,
    and HostError where another FunctionsHost is open in the same Python process.
    """

    def __init__(
        self,
        app_dir: Path,
        *,
        queue_file: Path | None = None,
        http_port: int = 0,
        timers: bool = False,
        options: HostOptions | None = None,
    ) -> None:
        self._app_dir = app_dir
        self._queue_file = queue_file
        self._http_port = http_port
        self._with_timers = timers
        self._options = options or HostOptions()
        self._stack = AsyncExitStack()
        self._triggers: dict[str, Trigger] = {}
        self._listeners: list[QueueListener] = []
        self._by_hand: set[asyncio.Task[Any]] = set()
        self._store: QueueStore | None = None
        self._queues: TriggerQueues
        self._calls: Calls
        self.keys = _keys()
        self.base_url = ""
        self.queue_endpoint = ""

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await self._start(stack)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @property
    def functions(self) -> tuple[str, ...]:
        """Names of the functions, sorted."""
        return tuple(sorted(self._triggers))

    @property
    def queue(self) -> QueueStore:
        """The embedded store, for counts and for a look at every message; HostError in external mode."""
        if self._store is None:
            raise HostError("The queue is external; look at it through its own endpoint.")
        return self._store

    async def drained(self, queues: Iterable[str] | None = None, *, timeout: float = 30.0) -> None:  # noqa: ASYNC109
        """Return once the queues hold no message, leased and delayed ones included, and nothing is running.

        `queues` defaults to all trigger queues; `timeout` is in seconds. Raises TimeoutError with the rest.
        """
        watched = None if queues is None else tuple(queues)
        try:
            async with asyncio.timeout(timeout):
                await self._until_drained(watched)
        except TimeoutError:
            states = await self.queue_states()
            raise TimeoutError(f"After {timeout} s the host still holds: {states}") from None

    def status(self) -> dict[str, Any]:
        """Describe the host for `/admin/host/status`."""
        kinds = {name: type(trigger).__name__ for name, trigger in sorted(self._triggers.items())}
        return {"state": "Running", "functions": kinds}

    async def queue_states(self, *, patience: float = 0.0, watched: Sequence[str] = ()) -> dict[str, Any]:
        """Count the running calls, and for each trigger queue its messages: visible, invisible, in hand.

        Waits up to `patience` seconds for the `watched` queues, by default all, to be drained before.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._until_drained(watched or None)
        queues = {}
        for name in self._trigger_queues():
            counts = await self._queues.counts(name)
            running = sum(each.running for each in self._listeners if each.trigger.queue == name)
            queues[name] = {"visible": counts.visible, "invisible": counts.invisible, "running": running}
        return {"queues": queues, "running": self._calls.running + len(self._by_hand)}

    def start_by_hand(self, name: str, text: str) -> bool:
        """Start a queue or timer function with `text` as its message; False where there is none so named."""
        trigger = self._triggers.get(name)
        match trigger:
            case QueueTrigger():
                body = text.encode()
                metadata = queue_metadata(_message_by_hand(text), body)
                call = self._calls.call(trigger, Fields(string=text), trigger_metadata=metadata)
            case TimerTrigger():
                call = self._calls.call(trigger, timer_value(trigger))
            case _:
                return False
        task = asyncio.create_task(call, name=f"{name} by hand")
        self._by_hand.add(task)
        task.add_done_callback(self._by_hand.discard)
        return True

    async def _start(self, stack: AsyncExitStack) -> None:
        settings = load_settings(self._app_dir, os.environ)
        connection = await self._open_queue(stack, settings)
        listening = stack.enter_context(bound(self._http_port))
        port = listening.getsockname()[1]
        self.base_url = f"http://127.0.0.1:{port}"
        worker = stack.enter_context(Worker(self._app_dir, _app_environment(connection, port)))
        for function in await worker.index():
            self._triggers[function.name] = read_trigger(function, os.environ)
            if function.has_retry_policy:
                _LOG.warning("The retry policy of function '%s' is not played locally", function.name)
        stack.enter_context(environment_with(dict.fromkeys(self._connections(), connection)))
        self._calls = Calls(worker, limit=settings.function_timeout)
        await self._serve(stack, settings, listening)
        await self._listen(stack, settings)

    async def _open_queue(self, stack: AsyncExitStack, settings: HostSettings) -> str:
        """Open the embedded or the external queue; returns its connection string."""
        given = os.environ.get(DEFAULT_CONNECTION, "")
        if self._options.external:
            if not given:
                raise HostSettingsError(
                    [f"an external queue needs {DEFAULT_CONNECTION}, a connection string"]
                )
            self._queues = SdkQueues(given, slowest=settings.queues.max_polling_interval)
            stack.push_async_callback(self._queues.close)
            return given
        if given:
            _LOG.warning(
                "%s is set already; this host puts its embedded queue in its place", DEFAULT_CONNECTION
            )
        self._store = QueueStore(self._queue_file)
        stack.callback(self._store.close)
        service = await stack.enter_async_context(QueueService(self._store, port=self._options.queue_port))
        self.queue_endpoint = service.endpoint
        self._queues = EmbeddedQueues(self._store)
        return connection_string(service.endpoint)

    async def _serve(self, stack: AsyncExitStack, settings: HostSettings, listening: socket.socket) -> None:
        routes = [trigger for trigger in self._triggers.values() if isinstance(trigger, HttpTrigger)]
        front = Front(Router(routes, settings.route_prefix), calls=self._calls, keys=self.keys, admin=self)
        # The platform hands compressed bodies on as they came.
        runner = web.AppRunner(
            front.application(), access_log=None, auto_decompress=False, shutdown_timeout=self._options.grace
        )
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.SockSite(runner, listening).start()

    async def _listen(self, stack: AsyncExitStack, settings: HostSettings) -> None:
        for queue in self._trigger_queues():
            await self._queues.create(queue)
            if not queue.endswith("-poison"):
                await self._queues.create(poison_queue(queue))
        stack.push_async_callback(_cancelled, self._by_hand)
        for trigger in self._triggers.values():
            if isinstance(trigger, QueueTrigger):
                self._listeners.append(self._listener(trigger, settings))
        # Left in reverse: no listener takes a message while another one is finishing.
        for listener in self._listeners:
            stack.push_async_callback(listener.finish, self._options.grace)
        for listener in self._listeners:
            self._background(stack, listener.listen())
        for trigger in self._triggers.values():
            if isinstance(trigger, TimerTrigger) and self._with_timers:
                self._background(stack, run_on_schedule(trigger, self._calls))

    def _listener(self, trigger: QueueTrigger, settings: HostSettings) -> QueueListener:
        return QueueListener(
            trigger,
            queues=self._queues,
            calls=self._calls,
            settings=settings.queues,
            lease=self._options.lease,
        )

    @staticmethod
    def _background(stack: AsyncExitStack, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        stack.push_async_callback(_cancelled, {task})

    def _trigger_queues(self) -> tuple[str, ...]:
        queues = {each.queue for each in self._triggers.values() if isinstance(each, QueueTrigger)}
        return tuple(sorted(queues))

    def _connections(self) -> set[str]:
        return {each.connection for each in self._triggers.values() if isinstance(each, QueueTrigger)}

    async def _until_drained(self, queues: Sequence[str] | None) -> None:
        while not await self._is_drained(queues):
            in_hand = {task for each in self._listeners for task in each.in_hand}
            if in_hand:
                await asyncio.wait(in_hand, return_when=asyncio.FIRST_COMPLETED)
            else:
                await asyncio.sleep(_LOOK_SECONDS)

    async def _is_drained(self, queues: Sequence[str] | None) -> bool:
        if self._calls.running or self._by_hand or any(each.running for each in self._listeners):
            return False
        for queue in self._trigger_queues() if queues is None else queues:
            counts = await self._queues.counts(queue)
            if counts.visible or counts.invisible:
                return False
        return True


async def _cancelled(tasks: set[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _keys() -> Keys:
    def key(name: str) -> str:
        return os.environ.get(name) or secrets.token_urlsafe(32)

    return Keys(function=key("SIMULATOR_FUNCTION_KEY"), master=key("SIMULATOR_MASTER_KEY"))


def _app_environment(connection: str, port: int) -> dict[str, str]:
    """Build what the platform sets for an app; the names are those of Core Tools."""
    return {
        DEFAULT_CONNECTION: connection,
        "AZURE_FUNCTIONS_ENVIRONMENT": os.environ.get("AZURE_FUNCTIONS_ENVIRONMENT", "Development"),
        "FUNCTIONS_WORKER_RUNTIME": "python",
        "WEBSITE_HOSTNAME": f"127.0.0.1:{port}",
    }


def _message_by_hand(text: str) -> StoredMessage:
    now = datetime.now(UTC)
    return StoredMessage(
        id=str(uuid4()), text=text, inserted=now, expires=NEVER, visible=now, pop_receipt="", dequeue_count=1
    )
