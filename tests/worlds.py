"""A small organisation and the honest activity in it, for tests of judging: each test changes one thing."""

from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from fakes import fake_incident, fake_policy, fake_sources, later_event

from playbooks.mailbox_export import Evidence, decide, gather
from playbooks.model import Account, Judgement, LoggedAlert, ProcessEvent, Stance, Verdict

DOMAIN_SID = "S-1-5-21-1111111111-2222222222-3333333333"
JOB_SID, BOSS_SID, LEGAL_SID, ADMIN_SID = (f"{DOMAIN_SID}-{rid}" for rid in (1101, 1102, 1103, 1104))
SERVER, LEGAL_STATION, ADMIN_STATION = "exch01.contoso.com", "legal-ws01.contoso.com", "ws-adm01.contoso.com"
SCHEDULER = r"C:\Windows\System32\svchost.exe"
POWERSHELL = r"C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe"
CREATED = "2020-01-01T00:00:00Z"


def moment(text: str) -> datetime:
    """`2024-11-18 21:00` as UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def user(sam: str, sid: str, **more: Any) -> dict[str, Any]:
    """A directory user whose id is `id-<sam>`."""
    return {
        "id": f"id-{sam}",
        "userPrincipalName": f"{sam}@contoso.com",
        "displayName": sam.title(),
        "mail": f"{sam}@contoso.com",
        "mailNickname": sam,
        "proxyAddresses": [f"SMTP:{sam}@contoso.com"],
        "onPremisesSamAccountName": sam,
        "onPremisesDomainName": "contoso.com",
        "onPremisesSecurityIdentifier": sid,
        "accountEnabled": True,
        "userType": "Member",
        "createdDateTime": CREATED,
    } | more


TENANT: dict[str, Any] = {
    "organisation": {
        "netbios": "CONTOSO",
        "dns": "contoso.com",
        "timeZone": "Europe/Vienna",
        "businessHours": "Mon-Fri 07:00-19:00",
    },
    "settings": {
        "exportRoleGroups": ["Export Operators"],
        "exchangeAdminGroups": ["Organization Management"],
        "eDiscoveryGroups": ["Discovery Management"],
        "personalExportRoot": r"\\fs02.contoso.com\users$\{sam}",
    },
    "users": [
        user("svc-job", JOB_SID),
        user("boss", BOSS_SID),
        user("legal", LEGAL_SID),
        user("admin", ADMIN_SID),
        user("audit.box", f"{DOMAIN_SID}-1201"),
        user("custodian", f"{DOMAIN_SID}-1202"),
    ],
    "groups": [
        {"id": "g-1", "displayName": "Export Operators", "members": ["id-admin"]},
        {"id": "g-2", "displayName": "Discovery Management", "members": ["id-legal"]},
    ],
    "directoryRoles": [
        {"roleTemplateId": "r-1", "displayName": "Exchange Administrator", "members": ["id-admin"]}
    ],
    "riskyUsers": [],
    "watchlists": {
        "MailboxExportJobs": [
            {
                "JobName": "NightlyExport",
                "Scenario": "compliance",
                "RunAs": JOB_SID,
                "Hosts": "EXCH01",
                "ExportRoots": r"\\FS01\Exports$",
                "Mailboxes": "audit.box",
                "Days": "*",
                "Window": "21:50-23:00",
                "TimeZone": "Europe/Vienna",
                "Owner": "boss@contoso.com",
                "Ticket": "CHG0000001",
                "ValidFrom": "2024-01-01T00:00:00Z",
                "ValidUntil": "2025-12-31T23:59:59Z",
            },
            {
                "JobName": "CleanUp",
                "Scenario": "maintenance",
                "RunAs": "SYSTEM",
                "Hosts": "EXCH01",
                "ExportRoots": "",
                "Mailboxes": "*",
                "Days": "*",
                "Window": "22:25-22:40",
                "TimeZone": "Europe/Vienna",
                "Owner": "boss@contoso.com",
                "Ticket": "CHG0000002",
                "ValidFrom": "2024-01-01T00:00:00Z",
                "ValidUntil": "2025-12-31T23:59:59Z",
            },
        ],
        "EDiscoveryCases": [
            {
                "CaseId": "LEG-1",
                "Status": "open",
                "Custodians": "custodian",
                "ExportRoot": r"\\FS-LEGAL\Cases$",
                "Hosts": "LEGAL-WS01",
                "OpenedOn": "2024-10-01T08:00:00Z",
                "ClosedOn": "",
                "Owner": "boss@contoso.com",
            }
        ],
        "MailboxExportHosts": [
            {"Fqdn": "EXCH01.contoso.com", "Role": "exchange"},
            {"Fqdn": "WS-ADM01.contoso.com", "Role": "admin"},
        ],
    },
}


def tenant(change: Callable[[dict[str, Any]], object] | None = None) -> dict[str, Any]:
    """A copy of the organisation, changed by `change`."""
    copy = deepcopy(TENANT)
    if change is not None:
        change(copy)
    return copy


def job_row(world: dict[str, Any], number: int = 0) -> dict[str, str]:
    """A row of MailboxExportJobs, to be changed in place."""
    row: dict[str, str] = world["watchlists"]["MailboxExportJobs"][number]
    return row


def event(command: str, when: str, **columns: str) -> ProcessEvent:
    """A PowerShell process on the Exchange server, started by the Task Scheduler as the job's account."""
    shown = {
        "dvc_hostname": "EXCH01",
        "dvc_fqdn": SERVER,
        "event_product": "Sysmon",
        "actor_username": r"NT AUTHORITY\SYSTEM",
        "target_username": r"CONTOSO\svc-job",
        "acting_process_name": SCHEDULER,
        "acting_process_command_line": f"{SCHEDULER} -k netsvcs -p -s Schedule",
        "target_process_name": POWERSHELL,
        "target_process_command_line": f'{POWERSHELL} -NonInteractive -Command "{command}"',
    } | columns
    return ProcessEvent(time=moment(when), **shown)


