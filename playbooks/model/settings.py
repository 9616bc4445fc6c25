"""What the organisation has told us."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from playbooks.model.incident import Status


@dataclass(frozen=True, slots=True)
class BusinessHours:
    """Weekdays (Monday is 0) and local times in minutes after midnight; `end` is not included."""

    weekdays: frozenset[int]
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What the organisation has told us, as policy and settings name it. Names compare without case."""

    domains: Mapping[str, str]
    """NetBIOS name -> DNS name, for each domain of the organisation, both in lower case."""
    rule_ids: frozenset[str]
    export_role_groups: frozenset[str]
    exchange_admin_groups: frozenset[str]
    ediscovery_groups: frozenset[str]
    personal_export_root: str
    file_server_suffixes: tuple[str, ...]
    service_account_patterns: tuple[str, ...]
    service_account_groups: frozenset[str]
    business_hours: BusinessHours
    time_zone: str
    identity_protection: bool = True
    close_limit: int = 20
    hold: timedelta = timedelta(minutes=15)
    log_wait: timedelta = timedelta(hours=2)

    def __hash__(self) -> int:
        """Of little, and quickly: there are few policies, and a mapping has none of its own."""
        return hash((self.rule_ids, self.time_zone))


class Mode(StrEnum):
    """`observe` comments and labels only; `act` closes and escalates."""

    OBSERVE = "observe"
    ACT = "act"


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteSettings:
    """How a verdict is written back."""

    mode: Mode
    sample_share: float = 0.0
    unowned_owners: frozenset[str] = frozenset()
    escalated_status: Status | None = None
    signature: str = ""
    """Version of the app and hash of its settings, for the end of each comment."""
