"""Microsoft Graph v1.0 `security`: the same incidents as the Defender portal sees them.

No etag, no comment id of the caller's, no task. PATCH changes the given properties alone. The id is the
incident's number as text.
"""

from collections.abc import Callable, Mapping
from typing import Any

from simulator.workspace import rules
from simulator.workspace.graph import GraphPart, GraphSource
from simulator.workspace.incidents import Incidents
from simulator.workspace.listing import Listing, select
from simulator.workspace.model import AUTOMATION, TENANT_ID, AlertSpec
from simulator.workspace.records import IncidentRecord
from simulator.workspace.wire import Answer, Endpoint, Json, Refusal, WireRequest, wire_time, words

_STATUSES = {"New": "active", "Active": "inProgress", "Closed": "resolved"}
_CLASSIFICATIONS = {
    "Undetermined": "unknown",
    "TruePositive": "truePositive",
    "FalsePositive": "falsePositive",
    "BenignPositive": "informationalExpectedActivity",
}
_CHOICES = {
    "status": _STATUSES,
    "classification": _CLASSIFICATIONS,
    "severity": {severity: severity.lower() for severity in rules.SEVERITIES},
}
_RENAMED = {"displayName": "title", "resolvingComment": "classificationComment", "description": "description"}
_REASONS = {
    "TruePositive": "SuspiciousActivity",
    "FalsePositive": "InaccurateData",
    "BenignPositive": "SuspiciousButExpected",
}
_DETERMINATIONS = frozenset(
    words(
        """unknown apt malware securityPersonnel securityTesting unwantedSoftware other multiStagedAttack
    compromisedAccount phishing maliciousUserActivity notMalicious notEnoughDataToValidate
    confirmedActivity lineOfBusinessApplication"""
    )
)
_INCIDENTS = Listing(
    type_name="security.incident",
    plain=words("assignedTo classification createdDateTime determination lastUpdateDateTime severity status"),
    expandable=["alerts"],
    page=50,
    most=50,
)
_ALERTS = Listing(type_name="security.alert")
_COMMENT_TYPE = "microsoft.graph.security.alertComment"


class SecurityIncidents(GraphPart):
    """`security/incidents` and `security/alerts_v2`."""

    def __init__(self, source: GraphSource, *, incidents: Callable[[], Incidents]) -> None:
        super().__init__(source)
        self._incidents = incidents

    def operations(self) -> list[tuple[str, str, Endpoint]]:
        """See the base class."""
        one = "/security/incidents/{id}"
        return [
            ("GET", "/security/incidents", self._list),
            ("GET", one, self._get),
            ("PATCH", one, self._patch),
            ("POST", f"{one}/comments", self._post_comment),
            ("GET", "/security/alerts_v2/{id}", self._alert),
        ]

    async def _list(self, request: WireRequest) -> Answer:
        return self.page(request, [_incident(record) for record in self._incidents().all()], _INCIDENTS)

    async def _get(self, request: WireRequest) -> Answer:
        return Answer(status=200, body=select(_incident(self._record(request)), request.query, _INCIDENTS))

    async def _patch(self, request: WireRequest) -> Answer:
        record = self._record(request)
        given = request.json_object()
        written = rules.checked_incident(_patched(record, given))
        record.determination = given.get("determination", record.determination)
        self._incidents().replace(record, written, by=AUTOMATION["name"])
        return Answer(status=200, body=select(_incident(record), {}, _INCIDENTS))

    async def _post_comment(self, request: WireRequest) -> Answer:
        record = self._record(request)
        body = request.json_object()
        if str(body.get("@odata.type", "")).removeprefix("#") != _COMMENT_TYPE:
            raise rules.bad(f"'@odata.type' must be {_COMMENT_TYPE}.")
        message = rules.checked_comment({"message": body.get("comment")})
        self._incidents().add_comment(record, message, AUTOMATION)
        return Answer(status=200, body={"value": _comments(record)})

    async def _alert(self, request: WireRequest) -> Answer:
        record, alert = self._incidents().of_alert(request.params["id"])
        return Answer(status=200, body=select(_alert(record, alert), request.query, _ALERTS))

    def _record(self, request: WireRequest) -> IncidentRecord:
        for record in self._incidents().all():
            if str(record.number) == request.params["id"]:
                return record
        raise Refusal(404, "NotFound", f"Incident '{request.params['id'][:20]}' was not found.")


