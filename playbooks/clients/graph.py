"""Microsoft Graph v1.0: requests of msgraph-sdk's builders, sent as Azure Resource Manager's are.

The SDK's typed answers import some 1,200 modules inside the event loop at first use, its redirect and retry
layers follow and sleep what they are told, and one request through its adapter and httpx costs the processor
time of four through azure-core. So the builders are the SDK's, and authentication, claims challenge and
transport are azure-core's.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import fields
from functools import cache, cached_property
from typing import Any

from kiota_abstractions.request_information import RequestInformation
from msgraph import GraphServiceClient

from playbooks.clients.answers import Answer, Call, TooLarge, read_answer
from playbooks.clients.attempt import Patience, current_attempt
from playbooks.clients.graph_batch import BATCH, Part, Question, batch_body, batches, part_answers
from playbooks.clients.identity import Identity
from playbooks.clients.rest import MOST_PAGES, Rest, followed
from playbooks.clients.rounds import Answered, Rounds
from playbooks.errors import SourceError, SourceUnavailable


class Addressed:
    """What the SDK's builders need of an adapter: where Graph is. Nothing is sent through it."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url

    def enable_backing_store(self, _factory: object) -> None:
        """Not used: no model is ever made."""


class Graph:
    """The SDK's builders, and how one of their requests is asked."""

    def __init__(self, rest: Rest, *, identity: Identity, patience: Patience) -> None:
        self._rest = rest
        self._base_url = f"{rest.endpoint}/v1.0"
        self._identity = identity
        self._patience = patience
        self._rounds = Rounds[Part, Answer](self._ask_all)

    def builder(self, choose: Callable[[GraphServiceClient], Any]) -> Any:
        """The request builder that `choose` takes from the SDK's client."""
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
            following = builder.with_url(followed(call, link, start=f"{self._base_url}/"))
            pages.append(await self.one(call, following, advanced=advanced))
        return pages

    @cached_property
    def _builders(self) -> GraphServiceClient:
        adapter: Any = Addressed(self._base_url)
        return GraphServiceClient(request_adapter=adapter)

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

    async def _batch(self, asked: Mapping[Question, list[Part]]) -> list[tuple[Part, Answered[Answer]]]:
        try:
            return list(part_answers(await self._posted(batch_body(asked)), asked))
        except TooLarge:
            singles = [part for parts in asked.values() for part in parts]
            return list(zip(singles, await asyncio.gather(*map(self._alone, singles)), strict=True))
        except SourceError as error:
            return [(part, error) for parts in asked.values() for part in parts]

    async def _posted(self, batch: bytes) -> Answer:
        correlation = current_attempt().correlation_id
        headers = {"client-request-id": correlation} if correlation else {}
        return await self._rest.send(BATCH, f"{self._base_url}/$batch", headers=headers, body=batch)

    async def _alone(self, part: Part) -> Answered[Answer]:
        try:
            return await self._send(part.call, part.request)
        except SourceError as error:
            return error

    async def _send(self, call: Call, request: RequestInformation) -> Answer:
        request.path_parameters.setdefault("baseurl", self._base_url)
        headers, body = request.request_headers or {}, request.content
        return await self._rest.send(call, str(request.url), headers=headers, body=body)


def _request(builder: Any, query: Mapping[str, Any], *, advanced: bool) -> RequestInformation:
    """The builder's GET with these query parameters, in the order of their names, as the SDK has them."""
    request: RequestInformation = builder.to_get_request_information()
    if advanced:
        request.headers.add("ConsistencyLevel", "eventual")
    if correlation := current_attempt().correlation_id:
        request.headers.add("client-request-id", correlation)
    known: type = type(builder)
    names = _parameters_of(known)
    request.query_parameters |= {names[name]: query[name] for name in sorted(query)}
    return request


@cache
def _parameters_of(builder: type) -> Mapping[str, str]:
    """The query parameters of a builder's GET: name in Python -> name in the address."""
    parameters: Any = getattr(builder, f"{builder.__name__}GetQueryParameters")
    unset = parameters()
    return {field.name: unset.get_query_parameter(field.name) for field in fields(unset)}
