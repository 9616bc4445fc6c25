"""An in-memory world behind the ports: a tenant in the services' own shapes, events and alerts.

For tests of `gather` and `decide` alone. It answers as the ports promise: several matches for one name
are `Unavailable`, a watchlist that is not there is `Absent`, an empty one `Unavailable`.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from playbooks.mailbox_export import PLAYBOOK
from playbooks.model import (
    Absent,
    Account,
    Alert,
    Device,
    DirectoryRole,
    DirectoryUser,
    Found,
    Group,
    Host,
    Incident,
    IncidentId,
    LoggedAlert,
    Lookup,
    Policy,
    ProcessEvent,
    Risk,
    Severity,
    Status,
    Unavailable,
    WatchlistItem,
)
from playbooks.ports import Sources
from playbooks.settings import Settings

OUTAGE = Unavailable("test", "the service did not answer")
KEYS = {
    "MailboxExportJobs": "JobName",
    "EDiscoveryCases": "CaseId",
    "MailboxExportHosts": "Fqdn",
    "VIPUsers": "User Principal Name",
    "TerminatedEmployees": "User Principal Name",
    "HighValueAssets": "Asset Name",
}


def fake_policy(tenant: Mapping[str, Any], *, rule_ids: frozenset[str] = PLAYBOOK.rule_ids) -> Policy:
    """The policy that a tenant's organisation and settings give, through the real settings."""
    organisation, settings = tenant["organisation"], tenant.get("settings", {})
    policy = Settings(
        workspaces=[{"path": "/subscriptions/x", "customer_id": "y"}],
        domains={organisation["netbios"].lower(): organisation["dns"].lower()},
        time_zone=organisation["timeZone"],
        business_hours=organisation["businessHours"],
        export_role_groups=tuple(settings.get("exportRoleGroups", ())),
        exchange_admin_groups=tuple(settings.get("exchangeAdminGroups", ())),
        ediscovery_groups=tuple(settings.get("eDiscoveryGroups", ())),
        personal_export_root=settings.get("personalExportRoot", ""),
    ).policy
    return replace(policy, rule_ids=rule_ids)


def parse_moment(text: str) -> datetime:
    """An ISO 8601 time as UTC."""
    return datetime.fromisoformat(text).astimezone(UTC)


def fake_event(row: Mapping[str, Any]) -> ProcessEvent:
    """A row of ASimProcessEventLogs; missing columns are empty."""
    columns = {
        "dvc_hostname": "DvcHostname",
        "dvc_fqdn": "DvcFQDN",
        "event_product": "EventProduct",
        "actor_username": "ActorUsername",
        "actor_user_id": "ActorUserId",
        "target_username": "TargetUsername",
        "target_user_id": "TargetUserId",
        "acting_process_name": "ActingProcessName",
        "acting_process_command_line": "ActingProcessCommandLine",
        "target_process_name": "TargetProcessName",
        "target_process_command_line": "TargetProcessCommandLine",
    }
    texts = {name: row.get(column) or "" for name, column in columns.items()}
    return ProcessEvent(time=parse_moment(row["TimeGenerated"]), **texts)


def fake_alert(row: Mapping[str, Any], number: int = 0) -> LoggedAlert:
    """A row of SecurityAlert, its entities read from their JSON."""
    entities = json.loads(row.get("Entities") or "[]")
    hosts: set[str] = set()
    accounts: set[str] = set()
    for entity in entities:
        kind = entity.get("Type", "").lower()
        if kind == "host":
            name, domain = entity.get("HostName", "").lower(), entity.get("DnsDomain", "").lower()
            hosts |= {name, f"{name}.{domain}"} if domain else {name}
        if kind == "account":
            name, domain = entity.get("Name", "").lower(), entity.get("NTDomain", "").lower()
            accounts |= {f"{domain}\\{name}" if domain else name, entity.get("Sid", "").lower()}
    return LoggedAlert(
        time=parse_moment(row["TimeGenerated"]),
        system_alert_id=row.get("SystemAlertId", f"other-{number}"),
        name=row.get("AlertName", ""),
        product=row.get("ProductName", ""),
        rule_ids=frozenset(),
        host_names=frozenset(hosts - {""}),
        account_names=frozenset(accounts - {""}),
    )


