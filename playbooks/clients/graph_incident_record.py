"""An incident of Microsoft Graph v1.0 `security` with its alerts, to and from the model.

A PATCH changes the properties that it names and no other, so only what is meant to change is sent. Tags are
the exception: `customTags` replaces the whole list, which is why it starts from the tags as read.
"""

import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from playbooks.clients.graph_alerts import SOURCE, parse_alerts, parse_entities
from playbooks.clients.incident_record import SOURCE_OF_ITS_OWN
from playbooks.clients.wire import Record
from playbooks.errors import SourceUnavailable
from playbooks.model import Found, Incident, IncidentChange, IncidentId, Owner, Severity, Status

EXPECTED = {"classification": "informationalExpectedActivity", "determination": "confirmedActivity"}
"""What Graph has for BenignPositive with SuspiciousButExpected."""

_UNKNOWN = {"classification": "unknown", "determination": "unknown", "resolvingComment": ""}
_STATUSES = {
    "active": Status.NEW,
    "inProgress": Status.ACTIVE,
    "awaitingAction": Status.ACTIVE,
    "resolved": Status.CLOSED,
    "redirected": Status.CLOSED,
}
_WRITTEN_STATUSES = {Status.NEW: "active", Status.ACTIVE: "inProgress", Status.CLOSED: "resolved"}
_SEVERITIES = {severity.value.lower(): severity for severity in Severity}
_WATCHED = ("status", "severity", "assignedTo", "customTags", "classification", "determination")
_COUNT = "alertsCount"
_MARK = re.compile(r"\[triage-decision ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\]", re.ASCII)


def counterpart(body: Mapping[str, Any]) -> tuple[str, int]:
    """Graph's number for an incident of Sentinel (SecurityInsights 2025-09-01), and how many alerts it has.

    Raises SourceUnavailable for one that is not in the Defender portal.
    """
    properties = Record("Microsoft Sentinel", body, where="incident").record("properties")
    if properties.name("providerName").casefold() == SOURCE_OF_ITS_OWN:
        cause = "the workspace is not in the Defender portal; set TRIAGE_INCIDENTS to sentinel"
        raise SourceUnavailable(SOURCE, f"does not hold this incident: {cause}")
    number = properties.text("providerIncidentId")
    if not re.fullmatch(r"[1-9][0-9]{0,18}", number, re.ASCII):
        raise properties.unread("providerIncidentId")
    return number, properties.record("additionalData").number("alertsCount")


def parse_incident(incident_id: IncidentId, body: Mapping[str, Any], *, alerts_count: int) -> Incident:
    """The incident with alerts and entities; `alerts_count` is how many Sentinel knows it to have.

    Raises SourceUnavailable where the incident itself cannot be read.
    """
    resource = Record(SOURCE, body, where="incident")
    status, tags = _status(resource), resource.texts("customTags")
    merged = resource.text("status") == "redirected" or bool(resource.text_if_given("redirectIncidentId"))
    number = _number(resource)
    alerts = parse_alerts(resource, number, at_least=alerts_count)
    known = alerts.value if isinstance(alerts, Found) else ()
    accounts, hosts, whole = parse_entities(resource)
    return Incident(
        id=incident_id,
        number=int(number),
        title=resource.text("displayName"),
        status=Status.CLOSED if merged else status,
        severity=_severity(resource),
        etag=resource.name("lastUpdateDateTime"),
        owner=_owner(resource),
        labels=(*tags, "Redirected") if merged else tags,
        rule_ids=frozenset(rule for alert in known for rule in alert.rule_ids),
        created=resource.moment("createdDateTime"),
        alerts=alerts,
        accounts=accounts,
        hosts=hosts,
        entities_whole=whole,
        classified=_classified(resource),
        classification_comment=_closing_words(resource),
        url=resource.text_if_given("incidentWebUrl"),
        record={name: resource.members.get(name) for name in _WATCHED} | {_COUNT: alerts_count},
    )


def read_again(incident: Incident, body: Mapping[str, Any]) -> Incident:
    """The same incident from a later answer."""
    count = incident.record[_COUNT]
    return parse_incident(incident.id, body, alerts_count=count if isinstance(count, int) else 0)


