"""Which mailboxes the commands name, and which register cells have to be resolved to judge them."""

from collections.abc import Iterable, Mapping

from playbooks.command_line.command_values import Export, Removal, Value
from playbooks.folding import fold
from playbooks.mailbox_export.readings import Anchor
from playbooks.mailbox_export.registers.register_cells import NameSet, read_cases, read_jobs
from playbooks.mailbox_export.registers.register_rows import CASES, JOBS
from playbooks.model import DirectoryUser, Found, Lookup, Policy, WatchlistItem


def command_mailboxes(command: Export | Removal) -> tuple[str, ...]:
    r"""Literal mailbox names of a command: `-Mailbox`, or the part before `\` of a request's identity."""
    if isinstance(command, Export):
        literals = [mailbox.literal for mailbox in command.mailboxes]
    else:
        literals = [command.mailbox.literal if command.mailbox else None, identity_parts(command.identity)[0]]
    return tuple(sorted({literal.strip() for literal in literals if literal and literal.strip()}))


def identity_parts(identity: Value | None) -> tuple[str, str]:
    r"""Mailbox and request name of a request's identity (`alias\name`); a bare name has no mailbox."""
    text = (identity.literal or "") if identity is not None else ""
    mailbox, slash, name = text.partition("\\")
    return (mailbox, name) if slash else ("", text)


def request_names(command: Export | Removal) -> tuple[str, ...]:
    """Batch and request names that may select a register row: literal, or with a literal beginning.

    Of a name with an unfixed part the beginning counts, with a mark for the rest that is no separator.
    """
    values = [command.batch_name, command.name]
    names = [_beginning(value) for value in values if value is not None]
    if isinstance(command, Removal):
        names.append(identity_parts(command.identity)[1])
    return tuple(name for name in names if name)


def named_mailboxes(
    anchors: Iterable[Anchor],
    watchlists: Mapping[str, Lookup[tuple[WatchlistItem, ...]]],
    policy: Policy,
) -> tuple[str, ...]:
    """Every mailbox name to resolve: those of the commands and of the rows that the commands select."""
    commands = [anchor.command for anchor in anchors]
    selecting = NameSet(name for command in commands for name in request_names(command))
    names = {fold(name): name for command in commands for name in command_mailboxes(command)}
    for cell in _scopes(watchlists, selecting, policy):
        names |= {fold(name): name for name in cell if name != "*"}
    return tuple(sorted(names))


def user_of(name: str, mailboxes: Mapping[str, Lookup[DirectoryUser]]) -> Lookup[DirectoryUser] | None:
    """What the directory answered for a mailbox name; None where it was not asked."""
    return mailboxes.get(fold(name.strip()))


def _scopes(
    watchlists: Mapping[str, Lookup[tuple[WatchlistItem, ...]]], selecting: NameSet, policy: Policy
) -> Iterable[tuple[str, ...]]:
    """The cells that name mailboxes, of the rows that one of these names selects."""
    match watchlists[JOBS]:
        case Found(items):
            jobs = read_jobs(items, policy).valid
            yield from (job.mailboxes for job in jobs if selecting.selects(job.key))
    match watchlists[CASES]:
        case Found(items):
            cases = read_cases(items, policy).valid
            yield from (case.custodians for case in cases if selecting.selects(case.key))


def _beginning(value: Value) -> str:
    literal = value.literal
    if literal is not None:
        return literal
    first = value.parts[0] if value.parts else ""
    return f"{first}\0" if isinstance(first, str) else ""
