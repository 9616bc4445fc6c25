"""The questions that are put to Log Analytics, and how those of one round become one request.

The text of each question is constant; values enter through `let` statements alone, as literals that `kql`
writes. In a text `$name` stands for the value of that name.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from playbooks.clients.log_rows import SOURCE
from playbooks.clients.wire import Record
from playbooks.errors import SourceUnavailable

MOST_ROWS = 5_000

# The full name wherever a parser puts it, as the rule reads it: a host of another domain is another host.
_FULL_NAME = """case(
    DvcFQDN contains ".", DvcFQDN,
    Dvc contains "." and not(Dvc matches regex "^[0-9.]+$"), Dvc,
    DvcDomainType =~ "FQDN" and isnotempty(DvcDomain) and isnotempty(DvcHostname)
        and not(DvcHostname contains "."), strcat(DvcHostname, ".", DvcDomain),
    DvcFQDN)"""
_EVENT_COLUMNS = (
    f"TimeGenerated, DvcHostname, DvcFQDN = {_FULL_NAME}, EventProduct, ActorUsername, ActorUserId,"
    " TargetUsername, TargetUserId, ActingProcessName, ActingProcessCommandLine, TargetProcessName,"
    " TargetProcessCommandLine, TargetProcessId"
)
# Parsers differ in where they put the short and the full name, so each place is compared both ways.
EVENTS_OF_HOSTS = f"""
_Im_ProcessCreate
| where TimeGenerated >= $start and TimeGenerated < $stop
| where DvcHostname in~ ($names) or DvcFQDN in~ ($names) or Dvc in~ ($names)
    or tostring(split(DvcHostname, ".")[0]) in~ ($labels) or tostring(split(DvcFQDN, ".")[0]) in~ ($labels)
    or tostring(split(Dvc, ".")[0]) in~ ($labels)
| project {_EVENT_COLUMNS}
| take {MOST_ROWS + 1}"""
EVENTS_WITH_TERMS = f"""
_Im_ProcessCreate
| where TimeGenerated >= $start and TimeGenerated < $stop
| where TargetProcessCommandLine has_any ($terms)
| project {_EVENT_COLUMNS}
| take {MOST_ROWS + 1}"""
FIRST_AFTER = """
_Im_ProcessCreate
| where TimeGenerated > $moment and TimeGenerated < $stop
| project TimeGenerated
| take 1"""
_LATEST_ALERTS = """
SecurityAlert
| where TimeGenerated >= $start and TimeGenerated < $stop
| summarize arg_max(TimeGenerated, AlertName, ProductName, AlertType, ExtendedProperties, Entities)
    by SystemAlertId"""
_ALERT_COLUMNS = f"""
| project TimeGenerated, SystemAlertId, AlertName, ProductName, AlertType, ExtendedProperties, Entities
| take {MOST_ROWS + 1}"""
ALERTS_NAMING = f"{_LATEST_ALERTS}\n| where Entities has_any ($pieces){_ALERT_COLUMNS}"
ALL_ALERTS = _LATEST_ALERTS + _ALERT_COLUMNS
CLOSES = """
SecurityIncident
| where TimeGenerated >= $moment and TimeGenerated < $stop
| summarize arg_max(TimeGenerated, Status, ClosedTime, Labels) by IncidentName
| where Status == "Closed" and ClosedTime >= $moment and tostring(Labels) contains $label
| summarize Closes = count()"""
INCIDENT_OF_ALERT = """
SecurityIncident
| summarize arg_max(TimeGenerated, AlertIds, Status, CreatedTime) by IncidentName
| where tostring(AlertIds) contains $alert
| project IncidentName, Status, CreatedTime
| take 100"""

_PLACE = "Question"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A text, its values as KQL literals, and the time (UTC) that it looks at, which it cuts itself."""

    text: str
    values: Mapping[str, str]
    start: datetime
    stop: datetime


def request_of(questions: Sequence[Question]) -> dict[str, str]:
    """The body of one request for all of them; several are the parts of a union, numbered in order."""
    if len(questions) == 1:
        return {
            "query": _written(questions[0], ""),
            "timespan": interval(questions[0].start, questions[0].stop),
        }
    lets, parts = [], []
    for place, question in enumerate(questions):
        head, _, text = _written(question, f"q{place}_").rpartition(";\n")
        lets.append(head)
        parts.append(f"({text}\n| extend {_PLACE} = {place})")
    span = interval(min(one.start for one in questions), max(one.stop for one in questions))
    return {"query": ";\n".join([*lets, "union " + ",\n".join(parts)]), "timespan": span}


def answers_of(rows: Sequence[Record], number: int) -> list[list[Record]]:
    """The rows of each part of a union. Raises SourceUnavailable for a row that is of none."""
    answers: list[list[Record]] = [[] for _ in range(number)]
    for row in rows:
        place = str(row.members.get(_PLACE))
        if not place.isdecimal() or int(place) >= number:
            raise SourceUnavailable(SOURCE, "a row does not say which question it answers")
        answers[int(place)].append(row)
    return answers


def interval(start: datetime, stop: datetime) -> str:
    """An ISO 8601 interval a second wider on each side; the question itself cuts exactly."""
    edges = (start - timedelta(seconds=1), stop + timedelta(seconds=1))
    return "/".join(edge.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for edge in edges)


def _written(question: Question, prefix: str) -> str:
    lets = "".join(f"let {prefix}{name} = {value};\n" for name, value in question.values.items())
    return lets + re.sub(r"\$(\w+)", rf"{prefix}\1", question.text.lstrip("\n"))
