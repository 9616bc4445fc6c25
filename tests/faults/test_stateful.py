"""Generated histories: posts, deliveries with faults, people, alerts, clock jumps, in any order, shrunk."""

import asyncio
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from faults.driver import Run
from faults.invariants import check_end
from faults.levels import ANYWHERE, WRITE_FAULTS
from faults.organisations import PLACES
from faults.people import EDITS
from faults.ports_stage import PortsStage
from faults.schedule import Schedule


class Histories(RuleBasedStateMachine):
    """One incident, the queue, and whatever may happen between and inside deliveries."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.Runner()
        self.stage: PortsStage
        self.run: Run

    def _do(self, work: Any) -> None:
        self.loop.run(work)

    @initialize(world=st.sampled_from(["scheduled", "scheduled", "own", "risky", "vip"]), early=st.booleans())
    def begin(self, world: str, *, early: bool) -> None:
        """An incident, handed over once."""
        wait = timedelta(minutes=1) if early else timedelta(hours=6)
        self.stage = PortsStage(PLACES[world], Schedule(world=world), now=PLACES[world].created + wait)
        self.run = Run(self.stage)
        self._do(self.run.post())

    @rule()
    def hand_over_again(self) -> None:
        """The automation rule, or a person, hands it over once more."""
        self._do(self.run.post())

    @rule(
        strikes=st.dictionaries(st.integers(1, 30), st.sampled_from((*WRITE_FAULTS, *ANYWHERE)), max_size=3)
    )
    def deliver(self, strikes: dict[int, str]) -> None:
        """The next delivery, with faults at some of its calls."""
        here = len(self.stage.trace.steps)
        self.stage.strikes = {here + step: [kind] for step, kind in strikes.items()}
        if message := self.run.queue.next():
            self._do(self.run.deliver(message))
        self.stage.strikes = {}

    @rule(kind=st.sampled_from(sorted(EDITS)), step=st.integers(0, 30))
    def people(self, kind: str, step: int) -> None:
        """Somebody changes the incident, now or during the next delivery."""
        if step == 0:
            EDITS[kind](self.stage)
        elif message := self.run.queue.next():
            self.stage.strikes = {len(self.stage.trace.steps) + step: [kind]}
            self._do(self.run.deliver(message))
            self.stage.strikes = {}

    @precondition(lambda self: self.run.owed)
    @rule()
    def notice(self) -> None:
        """The automation rule for updates runs."""
        self.run.owed -= 1
        self._do(self.run.post())

    @rule(minutes=st.integers(1, 90))
    def wait(self, minutes: int) -> None:
        """Time passes."""
        self.stage.now += timedelta(minutes=minutes)

    @invariant()
    def nothing_is_broken(self) -> None:
        """What is watched at every write."""
        if hasattr(self, "stage"):
            assert [] == self.stage.trace.violations

    def teardown(self) -> None:
        """Everything is delivered in the end, without faults."""
        if hasattr(self, "run"):
            self.stage.lift()
            self._do(self.run.drain())
            check_end(self.stage)
            event(f"closes: {self.stage.trace.closes}")
            assert [] == self.stage.trace.violations
        self.loop.close()


Histories.TestCase.settings = settings(
    max_examples=60,
    stateful_step_count=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
test_any_history_keeps_the_promise = Histories.TestCase
