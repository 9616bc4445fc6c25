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
    Alert,
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
    """The incident service: ARM SecurityInsights 2025-09-01, or Microsoft Graph v1.0 security/incidents."""

    async def read(self, incident_id: IncidentId) -> Incident:
        """The incident with alerts and entities, all pages. Raises SourceError."""
        ...

    async def reread(self, incident: Incident, *, with_alerts: bool) -> Incident:
        """The record as it stands now, with its etag; entities as they were read before. Raises SourceError.

        Alerts are read again after the record where asked for. Else they are those read before, or
        Unavailable where the record counts others.
        """
        ...

    async def alerts_of(self, incident: Incident) -> Lookup[tuple[Alert, ...]]:
        """The alerts as they stand now, not fewer than the record `incident` holds. Raises SourceError."""
        ...

    async def comment_ids(self, incident_id: IncidentId) -> frozenset[UUID]:
        """Ids of every comment, all pages. Raises SourceError."""
        ...

    async def task_ids(self, incident_id: IncidentId) -> frozenset[UUID] | None:
        """Ids of every task; None where the service has no tasks. Raises SourceError."""
        ...

    async def add_comment(self, incident_id: IncidentId, comment_id: UUID, text: str) -> None:
        """Writes a comment under a fixed id; one already there counts as written. Raises SourceError."""
        ...

    async def add_task(self, incident_id: IncidentId, task_id: UUID, title: str, description: str) -> None:
        """Writes a task under a fixed id; one already there counts as written. Raises SourceError."""
        ...

    async def update(self, incident: Incident, change: IncidentChange) -> Incident:
        """Makes `change` to the incident as it was read, and to nothing else of it.

        Returns the record as the service answered. Raises WriteConflict where somebody wrote since,
        Overtaken where that was seen only after the write, WriteRefused where the service will not take
        it, other SourceError otherwise.
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


EMPTY_WATCHLIST = "is empty or not loaded"
"""How the cause ends where a watchlist is there and holds no row."""


class Watchlists(Protocol):
    """Sentinel watchlists by alias."""

    async def items(self, alias: str, *, optional: bool = False) -> Lookup[tuple[WatchlistItem, ...]]:
        """Every item, all pages. Absent: no watchlist of that alias. An empty list is Unavailable.

        Rows of an `optional` one are asked for only where there is such a list.
        """
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
class RegisterRow:
    """One row of a register as the playbook reads it: usable where `problems` is empty.

    `valid_until` (UTC) is when it stops approving anything; None where it has no end. `retired` says that
    this is as it should be: nobody is to renew the row. `since` is from when it approves, `commands` the
    words that every command it approves holds, () where nothing can be said of them.
    """

    key: str
    problems: tuple[str, ...] = ()
    valid_until: datetime | None = None
    retired: bool = False
    since: datetime | None = None
    commands: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """A watchlist that a playbook reads. One of its own (`ours`) is deployed with it, the rest is Sentinel's.

    `columns` are those that the playbook reads, in the order of the file; a row may leave `optional` ones
    empty. `read` gives one answer for each item, in the order of the items.
    """

    alias: str
    search_key: str
    columns: tuple[str, ...]
    words: str
    read: Callable[[tuple[WatchlistItem, ...], Policy], tuple[RegisterRow, ...]]
    optional: frozenset[str] = frozenset()
    ours: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Playbook[E]:
    """One playbook: `gather` asks the sources, `decide` is pure.

    `rule_ids` are the ids (lower case) of the analytics rules in its folder, whose incidents it triages
    where the settings name no others; `registers` every watchlist that it reads.
    """

    name: str
    title: str
    rule_ids: frozenset[str]
    registers: tuple[Register, ...]
    gather: Callable[[Incident, Sources, Policy], Awaitable[E]]
    decide: Callable[[E], Judgement]
