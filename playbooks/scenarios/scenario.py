"""Scenarios as values: what happens, on whose account and where, and the verdict that is right.

A scenario is a template. The simulator casts it: it picks people, hosts and a time that fit the slots
and fills the `{words}` of each command. Nothing here knows a name, a date or a random number.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from playbooks.scenarios.programs import POWERSHELL, Program


class Kind(StrEnum):
    """What the activity is."""

    BENIGN = "benign"
    ATTACK = "attack"
    AMBIGUOUS = "ambiguous"


class Expected(StrEnum):
    """What has to become of the incident."""

    CLOSE = "close"
    ESCALATE = "escalate"


class Source(StrEnum):
    """Log sources whose shape a row may have: ASIM EventProduct values."""

    SYSMON = "Sysmon"
    SECURITY = "Security Events"
    DEFENDER = "M365 Defender for Endpoint"


class Runner(StrEnum):
    """Who a process runs as, or who started it."""

    JOB_ACCOUNT = "job account"
    """RunAs of the register row in play."""
    SYSTEM = "system"
    EDISCOVERY_OPERATOR = "ediscovery operator"
    EXPORT_OPERATOR = "export operator"
    """An Exchange administrator in a group that holds the export role."""
    EXCHANGE_ADMIN = "exchange admin"
    """An Exchange administrator outside the groups that hold the export role."""
    COMPROMISED_ADMIN = "compromised admin"
    IMPERSONATED_USER = "impersonated user"
    NEW_OPERATOR = "new operator"
    """An export operator whose account is ten days old."""
    RISKY_OPERATOR = "risky operator"
    """An export operator whom Identity Protection holds to be at high risk."""
    DISABLED_OPERATOR = "disabled operator"
    HELP_DESK = "help desk"
    CONTRACTOR = "contractor"
    UNREGISTERED_SERVICE = "unregistered service"
    """A service account of the directory that no register row names."""
    BYSTANDER = "bystander"
    """An ordinary user who has nothing to do with it."""


class Place(StrEnum):
    """Where it happens."""

    EXCHANGE = "exchange server"
    SPARE_EXCHANGE = "exchange server that no job is registered for"
    LEGAL = "legal workstation"
    ADMIN = "admin workstation"
    WORKSTATION = "workstation that no register names"
    SERVER = "application server"


class Hours(StrEnum):
    """When it starts, in the organisation's local time."""

    JOB_WINDOW = "inside the window of the register row"
    OUTSIDE_WINDOW = "outside every registered window"
    BUSINESS = "business hours"
    OFF_HOURS = "early morning or evening"
    NIGHT = "night"
    ANY = "any time"


class Register(StrEnum):
    """The register row in play."""

    COMPLIANCE = "compliance job"
    BACKUP = "backup job"
    EXPIRED = "expired job"
    OPEN_CASE = "open case"
    CLOSED_CASE = "closed case"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One process. `minute` counts from the start of the scenario and may be a fraction.

    `actor` is who started the process where that is not who the parent program runs as. An `encoded`
    command is handed to PowerShell as -EncodedCommand.
    """

    minute: float
    command: str
    parent: Program
    runner: Runner
    process: Program = POWERSHELL
    actor: Runner | None = None
    encoded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A worked example and its expected outcome.

    `scenarios` are the codes that a close names, `reasons` the main codes that an escalation names
    (it may name more). `seen_by` are the rules that should raise an incident, by their playbook's words.
    `start_minutes` is the range of minutes past the clock hour in which the first step falls.
    """

    playbook: str
    name: str
    title: str
    kind: Kind
    expected: Expected
    place: Place
    hours: Hours
    steps: tuple[Step, ...]
    scenarios: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    techniques: tuple[str, ...] = ()
    seen_by: tuple[str, ...] = ()
    register: Register | None = None
    start_minutes: tuple[int, int] = (3, 12)
    sources: tuple[Source, ...] = (Source.SYSMON, Source.SECURITY, Source.DEFENDER)

    @property
    def minutes(self) -> float:
        """Length from the first to the last step."""
        return max(step.minute for step in self.steps)

    @property
    def grants_role(self) -> bool:
        """Whether a step hands out a management role, which counts against every host for an hour."""
        return any(_GRANT.search(step.command) for step in self.steps)


_GRANT = re.compile(r"New-ManagementRoleAssignment|(?:Add|Update)-RoleGroupMember", re.IGNORECASE)
_SLOT = re.compile(r"\{([a-z_]+)\}")


def slots_of(command: str) -> frozenset[str]:
    """The names of the slots in a command. A script block `{ … }` is no slot: it holds more than a word."""
    return frozenset(_SLOT.findall(command))


def fill(command: str, slots: Mapping[str, str]) -> str:
    """The command with every slot filled. Raises KeyError, naming the first slot that has no value."""
    return _SLOT.sub(lambda match: slots[match[1]], command)
