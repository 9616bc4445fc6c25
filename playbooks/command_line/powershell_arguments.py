"""The arguments and the name of one command in a syntax tree."""

from dataclasses import dataclass, field, replace
from itertools import pairwise

from tree_sitter import Node

from playbooks.command_line.command_letters import (
    DASHES,
    DOUBLE_QUOTES,
    SINGLE_QUOTES,
    foreign_letter,
)
from playbooks.command_line.command_values import CommandFlag, FlagRaised, Value
from playbooks.command_line.known_commands import ALIASES, is_bootstrap, is_file
from playbooks.command_line.mailbox_cmdlets import NAMES, Argument
from playbooks.command_line.powershell_bound import Block, Bound, Scope, Several, literal, unknown
from playbooks.command_line.powershell_source import unwrapped
from playbooks.command_line.powershell_values import Runner, call, evaluate

_DROPPED = "`" + SINGLE_QUOTES + DOUBLE_QUOTES
_DASH = str.maketrans(dict.fromkeys(DASHES, "-"))
_PLAIN_NAMES = frozenset({"command_name", "path_command_name", "path_command_name_token"})


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandName:
    """The name in lower case, without quotes, escapes and module; or the block that is run instead."""

    name: str = ""
    block: Block | None = None
    flags: tuple[FlagRaised, ...] = ()
    fixed: bool = True
    """False where only running the text would tell the name."""


def command_name(node: Node, aliases: dict[str, str], scope: Scope, runner: Runner) -> CommandName:
    """Read the name of a command; a name that is made at run time is read where the text fixes it."""
    shown = next(
        (child for child in node.children if child.type in {"command_name", "command_name_expr"}), None
    )
    if shown is None:
        return CommandName()
    inner = shown.children[0] if shown.type == "command_name_expr" else shown
    if inner.type == "path_command_name" and inner.child_count == 1:
        inner = inner.children[0]
    if inner.type in _PLAIN_NAMES and "$" not in runner.source.cut(inner):
        return _named(runner.source.cut(inner), aliases)
    bound = evaluate(inner, scope, runner)
    if isinstance(bound, Block):
        return CommandName(block=bound)
    text = runner.source.cut(inner)
    made = FlagRaised(CommandFlag.UNPARSED, f"the name of a command is made at run time: {text}")
    if not isinstance(bound, Value) or bound.literal is None:
        return CommandName(name=text.lower(), flags=(made,), fixed=False)
    named = _named(bound.literal, aliases)
    quoted = inner.type == "string_literal" and "$" not in text
    return named if quoted else CommandName(name=named.name, flags=(*named.flags, made))


def _named(text: str, aliases: dict[str, str]) -> CommandName:
    flags = []
    plain = "".join(letter for letter in text if letter not in _DROPPED)
    if plain != text:
        flags.append(FlagRaised(CommandFlag.UNPARSED, f"the name of a command is split: {text}"))
    if found := foreign_letter(plain):
        flags.append(FlagRaised(CommandFlag.LOOKALIKE, f"{found} in the command {plain}"))
    name = plain.translate(_DASH).strip().lower()
    module, _, last = name.replace("/", "\\").rpartition("\\")
    if last in NAMES and module and not module.startswith("microsoft."):
        flags.append(FlagRaised(CommandFlag.SCRIPT, text))
    if last in NAMES or (module.startswith("microsoft.") and not is_file(last)):
        name = last
    name = aliases.get(name, ALIASES.get(name, name))
    # PowerShell tries the verb Get where a name is not known.
    name = f"get-{name}" if f"get-{name}" in NAMES else name
    return CommandName(name=name, flags=tuple(flags))


@dataclass(slots=True)
class ArgumentReader:
    """Reads the elements of one command from left to right."""

    scope: Scope
    runner: Runner
    arguments: list[Argument] = field(default_factory=list)
    open_name: str | None = None
    open_text: str = ""
    joined: bool = False
    apart: bool = True
    called: bool = False

    def read(self, elements: Node | None) -> list[Argument]:
        """The arguments in order; what the grammar or PowerShell would take otherwise is doubted."""
        children: list[Node | None] = [*elements.children, None] if elements else []
        for child, following in pairwise(children):
            if child is None:
                continue
            called = following is not None and following.type == "argument_list"
            if called and following and unwrapped(child).type == "member_access":
                self._call(unwrapped(child), following)
            elif child.type != "argument_list" or not self.called:
                self._take(child)
            self.called = called
        self._close()
        return self.arguments

    def _take(self, node: Node) -> None:
        text = self.runner.source.cut(node)
        if node.type == "command_argument_sep":
            self.joined |= text == ":"
            self.apart = True
        elif node.type == "comment" or node.type.startswith("redirection") or _is_redirection(text):
            self.apart = True
        elif node.type == "command_parameter":
            self._open(text)
        elif node.type == "generic_token" and node.start_byte in self.runner.source.listed:
            self._extend(text)
        else:
            is_variable = unwrapped(node).type == "variable"
            self._value(text, evaluate(node, self.scope, self.runner), is_variable=is_variable)

    def _open(self, text: str) -> None:
        self._close()
        name = text[1:].replace("`", "")
        if "`" in text:
            self.runner.doubt(f"the name of a parameter is split: {text}")
        if found := foreign_letter(name):
            self.runner.raise_flag(CommandFlag.LOOKALIKE, f"{found} in the parameter {text}")
        if not self.apart:
            self.runner.doubt(f"'{text}' touches what stands before it")
        self.open_name, self.open_text, self.joined, self.apart = name, text, False, False

    def _close(self) -> None:
        if self.open_name is not None:
            if self.joined:
                self.runner.doubt(f"{self.open_text}: has no value")
            self.arguments.append(Argument(name=self.open_name, text=self.open_text))
        self.open_name = None

    def _call(self, member: Node, called: Node) -> None:
        text = self.runner.source.between(member.start_byte, called.end_byte)
        self._value(text, call(member, called, self.scope, self.runner))

    def _extend(self, text: str) -> None:
        """The next word of a bare list, with the comma before it."""
        begun = self.arguments.pop()
        first = begun.bound or unknown(begun.text)
        items = first.items if isinstance(first, Several) else (first,)
        bound = Several((*items, literal(text[1:])))
        self.arguments.append(replace(begun, bound=bound, text=begun.text + text))
        self.joined = self.apart = False

    def _value(self, text: str, bound: Bound, *, is_variable: bool = False) -> None:
        if not self.apart and not (self.open_name is not None and text[:1] in "({") and not self.joined:
            self.runner.doubt(f"'{text[:60]}' touches what stands before it")
            bound = unknown(text)
        if self.joined and self.open_name is not None:
            self.arguments.append(Argument(name=self.open_name, bound=bound, text=text))
            self.open_name = None
        else:
            self._close()
            splatted = is_variable and text.startswith("@")
            self.arguments.append(Argument(bound=bound, text=text, splatted=splatted))
        self.joined = self.apart = False


def _is_redirection(text: str) -> bool:
    """`2>$null`, which the grammar takes for a word."""
    stream, arrow, file = text.partition(">")
    return (
        arrow == ">"
        and (stream == "*" or (stream.isdigit() and len(stream) == 1))
        and file.lower() == "$null"
    )


def literal_text(argument: Argument) -> str:
    """The argument as one word: its literal where it has one, else as it is written."""
    if isinstance(argument.bound, Value) and argument.bound.literal is not None:
        return argument.bound.literal
    return argument.text


def is_script_file(name: str) -> bool:
    """True for a command name that is a file, Exchange's own start script excepted."""
    return is_file(name) and not is_bootstrap(name)
