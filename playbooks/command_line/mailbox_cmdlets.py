"""The cmdlets that this playbook is about, and how PowerShell binds arguments to their parameters.

Parameters and aliases: the references of New-, Get- and Remove-MailboxExportRequest and of the import
and move requests (Microsoft Learn, Exchange Server 2010 to 2019); common parameters and shortened names:
about_CommonParameters and about_Parameters.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from playbooks.command_line.command_values import RequestKind
from playbooks.command_line.powershell_bound import Bound, Several, Table
from playbooks.command_line.vocabulary import words

_COMMON_SWITCHES = frozenset({"Verbose", "Debug"})
_COMMON = words(
    """ErrorAction WarningAction InformationAction ErrorVariable WarningVariable InformationVariable
    OutVariable OutBuffer PipelineVariable"""
)
_ALIASES = {
    "cf": "Confirm", "wi": "WhatIf", "vb": "Verbose", "db": "Debug", "ea": "ErrorAction",
    "wa": "WarningAction", "infa": "InformationAction", "ev": "ErrorVariable", "wv": "WarningVariable",
    "iv": "InformationVariable", "ov": "OutVariable", "ob": "OutBuffer", "pv": "PipelineVariable",
}  # fmt: skip
SETS_VARIABLE = frozenset(
    {"ErrorVariable", "WarningVariable", "InformationVariable", "OutVariable", "PipelineVariable"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cmdlet:
    """A cmdlet: its parameters with a value, its switches, and the one parameter that needs no name."""

    name: str
    valued: frozenset[str]
    switches: frozenset[str]
    positional: str
    kind: RequestKind = RequestKind.EXPORT

    def full_name(self, written: str) -> str | None:
        """The parameter that PowerShell takes for a written name, or None: unknown, or several fit."""
        return _full_name(self, written.lower())

    def is_switch(self, name: str) -> bool:
        """True for a parameter that takes a value only behind a colon."""
        return name in self.switches or name in _COMMON_SWITCHES


@lru_cache(maxsize=1024)
def _full_name(cmdlet: Cmdlet, written: str) -> str | None:
    every = cmdlet.valued | cmdlet.switches | _COMMON | _COMMON_SWITCHES
    if _ALIASES.get(written) in every:
        return _ALIASES[written]
    exact = [name for name in every if name.lower() == written]
    fits = exact or [name for name in every if name.lower().startswith(written)]
    return fits[0] if len(fits) == 1 and written else None


def _cmdlet(name: str, valued: str, switches: str, positional: str, kind: RequestKind) -> Cmdlet:
    return Cmdlet(
        name=name,
        valued=words(valued),
        switches=words(switches),
        positional=positional,
        kind=kind,
    )


_SAFE = "Confirm WhatIf"
_GET = """Identity BatchName Database DomainController HighPriority Mailbox Name RequestQueue ResultSize
    Status Suspend"""
_GET_MOVE = """Identity BatchName Credential DomainController Flags HighPriority IncludeSoftDeletedObjects
    MoveStatus Offline OrganizationalUnit Protect RemoteHostName ResultSize SortBy SourceDatabase
    Suspend SuspendWhenReadyToComplete TargetDatabase"""

NEW_EXPORT = _cmdlet(
    "New-MailboxExportRequest",
    """Mailbox FilePath ComplianceStorePath AssociatedMessagesCopyOption BadItemLimit BatchName
    CompletedRequestAgeLimit ConflictResolutionOption ContentFilter ContentFilterLanguage DomainController
    ExcludeFolders IncludeFolders InternalFlags LargeItemLimit MRSServer Name PreferredMessageFormat
    Priority RemoteCredential RemoteHostName RequestExpiryInterval SkipMerging SourceRootFolder
    SuspendComment TargetRootFolder WorkloadType""",
    f"AcceptLargeDataLoss ExcludeDumpster IsArchive Suspend {_SAFE}",
    "Mailbox",
    RequestKind.EXPORT,
)
_SELECTING = (
    _cmdlet("Get-MailboxExportRequest", _GET, "", "Identity", RequestKind.EXPORT),
    _cmdlet("Get-MailboxImportRequest", _GET, "", "Identity", RequestKind.IMPORT),
    _cmdlet("Get-MoveRequest", _GET_MOVE, "", "Identity", RequestKind.MOVE),
)
_REMOVING = (
    _cmdlet(
        "Remove-MailboxExportRequest",
        "Identity RequestGuid RequestQueue DomainController",
        f"Force {_SAFE}",
        "Identity",
        RequestKind.EXPORT,
    ),
    _cmdlet(
        "Remove-MailboxImportRequest",
        "Identity RequestGuid RequestQueue DomainController",
        f"Force {_SAFE}",
        "Identity",
        RequestKind.IMPORT,
    ),
    _cmdlet(
        "Remove-MoveRequest",
        "Identity MailboxGuid MoveRequestQueue DomainController",
        f"Force {_SAFE}",
        "Identity",
        RequestKind.MOVE,
    ),
)
SELECTING = {cmdlet.name.lower(): cmdlet for cmdlet in _SELECTING}
REMOVING = {cmdlet.name.lower(): cmdlet for cmdlet in _REMOVING}
NAMES = frozenset({NEW_EXPORT.name.lower(), *SELECTING, *REMOVING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """One argument of a command: a parameter's name, with a value that is joined to it, or a value alone."""

    name: str | None = None
    bound: Bound | None = None
    text: str = ""
    splatted: bool = False


