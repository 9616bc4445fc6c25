"""The processes of an ordinary working day, by the role of the machine.

Nothing here exports or removes a mailbox. Tools that policy takes for a red flag stand on plain
workstations only, where honest people do use them.
"""

from dataclasses import dataclass
from enum import StrEnum

from playbooks.scenarios.programs import (
    COMMAND_PROMPT,
    DESKTOP,
    POWERSHELL,
    SERVICE_MANAGER,
    TASK_SCHEDULER,
    WMI_HOST,
    Program,
    RunsAs,
)
from simulator.activity.wording import FRESH_GUID, HEX4, HOME, NUM4
from simulator.company.machines import Role

_SYSTEM32 = r"C:\Windows\System32"
_EXCHANGE = r"C:\Program Files\Microsoft\Exchange Server\V15\bin"
_OFFICE = r"C:\Program Files\Microsoft Office\root\Office16"
_BROWSER = r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe"
_STACK = "amd64_microsoft-windows-servicingstack_31bf3856ad364e35_10.0.26100.6893_none_a536b0a3775bd1a4"

COMPONENT_LAUNCHER = Program(
    image=rf"{_SYSTEM32}\svchost.exe",
    command_line=rf"{_SYSTEM32}\svchost.exe -k DcomLaunch -p",
    runs_as=RunsAs.SYSTEM,
)
WEB_SERVER = Program(
    image=rf"{_SYSTEM32}\svchost.exe",
    command_line=rf"{_SYSTEM32}\svchost.exe -k iissvcs",
    runs_as=RunsAs.SYSTEM,
)
HEALTH_SERVICE = Program(
    image=rf"{_EXCHANGE}\MSExchangeHMHost.exe",
    command_line=rf"{_EXCHANGE}\MSExchangeHMHost.exe",
    runs_as=RunsAs.SYSTEM,
)
SEARCH_INDEXER = Program(
    image=rf"{_SYSTEM32}\SearchIndexer.exe",
    command_line=rf"{_SYSTEM32}\SearchIndexer.exe /Embedding",
    runs_as=RunsAs.SYSTEM,
)
LOGON = Program(image=rf"{_SYSTEM32}\winlogon.exe", command_line="winlogon.exe", runs_as=RunsAs.SYSTEM)
STORE_SERVICE = Program(
    image=rf"{_EXCHANGE}\Microsoft.Exchange.Store.Service.exe",
    command_line=rf"{_EXCHANGE}\Microsoft.Exchange.Store.Service.exe",
    runs_as=RunsAs.SYSTEM,
)


class Who(StrEnum):
    """The account that a background process runs as."""

    SYSTEM = "system"
    NETWORK = "network service"
    USER = "user"
    """Whoever sits at the machine, on a server one of its administrators."""


@dataclass(frozen=True, slots=True, eq=False)
class Habit:
    """A process that a machine starts again and again; `weight` is how often against the others.

    The command line may hold what `simulator.activity.wording` describes.
    Habits compare by identity, which makes them cheap keys.
    """

    image: str
    command_line: str
    parent: Program
    who: Who
    weight: int


def _own(path: str, arguments: str = "") -> tuple[str, str]:
    """Image and command line of a program under System32."""
    image = rf"{_SYSTEM32}\{path}"
    return image, f"{image} {arguments}".rstrip()


def _quoted(image: str, arguments: str = "") -> tuple[str, str]:
    """Image and quoted command line of an installed program."""
    return image, f'"{image}" {arguments}'.rstrip()


def _script(script: str) -> tuple[str, str]:
    """Image and command line of a PowerShell one-liner."""
    return POWERSHELL.image, f'powershell.exe -NoProfile -Command "{script}"'


