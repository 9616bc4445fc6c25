"""What has been found so far while a command line is read, and which texts still wait to be read."""

from collections import deque
from dataclasses import dataclass, field

from playbooks.command_line.command_letters import foreign_letter
from playbooks.command_line.command_values import (
    CommandFlag,
    CommandLine,
    Export,
    FlagRaised,
    OtherCommand,
    Removal,
    Value,
)

_DEEPEST = 6
_MOST_TEXTS = 40
_MOST_LETTERS = 12_288
_MOST_FLAGS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingText:
    """A text that is still to be read: PowerShell, or the command line of a program."""

    script: str = ""
    line: str = ""
    depth: int = 0


@dataclass(slots=True)
class Gathered:
    """Collects what one command line says. Filled by the readers, closed by `as_command_line`."""

    exports: list[Export] = field(default_factory=list)
    removals: list[Removal] = field(default_factory=list)
    others: list[OtherCommand] = field(default_factory=list)
    servers: dict[Value, None] = field(default_factory=dict)
    decoded: list[str] = field(default_factory=list)
    waiting: deque[WaitingText] = field(default_factory=deque)
    depth: int = 0
    letters: int = 0
    texts: int = 0
    raised: dict[FlagRaised, None] = field(default_factory=dict)

    def flag(self, flag: CommandFlag, detail: str) -> None:
        """Raise a flag once; the words are cut to what a comment can hold."""
        if len(self.raised) < _MOST_FLAGS or all(known.flag is not flag for known in self.raised):
            self.raised.setdefault(FlagRaised(flag, " ".join(detail.split())[:200]))

    def wait(self, *, script: str = "", line: str = "") -> None:
        """Put a text behind those that wait, unless there are too many, too long, or too deep."""
        self.letters += len(script)
        self.texts += 1
        if self.depth >= _DEEPEST or self.texts > _MOST_TEXTS or self.letters > _MOST_LETTERS:
            self.flag(CommandFlag.UNPARSED, "commands inside commands go too deep or too far")
            return
        self.waiting.append(WaitingText(script=script, line=line, depth=self.depth + 1))

    def add_export(self, export: Export) -> None:
        """Take an export, and look at the letters of its names."""
        self.exports.append(export)
        self._look_at_letters(*export.mailboxes, export.target, export.name, export.batch_name)

    def add_removal(self, removal: Removal) -> None:
        """Take a removal, and look at the letters of its names."""
        self.removals.append(removal)
        self._look_at_letters(removal.identity, removal.mailbox, removal.name, removal.batch_name)

    def _look_at_letters(self, *values: Value | None) -> None:
        for value in values:
            if value is not None and (found := foreign_letter(value.shown)):
                self.flag(CommandFlag.LOOKALIKE, f"{found} in '{value.shown[:80]}'")
            if value is not None and any(letter < " " for letter in value.literal or ""):
                self.flag(CommandFlag.UNPARSED, f"a control character in '{value.shown[:80]}'")

    def as_command_line(self, text: str, *, mentions: bool) -> CommandLine:
        """Everything that was found, frozen; `mentions` says whether our cmdlets are named at all."""
        return CommandLine(
            text=text,
            exports=tuple(self.exports),
            removals=tuple(self.removals),
            others=tuple(self.others),
            servers=tuple(self.servers),
            flags=tuple(self.raised),
            decoded=tuple(self.decoded),
            mentions=mentions,
        )
