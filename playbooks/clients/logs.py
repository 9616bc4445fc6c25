"""Log Analytics (query API v1): the questions of the Events port.

Every answer is whole or Unavailable: errors beside rows, too many rows and unread cells throw the whole of
it away.
"""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from urllib.parse import quote

from playbooks import kql
from playbooks.clients.answers import Call, TooLarge
from playbooks.clients.attempt import Passing, Patience
from playbooks.clients.log_names import alert_pieces, first_labels, names_alert
from playbooks.clients.log_questions import (
    ALERTS_NAMING,
    ALL_ALERTS,
    CLOSES,
    EVENTS_OF_HOSTS,
    EVENTS_WITH_TERMS,
    FIRST_AFTER,
    INCIDENT_OF_ALERT,
    MOST_ROWS,
    Question,
    answers_of,
    request_of,
)
from playbooks.clients.log_rows import SOURCE, parse_alert, parse_count, parse_event, parse_table
from playbooks.clients.lookups import looked_up, odd_name
from playbooks.clients.rest import Rest
from playbooks.clients.rounds import Answered, Rounds
from playbooks.clients.wire import Record
from playbooks.errors import PermissionMissing, SourceError
from playbooks.model import Absent, Found, LoggedAlert, Lookup, ProcessEvent, Unavailable

ROLE = "the role Log Analytics Reader on the workspace"
SECONDS = 45.0
MOST_SLICES = 8

_LATER = timedelta(days=7)
_A_MONTH = timedelta(days=31)
_AN_INSTANT = timedelta(microseconds=1)


class _Log:
    """How the log of one workspace is asked."""

    def __init__(self, rest: Rest, *, customer_id: str, patience: Patience) -> None:
        self._rest = rest
        self._path = f"/v1/workspaces/{quote(customer_id, safe='')}/query"
        self._patience = patience

    async def ask_all(self, questions: Sequence[Question]) -> Sequence[Answered[list[Record]]]:
        """The rows of each question. Where they cannot be answered together, each is asked alone."""
        try:
            rows = await self.post(request_of(questions))
            return answers_of(rows, len(questions)) if len(questions) > 1 else [rows]
        except (Passing, PermissionMissing):
            raise
        except SourceError:
            if len(questions) == 1:
                raise
            return await asyncio.gather(*map(self._alone, questions))

    async def _alone(self, question: Question) -> Answered[list[Record]]:
        try:
            return await self.post(request_of([question]))
        except SourceError as error:
            return error

    async def post(self, body: dict[str, str]) -> list[Record]:
        """The rows of one answer. Raises SourceError."""
        call = Call(source=SOURCE, method="POST", template="/v1/workspaces/{workspace}/query", needs=ROLE)
        return parse_table(
            await self._rest.ask(call, self._path, query={}, patience=self._patience, body=body)
        )


