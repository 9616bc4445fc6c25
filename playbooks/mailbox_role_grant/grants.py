"""Grants in command lines: which role or group is given to whom, as far as the text fixes it.

A grant counts as read only where its text is a cmdlet with whole parameter names and plain values; anything
that a shell could take in another way is a doubt. Parameters: New-ManagementRoleAssignment and
Add-RoleGroupMember (Exchange Server 2016 and 2019), Add-ADGroupMember (ActiveDirectory), Microsoft Learn.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from playbooks.command_line.command_values import CommandFlag, CommandLine, FlagRaised, OtherCommand
from playbooks.command_line.commands import base_name, read_command_line
from playbooks.command_line.known_commands import shell_of
from playbooks.folding import fold
from playbooks.model import Policy, ProcessEvent
from playbooks.who.accounts import Runner, RunnerKind
from playbooks.who.hosts import dns_of, host_of
from playbooks.who.scope import in_order

ROLE = "Mailbox Import Export"


class GrantKind(StrEnum):
    """How the role is handed out."""

    ROLE = "role assignment"
    MEMBER = "group membership"
    OTHER = "other change of roles"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One grant. `given` is role or group, `grantee` the account as written; `doubt` why it is not read."""

    kind: GrantKind
    given: str = ""
    grantee: str = ""
    doubt: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One process event with its command line read. `flags` are those that its grant does not explain."""

    event: ProcessEvent
    host: str
    line: CommandLine
    grants: tuple[Grant, ...]
    flags: tuple[FlagRaised, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    kind: GrantKind
    given: str
    grantee: str
    first: str = ""
    """The parameter that needs no name."""


_FORMS = {
    "new-managementroleassignment": _Form(kind=GrantKind.ROLE, given="role", grantee="user"),
    "add-rolegroupmember": _Form(kind=GrantKind.MEMBER, given="identity", grantee="member", first="identity"),
    "add-adgroupmember": _Form(kind=GrantKind.MEMBER, given="identity", grantee="members", first="identity"),
}
_OTHER_WAYS = frozenset(
    {
        "set-managementroleassignment",
        "update-rolegroupmember",
        "new-rolegroup",
        "set-rolegroup",
        "new-managementrole",
        "add-managementroleentry",
        "set-managementroleentry",
        "add-adprincipalgroupmembership",
    }
)
_SPELLED = tuple(name.replace("-", "") for name in (*_FORMS, *_OTHER_WAYS))
_PARTS = re.compile(
    r"""\s(?:-(?P<name>[A-Za-z]+)\s(?!-)|(?P<confirm>-Confirm:\$false)(?=\s|$)|(?=['"A-Za-z]))"""
    r"""(?(confirm)|(?:'(?P<single>[^'"`$]*)'|"(?P<double>[^'"`$]*)"|(?P<bare>[A-Za-z][\w.@\\-]*))(?=\s|$))""",
    re.ASCII,
)
_UNPLAIN = re.compile(r"[|{}\t\r\n\v\f]|  ")
_SHELLS = frozenset({"powershell", "pwsh"})
_SID = re.compile(r"S-1-5-21(?:-\d{1,10}){4}", re.ASCII | re.IGNORECASE)


def read_events(events: tuple[ProcessEvent, ...], policy: Policy) -> tuple[Reading, ...]:
    """Every event with its command line read, in order of time."""
    return tuple(_read(event, policy) for event in in_order(events))


def is_relevant(reading: Reading) -> bool:
    """True where a command line grants something, or may hide that it does."""
    if reading.grants or spells_grant(reading.line):
        return True
    raised = {flag.flag for flag in reading.line.flags}
    return bool(shell_of(reading.event.target_process_name)) and bool(
        raised & {CommandFlag.ENCODED, CommandFlag.CUT}
    )


def spells_grant(line: CommandLine) -> bool:
    """True where the letters of the text spell a cmdlet that hands out roles, whatever stands between."""
    texts = (
        "".join(letter for letter in fold(text) if letter.isalpha()) for text in (line.text, *line.decoded)
    )
    return any(name in text for text in texts for name in _SPELLED)


def named_account(text: str, policy: Policy) -> Runner | None:
    r"""The account that a grant names by SID, UPN or `DOMAIN\name`; None for any name that may be several's.

    Exchange takes plain names for names, aliases and logon names alike, so they prove nobody.
    """
    if _SID.fullmatch(text):
        return Runner(kind=RunnerKind.ACCOUNT, sid=text.upper(), shown=text)
    domain, slash, name = fold(text).partition("\\")
    if slash and name and dns_of(domain, policy):
        return _runner(name, domain, text, is_upn=False)
    name, at, suffix = fold(text).partition("@")
    return _runner(name, suffix, text, is_upn=True) if at and name and suffix and "@" not in suffix else None


def _runner(name: str, domain: str, text: str, *, is_upn: bool) -> Runner:
    kind = RunnerKind.DOLLAR if name.endswith("$") else RunnerKind.ACCOUNT
    return Runner(kind=kind, domain=domain, name=name, is_upn=is_upn, shown=text)


def _read(event: ProcessEvent, policy: Policy) -> Reading:
    text = event.target_process_command_line
    line = read_command_line(text, process_name=event.target_process_name)
    grants = tuple(_grant(other, line) for other in line.others if _is_grant(other))
    return Reading(
        event=event, host=host_of(event, policy), line=line, grants=grants, flags=_flags(event, line, grants)
    )


def _is_grant(other: OtherCommand) -> bool:
    name = other.name.rpartition("\\")[2]
    if name in _FORMS or name in _OTHER_WAYS:
        return True
    words = [fold(word) for word in other.arguments]
    if base_name(name) in {"net", "net1"}:
        return words[:1] in (["group"], ["localgroup"]) and any(word.startswith("/ad") for word in words)
    return base_name(name) == "dsmod" and words[:1] == ["group"]


def _grant(other: OtherCommand, line: CommandLine) -> Grant:
    form = _FORMS.get(other.name)
    if form is None:
        doubt = f"{other.name} is no way that a change can approve"
        return Grant(kind=GrantKind.OTHER, doubt=doubt, text=other.text)
    given = _parameters(other, form)
    if given is None or not _stands_plainly(other, line):
        doubt = "it is not written with whole parameter names and plain values"
        return Grant(kind=form.kind, doubt=doubt, text=other.text)
    extra = given.keys() - {form.given, form.grantee, "name", "confirm"}
    if extra or not given.get(form.given) or not given.get(form.grantee):
        lacking = f"it has -{min(extra)}" if extra else f"it lacks -{form.given} or -{form.grantee}"
        return Grant(kind=form.kind, doubt=lacking, text=other.text)
    return Grant(kind=form.kind, given=given[form.given], grantee=given[form.grantee], text=other.text)


def _parameters(other: OtherCommand, form: _Form) -> dict[str, str] | None:
    """Parameters in lower case with their values; None where the text holds anything else."""
    rest, given = other.text[len(other.name) :], dict[str, str]()
    if fold(other.text[: len(other.name)]) != other.name:
        return None
    while rest:
        part = _PARTS.match(rest)
        if part is None:
            return None
        name = fold(part["name"] or ("confirm" if part["confirm"] else form.first))
        if not name or name in given:
            return None
        given[name] = part["single"] or part["double"] or part["bare"] or ""
        rest = rest[part.end() :]
    return given


def _stands_plainly(other: OtherCommand, line: CommandLine) -> bool:
    """True where the first grant begins a statement, and nothing after it is piped or in a block.

    The reader evens out blanks, so texts with more than one blank in a row are no plain ones either.
    """
    place = fold(line.text).find(other.name)
    before = fold(line.text[: max(place, 0)]).split()
    begins = bool(before) and (before[-1].endswith((";", '"')) or before[-1] in {"-command", "-c"})
    return begins and _UNPLAIN.search(line.text[place:]) is None


def _flags(event: ProcessEvent, line: CommandLine, grants: tuple[Grant, ...]) -> tuple[FlagRaised, ...]:
    """What the reader doubts, but for the one flag that says that the grant itself is no export cmdlet."""
    own = {" ".join(grant.text.split())[:200] for grant in grants if not grant.doubt}
    kept = [flag for flag in line.flags if flag.flag is not CommandFlag.SCRIPT or flag.detail not in own]
    if grants and shell_of(event.target_process_name) not in _SHELLS:
        kept.append(
            FlagRaised(
                CommandFlag.SCRIPT, f"the grant runs in {event.target_process_name or 'no named program'}"
            )
        )
    if len(grants) > 1:
        kept.append(FlagRaised(CommandFlag.UNPARSED, "one command line holds several grants"))
    if not grants and spells_grant(line):
        kept.append(
            FlagRaised(CommandFlag.UNPARSED, "it names a cmdlet that hands out roles and is not read")
        )
    return tuple(kept)
