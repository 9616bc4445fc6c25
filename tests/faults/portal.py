"""What is another way where incidents are Microsoft Graph's (Defender portal).

Graph has no conditional write and no ids for comments. So one moment of an attempt cannot be guarded: between
the last read and the write itself. What others change there is overwritten where our write names it too, and
a second instance that comments there makes a second comment. Everything else holds as it does for Sentinel.
"""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from playbooks.clients.graph_incident_record import marks
from simulator.workspace import Call

FLAG = "portal"
ENDPOINTS = ("/security/incidents/{id}", "/security/incidents/{id}/comments")
NEEDED = {"/security/incidents/{id}": 3, "/incidents/{incident}": 2}
"""Whole answers without which no close is proven, beside those of the other services."""


def tenant_in_portal(tenant: Mapping[str, Any]) -> dict[str, Any]:
    """The same organisation with its workspace in the Defender portal."""
    return {**tenant, "settings": {**(tenant.get("settings") or {}), "incidents": "graph"}}


def unguarded(call: Call) -> bool:
    """Whether the call is a write that Graph makes whatever was written since the last read."""
    return (
        call.service == "graph" and call.method in ("PATCH", "POST") and "/security/incidents/" in call.path
    )


def marked_comments(texts: Iterable[str]) -> tuple[dict[UUID, str], int]:
    """Comments by the mark that stands in each, and how many stand there twice."""
    found = [(mark, text) for text in texts for mark in marks({"comments": [{"comment": text}]})]
    return dict(found), len(found) - len(dict(found))
