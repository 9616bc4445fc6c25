"""Entities in the three spellings of Sentinel: incident API, SecurityAlert table, alert trigger."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from simulator.workspace.directory import stable_id
from simulator.workspace.model import CUSTOMER_ID, INSIGHTS_ID, AlertSpec
from simulator.workspace.wire import Json

MOST_ENTITIES = 500

_DROPPED_ACCOUNTS = frozenset(
    {"system", "local system", "local service", "network service", "anonymous logon", "everyone", "-"}
)
_TABLE_SPELLING = {
    "accountName": "Name",
    "ntDomain": "NTDomain",
    "upnSuffix": "UPNSuffix",
    "aadUserId": "AadUserId",
    "aadTenantId": "AadTenantId",
    "sid": "Sid",
    "objectGuid": "ObjectGuid",
    "displayName": "DisplayName",
    "isDomainJoined": "IsDomainJoined",
    "hostName": "HostName",
    "dnsDomain": "DnsDomain",
    "netBiosName": "NetBiosName",
    "osFamily": "OSFamily",
    "commandLine": "CommandLine",
    "processId": "ProcessId",
    "address": "Address",
}


def kept_entities(entities: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The entities that Sentinel keeps of one alert: none of the built-in accounts, 500 at most."""
    kept = [entity for entity in entities if not _is_dropped(entity)]
    return kept[:MOST_ENTITIES]


def entity_resources(alerts: Sequence[AlertSpec]) -> list[Json]:
    """The entities of an incident as the incident API gives them, each once."""
    found = (_resource(entity) for alert in alerts for entity in kept_entities(alert.entities))
    return list({resource["name"]: resource for resource in found}.values())


def table_entities(entities: Iterable[Mapping[str, Any]]) -> list[Json]:
    """The entities of an alert as the SecurityAlert table and the alert trigger spell them."""
    return [_table_entity(place, entity) for place, entity in enumerate(kept_entities(entities), start=2)]


def alert_type(alert: AlertSpec) -> str:
    """`<workspace>_<rule id>` for an analytics rule, else the product's own type."""
    return f"{CUSTOMER_ID}_{alert.rule_id}" if alert.rule_id else alert.alert_type or alert.display_name


def extended_properties(alert: AlertSpec) -> Json:
    """What Sentinel adds to an alert; every value is text, lists as JSON text."""
    properties = {"Alert generation status": "Full alert created", "ProcessedBySentinel": "True"}
    if alert.rule_id:
        properties |= {
            "Analytic Rule Ids": json.dumps([alert.rule_id]),
            "Analytic Rule Name": alert.display_name,
            "Trigger Operator": "GreaterThan",
            "Trigger Threshold": "0",
            "Event Grouping": "AlertPerResult",
        }
    if alert.custom_details:
        details = {name: list(values) for name, values in alert.custom_details.items()}
        properties["Custom Details"] = json.dumps(details, ensure_ascii=False)
    return properties


def _is_dropped(entity: Mapping[str, Any]) -> bool:
    name = str(entity["properties"].get("accountName", "")).casefold()
    return str(entity["kind"]).casefold() == "account" and name in _DROPPED_ACCOUNTS


def _friendly_name(properties: Mapping[str, Any]) -> str:
    name = properties.get("accountName") or properties.get("hostName") or properties.get("displayName") or ""
    if properties.get("accountName") and properties.get("ntDomain"):
        return f"{properties['ntDomain']}\\{name}"
    return str(name or properties.get("sid") or "")


def _resource(entity: Mapping[str, Any]) -> Json:
    properties = {"friendlyName": _friendly_name(entity["properties"]), **entity["properties"]}
    entity_id = stable_id("entity", str(entity["kind"]), json.dumps(properties, sort_keys=True))
    return {
        "id": f"{INSIGHTS_ID}/Entities/{entity_id}",
        "name": entity_id,
        "type": "Microsoft.SecurityInsights/Entities",
        "kind": entity["kind"],
        "properties": properties,
    }


def _table_entity(place: int, entity: Mapping[str, Any]) -> Json:
    properties = {
        _TABLE_SPELLING.get(name, name[:1].upper() + name[1:]): value
        for name, value in entity["properties"].items()
        if name not in ("friendlyName", "additionalData")
    }
    return {"$id": str(place), **properties, "Type": str(entity["kind"]).lower()}
