"""The run: lists, judges a few at a time, replays the close limit, compares. Nothing is written anywhere."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from operations.backtest.asking import Asked
from operations.backtest.comparing import Backtest, compare
from operations.backtest.judging import Bench, TooYoung, judge_then
from operations.backtest.people import outcome_of
from operations.backtest.then import Memory, SourcesThen
from operations.backtest.values import Compared, Judged, Outcome, Unjudged, Word
from playbooks.clients import Clients, attempt
from playbooks.errors import PlaybookError
from playbooks.model import Incident, IncidentId
from playbooks.settings import Workspace

AT_ONCE = 8
"""Incidents under way at the same time, as the function takes them from its queue."""
INCIDENT_SECONDS = 240.0
_DAY = timedelta(hours=24)
_BROKEN = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)
"""What a fault of a playbook may raise: one incident is told as not judged, the others go on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What every incident of a run is judged with. `told` hears how many are done, and of how many."""

    clients: Clients
    bench: Bench
    memories: Mapping[str, Memory]
    """Workspace (lower case) -> answers of its registers and of the directory."""
    told: Callable[[int, int], None]


async def run_backtest(
    clients: Clients, asked: Asked, *, told: Callable[[int, int], None] = lambda _done, _total: None
) -> Backtest:
    """Judges every incident that was asked for. Raises SourceError where the list cannot be read whole."""
    outcomes: list[Outcome] = []
    unread: list[str] = []
    for workspace in asked.workspaces:
        found, lost = await _list(clients, workspace, asked)
        outcomes += found
        unread += lost
    memories = {workspace.path.lower(): Memory() for workspace in asked.workspaces}
    run = Run(clients=clients, bench=asked.bench, memories=memories, told=told)
    compared = await _judge_all(run, outcomes)
    return compare(asked.question, await _limited(run, compared), unread=unread)


async def _list(clients: Clients, workspace: Workspace, asked: Asked) -> tuple[list[Outcome], list[str]]:
    question, rule_ids = asked.question, asked.bench.policy.rule_ids
    listing = clients.incident_list(workspace)
    found, lost = await listing.created_between(question.start, question.end, rule_ids=rule_ids)
    closings = await listing.closing_times(question.start, asked.bench.now(), rule_ids=rule_ids)
    told = [f"an incident ({one.name or 'its id cannot be read'}): {one.cause}" for one in lost]
    return [outcome_of(one, closings) for one in found], told


async def _judge_all(run: Run, outcomes: list[Outcome]) -> list[Compared]:
    """Every incident, a few at a time, in the order given."""
    slots, done = asyncio.Semaphore(AT_ONCE), 0
    run.told(0, len(outcomes))

    async def one(outcome: Outcome) -> Compared:
        nonlocal done
        async with slots:
            judged = await _judge(run, outcome, closes=0)
        done += 1
        run.told(done, len(outcomes))
        return Compared(outcome, judged)

    return list(await asyncio.gather(*map(one, outcomes)))


async def _judge(run: Run, outcome: Outcome, *, closes: int) -> Judged | Unjudged:
    """One incident; whatever goes wrong with it is told of it and stops nothing else."""
    if outcome.word is Word.MERGED:
        return Unjudged("merged into another incident, where everything of it is judged")
    try:
        with attempt(f"backtest-{outcome.number}", seconds=INCIDENT_SECONDS):
            incident = await run.clients.incidents.read(outcome.incident_id)
            return await judge_then(run.bench, incident, _sources(run, incident, closes=closes))
    except TimeoutError:
        return Unjudged("the time for one incident ran out while its evidence was gathered")
    except TooYoung as young:
        return Unjudged(young.cause)
    except PlaybookError as error:
        return Unjudged(str(error))
    except _BROKEN as error:
        return Unjudged(f"the playbook failed on it ({type(error).__name__}); please report this")


def _sources(run: Run, incident: Incident, *, closes: int) -> SourcesThen:
    return SourcesThen(
        sources=run.clients.sources(incident.id, asked_at=incident.created),
        run=run.memories[incident.id.workspace_path.lower()],
        own=Memory(),
        closes=closes,
    )


async def _limited(run: Run, compared: list[Compared]) -> list[Compared]:
    """The close limit replayed in the order of the decisions: what exceeds it is judged with that count."""
    beyond = beyond_limit(compared, limit=run.bench.policy.close_limit)
    return [
        replace(one, judged=await _judge(run, one.outcome, closes=beyond[one.outcome.incident_id]))
        if one.outcome.incident_id in beyond
        else one
        for one in compared
    ]


def beyond_limit(compared: Iterable[Compared], *, limit: int) -> Mapping[IncidentId, int]:
    """Incidents that would not have been closed -> how many closes had gone before them in 24 hours.

    As in the playbooks, a close is held back where more than `limit` went before it.
    """
    closes = [
        (one.judged.decided, one.outcome.incident_id)
        for one in compared
        if isinstance(one.judged, Judged) and one.judged.would.closes and not one.judged.sampled
    ]
    kept: list[datetime] = []
    beyond: dict[IncidentId, int] = {}
    for decided, incident_id in sorted(closes, key=lambda close: (close[0], close[1].key)):
        before = sum(decided - _DAY <= moment for moment in kept)
        if before > limit:
            beyond[incident_id] = before
        else:
            kept.append(decided)
    return beyond
