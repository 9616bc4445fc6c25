"""Attacks that imitate honest work: the right name, host, hour or account, never all of them together."""

from playbooks.mailbox_export.scenarios import commands
from playbooks.mailbox_export.scenarios.scenario import ExportScenario
from playbooks.scenarios import Expected, Hours, Kind, Place, Register, Runner, Step
from playbooks.scenarios.programs import (
    COMMAND_PROMPT,
    POWERSHELL,
    PWSH,
    TASK_SCHEDULER,
    Program,
)

_EXFILTRATION = ("T1114.002", "T1070.008", "T1059.001")
_DRIVE_EXPORT = r"New-MailboxExportRequest -Mailbox {stranger} -FilePath '\\{host}\c$\temp\{word}.pst'"


def _typed(
    minute: float, script: str, runner: Runner = Runner.COMPROMISED_ADMIN, *, parent: Program = POWERSHELL
) -> Step:
    """A step in the Exchange management shell, from a console."""
    return Step(minute=minute, command=commands.exchange_shell(script), parent=parent, runner=runner)


INSIDER = ExportScenario(
    name="insider_night_export",
    title="An Exchange administrator takes an executive's mailbox at night",
    kind=Kind.ATTACK,
    expected=Expected.ESCALATE,
    reasons=("export_uncovered", "vip_mailbox"),
    techniques=(*_EXFILTRATION, "T1078.002"),
    place=Place.EXCHANGE,
    hours=Hours.NIGHT,
    steps=(
        _typed(
            0,
            r"New-MailboxExportRequest -Mailbox {vip} -FilePath '{archive_root}\{vip}.pst'",
            Runner.EXPORT_OPERATOR,
        ),
        _typed(26, commands.removal_of("{vip}"), Runner.EXPORT_OPERATOR),
    ),
)

HIJACKED_JOB = ExportScenario(
    name="hijacked_job_name",
    title="A stolen administrator uses the compliance job's name, root and hour",
    kind=Kind.ATTACK,
    expected=Expected.ESCALATE,
    reasons=("export_uncovered", "removal_uncovered"),
    techniques=(*_EXFILTRATION, "T1036.004", "T1078.002"),
    register=Register.COMPLIANCE,
    place=Place.EXCHANGE,
    hours=Hours.JOB_WINDOW,
    steps=(_typed(0, commands.JOB_EXPORT), _typed(22, commands.BATCH_REMOVAL)),
)

SERVICE_SCRIPT = ExportScenario(
    name="unregistered_service_script",
    title="A scheduled script under a service account that no register names",
    kind=Kind.ATTACK,
    expected=Expected.ESCALATE,
    reasons=("service_account_unregistered",),
    techniques=(*_EXFILTRATION, "T1053.005"),
    place=Place.EXCHANGE,
    hours=Hours.ANY,
    steps=(
        Step(
            minute=0,
            command=commands.snap_in(
                "New-MailboxExportRequest -Mailbox {stranger} -BatchName {word}"
                r" -FilePath '{archive_root}\{word}.pst'"
            ),
            parent=TASK_SCHEDULER,
            runner=Runner.UNREGISTERED_SERVICE,
        ),
        Step(
            minute=17,
            command=commands.snap_in(
                "Get-MailboxExportRequest -BatchName {word} | Remove-MailboxExportRequest -Confirm:$false"
            ),
            parent=TASK_SCHEDULER,
            runner=Runner.UNREGISTERED_SERVICE,
        ),
    ),
)

CLOSED_CASE = ExportScenario(
    name="stolen_ediscovery_closed_case",
    title="A stolen legal account exports for a case that was closed long ago",
    kind=Kind.ATTACK,
    expected=Expected.ESCALATE,
    reasons=("case_not_open",),
    techniques=(*_EXFILTRATION, "T1078.002"),
    register=Register.CLOSED_CASE,
    place=Place.LEGAL,
    hours=Hours.BUSINESS,
    steps=(
        _typed(0, commands.CASE_EXPORT, Runner.EDISCOVERY_OPERATOR),
        _typed(19, commands.CASE_REMOVAL, Runner.EDISCOVERY_OPERATOR),
    ),
)

WRONG_CUSTODIAN = ExportScenario(
    name="stolen_ediscovery_wrong_custodian",
    title="A stolen legal account exports somebody who is no custodian of the case it names",
    kind=Kind.ATTACK,
    expected=Expected.ESCALATE,
    reasons=("mailbox_outside_scope",),
    techniques=(*_EXFILTRATION, "T1078.002"),
    register=Register.OPEN_CASE,
    place=Place.LEGAL,
    hours=Hours.BUSINESS,
    steps=(
        _typed(
            0,
            "New-MailboxExportRequest -Mailbox {stranger} -BatchName {case}"
            r" -FilePath '{root}\{case}\{stranger}.pst'",
            Runner.EDISCOVERY_OPERATOR,
        ),
        _typed(23, commands.CASE_REMOVAL, Runner.EDISCOVERY_OPERATOR),
    ),
)