def _patched(record: IncidentRecord, given: Json) -> Json:
    """The record's writable properties with those that the PATCH names. Raises Refusal 400 for others."""
    written = dict(record.written)
    for name, value in given.items():
        written |= _written_as(name, value)
    if written["status"] != "Closed":
        return written | {"classification": None, "classificationReason": None, "classificationComment": None}
    classification = written["classification"] or "Undetermined"
    return written | {"classification": classification, "classificationReason": _REASONS.get(classification)}


def _written_as(name: str, value: Any) -> Json:
    if name in _CHOICES:
        return {name: _back(_CHOICES[name], name, value)}
    if name in _RENAMED:
        return {_RENAMED[name]: value}
    match name:
        case "assignedTo":
            return {"owner": {"userPrincipalName": value, "assignedTo": value}}
        case "customTags" if isinstance(value, list):
            return {"labels": [{"labelName": tag, "labelType": "User"} for tag in value]}
        case "determination" if value in _DETERMINATIONS:
            return {}
        case "@odata.type":
            return {}
    raise rules.bad(f"The property '{name[:50]}' cannot be updated, or its value is not valid.")


def _back(names: Mapping[str, str], name: str, value: Any) -> str:
    for written, shown in names.items():
        if shown == value:
            return written
    raise rules.bad(f"'{name}' must be one of {', '.join(names.values())}.")


def _incident(record: IncidentRecord) -> Json:
    written = record.written
    labels = written["labels"]
    return {
        "id": str(record.number),
        "tenantId": TENANT_ID,
        "displayName": written["title"],
        "status": _STATUSES[written["status"]],
        "severity": written["severity"].lower(),
        "classification": _CLASSIFICATIONS.get(written["classification"] or "Undetermined"),
        "determination": record.determination,
        "assignedTo": written["owner"].get("userPrincipalName"),
        "customTags": [label["labelName"] for label in labels if label["labelType"] == "User"],
        "systemTags": [label["labelName"] for label in labels if label["labelType"] == "AutoAssigned"],
        "createdDateTime": wire_time(record.created),
        "lastUpdateDateTime": wire_time(record.modified),
        "lastModifiedBy": record.modified_by,
        "incidentWebUrl": f"https://security.microsoft.com/incidents/{record.number}?tid={TENANT_ID}",
        "redirectIncidentId": None,
        "resolvingComment": written["classificationComment"],
        "comments": _comments(record),
        "alerts": [_alert(record, alert) for alert in record.alerts],
    }


def _comments(record: IncidentRecord) -> list[Json]:
    return [
        {
            "@odata.type": f"#{_COMMENT_TYPE}",
            "comment": comment["properties"]["message"],
            "createdByDisplayName": comment["properties"]["author"]["name"],
            "createdDateTime": comment["properties"]["createdTimeUtc"],
        }
        for comment in record.comments.values()
    ]


def _alert(record: IncidentRecord, alert: AlertSpec) -> Json:
    return {
        "id": alert.system_alert_id,
        "incidentId": str(record.number),
        "tenantId": TENANT_ID,
        "providerAlertId": alert.system_alert_id,
        "detectorId": alert.detector_id or alert.rule_id,
        "title": alert.display_name,
        "severity": alert.severity.lower(),
        "status": "new",
        "serviceSource": "microsoftSentinel" if alert.rule_id else "microsoftDefenderForEndpoint",
        "detectionSource": "scheduledAlerts" if alert.rule_id else "microsoftDefenderForEndpoint",
        "productName": alert.product_name,
        "mitreTechniques": list(alert.techniques),
        "createdDateTime": wire_time(alert.time_generated or alert.end),
        "firstActivityDateTime": wire_time(alert.start),
        "lastActivityDateTime": wire_time(alert.end),
        "customDetails": {name: ", ".join(values) for name, values in alert.custom_details.items()},
        "evidence": [],
    }
