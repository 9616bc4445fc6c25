"""Reading grants, the register of changes, and the analytics rule, each by itself."""

import base64
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from fakes import fake_policy
from performing import ORGANISATION

from playbooks.mailbox_role_grant import PLAYBOOK
from playbooks.mailbox_role_grant.changes import ChangeRow, InvalidChange, read_change
from playbooks.mailbox_role_grant.grants import Grant, GrantKind, Reading, named_account, read_events
from playbooks.mailbox_role_grant.scenarios.staging import exchange_shell
from playbooks.model import ProcessEvent, WatchlistItem
from playbooks.who.accounts import RunnerKind
from simulator.catalogues import RULE_FILES
from simulator.eventstore import EventStore
from simulator.rules import Rule, RuleHit, load_rule, run

POLICY = fake_policy(ORGANISATION.tenant(), rule_ids=PLAYBOOK.rule_ids)
NOON = datetime(2025, 11, 18, 12, tzinfo=UTC)
IMAGE = r"C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe"
ASSIGNMENT = "New-ManagementRoleAssignment -Role 'Mailbox Import Export' -User kim@contoso.com"
MEMBERSHIP = "Add-RoleGroupMember 'Mailbox Export Operators' -Member kim@contoso.com"
SID = "S-1-5-21-1-2-3-1001"
ROW = {
    "ChangeId": "CHG1",
    "GranterSid": SID,
    "GranteeSid": "s-1-5-21-1-2-3-1002",
    "RoleOrGroup": "Mailbox Import Export",
    "Hosts": "exch01; EXCH02.contoso.com",
    "ValidFrom": "2025-11-01T00:00:00Z",
    "ValidTo": "2025-11-30T00:00:00+01:00",
    "Approver": "board@contoso.com",
}


def reading(text: str, *, image: str = IMAGE) -> Reading:
    """One process of that command line."""
    event = ProcessEvent(
        time=NOON,
        dvc_hostname="EXCH01",
        dvc_fqdn="EXCH01.contoso.com",
        target_process_name=image,
        target_process_command_line=text,
    )
    (read,) = read_events((event,), POLICY)
    return read


def typed(script: str) -> Reading:
    """The script in an Exchange shell."""
    return reading(exchange_shell(script))


# --- grants ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "script",
    [
        ASSIGNMENT,
        "new-managementroleassignment -ROLE 'mailbox import export' -user kim@contoso.com",
        "New-ManagementRoleAssignment -User kim@contoso.com -Role 'Mailbox Import Export' -Name 'CHG 1'",
        f"{ASSIGNMENT} -Confirm:$false",
        f"{ASSIGNMENT}; Get-ManagementRoleAssignment -Role 'Mailbox Import Export'",
    ],
)
def test_a_plain_assignment_is_read(script: str) -> None:
    """Whole parameter names and plain values, in any order and case."""
    read = typed(script)

    (grant,) = read.grants
    assert (GrantKind.ROLE, "mailbox import export", "kim@contoso.com", "") == (
        grant.kind,
        grant.given.lower(),
        grant.grantee,
        grant.doubt,
    )
    assert () == read.flags


@pytest.mark.parametrize(
    "script",
    [
        MEMBERSHIP,
        "Add-RoleGroupMember -Identity 'Mailbox Export Operators' -Member 'kim@contoso.com'",
        "Add-ADGroupMember -Members kim@contoso.com -Identity 'Mailbox Export Operators'",
    ],
)
def test_a_plain_membership_is_read(script: str) -> None:
    """By Exchange's cmdlet and by Active Directory's."""
    read = typed(script)

    assert [(GrantKind.MEMBER, "Mailbox Export Operators", "kim@contoso.com")] == [
        (grant.kind, grant.given, grant.grantee) for grant in read.grants
    ]
    assert () == tuple(flag for flag in read.flags if "Add-" not in flag.detail)


