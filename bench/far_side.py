"""Azure's part of a benchmark in a process of its own, so that its work is not counted as the triage's.

It is the local workspace with an organisation of many hosts: each host has a job, an account and a mailbox
that no other host has, so that a fact of one incident in the comment of another can be seen. Answers of the
log are kept by question, since the event store is not what is measured.
"""

import asyncio
import multiprocessing
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Self
from uuid import NAMESPACE_URL, uuid5

EXPORT = datetime(2024, 11, 18, 21, 0, tzinfo=UTC)
REMOVAL = EXPORT + timedelta(minutes=40)
CREATED = REMOVAL + timedelta(minutes=5)
NOW = CREATED + timedelta(hours=6)
RULE = "b0d9a6c2-6b1e-4a57-9f0e-6c1d7a1f2e34"
_SCHEDULER = r"C:\Windows\System32\svchost.exe"
_POWERSHELL = r"C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe"
_WEB_SERVER = r"C:\Windows\System32\inetsrv\w3wp.exe"


def guid(text: str) -> str:
    """A fixed GUID for a name."""
    return str(uuid5(NAMESPACE_URL, text))


@dataclass(frozen=True, slots=True)
class Station:
    """One host with its job; every second one is attacked instead."""

    number: int

    @property
    def is_attacked(self) -> bool:
        """Whether its export goes to a web root, from a web server's process."""
        return self.number % 2 == 1

    @property
    def host(self) -> str:
        """Short name."""
        return f"EXCH{self.number:03}"

    @property
    def names(self) -> tuple[str, str, str]:
        """What no other host's incident may mention: host, account, mailbox."""
        return self.host, f"svc-exp-{self.number:03}", f"box-{self.number:03}"

    @property
    def job(self) -> dict[str, str]:
        """Its row of MailboxExportJobs."""
        _, account, mailbox = self.names
        return {
            "JobName": f"Nightly{self.number:03}",
            "Scenario": "compliance",
            "RunAs": f"CONTOSO\\{account}",
            "Hosts": self.host,
            "ExportRoots": r"\\FS01\Exports$",
            "Mailboxes": mailbox,
            "Days": "*",
            "Window": "21:50-23:00",
            "TimeZone": "Europe/Vienna",
            "Owner": "boss@contoso.com",
            "Ticket": f"CHG{self.number:07}",
            "ValidFrom": "2024-01-01T00:00:00Z",
            "ValidUntil": "2025-12-31T23:59:59Z",
        }

    @property
    def events(self) -> list[dict[str, str]]:
        """Its export and its removal."""
        mailbox = self.names[2]
        target = (
            rf"\\127.0.0.1\c$\inetpub\{mailbox}.aspx"
            if self.is_attacked
            else rf"\\FS01\Exports$\{mailbox}.pst"
        )
        batch = f"-BatchName {self.job['JobName']}"
        return [
            self._event(EXPORT, f"New-MailboxExportRequest -Mailbox {mailbox} {batch} -FilePath '{target}'"),
            self._event(
                REMOVAL, f"Get-MailboxExportRequest {batch} -Status Completed | Remove-MailboxExportRequest"
            ),
        ]

    def _event(self, moment: datetime, command: str) -> dict[str, str]:
        parent = _WEB_SERVER if self.is_attacked else _SCHEDULER
        return {
            "TimeGenerated": moment.isoformat(),
            "DvcHostname": self.host,
            "DvcFQDN": f"{self.host}.contoso.com",
            "EventProduct": "Sysmon",
            "ActorUsername": r"NT AUTHORITY\SYSTEM",
            "TargetUsername": f"CONTOSO\\{self.names[1]}",
            "ActingProcessName": parent,
            "ActingProcessCommandLine": f"{parent} -k netsvcs -p -s Schedule",
            "TargetProcessName": _POWERSHELL,
            "TargetProcessCommandLine": f'{_POWERSHELL} -NonInteractive -Command "{command}"',
        }


