"""What SecurityInsights 2025-09-01 refuses in the body of an incident, a comment or a task.

Limits are those of the Sentinel service limits page; the pairs of classification and reason are those of
the portal's close dialog. Every check raises Refusal 400 and says what is wrong.
"""

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from simulator.workspace.wire import Json, Refusal, read_time, wire_time

MOST_ALERTS = 150
MOST_COMMENTS = 100
MOST_TASKS = 40
MOST_COMMENT_CHARACTERS = 30_000
MOST_DESCRIPTION_CHARACTERS = 5_000
MOST_TASK_DESCRIPTION_CHARACTERS = 3_000

SEVERITIES = ("High", "Medium", "Low", "Informational")
STATUSES = ("New", "Active", "Closed")
TASK_STATUSES = ("New", "Completed")
LABEL_TYPES = ("User", "AutoAssigned")
OWNER_TYPES = ("Unknown", "User", "Group")
CLASSIFICATION_REASONS: Mapping[str, tuple[str, ...]] = {
    "Undetermined": (),
    "TruePositive": ("SuspiciousActivity",),
    "BenignPositive": ("SuspiciousButExpected",),
    "FalsePositive": ("IncorrectAlertLogic", "InaccurateData"),
}
WRITABLE = frozenset(
    {
        *("title", "description", "severity", "status", "owner", "labels"),
        *("classification", "classificationComment", "classificationReason"),
        *("firstActivityTimeUtc", "lastActivityTimeUtc"),
    }
)
NO_OWNER: Json = {"objectId": None, "email": None, "assignedTo": None, "userPrincipalName": None}


def bad(message: str) -> Refusal:
    """A refusal of a request's contents."""
    return Refusal(400, "BadRequest", message)


def need_guid(text: str, *, what: str) -> str:
    """The GUID in lower case. Raises Refusal 400 where it is none."""
    try:
        return str(UUID(text))
    except (ValueError, AttributeError, TypeError) as error:
        raise bad(f"{what} must be a GUID.") from error


def properties_of(body: Json) -> Json:
    """The `properties` object of a resource body. Raises Refusal 400 without one."""
    properties = body.get("properties")
    if not isinstance(properties, dict):
        raise bad("The request body needs a 'properties' object.")
    return properties


def checked_incident(given: Json) -> Json:
    """Every writable property of an incident, those not given cleared: a PUT replaces the whole record."""
    incident = {
        "title": _text(given, "title", required=True),
        "description": _text(given, "description", most=MOST_DESCRIPTION_CHARACTERS),
        "severity": _choice(given, "severity", SEVERITIES, required=True),
        "status": _choice(given, "status", STATUSES, required=True),
        "classification": _choice(given, "classification", CLASSIFICATION_REASONS),
        "classificationComment": _text(given, "classificationComment"),
        "classificationReason": _choice(given, "classificationReason", _reasons()),
        "owner": _owner(given.get("owner")),
        "labels": _labels(given.get("labels")),
        "firstActivityTimeUtc": _time(given, "firstActivityTimeUtc"),
        "lastActivityTimeUtc": _time(given, "lastActivityTimeUtc"),
    }
    _check_classification(incident)
    return incident


def checked_comment(given: Json) -> str:
    """The message of a comment."""
    message = _text(given, "message", required=True, most=MOST_COMMENT_CHARACTERS)
    return str(message)


def checked_task(given: Json) -> Json:
    """The writable properties of a task."""
    return {
        "title": _text(given, "title", required=True),
        "description": _text(given, "description", most=MOST_TASK_DESCRIPTION_CHARACTERS),
        "status": _choice(given, "status", TASK_STATUSES, required=True),
    }


def _reasons() -> list[str]:
    return [reason for reasons in CLASSIFICATION_REASONS.values() for reason in reasons]


def _check_classification(incident: Json) -> None:
    classification, reason = incident["classification"], incident["classificationReason"]
    if incident["status"] != "Closed":
        if classification or reason or incident["classificationComment"]:
            raise bad("A classification, its reason and its comment are allowed only with status 'Closed'.")
        return
    if classification is None:
        raise bad("'classification' is required with status 'Closed'.")
    allowed = CLASSIFICATION_REASONS[classification]
    if (reason or "") not in (allowed or ("",)):
        expected = " or ".join(allowed) or "absent"
        raise bad(f"'classificationReason' of {classification} must be {expected}, got {reason!r}.")


def _text(given: Json, name: str, *, required: bool = False, most: int | None = None) -> str | None:
    text = given.get(name)
    if text is None and not required:
        return None
    if not isinstance(text, str) or (required and not text.strip()):
        raise bad(f"'{name}' must be text{' and is required' if required else ''}.")
    if most is not None and len(text) > most:
        raise bad(f"'{name}' has {len(text)} characters; the most allowed are {most}.")
    return text


def _choice(given: Json, name: str, values: Collection[str], *, required: bool = False) -> str | None:
    value = given.get(name)
    if value is None and not required:
        return None
    if value not in list(values):
        raise bad(f"'{name}' must be one of {', '.join(values)}.")
    return str(value)


def _time(given: Json, name: str) -> str | None:
    text = _text(given, name)
    if text is None:
        return None
    moment = read_time(text)
    if moment is None:
        raise bad(f"'{name}' must be an ISO 8601 time.")
    return wire_time(moment)


def _owner(owner: Any) -> Json:
    if owner is None:
        return dict(NO_OWNER)
    if not isinstance(owner, dict):
        raise bad("'owner' must be an object.")
    kept = {name: _text(owner, name) for name in NO_OWNER}
    if kept["objectId"]:
        kept["objectId"] = need_guid(kept["objectId"], what="'owner.objectId'")
    owner_type = _choice(owner, "ownerType", OWNER_TYPES)
    return kept | ({} if owner_type is None else {"ownerType": owner_type})


def with_label_types(written: Json, earlier: list[Json]) -> Json:
    """The record with each label's type as the service holds it, which no caller changes."""
    types = {label["labelName"]: label["labelType"] for label in earlier}
    labels = [label | {"labelType": types.get(label["labelName"], "User")} for label in written["labels"]]
    return written | {"labels": labels}


def _labels(labels: Any) -> list[Json]:
    if labels is None:
        return []
    if not isinstance(labels, list) or not all(isinstance(label, dict) for label in labels):
        raise bad("'labels' must be a list of objects.")
    kept = {}
    for label in labels:
        name = str(_text(label, "labelName", required=True))
        kept[name] = {"labelName": name, "labelType": _choice(label, "labelType", LABEL_TYPES) or "User"}
    return list(kept.values())
