"""Every reason code, in the order in which reasons are told. Codes are stable once released."""

COMMAND_FLAGS = (
    "target_not_pst",
    "target_web_root",
    "target_admin_share",
    "target_untrusted_host",
    "command_encoded",
    "command_lookalike",
    "command_unparsed",
    "command_cut",
    "record_suppressed",
    "removal_unscoped",
    "script_unregistered",
)
PROCESS_FLAGS = ("parent_suspicious",)
NEARBY_FLAGS = (
    "role_granted",
    "share_created",
    "archiver_used",
    "task_changed",
    "service_created",
    "log_cleared",
    "upload_tool",
)
ACCOUNT_FLAGS = ("identity_conflict", "account_risky", "account_disabled", "account_new", "runner_unknown")
REGISTER_FLAGS = ("register_row_recent", "register_row_invalid", "close_limit")
INCIDENT_FLAGS = ("other_alerts", "off_hours", "half_missing", "vip_mailbox", "terminated_employee")
RED_FLAGS = (
    *COMMAND_FLAGS,
    *PROCESS_FLAGS,
    *NEARBY_FLAGS,
    *ACCOUNT_FLAGS,
    *REGISTER_FLAGS,
    *INCIDENT_FLAGS,
)
FURTHER_REASONS = (
    "service_account_unregistered",
    "job_not_selected",
    "case_not_selected",
    "case_not_open",
    "host_not_bound",
    "path_outside_root",
    "mailbox_outside_scope",
    "outside_window",
    "removal_too_late",
    "row_expired",
    "span_too_long",
    "export_uncovered",
    "removal_uncovered",
    "logs_incomplete",
    "source_unavailable",
)
SCENARIOS = ("scheduled_export", "ediscovery", "self_export", "maintenance_cleanup")
ORDER = (*SCENARIOS, *RED_FLAGS, *FURTHER_REASONS)

RAISES_TO_HIGH = frozenset(
    {
        *(code for code in COMMAND_FLAGS if code.startswith("target_")),
        *("command_encoded", "command_lookalike", "record_suppressed"),
        *PROCESS_FLAGS,
        *NEARBY_FLAGS,
        *("account_disabled", "account_risky", "identity_conflict"),
    }
)
"""An escalation for one of these raises the incident's severity to High (policy, section 5)."""
