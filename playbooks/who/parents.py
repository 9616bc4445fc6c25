"""What started a process: the Task Scheduler, something attackers use, or neither (policy, 3 and 4)."""

from itertools import pairwise

from playbooks.folding import fold
from playbooks.model import Policy, ProcessEvent
from playbooks.who.accounts import RunnerKind, actor_of, is_same, target_of

_SVCHOST = "c:\\windows\\system32\\svchost.exe"
_SECURITY = "security events"
"""EventProduct of the ASIM parsers for event 4688, which has no parent command line."""
_DEFENDER = "m365 defender for endpoint"
"""EventProduct of the ASIM parser for Defender: a task's own account may stand as its initiating account."""

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
    """True where the parent is the Task Scheduler: System32's svchost.exe with `-s Schedule`, as SYSTEM.

    Where the source has no parent command line, the host's own computer account has to be the actor.
    """
    if fold(event.acting_process_name.strip()) != _SVCHOST:
        return False
    words = fold(event.acting_process_command_line).replace('"', " ").split()
    if words:
        services = [name for switch, name in pairwise(words) if switch == "-s"]
        return services == ["schedule"] and _may_be_scheduler(event, policy)
    actor = actor_of(event, policy)
    own = actor.kind is RunnerKind.SYSTEM and actor.name.endswith("$") and not actor.contradiction
    return own and _product(event) == _SECURITY


def _may_be_scheduler(event: ProcessEvent, policy: Policy) -> bool:
    """Whether the accounts leave it open that the scheduler, which runs as SYSTEM, is the parent.

    Its command line can be forged, and anyone may start a svchost.exe: the account it ran under tells.
    Rows of one account name the one that the new process runs as; in 4688 that started it as well.
    """
    actor = actor_of(event, policy)
    if actor.contradiction or actor.kind is RunnerKind.NETWORK_SERVICE:
        return False
    if actor.kind in {RunnerKind.SYSTEM, RunnerKind.NOBODY}:
        return True
    target = target_of(event, policy)
    if target.kind is RunnerKind.NOBODY:
        return _product(event) != _SECURITY
    return _product(event) == _DEFENDER and is_same(actor, target, policy)


def _product(event: ProcessEvent) -> str:
    return fold(event.event_product.strip())


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


def starter_shown(event: ProcessEvent) -> str:
    """The parent for a reader, with the account that it ran under where another one is named."""
    actor = event.actor_username.strip() or event.actor_user_id.strip()
    return f"{parent_shown(event)} under {actor}" if actor else parent_shown(event)


def parent_shown(event: ProcessEvent) -> str:
    """The parent for a reader: its command line where there is one, else its path, else words."""
    name, line = event.acting_process_name.strip(), event.acting_process_command_line.strip()
    if name and line and fold(name) not in fold(line):
        return f"{name} ({line})"
    return line or name or "not recorded"
