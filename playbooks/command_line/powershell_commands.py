"""Read one command of PowerShell text: an export, a removal, a selection, a loop, a shell, or another."""

from collections.abc import Callable
from dataclasses import replace

from tree_sitter import Node

from playbooks.command_line.command_values import (
    CommandFlag,
    Hole,
    HoleKind,
    OtherCommand,
    Value,
)
from playbooks.command_line.date_formats import is_plain_custom_format, is_plain_unix_format
from playbooks.command_line.known_commands import is_bootstrap, objection, shell_of
from playbooks.command_line.mailbox_cmdlets import (
    NEW_EXPORT,
    REMOVING,
    SELECTING,
    Argument,
    Cmdlet,
    bind,
)
from playbooks.command_line.mailbox_requests import (
    export_of,
    made_by,
    removals_of,
    selection_of,
)
from playbooks.command_line.named_servers import named_servers
from playbooks.command_line.powershell_arguments import (
    ArgumentReader,
    command_name,
    is_script_file,
    literal_text,
)
from playbooks.command_line.powershell_bound import (
    Block,
    Bound,
    Mailboxes,
    Moment,
    Requests,
    Scope,
    as_value,
    as_values,
    unknown,
)
from playbooks.command_line.powershell_call import Call, Reader
from playbooks.command_line.request_filters import narrowed, read_condition
from playbooks.command_line.vocabulary import words

_PASSES = frozenset({"sort-object", "get-mailboxexportrequeststatistics"})
_LIMITS = frozenset({"first", "last", "skip"})
_COMMON_PARAMETERS = words(
    """debug erroraction errorvariable informationaction informationvariable outbuffer outvariable
    pipelinevariable progressaction verbose warningaction warningvariable"""
)
_SET_VARIABLE_ALIASES = words("ev iv ov pv wv")
_START_PROCESS = Cmdlet(
    name="Start-Process",
    valued=frozenset({"FilePath", "ArgumentList", "WorkingDirectory", "WindowStyle", "Verb", "Credential"}),
    switches=frozenset({"Wait", "NoNewWindow", "PassThru", "LoadUserProfile", "UseNewEnvironment"}),
    positional="FilePath",
)


def read_command(reader: Reader, node: Node, scope: Scope, feed: Bound | None) -> Bound:
    """Read a command into what has been gathered, and give what it puts out."""
    named = command_name(node, reader.aliases, scope, reader)
    for raised in named.flags:
        reader.raise_flag(raised.flag, raised.detail)
    elements = next((child for child in node.children if child.type == "command_elements"), None)
    arguments = ArgumentReader(scope, reader).read(elements)
    text = " ".join(reader.source.cut(node).split())
    if named.block is not None:
        reader.run_block(named.block, scope.inside())
        return unknown(text)
    name = named.name or reader.source.cut(node).replace("`", "").lower()
    reader.gathered.servers.update(dict.fromkeys(named_servers(name, arguments, feed)))
    call = Call(reader=reader, name=name, text=text, arguments=arguments, scope=scope, feed=feed)
    if name == NEW_EXPORT.name.lower():
        return _export(call)
    if name in REMOVING:
        return _removal(call)
    if not named.fixed:
        _guess(call)
    return _other(call)


def _export(call: Call) -> Bound:
    binding = call.bind(NEW_EXPORT)
    export = export_of(binding, call.feed, call.text)
    call.report(binding)
    call.reader.gathered.add_export(export)
    for name, argument in binding.given.items():
        if isinstance(argument.bound, Block) and name == "ContentFilter":
            call.reader.mark_as_text(argument.bound.node)
    return Requests(made_by(export))


def _guess(call: Call) -> None:
    """A command without a fixed name counts as what its arguments and its input fit."""
    named = {NEW_EXPORT.full_name(argument.name) for argument in call.arguments if argument.name}
    if "FilePath" in named and (named & {"Mailbox", "BatchName"} or call.feed is not None):
        _export(call)
    elif isinstance(call.feed, Requests):
        _removal(replace(call, name="remove-mailboxexportrequest"))


def _removal(call: Call) -> Bound:
    cmdlet = REMOVING[call.name]
    binding = call.bind(cmdlet)
    removals = removals_of(cmdlet, binding, call.feed, call.text)
    call.report(binding)
    for removal in removals:
        call.reader.gathered.add_removal(removal)
    return unknown(call.text)


def _other(call: Call) -> Bound:
    words = tuple(
        f"-{argument.name}" if argument.bound is None else literal_text(argument)
        for argument in call.arguments
    )
    call.reader.gathered.others.append(OtherCommand(name=call.name, arguments=words, text=call.text))
    if shell_of(call.name):
        return _shell(call)
    if is_bootstrap(call.name):
        return unknown(call.text)
    raised = objection(call.name, call.arguments, call.text)
    if is_script_file(call.name):
        call.reader.raise_flag(CommandFlag.SCRIPT, call.text)
    elif raised is not None:
        call.reader.raise_flag(raised.flag, raised.detail)
    for argument in call.arguments:
        if argument.name and _sets_variable(argument.name):
            call.reader.doubt(f"-{argument.name} sets a variable: {call.text}")
    return _PARTS.get(call.name, _plain)(call)


def _sets_variable(name: str) -> bool:
    """True for a common parameter that sets a variable: its alias, or a beginning that no other one has."""
    lowered = name.lower()
    known = [one for one in _COMMON_PARAMETERS if len(lowered) > 1 and one.startswith(lowered)]
    sets = bool(known) and all(one.endswith("variable") for one in known)
    return sets or lowered in _SET_VARIABLE_ALIASES


