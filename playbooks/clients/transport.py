"""How requests leave: one aiohttp session behind azure-core's transport interface, which reads whole answers.

azure-core's own transport hands out streams; making, unpacking and closing one for a short answer costs as
much processor time as aiohttp's part of the call.
"""

import zlib
from types import TracebackType
from typing import Any
from urllib.request import getproxies

from aiohttp import (
    ClientError,
    ClientPayloadError,
    ClientResponse,
    ClientResponseError,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
)
from azure.core.exceptions import AzureError, IncompleteReadError, ServiceRequestError, ServiceResponseError
from azure.core.pipeline.transport import AsyncHttpResponse, AsyncHttpTransport, HttpRequest

_HEADERS = {"Accept": "application/json", "Accept-Encoding": "gzip"}
_GZIP = 16 + zlib.MAX_WBITS


class WholeAnswer(AsyncHttpResponse):
    """Status, headers (names in any case) and body: unpacked, cut one byte beyond the most that is read."""

    def __init__(self, request: HttpRequest, response: ClientResponse, body: bytes) -> None:
        super().__init__(request, response)
        self.status_code = response.status
        self.headers: Any = response.headers
        self.reason = response.reason
        self._body = body

    def body(self) -> bytes:
        """The body."""
        return self._body


class Transport(AsyncHttpTransport[HttpRequest, AsyncHttpResponse]):
    """One HTTP session for the life of the process, opened inside the running loop by the first call.

    The caller bounds the time of a call; `connect_seconds` are for the connection alone. `local` is for
    endpoints on this machine, which no proxy of the environment leads to.
    """

    def __init__(self, *, connect_seconds: float, most_bytes: int, local: bool) -> None:
        self._timeout = ClientTimeout(total=None, sock_connect=connect_seconds)
        self._most = most_bytes + 1
        # aiohttp looks for a proxy and a .netrc in a thread of their own at each request, if it may.
        self._may_have_proxy = not local and bool(getproxies())
        self._session: ClientSession | None = None

    async def open(self) -> None:
        """Makes the session, if there is none yet."""
        self._opened()

    def _opened(self) -> ClientSession:
        if self._session is None:
            self._session = ClientSession(
                timeout=self._timeout,
                cookie_jar=DummyCookieJar(),
                auto_decompress=False,
                headers=_HEADERS,
                skip_auto_headers=("Content-Type",),
                trust_env=self._may_have_proxy,
            )
        return self._session

    async def close(self) -> None:
        """Ends every connection."""
        if self._session is not None:
            await self._session.close()

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        """Ends every connection."""
        await self.close()

    async def send(self, request: HttpRequest, **_options: Any) -> AsyncHttpResponse:
        """The answer; no redirect is followed. Raises AzureError where it is not whole."""
        asked = self._opened().request(
            request.method,
            request.url,
            headers=request.headers,
            data=request.data,
            allow_redirects=False,
        )
        try:
            async with asked as response:
                return WholeAnswer(request, response, await self._body(response))
        except (ClientError, zlib.error) as error:
            raise _as_azure_core(error) from error

    async def _body(self, response: ClientResponse) -> bytes:
        body, content = bytearray(), response.content
        while not content.at_eof() and len(body) < self._most:
            body += await content.readany()
        if len(body) < self._most and (error := content.exception()) is not None:
            raise error
        if response.headers.get("Content-Encoding", "").lower() == "gzip":
            return zlib.decompressobj(_GZIP).decompress(body, self._most)
        return bytes(body[: self._most])


def _as_azure_core(error: ClientError | zlib.error) -> AzureError:
    """The error by which azure-core's own transport would tell it."""
    match error:
        case ClientPayloadError():
            return IncompleteReadError(error)
        case ClientResponseError() | zlib.error():
            return ServiceResponseError(error)
    return ServiceRequestError(error)
