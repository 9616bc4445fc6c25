"""Microsoft Graph v1.0 through msgraph-sdk's request builders, with answers read as plain JSON.

The SDK's typed answers import some 1,200 modules inside the event loop at first use; its redirect and
retry layers follow and sleep what they are told. Neither is in this client: builders, authentication
and claims challenge are the SDK's, the rest is bounded here.
"""

import asyncio
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import httpx
from kiota_abstractions.base_request_configuration import RequestConfiguration
from kiota_abstractions.headers_collection import HeadersCollection
from kiota_abstractions.native_response_handler import NativeResponseHandler
from kiota_abstractions.request_information import RequestInformation
from kiota_authentication_azure.azure_identity_authentication_provider import (
    AzureIdentityAuthenticationProvider,
)
from kiota_http.httpx_request_adapter import HttpxRequestAdapter
from kiota_http.kiota_client_factory import KiotaClientFactory
from kiota_http.middleware import ParametersNameDecodingHandler
from kiota_http.middleware.options import ResponseHandlerOption
from kiota_http.observability_options import ObservabilityOptions
from msgraph import GraphServiceClient

from playbooks.clients.answers import (
    MOST_BYTES,
    Answer,
    Call,
    TooLarge,
    log_answer,
    read_answer,
    refuse_oversize,
)
from playbooks.clients.attempt import Passing, Patience, current_attempt, seconds_left
from playbooks.clients.graph_batch import BATCH, Part, batch_request, batches, part_answers
from playbooks.clients.identity import Identity
from playbooks.clients.read_only_graph import ReadOnlyTransport
from playbooks.clients.rest import CONNECT_SECONDS, MOST_PAGES, followed, loopback
from playbooks.clients.rounds import Answered, Rounds
from playbooks.errors import SourceError, SourceUnavailable

SECONDS = 20.0
MOST_AT_ONCE = 8  # httpx grows costly with many requests in flight


class BoundedStream(httpx.AsyncByteStream):
    """A body that raises TooLarge beyond the bound; it is never an encoded one."""

    def __init__(self, stream: httpx.AsyncByteStream, call: Call) -> None:
        self._stream = stream
        self._call = call

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The parts, counted."""
        size = 0
        async for part in self._stream:
            size += len(part)
            if size > MOST_BYTES:
                refuse_oversize(self._call)
            yield part

    async def aclose(self) -> None:
        """Ends the connection's stream."""
        await self._stream.aclose()


class BoundedTransport(httpx.AsyncBaseTransport):
    """httpx's own transport with bounded bodies. Raises SourceUnavailable for an encoding not asked for."""

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._transport = transport

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """See httpx."""
        response = await self._transport.handle_async_request(request)
        call = Call(source="Microsoft Graph", method=request.method, template="", needs="")
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            await response.aclose()
            raise SourceUnavailable(call.source, "the answer is encoded in a way that was not asked for")
        if isinstance(response.stream, httpx.AsyncByteStream):
            response.stream = BoundedStream(response.stream, call)
        return response

    async def aclose(self) -> None:
        """Ends the connections."""
        await self._transport.aclose()


