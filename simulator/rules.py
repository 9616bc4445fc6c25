"""The rules, and what Sentinel would make of their rows.

A playbook's `rule.yaml` is its analytics rule; beside it may lie a hunting query as its authors published
it. The text that runs is the text of the file, to the letter.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Final

import yaml

from simulator.eventstore import EventStore, QueryTable, SeparateLogs

_REQUIRED: Final = frozenset(
    {
        "id",
        "name",
        "description",
        "requiredDataConnectors",
        "tactics",
        "relevantTechniques",
        "query",
        "entityMappings",
    }
)
_SCHEDULED: Final = frozenset(
    {
        "severity", "queryFrequency", "queryPeriod", "triggerOperator", "triggerThreshold", "customDetails",
        "alertDetailsOverride", "eventGroupingSettings", "incidentConfiguration", "suppressionEnabled",
        "suppressionDuration", "version", "kind",
    }
)  # fmt: skip
_HUNTING: Final = frozenset({"tags"})
_UNITS: Final = MappingProxyType({"m": "minutes", "h": "hours", "d": "days"})
_CLOCK_HOUR: Final = timedelta(hours=1)
_NO_TIME: Final = (datetime(1970, 1, 1, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC))

# Sentinel makes no Account entity of these: they name no one account of one host.
_DROPPED_NAMES: Final = frozenset(
    {"", "-", "system", "local system", "local service", "network service", "anonymous logon"}
)

# A hunting query has no severity; whoever makes an analytics rule of it chooses one.
_HUNTING_SEVERITY: Final = "Medium"


class RuleRefused(ValueError):
    """A rule file is not one; the text names the file, the key and what is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityMapping:
    """One entity of the alert: its kind, and the column of each identifier."""

    kind: str
    columns: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """An analytics rule, or a hunting query (then `is_scheduled` is false and the times are None)."""

    id: str
    name: str
    description: str
    severity: str
    tactics: tuple[str, ...]
    techniques: tuple[str, ...]
    query: str
    entity_mappings: tuple[EntityMapping, ...]
    custom_details: Mapping[str, str]
    is_scheduled: bool
    query_frequency: timedelta | None
    query_period: timedelta | None
    grouping_lookback: timedelta | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HitAccount:
    r"""An account as the rule's columns name it: `DOMAIN\name`, UPN or bare name, taken apart."""

    name: str
    nt_domain: str = ""
    upn_suffix: str = ""
    sid: str = ""

    @property
    def is_dropped(self) -> bool:
        """Whether Sentinel makes no entity of it, as with SYSTEM."""
        return self.name.lower() in _DROPPED_NAMES and not self.sid.startswith("S-1-5-21-")


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleHit:
    """One row of a rule: what becomes one alert.

    `accounts` are those that become entities, `dropped_accounts` those that Sentinel leaves out;
    `host` is as the rule gave it. `start` and `end` are UTC.
    """

    rule_id: str
    rule_name: str
    severity: str
    tactics: tuple[str, ...]
    techniques: tuple[str, ...]
    host: str
    accounts: tuple[HitAccount, ...]
    dropped_accounts: tuple[HitAccount, ...]
    start: datetime
    end: datetime
    row: Mapping[str, object]
    custom_details: Mapping[str, str]

    @property
    def account(self) -> HitAccount | None:
        """The first account that became an entity; None where the alert carries a host alone."""
        return self.accounts[0] if self.accounts else None


def load_rule(path: Path) -> Rule:
    """Reads a rule file in the layout of Sentinel's public repository.

    Raises RuleRefused for a missing or unknown key or an unreadable value.
    """
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(document, dict):
        raise RuleRefused(f"{path.name} is no mapping of keys to values.")
    _check_keys(path.name, document)
    incidents = document.get("incidentConfiguration", {}).get("groupingConfiguration", {})
    return Rule(
        id=document["id"],
        name=document["name"],
        description=document["description"],
        severity=document.get("severity", _HUNTING_SEVERITY),
        tactics=tuple(document["tactics"]),
        techniques=tuple(document["relevantTechniques"]),
        query=document["query"],
        entity_mappings=tuple(_mapping(path.name, item) for item in document["entityMappings"]),
        custom_details=MappingProxyType(document.get("customDetails", {})),
        is_scheduled=document.get("kind") == "Scheduled",
        query_frequency=_duration(path.name, document.get("queryFrequency")),
        query_period=_duration(path.name, document.get("queryPeriod")),
        grouping_lookback=_duration(path.name, incidents.get("lookbackDuration")),
    )


def _check_keys(file: str, document: Mapping[str, object]) -> None:
    scheduled = document.get("kind") == "Scheduled"
    required = _REQUIRED | _SCHEDULED if scheduled else _REQUIRED
    allowed = required if scheduled else required | _HUNTING
    if missing := sorted(required - document.keys()):
        raise RuleRefused(f"{file} lacks {', '.join(missing)}.")
    if unknown := sorted(map(str, document.keys() - allowed)):
        raise RuleRefused(f"{file} has unknown keys: {', '.join(unknown)}.")


