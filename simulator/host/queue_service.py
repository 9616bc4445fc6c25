"""The Storage Queue calls that `azure-storage-queue` makes, answered over loopback from a QueueStore.

Paths are in the emulator's style, `/devstoreaccount1/QUEUE/messages`. A call must name the development
account in its SharedKey header or carry a `sig`; signatures themselves are not verified.
Source: "Queue Service REST API" and "Status and error codes", Microsoft Learn.
"""

import logging
import sqlite3
from datetime import timedelta
from typing import Self
from uuid import uuid4

from aiohttp import web

from simulator.host.errors import StorageRefusal
from simulator.host.loopback import bound
from simulator.host.queue_wire import (
    META,
    PEEK_FIELDS,
    PUT_FIELDS,
    TAKE_FIELDS,
    Call,
    message_list,
    out_of_range,
    refused,
    rfc1123,
    xml,
)
from simulator.host.store import DEFAULT_LIFE, QueueStore
from simulator.host.triggers import QUEUE_NAME

ACCOUNT = "devstoreaccount1"
# The emulator's published key ("Use the Azurite emulator", Well-known storage account and key): no secret.
ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
_LOG = logging.getLogger(__name__)
_LONGEST = 7 * 24 * 3600
_LONGEST_LIFE = 2**31 - 1


def connection_string(endpoint: str) -> str:
    """Build the connection string that makes the SDK speak to a queue endpoint on loopback."""
    account = f"AccountName={ACCOUNT};AccountKey={ACCOUNT_KEY}"
    return f"DefaultEndpointsProtocol=http;{account};QueueEndpoint={endpoint};"


class QueueService:
    """The HTTP face of one store. An async context manager: inside it, `endpoint` answers."""

    def __init__(self, store: QueueStore, *, port: int = 0) -> None:
        self._store = store
        self._port = port
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
        self.endpoint = ""
        # By number of segments after the account, method and `comp`.
        self._answers = {
            (0, "GET", "list"): self._list_queues,
            (1, "PUT", ""): self._create,
            (1, "DELETE", ""): self._delete_queue,
            (1, "GET", "metadata"): self._properties,
            (1, "HEAD", "metadata"): self._properties,
            (1, "PUT", "metadata"): self._set_metadata,
            (2, "POST", ""): self._put,
            (2, "GET", ""): self._take,
            (2, "DELETE", ""): self._clear,
            (3, "PUT", ""): self._update,
            (3, "DELETE", ""): self._delete,
        }

    async def __aenter__(self) -> Self:
        listening = bound(self._port)
        await self._runner.setup()
        await web.SockSite(self._runner, listening).start()
        self.endpoint = f"http://127.0.0.1:{self._runner.addresses[0][1]}/{ACCOUNT}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        try:
            response = self._dispatched(request, body)
        except StorageRefusal as refusal:
            response = refused(refusal)
        except sqlite3.OperationalError as busy:
            _LOG.warning("the queue file could not be used: %s", busy)
            response = refused(StorageRefusal(503, "ServerBusy", "The server is busy."))
        response.headers["x-ms-request-id"] = str(uuid4())
        response.headers["x-ms-version"] = request.headers.get("x-ms-version", "2021-12-02")
        if echo := request.headers.get("x-ms-client-request-id"):
            response.headers["x-ms-client-request-id"] = echo
        return response

    def _dispatched(self, request: web.Request, body: bytes) -> web.Response:
        _require_account(request)
        account, *parts = request.path.strip("/").split("/")
        if account != ACCOUNT or len(parts) > 3 or (len(parts) > 1 and parts[1] != "messages"):
            raise StorageRefusal(400, "InvalidUri", "The requested URI does not represent any resource.")
        if parts and not QUEUE_NAME.fullmatch(parts[0]):
            raise StorageRefusal(400, "InvalidResourceName", "The resource name contains invalid characters.")
        answer = self._answers.get((len(parts), request.method, request.query.get("comp", "")))
        if answer is None:
            raise StorageRefusal(
                405, "UnsupportedHttpVerb", "The local queue service does not play this call."
            )
        return answer(Call(parts=tuple(parts), query=request.query, headers=request.headers, body=body))

    def _list_queues(self, _call: Call) -> web.Response:
        names = "".join(f"<Queue><Name>{name}</Name></Queue>" for name in self._store.queues())
        return xml(f"<EnumerationResults><Queues>{names}</Queues><NextMarker /></EnumerationResults>")

    def _create(self, call: Call) -> web.Response:
        return web.Response(status=201 if self._store.create_queue(call.parts[0], call.metadata()) else 204)

    def _delete_queue(self, call: Call) -> web.Response:
        self._store.delete_queue(call.parts[0])
        return web.Response(status=204)

    def _properties(self, call: Call) -> web.Response:
        counts = self._store.counts(call.parts[0])
        headers = {META + name: value for name, value in self._store.metadata(call.parts[0]).items()}
        headers["x-ms-approximate-messages-count"] = str(counts.visible + counts.invisible)
        return web.Response(status=200, headers=headers)

    def _set_metadata(self, call: Call) -> web.Response:
        self._store.set_metadata(call.parts[0], call.metadata())
        return web.Response(status=204)

    def _put(self, call: Call) -> web.Response:
        text = call.message_text()
        delay = call.whole("visibilitytimeout", 0, low=0, high=_LONGEST)
        life = call.whole("messagettl", int(DEFAULT_LIFE.total_seconds()), low=-1, high=_LONGEST_LIFE)
        if life == 0 or 0 < life <= delay:
            raise out_of_range("visibilitytimeout" if life else "messagettl")
        message = self._store.put(
            call.parts[0],
            text,
            delay=timedelta(seconds=delay),
            life=None if life < 0 else timedelta(seconds=life),
        )
        return xml(message_list([message], PUT_FIELDS), status=201)

    def _take(self, call: Call) -> web.Response:
        count = call.whole("numofmessages", 1, low=1, high=32)
        if call.query.get("peekonly", "").lower() == "true":
            return xml(message_list(self._store.peek(call.parts[0], count=count), PEEK_FIELDS))
        lease = call.whole("visibilitytimeout", 30, low=1, high=_LONGEST)
        taken = self._store.lease(call.parts[0], count=count, lease=timedelta(seconds=lease))
        return xml(message_list(taken, TAKE_FIELDS))

    def _clear(self, call: Call) -> web.Response:
        self._store.clear(call.parts[0])
        return web.Response(status=204)

    def _update(self, call: Call) -> web.Response:
        delay = call.whole("visibilitytimeout", None, low=0, high=_LONGEST)
        message = self._store.update(
            call.parts[0],
            call.parts[2],
            call.required("popreceipt"),
            delay=timedelta(seconds=delay),
            text=call.message_text() if call.body.strip() else None,
        )
        headers = {
            "x-ms-popreceipt": message.pop_receipt,
            "x-ms-time-next-visible": rfc1123(message.visible),
        }
        return web.Response(status=204, headers=headers)

    def _delete(self, call: Call) -> web.Response:
        self._store.delete(call.parts[0], call.parts[2], call.required("popreceipt"))
        return web.Response(status=204)


def _require_account(request: web.Request) -> None:
    authorization = request.headers.get("Authorization", "")
    if not authorization and "sig" not in request.query:
        raise StorageRefusal(401, "NoAuthenticationInformation", "The call carries no authorization.")
    if authorization and not authorization.startswith((f"SharedKey {ACCOUNT}:", f"SharedKeyLite {ACCOUNT}:")):
        raise StorageRefusal(
            403, "AuthenticationFailed", f"The call is not signed for the account {ACCOUNT}."
        )