class Graph:
    """The SDK's client, and how one of its requests is asked."""

    def __init__(
        self,
        endpoint: str,
        *,
        scope: str,
        identity: Identity,
        patience: Patience,
        read_only: bool = False,
    ) -> None:
        self._read_only = read_only
        self._endpoint = endpoint
        self._base_url = f"{endpoint}/v1.0"
        self._scope = scope
        self._identity = identity
        self._patience = patience
        self._at_once = asyncio.Semaphore(MOST_AT_ONCE)
        self._rounds = Rounds[Part, Answer](self._ask_all)

    def builder(self, choose: Callable[[GraphServiceClient], Any]) -> Any:
        """The request builder that `choose` takes from the SDK's client."""
        # Each builder is a module of its own, imported on the way; all of them warn of themselves.
        with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
            return choose(self._builders)

    async def one(self, call: Call, builder: Any, *, advanced: bool = False, **query: Any) -> dict[str, Any]:
        """The JSON object that a request builder's GET answers. Raises SourceError.

        What one attempt asks at the same time travels in one batch.
        """

        def send() -> Awaitable[Answer]:
            return self._rounds.ask(Part(call, _request(builder, query, advanced=advanced)))

        return await self._patience.repeat(lambda: self._read(call, send), operation=call.operation)

    async def ask(
        self, call: Call, make: Callable[[], RequestInformation], *, repeats: bool = True
    ) -> dict[str, Any]:
        """The JSON object that a request of the caller's own making answers. Raises SourceError."""
        if not repeats:
            return await self._once(call, make())
        return await self._patience.repeat(lambda: self._once(call, make()), operation=call.operation)

    async def pages(
        self, call: Call, builder: Any, *, advanced: bool = False, **query: Any
    ) -> list[dict[str, Any]]:
        """All pages of a list. Raises SourceError, also for a link that leads elsewhere.

        `advanced` is for what Graph takes with `ConsistencyLevel: eventual` and `$count=true` alone.
        """
        counted = query | ({"count": True} if advanced else {})
        pages = [await self.one(call, builder, advanced=advanced, **counted)]
        while link := pages[-1].get("@odata.nextLink"):
            if len(pages) >= MOST_PAGES:
                raise SourceUnavailable(call.source, f"a list of more than {MOST_PAGES} pages was not read")
            following = builder.with_url(followed(call, link, start=f"{self._endpoint}/v1.0/"))
            pages.append(await self.one(call, following, advanced=advanced))
        return pages

    async def close(self) -> None:
        """Ends the connections, if any were made."""
        if "_http" in self.__dict__:
            await self._http.aclose()

    @cached_property
    def _builders(self) -> GraphServiceClient:
        return GraphServiceClient(request_adapter=self._adapter)

    @cached_property
    def _http(self) -> httpx.AsyncClient:
        limits = httpx.Limits(max_connections=MOST_AT_ONCE, max_keepalive_connections=MOST_AT_ONCE)
        transport = httpx.AsyncHTTPTransport(limits=limits, trust_env=not loopback(self._endpoint))
        client = httpx.AsyncClient(
            transport=BoundedTransport(ReadOnlyTransport(transport) if self._read_only else transport),
            timeout=httpx.Timeout(SECONDS, connect=CONNECT_SECONDS),
            headers={"Accept-Encoding": "identity"},
            follow_redirects=False,
        )
        layers = [ParametersNameDecodingHandler()]
        made: httpx.AsyncClient = KiotaClientFactory.create_with_custom_middleware(layers, client)
        return made

    @cached_property
    def _adapter(self) -> HttpxRequestAdapter:
        # Without its host name in this list no token is sent at all; with an empty list it goes anywhere.
        host = urlsplit(self._endpoint).hostname or ""
        authentication = AzureIdentityAuthenticationProvider(
            self._identity, scopes=[self._scope], allowed_hosts=[host]
        )
        adapter = HttpxRequestAdapter(
            authentication,
            http_client=self._http,
            observability_options=ObservabilityOptions(include_euii_attributes=False),
        )
        adapter.base_url = self._base_url
        return adapter

    async def _once(self, call: Call, request: RequestInformation) -> dict[str, Any]:
        return await self._read(call, lambda: self._send(call, request))

    async def _read(self, call: Call, send: Callable[[], Awaitable[Answer]]) -> dict[str, Any]:
        answer = await send()
        if answer.status == 401 and "claims=" not in answer.headers.get("www-authenticate", ""):
            await self._identity.renew()
            answer = await send()
        return read_answer(call, answer)

    async def _ask_all(self, parts: Sequence[Part]) -> Sequence[Answered[Answer]]:
        """The answer to each part: one alone is asked for itself, several as batches."""
        if len(parts) == 1:
            return [await self._send(parts[0].call, parts[0].request)]
        asked = [self._batch(batch) for batch in batches(parts, self._base_url)]
        answers = {id(part): answer for one in await asyncio.gather(*asked) for part, answer in one}
        return [answers[id(part)] for part in parts]

    async def _batch(self, asked: Mapping[str, list[Part]]) -> list[tuple[Part, Answered[Answer]]]:
        try:
            request = batch_request(list(asked), current_attempt().correlation_id)
            return list(part_answers(await self._send(BATCH, request), asked))
        except TooLarge:
            singles = [part for parts in asked.values() for part in parts]
            return list(zip(singles, await asyncio.gather(*map(self._alone, singles)), strict=True))
        except SourceError as error:
            return [(part, error) for parts in asked.values() for part in parts]

    async def _alone(self, part: Part) -> Answered[Answer]:
        try:
            return await self._send(part.call, part.request)
        except SourceError as error:
            return error

    async def _send(self, call: Call, request: RequestInformation) -> Answer:
        # ValueError: a claims challenge that is no base 64.
        try:
            async with self._at_once, asyncio.timeout(seconds_left(call.source, most=SECONDS)):
                response = await self._adapter.send_primitive_async(request, "bytes", {})
        except (httpx.HTTPError, TimeoutError, ValueError) as error:
            log_answer(call, 0)
            raise Passing(call.source, f"no whole answer ({type(error).__name__})") from error
        log_answer(call, response.status_code)
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answer(status=response.status_code, headers=headers, body=response.content)


def _request(builder: Any, query: Mapping[str, Any], *, advanced: bool) -> RequestInformation:
    """The builder's GET with these query parameters, to be answered natively."""
    headers = HeadersCollection()
    if advanced:
        headers.add("ConsistencyLevel", "eventual")
    if correlation := current_attempt().correlation_id:
        headers.add("client-request-id", correlation)
    kind = type(builder)
    parameters = getattr(kind, f"{kind.__name__}GetQueryParameters")(**query)
    request: RequestInformation = builder.to_get_request_information(
        RequestConfiguration(
            headers=headers,
            query_parameters=parameters,
            options=[ResponseHandlerOption(NativeResponseHandler())],
        )
    )
    return request
