"""Process events with what their command lines say, and the exports and removals among them."""

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache

from playbooks.command_line.command_values import (
    CommandFlag,
    CommandLine,
    Export,
    FlagRaised,
    Removal,
    RequestKind,
)
from playbooks.command_line.commands import read_command_line
from playbooks.command_line.nearby import nearby_flags
from playbooks.model import Policy, ProcessEvent
from playbooks.who.accounts import Runner, runner_of
from playbooks.who.hosts import host_of
from playbooks.who.scope import in_order

MARGIN = timedelta(minutes=60)
"""How far the window reaches before the first and after the last anchor (policy, section 1)."""
ROUNDING = timedelta(seconds=1)
"""Alerts carry milliseconds, events tenths of microseconds."""
LONGEST_SPAN = timedelta(hours=26)

MOST_KEPT, LONGEST_KEPT = 4_096, 1_024
"""Texts, and letters of each, whose reading is kept: a host runs the same lines over and over, and every
attempt reads them twice, to ask and to decide. What a text says depends on the text alone."""

_SHELLS = frozenset({"powershell.exe", "pwsh.exe", "powershell_ise.exe", "cmd.exe"})
_READERS_OF_HELP = frozenset(
    {"get-help", "help", "man", "get-command", "gcm", "findstr", "select-string", "sls"}
)
# Said of ASCII alone: a class that names a million letters takes a hundred times longer to compile.
_OF_AN_EXPORT = ("-mailbox", "-filepath")
_LETTERS_APART = re.compile(r"[\x00-\x60\x7b-\x7f]")
_CMDLETS = tuple(
    re.compile("".join(rf"[^\x00-\x{ord(letter) - 1:02x}\x{ord(letter) + 1:02x}-\x7f]" for letter in name))
    for name in ("newmailboxexportrequest", "removemailboxexportrequest")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One process event, with its command line read. `nearby` are pairs of flag and words."""

    event: ProcessEvent
    host: str
    runner: Runner
    line: CommandLine
    nearby: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """One export or removal that would run: what has to be covered."""

    reading: Reading
    command: Export | Removal

    @property
    def what(self) -> str:
        """`export` or `removal`."""
        return "export" if isinstance(self.command, Export) else "removal"

    @property
    def event(self) -> ProcessEvent:
        """The process event it was read from."""
        return self.reading.event

    @property
    def host(self) -> str:
        """Full name of the host it ran on."""
        return self.reading.host


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The time that is looked at, and the first and last anchor in it (UTC)."""

    start: datetime
    end: datetime
    first: datetime
    last: datetime


def read_events(events: tuple[ProcessEvent, ...], policy: Policy) -> tuple[Reading, ...]:
    """Every event with its command line read, in a fixed order, exact duplicates once."""
    return tuple(read_event(event, policy) for event in in_order(events))


def read_event(event: ProcessEvent, policy: Policy) -> Reading:
    """One event with its command line read, both for what it does and for what it may be near to."""
    text, name = event.target_process_command_line, event.target_process_name
    read = _read_again if len(text) + len(name) <= LONGEST_KEPT else _read
    line, nearby = read(text, name)
    return Reading(
        event=event, host=host_of(event, policy), runner=runner_of(event, policy), line=line, nearby=nearby
    )


def is_relevant(reading: Reading) -> bool:
    """True where a command line belongs to the case: it exports, removes, or may hide that it does."""
    line = reading.line
    if line.exports or line.removals or (names_cmdlet(line) and line.flags):
        return True
    if not _is_shell(reading.event):
        return False
    flags = {raised.flag for raised in line.flags}
    hidden = CommandFlag.ENCODED in flags and (CommandFlag.UNPARSED in flags or not line.decoded)
    # A name that is put together at run time still takes an export's parameters.
    built = CommandFlag.UNPARSED in flags and all(name in line.text.casefold() for name in _OF_AN_EXPORT)
    return hidden or built or CommandFlag.CUT in flags


def names_cmdlet(line: CommandLine) -> bool:
    """True where the letters of the text spell one of the two cmdlets, whatever stands between them."""
    return any(_names_cmdlet(text) for text in (line.text, *line.decoded))


def anchors_of(readings: tuple[Reading, ...]) -> tuple[Anchor, ...]:
    """Every export and removal that would run, in the order of time; `-WhatIf` runs nothing."""
    found: list[Anchor] = []
    for reading in readings:
        commands: tuple[Export | Removal, ...] = (*reading.line.exports, *reading.line.removals)
        found += [Anchor(reading=reading, command=command) for command in commands if not command.what_if]
    return tuple(found)


def is_half(anchor: Anchor) -> bool:
    """True for an export, or a removal of export requests: what the rule's pair is made of."""
    return isinstance(anchor.command, Export) or anchor.command.kind is RequestKind.EXPORT


def window_of(anchors: tuple[Anchor, ...], period: tuple[datetime, datetime]) -> Window:
    """The window around the anchors inside the alert's period; without any, around the period itself."""
    start, end = period
    times = [a.event.time for a in anchors if start - ROUNDING <= a.event.time <= end + ROUNDING]
    first, last = (min(times), max(times)) if times else (start, end)
    return Window(start=first - MARGIN, end=last + MARGIN, first=first, last=last)


def within(readings: tuple[Reading, ...], window: Window) -> tuple[Reading, ...]:
    """The readings inside the window, both ends included."""
    return tuple(reading for reading in readings if window.start <= reading.event.time <= window.end)


def _read(text: str, process_name: str) -> tuple[CommandLine, tuple[tuple[str, str], ...]]:
    return _line(text, process_name), nearby_flags(text, process_name=process_name)


_read_again = lru_cache(MOST_KEPT)(_read)


def _line(text: str, process_name: str) -> CommandLine:
    line = read_command_line(text, process_name=process_name)
    if line.exports or line.removals or line.flags or not names_cmdlet(line):
        return line
    if line.others and all(
        other.name in _READERS_OF_HELP or other.name.startswith("get-") for other in line.others
    ):
        return line
    doubt = FlagRaised(CommandFlag.UNPARSED, "the text names the cmdlet in a way that could not be read")
    return replace(line, flags=(doubt,))


def _names_cmdlet(text: str) -> bool:
    letters = _LETTERS_APART.sub("", text.casefold())
    # Written from its end, a name hides from every search and is turned round in one step.
    return any(cmdlet.search(one) for one in (letters, letters[::-1]) for cmdlet in _CMDLETS)


def _is_shell(event: ProcessEvent) -> bool:
    name = event.target_process_name.replace("/", "\\").rpartition("\\")[2].casefold()
    return name in _SHELLS or (not name and not event.target_process_command_line)
