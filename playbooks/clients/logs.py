"""Log Analytics (query API v1): the questions of the Events port.

The text of each question is constant; values enter through `let` statements alone, as literals that `kql`
writes. Every answer is whole or Unavailable: errors beside rows, too many rows and unread cells throw the
whole of it away.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from playbooks import kql
from playbooks.clients.answers import Call, TooLarge
from playbooks.clients.attempt import Patience
from playbooks.clients.log_names import alert_pieces, first_labels, names_alert
from playbooks.clients.log_rows import SOURCE, parse_alert, parse_count, parse_event, parse_table
from playbooks.clients.lookups import looked_up, odd_name
from playbooks.clients.rest import Rest
from playbooks.clients.wire import Record
from playbooks.model import Absent, Found, LoggedAlert, Lookup, ProcessEvent, Unavailable

ROLE = "the role Log Analytics Reader on the workspace"
SECONDS = 45.0
MOST_ROWS = 5_000
MOST_SLICES = 8

_EVENT_COLUMNS = (
    "TimeGenerated, DvcHostname, DvcFQDN, EventProduct, ActorUsername, ActorUserId, TargetUsername,"
    " TargetUserId, ActingProcessName, ActingProcessCommandLine, TargetProcessName,"
    " TargetProcessCommandLine, TargetProcessId"
)
# Parsers differ in where they put the short and the full name, so each place is compared both ways.
_EVENTS_OF_HOSTS = f"""
_Im_ProcessCreate
| where TimeGenerated >= start and TimeGenerated < stop
| where DvcHostname in~ (names) or DvcFQDN in~ (names) or Dvc in~ (names)
    or tostring(split(DvcHostname, ".")[0]) in~ (labels) or tostring(split(DvcFQDN, ".")[0]) in~ (labels)
    or tostring(split(Dvc, ".")[0]) in~ (labels)
