"""The app's log: one line of JSON a record, so that outside text never becomes a record of its own.

Every record carries an event and a correlation id. `playbooks.telemetry` counts them.
"""

import json
import logging
from uuid import uuid4

from playbooks.clients.attempt import current_attempt

_LOG = logging.getLogger("triage")
# The records are the operator's only sight of the app, whatever level the platform gives the root logger.
_LOG.setLevel(logging.INFO)


def note(event: str, **members: object) -> None:
    """One structured record; a warning where it carries an alarm. Never a token, a query or a body.

    Without a `correlationId` among the members it carries that of the running attempt, else the message's
    id, else one of its own.
    """
    correlation = members.get("correlationId") or current_attempt().correlation_id
    correlation = correlation or members.get("messageId") or str(uuid4())
    record = {"event": event, **members, "correlationId": correlation}
    level = logging.WARNING if members.get("alarm") else logging.INFO
    _LOG.log(level, "%s", json.dumps(record, default=str), extra={"note": record})
