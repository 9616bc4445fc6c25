"""Rows of a Log Analytics answer as values. A row that cannot be read fails the whole answer."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from playbooks.clients.incident_record import analytic_rule_ids
from playbooks.clients.wire import Record
from playbooks.errors import SourceUnavailable
from playbooks.model import LoggedAlert, ProcessEvent

SOURCE = "Log Analytics"


def parse_table(body: Mapping[str, Any]) -> list[Record]:
    """The rows of the one table, by column name. Raises SourceUnavailable for an error beside them, too."""
    answer = Record(SOURCE, body)
    if body.get("error"):
        raise SourceUnavailable(SOURCE, "the answer is partial, so none of it is used")
    tables = list(answer.records("tables"))
    if len(tables) != 1:
        raise SourceUnavailable(SOURCE, "the answer does not hold one table")
    names = [column.name("name") for column in tables[0].records("columns")]
    rows = tables[0].list("rows")
    if any(not isinstance(row, list) or len(row) != len(names) for row in rows):
        raise SourceUnavailable(SOURCE, "a row does not fit its columns")
    return [
        Record(SOURCE, dict(zip(names, row, strict=True)), where=f"row {place}")
        for place, row in enumerate(rows)
    ]


def parse_event(row: Record) -> ProcessEvent:
    """A row of `_Im_ProcessCreate`; a null cell is an empty string, which is what Kusto means by it."""
    return ProcessEvent(
        time=row.moment("TimeGenerated"),
        dvc_hostname=row.text_or_null("DvcHostname"),
        dvc_fqdn=row.text_or_null("DvcFQDN"),
        event_product=row.text_or_null("EventProduct"),
        actor_username=row.text_or_null("ActorUsername"),
        actor_user_id=row.text_or_null("ActorUserId"),
        target_username=row.text_or_null("TargetUsername"),
        target_user_id=row.text_or_null("TargetUserId"),
        acting_process_name=row.text_or_null("ActingProcessName"),
        acting_process_command_line=row.text_or_null("ActingProcessCommandLine"),
        target_process_name=row.text_or_null("TargetProcessName"),
        target_process_command_line=row.text_or_null("TargetProcessCommandLine"),
        target_process_id=row.text_or_null("TargetProcessId"),
    )


def parse_count(row: Record, name: str) -> int:
    """A `long` cell, which the service may write as text."""
    text = str(row.members.get(name))
    if not text.isascii() or not text.isdecimal():
        raise row.unread(name)
    return int(text)


def parse_alert(row: Record) -> LoggedAlert:
    """A row of SecurityAlert."""
    entities = _json_cell(row, "Entities") or []
    more = _json_cell(row, "ExtendedProperties") or {}
    try:
        rule_ids = analytic_rule_ids(Record(SOURCE, more).members.get("Analytic Rule Ids"), _type(row))
    except (ValueError, RecursionError) as error:
        raise row.unread("ExtendedProperties") from error
    found = list(_entities(entities))
    return LoggedAlert(
        time=row.moment("TimeGenerated"),
        system_alert_id=row.text_or_null("SystemAlertId"),
        name=row.text_or_null("AlertName"),
        product=row.text_or_null("ProductName"),
        rule_ids=rule_ids,
        host_names=frozenset(name.lower() for one in found for name in _host_names(one) if name),
        account_names=frozenset(name.lower() for one in found for name in _account_names(one) if name),
    )


def _type(row: Record) -> str:
    return row.text_or_null("AlertType")


def _json_cell(row: Record, name: str) -> Any:
    """A cell that holds JSON, as text or already read."""
    cell = row.members.get(name)
    if not isinstance(cell, str):
        return cell
    try:
        return json.loads(cell) if cell.strip() else None
    except (ValueError, RecursionError) as error:
        raise row.unread(name) from error


def _entities(value: Any, depth: int = 0) -> Iterator[dict[str, Any]]:
    """Every entity, those inside others too: a process holds its host and account inline."""
    if depth > 16:
        raise SourceUnavailable(SOURCE, "the entities of an alert are nested too deeply")
    if isinstance(value, dict):
        yield value
    members = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for member in members:
        yield from _entities(member, depth + 1)


def _member(entity: Mapping[str, Any], name: str) -> str:
    value = entity.get(name)
    return value.strip() if isinstance(value, str) else ""


def _host_names(entity: Mapping[str, Any]) -> Iterator[str]:
    if _member(entity, "Type").lower() != "host":
        return
    name, suffix = _member(entity, "HostName"), _member(entity, "DnsDomain")
    yield from (name, _member(entity, "NetBiosName"), _member(entity, "FQDN"))
    yield name.partition(".")[0]
    yield f"{name}.{suffix}" if name and suffix and "." not in name else ""


def _account_names(entity: Mapping[str, Any]) -> Iterator[str]:
    kind = _member(entity, "Type").lower()
    if kind == "mailbox":
        yield from (_member(entity, "Upn"), _member(entity, "MailboxPrimaryAddress"))
    if kind != "account":
        return
    name, domain, suffix = (_member(entity, key) for key in ("Name", "NTDomain", "UPNSuffix"))
    yield from (_member(entity, "Sid"), _member(entity, "AadUserId"))
    yield f"{domain}\\{name}" if domain and name else ""
    yield f"{name}@{suffix}" if suffix and name else ""
    yield "" if domain or suffix else name
