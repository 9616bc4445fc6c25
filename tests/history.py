"""Thirty days of a small company in a workspace, closed by simulated analysts who are mostly right."""

import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from random import Random
from typing import Any

from simulator.chain.alerts import alerts_of
from simulator.chain.folder import Folder, Truth, read_folder
from simulator.chain.grouping import Gathering
from simulator.chain.replaying import fits
from simulator.chain.settings import settings_for
from simulator.chain.sightings import Watch
from simulator.eventstore import EventStore
from simulator.generate import generate
from simulator.workspace import LocalWorkspace

FIRST_DAY = date(2025, 10, 20)
DAYS = 30
START = datetime(2025, 10, 19, tzinfo=UTC)
END = START + timedelta(days=DAYS + 3)
NOW = END + timedelta(days=2)
NOTICED = timedelta(minutes=5)

CLASSIFICATIONS = {
    "true positive": ("TruePositive", "SuspiciousActivity"),
    "benign positive": ("BenignPositive", "SuspiciousButExpected"),
    "false positive": ("FalsePositive", "IncorrectAlertLogic"),
    "undetermined": ("Undetermined", None),
}
OF_ATTACKS = {"true positive": 14, "benign positive": 2, "still open": 3, "undetermined": 1}
OF_HONEST_WORK = {
    "benign positive": 14,
    "false positive": 3,
    "true positive": 1,
    "undetermined": 1,
    "still open": 2,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """One incident as it happened: what it really was, what the analyst said, after how long."""

    name: str
    truth: Truth
    created: datetime
    word: str
    took: timedelta | None


class Month:
    """What happened, and how it is put into a workspace."""

    def __init__(self, folder: Folder, *, seed: int) -> None:
        self.folder = folder
        self._seed = seed
        self.watch = Watch()

    @cached_property
    def gatherings(self) -> list[tuple[Gathering, Truth]]:
        """Incidents that the rules of a sequence's own playbook make, each with the sequence behind it."""
        with closing(EventStore()) as store:
            store.load_process_events(self.folder.events)
            seen = self.watch.gatherings(store, dns=self.folder.tenant["organisation"]["dns"])
        pairs = [(one, [truth for truth in self.folder.truths if fits(truth, one)]) for one in seen]
        alone = [(one, truths[0]) for one, truths in pairs if len(truths) == 1]
        return [(one, truth) for one, truth in alone if one.playbook == truth.playbook]

    @asynccontextmanager
    async def workspace(
        self,
        *,
        change: Callable[[dict[str, Any]], object] = lambda _: None,
    ) -> AsyncIterator[tuple[LocalWorkspace, list[Past]]]:
        """A workspace with the month's log and its incidents, closed or not, and what happened to each."""
        tenant = deepcopy(dict(self.folder.tenant))
        change(tenant)
        with closing(EventStore()) as store:
            store.load_process_events(self.folder.events)
            async with LocalWorkspace(tenant, store) as workspace:
                past = self._closed(workspace)
                workspace.clock = lambda: NOW
                yield workspace, past

    def _closed(self, workspace: LocalWorkspace) -> list[Past]:
        """Makes the incidents, and lets the analysts close them; the same seed gives the same words."""
        analyst = Random(self._seed)  # noqa: S311 - a seeded run
        return [self._one(workspace, one, truth, analyst) for one, truth in self.gatherings]

    def _one(self, workspace: LocalWorkspace, gathering: Gathering, truth: Truth, analyst: Random) -> Past:
        alerts = alerts_of(gathering, rules=self.watch.rules)
        created = gathering.end + NOTICED
        title, severity = alerts[0].display_name, alerts[0].severity
        name = workspace.create_incident(alerts, title=title, severity=severity, created=created)
        says = OF_ATTACKS if truth.label == "attack" else OF_HONEST_WORK
        word = analyst.choices(list(says), weights=list(says.values()))[0]
        took = timedelta(minutes=round(analyst.lognormvariate(math.log(180), 0.9)))
        if word == "still open":
            return Past(name=name, truth=truth, created=created, word=word, took=None)
        workspace.clock = lambda: created + took
        classification, reason = CLASSIFICATIONS[word]
        workspace.edit_incident(
            name,
            status="Closed",
            classification=classification,
            classification_reason=reason,
            classification_comment="Closed by hand.",
            owner={"objectId": "9d5a1d7e-52a4-4a52-8d5b-2f3f3d5e0b02", "assignedTo": "Sam Analyst"},
        )
        return Past(name=name, truth=truth, created=created, word=word, took=took)


def make_month(
    folder: Path, *, seed: int = 5, attacks: str = "5", benign: str = "16", analysts: int = 253
) -> Month:
    """Generates the month. `attacks` and `benign` as for `generate`."""
    generate(
        seed,
        out=folder,
        start=FIRST_DAY,
        days=DAYS,
        users=60,
        hosts=40,
        events=1_500,
        attacks=attacks,
        benign=benign,
    )
    return Month(read_folder(folder), seed=analysts)


def environment_of(month: Month, workspace: LocalWorkspace, **more: str) -> dict[str, str]:
    """The function's settings for that workspace."""
    return settings_for(month.folder.tenant, workspace) | more