class LogEvents:
    """The Events port for one workspace, given by its customer id; what is asked at once is one request."""

    def __init__(self, rest: Rest, *, customer_id: str, patience: Patience) -> None:
        # Apart from this object, which would else be held by what it holds.
        self._log = _Log(rest, customer_id=customer_id, patience=patience)
        self._rounds = Rounds[Question, list[Record]](self._log.ask_all)

    async def process_events(
        self, *, host_names: frozenset[str], start: datetime, end: datetime
    ) -> Lookup[tuple[ProcessEvent, ...]]:
        """See the port. Compares the first label of a name too; the caller picks what is the host's own."""
        if cause := _odd(host_names, "host name"):
            return Unavailable(SOURCE, cause, lasting=True)
        values = {"names": kql.texts(host_names), "labels": kql.texts(first_labels(host_names))}
        question = _within(EVENTS_OF_HOSTS, start, end + _AN_INSTANT, **values)
        return await looked_up(SOURCE, self._events(question))

    async def process_events_with(
        self, *, terms: tuple[str, ...], start: datetime, end: datetime
    ) -> Lookup[tuple[ProcessEvent, ...]]:
        """See the port. A term is found as KQL's `has` finds it: whole words, without case."""
        if cause := _odd(frozenset(terms), "term"):
            return Unavailable(SOURCE, cause, lasting=True)
        question = _within(EVENTS_WITH_TERMS, start, end + _AN_INSTANT, terms=kql.texts(terms))
        return await looked_up(SOURCE, self._events(question))

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
        await self._log.post(
            {"query": "_Im_ProcessCreate | project TimeGenerated | take 1", "timespan": "PT1H"}
        )

    async def _first_after(self, moment: datetime) -> Lookup[datetime]:
        rows = await self._rounds.ask(_from(FIRST_AFTER, moment, moment + _LATER))
        return Found(rows[0].moment("TimeGenerated")) if rows else Absent(SOURCE)

    async def _alerts(
        self, names: frozenset[str], start: datetime, stop: datetime
    ) -> Lookup[tuple[LoggedAlert, ...]]:
        pieces = alert_pieces(names)
        question = _within(ALL_ALERTS, start, stop)
        if pieces:
            question = _within(ALERTS_NAMING, start, stop, pieces=kql.texts(pieces))
        rows = await self._rows(question)
        return Found(tuple(alert for alert in map(parse_alert, rows) if names_alert(alert, names)))

    async def _closes(self, label: str, moment: datetime) -> Lookup[int]:
        rows = await self._rounds.ask(_from(CLOSES, moment, moment + _A_MONTH, label=kql.text(label)))
        return (
            Found(parse_count(rows[0], "Closes")) if rows else Unavailable(SOURCE, "the answer has no count")
        )

    async def _incident_of(self, system_alert_id: str) -> Lookup[str]:
        query = f"let alert = {kql.text(system_alert_id)};{INCIDENT_OF_ALERT.replace('$', '')}"
        rows = await self._log.post({"query": query, "timespan": "P90D"})
        if not rows:
            return Absent(SOURCE)
        newest = max(rows, key=lambda row: (row.text("Status") != "Closed", row.moment("CreatedTime")))
        return Found(newest.name("IncidentName"))

    async def _events(self, question: Question) -> Lookup[tuple[ProcessEvent, ...]]:
        """Events from start up to stop, itself left out; in eight answers where one is too large."""
        try:
            rows = await self._rows(question)
        except TooLarge:
            rows = [row for part in _slices(question) for row in await self._rows(part)]
        return Found(tuple(sorted(map(parse_event, rows), key=lambda event: event.time)))

    async def _rows(self, question: Question) -> list[Record]:
        rows = await self._rounds.ask(question)
        if len(rows) > MOST_ROWS:
            raise TooLarge(SOURCE, f"more than {MOST_ROWS} rows, which is more than can be read whole")
        return rows


def _within(text: str, start: datetime, stop: datetime, **values: str) -> Question:
    span = {"start": kql.moment(start), "stop": kql.moment(stop)}
    return Question(text=text, values=span | values, start=start, stop=stop)


def _from(text: str, moment: datetime, stop: datetime, **values: str) -> Question:
    span = {"moment": kql.moment(moment), "stop": kql.moment(stop)}
    return Question(text=text, values=span | values, start=moment, stop=stop)


def _slices(question: Question) -> Iterator[Question]:
    """The question for eight stretches of its time, one after the other."""
    step = (question.stop - question.start) / MOST_SLICES
    edges = [*(question.start + step * place for place in range(MOST_SLICES)), question.stop]
    for start, stop in pairwise(edges):
        span = {"start": kql.moment(start), "stop": kql.moment(stop)}
        yield replace(question, values={**question.values, **span}, start=start, stop=stop)


def _odd(names: Iterable[str], what: str) -> str:
    listed = sorted(names)
    return (
        next((cause for name in listed if (cause := odd_name(name, what))), "")
        if listed
        else f"no {what} given"
    )
