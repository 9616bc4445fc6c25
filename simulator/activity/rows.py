"""One process start as the log sources word it: native rows of `ASimProcessEventLogs`.

Sysmon names the user of the parent and of the process, without SIDs. Security 4688 names creator and
user: for what SYSTEM starts the creator is the computer account with S-1-5-18, and the user part is empty
where both are the same (measured in OTRF Security-Datasets). Defender names both with their SIDs.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PureWindowsPath

from playbooks.scenarios import Source
from playbooks.scenarios.programs import Program
from simulator.asim import SCHEMA_VERSION
from simulator.company.accounts import DNS, NETBIOS, Account, AccountKind
from simulator.company.machines import Machine

type Row = dict[str, str | int]

_ORIGINAL_TYPES = {Source.SYSMON: "1", Source.SECURITY: "4688", Source.DEFENDER: "ProcessCreated"}
_USER_TYPES = {
    AccountKind.PERSON: "Regular",
    AccountKind.SERVICE: "Service",
    AccountKind.MANAGED: "Service",
    AccountKind.SYSTEM: "System",
    AccountKind.NETWORK: "Service",
}
_INTEGRITY = {Source.SYSMON: "High", Source.DEFENDER: "High", Source.SECURITY: "S-1-16-12288"}
_SYSTEM_INTEGRITY = {Source.SYSMON: "System", Source.DEFENDER: "System", Source.SECURITY: "S-1-16-16384"}
_NOBODY_SID = "S-1-0-0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A process: its image, command line, id and GUID."""

    image: str
    command_line: str
    pid: str
    guid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessStart:
    """`actor` started `target` as `user` out of `acting`, at `time` (as written in the row)."""

    uid: str
    time: str
    machine: Machine
    source: Source
    actor: Account
    user: Account
    acting: Running
    target: Running


def written(time: datetime) -> str:
    """A time as rows write it: UTC, ISO 8601, milliseconds."""
    return f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03}Z"


def running(program: Program, *, pid: str, guid: str) -> Running:
    """A program that is already running."""
    return Running(image=program.image, command_line=program.command_line, pid=pid, guid=guid)


def native_row(start: ProcessStart) -> Row:
    """The row, its columns always the same and in the same order."""
    return {
        "TimeGenerated": start.time,
        "EventStartTime": start.time,
        "EventEndTime": start.time,
        "EventCount": 1,
        "EventType": "ProcessCreated",
        "EventResult": "Success",
        "EventSeverity": "Informational",
        "EventVendor": "Microsoft",
        "EventProduct": start.source.value,
        "EventSchemaVersion": SCHEMA_VERSION,
        "EventOriginalType": _ORIGINAL_TYPES[start.source],
        "EventOriginalUid": start.uid,
        **_device(start),
        **_names("Actor", *_actor(start), kind=start.actor.kind),
        **_names("Target", *_user(start), kind=start.user.kind),
        **_processes(start),
    }


def _device(start: ProcessStart) -> Row:
    """The device: Defender writes names in lower case, the others give the full name as host name."""
    machine = start.machine
    lowered = start.source is Source.DEFENDER
    return {
        "DvcHostname": machine.name.lower() if lowered else machine.fqdn,
        "DvcDomain": DNS,
        "DvcDomainType": "FQDN",
        "DvcFQDN": machine.fqdn.lower() if lowered else machine.fqdn,
        "DvcIpAddr": machine.address,
        "DvcOs": "Windows Server 2022" if machine.role.is_server else "Windows 11",
    }


def _names(role: str, name: str, sid: str, *, kind: AccountKind) -> Row:
    """Name and SID with their types."""
    named = name not in {"", "-"}
    return {
        f"{role}Username": name,
        f"{role}UsernameType": "Windows" if named else "",
        f"{role}UserId": sid,
        f"{role}UserIdType": "SID" if sid else "",
        f"{role}UserType": _USER_TYPES[kind] if named else "",
    }


def _actor(start: ProcessStart) -> tuple[str, str]:
    """Who started the process: name and SID."""
    return _principal(start.actor, start)


def _user(start: ProcessStart) -> tuple[str, str]:
    """Who the process runs as: name and SID. 4688 gives no SID, and no name where it is the creator's."""
    if start.source is not Source.SECURITY:
        return _principal(start.user, start)
    if start.user == start.actor:
        return "-", _NOBODY_SID
    return _principal(start.user, start)[0], _NOBODY_SID


def _principal(account: Account, start: ProcessStart) -> tuple[str, str]:
    """An account in the source's words: name and SID."""
    match start.source:
        case Source.SECURITY if account.is_built_in:
            return f"{NETBIOS}\\{start.machine.name}$", account.sid
        case Source.SYSMON:
            return account.windows_name, ""
        case Source.DEFENDER if account.is_built_in:
            return account.windows_name.lower(), account.sid
        case _:
            return account.windows_name, account.sid


def _processes(start: ProcessStart) -> Row:
    """Acting and target process; 4688 has no command line of the parent and no GUIDs."""
    bare = start.source is Source.SECURITY
    levels = _SYSTEM_INTEGRITY if start.user.is_built_in else _INTEGRITY
    return {
        "ActingProcessName": start.acting.image,
        "ActingProcessFilename": PureWindowsPath(start.acting.image).name,
        "ActingProcessCommandLine": "" if bare else start.acting.command_line,
        "ActingProcessId": start.acting.pid,
        "ActingProcessGuid": "" if bare else start.acting.guid,
        "TargetProcessName": start.target.image,
        "TargetProcessFilename": PureWindowsPath(start.target.image).name,
        "TargetProcessCommandLine": start.target.command_line,
        "TargetProcessId": start.target.pid,
        "TargetProcessGuid": "" if bare else start.target.guid,
        "TargetProcessIntegrityLevel": levels[start.source],
        "TargetProcessCreationTime": start.time,
    }
