"""JSON batching of Microsoft Graph v1.0: up to 20 GETs in one request, each with an answer of its own.

Answers come in any order, so they are matched by id; one that is missing is no answer. Where the batch
itself fails, that is the answer to every part of it, without the service's own words: a 404 of the batch
is no proof that anything is not there.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from kiota_abstractions.headers_collection import HeadersCollection
from kiota_abstractions.method import Method
from kiota_abstractions.request_information import RequestInformation
from stduritemplate import StdUriTemplate

from playbooks.clients.answers import Answer, Call, json_object, log_answer
from playbooks.clients.attempt import Passing
from playbooks.errors import SourceError

MOST_PARTS: Final = 20
"""`$batch` takes no more (Microsoft Graph, "JSON batching")."""
BATCH: Final = Call(source="Microsoft Graph", method="POST", template="/v1.0/$batch", needs="")


@dataclass(frozen=True, slots=True)
class Part:
    """One GET that waits for a batch."""

    call: Call
    request: RequestInformation


def batches(parts: Sequence[Part], base_url: str) -> Iterator[dict[str, list[Part]]]:
    """The parts by address and headers, at most MOST_PARTS a batch; the same question stands once."""
    same: dict[str, list[Part]] = {}
    for part in parts:
        same.setdefault(_asked(part.request, base_url), []).append(part)
    questions = list(same)
    for start in range(0, len(questions), MOST_PARTS):
        yield {question: same[question] for question in questions[start : start + MOST_PARTS]}


def batch_request(questions: Sequence[str], correlation_id: str) -> RequestInformation:
    """The POST that asks them all; the ids are places."""
    listed = [
        {"id": str(place), "method": "GET"} | json.loads(asked) for place, asked in enumerate(questions)
    ]
    request = RequestInformation(Method.POST, "{+baseurl}/$batch", {})
    request.headers = HeadersCollection()
    if correlation_id:
        request.headers.add("client-request-id", correlation_id)
    request.set_stream_content(json.dumps({"requests": listed}).encode(), "application/json")
    return request


def part_answers(
    answer: Answer, asked: Mapping[str, list[Part]]
) -> Iterator[tuple[Part, Answer | SourceError]]:
    """Each part with its own answer."""
    if answer.status != 200:
        whole = Answer(status=answer.status, headers=answer.headers, body=b"")
        yield from ((part, whole) for parts in asked.values() for part in parts)
        return
    answered = _by_id(json_object(BATCH, answer))
    for place, parts in enumerate(asked.values()):
        for part in parts:
            one = answered.get(str(place)) or Passing(part.call.source, "no answer in the batch")
            log_answer(part.call, one.status)
            yield part, one


def _by_id(body: Mapping[str, Any]) -> dict[str, Answer]:
    """The answers that can be read at all, by id; an id that comes twice is none."""
    listed = body.get("responses")
    found: dict[str, Answer] = {}
    twice: set[str] = set()
    for one in listed if isinstance(listed, list) else ():
        if not isinstance(one, dict) or not isinstance(status := one.get("status"), int):
            continue
        name = str(one.get("id"))
        twice |= {name} & found.keys()
        found[name] = Answer(status=status, headers=_headers(one), body=b"", parsed=one.get("body"))
    return {name: answer for name, answer in found.items() if name not in twice}


def _headers(one: Mapping[str, Any]) -> dict[str, str]:
    """Names in lower case; a body that came as JSON inside JSON needs no content type to be it."""
    given = one.get("headers")
    named = given.items() if isinstance(given, dict) else ()
    return {"content-type": "application/json"} | {str(name).lower(): str(value) for name, value in named}


def _asked(request: RequestInformation, base_url: str) -> str:
    """Relative address and headers of a request, as JSON text that is the same for the same question."""
    given = request.request_headers or {}
    headers = {name: value for name, value in given.items() if name != "client-request-id"}
    return json.dumps({"url": _relative(request, base_url), "headers": headers}, sort_keys=True)


def _relative(request: RequestInformation, base_url: str) -> str:
    """The address that Kiota would write, less its beginning.

    Its own expansion quotes letter by letter in Python, which cost a fifth of an incident's processor time;
    here the path alone goes through it. It writes %24 for the $ of parameters, and a batch wants the $.
    """
    if whole := request.path_parameters.get(RequestInformation.RAW_URL_KEY):
        return str(whole).removeprefix(base_url).replace("%24", "$")
    path = (request.url_template or "").partition("{?")[0].removeprefix("{+baseurl}")
    known = {name: str(value) for name, value in request.path_parameters.items()}
    query = "&".join(
        f"{name.replace('%24', '$')}={quote(_text(value), safe=',')}"
        for name, value in request.query_parameters.items()
        if value is not None
    )
    return StdUriTemplate.expand(path, known) + (f"?{query}" if query else "")


def _text(value: object) -> str:
    """A parameter as text: a list by commas, a truth value as JSON has it."""
    if isinstance(value, list):
        return ",".join(map(_text, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
