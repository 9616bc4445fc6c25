"""Red flags of what else ran near an export: tools and cmdlets that the policy names, section 4 'Nearby'.

A tool counts by its file name, with or without `.exe`, wherever it stands: as the program of the event,
inside `cmd /c`, inside PowerShell, encoded or not. Every use of an archiver or upload tool counts, as the
policy names the tools and not what they are told. A listing (`net share`, `schtasks /query`, `sc query`)
never does. A copy under another name is not seen.
"""

from collections.abc import Callable

from playbooks.command_line.command_values import OtherCommand
from playbooks.command_line.commands import base_name, read_command_line
from playbooks.command_line.windows_arguments import split_arguments

_ROLE, _SHARE, _ARCHIVER, _TASK = "role_granted", "share_created", "archiver_used", "task_changed"
_SERVICE, _LOG, _UPLOAD = "service_created", "log_cleared", "upload_tool"

_ALWAYS = {
    "new-managementroleassignment": _ROLE,
    "add-rolegroupmember": _ROLE,
    "update-rolegroupmember": _ROLE,
    "new-smbshare": _SHARE,
    "7z": _ARCHIVER,
    "7za": _ARCHIVER,
    "7zr": _ARCHIVER,
    "7zg": _ARCHIVER,
    "rar": _ARCHIVER,
    "winrar": _ARCHIVER,
    "makecab": _ARCHIVER,
    "tar": _ARCHIVER,
    "compress-archive": _ARCHIVER,
    "register-scheduledtask": _TASK,
    "set-scheduledtask": _TASK,
    "new-service": _SERVICE,
    "clear-eventlog": _LOG,
    "curl": _UPLOAD,
    "rclone": _UPLOAD,
    "bitsadmin": _UPLOAD,
    "certutil": _UPLOAD,
    "winscp": _UPLOAD,
    "invoke-webrequest": _UPLOAD,
    "invoke-restmethod": _UPLOAD,
}


def nearby_flags(text: str, *, process_name: str = "") -> tuple[tuple[str, str], ...]:
    """The nearby flags of one process event, each code once with the words that raised it.

    `text` is the command line as logged, `process_name` the path of the program. Never raises.
    """
    found: dict[str, str] = {}
    for command in _commands(text, process_name):
        code = _code(command)
        if code is not None:
            words = command.text or " ".join((command.name, *command.arguments))
            found.setdefault(code, " ".join(words.split())[:200])
    return tuple(found.items())


def _commands(text: str, process_name: str) -> tuple[OtherCommand, ...]:
    # The program as the system names it: the first word of a command line is the caller's to choose.
    arguments = split_arguments(text).arguments
    ran = OtherCommand(name=base_name(process_name), arguments=arguments[1:], text=text)
    called = OtherCommand(name=arguments[0] if arguments else "", arguments=arguments[1:], text=text)
    return (ran, called, *read_command_line(text, process_name=process_name).others)


def _code(command: OtherCommand) -> str | None:
    name = base_name(command.name).removesuffix(".com")
    if name in _ALWAYS:
        return _ALWAYS[name]
    words = [argument.strip().lower() for argument in command.arguments]
    return next((code for tool, code, fits in _BY_WORDS if tool == name and fits(words)), None)


def _makes_share(words: list[str]) -> bool:
    return words[:1] == ["share"] and any("=" in word for word in words[1:])


def _changes_task(words: list[str]) -> bool:
    switches = [word.replace("-", "/", 1) if word.startswith("-") else word for word in words]
    return any(part in {"create", "change"} for word in switches for part in word.split("/")[1:])


def _makes_service(words: list[str]) -> bool:
    rest = words[1:] if words[:1] and words[0].startswith("\\\\") else words
    return rest[:1] in (["create"], ["config"])


def _clears_log(words: list[str]) -> bool:
    return words[:1] in (["cl"], ["clear-log"])


_BY_WORDS: tuple[tuple[str, str, Callable[[list[str]], bool]], ...] = (
    ("net", _SHARE, _makes_share),
    ("net1", _SHARE, _makes_share),
    ("schtasks", _TASK, _changes_task),
    ("sc", _SERVICE, _makes_service),
    ("set-content", _SERVICE, _makes_service),
    ("wevtutil", _LOG, _clears_log),
)
