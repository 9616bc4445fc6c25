"""What the core asks of the world, as protocols; `clients` answers them, tests may too.

Look-ups never raise for what a service answered: they return `Found`, `Absent` or `Unavailable`.
Reads and writes of the incident itself raise from the `SourceError` tree, since nothing can be
decided without it.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from playbooks.model import (
    Device,
    DirectoryRole,
    DirectoryUser,
    Group,
    Incident,
    IncidentChange,
    IncidentId,
    Judgement,
    LoggedAlert,
    Lookup,
    Policy,
    ProcessEvent,
    Risk,
    WatchlistItem,
)


class Incidents(Protocol):
    """The incident service (ARM SecurityInsights 2025-09-01)."""

    async def read(self, incident_id: IncidentId) -> Incident:
        """The incident with alerts and entities, all pages. Raises SourceError."""
        ...

    async def comment_ids(self, incident_id: IncidentId) -> frozenset[UUID]:
        """Ids of every comment, all pages. Raises SourceError."""
        ...

    async def task_ids(self, incident_id: IncidentId) -> frozenset[UUID]:
        """Ids of every task. Raises SourceError."""
        ...

    async def add_comment(self, incident_id: IncidentId, comment_id: UUID, text: str) -> None:
        """Writes a comment under a fixed id; one already there counts as written. Raises SourceError."""
        ...

    async def add_task(self, incident_id: IncidentId, task_id: UUID, title: str, description: str) -> None:
        """Writes a task under a fixed id; one already there counts as written. Raises SourceError."""
        ...

    async def update(self, incident: Incident, change: IncidentChange) -> Incident:
        """Replaces the whole record as read, but for `change`, under the etag of `incident`.

        Returns the record as the service answered. Raises WriteConflict where somebody wrote since,
        WriteRefused where the service will not take it, other SourceError otherwise.
        """
        ...

    async def untriaged(
        self, workspace_path: str, *, rule_ids: frozenset[str], since: datetime
    ) -> tuple[IncidentId, ...]:
        """Incidents of these rules that are open, without an owner and without a `triage-…` label.

        Those created at or after `since` (UTC), newest first. Raises SourceError.
        """
        ...


class Directory(Protocol):
    """Microsoft Graph v1.0. Several matches for one name are `Unavailable` (ambiguous), never the first."""

    async def user_by_sid(self, sid: str) -> Lookup[DirectoryUser]:
        """By onPremisesSecurityIdentifier."""
        ...

    async def user_by_name(self, domain: str, sam_account_name: str) -> Lookup[DirectoryUser]:
        """By onPremisesDomainName (DNS name) and onPremisesSamAccountName, both."""
        ...

    async def user_by_upn(self, user_principal_name: str) -> Lookup[DirectoryUser]:
        """By userPrincipalName."""
        ...

    async def user_by_mailbox(self, name: str) -> Lookup[DirectoryUser]:
        """By mail, any proxyAddresses, UPN, mailNickname or onPremisesSamAccountName."""
        ...

    async def groups_of(self, user_id: str) -> Lookup[tuple[Group, ...]]:
        """Transitive group memberships, all pages."""
        ...

    async def roles_of(self, user_id: str) -> Lookup[tuple[DirectoryRole, ...]]:
        """Directory roles: assigned directly, through groups, and eligible."""
        ...

    async def risk_of(self, user_id: str) -> Lookup[Risk]:
        """Identity Protection risk; Absent where the user was never at risk."""
        ...

    async def device_named(self, host_name: str) -> Lookup[Device]:
        """The Entra device with that display name (short host name)."""
        ...


class Watchlists(Protocol):
    """Sentinel watchlists by alias."""

    async def items(self, alias: str) -> Lookup[tuple[WatchlistItem, ...]]:
        """Every item, all pages. Absent: no watchlist of that alias. An empty list is Unavailable."""
        ...


class Events(Protocol):
    """Log Analytics, through the built-in parser `_Im_ProcessCreate` and the alert and incident tables."""

    async def process_events(
        self, *, host_names: frozenset[str], start: datetime, end: datetime
    ) -> Lookup[tuple[ProcessEvent, ...]]:
        """Every process event of hosts with these names (short or full), `start` <= time <= `end`."""
        ...

    async def process_events_with(
        self, *, terms: tuple[str, ...], start: datetime, end: datetime
    ) -> Lookup[tuple[ProcessEvent, ...]]:
        """Process events of any host whose command line has one of these terms."""
        ...

    async def first_event_after(self, moment: datetime) -> Lookup[datetime]:
        """Time of any process event of any host after `moment`: proof that logs reach so far."""
        ...

    async def alerts_naming(
        self, *, names: frozenset[str], start: datetime, end: datetime
    ) -> Lookup[tuple[LoggedAlert, ...]]:
        """Alerts whose entities have one of these names or SIDs, latest state of each. Empty is Found(())."""
        ...

    async def closes_since(self, *, label: str, moment: datetime) -> Lookup[int]:
        """How many incidents with this label were closed since `moment`."""
        ...

    async def incident_of_alert(self, system_alert_id: str) -> Lookup[str]:
        """Name (GUID) of the incident that holds this alert."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Everything a playbook may ask, and the time of asking (UTC)."""

    directory: Directory
    watchlists: Watchlists
    events: Events
    asked_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Playbook[E]:
    """One playbook: `gather` asks the sources, `decide` is pure."""

    name: str
    gather: Callable[[Incident, Sources, Policy], Awaitable[E]]
    decide: Callable[[E], Judgement]
