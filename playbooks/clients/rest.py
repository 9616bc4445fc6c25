"""Calls to Azure Resource Manager and Log Analytics over one azure-core pipeline.

Redirects are not followed, answers are read to 8 MiB at most, and links to a next page only on the same
scheme, host, port and path. azure-core's own retry policy is not used: it sleeps any Retry-After, raises on
an unreadable one and knows no deadline.
"""

import asyncio
import json
from collections.abc import Coroutine, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from azure.core.exceptions import AzureError
from azure.core.pipeline import AsyncPipeline
from azure.core.pipeline.policies import AsyncBearerTokenCredentialPolicy
from azure.core.pipeline.transport import AsyncHttpResponse, HttpRequest
from multidict import CIMultiDict

from playbooks.clients.answers import (
    MOST_BYTES,
    Answer,
    Call,
    log_answer,
    log_call,
    read_answer,
    refuse_oversize,
)
from playbooks.clients.attempt import Passing, Patience, current_attempt, seconds_left
from playbooks.clients.identity import Identity
from playbooks.clients.read_only import ReadOnlyPolicy
from playbooks.clients.transport import Transport
from playbooks.errors import SourceUnavailable

type Bearer = AsyncBearerTokenCredentialPolicy[HttpRequest, AsyncHttpResponse]

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
MOST_PAGES = 200
CONNECT_SECONDS = 5.0
MOST_QUOTED, LONGEST_QUOTED = 512, 1_024
"""Texts, and letters of each, that are quoted once: an incident's address is used a dozen times."""

_quote_once = lru_cache(MOST_QUOTED)(quote)
_encode_once = lru_cache(MOST_QUOTED)(urlencode)


def quoted(text: str, safe: str = "/") -> str:
    """The text as part of an address, percent-encoded but for letters, digits, `_.-~` and `safe`."""
    return (_quote_once if len(text) <= LONGEST_QUOTED else quote)(text, safe)


def _encoded(query: Mapping[str, str]) -> str:
    encode = _encode_once if sum(map(len, query.values())) <= LONGEST_QUOTED else urlencode
    return encode(tuple(query.items()))


def loopback(endpoint: str) -> bool:
    """Whether the endpoint is on this machine."""
    return urlsplit(endpoint).hostname in LOOPBACK


def make_transport(*endpoints: str) -> Transport:
    """The transport of every call to these endpoints."""
    local = all(map(loopback, endpoints))
    return Transport(connect_seconds=CONNECT_SECONDS, most_bytes=MOST_BYTES, local=local)


