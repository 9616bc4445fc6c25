"""What `powershell.exe` and `pwsh.exe` make of their arguments.

Switches and their shortest spellings: `about_PowerShell_exe` and `about_Pwsh` (Microsoft Learn), and
for the shortest spellings the public `CommandLineParameterParser` of PowerShell. A switch begins with
a hyphen, a slash or one of three typographic dashes. In Windows PowerShell the first argument that is
no switch begins the command; in PowerShell 7 it is a file.
"""

import base64
import binascii
from dataclasses import dataclass, field

from playbooks.command_line.command_letters import DASHES

_STARTS = DASHES + "/"

# Full name, shortest spelling that is accepted, further names; how many arguments follow.
_SWITCHES: tuple[tuple[str, str, tuple[str, ...], int], ...] = (
    ("version", "v", (), 1),
    ("help", "h", ("?",), 0),
    ("login", "l", (), 0),
    ("nologo", "nol", (), 0),
    ("noexit", "noe", (), 0),
    ("noprofile", "nop", (), 0),
    ("noprofileloadtime", "noprofilel", (), 0),
    ("noninteractive", "noni", (), 0),
    ("interactive", "i", (), 0),
    ("sta", "sta", (), 0),
    ("mta", "mta", (), 0),
    ("servermode", "s", (), 0),
    ("sshservermode", "sshs", (), 0),
    ("socketservermode", "so", (), 0),
    ("namedpipeservermode", "nam", (), 0),
    ("windowstyle", "w", (), 1),
    ("inputformat", "in", ("if",), 1),
    ("outputformat", "o", ("of",), 1),
    ("executionpolicy", "ex", ("ep",), 1),
    ("psconsolefile", "p", (), 1),
    ("configurationname", "config", (), 1),
    ("configurationfile", "configurationf", (), 1),
    ("settingsfile", "settings", (), 1),
    ("custompipename", "cus", (), 1),
    ("workingdirectory", "wo", ("wd",), 1),
    ("importsystemmodules", "imp", (), 0),
    ("encodedarguments", "encodeda", ("ea",), 1),
    ("encodedcommand", "e", ("ec", "enc"), 1),
    ("commandwithargs", "commandw", ("cwa",), 0),
    ("command", "c", (), 0),
    ("file", "f", (), 0),
)
_FROM_INPUT = frozenset({"servermode", "sshservermode", "socketservermode", "namedpipeservermode"})


@dataclass(slots=True)
class ShellStart:
    """What one start of PowerShell runs. Exactly the texts that are given; nothing is judged."""

    command: str | None = None
    encoded: list[str] = field(default_factory=list)
    encoded_arguments: bool = False
    file: tuple[str, ...] = ()
    from_input: bool = False
    console_files: list[str] = field(default_factory=list)
    configurations: list[str] = field(default_factory=list)


def read_switches(arguments: tuple[str, ...], *, file_first: bool = False) -> ShellStart:
    """Read the arguments behind the program's name; `file_first` for PowerShell 7 and the ISE."""
    start = ShellStart()
    at = 0
    while at < len(arguments):
        name = _switch(arguments[at])
        if name in {"command", "commandwithargs", "file"} or name is None:
            _take_rest(
                start, name or ("file" if file_first else "command"), arguments[at + (name is not None) :]
            )
            return start
        values = _SWITCH_VALUES[name]
        _take_switch(start, name, arguments[at + 1] if values and at + 1 < len(arguments) else "")
        at += 1 + values
    return start


def _take_rest(start: ShellStart, name: str, rest: tuple[str, ...]) -> None:
    if rest[:1] == ("-",):
        start.from_input = True
    elif name == "file" and rest and not _looks_like_text(rest[0]):
        start.file = rest
    elif rest:
        start.command = " ".join(rest)


def _looks_like_text(argument: str) -> bool:
    # `pwsh "Get-Date; ..."` fails as a file; reading it as a command can only raise concern.
    return any(letter in argument for letter in ";|{}$\n") or "-mailbox" in argument.lower()


def _take_switch(start: ShellStart, name: str, value: str) -> None:
    if name == "encodedcommand":
        start.encoded.append(value)
    elif name == "encodedarguments":
        start.encoded_arguments = True
    elif name == "psconsolefile":
        start.console_files.append(value)
    elif name in {"configurationname", "configurationfile", "settingsfile"}:
        start.configurations.append(value)
    elif name in _FROM_INPUT:
        start.from_input = True


def _switch(argument: str) -> str | None:
    if argument[:1] not in _STARTS or len(argument) < 2:
        return None
    name = argument.lstrip(_STARTS).rstrip(":").lower()
    for full, shortest, others, _ in _SWITCHES:
        if name in others or (name.startswith(shortest) and full.startswith(name)):
            return full
    return None


_SWITCH_VALUES = {full: values for full, _, _, values in _SWITCHES}


def is_encoded_switch(argument: str) -> bool:
    """True for any spelling of `-EncodedCommand`."""
    return _switch(argument) == "encodedcommand"


def starts_command(arguments: tuple[str, ...]) -> bool:
    """True where an argument is a switch of PowerShell that a command or a file follows."""
    following = {"command", "commandwithargs", "encodedcommand", "file"}
    return any(_switch(argument) in following for argument in arguments)


def decode_command(text: str) -> str | None:
    """Decode the argument of `-EncodedCommand` (base64 of UTF-16LE), or return None where it is damaged."""
    try:
        octets = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return None
    if not octets or len(octets) % 2:
        return None
    return octets.decode("utf-16-le", errors="replace")
