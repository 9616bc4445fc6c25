"""The values that flow through the house: frozen, typed, and free of any service's wire format.

    trigger -> Incident -> Evidence -> Verdict -> WriteBack

Times are `datetime` in UTC throughout. Names are Sentinel's, ASIM's and ATT&CK's own.
"""

from playbooks.model.deployment import AlertRule, AutomationRule, Permission, QueueState, Workflow
from playbooks.model.incident import (
    Account,
    Alert,
    Classification,
    ClassificationReason,
    Host,
    Incident,
    IncidentId,
    Owner,
    Severity,
    Status,
)
from playbooks.model.lookup import (
    Absent,
    Found,
    Lookup,
    Unavailable,
)
from playbooks.model.settings import (
    BusinessHours,
    Mode,
    Policy,
    WriteSettings,
)
from playbooks.model.sources import (
    Device,
    DirectoryRole,
    DirectoryUser,
    Group,
    LoggedAlert,
    ProcessEvent,
    Risk,
    WatchlistItem,
)
from playbooks.model.verdict import (
    Briefing,
    Close,
    Escalate,
    Fact,
    Finding,
    Judgement,
    Query,
    Reason,
    RowProposal,
    Stance,
    Verdict,
)
from playbooks.model.write_back import (
    Comment,
    IncidentChange,
    Task,
    WriteBack,
)

__all__ = [
    "Absent",
    "Account",
    "Alert",
    "AlertRule",
    "AutomationRule",
    "Briefing",
    "BusinessHours",
    "Classification",
    "ClassificationReason",
    "Close",
    "Comment",
    "Device",
    "DirectoryRole",
    "DirectoryUser",
    "Escalate",
    "Fact",
    "Finding",
    "Found",
    "Group",
    "Host",
    "Incident",
    "IncidentChange",
    "IncidentId",
    "Judgement",
    "LoggedAlert",
    "Lookup",
    "Mode",
    "Owner",
    "Permission",
    "Policy",
    "ProcessEvent",
    "Query",
    "QueueState",
    "Reason",
    "Risk",
    "RowProposal",
    "Severity",
    "Stance",
    "Status",
    "Task",
    "Unavailable",
    "Verdict",
    "WatchlistItem",
    "Workflow",
    "WriteBack",
    "WriteSettings",
]