@pytest.mark.parametrize(
    "script",
    [
        "New-ManagementRoleAssignment -Role 'Mailbox Import Export' -User:kim@contoso.com",
        "New-ManagementRoleAssignment -Role 'Mailbox Import Export' -Us kim@contoso.com",
        "New-ManagementRoleAssignment -Role 'Mailbox Import Export' -User $who",
        "New-ManagementRoleAssignment -Role 'Mailbox Import Export' -User (Get-Content x)",
        "New-ManagementRoleAssignment -Role 'Mailbox Import Export' -User kim@contoso.com,eve@contoso.com",
        f"{ASSIGNMENT} -User eve@contoso.com",
        "New-ManagementRoleAssignment -Role 'Mailbox  Import Export' -User kim@contoso.com",
        "New-ManagementRoleAssignment -Role 'Mailbox Import Export' -SecurityGroup kim@contoso.com",
        "New-ManagementRoleAssignment -Role 'Mailbox Import Export' -User kim@contoso.com -Delegating",
        "New-ManagementRoleAssignment -Role 'Mailbox Import Export'",
        "New-ManagementRoleAssignment @splat",
        "New-ManagementRoleAssignment 'x' -Role 'Mailbox Import Export' -User kim@contoso.com",
        f"Get-User eve | {ASSIGNMENT}",
        f"1..3 | ForEach-Object {{ {ASSIGNMENT} }}",
        f"{ASSIGNMENT} | Out-Null",
        f"if ($true) {{ {MEMBERSHIP} }}",
        f"{MEMBERSHIP} -BypassSecurityGroupManagerCheck",
        f"{ASSIGNMENT}; {MEMBERSHIP}",
        f"{ASSIGNMENT}; C:\\Temp\\x.ps1",
        f"{ASSIGNMENT}; evil\\Add-RoleGroupMember a -Member b",
        "& ('New-Management'+'RoleAssignment') -Role 'Mailbox Import Export' -User kim@contoso.com",
        "New-Management`RoleAssignment -Role 'Mailbox Import Export' -User kim@contoso.com",
        "$c='New-ManagementRoleAssignment'; & $c -Role 'Mailbox Import Export' -User kim@contoso.com",
        "Update-RoleGroupMember 'Mailbox Export Operators' -Members kim@contoso.com",
        "New-RoleGroup x -Roles 'Mailbox Import Export' -Members kim@contoso.com",
        "net group 'Mailbox Export Operators' kim /add /domain",
        f"cmd /c {MEMBERSHIP.replace(chr(39), '')}",
        "Set-Alias g Add-RoleGroupMember; g 'Mailbox Export Operators' -Member kim@contoso.com",
    ],
)
def test_whatever_a_shell_could_take_otherwise_is_doubted(script: str) -> None:
    """A doubt or a flag, never a clean grant: nobody may close by it."""
    read = typed(script)

    assert read.flags or any(grant.doubt for grant in read.grants), read.grants


def test_a_pipe_into_a_grant_is_doubted_where_it_feeds_it() -> None:
    """What stands before the grant may feed it: the grant is doubted by its own text or flagged."""
    read = typed("'Organization Management' | Add-RoleGroupMember -Member kim@contoso.com")

    assert read.grants[0].doubt


@pytest.mark.parametrize(
    ("text", "image"),
    [
        (
            f'C:\\Windows\\System32\\cmd.exe /c powershell -Command "{ASSIGNMENT}"',
            r"C:\Windows\System32\cmd.exe",
        ),
        (f'powershell.exe -Command "{ASSIGNMENT}"', r"C:\Windows\System32\other.exe"),
        (f'powershell.exe -Command "{ASSIGNMENT}"', r"C:\Temp\powershell.exe"),
        (f'powershell.exe -Command "{ASSIGNMENT}"', ""),
        (ASSIGNMENT, IMAGE),
        ("cmd /c Add-RoleGroupMember Operators -Member kim@contoso.com", r"C:\Windows\System32\cmd.exe"),
        ("Add-RoleGroupMember.bat Operators -Member kim@contoso.com", r"C:\Windows\System32\cmd.exe"),
    ],
)
def test_a_grant_counts_in_powershell_itself_alone(text: str, image: str) -> None:
    """Not below cmd, not in a renamed or misplaced copy, not in a program that is called like the cmdlet."""
    read = reading(text, image=image)

    assert read.flags or any(grant.doubt for grant in read.grants)


def test_an_encoded_grant_is_read_and_flagged() -> None:
    """It counts as a grant, and its flag stays."""
    hidden = base64.b64encode(ASSIGNMENT.encode("utf-16-le")).decode()
    read = reading(f"powershell.exe -enc {hidden}")

    assert [GrantKind.ROLE] == [grant.kind for grant in read.grants]
    assert "command_encoded" in {flag.flag for flag in read.flags}


