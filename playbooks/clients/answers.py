"""One HTTP answer, judged: its JSON object, or the error of the tree that it means."""

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NoReturn

from playbooks.clients.attempt import Passing, current_attempt, read_retry_after
from playbooks.errors import NotThere, PermissionMissing, SourceUnavailable, WriteConflict, WriteRefused

MOST_BYTES = 8 << 20
MOST_KEPT, LONGEST_KEPT = 16, 256 << 10
"""Settled answers, and bytes of each, whose reading is kept."""
RECENT_GRANT = "a permission granted recently may take up to 24 h to take effect"


class TooLarge(SourceUnavailable):
    """The answer is more than can be read whole."""


_PASSING = frozenset({408, 429})
_REFUSED_WRITES = frozenset({400, 413, 422})
_LOG = logging.getLogger("playbooks.clients")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One operation: the service in people's words, and the role or permission that it needs.

    `template` is its path without any outside value, for the log.
    """

    source: str
    method: str
    template: str
    needs: str
    writes: bool = False
    settled: bool = False
    """True where the answer hardly ever changes: it is asked for anew, but the same bytes are read once."""

    @property
    def operation(self) -> str:
        """Service, method and path: what a service is down for."""
        return f"{self.source} {self.method} {self.template}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back; header names in lower case, the body decoded and of bounded size.

    `parsed` is the JSON value in the place of the body, where it came inside another answer.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    parsed: object = None


def log_answer(call: Call, status: int) -> None:
    """One record a call: never a token, query string, body or outside text.

    A question that the service does not understand, or a change of the incident that it refuses, is an alarm.
    """
    good = 200 <= status < 300 or status == 404
    alarm = ""
    if status == 400 and not call.writes:
        alarm = "bad_query"
    elif status == 400 and call.template.endswith("{incident}"):
        alarm = "update_refused"
    log_call(call, event="answer" if good else "call", status=status, alarm=alarm)


def log_call(call: Call, *, event: str, status: int, alarm: str = "") -> None:
    """One record about a call, with its attempt's correlation id; a warning unless the event is `answer`."""
    level = logging.DEBUG if event == "answer" else logging.WARNING
    if not _LOG.isEnabledFor(level):
        return
    record = {
        "event": event,
        "service": call.source,
        "method": call.method,
        "path": call.template,
        "status": status,
        "writes": call.writes,
        "correlationId": current_attempt().correlation_id,
    }
    record |= {"alarm": alarm} if alarm else {}
    _LOG.log(level, "%s", json.dumps(record), extra={"note": record})


def refuse_oversize(call: Call) -> NoReturn:
    """Raises TooLarge for an answer beyond `MOST_BYTES`."""
    raise TooLarge(call.source, f"the answer is larger than {MOST_BYTES >> 20} MiB and was not read")


def read_answer(call: Call, answer: Answer) -> dict[str, Any]:
    """The JSON object of a good answer (200, 201). Raises the SourceError that any other one means."""
    if answer.status in (200, 201):
        return json_object(call, answer)
    source, status = call.source, answer.status
    code = _error_code(answer)
    if status in _PASSING or status >= 500:
        wait = read_retry_after(answer.headers.get("retry-after"))
        raise Passing(source, f"answered {status}{code}", status=status, wait=wait)
    if status in (401, 403):
        raise PermissionMissing(source, f"needs {call.needs} ({status}{code}); {RECENT_GRANT}", status=status)
    if status == 404 and code:
        raise NotThere(source, f"not found{code}", status=status)
    if call.writes and status in (409, 412):
        raise WriteConflict(source, f"changed since it was read{code}", status=status)
    if call.writes and status in _REFUSED_WRITES:
        raise WriteRefused(source, f"will not take the change{code}", status=status)
    raise SourceUnavailable(source, _unusable(status) + code, status=status)


def _unusable(status: int) -> str:
    if 300 <= status < 400:
        return f"answered with a redirect ({status}), which is never followed"
    if status == 404:
        return "answered 404, but not in its own words"
    if status == 400:
        return "does not understand the question (400)"
    return f"answered {status}, which is not expected here"


def json_object(call: Call, answer: Answer) -> dict[str, Any]:
    """The body as a JSON object. Raises Passing for anything else."""
    content_type = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/json":
        raise Passing(call.source, "the answer is not JSON", status=answer.status)
    try:
        read = _read_once if call.settled and len(answer.body) <= LONGEST_KEPT else _read
        body = answer.parsed or read(answer.body)
    except (ValueError, RecursionError) as error:
        raise Passing(call.source, "the answer is not whole JSON", status=answer.status) from error
    if not isinstance(body, dict):
        raise Passing(call.source, "the answer is no JSON object", status=answer.status)
    return body


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_constant)
"""Made once: `json.loads` makes one for each text where it is given an option."""


def _read(body: bytes) -> object:
    """The text as `json.loads` reads bytes. What comes of it is only ever read: it may be shared."""
    return _DECODER.decode(body.decode(json.detect_encoding(body), "surrogatepass"))


_read_once = lru_cache(MOST_KEPT)(_read)


def _error_code(answer: Answer) -> str:
    """The service's own code for an error, which names a kind and holds no outside text."""
    try:
        whole: Any = answer.parsed or json.loads(answer.body)
        code = whole["error"]["code"]
    except (ValueError, RecursionError, KeyError, TypeError):
        return ""
    return f", {code}" if isinstance(code, str) and re.fullmatch(r"[A-Za-z0-9_.]{1,60}", code) else ""
