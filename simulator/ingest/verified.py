"""A run beside the truth: what arrived, which incidents came of it, and how good their verdicts are."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from simulator.chain.grouping import MARGIN, Gathering, full_host_name
from simulator.chain.results import CaseOutcome, Left, Outcome, combined
from simulator.ingest.journal import Run
from simulator.ingest.reading import Arrivals
from simulator.ingest.shifting import Ending
from simulator.report.truths import FullTruth


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One incident of the workspace; `seconds` from its making to the verdict, None where there is none."""

    gathering: Gathering
    left: Left
    seconds: float | None
    number: int
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """A run beside the truth (moved in time with it). `arrivals` is None where nobody could be asked."""

    run: Run
    truths: tuple[FullTruth, ...]
    found: tuple[Found, ...]
    arrivals: Arrivals | None
    wanted_rule: str

    def of(self, truth: FullTruth) -> list[Found]:
        """The incidents of a sequence: its host, at its time."""
        return [one for one in self.found if fits(truth, one.gathering)]

    def is_awaited(self, truth: FullTruth) -> bool:
        """Whether the workspace's rule should have raised an incident for it."""
        return self.wanted_rule in truth.seen_by

    @property
    def is_complete(self) -> bool:
        """Every awaited sequence has an incident, and every incident of a sequence a verdict."""
        return all(
            (found or not self.is_awaited(truth))
            and all(one.left.outcome is not Outcome.ERROR for one in found)
            for truth in self.truths
            for found in [self.of(truth)]
        )

    @property
    def missed(self) -> tuple[FullTruth, ...]:
        """Awaited sequences without an incident."""
        return tuple(truth for truth in self.truths if self.is_awaited(truth) and not self.of(truth))

    def outcomes(self) -> list[CaseOutcome]:
        """One outcome a sequence that is awaited or has an incident, in the order of the truth."""
        return [
            self._outcome(truth, found)
            for truth in self.truths
            if (found := self.of(truth)) or self.is_awaited(truth)
        ]

    def _outcome(self, truth: FullTruth, found: Sequence[Found]) -> CaseOutcome:
        blank = CaseOutcome(
            id=truth.id,
            label=truth.label,
            expected=truth.expected,
            scenario=truth.scenario,
            outcome=Outcome.ERROR,
            rules=tuple(sorted({rule for one in found for rule in one.gathering.rules}, reverse=True)),
            milliseconds=max((round(1000 * (one.seconds or 0)) for one in found), default=0),
        )
        problem = "" if found else "the workspace has no incident for it"
        return combined(blank, [one.left for one in found], problem=problem)

    def is_wrong(self, outcome: CaseOutcome) -> bool:
        """Whether an outcome is a failure of the run.

        Where the events were moved to another time of day, honest work that stayed open is none: its window
        or the business hours may not hold any more.
        """
        if outcome.as_expected:
            return False
        hours_moved = self.run.ending == Ending.NOW
        return not (hours_moved and outcome.expected == "close" and outcome.outcome is Outcome.ESCALATED)

    @property
    def is_good(self) -> bool:
        """Nothing lost, doubled, missed or wrong."""
        arrived = self.arrivals is None or (
            self.arrivals.events == self.run.events and not self.arrivals.doubled
        )
        return arrived and not any(self.is_wrong(outcome) for outcome in self.outcomes())

    @property
    def figures(self) -> dict[str, object]:
        """Further members of the summary: how long verdicts took (seconds), and what arrived."""
        seconds = sorted(one.seconds for one in self.found if one.seconds is not None)
        figures: dict[str, object] = {"missed": [truth.id for truth in self.missed]}
        if seconds:
            figures["timeToVerdict"] = {
                "p50": round(percentile(seconds, 50), 1),
                "p95": round(percentile(seconds, 95), 1),
                "count": len(seconds),
            }
        if self.arrivals is not None:
            figures["arrived"] = {
                "events": self.arrivals.events,
                "sent": self.run.events,
                "doubled": self.arrivals.doubled,
            }
        return figures


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The value at or below which that share of the (sorted, not empty) values lies: the nearest rank."""
    return ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)]


def moved(truth: FullTruth, by: timedelta) -> FullTruth:
    """The truth about a sequence after its events were moved."""
    times = {"start": (truth.first + by).isoformat(), "end": (truth.last + by).isoformat()}
    return truth.model_copy(update=times)


def fits(truth: FullTruth, gathering: Gathering) -> bool:
    """The same host, and no further apart in time than the margin within which alerts make one incident."""
    dns = gathering.host.partition(".")[2]
    hosts = {full_host_name(host, dns=dns) for host in truth.hosts}
    return (
        gathering.host in hosts
        and gathering.start <= truth.last + MARGIN
        and gathering.end >= truth.first - MARGIN
    )