def tenant_of(stations: Sequence[Station]) -> dict[str, Any]:
    """The organisation: two directory users for each host, three registers, no optional watchlist."""
    names = [name for station in stations for name in station.names[1:]]
    return {
        "organisation": {
            "netbios": "CONTOSO",
            "dns": "contoso.com",
            "timeZone": "Europe/Vienna",
            "businessHours": "Mon-Fri 07:00-19:00",
        },
        "settings": {"exportRoleGroups": ["Export Operators"], "eDiscoveryGroups": ["Discovery Management"]},
        "users": [_user(name, number) for number, name in enumerate(names)],
        "groups": [
            {"id": guid("everyone"), "displayName": "Everyone", "members": [guid(name) for name in names]}
        ],
        "directoryRoles": [],
        "riskyUsers": [],
        "watchlists": {
            "MailboxExportJobs": [station.job for station in stations],
            "EDiscoveryCases": [
                {
                    "CaseId": "LEG-1",
                    "Status": "open",
                    "Custodians": "nobody",
                    "ExportRoot": r"\\FS-LEGAL\Cases$",
                    "Hosts": "LEGAL-WS01",
                    "OpenedOn": "2024-10-01T08:00:00Z",
                    "ClosedOn": "",
                    "Owner": "boss@contoso.com",
                }
            ],
            "MailboxExportHosts": [
                {"Fqdn": f"{one.host}.contoso.com", "Role": "exchange"} for one in stations
            ],
        },
    }


def _user(name: str, number: int) -> dict[str, Any]:
    return {
        "id": guid(name),
        "userPrincipalName": f"{name}@contoso.com",
        "displayName": name.title(),
        "mail": f"{name}@contoso.com",
        "mailNickname": name,
        "proxyAddresses": [f"SMTP:{name}@contoso.com"],
        "onPremisesSamAccountName": name,
        "onPremisesDomainName": "contoso.com",
        "onPremisesSecurityIdentifier": f"S-1-5-21-1-2-3-{1000 + number}",
        "accountEnabled": True,
        "userType": "Member",
        "createdDateTime": "2020-01-01T00:00:00Z",
    }


def incident_of(workspace: Any, station: Station, number: int) -> str:
    """A new incident of that host in a local workspace; its name (GUID)."""
    from simulator.workspace import AlertSpec  # noqa: PLC0415 - only the far side has it

    alert = AlertSpec(
        system_alert_id=guid(f"alert on {station.host}"),
        display_name="Mailbox export and removal",
        start=EXPORT,
        end=REMOVAL,
        rule_id=RULE,
        entities=[{"kind": "Host", "properties": {"hostName": station.host, "dnsDomain": "contoso.com"}}],
    )
    name = guid(f"incident {number}")
    made: str = workspace.create_incident(
        [alert], title="Mailbox export", severity="Low", created=CREATED, name=name
    )
    return made


class FarSide:
    """The other process, as a context manager. `certificate` is a PEM file with its key, for https."""

    def __init__(self, stations: Sequence[Station], *, certificate: Path | None = None) -> None:
        self.stations = tuple(stations)
        spawning = multiprocessing.get_context("spawn")
        self._pipe, theirs = spawning.Pipe()
        self._process = spawning.Process(target=_run, args=(theirs, self.stations, certificate), daemon=True)

    def __enter__(self) -> Self:
        self._process.start()
        self.addresses: Mapping[str, str] = self._pipe.recv()
        return self

    def __exit__(self, *_: object) -> None:
        self._pipe.send(("stop", ()))
        self._process.join(timeout=10)

    def incidents(self, number: int) -> list[tuple[str, Station]]:
        """New incidents, host after host: name (GUID) and whose they are."""
        names: list[str] = self._ask("incidents", number)
        return [(name, self.stations[place % len(self.stations)]) for place, name in enumerate(names)]

    def left(self, names: Sequence[str]) -> list[tuple[str, list[str]]]:
        """Status and comments of incidents."""
        answer: list[tuple[str, list[str]]] = self._ask("left", list(names))
        return answer

    def delay(self, seconds: float) -> None:
        """How long each call waits before it is served."""
        self._ask("delay", seconds)

    def calls(self) -> list[tuple[str, str, str, bool]]:
        """Service, method, path template and whether part of a batch, of every call since the last time."""
        answer: list[tuple[str, str, str, bool]] = self._ask("calls")
        return answer

    def _ask(self, word: str, *given: object) -> Any:
        self._pipe.send((word, given))
        return self._pipe.recv()


