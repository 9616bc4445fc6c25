"""The bounds of one attempt, and how patiently one call is repeated within them.

A call is repeated at most three times, and only for what passes by itself: connection faults, 408, 429,
5xx, an answer that is cut off or no JSON. Waits grow, carry jitter, and sum up to a minute at most. A
Retry-After that is longer or unreadable ends the call at once: the queue waits better than we do.
"""

import asyncio
import math
import random
import re
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from playbooks.errors import SourceUnavailable


class Passing(SourceUnavailable):
    """No whole answer, for a reason that may pass; `wait` is what the service asked for, in seconds."""

    def __init__(self, source: str, cause: str, *, status: int = 0, wait: float | None = None) -> None:
        super().__init__(source, cause, status=status)
        self.wait = wait


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One delivery of one message: the id its log records carry, and when by `clock` it must have ended."""

    correlation_id: str = ""
    ends_at: float = math.inf
    clock: Callable[[], float] = time.monotonic
    """Seconds that only grow."""
    repeats: bool = True
    """False: every call is made once, for a page that a person waits for."""
    given_up: set[str] | None = None
    """Operations that used up their repeats in this attempt: asked once more, they are not repeated."""


_ATTEMPT: ContextVar[Attempt] = ContextVar("attempt", default=Attempt())  # noqa: B039 - it is frozen


def current_attempt() -> Attempt:
    """The attempt that the running task belongs to; one without an end where none was begun."""
    return _ATTEMPT.get()


@contextmanager
def attempt(
    correlation_id: str,
    *,
    seconds: float = math.inf,
    repeats: bool = True,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Attempt]:
    """Begins an attempt: calls inside carry the id, and none starts or waits beyond `seconds` from now.

    The id goes into a header, and whoever may write to the queue chooses it: odd characters become `_`.
    """
    begun = Attempt(
        correlation_id=re.sub(r"[^\w.-]", "_", correlation_id[:64], flags=re.ASCII),
        ends_at=clock() + seconds,
        clock=clock,
        repeats=repeats,
        given_up=set(),
    )
    token = _ATTEMPT.set(begun)
    try:
        yield begun
    finally:
        _ATTEMPT.reset(token)


def read_retry_after(value: str | None) -> float | None:
    """Seconds of a Retry-After header, None without one, infinity for a date or anything unreadable."""
    if value is None:
        return None
    return float(value.strip()) if re.fullmatch(r"\s*[0-9]{1,9}\s*", value, re.ASCII) else math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How often and how long a call is repeated. `sleep` and `jitter` (0 to 1) are arguments for tests."""

    repeats: int = 3
    longest: float = 60.0
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    jitter: Callable[[], float] = random.random

    def wait(self, turn: int, asked: float | None) -> float:
        """Seconds before repeat number `turn` (from 0): what was asked for, else 0.5, 1, 2 … with jitter."""
        return asked or 0.5 * 2**turn * (1 + self.jitter())

    async def repeat[T](self, call: Callable[[], Awaitable[T]], *, operation: str) -> T:
        """The first answer of `call`. Raises the last Passing where patience or the attempt's time ends.

        A service that is down costs an attempt its patience once for each operation, not for each call.
        """
        given_up, repeats = current_attempt().given_up, current_attempt().repeats
        waited = 0.0
        for turn in range(0 if not repeats or (given_up and operation in given_up) else self.repeats):
            try:
                return await call()
            except Passing as fault:
                wait = self.wait(turn, fault.wait)
                waited += wait
                if waited > self.longest or seconds_to_end() <= wait:
                    raise
                await self.sleep(wait)
        try:
            return await call()
        except Passing:
            if given_up is not None:
                given_up.add(operation)
            raise


def seconds_to_end() -> float:
    """Seconds until this attempt must have ended; infinity without an attempt."""
    running = current_attempt()
    return running.ends_at - running.clock()


def seconds_left(source: str, *, most: float) -> float:
    """Seconds that a call may take now, `most` at the most. Raises SourceUnavailable where none are left."""
    left = min(most, seconds_to_end())
    if left <= 0:
        raise SourceUnavailable(source, "not asked: the time of this attempt is used up")
    return left