ENCODED = ExportScenario(
    name="encoded_export",
    title="Both commands are handed over as -EncodedCommand",
    kind=Kind.ATTACK,
    expected=Expected.ESCALATE,
    reasons=("command_encoded", "target_admin_share"),
    techniques=(*_EXFILTRATION, "T1027.010"),
    seen_by=("correlated",),
    place=Place.EXCHANGE,
    hours=Hours.ANY,
    steps=(
        Step(
            minute=0,
            command=f"{commands.SNAP_IN}; {_DRIVE_EXPORT}",
            encoded=True,
            parent=COMMAND_PROMPT,
            runner=Runner.COMPROMISED_ADMIN,
        ),
        Step(
            minute=23,
            command=f"{commands.SNAP_IN}; {commands.ANY_REMOVAL}",
            encoded=True,
            parent=COMMAND_PROMPT,
            runner=Runner.COMPROMISED_ADMIN,
        ),
    ),
)

HOUR_EDGE = ExportScenario(
    name="hour_edge",
    title="Export before and removal after the full hour, so that a clock-hour bin parts them",
    kind=Kind.ATTACK,
    expected=Expected.ESCALATE,
    reasons=("target_admin_share",),
    techniques=_EXFILTRATION,
    seen_by=("correlated",),
    start_minutes=(51, 56),
    place=Place.EXCHANGE,
    hours=Hours.ANY,
    steps=(_typed(0, _DRIVE_EXPORT), _typed(11, commands.removal_of("{stranger}"))),
)

HOSTILE_EXPORT_CLEANED = ExportScenario(
    name="cleanup_of_hostile_export",
    title="A stolen administrator exports; the honest clean-up removes the request for him",
    kind=Kind.ATTACK,
    expected=Expected.ESCALATE,
    reasons=("export_uncovered",),
    techniques=(*_EXFILTRATION, "T1078.002"),
    seen_by=("correlated",),
    register=Register.COMPLIANCE,
    place=Place.EXCHANGE,
    hours=Hours.JOB_WINDOW,
    steps=(
        _typed(0, r"New-MailboxExportRequest -Mailbox {stranger} -FilePath '{root}\{date}\{stranger}.pst'"),
        Step(
            minute=31,
            command=commands.snap_in(commands.COMPLETED_REMOVAL),
            parent=TASK_SCHEDULER,
            runner=Runner.SYSTEM,
        ),
    ),
)

LOW_AND_SLOW = ExportScenario(
    name="low_and_slow",
    title="One mailbox in the morning, its removal five hours later",
    kind=Kind.ATTACK,
    expected=Expected.ESCALATE,
    reasons=("export_uncovered",),
    techniques=_EXFILTRATION,
    seen_by=(),
    place=Place.ADMIN,
    hours=Hours.ANY,
    steps=(
        _typed(0, r"New-MailboxExportRequest -Mailbox {stranger} -FilePath '{archive_root}\{stranger}.pst'"),
        _typed(305, commands.removal_of("{stranger}")),
    ),
)

GRANTED_SELF_EXPORT = ExportScenario(
    name="granted_self_export",
    title="A help-desk account is put into the export group and exports its own mailbox",
    kind=Kind.ATTACK,
    expected=Expected.ESCALATE,
    reasons=("role_granted", "export_uncovered"),
    techniques=(*_EXFILTRATION, "T1098.002"),
    place=Place.ADMIN,
    hours=Hours.ANY,
    steps=(
        _typed(0, "Add-RoleGroupMember 'Mailbox Export Operators' -Member {own}", Runner.HELP_DESK),
        _typed(10, commands.OWN_EXPORT, Runner.HELP_DESK),
        _typed(27, commands.OWN_REMOVAL, Runner.HELP_DESK),
    ),
)

POWERSHELL_SEVEN = ExportScenario(
    name="pwsh_export",
    title="Both commands run in pwsh.exe, which the seed rule does not look at",
    kind=Kind.ATTACK,
    expected=Expected.ESCALATE,
    reasons=("target_admin_share",),
    techniques=_EXFILTRATION,
    seen_by=("correlated",),
    place=Place.EXCHANGE,
    hours=Hours.ANY,
    steps=tuple(
        Step(
            minute=minute,
            command=f'"{PWSH.image}" -NoProfile -Command "{commands.SNAP_IN}; {script}"',
            process=PWSH,
            parent=PWSH,
            runner=Runner.COMPROMISED_ADMIN,
        )
        for minute, script in ((0, _DRIVE_EXPORT), (16, commands.removal_of("{stranger}")))
    ),
)

LOOKALIKES = (
    INSIDER,
    HIJACKED_JOB,
    SERVICE_SCRIPT,
    CLOSED_CASE,
    WRONG_CUSTODIAN,
    ENCODED,
    HOUR_EDGE,
    HOSTILE_EXPORT_CLEANED,
    LOW_AND_SLOW,
    GRANTED_SELF_EXPORT,
    POWERSHELL_SEVEN,
)
