"""What the log, the directory and the watchlists answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessEvent:
    """One ASIM ProcessEvent of type ProcessCreated. Missing columns are empty strings.

    `time` is TimeGenerated. `target` is the account the process runs as and `actor` the account that
    started it, as the ASIM parsers present them.
    """

    time: datetime
    dvc_hostname: str
    dvc_fqdn: str
    event_product: str = ""
    actor_username: str = ""
    actor_user_id: str = ""
    target_username: str = ""
    target_user_id: str = ""
    acting_process_name: str = ""
    acting_process_command_line: str = ""
    target_process_name: str = ""
    target_process_command_line: str = ""
    target_process_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedAlert:
    """One row of the SecurityAlert table; entity names in lower case, as written by the product."""

    time: datetime
    system_alert_id: str
    name: str
    product: str
    rule_ids: frozenset[str]
    host_names: frozenset[str]
    """Host names, short and full where both are known."""
    account_names: frozenset[str]
    """`domain\\name`, `name@suffix`, plain `name` where nothing else is known, and SIDs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryUser:
    """A Microsoft Graph v1.0 user, the properties that judging needs."""

    id: str
    user_principal_name: str
    display_name: str
    mail: str = ""
    mail_nickname: str = ""
    proxy_addresses: tuple[str, ...] = ()
    sam_account_name: str = ""
    domain_name: str = ""
    sid: str = ""
    enabled: bool | None = None
    created: datetime | None = None
    user_type: str = ""
    job_title: str = ""
    department: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """A group that a user is in, directly or through other groups."""

    id: str
    display_name: str


@dataclass(frozen=True, slots=True)
class DirectoryRole:
    """A directory role; `via` is `direct`, `eligible` or the name of the group that carries it."""

    display_name: str
    via: str


@dataclass(frozen=True, slots=True)
class Risk:
    """Identity Protection's word on a user (Graph riskyUser: riskLevel, riskState)."""

    level: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A Microsoft Entra device."""

    display_name: str
    trust_type: str
    is_compliant: bool | None
    is_managed: bool | None


@dataclass(frozen=True, slots=True)
class WatchlistItem:
    """One row of a watchlist: its cells as stored, and the service's own `updated` time (UTC)."""

    cells: Mapping[str, str]
    updated: datetime
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """A mapping has no hash of its own; this one is of cells in any order, and asked for many times."""
        object.__setattr__(self, "_hash", hash((frozenset(self.cells.values()), self.updated)))

    def __hash__(self) -> int:
        """Of cells and time."""
        return self._hash
