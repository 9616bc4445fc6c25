"""One command of PowerShell text on its way to being read: its arguments, and the reader around it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tree_sitter import Node

from playbooks.command_line.command_gathering import Gathered
from playbooks.command_line.mailbox_cmdlets import Argument, Binding, Cmdlet, bind
from playbooks.command_line.powershell_bound import Block, Bound, Scope
from playbooks.command_line.powershell_values import Runner


class Reader(Runner, Protocol):
    """What reading a command needs of the reader of the text around it."""

    gathered: Gathered
    aliases: dict[str, str]

    def run_block(self, block: Block, scope: Scope) -> None:
        """Read what a script block runs."""

    def for_each(
        self, feed: Bound | None, block: Block | Node, scope: Scope, name: str | None = None
    ) -> None:
        """Read a loop's body for each object."""

    def mark_as_text(self, block: Node) -> None:
        """A script block that a cmdlet takes for text: nothing in it runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One command with all that is needed to read it."""

    reader: Reader
    name: str
    text: str
    arguments: Sequence[Argument]
    scope: Scope
    feed: Bound | None

    @property
    def blocks(self) -> list[Block]:
        """The script blocks among the arguments."""
        return [argument.bound for argument in self.arguments if isinstance(argument.bound, Block)]

    def bind(self, cmdlet: Cmdlet) -> Binding:
        """Bind the arguments to a cmdlet of ours."""
        return bind(cmdlet, self.arguments)

    def report(self, binding: Binding) -> None:
        """Doubt the command for each thing that PowerShell would refuse."""
        for problem in binding.problems:
            self.reader.doubt(problem)
