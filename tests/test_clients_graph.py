"""Microsoft Graph: who an account is, and everything that is no answer to that."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from client_world import ANN, BEN, GUEST, INNER, OBRIEN, OUTER, TENANT, World, new_world, user
from hypothesis import given
from hypothesis import strategies as st

from playbooks.clients import check_permissions
from playbooks.clients.odata import any_equal, equal
from playbooks.model import Absent, DirectoryRole, DirectoryUser, Found, Group, Lookup, Risk, Unavailable
from playbooks.ports import Directory
from simulator.workspace import FaultKind
from simulator.workspace.odata import AnyOf, Comparison, parse_filter

type Question = Callable[[Directory], Awaitable[Lookup[Any]]]

QUESTIONS: dict[str, Question] = {
    "sid": lambda directory: directory.user_by_sid("S-1-5-21-1-2-3-1"),
    "name": lambda directory: directory.user_by_name("contoso.com", "ann"),
    "upn": lambda directory: directory.user_by_upn("ann@contoso.com"),
    "mailbox": lambda directory: directory.user_by_mailbox("ben"),
    "groups": lambda directory: directory.groups_of(ANN),
    "roles": lambda directory: directory.roles_of(ANN),
    "risk": lambda directory: directory.risk_of(ANN),
    "device": lambda directory: directory.device_named("EXCH01"),
}


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """The small tenant of `client_world`."""
    async with new_world() as made:
        yield made


def found_id(answer: Lookup[DirectoryUser]) -> str:
    """The id of the user found, or what came instead."""
    return answer.value.id if isinstance(answer, Found) else type(answer).__name__


async def test_a_user_is_read_whole(world: World) -> None:
    """Every property that judging needs."""
    answer = await world.sources.directory.user_by_sid("s-1-5-21-1-2-3-1")

    assert (
        Found(
            DirectoryUser(
                id=ANN,
                user_principal_name="ann@contoso.com",
                display_name="Ann",
                mail="ann@contoso.com",
                mail_nickname="ann",
                proxy_addresses=("SMTP:ann@contoso.com", "smtp:ann.old@contoso.com"),
                sam_account_name="ann",
                domain_name="contoso.com",
                sid="S-1-5-21-1-2-3-1",
                enabled=True,
                created=datetime(2020, 1, 1, tzinfo=UTC),
                user_type="Member",
            )
        )
        == answer
    )


@pytest.mark.parametrize(
    ("domain", "name", "expected"),
    [
        ("contoso.com", "ann", ANN),
        ("CONTOSO.COM", "ANN", ANN),
        ("fabrikam.com", "ann", GUEST),
        ("contoso.com", "o'brien", OBRIEN),
        ("contoso.com", "O'Brien", OBRIEN),
        ("contoso.com", "nobody", "Absent"),
        ("", "ann", "Unavailable"),
        ("contoso.com", "x') or startswith(displayName,'", "Absent"),
        ("contoso.com", "' or '1' eq '1", "Absent"),
        ("contoso.com", "a+n&$top=1#n%27", "Absent"),
        ("contoso.com", "аnn", "Absent"),
    ],
)
async def test_a_name_and_its_domain_must_both_be_right(
    world: World, domain: str, name: str, expected: str
) -> None:
    """F31: two domains have an Ann. Quotes and operators in a name stay text; a Cyrillic а is no a."""
    assert expected == found_id(await world.sources.directory.user_by_name(domain, name))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ben@contoso.com", BEN),
        ("BEN.OLD@contoso.com", BEN),
        ("ben", BEN),
        ("o'brien", OBRIEN),
        ("o'brien.old@contoso.com", OBRIEN),
        ("ann", "Unavailable"),
        ("ann@fabrikam.com", GUEST),
        ("be", "Absent"),
        ("Ben Old", "Absent"),
        ("*", "Absent"),
    ],
)
async def test_a_mailbox_is_one_user_or_none(world: World, name: str, expected: str) -> None:
    """F31: address, old address, nickname; a nickname that two users have names neither."""
    answer = await world.sources.directory.user_by_mailbox(name)

    assert expected == found_id(answer)
    if isinstance(answer, Unavailable):
        assert ("ambiguous account: 2 users of that name", True) == (answer.cause, answer.lasting)


async def test_every_page_of_a_name_is_compared() -> None:
    """F31: the right one of 150 users of that name is on the second page."""
    users = [user(str(uuid4()), "sam", f"d{n}.contoso.com") for n in range(150)]
    async with new_world(TENANT | {"users": users}) as world:
        answer = await world.sources.directory.user_by_name("d149.contoso.com", "sam")

    assert users[149]["id"] == found_id(answer)


async def test_a_service_that_ignores_the_filter_finds_nobody() -> None:
    """Rows are compared again on this side, look-alikes included."""
    tenant = TENANT | {"users": [user(ANN, "\u212aim")]}
    async with new_world(tenant) as world:
        answers = [
            await world.sources.directory.user_by_name("contoso.com", name) for name in ("kim", "\u212aim")
        ]

    assert ["Absent", ANN] == [found_id(answer) for answer in answers]


@pytest.mark.parametrize(
    "name", ["a" * 257, "a" * 1_000_000, "a\u202eb", "a\u200bb", "a\0b", "a\nb", "", " "]
)
@pytest.mark.parametrize("question", ["user_by_sid", "user_by_upn", "user_by_mailbox", "device_named"])
async def test_a_name_that_no_real_account_has_is_not_asked_for(
    world: World, name: str, question: str
) -> None:
    """Unknown at once, for good, and without a call."""
    ask = getattr(world.sources.directory, question)

    answer = await ask(name)

    assert isinstance(answer, Unavailable)
    assert (True, 0) == (answer.lasting, world.called())


async def test_groups_are_transitive_and_roles_say_their_way(world: World) -> None:
    """A role through a group of a group, a direct one, and one that is only eligible."""
    directory = world.sources.directory

    groups = await directory.groups_of(ANN)
    assert isinstance(groups, Found)
    assert {Group(INNER, "Inner"), Group(OUTER, "Outer")} == set(groups.value)
    assert Found(
        (DirectoryRole("Exchange Administrator", "Outer"), DirectoryRole("Security Reader", "direct"))
    ) == await directory.roles_of(ANN)
    assert Found((DirectoryRole("Security Reader", "eligible"),)) == await directory.roles_of(BEN)


async def test_every_page_of_groups_is_read() -> None:
    """More groups than Graph lists on one page."""
    groups = [{"id": str(uuid4()), "displayName": f"G{n}", "members": [ANN]} for n in range(1_050)]
    async with new_world(TENANT | {"groups": groups}) as world:
        answer = await world.sources.directory.groups_of(ANN)

    assert isinstance(answer, Found)
    assert {f"G{n}" for n in range(1_050)} == {group.display_name for group in answer.value}


async def test_a_tenant_without_the_licence_is_not_asked_for_eligible_roles() -> None:
    """The settings say so; a refusal of that one call would hide the roles that are there."""
    async with new_world(TRIAGE_IDENTITY_PROTECTION="none") as world:
        world.order(FaultKind.STATUS, status=403, path="*Eligibility*")

        assert isinstance(await world.sources.directory.roles_of(ANN), Found)


async def test_risk_is_found_absent_or_unknown(world: World) -> None:
    """No record means never at risk."""
    directory = world.sources.directory

    assert Found(Risk("high", "atRisk")) == await directory.risk_of(ANN)
    assert Absent("Microsoft Graph") == await directory.risk_of(BEN)
    assert isinstance(await directory.risk_of("ben@contoso.com"), Unavailable)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("riskLevel", "hidden"),
        ("riskLevel", "unknownFutureValue"),
        ("riskLevel", "critical"),
        ("riskLevel", None),
        ("riskState", "unknownFutureValue"),
        ("riskState", 7),
        ("isProcessing", True),
    ],
)
async def test_a_risk_that_says_nothing_is_unknown(world: World, name: str, value: object) -> None:
    """F32: hidden, of tomorrow, or not worked out yet."""
    world.order(FaultKind.SET, path="*riskyUsers*", pointer=f"/{name}", value=value)

    assert isinstance(await world.sources.directory.risk_of(ANN), Unavailable)


async def test_a_device_is_one_or_unknown(world: World) -> None:
    """Two devices of one name are neither."""
    directory = world.sources.directory
    answers = [await directory.device_named(name) for name in ("exch01", "TWIN", "none")]

    assert isinstance(answers[0], Found)
    assert ("ServerAd", True, None) == (
        answers[0].value.trust_type,
        answers[0].value.is_compliant,
        answers[0].value.is_managed,
    )
    assert ["Unavailable", "Absent"] == [type(answer).__name__ for answer in answers[1:]]


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("sid", "User.Read.All"),
        ("groups", "GroupMember.Read.All"),
        ("roles", "RoleManagement.Read.Directory|GroupMember.Read.All"),
        ("risk", "IdentityRiskyUser.Read.All .Microsoft Graph. or the Entra ID P2 licence"),
        ("device", "Device.Read.All"),
    ],
)
async def test_a_missing_permission_is_named_and_asked_once(world: World, question: str, words: str) -> None:
    """F29: one call, no repeat, never "no risk"; the permission's name and how long a grant takes."""
    world.order(FaultKind.STATUS, status=403)

    answer = await QUESTIONS[question](world.sources.directory)

    assert isinstance(answer, Unavailable)
    assert (True, 1, []) == (answer.lasting, world.called(), world.waits)
    assert any(
        word.replace(".Microsoft Graph.", "(Microsoft Graph)") in answer.cause for word in words.split("|")
    )
    assert "24 h" in answer.cause


