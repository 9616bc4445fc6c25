"""The queue message: ids and bookkeeping only, always under 4 KiB. Nothing in it is evidence."""

import json
from base64 import b64decode
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import NAMESPACE_URL, UUID, uuid5

from playbooks.errors import MessageUnreadable, RequestRefused
from playbooks.intake import (
    AlertReference,
    DefenderReference,
    Subject,
    parse_object,
    read_defender_number,
    read_incident_id,
)
from playbooks.model import IncidentId

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TriageMessage:
    """One incident or alert on its way to a playbook. `accepted_at` is UTC; `delays` counts waits.

    A `swept` one came from the timer, not from a request: the timer brings it again, so it never waits.
    """

    playbook: str
    subject: Subject
    correlation_id: str
    accepted_at: datetime
    delays: int = 0
    swept: bool = False

    @property
    def operation_id(self) -> UUID:
        """The same for every request about the same incident or alert and playbook."""
        return uuid5(NAMESPACE_URL, f"{self.playbook}|{_subject_key(self.subject)}")

    def later(self) -> "TriageMessage":
        """The message that takes this one's place after a wait."""
        return replace(self, delays=self.delays + 1)

    def encode(self) -> str:
        """JSON text, as `decode` reads it."""
        return json.dumps(
            {
                "v": SCHEMA_VERSION,
                "playbook": self.playbook,
                **_subject_members(self.subject),
                "correlationId": self.correlation_id,
                "acceptedAt": self.accepted_at.astimezone(UTC).isoformat(),
                "delays": self.delays,
                "swept": self.swept,
            }
        )


def decode(text: str, workspace_paths: tuple[str, ...]) -> TriageMessage:
    """A message as `encode` wrote it, with its ids checked again: storage may be written by others.

    Raises MessageUnreadable where it is not ours or not whole, RequestRefused where it names an
    incident that is not allowed.
    """
    try:
        document = parse_object(_plain(text))
    except RequestRefused as error:
        raise MessageUnreadable(f"queue message: {error.message}") from None
    if document.get("v") != SCHEMA_VERSION:
        raise MessageUnreadable(
            f"queue message of schema version {document.get('v')!r}, this app reads version 1"
        )
    match document:
        case {
            "playbook": str(playbook),
            "correlationId": str(correlation_id),
            "acceptedAt": str(accepted_at),
            "delays": int(delays),
        }:
            return TriageMessage(
                playbook=playbook,
                subject=_read_subject(document, workspace_paths),
                correlation_id=correlation_id[:64],
                accepted_at=_read_time(accepted_at),
                delays=delays,
                swept=document.get("swept") is True,
            )
    raise MessageUnreadable("queue message: playbook, correlationId, acceptedAt or delays is missing")


def rescue(text: str, workspace_paths: tuple[str, ...], *, accepted_at: datetime) -> TriageMessage | None:
    """A message that `decode` cannot read, as far as it names an allowed incident; None where it does not.

    Its playbook may be empty: the rules that raised the incident tell which it is for.
    """
    try:
        document = parse_object(_plain(text))
        subject = _read_subject(document, workspace_paths)
    except RequestRefused:
        return None
    playbook, correlation_id = document.get("playbook"), document.get("correlationId")
    return TriageMessage(
        playbook=playbook if isinstance(playbook, str) else "",
        subject=subject,
        correlation_id=correlation_id[:64] if isinstance(correlation_id, str) else "",
        accepted_at=accepted_at,
    )


def _plain(text: str) -> bytes:
    """The bytes of a message: as they are, or out of base64, which other tools put around messages."""
    raw = text.encode("utf-8", "surrogatepass")
    if raw.lstrip().startswith(b"{"):
        return raw
    try:
        return b64decode(raw, validate=True)
    except ValueError:
        return raw


def _subject_key(subject: Subject) -> str:
    match subject:
        case IncidentId():
            return subject.key
        case AlertReference(workspace_path, system_alert_id):
            return f"{workspace_path}|{system_alert_id}".lower()
        case DefenderReference(number):
            return f"defender|{number}"


def _subject_members(subject: Subject) -> dict[str, str]:
    match subject:
        case IncidentId():
            return {"incidentId": subject.path}
        case AlertReference(workspace_path, system_alert_id):
            return {"workspace": workspace_path, "systemAlertId": system_alert_id}
        case DefenderReference(number):
            return {"defenderIncidentId": number}


def _read_subject(document: dict[str, object], workspace_paths: tuple[str, ...]) -> Subject:
    match document:
        case {"defenderIncidentId": number}:
            return read_defender_number(number)
        case {"workspace": str(workspace), "systemAlertId": str(alert_id)}:
            if workspace.lower() in {path.lower() for path in workspace_paths}:
                return AlertReference(workspace, alert_id)
            raise RequestRefused(403, "incident_not_allowed", "The alert's workspace is not configured.")
    return read_incident_id(document.get("incidentId"), workspace_paths)


def _read_time(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise MessageUnreadable("queue message: acceptedAt is not a time") from None
    if moment.tzinfo is None:
        raise MessageUnreadable("queue message: acceptedAt has no time zone")
    return moment.astimezone(UTC)