def test_a_grant_that_is_only_spelled_is_flagged() -> None:
    """A text that names the cmdlet and is not read as one is never passed over."""
    read = typed("Invoke-Expression ('New-ManagementRole' + 'Assignment ' + $rest)")

    assert read.flags


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("kim@contoso.com", RunnerKind.ACCOUNT),
        ("CONTOSO\\kim", RunnerKind.ACCOUNT),
        ("contoso.com\\kim", RunnerKind.ACCOUNT),
        ("S-1-5-21-1-2-3-1001", RunnerKind.ACCOUNT),
        ("CONTOSO\\exch01$", RunnerKind.DOLLAR),
        ("kim", None),
        ("Kim Novak", None),
        ("OTHER\\kim", None),
        ("kim@contoso.com@x", None),
        ("@contoso.com", None),
        ("S-1-5-18", None),
        ("", None),
    ],
)
def test_only_a_name_of_one_account_names_a_grantee(text: str, kind: RunnerKind | None) -> None:
    """UPN, a domain's name or SID; a bare name may be several's."""
    named = named_account(text, POLICY)

    assert kind == (named.kind if named is not None else None)


def test_a_grant_without_a_doubt_names_both_sides() -> None:
    """What is not read whole carries words that say why."""
    assert Grant(kind=GrantKind.OTHER).doubt == ""
    for script in ("Add-RoleGroupMember x", "New-ManagementRoleAssignment -User a@b", "Set-RoleGroup x"):
        assert all(grant.doubt for grant in typed(script).grants)


# --- the register ----------------------------------------------------------------------------------


def change(**cells: str) -> ChangeRow | InvalidChange:
    """A row with these cells."""
    return read_change(WatchlistItem(cells={**ROW, **cells}, updated=NOON), POLICY)


def test_a_row_is_read() -> None:
    """SIDs in capitals, short hosts completed, times with their zone."""
    row = change()

    assert isinstance(row, ChangeRow)
    assert "S-1-5-21-1-2-3-1002" == row.grantee_sid
    assert frozenset({"exch01.contoso.com", "exch02.contoso.com"}) == row.hosts
    assert row.valid_to == datetime(2025, 11, 29, 23, tzinfo=UTC)
    assert row.is_recent(NOON + timedelta(hours=23))
    assert row.is_recent(NOON - timedelta(days=3))
    assert not row.is_recent(NOON + timedelta(hours=24))


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        *((column, "") for column in ROW),
        *((column, "*") for column in ROW),
        ("GranterSid", "CONTOSO\\kim"),
        ("GranterSid", "S-1-5-18"),
        ("GranteeSid", "S-1-5-32-544"),
        ("Hosts", "192.0.2.7"),
        ("Hosts", "exch*.contoso.com"),
        ("Hosts", ";"),
        ("ValidFrom", "2025-11-01"),
        ("ValidTo", "soon"),
        ("ValidTo", "2025-10-01T00:00:00Z"),
    ],
)
def test_a_row_with_a_problem_approves_nothing(column: str, cell: str) -> None:
    """It is told with its problem and never used."""
    row = change(**{column: cell})

    assert isinstance(row, InvalidChange)
    assert column in " ".join(row.problems)


# --- the rule --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def store() -> Iterator[EventStore]:
    """One store for all tests here; each empties it first."""
    opened = EventStore()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def rule() -> Rule:
    """The analytics rule."""
    return load_rule(RULE_FILES["grant"].path)


def event(text: str, clock: str = "10:05", **cells: object) -> dict[str, object]:
    """One process on EXCH01."""
    return {
        "TimeGenerated": f"2025-11-18T{clock}:00Z",
        "EventType": "ProcessCreated",
        "EventVendor": "Microsoft",
        "EventProduct": "Security Events",
        "DvcHostname": "EXCH01.contoso.com",
        "DvcFQDN": "EXCH01.contoso.com",
        "ActorUsername": "CONTOSO\\exadmin1",
        "ActorUserId": SID,
        "ActingProcessName": r"C:\Windows\System32\cmd.exe",
        "TargetProcessName": IMAGE,
        "TargetProcessCommandLine": text,
        **cells,
    }


def hits(store: EventStore, rule: Rule, *events: dict[str, object]) -> tuple[RuleHit, ...]:
    """What the rule sees of one day."""
    store.clear()
    store.add_process_events(events)
    day = datetime(2025, 11, 18, tzinfo=UTC)
    return run(rule, store, start=day, end=day + timedelta(days=1))