@dataclass(slots=True)
class Binding:
    """Parameters in their full names with what they were given, and what PowerShell would refuse."""

    given: dict[str, Argument] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def bound(self, name: str) -> Bound | None:
        """What a parameter was given, or None."""
        return self.given[name].bound if name in self.given else None

    def take(self, name: str, argument: Argument) -> None:
        """Give a parameter its value; PowerShell refuses a second one."""
        if name in self.given:
            self.problems.append(f"-{name} is given twice")
        self.given.setdefault(name, argument)


def bind(cmdlet: Cmdlet, arguments: Iterable[Argument]) -> Binding:
    """Bind arguments as PowerShell does; nothing is left out silently."""
    binding = Binding()
    open_name: str | None = None
    loose: list[Argument] = []
    for argument in without_splats(arguments, binding.problems):
        if argument.name is not None:
            _note_missing(binding, open_name)
            open_name = _open(cmdlet, argument, binding)
        elif open_name is not None:
            binding.take(open_name, argument)
            open_name = None
        else:
            loose.append(argument)
    _note_missing(binding, open_name)
    for argument in loose:
        _take_loose(cmdlet, argument, binding)
    return binding


def _open(cmdlet: Cmdlet, argument: Argument, binding: Binding) -> str | None:
    """Take a parameter with its joined value, or give the name that waits for the next argument."""
    name = cmdlet.full_name(argument.name or "")
    if name is None:
        binding.problems.append(f"{cmdlet.name} has no single parameter -{argument.name}")
        return None
    if name in SETS_VARIABLE:
        binding.problems.append(f"-{name} sets a variable")
    if argument.bound is None and not cmdlet.is_switch(name):
        return name
    binding.take(name, argument)
    return None


def _note_missing(binding: Binding, open_name: str | None) -> None:
    if open_name is not None:
        binding.problems.append(f"-{open_name} has no value")


def _take_loose(cmdlet: Cmdlet, argument: Argument, binding: Binding) -> None:
    if cmdlet.positional in binding.given:
        binding.problems.append(f"'{argument.text[:60]}' belongs to no parameter of {cmdlet.name}")
    else:
        binding.take(cmdlet.positional, argument)


def without_splats(arguments: Iterable[Argument], problems: list[str]) -> Iterator[Argument]:
    """The arguments with each splatted table or list in its parts; one that is not fixed is a problem."""
    for argument in arguments:
        match argument:
            case Argument(splatted=True, bound=Table(entries=entries)):
                yield from (Argument(name=key, bound=bound, text=argument.text) for key, bound in entries)
            case Argument(splatted=True, bound=Several(items=items)):
                yield from (Argument(bound=item, text=argument.text) for item in items)
            case Argument(splatted=True):
                problems.append(f"{argument.text} is not fixed by the text")
            case _:
                yield argument
