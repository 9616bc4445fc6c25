"""Counts the rounds of calls: how often a caller waits before it can ask on.

Calls are held back until no further one comes that does not need an answer, and then served together.
"""

import asyncio
from collections.abc import Callable, Sequence

from simulator.workspace.model import Call

_PASSES = 300
"""Passes of the event loop without a call after which a caller is taken to wait; it shares that loop."""


class Lockstep:
    """What a workspace waits for before each call (`pause_before_calls`); `calls` gives those answered.

    `rounds` holds, for each round, how many calls it had. The caller's work has to run in the same loop.
    """

    def __init__(self, calls: Callable[[], Sequence[Call]]) -> None:
        self._calls = calls
        self._answered = self._outer()
        self._held = 0
        self._gate: asyncio.Event | None = None
        self._task: asyncio.Task[None] | None = None
        self.rounds: list[int] = []

    async def pause(self) -> None:
        """Returns when the round that this call belongs to is whole."""
        self._held += 1
        if self._gate is None:
            self._gate = asyncio.Event()
            self._task = asyncio.create_task(self._release(self._gate))
        await self._gate.wait()

    async def _release(self, gate: asyncio.Event) -> None:
        known, quiet = 0, 0
        while quiet < _PASSES:
            await asyncio.sleep(0)
            waiting = self._outer() - self._answered < sum(self.rounds)
            quiet = 0 if waiting or self._held != known else quiet + 1
            known = self._held
        self.rounds.append(self._held)
        self._held, self._gate = 0, None
        gate.set()

    def _outer(self) -> int:
        return sum(not call.inner for call in self._calls())
