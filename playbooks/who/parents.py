"""What started a process: the Task Scheduler, something attackers use, or neither (policy, 3 and 4)."""

from itertools import pairwise

from playbooks.folding import fold
from playbooks.model import Policy, ProcessEvent
from playbooks.who.accounts import RunnerKind, actor_of

_SVCHOST = "c:\\windows\\system32\\svchost.exe"
_NO_PARENT_COMMAND_LINE = "security events"
"""EventProduct of the ASIM parsers for event 4688, which has no parent command line."""

_SUSPICIOUS = frozenset(
    {
        *("w3wp", "wmiprvse", "wsmprovhost", "psexesvc", "services", "mshta", "rundll32"),
        *("wscript", "cscript", "scrcons"),
        *("winword", "excel", "powerpnt", "outlook", "msaccess", "onenote", "mspub", "visio", "winproj"),
    }
)
_INTERACTIVE = frozenset(
    {"explorer", "cmd", "powershell", "pwsh", "powershell_ise", "windowsterminal", "conhost"}
)


def is_scheduler(event: ProcessEvent, policy: Policy) -> bool:
    """True where the parent is the Task Scheduler: System32's svchost.exe with `-s Schedule`.

    Where the source has no parent command line, the host's own computer account has to be the actor.
    """
    if fold(event.acting_process_name.strip()) != _SVCHOST:
        return False
    words = fold(event.acting_process_command_line).replace('"', " ").split()
    if words:
        services = [name for switch, name in pairwise(words) if switch == "-s"]
        return services == ["schedule"]
    if fold(event.event_product.strip()) != _NO_PARENT_COMMAND_LINE:
        return False
    actor = actor_of(event, policy)
    return actor.kind is RunnerKind.SYSTEM and actor.name.endswith("$") and not actor.contradiction


def is_suspicious(event: ProcessEvent) -> bool:
    """True for a parent of the policy's list, by the name of its file."""
    return parent_file(event) in _SUSPICIOUS


def is_unknown(event: ProcessEvent, policy: Policy) -> bool:
    """True for a parent that is neither the scheduler, nor a shell or desktop, nor on the list."""
    return not (is_scheduler(event, policy) or is_suspicious(event) or parent_file(event) in _INTERACTIVE)


def parent_file(event: ProcessEvent) -> str:
    """File name of the parent without `.exe`, folded; from its command line where the name is missing."""
    path = (
        event.acting_process_name.strip()
        or event.acting_process_command_line.strip().strip('"').split('"')[0]
    )
    name = fold(path.replace("/", "\\").rpartition("\\")[2]).split(" ")[0]
    return name.rstrip(". ").removesuffix(".exe")


def parent_shown(event: ProcessEvent) -> str:
    """The parent for a reader: its command line where there is one, else its path, else words."""
    name, line = event.acting_process_name.strip(), event.acting_process_command_line.strip()
    if name and line and fold(name) not in fold(line):
        return f"{name} ({line})"
    return line or name or "not recorded"