FAULTS: list[dict[str, Any]] = [
    *({"kind": FaultKind.STATUS, "status": status} for status in (400, 401, 403, 408, 429, 500, 503, 504)),
    {"kind": FaultKind.STATUS, "status": 401, "claims": True},
    {"kind": FaultKind.STATUS, "status": 429, "retry_after": "86400"},
    {"kind": FaultKind.STATUS, "status": 503, "retry_after": "abc"},
    *({"kind": kind} for kind in (FaultKind.RESET, FaultKind.CUT_OFF, FaultKind.HTML, FaultKind.MALFORMED)),
    *({"kind": kind} for kind in (FaultKind.REDIRECT, FaultKind.HUGE, FaultKind.BOMB)),
]


@pytest.mark.parametrize("question", QUESTIONS)
async def test_whatever_fails_is_unknown(world: World, question: str) -> None:
    """F28 to F36, F65, F66: never an error, never absent, never an empty list, no token to another host."""
    assert isinstance(await QUESTIONS[question](world.sources.directory), Found)
    for fault in FAULTS:
        world.order(**fault)

        answer = await QUESTIONS[question](world.sources.directory)

        assert isinstance(answer, Unavailable), fault
        assert sum(world.waits) <= 60
    assert 0 == world.called("foreign")


async def test_waits_without_retry_after_grow(world: World) -> None:
    """F28: then the answer is there."""
    world.order(FaultKind.STATUS, status=429, times=2)

    answer = await world.sources.directory.user_by_upn("ben@contoso.com")

    assert (BEN, [0.5, 1.0]) == (found_id(answer), world.waits)


