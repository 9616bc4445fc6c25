"""The report of a verified run."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from simulator.chain.folder import Folder
from simulator.ingest.running import shift_words
from simulator.ingest.verified import Found, Verified, fits
from simulator.report import EventLine, Report, Story
from simulator.report.building import story_of
from simulator.report.events import between, telling_events

_AROUND = timedelta(hours=1)


def verify_report(folder: Folder, verified: Verified, *, command: str) -> Report:
    """The report of a run in a workspace; times are those that the events were moved to.

    Raises RowRefused or OSError where the folder's events cannot be read.
    """
    run = verified.run
    uids = [uid for truth in verified.truths for uid in truth.events]
    events = [replace(event, time=event.time + run.shift) for event in telling_events(folder.events, uids)]
    missed = ", ".join(truth.id for truth in verified.missed)
    return Report(
        title=f"Run {run.run_id} of {folder.path.name}",
        command=command,
        made=datetime.now(UTC),
        outcomes=tuple(verified.outcomes()),
        activities={truth.id: truth.activity for truth in verified.truths},
        stories=tuple(_story(verified, one, events) for one in verified.found),
        notes=(
            f"{run.events} events, {shift_words(run.shift)}, to {run.target.rule_id}.",
            *([f"No incident was raised for {missed}."] if missed else []),
        ),
        figures=verified.figures,
    )


def _story(verified: Verified, found: Found, events: Sequence[EventLine]) -> Story:
    gathering = found.gathering
    start, end = gathering.start - _AROUND, gathering.end + _AROUND
    story = story_of(
        gathering,
        found.left,
        activities=tuple(truth.activity for truth in verified.truths if fits(truth, gathering)),
        events=between(events, host=gathering.host, start=start, end=end),
    )
    return replace(story, milliseconds=round(1000 * (found.seconds or 0)))
