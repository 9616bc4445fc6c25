"""A small storm: incidents at once, random faults, two workers on one queue, one of them killed."""

import dataclasses
import random
from pathlib import Path

import pytest
import storm

from simulator.chain.record import DecisionRecord
from simulator.chain.results import Left


async def test_nothing_is_lost_or_doubled_in_a_storm(tmp_path: Path) -> None:
    """Each ends as without faults, or escalated; some close, some calls fail, a worker is killed."""
    folder = storm.make_folder(tmp_path / "folder", incidents=12, seed=4)
    weather = storm.Weather(seed=4, kill_every=3.0, again=0.2, lease=2.0)
    report = await storm.run_storm(folder, weather=weather, scratch=tmp_path)

    assert [] == report.violations
    assert report.incidents == sum(report.outcomes.values())
    assert report.outcomes["closed"] > 0
    assert report.outcomes["escalated"] > 0
    assert report.failed_calls > 0
    assert report.kills > 0
    assert report.posts > report.incidents


def record(verdict: str) -> str:
    """A comment of ours."""
    written = (
        f'triage-record: {{"v": 1, "decision": "x", "verdict": "{verdict}", "scenarios": [], "reasons": []}}'
    )
    return f"<p><code>{written}</code></p>"


ESCALATED = Left(
    name="1",
    status="New",
    severity="Medium",
    classification="",
    labels=("triage-escalated",),
    comments=(record("escalate"),),
    tasks=("decide",),
    record=DecisionRecord(verdict="escalate"),
    modified=None,  # type: ignore[arg-type]
)
CLOSED = dataclasses.replace(
    ESCALATED, status="Closed", labels=("triage-closed",), comments=(record("close"),), tasks=()
)


@pytest.mark.parametrize(
    ("left", "closable", "word"),
    [
        (ESCALATED, False, ""),
        (ESCALATED, True, ""),
        (CLOSED, True, ""),
        (
            dataclasses.replace(CLOSED, comments=(record("escalate"), record("close")), tasks=("decide",)),
            True,
            "",
        ),
        (dataclasses.replace(CLOSED, tasks=("decide",)), True, "tasks"),
        (dataclasses.replace(ESCALATED, tasks=()), False, "tasks"),
        (CLOSED, False, "closed, but"),
        (dataclasses.replace(ESCALATED, labels=()), False, "lost"),
        (dataclasses.replace(ESCALATED, comments=()), False, "comments"),
        (dataclasses.replace(ESCALATED, comments=(record("escalate"),) * 2), False, "doubled"),
        (dataclasses.replace(ESCALATED, tasks=("decide", "decide")), False, "tasks"),
        (dataclasses.replace(ESCALATED, labels=("triage-escalated",) * 2), False, "labels"),
        (dataclasses.replace(CLOSED, labels=("triage-closed", "triage-escalated")), True, "labels"),
    ],
)
def test_what_is_lost_or_doubled_is_seen(left: Left, word: str, *, closable: bool) -> None:
    """Each way to break the promise has its words, and what keeps it has none."""
    words = "; ".join(storm.broken(left, closable=closable))

    assert (word in words) if word else not words


def test_the_same_seed_orders_the_same_faults() -> None:
    """A run can be repeated."""
    chances = (random.Random(9), random.Random(9))  # noqa: S311 - a seeded run
    ordered = [[storm.faults_of(chance) for _ in range(20)] for chance in chances]

    assert ordered[0] == ordered[1]