_EVERYWHERE = (
    Habit(*_own("taskhostw.exe"), TASK_SCHEDULER, Who.SYSTEM, 6),
    Habit(*_own(r"wbem\WmiPrvSE.exe", "-secured -Embedding"), COMPONENT_LAUNCHER, Who.NETWORK, 8),
    Habit(*_own("svchost.exe", "-k netsvcs -p -s {service}"), SERVICE_MANAGER, Who.SYSTEM, 5),
    Habit(
        *_own("dllhost.exe", "/Processid:{" + FRESH_GUID + "}"),
        COMPONENT_LAUNCHER,
        Who.SYSTEM,
        4,
    ),
    Habit(*_own("MoUsoCoreWorker.exe", "-Embedding"), COMPONENT_LAUNCHER, Who.SYSTEM, 2),
    Habit(
        *_own(
            "SearchProtocolHost.exe",
            rf'"Global\UsGthrFltPipeMssGthrPipe{NUM4}_" "Global\UsGthrCtrlFltPipeMssGthrPipe{NUM4}"'
            " 1 -2147483646",
        ),
        SEARCH_INDEXER,
        Who.SYSTEM,
        3,
    ),
    Habit(
        *_quoted(
            r"C:\Program Files (x86)\Microsoft\EdgeUpdate\MicrosoftEdgeUpdate.exe",
            f"/ua /installsource scheduler /sessionid {{{FRESH_GUID}}}",
        ),
        TASK_SCHEDULER,
        Who.SYSTEM,
        2,
    ),
    Habit(
        rf"C:\Windows\WinSxS\{_STACK}\TiWorker.exe",
        rf"C:\Windows\winsxs\{_STACK}\TiWorker.exe -Embedding",
        COMPONENT_LAUNCHER,
        Who.SYSTEM,
        1,
    ),
    Habit(*_own("gpupdate.exe", f"/target:computer /wait:{NUM4}"), TASK_SCHEDULER, Who.SYSTEM, 1),
    Habit(
        *_quoted(
            r"C:\ProgramData\Microsoft\Windows Defender\Platform\4.18.25090.3009-0\MpCmdRun.exe",
            f"SignatureUpdate -ScheduleJob -RestrictPrivileges -Reinvoke {HEX4}{HEX4}",
        ),
        TASK_SCHEDULER,
        Who.NETWORK,
        2,
    ),
    Habit(*_own("conhost.exe", "0xffffffff -ForceV1"), COMMAND_PROMPT, Who.USER, 2),
    Habit(*_own("userinit.exe"), LOGON, Who.USER, 2),
)

_SERVER = (
    *_EVERYWHERE,
    Habit(
        *_quoted(
            r"C:\Program Files\Microsoft Monitoring Agent\Agent\MonitoringHost.exe",
            f"-Embedding -Instance {HEX4}{HEX4}",
        ),
        COMPONENT_LAUNCHER,
        Who.SYSTEM,
        6,
    ),
    Habit(*_own("cmd.exe", "/c ipconfig /all"), WMI_HOST, Who.SYSTEM, 1),
    Habit(*_script("Get-Service {service} | Where-Object Status -eq Stopped"), TASK_SCHEDULER, Who.SYSTEM, 2),
    Habit(*_script("Get-Counter '{counter}' -MaxSamples 1"), TASK_SCHEDULER, Who.SYSTEM, 2),
    Habit(*_own("mmc.exe", rf"{_SYSTEM32}\{{console}}.msc"), DESKTOP, Who.USER, 1),
)

_EXCHANGE_SERVER = (
    *_SERVER,
    Habit(
        *_quoted(
            rf"{_EXCHANGE}\MSExchangeHMWorker.exe",
            rf"-pipe:{NUM4} -stopkey:Global\\ExchangeStopKey-{FRESH_GUID}",
        ),
        HEALTH_SERVICE,
        Who.SYSTEM,
        9,
    ),
    Habit(
        *_quoted(
            rf"{_EXCHANGE}\Microsoft.Exchange.Store.Worker.exe",
            f"-id:{{database}} -pipe:{NUM4} -ready:{NUM4}",
        ),
        STORE_SERVICE,
        Who.SYSTEM,
        5,
    ),
    Habit(
        *_own(
            r"inetsrv\w3wp.exe",
            rf'-ap "{{pool}}" -v "v4.0" -a \\.\pipe\iisipm{FRESH_GUID} -h'
            r' "C:\inetpub\temp\apppools\{pool}\{pool}.config" -w "" -m 0',
        ),
        WEB_SERVER,
        Who.SYSTEM,
        6,
    ),
    Habit(
        *_quoted(
            rf"{_EXCHANGE}\EdgeTransport.exe", rf"-pipe:{NUM4} -stopkey:Global\\ExchangeStopKey-{FRESH_GUID}"
        ),
        SERVICE_MANAGER,
        Who.NETWORK,
        3,
    ),
    Habit(*_quoted(rf"{_EXCHANGE}\MSExchangeMailboxReplication.exe"), SERVICE_MANAGER, Who.SYSTEM, 2),
    Habit(
        *_script("Get-MailboxDatabase {database} -Status | Format-Table Name, Mounted"), DESKTOP, Who.USER, 2
    ),
    Habit(*_script("Get-Queue -Server {exchange} | Sort-Object {queue}"), DESKTOP, Who.USER, 2),
    Habit(*_script("Test-ServiceHealth -Server {exchange}"), TASK_SCHEDULER, Who.SYSTEM, 3),
)

