"""The app's log: one line of JSON a record, so that outside text never becomes a record of its own."""

import json
import logging

_LOG = logging.getLogger("triage")


def note(event: str, **members: object) -> None:
    """One structured record; a warning where it carries an alarm. Never a token, a query or a body."""
    level = logging.WARNING if members.get("alarm") else logging.INFO
    _LOG.log(level, "%s", json.dumps({"event": event, **members}, default=str))
