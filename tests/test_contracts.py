"""The check of every exchange against the services' API documents turns red on each kind of mistake."""

import json
import logging
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

import aiohttp
import pytest
from client_world import World, new_world
from contracts.judging import BARE, DOCUMENTS, Judge
from contracts.watch import ContractWatch
from outside import CONTRACTS

from simulator.workspace import FaultKind
from simulator.workspace.exchanges import Exchange
from simulator.workspace.model import INSIGHTS_ID
from simulator.workspace.wire import Answer, WireRequest

pytestmark = pytest.mark.skipif(
    not CONTRACTS.is_dir(), reason="the API documents are not on this machine; name them in API_CONTRACTS"
)

GUID = "00000000-1111-4111-8111-111111111111"
INCIDENT = f"{INSIGHTS_ID}/incidents/{GUID}"
VERSION = "api-version=2025-09-01"
OWNER = {"objectId": None, "email": None, "assignedTo": None, "userPrincipalName": None}
WRITTEN = {"title": "x", "severity": "High", "status": "New", "labels": [{"labelName": "a"}]}
HOST = {"kind": "Host", "properties": {"hostName": "EXCH01", "dnsDomain": "contoso.com"}}
ANN = {"@odata.type": "#microsoft.graph.user", "id": GUID, "displayName": "Ann", "accountEnabled": True}
PART = {"id": "1", "method": "GET", "url": "/users"}


@pytest.fixture(scope="module")
def judge() -> Judge:
    """The documents, read once."""
    return Judge(CONTRACTS)


def exchange(
    line: str, body: Any = None, answer: Any = None, *, status: int = 200, **headers: str
) -> Exchange:
    """An exchange from `service METHOD path?query`, what was sent and what was answered."""
    service, method, url = line.split(" ", 2)
    path, _, query = url.partition("?")
    sent = b"" if body is None else json.dumps(body).encode()
    if body is not None:
        headers = {"content-type": "application/json"} | headers
    request = WireRequest(method=method, path=path, query=dict(parse_qsl(query)), headers=headers, body=sent)
    return Exchange(service=service, request=request, answer=Answer(status=status, body=answer))


def put(properties: dict[str, Any], *, query: str = VERSION) -> Exchange:
    """A change of an incident."""
    return exchange(f"arm PUT {INCIDENT}?{query}", {"etag": '"1"', "properties": properties}, {})


def users(query: str, value: list[Any], **headers: str) -> Exchange:
    """A list of users."""
    return exchange(f"graph GET /v1.0/users?{query}", None, {"value": value}, **headers)


def logs(body: dict[str, Any], kind: str = "string") -> Exchange:
    """A log query with a row of one cell."""
    table = {"name": "PrimaryResult", "columns": [{"name": "a", "type": kind}], "rows": [["x"]]}
    return exchange(f"logs POST /v1/workspaces/{GUID}/query", body, {"tables": [table]})


GOOD = [
    exchange(f"arm GET {INCIDENT}?{VERSION}", None, {"properties": WRITTEN | {"owner": OWNER}}),
    exchange(f"arm GET {INCIDENT}?{VERSION}", None, {"error": {"code": "a", "message": "b"}}, status=404),
    put(WRITTEN),
    exchange(f"arm POST {INCIDENT}/entities?{VERSION}", None, {"entities": [HOST]}),
    users("$select=id,displayName&$filter=startswith(mail,'a b') or proxyAddresses/any(p:p eq 'x')", [ANN]),
    exchange(
        f"graph GET /v1.0/users/{GUID}/transitiveMemberOf?$select=id,displayName", None, {"value": [ANN]}
    ),
    exchange(f"graph GET /v1.0/users/{GUID}/transitiveMemberOf/graph.group", None, {"value": []}),
    exchange("graph POST /v1.0/$batch", {"requests": [PART]}, {"responses": [{"id": "1", "status": 200}]}),
    logs({"query": "print 1", "timespan": "PT1H"}),
]