def person(command: str, when: str, sam: str, host: str, **columns: str) -> ProcessEvent:
    """A PowerShell process that a person started at a station."""
    own = {
        "dvc_hostname": host.partition(".")[0],
        "dvc_fqdn": host,
        "actor_username": f"CONTOSO\\{sam}",
        "target_username": f"CONTOSO\\{sam}",
        "acting_process_name": POWERSHELL,
        "acting_process_command_line": f'"{POWERSHELL}"',
    }
    return event(command, when, **(own | columns))


JOB_EXPORT = (
    "New-MailboxExportRequest -Mailbox audit.box -BatchName NightlyExport "
    r"-FilePath '\\FS01\Exports$\a\audit.pst'"
)
JOB_REMOVAL = (
    "Get-MailboxExportRequest -BatchName NightlyExport -Status Completed "
    "| Remove-MailboxExportRequest -Confirm:$false"
)
CLEAN_UP = "Get-MailboxExportRequest -Status Completed | Remove-MailboxExportRequest -Confirm:$false"
CASE_EXPORT = (
    r"New-MailboxExportRequest -Mailbox custodian -BatchName LEG-1 -FilePath '\\FS-LEGAL\Cases$\LEG-1\c.pst'"
)
CASE_REMOVAL = "Get-MailboxExportRequest -BatchName LEG-1 | Remove-MailboxExportRequest -Confirm:$false"
OWN_EXPORT = r"New-MailboxExportRequest -Mailbox admin -FilePath '\\fs02\users$\admin\own.pst'"
OWN_REMOVAL = r"Remove-MailboxExportRequest -Identity 'admin\MailboxExport' -Confirm:$false"

JOB = (event(JOB_EXPORT, "2024-11-18 21:00"), event(JOB_REMOVAL, "2024-11-18 21:40"))
CASE = (
    person(CASE_EXPORT, "2024-11-20 13:00", "legal", LEGAL_STATION),
    person(CASE_REMOVAL, "2024-11-20 13:45", "legal", LEGAL_STATION),
)
OWN = (
    person(OWN_EXPORT, "2024-11-20 13:10", "admin", ADMIN_STATION),
    person(OWN_REMOVAL, "2024-11-20 13:40", "admin", ADMIN_STATION),
)
MAINTENANCE = (JOB[0], event(CLEAN_UP, "2024-11-18 21:30", target_username=r"NT AUTHORITY\SYSTEM"))
HONEST = {"scheduled_export": JOB, "ediscovery": CASE, "self_export": OWN, "maintenance_cleanup": MAINTENANCE}


async def learn(
    events: Iterable[ProcessEvent],
    world: dict[str, Any] | None = None,
    *,
    nearby: Iterable[ProcessEvent] = (),
    alerts: Iterable[LoggedAlert] = (),
    broken: frozenset[str] = frozenset(),
    closes: int = 0,
    complete: bool = True,
    accounts: Iterable[Account] = (),
    hosts: Iterable[str] = (),
) -> Evidence:
    """What `gather` learns of an incident whose alert spans `events`; `nearby` ran outside the alert."""
    known, anchors = world if world is not None else TENANT, tuple(events)
    start, end = min(e.time for e in anchors), max(e.time for e in anchors)
    logged = [*anchors, *nearby] + ([later_event(end + timedelta(minutes=61))] if complete else [])
    named = tuple(hosts) or tuple(sorted({e.dvc_fqdn for e in anchors}))
    return await gather(
        fake_incident(hosts=named, start=start, end=end, accounts=accounts),
        fake_sources(
            known, logged, asked_at=end + timedelta(hours=6), alerts=alerts, broken=broken, closes=closes
        ),
        fake_policy(known),
    )


async def judge(
    events: Iterable[ProcessEvent], world: dict[str, Any] | None = None, **more: Any
) -> Judgement:
    """The judgement on `events` in that world; the rest as for `learn`."""
    return decide(await learn(events, world, **more))


def codes(verdict: Verdict) -> set[str]:
    """Codes of the reasons that do not speak for a close."""
    return {reason.code for reason in verdict.reasons if reason.stance is not Stance.FOR}


def changed(pair: tuple[ProcessEvent, ...], which: int, **columns: Any) -> tuple[ProcessEvent, ...]:
    """The pair with some columns of one event changed."""
    return tuple(replace(e, **columns) if place == which else e for place, e in enumerate(pair))


def reworded(pair: tuple[ProcessEvent, ...], which: int, old: str, new: str) -> tuple[ProcessEvent, ...]:
    """The pair with words of one command changed. Raises ValueError where the words are not there."""
    text = pair[which].target_process_command_line
    if old not in text:
        raise ValueError(f"{old!r} is not in {text!r}")
    return changed(pair, which, target_process_command_line=text.replace(old, new))
