"""The registers a SOC keeps as Sentinel watchlists: valid rows, an expired one and untidy ones."""

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from simulator.company.accounts import DNS, Account, AccountKind, Part, Person
from simulator.company.machines import Machine, Role

TIME_ZONE = "Europe/Vienna"
COMPLIANCE_WINDOW = "06:00-07:00;12:00-13:00;22:00-23:00"
BACKUP_WINDOW = "00:10-01:30"
CLEAN_UP_WINDOW = "06:30-06:55;12:30-12:55;22:30-22:55"
PERSONAL_ROOT = r"\\fs02.contoso.com\users$\{sam}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A registered job. `mailboxes` is empty where the row says `*`; validity is in local dates."""

    name: str
    scenario: str
    run_as: Account
    run_as_cell: str
    hosts: tuple[Machine, ...]
    root: str
    mailboxes: tuple[Person, ...]
    window: str
    ticket: str
    valid_from: date
    valid_until: date

    def row(self, owner: str) -> dict[str, str]:
        """The row of `MailboxExportJobs`."""
        return {
            "JobName": self.name,
            "Scenario": self.scenario,
            "RunAs": self.run_as_cell,
            "Hosts": ";".join(host.fqdn for host in self.hosts),
            "ExportRoots": self.root,
            "Mailboxes": ";".join(person.mail for person in self.mailboxes) or "*",
            "Days": "*",
            "Window": self.window,
            "TimeZone": TIME_ZONE,
            "Owner": owner,
            "Ticket": self.ticket,
            "ValidFrom": f"{self.valid_from}T00:00:00Z",
            "ValidUntil": f"{self.valid_until}T23:59:59Z",
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A case of the legal department; `closed` is the date it was closed on, if it was."""

    case_id: str
    custodians: tuple[Person, ...]
    root: str
    hosts: tuple[Machine, ...]
    opened: date
    closed: date | None = None

    def row(self, owner: str) -> dict[str, str]:
        """The row of `EDiscoveryCases`."""
        return {
            "CaseId": self.case_id,
            "Status": "closed" if self.closed else "open",
            "Custodians": ";".join(person.sam for person in self.custodians),
            "ExportRoot": self.root,
            "Hosts": ";".join(host.fqdn for host in self.hosts),
            "OpenedOn": f"{self.opened}T08:00:00Z",
            "ClosedOn": f"{self.closed}T16:00:00Z" if self.closed else "",
            "Owner": owner,
        }


def register_jobs(
    people: tuple[Person, ...], machines: tuple[Machine, ...], *, domain_sid: str, start: date
) -> tuple[Job, ...]:
    """The jobs on every Exchange server but the last, and one whose row has expired.

    The backup runs under a managed account, registered by name; the expired job ran under a service
    account that is not synchronised to Entra, registered by SID.
    """
    servers = tuple(machine for machine in machines if machine.role is Role.EXCHANGE)[:-1]
    compliance = next(person.account for person in people if person.sam == "svc-excompl")
    managed = Account(sam="gmsa-exbackup$", sid=f"{domain_sid}-9101", kind=AccountKind.MANAGED)
    local = Account(sam="svc-pfarchive", sid=f"{domain_sid}-9102", kind=AccountKind.SERVICE)
    scope = tuple(person for person in people if person.part is Part.SHARED_MAILBOX)[:3]
    valid = {"valid_from": start - timedelta(days=400), "valid_until": start + timedelta(days=400)}
    old = {"valid_from": start - timedelta(days=1500), "valid_until": start - timedelta(days=320)}
    return (
        Job(
            name="ComplianceExportJob",
            scenario="compliance",
            run_as=compliance,
            run_as_cell=compliance.sid,
            hosts=servers,
            root=r"\\FS01\ComplianceExports$",
            mailboxes=scope,
            window=COMPLIANCE_WINDOW,
            ticket="CHG0039911",
            **valid,
        ),
        Job(
            name="BackupMailboxJob",
            scenario="backup",
            run_as=managed,
            run_as_cell=managed.windows_name,
            hosts=servers,
            root=r"\\FS01\MailboxBackup$",
            mailboxes=(),
            window=BACKUP_WINDOW,
            ticket="CHG0038120",
            **valid,
        ),
        Job(
            name="PublicFolderArchive",
            scenario="backup",
            run_as=local,
            run_as_cell=local.sid,
            hosts=servers,
            root=r"\\FS01\PublicFolders$",
            mailboxes=(),
            window="00:00-23:59",
            ticket="CHG0021003",
            **old,
        ),
    )


def clean_up_row(machines: tuple[Machine, ...], *, owner: str, start: date) -> dict[str, str]:
    """The maintenance row: SYSTEM removes completed requests on every Exchange server but the last."""
    servers = tuple(machine for machine in machines if machine.role is Role.EXCHANGE)[:-1]
    return {
        "JobName": "CleanupExportedMailboxes",
        "Scenario": "maintenance",
        "RunAs": "SYSTEM",
        "Hosts": ";".join(host.fqdn for host in servers),
        "ExportRoots": "",
        "Mailboxes": "*",
        "Days": "*",
        "Window": CLEAN_UP_WINDOW,
        "TimeZone": TIME_ZONE,
        "Owner": owner,
        "Ticket": "CHG0040087",
        "ValidFrom": f"{start - timedelta(days=400)}T00:00:00Z",
        "ValidUntil": f"{start + timedelta(days=400)}T23:59:59Z",
    }


def untidy_row(owner: str) -> dict[str, str]:
    """A row as people leave them: free text in Window, no validity, a column of their own."""
    return {
        "JobName": "LitigationHoldExport",
        "Scenario": "compliance ",
        "RunAs": "CONTOSO\\svc-lithold",
        "Hosts": "exch01",
        "ExportRoots": "\\\\FS01\\LitHold",
        "Mailboxes": "",
        "Days": "Mon-Fri",
        "Window": "after 22h",
        "TimeZone": "CET",
        "Owner": owner,
        "Ticket": "",
        "ValidFrom": "",
        "ValidUntil": "",
        "Comment": "to be reviewed",
    }


def register_cases(
    people: tuple[Person, ...], machines: tuple[Machine, ...], *, seed: int, start: date
) -> tuple[Case, ...]:
    """Three open cases and one that was closed a hundred days before the start."""
    random = Random(f"{seed}:cases")
    staff = [person for person in people if person.part is Part.STAFF]
    desks = tuple(machine for machine in machines if machine.role is Role.LEGAL)
    custodians = random.sample(staff, 8)
    return tuple(
        Case(
            case_id=f"LEG-{start.year}-{number}",
            custodians=tuple(custodians[2 * index : 2 * index + 2]),
            root=r"\\FS02\eDiscovery$",
            hosts=desks,
            opened=start - timedelta(days=opened),
            closed=start - timedelta(days=100) if index == 3 else None,
        )
        for index, (number, opened) in enumerate((("0417", 160), ("0533", 40), ("0561", 25), ("0288", 300)))
    )


def host_rows(machines: tuple[Machine, ...]) -> list[dict[str, str]]:
    """Rows of `MailboxExportHosts`: Exchange servers, legal and admin workstations, one in lower case."""
    listed = [machine for machine in machines if machine.role in {Role.EXCHANGE, Role.LEGAL, Role.ADMIN}]
    rows = [{"Fqdn": machine.fqdn, "Role": machine.role.value} for machine in listed]
    return [*rows[:-1], {**rows[-1], "Fqdn": rows[-1]["Fqdn"].lower()}]


def person_rows(people: tuple[Person, ...], part: Part) -> list[dict[str, str]]:
    """People in the columns that Sentinel's templates `VIPUsers` and `TerminatedEmployees` share."""
    return [
        {
            "User Identifier": person.sam,
            "User AAD Object Id": person.id,
            "User On-Prem Sid": person.account.sid,
            "User Principal Name": person.upn,
            "Tags": "Executive" if part is Part.EXECUTIVE else "",
        }
        for person in people
        if person.part is part
    ]


def leaver_rows(people: tuple[Person, ...], *, start: date) -> list[dict[str, str]]:
    """Rows of `TerminatedEmployees`."""
    left = {
        "UserState": "Resigned",
        "Notification date": f"{start - timedelta(days=30)}T00:00:00Z",
        "Termination date": f"{start + timedelta(days=14)}T00:00:00Z",
    }
    return [{**row, **left} for row in person_rows(people, Part.LEAVER)]


def asset_rows(machines: tuple[Machine, ...]) -> list[dict[str, str]]:
    """Rows of `HighValueAssets`: domain controllers and the first Exchange server."""
    valued = [machine for machine in machines if machine.role is Role.DOMAIN_CONTROLLER]
    first = next(machine for machine in machines if machine.role is Role.EXCHANGE)
    return [
        {
            "Asset Type": "Server",
            "Asset Id": machine.entra_id,
            "Asset Name": machine.name,
            "Asset FQDN": f"{machine.name}.{DNS}",
            "IP Address": machine.address,
            "Tags": machine.role.value,
        }
        for machine in (*valued, first)
    ]
