"""The local workspace refuses what the real services refuse, and breaks the way they break."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import aiohttp
import pytest
from contracts.judging import BARE
from jsonschema import Draft202012Validator
from outside import CONTRACTS
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from simulator.eventstore import EventStore
from simulator.workspace import AlertSpec, Fault, FaultKind, LocalWorkspace, Refusal
from simulator.workspace.odata import parse_filter
from simulator.workspace.odata_matching import matcher

ROOT = Path(__file__).resolve().parent.parent
NOW = datetime(2024, 11, 18, 22, 0, tzinfo=UTC)
RULE = "4500a2ff-455b-4ee7-a21d-5ac5c7c9ea87"
ANN, BOB, LEA = (f"0000000{n}-1111-4111-8111-111111111111" for n in (1, 2, 3))
INNER, OUTER, OTHER = (f"0000000{n}-2222-4222-8222-222222222222" for n in (1, 2, 3))
EXCHANGE_ADMIN = "29232cdf-9323-42fd-ade2-1d097af3e4de"
READER = "5d6b6bb7-de71-4623-b4af-96380a352509"

TENANT: dict[str, Any] = {
    "users": [
        {
            "id": ANN,
            "userPrincipalName": "ann@contoso.com",
            "displayName": "Ann O'Brien",
            "mail": "ann.obrien@contoso.com",
            "mailNickname": "ann",
            "proxyAddresses": ["SMTP:ann.obrien@contoso.com", "smtp:o'brien@contoso.com"],
            "onPremisesSamAccountName": "ann",
            "onPremisesDomainName": "contoso.com",
            "onPremisesSecurityIdentifier": "S-1-5-21-1-2-3-1001",
            "accountEnabled": True,
            "jobTitle": "Administrator",
        },
        {"id": BOB, "userPrincipalName": "bob@contoso.com", "displayName": "Bob", "mailNickname": "bob"},
        {"id": LEA, "userPrincipalName": "lea@contoso.com", "displayName": "Lea", "mailNickname": "lea"},
    ],
    "groups": [
        {"id": INNER, "displayName": "Inner", "members": [ANN, OUTER]},
        {"id": OUTER, "displayName": "Outer", "members": [INNER]},
        {"id": OTHER, "displayName": "Other", "members": [BOB]},
    ],
    "directoryRoles": [
        {"roleTemplateId": EXCHANGE_ADMIN, "displayName": "Exchange Administrator", "members": [OUTER]},
        {
            "roleTemplateId": READER,
            "displayName": "Security Reader",
            "members": [BOB],
            "eligibleMembers": [ANN],
        },
    ],
    "riskyUsers": [{"id": BOB, "riskLevel": "high", "riskState": "atRisk"}],
    "devices": [{"displayName": "EXCH01", "isCompliant": True}],
    "watchlists": {
        "MailboxExportHosts": [{"Fqdn": f"exch{n:02}.contoso.com", "Role": "exchange"} for n in range(5)],
        "MailboxExportJobs": [
            {"JobName": "A", "ValidFrom": "2024-01-01T00:00:00Z"},
            {"JobName": "B", "ValidFrom": "2024-01-01T00:00:00Z", "_updated": "2024-11-18T21:00:00Z"},
            {"JobName": "C", "ValidFrom": "soon"},
        ],
        "EDiscoveryCases": [],
    },
}


def alert(name: str = "a", **changes: Any) -> AlertSpec:
    """An alert of our rule on one host, by one account."""
    given: dict[str, Any] = {
        "system_alert_id": str(UUID(int=sum(name.encode()))),
        "display_name": "Host Exporting Mailbox and Removing Export",
        "start": NOW - timedelta(minutes=50),
        "end": NOW - timedelta(minutes=30),
        "rule_id": RULE,
        "entities": [
            {"kind": "Account", "properties": {"accountName": "ann", "ntDomain": "CONTOSO"}},
            {"kind": "Account", "properties": {"accountName": "SYSTEM", "ntDomain": "NT AUTHORITY"}},
            {"kind": "Host", "properties": {"hostName": "EXCH01", "dnsDomain": "contoso.com"}},
        ],
        "custom_details": {"Command": ["New-MailboxExportRequest -Mailbox a"]},
    }
    return AlertSpec(**given | changes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What a caller saw."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def code(self) -> str:
        """The service's error code."""
        return str(self.body["error"]["code"])


class Caller:
    """A bare HTTP client with our token, so that each rule is met without a client's good manners."""

    def __init__(self, session: aiohttp.ClientSession, workspace: LocalWorkspace) -> None:
        self.session = session
        self.workspace = workspace
        self.incident = f"{workspace.workspace_id}/providers/Microsoft.SecurityInsights/incidents"
        self.watchlists = f"{workspace.workspace_id}/providers/Microsoft.SecurityInsights/watchlists"

    async def send(self, method: str, path: str, **options: Any) -> Answered:
        """One call; `path` may be a whole address."""
        url = path if path.startswith("http") else self.workspace.base_url + path
        headers = {"Authorization": f"Bearer {self.workspace.token}", "User-Agent": BARE}
        headers |= options.pop("headers", {})
        call = self.session.request(method, url, headers=headers, allow_redirects=False, **options)
        async with call as answer:
            text = await answer.text()
            is_json = answer.content_type == "application/json" and text
            return Answered(
                status=answer.status, body=json.loads(text) if is_json else text, headers=answer.headers
            )

    async def arm(self, method: str, path: str = "", **options: Any) -> Answered:
        """A call below the incidents, with the api-version."""
        query = {"api-version": "2025-09-01"} | options.pop("params", {})
        return await self.send(method, self.incident + path, params=query, **options)

    async def graph(self, path: str, *, advanced: bool = False, **query: Any) -> Answered:
        """A GET below /v1.0; query options without their $."""
        headers = {"ConsistencyLevel": "eventual"} if advanced else {}
        params = {f"${name}": value for name, value in query.items()} | (
            {"$count": "true"} if advanced else {}
        )
        return await self.send("GET", f"/v1.0{path}", params=params, headers=headers)

    async def kql(self, query: str, **more: Any) -> Answered:
        """A log query."""
        path = f"/v1/workspaces/{self.workspace.customer_id}/query"
        return await self.send("POST", path, json={"query": query, **more})

    async def update(self, name: str, **changes: Any) -> Answered:
        """An incident update with the etag and the properties read just before, but for `changes`."""
        read = (await self.arm("GET", f"/{name}")).body
        properties = {
            key: value for key, value in (read["properties"] | changes).items() if value is not None
        }
        return await self.arm("PUT", f"/{name}", json={"etag": read["etag"], "properties": properties})


@pytest.fixture(scope="module")
def tables() -> Iterator[EventStore]:
    """Log tables; making them anew for each test would take most of its time."""
    store = EventStore()
    yield store
    store.close()


@pytest.fixture
def store(tables: EventStore) -> EventStore:
    """Empty log tables."""
    tables.clear()
    return tables


@pytest.fixture
async def workspace(store: EventStore) -> AsyncIterator[LocalWorkspace]:
    """A workspace with small pages, at a fixed time."""
    pages = {"incidents": 2, "watchlists": 2, "rows": 3}
    async with LocalWorkspace(TENANT, store, clock=lambda: NOW, page_sizes=pages) as workspace:
        yield workspace


@pytest.fixture
async def caller(workspace: LocalWorkspace) -> AsyncIterator[Caller]:
    """A client of it."""
    async with aiohttp.ClientSession() as session:
        yield Caller(session, workspace)


@pytest.fixture
async def portal(store: EventStore) -> AsyncIterator[Caller]:
    """A client of a workspace in the Defender portal, with one incident of one alert."""
    tenant = TENANT | {"settings": {"incidents": "graph"}}
    async with (
        LocalWorkspace(tenant, store, clock=lambda: NOW) as workspace,
        aiohttp.ClientSession() as session,
    ):
        workspace.create_incident([alert()], title="Exports", severity="Medium", created=NOW)
        yield Caller(session, workspace)


@pytest.fixture
def name(workspace: LocalWorkspace) -> str:
    """An incident with one alert."""
    return workspace.create_incident(
        [alert()], title="Host Exporting Mailbox", severity="Medium", created=NOW, description="Exports"
    )


# Azure Resource Manager


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/subscriptions/00000000-0000-0000-0000-000000000009", 404, "SubscriptionNotFound"),
        ("/subscriptions/not-a-guid", 400, "InvalidSubscriptionId"),
    ],
)
async def test_another_subscription_is_not_ours(caller: Caller, path: str, status: int, code: str) -> None:
    """ARM refuses a subscription it does not know, and one that is no GUID."""
    rest = caller.incident.split("/", 3)[3]
    answer = await caller.send("GET", f"{path}/{rest}?api-version=2025-09-01")

    assert (status, code) == (answer.status, answer.code)


