"""Who ran a process: names, SIDs, computer accounts, and the one directory user behind them."""

import pytest
from fakes import FakeDirectory, fake_policy, fake_user
from worlds import ADMIN_SID, DOMAIN_SID, JOB_SID, TENANT, event

from playbooks.model import Found, ProcessEvent, Unavailable
from playbooks.who.account_lookups import ask_about_runners, find_runners
from playbooks.who.accounts import (
    Runner,
    RunnerKind,
    has_identity_conflict,
    parse_run_as,
    runner_of,
)
from playbooks.who.identities import (
    Identity,
    RunnerLookups,
    identify,
    is_run_as,
    is_service_account,
)
from playbooks.who.parents import is_scheduler, is_suspicious, is_unknown

POLICY = fake_policy(TENANT)


def ran(actor: str, actor_id: str = "", target: str = "", target_id: str = "") -> ProcessEvent:
    """An event on EXCH01 with these accounts."""
    return event(
        "x", "2024-11-18 21:00", actor_username=actor, actor_user_id=actor_id,
        target_username=target, target_user_id=target_id,
    )  # fmt: skip


async def known_as(
    actor: str,
    actor_id: str = "",
    *,
    broken: frozenset[str] = frozenset(),
    computers: frozenset[str] = frozenset(),
) -> Identity:
    """The identity of an event's runner."""
    runner = runner_of(ran(actor, actor_id), POLICY)
    directory = FakeDirectory(TENANT, broken=broken)
    found = await find_runners((runner,), directory, POLICY)
    (asked,) = await ask_about_runners(found, directory, POLICY)
    return identify(asked, POLICY, computers=computers)


@pytest.mark.parametrize(
    ("accounts", "kind", "name"),
    [
        ((r"NT AUTHORITY\SYSTEM", "", r"CONTOSO\svc-job", ""), RunnerKind.ACCOUNT, "svc-job"),
        ((r"CONTOSO\EXCH01$", "S-1-5-18", r"CONTOSO\svc-job", "S-1-0-0"), RunnerKind.ACCOUNT, "svc-job"),
        ((r"CONTOSO\admin", "", "", ""), RunnerKind.ACCOUNT, "admin"),
        ((r"CONTOSO\admin", "", "-", "S-1-0-0"), RunnerKind.ACCOUNT, "admin"),
        ((r"CONTOSO\admin", "", "-\\-", "S-1-0-0"), RunnerKind.ACCOUNT, "admin"),
        ((r"CONTOSO\admin", "", "Nobody", ""), RunnerKind.ACCOUNT, "admin"),
        ((r"CONTOSO\admin", "", "Local System", ""), RunnerKind.ACCOUNT, "admin"),
        ((r"CONTOSO\EXCH01$", "S-1-5-18", "-", "S-1-0-0"), RunnerKind.SYSTEM, "exch01$"),
        ((r"CONTOSO\exch01$", "", "", ""), RunnerKind.SYSTEM, "exch01$"),
        ((r"NT AUTHORITY\SYSTEM", "", "", ""), RunnerKind.SYSTEM, "system"),
        (("", "S-1-5-18", "", ""), RunnerKind.SYSTEM, ""),
        ((r"CONTOSO\EXCH01$", "S-1-5-20", "-", ""), RunnerKind.NETWORK_SERVICE, "exch01$"),
        ((r"CONTOSO\EXCH02$", "", "", ""), RunnerKind.DOLLAR, "exch02$"),
        ((r"FABRIKAM\EXCH01$", "", "", ""), RunnerKind.DOLLAR, "exch01$"),
        ((r"CONTOSO\gmsa-x$", f"{DOMAIN_SID}-9", "", ""), RunnerKind.DOLLAR, "gmsa-x$"),
        (("admin@contoso.com", "", "", ""), RunnerKind.ACCOUNT, "admin"),
        ((ADMIN_SID, "", "", ""), RunnerKind.ACCOUNT, ""),
        (("", "", "", ""), RunnerKind.NOBODY, ""),
        (("-", "S-1-0-0", "-", "S-1-0-0"), RunnerKind.NOBODY, ""),
    ],
)
def test_the_runner_is_the_target_if_it_names_an_account_else_the_actor(
    accounts: tuple[str, str, str, str], kind: RunnerKind, name: str
) -> None:
    """Every spelling of nobody, of SYSTEM and of the host's own account."""
    runner = runner_of(ran(*accounts), POLICY)

    assert (kind, name) == (runner.kind, runner.name)