OWN_ALERT = "aaaaaaaa-0000-4000-8000-000000000001"


def own_alert(system_alert_id: str, *, hosts: frozenset[str], time: datetime) -> LoggedAlert:
    """The row of SecurityAlert of an alert of our rule."""
    return LoggedAlert(
        time=time,
        system_alert_id=system_alert_id,
        name="Mailbox export and removal on one host",
        product="Azure Sentinel",
        rule_ids=PLAYBOOK.rule_ids,
        host_names=hosts,
        account_names=frozenset(),
    )


def fake_incident(
    *,
    hosts: Iterable[str],
    start: datetime,
    end: datetime,
    accounts: Iterable[Account] = (),
    rule_ids: frozenset[str] = PLAYBOOK.rule_ids,
) -> Incident:
    """A new incident with one alert, of one of these rules."""
    alert = Alert(
        system_alert_id=OWN_ALERT,
        name="Mailbox export and removal on one host",
        rule_ids=frozenset(sorted(rule_ids)[:1]),
        product="Azure Sentinel",
        start=start,
        end=end,
    )
    return Incident(
        id=IncidentId(
            "11111111-1111-4111-8111-111111111111", "rg", "ws", "22222222-2222-4222-8222-222222222222"
        ),
        number=7,
        title="Mailbox export",
        status=Status.NEW,
        severity=Severity.MEDIUM,
        etag='"1"',
        owner=None,
        labels=(),
        rule_ids=rule_ids,
        created=end,
        alerts=Found((alert,)),
        accounts=tuple(accounts),
        hosts=tuple(
            Host(host_name=name.partition(".")[0], dns_domain=name.partition(".")[2]) for name in hosts
        ),
    )


def fake_user(row: Mapping[str, Any]) -> DirectoryUser:
    """A Microsoft Graph user."""
    created = row.get("createdDateTime")
    return DirectoryUser(
        id=row["id"],
        user_principal_name=row["userPrincipalName"],
        display_name=row.get("displayName") or "",
        mail=row.get("mail") or "",
        mail_nickname=row.get("mailNickname") or "",
        proxy_addresses=tuple(row.get("proxyAddresses") or ()),
        sam_account_name=row.get("onPremisesSamAccountName") or "",
        domain_name=row.get("onPremisesDomainName") or "",
        sid=row.get("onPremisesSecurityIdentifier") or "",
        enabled=row.get("accountEnabled"),
        created=parse_moment(created) if created else None,
        user_type=row.get("userType") or "",
        job_title=row.get("jobTitle") or "",
        department=row.get("department") or "",
    )


