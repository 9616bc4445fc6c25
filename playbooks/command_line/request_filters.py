"""Read a `Where-Object` filter over mailbox requests, as far as it names statuses, names or batches."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from tree_sitter import Node

from playbooks.command_line.command_values import Hole, HoleKind, Removal, Value
from playbooks.command_line.mailbox_cmdlets import Argument
from playbooks.command_line.powershell_bound import Scope, as_values
from playbooks.command_line.powershell_source import unwrapped
from playbooks.command_line.powershell_values import Runner, evaluate
from playbooks.command_line.vocabulary import words

_STATUSES = {
    name.lower(): name
    for name in words(
        """None Queued InProgress AutoSuspended CompletionInProgress Completed CompletedWithWarning
    Suspended Failed Retrying Synced Removing"""
    )
}
_EQUAL = frozenset({"eq", "ieq", "ceq"})
_AMONG = frozenset({"in", "iin", "cin"})
_HOLDS = frozenset({"contains", "icontains", "ccontains"})
_LIKE = frozenset({"like", "ilike"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What a filter lets pass; `unread` where some of it is not understood, which only narrows more."""

    statuses: frozenset[str] | None = None
    name: Value | None = None
    batch_name: Value | None = None
    request_guid: Value | None = None
    unread: bool = False

    @property
    def only_statuses(self) -> bool:
        """True where the statuses are the whole of the filter."""
        named = (self.name, self.batch_name, self.request_guid)
        return not self.unread and self.statuses is not None and named == (None, None, None)


_UNREAD = Condition(unread=True)


def read_statuses(values: Sequence[Value]) -> frozenset[str] | None:
    """The statuses in Microsoft's spelling, or None where one of them is none or is not fixed."""
    known = [_STATUSES.get((value.literal or "").lower()) for value in values]
    return frozenset(name for name in known if name) if known and all(known) else None


def _statuses_like(pattern: str | None) -> frozenset[str] | None:
    """The statuses that a wildcard pattern lets pass; none where it holds more than stars and letters."""
    if pattern is None or not pattern.replace("*", "").isalpha():
        return None
    return frozenset(name for folded, name in _STATUSES.items() if fnmatchcase(folded, pattern.lower()))


def read_condition(
    arguments: Sequence[Argument], scope: Scope, runner: Runner, block: Node | None
) -> Condition:
    """Read a filter: a script block, or `Status -eq Completed` without one."""
    if block is not None:
        statements = [child for child in block.named_children if child.type == "script_block"]
        return _condition(statements[0], scope, runner) if len(statements) == 1 else _UNREAD
    names = [argument.name.lower() for argument in arguments if argument.name]
    operators = [name for name in names if name not in {"property", "value"}]
    values = [argument for argument in arguments if argument.bound is not None]
    if len(operators) != 1 or len(values) != 2:
        return _UNREAD
    field = as_values(values[0].bound, "")[0].literal
    return _compared(field or "", operators[0], as_values(values[1].bound, values[1].text))


def narrowed(selection: Removal, condition: Condition) -> Removal:
    """The selection with the filter behind it; what cannot be written down counts as unread."""
    statuses = condition.statuses
    if statuses is not None and selection.statuses is not None:
        statuses &= selection.statuses
    twice = any(
        getattr(selection, field) is not None and getattr(condition, field) is not None
        for field in ("name", "batch_name", "request_guid")
    )
    return replace(
        selection,
        statuses=selection.statuses if statuses is None else statuses,
        name=selection.name or condition.name,
        batch_name=selection.batch_name or condition.batch_name,
        request_guid=selection.request_guid or condition.request_guid,
        unread_filter=selection.unread_filter or condition.unread or twice,
    )


def _condition(node: Node, scope: Scope, runner: Runner) -> Condition:
    for _ in range(30):
        inner = unwrapped(node)
        if inner.type != "parenthesized_expression" or inner.named_child_count != 1:
            break
        node = inner.named_children[0]
    if inner.type == "logical_expression" and inner.child_count == 3:
        return _logical(inner, scope, runner)
    if inner.type == "comparison_expression" and inner.child_count == 3:
        return _comparison(inner, scope, runner)
    return _UNREAD


def _logical(node: Node, scope: Scope, runner: Runner) -> Condition:
    if runner.depth > 20:
        return _UNREAD
    runner.depth += 1
    left, right = _condition(node.children[0], scope, runner), _condition(node.children[2], scope, runner)
    runner.depth -= 1
    operator = _operator(node, runner)
    if operator == "and":
        return _both(left, right)
    if operator == "or" and left.only_statuses and right.only_statuses:
        return Condition(statuses=(left.statuses or frozenset()) | (right.statuses or frozenset()))
    return _UNREAD


def _both(left: Condition, right: Condition) -> Condition:
    selection = Removal(
        statuses=left.statuses,
        name=left.name,
        batch_name=left.batch_name,
        request_guid=left.request_guid,
        unread_filter=left.unread,
    )
    both = narrowed(selection, right)
    return Condition(
        statuses=both.statuses,
        name=both.name,
        batch_name=both.batch_name,
        request_guid=both.request_guid,
        unread=both.unread_filter,
    )


def _comparison(node: Node, scope: Scope, runner: Runner) -> Condition:
    operator = _operator(node, runner)
    left, right = node.children[0], node.children[2]
    if operator in _HOLDS or (operator in _EQUAL and not _field(left, runner)):
        left, right, operator = right, left, "in" if operator in _HOLDS else operator
    return _compared(
        _field(left, runner), operator, as_values(evaluate(right, scope, runner), runner.source.cut(right))
    )


def _operator(node: Node, runner: Runner) -> str:
    return runner.source.cut(node.children[1]).lower()[1:]


def _field(node: Node, runner: Runner) -> str:
    inner = unwrapped(node)
    if inner.type != "member_access":
        return ""
    owner, _, name = runner.source.cut(inner).lower().partition(".")
    return name.strip() if owner.strip() in {"$_", "$psitem"} else ""


def _status_compared(operator: str, values: Sequence[Value]) -> Condition:
    if operator in _LIKE and len(values) == 1:
        statuses = _statuses_like(values[0].literal)
    elif operator in _AMONG or (operator in _EQUAL and len(values) == 1):
        statuses = read_statuses(values)
    else:
        statuses = None
    return Condition(statuses=statuses) if statuses else _UNREAD


def _compared(field: str, operator: str, values: Sequence[Value]) -> Condition:
    field = field.lower()
    if field == "status":
        return _status_compared(operator, values)
    value = _only(operator, values)
    match field:
        case "name" if value:
            return Condition(name=value)
        case "batchname" if value:
            return Condition(batch_name=value)
        case "requestguid" if value and value.literal:
            return Condition(request_guid=value)
        case _:
            return _UNREAD


def _only(operator: str, values: Sequence[Value]) -> Value | None:
    """The one value that passes, or of names the one beginning; None where it is not one."""
    if len(values) != 1 or operator not in _AMONG | _EQUAL | _LIKE:
        return None
    return _beginning(values[0]) if operator in _LIKE else values[0]


def _beginning(pattern: Value) -> Value | None:
    """A name, or every name with that literal beginning; None for any other pattern."""
    text = pattern.literal or ""
    stem = text.removesuffix("*")
    if not stem or any(letter in "*?[]`" for letter in stem):
        return None
    return pattern if stem == text else Value((stem, Hole(HoleKind.WILDCARD, "*")))
