"""A SecurityInsights 2025-09-01 incident to and from the model.

A PUT replaces the whole record, so every writable property is kept as it was read and sent back.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from playbooks.clients.wire import Record, parse_guid, parse_moment
from playbooks.errors import SourceUnavailable
from playbooks.model import (
    Account,
    Alert,
    Found,
    Host,
    Incident,
    IncidentChange,
    IncidentId,
    Lookup,
    Owner,
    Severity,
    Status,
    Unavailable,
)

SOURCE = "Microsoft Sentinel"
SOURCE_OF_ITS_OWN = "azure sentinel"
"""Provider of an incident whose workspace is not in the Defender portal: its number is none of Graph's."""
MOST_ENTITIES = 500  # of one alert; Sentinel drops the rest (service limits page)
TOO_LARGE = "incident larger than can be read whole"

_WRITABLE = (
    *("title", "description", "severity", "status", "labels", "owner"),
    *("classification", "classificationReason", "classificationComment"),
    *("firstActivityTimeUtc", "lastActivityTimeUtc"),
)
_OF_A_CLOSE = ("classification", "classificationReason", "classificationComment")
_OWNER_KEYS = ("objectId", "userPrincipalName", "email", "assignedTo")


def whole_incident(
    incident_id: IncidentId,
    body: Mapping[str, Any],
    *,
    alerts: Mapping[str, Any],
    entities: Mapping[str, Any],
) -> Incident:
    """The incident from its three answers. Raises SourceUnavailable where the record cannot be read."""
    incident = replace(parse_incident(incident_id, body), alerts=parse_alerts(alerts, body))
    return with_entities(incident, entities)


def parse_incident(incident_id: IncidentId, body: Mapping[str, Any]) -> Incident:
    """The incident without alerts and entities. Raises SourceUnavailable for anything that cannot be read."""
    resource = Record(SOURCE, body, where="incident")
    properties = resource.record("properties")
    return Incident(
        id=incident_id,
        number=properties.number("incidentNumber"),
        title=properties.text("title"),
        status=_value_of(Status, properties, "status"),
        severity=_value_of(Severity, properties, "severity"),
        etag=resource.name("etag"),
        owner=_owner(properties.record("owner")),
        labels=tuple(label.text("labelName") for label in properties.records("labels")),
        rule_ids=frozenset(
            rule.rstrip("/").rpartition("/")[2].lower() for rule in properties.texts("relatedAnalyticRuleIds")
        ),
        created=properties.moment("createdTimeUtc"),
        alerts=Unavailable(SOURCE, "alerts not read"),
        classified=properties.text_if_given("classification"),
        classification_comment=properties.text_if_given("classificationComment"),
        url=properties.text_if_given("incidentUrl"),
        record={name: properties.members[name] for name in _WRITABLE if name in properties},
    )


def parse_alerts(body: Mapping[str, Any], incident: Mapping[str, Any]) -> Lookup[tuple[Alert, ...]]:
    """The alerts of an incident, all of them, or Unavailable where the list is short or cannot be read."""
    try:
        return listed_alerts(body, at_least=_alerts_count(incident))
    except SourceUnavailable as error:
        return Unavailable(SOURCE, error.cause)


def listed_alerts(body: Mapping[str, Any], *, at_least: int) -> Lookup[tuple[Alert, ...]]:
    """The alerts of a list, or Unavailable where there are fewer than that or one cannot be read."""
    try:
        alerts = tuple(_alert(alert.record("properties")) for alert in Record(SOURCE, body).records("value"))
    except SourceUnavailable as error:
        return Unavailable(SOURCE, error.cause)
    return Unavailable(SOURCE, TOO_LARGE) if at_least > len(alerts) else Found(alerts)


def with_entities(incident: Incident, body: Mapping[str, Any]) -> Incident:
    """The incident with its accounts and hosts; `entities_whole` is false where any could not be read."""
    try:
        entities = list(Record(SOURCE, body).records("entities"))
        kinds = [entity.text("kind") for entity in entities]
        counts = {
            one.text("entityKind"): one.number("count") for one in Record(SOURCE, body).records("metaData")
        }
        accounts = [_account(one.record("properties")) for one in _of_kind(entities, kinds, "Account")]
        hosts = [_host(one.record("properties")) for one in _of_kind(entities, kinds, "Host")]
    except SourceUnavailable:
        return replace(incident, entities_whole=False)
    short = any(count > kinds.count(kind) for kind, count in counts.items())
    whole = not short and len(entities) < MOST_ENTITIES
    return replace(incident, accounts=tuple(accounts), hosts=tuple(hosts), entities_whole=whole)


def changed_record(incident: Incident, change: IncidentChange) -> dict[str, Any]:
    """Every writable property as it was read, but for the change; null members left out."""
    properties = {name: value for name, value in incident.record.items() if value is not None}
    properties["owner"] = {
        name: value for name, value in _members(properties.get("owner")) if value is not None
    }
    if change.status not in (None, Status.CLOSED):
        # The service takes a classification only with a close.
        properties = {name: value for name, value in properties.items() if name not in _OF_A_CLOSE}
    given = {
        "status": change.status,
        "severity": change.severity,
        "classification": change.classification,
        "classificationReason": change.classification_reason,
        "classificationComment": change.classification_comment,
    }
    properties |= {name: str(value) for name, value in given.items() if value}
    return properties | {"labels": _changed_labels(properties.get("labels"), change)}


