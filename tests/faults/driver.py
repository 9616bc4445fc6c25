"""Drives the product through one schedule: posts, deliveries, poison, copies, kills, the sweep."""

import asyncio
import json
import logging
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol

from faults.host_queue import HostQueue, Message
from faults.organisations import Place
from faults.schedule import Schedule
from faults.trace import Delivered, Trace
from playbooks.errors import PlaybookError
from playbooks.service import Service
from playbooks.worker import Delivery, Worker

ATTEMPT: ContextVar[int] = ContextVar("attempt_number", default=0)
HORIZON = timedelta(minutes=75)
"""How long an outage without end is watched: twice through every attempt and the poison queue."""
MOST_DELIVERIES = 400
LONGEST = timedelta(hours=8)
"""Beyond every wait, retry and clock jump of a schedule: what is not at rest by then never will be."""
MOST_CALLS = 300
ACCEPTED, REPEATED = 202, 5


class Stage(Protocol):
    """One of the two levels, as the driver sees it."""

    place: Place
    schedule: Schedule
    now: datetime
    trace: Trace
    current: Any
    kill: Any
    copy: Any
    deliver: Any
    announce: Any

    @property
    def service(self) -> Service:
        """The product, bound to this stage."""
        ...

    @property
    def request(self) -> dict[str, Any]:
        """The body that hands the incident over."""
        ...

    def calls(self) -> int:
        """How many calls were made so far."""
        ...

    def lift(self) -> None:
        """Ends every fault that is still to come."""
        ...

    async def settle(self) -> None:
        """Brings the trace up to date."""
        ...


class LogLines(logging.Handler):
    """Every line that any logger writes, and the alarms among them."""

    def __init__(self, trace: Trace) -> None:
        super().__init__(logging.DEBUG)
        self._trace = trace

    def emit(self, record: logging.LogRecord) -> None:
        """Keeps the line."""
        line = record.getMessage()
        self._trace.logs.append(line)
        if record.name == "triage" and (alarm := json.loads(line).get("alarm")):
            self._trace.alarms.append(alarm)


