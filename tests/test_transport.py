"""The transport of every call: whole answers, unpacked and bounded, told in azure-core's own errors."""

import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

import pytest
from aiohttp import web
from azure.core.exceptions import IncompleteReadError, ServiceRequestError, ServiceResponseError
from azure.core.pipeline.transport import HttpRequest

from playbooks.clients.transport import Transport

MOST = 1_000
ROOMY = b'{"value": [' + b"1, " * 100 + b"1]}"

type Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Service:
    """A server whose only answer is set by the test; it keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[web.Request] = []
        self.answer: Handler
        self.address = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """The answer that was set."""
        self.asked.append(request)
        await request.read()
        return await self.answer(request)

    def answers(self, body: bytes, *, status: int = 200, **headers: str) -> None:
        """Every call is answered so; `_` in a header's name stands for `-`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}

        async def answer(_request: web.Request) -> web.StreamResponse:
            return web.Response(status=status, body=body, headers=named)

        self.answer = answer


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    """A server on loopback."""
    made = Service()
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", made.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0]
    made.address = f"http://{host}:{port}/one"
    yield made
    await runner.cleanup()


@pytest.fixture
async def transport() -> AsyncIterator[Transport]:
    """A transport that reads up to MOST bytes, with loopback endpoints alone."""
    made = Transport(connect_seconds=5.0, most_bytes=MOST, local=True)
    async with made:
        yield made


async def test_an_answer_is_read_whole_and_unpacked(service: Service, transport: Transport) -> None:
    """Status, headers in any case, and the body as it was before it was packed."""
    service.answers(gzip.compress(ROOMY), status=404, Content_Encoding="gzip", Retry_After="7")

    answer = await transport.send(HttpRequest("GET", service.address))

    assert (404, "7", ROOMY) == (answer.status_code, answer.headers["retry-after"], answer.body())
    assert "gzip" == service.asked[0].headers["Accept-Encoding"]
    assert "application/json" == service.asked[0].headers["Accept"]


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
async def test_what_is_too_long_is_cut_one_byte_beyond(
    service: Service, transport: Transport, encoding: str
) -> None:
    """F66: so that the caller sees that it is too long; a packed body counts as it is unpacked."""
    body = b"x" * 10 * MOST
    service.answers(gzip.compress(body) if encoding == "gzip" else body, Content_Encoding=encoding)

    answer = await transport.send(HttpRequest("GET", service.address))

    assert b"x" * (MOST + 1) == answer.body()


async def test_an_endless_answer_ends(service: Service, transport: Transport) -> None:
    """F66: no more is read than the most, and the server loses its reader."""

    async def endless(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        with suppress(ConnectionError):
            while True:
                await answer.write(b"x" * 100_000)
        return answer

    service.answer = endless

    assert MOST + 1 == len((await transport.send(HttpRequest("GET", service.address))).body())


async def test_a_redirect_is_an_answer(service: Service, transport: Transport) -> None:
    """F65: it is not followed."""
    service.answers(b"", status=302, Location=service.address)

    answer = await transport.send(HttpRequest("GET", service.address))

    assert (302, 1) == (answer.status_code, len(service.asked))


async def test_what_is_not_whole_is_an_error(service: Service, transport: Transport) -> None:
    """F19: packed wrongly, cut off within, or never begun."""
    request = HttpRequest("GET", service.address)
    service.answers(b"this is not gzip", Content_Encoding="gzip")
    with pytest.raises(ServiceResponseError):
        await transport.send(request)

    async def cut_off(asked: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Length": "100"})
        await answer.prepare(asked)
        await answer.write(b"{")
        if asked.transport is not None:
            asked.transport.close()
        return answer

    service.answer = cut_off
    with pytest.raises(IncompleteReadError):
        await transport.send(request)

    async def silent(asked: web.Request) -> web.StreamResponse:
        if asked.transport is not None:
            asked.transport.close()
        return web.Response()

    service.answer = silent
    with pytest.raises(ServiceRequestError):
        await transport.send(request)


async def test_a_body_is_sent_with_the_type_that_it_is_given(service: Service, transport: Transport) -> None:
    """A POST without a body names no type: some services refuse an empty `application/octet-stream`."""
    service.answers(b"{}")

    await transport.send(HttpRequest("POST", service.address))
    await transport.send(
        HttpRequest("POST", service.address, headers={"content-type": "application/json"}, data=b"[]")
    )

    assert [None, "application/json"] == [one.headers.get("Content-Type") for one in service.asked]


@pytest.mark.parametrize(("local", "through"), [(True, 0), (False, 1)])
async def test_a_proxy_of_the_environment_is_for_the_way_out(
    service: Service, monkeypatch: pytest.MonkeyPatch, *, local: bool, through: int
) -> None:
    """Never for this machine: the local workspace is not behind it."""
    service.answers(b"{}")
    monkeypatch.setenv("http_proxy", service.address)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    other = service.address.replace("/one", "/two")

    async with Transport(connect_seconds=5.0, most_bytes=MOST, local=local) as transport:
        await transport.send(HttpRequest("GET", other))

    assert through == len([one for one in service.asked if "://" in one.raw_path])
