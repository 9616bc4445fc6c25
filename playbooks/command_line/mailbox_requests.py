"""Make exports, selections and removals of the bound parameters of a command."""

from collections.abc import Iterable
from dataclasses import replace

from playbooks.command_line.command_values import Export, Removal, Value
from playbooks.command_line.mailbox_cmdlets import Argument, Binding, Cmdlet
from playbooks.command_line.powershell_bound import (
    Bound,
    Mailboxes,
    Requests,
    as_value,
    as_values,
    unknown,
)
from playbooks.command_line.request_filters import read_statuses

_FILTERS = ("ContentFilter", "IncludeFolders", "ExcludeFolders", "SourceRootFolder", "TargetRootFolder")
_DAY = 86_400.0


def export_of(binding: Binding, feed: Bound | None, text: str) -> Export:
    """The export of a bound `New-MailboxExportRequest`; what comes through the pipeline is the mailbox."""
    mailboxes = _mailboxes(binding, feed)
    target = _value(binding, "FilePath")
    if not mailboxes:
        binding.problems.append("no mailbox is named")
    if target is None:
        binding.problems.append("no -FilePath is named")
    if "ComplianceStorePath" in binding.given:
        binding.problems.append("-ComplianceStorePath names another target")
    return Export(
        mailboxes=mailboxes,
        target=target,
        name=_value(binding, "Name"),
        batch_name=_value(binding, "BatchName"),
        parameters=frozenset(binding.given),
        filters=tuple(f"-{name} {binding.given[name].text}" for name in _FILTERS if name in binding.given),
        record_suppressed=_is_suppressed(binding),
        what_if=is_on(binding, "WhatIf"),
        text=text,
    )


def made_by(export: Export) -> Removal:
    """The selection of exactly the request that an export makes, described as far as its text goes."""
    mailbox = export.mailboxes[0] if len(export.mailboxes) == 1 else unknown(export.text[:80])
    return Removal(mailbox=mailbox, name=export.name, batch_name=export.batch_name)


def selection_of(cmdlet: Cmdlet, binding: Binding, feed: Bound | None) -> Removal:
    """What a bound `Get-Mailbox…Request` selects."""
    identity = binding.bound("Identity") or feed
    if isinstance(identity, Requests):
        selection = identity.selection
    else:
        selection = Removal(kind=cmdlet.kind, identity=_optional(identity, "pipeline"))
    status = binding.given.get("Status")
    statuses = read_statuses(as_values(status.bound, status.text)) if status else None
    return replace(
        selection,
        mailbox=_value(binding, "Mailbox") or selection.mailbox,
        name=_value(binding, "Name") or selection.name,
        batch_name=_value(binding, "BatchName") or selection.batch_name,
        statuses=statuses or selection.statuses,
        unread_filter=selection.unread_filter or (status is not None and statuses is None),
    )


def removals_of(cmdlet: Cmdlet, binding: Binding, feed: Bound | None, text: str) -> tuple[Removal, ...]:
    """The removals of a bound `Remove-Mailbox…Request`, one for each request that is named."""
    names = [name for name in ("Identity", "RequestGuid", "MailboxGuid") if name in binding.given]
    given = binding.given[names[0]] if names else Argument(bound=feed, text="what comes through the pipeline")
    if names and feed is not None:
        binding.problems.append(f"{cmdlet.name} is given requests twice")
    if not names and feed is None:
        binding.problems.append(f"{cmdlet.name} names no request")
    what_if = is_on(binding, "WhatIf")
    return tuple(
        replace(selection, what_if=what_if, text=text)
        for selection in _removed(cmdlet, given, by_identity=names[:1] == ["Identity"] or not names)
    )


def _removed(cmdlet: Cmdlet, given: Argument, *, by_identity: bool) -> Iterable[Removal]:
    if isinstance(given.bound, Requests):
        # The cmdlet decides what is removed, whatever kind of request was looked up.
        yield replace(given.bound.selection, kind=cmdlet.kind)
    elif given.bound is None:
        yield Removal(kind=cmdlet.kind)
    else:
        for value in as_values(given.bound, given.text):
            if by_identity:
                yield Removal(kind=cmdlet.kind, identity=value)
            else:
                yield Removal(kind=cmdlet.kind, request_guid=value)


def is_on(binding: Binding, name: str) -> bool:
    """True for a switch that is set for certain."""
    if name not in binding.given:
        return False
    argument = binding.given[name]
    return argument.bound is None or (as_value(argument.bound, "").literal or "").lower() == "true"


def _mailboxes(binding: Binding, feed: Bound | None) -> tuple[Value, ...]:
    if "Mailbox" not in binding.given:
        if isinstance(feed, Mailboxes):
            return (unknown(feed.text),)
        return () if feed is None else as_values(feed, "what comes through the pipeline")
    if feed is not None:
        binding.problems.append("a mailbox is given twice")
    return as_values(binding.given["Mailbox"].bound, binding.given["Mailbox"].text)


def _value(binding: Binding, name: str) -> Value | None:
    if name not in binding.given:
        return None
    return as_value(binding.given[name].bound, binding.given[name].text)


def _optional(bound: Bound | None, text: str) -> Value | None:
    return None if bound is None else as_value(bound, text)


def _is_suppressed(binding: Binding) -> bool:
    """True for an age limit below one day, or one that is not fixed: no record would be left to look at."""
    limit = _value(binding, "CompletedRequestAgeLimit")
    if limit is None:
        return False
    text = (limit.literal or "").strip().lower()
    seconds = _seconds(text)
    return text != "unlimited" and (seconds is None or seconds < _DAY)


def _seconds(text: str) -> float | None:
    """The length of a .NET time span: whole days, or `[d.]hh:mm[:ss]`; None where it is neither."""
    try:
        return float(int(text)) * _DAY
    except ValueError:
        pass
    days, _, clock = text.rpartition(".") if ":" not in text.split(".", 1)[0] else ("", "", text)
    pieces = clock.split(":")
    try:
        hours, minutes, seconds = (float(piece) for piece in [*pieces, "0", "0"][:3])
        whole = float(int(days or "0"))
    except ValueError:
        return None
    return whole * _DAY + hours * 3600 + minutes * 60 + seconds if len(pieces) in {2, 3} else None