@pytest.mark.parametrize(
    ("accounts", "conflict"),
    [
        ((r"NT AUTHORITY\SYSTEM", "", r"CONTOSO\svc-job", ""), False),
        ((r"CONTOSO\EXCH01$", "S-1-5-18", r"CONTOSO\svc-job", ""), False),
        ((r"CONTOSO\EXCH01$", "S-1-5-20", r"CONTOSO\svc-job", ""), False),
        ((r"CONTOSO\svc-job", "", r"contoso.com\SVC-JOB", ""), False),
        ((r"CONTOSO\admin", "", "-", ""), False),
        ((r"CONTOSO\admin", "", r"CONTOSO\svc-job", ""), True),
        ((r"CONTOSO\svc-job", ADMIN_SID, r"CONTOSO\svc-job", JOB_SID), True),
        ((r"CONTOSO\EXCH02$", "", r"CONTOSO\svc-job", ""), True),
        ((r"EXCH01\svc-job", "", r"CONTOSO\svc-job", ""), True),
        ((r"CONTOSO\admin", "", r"NT AUTHORITY\SYSTEM", ""), True),
    ],
)
def test_a_stranger_as_the_starter_is_a_conflict(accounts: tuple[str, str, str, str], conflict: bool) -> None:
    """Only SYSTEM, NETWORK SERVICE and the host itself start processes for others."""
    assert conflict is has_identity_conflict(ran(*accounts), POLICY)


@pytest.mark.parametrize(
    ("name", "sid"),
    [(r"CONTOSO\svc-job", "S-1-5-18"), (r"CONTOSO\EXCH02$", "S-1-5-18"), (r"CONTOSO\admin", "S-1-5-20")],
)
def test_the_sid_of_system_makes_no_other_account_system(name: str, sid: str) -> None:
    """Name and SID that cannot belong together are told, and match no RunAs."""
    runner = runner_of(ran(name, sid), POLICY)

    assert runner.contradiction


@pytest.mark.parametrize(
    ("name", "sid"),
    [
        (r"CONTOSO\svc-job", JOB_SID),
        (r"contoso.com\SVC-JOB", JOB_SID),
        (r"CONTOSO\svc-job", ""),
        ("svc-job@contoso.com", ""),
        ("", JOB_SID),
        ("svc-job", JOB_SID),
    ],
)
async def test_one_user_stands_behind_each_spelling(name: str, sid: str) -> None:
    """By SID where there is one, else by domain and name, else by UPN."""
    identity = await known_as(name, sid)

    assert identity.found is not None
    assert "id-svc-job" == identity.found.id


@pytest.mark.parametrize(
    ("name", "sid"),
    [
        (r"CONTOSO\svc-job", ADMIN_SID),
        (r"FABRIKAM\svc-job", JOB_SID),
        (r"EXCH01\svc-job", ""),
        (r"EXCH01\svc-job", JOB_SID),
        ("svc-job", ""),
        (r"CONTOSO\svc-nobody", ""),
        (r"CONTOSO\svc-job", f"{DOMAIN_SID}-404"),
        ("CONTOSO\\svc-\u212aob", ""),
    ],
)
async def test_none_or_disagreeing_is_unknown(name: str, sid: str) -> None:
    """A name in another domain, a bare name, and a SID of somebody else are nobody we know."""
    assert (await known_as(name, sid)).found is None


async def test_a_name_under_another_sid_is_a_conflict() -> None:
    """The directory has that name, but not with the event's SID."""
    assert (await known_as(r"CONTOSO\svc-job", f"{DOMAIN_SID}-404")).conflict


def test_an_answer_under_another_sid_is_not_the_account() -> None:
    """The same name proves nothing: the SID that was asked for has to be the one that was answered."""
    runner = runner_of(ran(r"CONTOSO\svc-job", f"{DOMAIN_SID}-404"), POLICY)
    answered = Found(fake_user(TENANT["users"][0]))

    identity = identify(RunnerLookups(runner=runner, by_sid=answered), POLICY, computers=frozenset())
    assert identity.found is None
    assert identity.disagreement


