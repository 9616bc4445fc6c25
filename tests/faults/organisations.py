"""The worlds that schedules run in: honest ones that close without faults, and dangerous ones that never may.

A dangerous world is an honest one with a single fact that speaks against it, so that whoever loses that
fact closes an attack.
"""

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from fakes import fake_alert, later_event
from worlds import CASE, HONEST, JOB, OWN, TENANT, event, user

from playbooks.model import LoggedAlert, ProcessEvent

LOOKUPS = frozenset(
    {"process_events", "process_events_with", "first_event_after", "alerts_naming", "closes_since"}
)
PERSON = frozenset({"groups_of", "roles_of", "risk_of", "user_by_name", "user_by_mailbox"})
LISTS = frozenset({"VIPUsers", "TerminatedEmployees"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A world: tenant, events of the alert, events and alerts around it; `closes` says what is right.

    `needs` are the look-ups without which no close is proven, by method or watchlist alias.
    """

    name: str
    tenant: Mapping[str, Any]
    events: tuple[ProcessEvent, ...]
    nearby: tuple[ProcessEvent, ...] = ()
    alerts: tuple[Mapping[str, Any], ...] = ()
    closes: bool = False
    needs: frozenset[str] = frozenset()
    page_sizes: Mapping[str, int] = field(default_factory=dict)

    @property
    def start(self) -> datetime:
        """First event of the alert."""
        return min(one.time for one in self.events)

    @property
    def end(self) -> datetime:
        """Last event of the alert."""
        return max(one.time for one in self.events)

    @property
    def created(self) -> datetime:
        """When Sentinel made the incident."""
        return self.end + timedelta(minutes=5)

    @property
    def logged(self) -> tuple[ProcessEvent, ...]:
        """Every event there is, with a later one that shows that the logs are complete."""
        return (*self.events, *self.nearby, later_event(self.end + timedelta(minutes=61)))

    @property
    def logged_alerts(self) -> tuple[LoggedAlert, ...]:
        """Alerts of other products, as the log port answers them."""
        return tuple(map(fake_alert, self.alerts))


def guid(text: str) -> str:
    """A fixed GUID for a name."""
    return str(uuid5(NAMESPACE_URL, text))


def _with_guids(tenant: Mapping[str, Any]) -> dict[str, Any]:
    """The same organisation with GUIDs for ids, which the services insist on."""
    copy = deepcopy(dict(tenant))
    for one in copy["users"]:
        one["id"] = guid(one["id"])
    for one in copy["groups"]:
        one |= {"id": guid(one["id"]), "members": [guid(member) for member in one["members"]]}
    for one in copy["directoryRoles"]:
        one["roleTemplateId"] = guid(one["roleTemplateId"])
        one["members"] = [guid(member) for member in one["members"]]
    return copy


BASE = _with_guids(TENANT)


def _changed(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    copy = deepcopy(BASE)
    change(copy)
    return copy


def _nightly(sam: str) -> dict[str, Any]:
    return next(one for one in BASE["users"] if one["onPremisesSamAccountName"] == sam)


def _people(*names: str) -> list[dict[str, str]]:
    return [{"User Principal Name": name, "User Identifier": "", "Tags": ""} for name in names]


JOB_NEEDS = LOOKUPS | PERSON | LISTS | {"MailboxExportJobs"}
CASE_NEEDS = LOOKUPS | PERSON | LISTS | {"EDiscoveryCases"}
OWN_NEEDS = LOOKUPS | PERSON | LISTS | {"MailboxExportHosts"}

_HONEST = (
    Place(name="scheduled", tenant=BASE, events=JOB, closes=True, needs=JOB_NEEDS),
    Place(name="case", tenant=BASE, events=CASE, closes=True, needs=CASE_NEEDS),
    Place(name="own", tenant=BASE, events=OWN, closes=True, needs=OWN_NEEDS),
    Place(
        name="maintenance",
        tenant=BASE,
        events=HONEST["maintenance_cleanup"],
        closes=True,
        needs=JOB_NEEDS,
    ),
    Place(
        name="paged",
        tenant=_changed(
            lambda t: t["watchlists"].update({"VIPUsers": _people("a@contoso.com", "b@contoso.com")})
        ),
        events=JOB,
        closes=True,
        needs=JOB_NEEDS,
        page_sizes={"watchlists": 1, "incidents": 1},
    ),
)


def _twin(tenant: dict[str, Any]) -> None:
    twin = user("audit.box", "S-1-5-21-9-9-9-9", id=guid("twin"), onPremisesDomainName="fabrikam.com")
    tenant["users"].append(twin | {"userPrincipalName": "audit.box@fabrikam.com", "userType": "Guest"})


def _unsynchronised(tenant: dict[str, Any]) -> None:
    tenant["users"] = [one for one in tenant["users"] if one["onPremisesSamAccountName"] != "svc-job"]
    tenant["watchlists"]["MailboxExportJobs"][0]["RunAs"] = r"CONTOSO\svc-job"


_OTHER_ALERT = {
    "TimeGenerated": "2024-11-18T20:30:00Z",
    "SystemAlertId": guid("other"),
    "AlertName": "Credential theft tool",
    "DisplayName": "Credential theft tool",
    "ProductName": "Microsoft Defender for Endpoint",
    "AlertType": "WindowsDefenderAtp",
    "StartTime": "2024-11-18T20:30:00Z",
    "EndTime": "2024-11-18T20:30:00Z",
    "Entities": '[{"$id":"2","Type":"host","HostName":"EXCH01","DnsDomain":"contoso.com"}]',
    "ExtendedProperties": "{}",
}
_GRANT = event(
    "New-ManagementRoleAssignment -Role 'Mailbox Import Export' -User boss",
    "2024-11-18 20:45",
    dvc_hostname="EXCH02",
    dvc_fqdn="exch02.contoso.com",
)
_TO_THE_WEB = tuple(
    event(
        text,
        when,
        target_username=r"CONTOSO\admin",
        acting_process_name=r"C:\Windows\System32\inetsrv\w3wp.exe",
    )
    for text, when in (
        (
            r"New-MailboxExportRequest -Mailbox audit.box -FilePath '\\127.0.0.1\c$\inetpub\x.aspx'",
            "2024-11-18 21:00",
        ),
        ("Get-MailboxExportRequest | Remove-MailboxExportRequest -Confirm:$false", "2024-11-18 21:01"),
    )
)

_DANGEROUS = (
    Place(name="attack", tenant=BASE, events=_TO_THE_WEB),
    Place(
        name="risky",
        tenant=_changed(
            lambda t: t["riskyUsers"].append(
                {"id": _nightly("svc-job")["id"], "riskLevel": "high", "riskState": "atRisk"}
            )
        ),
        events=JOB,
    ),
    Place(name="twin", tenant=_changed(_twin), events=JOB),
    Place(name="stranger", tenant=_changed(_unsynchronised), events=JOB),
    Place(
        name="vip",
        tenant=_changed(
            lambda t: t["watchlists"].update({"VIPUsers": _people("a@contoso.com", "audit.box@contoso.com")})
        ),
        events=JOB,
        page_sizes={"watchlists": 1, "incidents": 1},
    ),
    Place(name="other_alert", tenant=BASE, events=JOB, alerts=(_OTHER_ALERT,)),
    Place(name="granted", tenant=BASE, events=JOB, nearby=(_GRANT,)),
)

PLACES = {place.name: place for place in (*_HONEST, *_DANGEROUS)}
HONEST_PLACES = tuple(place.name for place in _HONEST)
DANGEROUS_PLACES = tuple(place.name for place in _DANGEROUS)
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
