"""What goes over the wire in the local workspace: a request as it came, an answer, a refusal, a route.

Services are plain coroutines from `WireRequest` to `Answer`; only `server` knows aiohttp. So the parts
of a Graph `$batch` pass the very same checks as requests of their own.
"""

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import Any, Protocol
from urllib.parse import parse_qsl, unquote

_ENCODED = json.JSONEncoder(ensure_ascii=False).encode

type Json = dict[str, Any]
type Endpoint = Callable[["WireRequest"], Awaitable["Answer"]]


class Delivery(StrEnum):
    """How an answer travels; everything but `WHOLE` is a fault."""

    WHOLE = "whole"
    RESET = "reset"
    HANG = "hang"
    CUT_OFF = "cut_off"
    HUGE = "huge"
    MISSING = "missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class WireRequest:
    """One request. `path` is still percent-encoded; header names are in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = b""
    params: Mapping[str, str] = field(default_factory=dict)

    def json_object(self) -> Json:
        """The body as a JSON object. Raises Refusal 415 for another content type, 400 for another body."""
        if self.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise Refusal(415, "UnsupportedMediaType", "The content type must be application/json.")
        try:
            body = json.loads(self.body)
        except ValueError as error:
            raise Refusal(
                400, "InvalidRequestContent", f"The request content is not valid JSON: {error}"
            ) from error
        if not isinstance(body, dict):
            raise Refusal(400, "InvalidRequestContent", "The request content is not a JSON object.")
        return body


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer: a JSON body, or `raw` bytes under their own content type."""

    status: int
    body: Json | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    written: bytes | None = None
    """The body in bytes, where that is known already."""
    delivery: Delivery = Delivery.WHOLE
    seconds: float = 0.0

    def content(self) -> bytes:
        """The bytes to send."""
        if self.raw is not None:
            return self.raw
        if self.written is not None:
            return self.written
        return b"" if self.body is None else json_bytes(self.body)


class WrittenList(list[Json]):
    """Resources that do not change any more, so that answers with all of them are written once."""

    @cached_property
    def whole(self) -> bytes:
        """The body of such an answer."""
        return json_bytes({"value": self})


class Refusal(Exception):
    """A service says no. `extra` is added to the service's own error object."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        headers: Mapping[str, str] | None = None,
        extra: Json | None = None,
    ) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}
        self.extra = extra or {}


class Service(Protocol):
    """One service of the workspace: its routes, the check of a caller, the shape of its errors."""

    name: str
    routes: "Routes"

    def admit(self, request: WireRequest) -> None:
        """Checks that hold for every operation. Raises Refusal."""
        ...

    def error(self, refusal: Refusal) -> Answer:
        """A refusal in the service's own error shape."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One operation: its method, the path template for people, the compiled path, what answers."""

    method: str
    template: str
    pattern: re.Pattern[str]
    endpoint: Endpoint


class Routes:
    """Operations by method and path template (`/users/{id}`); paths compare without case, as ARM's do."""

    def __init__(self) -> None:
        self._routes: dict[int, list[Route]] = {}
        # The same few paths come again and again, and each is asked about twice a call.
        self._fitting = lru_cache(maxsize=512)(self._matched)

    def add(self, method: str, template: str, endpoint: Endpoint) -> None:
        """Adds an operation; earlier templates win."""
        literal = re.split(r"(\{\w+\})", template)
        pattern = "".join(
            f"(?P<{part[1:-1]}>[^/]+)" if part[:1] == "{" else re.escape(part) for part in literal
        )
        compiled = re.compile(pattern, re.IGNORECASE)
        route = Route(method=method, template=template, pattern=compiled, endpoint=endpoint)
        # No parameter holds a slash, so a path fits templates with as many of them alone.
        self._routes.setdefault(template.count("/"), []).append(route)
        self._fitting.cache_clear()

    def template(self, request: WireRequest) -> str:
        """The template that the request's path fits, or the path itself."""
        return next((route.template for route, _ in self._fitting(request.path)), request.path)

    def find(self, request: WireRequest) -> tuple[Endpoint, WireRequest]:
        """The endpoint and the request with its decoded path parameters. Raises Refusal 404 or 405."""
        fitting = self._fitting(request.path)
        for route, params in fitting:
            if route.method == request.method:
                return route.endpoint, replace(request, params=params)
        if fitting:
            raise Refusal(
                405, "MethodNotAllowed", f"The method {request.method} is not allowed on this resource."
            )
        raise Refusal(
            404, "NotFound", f"No operation of the local workspace has the path {request.path[:200]}."
        )

    def _matched(self, path: str) -> list[tuple[Route, Mapping[str, str]]]:
        """The routes that a path fits, with its decoded parameters."""
        found = ((route, route.pattern.fullmatch(path)) for route in self._routes.get(path.count("/"), ()))
        return [
            (route, {name: unquote(value) for name, value in match.groupdict().items()})
            for route, match in found
            if match is not None
        ]


def json_bytes(body: Json) -> bytes:
    """A body as the services write it."""
    return _ENCODED(body).encode()


def words(text: str) -> list[str]:
    """Names written one after the other."""
    return text.split()


@lru_cache(maxsize=512)
def parse_query(text: str) -> Mapping[str, str]:
    """A query string as a map, `+` read as a blank; the last of a repeated name counts."""
    return MappingProxyType(dict(parse_qsl(text, keep_blank_values=True)))


def wire_time(moment: datetime) -> str:
    """UTC in ISO 8601 with seven decimals, as Azure writes it."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "0Z"


def read_time(text: str) -> datetime | None:
    """An ISO 8601 time (no zone: UTC), or None where the text is none."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def whole_number(text: str | None, *, name: str, default: int, most: int) -> int:
    """A count such as `$top`, from 1 to `most`. Raises Refusal 400."""
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= most:
        raise Refusal(
            400, "BadRequest", f"Invalid value for {name}: a whole number from 1 to {most} is needed."
        )
    return int(text)