async def test_an_outage_is_no_absence() -> None:
    """Could not look is not `not there`."""
    by_sid = await known_as(r"CONTOSO\svc-job", JOB_SID, broken=frozenset({"user_by_sid"}))
    by_name = await known_as(r"CONTOSO\svc-job", broken=frozenset({"user_by_name"}))

    assert isinstance(by_sid.user, Unavailable)
    assert isinstance(by_name.user, Unavailable)


async def test_a_name_longer_than_any_account_is_not_looked_up() -> None:
    """A megabyte of name is `unknown`, at once."""
    identity = await known_as("CONTOSO\\" + "a" * 1_000_000)

    assert isinstance(identity.user, Unavailable)
    assert "name too long" == identity.user.cause


@pytest.mark.parametrize(
    ("name", "sid", "run_as", "matches"),
    [
        (r"CONTOSO\svc-job", "", JOB_SID, True),
        (r"CONTOSO\svc-job", JOB_SID, r"CONTOSO\svc-job", True),
        (r"CONTOSO\svc-gone", f"{DOMAIN_SID}-77", f"{DOMAIN_SID}-77", True),
        (r"CONTOSO\svc-gone", "", f"{DOMAIN_SID}-77", False),
        (r"CONTOSO\svc-gone", "", r"CONTOSO\svc-gone", False),
        (r"CONTOSO\gmsa-x$", f"{DOMAIN_SID}-78", f"{DOMAIN_SID}-78", True),
        (r"CONTOSO\gmsa-x$", "", r"CONTOSO\gmsa-x$", True),
        (r"CONTOSO\gmsa-x$", "", f"{DOMAIN_SID}-78", False),
        (r"CONTOSO\pc7$", "", r"CONTOSO\pc7$", False),
        (r"CONTOSO\admin", "", JOB_SID, False),
        (r"NT AUTHORITY\SYSTEM", "", "SYSTEM", True),
        (r"CONTOSO\EXCH01$", "S-1-5-18", "SYSTEM", True),
        (r"CONTOSO\EXCH01$", "S-1-5-20", "SYSTEM", False),
        (r"CONTOSO\svc-job", "S-1-5-18", "SYSTEM", False),
        (r"CONTOSO\svc-job", f"{DOMAIN_SID}-404", f"{DOMAIN_SID}-404", False),
    ],
)
async def test_run_as_matches_that_account_alone(name: str, sid: str, run_as: str, matches: bool) -> None:
    """A SID matches a SID; a bare name goes through the directory, but for a managed account."""
    identity = await known_as(name, sid, computers=frozenset({"pc7"}))

    assert matches is is_run_as(identity, parse_run_as(run_as, POLICY), POLICY)


@pytest.mark.parametrize(
    ("name", "service"),
    [
        (r"NT AUTHORITY\SYSTEM", True),
        (r"CONTOSO\gmsa-x$", True),
        (r"CONTOSO\svc-job", True),
        (r"CONTOSO\SVC-OTHER", True),
        (r"CONTOSO\admin", False),
    ],
)
async def test_service_accounts_are_told_from_people(name: str, service: bool) -> None:
    """By kind and by the pattern of the settings."""
    assert service is is_service_account(await known_as(name), POLICY)


@pytest.mark.parametrize(
    ("columns", "scheduler"),
    [
        ({}, True),
        (
            {"acting_process_command_line": '"C:\\Windows\\System32\\svchost.exe" -k netsvcs -p -s Schedule'},
            True,
        ),
        ({"acting_process_command_line": "svchost.exe -k netsvcs -p -s Winmgmt"}, False),
        ({"acting_process_command_line": "svchost.exe -k netsvcs -p -s ScheduleX"}, False),
        ({"acting_process_command_line": ""}, False),
        ({"acting_process_name": r"C:\Windows\SysWOW64\svchost.exe"}, False),
        ({"acting_process_name": r"C:\Windows\System32\x\..\svchost.exe"}, False),
        ({"acting_process_name": r"C:\Windows\explorer.exe"}, False),
    ],
)
def test_the_scheduler_is_system32s_svchost_with_its_service(
    columns: dict[str, str], scheduler: bool
) -> None:
    """By path and by `-s Schedule`."""
    assert scheduler is is_scheduler(event("x", "2024-11-18 21:00", **columns), POLICY)