@pytest.mark.parametrize("part", ["rg-soc", "law-soc"])
async def test_another_group_or_workspace_is_not_found(caller: Caller, part: str) -> None:
    """ARM answers 404 for a resource group or workspace that is not there."""
    answer = await caller.send("GET", caller.incident.replace(part, "other") + "?api-version=2025-09-01")

    assert 404 == answer.status


async def test_arm_paths_compare_without_case(caller: Caller, name: str) -> None:
    """ARM ids may come in any case."""
    answer = await caller.send("GET", f"{caller.incident}/{name}".upper() + "?api-version=2025-09-01")

    assert 200 == answer.status


@pytest.mark.parametrize("query", ["", "?api-version=", "?api-version=2023-02-01"])
async def test_arm_needs_its_api_version(caller: Caller, query: str) -> None:
    """A call without api-version, or with one we do not play, is a 400."""
    assert 400 == (await caller.send("GET", caller.incident + query)).status


@pytest.mark.parametrize("header", ["", "Bearer wrong", "Basic bG9jYWw="])
@pytest.mark.parametrize("service", ["arm", "graph", "logs"])
async def test_every_service_needs_the_token(caller: Caller, service: str, header: str) -> None:
    """No token or a wrong one: 401 with a challenge."""
    method, path = {
        "arm": ("GET", f"{caller.incident}?api-version=2025-09-01"),
        "graph": ("GET", "/v1.0/users"),
        "logs": ("POST", f"/v1/workspaces/{caller.workspace.customer_id}/query"),
    }[service]
    answer = await caller.send(method, path, headers={"Authorization": header})

    assert 401 == answer.status
    assert answer.headers["WWW-Authenticate"].startswith("Bearer ")


async def test_an_incident_reads_as_arm_writes_it(caller: Caller, name: str) -> None:
    """Counts, rules, products and times are the service's; an unowned incident has an owner of nulls."""
    properties = (await caller.arm("GET", f"/{name}")).body["properties"]

    assert 1 == properties["additionalData"]["alertsCount"]
    assert ["Azure Sentinel"] == properties["additionalData"]["alertProductNames"]
    assert [RULE] == [rule.rpartition("/")[2] for rule in properties["relatedAnalyticRuleIds"]]
    assert properties["relatedAnalyticRuleIds"][0].startswith(caller.workspace.workspace_id)
    assert {None} == set(properties["owner"].values())
    assert "2024-11-18T22:00:00.0000000Z" == properties["createdTimeUtc"]
    assert "classification" not in properties


async def test_a_missing_incident_is_a_404(caller: Caller) -> None:
    """An unknown id."""
    assert (404, "NotFound") == ((answer := await caller.arm("GET", f"/{uuid4()}")).status, answer.code)


async def test_an_update_needs_the_newest_etag(caller: Caller, name: str) -> None:
    """Without an etag, or with one from before any change, an update is a 409 and changes nothing."""
    read = (await caller.arm("GET", f"/{name}")).body
    caller.workspace.edit_incident(name, status="Active")
    stale = await caller.arm("PUT", f"/{name}", json={"etag": read["etag"], "properties": read["properties"]})
    bare = await caller.arm("PUT", f"/{name}", json={"properties": read["properties"]})

    assert [(409, "Conflict")] * 2 == [(stale.status, stale.code), (bare.status, bare.code)]
    assert f"Newer version of resource '{name}' exists. Data was not saved" == stale.body["error"]["message"]
    assert "Active" == caller.workspace.incident(name)["properties"]["status"]


@pytest.mark.parametrize("kind", ["comments", "tasks", "alert", "person"])
async def test_any_write_makes_the_etag_stale(caller: Caller, name: str, kind: str) -> None:
    """A comment, a task, another alert, or a person's comment: the etag read before is no longer good."""
    before = caller.workspace.incident(name)["etag"]
    match kind:
        case "alert":
            caller.workspace.add_alert(name, alert("b"))
        case "person":
            caller.workspace.add_comment(name, "mine")
        case _:
            properties = {"message": "text", "title": "text", "status": "New"}
            await caller.arm("PUT", f"/{name}/{kind}/{uuid4()}", json={"properties": properties})

    assert before != caller.workspace.incident(name)["etag"]


async def test_an_alert_may_join_silently(caller: Caller, name: str) -> None:
    """The service does not promise a new etag for a new alert, so that can be played too."""
    before = caller.workspace.incident(name)["etag"]
    caller.workspace.add_alert(name, alert("b"), silently=True)

    assert before == caller.workspace.incident(name)["etag"]
    assert 2 == len((await caller.arm("POST", f"/{name}/alerts")).body["value"])


async def test_an_update_replaces_the_whole_record(caller: Caller, name: str) -> None:
    """What is not sent is cleared: description, owner, labels, activity times."""
    labels = [{"labelName": "vip"}]
    caller.workspace.edit_incident(name, owner={"objectId": str(uuid4())}, labels=labels)
    etag = caller.workspace.incident(name)["etag"]
    sent = {"title": "Host Exporting Mailbox", "severity": "High", "status": "New"}
    answer = await caller.arm("PUT", f"/{name}", json={"etag": etag, "properties": sent})
    properties = answer.body["properties"]

    assert 200 == answer.status
    assert [] == properties["labels"]
    assert {None} == set(properties["owner"].values())
    assert not {"description", "firstActivityTimeUtc", "lastActivityTimeUtc"} & set(properties)


async def test_a_round_trip_changes_nothing_but_what_was_meant(caller: Caller, name: str) -> None:
    """Sending back every property as read keeps them all; read-only ones are ignored."""
    caller.workspace.edit_incident(name, labels=[{"labelName": "vip", "labelType": "AutoAssigned"}])
    before = caller.workspace.incident(name)["properties"]
    answer = await caller.update(name, severity="High", incidentNumber=99)

    assert before | {"severity": "High"} == answer.body["properties"]


@pytest.mark.parametrize(
    "changes",
    [
        {"title": None},
        {"title": "  "},
        {"severity": None},
        {"severity": "Critical"},
        {"status": "Resolved"},
        {"description": "x" * 5001},
        {"labels": "triage"},
        {"labels": [{"labelType": "User"}]},
        {"labels": [{"labelName": "a", "labelType": "Machine"}]},
        {"owner": "ann"},
        {"owner": {"objectId": "ann"}},
        {"firstActivityTimeUtc": "yesterday"},
        {"classification": "BenignPositive", "classificationReason": "SuspiciousButExpected"},
        {"status": "Closed"},
        {"status": "Closed", "classification": "Benign"},
        {"status": "Closed", "classification": "BenignPositive"},
        {"status": "Closed", "classification": "BenignPositive", "classificationReason": "InaccurateData"},
        {"status": "Closed", "classification": "Undetermined", "classificationReason": "InaccurateData"},
        {"status": "Closed", "classification": ["BenignPositive"]},
    ],
)
async def test_a_bad_incident_is_refused(caller: Caller, name: str, changes: dict[str, Any]) -> None:
    """Required, enumerated, bounded and paired properties are checked; the incident stays as it was."""
    before = caller.workspace.incident(name)
    answer = await caller.update(name, **changes)

    assert (400, "BadRequest") == (answer.status, answer.code)
    assert before == caller.workspace.incident(name)


@pytest.mark.parametrize(
    ("classification", "reason"),
    [
        ("BenignPositive", "SuspiciousButExpected"),
        ("TruePositive", "SuspiciousActivity"),
        ("FalsePositive", "IncorrectAlertLogic"),
        ("FalsePositive", "InaccurateData"),
        ("Undetermined", None),
    ],
)
async def test_each_right_pair_closes(
    caller: Caller, name: str, classification: str, reason: str | None
) -> None:
    """The pairs of the portal's close dialog, and reopening clears them."""
    answer = await caller.update(
        name, status="Closed", classification=classification, classificationReason=reason
    )
    caller.workspace.edit_incident(name, status="Active")

    assert (200, "Closed") == (answer.status, answer.body["properties"]["status"])
    assert "classification" not in caller.workspace.incident(name)["properties"]


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        ('{"properties": {}}', "text/plain", 415),
        ("{", "application/json", 400),
        ("[]", "application/json", 400),
        ("{}", "application/json", 400),
        ("", "application/json", 400),
    ],
)
async def test_a_body_must_be_a_json_object(
    caller: Caller, name: str, body: str, content_type: str, status: int
) -> None:
    """Another content type is a 415, another body a 400."""
    answer = await caller.arm("PUT", f"/{name}", data=body, headers={"Content-Type": content_type})

    assert status == answer.status


