"""What is deployed, as the client reads it: rules of every kind, automation rules, Logic Apps, the time."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from client_world import LATER, NOON, World, new_world

from playbooks.clients.deployment import Deployment
from playbooks.model import Absent, AutomationRule, Found, Lookup, Unavailable, Workflow
from simulator.workspace import FaultKind
from simulator.workspace.content import workflow

CORRELATED = "b0d9a6c2-6b1e-4a57-9f0e-6c1d7a1f2e34"


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """A workspace whose lists come one item a page."""
    async with new_world(page_sizes={"incidents": 1}) as made:
        yield made


def deployment(world: World) -> Deployment:
    """The client of its workspace."""
    return world.clients.deployment(world.clients._settings.workspaces[0])


def found[T](answer: Lookup[T]) -> T:
    """What was found."""
    assert isinstance(answer, Found), answer
    return answer.value


def named(rules: tuple[AutomationRule, ...], name: str) -> AutomationRule:
    """The automation rule of that name."""
    return next(rule for rule in rules if rule.display_name == name)


async def test_every_page_of_the_rules_is_read(world: World) -> None:
    """One rule a page, and all of them are there."""
    alert_rules = found(await deployment(world).alert_rules())
    automation = found(await deployment(world).automation_rules())

    assert set(world.workspace.content.alert_rules) == {rule.name for rule in alert_rules}
    assert len(world.workspace.content.automation_rules) == len(automation)
    assert all(rule.enabled and rule.creates_incidents for rule in alert_rules)


async def test_rules_without_a_query_of_their_own_are_left_out(world: World) -> None:
    """Fusion and the like have other members; NRT rules count."""
    rules = world.workspace.content.alert_rules
    rules["f"] = {"id": "f", "name": "f", "kind": "Fusion", "properties": {"enabled": True}}
    rules["n"] = rules[CORRELATED] | {"name": "N", "kind": "NRT"}

    names = {rule.name for rule in found(await deployment(world).alert_rules())}

    assert {"n", CORRELATED} <= names
    assert "f" not in names


async def test_an_automation_rule_says_what_it_is_limited_to(world: World) -> None:
    """Rule ids inside Boolean conditions count; other operators, and rules on alerts, do not."""
    content = world.workspace.content.automation_rules
    template = next(rule for rule in content.values() if "alerts added" in rule["properties"]["displayName"])
    of_rules, added = template["properties"]["triggeringLogic"]["conditions"]
    without = {"conditionProperties": of_rules["conditionProperties"] | {"operator": "NotContains"}}
    status = {
        "conditionType": "PropertyChanged",
        "conditionProperties": {"propertyName": "IncidentStatus", "changeType": "ChangedTo"},
    }
    nested = {"conditionType": "Boolean", "conditionProperties": {"innerConditions": [of_rules, added]}}

    def add(name: str, conditions: list[dict[str, Any]], **logic: Any) -> None:
        properties = template["properties"]
        made = properties["triggeringLogic"] | {"conditions": conditions} | logic
        content[name] = template | {"properties": properties | {"displayName": name, "triggeringLogic": made}}

    add("nested", [nested])
    add("none", [])
    add("other change", [of_rules, status])
    add("all but", [of_rules | without])
    add("on alerts", [of_rules], triggersOn="Alerts")
    add("over", [of_rules], expirationTimeUtc="2025-01-01T00:00:00Z")
    rules = found(await deployment(world).automation_rules())

    assert CORRELATED in (named(rules, "nested").rule_ids or ())
    assert (True, False) == (
        named(rules, "nested").on_added_alerts,
        named(rules, "other change").on_added_alerts,
    )
    assert [None, None] == [named(rules, name).rule_ids for name in ("none", "all but")]
    assert datetime(2025, 1, 1, tzinfo=UTC) == named(rules, "over").expires
    assert "on alerts" not in {rule.display_name for rule in rules}


async def test_a_logic_app_shows_every_address_that_it_calls(world: World) -> None:
    """However deep its actions are nested; one that is gone is absent, another kind is not looked at."""
    app = workflow("deep", address="https://func.contoso.com/api/a")
    inner = {"type": "Http", "inputs": {"uri": "https://func.contoso.com/api/b"}}
    app["properties"]["definition"]["actions"]["If"] = {"type": "If", "else": {"actions": {"Call": inner}}}
    app["properties"]["state"] = "Disabled"
    world.workspace.content.workflows[app["id"].lower()] = app

    seen = await deployment(world).workflow(app["id"])
    gone = await deployment(world).workflow(app["id"] + "2")
    standard = await deployment(world).workflow(
        app["id"].replace("Microsoft.Logic/workflows", "Microsoft.Web/sites")
    )

    addresses = ("https://func.contoso.com/api/a", "https://func.contoso.com/api/b")
    assert Found(Workflow(enabled=False, addresses=addresses)) == seen
    assert isinstance(gone, Absent)
    assert isinstance(standard, Unavailable)
    assert standard.lasting


async def test_the_time_of_the_service_comes_with_any_answer(world: World) -> None:
    """Its Date header, of a refusal as well; nothing at all is no time."""
    world.order(FaultKind.STATUS, status=403, service="arm")
    refused = await deployment(world).moment()
    world.order(FaultKind.RESET, service="arm")
    nothing = await deployment(world).moment()

    assert Found(LATER) == refused
    assert isinstance(nothing, Unavailable)


async def test_a_part_that_cannot_be_read_makes_the_whole_answer_none(world: World) -> None:
    """A rule without its name, a Logic App without its state, a workspace without its id."""
    app = workflow("odd", address="https://func.contoso.com")
    del app["properties"]["state"]
    world.workspace.content.workflows[app["id"].lower()] = app
    del world.workspace.content.alert_rules[CORRELATED]["properties"]["displayName"]
    world.order(FaultKind.DROP, pointer="/properties/customerId")

    answers = [
        await deployment(world).workflow(app["id"]),
        await deployment(world).alert_rules(),
        await deployment(world).customer_id(),
    ]

    assert [Unavailable] * 3 == [type(answer) for answer in answers]


@pytest.mark.parametrize(
    ("words", "seen"),
    [
        (("MailboxExportRequest", "Nightly"), 1),
        (("MailboxExportRequest", "nightly"), 1),
        (("MailboxExportRequest", "Night"), 0),
        (("Remove-MailboxExportRequest", "Nightly"), 0),
        (("MailboxExportRequest", 'x" or "'), 0),
        (("MailboxExportRequest", "LEG 1-2"), 1),
    ],
)
async def test_commands_are_counted_by_whole_words(world: World, words: tuple[str, ...], seen: int) -> None:
    """All of the words, without case; what looks like KQL stays text."""
    lines = (
        "New-MailboxExportRequest -BatchName Nightly-2024",
        "New-MailboxExportRequest -Name 'LEG 1-2'",
        "Get-Item Nightly",
    )
    world.store.add_process_events(
        [
            {"TimeGenerated": NOON, "EventType": "ProcessCreated", "TargetProcessCommandLine": line}
            for line in lines
        ]
    )
    commands = world.clients.commands(world.clients._settings.workspaces[0])
    answer = await commands.seen((words, ("MailboxExportRequest",)), start=NOON, end=LATER)

    assert Found((seen, 2)) == answer


async def test_a_count_that_cannot_be_had_is_no_zero(world: World) -> None:
    """Odd characters, too many questions, an answer with an error beside it."""
    commands = world.clients.commands(world.clients._settings.workspaces[0])
    asked = [((("a\u202eb",),)), tuple(("x", str(n)) for n in range(201)), ((),)]
    answers = [await commands.seen(words, start=NOON, end=LATER) for words in asked]
    world.order(FaultKind.PARTIAL, service="logs")
    answers.append(await commands.seen((("x",),), start=NOON, end=LATER))

    assert [Unavailable] * 4 == [type(answer) for answer in answers]
