"""Attacks: how intruders gave themselves the role, as public reports describe it, and variations of it.

Dark Halo: Volexity, "Dark Halo Leverages SolarWinds Compromise to Breach Organizations" (2020-12-14).
ProxyShell: CVE-2021-34473, -34523 and -31207; "APT35 Automates Initial Access Using ProxyShell", The DFIR
Report (2022-03-21).
"""

from playbooks.mailbox_role_grant.scenarios.staging import (
    ASSIGNMENT,
    GROUP,
    MEMBERSHIP,
    GrantScenario,
    exchange_shell,
)
from playbooks.scenarios import Expected, Hours, Kind, Place, Runner, Step
from playbooks.scenarios.programs import (
    COMMAND_PROMPT,
    NET,
    POWERSHELL,
    SCHTASKS,
    TASK_SCHEDULER,
    WEB_WORKER,
    WMI_HOST,
    Program,
)

_CMD = COMMAND_PROMPT.image


def _console(script: str) -> str:
    """The reported form: cmd starts PowerShell with the Exchange console file."""
    return f'{_CMD} /C powershell.exe -PSConsoleFile exshell.psc1 -Command "{script}"'


def _by_admin(minute: float, command: str, process: Program = COMMAND_PROMPT) -> Step:
    return Step(
        minute=minute,
        command=command,
        process=process,
        parent=COMMAND_PROMPT,
        runner=Runner.COMPROMISED_ADMIN,
    )


DARK_HALO = GrantScenario(
    name="solarwinds_grant",
    title="Dark Halo: reads who holds roles, then gives the export role to the account it holds",
    kind=Kind.ATTACK,
    expected=Expected.ESCALATE,
    reasons=("script_unregistered", "self_grant", "change_not_found"),
    techniques=("T1087.003", "T1098.002", "T1059.001", "T1078.002"),
    place=Place.EXCHANGE,
    hours=Hours.ANY,
    steps=(
        _by_admin(0, _console("Get-ManagementRoleAssignment -GetEffectiveUsers | Format-Table -AutoSize")),
        _by_admin(3, _console("New-ManagementRoleAssignment -Role 'Mailbox Import Export' -User {runner}")),
    ),
)
PROXYSHELL = GrantScenario(
    name="backend_grant",
    title="ProxyShell: the impersonated user gives itself the role through the PowerShell backend",
    kind=Kind.ATTACK,
    expected=Expected.ESCALATE,
    reasons=("parent_suspicious", "self_grant", "granter_not_admin"),
    techniques=("T1190", "T1098.002", "T1059.001"),
    place=Place.EXCHANGE,
    hours=Hours.ANY,
    steps=(
        Step(
            minute=0,
            command="powershell.exe -NoProfile -Command"
            " \"New-ManagementRoleAssignment -Role 'Mailbox Import Export' -User {self}\"",
            parent=WEB_WORKER,
            runner=Runner.IMPERSONATED_USER,
        ),
    ),
)
STOLEN_ADMIN = GrantScenario(
    name="stolen_admin_grant",
    title="A stolen admin puts somebody into the export group whom another's change names",
    kind=Kind.ATTACK,
    expected=Expected.ESCALATE,
    reasons=("granter_not_approved", "grant_uncovered"),
    techniques=("T1098.007", "T1059.001", "T1078.002"),
    place=Place.WORKSTATION,
    hours=Hours.NIGHT,
    steps=(
        Step(
            minute=0, command=exchange_shell(MEMBERSHIP), parent=POWERSHELL, runner=Runner.COMPROMISED_ADMIN
        ),
    ),
)
ENCODED = GrantScenario(
    name="encoded_grant",
    title="The grant is handed over as -EncodedCommand, through WMI",
    kind=Kind.ATTACK,
    expected=Expected.ESCALATE,
    reasons=("command_encoded", "parent_suspicious"),
    techniques=("T1098.002", "T1027.010", "T1047", "T1059.001"),
    place=Place.EXCHANGE,
    hours=Hours.ANY,
    steps=(
        Step(
            minute=0,
            command=ASSIGNMENT,
            encoded=True,
            parent=WMI_HOST,
            runner=Runner.COMPROMISED_ADMIN,
        ),
    ),
)
PLANTED_TASK = GrantScenario(
    name="planted_task_grant",
    title="A planted task grants the role as SYSTEM",
    kind=Kind.ATTACK,
    expected=Expected.ESCALATE,
    reasons=("service_account", "not_interactive", "task_changed"),
    techniques=("T1053.005", "T1036.004", "T1098.002", "T1059.001"),
    place=Place.SPARE_EXCHANGE,
    hours=Hours.ANY,
    steps=(
        _by_admin(
            0,
            rf'{SCHTASKS.image} /create /tn "\Microsoft\Windows\RoleSync" /ru SYSTEM /sc once /st 00:00'
            r' /tr "powershell -File C:\Windows\Temp\s.ps1"',
            SCHTASKS,
        ),
        Step(minute=4, command=exchange_shell(ASSIGNMENT), parent=TASK_SCHEDULER, runner=Runner.SYSTEM),
    ),
)
NET_GROUP = GrantScenario(
    name="net_group_grant",
    title="The export group is changed with net group, beside Exchange",
    kind=Kind.ATTACK,
    expected=Expected.ESCALATE,
    reasons=("grant_unread",),
    techniques=("T1098.007", "T1078.002"),
    place=Place.SERVER,
    hours=Hours.ANY,
    steps=(
        _by_admin(0, f'{NET.image} group "{GROUP}" {{stranger}} /add /domain', NET),
        _by_admin(2, exchange_shell(f"Add-ADGroupMember '{GROUP}' -Members {{stranger}}"), POWERSHELL),
    ),
)
GRANT_THEN_EXPORT = GrantScenario(
    name="grant_then_export",
    title="A stolen admin repeats another's approved grant, and exports a board member minutes later",
    kind=Kind.ATTACK,
    expected=Expected.ESCALATE,
    reasons=("export_nearby", "granter_not_approved"),
    techniques=("T1098.002", "T1114.002", "T1059.001"),
    place=Place.WORKSTATION,
    hours=Hours.BUSINESS,
    steps=(
        Step(
            minute=0, command=exchange_shell(ASSIGNMENT), parent=POWERSHELL, runner=Runner.COMPROMISED_ADMIN
        ),
        Step(
            minute=8,
            command=exchange_shell(
                r"New-MailboxExportRequest -Mailbox {vip} -FilePath '\\127.0.0.1\C$\inetpub\{word}.aspx'"
            ),
            parent=POWERSHELL,
            runner=Runner.COMPROMISED_ADMIN,
        ),
    ),
)
ATTACKS = (DARK_HALO, PROXYSHELL, STOLEN_ADMIN, ENCODED, PLANTED_TASK, NET_GROUP, GRANT_THEN_EXPORT)
