"""The processes of an ordinary working day, by the role of the machine.

Nothing here exports or removes a mailbox. Tools that policy takes for a red flag stand on plain
workstations only, where honest people do use them.
"""

from dataclasses import dataclass
from enum import StrEnum

from playbooks.mailbox_export.scenarios.programs import (
    COMMAND_PROMPT,
    DESKTOP,
    POWERSHELL,
    SERVICE_MANAGER,
    TASK_SCHEDULER,
    WMI_HOST,
    Program,
    RunsAs,
)
from simulator.company.machines import Role

_SYSTEM32 = r"C:\Windows\System32"
_EXCHANGE = r"C:\Program Files\Microsoft\Exchange Server\V15\bin"
_OFFICE = r"C:\Program Files\Microsoft Office\root\Office16"

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
    Habit(*_own("svchost.exe", "-k netsvcs -p -s wlidsvc"), SERVICE_MANAGER, Who.SYSTEM, 5),
    Habit(
        *_own("dllhost.exe", "/Processid:{AB8902B4-09CA-4BB6-B78D-A8F59079A8D5}"),
        COMPONENT_LAUNCHER,
        Who.SYSTEM,
        4,
    ),
    Habit(*_own("MoUsoCoreWorker.exe", "-Embedding"), COMPONENT_LAUNCHER, Who.SYSTEM, 2),
    Habit(
        *_quoted(
            r"C:\ProgramData\Microsoft\Windows Defender\Platform\4.18.25090.3009-0\MpCmdRun.exe",
            "SignatureUpdate -ScheduleJob -RestrictPrivileges",
        ),
        TASK_SCHEDULER,
        Who.NETWORK,
        2,
    ),
    Habit(*_own("conhost.exe", "0xffffffff -ForceV1"), COMMAND_PROMPT, Who.USER, 2),
)

_SERVER = (
    *_EVERYWHERE,
    Habit(
        *_quoted(r"C:\Program Files\Microsoft Monitoring Agent\Agent\MonitoringHost.exe", "-Embedding"),
        COMPONENT_LAUNCHER,
        Who.SYSTEM,
        6,
    ),
    Habit(*_own("cmd.exe", "/c ipconfig /all"), WMI_HOST, Who.SYSTEM, 1),
    Habit(*_script("Get-Service | Where-Object Status -eq Stopped"), TASK_SCHEDULER, Who.SYSTEM, 2),
    Habit(*_script("Get-Counter '\\Memory\\Available MBytes'"), TASK_SCHEDULER, Who.SYSTEM, 2),
    Habit(*_own("mmc.exe", rf"{_SYSTEM32}\eventvwr.msc"), DESKTOP, Who.USER, 1),
)

_EXCHANGE_SERVER = (
    *_SERVER,
    Habit(
        *_quoted(rf"{_EXCHANGE}\MSExchangeHMWorker.exe", "-pipe:1820 -stopkey:Global"),
        HEALTH_SERVICE,
        Who.SYSTEM,
        9,
    ),
    Habit(
        *_quoted(rf"{_EXCHANGE}\Microsoft.Exchange.Store.Worker.exe", "-id:MDB01 -ready:1"),
        STORE_SERVICE,
        Who.SYSTEM,
        5,
    ),
    Habit(*_own(r"inetsrv\w3wp.exe", '-ap "MSExchangeRpcProxyAppPool" -v "v4.0"'), WEB_SERVER, Who.SYSTEM, 6),
    Habit(
        *_quoted(rf"{_EXCHANGE}\EdgeTransport.exe", "-pipe:2104 -stopkey:Global"),
        SERVICE_MANAGER,
        Who.NETWORK,
        3,
    ),
    Habit(*_quoted(rf"{_EXCHANGE}\MSExchangeMailboxReplication.exe"), SERVICE_MANAGER, Who.SYSTEM, 2),
    Habit(*_script("Get-MailboxDatabase -Status | Format-Table"), DESKTOP, Who.USER, 2),
    Habit(*_script("Get-Queue | Sort-Object MessageCount"), DESKTOP, Who.USER, 2),
    Habit(*_script("Test-ServiceHealth"), TASK_SCHEDULER, Who.SYSTEM, 3),
)

_DESK = (
    *_EVERYWHERE,
    Habit(*_quoted(rf"{_OFFICE}\OUTLOOK.EXE"), DESKTOP, Who.USER, 9),
    Habit(*_quoted(rf"{_OFFICE}\WINWORD.EXE", "/n"), DESKTOP, Who.USER, 6),
    Habit(*_quoted(rf"{_OFFICE}\EXCEL.EXE", "/e"), DESKTOP, Who.USER, 6),
    Habit(
        *_quoted(r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe", "--single-argument"),
        DESKTOP,
        Who.USER,
        14,
    ),
    Habit(*_quoted(r"C:\Program Files\WindowsApps\MSTeams_25290.205\ms-teams.exe"), DESKTOP, Who.USER, 5),
    Habit(*_own("RuntimeBroker.exe", "-Embedding"), COMPONENT_LAUNCHER, Who.USER, 7),
    Habit(
        *_own("backgroundTaskHost.exe", "-ServerName:CortanaUI.AppX8z9r6jm"), COMPONENT_LAUNCHER, Who.USER, 5
    ),
    Habit(*_own("notepad.exe"), DESKTOP, Who.USER, 3),
)

_ADMIN_DESK = (
    *_DESK,
    Habit(*_own("mmc.exe", rf"{_SYSTEM32}\dsa.msc"), DESKTOP, Who.USER, 4),
    Habit(*_own("mstsc.exe", "/v:EXCH01"), DESKTOP, Who.USER, 4),
    Habit(*_script("Get-ADUser -Filter * | Measure-Object"), DESKTOP, Who.USER, 3),
)

_PLAIN_DESK = (
    *_DESK,
    Habit(
        *_quoted(r"C:\Program Files\7-Zip\7zFM.exe", r"C:\Users\Public\Downloads\offer.zip"),
        DESKTOP,
        Who.USER,
        1,
    ),
    Habit(*_own("curl.exe", "-s https://status.contoso.com/health"), COMMAND_PROMPT, Who.USER, 1),
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
