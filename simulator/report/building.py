"""Reports of the runs there are: a replayed folder, and scored cases."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import chain

from simulator.catalogues import MAIN_RULES
from simulator.chain.cases import Case
from simulator.chain.folder import Folder
from simulator.chain.grouping import Gathering
from simulator.chain.replaying import Replayed
from simulator.chain.results import CaseOutcome, Left
from simulator.chain.scoring import Scored
from simulator.report.events import MOST_EVENTS, between, event_line, telling_events
from simulator.report.story import Activity, Alert, EventLine, Report, Story
from simulator.report.truths import FullTruth, read_full_truths, techniques_of

_AROUND = timedelta(hours=1)
"""What the playbook reads around an alert, and so what an incident's time line shows."""


def replay_report(
    folder: Folder, replayed: Sequence[Replayed], outcomes: Iterable[CaseOutcome], *, command: str
) -> Report:
    """The report of a replayed folder. Raises InputRefused, RowRefused or OSError where it cannot be read."""
    truths = {truth.id: truth for truth in read_full_truths(folder.path)}
    events = telling_events(folder.events, [uid for truth in truths.values() for uid in truth.events])
    return Report(
        title=f"Replay of {folder.path.name}",
        command=command,
        made=datetime.now(UTC),
        outcomes=tuple(outcomes),
        activities={name: truth.activity for name, truth in truths.items()},
        stories=tuple(_replayed(one, truths=truths, events=events) for one in replayed),
        notes=_notes(replayed),
    )


def score_report(scored: Iterable[Scored], *, command: str) -> Report:
    """The report of scored cases, each with the incidents it made and what is left, in the file's order."""
    kept = sorted(scored, key=lambda one: one[0].line)
    activities = {one[0].id: _activity(one[0]) for one in kept}
    return Report(
        title="Score of labelled cases",
        command=command,
        made=datetime.now(UTC),
        outcomes=tuple(outcome for _, outcome, _, _ in kept),
        activities=activities,
        stories=tuple(chain.from_iterable(_scored(one, activities[one[0].id]) for one in kept)),
    )


def story_of(
    gathering: Gathering, left: Left, *, activities: tuple[Activity, ...], events: Sequence[EventLine]
) -> Story:
    """An incident as a story; `events` are all that lie on its host around its time."""
    # A hunting query knows the clock hour alone; where an analytics rule saw it too, its times are told.
    told = [one for one in gathering.sightings if one.rule in MAIN_RULES] or gathering.sightings
    return Story(
        host=gathering.host,
        start=min(one.start for one in told),
        end=max(one.end for one in told),
        left=left,
        accounts=accounts_of(gathering),
        alerts=tuple(
            Alert(rule=one.rule, start=one.start, end=one.end)
            for one in sorted(gathering.sightings, key=lambda one: (one.end, one.rule))
        ),
        activities=activities,
        events=tuple(events[:MOST_EVENTS]),
        omitted_events=max(0, len(events) - MOST_EVENTS),
    )


def accounts_of(gathering: Gathering) -> tuple[str, ...]:
    r"""The accounts that the alerts name, each once: `DOMAIN\name`, name or SID."""
    accounts = (account for seen in gathering.sightings for account in seen.accounts)
    names = (f"{a.nt_domain}\\{a.name}" if a.nt_domain else a.name or a.sid for a in accounts)
    return tuple(dict.fromkeys(names))


def _replayed(one: Replayed, *, truths: dict[str, FullTruth], events: Sequence[EventLine]) -> Story:
    start, end = one.gathering.start - _AROUND, one.gathering.end + _AROUND
    story = story_of(
        one.gathering,
        one.left,
        activities=tuple(truths[truth.id].activity for truth in one.truths),
        events=between(events, host=one.gathering.host, start=start, end=end),
    )
    return replace(story, milliseconds=one.milliseconds, made_up=one.made_up)


def _scored(scored: Scored, activity: Activity) -> list[Story]:
    case, outcome, gatherings, lefts = scored
    events = sorted((event_line(row, known=True) for row in case.events), key=lambda event: event.time)
    return [
        replace(
            story_of(gathering, left, activities=(activity,), events=_near(events, gathering)),
            milliseconds=outcome.milliseconds,
            made_up=not outcome.rules,
        )
        for gathering, left in zip(gatherings, lefts, strict=True)
    ]


def _near(events: Sequence[EventLine], gathering: Gathering) -> tuple[EventLine, ...]:
    start, end = gathering.start - _AROUND, gathering.end + _AROUND
    return between(events, host=gathering.host, start=start, end=end)


def _activity(case: Case) -> Activity:
    return Activity(
        id=case.id,
        label=case.label,
        expected=case.expected,
        scenario=case.scenario,
        techniques=techniques_of(case.scenario, case.label),
    )


def _notes(replayed: Sequence[Replayed]) -> tuple[str, ...]:
    made_up = sum(one.made_up for one in replayed)
    if not made_up:
        return ()
    return (f"{made_up} sequences that no rule saw got an incident all the same, to test their verdict.",)
