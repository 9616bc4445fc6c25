"""What a row of `ASimProcessEventLogs` may hold, and what is wrong with one that holds anything else.

Schema: ASIM ProcessEvent 0.1.4 (Azure/Azure-Sentinel `ASIM/dev/ASimTester/ASimTester.csv`; columns from
`.script/tests/KqlvalidationsTests/CustomTables/ASimProcessEventLogs.json`). Aliases such as `Dvc` and
`CommandLine` exist behind the parser only: a row that stores one is wrong.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from types import MappingProxyType

SCHEMA_VERSION = "0.1.4"


def _process(role: str) -> frozenset[str]:
    """String columns that acting, parent and target process share."""
    shared = (
        "Name FileCompany FileDescription FileProduct FileVersion InjectedAddress Id Guid IntegrityLevel"
        " MD5 SHA1 SHA256 SHA512 IMPHASH TokenElevation"
    )
    return frozenset(f"{role}Process{column}" for column in shared.split())


def _user(role: str) -> frozenset[str]:
    """Columns that actor and target user share."""
    shared = "UserId UserIdType ScopeId Scope Username UsernameType UserType OriginalUserType"
    return frozenset(f"{role}{column}" for column in shared.split())


_FILE = "CommandLine FileInternalName FileOriginalName Filename"
_EVENT = (
    "Message Type SubType Result ResultDetails OriginalUid OriginalType OriginalSubType"
    " OriginalResultDetails Severity OriginalSeverity Product ProductVersion Vendor SchemaVersion Owner"
    " ReportUrl"
)
_DEVICE = (
    "IpAddr Hostname Domain DomainType FQDN Description Id IdType MacAddr Zone Os OsVersion Action"
    " OriginalAction Interface ScopeId Scope"
)
STRINGS = (
    _process("Acting")
    | _process("Parent")
    | _process("Target")
    | _user("Actor")
    | _user("Target")
    | frozenset(f"{role}Process{column}" for role in ("Acting", "Target") for column in _FILE.split())
    | frozenset(f"Event{column}" for column in _EVENT.split())
    | frozenset(f"Dvc{column}" for column in _DEVICE.split())
    | frozenset({"ActorSessionId", "TargetUserSessionId", "TargetUserSessionGuid"})
    | frozenset({"TargetProcessCurrentDirectory", "TargetProcessStatusCode"})
)
TIMES = frozenset(
    {
        "TimeGenerated",
        "EventStartTime",
        "EventEndTime",
        "ActingProcessCreationTime",
        "ParentProcessCreationTime",
        "TargetProcessCreationTime",
    }
)
NUMBERS = frozenset({"EventCount", "ActingProcessFileSize", "TargetProcessFileSize"})
TRUTHS = frozenset({"ActingProcessIsHidden", "ParentProcessIsHidden", "TargetProcessIsHidden"})
COLUMNS = STRINGS | TIMES | NUMBERS | TRUTHS | {"AdditionalFields"}

MANDATORY = frozenset(
    {
        "ActingProcessId",
        "ActorUsername",
        "EventCount",
        "EventEndTime",
        "EventProduct",
        "EventResult",
        "EventSchemaVersion",
        "EventStartTime",
        "EventType",
        "EventVendor",
        "TargetProcessCommandLine",
        "TargetProcessId",
        "TargetProcessName",
        "TargetUsername",
        "TimeGenerated",
    }
)
"""Mandatory columns that the table stores; `Dvc` and `Type` come from the parser and the service."""
EMPTY_AT_TIMES = frozenset({"TargetUsername", "TargetProcessCommandLine"})
"""4688 leaves these empty where creator and user are the same, and where command lines are not audited."""
_DEVICE_NAMES = ("DvcFQDN", "DvcHostname", "DvcIpAddr", "DvcId")

_USERNAME_TYPES = frozenset({"UPN", "Windows", "DN", "Simple"})
_USER_ID_TYPES = frozenset(
    "SID UID AADID OktaId AWSId PUID SalesforceId VectraUserId MD4IoTid Other".split()  # noqa: SIM905 - a word list
)
_USER_TYPES = frozenset({"Regular", "Guest", "Machine", "Admin", "System", "Application", "Service", "Other"})
VALUES = MappingProxyType(
    {
        "EventType": frozenset({"ProcessCreated", "ProcessTerminated"}),
        "EventResult": frozenset({"Success", "Failure", "Partial", "NA"}),
        "EventSeverity": frozenset({"Informational", "Low", "Medium", "High"}),
        "EventVendor": frozenset({"Microsoft"}),
        "EventProduct": frozenset(
            {
                "M365 Defender for Endpoint",
                "Sysmon",
                "Sysmon for Linux",
                "Security Events",
                "Azure Defender for IoT",
            }
        ),
        "ActorUsernameType": _USERNAME_TYPES,
        "TargetUsernameType": _USERNAME_TYPES,
        "ActorUserIdType": _USER_ID_TYPES,
        "TargetUserIdType": _USER_ID_TYPES,
        "ActorUserType": _USER_TYPES,
        "TargetUserType": _USER_TYPES,
        "DvcDomainType": frozenset({"Windows", "FQDN", "ResourceGroup"}),
        "DvcIdType": frozenset(
            "AzureResourceId MDEid MD4IoTid VMConnectionId AwsVpcId VectraId AppGateId Other".split()  # noqa: SIM905
        ),
    }
)
"""Allowed values; only the Microsoft products of the schema are written here."""
_TYPED = MappingProxyType(
    {
        "ActorUsernameType": "ActorUsername",
        "TargetUsernameType": "TargetUsername",
        "ActorUserIdType": "ActorUserId",
        "TargetUserIdType": "TargetUserId",
        "DvcDomainType": "DvcDomain",
        "DvcIdType": "DvcId",
    }
)
"""Conditional columns: the type has to be there where the value is."""
_NO_NAME = frozenset({"", "-", "-\\-"})
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,7})?Z")


def problems(row: Mapping[str, object]) -> tuple[str, ...]:
    """Everything that is wrong with a row, one sentence each; empty for a good row."""
    return (
        *_unknown(row),
        *_missing(row),
        *_mistyped(row),
        *_disallowed(row),
        *_untyped(row),
        *_disordered(row),
    )


def _unknown(row: Mapping[str, object]) -> Iterator[str]:
    """Columns the table does not have, parser aliases among them."""
    return (f"{name} is no column of ASimProcessEventLogs" for name in row if name not in COLUMNS)


def _missing(row: Mapping[str, object]) -> Iterator[str]:
    """Mandatory columns that are absent or empty."""
    for name in sorted(MANDATORY):
        if row.get(name) is None or (row[name] == "" and name not in EMPTY_AT_TIMES):
            yield f"{name} is mandatory and missing"
    if not any(row.get(name) for name in _DEVICE_NAMES):
        yield f"no device: one of {', '.join(_DEVICE_NAMES)} is needed"


def _mistyped(row: Mapping[str, object]) -> Iterator[str]:
    """Values of another type than the column's."""
    for name, cell in row.items():
        if name in STRINGS and not isinstance(cell, str):
            yield f"{name} must be text"
        elif name in TIMES and not (isinstance(cell, str) and _is_time(cell)):
            yield f"{name} is not a UTC time such as 2026-11-16T08:00:00.000Z"
        elif name in NUMBERS and (not isinstance(cell, int) or isinstance(cell, bool)):
            yield f"{name} must be a whole number"
        elif name in TRUTHS and not isinstance(cell, bool):
            yield f"{name} must be true or false"


def _is_time(text: str) -> bool:
    """Whether the text is an existing UTC time in ISO 8601."""
    if not _TIME.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _disallowed(row: Mapping[str, object]) -> Iterator[str]:
    """Values outside an enumeration, and another schema version than ours."""
    for name, allowed in VALUES.items():
        if row.get(name) and row[name] not in allowed:
            yield f"{name} has the value {row[name]!r}, which the schema does not allow"
    if row.get("EventSchemaVersion") != SCHEMA_VERSION:
        yield f"EventSchemaVersion must be {SCHEMA_VERSION}"


def _untyped(row: Mapping[str, object]) -> Iterator[str]:
    """Values without their type, and types without a value."""
    for kind, value in _TYPED.items():
        named = str(row.get(value) or "") not in _NO_NAME
        if named != bool(row.get(kind)):
            yield f"{kind} must be there exactly where {value} names something"


def _disordered(row: Mapping[str, object]) -> Iterator[str]:
    """An end before the start."""
    if str(row.get("EventEndTime") or "") < str(row.get("EventStartTime") or ""):
        yield "EventEndTime lies before EventStartTime"
