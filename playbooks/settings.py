"""App settings: read once from the environment, checked whole, every problem named at once.

Each setting is one environment variable, documented in `docs/settings.md`. Lists are separated by `;`.
Nothing runs on a guessed default: what has no safe default is required.
"""

import json
import re
from collections.abc import Mapping
from datetime import timedelta
from functools import cached_property
from hashlib import sha256
from typing import Annotated, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from playbooks.errors import SettingsError
from playbooks.model import BusinessHours, Mode, Policy, Status, WriteSettings

VERSION = "0.1.0"

_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WORKSPACE = re.compile(
    r"(?P<path>/subscriptions/[0-9a-f-]{36}/resourceGroups/[\w.()-]{1,90}"
    r"/providers/Microsoft\.OperationalInsights/workspaces/[A-Za-z0-9-]{4,63})=(?P<customer>[0-9a-f-]{36})",
    re.IGNORECASE,
)


class Workspace(BaseModel):
    """A workspace that incidents may come from: its ARM id and the customer id its log queries take."""

    model_config = ConfigDict(frozen=True)

    path: str
    customer_id: str


def _split(text: object) -> object:
    """A cell of `;`-separated parts as a tuple, blanks dropped."""
    if not isinstance(text, str):
        return text
    return tuple(part.strip() for part in text.split(";") if part.strip())


def _workspaces(text: object) -> object:
    """`/subscriptions/…/workspaces/NAME=CUSTOMER-ID`, several separated by `;`."""
    parts = _split(text)
    if not isinstance(parts, tuple):
        return parts
    matches = [(part, _WORKSPACE.fullmatch(part)) for part in parts]
    if unread := [place for place, (_, match) in enumerate(matches, start=1) if match is None]:
        raise ValueError(f"part {unread[0]} is not of the form <ARM id of the workspace>=<customer id>")
    return tuple({"path": m["path"], "customer_id": m["customer"]} for _, m in matches if m is not None)


def _domains(text: object) -> object:
    """`CONTOSO=contoso.com;FABRIKAM=fabrikam.com` as a map in lower case."""
    parts = _split(text)
    if not isinstance(parts, tuple):
        return parts
    pairs = [part.lower().partition("=") for part in parts]
    bad = [
        place
        for place, (name, equals, dns) in enumerate(pairs, start=1)
        if not (name and equals and "." in dns)
    ]
    if bad:
        raise ValueError(f"part {bad[0]} is not of the form NETBIOS=dns.name")
    return {name.strip(): dns.strip() for name, _, dns in pairs}


def _rule_ids(given: frozenset[str]) -> frozenset[str]:
    """Ids in lower case, each with or without the playbook that it is for."""
    if any(not part.rpartition("=")[2].strip() for part in given):
        raise ValueError("a part is not of the form <id> or <playbook>=<id>")
    pairs = (part.lower().rpartition("=") for part in given)
    return frozenset(f"{name.strip()}{equals}{rule.strip()}" for name, equals, rule in pairs)


def _business_hours(text: object) -> object:
    """`Mon-Fri 07:00-19:00` as weekdays and minutes."""
    if not isinstance(text, str):
        return text
    match = re.fullmatch(r"(\w{3})(?:-(\w{3}))? (\d{2}):(\d{2})-(\d{2}):(\d{2})", text.strip())
    if match is None or not {(match[1]).lower(), (match[2] or match[1]).lower()} <= set(_DAYS):
        raise ValueError("not of the form 'Mon-Fri 07:00-19:00'")
    first, last = _DAYS.index(match[1].lower()), _DAYS.index((match[2] or match[1]).lower())
    start, end = int(match[3]) * 60 + int(match[4]), int(match[5]) * 60 + int(match[6])
    if first > last or not 0 <= start < end <= 24 * 60:
        raise ValueError("days and times must run forwards, within one day")
    return BusinessHours(frozenset(range(first, last + 1)), start, end)


def _endpoint(text: object) -> object:
    """https, or http on the loopback interface (the local workspace); no path, no trailing slash."""
    if not isinstance(text, str):
        return text
    parts = urlsplit(text.strip().rstrip("/"))
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        return text.strip().rstrip("/")
    raise ValueError("must start with https:// (http only on 127.0.0.1, for the local workspace)")


def _time_zone(text: str) -> str:
    """An IANA name that this machine's time zone data knows."""
    try:
        ZoneInfo(text)
    except (KeyError, OSError, ValueError) as error:
        raise ValueError("not an IANA time zone such as Europe/Vienna") from error
    return text


type Parts = Annotated[tuple[str, ...], BeforeValidator(_split)]
type Names = Annotated[frozenset[str], BeforeValidator(_split)]
type Endpoint = Annotated[str, BeforeValidator(_endpoint)]


