"""The tables of the local workspace and the parser views over them.

Sources: columns of `ASimProcessEventLogs` from Azure/Azure-Sentinel
`.script/tests/KqlvalidationsTests/CustomTables/ASimProcessEventLogs.json`; what the native parser
makes of them from `Parsers/ASimProcessEvent/Parsers/vimProcessEventNative.yaml` (0.1.0);
`SecurityAlert` and `SecurityIncident` from the Azure Monitor table reference.
"""

from types import MappingProxyType
from typing import Final

from duckdb_kql.types import kusto_type

from simulator.eventstore.terms import HAS_TERM

type Columns = MappingProxyType[str, str]

DUCKDB_TYPES: Final = MappingProxyType(
    {
        "string": "VARCHAR",
        "dynamic": "JSON",
        "datetime": "TIMESTAMP",
        "bool": "BOOLEAN",
        "int": "INTEGER",
        "long": "BIGINT",
        "real": "DOUBLE",
    }
)


def _columns(text: str) -> Columns:
    """Reads `Name` (string) or `Name:type`, separated by blanks, in order."""
    pairs = (word.partition(":") for word in text.split())
    return MappingProxyType({name: kind or "string" for name, _, kind in pairs})


def _image(role: str) -> str:
    """The columns that acting, parent and target process share, in the table's order."""
    return (
        f"{role}ProcessFileCompany {role}ProcessFileDescription {role}ProcessFileProduct"
        f" {role}ProcessFileVersion {role}ProcessIsHidden:bool {role}ProcessInjectedAddress"
        f" {role}ProcessId {role}ProcessGuid {role}ProcessIntegrityLevel {role}ProcessMD5"
        f" {role}ProcessSHA1 {role}ProcessSHA256 {role}ProcessSHA512 {role}ProcessIMPHASH"
        f" {role}ProcessCreationTime:datetime {role}ProcessTokenElevation"
    )


def _file(role: str) -> str:
    """The file columns that acting and target process have beyond those."""
    return (
        f"{role}ProcessFileInternalName {role}ProcessFileOriginalName {role}ProcessFilename"
        f" {role}ProcessFileSize:long"
    )


PROCESS_EVENTS: Final = "ASimProcessEventLogs"
ALERTS: Final = "SecurityAlert"
INCIDENTS: Final = "SecurityIncident"
PARSERS: Final = ("_Im_ProcessCreate", "imProcessCreate")

TABLES: Final = MappingProxyType(
    {
        PROCESS_EVENTS: _columns(
            """
            TimeGenerated:datetime AdditionalFields:dynamic EventMessage EventCount:int
            EventStartTime:datetime EventEndTime:datetime EventType EventSubType EventResult
            EventResultDetails EventOriginalUid EventOriginalType EventOriginalSubType
            EventOriginalResultDetails EventSeverity EventOriginalSeverity EventProduct
            EventProductVersion EventVendor EventSchemaVersion EventOwner EventReportUrl
            DvcIpAddr DvcHostname DvcDomain DvcDomainType DvcFQDN DvcDescription DvcId DvcIdType
            DvcMacAddr DvcZone DvcOs DvcOsVersion DvcAction DvcOriginalAction DvcInterface
            DvcScopeId DvcScope
            ActorUserId ActorUserIdType ActorScopeId ActorScope ActorUsername ActorUsernameType
            ActorUserType ActorOriginalUserType ActorSessionId
            TargetUserId TargetUserIdType TargetScopeId TargetScope TargetUsername
            TargetUsernameType TargetUserType TargetOriginalUserType TargetUserSessionId
            TargetUserSessionGuid
            ActingProcessCommandLine ActingProcessName """
            f"{_image('Acting')} {_file('Acting')} ParentProcessName {_image('Parent')}"
            f" TargetProcessCommandLine TargetProcessName {_image('Target')} {_file('Target')}"
            """
            TargetProcessCurrentDirectory TargetProcessStatusCode
            TenantId Type SourceSystem _ResourceId _SubscriptionId _ItemId
            """
        ),
        ALERTS: _columns(
            """
            TenantId TimeGenerated:datetime DisplayName AlertName AlertSeverity Description
            ProviderName VendorName VendorOriginalId SystemAlertId ResourceId SourceComputerId
            AlertType ConfidenceLevel ConfidenceScore:real IsIncident:bool StartTime:datetime
            EndTime:datetime ProcessingEndTime:datetime RemediationSteps ExtendedProperties Entities
            SourceSystem WorkspaceSubscriptionId WorkspaceResourceGroup ExtendedLinks ProductName
            ProductComponentName AlertLink Status CompromisedEntity Tactics Techniques SubTechniques
            Type
            """
        ),
        INCIDENTS: _columns(
            """
            TenantId TimeGenerated:datetime IncidentName Title Description Severity Status
            Classification ClassificationComment ClassificationReason Owner:dynamic ProviderName
            ProviderIncidentId FirstActivityTime:datetime LastActivityTime:datetime
            FirstModifiedTime:datetime LastModifiedTime:datetime CreatedTime:datetime
            ClosedTime:datetime IncidentNumber:int RelatedAnalyticRuleIds:dynamic AlertIds:dynamic
            BookmarkIds:dynamic Comments:dynamic Tasks:dynamic Labels:dynamic IncidentUrl
            AdditionalData:dynamic ModifiedBy SourceSystem Type
            """
        ),
    }
)

