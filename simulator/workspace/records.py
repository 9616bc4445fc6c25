"""An incident as the service holds it, and the rows it leaves in SecurityIncident and SecurityAlert.

Column names are those of the two Log Analytics tables; dynamic columns are JSON values, times are
`datetime` in UTC, and, as in the tables, Entities and ExtendedProperties of an alert are JSON text.
"""

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from simulator.workspace.entities import alert_type, extended_properties, table_entities
from simulator.workspace.model import CUSTOMER_ID, INSIGHTS_ID, RESOURCE_GROUP, SUBSCRIPTION, AlertSpec
from simulator.workspace.wire import Json, read_time

_AHEAD = 3000
PORTAL = "https://portal.azure.com/#asset/Microsoft_Azure_Security_Insights/Incident"


@dataclass(slots=True, kw_only=True)
class IncidentRecord:
    """One incident; `written` has every writable property, None where it is cleared."""

    name: str
    number: int
    etag: str
    created: datetime
    modified: datetime
    written: Json
    closed: datetime | None = None
    modified_by: str = ""
    in_portal: bool = False
    """Whether the Defender portal has it: its number in Microsoft Graph is then another one than here."""
    kept: Json = field(default_factory=dict)
    """What Microsoft Graph keeps when an incident is opened again, and Sentinel does not."""
    redirected_to: str = ""
    alerts: list[AlertSpec] = field(default_factory=list)
    comments: dict[str, Json] = field(default_factory=dict)
    tasks: dict[str, Json] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """ARM id, with the capital segment that the service answers."""
        return f"{INSIGHTS_ID}/Incidents/{self.name}"

    @property
    def provider(self) -> str:
        """Who made it."""
        return "Microsoft XDR" if self.in_portal else "Azure Sentinel"

    @property
    def provider_id(self) -> str:
        """Its number there; the two portals count apart."""
        return str(self.number + _AHEAD if self.in_portal else self.number)

    @property
    def url(self) -> str:
        """Where the portal shows it."""
        return f"{PORTAL}{self.id}"

    @property
    def rule_ids(self) -> list[str]:
        """GUIDs of the analytics rules behind its alerts, each once."""
        return list(dict.fromkeys(alert.rule_id for alert in self.alerts if alert.rule_id))

    @property
    def product_names(self) -> list[str]:
        """Products of its alerts, each once."""
        return list(dict.fromkeys(alert.product_name for alert in self.alerts))

    @property
    def tactics(self) -> list[str]:
        """Tactics of its alerts, each once."""
        return list(dict.fromkeys(tactic for alert in self.alerts for tactic in alert.tactics))

    @property
    def techniques(self) -> list[str]:
        """Techniques of its alerts, each once."""
        return list(dict.fromkeys(technique for alert in self.alerts for technique in alert.techniques))


def incident_row(record: IncidentRecord) -> Json:
    """One row of SecurityIncident: the incident as it is now."""
    written = record.written
    return {
        "TenantId": CUSTOMER_ID,
        "TimeGenerated": record.modified,
        "IncidentName": record.name,
        "Title": written["title"],
        "Description": written["description"] or "",
        "Severity": written["severity"],
        "Status": written["status"],
        "Classification": written["classification"] or "",
        "ClassificationComment": written["classificationComment"] or "",
        "ClassificationReason": written["classificationReason"] or "",
        "Owner": written["owner"],
        "ProviderName": record.provider,
        "ProviderIncidentId": record.provider_id,
        "FirstActivityTime": _moment(written["firstActivityTimeUtc"]),
        "LastActivityTime": _moment(written["lastActivityTimeUtc"]),
        "FirstModifiedTime": record.created,
        "LastModifiedTime": record.modified,
        "CreatedTime": record.created,
        "ClosedTime": record.closed,
        "IncidentNumber": record.number,
        "RelatedAnalyticRuleIds": record.rule_ids,
        "AlertIds": [alert.system_alert_id for alert in record.alerts],
        "BookmarkIds": [],
        "Comments": [comment["properties"] for comment in record.comments.values()],
        "Tasks": [task["properties"] for task in record.tasks.values()],
        "Labels": written["labels"],
        "IncidentUrl": record.url,
        "AdditionalData": {
            "alertsCount": len(record.alerts),
            "bookmarksCount": 0,
            "commentsCount": len(record.comments),
            "alertProductNames": record.product_names,
            "tactics": record.tactics,
            "techniques": record.techniques,
        },
        "ModifiedBy": record.modified_by,
        "SourceSystem": "Azure",
        "Type": "SecurityIncident",
    }


def alert_row(alert: AlertSpec) -> Json:
    """One row of SecurityAlert."""
    return {
        "TenantId": CUSTOMER_ID,
        "TimeGenerated": alert.time_generated or alert.end,
        "DisplayName": alert.display_name,
        "AlertName": alert.display_name,
        "AlertSeverity": alert.severity,
        "Description": alert.description,
        "ProviderName": alert.provider_name,
        "VendorName": alert.vendor_name,
        "VendorOriginalId": alert.system_alert_id,
        "SystemAlertId": alert.system_alert_id,
        "AlertType": alert_type(alert),
        "ConfidenceLevel": "",
        "IsIncident": False,
        "StartTime": alert.start,
        "EndTime": alert.end,
        "ProcessingEndTime": alert.time_generated or alert.end,
        "ExtendedProperties": json.dumps(extended_properties(alert)),
        "Entities": json.dumps(table_entities(alert.entities), ensure_ascii=False),
        "SourceSystem": "Detection",
        "WorkspaceSubscriptionId": SUBSCRIPTION,
        "WorkspaceResourceGroup": RESOURCE_GROUP,
        "ProductName": alert.product_name,
        "ProductComponentName": alert.product_component_name,
        "Status": "New",
        "CompromisedEntity": "",
        "Tactics": ", ".join(alert.tactics),
        "Techniques": json.dumps(list(alert.techniques)),
        "Type": "SecurityAlert",
    }


def _moment(text: Any) -> datetime | None:
    return read_time(text) if isinstance(text, str) else None
