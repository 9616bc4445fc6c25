"""Whether one exchange is as the services' API documents say."""

import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, ValidationError

from contracts.documents import Document, Operation
from contracts.formats import FORMATS
from contracts.shapes import query_shape, shape_of
from simulator.workspace.exchanges import Exchange
from simulator.workspace.faults import FaultKind
from simulator.workspace.wire import Delivery, WireRequest

DOCUMENTS = {
    "arm": ("securityinsights.json", ""),  # of ARM, the resource provider of Sentinel
    "graph": ("graph.json", "/v1.0"),
    "logs": ("log-analytics-query.json", "/v1"),
    "ingest": ("logs-ingestion.json", ""),
}
BARE = "bare-caller"
"""The User-Agent of a test that speaks HTTP itself, nonsense included; only the answers to it are judged."""

_MOST_PLACES = 5000
_LONGEST = 250
_GUIDS = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_OPERATORS = re.compile(r"\b(?:and|or|not|in|eq|ne|gt|ge|lt|le|true|false|null|any|all)\b", re.IGNORECASE)
_FUNCTIONS = re.compile(r"\b(?:startswith|endswith|contains)\s*(?=\()", re.IGNORECASE)
_LAMBDA = re.compile(r"(?P<list>[\w/]+)/(?:any|all)\((?P<name>\w+):", re.IGNORECASE)
_NAMES = re.compile(r"(?<![\w/.:-])[A-Za-z@][\w@.]*(?:/[\w@.]+)*")


class Judge:
    """Reads the documents in `folder` once, and judges each shape of exchange once.

    `seen` are the operations whose exchanges were judged, `judged` counts the exchanges; `elsewhere` are
    the operations of services for which no document is here (tokens, other resource providers of ARM).
    """

    def __init__(self, folder: Path) -> None:
        self._documents = {
            service: Document(folder / file, root=root) for service, (file, root) in DOCUMENTS.items()
        }
        self._words = frozenset[str]().union(*(one.words for one in self._documents.values()))
        self._known: dict[object, tuple[str, ...]] = {}
        self._places: dict[tuple[str, str], Operation | None] = {}
        self.seen: set[str] = set()
        self.elsewhere: set[str] = set()
        self.judged = 0

    @property
    def shapes(self) -> int:
        """How many different exchanges there were."""
        return len(self._known)

    def _operation(self, document: Document, request: WireRequest) -> Operation | None:
        """The operation that has the request's path and method; each path is looked up once."""
        key = (request.method, request.path)
        if key not in self._places:
            if len(self._places) > _MOST_PLACES:
                self._places.clear()
            self._places[key] = _operation(document, request)
        return self._places[key]

    def violations(self, exchange: Exchange) -> tuple[str, ...]:
        """What is wrong with the exchange, a sentence each; nothing where no document speaks of it."""
        document = self._documents.get(exchange.service)
        if document is None or _is_of_another_provider(exchange):
            self.elsewhere.add(_GUIDS.sub("…", f"{exchange.request.method} {exchange.request.path[:200]}"))
            return ()
        self.judged += 1
        operation = self._operation(document, exchange.request)
        shape = self._shape(operation, exchange)
        if shape not in self._known:
            self._known[shape] = tuple(_judged(document, operation, exchange))
            self.seen |= {f"{operation.method} {operation.template}"} if operation else set()
        return self._known[shape]

    def _shape(self, operation: Operation | None, exchange: Exchange) -> object:
        request, answer = exchange.request, exchange.answer
        place = request.path if operation is None else f"{operation.contract} {operation.template}"
        sent = shape_of(_body_of(request), self._words)
        answered = (shape_of(answer.body, self._words),) if _is_judged(exchange) else ()
        headers = (request.headers.get("consistencylevel"), request.headers.get("content-type"))
        return (
            *(place, request.method, query_shape(request.query), headers, sent),
            *(answer.status, answered, _is_bare(exchange)),
        )


def _operation(document: Document, request: WireRequest) -> Operation | None:
    fitting = (one for one in document.operations if one.method == request.method)
    return next((one for one in fitting if one.path.fullmatch(_path_of(request))), None)


def _path_of(request: WireRequest) -> str:
    """The path; "graph" is the alias of "microsoft.graph" in Graph's own schema, and what its SDK writes."""
    return request.path.replace("/graph.", "/microsoft.graph.")


def _is_of_another_provider(exchange: Exchange) -> bool:
    *_, provider = exchange.request.path.lower().rpartition("/providers/")
    return exchange.service == "arm" and not provider.startswith("microsoft.securityinsights/")


def _is_bare(exchange: Exchange) -> bool:
    return exchange.request.headers.get("user-agent") == BARE


def _is_judged(exchange: Exchange) -> bool:
    """Whether the answer is the workspace's own: none that a fault broke, but an error that was ordered."""
    answer = exchange.answer
    is_error = exchange.fault is FaultKind.STATUS and answer.status >= 400
    return answer.delivery is Delivery.WHOLE and (exchange.fault in {None, FaultKind.DELAY} or is_error)


def _body_of(request: WireRequest) -> Any:
    body = request.body
    try:
        if request.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        return json.loads(body) if body else None
    except (ValueError, OSError, EOFError):
        return "no JSON"


