"""The registers (Sentinel watchlists): rows of text made into values, or marked as invalid with the reason.

Columns and meaning: policy, section 6. A row that cannot be read never matches; it is kept to be shown.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from functools import lru_cache

from playbooks.folding import fold
from playbooks.mailbox_export.registers.register_rows import (
    ANY_MAILBOX,
    CASES,
    EXPORT_HOSTS,
    JOBS,
    MOST_REGISTERS,
    MOST_ROWS,
    CaseRow,
    HostRow,
    InvalidRow,
    JobRow,
    Rows,
)
from playbooks.mailbox_export.registers.schedules import Schedule, parse_days, parse_windows, parse_zone
from playbooks.mailbox_export.targets import Root, parse_root
from playbooks.model import Policy, WatchlistItem
from playbooks.who.accounts import parse_run_as
from playbooks.who.hosts import complete_host, is_host_name


class _Cells:
    """Reads the cells of one row and collects every problem, so that a person can mend all at once."""

    def __init__(self, item: WatchlistItem) -> None:
        self._cells = folded_cells(item)
        self.problems: list[str] = []

    def text(self, column: str) -> str:
        """A required cell; `*` is none."""
        cell = self._cells.get(fold(column), "")
        if cell in {"", "*"}:
            self.problems.append(f"{column} is {'empty' if not cell else 'not to be *'}")
        return cell

    def optional(self, column: str) -> str:
        """A cell that may be empty."""
        return self._cells.get(fold(column), "")

    def read[T](self, column: str, parse: Callable[[str], T], *, required: bool = True) -> T | None:
        """A cell through `parse`; None, with the problem noted, where it is missing or cannot be read."""
        cell = self.optional(column)
        if not cell:
            if required:
                self.problems.append(f"{column} is empty")
            return None
        try:
            return parse(cell)
        except ValueError as error:
            self.problems.append(f"{column} cannot be read: {error}")
            return None

    def invalid(self, register: str, key: str) -> InvalidRow:
        """What is wrong with the row."""
        return InvalidRow(
            register=register,
            key=key,
            problems=tuple(self.problems),
            cells=tuple(sorted(self._cells.items())),
        )


def folded_cells(item: WatchlistItem) -> Mapping[str, str]:
    """Cells with column names folded and both sides stripped; the same in whatever order they came."""
    return {fold(name.strip()): cell.strip() for name, cell in sorted(item.cells.items())}


@lru_cache(MOST_REGISTERS)
def read_jobs(items: tuple[WatchlistItem, ...], policy: Policy) -> Rows[JobRow]:
    """The rows of MailboxExportJobs."""
    return _rows([_job(item, policy) for item in items])


@lru_cache(MOST_REGISTERS)
def read_cases(items: tuple[WatchlistItem, ...], policy: Policy) -> Rows[CaseRow]:
    """The rows of EDiscoveryCases."""
    return _rows([_case(item, policy) for item in items])


@lru_cache(MOST_REGISTERS)
def read_hosts(items: tuple[WatchlistItem, ...], policy: Policy) -> Rows[HostRow]:
    """The rows of MailboxExportHosts."""
    return _rows([_host(item, policy) for item in items])


def parse_time(text: str) -> datetime:
    """An ISO 8601 time with a zone, between 1970 and 2261. Raises ValueError for anything else."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone (write it like 2025-12-31T23:59:59Z)")
    if not 1970 <= moment.year < 2262:
        raise ValueError(f"{text!r} is outside the years 1970 to 2261")
    return moment


def names_key(name: str, key: str) -> bool:
    """True where a batch or request name is the key, or the key followed by `-` or `_` (policy, 3)."""
    folded, wanted = fold(name.strip()), fold(key)
    return folded == wanted or folded.startswith((f"{wanted}-", f"{wanted}_"))


class NameSet:
    """Names, to be asked at once what `names_key` says of each of them and another one, either way round."""

    def __init__(self, names: Iterable[str]) -> None:
        known = tuple(names)
        self._keys = frozenset(map(fold, known))
        self._beginnings = frozenset(part for name in known for part in _beginnings(name))

    def __bool__(self) -> bool:
        return bool(self._keys)

    def selects(self, key: str) -> bool:
        """True where one of the names selects the key."""
        return fold(key) in self._beginnings

    def is_related(self, name: str) -> bool:
        """True where one of the names selects this one, or this one selects it."""
        return self.selects(name) or not self._keys.isdisjoint(_beginnings(name))


def _beginnings(name: str) -> Iterator[str]:
    """Every key that the name selects: itself, and what stands before a `-` or `_`."""
    folded = fold(name.strip())
    yield folded
    yield from (folded[:place] for place, letter in enumerate(folded) if letter in "-_")


def _rows[R: (JobRow, CaseRow, HostRow)](read: list[R | InvalidRow]) -> Rows[R]:
    valid = [row for row in read if not isinstance(row, InvalidRow)]
    invalid = [row for row in read if isinstance(row, InvalidRow)]
    return Rows(_in_order(valid), _in_order(invalid))


def _in_order[R: (JobRow, CaseRow, HostRow, InvalidRow)](rows: list[R]) -> tuple[R, ...]:
    """By key, and by everything else where a key stands several times."""
    times = Counter(row.key for row in rows)
    return tuple(sorted(rows, key=lambda row: (row.key, repr(row) if times[row.key] > 1 else "")))


