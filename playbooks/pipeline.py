"""The order of things: read, gather, decide, plan, apply. The only place that knows it.

A verdict is applied comment first and status last, and only to the incident state it was made for:
right before the update the incident is read again, and if anything a person or the service changed
since then, the whole attempt starts over with fresh evidence. After a close the incident is read
once more, so that an alert which joined meanwhile reopens it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from playbooks.errors import NotThere, SourceError, SourceUnavailable, WriteConflict, WriteRefused
from playbooks.model import (
    Close,
    Escalate,
    Found,
    Incident,
    IncidentId,
    Judgement,
    Policy,
    Reason,
    Stance,
    Status,
    WriteBack,
    WriteSettings,
)
from playbooks.objections import untriaged, with_objection
from playbooks.plan import (
    Kind,
    Standing,
    decided,
    decision_id,
    is_held,
    plan_write_back,
    was_closed_before,
    was_closed_by_us,
)
from playbooks.ports import Incidents, Playbook, Sources

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
    settings: WriteSettings
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
    incident = await world.incidents.read(attempt.incident_id)
    with _is_there():
        standing = await _stand(world, attempt, incident=incident)
        if (settled := _settled(incident, standing, attempt.settings)) is not None:
            return settled
        return await _apply(world, attempt, incident=incident, judgement=judgement, standing=standing)


async def _decide_once[E](playbook: Playbook[E], world: World, attempt: Attempt) -> Outcome | None:
    """One decision on fresh evidence. None: it was overtaken after the write, decide again."""
    incident = await world.incidents.read(attempt.incident_id)
    with _is_there():
        return await _decide(playbook, world, attempt, incident=incident)


async def _decide[E](
    playbook: Playbook[E], world: World, attempt: Attempt, *, incident: Incident
) -> Outcome | None:
    standing = await _stand(world, attempt, incident=incident)
    if (settled := _settled(incident, standing, attempt.settings)) is not None:
        return settled
    judgement = await _judged_or_last_resort(playbook, world, attempt, incident=incident)
    judgement = _mind_people(judgement, incident)
    verdict = judgement.verdict
    if (wait := _wait(judgement, incident, attempt)) is not None:
        return wait
    if isinstance(verdict, Escalate) and verdict.retry_may_help and not attempt.last:
        raise SourceUnavailable("evidence", "; ".join(reason.text for reason in verdict.reasons))
    finished = await _apply(world, attempt, incident=incident, judgement=judgement, standing=standing)
    if finished.outcome == Kind.CLOSED and not await _still_as_judged(world, incident):
        return None
    return finished


@contextmanager
def _is_there() -> Iterator[None]:
    """After the incident was read, a 404 is no proof that it is gone: only a first read can tell."""
    try:
        yield
    except NotThere as error:
        raise SourceUnavailable(error.source, f"{error.cause}, though it was just read") from error


async def _stand(world: World, attempt: Attempt, *, incident: Incident) -> Standing:
    """What stands on the incident already."""
    return Standing(
        comment_ids=await world.incidents.comment_ids(incident.id),
        task_ids=await world.incidents.task_ids(incident.id),
        held=is_held(incident, attempt.settings),
    )


def _settled(incident: Incident, standing: Standing, settings: WriteSettings) -> Finished | None:
    """Where nothing is to be done: merged away, a person's close, or our whole decision for these alerts."""
    if "redirected" in {label.lower() for label in incident.labels}:
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


def _mind_people(judgement: Judgement, incident: Incident) -> Judgement:
    """What a person reopened, or what has new alerts since our close, is never closed by us again."""
    if isinstance(judgement.verdict, Escalate) or not was_closed_before(incident):
        return judgement
    reason = Reason(
        "reopened", "This incident was closed by triage before and is open again.", "incident", Stance.AGAINST
    )
    return with_objection(judgement, reason)


def _wait(judgement: Judgement, incident: Incident, attempt: Attempt) -> ComeBack | None:
    """The wait that a verdict still needs: a close holds until window and newest alert are old enough."""
    final_from = judgement.final_from
    if isinstance(judgement.verdict, Close):
        hold = incident.created + attempt.policy.hold
        final_from = max(final_from, hold) if final_from else hold
    now = attempt.now()
    if final_from is None or now >= final_from:
        return None
    return ComeBack(
        min(final_from, now + LONGEST_DELAY), "the verdict is not final before its window has passed"
    )


async def _apply(
    world: World, attempt: Attempt, *, incident: Incident, judgement: Judgement, standing: Standing
) -> Finished:
    """Writes a judgement back; where the service refuses a close or its reason, it escalates instead."""
    plan = plan_write_back(judgement, incident, standing=standing, settings=attempt.settings)
    try:
        await _write(world.incidents, plan, incident=incident)
    except WriteRefused as error:
        if plan.kind != Kind.CLOSED:
            raise
        reason = Reason("close_refused", f"Sentinel refused the close: {error.cause}", "incident")
        told = {plan.comment.id} if plan.comment else set()
        return await _apply(
            world,
            attempt,
            incident=incident,
            judgement=with_objection(judgement, reason),
            standing=replace(standing, comment_ids=standing.comment_ids | told),
        )
    return Finished(plan.kind, judgement)


async def _write(incidents: Incidents, plan: WriteBack, *, incident: Incident) -> None:
    """Comment, then task, then the update of the record under the etag of a fresh read."""
    if plan.comment is not None:
        try:
            await incidents.add_comment(incident.id, plan.comment.id, plan.comment.text)
        except WriteRefused:
            # Only a close needs its reason in writing; an escalation goes on with label and severity.
            if plan.kind == Kind.CLOSED:
                raise
    if plan.task is not None:
        # The comment holds the steps too: an escalation never rests on the task.
        with suppress(WriteRefused):
            await incidents.add_task(
                incident.id, plan.task.id, title=plan.task.title, description=plan.task.description
            )
    if plan.change is None:
        return
    fresh = await incidents.read(incident.id)
    if _differs(incident, fresh):
        raise WriteConflict("incident", "it changed while it was judged")
    await incidents.update(fresh, plan.change)


def _differs(judged: Incident, fresh: Incident) -> bool:
    """True where anything that a verdict or a person's claim rests on changed between two reads."""
    return (
        judged.alert_ids != fresh.alert_ids
        or not isinstance(fresh.alerts, type(judged.alerts))
        or _claims(judged) != _claims(fresh)
    )


def _claims(incident: Incident) -> tuple[object, ...]:
    """What a person changes to take an incident, to weigh it, or to close it in their own words."""
    one = incident
    return one.status, one.owner, one.labels, one.severity, one.classification_comment


async def _still_as_judged(world: World, judged: Incident) -> bool:
    """After a close: the incident still holds no alert that was not judged."""
    fresh = await world.incidents.read(judged.id)
    return isinstance(fresh.alerts, Found) and set(fresh.alert_ids) <= set(judged.alert_ids)
