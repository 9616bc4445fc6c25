"""What the rules see of labelled cases, worked out for many cases at once and for each apart."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

from simulator.chain.cases import Case, playbook_of_case
from simulator.chain.grouping import Gathering
from simulator.chain.sightings import Watch
from simulator.eventstore import SeparateLogs

TOGETHER = 64
"""So many cases share the setting up of each rule."""

type Log = tuple[Sequence[Mapping[str, Any]], Sequence[Mapping[str, Any]]]
"""Process events and alerts."""


class Foreseen:
    """The incidents of each case, as a context manager; they are worked out when a case is come to.

    `log_of` gives what the workspace holds before a case is run. Cases are asked for in order, each once.
    """

    def __init__(self, cases: Sequence[Case], log_of: Callable[[Case], Log]) -> None:
        self._cases = cases
        self._log_of = log_of
        self._logs = SeparateLogs()
        self._watch = Watch()
        self._known: dict[int, list[Gathering]] = {}
        self._looking = asyncio.Lock()

    def __enter__(self) -> Self:
        self._logs.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._logs.__exit__()

    async def of(self, number: int) -> list[Gathering]:
        """The incidents that Sentinel would make of the case at that place. Raises QueryError."""
        async with self._looking:
            if number not in self._known:
                self._known |= await asyncio.to_thread(self._looked, number)
        return self._known.pop(number)

    def _looked(self, first: int) -> dict[int, list[Gathering]]:
        """The incidents of that case and those after it."""
        cases = self._cases[first : first + TOGETHER]
        self._logs.replace(map(self._log_of, cases))
        seen = self._watch.gatherings_each(
            self._logs,
            dns=[case.tenant["organisation"]["dns"] for case in cases],
            playbooks=[playbook_of_case(case) for case in cases],
        )
        return dict(enumerate(seen, start=first))
