"""The register of approved grants: a row names who may give which role to whom, where and until when."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from playbooks.folding import fold
from playbooks.model import Policy, WatchlistItem
from playbooks.ports import Register, RegisterRow
from playbooks.who.hosts import complete_host, is_host_name

CHANGES = "RoleGrantChanges"
COLUMNS = ("ChangeId", "GranterSid", "GranteeSid", "RoleOrGroup", "Hosts", "ValidFrom", "ValidTo", "Approver")
RECENT = timedelta(hours=24)
_SID = re.compile(r"S-1-5-21(?:-\d{1,10}){4}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRow:
    """An approved change. SIDs in capitals, hosts as full names, times aware; `updated` is the service's."""

    key: str
    granter_sid: str
    grantee_sid: str
    role_or_group: str
    hosts: frozenset[str]
    valid_from: datetime
    valid_to: datetime
    approver: str
    updated: datetime

    @property
    def shown(self) -> str:
        """The row in words."""
        return f"{CHANGES} row {self.key} (approved by {self.approver})"

    def is_recent(self, moment: datetime) -> bool:
        """True where it was created or changed less than 24 hours before `moment`, or after it."""
        return moment - self.updated < RECENT


@dataclass(frozen=True, slots=True, kw_only=True)
class InvalidChange:
    """A row that cannot be used, and why. `sids` are those that it names, readable or not."""

    key: str
    problems: tuple[str, ...]
    sids: frozenset[str]

    @property
    def shown(self) -> str:
        """The row and its problems in words."""
        return f"{CHANGES} row {self.key or '(no key)'}: {'; '.join(self.problems)}"


def read_change(item: WatchlistItem, policy: Policy | None) -> ChangeRow | InvalidChange:
    """One row; one with any problem never approves anything."""
    cells = {fold(name.strip()): cell.strip() for name, cell in item.cells.items()}
    problems: list[str] = []
    sids = {name: _read(cells, name, _sid, problems) or "" for name in ("GranterSid", "GranteeSid")}
    hosts = _read(cells, "Hosts", lambda cell: _hosts(cell, policy), problems)
    start = _read(cells, "ValidFrom", _time, problems)
    end = _read(cells, "ValidTo", _time, problems)
    texts = {
        name: _read(cells, name, _text, problems) or "" for name in ("ChangeId", "RoleOrGroup", "Approver")
    }
    if start and end and end < start:
        problems.append("ValidTo is before ValidFrom")
    if problems or not (hosts and start and end):
        named = frozenset(cells.get(fold(name), "").upper() for name in sids)
        return InvalidChange(key=cells.get("changeid", ""), problems=tuple(problems), sids=named)
    return ChangeRow(
        key=texts["ChangeId"],
        granter_sid=sids["GranterSid"],
        grantee_sid=sids["GranteeSid"],
        role_or_group=texts["RoleOrGroup"],
        hosts=hosts,
        valid_from=start,
        valid_to=end,
        approver=texts["Approver"],
        updated=item.updated,
    )


def read_rows(items: tuple[WatchlistItem, ...], policy: Policy) -> tuple[RegisterRow, ...]:
    """What each row is, for whoever checks the register. A change that is over is not to be renewed."""
    return tuple(_told(read_change(item, policy)) for item in items)


def _told(row: ChangeRow | InvalidChange) -> RegisterRow:
    match row:
        case InvalidChange():
            return RegisterRow(key=row.key, problems=row.problems)
        case ChangeRow():
            since = max(row.valid_from, row.updated)
            return RegisterRow(key=row.key, valid_until=row.valid_to, retired=True, since=since)


def _read[T](
    cells: Mapping[str, str], column: str, parse: Callable[[str], T], problems: list[str]
) -> T | None:
    """A required cell through `parse`; None, with the problem noted, where it is missing or unreadable."""
    cell = cells.get(fold(column), "")
    if cell in {"", "*"}:
        problems.append(f"{column} is {'empty' if not cell else 'not to be *'}")
        return None
    try:
        return parse(cell)
    except ValueError as error:
        problems.append(f"{column} cannot be read: {error}")
        return None


def _text(cell: str) -> str:
    return cell


def _sid(cell: str) -> str:
    """A SID of an account of a domain. Raises ValueError for anything else, names included."""
    if _SID.fullmatch(cell.upper()) is None:
        raise ValueError(f"{cell!r} is no SID of an account of a domain")
    return cell.upper()


def _hosts(cell: str, policy: Policy | None) -> frozenset[str]:
    """Full host names. Raises ValueError for an empty list, an address or a wildcard."""
    names = [part.strip() for part in cell.split(";") if part.strip()]
    hosts = {complete_host(name, policy) if policy else fold(name) for name in names}
    wrong = sorted(host for host in hosts if not is_host_name(host))
    if wrong or not hosts:
        raise ValueError(f"{', '.join(wrong) or 'nothing'} is no host name")
    return frozenset(hosts)


def _time(cell: str) -> datetime:
    """An ISO 8601 time with a zone, between 1970 and 2261. Raises ValueError for anything else."""
    moment = datetime.fromisoformat(cell)
    if moment.tzinfo is None or not 1970 <= moment.year < 2262:
        raise ValueError(f"{cell!r} is no time with a zone (write it like 2025-12-31T23:59:59Z)")
    return moment


REGISTER = Register(
    alias=CHANGES,
    search_key="ChangeId",
    columns=COLUMNS,
    words="Approved changes that give an account the Mailbox Import Export role",
    read=read_rows,
)
