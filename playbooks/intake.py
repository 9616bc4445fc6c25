"""From the bytes of a request to what is to be triaged: nothing but ids is believed.

Two bodies are accepted, as Sentinel's playbook triggers post them (no schema is published; the shapes
are those of the incident trigger, `object.id`, and of the alert trigger, `SystemAlertId` with the
workspace), the short form that our Logic App posts, `{"incidentId": "/subscriptions/…"}`, and an
incident's number in the Defender portal, `{"defenderIncidentId": "3177"}`.
Every other member is ignored: facts are read from the services in each attempt.
"""

import gc
import json
import math
import re
from array import array
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate

from playbooks.errors import RequestRefused
from playbooks.model import IncidentId

MAX_BODY_BYTES = 4 * 1024 * 1024
MAX_DEPTH = 32
MAX_ID_LENGTH = 1024
MAX_ECHO = 64

_GUID = r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"
_INCIDENT_ID = re.compile(
    rf"/subscriptions/(?P<subscription>{_GUID})/resourceGroups/(?P<group>[\w.()-]{{1,90}})"
    r"/providers/Microsoft\.OperationalInsights/workspaces/(?P<workspace>[A-Za-z0-9-]{4,63})"
    rf"/providers/Microsoft\.SecurityInsights/incidents/(?P<name>{_GUID})",
    re.IGNORECASE | re.ASCII,
)
_SAFE_ID = re.compile(r"/subscriptions/[\w.()/-]+", re.IGNORECASE | re.ASCII)
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STEPS = bytes.maketrans(b"{[}]", b"\x01\x01\xff\xff")
"""One level down or up, as signed bytes."""
# Only these escapes can bring a NUL or half of a surrogate pair into a text that was UTF-8.
_BAD_ESCAPE = re.compile(r"\\u(?:0000|d[89a-f])", re.IGNORECASE)
_NAMES = (
    *("incidentId", "defenderIncidentId", "SystemAlertId"),
    *("WorkspaceId", "WorkspaceSubscriptionId", "WorkspaceResourceGroup"),
)
_ALERT_ID = re.compile(r"[0-9A-Za-z_.-]{1,128}", re.ASCII)
_DEFENDER_NUMBER = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)


@dataclass(frozen=True, slots=True)
class AlertReference:
    """An alert whose incident is still to be found: the workspace's ARM id and the SystemAlertId."""

    workspace_path: str
    system_alert_id: str


@dataclass(frozen=True, slots=True)
class DefenderReference:
    """An incident by its number in the Defender portal; which one of Sentinel it is, is still to be found."""

    number: str


type Subject = IncidentId | AlertReference | DefenderReference


def read_request(body: bytes, *, content_type: str, workspaces: Iterable[tuple[str, str]]) -> Subject:
    """What a request asks to triage. `workspaces` are the allowed (ARM id, customer id) pairs.

    Raises RequestRefused with the documented status and code (see `docs/http.md`).
    """
    if len(body) > MAX_BODY_BYTES:
        raise RequestRefused(
            413, "body_too_large", "The body is larger than 4 MiB. Post the incident id alone."
        )
    if content_type.split(";", maxsplit=1)[0].strip().lower() != "application/json":
        raise RequestRefused(415, "unsupported_media_type", "Post JSON with Content-Type: application/json.")
    with _without_collection():
        asked = _names_in(parse_object(body))
    allowed = tuple(workspaces)
    if "incidentId" not in asked and "SystemAlertId" in asked:
        return _read_alert(asked, allowed)
    if "incidentId" not in asked and "defenderIncidentId" in asked:
        return read_defender_number(asked["defenderIncidentId"])
    return read_incident_id(asked.get("incidentId"), (path for path, _ in allowed))


def parse_object(body: bytes) -> dict[str, object]:
    """The body as one JSON object, strictly: UTF-8, no duplicate keys, no NaN, depth at most 32.

    Raises RequestRefused (400).
    """
    if not body.strip():
        raise RequestRefused(
            400, "body_not_object", "The body is empty. Post a JSON object with the incident id."
        )
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise RequestRefused(400, "body_not_json", "The body is not UTF-8 text.") from None
    if _is_too_deep(body):
        raise RequestRefused(400, "body_too_deep", f"The body is nested deeper than {MAX_DEPTH} levels.")
    try:
        with _without_collection():
            document = json.loads(
                text, object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite
            )
    except ValueError:
        raise RequestRefused(400, "body_not_json", "The body is not one JSON document.") from None
    if not isinstance(document, dict):
        raise RequestRefused(400, "body_not_object", "The body is not a JSON object.")
    if _BAD_ESCAPE.search(text):
        _refuse_bad_text(document)
    return document