async def test_put_on_the_collection_and_delete_are_not_allowed(caller: Caller, name: str) -> None:
    """PUT without an incident id, and a method that is not played."""
    collection = await caller.arm("PUT", json={})

    assert (405, "UnsupportedApiVersion") == (collection.status, collection.code)
    assert 405 == (await caller.arm("PATCH", f"/{name}", json={})).status


async def test_put_creates_an_incident_that_is_not_there(caller: Caller) -> None:
    """201 for a new GUID; with an etag, which claims that it was there, a 404; for no GUID a 400."""
    properties = {"title": "By hand", "severity": "Low", "status": "New"}
    made = await caller.arm("PUT", f"/{uuid4()}", json={"properties": properties})
    gone = await caller.arm("PUT", f"/{uuid4()}", json={"etag": '"1"', "properties": properties})
    odd = await caller.arm("PUT", "/1234", json={"properties": properties})

    assert [201, 404, 400] == [made.status, gone.status, odd.status]


async def test_a_deleted_incident_is_gone(caller: Caller, name: str) -> None:
    """A person may delete an incident between two calls."""
    caller.workspace.delete_incident(name)

    assert 404 == (await caller.arm("GET", f"/{name}")).status


@pytest.mark.parametrize(("length", "status"), [(30_000, 201), (30_001, 400), (0, 400)])
async def test_a_comment_has_30000_characters_at_most(
    caller: Caller, name: str, length: int, status: int
) -> None:
    """And one at least."""
    path = f"/{name}/comments/{uuid4()}"

    assert status == (await caller.arm("PUT", path, json={"properties": {"message": "x" * length}})).status


async def test_an_incident_takes_100_comments(caller: Caller, name: str) -> None:
    """The next is refused; the list comes newest first, in pages, each once."""
    for number in range(100):
        caller.workspace.add_comment(name, f"comment {number}")
    refused = await caller.arm("PUT", f"/{name}/comments/{uuid4()}", json={"properties": {"message": "x"}})
    page = await caller.arm("GET", f"/{name}/comments", params={"$top": "60"})
    rest = await caller.send("GET", page.body["nextLink"])
    messages = [comment["properties"]["message"] for comment in page.body["value"] + rest.body["value"]]

    assert (400, "BadRequest") == (refused.status, refused.code)
    assert [f"comment {number}" for number in reversed(range(100))] == messages
    assert 100 == caller.workspace.incident(name)["properties"]["additionalData"]["commentsCount"]


async def test_an_incident_takes_40_tasks(caller: Caller, name: str) -> None:
    """The next is refused."""
    properties = {"title": "Look", "status": "New"}
    statuses = [
        (await caller.arm("PUT", f"/{name}/tasks/{uuid4()}", json={"properties": properties})).status
        for _ in range(41)
    ]

    assert [201] * 40 + [400] == statuses
    assert 40 == len(caller.workspace.tasks(name))


@pytest.mark.parametrize(
    "properties", [{"title": "Look"}, {"status": "New"}, {"title": "a", "status": "Done"}]
)
async def test_a_task_needs_title_and_status(caller: Caller, name: str, properties: dict[str, str]) -> None:
    """Status is New or Completed."""
    assert (
        400 == (await caller.arm("PUT", f"/{name}/tasks/{uuid4()}", json={"properties": properties})).status
    )


@pytest.mark.parametrize("kind", ["comments", "tasks"])
async def test_a_comment_or_task_of_that_id_is_not_overwritten(caller: Caller, name: str, kind: str) -> None:
    """A second PUT of the same id is a 409 without the etag, a 200 with it, and no second item."""
    path = f"/{name}/{kind}/{uuid4()}"
    body = {"properties": {"message": "one", "title": "one", "status": "New"}}
    first = await caller.arm("PUT", path, json=body)
    second = await caller.arm("PUT", path, json=body)
    third = await caller.arm("PUT", path, json=body | {"etag": first.body["etag"]})

    assert [201, 409, 200] == [first.status, second.status, third.status]
    assert 1 == len(caller.workspace.incident(name)[kind])
    assert 200 == (await caller.arm("GET", path)).status


@pytest.mark.parametrize("kind", ["comments", "tasks"])
async def test_the_id_of_a_comment_or_task_is_a_guid(caller: Caller, name: str, kind: str) -> None:
    """Chosen by the caller, but a GUID."""
    body = {"properties": {"message": "one", "title": "one", "status": "New"}}

    assert 400 == (await caller.arm("PUT", f"/{name}/{kind}/mine", json=body)).status
    assert 404 == (await caller.arm("GET", f"/{name}/{kind}/{uuid4()}")).status


async def test_entities_leave_out_built_in_accounts(caller: Caller, name: str) -> None:
    """Sentinel drops Account entities named SYSTEM; those left come once, counted by kind."""
    caller.workspace.add_alert(name, alert("b"))
    body = (await caller.arm("POST", f"/{name}/entities")).body

    assert ["Account", "Host"] == [entity["kind"] for entity in body["entities"]]
    assert [{"entityKind": "Account", "count": 1}, {"entityKind": "Host", "count": 1}] == body["metaData"]


async def test_an_incident_takes_150_alerts(caller: Caller, name: str) -> None:
    """The next cannot join."""
    for number in range(149):
        caller.workspace.add_alert(name, alert(f"n{number}"))

    with pytest.raises(Refusal):
        caller.workspace.add_alert(name, alert("one more"))


async def test_incidents_are_listed_in_pages(caller: Caller, workspace: LocalWorkspace) -> None:
    """Pages of the service's size, of $top, filtered and ordered; each incident once."""
    for number in range(5):
        created = NOW + timedelta(minutes=number)
        labels = [{"labelName": f"n{number}"}]
        workspace.create_incident(
            [alert()], title=str(number), severity="Low", created=created, labels=labels
        )
    titles, link = [], f"{caller.incident}?api-version=2025-09-01"
    while link:
        page = (await caller.send("GET", link)).body
        titles += [item["properties"]["title"] for item in page["value"]]
        link = page.get("nextLink", "")
    recent = await caller.arm(
        "GET",
        params={
            "$filter": "properties/createdTimeUtc ge 2024-11-18T22:03:00Z and properties/status eq 'New'",
            "$orderby": "properties/createdTimeUtc desc",
        },
    )
    labelled = await caller.arm("GET", params={"$filter": "properties/labels/any(l: l/labelName eq 'n1')"})

    assert [str(number) for number in range(5)] == titles
    assert ["4", "3"] == [item["properties"]["title"] for item in recent.body["value"]]
    assert ["1"] == [item["properties"]["title"] for item in labelled.body["value"]]


@pytest.mark.parametrize(
    "query",
    [
        {"$top": "0"},
        {"$top": "1001"},
        {"$top": "ten"},
        {"$skipToken": "guessed"},
        {"$filter": "properties/nothing eq 'a'"},
        {"$filter": "properties/title eq"},
        {"$orderby": "etag"},
    ],
)
async def test_a_bad_list_query_is_refused(caller: Caller, query: dict[str, str]) -> None:
    """Counts, tokens, filters and orders that the service does not take."""
    assert 400 == (await caller.arm("GET", params=query)).status


async def test_watchlist_items_come_in_pages_with_their_times(caller: Caller) -> None:
    """All items over the links; `updated` is _updated, else ValidFrom, else old; no _ key shows."""
    path = f"{caller.watchlists}/mailboxexportjobs/watchlistItems?api-version=2025-09-01"
    first = (await caller.send("GET", path)).body
    second = (await caller.send("GET", first["nextLink"])).body
    items = [item["properties"] for item in first["value"] + second["value"]]

    assert ["A", "B", "C"] == [item["itemsKeyValue"]["JobName"] for item in items]
    assert ["2024-01-01", "2024-11-18", "2020-01-01"] == [item["updated"][:10] for item in items]
    assert not [item for item in items if "_updated" in item["itemsKeyValue"]]
    assert "nextLink" not in second


async def test_a_watchlist_may_be_missing_or_empty(caller: Caller) -> None:
    """Missing: 404 on itself and its items. Empty: 200 and no item."""
    version = "?api-version=2025-09-01"
    missing = [
        (await caller.send("GET", f"{caller.watchlists}/VIPUsers{tail}{version}")).status
        for tail in ("", "/watchlistItems")
    ]
    empty = await caller.send("GET", f"{caller.watchlists}/EDiscoveryCases/watchlistItems{version}")
    listed = await caller.send("GET", f"{caller.watchlists}{version}")

    assert [404, 404] == missing
    assert (200, []) == (empty.status, empty.body["value"])
    assert 2 == len(listed.body["value"])


