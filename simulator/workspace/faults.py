"""Faults to order: which call they strike, and what they do to its answer.

A fault names its calls by service (`arm`, `graph`, `logs`, `login`, `identity`), method, a path pattern
(`*` is anything; matched against the path asked for and against its template) or running number.
"""

import base64
import gzip
import json
from dataclasses import MISSING, dataclass, fields, replace
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any, Self

from simulator.workspace.wire import Answer, Delivery, Json, Refusal

_CLAIMS = base64.b64encode(b'{"access_token":{"nbf":{"essential":true,"value":"1700000000"}}}').decode()
_CODES = {
    400: "BadRequest",
    401: "InvalidAuthenticationToken",
    403: "AuthorizationFailed",
    404: "NotFound",
    408: "RequestTimeout",
    409: "Conflict",
    412: "PreconditionFailed",
    429: "TooManyRequests",
    500: "InternalServerError",
    502: "BadGateway",
    503: "ServiceUnavailable",
    504: "GatewayTimeout",
}
_BOMB_BYTES = 64 << 20
_PARTIAL: Json = {
    "code": "PartialError",
    "message": "There were some errors when processing your query.",
    "details": [
        {"code": "EngineError", "message": "Something went wrong processing your query on the server."}
    ],
}


class FaultKind(StrEnum):
    """What a fault does. Those of the first group keep the call from the service."""

    STATUS = "status"  # answer `status` with `retry_after` or a claims challenge
    RESET = "reset"  # the connection is reset
    HANG = "hang"  # no answer for `seconds`, then a reset
    HTML = "html"  # a page of HTML with status 200
    REDIRECT = "redirect"  # 302 to the same path on another host name
    HUGE = "huge"  # an answer without end (64 MiB)
    BOMB = "bomb"  # 64 MiB of JSON packed into a small gzip body
    MISSING = "missing"  # in a batch: no answer for this part

    DELAY = "delay"  # the true answer, `seconds` late
    CUT_OFF = "cut_off"  # half of the true answer, then a reset
    MALFORMED = "malformed"  # the true answer without its last character
    LOST = "lost"  # applied; then a reset, or `status` if given
    PARTIAL = "partial"  # log rows with a PartialError beside them
    EMPTY = "empty"  # the lists of the true answer emptied
    FOREIGN_LINK = "foreign_link"  # a link to a next page on another host name
    DROP = "drop"  # the member at `pointer` left out
    SET = "set"  # the member at `pointer` set to `value`


