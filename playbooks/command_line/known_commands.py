"""Which other commands may stand beside an export, and which nobody can vouch for.

A command is let pass only when it is listed here: it reads, waits, writes to the console or the event
log, or loads Exchange's own tools. Everything else is a script or a program that no register names:
a name can be a function, an alias or a file, and the text does not show which.
"""

from collections.abc import Sequence
from pathlib import PureWindowsPath

from playbooks.command_line.command_values import CommandFlag, FlagRaised
from playbooks.command_line.mailbox_cmdlets import Argument, Cmdlet, bind
from playbooks.command_line.powershell_bound import as_values
from playbooks.command_line.vocabulary import words

ALIASES = {
    "%": "foreach-object", "foreach": "foreach-object", "?": "where-object", "where": "where-object",
    "asnp": "add-pssnapin", "ac": "add-content", "cat": "get-content", "cd": "set-location",
    "chdir": "set-location", "clc": "clear-content", "cls": "clear-host", "clear": "clear-host",
    "copy": "copy-item", "cp": "copy-item", "cpi": "copy-item", "curl": "invoke-webrequest",
    "del": "remove-item", "dir": "get-childitem", "echo": "write-output", "epcsv": "export-csv",
    "erase": "remove-item", "fl": "format-list", "ft": "format-table", "fw": "format-wide",
    "gal": "get-alias",
    "gc": "get-content", "gci": "get-childitem", "gcm": "get-command", "gi": "get-item", "gm": "get-member",
    "gp": "get-itemproperty", "gps": "get-process", "group": "group-object", "gsnp": "get-pssnapin",
    "gsv": "get-service", "gv": "get-variable", "gwmi": "get-wmiobject", "h": "get-history",
    "help": "get-help", "icm": "invoke-command", "iex": "invoke-expression", "ii": "invoke-item",
    "ipal": "import-alias", "ipmo": "import-module", "ipsn": "import-pssession", "irm": "invoke-restmethod",
    "iwmi": "invoke-wmimethod", "iwr": "invoke-webrequest", "kill": "stop-process", "ls": "get-childitem",
    "man": "get-help", "md": "mkdir", "measure": "measure-object", "move": "move-item", "mv": "move-item",
    "nal": "new-alias", "ni": "new-item", "nsn": "new-pssession", "nv": "new-variable", "oh": "out-host",
    "popd": "pop-location", "ps": "get-process", "pushd": "push-location", "pwd": "get-location",
    "rd": "remove-item", "ren": "rename-item", "ri": "remove-item", "rm": "remove-item",
    "rmdir": "remove-item",
    "rmo": "remove-module", "rsn": "remove-pssession", "sajb": "start-job", "sal": "set-alias",
    "saps": "start-process", "sasv": "start-service", "sc": "set-content", "select": "select-object",
    "set": "set-variable", "si": "set-item", "sl": "set-location", "sleep": "start-sleep",
    "sls": "select-string", "sort": "sort-object", "spsv": "stop-service", "start": "start-process",
    "sv": "set-variable", "tee": "tee-object", "type": "get-content", "wget": "invoke-webrequest",
    "wjb": "wait-job", "write": "write-output",
}  # fmt: skip

_HARMLESS = words(
    """clear-host connect-exchangeserver exit foreach-object format-list format-table format-wide
    get-acl get-adgroup get-adgroupmember get-aduser get-alias get-childitem get-ciminstance get-command
    get-content get-credential get-culture get-date get-distributiongroup get-distributiongroupmember
    get-eventlog get-exchangeserver get-group get-help get-history get-host get-item get-itemproperty
    get-job get-location get-mailbox get-mailboxdatabase get-mailboxexportrequest
    get-mailboxexportrequeststatistics get-mailboxfolderstatistics get-mailboximportrequest
    get-mailboximportrequeststatistics get-mailboxpermission get-mailboxstatistics get-managementrole
    get-managementroleassignment get-member get-module get-moverequest get-moverequeststatistics
    get-process get-psdrive get-pssnapin get-pssession get-random get-recipient get-rolegroup
    get-rolegroupmember get-service get-smbshare get-timezone get-unique get-user get-variable
    get-winevent get-wmiobject group-object join-path measure-command measure-object new-timespan
    out-default out-host out-null out-string pop-location push-location receive-job resolve-path
    resume-mailboxexportrequest select-object select-string set-adserversettings set-executionpolicy
    set-location set-strictmode sort-object split-path start-sleep suspend-mailboxexportrequest
    test-connection test-path wait-job wait-process where-object write-debug write-error write-eventlog
    write-host write-information
    write-output write-progress write-verbose write-warning"""
)
_RUNS_TEXT = frozenset({"invoke-expression", "set-alias", "new-alias", "import-alias"})
_SNAP_INS = frozenset(
    f"microsoft.exchange.management.powershell.{name}"
    for name in ("snapin", "e2010", "admin", "setup", "support")
)
_BOOTSTRAP_FOLDERS = tuple(
    rf"c:\program files\microsoft\exchange server\{version}\bin" for version in ("v14", "v15")
)
_SHELL_FOLDERS = frozenset(
    rf"c:\windows\{system}{rest}"
    for system in ("system32", "syswow64", "sysnative")
    for rest in ("", r"\windowspowershell\v1.0")
) | {r"c:\program files\powershell\7", r"c:\program files\powershell\7-preview"}
_DRIVES = ("function:", "alias:", "variable:", "env:")

