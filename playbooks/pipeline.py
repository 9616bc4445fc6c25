"""The order of things: read, gather, decide, plan, apply. The only place that knows it.

A verdict is applied comment first and status last, and only to the incident state it was made for:
right before the update the incident is read again, and if anything a person or the service changed
since then, the whole attempt starts over with fresh evidence. After a close the incident is read
once more, so that an alert which joined meanwhile reopens it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from playbooks.errors import SourceError, SourceUnavailable, WriteConflict
from playbooks.incident_reads import is_there, read_at_once, stand, still_as_judged
from playbooks.model import (
    Close,
    Escalate,
    Found,
    Incident,
    IncidentId,
    Judgement,
    Policy,
    Severity,
    Status,
    Verdict,
    WriteSettings,
)
from playbooks.objections import (
    CLOSED_UNREAD_REASON,
    ESCALATED_REASON,
    REOPENED_REASON,
    untriaged,
    with_objection,
)
from playbooks.plan import (
    Kind,
    Standing,
    decided,
    decision_id,
    is_merged,
    is_told,
    was_closed_before,
    was_closed_by_us,
    was_escalated_before,
)
from playbooks.ports import Incidents, Playbook, Sources
from playbooks.write_back import Written, write_back

DECISIONS_PER_ATTEMPT = 3
LONGEST_DELAY = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Finished:
    """Nothing more is to be done. `outcome` is a stable word, `alarm` a code an operator is to see."""

    outcome: str
    judgement: Judgement | None = None
    alarm: str = ""


@dataclass(frozen=True, slots=True)
class ComeBack:
    """The verdict is not final yet: deliver again at `at` (UTC)."""

    at: datetime
    why: str


type Outcome = Finished | ComeBack


class World(Protocol):
    """What the pipeline reaches: the incident service, and the sources bound to an incident."""

    @property
    def incidents(self) -> Incidents:
        """The incident service."""
        ...

    def sources(self, incident_id: IncidentId, *, asked_at: datetime) -> Sources:
        """Directory, watchlists and logs of the incident's workspace."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One delivery: which incident, whether it is the last try, by which rules, on whose clock (UTC)."""

    incident_id: IncidentId
    last: bool
    policy: Policy
    settings: Callable[[], WriteSettings]
    """As they are now: observe mode, switched on while an attempt runs, stops its close."""
    now: Callable[[], datetime]
    budget: float = 150.0
    """Seconds for gathering evidence; well below the host's function timeout."""


async def triage[E](playbook: Playbook[E], world: World, attempt: Attempt) -> Outcome:
    """Triage one incident. Raises SourceError for another delivery, NotThere if it is gone."""
    return await _undisturbed(lambda: _decide_once(playbook, world, attempt))


async def preview[E](playbook: Playbook[E], world: World, attempt: Attempt) -> tuple[Incident, Judgement]:
    """The judgement of one incident as of now, without any write. Raises SourceError."""
    incident = await world.incidents.read(attempt.incident_id)
    return incident, await _judge(playbook, world, attempt, incident=incident)


async def escalate_unread(world: World, attempt: Attempt, *, cause: str) -> Finished:
    """Escalate with what the incident service alone can tell: the last resort. Raises SourceError."""
    return await _undisturbed(lambda: _escalate_once(world, attempt, judgement=untriaged(cause)))


async def _undisturbed[T](once: Callable[[], Awaitable[T | None]]) -> T:
    """What `once` gives, begun anew where somebody wrote in between (a conflict, or None)."""
    for _ in range(DECISIONS_PER_ATTEMPT):
        with suppress(WriteConflict):
            if (outcome := await once()) is not None:
                return outcome
    raise SourceUnavailable("incident", f"it changed {DECISIONS_PER_ATTEMPT} times while it was judged")


async def _escalate_once(world: World, attempt: Attempt, *, judgement: Judgement) -> Finished:
    """One judgement that needs no evidence, written where nothing is settled yet."""
    incident, comments = await read_at_once(world.incidents, attempt.incident_id)
    with is_there():
        standing = await stand(world.incidents, incident, comments, attempt.settings())
        if (settled := _settled(incident, standing, attempt.settings())) is not None:
            return settled
        written = await _apply(world, attempt, incident=incident, judgement=judgement, standing=standing)
        return Finished(written.kind, written.judgement)


async def _decide_once[E](playbook: Playbook[E], world: World, attempt: Attempt) -> Outcome | None:
    """One decision on fresh evidence. None: it was overtaken after the write, decide again."""
    incident, comments = await read_at_once(world.incidents, attempt.incident_id)
    with is_there():
        standing = await stand(world.incidents, incident, comments, attempt.settings())
        return await _decide(playbook, world, attempt, incident=incident, standing=standing)


async def _decide[E](
    playbook: Playbook[E], world: World, attempt: Attempt, *, incident: Incident, standing: Standing
) -> Outcome | None:
    settled = _settled(incident, standing, attempt.settings())
    unread = _is_closed_unread(incident, standing)
    if settled is not None and not unread:
        return settled
    judgement = await _judged_or_last_resort(playbook, world, attempt, incident=incident)
    if unread:
        return await _mind_their_close(
            world, attempt, incident=incident, judgement=judgement, standing=standing
        )
    judgement = _mind_people(judgement, incident, standing)
    verdict = judgement.verdict
    if (wait := _wait(judgement, incident, attempt)) is not None:
        return wait
    _raise_while_a_repeat_may_help(verdict, attempt)
    written = await _apply(world, attempt, incident=incident, judgement=judgement, standing=standing)
    if written.kind == Kind.CLOSED and not await still_as_judged(world.incidents, incident, written.record):
        return None
    return Finished(written.kind, written.judgement)


