"""The suite's own check: whichever test makes an exchange that no document allows, fails."""

import logging
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any

import pytest

from contracts.judging import Judge
from simulator.workspace.exchanges import LOGGER_NAME

_COUNTED = ("judged", "shapes")


class ContractWatch(logging.Filter):
    """Takes the exchanges out of the log; as a pytest plugin, fails the test which made a bad one."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.judge = Judge(folder)
        self._found: dict[str, None] = {}
        self._totals = dict.fromkeys(_COUNTED, 0)
        self._operations: set[str] = set()
        self._elsewhere: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        """Judges the exchange of a record, which goes no further."""
        exchange = record.exchange  # type: ignore[attr-defined]
        self._found |= dict.fromkeys(self.judge.violations(exchange))
        return False

    def drain(self) -> list[str]:
        """The violations since the last call, each once."""
        found, self._found = list(self._found), {}
        return found

    def pytest_sessionstart(self) -> None:
        """Listens."""
        logger = logging.getLogger(LOGGER_NAME)
        logger.setLevel(logging.DEBUG)
        logger.addFilter(self)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self) -> Generator[None, Any, Any]:
        """See `_judged`."""
        return (yield from self._judged())

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self) -> Generator[None, Any, Any]:
        """See `_judged`."""
        return (yield from self._judged())

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(self) -> Generator[None, Any, Any]:
        """See `_judged`."""
        return (yield from self._judged())

    def _judged(self) -> Generator[None, Any, Any]:
        """Runs one phase of a test; one that went well fails where an exchange did not."""
        outcome = yield
        if found := self.drain():
            pytest.fail("not as the services' API documents say:\n" + "\n".join(found), pytrace=False)
        return outcome

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Hands the figures of an xdist worker to the process that started it."""
        figures = {name: getattr(self.judge, name) for name in _COUNTED}
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput["contracts"] = (figures, [*self.judge.seen], [*self.judge.elsewhere])
        else:
            self._add(figures, self.judge.seen, self.judge.elsewhere)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Adds the figures of a worker that has ended."""
        if output := getattr(node, "workeroutput", {}).get("contracts"):
            self._add(*output)

    def _add(self, figures: dict[str, int], operations: Iterable[str], elsewhere: Iterable[str]) -> None:
        self._totals = {name: self._totals[name] + figures[name] for name in _COUNTED}
        self._operations |= set(operations)
        self._elsewhere |= set(elsewhere)

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """A line of figures, and what no document speaks of."""
        judged, shapes = (self._totals[name] for name in _COUNTED)
        if judged:
            terminalreporter.write_line(
                f"contracts: {judged:,} exchanges of {shapes:,} shapes (counted per worker) and "
                f"{len(self._operations)} operations held against the API documents"
            )
        for one in sorted(self._elsewhere):
            terminalreporter.write_line(f"contracts: no document for {one}")
