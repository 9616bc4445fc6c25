"""What a command line says, as frozen values: the outcome of reading, the input of judging.

Nothing here decides anything. A value that the syntax tree cannot fix stays visibly unfixed.
"""

from dataclasses import dataclass, field
from enum import StrEnum


class HoleKind(StrEnum):
    """Why a part of a value is not literal."""

    MAILBOX_PROPERTY = "mailbox_property"
    """`$_.Alias`, `.SamAccountName`, `.PrimarySmtpAddress` or `.Guid`, fed by `Get-Mailbox`."""
    DATE = "date"
    """`Get-Date` with a literal format."""
    WILDCARD = "wildcard"
    """The star at the end of a `-like` pattern: whatever follows the literal beginning."""
    UNKNOWN = "unknown"
    """A variable, file, expression or anything else that the text does not fix."""


@dataclass(frozen=True, slots=True)
class Hole:
    """A part of a value that is only known when the command runs; `text` is how it was written."""

    kind: HoleKind
    text: str


@dataclass(frozen=True, slots=True)
class Value:
    """One argument as written: literal parts and holes, in order."""

    parts: tuple[str | Hole, ...]

    @property
    def literal(self) -> str | None:
        """The whole text, or None where any part is a hole."""
        if any(isinstance(part, Hole) for part in self.parts):
            return None
        return "".join(part for part in self.parts if isinstance(part, str))

    @property
    def holes(self) -> tuple[Hole, ...]:
        """The parts that are not literal."""
        return tuple(part for part in self.parts if isinstance(part, Hole))

    @property
    def shown(self) -> str:
        """The text for a reader, holes as they were written."""
        return "".join(part if isinstance(part, str) else part.text for part in self.parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """One `New-MailboxExportRequest`. A parameter that is not there is None.

    `mailboxes` has several values only where a literal list feeds one command. `parameters` names
    every parameter in its full spelling (`ContentFilter`, `IncludeFolders`, `IsArchive`, ...).
    """

    mailboxes: tuple[Value, ...]
    target: Value | None
    name: Value | None = None
    batch_name: Value | None = None
    parameters: frozenset[str] = frozenset()
    filters: tuple[str, ...] = ()
    """Content, folder and subject filters and source or target folders, as written."""
    record_suppressed: bool = False
    """`-CompletedRequestAgeLimit` 0 in any spelling (`0`, `0.00:00:00`, `00:00:00`), or unfixed."""
    what_if: bool = False
    text: str = ""


class RequestKind(StrEnum):
    """Which kind of mailbox request a removal takes."""

    EXPORT = "export"
    IMPORT = "import"
    MOVE = "move"


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """One `Remove-Mailbox…Request` and what it selects, `Get-… |` and `Where-Object` before it included.

    A selector that is absent is None; `statuses` is None where no status limits the selection.
    `unscoped` means that no selector at all limits it. Selectors hold together (logical and).
    """

    kind: RequestKind = RequestKind.EXPORT
    identity: Value | None = None
    mailbox: Value | None = None
    name: Value | None = None
    batch_name: Value | None = None
    request_guid: Value | None = None
    statuses: frozenset[str] | None = None
    unread_filter: bool = False
    """A filter stands before the removal that could not be read; it may only narrow the selection."""
    what_if: bool = False
    text: str = ""

    @property
    def unscoped(self) -> bool:
        """True where the removal is not limited to named requests (a status is not a name)."""
        return all(
            selector is None
            for selector in (self.identity, self.mailbox, self.name, self.batch_name, self.request_guid)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherCommand:
    """Any other command that stands in the text: `name` in lower case, its arguments as written."""

    name: str
    arguments: tuple[str, ...] = ()
    text: str = ""


class CommandFlag(StrEnum):
    """Red flags that the text itself carries (policy: command flags; stable codes)."""

    ENCODED = "command_encoded"
    UNPARSED = "command_unparsed"
    LOOKALIKE = "command_lookalike"
    CUT = "command_cut"
    SCRIPT = "script_unregistered"


@dataclass(frozen=True, slots=True)
class FlagRaised:
    """A flag and the words that raised it."""

    flag: CommandFlag
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandLine:
    """Everything that was read from one process's command line."""

    text: str
    exports: tuple[Export, ...] = ()
    removals: tuple[Removal, ...] = ()
    others: tuple[OtherCommand, ...] = ()
    servers: tuple[Value, ...] = ()
    """Each server that a parameter, a path or an address in a command names, but for the target's."""
    flags: tuple[FlagRaised, ...] = ()
    decoded: tuple[str, ...] = field(default=())
    """Each `-EncodedCommand` in plain text, for the analyst."""
    mentions: bool = False
    """True where the text, or what it decodes to, names a mailbox request cmdlet in whatever role."""
