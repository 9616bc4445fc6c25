"""What people and the service itself do to an incident, or to the app, between any two calls."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from faults.organisations import guid
from faults.trace import Trace
from playbooks.model import Incident, Owner, Severity, Status

PERSON = Owner(key="sam.analyst@contoso.com", shown="Sam Analyst")


class People(Protocol):
    """An incident that can be changed by others."""

    incident: Incident
    trace: Trace

    def edit(self, by: str, *, silently: bool = False, **changes: Any) -> None:
        """A change; the etag moves unless `silently`."""
        ...

    def observe(self) -> None:
        """An operator switches observe mode on while everything runs."""
        ...

    def join(self, alert_id: str, *, ours: bool, silently: bool) -> None:
        """One more alert."""
        ...


def _close(stage: People) -> None:
    stage.edit(
        "person",
        status=Status.CLOSED,
        classification_comment="spoke to the admin",
        record={"classification": "TruePositive"},
    )


def _reopen(stage: People) -> None:
    if stage.incident.status is Status.CLOSED:
        stage.edit("person", status=Status.NEW, classification_comment="", record={})


def _reword(stage: People) -> None:
    """A person takes our close over: closed as before, in their own words."""
    if stage.incident.status is Status.CLOSED:
        _close(stage)


def _join(stage: People, *, ours: bool, silently: bool = False) -> None:
    known = len(stage.incident.alert_ids)
    stage.join(guid(f"joined-{known}-{ours}"), ours=ours, silently=silently)


def _merge(stage: People) -> None:
    labels = (*stage.incident.labels, "Redirected")
    stage.edit("service", status=Status.CLOSED, labels=labels, classification_comment="merged", record={})


def _delete(stage: People) -> None:
    stage.trace.gone = True


EDITS: Mapping[str, Callable[[Any], None]] = {
    "owner": lambda stage: stage.edit("person", owner=PERSON),
    "active": lambda stage: stage.edit("person", status=Status.ACTIVE),
    "close": _close,
    "reopen": _reopen,
    "reword": _reword,
    "raise": lambda stage: stage.edit("person", severity=Severity.HIGH),
    "label": lambda stage: stage.edit("person", labels=(*stage.incident.labels, "seen-by-sam")),
    "title": lambda stage: stage.edit("person", title="Renamed by Sam"),
    "alert": lambda stage: _join(stage, ours=True),
    "alert_silent": lambda stage: _join(stage, ours=True, silently=True),
    "foreign": lambda stage: _join(stage, ours=False),
    "foreign_silent": lambda stage: _join(stage, ours=False, silently=True),
    "merge": _merge,
    "delete": _delete,
    "observe": lambda stage: stage.observe(),
}