def after_update(before: Incident, body: Mapping[str, Any]) -> Incident:
    """The record as the service answered, with the alerts and entities read before.

    Where it counts more alerts than were read, the alerts are Unavailable: one has joined since.
    """
    after = parse_incident(before.id, body)
    alerts = before.alerts
    if isinstance(alerts, Found) and _alerts_count(body) > len(alerts.value):
        alerts = Unavailable(SOURCE, "an alert has joined since")
    return replace(
        after,
        alerts=alerts,
        accounts=before.accounts,
        hosts=before.hosts,
        entities_whole=before.entities_whole,
    )


def analytic_rule_ids(listed: object, alert_type: str) -> frozenset[str]:
    """Rule GUIDs of an alert, in lower case: the JSON text of "Analytic Rule Ids", else the end of its type.

    Raises ValueError where the text is there but no list of GUIDs. A product's own alert has none.
    """
    if listed is None or listed == "":
        guid = parse_guid(alert_type.rpartition("_")[2])
        return frozenset() if guid is None else frozenset({guid})
    ids = json.loads(listed) if isinstance(listed, str) else None
    if not isinstance(ids, list) or None in (guids := [parse_guid(one) for one in ids]):
        raise ValueError("Analytic Rule Ids is no list of GUIDs")
    return frozenset(guid for guid in guids if guid is not None)


def _alerts_count(incident: Mapping[str, Any]) -> int:
    return Record(SOURCE, incident).record("properties").record("additionalData").number("alertsCount")


def _alert(properties: Record) -> Alert:
    more = properties.record("additionalData") if "additionalData" in properties else Record(SOURCE, {})
    try:
        rule_ids = analytic_rule_ids(more.members.get("Analytic Rule Ids"), properties.text("alertType"))
    except (ValueError, RecursionError) as error:
        raise properties.unread("additionalData") from error
    start, end = _span(properties)
    return Alert(
        system_alert_id=properties.name("systemAlertId"),
        name=properties.text("alertDisplayName"),
        rule_ids=rule_ids,
        product=properties.text("productName"),
        start=start,
        end=end,
        generated=parse_moment(properties.members.get("timeGenerated")),
    )


def _span(properties: Record) -> tuple[datetime | None, datetime | None]:
    start, end = (parse_moment(properties.members.get(name)) for name in ("startTimeUtc", "endTimeUtc"))
    return (None, None) if start is not None and end is not None and end < start else (start, end)


def _account(properties: Record) -> Account:
    return Account(
        name=properties.text_if_given("accountName"),
        nt_domain=properties.text_if_given("ntDomain"),
        upn_suffix=properties.text_if_given("upnSuffix"),
        sid=properties.text_if_given("sid"),
        aad_user_id=properties.text_if_given("aadUserId"),
    )


def _host(properties: Record) -> Host:
    name = properties.text_if_given("hostName") or properties.name("netBiosName")
    return Host(host_name=name, dns_domain=properties.text_if_given("dnsDomain"))


def _of_kind(entities: list[Record], kinds: list[str], kind: str) -> list[Record]:
    return [entity for entity, its_kind in zip(entities, kinds, strict=True) if its_kind == kind]


def _owner(owner: Record) -> Owner | None:
    """Who holds the incident; nobody only where the service says so, with members that are null or empty."""
    if not any(name in owner for name in _OWNER_KEYS):
        raise owner.unread(_OWNER_KEYS[0])
    members = [owner.text_if_given(name).strip() for name in _OWNER_KEYS]
    key = next((member for member in members if member), "")
    shown = next((member for member in reversed(members) if member), "")
    return Owner(key=key, shown=shown) if key else None


def _value_of[E: (Status, Severity)](enumeration: type[E], properties: Record, name: str) -> E:
    try:
        return enumeration(properties.text(name))
    except ValueError as error:
        raise SourceUnavailable(SOURCE, f"the incident's {name} has an unknown value") from error


def _members(owner: object) -> list[tuple[str, Any]]:
    return list(owner.items()) if isinstance(owner, dict) else []


def _changed_labels(labels: object, change: IncidentChange) -> list[dict[str, Any]]:
    """Labels by name (their type is the service's), less those taken off, plus those not there yet.

    Names compare without case.
    """
    off = {name.casefold() for name in change.remove_labels} - {name.casefold() for name in change.add_labels}
    kept = [label for label in labels if _label_name(label) not in off] if isinstance(labels, list) else []
    there = {_label_name(label) for label in kept}
    names = [label["labelName"] for label in kept]
    names += [name for name in change.add_labels if name.casefold() not in there]
    return [{"labelName": name} for name in names]


def _label_name(label: dict[str, Any]) -> str:
    return str(label["labelName"]).casefold()
