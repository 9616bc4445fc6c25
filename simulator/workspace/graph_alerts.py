"""Alerts as Microsoft Graph v1.0 `security/alerts_v2` answers them, entities as evidence."""

from collections.abc import Iterator, Mapping
from typing import Any

from simulator.workspace.entities import kept_entities
from simulator.workspace.model import TENANT_ID, AlertSpec
from simulator.workspace.records import IncidentRecord
from simulator.workspace.wire import Json, wire_time

_EVIDENCE = "#microsoft.graph.security."
_NEWER = "unknownFutureValue"


def alert_id_of(alert: AlertSpec) -> str:
    """Its id in Graph: that of the product, with two letters for Sentinel before it."""
    return f"sn{alert.system_alert_id}" if alert.rule_id else alert.system_alert_id


def alert_resource(record: IncidentRecord, alert: AlertSpec, *, whole_enums: bool) -> Json:
    """The alert; without `whole_enums` Sentinel's own sources read as values of the future."""
    endpoint = "microsoftDefenderForEndpoint"
    sentinel = ("microsoftSentinel", "scheduledAlerts") if whole_enums else (_NEWER, _NEWER)
    service, detection = sentinel if alert.rule_id else (endpoint, endpoint)
    details = {name: ", ".join(values) for name, values in alert.custom_details.items()}
    return {
        "@odata.type": "#microsoft.graph.security.alert",
        "id": alert_id_of(alert),
        "incidentId": record.provider_id,
        "tenantId": TENANT_ID,
        "providerAlertId": alert.system_alert_id,
        "detectorId": alert.detector_id or alert.rule_id,
        "title": alert.display_name,
        "description": alert.description,
        "severity": alert.severity.lower(),
        "status": "new",
        "serviceSource": service,
        "detectionSource": detection,
        "productName": alert.product_name,
        "mitreTechniques": list(alert.techniques),
        "createdDateTime": wire_time(alert.time_generated or alert.end),
        "firstActivityDateTime": wire_time(alert.start),
        "lastActivityDateTime": wire_time(alert.end),
        "additionalData": None,
        "customDetails": details,
        "evidence": [piece for entity in kept_entities(alert.entities) for piece in _pieces(entity, alert)],
    }


def _pieces(entity: Mapping[str, Any], alert: AlertSpec) -> Iterator[Json]:
    """The entity as evidence; of kinds that nothing here asks for there is none."""
    given: Mapping[str, Any] = entity["properties"]
    common = {"createdDateTime": wire_time(alert.time_generated or alert.end), "roles": [], "tags": []}
    match str(entity["kind"]).casefold():
        case "account":
            yield {"@odata.type": f"{_EVIDENCE}userEvidence", **common, "userAccount": _account(given)}
        case "host":
            yield {"@odata.type": f"{_EVIDENCE}deviceEvidence", **common, **_device(given)}
        case "process":
            process = {"processCommandLine": given.get("commandLine"), "userAccount": None}
            yield {"@odata.type": f"{_EVIDENCE}processEvidence", **common, **process}


def _account(given: Mapping[str, Any]) -> Json:
    name, suffix = given.get("accountName"), given.get("upnSuffix")
    return {
        "accountName": name,
        "domainName": given.get("ntDomain"),
        "userSid": given.get("sid"),
        "azureAdUserId": given.get("aadUserId"),
        "userPrincipalName": f"{name}@{suffix}" if name and suffix else None,
        "displayName": given.get("displayName"),
    }


def _device(given: Mapping[str, Any]) -> Json:
    name, domain = given.get("hostName") or given.get("netBiosName"), given.get("dnsDomain")
    return {
        "hostName": name,
        "dnsDomain": domain,
        "ntDomain": given.get("ntDomain"),
        "deviceDnsName": f"{name}.{domain}" if name and domain else name,
    }