class Rest:
    """One service. `seconds` is the longest that one call may take, reading included."""

    def __init__(
        self,
        endpoint: str,
        *,
        scope: str,
        transport: Transport,
        identity: Identity,
        seconds: float = 20.0,
        read_only: bool = False,
    ) -> None:
        self.endpoint = endpoint
        self._identity = identity
        self._seconds = seconds
        bearer: Bearer = AsyncBearerTokenCredentialPolicy(identity, scope, enable_cae=True)
        self._pipeline: AsyncPipeline[HttpRequest, AsyncHttpResponse] = AsyncPipeline(
            transport, [*([ReadOnlyPolicy()] if read_only else []), bearer]
        )
        # A token may travel over http to this machine alone; azure-core refuses it everywhere else.
        self._options = {"enforce_https": False} if loopback(endpoint) else {}

    async def ask(
        self, call: Call, path: str, *, query: Mapping[str, str], patience: Patience, body: object = None
    ) -> dict[str, Any]:
        """The JSON object that the service answers. Raises the SourceError that any other answer means."""
        url = f"{self.endpoint}{path}" + (f"?{_encoded(query)}" if query else "")
        return await self._ask(call, url, patience=patience, body=body)

    async def pages(
        self, call: Call, path: str, *, query: Mapping[str, str], patience: Patience
    ) -> list[dict[str, Any]]:
        """The pages of a list, all of them. Raises SourceError, also for a link that leads elsewhere."""
        url = f"{self.endpoint}{path}?{_encoded(query)}"
        pages: list[dict[str, Any]] = []
        while len(pages) < MOST_PAGES:
            pages.append(await self._ask(call, url, patience=patience, body=None))
            link = pages[-1].get("nextLink")
            if not link:
                return pages
            url = followed(call, link, start=f"{self.endpoint}{path}")
        raise SourceUnavailable(call.source, f"a list of more than {MOST_PAGES} pages was not read")

    async def moment(self, call: Call, path: str, *, query: Mapping[str, str]) -> datetime:
        """The service's own time (UTC), which every answer bears, a refusal too. Raises SourceUnavailable."""
        answer = await self._send(call, f"{self.endpoint}{path}?{_encoded(query)}", None)
        try:
            return parsedate_to_datetime(answer.headers.get("date", "")).astimezone(UTC)
        except ValueError as error:
            raise SourceUnavailable(call.source, "the answer does not say what time it is") from error

    async def _ask(self, call: Call, url: str, *, patience: Patience, body: object) -> dict[str, Any]:
        async def once() -> dict[str, Any]:
            answer = await self._send(call, url, body)
            if answer.status == 401 and "insufficient_claims" not in answer.headers.get(
                "www-authenticate", ""
            ):
                await self._identity.renew()
                answer = await self._send(call, url, body)
            return read_answer(call, answer)

        return await patience.repeat(once, operation=call.operation)

    async def _send(self, call: Call, url: str, body: object) -> Answer:
        correlation = current_attempt().correlation_id
        headers = {"x-ms-client-request-id": correlation} if correlation else {}
        content = None if body is None else json.dumps(body).encode()
        return await self.send(call, url, headers=headers, body=content)

    async def send(self, call: Call, url: str, *, headers: Mapping[str, str], body: bytes | None) -> Answer:
        """Whatever the service answers to one request, sent once. Raises Passing where that is not whole."""
        request = HttpRequest(call.method, url, data=body)
        # aiohttp takes its own mapping as it is; azure-core's it would copy name by name.
        request.headers = CIMultiDict(headers)
        if body is not None:
            request.headers["Content-Type"] = "application/json"
        seconds = seconds_left(call.source, most=self._seconds)
        try:
            async with asyncio.timeout(seconds):
                answer = (await self._pipeline.run(request, **self._options)).http_response
        except (AzureError, TimeoutError) as error:
            log_answer(call, 0)
            raise Passing(call.source, f"no whole answer ({type(error).__name__})") from error
        if len(answer.body()) > MOST_BYTES:
            refuse_oversize(call)
        log_answer(call, answer.status_code)
        return Answer(status=answer.status_code, headers=answer.headers, body=answer.body())


async def together[A, B](first: Coroutine[Any, Any, A], second: Coroutine[Any, Any, B]) -> tuple[A, B]:
    """Both answers, asked for at once. Raises the first error, once the other call has ended."""
    try:
        async with asyncio.TaskGroup() as group:
            one, other = group.create_task(first), group.create_task(second)
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from errors
    return one.result(), other.result()


def followed(call: Call, link: object, *, start: str) -> str:
    """The link, if it leads on within `start` (scheme, host, port and path). Raises SourceUnavailable."""
    if isinstance(link, str) and _within(link, start):
        return link
    log_call(call, event="link_refused", status=0, alarm="foreign_link")
    raise SourceUnavailable(call.source, "the next page is at another place, which is not followed")


def _within(link: str, start: str) -> bool:
    try:
        here, there = urlsplit(start), urlsplit(link)
        same_place = (here.scheme, here.hostname, here.port) == (there.scheme, there.hostname, there.port)
    except ValueError:
        return False
    path = there.path.lower()
    plain = there.username is None and not any(odd in path for odd in ("..", "%2e", "%2f", "\\", "//"))
    return same_place and plain and path.startswith(here.path.lower())
