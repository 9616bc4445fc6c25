"""aiohttp around the gate: bytes in, bytes out, and the faults that only a connection can have."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from email.utils import formatdate
from functools import lru_cache, partial
from ssl import SSLContext

from aiohttp import web

from simulator.workspace.gate import Gate
from simulator.workspace.wire import Answer, Delivery, WireRequest, parse_query

_LOOPBACK = "127.0.0.1"
_MOST_BODY_BYTES = 16 << 20
_HUGE_CHUNKS = 1024
_CHUNK = b"a" * (64 << 10)

type Control = Callable[[WireRequest], Awaitable[Answer]]


class Server:
    """One server on 127.0.0.1; `port` 0 takes a free one, read `base_url` after `start`."""

    def __init__(
        self,
        gate: Gate,
        control: Control,
        *,
        port: int,
        now: Callable[[], datetime],
        tls: SSLContext | None = None,
    ) -> None:
        self._tls = tls
        self._gate = gate
        self._control = control
        self._port = port
        self._now = now
        self._runner: web.ServerRunner | None = None

    @property
    def base_url(self) -> str:
        """Address with port, no trailing slash."""
        return f"{'https' if self._tls else 'http'}://{_LOOPBACK}:{self._port}"

    def foreign(self, path: str) -> str:
        """The same path on another host name; whoever comes that way is noted as `foreign`."""
        return f"http://localhost:{self._port}{path}"

    async def start(self) -> None:
        """Listens. Raises OSError where the port is taken."""
        request = partial(web.BaseRequest, loop=asyncio.get_running_loop(), client_max_size=_MOST_BODY_BYTES)
        server = web.Server(self._take, request_factory=request, access_log=None)
        self._runner = web.ServerRunner(server, handle_signals=False, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, _LOOPBACK, self._port, backlog=1024, ssl_context=self._tls).start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Stops listening; answers still hanging half a second later are let go."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _take(self, incoming: web.BaseRequest) -> web.StreamResponse:
        request = WireRequest(
            method=incoming.method,
            path=incoming.rel_url.raw_path.replace("%24", "$"),
            query=parse_query(incoming.rel_url.raw_query_string),
            headers={name.lower(): value for name, value in incoming.headers.items()},
            body=await incoming.read(),
        )
        if request.path.startswith("/_control"):
            return self._whole(await self._control(request))
        if incoming.host != f"{_LOOPBACK}:{self._port}":
            return self._whole(self._gate.stray(request))
        return await self._send(incoming, await self._gate.answer(request))

    async def _send(self, incoming: web.BaseRequest, answer: Answer) -> web.StreamResponse:
        match answer.delivery:
            case Delivery.WHOLE:
                return self._whole(answer)
            case Delivery.HANG:
                await asyncio.sleep(answer.seconds)
            case Delivery.CUT_OFF:
                content = answer.content()
                return await _stream(incoming, answer, _once(content[: len(content) // 2]), len(content) + 1)
            case Delivery.HUGE:
                return await _stream(incoming, answer, _endless(), None)
        _reset(incoming)
        return web.Response()

    def _whole(self, answer: Answer) -> web.Response:
        date = _http_date(int(self._now().timestamp()))
        headers = {"Content-Type": "application/json; charset=utf-8", "Date": date, **answer.headers}
        return web.Response(status=answer.status, body=answer.content(), headers=headers)


@lru_cache(maxsize=8)
def _http_date(second: int) -> str:
    """A second since 1970 as HTTP writes it."""
    return formatdate(second, usegmt=True)


def _reset(incoming: web.BaseRequest) -> None:
    if incoming.transport is not None:
        incoming.transport.abort()


async def _stream(
    incoming: web.BaseRequest, answer: Answer, chunks: AsyncIterator[bytes], length: int | None
) -> web.StreamResponse:
    """Sends chunks under a length that they may not reach, then resets the connection if they did not."""
    response = web.StreamResponse(status=answer.status, headers={"Content-Type": "application/json"})
    response.content_length = length
    try:
        await response.prepare(incoming)
        async for chunk in chunks:
            await response.write(chunk)
    except ConnectionError:
        return response
    if length is not None and incoming.transport is not None:
        incoming.transport.close()
    return response


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def _endless() -> AsyncIterator[bytes]:
    yield b'{"value":["'
    for _ in range(_HUGE_CHUNKS):
        yield _CHUNK
    yield b'"]}'