def _settled(incident: Incident, standing: Standing, settings: WriteSettings) -> Finished | None:
    """Where nothing is to be done: merged away, a person's close, or our whole decision for these alerts."""
    if is_merged(incident):
        return Finished("redirected", alarm="incident_redirected")
    if was_closed_by_us(incident):
        if not isinstance(incident.alerts, Found):
            raise SourceUnavailable("incident", "closed by us, but its alerts cannot be read to confirm it")
        same = decision_id(incident, Kind.CLOSED) in standing.comment_ids
        return Finished("already_closed") if same else None
    if incident.status is Status.CLOSED:
        return Finished("closed_by_person")
    if isinstance(incident.alerts, Found) and (kind := decided(incident, standing, settings)):
        return Finished(f"already_{kind.value}")
    return None


async def _judge[E](
    playbook: Playbook[E], world: World, attempt: Attempt, *, incident: Incident
) -> Judgement:
    """Evidence of this very attempt, and what it means. Raises TimeoutError when the budget is spent."""
    sources = world.sources(incident.id, asked_at=attempt.now())
    async with asyncio.timeout(attempt.budget):
        evidence = await playbook.gather(incident, sources, attempt.policy)
    return playbook.decide(evidence)


async def _judged_or_last_resort[E](
    playbook: Playbook[E], world: World, attempt: Attempt, *, incident: Incident
) -> Judgement:
    """The judgement; on the last attempt a failing source becomes an escalation and not an error."""
    try:
        return await _judge(playbook, world, attempt, incident=incident)
    except (SourceError, TimeoutError) as error:
        if not attempt.last:
            raise
        return untriaged(str(error) or "the time for one attempt ran out")


def _raise_while_a_repeat_may_help(verdict: Verdict, attempt: Attempt) -> None:
    """Raises SourceUnavailable where attempts remain and only failed look-ups stand in the way."""
    if isinstance(verdict, Escalate) and verdict.retry_may_help and not attempt.last:
        raise SourceUnavailable("evidence", "; ".join(reason.text for reason in verdict.reasons))


def _mind_people(judgement: Judgement, incident: Incident, standing: Standing) -> Judgement:
    """What was closed by us once, or handed to people once, is never closed by us afterwards."""
    if isinstance(judgement.verdict, Escalate):
        return judgement
    if was_closed_before(incident):
        return with_objection(judgement, REOPENED_REASON)
    if was_escalated_before(incident, standing):
        return with_objection(judgement, ESCALATED_REASON)
    return judgement


def _is_closed_unread(incident: Incident, standing: Standing) -> bool:
    """True where a person closed it, and no comment of ours had told what triage found in these alerts."""
    theirs = incident.status is Status.CLOSED and not was_closed_by_us(incident) and not is_merged(incident)
    return theirs and isinstance(incident.alerts, Found) and not is_told(incident, standing)


async def _mind_their_close(
    world: World, attempt: Attempt, *, incident: Incident, judgement: Judgement, standing: Standing
) -> Finished:
    """A person's close stands. What they cannot have read, and is grave, is told in one comment.

    Grave is what the playbook raises to High. Raises SourceUnavailable while a repeat may tell more.
    """
    verdict = judgement.verdict
    _raise_while_a_repeat_may_help(verdict, attempt)
    if isinstance(verdict, Escalate) and verdict.severity is Severity.HIGH:
        told = with_objection(judgement, CLOSED_UNREAD_REASON)
        held = replace(standing, held=True)
        await _apply(world, attempt, incident=incident, judgement=told, standing=held)
    return Finished("closed_by_person", judgement)


def _wait(judgement: Judgement, incident: Incident, attempt: Attempt) -> ComeBack | None:
    """The wait that a verdict still needs: a close holds until window and newest alert are old enough."""
    final_from, now = judgement.final_from, attempt.now()
    if isinstance(judgement.verdict, Close):
        hold = _newest(incident, now) + attempt.policy.hold
        final_from = max(final_from, hold) if final_from else hold
    if final_from is None or now >= final_from:
        return None
    return ComeBack(
        min(final_from, now + LONGEST_DELAY), "the verdict is not final before its window has passed"
    )


def _newest(incident: Incident, now: datetime) -> datetime:
    """When the incident or the newest of its alerts was made; a time to come is none."""
    alerts = incident.alerts.value if isinstance(incident.alerts, Found) else ()
    made = (alert.generated for alert in alerts)
    return max([incident.created, *(time for time in made if time is not None and time <= now)])


async def _apply(
    world: World, attempt: Attempt, *, incident: Incident, judgement: Judgement, standing: Standing
) -> Written:
    """Writes a judgement back; what was decided in the end may be less than was asked for."""
    return await write_back(
        world.incidents, judgement, incident=incident, standing=standing, settings=attempt.settings
    )
