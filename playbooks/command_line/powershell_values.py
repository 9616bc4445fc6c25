"""Expressions of PowerShell text: which literal, or which object of a known cmdlet, they stand for."""

from collections.abc import Callable
from typing import Protocol

from tree_sitter import Node

from playbooks.command_line.command_values import CommandFlag, Hole, HoleKind, Value
from playbooks.command_line.date_formats import is_plain_custom_format
from playbooks.command_line.powershell_bound import (
    Block,
    Bound,
    Mailboxes,
    Moment,
    Number,
    Requests,
    Scope,
    Several,
    Table,
    as_value,
    joined,
    literal,
    property_of,
    unknown,
)
from playbooks.command_line.powershell_source import Source, unwrapped, variable_name
from playbooks.command_line.powershell_strings import Expansion, bare_word, here_body, verbatim

_CONSTANTS = {"true": "True", "false": "False", "null": ""}
_DEEPEST = 30


class Runner(Protocol):
    """Runs statements for the sake of expressions that hold them."""

    source: Source
    depth: int

    def run(self, node: Node, scope: Scope) -> Bound:
        """Read the statements in a node and give what the last of them gives."""

    def doubt(self, text: str) -> None:
        """Note something that cannot be followed."""

    def raise_flag(self, flag: CommandFlag, detail: str) -> None:
        """Raise a flag with the words that raised it."""


def evaluate(node: Node, scope: Scope, runner: Runner) -> Bound:
    """What an expression stands for. Commands inside it are read on the way."""
    node = unwrapped(node)
    if runner.depth > _DEEPEST:
        runner.doubt("nested too deep")
        return unknown(runner.source.cut(node))
    runner.depth += 1
    try:
        return _FORMS.get(node.type, _look_inside)(node, scope, runner)
    finally:
        runner.depth -= 1


def _look_inside(node: Node, scope: Scope, runner: Runner) -> Bound:
    for child in node.named_children:
        evaluate(child, scope, runner)
    return unknown(runner.source.cut(node))


def _string(node: Node, scope: Scope, runner: Runner) -> Bound:
    inner = node.children[0]
    text = runner.source.cut(inner)
    if inner.type == "verbatim_string_characters":
        return verbatim(text)
    if inner.type == "verbatim_here_string_characters":
        return literal(text[slice(*here_body(text))])
    here = inner.type == "expandable_here_string_literal"
    start, end = here_body(text) if here else (1, len(text) - 1)
    return Expansion(
        runner.source,
        inner.start_byte + _width(text[:start]),
        inner.start_byte + _width(text[:end]),
        {child.start_byte: child for child in inner.named_children},
        lambda child: as_value(evaluate(child, scope, runner), runner.source.cut(child)),
        doubles_quotes=not here,
    ).read()


def _width(text: str) -> int:
    return len(text.encode("utf-16-le", errors="surrogatepass"))


def _bare(node: Node, scope: Scope, runner: Runner) -> Bound:
    return bare_word(runner.source.cut(node), lambda text: as_value(lookup(text, scope), text))


def _number(node: Node, _scope: Scope, runner: Runner) -> Bound:
    text = runner.source.cut(node)
    # 007 and 0x7 are text for some parameters and the number 7 for others.
    plain = text.isascii() and text.isdigit() and str(int(text[:20])) == text
    return Number(text) if plain else unknown(text)


def _variable(node: Node, scope: Scope, runner: Runner) -> Bound:
    return lookup(runner.source.cut(node), scope)


def lookup(text: str, scope: Scope) -> Bound:
    """What a variable stands for, given as it is written."""
    if text.lower() in {"$_", "$psitem"}:
        return scope.current or unknown(text)
    name = variable_name(text)
    if name in _CONSTANTS:
        return literal(_CONSTANTS[name])
    return unknown(text) if name is None else scope.variables.get(name, unknown(text))


def _member(node: Node, scope: Scope, runner: Runner) -> Bound:
    owner, name = node.children[0], node.children[-1]
    bound = evaluate(owner, scope, runner)
    text = runner.source.cut(node)
    plain = name.named_child_count == 1 and name.children[0].type == "simple_name"
    if not plain or runner.source.cut(node.children[1]) != ".":
        _look_inside(name, scope, runner)
        return unknown(text)
    return property_of(bound, runner.source.cut(name), text)


def _call(node: Node, scope: Scope, runner: Runner) -> Bound:
    return call(node, node.children[-1], scope, runner)


def call(member: Node, arguments: Node, scope: Scope, runner: Runner) -> Bound:
    """`owner.Method(arguments)`: only `ToString` leaves anything known."""
    names = [child for child in member.children if child.type == "member_name"]
    bound = evaluate(member.children[0], scope, runner)
    given = [evaluate(child, scope, runner) for child in arguments.named_children]
    text = runner.source.cut(member).removesuffix(runner.source.cut(arguments)) + runner.source.cut(arguments)
    if not names or runner.source.cut(names[0]).lower() != "tostring":
        return unknown(text)
    match bound, given:
        case Moment(), [Value() as form]:
            return _dated(form.literal, text)
        case ((Value() | Requests()), []):
            return bound
        case _:
            return unknown(text)