| project {_EVENT_COLUMNS}
| take {MOST_ROWS + 1}"""
_EVENTS_WITH_TERMS = f"""
_Im_ProcessCreate
| where TimeGenerated >= start and TimeGenerated < stop
| where TargetProcessCommandLine has_any (terms)
| project {_EVENT_COLUMNS}
| take {MOST_ROWS + 1}"""
_FIRST_AFTER = """
_Im_ProcessCreate
| where TimeGenerated > moment
| project TimeGenerated
| take 1"""
_LATEST_ALERTS = """
SecurityAlert
| where TimeGenerated >= start and TimeGenerated < stop
| summarize arg_max(TimeGenerated, *) by SystemAlertId"""
_ALERT_COLUMNS = f"""
| project TimeGenerated, SystemAlertId, AlertName, ProductName, AlertType, ExtendedProperties, Entities
| take {MOST_ROWS + 1}"""
_ALERTS_NAMING = f"{_LATEST_ALERTS}\n| where Entities has_any (pieces){_ALERT_COLUMNS}"
_ALL_ALERTS = _LATEST_ALERTS + _ALERT_COLUMNS
_CLOSES = """
SecurityIncident
| where TimeGenerated >= moment
| summarize arg_max(TimeGenerated, *) by IncidentName
| where Status == "Closed" and ClosedTime >= moment and tostring(Labels) contains label
| summarize Closes = count()"""
_INCIDENT_OF_ALERT = """
SecurityIncident
| summarize arg_max(TimeGenerated, *) by IncidentName
| where tostring(AlertIds) contains alert
| project IncidentName, Status, CreatedTime
| take 100"""

_LATER = timedelta(days=7)
_A_MONTH = timedelta(days=31)
_AN_INSTANT = timedelta(microseconds=1)


class LogEvents:
    """The Events port for one workspace, given by its customer id."""

    def __init__(self, rest: Rest, *, customer_id: str, patience: Patience) -> None:
        self._rest = rest
        self._path = f"/v1/workspaces/{quote(customer_id, safe='')}/query"
        self._patience = patience

    async def process_events(
        self, *, host_names: frozenset[str], start: datetime, end: datetime
    ) -> Lookup[tuple[ProcessEvent, ...]]:
        """See the port. Compares the first label of a name too; the caller picks what is the host's own."""
        if cause := _odd(host_names, "host name"):
            return Unavailable(SOURCE, cause, lasting=True)
        values = f"let names = {kql.texts(host_names)};\nlet labels = {kql.texts(first_labels(host_names))};"
        return await self._events(values + _EVENTS_OF_HOSTS, start=start, end=end)

    async def process_events_with(
        self, *, terms: tuple[str, ...], start: datetime, end: datetime
    ) -> Lookup[tuple[ProcessEvent, ...]]:
        """See the port. A term is found as KQL's `has` finds it: whole words, without case."""
        if cause := _odd(frozenset(terms), "term"):
            return Unavailable(SOURCE, cause, lasting=True)
        values = f"let terms = {kql.texts(terms)};"
        return await self._events(values + _EVENTS_WITH_TERMS, start=start, end=end)

    async def first_event_after(self, moment: datetime) -> Lookup[datetime]:
        """See the port. Absent where none came in the seven days after `moment`."""
        return await looked_up(SOURCE, self._first_after(moment))

    async def alerts_naming(
        self, *, names: frozenset[str], start: datetime, end: datetime
    ) -> Lookup[tuple[LoggedAlert, ...]]:
        """See the port. An alert counts as naming an account or host if the bare names are the same."""
        if cause := _odd(names, "name"):
            return Unavailable(SOURCE, cause, lasting=True)
        return await looked_up(SOURCE, self._alerts(names, start, end + _AN_INSTANT))

    async def closes_since(self, *, label: str, moment: datetime) -> Lookup[int]:
        """See the port. Looks at the month after `moment`."""
        return await looked_up(SOURCE, self._closes(label, moment))

    async def incident_of_alert(self, system_alert_id: str) -> Lookup[str]:
        """See the port. Of several the newest that is not closed, else the newest; the last 90 days."""
        if cause := odd_name(system_alert_id, "alert id"):
            return Unavailable(SOURCE, cause, lasting=True)
        return await looked_up(SOURCE, self._incident_of(system_alert_id))

    async def probe(self) -> None:
        """One cheap read of the last hour. Raises SourceError."""
        await self._ask("_Im_ProcessCreate | project TimeGenerated | take 1", "PT1H")

    async def _first_after(self, moment: datetime) -> Lookup[datetime]:
        question = f"let moment = {kql.moment(moment)};{_FIRST_AFTER}"
        rows = await self._ask(question, _interval(moment, moment + _LATER))
        return Found(rows[0].moment("TimeGenerated")) if rows else Absent(SOURCE)

    async def _alerts(
        self, names: frozenset[str], start: datetime, stop: datetime
    ) -> Lookup[tuple[LoggedAlert, ...]]:
        pieces = alert_pieces(names)
        question = f"let pieces = {kql.texts(pieces)};{_ALERTS_NAMING}" if pieces else _ALL_ALERTS
        rows = await self._rows(question, start=start, stop=stop)
        return Found(tuple(alert for alert in map(parse_alert, rows) if names_alert(alert, names)))

    async def _closes(self, label: str, moment: datetime) -> Lookup[int]:
        values = f"let moment = {kql.moment(moment)};\nlet label = {kql.text(label)};"
        rows = await self._ask(values + _CLOSES, _interval(moment, moment + _A_MONTH))
        return (
            Found(parse_count(rows[0], "Closes")) if rows else Unavailable(SOURCE, "the answer has no count")
        )

    async def _incident_of(self, system_alert_id: str) -> Lookup[str]:
        rows = await self._ask(f"let alert = {kql.text(system_alert_id)};{_INCIDENT_OF_ALERT}", "P90D")
        if not rows:
            return Absent(SOURCE)
        newest = max(rows, key=lambda row: (row.text("Status") != "Closed", row.moment("CreatedTime")))
        return Found(newest.name("IncidentName"))

    async def _events(
        self, question: str, *, start: datetime, end: datetime
    ) -> Lookup[tuple[ProcessEvent, ...]]:
        return await looked_up(SOURCE, self._sliced_events(question, start, end + _AN_INSTANT))

    async def _sliced_events(
        self, question: str, start: datetime, stop: datetime
    ) -> Lookup[tuple[ProcessEvent, ...]]:
        """Events from `start` up to `stop`, itself left out; in eight answers where one is too large."""
        try:
            rows = await self._rows(question, start=start, stop=stop)
        except TooLarge:
            rows = []
            for first, last in _slices(start, stop):
                rows += await self._rows(question, start=first, stop=last)
        return Found(tuple(sorted(map(parse_event, rows), key=lambda event: event.time)))

    async def _rows(self, question: str, *, start: datetime, stop: datetime) -> list[Record]:
        span = f"let start = {kql.moment(start)};\nlet stop = {kql.moment(stop)};\n"
        rows = await self._ask(span + question, _interval(start, stop))
        if len(rows) > MOST_ROWS:
            raise TooLarge(SOURCE, f"more than {MOST_ROWS} rows, which is more than can be read whole")
        return rows

    async def _ask(self, question: str, timespan: str) -> list[Record]:
        call = Call(source=SOURCE, method="POST", template="/v1/workspaces/{workspace}/query", needs=ROLE)
        body = {"query": question, "timespan": timespan}
        return parse_table(
            await self._rest.ask(call, self._path, query={}, patience=self._patience, body=body)
        )


def _slices(start: datetime, stop: datetime) -> list[tuple[datetime, datetime]]:
    step = (stop - start) / MOST_SLICES
    edges = [start + step * place for place in range(MOST_SLICES)]
    return list(zip(edges, [*edges[1:], stop], strict=True))


def _interval(start: datetime, stop: datetime) -> str:
    """An ISO 8601 interval a second wider on each side; the question itself cuts exactly."""
    edges = (start - timedelta(seconds=1), stop + timedelta(seconds=1))
    return "/".join(edge.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for edge in edges)


def _odd(names: Iterable[str], what: str) -> str:
    listed = sorted(names)
    return (
        next((cause for name in listed if (cause := odd_name(name, what))), "")
        if listed
        else f"no {what} given"
    )