# The parser sets EventStartTime where EventEndTime was missing: it tests the wrong column.
# Created and terminated processes both come through, since nothing gives it an event type.
PARSED: Final = MappingProxyType(
    {
        "EventStartTime": "CASE WHEN EventEndTime IS NULL THEN TimeGenerated ELSE EventStartTime END",
        "EventEndTime": "coalesce(EventEndTime, TimeGenerated)",
        "EventSchema": "'ProcessEvent'",
        "EventUid": "_ItemId",
        "Dvc": "coalesce(nullif(DvcFQDN, ''), nullif(DvcHostname, ''), nullif(DvcIpAddr, ''),"
        " nullif(DvcId, ''), _ResourceId)",
        "User": "TargetUsername",
        "Process": "TargetProcessName",
        "CommandLine": "TargetProcessCommandLine",
        "Hash": "coalesce(nullif(TargetProcessSHA512, ''), nullif(TargetProcessSHA256, ''),"
        " nullif(TargetProcessMD5, ''), nullif(TargetProcessSHA1, ''), TargetProcessIMPHASH)",
        "HashType": "CASE WHEN TargetProcessSHA512 <> '' THEN 'SHA512' WHEN TargetProcessSHA256 <> '' THEN"
        " 'SHA256' WHEN TargetProcessMD5 <> '' THEN 'MD5' WHEN TargetProcessSHA1 <> '' THEN 'SHA'"
        " WHEN TargetProcessIMPHASH <> '' THEN 'IMPHASH' ELSE '' END",
    }
)
"""What the parsers compute, as SQL over the native columns."""


def _parser_view() -> str:
    """All native columns, with those that the parsers compute in their place or after them."""
    native = TABLES[PROCESS_EVENTS]
    cells = {name: f'"{name}"' for name in native} | dict(PARSED)
    listed = ", ".join(f'{cell} AS "{name}"' for name, cell in cells.items())
    return f'SELECT {listed} FROM main."{PROCESS_EVENTS}"'  # noqa: S608 - our own column names


def _table(name: str, columns: Columns) -> str:
    """One CREATE TABLE; a string that is not given is empty, since Kusto has no null strings."""
    cells = (
        f'"{column}" {DUCKDB_TYPES[kind]}' + (" NOT NULL DEFAULT ''" if kind == "string" else "")
        for column, kind in columns.items()
    )
    return f'CREATE TABLE IF NOT EXISTS "{name}" ({", ".join(cells)})'


# Base64 that is not UTF-8 decodes to nothing in Kusto; duckdb-kql's own rendering escapes NULs as
# text and stops on bad input. It calls this name, so a macro of that name mends both.
_DECODER: Final = "CREATE OR REPLACE MACRO from_base64(x) AS TRY(decode(system.main.from_base64(x)))"

# A constant `has` becomes a pattern with classes of all letters and digits, and DuckDB compiles every
# pattern at every run: 7 ms a term. A wider pattern without them rules out, a narrower one of ASCII rules
# in, and only text where a letter beyond ASCII decides meets the full one (made to differ by row, so that
# it is not compiled for nothing). The answer is the same, since a narrower class never matches more.
_MATCHER: Final = r"""
    CREATE OR REPLACE MACRO regexp_matches(s, p) AS CASE
        WHEN s IS NULL OR p IS NULL THEN NULL
        WHEN NOT system.main.regexp_matches(s, replace(replace(replace(p,
            '(?:^|[^\pL\pN])', ''), '(?:$|[^\pL\pN])', ''), '[\pL\pN]', '.')) THEN FALSE
        WHEN NOT contains(p, '\pL') THEN TRUE
        WHEN system.main.regexp_matches(s, replace(replace(p,
            '[^\pL\pN]', '[\x00-/:-@\[-`{-\x7f]'), '[\pL\pN]', '[0-9A-Za-z]')) THEN TRUE
        WHEN system.main.regexp_matches(s, '[^\x00-\x7f]')
            THEN system.main.regexp_matches(s, p || left(s, 0))
        ELSE FALSE END
"""

DEFINITIONS: Final = (
    "SET GLOBAL TimeZone = 'UTC'",
    _DECODER,
    _MATCHER,
    HAS_TERM,
    *(_table(name, columns) for name, columns in TABLES.items()),
    *(f'CREATE OR REPLACE VIEW "{parser}" AS {_parser_view()}' for parser in PARSERS),
)


def kusto_name(duckdb_type: object) -> str:
    """The Kusto type of a DuckDB column, as Log Analytics names it."""
    return str(kusto_type(duckdb_type))
