"""Incidents of workspaces in the Defender portal, over Microsoft Graph v1.0 `security/incidents`.

Automation rules hand over Sentinel's incident there too, and it names its counterpart in Graph. Graph has no
etag, so a change is sent only after a read that shows the incident as it was judged, and is followed by one
that shows what others did meanwhile. It has no ids for comments, so ours carry a mark, which is looked for
before each writing. It has no tasks: the comment holds the steps.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from kiota_abstractions.base_request_configuration import RequestConfiguration
from kiota_abstractions.headers_collection import HeadersCollection
from kiota_abstractions.method import Method
from kiota_abstractions.request_information import RequestInformation

from playbooks.clients.answers import Call, TooLarge
from playbooks.clients.attempt import Passing, Patience, current_attempt
from playbooks.clients.graph import Graph
from playbooks.clients.graph_alerts import SOURCE
from playbooks.clients.graph_incident_record import (
    changed_members,
    counterpart,
    marked,
    marks,
    parse_incident,
    read_again,
    shows,
    touched_by_others,
)
from playbooks.clients.sentinel import SentinelIncidents
from playbooks.errors import NotThere, Overtaken, SourceUnavailable, WriteConflict, WriteRefused
from playbooks.model import Alert, Incident, IncidentChange, IncidentId, Lookup

READ = Call(
    source=SOURCE,
    method="GET",
    template="/security/incidents/{incident}",
    needs="the Microsoft Graph permission SecurityIncident.ReadWrite.All",
)
CHANGE = Call(source=SOURCE, method="PATCH", template=READ.template, needs=READ.needs, writes=True)
COMMENT = Call(
    source=SOURCE, method="POST", template=f"{READ.template}/comments", needs=READ.needs, writes=True
)
ALERT = Call(
    source=SOURCE,
    method="GET",
    template="/security/alerts_v2/{alert}",
    needs="the Microsoft Graph permission SecurityAlert.Read.All",
)

_COMMENTS = "{+baseurl}/security/incidents/{incident%2Did}/comments"
_COMMENT_TYPE = "microsoft.graph.security.alertComment"
# Without it Graph answers `unknownFutureValue` for the newer members, those of Sentinel among them.
_WHOLE_ENUMS = ("Prefer", "include-unknown-enum-members")


class GraphIncidents:
    """The Incidents port. Whose incident it is, and its number in Graph, is asked of `sentinel`."""

    def __init__(self, graph: Graph, *, sentinel: SentinelIncidents, patience: Patience) -> None:
        self._graph = graph
        self._sentinel = sentinel
        self._patience = patience

    async def read(self, incident_id: IncidentId) -> Incident:
        """See the port. Sentinel comes first: it tells how many alerts there are to be seen at least."""
        number, count = counterpart(await self._sentinel.resource(incident_id))
        return parse_incident(incident_id, await self._body(number), alerts_count=count)

    async def reread(self, incident: Incident, *, with_alerts: bool) -> Incident:
        """See the port. Graph answers an incident with its alerts in any case."""
        del with_alerts
        return await self.read(incident.id)

    async def alerts_of(self, incident: Incident) -> Lookup[tuple[Alert, ...]]:
        """See the port."""
        return (await self.read(incident.id)).alerts

    async def comment_ids(self, incident_id: IncidentId) -> frozenset[UUID]:
        """See the port: ids of our own comments, those of others have none."""
        return marks(await self._body(await self._number(incident_id)))

    async def task_ids(self, incident_id: IncidentId) -> None:
        """See the port: there are no tasks."""
        del incident_id

    async def add_comment(self, incident_id: IncidentId, comment_id: UUID, text: str) -> None:
        """See the port. Looked for before each try, so that a lost answer makes no second one.

        Raises WriteRefused where the incident is full or the text too long.
        """
        number = await self._number(incident_id)
        body = {"@odata.type": _COMMENT_TYPE, "comment": marked(text, comment_id)}

        async def once() -> None:
            if comment_id not in marks(await self._body(number)):
                await self._write(COMMENT, number, body)

        await self._patience.repeat(once, operation=COMMENT.operation)

    async def add_task(self, incident_id: IncidentId, task_id: UUID, title: str, description: str) -> None:
        """See the port. Raises WriteRefused."""
        del incident_id, task_id, title, description
        raise WriteRefused(SOURCE, "has no tasks")

    async def update(self, incident: Incident, change: IncidentChange) -> Incident:
        """See the port. Raises Overtaken where others wrote between the last read and our write.

        Nothing that the change does not name is sent, but for the tags, which Graph replaces as a whole.
        """
        number, members = str(incident.number), changed_members(incident, change)
        sent = False

        async def once() -> Incident:
            nonlocal sent
            body = await self._body(number)
            # What an earlier try of ours whose answer was lost has left is no conflict.
            if not (sent and shows(body, members)):
                if read_again(incident, body) != incident:
                    raise WriteConflict(SOURCE, "it changed since it was read")
                sent = True
                await self._write(CHANGE, number, members)
                body = await self._body(number)
            return _as_meant(incident, body, members)

        return await self._patience.repeat(once, operation=CHANGE.operation)

    async def untriaged(
        self, workspace_path: str, *, rule_ids: frozenset[str], since: datetime
    ) -> tuple[IncidentId, ...]:
        """See the port. Asked of Sentinel, which has ids; what it does not know yet, the attempt will see."""
        return await self._sentinel.untriaged(workspace_path, rule_ids=rule_ids, since=since)

    async def probe(self) -> dict[str, Any]:
        """One cheap read, of an incident that there never is. Raises NotThere where it may be asked for."""
        return await self._graph.one(READ, self._incident("0"))

    async def probe_alerts(self) -> dict[str, Any]:
        """One cheap read, of an alert that there never is. Raises NotThere where it may be asked for."""
        none = self._graph.builder(lambda root: root.security.alerts_v2.by_alert_id("0"))
        return await self._graph.one(ALERT, none)

    async def _number(self, incident_id: IncidentId) -> str:
        number, _ = counterpart(await self._sentinel.resource(incident_id))
        return number

    async def _body(self, number: str) -> dict[str, Any]:
        """The incident as it stands. A 404 is no proof that it is gone: Sentinel has it."""
        try:
            return await self._with_alerts(number)
        except NotThere as error:
            raise SourceUnavailable(SOURCE, "does not hold the incident yet, though Sentinel does") from error

    async def _with_alerts(self, number: str) -> dict[str, Any]:
        """The incident with its alerts; without them, to be escalated, where they are too much to read."""
        try:
            return await self._graph.ask(READ, lambda: self._read_request(number, ["alerts"]))
        except TooLarge:
            return await self._graph.ask(READ, lambda: self._read_request(number, None))

    async def _write(self, call: Call, number: str, body: Mapping[str, object]) -> None:
        """One try. Raises SourceError; a repeat is up to who can look first whether it was applied."""
        try:
            await self._graph.ask(call, lambda: self._write_request(call, number, body), repeats=False)
        except NotThere as error:
            raise SourceUnavailable(SOURCE, f"{error.cause}, though it was just read") from error

    def _read_request(self, number: str, expand: list[str] | None) -> RequestInformation:
        builder = self._incident(number)
        kind = type(builder)
        parameters = kind.IncidentItemRequestBuilderGetQueryParameters(expand=expand)
        configuration = _configuration()
        configuration.query_parameters = parameters
        request: RequestInformation = builder.to_get_request_information(configuration)
        return request

    def _write_request(self, call: Call, number: str, body: Mapping[str, object]) -> RequestInformation:
        # The builder's own would import the typed models; the comments' path has no builder.
        builder = self._incident(number)
        template = _COMMENTS if call is COMMENT else builder.url_template
        method = Method.POST if call is COMMENT else Method.PATCH
        request = RequestInformation(method, template, builder.path_parameters)
        request.configure(_configuration())
        request.set_stream_content(json.dumps(body).encode(), "application/json")
        return request

    def _incident(self, number: str) -> Any:
        return self._graph.builder(lambda root: root.security.incidents.by_incident_id(number))


def _as_meant(before: Incident, body: Mapping[str, Any], members: Mapping[str, Any]) -> Incident:
    """The incident after our PATCH. Raises Passing, WriteConflict or Overtaken where it is not as meant."""
    after = read_again(before, body)
    if others := touched_by_others(before, after, members):
        raise Overtaken(SOURCE, f"somebody changed {', '.join(others)} while it was written to")
    if after == before and not shows(body, members):
        raise Passing(SOURCE, "does not show the change yet")
    if not shows(body, members):
        raise WriteConflict(SOURCE, "somebody changed it right after us")
    return after


def _configuration() -> RequestConfiguration[Any]:
    headers = HeadersCollection()
    headers.add(*_WHOLE_ENUMS)
    if correlation := current_attempt().correlation_id:
        headers.add("client-request-id", correlation)
    return RequestConfiguration(headers=headers)
