"""Read-only calls for `ingest` and `verify`: incidents over ARM, rows over the Log Analytics query API.

SecurityInsights 2025-09-01 (`Incidents_List`, `Incidents_ListAlerts`, `Incidents_ListEntities`,
`IncidentComments_List`; the two lists of alerts and entities are POST without a body) and the query API v1.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from azure.core.exceptions import AzureError

from simulator.ingest.credentials import Credential

type Json = dict[str, Any]

ARM = "https://management.azure.com"
LOGS = "https://api.loganalytics.azure.com"
_VERSION = "2025-09-01"
_SECONDS = aiohttp.ClientTimeout(total=60)
_MOST_PAGES = 200
_MARGIN = timedelta(days=3)

_COPIES = """ASimProcessEventLogs
| where tostring(AdditionalFields.simulationRunId) == '{run}'
| extend Row = tolong(AdditionalFields.simulationRow)
| where Row between ({first} .. {last})
| summarize Copies = count() by Row
| summarize Rows = count(), Doubled = countif(Copies > 1)"""


class ReadingFailed(Exception):
    """A call did not succeed. `lasting` says that trying again will not help."""

    def __init__(self, message: str, *, lasting: bool = False) -> None:
        super().__init__(message)
        self.lasting = lasting


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrivals:
    """How many of some rows are in the workspace, and how many of them more than once."""

    events: int
    doubled: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where to read: the ARM id of a workspace, its customer id (GUID), and the services' addresses."""

    workspace: str = ""
    customer_id: str = ""
    arm: str = ARM
    logs: str = LOGS


class Reading:
    """Reads from one workspace. Nothing is retried here: who asks, asks again."""

    def __init__(self, place: Place, credential: Credential, session: aiohttp.ClientSession) -> None:
        self._place = place
        self._credential = credential
        self._session = session

    async def arrivals(self, run_id: str, *, first: int, last: int, began: datetime) -> Arrivals:
        """Of the rows `first` to `last` of a run that began then. Raises ReadingFailed."""
        query = _COPIES.format(run=run_id, first=first, last=last)
        span = f"{(began - timedelta(days=3660)).isoformat()}/{(datetime.now(UTC) + _MARGIN).isoformat()}"
        url = f"{self._place.logs}/v1/workspaces/{self._place.customer_id}/query"
        answer = await self._call("POST", url, self._place.logs, json={"query": query, "timespan": span})
        try:
            ((rows, doubled),) = answer["tables"][0]["rows"]
        except (KeyError, IndexError, ValueError, TypeError) as error:
            raise ReadingFailed("the query API answered in another shape") from error
        if answer.get("error"):
            raise ReadingFailed("the query API answered in part only")
        return Arrivals(events=int(rows), doubled=int(doubled))

    async def incidents(self, *, since: datetime) -> list[Json]:
        """Every incident created at or after `since`, whole resources. Raises ReadingFailed."""
        moment = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        found: list[Json] = []
        url: str = self._insights("incidents")
        query = {
            "$filter": f"properties/createdTimeUtc ge {moment}",
            "$orderby": "properties/createdTimeUtc asc",
        }
        for _ in range(_MOST_PAGES):
            answer = await self._call("GET", url, self._place.arm, params=query)
            found += _listed(answer, "value")
            url, query = str(answer.get("nextLink") or ""), {}
            if not url:
                return found
            if urlsplit(url).netloc != urlsplit(self._place.arm).netloc:
                raise ReadingFailed("a page of incidents points to another host", lasting=True)
        raise ReadingFailed(f"there are more than {_MOST_PAGES} pages of incidents", lasting=True)

    async def alerts(self, incident: str) -> list[Json]:
        """Alerts of an incident. Raises ReadingFailed."""
        url = self._insights(f"incidents/{incident}/alerts")
        return _listed(await self._call("POST", url, self._place.arm), "value")

    async def entities(self, incident: str) -> list[Json]:
        """Entities of an incident. Raises ReadingFailed."""
        url = self._insights(f"incidents/{incident}/entities")
        return _listed(await self._call("POST", url, self._place.arm), "entities")

    async def comments(self, incident: str) -> list[Json]:
        """The newest comments of an incident (one page), oldest first. Raises ReadingFailed."""
        url = self._insights(f"incidents/{incident}/comments")
        found = _listed(await self._call("GET", url, self._place.arm), "value")
        return sorted(found, key=lambda comment: str(comment["properties"].get("createdTimeUtc")))

    def _insights(self, path: str) -> str:
        return f"{self._place.arm}{self._place.workspace}/providers/Microsoft.SecurityInsights/{path}"

    async def _call(
        self,
        method: str,
        url: str,
        audience: str,
        *,
        params: Mapping[str, str] | None = None,
        json: Json | None = None,
    ) -> Json:
        query = dict(params or {})
        if url.startswith(self._insights("")) and "api-version=" not in url:
            query["api-version"] = _VERSION
        try:
            token = await self._credential.get_token(f"{audience}/.default")
            headers = {"Authorization": f"Bearer {token.token}"}
            async with self._session.request(
                method, url, params=query, json=json, headers=headers, timeout=_SECONDS, allow_redirects=False
            ) as answer:
                return await _read(answer, f"{method} {urlsplit(url).path}")
        except AzureError as error:
            message = f"no access token for {audience}: {str(error).partition('\n')[0]}"
            raise ReadingFailed(message, lasting=True) from error
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ReadingFailed(f"{audience} did not answer: {error}") from error


async def _read(answer: aiohttp.ClientResponse, call: str) -> Json:
    try:
        document = await answer.json(content_type=None)
    except ValueError as error:
        raise ReadingFailed(f"{call}: {answer.status} with something that is not JSON") from error
    if answer.status == 200 and isinstance(document, dict):
        return document
    reason = document.get("error") if isinstance(document, dict) else None
    words = (
        f"{reason.get('code')}: {reason.get('message')}" if isinstance(reason, dict) else "no reason given"
    )
    lasting = answer.status in (400, 401, 403, 404)
    raise ReadingFailed(f"{call}: {answer.status} {words}", lasting=lasting)


def _listed(answer: Json, member: str) -> list[Json]:
    found = answer.get(member)
    if not isinstance(found, list):
        raise ReadingFailed(f"an answer has no list {member!r}")
    return found