def _mapping(file: str, item: Mapping[str, object]) -> EntityMapping:
    fields = item.get("fieldMappings")
    if item.keys() != {"entityType", "fieldMappings"} or not isinstance(fields, list):
        raise RuleRefused(f"{file}: an entity mapping has entityType and fieldMappings, nothing else.")
    if any(field.keys() != {"identifier", "columnName"} for field in fields):
        raise RuleRefused(f"{file}: a field mapping has identifier and columnName, nothing else.")
    columns = {field["identifier"]: field["columnName"] for field in fields}
    return EntityMapping(kind=str(item["entityType"]), columns=MappingProxyType(columns))


def _duration(file: str, text: str | None) -> timedelta | None:
    """`15m`, `5h` or `1d`."""
    if text is None:
        return None
    match = re.fullmatch(r"(\d+)([mhd])", str(text))
    if not match:
        raise RuleRefused(f"{file}: {text!r} is no duration such as 15m, 5h or 1d.")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def run(rule: Rule, store: EventStore, *, start: datetime, end: datetime) -> tuple[RuleHit, ...]:
    """Runs the rule once on the events from `start` to `end` (UTC, both included); hits by time, then host.

    `end` is also what the query's clock shows. Raises QueryError.
    """
    table = store.query(rule.query, now=end, timespan=(start, end), constant=True)
    return _hits(rule, table, (start, end))


def run_each(rule: Rule, logs: SeparateLogs) -> list[tuple[RuleHit, ...]]:
    """Runs the rule once on all events of each log, as `run` does on the log alone. Raises QueryError."""
    spans = logs.spans()
    tables = logs.query_each(rule.query, [span or _NO_TIME for span in spans])
    return [_hits(rule, table, span) if span else () for table, span in zip(tables, spans, strict=True)]


def _hits(rule: Rule, table: QueryTable, window: tuple[datetime, datetime]) -> tuple[RuleHit, ...]:
    hits = [_hit(rule, row, window) for row in table.records()]
    return tuple(sorted(hits, key=lambda hit: (hit.start, hit.end, hit.host, str(dict(hit.row)))))


def _hit(rule: Rule, row: Mapping[str, object], window: tuple[datetime, datetime]) -> RuleHit:
    accounts = _accounts(rule, row)
    start, end = _times(row, window)
    details = rule.custom_details or {column: column for column in row}
    return RuleHit(
        rule_id=rule.id,
        rule_name=rule.name,
        severity=rule.severity,
        tactics=rule.tactics,
        techniques=rule.techniques,
        host=next(filter(None, _identified(rule, row, "Host")), {}).get("FullName", ""),
        accounts=tuple(account for account in accounts if not account.is_dropped),
        dropped_accounts=tuple(account for account in accounts if account.is_dropped),
        start=start,
        end=end,
        row=MappingProxyType(dict(row)),
        custom_details=MappingProxyType({name: _text(row[column]) for name, column in details.items()}),
    )


def _text(value: object) -> str:
    """A custom detail is text, whatever the column's type."""
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def _times(row: Mapping[str, object], window: tuple[datetime, datetime]) -> tuple[datetime, datetime]:
    """When it happened: the row's own times, the seed's clock hour, else the whole window."""
    if "StartTime" in row and "EndTime" in row:
        return _moment(row["StartTime"]), _moment(row["EndTime"])
    if "timekey" in row:
        hour = _moment(row["timekey"])
        return hour, hour + _CLOCK_HOUR
    return window


def _moment(value: object) -> datetime:
    return datetime.fromisoformat(str(value))


def _identified(rule: Rule, row: Mapping[str, object], kind: str) -> list[dict[str, str]]:
    """The identifiers that have a value, for each mapping of that kind."""
    found = []
    for mapping in rule.entity_mappings:
        if mapping.kind == kind:
            cells = {name: str(row[column] or "") for name, column in mapping.columns.items()}
            found.append({name: cell for name, cell in cells.items() if cell})
    return found


def _accounts(rule: Rule, row: Mapping[str, object]) -> tuple[HitAccount, ...]:
    """The accounts of a row, each once."""
    named = [_account(cells) for cells in _identified(rule, row, "Account") if cells]
    return tuple(dict.fromkeys(named))


def _account(cells: Mapping[str, str]) -> HitAccount:
    domain, _, rest = cells.get("FullName", "").rpartition("\\")
    name, _, suffix = (cells.get("Name") or rest).partition("@")
    return HitAccount(
        name=name, nt_domain=cells.get("NTDomain") or domain, upn_suffix=suffix, sid=cells.get("Sid", "")
    )