@pytest.mark.parametrize(
    ("product", "accounts", "scheduler"),
    [
        ("Sysmon", (r"NT AUTHORITY\SYSTEM", "", r"CONTOSO\svc-job", ""), True),
        ("Sysmon", ("", "S-1-5-18", r"CONTOSO\svc-job", ""), True),
        ("Sysmon", (r"CONTOSO\EXCH01$", "", r"CONTOSO\svc-job", ""), True),
        ("Sysmon", (r"CONTOSO\EXCH02$", "", r"CONTOSO\svc-job", ""), False),
        ("Sysmon", ("", "", r"CONTOSO\svc-job", ""), True),
        ("Sysmon", (r"CONTOSO\svc-job", "", r"CONTOSO\svc-job", ""), False),
        ("Sysmon", (r"CONTOSO\admin", "S-1-5-18", r"CONTOSO\svc-job", ""), False),
        ("Sysmon", (r"NT AUTHORITY\NETWORK SERVICE", "", r"CONTOSO\svc-job", ""), False),
        ("Sysmon", (r"CONTOSO\EXCH01$", "S-1-5-20", r"CONTOSO\svc-job", ""), False),
        ("Sysmon", (r"CONTOSO\EXCH01$", "S-1-5-20", "-", ""), False),
        ("M365 Defender for Endpoint", (r"CONTOSO\svc-job", JOB_SID, r"CONTOSO\svc-job", JOB_SID), True),
        ("M365 Defender for Endpoint", (r"CONTOSO\svc-job", ADMIN_SID, r"CONTOSO\svc-job", JOB_SID), False),
        ("M365 Defender for Endpoint", (r"CONTOSO\EXCH01$", "S-1-5-20", r"CONTOSO\svc-job", JOB_SID), False),
        ("Security Events", (r"CONTOSO\svc-job", JOB_SID, "-", "S-1-0-0"), False),
    ],
)
def test_the_scheduler_s_command_line_counts_under_system_alone(
    product: str, accounts: tuple[str, str, str, str], scheduler: bool
) -> None:
    """Defender may give the task's account for both; NETWORK SERVICE is never a scheduler."""
    columns = ("actor_username", "actor_user_id", "target_username", "target_user_id")
    started = event(
        "x", "2024-11-18 21:00", event_product=product, **dict(zip(columns, accounts, strict=True))
    )

    assert scheduler is is_scheduler(started, POLICY)


@pytest.mark.parametrize(
    ("product", "actor", "sid", "scheduler"),
    [
        ("Security Events", r"CONTOSO\EXCH01$", "S-1-5-18", True),
        ("Security Events", r"CONTOSO\EXCH01$", "S-1-5-20", False),
        ("Security Events", r"CONTOSO\EXCH02$", "S-1-5-18", False),
        ("Security Events", r"CONTOSO\admin", "", False),
        ("Sysmon", r"CONTOSO\EXCH01$", "S-1-5-18", False),
    ],
)
def test_without_a_parent_command_line_the_host_must_be_the_actor(
    product: str, actor: str, sid: str, scheduler: bool
) -> None:
    """Event 4688 alone has none; elsewhere an empty one is missing evidence."""
    started = event(
        "x", "2024-11-18 21:00", event_product=product, actor_username=actor, actor_user_id=sid,
        acting_process_command_line="",
    )  # fmt: skip

    assert scheduler is is_scheduler(started, POLICY)


@pytest.mark.parametrize(
    "parent", ["w3wp", "WmiPrvSE", "wsmprovhost", "PSEXESVC", "services", "mshta", "WINWORD"]
)
def test_parents_that_attackers_use_are_suspicious(parent: str) -> None:
    """By the name of the file, with or without a path."""
    for path in (f"C:\\Windows\\System32\\{parent}.exe", f"{parent}.EXE"):
        assert is_suspicious(event("x", "2024-11-18 21:00", acting_process_name=path))


def test_an_empty_parent_is_unknown() -> None:
    """A parent that is not recorded is neither scheduler nor shell."""
    started = event("x", "2024-11-18 21:00", acting_process_name="", acting_process_command_line="")

    assert is_unknown(started, POLICY)
    assert not is_suspicious(started)


def test_runners_are_values() -> None:
    """The same columns give the same runner, whatever the letter case of the name."""
    assert {"svc-job"} == {
        runner_of(ran(name), POLICY).name for name in (r"CONTOSO\svc-job", r"contoso\SVC-JOB")
    }
    assert Runner(kind=RunnerKind.NOBODY) == runner_of(ran("-"), POLICY)
