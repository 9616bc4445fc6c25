"""What the local workspace keeps of a tenant answers as if it were made anew for each question."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from test_workspace import ANN, BOB, TENANT

from simulator.eventstore import EventStore
from simulator.workspace import Fault, FaultKind, LocalWorkspace
from simulator.workspace.items import Items
from simulator.workspace.kept import KeptParts
from simulator.workspace.logs import Logs
from simulator.workspace.odata import parse_filter
from simulator.workspace.odata_matching import matcher
from simulator.workspace.wire import WireRequest

ITEMS: list[dict[str, Any]] = [
    {"id": "1", "mail": "Straße@contoso.com", "others": ["SMTP:a@x", 7], "deep": {"name": "One"}},
    {"id": "2", "mail": ["STRASSE@contoso.com"], "others": "smtp:a@x", "deep": None},
    {"id": "3", "mail": None, "others": ["smtp:A@X", "smtp:b@x"]},
    {"id": "4", "mail": "strasse@contoso.com", "others": [], "deep": {"name": "one"}},
    {"id": "5", "mail": 5, "number": 5},
]
SIMPLE = (
    "mail eq 'strasse@CONTOSO.com'",
    "mail eq 'nobody'",
    "mail eq null",
    "mail ne 'straße@contoso.com'",
    "mail in ('5','straße@contoso.com')",
    "number in (5,6)",
    "number eq 5",
    "others/any(o:o eq 'smtp:a@x')",
    "others/any(o:o eq 'SMTP:B@X')",
    "others/any(o:o ne 'smtp:a@x')",
    "others/any(o:startswith(o,'smtp:b'))",
    "deep/name eq 'ONE'",
    "startswith(id,'3')",
    "not id eq '1'",
)
FILTERS = [
    *SIMPLE,
    *(f"{one} {word} {other}" for one, other in product(SIMPLE, SIMPLE) for word in ("or", "and")),
    *(f"({one} or id eq '2') and {other}" for one, other in product(SIMPLE, SIMPLE)),
]


def test_items_found_by_their_texts_are_those_that_a_look_at_each_finds() -> None:
    """In the same order, whatever the filter, with texts that compare without case."""
    many = [{**item, "place": place} for place, item in enumerate(ITEMS * 5)]
    items = Items(iter(many))
    for text in FILTERS:
        condition = parse_filter(text)

        assert [*filter(matcher(condition), many)] == items.meeting(condition), text


def test_what_is_made_of_parts_is_kept_while_they_are_the_same_objects() -> None:
    """An equal part that is another object is read anew; parts that are not named do not count."""
    made: list[Any] = []
    kept = KeptParts(lambda document: made.append(document["users"]) or len(made), ["users", "groups"])
    users: list[Any] = []

    first = kept.of({"users": users, "settings": 1})
    again = kept.of({"users": users, "settings": 2})
    other = kept.of({"users": []})
    back = kept.of({"users": users})

    assert (1, 1, 2, 1) == (first, again, other, back)


def test_only_the_last_few_are_kept() -> None:
    """A run over many tenants does not hold them all."""
    kept = KeptParts(lambda _: object(), ["users"])
    tenants = [{"users": [number]} for number in range(9)]
    first = kept.of(tenants[0])
    for tenant in tenants:
        kept.of(tenant)

    assert first is not kept.of(tenants[0])


@pytest.fixture
def workspace() -> Iterator[LocalWorkspace]:
    """The organisation of the workspace's own tests; it need not listen."""
    store = EventStore()
    yield LocalWorkspace(TENANT, store)
    store.close()


async def asked(workspace: LocalWorkspace, path: str, query: dict[str, str]) -> Any:
    """The JSON that a GET brings, as it goes over the wire."""
    headers = {"authorization": f"Bearer {workspace.token}"}
    request = WireRequest(method="GET", path=path, query=query, headers=headers)
    return json.loads((await workspace._gate.answer(request)).content())


async def test_a_case_that_changes_the_tenant_is_served_its_own(workspace: LocalWorkspace) -> None:
    """And the next one, with the tenant as it was, is served that again."""

    async def risk() -> list[str]:
        found = await asked(workspace, "/v1.0/identityProtection/riskyUsers", {})
        return [user["id"] for user in found["value"]]

    before = await risk()
    workspace.reset({**TENANT, "riskyUsers": [{"id": ANN, "riskLevel": "low", "riskState": "atRisk"}]})
    changed = await risk()
    workspace.reset(TENANT)

    assert ([BOB], [ANN], [BOB]) == (before, changed, await risk())


@pytest.mark.parametrize("kind", [FaultKind.EMPTY, FaultKind.MALFORMED, FaultKind.DROP])
async def test_a_fault_strikes_a_list_that_is_written_already(
    workspace: LocalWorkspace, kind: FaultKind
) -> None:
    """Once; the next answer is whole again."""
    path = f"{workspace.workspace_id}/providers/Microsoft.SecurityInsights/watchlists"
    query = {"api-version": "2025-09-01"}
    whole = await asked(workspace, path, query)
    workspace.faults.add(Fault(kind=kind, times=1, pointer="/value/0"))
    try:
        struck = await asked(workspace, path, query)
    except ValueError:
        struck = None

    assert len(TENANT["watchlists"]) == len(whole["value"])
    assert whole != struck
    assert whole == await asked(workspace, path, query)


@pytest.mark.parametrize("small", [True, False])
async def test_a_log_is_asked_where_it_lies(workspace: LocalWorkspace, small: bool) -> None:
    """In the server's own thread while its rows are few, in another one when they lie in tables."""
    asked_in: list[bool] = []
    store = workspace._store

    class Watched:
        """The store, with a note of the thread that each query runs in."""

        is_small = small

        def query(self, kql: str, **given: Any) -> Any:
            asked_in.append(threading.current_thread() is threading.main_thread())
            return store.query(kql, **given)

    logs = Logs(store=Watched(), clock=lambda: datetime(2024, 11, 18, 22, tzinfo=UTC))  # type: ignore[arg-type]
    headers = {"content-type": "application/json"}
    request = WireRequest(
        method="POST", path="/", query={}, headers=headers, body=b'{"query": "SecurityAlert | count"}'
    )
    answer = await logs._query(request)

    assert [small] == asked_in
    assert (200, [[0]]) == (answer.status, (answer.body or {})["tables"][0]["rows"])


def test_a_store_is_small_until_its_rows_lie_in_tables(tmp_path: Path) -> None:
    """A file of events goes into tables, whatever its length; an emptied store begins anew."""
    events = tmp_path / "events.jsonl"
    events.write_text('{"TimeGenerated": "2024-11-18T21:00:00Z"}\n', encoding="utf-8")
    store = EventStore()
    store.add_process_events([{"TimeGenerated": "2024-11-18T21:00:00Z"}])
    held = store.is_small
    store.load_process_events(events)
    filled = store.is_small
    store.clear()
    emptied = store.is_small
    store.close()

    assert (True, False, True) == (held, filled, emptied)
