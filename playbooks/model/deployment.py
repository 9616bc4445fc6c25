"""What is deployed around a playbook, as the services describe it. Times are UTC."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRule:
    """An analytics rule. `name` is its GUID in lower case."""

    name: str
    display_name: str
    enabled: bool
    creates_incidents: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AutomationRule:
    """An automation rule on incidents.

    `triggers_when` is Created or Updated, and `on_added_alerts` says that an update has to add an alert.
    `rule_ids` are the analytics rules (GUIDs, lower case) that it is limited to; None: it is limited to
    none. `logic_apps` are the ARM ids of what it runs, as written.
    """

    display_name: str
    enabled: bool
    expires: datetime | None
    triggers_when: str
    on_added_alerts: bool
    rule_ids: frozenset[str] | None
    logic_apps: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflow:
    """A Logic App (Consumption). `addresses` are those that its HTTP actions call, expressions and all."""

    enabled: bool
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueState:
    """A storage queue: how many messages it holds, and when the oldest of those to be seen was put in."""

    messages: int
    oldest: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """One permission, tried by a cheap read. `granted` is None where it could not be found out.

    `words` say what to do, `service` is whose permission it is. `status` is the HTTP status of a refusal,
    `blamed` the source that failed, which is the identity where there was no token to ask with.
    """

    name: str
    granted: bool | None
    words: str
    service: str
    status: int = 0
    blamed: str = ""
