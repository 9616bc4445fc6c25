"""The registers' names and the values of their rows (policy, section 6)."""

from dataclasses import dataclass
from datetime import datetime

from playbooks.mailbox_export.registers.schedules import Schedule
from playbooks.mailbox_export.targets import Root
from playbooks.who.accounts import RunAs

JOBS, CASES, EXPORT_HOSTS = "MailboxExportJobs", "EDiscoveryCases", "MailboxExportHosts"
VIPS, LEAVERS, ASSETS = "VIPUsers", "TerminatedEmployees", "HighValueAssets"
REQUIRED, OPTIONAL = (JOBS, CASES, EXPORT_HOSTS), (VIPS, LEAVERS, ASSETS)
ANY_MAILBOX = ("*",)
MOST_ROWS, MOST_REGISTERS = 4_096, 16
"""Rows of each register, and whole registers, whose reading is kept. Every attempt asks for the rows anew,
and they hardly ever change: the same cells by the same policy read the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRow:
    """A row of MailboxExportJobs. `mailboxes` are names as written, or ANY_MAILBOX. Times are UTC-aware."""

    key: str
    scenario: str
    run_as: RunAs
    hosts: frozenset[str]
    roots: tuple[Root, ...]
    mailboxes: tuple[str, ...]
    schedule: Schedule
    valid_from: datetime
    valid_until: datetime
    owner: str
    ticket: str
    updated: datetime
    cells: tuple[tuple[str, str], ...]

    @property
    def shown(self) -> str:
        """The row in words."""
        return f"{JOBS} row {self.key} (ticket {self.ticket}, owner {self.owner})"


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRow:
    """A row of EDiscoveryCases; `closed` is None while the case is open."""

    key: str
    custodians: tuple[str, ...]
    root: Root
    hosts: frozenset[str]
    opened: datetime
    closed: datetime | None
    owner: str
    updated: datetime
    cells: tuple[tuple[str, str], ...]

    def is_open_at(self, moment: datetime) -> bool:
        """True where the case was open at that time."""
        return self.opened <= moment and (self.closed is None or moment < self.closed)

    @property
    def shown(self) -> str:
        """The row in words."""
        return f"{CASES} case {self.key} (owner {self.owner})"


@dataclass(frozen=True, slots=True, kw_only=True)
class HostRow:
    """A row of MailboxExportHosts: a host's full name and what it is for."""

    key: str
    role: str
    updated: datetime

    @property
    def shown(self) -> str:
        """The row in words."""
        return f"{EXPORT_HOSTS} row {self.key} (role {self.role})"


@dataclass(frozen=True, slots=True, kw_only=True)
class InvalidRow:
    """A row that cannot be used: which one, and what is wrong with it. Cells as written, names folded."""

    register: str
    key: str
    problems: tuple[str, ...]
    cells: tuple[tuple[str, str], ...] = ()

    @property
    def shown(self) -> str:
        """The row and its problems in words."""
        return f"{self.register} row {self.key or '(no key)'}: {'; '.join(self.problems)}"


@dataclass(frozen=True, slots=True)
class Rows[R]:
    """The rows of one register, in a fixed order: those that can be used and those that cannot."""

    valid: tuple[R, ...] = ()
    invalid: tuple[InvalidRow, ...] = ()
