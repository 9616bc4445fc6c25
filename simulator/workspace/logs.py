"""Log Analytics query API v1 (`POST /v1/workspaces/{customer id}/query`) on the event store."""

import asyncio
import math
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from simulator.eventstore import QueryError
from simulator.workspace.admission import admit_bearer
from simulator.workspace.model import CUSTOMER_ID, EventStore, QueryTable
from simulator.workspace.wire import Answer, Json, Refusal, Routes, WireRequest, read_time

type Interval = tuple[datetime, datetime]

MOST_ROWS = 500_000

_DURATION = re.compile(
    r"P(?=\w)(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?=\d)(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?",
    re.IGNORECASE,
)


class Logs:
    """The query endpoint of one workspace; long queries run in a thread, `clock` gives KQL its `now()`."""

    name = "logs"

    def __init__(
        self, *, store: EventStore, clock: Callable[[], datetime], most_rows: int = MOST_ROWS
    ) -> None:
        self._store = store
        self._clock = clock
        self._most_rows = most_rows
        self.routes = Routes()
        self.routes.add("POST", "/v1/workspaces/{workspace}/query", self._query)

    def admit(self, request: WireRequest) -> None:
        """Token, and our workspace."""
        admit_bearer(request, missing="AuthorizationRequiredError", wrong="InvalidTokenError")
        if request.params["workspace"].lower() != CUSTOMER_ID:
            message = "The provided credentials have insufficient access to perform the requested operation"
            raise Refusal(403, "InsufficientAccessError", message)

    def error(self, refusal: Refusal) -> Answer:
        """The query API's error body (errorResponse)."""
        body = {"error": {"code": refusal.code, "message": refusal.message, **refusal.extra}}
        return Answer(status=refusal.status, body=body, headers=refusal.headers)

    async def _query(self, request: WireRequest) -> Answer:
        body = request.json_object()
        kql, timespan = body.get("query"), body.get("timespan")
        if not isinstance(kql, str) or not kql.strip():
            raise _bad_argument("QueryValidationError", "The request has no query.")
        if body.get("workspaces"):
            raise Refusal(
                403, "InsufficientAccessError", "The local workspace has no other workspaces to query."
            )
        now = self._clock()
        interval = None if timespan is None else read_interval(timespan, now)
        try:
            table = await self._answered(kql, now=now, interval=interval)
        except QueryError as error:
            raise _bad_argument(error.code, error.message) from error
        return Answer(status=200, body=_tables(table, self._most_rows))

    async def _answered(self, kql: str, *, now: datetime, interval: Interval | None) -> QueryTable:
        if self._store.is_small:
            # Another thread would only fight with this one over the interpreter's lock.
            return self._store.query(kql, now=now, timespan=interval)
        return await asyncio.to_thread(self._store.query, kql, now=now, timespan=interval)


def read_interval(timespan: Any, now: datetime) -> Interval:
    """Start and end of an ISO 8601 interval: a duration up to now, start/end, start/duration, duration/end.

    Raises Refusal 400 for anything else.
    """
    first, slash, second = timespan.partition("/") if isinstance(timespan, str) else ("", "", "")
    start, end = read_time(first), read_time(second)
    length = _duration(first) or _duration(second)
    if not slash and start is not None:
        return start, now
    if not slash and length is not None:
        return now - length, now
    if start is not None and end is not None and start <= end:
        return start, end
    if length is not None and (start is not None or end is not None):
        return (
            (start, start + length)
            if start is not None
            else (end - length, end)
            if end is not None
            else (now, now)
        )
    raise _bad_argument("InvalidTimespan", "The timespan is not an ISO 8601 duration or interval.")


def _duration(text: str) -> timedelta | None:
    match = _DURATION.fullmatch(text)
    if match is None:
        return None
    return timedelta(**{name: float(value) for name, value in match.groupdict().items() if value is not None})


def _tables(table: QueryTable, most_rows: int) -> Json:
    rows = [[_cell(cell) for cell in row] for row in table.rows[:most_rows]]
    columns = [{"name": name, "type": kusto_type} for name, kusto_type in table.columns]
    body: Json = {"tables": [{"name": "PrimaryResult", "columns": columns, "rows": rows}]}
    return body | ({"error": _too_many_rows(most_rows)} if len(table.rows) > most_rows else {})


def _cell(cell: Any) -> Any:
    """JSON has no NaN and no infinity; the service writes them as text."""
    return str(cell) if isinstance(cell, float) and not math.isfinite(cell) else cell


def _bad_argument(code: str, message: str) -> Refusal:
    inner = {"innererror": {"code": code, "message": message}}
    return Refusal(400, "BadArgumentError", "The request had some invalid properties", extra=inner)


def _too_many_rows(most_rows: int) -> Json:
    message = (
        f"The results of this query exceed the set limit of {most_rows} records, so not all were returned."
    )
    return {
        "code": "PartialError",
        "message": "There were some errors when processing your query.",
        "details": [{"code": "EngineError", "message": f"{message} (E_QUERY_RESULT_SET_TOO_LARGE)"}],
    }
