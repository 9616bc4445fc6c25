"""Microsoft Sentinel over Azure Resource Manager (SecurityInsights 2025-09-01): incidents."""

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import quote
from uuid import UUID

from playbooks.clients.answers import Call
from playbooks.clients.attempt import Patience
from playbooks.clients.incident_record import (
    SOURCE,
    SOURCE_OF_ITS_OWN,
    after_update,
    changed_record,
    listed_alerts,
    parse_alerts,
    parse_incident,
    whole_incident,
)
from playbooks.clients.rest import Rest, quoted
from playbooks.clients.rounds import outcome
from playbooks.clients.wire import Record, parse_guid
from playbooks.errors import NotThere, RequestRefused, SourceUnavailable, WriteConflict, WriteRefused
from playbooks.model import Alert, Found, Incident, IncidentChange, IncidentId, Lookup, Status

VERSION = {"api-version": "2025-09-01"}
ROLE = "the role Microsoft Sentinel Responder on the workspace"

_TEMPLATE = "/…/incidents/{incident}"


class SentinelIncidents:
    """The Incidents port. Asks only about incidents of the configured workspaces."""

    def __init__(self, rest: Rest, *, workspaces: Iterable[str], patience: Patience) -> None:
        self._rest = rest
        self._patience = patience
        self._workspaces = frozenset(path.casefold() for path in workspaces)

    async def read(self, incident_id: IncidentId) -> Incident:
        """See the port. All at once: what joins in between is seen by the read before the update."""
        path = self._path(incident_id)
        asked = [
            self.resource(incident_id),
            self._alerts(path),
            self._ask("POST", f"{path}/entities", "/entities"),
        ]
        answers: list[dict[str, Any] | BaseException]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        body, alerts, entities = answers
        record = outcome(body)
        try:
            return whole_incident(incident_id, record, alerts=outcome(alerts), entities=outcome(entities))
        except NotThere as error:
            # The incident itself answered, so a 404 of a part is no proof that it is gone.
            raise SourceUnavailable(SOURCE, f"alerts or entities {error.cause}") from error

    async def reread(self, incident: Incident, *, with_alerts: bool) -> Incident:
        """See the port. The record comes first: whatever joins after its etag is caught by that etag."""
        body = await self.resource(incident.id)
        fresh = after_update(incident, body)
        if not with_alerts:
            return fresh
        return replace(fresh, alerts=parse_alerts(await self._alerts(self._path(incident.id)), body))

    async def alerts_of(self, incident: Incident) -> Lookup[tuple[Alert, ...]]:
        """See the port."""
        if not isinstance(incident.alerts, Found):
            return incident.alerts
        return listed_alerts(await self._alerts(self._path(incident.id)), at_least=len(incident.alerts.value))

    async def resource(self, incident_id: IncidentId) -> dict[str, Any]:
        """The incident's record alone, as it was answered. Raises SourceError."""
        return await self._ask("GET", self._path(incident_id))

    async def comment_ids(self, incident_id: IncidentId) -> frozenset[UUID]:
        """See the port."""
        return await self._ids(incident_id, "comments")

    async def task_ids(self, incident_id: IncidentId) -> frozenset[UUID]:
        """See the port."""
        return await self._ids(incident_id, "tasks")

    async def add_comment(self, incident_id: IncidentId, comment_id: UUID, text: str) -> None:
        """See the port. Raises WriteRefused where the incident is full or the text too long."""
        await self._add(incident_id, f"comments/{comment_id}", {"message": text})

    async def add_task(self, incident_id: IncidentId, task_id: UUID, title: str, description: str) -> None:
        """See the port. Raises WriteRefused where the incident is full or the text too long."""
        properties = {"title": title, "description": description, "status": "New"}
        await self._add(incident_id, f"tasks/{task_id}", properties)

    async def update(self, incident: Incident, change: IncidentChange) -> Incident:
        """See the port. Never sent without an etag."""
        if not incident.etag:
            raise WriteRefused(SOURCE, "no change is sent without the etag of a read")
        body = {"etag": incident.etag, "properties": changed_record(incident, change)}
        answer = await self._ask("PUT", self._path(incident.id), body=body)
        return after_update(incident, answer)

    async def untriaged(
        self, workspace_path: str, *, rule_ids: frozenset[str], since: datetime
    ) -> tuple[IncidentId, ...]:
        """See the port. A list that cannot be read whole is an error, never a short list."""
        condition = f"properties/status ne 'Closed' and properties/createdTimeUtc ge {_moment(since)}"
        query = {**VERSION, "$filter": condition, "$orderby": "properties/createdTimeUtc desc"}
        path = f"{quote(workspace_path)}/providers/Microsoft.SecurityInsights/incidents"
        call = _call("GET", "/…/incidents")
        pages = await self._rest.pages(call, path, query=query, patience=self._patience)
        place = workspace_path.split("/")
        return tuple(
            IncidentId(place[2], place[4], place[8], resource.guid("name"))
            for page in pages
            for resource in Record(SOURCE, page).records("value")
            if _is_untriaged(resource, rule_ids)
        )

    async def of_defender(self, number: str) -> IncidentId | None:
        """The incident of a configured workspace that has this number in the Defender portal.

        Outside the portal numbers are Sentinel's own, and prove nothing. Raises SourceError.
        """
        query = {**VERSION, "$filter": f"properties/providerIncidentId eq '{number}'"}
        found = [one for path in sorted(self._workspaces) for one in await self._listed(path, query)]
        if len(found) > 1:
            raise SourceUnavailable(SOURCE, "has several incidents with one number of the Defender portal")
        return found[0] if found else None

    async def _listed(self, workspace_path: str, query: dict[str, str]) -> list[IncidentId]:
        path = f"{quote(workspace_path)}/providers/Microsoft.SecurityInsights/incidents"
        call, place = _call("GET", "/…/incidents"), workspace_path.split("/")
        try:
            pages = await self._rest.pages(call, path, query=query, patience=self._patience)
        except NotThere as error:
            # A workspace that does not answer proves nothing about an incident.
            raise SourceUnavailable(SOURCE, f"incidents of a workspace {error.cause}") from error
        return [
            IncidentId(place[2], place[4], place[8], one.guid("name"))
            for page in pages
            for one in Record(SOURCE, page).records("value")
            if one.record("properties").name("providerName").casefold() != SOURCE_OF_ITS_OWN
        ]

    async def probe(self, workspace_path: str) -> None:
        """One cheap read of a workspace's incidents. Raises SourceError."""
        path = f"{quote(workspace_path)}/providers/Microsoft.SecurityInsights/incidents"
        query = {**VERSION, "$top": "1"}
        await self._rest.ask(_call("GET", "/…/incidents"), path, query=query, patience=self._patience)

    async def _alerts(self, path: str) -> dict[str, Any]:
        return await self._ask("POST", f"{path}/alerts", "/alerts")

    async def _ids(self, incident_id: IncidentId, kind: str) -> frozenset[UUID]:
        call = _call("GET", f"{_TEMPLATE}/{kind}")
        path = f"{self._path(incident_id)}/{kind}"
        pages = await self._rest.pages(call, path, query=VERSION, patience=self._patience)
        names = [item.text("name") for page in pages for item in Record(SOURCE, page).records("value")]
        # People and other playbooks choose ids too; what is no GUID cannot be one of ours.
        return frozenset(UUID(name) for name in names if parse_guid(name))

    async def _add(self, incident_id: IncidentId, part: str, properties: dict[str, str]) -> None:
        path = f"{self._path(incident_id)}/{part}"
        template = f"/{part.partition('/')[0]}/{{id}}"
        try:
            await self._ask("PUT", path, template, body={"properties": properties})
        except WriteConflict as conflict:
            try:
                await self._ask("GET", path, template)
            except NotThere:
                raise conflict from None

    async def _ask(
        self, method: str, path: str, template: str = "", *, body: object = None
    ) -> dict[str, Any]:
        call = _call(method, _TEMPLATE + template)
        return await self._rest.ask(call, path, query=VERSION, patience=self._patience, body=body)

    def _path(self, incident_id: IncidentId) -> str:
        """The path of an incident of ours. Raises RequestRefused 403 for any other, before a call."""
        if incident_id.workspace_path.casefold() not in self._workspaces or not parse_guid(incident_id.name):
            raise RequestRefused(
                403, "incident_not_allowed", "The incident is not in a workspace of this function app."
            )
        return quoted(incident_id.path)


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _is_untriaged(resource: Record, rule_ids: frozenset[str]) -> bool:
    """Whether an incident of a list is ours to triage and bears no sign that anybody took it.

    One that cannot be read is left out: it could not be triaged, and it must not hide the others.
    """
    try:
        incident = parse_incident(IncidentId("", "", "", ""), resource.members)
    except SourceUnavailable:
        return False
    labels = {label.casefold() for label in incident.labels}
    taken = bool(incident.owner) or incident.status is Status.CLOSED or "redirected" in labels
    triaged = any(label.startswith("triage-") for label in labels)
    return bool(incident.rule_ids & rule_ids) and not taken and not triaged


@cache
def _call(method: str, template: str) -> Call:
    return Call(source=SOURCE, method=method, template=template, needs=ROLE, writes=method == "PUT")
