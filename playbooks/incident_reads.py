"""What a decision reads of the incident itself: what stands there before it, and what after a close."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from uuid import UUID

from playbooks.errors import NotThere, SourceUnavailable
from playbooks.model import Found, Incident, IncidentId, WriteSettings
from playbooks.plan import Standing, bears_our_label, is_held, may_have_task_of_ours
from playbooks.ports import Incidents


async def read_at_once(incidents: Incidents, incident_id: IncidentId) -> tuple[Incident, frozenset[UUID]]:
    """The incident and the ids of its comments, asked for together. Raises the incident's own error first.

    Where it bears a label of ours, the comments are read after it: what the label stands for is among them.
    """
    incident, comments = await asyncio.gather(
        incidents.read(incident_id), incidents.comment_ids(incident_id), return_exceptions=True
    )
    if isinstance(incident, BaseException):
        raise incident
    with is_there():
        if bears_our_label(incident):
            return incident, await incidents.comment_ids(incident_id)
        if isinstance(comments, BaseException):
            raise comments
    return incident, comments


async def stand(
    incidents: Incidents, incident: Incident, comments: frozenset[UUID], settings: WriteSettings
) -> Standing:
    """What stands on the incident already. Raises SourceError."""
    # No task of ours is written before its comment or its label, so without them there is none.
    may_have_task = may_have_task_of_ours(incident, comments)
    return Standing(
        comment_ids=comments,
        task_ids=await incidents.task_ids(incident.id) if may_have_task else frozenset(),
        held=is_held(incident, settings),
    )


async def still_as_judged(incidents: Incidents, judged: Incident, closed: Incident) -> bool:
    """After a close: the incident still holds no alert that was not judged. Raises SourceError."""
    fresh = replace(closed, alerts=await incidents.alerts_of(closed))
    return isinstance(fresh.alerts, Found) and set(fresh.alert_ids) <= set(judged.alert_ids)


@contextmanager
def is_there() -> Iterator[None]:
    """After the incident was read, a 404 is no proof that it is gone: only a first read can tell."""
    try:
        yield
    except NotThere as error:
        raise SourceUnavailable(error.source, f"{error.cause}, though it was just read") from error
