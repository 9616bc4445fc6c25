"""The watchlists that this playbook reads, as it declares them to whoever deploys or checks them."""

from collections.abc import Callable

from playbooks.mailbox_export.registers.register_cells import read_cases, read_hosts, read_jobs
from playbooks.mailbox_export.registers.register_rows import (
    ASSETS,
    CASES,
    EXPORT_HOSTS,
    JOBS,
    LEAVERS,
    VIPS,
    CaseRow,
    HostRow,
    JobRow,
    Rows,
)
from playbooks.model import Policy, WatchlistItem
from playbooks.ports import Register, RegisterRow

_PERSON_COLUMNS = ("User Identifier", "User AAD Object Id", "User On-Prem Sid", "User Principal Name")


def _told[R: (JobRow, CaseRow, HostRow)](
    read: Callable[[tuple[WatchlistItem, ...], Policy], Rows[R]],
) -> Callable[[tuple[WatchlistItem, ...], Policy], tuple[RegisterRow, ...]]:
    """A reader of rows as one that says of each item what it is."""

    def told(items: tuple[WatchlistItem, ...], policy: Policy) -> tuple[RegisterRow, ...]:
        return tuple(_row(read((item,), policy)) for item in items)

    return told


def _row(rows: Rows[JobRow] | Rows[CaseRow] | Rows[HostRow]) -> RegisterRow:
    """The one row that was read."""
    for invalid in rows.invalid:
        return RegisterRow(key=invalid.key, problems=invalid.problems)
    row = rows.valid[0]
    match row:
        case JobRow():
            since = max(row.valid_from, row.updated)
            return RegisterRow(key=row.key, valid_until=row.valid_until, since=since, commands=_commands(row))
        case CaseRow():
            return RegisterRow(key=row.key, valid_until=row.closed, retired=row.closed is not None)
        case HostRow():
            return RegisterRow(key=row.key)


def _commands(row: JobRow) -> tuple[str, ...]:
    """A clean-up names no job, and any removal may be its own."""
    if row.scenario == "maintenance":
        return ("Remove-MailboxExportRequest",)
    return ("MailboxExportRequest", row.key)


def _listed(column: str) -> Callable[[tuple[WatchlistItem, ...], Policy], tuple[RegisterRow, ...]]:
    """A reader of a list that only raises concern: every row of it can be read."""
    return lambda items, _: tuple(RegisterRow(key=item.cells.get(column, "")) for item in items)


REGISTERS = (
    Register(
        alias=JOBS,
        search_key="JobName",
        columns=(
            *("JobName", "Scenario", "RunAs", "Hosts", "ExportRoots", "Mailboxes", "Days", "Window"),
            *("TimeZone", "Owner", "Ticket", "ValidFrom", "ValidUntil"),
        ),
        words="Scheduled jobs that may export mailboxes or remove export requests",
        read=_told(read_jobs),
    ),
    Register(
        alias=CASES,
        search_key="CaseId",
        columns=(
            *("CaseId", "Status", "Custodians", "ExportRoot", "Hosts", "OpenedOn", "ClosedOn", "Owner"),
        ),
        words="eDiscovery cases, their custodians and export folders",
        read=_told(read_cases),
        optional=frozenset({"Hosts"}),
    ),
    Register(
        alias=EXPORT_HOSTS,
        search_key="Fqdn",
        columns=("Fqdn", "Role"),
        words="Hosts from which mailboxes are exported",
        read=_told(read_hosts),
    ),
    Register(
        alias=VIPS,
        search_key="User Principal Name",
        columns=_PERSON_COLUMNS,
        words="People whose mailboxes are never exported without a look",
        read=_listed("User Principal Name"),
        optional=frozenset(_PERSON_COLUMNS),
        ours=False,
    ),
    Register(
        alias=LEAVERS,
        search_key="User Principal Name",
        columns=_PERSON_COLUMNS,
        words="People who have left or are about to",
        read=_listed("User Principal Name"),
        optional=frozenset(_PERSON_COLUMNS),
        ours=False,
    ),
    Register(
        alias=ASSETS,
        search_key="Asset FQDN",
        columns=("Asset FQDN", "Asset Name", "Asset Id"),
        words="Machines of high value",
        read=_listed("Asset FQDN"),
        optional=frozenset({"Asset FQDN", "Asset Name", "Asset Id"}),
        ours=False,
    ),
)
"""Own registers first; those of Sentinel's templates only ever raise concern."""