def encoded(script: str) -> str:
    """A command line with the script as PowerShell encodes it."""
    return f"powershell.exe -NoP -enc {base64.b64encode(script.encode('utf-16-le')).decode()}"


@pytest.mark.parametrize(
    "text",
    [
        f'powershell.exe -Command "{ASSIGNMENT}"',
        f'powershell.exe -Command "{MEMBERSHIP}"',
        "powershell.exe -c Update-RoleGroupMember x -Members y",
        "powershell.exe -c New-RoleGroup x -Roles 'Mailbox Import Export'",
        "powershell.exe -c New-ManagementRole x -Parent 'Mailbox Import Export'",
        "powershell.exe -c Set-ManagementRoleAssignment x -Enabled $true",
        "powershell.exe -c Add-ADGroupMember 'Mailbox Export Operators' -Members y",
        "powershell.exe -c Add-ADGroupMember 'Organization Management' -Members y",
        'net group "Mailbox Export Operators" y /add /domain',
        'net1.exe localgroup "Exchange Trusted Subsystem" y /ADD',
        "powershell.exe -c New-Management`RoleAssignment -Role x",
        "powershell.exe -c & ('New-Management'+'RoleAssignment') -Role x",
        "powershell.exe -c New–ManagementRoleAssignment -Role x",
        'powershell.exe -c New-Manage"ment"RoleAssignment -Role x',
        "cmd /c powershell Add-^Role^Group^Member x",
        encoded(ASSIGNMENT),
        encoded(MEMBERSHIP.upper()),
        encoded(f"{ASSIGNMENT} # Müller"),
        encoded(f"#ü\n{MEMBERSHIP}"),
        encoded(f"# ü\n{MEMBERSHIP}"),
        encoded(f"#  ü\n{MEMBERSHIP.lower()}"),
    ],
)
def test_the_rule_sees_every_way_to_hand_out_a_role(store: EventStore, rule: Rule, text: str) -> None:
    """Plain, split, encoded, by Exchange, by Active Directory and by net."""
    (hit,) = hits(store, rule, event(text))

    assert "exch01.contoso.com" == hit.host
    assert hit.account
    assert ("exadmin1", "CONTOSO", SID) == (hit.account.name, hit.account.nt_domain, hit.account.sid)


@pytest.mark.parametrize(
    "text",
    [
        "powershell.exe -c Get-ManagementRoleAssignment -GetEffectiveUsers",
        "powershell.exe -c Get-RoleGroupMember 'Mailbox Export Operators'",
        "powershell.exe -c Remove-RoleGroupMember x -Member y",
        "powershell.exe -c Add-ADGroupMember 'Sales' -Members y",
        'net group "Sales" y /add /domain',
        'net group "Mailbox Export Operators"',
        encoded("Get-Date; Get-Process"),
    ],
)
def test_the_rule_leaves_alone_what_hands_out_nothing(store: EventStore, rule: Rule, text: str) -> None:
    """Reading roles, taking them away, other groups."""
    assert () == hits(store, rule, event(text))


def test_grants_of_a_quarter_of_an_hour_are_one_row(store: EventStore, rule: Rule) -> None:
    """With the first grant's account, and how many there are."""
    first, later = event(MEMBERSHIP, "10:05"), event(ASSIGNMENT, "10:12", ActorUsername="CONTOSO\\other")
    (hit,) = hits(store, rule, first, later)

    assert ("2", "CONTOSO\\exadmin1") == (hit.custom_details["Grants"], hit.custom_details["GrantAccount"])
    assert [5, 12] == [hit.start.minute, hit.end.minute]
    assert 2 == len(hits(store, rule, first, event(ASSIGNMENT, "10:40")))


def test_the_rule_keeps_sentinels_limits(rule: Rule) -> None:
    """10,000 characters, short details; no run sees a grant after triage may have closed its incident."""
    assert len(rule.query) < 10_000
    assert len(rule.custom_details) <= 20
    assert rule.query_period
    assert rule.query_period < timedelta(minutes=75)


def test_the_policy_is_left_as_it_was() -> None:
    """The tests here judge by the rules of this playbook alone."""
    assert PLAYBOOK.rule_ids == replace(POLICY).rule_ids
