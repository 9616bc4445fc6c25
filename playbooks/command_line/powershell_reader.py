"""Read PowerShell text: statement by statement, pipeline by pipeline, command by command.

Nothing runs. A loop over a literal list is read once for each element; any other loop is read once.
Commands in places that this reading does not follow are read all the same, and doubted.
"""

from collections import Counter
from collections.abc import Sequence

from tree_sitter import Node

from playbooks.command_line.command_gathering import Gathered
from playbooks.command_line.command_letters import foreign_letter
from playbooks.command_line.command_values import CommandFlag, Value
from playbooks.command_line.mailbox_cmdlets import NAMES
from playbooks.command_line.powershell_bound import (
    Block,
    Bound,
    Mailboxes,
    Number,
    Requests,
    Scope,
    Several,
    as_value,
    unknown,
)
from playbooks.command_line.powershell_commands import read_command
from playbooks.command_line.powershell_source import Source, nodes_in, unwrapped, variable_name
from playbooks.command_line.powershell_values import evaluate
from playbooks.command_line.vocabulary import words

_LONGEST_LOOP = 50
_MOST_COMMANDS = 400
_TRANSPARENT = words("program statement_list script_block script_block_body pipeline statement_block")
_EXPRESSIONS = frozenset({"parenthesized_expression", "sub_expression", "array_expression"})
_BRANCHES = words(
    """if_statement elseif_clauses elseif_clause else_clause while_statement while_condition do_statement
    for_statement for_initializer for_condition for_iterator switch_statement switch_condition switch_body
    switch_clauses switch_clause switch_clause_condition try_statement catch_clauses catch_clause
    catch_type_list finally_clause flow_control_statement"""
)
_OTHER_CURRENT = frozenset({"switch_statement", "catch_clause"})


