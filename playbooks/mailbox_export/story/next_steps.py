"""What the analyst does next: for each reason a step that names a place, a field and a time."""

from playbooks.mailbox_export.reason_codes import NEARBY_FLAGS, ORDER
from playbooks.mailbox_export.scene import Scene
from playbooks.mailbox_export.story.findings import when
from playbooks.model import Close, Reason, Stance, Verdict

_TARGET = (
    "Find the file: list the folder of -FilePath and the file-share audit (event 5145, RelativeTargetName), "
    "{window}; the writer is the Exchange server's computer account, not the requester. Where a command "
    "names a foreign server, look at DNS and firewall logs: who owns it, and what {hosts} sent there."
)
_WHO = (
    "Ask the owner of {runners}, by a known telephone number and not by mail, whether this was theirs, and "
    "for the ticket."
)
_COMMAND = (
    "Read what ran: PowerShell event 4104 (ScriptBlockText) and MSExchange Management event 1 on {hosts}, "
    "{window}."
)
_ACCOUNT = (
    "Check the account {people}: SigninLogs (UserPrincipalName, IPAddress, ResultType) and AuditLogs "
    "(InitiatedBy, TargetResources), seven days before {first}; reset the password and revoke sessions if "
    "the export was not theirs."
)
_MANAGED = (
    "Find who used {managed}, which no person signs in as: SecurityEvent 4624 (TargetUserName, LogonType, "
    "IpAddress) on {hosts}, {window}, and for a managed service account who may use it "
    "(PrincipalsAllowedToRetrieveManagedPassword)."
)
_PARENT = (
    "Follow the parent: process events on {hosts} (ActingProcessName, ActingProcessId), {window}; for w3wp "
    "look for new .aspx files and for POST to /autodiscover or /powershell in the IIS logs."
)
_NEARBY = "Look at what else ran: _Im_ProcessCreate where Dvc is {hosts}, {window}, field CommandLine."
_ROLE = (
    "Check who holds the role: Get-ManagementRoleAssignment -Role 'Mailbox Import Export', and the admin "
    "audit log, {window}; take back what was not approved."
)
_REGISTER = (
    "Compare the register rows with their change history (Watchlist table, _DTTimestamp, UpdatedBy) and ask "
    "the row's owner; a row that was changed lately proves nothing."
)
_ALERTS = (
    "Open the other alerts on {hosts} and {runners} first: SecurityAlert, field Entities, from 24 hours "
    "before {first}."
)
_HALF = (
    "Find the missing half: MSExchange Management event 1 (New- or Remove-MailboxExportRequest) on every "
    "Exchange server, {window}; and check that command-line auditing is on for {hosts}."
)
_REMOVAL = (
    "See which requests are gone: Get-MailboxExportRequest on the Exchange server, and MSExchange Management "
    "event 1, {window}."
)
_TICKET = (
    "Look for a ticket or case that names the mailbox and {runners}; without one, treat the export as not "
    "approved."
)
_SOURCE = (
    "Look up by hand what was not checked (see above), then decide; the permissions are in the operations "
    "guide."
)
_LOGS = "Wait until the log data is complete, then read the process events of {hosts}, {window}, once more."
_MAILBOX = "Speak to HR or the mailbox owner's manager first: the mailbox or runner is a VIP or a leaver."

_STEPS = {
    **dict.fromkeys(
        ("target_not_pst", "target_web_root", "target_admin_share", "target_untrusted_host"), _TARGET
    ),
    **dict.fromkeys(("command_encoded", "command_lookalike", "command_unparsed", "command_cut"), _COMMAND),
    **dict.fromkeys(("record_suppressed", "script_unregistered"), _COMMAND),
    **dict.fromkeys(("removal_unscoped", "removal_uncovered", "removal_too_late"), _REMOVAL),
    **dict.fromkeys(NEARBY_FLAGS, _NEARBY),
    **dict.fromkeys(("identity_conflict", "account_risky", "account_disabled", "account_new"), _ACCOUNT),
    **dict.fromkeys(("runner_unknown", "service_account_unregistered"), _ACCOUNT),
    **dict.fromkeys(("register_row_recent", "register_row_invalid", "row_expired", "close_limit"), _REGISTER),
    **dict.fromkeys(
        ("outside_window", "host_not_bound", "path_outside_root", "mailbox_outside_scope"), _TICKET
    ),
    **dict.fromkeys(("job_not_selected", "case_not_selected", "case_not_open", "export_uncovered"), _TICKET),
    **dict.fromkeys(("off_hours", "span_too_long"), _WHO),
    **dict.fromkeys(("vip_mailbox", "terminated_employee"), _MAILBOX),
    "parent_suspicious": _PARENT,
    "role_granted": _ROLE,
    "other_alerts": _ALERTS,
    "half_missing": _HALF,
    "source_unavailable": _SOURCE,
    "logs_incomplete": _LOGS,
}
_OF_ANY_ACCOUNT = frozenset({"runner_unknown", "service_account_unregistered"})
"""What may be said of a person's account and of a managed one."""


def next_steps(scene: Scene, verdict: Verdict) -> tuple[str, ...]:
    """Steps for an escalation, the gravest reason's first, each once. A close needs none."""
    if isinstance(verdict, Close):
        return ()
    codes = sorted({reason.code for reason in _open(verdict.reasons)}, key=ORDER.index)
    people, managed = _runners(scene, managed=False), _runners(scene, managed=True)
    steps = (_steps_for(code, people=people, managed=managed) for code in codes)
    wanted = dict.fromkeys(step for several in steps for step in several)
    if any(reason.stance is Stance.AGAINST for reason in verdict.reasons):
        wanted |= dict.fromkeys((_COMMAND, _WHO))
    words = _words(scene) | {"people": _named(people), "managed": _named(managed)}
    return tuple(step.format_map(words) for step in wanted)


def _steps_for(code: str, *, people: tuple[str, ...], managed: tuple[str, ...]) -> tuple[str, ...]:
    """The steps for a reason. Nobody signs in as a managed account: what to look at is where it was used."""
    step = _STEPS[code]
    if step != _ACCOUNT or not managed:
        return (step,)
    if not people:
        return (_MANAGED,)
    return (_ACCOUNT, _MANAGED) if code in _OF_ANY_ACCOUNT else (_ACCOUNT,)


def _open(reasons: tuple[Reason, ...]) -> tuple[Reason, ...]:
    return tuple(reason for reason in reasons if reason.stance is not Stance.FOR and reason.code in _STEPS)


def _words(scene: Scene) -> dict[str, str]:
    """The names and times that steps speak of; words where the evidence has none."""
    first = f"{scene.window.first:%Y-%m-%d %H:%M} UTC" if scene.window is not None else "the alert"
    return {
        "hosts": ", ".join(scene.evidence.hosts) or "the host of the alert",
        "runners": _named(_runners(scene)),
        "window": when(scene) or "the time of the alert",
        "first": first,
    }


def _runners(scene: Scene, *, managed: bool | None = None) -> tuple[str, ...]:
    """The accounts that events name; of one kind only, where that is asked."""
    identities = map(scene.identity, scene.relevant)
    wanted = (one for one in identities if managed is None or one.is_managed is managed)
    return tuple(sorted({identity.runner.shown for identity in wanted} - {""}))


def _named(runners: tuple[str, ...]) -> str:
    return ", ".join(runners[:5]) or "the account of the alert"