def read_incident_id(value: object, workspace_paths: Iterable[str]) -> IncidentId:
    """An incident's ARM id, checked before any token or call. Raises RequestRefused (400 or 403)."""
    if not isinstance(value, str) or not value:
        raise RequestRefused(
            400, "incident_id_missing", "The body names no incident: object.id or incidentId is missing."
        )
    if len(value) > MAX_ID_LENGTH or ".." in value or "//" in value or not _SAFE_ID.fullmatch(value):
        raise RequestRefused(400, "incident_id_invalid", f"Not an ARM id of an incident: {shown(value)}")
    match = _INCIDENT_ID.fullmatch(value)
    if match is None:
        raise RequestRefused(400, "not_an_incident_id", f"An ARM id, but not of an incident: {shown(value)}")
    incident_id = IncidentId(match["subscription"], match["group"], match["workspace"], match["name"])
    if incident_id.workspace_path.lower() not in {path.lower() for path in workspace_paths}:
        raise _not_allowed()
    return incident_id


def read_defender_number(value: object) -> DefenderReference:
    """An incident's number in the Defender portal, as text. Raises RequestRefused (400)."""
    if not isinstance(value, str) or not _DEFENDER_NUMBER.fullmatch(value):
        message = "defenderIncidentId is the number of a Defender incident, as text."
        raise RequestRefused(400, "defender_incident_id_invalid", message)
    return DefenderReference(value)


def shown(text: str) -> str:
    """Outside text for an error message: escaped, in quotes, cut to 64 characters of escapes and all."""
    kept = ""
    for character in text[:MAX_ECHO]:
        escaped = ascii(character)[1:-1]
        if len(kept) + len(escaped) > MAX_ECHO:
            break
        kept += escaped
    return f"'{kept}'"


def _not_allowed() -> RequestRefused:
    return RequestRefused(
        403, "incident_not_allowed", "The incident is not in a workspace that this app is configured for."
    )


def _names_in(document: dict[str, object]) -> dict[str, str | None]:
    """The members that name a subject, None where one is no text; the rest of the document is let go here.

    The incident trigger puts the id in `object.id`, our Logic App in `incidentId`.
    """
    names = {name: _text(document[name]) for name in _NAMES if name in document}
    nested = document.get("object")
    if isinstance(nested, dict):
        return names | {"incidentId": _text(nested.get("id"))}
    return names if "object" not in document else {"incidentId": None, **names}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _read_alert(asked: dict[str, str | None], allowed: tuple[tuple[str, str], ...]) -> AlertReference:
    """The alert trigger's body: workspace by subscription, group and customer id."""
    alert_id = asked["SystemAlertId"]
    if alert_id is None or not _ALERT_ID.fullmatch(alert_id):
        raise RequestRefused(400, "alert_id_invalid", "SystemAlertId is not an alert id.")
    place = [asked.get(key) for key in ("WorkspaceSubscriptionId", "WorkspaceResourceGroup", "WorkspaceId")]
    for path, customer_id in allowed:
        parts = path.split("/")
        if [str(part).lower() for part in place] == [parts[2].lower(), parts[4].lower(), customer_id.lower()]:
            return AlertReference(path, alert_id)
    raise _not_allowed()


def _is_too_deep(body: bytes) -> bool:
    """Whether brackets outside strings nest deeper than MAX_DEPTH; before parsing, which recurses."""
    steps = array("b", _STRING.sub(b"", body).translate(_STEPS, _NO_BRACKETS))
    return max(accumulate(steps), default=0) > MAX_DEPTH


@contextmanager
def _without_collection() -> Iterator[None]:
    """Holds the collector of cycles: JSON has none, and walking 2 million lists doubles the cost."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise RequestRefused(400, "duplicate_key", "The body holds the same key twice in one object.")
    return members


def _no_constant(_: str) -> object:
    raise ValueError("NaN and Infinity are not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("number out of range")
    return number


def _refuse_bad_text(value: object) -> None:
    """Refuses lone surrogates and NUL in any string or key of a parsed document."""
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, str) and ("\0" in item or not _is_encodable(item)):
            raise RequestRefused(
                400, "bad_text", "The body holds a NUL character or half of a surrogate pair."
            )
        if isinstance(item, dict):
            pending += [*item.keys(), *item.values()]
        elif isinstance(item, list):
            pending += item


def _is_encodable(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
