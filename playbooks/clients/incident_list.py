"""The incidents of a rule in a span of time, with what people made of them (SecurityInsights 2025-09-01).

When an incident was closed stands in the log alone (SecurityIncident, ClosedTime); the incident itself
knows only when it was last changed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from playbooks import kql
from playbooks.clients.answers import Call
from playbooks.clients.attempt import Patience
from playbooks.clients.incident_record import SOURCE, parse_incident
from playbooks.clients.log_rows import SOURCE as LOGS
from playbooks.clients.log_rows import parse_table
from playbooks.clients.lookups import looked_up
from playbooks.clients.rest import Rest
from playbooks.clients.wire import Record, parse_guid
from playbooks.errors import SourceUnavailable
from playbooks.model import Found, Incident, IncidentId, Lookup, Unavailable

VERSION = {"api-version": "2025-09-01"}
ROLE = "the role Microsoft Sentinel Reader on the workspace"
LOG_ROLE = "the role Log Analytics Reader on the workspace"
PAGE = 500
MOST_CLOSINGS = 50_000

_CLOSINGS = f"""
SecurityIncident
| where TimeGenerated >= start
| summarize arg_max(TimeGenerated, *) by IncidentName
| where Status == "Closed" and CreatedTime >= start
| where tostring(RelatedAnalyticRuleIds) has_any (rules)
| project IncidentName, ClosedTime
| take {MOST_CLOSINGS + 1}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedIncident:
    """An incident as a list shows it: no alerts, no entities. `classification` is empty while it is open."""

    incident: Incident
    classification: str
    classification_reason: str
    modified: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadIncident:
    """One of the list that cannot be read: its name, as far as there is one, and why."""

    name: str
    cause: str


class IncidentList:
    """Reads of one workspace, given by its ARM id and its customer id."""

    def __init__(self, *, arm: Rest, logs: Rest, path: str, customer_id: str, patience: Patience) -> None:
        self._arm = arm
        self._logs = logs
        self._path = path
        self._customer_id = customer_id
        self._patience = patience

    async def created_between(
        self, start: datetime, end: datetime, *, rule_ids: frozenset[str], page: int = PAGE
    ) -> tuple[tuple[ListedIncident, ...], tuple[UnreadIncident, ...]]:
        """Incidents of these rules created from `start` up to `end`, oldest first, and those not readable.

        `page` is how many the service is asked for at a time. Raises SourceError where the list cannot be
        read whole.
        """
        condition = (
            f"properties/createdTimeUtc ge {_moment(start)} and properties/createdTimeUtc lt {_moment(end)}"
        )
        order = "properties/createdTimeUtc asc"
        query = {**VERSION, "$filter": condition, "$orderby": order, "$top": str(page)}
        path = f"{quote(self._path)}/providers/Microsoft.SecurityInsights/incidents"
        call = Call(source=SOURCE, method="GET", template="/…/incidents", needs=ROLE)
        pages = await self._arm.pages(call, path, query=query, patience=self._patience)
        read = [self._read(resource) for page in pages for resource in Record(SOURCE, page).records("value")]
        ours = [one for one in read if isinstance(one, ListedIncident) and one.incident.rule_ids & rule_ids]
        return tuple(ours), tuple(one for one in read if isinstance(one, UnreadIncident))

    async def closing_times(
        self, start: datetime, now: datetime, *, rule_ids: frozenset[str]
    ) -> Lookup[Mapping[str, datetime]]:
        """Name of each closed incident of these rules -> when it was closed last; created since `start`."""
        return await looked_up(LOGS, self._closings(start, now, rule_ids))

    async def _closings(
        self, start: datetime, now: datetime, rule_ids: Iterable[str]
    ) -> Lookup[Mapping[str, datetime]]:
        values = f"let start = {kql.moment(start)};\nlet rules = {kql.texts(rule_ids)};"
        span = f"{_moment(start)}/{_moment(now + timedelta(minutes=1))}"
        template = "/v1/workspaces/{workspace}/query"
        call = Call(source=LOGS, method="POST", template=template, needs=LOG_ROLE)
        path = f"/v1/workspaces/{quote(self._customer_id, safe='')}/query"
        body = {"query": values + _CLOSINGS, "timespan": span}
        rows = parse_table(await self._logs.ask(call, path, query={}, patience=self._patience, body=body))
        if len(rows) > MOST_CLOSINGS:
            return Unavailable(LOGS, f"more than {MOST_CLOSINGS} closed incidents")
        return Found({row.guid("IncidentName"): row.moment("ClosedTime") for row in rows})

    def _read(self, resource: Record) -> ListedIncident | UnreadIncident:
        try:
            place = self._path.split("/")
            incident_id = IncidentId(place[2], place[4], place[8], resource.guid("name"))
            properties = resource.record("properties")
            return ListedIncident(
                incident=parse_incident(incident_id, resource.members),
                classification=properties.text_if_given("classification"),
                classification_reason=properties.text_if_given("classificationReason"),
                modified=properties.moment("lastModifiedTimeUtc"),
            )
        except SourceUnavailable as error:
            return UnreadIncident(name=parse_guid(resource.members.get("name")) or "", cause=error.cause)


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
