"""A data collection endpoint on this machine, strict to the Logs Ingestion API (2023-01-01).

`POST /dataCollectionRules/{rule}/streams/{stream}?api-version=2023-01-01` with a bearer token, a JSON array
of objects, packed with gzip or not, of at most 1 MB before and after packing; 204 without a body when the
rows are in the store. Columns that the stream does not have are dropped, as the service does. Faults are
those of the local workspace, under the service name `ingest`.
"""

import gzip
import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, Self

from aiohttp import web

from simulator.asim import COLUMNS
from simulator.workspace import Fault, FaultBoard, FaultKind
from simulator.workspace.exchanges import tell
from simulator.workspace.model import TOKEN
from simulator.workspace.wire import Answer, WireRequest, read_time

LOOPBACK = "127.0.0.1"
MOST_BYTES = 1 << 20
_VERSION = "2023-01-01"


class Rows(Protocol):
    """Where accepted rows go."""

    def add_process_events(self, rows: Sequence[Mapping[str, Any]]) -> object:
        """Appends rows of ASimProcessEventLogs. Raises ValueError for one that does not fit."""
        ...


class _Refusal(Exception):
    def __init__(self, status: int, code: str, message: str, *, retry_after: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.retry_after = retry_after

    def answer(self) -> web.Response:
        """The service's error body and headers."""
        headers = {"x-ms-error-code": self.code}
        if self.retry_after is not None:
            headers["Retry-After"] = self.retry_after
        body = {"error": {"code": self.code, "message": str(self)}}
        return web.json_response(body, status=self.status, headers=headers)


class LocalEndpoint:
    """One endpoint with one rule and one stream; `calls` counts what came, accepted or not.

    `faults` is ordered as with the local workspace: `status` refuses, `reset` breaks the connection before
    the rows are kept, `lost` after it.
    """

    def __init__(
        self, store: Rows, *, rule_id: str, stream: str, most_bytes: int = MOST_BYTES, port: int = 0
    ) -> None:
        self.faults = FaultBoard()
        self.calls: list[int] = []
        self._store = store
        self._path = f"/dataCollectionRules/{rule_id}/streams/{stream}"
        self._most_bytes = most_bytes
        self._port = port
        self._runner: web.AppRunner | None = None

    @property
    def address(self) -> str:
        """`http://127.0.0.1:PORT`."""
        return f"http://{LOOPBACK}:{self._port}"

    async def __aenter__(self) -> Self:
        """Listens on its port, or a free one for 0. Raises OSError."""
        # aiohttp unpacks gzip by itself; here the packed size counts too.
        app = web.Application(client_max_size=16 << 20)
        app.router.add_route("*", "/{path:.*}", self._take)
        self._runner = web.AppRunner(
            app, access_log=None, handle_signals=False, shutdown_timeout=0.5, auto_decompress=False
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, LOOPBACK, self._port).start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        number = len(self.calls) + 1
        self.calls.append(0)
        path = request.path
        fault = self.faults.take("ingest", request.method, target=path, template=path, number=number)
        response = self._answer(request, body, fault)
        _tell(request, body, response, fault)
        return response

    def _answer(self, request: web.Request, body: bytes, fault: Fault | None) -> web.Response:
        number = len(self.calls)
        try:
            if fault is not None and fault.kind is FaultKind.RESET:
                return _broken(request)
            _strike(fault)
            rows = self._checked(request, body)
            self._store.add_process_events([_kept(row) for row in rows])
        except _Refusal as refusal:
            self.calls[number - 1] = refusal.status
            return refusal.answer()
        if fault is not None and fault.kind is FaultKind.LOST:
            return _broken(request)
        self.calls[number - 1] = 204
        return web.Response(status=204)

    def _checked(self, request: web.Request, body: bytes) -> list[dict[str, Any]]:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            raise _Refusal(401, "AuthenticationFailed", "The access token is missing or invalid.")
        if request.path != self._path:
            raise _Refusal(404, "NotFound", "Data collection rule or stream was not found.")
        if request.method != "POST":
            raise _Refusal(405, "MethodNotAllowed", "Only POST is allowed.")
        if request.query.get("api-version") != _VERSION:
            raise _Refusal(400, "InvalidApiVersion", f"The api-version {_VERSION} is needed.")
        if request.content_type != "application/json":
            raise _Refusal(415, "UnsupportedMediaType", "The content type must be application/json.")
        return self._rows(self._unpacked(request.headers.get("Content-Encoding", ""), body))

    def _unpacked(self, encoding: str, body: bytes) -> bytes:
        if len(body) > self._most_bytes:
            raise _too_large()
        if encoding not in ("", "gzip"):
            raise _Refusal(415, "UnsupportedContentEncoding", "The content encoding must be gzip.")
        try:
            text = gzip.decompress(body) if encoding else body
        except (OSError, EOFError, zlib.error) as error:
            raise _Refusal(400, "InvalidContent", "The content is no gzip.") from error
        if len(text) > self._most_bytes:
            raise _too_large()
        return text

    def _rows(self, text: bytes) -> list[dict[str, Any]]:
        try:
            rows = json.loads(text)
        except ValueError as error:
            raise _Refusal(400, "InvalidContent", "The content is no JSON.") from error
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise _Refusal(400, "InvalidContent", "The content is no array of objects.")
        if not all(read_time(str(row.get("TimeGenerated"))) for row in rows):
            raise _Refusal(400, "InvalidContent", "A row has no TimeGenerated.")
        return rows


def _tell(request: web.Request, body: bytes, response: web.Response, fault: Fault | None) -> None:
    wire = WireRequest(
        method=request.method,
        path=request.rel_url.raw_path,
        query=dict(request.query),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=body,
    )
    answer = Answer(status=response.status, body=json.loads(response.text) if response.text else None)
    tell("ingest", wire, answer, fault=fault.kind if fault else None)


def _strike(fault: Fault | None) -> None:
    """Refuses where a status was ordered."""
    if fault is not None and fault.kind is FaultKind.STATUS:
        raise _Refusal(fault.status, "OrderedFault", "Ordered fault.", retry_after=fault.retry_after)


def _too_large() -> _Refusal:
    return _Refusal(413, "ContentLengthLimitExceeded", "The content is larger than 1 MB.")


def _kept(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: cell for name, cell in row.items() if name in COLUMNS}


def _broken(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