_DESK = (
    *_EVERYWHERE,
    Habit(*_quoted(rf"{_OFFICE}\OUTLOOK.EXE"), DESKTOP, Who.USER, 9),
    Habit(
        *_quoted(rf"{_OFFICE}\WINWORD.EXE", rf'/n "{HOME}\Documents\{{file}}.docx" /o ""'),
        DESKTOP,
        Who.USER,
        6,
    ),
    Habit(
        *_quoted(rf"{_OFFICE}\EXCEL.EXE", r'/dde "\\FS02\{share}$\{file}.xlsx"'),
        DESKTOP,
        Who.USER,
        6,
    ),
    Habit(
        *_quoted(_BROWSER, f"--single-argument https://{{site}}.contoso.com/item/{NUM4}{NUM4}"),
        DESKTOP,
        Who.USER,
        14,
    ),
    Habit(
        *_quoted(
            _BROWSER,
            f"--type=renderer --lang={{locale}} --renderer-client-id={NUM4}"
            f" --launch-time-ticks={NUM4}{NUM4} --mojo-platform-channel-handle={NUM4}",
        ),
        DESKTOP,
        Who.USER,
        12,
    ),
    Habit(
        *_quoted(
            r"C:\Program Files\WindowsApps\MSTeams_25290.205\ms-teams.exe",
            f"msteams:system-initiated --session {HEX4}{HEX4}",
        ),
        DESKTOP,
        Who.USER,
        5,
    ),
    Habit(*_own("RuntimeBroker.exe", "-Embedding"), COMPONENT_LAUNCHER, Who.USER, 7),
    Habit(
        *_own("backgroundTaskHost.exe", f"-ServerName:CortanaUI.AppX{HEX4}{HEX4}.mca"),
        COMPONENT_LAUNCHER,
        Who.USER,
        5,
    ),
    Habit(*_own("notepad.exe", rf"{HOME}\Documents\notes-{NUM4}.txt"), DESKTOP, Who.USER, 3),
    Habit(*_own("rundll32.exe", "shell32.dll,Control_RunDLL {applet}"), DESKTOP, Who.USER, 1),
)

_ADMIN_DESK = (
    *_DESK,
    Habit(*_own("mmc.exe", rf"{_SYSTEM32}\{{console}}.msc"), DESKTOP, Who.USER, 4),
    Habit(*_own("mstsc.exe", "/v:{server}.contoso.com"), DESKTOP, Who.USER, 4),
    Habit(*_script("Get-ADComputer {server} -Properties LastLogonDate | Format-List"), DESKTOP, Who.USER, 3),
)

_PLAIN_DESK = (
    *_DESK,
    Habit(
        *_quoted(r"C:\Program Files\7-Zip\7zFM.exe", rf'"{HOME}\Downloads\{{file}}.zip"'),
        DESKTOP,
        Who.USER,
        1,
    ),
    Habit(*_own("curl.exe", f"-s https://{{site}}.contoso.com/health?n={NUM4}"), COMMAND_PROMPT, Who.USER, 1),
)

HABITS = {
    Role.EXCHANGE: _EXCHANGE_SERVER,
    Role.DOMAIN_CONTROLLER: _SERVER,
    Role.FILE_SERVER: _SERVER,
    Role.APPLICATION_SERVER: _SERVER,
    Role.LEGAL: _DESK,
    Role.ADMIN: _ADMIN_DESK,
    Role.WORKSTATION: _PLAIN_DESK,
}
HEARTBEAT = Habit(*_own("taskhostw.exe"), TASK_SCHEDULER, Who.SYSTEM, 1)