def patched(tenant: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """The tenant with a case's patch: objects merge, lists merge by id or search key, null removes."""
    merged: dict[str, Any] = dict(tenant)
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        elif name == "watchlists":
            merged[name] = _patched_watchlists(merged.get(name, {}), value)
        elif isinstance(value, dict):
            merged[name] = patched(merged.get(name, {}), value)
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            merged[name] = _merged_by(
                merged.get(name, []), value, "id" if "id" in value[0] else "roleTemplateId"
            )
        else:
            merged[name] = value
    return merged


def _patched_watchlists(lists: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(lists)
    for alias, rows in patch.items():
        if rows is None:
            merged.pop(alias, None)
        else:
            keys = {row[KEYS[alias]] for row in rows}
            merged[alias] = [row for row in merged.get(alias, []) if row[KEYS[alias]] not in keys] + rows
    return merged


def _merged_by(rows: list[Any], patch: list[Any], key: str) -> list[Any]:
    merged = {row[key]: row for row in rows}
    for row in patch:
        merged[row[key]] = merged.get(row[key], {}) | row
    return list(merged.values())


@dataclass
class FakeDirectory:
    """Microsoft Graph in memory. `broken` names the methods that do not answer."""

    tenant: Mapping[str, Any]
    broken: frozenset[str] = frozenset()
    devices: Mapping[str, Device] = field(default_factory=dict)

    async def user_by_sid(self, sid: str) -> Lookup[DirectoryUser]:
        return self._one("user_by_sid", lambda row: (row.get("onPremisesSecurityIdentifier") or "") == sid)

    async def user_by_name(self, domain: str, sam_account_name: str) -> Lookup[DirectoryUser]:
        wanted = (domain.lower(), sam_account_name.lower())
        return self._one(
            "user_by_name",
            lambda row: (
                (
                    (row.get("onPremisesDomainName") or "").lower(),
                    (row.get("onPremisesSamAccountName") or "").lower(),
                )
                == wanted
            ),
        )

    async def user_by_upn(self, user_principal_name: str) -> Lookup[DirectoryUser]:
        return self._one(
            "user_by_upn", lambda row: row["userPrincipalName"].lower() == user_principal_name.lower()
        )

    async def user_by_mailbox(self, name: str) -> Lookup[DirectoryUser]:
        return self._one("user_by_mailbox", lambda row: name.lower() in _mailbox_names(row))

    async def groups_of(self, user_id: str) -> Lookup[tuple[Group, ...]]:
        if "groups_of" in self.broken:
            return OUTAGE
        held, wanted = {}, {user_id}
        while new := [g for g in self.tenant["groups"] if wanted & set(g["members"]) and g["id"] not in held]:
            held |= {group["id"]: group for group in new}
            wanted |= set(held)
        return Found(tuple(Group(group["id"], group["displayName"]) for group in held.values()))

    async def roles_of(self, user_id: str) -> Lookup[tuple[DirectoryRole, ...]]:
        if "roles_of" in self.broken:
            return OUTAGE
        roles = [role for role in self.tenant["directoryRoles"] if user_id in role["members"]]
        return Found(tuple(DirectoryRole(role["displayName"], "direct") for role in roles))

    async def risk_of(self, user_id: str) -> Lookup[Risk]:
        if "risk_of" in self.broken:
            return OUTAGE
        for row in self.tenant["riskyUsers"]:
            if row["id"] == user_id:
                return Found(Risk(row["riskLevel"], row["riskState"]))
        return Absent("riskyUsers")

    async def device_named(self, host_name: str) -> Lookup[Device]:
        if "device_named" in self.broken:
            return OUTAGE
        device = self.devices.get(host_name.lower())
        return Found(device) if device is not None else Absent("devices")

    def _one(self, method: str, matches: Any) -> Lookup[DirectoryUser]:
        if method in self.broken:
            return OUTAGE
        rows = [row for row in self.tenant["users"] if matches(row)]
        if len(rows) > 1:
            return Unavailable("directory", "ambiguous account", lasting=True)
        return Found(fake_user(rows[0])) if rows else Absent("directory")


def _mailbox_names(row: Mapping[str, Any]) -> set[str]:
    names = {
        row.get("mail"),
        row["userPrincipalName"],
        row.get("mailNickname"),
        row.get("onPremisesSamAccountName"),
    }
    names |= {address.partition(":")[2] for address in row.get("proxyAddresses") or ()}
    return {name.lower() for name in names if name}


@dataclass
class FakeWatchlists:
    """Sentinel watchlists in memory. `broken` names the aliases that do not answer."""

    tenant: Mapping[str, Any]
    broken: frozenset[str] = frozenset()

    async def items(self, alias: str, *, optional: bool = False) -> Lookup[tuple[WatchlistItem, ...]]:
        del optional
        if alias in self.broken:
            return OUTAGE
        if alias not in self.tenant["watchlists"]:
            return Absent(alias)
        rows = self.tenant["watchlists"][alias]
        if not rows:
            return Unavailable(alias, "the watchlist is empty")
        return Found(tuple(_item(row) for row in rows))


def _item(row: Mapping[str, str]) -> WatchlistItem:
    updated = row.get("_updated") or row.get("ValidFrom") or row.get("OpenedOn") or "2020-01-01T00:00:00Z"
    cells = {name: cell for name, cell in row.items() if not name.startswith("_")}
    return WatchlistItem(cells=cells, updated=parse_moment(updated))


@dataclass
class FakeEvents:
    """Log Analytics in memory. `broken` names the methods that do not answer."""

    events: tuple[ProcessEvent, ...]
    alerts: tuple[LoggedAlert, ...] = ()
    closes: int = 0
    broken: frozenset[str] = frozenset()

    async def process_events(
        self, *, host_names: frozenset[str], start: datetime, end: datetime
    ) -> Lookup[tuple[ProcessEvent, ...]]:
        if "process_events" in self.broken:
            return OUTAGE
        names = {name.lower() for name in host_names}
        return Found(
            tuple(
                event
                for event in self.events
                if start <= event.time <= end and {event.dvc_hostname.lower(), event.dvc_fqdn.lower()} & names
            )
        )

    async def process_events_with(
        self, *, terms: tuple[str, ...], start: datetime, end: datetime
    ) -> Lookup[tuple[ProcessEvent, ...]]:
        if "process_events_with" in self.broken:
            return OUTAGE
        return Found(
            tuple(
                event
                for event in self.events
                if start <= event.time <= end
                and any(term.lower() in event.target_process_command_line.lower() for term in terms)
            )
        )

    async def first_event_after(self, moment: datetime) -> Lookup[datetime]:
        if "first_event_after" in self.broken:
            return OUTAGE
        later = [event.time for event in self.events if event.time > moment]
        return Found(min(later)) if later else Absent("process events")

    async def alerts_naming(
        self, *, names: frozenset[str], start: datetime, end: datetime
    ) -> Lookup[tuple[LoggedAlert, ...]]:
        if "alerts_naming" in self.broken:
            return OUTAGE
        return Found(
            tuple(
                alert
                for alert in (*self.own, *self.alerts)
                if start <= alert.time <= end and (alert.host_names | alert.account_names) & names
            )
        )

    @property
    def own(self) -> tuple[LoggedAlert, ...]:
        """The alert of `fake_incident` as it stands in the log: it names every host that has events."""
        hosts = {name.lower() for event in self.events for name in (event.dvc_hostname, event.dvc_fqdn)}
        hosts |= {name.partition(".")[0] for name in hosts}
        if not self.events:
            return ()
        first = min(event.time for event in self.events)
        return (own_alert(OWN_ALERT, hosts=frozenset(hosts - {""}), time=first),)

    async def closes_since(self, *, label: str, moment: datetime) -> Lookup[int]:
        del label, moment
        return OUTAGE if "closes_since" in self.broken else Found(self.closes)

    async def incident_of_alert(self, system_alert_id: str) -> Lookup[str]:
        return Absent(system_alert_id)


def fake_sources(
    tenant: Mapping[str, Any],
    events: Iterable[ProcessEvent],
    *,
    asked_at: datetime,
    alerts: Iterable[LoggedAlert] = (),
    broken: frozenset[str] = frozenset(),
    closes: int = 0,
) -> Sources:
    """Sources over one tenant. `broken` names port methods or watchlist aliases that do not answer."""
    return Sources(
        directory=FakeDirectory(tenant, broken=broken),
        watchlists=FakeWatchlists(tenant, broken=broken),
        events=FakeEvents(tuple(events), tuple(alerts), closes, broken),
        asked_at=asked_at,
    )


def later_event(after: datetime) -> ProcessEvent:
    """One unrelated event on another host, so that logs count as complete."""
    return ProcessEvent(
        time=after, dvc_hostname="ws-0001", dvc_fqdn="ws-0001.contoso.com", target_process_name="notepad.exe"
    )


@dataclass(frozen=True)
class Case:
    """A labelled case with the incident and the sources that it makes."""

    id: str
    label: str
    expected: str
    note: str
    incident: Incident
    sources: Sources
    policy: Policy


def read_case(tenant: Mapping[str, Any], row: Mapping[str, Any]) -> Case:
    """A case file's line as an incident of its first event's host and all that lies behind it."""
    world = patched(tenant, row.get("tenant") or {})
    events = sorted((fake_event(event) for event in row["events"]), key=lambda event: event.time)
    paired = [e for e in events if "mailboxexportrequest" in e.target_process_command_line.lower()] or events
    start, end = paired[0].time, paired[-1].time
    asked_at = end + timedelta(hours=6)
    if row.get("complete", True):
        events.append(later_event(end + timedelta(minutes=61)))
    host = paired[0].dvc_fqdn or paired[0].dvc_hostname
    alerts = [fake_alert(alert, number) for number, alert in enumerate(row.get("alerts") or [])]
    return Case(
        id=row["id"],
        label=row["label"],
        expected=row["expected"],
        note=row.get("note", ""),
        incident=fake_incident(hosts=[host], start=start, end=end),
        sources=fake_sources(world, events, asked_at=asked_at, alerts=alerts),
        policy=fake_policy(world),
    )