BEFORE_SERVICE = frozenset(
    {
        *(FaultKind.STATUS, FaultKind.RESET, FaultKind.HANG, FaultKind.HTML),
        *(FaultKind.REDIRECT, FaultKind.HUGE, FaultKind.BOMB, FaultKind.MISSING),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One ordered fault: it strikes `times` matching calls (None: all) after sparing the first `after`.

    `retry_after` is sent as it stands, so it may be nonsense. `pointer` is a JSON pointer (RFC 6901) in
    which a step `*` means every element of a list. `number` strikes the call with that running number.
    """

    kind: FaultKind
    service: str | None = None
    method: str | None = None
    path: str = "*"
    number: int | None = None
    times: int | None = None
    after: int = 0
    status: int = 0
    retry_after: str | None = None
    claims: bool = False
    seconds: float = 30.0
    pointer: str = ""
    value: Any = None

    @classmethod
    def of_json(cls, given: Json) -> Self:
        """A fault from JSON with the same names. Raises Refusal 400 for an unknown or missing one."""
        known = {spec.name for spec in fields(cls)}
        needed = {spec.name for spec in fields(cls) if spec.default is MISSING}
        if unknown := sorted(set(given) - known):
            raise Refusal(
                400, "BadRequest", f"A fault has no member {', '.join(unknown)}; it has {sorted(known)}."
            )
        if not needed <= set(given) or given["kind"] not in list(FaultKind):
            raise Refusal(
                400, "BadRequest", f"A fault needs a kind, one of {[str(kind) for kind in FaultKind]}."
            )
        return cls(**given | {"kind": FaultKind(given["kind"])})

    def fits(self, service: str, method: str, *, target: str, template: str, number: int) -> bool:
        """Whether the fault is meant for this call."""
        paths = (target.lower(), template.lower())
        return (
            self.service in (None, service)
            and self.method in (None, method)
            and self.number in (None, number)
            and any(fnmatchcase(path, self.path.lower()) for path in paths)
        )


class FaultBoard:
    """The faults ordered so far; the first one that fits a call strikes it."""

    def __init__(self) -> None:
        self._ordered: list[Fault] = []
        self._left: list[tuple[int, int | None]] = []

    def add(self, fault: Fault) -> None:
        """Orders one more fault."""
        self._ordered.append(fault)
        self._left.append((fault.after, fault.times))

    def clear(self) -> None:
        """Takes every fault back."""
        self._ordered.clear()
        self._left.clear()

    def __iter__(self) -> Any:
        """The faults in order."""
        return iter(tuple(self._ordered))

    def take(self, service: str, method: str, *, target: str, template: str, number: int) -> Fault | None:
        """The fault that strikes this call, counted off, or None."""
        for place, fault in enumerate(self._ordered):
            if not fault.fits(service, method, target=target, template=template, number=number):
                continue
            spared, times = self._left[place]
            if spared:
                self._left[place] = (spared - 1, times)
            elif times != 0:
                self._left[place] = (0, None if times is None else times - 1)
                return fault
        return None


_SIGN_IN_PAGE = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body>Please wait.</body></html>"
_FIXED = {
    FaultKind.HTML: Answer(
        status=200, raw=_SIGN_IN_PAGE, headers={"Content-Type": "text/html; charset=utf-8"}
    ),
    FaultKind.HUGE: Answer(status=200, delivery=Delivery.HUGE),
    FaultKind.MISSING: Answer(status=0, delivery=Delivery.MISSING),
    FaultKind.RESET: Answer(status=0, delivery=Delivery.RESET),
}


def answer_instead(fault: Fault, *, foreign: str) -> Answer:
    """What the caller gets without the service being asked; `foreign` is the address on another host name."""
    match fault.kind:
        case FaultKind.STATUS:
            return _status_answer(fault)
        case FaultKind.HANG:
            return Answer(status=0, delivery=Delivery.HANG, seconds=fault.seconds)
        case FaultKind.REDIRECT:
            return Answer(status=302, raw=b"", headers={"Location": foreign})
        case FaultKind.BOMB:
            return Answer(status=200, raw=_packed(), headers={"Content-Encoding": "gzip"})
    return _FIXED[fault.kind]


def _packed() -> bytes:
    return gzip.compress(b'{"value":["' + b"a" * _BOMB_BYTES + b'"]}', compresslevel=1)


def reshape(fault: Fault, answer: Answer, *, foreign: str) -> Answer:
    """What becomes of the service's true answer."""
    match fault.kind:
        case FaultKind.CUT_OFF:
            return replace(answer, delivery=Delivery.CUT_OFF)
        case FaultKind.MALFORMED:
            return replace(answer, raw=answer.content()[:-1])
        case FaultKind.LOST:
            return (
                _status_answer(fault) if fault.status else replace(answer, status=0, delivery=Delivery.RESET)
            )
    if answer.body is None or answer.status >= 400:
        return answer
    body = _reshape_body(fault, json.loads(json.dumps(answer.body)), foreign)
    return replace(answer, body=body, written=None)


def _reshape_body(fault: Fault, body: Json, foreign: str) -> Json:
    match fault.kind:
        case FaultKind.PARTIAL if "tables" in body:
            return body | {"error": _PARTIAL}
        case FaultKind.EMPTY if "tables" in body:
            return body | {"tables": [table | {"rows": []} for table in body["tables"]]}
        case FaultKind.EMPTY:
            return body | {name: [] for name, value in body.items() if isinstance(value, list)}
        case FaultKind.FOREIGN_LINK:
            return body | {"@odata.nextLink" if "@odata.context" in body else "nextLink": foreign}
        case FaultKind.DROP | FaultKind.SET:
            _edit(
                body,
                [step.replace("~1", "/").replace("~0", "~") for step in fault.pointer.split("/")[1:]],
                fault,
            )
    return body


def _edit(place: Any, steps: list[str], fault: Fault) -> None:
    if not steps:
        return
    keys = _keys(place, steps[0])
    if len(steps) > 1:
        for key in keys:
            _edit(place[key], steps[1:], fault)
    elif fault.kind is FaultKind.SET:
        targets = [steps[0]] if isinstance(place, dict) else keys
        for key in targets:
            place[key] = fault.value
    else:
        for key in reversed(keys):
            del place[key]


def _keys(place: Any, step: str) -> list[Any]:
    if isinstance(place, list):
        if step == "*":
            return list(range(len(place)))
        return [int(step)] if step.isdigit() and int(step) < len(place) else []
    return [step] if isinstance(place, dict) and step in place else []


def _status_answer(fault: Fault) -> Answer:
    status = fault.status or 500
    headers: dict[str, str] = {} if fault.retry_after is None else {"Retry-After": fault.retry_after}
    if status == 401:
        challenge = (
            'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize"'
        )
        trouble = (
            f', error="insufficient_claims", claims="{_CLAIMS}"'
            if fault.claims
            else ', error="invalid_token"'
        )
        headers["WWW-Authenticate"] = challenge + trouble
    error = {"code": _CODES.get(status, "Error"), "message": f"Ordered fault: {status}."}
    return Answer(status=status, body={"error": error}, headers=headers)
