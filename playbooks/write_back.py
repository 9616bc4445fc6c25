"""Applying a verdict: comment, task, and the update of the record, in this order.

The update is made only to the incident that was judged: it is read again right before, and what changed
in between is a conflict, so that the attempt decides anew.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

from playbooks.errors import Overtaken, WriteConflict, WriteRefused
from playbooks.model import Incident, IncidentChange, Judgement, Mode, Status, WriteBack, WriteSettings
from playbooks.objections import OVERTAKEN_REASON, close_refused, with_objection
from playbooks.plan import Kind, Standing, is_held, plan_write_back, was_closed_by_us
from playbooks.ports import Incidents

type SettingsNow = Callable[[], WriteSettings]


@dataclass(frozen=True, slots=True)
class Written:
    """The kind of decision that was written, its judgement, and the record as the update answered it."""

    kind: str
    judgement: Judgement
    record: Incident


async def write_back(
    incidents: Incidents,
    judgement: Judgement,
    *,
    incident: Incident,
    standing: Standing,
    settings: SettingsNow,
) -> Written:
    """What was written.

    Where the service refuses a close or its reason, or others wrote while it was closed, the incident is
    escalated instead. Raises SourceError.
    """
    plan = plan_write_back(judgement, incident, standing=standing, settings=settings())
    try:
        record = await _write(incidents, plan, incident=incident, settings=settings)
    except (WriteRefused, Overtaken) as error:
        if plan.kind != Kind.CLOSED:
            raise
        reason = close_refused(error.cause)
        if isinstance(error, Overtaken):
            reason, incident = OVERTAKEN_REASON, await _closed_by_us(incidents, incident, error)
        told = {plan.comment.id} if plan.comment else set()
        held = is_held(incident, settings())
        return await write_back(
            incidents,
            with_objection(judgement, reason),
            incident=incident,
            standing=replace(standing, comment_ids=standing.comment_ids | told, held=held),
            settings=settings,
        )
    return Written(plan.kind, judgement, record)


async def _closed_by_us(incidents: Incidents, incident: Incident, error: Overtaken) -> Incident:
    """The incident as our close has left it. Raises `error` where that close does not stand any more."""
    fresh = await incidents.read(incident.id)
    if not was_closed_by_us(fresh) or fresh.alert_ids != incident.alert_ids:
        raise error
    return fresh


async def _write(
    incidents: Incidents, plan: WriteBack, *, incident: Incident, settings: SettingsNow
) -> Incident:
    """Comment, then task, then the update of the record under the etag of a fresh read; the record after it.

    A task never stands without a word of ours: where the comment is refused, it follows the label. A close
    that no longer holds is undone first of all.
    """
    record = incident
    undoes = plan.change is not None and incident.status is Status.CLOSED
    if plan.change is not None and undoes:
        record = await _update(incidents, plan, plan.change, incident=incident, settings=settings)
    is_told = await _comment(incidents, plan, incident=incident)
    if is_told:
        await _task(incidents, plan, incident=incident)
    if plan.change is not None and not undoes:
        record = await _update(incidents, plan, plan.change, incident=incident, settings=settings)
    if not is_told:
        await _task(incidents, plan, incident=incident)
    return record


async def _comment(incidents: Incidents, plan: WriteBack, *, incident: Incident) -> bool:
    """True where the comment stands. Only a close needs its reason in writing: it raises WriteRefused."""
    if plan.comment is None:
        return True
    try:
        await incidents.add_comment(incident.id, plan.comment.id, plan.comment.text)
    except WriteRefused:
        if plan.kind == Kind.CLOSED:
            raise
        return False
    return True


async def _task(incidents: Incidents, plan: WriteBack, *, incident: Incident) -> None:
    """Writes the task. The comment holds the steps too: an escalation never rests on the task."""
    if plan.task is None:
        return
    with suppress(WriteRefused):
        await incidents.add_task(
            incident.id, plan.task.id, title=plan.task.title, description=plan.task.description
        )


async def _update(
    incidents: Incidents,
    plan: WriteBack,
    change: IncidentChange,
    *,
    incident: Incident,
    settings: SettingsNow,
) -> Incident:
    """Changes what was judged and nothing else: the alerts of a close are read once more, too."""
    fresh = await incidents.reread(incident, with_alerts=plan.kind == Kind.CLOSED)
    if _differs(incident, fresh):
        raise WriteConflict("incident", "it changed while it was judged")
    if plan.kind == Kind.CLOSED and settings().mode is Mode.OBSERVE:
        raise WriteConflict("settings", "observe mode was switched on while it was judged")
    return await incidents.update(fresh, change)


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
    return one.status, one.owner, one.labels, one.severity, one.classified, one.classification_comment