async def test_every_change_of_an_incident_is_logged(caller: Caller, store: EventStore, name: str) -> None:
    """SecurityIncident gets one row a change, at once; SecurityAlert one an alert, entities as JSON text."""
    await caller.arm("PUT", f"/{name}/comments/{uuid4()}", json={"properties": {"message": "x"}})
    await caller.update(
        name, status="Closed", classification="BenignPositive", classificationReason="SuspiciousButExpected"
    )
    rows = store.query("SecurityIncident | project IncidentName, Status, Classification, AlertIds").rows
    alerts = store.query("SecurityAlert | project SystemAlertId, Entities, AlertType").rows

    assert ["New", "New", "Closed"] == [row[1] for row in rows]
    assert {name} == {row[0] for row in rows}
    assert [alerts[0][0]] == json.loads(str(rows[0][3]))
    assert ["account", "host"] == [entity["Type"] for entity in json.loads(str(alerts[0][1]))]
    assert str(alerts[0][2]).endswith(f"_{RULE}")


# Microsoft Graph


@pytest.mark.parametrize(
    "condition",
    [
        "onPremisesSecurityIdentifier eq 'S-1-5-21-1-2-3-1001'",
        "userPrincipalName eq 'ANN@contoso.com'",
        "mail eq 'ann.obrien@contoso.com'",
        "mailNickname eq 'ann'",
        "displayName eq 'Ann O''Brien'",
        "proxyAddresses/any(p:p eq 'smtp:o''brien@contoso.com')",
        "mail eq 'none' or (mailNickname eq 'ann' and accountEnabled eq true)",
        "userPrincipalName in ('x@contoso.com','ann@contoso.com')",
        "startswith(userPrincipalName,'ann')",
    ],
)
async def test_users_are_found_by_a_filter(caller: Caller, condition: str) -> None:
    """Quotes are doubled, strings compare without case."""
    answer = await caller.graph("/users", filter=condition, select="id")

    assert (200, [{"id": ANN}]) == (answer.status, answer.body["value"])


@pytest.mark.parametrize(
    "condition",
    [
        "onPremisesSamAccountName eq 'ann'",
        "mailNickname ne 'bob' and userPrincipalName eq 'ann@contoso.com'",
        "not(mailNickname eq 'bob') and userPrincipalName eq 'ann@contoso.com'",
        "endswith(userPrincipalName,'nn@contoso.com')",
    ],
)
async def test_advanced_filters_need_header_and_count(caller: Caller, condition: str) -> None:
    """Both together, or Request_UnsupportedQuery."""
    path, params = "/v1.0/users", {"$filter": condition, "$select": "id"}
    bare = await caller.send("GET", path, params=params)
    header = await caller.send("GET", path, params=params, headers={"ConsistencyLevel": "eventual"})
    count = await caller.send("GET", path, params=params | {"$count": "true"})
    both = await caller.graph("/users", advanced=True, filter=condition, select="id")

    assert [(400, "Request_UnsupportedQuery")] * 3 == [(a.status, a.code) for a in (bare, header, count)]
    assert (200, [{"id": ANN}], 1) == (both.status, both.body["value"], both.body["@odata.count"])


@pytest.mark.parametrize(
    "query",
    [
        {"filter": "userPrincipalName eq 'O'Brien'"},
        {"filter": "userPrincipalName eq ann"},
        {"filter": "userPrincipalName eq 'a') or startswith(displayName,''"},
        {"filter": "userPrincipalName"},
        {"filter": ""},
        {"filter": "(" * 5000},
        {"filter": "noSuchProperty eq 'a'"},
        {"filter": "onPremisesDomainName eq 'contoso.com'"},
        {"filter": "contains(displayName,'a')"},
        {"filter": " or ".join("mail eq 'a'" for _ in range(16))},
        {"select": "id,noSuchProperty"},
        {"expand": "manager"},
        {"search": '"displayName:a"'},
        {"top": "1000"},
        {"top": "-1"},
        {"skiptoken": "guessed"},
        {"orderby": "displayName"},
    ],
)
async def test_an_unknown_query_shape_is_refused(caller: Caller, query: dict[str, Any]) -> None:
    """400 with a code; nothing is guessed."""
    answer = await caller.graph("/users", **query)

    assert 400 == answer.status
    assert answer.code in {"BadRequest", "Request_UnsupportedQuery"}


async def test_select_is_honoured(caller: Caller) -> None:
    """Only what is selected comes back, null where the user has none; without it the default set."""
    chosen = await caller.graph(f"/users/{BOB}", select="id,onPremisesSecurityIdentifier,proxyAddresses")
    default = await caller.graph("/users/ANN@contoso.com")
    expected: dict[str, Any] = {"id": BOB, "onPremisesSecurityIdentifier": None, "proxyAddresses": []}

    assert expected == {key: value for key, value in chosen.body.items() if not key.startswith("@")}
    assert "Ann O'Brien" == default.body["displayName"]
    assert not {"onPremisesSecurityIdentifier", "accountEnabled", "proxyAddresses"} & set(default.body)


async def test_select_knows_each_type(caller: Caller) -> None:
    """A property of the type that the tenant does not give is null; one the type has not is refused."""
    chosen = await caller.graph(f"/groups/{OUTER}", select="theme,isAssignableToRole")
    statuses = [
        (await caller.graph(path, select="id,employeeType")).status
        for path in ("/groups", "/devices", "/identityProtection/riskyUsers")
    ]

    assert {"theme": None, "isAssignableToRole": True} == chosen.body
    assert [400] * 3 == statuses


async def test_lists_come_in_pages(caller: Caller) -> None:
    """Over @odata.nextLink, with the filter and selection kept."""
    first = await caller.graph("/users", top="2", select="id", filter="userType eq null")
    second = await caller.send("GET", first.body["@odata.nextLink"])

    assert [{"id": ANN}, {"id": BOB}] == first.body["value"]
    assert [{"id": LEA}] == second.body["value"]
    assert "@odata.nextLink" not in second.body


async def test_a_missing_user_is_a_404(caller: Caller) -> None:
    """Of the user itself and of what hangs on it."""
    answers = [await caller.graph(f"/users/{uuid4()}{tail}") for tail in ("", "/transitiveMemberOf")]

    assert [(404, "Request_ResourceNotFound")] * 2 == [(answer.status, answer.code) for answer in answers]


async def test_memberships_go_through_groups(caller: Caller) -> None:
    """Direct ones name one group; transitive ones all, and the roles of the groups; a circle ends."""
    direct = await caller.graph(f"/users/{ANN}/memberOf")
    transitive = await caller.graph(f"/users/{ANN}/transitiveMemberOf", select="displayName")

    assert ["Inner"] == [item["displayName"] for item in direct.body["value"]]
    assert {("#microsoft.graph.group", "Inner"), ("#microsoft.graph.group", "Outer")} | {
        ("#microsoft.graph.directoryRole", "Exchange Administrator")
    } == {(item["@odata.type"], item["displayName"]) for item in transitive.body["value"]}


@pytest.mark.parametrize(
    ("cast", "names"),
    [
        ("microsoft.graph.group", {"Inner", "Outer"}),
        ("graph.group", {"Inner", "Outer"}),
        ("microsoft.graph.directoryRole", {"Exchange Administrator"}),
    ],
)
async def test_casts_need_an_advanced_query(caller: Caller, cast: str, names: set[str]) -> None:
    """400 without header and count, the one kind with them."""
    bare = await caller.graph(f"/users/{ANN}/transitiveMemberOf/{cast}")
    full = await caller.graph(f"/users/{ANN}/transitiveMemberOf/{cast}", advanced=True)

    assert (400, "Request_UnsupportedQuery") == (bare.status, bare.code)
    assert names == {item["displayName"] for item in full.body["value"]}


async def test_member_group_checks(caller: Caller) -> None:
    """The one transitive groups; the other checks 20 ids at most."""
    got = await caller.send("POST", f"/v1.0/users/{ANN}/getMemberGroups", json={"securityEnabledOnly": False})
    path = f"/v1.0/users/{ANN}/checkMemberGroups"
    checked = await caller.send("POST", path, json={"groupIds": [OUTER, OTHER]})
    refused = await caller.send("POST", path, json={"groupIds": [OUTER] * 21})

    assert {INNER, OUTER} == set(got.body["value"])
    assert [OUTER] == checked.body["value"]
    assert 400 == refused.status