def _dated(form: str | None, text: str) -> Value:
    if form is None or not is_plain_custom_format(form):
        return unknown(text)
    return Value((Hole(HoleKind.DATE, text),))


def _sum(node: Node, scope: Scope, runner: Runner) -> Bound:
    left, right = evaluate(node.children[0], scope, runner), evaluate(node.children[-1], scope, runner)
    if runner.source.cut(node.children[1]) == "+" and isinstance(left, Value):
        return joined((left, as_value(right, runner.source.cut(node.children[-1]))))
    return unknown(runner.source.cut(node))


def _format(node: Node, scope: Scope, runner: Runner) -> Bound:
    pattern, right = evaluate(node.children[0], scope, runner), evaluate(node.children[-1], scope, runner)
    text = runner.source.cut(node)
    items = right.items if isinstance(right, Several) else (right,)
    if not isinstance(pattern, Value) or pattern.literal is None:
        return unknown(text)
    return _formatted(pattern.literal, items, text)


def _formatted(pattern: str, items: tuple[Bound, ...], text: str) -> Value:
    parts: list[Value] = []
    for at, piece in enumerate(pattern.replace("{{", "\0").replace("}}", "\1").split("{")):
        place, closed, rest = piece.partition("}")
        if at and not closed:
            return unknown(text)
        if at:
            parts.append(_placed(place, items, text))
        parts.append(literal((rest if at else piece).replace("\0", "{").replace("\1", "}")))
    return joined(tuple(parts))


def _placed(place: str, items: tuple[Bound, ...], text: str) -> Value:
    number, colon, form = place.partition(":")
    if not (number.isascii() and number.isdigit()) or len(number) > 2 or int(number) >= len(items):
        return unknown(text)
    item = items[int(number)]
    if colon:
        return _dated(form, text) if isinstance(item, Moment) else unknown(text)
    return as_value(item, text)


def _list(node: Node, scope: Scope, runner: Runner) -> Bound:
    return Several(tuple(evaluate(child, scope, runner) for child in node.named_children))


def _statements(node: Node, scope: Scope, runner: Runner) -> Bound:
    return runner.run(node, scope.inside())


def _array(node: Node, scope: Scope, runner: Runner) -> Bound:
    inner = runner.run(node, scope.inside())
    return inner if isinstance(inner, Several | Requests | Mailboxes) else Several((inner,))


def _unary(node: Node, scope: Scope, runner: Runner) -> Bound:
    inner = node.children[-1]
    if inner.type == "cast_expression":
        return _cast(inner, scope, runner)
    bound = evaluate(inner, scope, runner)
    if runner.source.cut(node.children[0]) == "," and len(node.children) == 2:
        return Several((bound,))
    return unknown(runner.source.cut(node))


def _cast(node: Node, scope: Scope, runner: Runner) -> Bound:
    bound = evaluate(node.children[-1], scope, runner)
    kind = runner.source.cut(node.children[0]).lower()
    kept = isinstance(bound, Value) if kind == "[string]" else kind in {"[array]", "[string[]]"}
    return bound if kept else unknown(runner.source.cut(node))


def _table(node: Node, scope: Scope, runner: Runner) -> Bound:
    entries: list[tuple[str, Bound]] = []
    fixed = True
    for entry in (child for body in node.named_children for child in body.named_children):
        parts = [child for child in entry.children if child.type not in {"=", ";", "comment"}]
        key = _key(parts[0], scope, runner) if parts else None
        bounds = [evaluate(part, scope, runner) for part in parts[1:]]
        fixed = fixed and key is not None and len(bounds) == 1
        entries.extend((key or "", bound) for bound in bounds)
    return Table(tuple(entries)) if fixed else unknown(runner.source.cut(node))


def _key(node: Node, scope: Scope, runner: Runner) -> str | None:
    name = unwrapped(node)
    if name.type == "simple_name":
        return runner.source.cut(name).lower()
    key = as_value(evaluate(node, scope, runner), "").literal
    return None if key is None else key.lower()


def _block(node: Node, _scope: Scope, _runner: Runner) -> Bound:
    return Block(node)


_FORMS: dict[str, Callable[[Node, Scope, Runner], Bound]] = {
    "string_literal": _string,
    "generic_token": _bare,
    "integer_literal": _number,
    "real_literal": _number,
    "variable": _variable,
    "member_access": _member,
    "invokation_expression": _call,
    "additive_expression": _sum,
    "additive_argument_expression": _sum,
    "format_expression": _format,
    "format_argument_expression": _format,
    "array_literal_expression": _list,
    "parenthesized_expression": _statements,
    "sub_expression": _statements,
    "array_expression": _array,
    "expression_with_unary_operator": _unary,
    "cast_expression": _cast,
    "hash_literal_expression": _table,
    "script_block_expression": _block,
    "command": _statements,
    "pipeline": _statements,
    "pipeline_chain": _statements,
    "statement_list": _statements,
    "statement_block": _statements,
    "assignment_expression": _statements,
}