@pytest.mark.parametrize("claims", [False, True])
async def test_401_gets_one_new_token(world: World, *, claims: bool) -> None:
    """F36, F44: asked twice, and then the answer is there."""
    world.order(FaultKind.STATUS, status=401, claims=claims, times=1)

    answer = await world.sources.directory.user_by_upn("ben@contoso.com")

    assert (BEN, 2) == (found_id(answer), world.called())


@pytest.mark.parametrize("question", ["sid", "name", "groups", "device"])
async def test_a_link_to_another_host_is_not_followed(world: World, question: str) -> None:
    """F35: unknown, and nobody there ever saw the token."""
    world.order(FaultKind.FOREIGN_LINK)

    answer = await QUESTIONS[question](world.sources.directory)

    assert isinstance(answer, Unavailable)
    assert 0 == world.called("foreign")


@pytest.mark.parametrize(
    ("question", "pointers"),
    [
        ("sid", ["/value/0/id", "/value/0/userPrincipalName", "/value/0/accountEnabled", "/value/0/mail"]),
        ("sid", ["/value/0/createdDateTime", "/value/0/onPremisesSecurityIdentifier", "/value"]),
        ("groups", ["/value", "/value/0/id"]),
        ("roles", ["/value", "/value/0/roleDefinition"]),
        ("risk", ["/riskLevel", "/riskState"]),
        ("device", ["/value", "/value/0/displayName", "/value/0/isCompliant"]),
    ],
)
async def test_a_field_that_is_missing_or_of_the_wrong_type_is_unknown(
    world: World, question: str, pointers: list[str]
) -> None:
    """F25: never a default."""
    for pointer in pointers:
        for value in ("drop", 7, {}, [7]):
            kind = FaultKind.DROP if value == "drop" else FaultKind.SET
            world.order(kind, service="graph", pointer=pointer, value=value)

            answer = await QUESTIONS[question](world.sources.directory)

            assert isinstance(answer, Unavailable), (pointer, value)


async def test_health_names_every_missing_permission(world: World) -> None:
    """F29, F21: one refused permission is red and named, the others are green; an outage is neither."""
    workspace = world.clients._settings.workspaces[0]
    green = await check_permissions(world.clients, workspace)
    world.order(FaultKind.STATUS, status=403, path="*riskyUsers*")
    world.order_also(FaultKind.STATUS, status=503, service="logs")
    mixed = {one.name: (one.granted, one.words) for one in await check_permissions(world.clients, workspace)}

    assert {True} == {one.granted for one in green}
    by_state = {state: [name for name, (one, _) in mixed.items() if one is state] for state in (False, None)}
    assert ["IdentityRiskyUser.Read.All (Microsoft Graph) or the Entra ID P2 licence"] == by_state[False]
    assert ["the role Log Analytics Reader on the workspace"] == by_state[None]
    assert "24 h" in mixed[by_state[False][0]][1]


@given(st.text())
def test_any_text_in_a_filter_stays_text(value: str) -> None:
    """I14: the filter has the structure it has with x in its place, and says that very text."""
    assert Comparison("displayName", "eq", value) == parse_filter(equal("displayName", value))
    assert AnyOf("proxyAddresses", "x", Comparison("x", "eq", value)) == parse_filter(
        any_equal("proxyAddresses", value)
    )


@pytest.mark.parametrize(
    "name", ["a'b", "a''b", "a+b", "a&b", "a%27b", "a#b", "a?b", "a b", "aéb", "a\\b", 'a"b', "x=1"]
)
async def test_a_name_reaches_the_service_as_it_is(name: str) -> None:
    """The SDK's encoding carries every character of a name."""
    async with new_world(TENANT | {"users": [user(BEN, name), user(ANN, "other")]}) as world:
        answer = await world.sources.directory.user_by_name("contoso.com", name)

    assert BEN == found_id(answer)