_ADD_SNAP_IN = Cmdlet(
    name="Add-PSSnapin", valued=frozenset({"Name"}), switches=frozenset({"PassThru"}), positional="Name"
)
_IMPORT_MODULE = Cmdlet(
    name="Import-Module",
    valued=frozenset({"Name"}),
    switches=frozenset({"Force", "Global", "DisableNameChecking", "PassThru"}),
    positional="Name",
)


def objection(name: str, arguments: Sequence[Argument], text: str) -> FlagRaised | None:
    """The flag that a command raises beside an export, or None; `name` in lower case, aliases resolved."""
    if name == "add-pssnapin" and _all_named(_ADD_SNAP_IN, arguments, _SNAP_INS):
        return None
    if name == "import-module" and all(map(is_bootstrap, _names(_IMPORT_MODULE, arguments))):
        return None
    if name in _RUNS_TEXT:
        return FlagRaised(CommandFlag.UNPARSED, f"{name} gives text another meaning: {text}")
    if name not in _HARMLESS:
        return FlagRaised(CommandFlag.SCRIPT, text)
    if any(drive in argument.text.lower() for drive in _DRIVES for argument in arguments):
        return FlagRaised(CommandFlag.UNPARSED, f"names are looked up on a drive: {text}")
    return None


def is_harmless(name: str) -> bool:
    """True for a command that may stand beside an export; `name` in lower case, aliases resolved."""
    return name in _HARMLESS


def is_bootstrap(path: str) -> bool:
    """True for Exchange's own start script or console file in its installation folder, and no other."""
    folder, _, file = path.replace("/", "\\").lower().rpartition("\\")
    return folder in _BOOTSTRAP_FOLDERS and file in {"remoteexchange.ps1", "exshell.psc1"}


def is_file(name: str) -> bool:
    """True for a command name that can only be a file."""
    return any(letter in name for letter in "\\/:") or PureWindowsPath(name).suffix.lower() in {
        ".ps1", ".psm1", ".psd1", ".exe", ".com", ".bat", ".cmd", ".vbs", ".vbe", ".js", ".jse", ".wsf",
        ".msi",        ".hta", ".scr", ".lnk",
    }  # fmt: skip


def shell_of(path: str) -> str | None:
    """`powershell`, `pwsh`, `powershell_ise` or `cmd` for the path of such a program, else None."""
    name = path.replace("/", "\\").rpartition("\\")[2].strip(' "').rstrip(".").lower().removesuffix(".exe")
    if name.startswith("pwsh"):
        return "pwsh"
    return name if name in {"powershell", "powershell_ise", "cmd"} else None


def is_usual_place(path: str) -> bool:
    """True for a shell without a folder, or in the folder where Windows or PowerShell 7 installs it."""
    folder = path.strip(' "').replace("/", "\\").lower().rpartition("\\")[0]
    return not folder or folder in _SHELL_FOLDERS


def _all_named(cmdlet: Cmdlet, arguments: Sequence[Argument], known: frozenset[str]) -> bool:
    return all(name.lower() in known for name in _names(cmdlet, arguments))


def _names(cmdlet: Cmdlet, arguments: Sequence[Argument]) -> list[str]:
    """The names a command is given; an empty name, which nothing knows, where they are not fixed."""
    binding = bind(cmdlet, arguments)
    argument = binding.given.get("Name")
    if argument is None or binding.problems:
        return [""]
    return [value.literal or "" for value in as_values(argument.bound, argument.text)]
