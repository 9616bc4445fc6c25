"""Calls to Azure Resource Manager and Log Analytics over one azure-core pipeline.

Redirects are not followed, answers are read to 8 MiB at most, and links to a next page only on the same
scheme, host, port and path. azure-core's own retry policy is not used: it sleeps any Retry-After, raises on
an unreadable one and knows no deadline.
"""

import asyncio
from collections.abc import Coroutine, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

from azure.core.exceptions import AzureError
from azure.core.pipeline import AsyncPipeline, PipelineRequest
from azure.core.pipeline.policies import AsyncBearerTokenCredentialPolicy, SansIOHTTPPolicy
from azure.core.pipeline.transport import AioHttpTransport
from azure.core.rest import AsyncHttpResponse, HttpRequest

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
from playbooks.errors import SourceUnavailable

type Bearer = AsyncBearerTokenCredentialPolicy[HttpRequest, AsyncHttpResponse]

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
MOST_PAGES = 200
CONNECT_SECONDS = 5.0


class LoopbackHttp(SansIOHTTPPolicy[HttpRequest, AsyncHttpResponse]):
    """Lets a token travel over http to this machine alone; azure-core refuses it everywhere else."""

    def on_request(self, request: PipelineRequest[HttpRequest]) -> None:
        """Sets the option of the request that the bearer policy reads; its constructor ignores it."""
        if urlsplit(request.http_request.url).hostname in LOOPBACK:
            request.context.options["enforce_https"] = False


def loopback(endpoint: str) -> bool:
    """Whether the endpoint is on this machine."""
    return urlsplit(endpoint).hostname in LOOPBACK


def make_transport(*endpoints: str) -> AioHttpTransport:
    """One HTTP session for the life of the process, opened inside the running loop by the first call."""
    # Proxy variables are for the way out, never for the local workspace.
    return AioHttpTransport(
        connection_timeout=CONNECT_SECONDS, use_env_settings=not all(map(loopback, endpoints))
    )


class Rest:
    """One service. `seconds` is the longest that one call may take, reading included."""

    def __init__(
        self,
        endpoint: str,
        *,
        scope: str,
        transport: AioHttpTransport,
        identity: Identity,
        seconds: float = 20.0,
        read_only: bool = False,
    ) -> None:
        self.endpoint = endpoint
        self._identity = identity
        self._seconds = seconds
        bearer: Bearer = AsyncBearerTokenCredentialPolicy(identity, scope, enable_cae=True)
        self._pipeline: AsyncPipeline[HttpRequest, AsyncHttpResponse] = AsyncPipeline(
            transport, [*([ReadOnlyPolicy()] if read_only else []), LoopbackHttp(), bearer]
        )

    async def ask(
        self, call: Call, path: str, *, query: Mapping[str, str], patience: Patience, body: object = None
    ) -> dict[str, Any]:
        """The JSON object that the service answers. Raises the SourceError that any other answer means."""
        url = f"{self.endpoint}{path}" + (f"?{urlencode(query)}" if query else "")
        return await self._ask(call, url, patience=patience, body=body)

    async def pages(
        self, call: Call, path: str, *, query: Mapping[str, str], patience: Patience
    ) -> list[dict[str, Any]]:
        """The pages of a list, all of them. Raises SourceError, also for a link that leads elsewhere."""
        url = f"{self.endpoint}{path}?{urlencode(query)}"
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
        answer = await self._send(call, f"{self.endpoint}{path}?{urlencode(query)}", None)
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
        return await self.send(call, HttpRequest(call.method, url, headers=headers, json=body))

    async def send(self, call: Call, request: HttpRequest) -> Answer:
        """Whatever the service answers to one request, sent once. Raises Passing where that is not whole."""
        request.headers["Accept"] = "application/json"
        request.headers["Accept-Encoding"] = "gzip"
        seconds = seconds_left(call.source, most=self._seconds)
        try:
            async with asyncio.timeout(seconds):
                answer = await self._receive(call, request, seconds)
        except (AzureError, TimeoutError) as error:
            log_answer(call, 0)
            raise Passing(call.source, f"no whole answer ({type(error).__name__})") from error
        log_answer(call, answer.status)
        return answer

    async def _receive(self, call: Call, request: HttpRequest, seconds: float) -> Answer:
        sent = await self._pipeline.run(request, stream=True, read_timeout=seconds)
        response = sent.http_response
        body = bytearray()
        try:
            async for part in response.iter_bytes():
                body += part
                if len(body) > MOST_BYTES:
                    refuse_oversize(call)
        finally:
            await response.close()
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answer(status=response.status_code, headers=headers, body=bytes(body))


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