async def test_role_assignments_are_listed_as_assigned(caller: Caller) -> None:
    """What Ann holds through a group stands under the group; what she may activate is eligible."""
    root = "/roleManagement/directory"

    async def roles(kind: str, principal: str) -> list[str]:
        answer = await caller.graph(
            f"{root}/{kind}", filter=f"principalId eq '{principal}'", expand="roleDefinition"
        )
        return [item["roleDefinition"]["displayName"] for item in answer.body["value"]]

    assert [] == await roles("roleAssignments", ANN)
    assert ["Exchange Administrator"] == await roles("roleAssignments", OUTER)
    assert ["Exchange Administrator"] == await roles("roleAssignmentScheduleInstances", OUTER)
    assert ["Security Reader"] == await roles("roleEligibilityScheduleInstances", ANN)
    assert [] == await roles("roleEligibilityScheduleInstances", BOB)
    bare = await caller.graph(f"{root}/roleAssignments", filter=f"principalId eq '{OUTER}'")
    assert "roleDefinition" not in bare.body["value"][0]


async def test_a_user_without_risk_is_a_404(caller: Caller) -> None:
    """And one at risk has a record; the list can be filtered by level."""
    none = await caller.graph(f"/identityProtection/riskyUsers/{ANN}")
    risky = await caller.graph(f"/identityProtection/riskyUsers/{BOB}")
    listed = await caller.graph("/identityProtection/riskyUsers", filter="riskLevel eq 'high'")

    assert 404 == none.status
    assert ("high", "bob@contoso.com") == (risky.body["riskLevel"], risky.body["userPrincipalName"])
    assert [BOB] == [item["id"] for item in listed.body["value"]]


async def test_devices_are_found_by_name(caller: Caller) -> None:
    """By displayName."""
    found = await caller.graph("/devices", filter="displayName eq 'exch01'")

    assert [True] == [device["isCompliant"] for device in found.body["value"]]


async def batch(caller: Caller, *requests: dict[str, Any]) -> Answered:
    """One $batch."""
    return await caller.send("POST", "/v1.0/$batch", json={"requests": list(requests)})


def get(part: str, url: str, **more: Any) -> dict[str, Any]:
    """One GET of a batch."""
    return {"id": part, "method": "GET", "url": url, **more}


async def test_each_part_of_a_batch_is_judged_alone(caller: Caller) -> None:
    """200 outside; inside each its own status, found by id, in another order than asked."""
    answer = await batch(
        caller,
        get("1", f"/users/{ANN}?$select=id"),
        get("2", f"/identityProtection/riskyUsers/{ANN}"),
        get("3", "/users?$filter=onPremisesSamAccountName%20eq%20'ann'&$count=true&$select=id",
            headers={"ConsistencyLevel": "eventual"}),
        get("4", "/users?$filter=onPremisesSamAccountName%20eq%20'ann'"),
    )  # fmt: skip
    parts = {part["id"]: part for part in answer.body["responses"]}

    assert 200 == answer.status
    assert {"1": 200, "2": 404, "3": 200, "4": 400} == {key: part["status"] for key, part in parts.items()}
    assert [{"id": ANN}] == parts["3"]["body"]["value"]
    assert ["1", "2", "3", "4"] != [part["id"] for part in answer.body["responses"]]


@pytest.mark.parametrize(
    "requests",
    [
        [],
        [get(str(number), "/users") for number in range(21)],
        [get("1", "/users"), get("1", "/users")],
        [{"method": "GET", "url": "/users"}],
        [get("1", "https://graph.microsoft.com/v1.0/users")],
        [get("1", "/$batch")],
        [get("1", "/users", dependsOn=["2"])],
        [get("1", "/users", dependsOn="2")],
        [get("1", "/users", headers=["ConsistencyLevel: eventual"])],
        ["/users"],
        [{"id": "1", "method": "POST", "url": f"/users/{ANN}/getMemberGroups", "body": {}}],
    ],
)
async def test_a_bad_batch_is_refused_whole(caller: Caller, requests: list[dict[str, Any]]) -> None:
    """None, over 20, bad ids, absolute or nested addresses, unknown dependency, body without type."""
    answer = await batch(caller, *requests)

    assert (400, "BadRequest") == (answer.status, answer.code)


async def test_a_part_that_depends_on_a_failed_one_is_424(caller: Caller) -> None:
    """Failed dependency."""
    answer = await batch(caller, get("1", f"/users/{uuid4()}"), get("2", "/users", dependsOn=["1"]))

    assert {"1": 404, "2": 424} == {part["id"]: part["status"] for part in answer.body["responses"]}


async def test_a_fault_strikes_one_part_of_a_batch(caller: Caller) -> None:
    """403 for one part, none at all for another, 502 for one whose answer broke; the rest stand."""
    faults = caller.workspace.faults
    faults.add(Fault(kind=FaultKind.STATUS, path="*riskyUsers*", status=403))
    faults.add(Fault(kind=FaultKind.MISSING, path="*devices*"))
    faults.add(Fault(kind=FaultKind.MALFORMED, path="*groups*"))
    urls = ("/identityProtection/riskyUsers", "/devices", "/groups", "/users")
    answer = await batch(caller, *(get(url, url) for url in urls))

    assert {urls[0]: 403, urls[2]: 502, urls[3]: 200} == {
        part["id"]: part["status"] for part in answer.body["responses"]
    }


def number_of(portal: Caller) -> str:
    """The number in Graph of its incident."""
    name = portal.workspace.incident_names()[0]
    return str(portal.workspace.incident(name)["properties"]["providerIncidentId"])


async def test_graph_incidents_are_the_same_incidents(portal: Caller) -> None:
    """PATCH changes what it names and nothing else; comments get an id of the service's."""
    (name,) = portal.workspace.incident_names()
    portal.workspace.edit_incident(name, labels=[{"labelName": "vip"}])
    before = portal.workspace.incident(name)["properties"]
    number = before["providerIncidentId"]
    path = f"/v1.0/security/incidents/{number}"
    closed = {"status": "resolved", "classification": "informationalExpectedActivity"}
    patched = await portal.send("PATCH", path, json=closed | {"determination": "lineOfBusinessApplication"})
    comment = {"@odata.type": "microsoft.graph.security.alertComment", "comment": "why"}
    commented = await portal.send("POST", f"{path}/comments", json=comment)
    read = await portal.graph(f"/security/incidents/{number}", expand="alerts")
    after = portal.workspace.incident(name)["properties"]

    assert "Microsoft XDR" == before["providerName"]
    assert str(before["incidentNumber"]) != number
    assert [200, 200] == [patched.status, commented.status]
    assert ("Closed", "BenignPositive") == (after["status"], after["classification"])
    assert before["labels"] == after["labels"]
    assert (["why"], [RULE]) == (
        [item["comment"] for item in read.body["comments"]],
        [item["detectorId"] for item in read.body["alerts"]],
    )


@pytest.mark.parametrize(
    "change",
    [
        {"status": "closed"},
        {"status": "redirected"},
        {"status": None},
        {"incidentWebUrl": "x"},
        {"severity": "High"},
        {"classification": "benignPositive"},
        {"determination": "clean"},
        {"customTags": "vip"},
        {"customTags": [" "]},
        {"comments": []},
    ],
)
async def test_a_bad_graph_patch_is_refused(portal: Caller, change: dict[str, Any]) -> None:
    """Values and properties that Graph does not take; nothing is changed."""
    path = f"/security/incidents/{number_of(portal)}"
    before = await portal.graph(path)
    answer = await portal.send("PATCH", f"/v1.0{path}", json=change)

    assert 400 == answer.status
    assert before.body == (await portal.graph(path)).body


async def test_graph_replaces_the_tags_as_a_whole_and_keeps_a_classification(portal: Caller) -> None:
    """Opened again, Sentinel's incident has no classification, and Graph's has the old one."""
    (name,) = portal.workspace.incident_names()
    path = f"/v1.0/security/incidents/{number_of(portal)}"
    closed = {"status": "resolved", "classification": "truePositive", "resolvingComment": "ours"}
    await portal.send("PATCH", path, json=closed | {"customTags": ["one", "two"]})
    answer = await portal.send("PATCH", path, json={"status": "active", "customTags": ["two"]})

    assert ["two"] == portal.workspace.labels(name) == answer.body["customTags"]
    assert "classification" not in portal.workspace.incident(name)["properties"]
    assert ("active", "truePositive", "ours") == tuple(
        answer.body[member] for member in ("status", "classification", "resolvingComment")
    )


