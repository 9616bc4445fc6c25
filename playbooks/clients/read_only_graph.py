"""Reads alone, for the transport that Microsoft Graph is asked through."""

import httpx

from playbooks.clients.read_only import refuse_write


class ReadOnlyTransport(httpx.AsyncBaseTransport):
    """httpx's own transport for reads."""

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._transport = transport

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """See httpx. Raises WriteRefused before anything is sent."""
        refuse_write(request.method, str(request.url), await request.aread())
        return await self._transport.handle_async_request(request)

    async def aclose(self) -> None:
        """Ends the connections."""
        await self._transport.aclose()
