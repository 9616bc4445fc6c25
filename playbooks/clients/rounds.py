"""Questions that one attempt asks at the same time, gathered so that they can travel in one request.

A round ends when no task of the attempt adds to it any more. Nothing is kept: the next round begins empty,
and two attempts never share one.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from playbooks.clients.attempt import current_attempt
from playbooks.errors import SourceError

type Answered[A] = A | SourceError

QUIET_PASSES = 4
"""Passes of the event loop without a new question that end a round: nested tasks start one pass apart."""


class _Round[Q, A]:
    """The questions of one request, who waits for the answer to each, and the task that asks them."""

    def __init__(self, attempt: int) -> None:
        self.attempt = attempt
        self.questions: list[Q] = []
        self.askers: list[asyncio.Future[Answered[A]]] = []
        self.waiting = 0
        self.task: asyncio.Task[Sequence[Answered[A]]]

    def tell(self, task: asyncio.Task[Sequence[Answered[A]]]) -> None:
        """Gives each asker its answer, or what the task ended with; one that was cancelled waits no more."""
        for place, asker in enumerate(self.askers):
            if asker.done():
                continue
            if task.cancelled():
                asker.cancel()
            elif (error := task.exception()) is not None:
                asker.set_exception(error)
            else:
                asker.set_result(task.result()[place])


class Rounds[Q, A]:
    """Hands the questions of each round to `ask_all`, which gives their answers in the same order."""

    def __init__(self, ask_all: Callable[[Sequence[Q]], Awaitable[Sequence[Answered[A]]]]) -> None:
        self._ask_all = ask_all
        self._open: dict[int, _Round[Q, A]] = {}

    async def ask(self, question: Q) -> A:
        """The answer to one question. Raises the SourceError that stands in its place."""
        one = self._joined()
        one.questions.append(question)
        one.askers.append(asyncio.get_running_loop().create_future())
        one.waiting += 1
        try:
            answer = await one.askers[-1]
        finally:
            one.waiting -= 1
            if not one.waiting:
                self._forget(one)
                one.task.cancel()
        if isinstance(answer, SourceError):
            raise answer
        return answer

    def _joined(self) -> _Round[Q, A]:
        attempt = id(current_attempt())
        if attempt not in self._open:
            one: _Round[Q, A] = _Round(attempt)
            self._open[attempt] = one
            one.task = asyncio.create_task(self._asked(one))
            one.task.add_done_callback(one.tell)
        return self._open[attempt]

    def _forget(self, one: _Round[Q, A]) -> None:
        """Nobody joins it any more."""
        if self._open.get(one.attempt) is one:
            del self._open[one.attempt]

    async def _asked(self, one: _Round[Q, A]) -> Sequence[Answered[A]]:
        try:
            await _quiet(one.questions)
        finally:
            self._forget(one)
        return await self._ask_all(one.questions)


async def _quiet(questions: Sequence[object]) -> None:
    """Returns once no question was added for some passes of the event loop."""
    known, passes = 0, 0
    while passes < QUIET_PASSES:
        await asyncio.sleep(0)
        passes = passes + 1 if len(questions) == known else 0
        known = len(questions)


def outcome[T](answered: T | BaseException) -> T:
    """What one of several questions answered, asked for with `return_exceptions`. Raises what it raised."""
    if isinstance(answered, BaseException):
        raise answered
    return answered