class Run:
    """One schedule on one stage."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.queue = HostQueue()
        self.worker = Worker(stage.service)
        self.owed = 0
        self._attempts = 0
        self._tasks: dict[int, asyncio.Task[Any]] = {}
        self._texts: list[str] = []
        self._running: list[int] = []
        stage.current, stage.kill, stage.copy = ATTEMPT.get, self._kill, self._copy
        stage.deliver, stage.announce = self._put, self._owe
        self._start = stage.now

    async def whole(self) -> Trace:
        """Everything from the first post until nothing is left to do, and then the same once more."""
        trace, lines = self.stage.trace, LogLines(self.stage.trace)
        loggers = [logging.getLogger(name) for name in ("", "triage", "playbooks")]
        levels = [logger.level for logger in loggers]
        for logger in loggers:
            logger.setLevel(logging.DEBUG if logger.name != "root" else logging.INFO)
        loggers[0].addHandler(lines)
        try:
            await self._first()
            await self._once_more()
        finally:
            loggers[0].removeHandler(lines)
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
        return trace

    async def _first(self) -> None:
        for _ in range(self.stage.schedule.posts):
            await self.post()
        await self.drain(until=self._start + HORIZON if self.stage.schedule.down else None)
        if self.queue.next() is not None:
            # An outage without end: the message must have outlived it, and everything is well afterwards.
            self.stage.lift()
            await self.drain()
        await self.stage.settle()

    async def _once_more(self) -> None:
        """Delivered again after everything ended, twice, and swept: the second time nothing is written."""
        # A wait or a poisoned hour may have moved the clock; what follows happens after it.
        self.stage.lift()
        from faults.invariants import check_end  # noqa: PLC0415 - it looks at the end before the copies

        check_end(self.stage)
        await self._again()
        before = len(self.stage.trace.frames)
        await self._again()
        await self._in_task(self.worker.sweep)
        await self.drain()
        await self.stage.settle()
        new = self.stage.trace.frames[before:]
        if any(frame.by == "us" for frame in new):
            self.stage.trace.broke("I6", "a delivery after everything was done wrote something")

    async def _again(self) -> None:
        await self.post()
        await self.drain()
        await self.stage.settle()

    async def post(self) -> None:
        """The caller posts, and repeats what was not accepted; 202 without a message is a violation."""
        body = json.dumps(self.stage.request).encode()
        for _ in range(REPEATED):
            sent = self.queue.sent
            answer = await self._in_task(
                partial(self.stage.service.receive, "mailbox_export", body, "application/json")
            )
            if isinstance(answer, tuple) and answer[0] == ACCEPTED:
                self.stage.trace.accepted = True
                if self.queue.sent == sent:
                    self.stage.trace.broke("I9", "202 before the queue had the message")
                    await asyncio.sleep(0)
                return
            self.stage.now += timedelta(seconds=30)

    async def drain(self, *, until: datetime | None = None) -> None:
        """Delivers what there is, in order of time, until nothing is left or `until` is reached."""
        begun = self.stage.now
        for _ in range(MOST_DELIVERIES):
            while self.owed:
                self.owed -= 1
                await self.post()
            message = self.queue.next()
            if message is None or (until is not None and message.visible > until):
                return
            if self.stage.now - begun > LONGEST:
                break
            await self.deliver(message)
        self.stage.trace.broke("I11", "the queue does not come to rest")
        self.queue.messages.clear()

    async def deliver(self, message: Message) -> None:
        """One delivery as the host makes it."""
        self.stage.now = max(self.stage.now, message.visible)
        if not self.queue.lease(message, self.stage.now):
            return
        poison, count = message.poison, message.count
        function = self.worker.triage_poison if poison else self.worker.triage
        delivery = Delivery(text=message.text, message_id=str(message.number), dequeue_count=count)
        calls, at = self.stage.calls(), self.stage.now
        self._texts.append(message.text)
        ended = await self._in_task(partial(function, delivery))
        if ended is None:
            self.queue.done(message)
        elif isinstance(ended, Exception):
            self.queue.failed(message, self.stage.now)
        made = self.stage.calls() - calls
        await self.stage.settle()
        self.stage.trace.deliveries.append(
            Delivered(
                number=self._attempts,
                message=message.number,
                count=count,
                poison=poison,
                at=at,
                ending=type(ended).__name__,
                calls=made,
            )
        )
        if made > MOST_CALLS:
            self.stage.trace.broke("I11", f"{made} calls in one attempt")

    async def _in_task(self, work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        """What the work returns, or the exception that ended it; an attempt of its own."""
        self._attempts += 1
        number = self._attempts

        async def numbered() -> Any:
            ATTEMPT.set(number)
            return await work()

        task = asyncio.create_task(numbered())
        self._tasks[number] = task
        self._running.append(number)
        try:
            return await task
        except asyncio.CancelledError as killed:
            if not task.cancelled():
                raise
            return killed
        except (PlaybookError, ArithmeticError, LookupError, TypeError, ValueError, ExceptionGroup) as error:
            if not isinstance(error, PlaybookError):
                self.stage.trace.broke("I16", f"an error that is not ours: {error!r}")
            return error
        finally:
            self._running.remove(number)

    def _kill(self) -> None:
        """The process dies: what runs innermost is cut off."""
        self._tasks[self._running[-1]].cancel()

    async def _copy(self) -> None:
        """A second instance works on a copy of the message, from beginning to end, at this very moment."""
        if self._texts:
            copy = Message(number=-1, text=self._texts[-1], visible=self.stage.now)
            self.queue.messages.append(copy)
            await self.deliver(copy)

    def _put(self, text: str, delay: timedelta) -> None:
        self.queue.put(text, visible=self.stage.now + delay)

    def _owe(self) -> None:
        if "unnotified" not in self.stage.schedule.flags:
            self.owed += 1


def lifted(schedule: Schedule) -> Schedule:
    """The same schedule with nothing left to happen."""
    return replace(schedule, strikes=(), down="", flags=schedule.flags - {"echo"})