def _run(pipe: Connection, stations: Sequence[Station], certificate: Path | None) -> None:
    asyncio.run(_serve(pipe, stations, certificate))


async def _serve(pipe: Connection, stations: Sequence[Station], certificate: Path | None) -> None:
    # Imported here: the triage's own process measures its memory without them.
    from simulator.chain.settings import settings_for  # noqa: PLC0415
    from simulator.eventstore import EventStore  # noqa: PLC0415
    from simulator.workspace import LocalWorkspace  # noqa: PLC0415

    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    tenant, store = tenant_of(stations), EventStore()
    async with LocalWorkspace(tenant, _Kept(store), clock=lambda: NOW, tls=context) as workspace:
        store.add_process_events([event for station in stations for event in station.events])
        later = {"TimeGenerated": (REMOVAL + timedelta(minutes=61)).isoformat(), "DvcHostname": "other"}
        store.add_process_events([later])
        pipe.send({**settings_for(tenant, workspace), "workspace": workspace.workspace_id})
        await _Servant(workspace, stations).obey(pipe)


class _Kept:
    """The event store with its answers kept by question; one alert a host is logged, and no incident."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self._answers: dict[tuple[object, ...], Any] = {}
        self._alerts: set[str] = set()

    @property
    def is_small(self) -> bool:
        """As the store says: nearly every answer is kept."""
        return bool(self._store.is_small)

    def query(self, kql: str, *, now: datetime, timespan: tuple[datetime, datetime] | None = None) -> Any:
        key = (kql, timespan)
        if key not in self._answers:
            self._answers[key] = self._store.query(kql, now=now, timespan=timespan)
        return self._answers[key]

    def add_process_events(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """As the store does."""
        self._store.add_process_events(rows)

    def clear(self) -> None:
        """As the store does."""
        self._answers.clear()
        self._store.clear()

    def add_alerts(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Each alert once: a flood of alerts about the same host would be one more thing to read."""
        new = [row for row in rows if row["SystemAlertId"] not in self._alerts]
        self._alerts |= {row["SystemAlertId"] for row in new}
        self._store.add_alerts(new)

    def add_incident_records(self, rows: object) -> None:
        """Not kept: nothing here asks for more than their number."""


class _Servant:
    """Does what the benchmark asks for over the pipe."""

    def __init__(self, workspace: Any, stations: Sequence[Station]) -> None:
        self._workspace = workspace
        self._stations = stations
        self._seconds = 0.0
        self._made = 0

    async def obey(self, pipe: Connection) -> None:
        """Until told to stop."""
        loop = asyncio.get_running_loop()
        while True:
            word, given = await loop.run_in_executor(None, pipe.recv)
            if word == "stop":
                return
            pipe.send(getattr(self, f"_{word}")(*given))

    def _incidents(self, number: int) -> list[str]:
        return [self._incident(self._stations[place % len(self._stations)]) for place in range(number)]

    def _incident(self, station: Station) -> str:
        self._made += 1
        return incident_of(self._workspace, station, self._made)

    def _left(self, names: Sequence[str]) -> list[tuple[str, list[str]]]:
        told = []
        for name in names:
            incident = self._workspace.incident(name)
            comments = [comment["properties"]["message"] for comment in incident["comments"]]
            told.append((incident["properties"]["status"], comments))
            self._workspace.delete_incident(name)
        self._workspace._gate.calls.clear()  # noqa: SLF001 - 10,000 incidents make 170,000 of them
        return told

    def _delay(self, seconds: float) -> None:
        self._workspace.pause_before_calls((lambda: asyncio.sleep(seconds)) if seconds else None)

    def _calls(self) -> list[tuple[str, str, str, bool]]:
        told = [(call.service, call.method, call.path, call.inner) for call in self._workspace.calls]
        self._workspace._gate.calls.clear()  # noqa: SLF001 - see above
        return told
