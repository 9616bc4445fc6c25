"""Programs that start, or are started in, a scenario: full image path and usual command line."""

from dataclasses import dataclass
from enum import StrEnum


class RunsAs(StrEnum):
    """The account a parent program runs as."""

    SYSTEM = "system"
    NETWORK_SERVICE = "network service"
    RUNNER = "runner"


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """`command_line` is what the sources that record it show for the running program."""

    image: str
    command_line: str
    runs_as: RunsAs = RunsAs.RUNNER


def _quoted(image: str) -> Program:
    """A program started from a shell shortcut: its path in quotes."""
    return Program(image=image, command_line=f'"{image}"')


_SYSTEM32 = r"C:\Windows\System32"

POWERSHELL = _quoted(rf"{_SYSTEM32}\WindowsPowerShell\v1.0\powershell.exe")
PWSH = _quoted(r"C:\Program Files\PowerShell\7\pwsh.exe")
COMMAND_PROMPT = _quoted(rf"{_SYSTEM32}\cmd.exe")
DESKTOP = Program(image=r"C:\Windows\explorer.exe", command_line=r"C:\Windows\Explorer.EXE")
SEVEN_ZIP = _quoted(r"C:\Windows\Temp\7z.exe")
SCHTASKS = _quoted(rf"{_SYSTEM32}\schtasks.exe")
SERVICE_CONTROL = _quoted(rf"{_SYSTEM32}\sc.exe")
NET = _quoted(rf"{_SYSTEM32}\net.exe")
CURL = _quoted(rf"{_SYSTEM32}\curl.exe")
EVENT_UTILITY = _quoted(rf"{_SYSTEM32}\wevtutil.exe")
RUNDLL32 = Program(
    image=rf"{_SYSTEM32}\rundll32.exe",
    command_line=rf"{_SYSTEM32}\rundll32.exe C:\ProgramData\wlbsctrl.dll,Start",
)
REMOTING = Program(
    image=rf"{_SYSTEM32}\wsmprovhost.exe", command_line=rf"{_SYSTEM32}\wsmprovhost.exe -Embedding"
)

TASK_SCHEDULER = Program(
    image=rf"{_SYSTEM32}\svchost.exe",
    command_line=rf"{_SYSTEM32}\svchost.exe -k netsvcs -p -s Schedule",
    runs_as=RunsAs.SYSTEM,
)
STRAY_SVCHOST = Program(
    image=r"C:\Windows\Temp\svchost.exe",
    command_line=r"C:\Windows\Temp\svchost.exe -k netsvcs -p -s Schedule",
    runs_as=RunsAs.SYSTEM,
)
SERVICE_MANAGER = Program(
    image=rf"{_SYSTEM32}\services.exe",
    command_line=rf"{_SYSTEM32}\services.exe",
    runs_as=RunsAs.SYSTEM,
)
WEB_WORKER = Program(
    image=rf"{_SYSTEM32}\inetsrv\w3wp.exe",
    command_line=rf'{_SYSTEM32}\inetsrv\w3wp.exe -ap "MSExchangePowerShellAppPool" -v "v4.0"',
    runs_as=RunsAs.SYSTEM,
)
OWA_WORKER = Program(
    image=rf"{_SYSTEM32}\inetsrv\w3wp.exe",
    command_line=rf'{_SYSTEM32}\inetsrv\w3wp.exe -ap "MSExchangeOWAAppPool" -v "v4.0"',
    runs_as=RunsAs.SYSTEM,
)
WMI_HOST = Program(
    image=rf"{_SYSTEM32}\wbem\WmiPrvSE.exe",
    command_line=rf"{_SYSTEM32}\wbem\wmiprvse.exe -secured -Embedding",
    runs_as=RunsAs.NETWORK_SERVICE,
)
