"""PowerShell text as a syntax tree, and what in the tree forbids trusting the reading.

The grammar is tree-sitter-powershell. It is kinder than PowerShell in places, so every construct that
this reading does not follow is named here instead of being passed over.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import tree_sitter
import tree_sitter_powershell
from tree_sitter import Node

from playbooks.command_line.command_letters import as_powershell_reads
from playbooks.command_line.powershell_tokens import (
    STRINGS,
    TOKENS,
    is_list_word,
    seems_cut,
    token_doubt,
)
from playbooks.command_line.vocabulary import words

_LANGUAGE = tree_sitter.Language(tree_sitter_powershell.language())
_MOST_DOUBTS = 20

_FOLLOWED = words(
    """additive_argument_expression additive_expression argument_expression argument_expression_list
    argument_list array_expression array_literal_expression array_type_name assignement_operator
    assignment_expression bitwise_argument_expression bitwise_expression braced_variable cast_expression
    catch_clause catch_clauses catch_type_list command command_argument_sep command_elements
    command_invokation_operator command_name command_name_expr command_parameter comment
    comparison_argument_expression comparison_expression comparison_operator decimal_integer_literal
    dimension do_statement element_access else_clause elseif_clause elseif_clauses empty_statement
    expandable_here_string_literal expandable_string_literal expression_with_unary_operator
    file_redirection_operator finally_clause flow_control_statement for_condition for_initializer
    for_iterator for_statement foreach_statement format_argument_expression format_expression
    format_operator generic_token hash_entry hash_literal_body hash_literal_expression
    hexadecimal_integer_literal if_statement integer_literal invokation_expression key_expression
    left_assignment_expression logical_argument_expression logical_expression member_access member_name
    merging_redirection_operator multiplicative_argument_expression multiplicative_expression
    parenthesized_expression path_command_name path_command_name_token pipeline pipeline_chain
    pipeline_chain_tail post_decrement_expression post_increment_expression pre_decrement_expression
    pre_increment_expression program range_argument_expression range_expression real_literal
    redirected_file_name redirection redirections script_block script_block_body script_block_expression
    simple_name statement_block statement_list string_literal sub_expression switch_body switch_clause
    switch_clause_condition switch_clauses switch_condition switch_statement try_statement type_identifier
    type_literal type_name type_spec unary_expression variable verbatim_here_string_characters
    verbatim_string_characters while_condition while_statement"""
)

_PLAIN_METHODS = words(
    """adddays addhours addminutes addmonths addseconds addyears compareto contains endswith equals gettype
    indexof padleft padright split startswith substring tolower tolowerinvariant toshortdatestring tostring
    touniversaltime toupper toupperinvariant trim trimend trimstart replace"""
)

_SHARED_VARIABLES = words("_ psitem psdefaultparametervalues psmoduleautoloadingpreference executioncontext")
_ASSIGNING = words(
    """left_assignment_expression foreach_statement post_increment_expression post_decrement_expression
    pre_increment_expression pre_decrement_expression"""
)
_SCOPES = frozenset({"global", "local", "script", "private"})


@dataclass(frozen=True, slots=True)
class Doubt:
    """Something in the tree that this reading does not follow; `cut` where the text seems to end early."""

    text: str
    cut: bool = False


@dataclass(slots=True)
class Source:
    """A parsed text. Nodes are cut from the text as it was, not as the grammar was given it."""

    text: str
    octets: bytes = field(init=False)
    plain: bytes = field(init=False)
    root: Node = field(init=False)
    commands: list[Node] = field(default_factory=list)
    errors: list[Node] = field(default_factory=list)
    assigned: list[Node] = field(default_factory=list)
    doubts: list[Doubt] = field(default_factory=list)
    listed: set[int] = field(default_factory=set)
    """Where the second and later words of bare lists begin (`Completed,Failed`), each at its comma."""

    def __post_init__(self) -> None:
        self.octets = self.text.encode("utf-16-le", errors="surrogatepass")
        self.plain = as_powershell_reads(self.text).encode("utf-16-le", errors="surrogatepass")
        self.root = tree_sitter.Parser(_LANGUAGE).parse(self.plain, encoding="utf16le").root_node
        covered = 0
        for node in nodes_in(self.root):
            self._sort(node)
            if node.child_count == 0 or node.type in STRINGS:
                self._doubt_gap(covered, node.start_byte)
                covered = max(covered, node.end_byte)

    def cut(self, node: Node) -> str:
        """The text of a node."""
        return self.between(node.start_byte, node.end_byte)

    def between(self, start: int, end: int) -> str:
        """The text between two places of the tree, given as the tree gives them."""
        return self.octets[start:end].decode("utf-16-le", errors="surrogatepass")

    def _doubt_gap(self, start: int, end: int) -> None:
        """Between two tokens there is nothing but blanks and continued lines."""
        between = self.plain[start:end].decode("utf-16-le", errors="surrogatepass") if start < end else ""
        if between.strip(" \t\r\n`"):
            self.doubts.append(Doubt(f"'{between.strip()[:60]}' is no part of any command"))

    def _sort(self, node: Node) -> None:
        if node.is_error:
            self.errors.append(node)
        elif node.type == "command":
            self.commands.append(node)
        elif node.type == "command_elements":
            self._note_lists(node)
        elif node.type in _ASSIGNING:
            self.assigned.append(node)
        if len(self.doubts) < _MOST_DOUBTS:
            self.doubts.extend(self._doubts_at(node))

    def _note_lists(self, elements: Node) -> None:
        """The grammar knows no bare lists: it misses a blank before each comma, and reads on as after one."""
        children = elements.children
        for before, gap, after in zip(children, children[1:], children[2:], strict=False):
            is_list = (
                gap.start_byte == gap.end_byte
                and before.type == after.type == "generic_token"
                and is_list_word(self.cut(before).removeprefix(","))
                and self.cut(after).startswith(",")
                and is_list_word(self.cut(after)[1:])
            )
            if is_list:
                self.listed.add(after.start_byte)

    def _doubts_at(self, node: Node) -> Iterator[Doubt]:
        if node.start_byte in self.listed and (node.is_missing or node.type == "generic_token"):
            return
        if node.is_error or node.is_missing:
            at_end = not self.between(node.end_byte, len(self.octets)).strip()
            yield Doubt(
                f"PowerShell cannot be parsed at '{self.cut(node)[:60]}'", at_end and seems_cut(self.text)
            )
        elif node.is_named and node.type not in _FOLLOWED:
            yield Doubt(f"{node.type.replace('_', ' ')} is not followed")
        elif node.type == "invokation_expression":
            yield from self._method_doubt(node)
        elif node.type == "command_elements":
            yield from self._called_argument_doubts(node)
        elif node.type == "left_assignment_expression":
            yield from self._assignment_doubt(node)
        elif node.type == "redirection":
            yield from self._redirection_doubt(node)
        elif node.type in TOKENS and (found := token_doubt(node, self.plain)):
            yield Doubt(found)

    def _redirection_doubt(self, node: Node) -> Iterator[Doubt]:
        file = node.children[-1]
        if file.type == "redirected_file_name" and self.cut(file).strip().lower() != "$null":
            yield Doubt(f"output goes to {self.cut(file)[:60]}")

    def _called_argument_doubts(self, node: Node) -> Iterator[Doubt]:
        """`$x.Method(...)` as an argument: the grammar takes the list for an argument of its own."""
        for before, after in pairwise(node.children):
            if after.type == "argument_list":
                yield from self._method_doubt(unwrapped(before))

    def _method_doubt(self, node: Node) -> Iterator[Doubt]:
        name = next((self.cut(child) for child in node.children if child.type == "member_name"), "")
        if name.lower() not in _PLAIN_METHODS:
            yield Doubt(f"the method {name or 'without a name'} is called")

    def _assignment_doubt(self, node: Node) -> Iterator[Doubt]:
        target = unwrapped(node)
        if target.type == "expression_with_unary_operator" and target.children[0].type == "cast_expression":
            target = unwrapped(target.children[0].children[-1])
        name = variable_name(self.cut(target)) if target.type == "variable" else None
        if name is None or name in _SHARED_VARIABLES:
            yield Doubt(f"'{self.cut(node)[:60]}' is assigned")


def nodes_in(node: Node) -> Iterator[Node]:
    """A node and every node inside it, each before what it holds, in the order of the text."""
    waiting = [node]
    while waiting:
        found = waiting.pop()
        yield found
        waiting.extend(reversed(found.children))


def unwrapped(node: Node) -> Node:
    """The node inside expressions that hold it alone."""
    while node.named_child_count == 1 and node.child_count == 1 and node.type in _WRAPPERS:
        node = node.children[0]
    return node


def variable_name(text: str) -> str | None:
    """The lower-case name of a plain variable, its scope left out, or None for a drive or odd letters."""
    name = text.lstrip("$@").strip("{}").lower()
    scope, colon, rest = name.partition(":")
    if colon:
        if scope not in _SCOPES:
            return None
        name = rest
    return name if name.isascii() and name.replace("_", "a").isalnum() else None


_WRAPPERS = words(
    """additive_argument_expression additive_expression argument_expression array_literal_expression
    bitwise_argument_expression bitwise_expression comparison_argument_expression comparison_expression
    format_argument_expression format_expression left_assignment_expression logical_argument_expression
    logical_expression multiplicative_argument_expression multiplicative_expression pipeline pipeline_chain
    range_argument_expression range_expression unary_expression while_condition statement_list
    script_block_body script_block argument_expression_list redirected_file_name key_expression
    for_condition"""
)
