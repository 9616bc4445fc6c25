"""Every reason code, in the order in which reasons are told, the gravest first. Stable once released."""

APPROVED_ROLE, APPROVED_MEMBER = "approved_role_grant", "approved_group_member"
SCENARIOS = (APPROVED_ROLE, APPROVED_MEMBER)
RED_FLAGS = (
    "export_nearby",
    "parent_suspicious",
    "self_grant",
    "command_encoded",
    "command_lookalike",
    "command_unparsed",
    "command_cut",
    "script_unregistered",
    "granter_not_admin",
    "service_account",
    "runner_unknown",
    "identity_conflict",
    "account_risky",
    "account_disabled",
    "account_new",
    "grant_unread",
    "role_unknown",
    "grantee_unproven",
    "not_interactive",
    "off_hours",
    "role_granted",
    "share_created",
    "archiver_used",
    "task_changed",
    "service_created",
    "log_cleared",
    "upload_tool",
    "other_alerts",
    "register_row_recent",
    "register_row_invalid",
    "close_limit",
    "grant_missing",
)
FURTHER_REASONS = (
    "granter_not_approved",
    "grantee_not_approved",
    "role_not_approved",
    "host_not_bound",
    "row_expired",
    "row_self_approved",
    "change_not_found",
    "grant_uncovered",
    "logs_incomplete",
    "source_unavailable",
)
ORDER = (*SCENARIOS, *RED_FLAGS, *FURTHER_REASONS)
RAISES_TO_HIGH = frozenset(
    {
        "export_nearby",
        "parent_suspicious",
        "self_grant",
        "command_encoded",
        "command_lookalike",
        "granter_not_admin",
        "account_risky",
        "share_created",
        "archiver_used",
        "log_cleared",
        "upload_tool",
    }
)