class Settings(BaseModel):
    """All settings. Field names are the environment variables in lower case, without `TRIAGE_`."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    workspaces: Annotated[tuple[Workspace, ...], BeforeValidator(_workspaces), Field(min_length=1)]
    mode: Mode = Mode.OBSERVE
    incidents: Annotated[str, Field(pattern="^(sentinel|graph)$")] = "sentinel"
    """Where incidents are read and written: Azure Resource Manager, or Microsoft Graph (Defender portal)."""
    queue_name: Annotated[str, Field(pattern="^[a-z0-9]+(-[a-z0-9]+)*$", min_length=3, max_length=56)] = (
        "triage"
    )
    http_auth_level: Annotated[str, Field(pattern="(?i)^(function|anonymous)$")] = "function"
    """`anonymous` only behind Entra authentication; `function` asks for a key in `x-functions-key`."""

    domains: Annotated[dict[str, str], BeforeValidator(_domains), Field(min_length=1)]
    time_zone: Annotated[str, BeforeValidator(_time_zone)]
    business_hours: Annotated[BusinessHours, BeforeValidator(_business_hours)]
    rule_ids: Annotated[Names, AfterValidator(_rule_ids)] = frozenset()
    """`<id>` or `<playbook>=<id>`; a playbook that none is given for has those of its own folder."""
    playbooks: Names = frozenset()
    """Names of the playbooks that are on; none for all that are there."""
    export_role_groups: Names = frozenset()
    exchange_admin_groups: Names = frozenset()
    ediscovery_groups: Names = frozenset()
    service_account_groups: Names = frozenset()
    service_account_patterns: Parts = ("svc-*",)
    personal_export_root: str = ""
    file_server_suffixes: Parts = ()
    identity_protection: Annotated[str, Field(pattern="^(required|none)$")] = "required"

    hold_minutes: Annotated[int, Field(ge=0, le=1440)] = 15
    log_wait_minutes: Annotated[int, Field(ge=0, le=1440)] = 120
    close_limit: Annotated[int, Field(ge=0, le=1000)] = 20
    sample_share: Annotated[float, Field(ge=0, le=1)] = 0.0
    unowned_owners: Names = frozenset()
    escalated_status: Annotated[str, Field(pattern="^(keep|Active)$")] = "keep"

    arm_endpoint: Endpoint = "https://management.azure.com"
    graph_endpoint: Endpoint = "https://graph.microsoft.com"
    logs_endpoint: Endpoint = "https://api.loganalytics.azure.com"
    client_id: str = ""
    """Client id of a user-assigned managed identity; empty for the system-assigned one."""
    local_token: str = ""
    """A fixed token for the local workspace; refused unless every endpoint is on loopback."""

    @model_validator(mode="after")
    def _local_token_stays_local(self) -> Self:
        """A fixed token never travels beyond loopback."""
        hosts = {
            urlsplit(url).hostname for url in (self.arm_endpoint, self.graph_endpoint, self.logs_endpoint)
        }
        if self.local_token and not hosts <= _LOOPBACK:
            raise ValueError(
                "TRIAGE_LOCAL_TOKEN is for the local workspace only: every endpoint must be on 127.0.0.1"
            )
        return self

    @cached_property
    def fingerprint(self) -> str:
        """A short hash of every setting but the token: a comment tells by which rules it was judged."""
        document = self.model_dump(mode="json", exclude={"local_token"})
        ordered = {
            name: sorted(value, key=repr) if isinstance(value, list) else value
            for name, value in document.items()
        }
        return sha256(json.dumps(ordered, sort_keys=True).encode()).hexdigest()[:12]

    @cached_property
    def policy(self) -> Policy:
        """What a playbook judges by, but for the ids of its rules: see `playbooks.watched`."""
        return Policy(
            domains=self.domains,
            rule_ids=frozenset(),
            export_role_groups=frozenset(name.casefold() for name in self.export_role_groups),
            exchange_admin_groups=frozenset(name.casefold() for name in self.exchange_admin_groups),
            ediscovery_groups=frozenset(name.casefold() for name in self.ediscovery_groups),
            personal_export_root=self.personal_export_root,
            file_server_suffixes=self.file_server_suffixes or tuple(self.domains.values()),
            service_account_patterns=self.service_account_patterns,
            service_account_groups=frozenset(name.casefold() for name in self.service_account_groups),
            business_hours=self.business_hours,
            time_zone=self.time_zone,
            identity_protection=self.identity_protection == "required",
            close_limit=self.close_limit,
            hold=timedelta(minutes=self.hold_minutes),
            log_wait=timedelta(minutes=self.log_wait_minutes),
        )

    @cached_property
    def write(self) -> WriteSettings:
        """How verdicts are written back."""
        return WriteSettings(
            mode=self.mode,
            sample_share=self.sample_share,
            unowned_owners=frozenset(owner.casefold() for owner in self.unowned_owners),
            escalated_status=Status.ACTIVE if self.escalated_status == "Active" else None,
            signature=f"mailbox-export-triage {VERSION}, settings {self.fingerprint}",
        )


PREFIX = "TRIAGE_"


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Settings from environment variables. Raises SettingsError with every problem, one sentence each."""
    given = {
        name.removeprefix(PREFIX).lower(): value
        for name, value in environment.items()
        if name.startswith(PREFIX) and value.strip()
    }
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        raise SettingsError(
            [_problem(detail["loc"], detail["type"], detail["msg"]) for detail in error.errors()]
        ) from None


def read_mode(environment: Mapping[str, str]) -> Mode:
    """The mode alone, as it is set now; whatever is not plainly `act` is observe."""
    acts = environment.get(f"{PREFIX}MODE", "").strip() == Mode.ACT
    return Mode.ACT if acts else Mode.OBSERVE


def _problem(place: tuple[int | str, ...], kind: str, message: str) -> str:
    """One sentence for one problem; the value itself is never repeated, it may be a secret."""
    name = PREFIX + str(place[0]).upper() if place else "settings"
    if kind == "missing":
        return f"{name} is missing. See docs/settings.md for its form and an example."
    if kind == "extra_forbidden":
        return f"{name} is not a setting of this app. Check the spelling against docs/settings.md."
    return f"{name}: {message.removeprefix('Value error, ')}"