def changed_members(incident: Incident, change: IncidentChange) -> dict[str, Any]:
    """What a PATCH has to name for this change, and nothing else."""
    members: dict[str, Any] = {}
    if change.status is not None:
        members["status"] = _WRITTEN_STATUSES[change.status]
        # Unlike Sentinel, Graph keeps a classification on an incident that is opened again.
        reopens = incident.status is Status.CLOSED and change.status is not Status.CLOSED
        members |= _UNKNOWN if reopens else {}
    if change.classification is not None:
        members |= EXPECTED | {"resolvingComment": change.classification_comment}
    if change.severity is not None:
        members["severity"] = change.severity.value.lower()
    if change.add_labels or change.remove_labels:
        members["customTags"] = _changed_tags(incident.record["customTags"], change)
    return members


def shows(body: Mapping[str, Any], members: Mapping[str, Any]) -> bool:
    """Whether the incident has every one of these members; tags in any order, text without outer blanks."""
    return all(_plain(body.get(name)) == _plain(value) for name, value in members.items())


def touched_by_others(before: Incident, after: Incident, members: Mapping[str, Any]) -> tuple[str, ...]:
    """Which watched properties differ from the read before, though our PATCH did not name them."""
    return tuple(
        name
        for name in _WATCHED
        if name not in members and _plain(before.record[name]) != _plain(after.record[name])
    )


def marked(text: str, comment_id: UUID) -> str:
    """The comment with the line by which we find it again: Graph chooses ids of comments, and hides them."""
    return f"{text}\n<p><small>[triage-decision {comment_id}]</small></p>"


def marks(body: Mapping[str, Any]) -> frozenset[UUID]:
    """Ids of the comments of ours on an incident. Raises SourceUnavailable where they cannot all be read."""
    resource = Record(SOURCE, body, where="incident")
    if "comments@odata.nextLink" in resource:
        raise SourceUnavailable(SOURCE, "not all comments of the incident were answered")
    found = (_mark(comment.text_if_given("comment")) for comment in resource.records("comments"))
    return frozenset(mark for mark in found if mark is not None)


def _mark(text: str) -> UUID | None:
    """The id that stands last. What a comment of ours quotes has its brackets escaped, and is no mark."""
    found = _MARK.findall(text)
    return UUID(found[-1]) if found else None


def _number(resource: Record) -> str:
    number = resource.text("id")
    if not re.fullmatch(r"[1-9][0-9]{0,18}", number, re.ASCII):
        raise resource.unread("id")
    return number


def _status(resource: Record) -> Status:
    status = _STATUSES.get(resource.text("status"))
    if status is None:
        raise SourceUnavailable(SOURCE, "the incident's status has an unknown value")
    return status


def _severity(resource: Record) -> Severity:
    severity = _SEVERITIES.get(resource.text("severity"))
    if severity is None:
        raise SourceUnavailable(SOURCE, "the incident's severity has an unknown value")
    return severity


def _owner(resource: Record) -> Owner | None:
    name = resource.text_or_null("assignedTo").strip()
    return Owner(key=name, shown=name) if name else None


def _classified(resource: Record) -> str:
    """Classification and determination as one; `unknown` is Graph's word for none."""
    words = (resource.text_or_null("classification"), resource.text_or_null("determination"))
    return "/".join(word for word in words if word != "unknown").strip("/")


def _closing_words(resource: Record) -> str:
    """The closing comment, where the classification is one that we write: Graph keeps both on reopening."""
    ours = all(resource.members.get(name) == value for name, value in EXPECTED.items())
    return resource.text_if_given("resolvingComment") if ours else ""


def _changed_tags(tags: object, change: IncidentChange) -> list[str]:
    """Tags as read, less those taken off, plus those not there yet; they compare without case."""
    off = {name.casefold() for name in change.remove_labels} - {name.casefold() for name in change.add_labels}
    kept = [str(tag) for tag in tags if str(tag).casefold() not in off] if isinstance(tags, list) else []
    there = {tag.casefold() for tag in kept}
    return kept + [name for name in change.add_labels if name.casefold() not in there]


def _plain(value: object) -> object:
    if isinstance(value, list):
        return frozenset(str(one).casefold() for one in value)
    return (value or "").strip() if isinstance(value, str | None) else value