async def test_newer_enum_members_are_told_to_those_who_ask(portal: Caller) -> None:
    """Without `Prefer: include-unknown-enum-members` Sentinel is a value of the future."""
    path = f"/v1.0/security/incidents/{number_of(portal)}?$expand=alerts"
    plain = await portal.send("GET", path)
    asked = await portal.send("GET", path, headers={"Prefer": "include-unknown-enum-members"})

    assert ["unknownFutureValue", "microsoftSentinel"] == [
        answer.body["alerts"][0]["serviceSource"] for answer in (plain, asked)
    ]


async def test_a_merged_incident_is_redirected(portal: Caller) -> None:
    """Its alerts are in the other one, which it names; it can be changed no more."""
    (name,) = portal.workspace.incident_names()
    other = portal.workspace.create_incident([alert("b")], title="Other", severity="Low", created=NOW)
    portal.workspace.redirect_incident(name, other)
    path = f"/security/incidents/{number_of(portal)}"
    read = await portal.graph(path, expand="alerts")
    into = await portal.graph(f"/security/incidents/{read.body['redirectIncidentId']}", expand="alerts")

    assert ("redirected", []) == (read.body["status"], read.body["alerts"])
    assert 2 == len(into.body["alerts"])
    assert 400 == (await portal.send("PATCH", f"/v1.0{path}", json={"status": "active"})).status


async def test_outside_the_portal_graph_has_no_incidents(caller: Caller, name: str) -> None:
    """Graph shows Sentinel's incidents once the workspace is in the Defender portal, not before."""
    properties = caller.workspace.incident(name)["properties"]
    answer = await caller.graph(f"/security/incidents/{properties['providerIncidentId']}")

    assert ("Azure Sentinel", 404) == (properties["providerName"], answer.status)
    assert [] == (await caller.graph("/security/incidents")).body["value"]


# Log Analytics and tokens


async def test_logs_answer_with_types(caller: Caller, store: EventStore) -> None:
    """The KQL runs for real, at the workspace's own time; the timespan limits it further."""
    for minutes in (5, 50):
        store.add_process_events(
            [{"TimeGenerated": NOW - timedelta(minutes=minutes), "DvcHostname": "EXCH01"}]
        )
    query = "ASimProcessEventLogs | where TimeGenerated > ago(1h) | project TimeGenerated, DvcHostname"
    whole = await caller.kql(query)
    parts = [
        await caller.kql(query, timespan=timespan)
        for timespan in ("PT10M", "2024-11-18T21:50:00Z/PT1H", "PT20M/2024-11-18T22:00:00Z")
    ]
    table = whole.body["tables"][0]

    assert "PrimaryResult" == table["name"]
    assert [("TimeGenerated", "datetime"), ("DvcHostname", "string")] == [
        (column["name"], column["type"]) for column in table["columns"]
    ]
    assert [2, 1, 1, 1] == [len(answer.body["tables"][0]["rows"]) for answer in (whole, *parts)]


@pytest.mark.parametrize(
    ("body", "inner"),
    [
        ({"query": "ASimProcessEventLogs | where"}, "SyntaxError"),
        ({"query": "NoSuchTable | take 1"}, "SemanticError"),
        ({"query": ""}, "QueryValidationError"),
        ({}, "QueryValidationError"),
        ({"query": "print 1", "timespan": "yesterday"}, "InvalidTimespan"),
        ({"query": "print 1", "timespan": "P"}, "InvalidTimespan"),
        ({"query": "print 1", "timespan": "2024-11-19/2024-11-18"}, "InvalidTimespan"),
        ({"query": "print 1", "timespan": 5}, "InvalidTimespan"),
    ],
)
async def test_a_bad_query_is_refused(caller: Caller, body: dict[str, Any], inner: str) -> None:
    """BadArgumentError with the cause inside."""
    answer = await caller.send("POST", f"/v1/workspaces/{caller.workspace.customer_id}/query", json=body)

    assert (400, "BadArgumentError") == (answer.status, answer.code)
    assert inner == answer.body["error"]["innererror"]["code"]


async def test_other_workspaces_are_out_of_reach(caller: Caller) -> None:
    """In the path or in the body."""
    other = await caller.send("POST", f"/v1/workspaces/{uuid4()}/query", json={"query": "print 1"})
    beside = await caller.kql("print 1", workspaces=["other"])

    assert [(403, "InsufficientAccessError")] * 2 == [(a.status, a.code) for a in (other, beside)]


async def test_too_many_rows_are_cut_and_said_to_be(caller: Caller, store: EventStore) -> None:
    """200, the first rows, and a PartialError."""
    store.add_process_events([{"TimeGenerated": NOW - timedelta(minutes=n)} for n in range(5)])
    body = (await caller.kql("ASimProcessEventLogs")).body

    assert (3, "PartialError") == (len(body["tables"][0]["rows"]), body["error"]["code"])


async def test_tokens_are_handed_out_to_those_who_ask_rightly(caller: Caller) -> None:
    """Client credentials with a .default scope; the managed identity endpoint with its header."""
    workspace = caller.workspace
    url = f"{workspace.login_endpoint}/contoso.com/oauth2/v2.0/token"
    form = {
        "grant_type": "client_credentials",
        "client_id": "a",
        "scope": "https://graph.microsoft.com/.default",
    }
    given = await caller.send("POST", url, data=form)
    scope = await caller.send("POST", url, data=form | {"scope": "User.Read"})
    grant = await caller.send("POST", url, data=form | {"grant_type": "password"})
    query = {"resource": "https://management.azure.com", "api-version": "2019-08-01"}
    secret = {"X-IDENTITY-HEADER": workspace.identity_header}
    identity = await caller.send("GET", workspace.identity_endpoint, params=query, headers=secret)
    refused = await caller.send("GET", workspace.identity_endpoint, params=query)

    assert [workspace.token] * 2 == [given.body["access_token"], identity.body["access_token"]]
    assert [400, 400, 401] == [scope.status, grant.status, refused.status]


# Faults


@pytest.mark.parametrize("status", [403, 404, 408, 409, 412, 429, 500, 502, 503, 504])
async def test_any_status_can_be_ordered(caller: Caller, name: str, status: int) -> None:
    """So many times, after so many; then the true answer again."""
    fault = Fault(kind=FaultKind.STATUS, service="arm", method="GET", status=status, after=1, times=2)
    caller.workspace.faults.add(fault)
    seen = [(await caller.arm("GET", f"/{name}")).status for _ in range(4)]

    assert [200, status, status, 200] == seen


@pytest.mark.parametrize("text", [None, "2", "86400", "inf", "abc", "Fri, 31 Dec 2099 23:59:59 GMT"])
async def test_retry_after_is_sent_as_ordered(caller: Caller, text: str | None) -> None:
    """Nonsense too, or none."""
    caller.workspace.faults.add(Fault(kind=FaultKind.STATUS, status=429, retry_after=text))
    answer = await caller.graph("/users")

    assert (429, text) == (answer.status, answer.headers.get("Retry-After"))


async def test_a_claims_challenge_can_be_ordered(caller: Caller) -> None:
    """401 that asks for a token with claims."""
    caller.workspace.faults.add(Fault(kind=FaultKind.STATUS, status=401, claims=True))
    challenge = (await caller.graph("/users")).headers["WWW-Authenticate"]

    assert 'error="insufficient_claims"' in challenge
    assert 'claims="' in challenge


@pytest.mark.parametrize("kind", [FaultKind.RESET, FaultKind.CUT_OFF, FaultKind.LOST, FaultKind.HANG])
async def test_broken_connections(caller: Caller, name: str, kind: FaultKind) -> None:
    """The caller sees its client's error and the call list status 0; only what the service saw is applied."""
    caller.workspace.faults.add(Fault(kind=kind, method="PUT", seconds=0.05))
    body = {"properties": {"message": "text"}}
    with pytest.raises((aiohttp.ClientError, ConnectionError)):
        await caller.arm("PUT", f"/{name}/comments/{uuid4()}", json=body)

    assert (kind in {FaultKind.CUT_OFF, FaultKind.LOST}) == bool(caller.workspace.comments(name))
    # aiohttp itself repeats a PUT once after a disconnect, so there may be two calls.
    assert {0} == {call.status for call in caller.workspace.calls}


async def test_an_answer_lost_behind_a_status(caller: Caller, name: str) -> None:
    """Applied, then a 504."""
    caller.workspace.faults.add(Fault(kind=FaultKind.LOST, method="PUT", status=504))
    answer = await caller.arm("PUT", f"/{name}/comments/{uuid4()}", json={"properties": {"message": "text"}})

    assert (504, 1) == (answer.status, len(caller.workspace.comments(name)))


