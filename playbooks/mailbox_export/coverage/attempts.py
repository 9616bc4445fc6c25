"""One attempt to cover one command by one approval: what is met, what is missing, what could not be told."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from playbooks.mailbox_export.readings import Anchor
from playbooks.model import Unavailable

SCHEDULED_EXPORT, EDISCOVERY = "scheduled_export", "ediscovery"
SELF_EXPORT, MAINTENANCE_CLEANUP = "self_export", "maintenance_cleanup"
_RECENT = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One condition. `met` says it when it holds; `code` and `missing` say it when it does not."""

    passed: bool | Unavailable
    met: str
    code: str
    missing: str
    source: str


@dataclass(frozen=True, slots=True)
class Relied:
    """A register row that an attempt rests on, and when the service last saw it change (UTC)."""

    shown: str
    updated: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A scenario held against a command. `row` names the register row in words, `cells` are as written."""

    scenario: str
    row: str
    checks: tuple[Check, ...]
    relied: tuple[Relied, ...] = ()
    cells: tuple[tuple[str, str], ...] = ()

    @property
    def met(self) -> tuple[str, ...]:
        """Conditions that hold, in words."""
        return tuple(check.met for check in self.checks if check.passed is True)

    @property
    def missing(self) -> tuple[Check, ...]:
        """Conditions that do not hold."""
        return tuple(check for check in self.checks if check.passed is False)

    @property
    def unchecked(self) -> tuple[Unavailable, ...]:
        """Why a condition could not be told."""
        return tuple(check.passed for check in self.checks if isinstance(check.passed, Unavailable))

    @property
    def covers(self) -> bool:
        """True where every condition is proven."""
        return bool(self.checks) and not self.missing and not self.unchecked

    def recent(self, moment: datetime) -> tuple[Relied, ...]:
        """Rows that were created or changed less than 24 hours before `moment`, or after it."""
        return tuple(row for row in self.relied if moment - row.updated < _RECENT)


def uncovered_code(anchor: Anchor) -> str:
    """The reason code for a command that nothing covers."""
    return f"{anchor.what}_uncovered"


def both(*answers: bool | Unavailable) -> bool | Unavailable:
    """Logical and: a definite no wins, then a doubt."""
    if False in answers:
        return False
    return next((answer for answer in answers if isinstance(answer, Unavailable)), True)


def either(answers: Iterable[bool | Unavailable]) -> bool | Unavailable:
    """Logical or: a definite yes wins, then a doubt."""
    collected = tuple(answers)
    if True in collected:
        return True
    return next((answer for answer in collected if isinstance(answer, Unavailable)), False)