@lru_cache(MOST_ROWS)
def _job(item: WatchlistItem, policy: Policy) -> JobRow | InvalidRow:
    cells = _Cells(item)
    key, scenario = (
        cells.text("JobName"),
        cells.read("Scenario", _one_of("compliance", "backup", "maintenance")),
    )
    maintenance = scenario == "maintenance"
    run_as = cells.read("RunAs", lambda cell: parse_run_as(cell, policy))
    hosts = cells.read("Hosts", lambda cell: _hosts(cell, policy))
    roots = cells.read("ExportRoots", lambda cell: _roots(cell, policy), required=not maintenance)
    mailboxes = cells.read("Mailboxes", _names, required=not maintenance)
    schedule = _schedule(cells)
    valid_from, valid_until = cells.read("ValidFrom", parse_time), cells.read("ValidUntil", parse_time)
    owner, ticket = cells.text("Owner"), cells.text("Ticket")
    if valid_from and valid_until and valid_until < valid_from:
        cells.problems.append("ValidUntil is before ValidFrom")
    if cells.problems or not (scenario and run_as and hosts and schedule and valid_from and valid_until):
        return cells.invalid(JOBS, key)
    return JobRow(
        key=key,
        scenario=scenario,
        run_as=run_as,
        hosts=hosts,
        roots=roots or (),
        mailboxes=mailboxes or (),
        schedule=schedule,
        valid_from=valid_from,
        valid_until=valid_until,
        owner=owner,
        ticket=ticket,
        updated=item.updated,
        cells=_shown_cells(item),
    )


@lru_cache(MOST_ROWS)
def _case(item: WatchlistItem, policy: Policy) -> CaseRow | InvalidRow:
    cells = _Cells(item)
    key, status = cells.read("CaseId", _case_id) or "", cells.read("Status", _one_of("open", "closed"))
    custodians = cells.read("Custodians", _names)
    root = cells.read("ExportRoot", lambda cell: parse_root(cell, policy))
    hosts = cells.read("Hosts", lambda cell: _hosts(cell, policy), required=False)
    opened = cells.read("OpenedOn", parse_time)
    closed = cells.read("ClosedOn", parse_time, required=status == "closed")
    owner = cells.text("Owner")
    if custodians == ANY_MAILBOX:
        cells.problems.append("Custodians is not to be *")
    if opened and closed and closed < opened:
        cells.problems.append("ClosedOn is before OpenedOn")
    if cells.problems or not (status and custodians and root and opened):
        return cells.invalid(CASES, key or cells.optional("CaseId"))
    return CaseRow(
        key=key,
        custodians=custodians,
        root=root,
        hosts=hosts or frozenset(),
        opened=opened,
        closed=closed,
        owner=owner,
        updated=item.updated,
        cells=_shown_cells(item),
    )


@lru_cache(MOST_ROWS)
def _host(item: WatchlistItem, policy: Policy) -> HostRow | InvalidRow:
    cells = _Cells(item)
    names = cells.read("Fqdn", lambda cell: _hosts(cell, policy))
    role = cells.read("Role", _one_of("exchange", "legal", "admin"))
    if names is not None and len(names) > 1:
        cells.problems.append("Fqdn names several hosts")
    if cells.problems or not names or not role:
        return cells.invalid(EXPORT_HOSTS, complete_host(cells.optional("Fqdn"), policy))
    return HostRow(key=min(names), role=role, updated=item.updated)


def _schedule(cells: _Cells) -> Schedule | None:
    days, windows = cells.read("Days", parse_days), cells.read("Window", parse_windows)
    zone = cells.read("TimeZone", parse_zone)
    if days is None or windows is None or zone is None:
        return None
    return Schedule(weekdays=days[0], month_days=days[1], windows=windows, zone=zone)


def _shown_cells(item: WatchlistItem) -> tuple[tuple[str, str], ...]:
    """Cells as a person wrote them, for a proposal of a changed row."""
    return tuple(sorted((name.strip(), cell.strip()) for name, cell in item.cells.items()))


def _one_of(*words: str) -> Callable[[str], str]:
    def parse(cell: str) -> str:
        if fold(cell) not in words:
            raise ValueError(f"{cell!r} is none of {', '.join(words)}")
        return fold(cell)

    return parse


def _names(cell: str) -> tuple[str, ...]:
    """Names of a cell; `*` only where it stands alone."""
    names = tuple(sorted({part.strip() for part in cell.split(";") if part.strip()}))
    if not names or ("*" in names and names != ANY_MAILBOX):
        raise ValueError("empty, or * beside names")
    return names


def _hosts(cell: str, policy: Policy) -> frozenset[str]:
    names = [complete_host(part, policy) for part in cell.split(";") if part.strip()]
    if not names or any(not is_host_name(name) for name in names):
        raise ValueError(f"{cell!r} is no list of host names")
    return frozenset(names)


def _roots(cell: str, policy: Policy) -> tuple[Root, ...]:
    return tuple(parse_root(part, policy) for part in cell.split(";") if part.strip())


def _case_id(cell: str) -> str:
    """A case id that can be a folder's name."""
    if re.fullmatch(r"[\w-](?:[\w .-]*[\w-])?", cell) is None:
        raise ValueError(f"{cell!r} cannot be the name of a folder")
    return cell