async def test_a_hanging_answer_does_not_hold_up_the_end(store: EventStore) -> None:
    """Leaving the workspace lets hanging answers go."""
    async with aiohttp.ClientSession() as session:
        async with LocalWorkspace(TENANT, store) as workspace:
            workspace.faults.add(Fault(kind=FaultKind.HANG, seconds=3600))
            call = asyncio.create_task(Caller(session, workspace).graph("/users"))
            await asyncio.sleep(0.05)
        with pytest.raises(aiohttp.ClientError):
            await asyncio.wait_for(call, 5)


async def test_pages_that_are_no_json(caller: Caller) -> None:
    """HTML with status 200, and JSON without its end."""
    caller.workspace.faults.add(Fault(kind=FaultKind.HTML, path="/v1.0/users"))
    caller.workspace.faults.add(Fault(kind=FaultKind.MALFORMED, path="/v1.0/groups"))
    page = await caller.graph("/users")
    with pytest.raises(json.JSONDecodeError):
        await caller.graph("/groups")

    assert 200 == page.status
    assert str(page.body).startswith("<!DOCTYPE html>")


async def test_links_and_redirects_to_another_host_are_noticed(caller: Caller) -> None:
    """Whoever follows one is in the call list as foreign, with the token or without."""
    caller.workspace.faults.add(Fault(kind=FaultKind.FOREIGN_LINK, path="*/users"))
    caller.workspace.faults.add(Fault(kind=FaultKind.REDIRECT, path="*/groups"))
    page = await caller.graph("/users")
    moved = await caller.graph("/groups")
    await caller.send("GET", page.body["@odata.nextLink"])
    await caller.send("GET", moved.headers["Location"], headers={"Authorization": ""})
    strays = [call for call in caller.workspace.calls if call.service == "foreign"]

    assert 302 == moved.status
    assert [("/v1.0/users", True), ("/v1.0/groups", False)] == [
        (call.path, call.authorized) for call in strays
    ]


@pytest.mark.parametrize("kind", [FaultKind.HUGE, FaultKind.BOMB])
async def test_answers_without_measure(caller: Caller, kind: FaultKind) -> None:
    """Over 60 MiB of body, plain or out of a small packed one."""
    caller.workspace.faults.add(Fault(kind=kind))
    headers = {"Authorization": f"Bearer {caller.workspace.token}"}
    url = f"{caller.workspace.base_url}/v1.0/users"
    async with (
        aiohttp.ClientSession(auto_decompress=False) as session,
        session.get(url, headers=headers) as answer,
    ):
        sent = await answer.read()
    body = gzip.decompress(sent) if kind is FaultKind.BOMB else sent

    assert len(body) > 60 << 20
    assert kind is FaultKind.HUGE or len(sent) < 1 << 20


async def test_partial_and_empty_log_answers(caller: Caller) -> None:
    """Rows beside a PartialError; columns without rows."""
    caller.workspace.faults.add(Fault(kind=FaultKind.PARTIAL, service="logs", times=1))
    caller.workspace.faults.add(Fault(kind=FaultKind.EMPTY, service="logs"))
    partial = (await caller.kql("print a = 1")).body
    empty = (await caller.kql("print a = 1")).body

    assert ([[1]], "PartialError") == (partial["tables"][0]["rows"], partial["error"]["code"])
    assert ([], False) == (empty["tables"][0]["rows"], "error" in empty)


async def test_members_can_be_dropped_and_retyped(caller: Caller, name: str) -> None:
    """By JSON pointer, in one answer or in every element of a list; the state behind stays."""
    caller.workspace.add_comment(name, "mine")
    before = caller.workspace.incident(name)
    add = caller.workspace.faults.add
    add(Fault(kind=FaultKind.DROP, path="*/comments", pointer="/value/0/properties/message"))
    add(Fault(kind=FaultKind.DROP, path="*/alerts", pointer="/value/*/properties/alertType"))
    add(Fault(kind=FaultKind.SET, path="*/entities", pointer="/entities/0/properties", value=None))
    add(Fault(kind=FaultKind.SET, method="GET", pointer="/properties/additionalData/alertsCount", value=7))
    alerts = await caller.arm("POST", f"/{name}/alerts")
    entities = await caller.arm("POST", f"/{name}/entities")
    incident = await caller.arm("GET", f"/{name}")
    comments = await caller.arm("GET", f"/{name}/comments")

    assert "message" not in comments.body["value"][0]["properties"]
    assert "alertType" not in alerts.body["value"][0]["properties"]
    assert entities.body["entities"][0]["properties"] is None
    assert 7 == incident.body["properties"]["additionalData"]["alertsCount"]
    assert before == caller.workspace.incident(name)


async def test_calls_are_numbered_and_people_edit_between_them(caller: Caller, name: str) -> None:
    """An edit before call 2 makes the etag read in call 1 stale; a fault can name a call by number."""
    workspace = caller.workspace
    workspace.before_call(2, lambda: workspace.edit_incident(name, status="Active"))
    workspace.faults.add(Fault(kind=FaultKind.STATUS, number=3, status=503))
    update = await caller.update(name, severity="High")
    third = await caller.graph("/users")
    fourth = await caller.graph("/users")

    assert [409, 503, 200] == [update.status, third.status, fourth.status]
    assert [
        (1, "arm", "GET", 200),
        (2, "arm", "PUT", 409),
        (3, "graph", "GET", 503),
        (4, "graph", "GET", 200),
    ] == [(call.number, call.service, call.method, call.status) for call in workspace.calls]
    assert workspace.calls[0].path.endswith("/incidents/{incident}")


async def test_a_coroutine_may_edit_too(caller: Caller) -> None:
    """It is awaited before the call is served."""
    done: list[str] = []

    async def edit() -> None:
        await asyncio.sleep(0)
        done.append("edited")

    caller.workspace.before_call(1, edit)
    await caller.graph("/users")

    assert ["edited"] == done


@pytest.mark.usefixtures("name")
async def test_reset_forgets_everything(caller: Caller, store: EventStore) -> None:
    """Incidents, calls, faults, logs; and another tenant is served."""
    caller.workspace.faults.add(Fault(kind=FaultKind.STATUS, status=500))
    await caller.graph("/users")
    caller.workspace.reset({"users": []})
    answer = await caller.graph("/users")

    assert (200, []) == (answer.status, answer.body["value"])
    assert [] == caller.workspace.incident_names()
    assert [1] == [call.number for call in caller.workspace.calls]
    assert [] == store.query("SecurityAlert | project SystemAlertId").rows


# For people


async def test_a_person_sees_and_edits_with_plain_http(caller: Caller, name: str) -> None:
    """No token, no call counted; comments, edits and faults by JSON; a mistake is told."""
    root = "/_control"
    edited = await caller.send(
        "POST", f"{root}/incidents/{name}", json={"status": "Active", "comment": "mine"}
    )
    listed = await caller.send("GET", f"{root}/incidents", headers={"Authorization": ""})
    ordered = await caller.send("POST", f"{root}/faults", json={"kind": "status", "status": 500})
    wrong = await caller.send("POST", f"{root}/faults", json={"kind": "status", "stauts": 500})
    unknown = await caller.send("POST", f"{root}/faults", json={"kind": "flood"})
    struck = await caller.graph("/users")
    cleared = await caller.send("DELETE", f"{root}/faults")
    calls = await caller.send("GET", f"{root}/calls")
    event = {"TimeGenerated": "2024-11-18T21:00:00Z", "DvcHostname": "EXCH01"}
    added = await caller.send("POST", f"{root}/events", json={"events": [event]})
    misfit = await caller.send("POST", f"{root}/events", json={"events": [{"Host": "EXCH01"}]})
    typo = await caller.send("POST", f"{root}/incidents/{name}", json={"stauts": "Closed"})

    assert "Active" == edited.body["properties"]["status"]
    assert ["mine"] == [item["properties"]["message"] for item in listed.body["incidents"][0]["comments"]]
    assert [200, 400, 400, 500, 200] == [a.status for a in (ordered, wrong, unknown, struck, cleared)]
    assert "stauts" in wrong.body["error"]["message"]
    assert 1 == len(calls.body["calls"])
    assert {"added": 1} == added.body
    assert [400, 400] == [misfit.status, typo.status]