def _plain(call: Call) -> Bound:
    # A Get cmdlet takes a block for the text of its filter; behind a pipe it could be run for each object.
    is_text = call.name.startswith("get-") and call.feed is None
    for block in call.blocks:
        if is_text:
            call.reader.mark_as_text(block.node)
        else:
            # What a block sees of the variables around it depends on the command that runs it.
            call.reader.run_block(block, Scope(variables={}, straight=False))
    if call.name in SELECTING:
        cmdlet = SELECTING[call.name]
        binding = call.bind(cmdlet)
        call.report(binding)
        return Requests(selection_of(cmdlet, binding, call.feed))
    return call.feed if call.name in _PASSES and call.feed is not None else unknown(call.text)


def _mailboxes(call: Call) -> Bound:
    _plain(call)
    return Mailboxes(call.text)


def _where(call: Call) -> Bound:
    blocks = call.blocks
    for block in blocks:
        call.reader.run_block(block, call.scope.with_current(call.feed))
    if not isinstance(call.feed, Requests):
        return call.feed if isinstance(call.feed, Mailboxes) else unknown(call.text)
    block_node = blocks[0].node if len(blocks) == 1 else None
    condition = read_condition(call.arguments, call.scope, call.reader, block_node)
    return Requests(narrowed(call.feed.selection, condition))


def _for_each(call: Call) -> Bound:
    named = [argument.name for argument in call.arguments if argument.name]
    blocks = call.blocks
    # With several blocks the first and the last run outside the loop.
    simple = len(blocks) == 1 and all("process".startswith(name.lower()) for name in named)
    for block in blocks:
        if simple:
            call.reader.for_each(call.feed, block, call.scope)
        else:
            call.reader.run_block(block, call.scope.with_current(None))
    return unknown(call.text)


def _select(call: Call) -> Bound:
    _plain(call)
    named = [argument.name.lower() for argument in call.arguments if argument.name]
    values = [argument for argument in call.arguments if argument.bound is not None]
    only_limits = all(any(limit.startswith(name) for limit in _LIMITS) for name in named)
    kept = only_limits and len(values) == len(named) and isinstance(call.feed, Requests | Mailboxes)
    return call.feed if kept and call.feed is not None else unknown(call.text)


def _date(call: Call) -> Bound:
    if not call.arguments:
        return Moment(call.text)
    named = next((argument for argument in call.arguments if argument.name), None)
    values = [argument for argument in call.arguments if argument.bound is not None]
    if named is None or named.name is None or len(values) != 1:
        return unknown(call.text)
    form, name = as_value(values[0].bound, "").literal or "", named.name.lower()
    dated = ("format".startswith(name) and is_plain_custom_format(form)) or (
        "uformat".startswith(name) and is_plain_unix_format(form)
    )
    return Value((Hole(HoleKind.DATE, call.text),)) if dated else unknown(call.text)


def _alias(call: Call) -> Bound:
    values = [literal_text(argument) for argument in call.arguments if argument.bound is not None]
    if len(values) >= 2:
        named = [argument.name.lower() for argument in call.arguments if argument.name]
        turned = bool(named) and named[0].startswith("v")
        alias, meaning = (values[1], values[0]) if turned else (values[0], values[1])
        call.reader.aliases[alias.lower()] = meaning.lower()
    return unknown(call.text)


def _shell(call: Call) -> Bound:
    for block in call.blocks:
        call.reader.gathered.wait(script=call.reader.source.cut(block.node)[1:-1])
        call.reader.mark_as_text(block.node)
    words = [_word(call, argument) for argument in call.arguments if not isinstance(argument.bound, Block)]
    # Windows PowerShell puts quotes round a word with blanks, and does not escape those inside it.
    line = " ".join(f'"{word}"' if " " in word and not word.startswith('"') else word for word in words)
    call.reader.gathered.wait(line=f'"{call.name}" {line}')
    return unknown(call.text)


def _word(call: Call, argument: Argument) -> str:
    if argument.bound is None:
        return argument.text
    value = as_value(argument.bound, argument.text)
    if value.literal is None:
        call.reader.doubt(f"the text for another shell is made at run time: {argument.text}")
    return f"-{argument.name}:{value.shown}" if argument.name else value.shown


def _invoke(call: Call) -> Bound:
    """`Invoke-Expression` of a text that is fixed: what it runs is read as well."""
    for bound in (call.feed, *(argument.bound for argument in call.arguments)):
        if isinstance(bound, Value) and bound.literal:
            call.reader.gathered.wait(script=bound.literal)
    return _plain(call)


def _start(call: Call) -> Bound:
    """`Start-Process powershell -ArgumentList ...`: the list is joined with blanks."""
    binding = bind(_START_PROCESS, call.arguments)
    loose = [argument for argument in call.arguments if argument.name is None]
    program = binding.given.get("FilePath")
    given = binding.given.get("ArgumentList") or (loose[-1] if len(loose) > 1 else None)
    if program is not None and given is not None:
        rest = " ".join(value.shown for value in as_values(given.bound, given.text))
        call.reader.gathered.wait(line=f'"{literal_text(program)}" {rest}')
    return _plain(call)


_PARTS: dict[str, Callable[[Call], Bound]] = {
    "get-mailbox": _mailboxes,
    "where-object": _where,
    "foreach-object": _for_each,
    "select-object": _select,
    "get-date": _date,
    "set-alias": _alias,
    "new-alias": _alias,
    "start-process": _start,
    "invoke-expression": _invoke,
}
