"""The sweep's question to Sentinel, over HTTP: which incidents of our rules bear no sign of triage."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from client_world import MINUTE, NOON, RULE, World, alert, new_world

from playbooks.errors import SourceUnavailable
from simulator.workspace import FaultKind

RULES = frozenset({RULE})
SINCE = NOON - timedelta(days=1)
LIST = "*/incidents"
OWNER = {"userPrincipalName": "sam@contoso.com"}


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """A workspace with one incident of one alert, and pages of two incidents."""
    async with new_world(page_sizes={"incidents": 2}) as made:
        yield made


async def untriaged(world: World) -> list[str]:
    """Names of what the client finds."""
    path = world.workspace.workspace_id
    found = await world.clients.incidents.untriaged(path, rule_ids=RULES, since=SINCE)
    assert all(one.workspace_path == path for one in found)
    return [one.name for one in found]


def make(world: World, number: int, *, rule: str | None = RULE, minutes: int = 0, **written: object) -> str:
    """One more incident."""
    return world.workspace.create_incident(
        [alert(number, rule_id=rule)],
        title="Mailbox export",
        severity="Medium",
        created=NOON + minutes * MINUTE,
        **written,
    )


async def test_every_page_is_read_and_the_newest_comes_first(world: World) -> None:
    """Five incidents on pages of two."""
    later = [make(world, number, minutes=number) for number in range(2, 6)]

    assert [*reversed(later), world.incident_id.name] == await untriaged(world)


@pytest.mark.parametrize(
    ("written", "rule", "minutes"),
    [
        ({"labels": [{"labelName": "Triage-Escalated", "labelType": "User"}]}, RULE, 1),
        ({"labels": [{"labelName": "Redirected", "labelType": "User"}]}, RULE, 1),
        ({"owner": OWNER}, RULE, 1),
        (
            {
                "status": "Closed",
                "classification": "TruePositive",
                "classification_reason": "SuspiciousActivity",
            },
            RULE,
            1,
        ),
        ({}, "99999999-9999-4999-8999-999999999999", 1),
        ({}, None, 1),
        ({}, RULE, -3 * 24 * 60),
    ],
    ids=["triaged", "merged", "owned", "closed", "another rule", "another product", "long ago"],
)
async def test_what_is_not_ours_to_hand_over_is_left_out(
    world: World, written: dict[str, object], rule: str | None, minutes: int
) -> None:
    """Labels compare without case."""
    make(world, 2, rule=rule, minutes=minutes, **written)

    assert [world.incident_id.name] == await untriaged(world)


async def test_an_incident_that_cannot_be_read_does_not_hide_the_others(world: World) -> None:
    """One odd record is left out."""
    make(world, 2, minutes=5)
    world.order(FaultKind.DROP, path=LIST, pointer="/value/0/properties/severity")

    assert [world.incident_id.name] == await untriaged(world)


@pytest.mark.parametrize("kind", [FaultKind.FOREIGN_LINK, FaultKind.MALFORMED, FaultKind.RESET])
async def test_a_short_list_is_an_error(world: World, kind: FaultKind) -> None:
    """A list that cannot be read whole raises: the sweep is an alarm, never silently short."""
    world.order(kind, path=LIST)

    with pytest.raises(SourceUnavailable):
        await untriaged(world)