# Filters, apart from any service


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a eq 'x'", True),
        ("a eq 'X' and n gt 1", True),
        ("not (a eq 'x')", False),
        ("a ne 'x' or n le 1.5", False),
        ("n ge -2 and b eq false", True),
        ("missing eq null", True),
        ("t ge 2024-01-01T00:00:00Z and t lt 2024-01-03", True),
        ("list/any(i:i eq 'two')", True),
        ("list/any(i:i eq 'three' or i eq 'one')", True),
        ("objects/any(o:o/k eq 'v' and o/l eq 'w')", False),
        ("o/k eq 'and' and contains(a,'X')", True),
        ("n gt 'x'", False),
    ],
)
def test_filters_mean_what_odata_says(text: str, expected: bool) -> None:
    """Precedence, literals, lambdas and nulls of OData 4."""
    item = {
        "a": "x",
        "n": 2,
        "b": False,
        "t": "2024-01-02T00:00:00.0000000Z",
        "list": ["one", "two"],
        "objects": [{"k": "v"}, {"l": "w"}],
        "o": {"k": "and"},
    }

    assert expected == matcher(parse_filter(text))(item)


# The contracts


def contract(file: str) -> dict[str, Any]:
    """One of the services' API documents. Skips where the folder is absent."""
    path = CONTRACTS / file
    if not path.is_file():
        pytest.skip(f"no API documents at {CONTRACTS}; name their folder in API_CONTRACTS")
    document: dict[str, Any] = json.loads(path.read_text())
    return document


def violations(file: str, pointer: str, answer: Any) -> list[str]:
    """Where an answer does not fit the schema at `pointer` of the document."""
    document = contract(file)
    if file == "graph.json":
        document = _nullable(document)
    if file == "securityinsights.json":
        # The service answers nulls for an unowned incident, though the document has plain strings.
        owner = document["definitions"]["IncidentOwnerInfo"]["properties"]
        for member in owner.values():
            member["type"] = [member["type"], "null"]
    registry = Registry().with_resource(
        "urn:api", Resource.from_contents(document, default_specification=DRAFT202012)
    )
    validator = Draft202012Validator({"$ref": f"urn:api#{pointer}"}, registry=registry)
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(answer)]


def _nullable(schema: Any) -> Any:
    """OpenAPI 3.0 `nullable` in the words of JSON Schema."""
    if isinstance(schema, list):
        return [_nullable(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: _nullable(part) for key, part in schema.items()}
    if made.get("nullable") is True and isinstance(made.get("type"), str):
        made["type"] = [made["type"], "null"]
        if "enum" in made:
            made["enum"] = [*made["enum"], None]
    return made


@pytest.mark.parametrize(
    ("method", "tail", "definition"),
    [
        ("GET", "", "IncidentList"),
        ("GET", "/{name}", "Incident"),
        ("POST", "/{name}/alerts", "IncidentAlertList"),
        ("POST", "/{name}/entities", "IncidentEntitiesResponse"),
        ("GET", "/{name}/comments", "IncidentCommentList"),
        ("GET", "/{name}/comments/{part}", "IncidentComment"),
        ("GET", "/{name}/tasks", "IncidentTaskList"),
        ("GET", "/{name}/tasks/{part}", "IncidentTask"),
        ("GET", "/../watchlists", "WatchlistList"),
        ("GET", "/../watchlists/MailboxExportJobs", "Watchlist"),
        ("GET", "/../watchlists/MailboxExportJobs/watchlistItems", "WatchlistItemList"),
        ("GET", "/absent", "CloudError"),
    ],
)
async def test_arm_answers_fit_the_api_document(
    caller: Caller, name: str, method: str, tail: str, definition: str
) -> None:
    """Every ARM answer, new, closed and owned, against SecurityInsights 2025-09-01."""
    part = str(uuid4())
    for kind, properties in (("comments", {"message": "x"}), ("tasks", {"title": "x", "status": "New"})):
        await caller.arm("PUT", f"/{name}/{kind}/{part}", json={"properties": properties})
    path = (caller.incident + tail).replace("incidents/../", "").format(name=name, part=part)
    fresh = await caller.send(method, path, params={"api-version": "2025-09-01"})
    caller.workspace.edit_incident(
        name,
        status="Closed",
        classification="TruePositive",
        classification_reason="SuspiciousActivity",
        owner={"objectId": str(uuid4()), "ownerType": "User"},
        labels=[{"labelName": "a"}],
    )
    changed = await caller.send(method, path, params={"api-version": "2025-09-01"})

    pointer = f"/definitions/{definition}"
    assert ([], []) == tuple(violations("securityinsights.json", pointer, a.body) for a in (fresh, changed))


@pytest.mark.parametrize(
    ("path", "schema"),
    [
        ("/users", "microsoft.graph.userCollectionResponse"),
        ("/users/{ANN}", "microsoft.graph.user"),
        ("/users/{ANN}/transitiveMemberOf", "microsoft.graph.directoryObjectCollectionResponse"),
        ("/users/{ANN}/transitiveMemberOf/microsoft.graph.group", "microsoft.graph.groupCollectionResponse"),
        (
            "/users/{ANN}/transitiveMemberOf/microsoft.graph.directoryRole",
            "microsoft.graph.directoryRoleCollectionResponse",
        ),
        (
            "/roleManagement/directory/roleAssignments",
            "microsoft.graph.unifiedRoleAssignmentCollectionResponse",
        ),
        (
            "/roleManagement/directory/roleAssignmentScheduleInstances",
            "microsoft.graph.unifiedRoleAssignmentScheduleInstanceCollectionResponse",
        ),
        (
            "/roleManagement/directory/roleEligibilityScheduleInstances",
            "microsoft.graph.unifiedRoleEligibilityScheduleInstanceCollectionResponse",
        ),
        (
            "/roleManagement/directory/roleDefinitions",
            "microsoft.graph.unifiedRoleDefinitionCollectionResponse",
        ),
        ("/identityProtection/riskyUsers", "microsoft.graph.riskyUserCollectionResponse"),
        ("/identityProtection/riskyUsers/{BOB}", "microsoft.graph.riskyUser"),
        ("/devices", "microsoft.graph.deviceCollectionResponse"),
        ("/users/absent", "microsoft.graph.ODataErrors.ODataError"),
    ],
)
async def test_graph_answers_fit_the_api_document(caller: Caller, name: str, path: str, schema: str) -> None:
    """Every Graph answer, alone and out of a batch, against v1.0."""
    alert_id = caller.workspace.incident(name)["alerts"][0]["name"]
    path = path.format(ANN=ANN, BOB=BOB, ALERT=alert_id)
    advanced = {"ConsistencyLevel": "eventual"}
    count = "&$count=true" if "?" in path else "?$count=true"
    alone = await caller.send("GET", f"/v1.0{path}{count}", headers=advanced)
    batched = await batch(caller, get("1", f"{path}{count}", headers=advanced))

    assert [] == violations("graph.json", f"/components/schemas/{schema}", alone.body)
    assert [] == violations("graph.json", "/components/schemas/batchResponse", batched.body)
    assert alone.body == batched.body["responses"][0]["body"]


@pytest.mark.parametrize("kind", ["incident", "alert"])
async def test_graph_security_answers_fit_the_api_document(portal: Caller, kind: str) -> None:
    """An incident with its alerts, and an alert alone, against v1.0."""
    incident = await portal.graph(f"/security/incidents/{number_of(portal)}", expand="alerts")
    alone = await portal.graph(f"/security/alerts_v2/{incident.body['alerts'][0]['id']}")
    body = incident.body if kind == "incident" else alone.body

    assert [] == violations("graph.json", f"/components/schemas/microsoft.graph.security.{kind}", body)
    assert incident.body["alerts"][0] == alone.body


@pytest.mark.parametrize(
    ("query", "definition"), [("print a = 1, b = 'x', c = now()", "queryResults"), ("print", "errorResponse")]
)
async def test_log_answers_fit_the_api_document(caller: Caller, query: str, definition: str) -> None:
    """Rows and refusals, against the query API v1."""
    answer = await caller.kql(query)

    assert [] == violations("log-analytics-query.json", f"/definitions/{definition}", answer.body)


@pytest.mark.parametrize("status", ["New", "Closed"])
def test_trigger_bodies_fit_their_schema(workspace: LocalWorkspace, name: str, status: str) -> None:
    """Both triggers, with and without an owner."""
    if status == "Closed":
        owner = {"objectId": str(uuid4())}
        workspace.edit_incident(name, status="Closed", classification="Undetermined", owner=owner)
        workspace.add_comment(name, "closed by hand")
    incident = workspace.trigger_body(name, event="Update")
    single = workspace.alert_trigger_body(incident["object"]["properties"]["alerts"][0]["name"])

    assert [] == violations("incident-trigger.json", "/$defs/incidentTrigger", incident)
    assert [] == violations("incident-trigger.json", "/$defs/alertTrigger", single)
    assert incident["object"]["id"].endswith(f"/Incidents/{name}")
    assert {"account", "host"} == {entity["Type"] for entity in single["Entities"]}
