"""What an expression in PowerShell text stands for, as far as the text fixes it."""

from dataclasses import dataclass, replace

from tree_sitter import Node

from playbooks.command_line.command_values import Hole, HoleKind, Removal, Value

MAILBOX_PROPERTIES = frozenset({"alias", "samaccountname", "primarysmtpaddress", "guid"})
REQUEST_PROPERTIES = frozenset({"identity", "requestguid"})


@dataclass(frozen=True, slots=True)
class Several:
    """A list, in order."""

    items: tuple["Bound", ...]


@dataclass(frozen=True, slots=True)
class Number:
    """A whole number, written plainly; text where text is wanted, and a sum where it is added to."""

    text: str


@dataclass(frozen=True, slots=True)
class Mailboxes:
    """What `Get-Mailbox` gives; inside a loop, one of them."""

    text: str


@dataclass(frozen=True, slots=True)
class Moment:
    """What `Get-Date` gives without a format."""

    text: str


@dataclass(frozen=True, slots=True)
class Requests:
    """What `Get-MailboxExportRequest` and its like give: the selection, written as a removal of it."""

    selection: Removal


@dataclass(frozen=True, slots=True)
class Table:
    """A hash table with fixed keys, in lower case."""

    entries: tuple[tuple[str, "Bound"], ...]

    def get(self, key: str) -> "Bound | None":
        """The value of a key, or None."""
        return dict(self.entries).get(key.lower())


@dataclass(frozen=True, slots=True)
class Block:
    """A script block, which runs only where something runs it."""

    node: Node


type Bound = Value | Number | Several | Mailboxes | Moment | Requests | Table | Block


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What names mean at one place: fixed variables, the object in the pipeline, and whether it runs once."""

    variables: dict[str, Bound]
    current: Bound | None = None
    straight: bool = True

    def inside(self) -> "Scope":
        """The scope of a block that may run never, once, or often: what it sets is fixed inside it alone."""
        return replace(self, variables=dict(self.variables))

    def with_current(self, current: Bound | None) -> "Scope":
        """The scope of a block that sees this object as `$_`."""
        return replace(self, current=current, variables=dict(self.variables))

    def with_variable(self, name: str, bound: Bound | None) -> "Scope":
        """The scope of a loop over this variable."""
        return replace(self, variables=self.variables | ({name: bound} if bound else {}))


def literal(text: str) -> Value:
    """A value that the text fixes."""
    return Value((text,))


def unknown(text: str) -> Value:
    """A value that the text does not fix."""
    return Value((Hole(HoleKind.UNKNOWN, text),))


def as_value(bound: Bound | None, text: str) -> Value:
    """The one value that something stands for, or a hole with its text."""
    match bound:
        case Value():
            return bound
        case Number():
            return literal(bound.text)
        case Several(items=(only,)):
            return as_value(only, text)
        case _:
            return unknown(text)


def as_values(bound: Bound | None, text: str) -> tuple[Value, ...]:
    """All values of a list, or the one value."""
    if isinstance(bound, Several):
        return tuple(as_value(item, text) for item in bound.items)
    return (as_value(bound, text),)


def joined(parts: tuple[Value, ...]) -> Value:
    """One value after the other, as one; neighbouring literal parts become one part."""
    pieces: list[str | Hole] = []
    for part in (part for value in parts for part in value.parts):
        if isinstance(part, str) and pieces and isinstance(pieces[-1], str):
            pieces[-1] += part
        elif part != "":
            pieces.append(part)
    return Value(tuple(pieces) or ("",))


def property_of(bound: Bound, name: str, text: str) -> Bound:
    """What a property of something stands for."""
    match bound:
        case Mailboxes() if name.lower() in MAILBOX_PROPERTIES:
            return Value((Hole(HoleKind.MAILBOX_PROPERTY, text),))
        case Requests() if name.lower() in REQUEST_PROPERTIES:
            return bound
        case Table():
            return bound.get(name) or unknown(text)
        case _:
            return unknown(text)