PLANTED = [
    (put(WRITTEN, query="api-version=2024-03-01"), "api-version is 2024-03-01"),
    (put(WRITTEN, query=""), "query parameter api-version is missing"),
    (put(WRITTEN, query=f"{VERSION}&$top=1"), r"query parameter \$top is not documented"),
    (put(WRITTEN | {"severty": "High"}), r"body.properties.*: severty: no such member"),
    (put(WRITTEN | {"incidentNumber": 1}), r"body.properties.*: incidentNumber: no such member"),
    (put(WRITTEN | {"status": "Open"}), r"body.properties.status: 'Open' is not one of"),
    (put(WRITTEN | {"labels": ["a"]}), r"body.properties.labels\[0\]: 'a' is not of type 'object'"),
    (put({"title": "x", "status": "New"}), r"'severity' is a required property"),
    (replace(put(WRITTEN), request=replace(put(WRITTEN).request, body=b"")), "the body is missing"),
    (replace(put(WRITTEN), request=replace(put(WRITTEN).request, headers={})), "content type"),
    (exchange(f"arm DELETE {INCIDENT}?{VERSION}"), "no such operation"),
    (exchange(f"arm POST {INCIDENT}/alerts?{VERSION}", {"a": 1}, {"value": []}), "body is not asked for"),
    (
        exchange(f"arm GET {INCIDENT}?{VERSION}", None, {"properties": {"titel": "x"}}),
        "titel: no such member",
    ),
    (
        exchange(f"arm GET {INCIDENT}?{VERSION}", None, {"properties": {"title": 1}}),
        "1 is not of type 'string'",
    ),
    (exchange(f"arm GET {INCIDENT}?{VERSION}", None, {}, status=202), "status is not documented"),
    (exchange(f"arm GET {INCIDENT}?{VERSION}", None, None), "no JSON body"),
    (exchange(f"arm GET {INCIDENT}?{VERSION}", None, {"error": "no"}, status=500), "body.error: 'no'"),
    (
        exchange(f"arm GET {INCIDENT}?{VERSION}", None, {"properties": {"createdTimeUtc": "noon"}}),
        "'noon' is not a 'date-time'",
    ),
    (
        exchange(
            f"arm POST {INCIDENT}/entities?{VERSION}",
            None,
            {"entities": [{"kind": "Host", "properties": {"hostNam": "EXCH01"}}]},
        ),
        r"body.entities\[0\].properties.*: hostNam: no such member",
    ),
    (
        exchange(f"arm GET {INCIDENT}?{VERSION}".replace("rg-soc", "r" * 91), None, {}),
        "path parameter resourceGro",
    ),
    (users("$select=id,upn", []), r"\$select names upn"),
    (users("$filter=upn eq 'a'", []), r"\$filter names upn"),
    (users("$count=yes", []), r"query parameter \$count: 'yes' is not of type 'boolean'"),
    (users("$filtre=a", []), r"\$filtre is not documented"),
    (users("", [], consistencylevel="strong"), "'strong' is not one of"),
    (users("", [{"id": GUID, "upn": "a"}]), r"body.value\[0\].*: upn: no such member"),
    (users("", [{"id": GUID, "accountEnabled": "yes"}]), "'yes' is not of type 'boolean'"),
    (
        exchange(f"graph GET /v1.0/users/{GUID}/transitiveMemberOf", None, {"value": [ANN | {"upn": "a"}]}),
        "upn: no such member",
    ),
    (exchange(f"graph GET /v1.0/users/{GUID}/transitiveMembers", None, {"value": []}), "no such operation"),
    (exchange("graph POST /v1.0/$batch", {"requests": [PART] * 21}, {"responses": []}), "is too long"),
    (
        exchange("graph POST /v1.0/$batch", {"requests": [{"id": "1"}]}, {"responses": []}),
        "'method' is a req",
    ),
    (logs({"querry": "print 1"}), "querry: no such member"),
    (logs({"query": "print 1"}, "text"), "'text' is not one of"),
]


@pytest.mark.parametrize("good", GOOD, ids=lambda one: f"{one.request.method} {one.request.path[-40:]}")
def test_what_the_documents_allow_is_let_through(judge: Judge, good: Exchange) -> None:
    """So that red means something."""
    assert () == judge.violations(good)


@pytest.mark.parametrize(("planted", "words"), PLANTED, ids=[words for _, words in PLANTED])
def test_each_planted_mistake_is_named(judge: Judge, planted: Exchange, words: str) -> None:
    """With the document, the operation and the field; and again when the same shape comes again."""
    first, second = judge.violations(planted), judge.violations(planted)

    assert first == second
    assert first
    assert all(DOCUMENTS[planted.service][0] in one for one in first)
    assert re.search(words, "\n".join(first)), first


def test_an_answer_that_a_fault_has_made_is_not_judged(judge: Judge) -> None:
    """But the request before it is, and so is an error that the workspace was told to give."""
    broken = exchange(f"arm GET {INCIDENT}?{VERSION}", None, {"value": 7})
    refused = exchange(f"arm GET {INCIDENT}?{VERSION}", None, {"value": 7}, status=500)
    wrong = replace(put(WRITTEN | {"severty": "High"}), fault=FaultKind.SET)

    assert () == judge.violations(replace(broken, fault=FaultKind.SET))
    assert judge.violations(broken)
    assert judge.violations(replace(refused, fault=FaultKind.STATUS))
    assert judge.violations(wrong)


def test_of_a_bare_caller_the_answers_alone_are_judged(judge: Judge) -> None:
    """A test may send nonsense to see it refused."""
    headers = {"user-agent": BARE}
    nonsense = exchange(f"arm GET {INCIDENT}?x=1", None, {"error": {"code": "a"}}, status=400, **headers)
    wrong = exchange(f"arm GET {INCIDENT}?x=1", None, {"error": {"kode": "a"}}, status=400, **headers)

    assert () == judge.violations(nonsense)
    assert "kode: no such member" in "\n".join(judge.violations(wrong))


def test_the_test_that_made_the_exchange_fails() -> None:
    """Not the next one, and not the session."""
    watch = ContractWatch(CONTRACTS)
    record = logging.makeLogRecord({"exchange": put(WRITTEN | {"severty": "High"})})
    phase, later = watch.pytest_runtest_call(), watch.pytest_runtest_call()
    next(phase)

    assert not watch.filter(record)
    with pytest.raises(pytest.fail.Exception, match="severty"):
        phase.send(None)
    next(later)
    with pytest.raises(StopIteration):
        later.send(None)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """One incident."""
    async with new_world() as made:
        yield made


async def test_the_local_workspace_is_listened_to(world: World, pytestconfig: pytest.Config) -> None:
    """A wrong request over HTTP, as this very session's watch sees it, and right ones before it."""
    watch: Any = pytestconfig.pluginmanager.get_plugin("contracts")
    judged = watch.judge.judged
    await world.clients.incidents.read(world.incident_id)
    before = watch.drain()
    url = f"{world.workspace.base_url}{world.incident_id.path}?api-version=2024-03-01"
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {world.workspace.token}"}) as session:
        await session.get(url)

    assert [] == before
    assert judged + 4 == watch.judge.judged
    assert ["request: the query parameter api-version is 2024-03-01, the document's is 2025-09-01"] == [
        one.partition("}: ")[2] for one in watch.drain()
    ]
