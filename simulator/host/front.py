"""The HTTP side of the host: routes with their keys, and the host's own `/admin` paths.

Source: Azure Functions, "HTTP trigger" (authorization keys, 404 for what no function answers, 100 MB bodies)
and "Manually run a non HTTP-triggered function".
"""

import hmac
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from aiohttp import web

from simulator.host.calls import Calls
from simulator.host.fields import Fields
from simulator.host.routes import RouteMatch, Router
from simulator.host.triggers import AuthLevel
from simulator.host.worker import Invocation

LARGEST_BODY = 100 * 1024 * 1024
LONGEST_WAIT = 20.0
"""Seconds for which `GET /admin/queues` may hold its answer back."""
_FRAMING = frozenset({"content-length", "transfer-encoding", "connection"})


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Keys:
    """The host's keys: `function` opens function-level routes, `master` everything."""

    function: str
    master: str


class Admin(Protocol):
    """What the `/admin` paths ask of the host."""

    def status(self) -> dict[str, Any]:
        """Describe the host, for `GET /admin/host/status`."""

    async def queue_states(self, *, patience: float = 0.0, watched: Sequence[str] = ()) -> dict[str, Any]:
        """Count messages and running functions, for `GET /admin/queues?wait=SECONDS&queue=NAME`."""

    def start_by_hand(self, name: str, text: str) -> bool:
        """Start a queue or timer function; False where there is none of that name."""


class Front:
    """Builds the web application over a router, the callable functions and the host's administration."""

    def __init__(self, router: Router, *, calls: Calls, keys: Keys, admin: Admin) -> None:
        self._router = router
        self._calls = calls
        self._keys = keys
        self._admin = admin

    def application(self) -> web.Application:
        """Build the application; it answers every path."""
        application = web.Application(client_max_size=LARGEST_BODY)
        application.router.add_get("/admin/host/ping", self._ping)
        application.router.add_get("/admin/host/status", self._status)
        application.router.add_get("/admin/queues", self._needs_master(self._queues))
        application.router.add_post("/admin/functions/{name}", self._needs_master(self._start))
        application.router.add_route("*", "/{path:.*}", self._routed)
        return application

    async def _routed(self, request: web.Request) -> web.Response:
        found = self._router.match(request.method, request.rel_url.raw_path)
        if found is None:
            return web.Response(status=404)
        if not self._may_call(request, found.trigger.auth):
            return web.Response(status=401)
        value = _http_value(request, found, await request.read())
        return _http_answer(await self._calls.call(found.trigger, value))

    def _may_call(self, request: web.Request, level: AuthLevel) -> bool:
        if level is AuthLevel.ANONYMOUS:
            return True
        accepted = [self._keys.master]
        if level is AuthLevel.FUNCTION:
            accepted.append(self._keys.function)
        given = request.headers.get("x-functions-key") or request.query.get("code", "")
        return any(hmac.compare_digest(given.encode(), key.encode()) for key in accepted)

    def _needs_master(
        self, answer: Callable[[web.Request], Awaitable[web.Response]]
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def guarded(request: web.Request) -> web.Response:
            return (
                await answer(request)
                if self._may_call(request, AuthLevel.ADMIN)
                else web.Response(status=401)
            )

        return guarded

    async def _ping(self, _request: web.Request) -> web.Response:
        return web.Response(status=200)

    async def _status(self, _request: web.Request) -> web.Response:
        return web.json_response(self._admin.status())

    async def _queues(self, request: web.Request) -> web.Response:
        try:
            patience = min(max(float(request.query.get("wait", "0")), 0.0), LONGEST_WAIT)
        except ValueError:
            return web.json_response({"message": "wait is a number of seconds."}, status=400)
        states = await self._admin.queue_states(patience=patience, watched=request.query.getall("queue", []))
        return web.json_response(states)

    async def _start(self, request: web.Request) -> web.Response:
        try:
            wanted = await request.json() if await request.read() else {}
        except ValueError:
            wanted = None
        if not isinstance(wanted, dict) or not isinstance(wanted.get("input", ""), str):
            return web.json_response({"message": 'The body must be {"input": "text"}.'}, status=400)
        started = self._admin.start_by_hand(request.match_info["name"], wanted.get("input", ""))
        return web.Response(status=202 if started else 404)


def _http_value(request: web.Request, found: RouteMatch, body: bytes) -> Fields:
    return Fields(
        http=Fields(
            method=request.method,
            url=str(request.url),
            headers=_joined((name.lower(), value) for name, value in request.headers.items()),
            params=found.params,
            query=_joined(request.query.items()),
            body=Fields(bytes=body),
        )
    )


def _joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in pairs:
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def _http_answer(invocation: Invocation) -> web.Response:
    if not invocation.succeeded:
        return web.Response(status=500)
    returned = invocation.returned
    if returned.WhichOneof("data") == "string":
        return web.Response(text=returned.string)
    answer = returned.http
    response = web.Response(status=int(answer.status_code), body=answer.body.bytes)
    for name, value in answer.headers.items():
        if name.lower() not in _FRAMING:
            response.headers[name] = value
    for cookie in answer.cookies or ():
        _set_cookie(response, cookie)
    return response


def _set_cookie(response: web.Response, cookie: Any) -> None:
    age = cookie.max_age.value if cookie.max_age else None
    response.set_cookie(
        cookie.name,
        cookie.value,
        domain=cookie.domain.value or None if cookie.domain else None,
        path=cookie.path.value or "/" if cookie.path else "/",
        max_age=None if age is None else int(age),
        secure=bool(cookie.secure and cookie.secure.value),
        httponly=bool(cookie.http_only and cookie.http_only.value),
        samesite=cookie.same_site or None,
    )
