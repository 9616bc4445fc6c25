"""Microsoft Graph `$batch` (JSON batching): at most 20 requests, each judged alone, answered in any order."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from simulator.workspace.graph import GraphPart, GraphSource
from simulator.workspace.wire import Answer, Delivery, Endpoint, Json, Refusal, WireRequest, parse_query

type Dispatch = Callable[[WireRequest], Awaitable[Answer]]

_MOST_REQUESTS = 20
_INHERITED = ("authorization", "user-agent")


class Batch(GraphPart):
    """The parts of a batch go through `dispatch`, with the checks and faults of requests of their own."""

    def __init__(self, source: GraphSource, *, dispatch: Dispatch) -> None:
        super().__init__(source)
        self._dispatch = dispatch

    def operations(self) -> list[tuple[str, str, Endpoint]]:
        """See the base class."""
        return [("POST", "/$batch", self._batch)]

    async def _batch(self, request: WireRequest) -> Answer:
        parts = _checked_parts(request.json_object())
        answers: dict[str, Json] = {}
        failed: set[str] = set()
        for part in parts:
            if failed & set(part.get("dependsOn") or ()):
                answer = Answer(
                    status=424, body=_error("FailedDependency", "A request it depends on failed.")
                )
            else:
                answer = await self._dispatch(_part_request(request, part))
            if answer.status >= 400 or answer.delivery is not Delivery.WHOLE:
                failed.add(part["id"])
            if answer.delivery is not Delivery.MISSING:
                answers[part["id"]] = _part_answer(part["id"], answer)
        # Graph promises no order; last first makes every caller match by id.
        return Answer(status=200, body={"responses": list(reversed(answers.values()))})


def _checked_parts(body: Json) -> list[Json]:
    parts = body.get("requests")
    if not isinstance(parts, list) or not parts:
        raise _bad("The batch needs a non-empty 'requests' list.")
    if len(parts) > _MOST_REQUESTS:
        raise _bad(f"Number of batch request steps exceeds the maximum value of {_MOST_REQUESTS}.")
    seen: set[str] = set()
    for part in parts:
        _check_part(part, seen)
        seen.add(part["id"])
    return parts


def _check_part(part: Any, seen: set[str]) -> None:
    if not isinstance(part, dict) or not all(
        isinstance(part.get(name), str) for name in ("id", "method", "url")
    ):
        raise _bad("Each batch request needs 'id', 'method' and 'url' as text.")
    if not isinstance(part.get("headers") or {}, dict) or not _are_texts(part.get("dependsOn") or []):
        raise _bad("'headers' of a batch request is an object, 'dependsOn' a list of ids.")
    if part["id"] in seen:
        raise _bad(f"Duplicate batch request id '{part['id'][:50]}'.")
    if not part["url"].startswith("/") or "$batch" in part["url"]:
        raise _bad("The 'url' of a batch request must be relative, start with '/' and be no batch itself.")
    if not set(part.get("dependsOn") or ()) <= seen:
        raise _bad(f"Batch request '{part['id'][:50]}' depends on an id that is not before it.")
    headers = {str(name).lower() for name in part.get("headers") or ()}
    if "body" in part and "content-type" not in headers:
        raise _bad(f"Batch request '{part['id'][:50]}' has a body but no Content-Type header.")


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)


def _part_request(outer: WireRequest, part: Json) -> WireRequest:
    path, _, query = part["url"].partition("?")
    headers = {str(name).lower(): str(value) for name, value in (part.get("headers") or {}).items()}
    return WireRequest(
        method=part["method"].upper(),
        path=f"/v1.0{path}",
        query=parse_query(query),
        headers={**{name: outer.headers.get(name, "") for name in _INHERITED}, **headers},
        body=json.dumps(part["body"]).encode() if "body" in part else b"",
    )


def _part_answer(part_id: str, answer: Answer) -> Json:
    if answer.delivery is not Delivery.WHOLE or answer.raw is not None:
        status = 504 if answer.delivery is Delivery.HANG else 502
        return {
            "id": part_id,
            "status": status,
            "headers": {},
            "body": _error("UnknownError", "The service failed."),
        }
    headers = {"Content-Type": "application/json", **answer.headers}
    return {"id": part_id, "status": answer.status, "headers": headers, "body": answer.body}


def _error(code: str, message: str) -> Json:
    return {"error": {"code": code, "message": message}}


def _bad(message: str) -> Refusal:
    return Refusal(400, "BadRequest", message)
