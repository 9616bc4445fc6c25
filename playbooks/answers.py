"""What an HTTP caller gets for an error: a documented status, a stable code, words, a correlation id."""

from collections.abc import Mapping

from playbooks.errors import (
    NotThere,
    PlaybookError,
    RequestRefused,
    SettingsError,
    SourceError,
    UnknownPlaybook,
)

type Answer = tuple[int, dict[str, object]]
"""HTTP status and JSON document."""

_UNEXPECTED = (500, "unexpected", "An unexpected error; the app's log has it under the correlation id.")
_QUEUE = (503, "queue_unavailable", "The queue did not confirm the message. Post it again.")
_NOT_THERE = (404, "incident_not_found", "Sentinel knows no incident of that id.")


def refusal(error: PlaybookError, correlation_id: str) -> Answer:
    """The answer for an error: status, and a document with code, message and correlation id."""
    status, code, message = _told(error)
    return status, {"error": {"code": code, "message": message, "correlationId": correlation_id}}


def refuse_key_in_query(parameters: Mapping[str, str]) -> None:
    """A key in an address ends up in logs. Raises RequestRefused (400 `key_in_query`)."""
    if "code" in parameters:
        raise RequestRefused(400, "key_in_query", "Send the key in the x-functions-key header instead.")


def _told(error: PlaybookError) -> tuple[int, str, str]:
    match error:
        case RequestRefused():
            return error.status, error.code, error.message
        case UnknownPlaybook():
            return 404, "unknown_playbook", str(error)
        case SettingsError():
            return 503, "not_configured", str(error)
        case NotThere():
            return _NOT_THERE
        case SourceError():
            return _QUEUE if error.source == "queue" else (503, "source_unavailable", str(error))
    return _UNEXPECTED
