"""Microsoft Graph v1.0 `security`: incidents of a workspace that is in the Defender portal.

No etag, no comment id of the caller's, no task, no delete. PATCH changes the given properties alone, of them
`customTags` as a whole, and classification, determination and resolving comment stay when an incident is
opened again. Newer members of enumerations are answered only to whom asks for them.
"""

from collections.abc import Callable, Mapping
from typing import Any

from simulator.workspace import rules
from simulator.workspace.graph import GraphPart, GraphSource
from simulator.workspace.graph_alerts import alert_id_of, alert_resource
from simulator.workspace.incidents import Incidents
from simulator.workspace.listing import Listing, select
from simulator.workspace.model import AUTOMATION, TENANT_ID
from simulator.workspace.records import IncidentRecord
from simulator.workspace.wire import Answer, Endpoint, Json, Refusal, WireRequest, wire_time, words

_STATUSES = {"New": "active", "Active": "inProgress", "Closed": "resolved"}
_CLASSIFICATIONS = {
    "Undetermined": "unknown",
    "TruePositive": "truePositive",
    "FalsePositive": "falsePositive",
    "BenignPositive": "informationalExpectedActivity",
}
_CHOICES = {"status": _STATUSES, "severity": {severity: severity.lower() for severity in rules.SEVERITIES}}
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
_TEXTS = {"displayName": "title", "description": "description"}
_KEPT_TEXTS = {"resolvingComment": "classificationComment", "summary": "summary"}
_KNOWN = words(
    """assignedTo classification comments createdDateTime customTags description determination displayName
    id incidentWebUrl lastModifiedBy lastUpdateDateTime priorityScore redirectIncidentId resolvingComment
    severity status summary systemTags tenantId"""
)
_INCIDENTS = Listing(
    type_name="security.incident",
    known=frozenset(_KNOWN),
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
        shown = [_incident(record, request) for record in self._incidents().all() if record.in_portal]
        return self.page(request, shown, _INCIDENTS)

    async def _get(self, request: WireRequest) -> Answer:
        shown = _incident(self._record(request), request)
        return Answer(status=200, body=select(shown, request.query, _INCIDENTS))

    async def _patch(self, request: WireRequest) -> Answer:
        record = self._record(request)
        if record.redirected_to:
            raise rules.bad("The incident is redirected to another one and cannot be updated.")
        written, kept = _patched(record, request.json_object())
        record.kept = kept
        self._incidents().replace(record, rules.checked_incident(written), by=AUTOMATION["name"])
        return Answer(status=200, body=select(_incident(record, request), {}, _INCIDENTS))

    async def _post_comment(self, request: WireRequest) -> Answer:
        record = self._record(request)
        body = request.json_object()
        if set(body) != {"@odata.type", "comment"} or _type_of(body) != _COMMENT_TYPE:
            raise rules.bad(f"A comment is '@odata.type' {_COMMENT_TYPE} and 'comment', and nothing else.")
        message = rules.checked_comment({"message": body["comment"]})
        self._incidents().add_comment(record, message, AUTOMATION)
        return Answer(status=200, body={"value": _comments(record)})

    async def _alert(self, request: WireRequest) -> Answer:
        for record in self._incidents().all():
            for alert in record.alerts:
                if record.in_portal and alert_id_of(alert) == request.params["id"].lower():
                    shown = alert_resource(record, alert, whole_enums=_asks_for_all(request))
                    return Answer(status=200, body=select(shown, request.query, _ALERTS))
        raise Refusal(404, "NotFound", f"Alert '{request.params['id'][:64]}' was not found.")

    def _record(self, request: WireRequest) -> IncidentRecord:
        for record in self._incidents().all():
            if record.in_portal and record.provider_id == request.params["id"]:
                return record
        raise Refusal(404, "NotFound", f"Incident '{request.params['id'][:20]}' was not found.")


def _asks_for_all(request: WireRequest) -> bool:
    return "include-unknown-enum-members" in request.headers.get("prefer", "").lower()


def _type_of(body: Json) -> str:
    return str(body["@odata.type"]).removeprefix("#")


def _patched(record: IncidentRecord, given: Json) -> tuple[Json, Json]:
    """What Sentinel and what Graph alone hold after a PATCH. Raises Refusal 400 for what it does not take."""
    written, kept = dict(record.written), dict(record.kept)
    for name, value in given.items():
        if name in ("classification", "determination", *_KEPT_TEXTS):
            kept |= _kept_as(name, value)
        else:
            written |= _written_as(name, value)
    closing = dict.fromkeys(("classification", "classificationReason", "classificationComment"))
    if written["status"] == "Closed":
        classification = kept.get("classification") or "Undetermined"
        closing["classification"] = classification
        closing["classificationReason"] = _REASONS.get(classification)
        closing["classificationComment"] = kept.get("classificationComment") or None
    return written | closing, kept


def _kept_as(name: str, value: Any) -> Json:
    if name == "classification":
        return {name: _back(_CLASSIFICATIONS, name, value)}
    if name == "determination" and value in _DETERMINATIONS:
        return {name: value}
    if name in _KEPT_TEXTS and isinstance(value, str):
        return {_KEPT_TEXTS[name]: value}
    raise _not_taken(name)


def _written_as(name: str, value: Any) -> Json:
    if name in _CHOICES:
        return {name: _back(_CHOICES[name], name, value)}
    if name in _TEXTS and isinstance(value, str):
        return {_TEXTS[name]: value}
    match name, value:
        case "assignedTo", str() | None:
            return {"owner": {"userPrincipalName": value, "assignedTo": value} if value else None}
        case "customTags", list() if all(isinstance(tag, str) and tag.strip() for tag in value):
            return {"labels": [{"labelName": tag, "labelType": "User"} for tag in value]}
        case "@odata.type", "#microsoft.graph.security.incident":
            return {}
    raise _not_taken(name)


def _not_taken(name: str) -> Refusal:
    return rules.bad(f"The property '{name[:50]}' cannot be updated, or its value is not valid.")


def _back(names: Mapping[str, str], name: str, value: Any) -> str:
    for written, shown in names.items():
        if shown == value:
            return written
    raise rules.bad(f"'{name}' must be one of {', '.join(names.values())}.")


def _incident(record: IncidentRecord, request: WireRequest) -> Json:
    written, whole_enums = record.written, _asks_for_all(request)
    labels, kept = written["labels"], record.kept
    number = record.provider_id
    return {
        "id": number,
        "tenantId": TENANT_ID,
        "displayName": written["title"],
        "description": written["description"],
        "status": "redirected" if record.redirected_to else _STATUSES[written["status"]],
        "severity": written["severity"].lower(),
        "classification": _CLASSIFICATIONS[kept.get("classification") or "Undetermined"],
        "determination": kept.get("determination") or "unknown",
        "assignedTo": written["owner"].get("userPrincipalName"),
        "customTags": [label["labelName"] for label in labels if label["labelType"] == "User"],
        "systemTags": [label["labelName"] for label in labels if label["labelType"] == "AutoAssigned"],
        "createdDateTime": wire_time(record.created),
        "lastUpdateDateTime": wire_time(record.modified),
        "lastModifiedBy": record.modified_by,
        "incidentWebUrl": f"https://security.microsoft.com/incidents/{number}?tid={TENANT_ID}",
        "redirectIncidentId": record.redirected_to or None,
        "resolvingComment": kept.get("classificationComment"),
        "summary": kept.get("summary"),
        "comments": _comments(record),
        "alerts": [alert_resource(record, alert, whole_enums=whole_enums) for alert in record.alerts],
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