class ScriptReader:
    """Reads one text into what has been gathered."""

    def __init__(self, text: str, gathered: Gathered) -> None:
        self.source = Source(text)
        self.gathered = gathered
        self.depth = 0
        self.aliases: dict[str, str] = {}
        self._commands = 0
        self._seen: set[int] = set()
        self._assigned = self._count_assignments()

    def read(self) -> None:
        """Read the whole text."""
        for doubt in self.source.doubts:
            self.doubt(doubt.text)
            if doubt.cut:
                self.raise_flag(CommandFlag.CUT, f"the text ends in the middle: {doubt.text}")
        self.run(self.source.root, Scope(variables={}))
        self._read_left_over()

    def doubt(self, text: str) -> None:
        """Note something that cannot be followed."""
        self.raise_flag(CommandFlag.UNPARSED, text)

    def raise_flag(self, flag: CommandFlag, detail: str) -> None:
        """Raise a flag with the words that raised it."""
        self.gathered.flag(flag, detail)

    def mark_as_text(self, block: Node) -> None:
        """A script block that a cmdlet takes for text: nothing in it runs."""
        self._seen.update(node.start_byte for node in nodes_in(block) if node.type == "command")

    def run(self, node: Node, scope: Scope) -> Bound:
        """Read the statements in a node; give what they put out where that is one thing."""
        if node.type in _EXPRESSIONS or node.type in _TRANSPARENT:
            return self._run_each(node, scope)
        if node.type in _BRANCHES:
            return self._branch(node, scope)
        statements = {
            "pipeline_chain": self._pipeline,
            "command": self.command,
            "assignment_expression": self._assign,
            "foreach_statement": self._foreach,
        }
        return statements[node.type](node, scope) if node.type in statements else evaluate(node, scope, self)

    def run_block(self, block: Block, scope: Scope) -> None:
        """Read what a script block runs."""
        for child in block.node.named_children:
            self.run(child, scope)

    def for_each(
        self, feed: Bound | None, block: Block | Node, scope: Scope, name: str | None = None
    ) -> None:
        """Read a loop's body for each object; `name` is the loop's variable, else the body sees `$_`."""
        for item in self._objects(feed):
            if self._commands > _MOST_COMMANDS:
                return
            inner = scope.with_current(item) if name is None else scope.with_variable(name, item)
            if isinstance(block, Block):
                self.run_block(block, inner)
            else:
                self.run(block, inner)

    def command(self, node: Node, scope: Scope, feed: Bound | None = None) -> Bound:
        """Read one command."""
        self._seen.add(node.start_byte)
        self._commands += 1
        if self._commands > _MOST_COMMANDS:
            self.doubt("there are more commands than are read")
            return unknown("")
        return read_command(self, node, scope, feed)

    def _branch(self, node: Node, scope: Scope) -> Bound:
        inner = scope.inside() if node.type not in _OTHER_CURRENT else scope.with_current(None)
        for child in node.named_children:
            self.run(child, inner)
        return unknown(self.source.cut(node)[:80])

    def _run_each(self, node: Node, scope: Scope) -> Bound:
        put_out: list[Bound] = []
        inner = scope.inside() if node.type == "statement_block" else scope
        for child in node.named_children:
            if child.type in {"empty_statement", "comment"}:
                continue
            bound = self.run(child, inner)
            if unwrapped(child).type != "assignment_expression":
                put_out.append(bound)
        if len(put_out) == 1:
            return put_out[0]
        return unknown(self.source.cut(node)[:80])

    def _pipeline(self, node: Node, scope: Scope) -> Bound:
        feed: Bound | None = None
        for stage in node.named_children:
            if stage.type == "command":
                feed = self.command(stage, scope, feed)
            elif stage.type not in {"comment", "redirections", "redirection"}:
                feed = self.run(stage, scope)
        return feed if feed is not None else unknown(self.source.cut(node)[:80])

    def _assign(self, node: Node, scope: Scope) -> Bound:
        target, operator, right = node.children[0], node.children[1], node.children[-1]
        bound = self.run(right, scope)
        inner = unwrapped(target)
        if (typed := self._typed_text(inner)) is not None:
            # A text stays what it is; a list would be joined.
            inner, bound = typed, as_value(bound, self.source.cut(right)[:80])
        name = variable_name(self.source.cut(inner)) if inner.type == "variable" else None
        plain = name is not None and self.source.cut(operator).strip() == "="
        if name is None:
            evaluate(target, scope, self)
        elif plain and scope.straight and self._assigned[name] == 1:
            scope.variables[name] = bound
        return unknown(self.source.cut(node)[:80])

    def _typed_text(self, target: Node) -> Node | None:
        """The variable in `[string]$name`; None for anything else."""
        cast = target.children[0] if target.type == "expression_with_unary_operator" else target
        if cast.type != "cast_expression" or self.source.cut(cast.children[0]).lower() != "[string]":
            return None
        return unwrapped(cast.children[-1])

    def _foreach(self, node: Node, scope: Scope) -> Bound:
        variable = next((child for child in node.named_children if child.type == "variable"), None)
        body = next((child for child in node.named_children if child.type == "statement_block"), None)
        feed: Bound = unknown(self.source.cut(node)[:80])
        for child in node.named_children:
            if child.type not in {"variable", "statement_block", "comment"}:
                feed = self.run(child, scope.inside())
        name = variable_name(self.source.cut(variable)) if variable else None
        if name is None or self._assigned[name] != 1:
            feed = unknown(self.source.cut(node)[:80])
        if body is not None:
            self.for_each(feed, body, scope, name or "")
        return unknown(self.source.cut(node)[:80])

    def _objects(self, feed: Bound | None) -> Sequence[Bound | None]:
        match feed:
            case Several(items=items) if 0 < len(items) <= _LONGEST_LOOP:
                return items
            case Value() | Number() | Mailboxes() | Requests():
                return (feed,)
            case _:
                return (None,)

    def _read_left_over(self) -> None:
        for node in self.source.commands:
            if node.start_byte not in self._seen:
                self.doubt(f"a command stands where it cannot be followed: {self.source.cut(node)[:80]}")
                self.command(node, Scope(variables={}, straight=False))
        for error in self.source.errors:
            self._look_at_broken(error)
            letters = "".join(letter for letter in self.source.cut(error) if letter.isalpha())
            if found := foreign_letter(letters):
                # The grammar takes no parameter with such a letter; PowerShell does.
                self.raise_flag(CommandFlag.LOOKALIKE, f"{found} where the text cannot be parsed")

    def _look_at_broken(self, error: Node) -> None:
        """A cmdlet's name in a text that cannot be parsed, where the grammar made no command of it."""
        for node in error.children:
            if node.start_byte not in self._seen and self.source.cut(node).replace("`", "").lower() in NAMES:
                self.command(node, Scope(variables={}, straight=False))

    def _count_assignments(self) -> Counter[str]:
        variables = (variable for node in self.source.assigned for variable in _variables(node))
        names = (variable_name(self.source.cut(variable)) for variable in variables)
        return Counter(name for name in names if name is not None)


def _variables(node: Node) -> list[Node]:
    """The variables that an assignment, a loop or a count sets; too many rather than too few."""
    found = node.named_children if node.type == "foreach_statement" else nodes_in(node)
    return [inner for inner in found if inner.type == "variable"]
