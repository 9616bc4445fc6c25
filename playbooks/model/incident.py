"""A Sentinel incident and what belongs to it (SecurityInsights 2025-09-01)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from playbooks.model.lookup import Found, Lookup


class Severity(StrEnum):
    """Sentinel incident severities (SecurityInsights 2025-09-01), in rising order by `rank`."""

    INFORMATIONAL = "Informational"
    LOW = "Low"
    MEDIUM = "Medium"
    HIGH = "High"

    @property
    def rank(self) -> int:
        """Position from 0 (Informational) to 3 (High)."""
        return list(Severity).index(self)


class Status(StrEnum):
    """Sentinel incident statuses."""

    NEW = "New"
    ACTIVE = "Active"
    CLOSED = "Closed"


class Classification(StrEnum):
    """The one classification that this product ever writes."""

    BENIGN_POSITIVE = "BenignPositive"


class ClassificationReason(StrEnum):
    """The one classification reason that this product ever writes."""

    SUSPICIOUS_BUT_EXPECTED = "SuspiciousButExpected"


@dataclass(frozen=True, slots=True)
class IncidentId:
    """An incident's place: subscription, resource group, workspace and GUID, as ARM spells them."""

    subscription: str
    resource_group: str
    workspace: str
    name: str

    @property
    def workspace_path(self) -> str:
        """ARM id of the workspace."""
        return (
            f"/subscriptions/{self.subscription}/resourceGroups/{self.resource_group}"
            f"/providers/Microsoft.OperationalInsights/workspaces/{self.workspace}"
        )

    @property
    def path(self) -> str:
        """ARM id of the incident."""
        return f"{self.workspace_path}/providers/Microsoft.SecurityInsights/incidents/{self.name}"

    @property
    def key(self) -> str:
        """The id for comparison and for derived ids: ARM ids compare without case."""
        return self.path.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Account entity of an alert. Any member may be missing; the rule's mapping decides."""

    name: str = ""
    nt_domain: str = ""
    upn_suffix: str = ""
    sid: str = ""
    aad_user_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """Host entity of an alert."""

    host_name: str
    dns_domain: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert of an incident. `rule_ids` are analytics rule GUIDs in lower case."""

    system_alert_id: str
    name: str
    rule_ids: frozenset[str]
    product: str
    start: datetime | None
    end: datetime | None
    generated: datetime | None = None
    """When the product made it (UTC), which may be long after what it saw."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Who holds an incident; `key` is object id, UPN or e-mail, whichever is there."""

    key: str
    shown: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """A Sentinel incident as read in this attempt, with its alerts and entities.

    `record` is the service's own record of every writable field, kept by the client alone: an update
    replaces the whole record, so it is sent back as it was read but for the intended changes.
    """

    id: IncidentId
    number: int
    title: str
    status: Status
    severity: Severity
    etag: str
    owner: Owner | None
    labels: tuple[str, ...]
    rule_ids: frozenset[str]
    created: datetime
    alerts: Lookup[tuple[Alert, ...]]
    accounts: tuple[Account, ...] = ()
    hosts: tuple[Host, ...] = ()
    entities_whole: bool = True
    classified: str = ""
    """The classification as the service words it; empty where there is none."""
    classification_comment: str = ""
    url: str = ""
    record: Mapping[str, object] = field(default_factory=dict, compare=False, repr=False)

    @property
    def alert_ids(self) -> tuple[str, ...]:
        """Sorted alert ids, lower case; empty where the alerts could not be read."""
        match self.alerts:
            case Found(alerts):
                return tuple(sorted(alert.system_alert_id.lower() for alert in alerts))
            case _:
                return ()