def _judged(document: Document, operation: Operation | None, exchange: Exchange) -> Iterator[str]:
    request = exchange.request
    name = f"{document.name}, {request.method} {operation.template if operation else request.path}"
    if not _is_bare(exchange):
        wrong = ["no such operation"] if operation is None else _of_request(document, operation, request)
        yield from (f"{name}: request: {one}" for one in wrong)
    if operation is not None and _is_judged(exchange):
        yield from (
            f"{name}: answer {exchange.answer.status}: {one}"
            for one in _of_answer(document, operation, exchange)
        )


def _of_request(document: Document, operation: Operation, request: WireRequest) -> Iterator[str]:
    yield from _of_path(operation, request)
    yield from _of_query(document, operation, request)
    for parameter in operation.parameters:
        if parameter["in"] == "header" and (value := request.headers.get(parameter["name"].lower())):
            yield from _value_errors(parameter, value)
    body = _body_of(request)
    if operation.body is None:
        if request.body:
            yield "the body is not asked for"
    elif body is None:
        if operation.body_required:
            yield "the body is missing"
    else:
        if not request.headers.get("content-type", "").startswith("application/json"):
            yield "the body's content type is not application/json"
        yield from _errors(document.validator(operation.body, sent=True), body, "body")


def _of_path(operation: Operation, request: WireRequest) -> Iterator[str]:
    match = operation.path.fullmatch(_path_of(request))
    values = match.groupdict() if match else {}
    for parameter in operation.parameters:
        if parameter["in"] == "path":
            yield from _value_errors(parameter, values[parameter["name"].replace("-", "_")])


def _of_query(document: Document, operation: Operation, request: WireRequest) -> Iterator[str]:
    known = {one["name"]: one for one in operation.parameters if one["in"] == "query"}
    for name, parameter in known.items():
        if parameter.get("required") and name not in request.query:
            yield f"the query parameter {name} is missing"
    for name, value in request.query.items():
        if name.lower() == "$skiptoken" and operation.paged:
            continue
        if name not in known:
            yield f"the query parameter {name} is not documented"
        elif name == "api-version" and value != operation.version:
            yield f"the query parameter api-version is {value}, the document's is {operation.version}"
        else:
            yield from _value_errors(known[name], value)
    if document.name == "graph.json":
        yield from _of_names(document, operation, request)


def _of_names(document: Document, operation: Operation, request: WireRequest) -> Iterator[str]:
    """Names in the OData options: they have to be members of what is asked for."""
    _, answered = operation.answer_schema(200)
    members = document.properties(answered or {})
    relations = document.navigation(answered or {})
    for option in ("$select", "$orderby", "$expand"):
        for part in filter(None, request.query.get(option, "").split(",")):
            name = re.split(r"[ /(]", part.strip(), maxsplit=1)[0]
            if name not in members | relations:
                yield f"{option} names {name}, which is no member of the answer"
    for name in _filtered(request.query.get("$filter", "")):
        if name.partition("/")[0] not in members | relations:
            yield f"$filter names {name}, which is no member of the answer"


def _filtered(text: str) -> list[str]:
    """The members that a filter compares; the variable of a lambda is none."""
    text = re.sub(r"'(?:[^']|'')*'", "''", text)
    text = re.sub(r"\b\d{4}-\d\d-\d\dT[\d:.]+Z", "0", text)
    lambdas = {match["name"] for match in _LAMBDA.finditer(text)}
    text = _FUNCTIONS.sub("", _LAMBDA.sub(lambda match: f"{match['list']} (", text))
    names = _NAMES.findall(_OPERATORS.sub(" ", text))
    return [name for name in names if name.partition("/")[0] not in lambdas]


def _of_answer(document: Document, operation: Operation, exchange: Exchange) -> Iterator[str]:
    answer = exchange.answer
    named, schema = operation.answer_schema(answer.status)
    if not named:
        yield "the status is not documented"
    elif schema is None:
        if answer.content():
            yield "the answer has a body, which is not documented"
    elif answer.body is None:
        yield "the answer has no JSON body"
    else:
        yield from _errors(document.validator(schema, sent=False), answer.body, "body")


def _value_errors(parameter: dict[str, Any], value: str) -> Iterator[str]:
    schema = {
        key: parameter["schema"][key]
        for key in ("type", "format", "enum", "pattern", "minLength", "maxLength", "minimum", "maximum")
        if key in parameter["schema"]
    }
    typed: Any = value
    match schema.get("type"):
        case "integer" if value.isascii() and value.isdigit():
            typed = int(value)
        case "boolean" if value in {"true", "false"}:
            typed = value == "true"
        case "array":
            typed = value.split(",")
    validator = Draft202012Validator(schema, format_checker=FORMATS)
    yield from _errors(validator, typed, f"{parameter['in']} parameter {parameter['name']}")


def _errors(validator: Draft202012Validator, value: Any, place: str) -> Iterator[str]:
    for error in validator.iter_errors(value):
        yield f"{place}{error.json_path.removeprefix('$')}: {_words_of(error)}"


def _words_of(error: ValidationError) -> str:
    if error.validator == "additionalProperties":
        known = error.schema["properties"]
        unknown = sorted(name for name in error.instance if name not in known and "@odata." not in name)
        return f"{', '.join(unknown)}: no such member"
    words: str = error.message
    return words if len(words) < _LONGEST else f"{words[:100]} … {words[-100:]}"
