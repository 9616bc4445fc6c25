"""The values of the local workspace: where it is, its alerts, its calls, what it asks of the event store."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from simulator.workspace.wire import Json

SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
RESOURCE_GROUP = "rg-soc"
WORKSPACE = "law-soc"
CUSTOMER_ID = "00000000-0000-0000-0000-0000000000aa"
TENANT_ID = "00000000-0000-0000-0000-0000000000bb"
TOKEN = "local-workspace-token"  # noqa: S105 - no secret: it opens this server alone
IDENTITY_HEADER = "local-identity-header"

WORKSPACE_ID = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{RESOURCE_GROUP}"
    f"/providers/Microsoft.OperationalInsights/workspaces/{WORKSPACE}"
)
INSIGHTS_ID = f"{WORKSPACE_ID}/providers/Microsoft.SecurityInsights"

AUTOMATION: Json = {"objectId": "5f1d1f0c-3f60-4c0b-9b0f-0f8f1d3c0a01", "name": "func-mailbox-export-triage"}
"""The product's managed identity, as the author of what it writes."""

ANALYST: Json = {
    "objectId": "9d5a1d7e-52a4-4a52-8d5b-2f3f3d5e0b02",
    "name": "Sam Analyst",
    "email": "sam.analyst@contoso.com",
    "userPrincipalName": "sam.analyst@contoso.com",
}
"""A person of the SOC, as the author of edits made through the Python API."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertSpec:
    """An alert to put into an incident.

    `rule_id` is the analytics rule's GUID (None for an alert of another product, then give `alert_type`).
    `entities` are entity resources of the incident API: `{"kind": "Host", "properties": {"hostName": …}}`.
    Times need a zone.
    """

    system_alert_id: str
    display_name: str
    start: datetime
    end: datetime
    rule_id: str | None = None
    time_generated: datetime | None = None
    severity: str = "Medium"
    description: str = ""
    entities: Sequence[Mapping[str, Any]] = ()
    custom_details: Mapping[str, Sequence[str]] = field(default_factory=dict)
    tactics: Sequence[str] = ("Collection",)
    techniques: Sequence[str] = ("T1114",)
    product_name: str = "Azure Sentinel"
    product_component_name: str = "Scheduled Alerts"
    provider_name: str = "ASI Scheduled Alerts"
    vendor_name: str = "Microsoft"
    alert_type: str = ""
    detector_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call the workspace was sent, in order. `path` is the template, `target` what was asked for.

    `status` is what the caller saw, 0 for an answer that never arrived whole. `inner` calls are parts of
    a Graph `$batch`. `service` is `foreign` where the caller came by another host name than ours, i.e.
    followed a link or redirect it should not have; `authorized` says that it brought our token.
    """

    number: int
    service: str
    method: str
    path: str
    status: int
    target: str
    inner: bool = False
    authorized: bool = False


class QueryTable(Protocol):
    """A query's rows: columns are (name, Kusto type)."""

    @property
    def columns(self) -> Sequence[tuple[str, str]]:
        """Column names with their Kusto types."""
        ...

    @property
    def rows(self) -> Sequence[Sequence[Any]]:
        """One sequence of cells a row."""
        ...


class EventStore(Protocol):
    """The log tables behind the workspace; `query` raises `simulator.eventstore.QueryError`."""

    @property
    def is_small(self) -> bool:
        """Whether a query takes less than it would take to have another thread run it."""
        ...

    def query(
        self, kql: str, *, now: datetime, timespan: tuple[datetime, datetime] | None = None
    ) -> QueryTable:
        """Runs KQL at the given time; cells come JSON-ready."""
        ...

    def add_process_events(self, rows: Sequence[Mapping[str, Any]]) -> object:
        """Appends rows of ASimProcessEventLogs."""
        ...

    def add_alerts(self, rows: Sequence[Mapping[str, Any]]) -> object:
        """Appends rows of SecurityAlert."""
        ...

    def add_incident_records(self, rows: Sequence[Mapping[str, Any]]) -> object:
        """Appends rows of SecurityIncident."""
        ...

    def clear(self) -> object:
        """Empties every table."""
        ...
