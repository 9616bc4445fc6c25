"""Command lines, read: what is exported and removed, and what forbids trusting the reading."""

import base64
import json
from pathlib import Path

import costly
import pytest
from outside import CASES

from playbooks.command_line.command_values import (
    CommandFlag,
    CommandLine,
    Hole,
    HoleKind,
    RequestKind,
    Value,
)
from playbooks.command_line.commands import LONGEST, read_command_line

ROOT = Path(__file__).resolve().parent.parent

POWERSHELL = r"C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe"
BIN = r"C:\Program Files\Microsoft\Exchange Server\V15\bin"
START = f". '{BIN}\\RemoteExchange.ps1'; Connect-ExchangeServer -auto; "
TARGET = r"\\FS01\Exports$\a.pst"
EXPORT = f"New-MailboxExportRequest -Mailbox a -FilePath '{TARGET}'"
REMOVAL = (
    "Get-MailboxExportRequest -BatchName J -Status Completed | Remove-MailboxExportRequest -Confirm:$false"
)
POLL = "while(Get-MailboxExportRequest -BatchName J | ? {$_.Status -ne 'Completed'}){sleep 60}"
ALIAS = Hole(HoleKind.MAILBOX_PROPERTY, "$_.Alias")


def read(script: str) -> CommandLine:
    """A script as powershell.exe is given it."""
    escaped = script.replace('"', '\\"')
    return read_command_line(f'{POWERSHELL} -NoProfile -Command "{escaped}"', process_name=POWERSHELL)


def flags(line: CommandLine) -> set[CommandFlag]:
    """The flags a line raises."""
    return {raised.flag for raised in line.flags}


def encoded(script: str) -> str:
    """A script as -EncodedCommand takes it."""
    return base64.b64encode(script.encode("utf-16-le")).decode()


def literals(values: tuple[Value, ...]) -> tuple[str | None, ...]:
    """The literal of each value."""
    return tuple(value.literal for value in values)


def test_a_job_s_export_is_read_whole_and_raises_nothing() -> None:
    """Mailbox, target, name and batch of the usual line, with Exchange's own start script before it."""
    line = read(f"{START}{EXPORT} -Name J_a -BatchName J")

    (export,) = line.exports
    assert ("a",) == literals(export.mailboxes)
    assert (Value((TARGET,)), Value(("J_a",)), Value(("J",))) == (
        export.target,
        export.name,
        export.batch_name,
    )
    assert frozenset({"Mailbox", "FilePath", "Name", "BatchName"}) == export.parameters
    assert ((), (), False, False) == (line.flags, export.filters, export.record_suppressed, export.what_if)


def test_a_removal_through_the_pipeline_carries_what_get_selects() -> None:
    """Batch and status stand before the pipe and limit what is removed behind it."""
    (removal,) = read(REMOVAL).removals

    assert Value(("J",)) == removal.batch_name
    assert frozenset({"Completed"}) == removal.statuses
    assert (False, False, RequestKind.EXPORT) == (removal.unscoped, removal.unread_filter, removal.kind)


@pytest.mark.parametrize(
    "script",
    [
        f"New-MailboxExportRequest a -FilePath {TARGET}",
        f'New-MailboxExportRequest "a" -FilePath "{TARGET}"',
        f"new-MAILBOXexportREQUEST -mail:a -file:'{TARGET}'",
        f"New-MailboxExportRequest -FilePath:{TARGET} -Mailbox a",
        f"New-MailboxExportRequest `\n  -Mailbox a `\n\t-FilePath `\r\n '{TARGET}'",
        f"New-MailboxExportRequest –Mailbox “a” —FilePath ‘{TARGET}’",
        f"New-MailboxExportRequest\u00a0-Mailbox a -FilePath\u2003{TARGET}",
        f"<# -Mailbox x #> New-MailboxExportRequest <# y #> -Mailbox a -FilePath {TARGET} # -Mailbox z",
        f"New-MailboxExportRequest a -FilePath @'\n{TARGET}\n'@",
        f'New-MailboxExportRequest a -FilePath @"\n{TARGET}\n"@',
        f"New-MailboxExportRequest a -FilePath ('{TARGET}')",
        "New-MailboxExportRequest a -FilePath ('\\\\FS01\\' + 'Exports$' + \"\\a.pst\")",
        "New-MailboxExportRequest a -FilePath ('\\\\FS01\\{0}\\{1}.pst' -f 'Exports$','a')",
        f"$t = '{TARGET}'; New-MailboxExportRequest a -FilePath $t",
        "$r = '\\\\FS01\\Exports$'; New-MailboxExportRequest a -FilePath \"$r\\a.pst\"",
        f"$p = @{{Mailbox='a'; FilePath='{TARGET}'}}; New-MailboxExportRequest @p",
        f"& 'New-MailboxExportRequest' a -FilePath {TARGET}",
        f"& {{ New-MailboxExportRequest a -FilePath {TARGET} }}",
        f"Microsoft.Exchange.Management.PowerShell.E2010\\New-MailboxExportRequest a -FilePath {TARGET}",
        f"try {{ New-MailboxExportRequest a -FilePath {TARGET} -ea Stop }} catch {{ Write-Host $_ }}",
        f"if (Test-Path x) {{ $null = New-MailboxExportRequest a -FilePath {TARGET} }} else {{ exit 1 }}",
        f"New-MailboxExportRequest a -FilePath {TARGET} 2>$null | Out-Null",
        "'a' | % { New-MailboxExportRequest $_ -FilePath \"\\\\FS01\\Exports$\\$_.pst\" }",
        f"foreach ($m in 'a') {{ New-MailboxExportRequest $m -FilePath {TARGET} }}",
        f"'a' | New-MailboxExportRequest -FilePath {TARGET}",
        f"asnp Microsoft.Exchange.Management.PowerShell.E2010; New-MailboxExportRequest a -FilePath {TARGET}",
    ],
)
def test_every_honest_spelling_is_the_same_export(script: str) -> None:
    """However PowerShell lets it be written, mailbox and target come out the same, and nothing is flagged."""
    line = read(script)

    assert [(("a",), TARGET)] == [
        (literals(e.mailboxes), e.target and e.target.literal) for e in line.exports
    ]
    assert () == line.flags


@pytest.mark.parametrize(
    ("script", "parts"),
    [
        (r'"\\F\R$\$($_.Alias).pst"', ("\\\\F\\R$\\", ALIAS, ".pst")),
        (r"('\\F\R$\' + $_.Alias + '.pst')", ("\\\\F\\R$\\", ALIAS, ".pst")),
        (r"('\\F\R$\{0}.pst' -f $_.Alias)", ("\\\\F\\R$\\", ALIAS, ".pst")),
        (r'"\\F\R$\$($_.Name).pst"', ("\\\\F\\R$\\", Hole(HoleKind.UNKNOWN, "$_.Name"), ".pst")),
    ],
)
def test_a_property_of_the_mailbox_is_a_hole_of_its_kind(script: str, parts: tuple[str | Hole, ...]) -> None:
    """Alias and its like are fixed for each mailbox; the display name is anybody's text."""
    (export,) = read(f"Get-Mailbox | % {{ New-MailboxExportRequest $_.Alias -FilePath {script} }}").exports

    assert (Value(parts), (Value((ALIAS,)),)) == (export.target, export.mailboxes)


def test_a_loop_variable_over_mailboxes_counts_like_the_pipeline() -> None:
    """A loop over Get-Mailbox feeds $m as % feeds $_; a file's lines feed nothing that is known."""
    (mailbox,) = read(
        f"foreach($m in Get-Mailbox){{New-MailboxExportRequest $m.Guid -FilePath {TARGET}}}"
    ).exports
    (line,) = read(f"Get-Content x.txt | % {{New-MailboxExportRequest $_ -FilePath {TARGET}}}").exports

    assert [HoleKind.MAILBOX_PROPERTY] == [hole.kind for hole in mailbox.mailboxes[0].holes]
    assert [HoleKind.UNKNOWN] == [hole.kind for hole in line.mailboxes[0].holes]


@pytest.mark.parametrize(
    "loop",
    [
        "foreach($m in Get-Mailbox){{$p='{0}'; New-MailboxExportRequest $m.Guid -FilePath $p}}",
        "Get-Mailbox | % {{$p='{0}'; $_ | New-MailboxExportRequest -FilePath $p}}",
        "foreach($m in Get-Mailbox){{$a=@{{Mailbox=$m.Guid;FilePath='{0}'}}; New-MailboxExportRequest @a}}",
        "if($true){{$p='{0}'; New-MailboxExportRequest a -FilePath $p}}",
    ],
)
def test_what_a_block_sets_is_fixed_in_the_rest_of_it(loop: str) -> None:
    """Whether it runs once, often or never: where the next line runs, the line before has run."""
    (export,) = read(loop.format(TARGET)).exports

    assert export.target is not None
    assert TARGET == export.target.literal


@pytest.mark.parametrize(
    "script",
    [
        "foreach($m in 'a','b'){{New-MailboxExportRequest $m -FilePath $p; $p='{0}'}}",
        "if($x){{$p='{0}'}}; New-MailboxExportRequest a -FilePath $p",
        "foreach($m in 'a'){{$p='{0}'}}; New-MailboxExportRequest a -FilePath $p",
        "if($x){{$p='{0}'}} else {{New-MailboxExportRequest a -FilePath $p}}",
        "try{{$p='{0}'}} catch {{New-MailboxExportRequest a -FilePath $p}}",
        "foreach($m in 'a'){{if($x){{$p='{0}'}}; New-MailboxExportRequest $m -FilePath $p}}",
        "foreach($m in 'a'){{$p='{0}'; $p+='x'; New-MailboxExportRequest $m -FilePath $p}}",
        "foreach($m in 'a'){{$p='{0}'; sv p '\\\\evil\\x'; New-MailboxExportRequest $m -FilePath $p}}",
        "'a' | % -Begin {{$p='{0}'}} -Process {{New-MailboxExportRequest $_ -FilePath $p}}",
        "$b={{$p='{0}'}}; & $b; New-MailboxExportRequest a -FilePath $p",
    ],
)
def test_what_a_block_sets_is_known_nowhere_else(script: str) -> None:
    """Before it, after it, in another branch, or once something else may have changed it."""
    line = read(script.format(TARGET))

    fixed = [export.target and export.target.literal for export in line.exports]
    assert TARGET not in fixed or line.flags


def test_a_typed_text_is_a_text() -> None:
    """`[string]$p = '…'` sets it like any other; a second one, typed or not, makes it unknown."""
    (export,) = read(f"[string]$p='{TARGET}'; New-MailboxExportRequest a -FilePath $p").exports
    (twice,) = read(
        f"$p='{TARGET}'; [string]$p='\\\\evil\\x'; New-MailboxExportRequest a -FilePath $p"
    ).exports

    assert export.target is not None
    assert twice.target is not None
    assert (TARGET, None) == (export.target.literal, twice.target.literal)


def hidden(script: str, encoding: str = "utf-16-le", *, before: str = "", after: str = "") -> str:
    """Base64 of the script between other letters."""
    return base64.b64encode(f"{before}{script}{after}".encode(encoding)).decode()


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-8"])
@pytest.mark.parametrize("before", ["", ";", "a;", "ab;"])
@pytest.mark.parametrize(
    "wrapped",
    [
        "iex([Text.Encoding]::Unicode.GetString([Convert]::FromBase64String('{}')))",
        "$c='{}'; iex (decode $c)",
        "[ScriptBlock]::Create((decode '{}')).Invoke()",
        "Write-Host {}",
        "decode 'aaa{}'",
    ],
)
def test_base64_that_names_our_cmdlets_is_read_wherever_it_stands(
    wrapped: str, before: str, encoding: str
) -> None:
    """Something will decode it: it is shown, read, and never closable."""
    line = read(wrapped.format(hidden(EXPORT, encoding, before=before, after="; exit")))

    assert CommandFlag.ENCODED in {raised.flag for raised in line.flags}
    assert any("New-MailboxExportRequest" in script for script in line.decoded)
    assert TARGET in [export.target and export.target.literal for export in line.exports]


def test_base64_inside_base64_is_read_too() -> None:
    """Each layer as the one above it."""
    inner = f"iex (decode '{hidden(EXPORT)}')"
    line = read_command_line(f"{POWERSHELL} -enc {hidden(inner)}", process_name=POWERSHELL)

    assert TARGET in [export.target and export.target.literal for export in line.exports]


def test_other_base64_says_nothing() -> None:
    """A picture, a certificate, a script of somebody else's."""
    line = read(f"Write-Host {hidden('Get-Date; ' * 40)}")

    assert ((), ()) == (line.exports, line.decoded)
    assert CommandFlag.ENCODED not in {raised.flag for raised in line.flags}


def test_a_loop_over_a_literal_list_makes_one_export_for_each() -> None:
    """Each element is fixed by the text, so each export is."""
    line = read("foreach($m in 'a','b'){New-MailboxExportRequest $m -FilePath \"\\\\F\\R\\$m.pst\"}")

    assert [(("a",), r"\\F\R\a.pst"), (("b",), r"\\F\R\b.pst")] == [
        (literals(export.mailboxes), export.target and export.target.literal) for export in line.exports
    ]


@pytest.mark.parametrize(
    ("date", "kind"),
    [
        ("Get-Date -Format yyyyMMdd", HoleKind.DATE),
        ("Get-Date -f 'yyyy-MM-dd'", HoleKind.DATE),
        ("Get-Date -UFormat '%Y_%m_%d'", HoleKind.DATE),
        ("(Get-Date).ToString('yyyy')", HoleKind.DATE),
        ("Get-Date -Format FileDate", HoleKind.DATE),
        ("Get-Date -Format filedatetime", HoleKind.DATE),
        ("Get-Date -Format FileDateUniversal", HoleKind.DATE),
        ("Get-Date -f 'FileDateTimeUniversal'", HoleKind.DATE),
        ("Get-Date -Format FileDates", HoleKind.UNKNOWN),
        ("Get-Date -UFormat FileDate", HoleKind.UNKNOWN),
        ("Get-Date", HoleKind.UNKNOWN),
        ("Get-Date -Format d", HoleKind.UNKNOWN),
        ("Get-Date -Format '..\\..\\c$'", HoleKind.UNKNOWN),
        ("Get-Date -Format 'yyyy/MM'", HoleKind.UNKNOWN),
        ("Get-Date -UFormat %D", HoleKind.UNKNOWN),
        ("Get-Date -Format 'yyyy..MM'", HoleKind.UNKNOWN),
        ("Get-Date -UFormat '%Y..%m'", HoleKind.UNKNOWN),
        ("Get-Date -Format $f", HoleKind.UNKNOWN),
    ],
)
def test_a_date_counts_only_with_a_format_that_cannot_leave_the_folder(date: str, kind: HoleKind) -> None:
    """A format may hold any text: separators, dots and drives make the value unfixed."""
    (export,) = read(f'New-MailboxExportRequest a -FilePath "\\\\F\\R\\$({date})\\a.pst"').exports

    assert export.target is not None
    assert [kind] == [hole.kind for hole in export.target.holes]


@pytest.mark.parametrize(
    "script",
    [
        f"$r='{TARGET}'; if ($x) {{ $r='\\\\evil\\x' }}; New-MailboxExportRequest a -FilePath $r",
        f"$r='{TARGET}'; $r+='.aspx'; New-MailboxExportRequest a -FilePath $r",
        f"if ($x) {{ $r='{TARGET}' }}; New-MailboxExportRequest a -FilePath $r",
        f"New-MailboxExportRequest a -FilePath $r; $r='{TARGET}'",
        f"foreach($r in '{TARGET}'){{ $r='\\\\evil\\x'; New-MailboxExportRequest a -FilePath $r }}",
        "New-MailboxExportRequest a -FilePath $env:TARGET",
        "New-MailboxExportRequest a -FilePath (Get-Content t.txt)",
        "New-MailboxExportRequest a -FilePath ('x'.Replace('x','y'))",
        r"New-MailboxExportRequest a -FilePath \\F\$x\a.pst",
        r'New-MailboxExportRequest a -FilePath "\\F\$($x)\a.pst"',
        r"New-MailboxExportRequest a -FilePath \\F\a.pst>b",
    ],
)
def test_a_value_that_only_running_would_tell_is_a_hole(script: str) -> None:
    """Assigned twice, in a branch, later, from outside or by a method: the target is not fixed."""
    (export,) = read(script).exports

    assert export.target is not None
    assert HoleKind.UNKNOWN in {hole.kind for hole in export.target.holes}


@pytest.mark.parametrize(
    "condition",
    [
        "{$_.Status -eq 'Completed' -and $_.BatchName -eq 'J'}",
        "{ ('J' -eq $_.BatchName) -and ($_.Status -in 'Completed') }",
        "{$PSItem.batchname -ieq \"J\" -and @('Completed') -contains $_.Status}",
    ],
)
def test_a_filter_limits_the_removal_behind_it(condition: str) -> None:
    """Status and batch in a Where-Object block count like parameters of the Get cmdlet."""
    (removal,) = read(f"Get-MailboxExportRequest | ? {condition} | Remove-MailboxExportRequest").removals

    assert (Value(("J",)), frozenset({"Completed"})) == (removal.batch_name, removal.statuses)
    assert not removal.unread_filter


def test_statuses_joined_by_or_count_together() -> None:
    """Completed or completed with warnings, and the short form of the filter."""
    either = "{$_.Status -eq 'Completed' -or $_.Status -eq 'completedwithwarning'}"
    (both,) = read(f"Get-MailboxExportRequest | ? {either} | Remove-MailboxExportRequest").removals
    (short,) = read(
        "Get-MailboxExportRequest | where Status -EQ Completed | Remove-MailboxExportRequest"
    ).removals

    assert frozenset({"Completed", "CompletedWithWarning"}) == both.statuses
    assert (frozenset({"Completed"}), True) == (short.statuses, short.unscoped)


@pytest.mark.parametrize(
    "written",
    [
        "-Status Completed,CompletedWithWarning",
        "-Status:Completed,CompletedWithWarning",
        "-Status Completed,completedwithwarning,Completed -BatchName J",
        "| ? Status -in Completed,CompletedWithWarning",
    ],
)
def test_a_bare_list_is_read_like_a_quoted_one(written: str) -> None:
    """`a,b` without quotes or blanks is a list of words, however many."""
    line = read(f"Get-MailboxExportRequest {written} | Remove-MailboxExportRequest -Confirm:$false")

    assert (set(), [frozenset({"Completed", "CompletedWithWarning"})]) == (
        flags(line),
        [removal.statuses for removal in line.removals],
    )


def test_a_bare_list_of_mailboxes_is_each_of_them() -> None:
    """No mailbox of the list is lost, whatever stands before or after it."""
    (export,) = read(f"New-MailboxExportRequest -Mailbox a,b.c,d@contoso.com -FilePath '{TARGET}'").exports

    assert ("a", "b.c", "d@contoso.com") == literals(export.mailboxes)


@pytest.mark.parametrize("parameter", ["Name", "BatchName", "FilePath"])
def test_a_bare_list_where_one_value_is_wanted_is_not_fixed(parameter: str) -> None:
    """Neither word of it is taken for the value."""
    (export,) = read(f"New-MailboxExportRequest a -{parameter} b,c").exports
    values = {"Name": export.name, "BatchName": export.batch_name, "FilePath": export.target}

    assert "b,c" == getattr(values[parameter], "shown", None)
    assert getattr(values[parameter], "literal", "fixed") is None


@pytest.mark.parametrize(
    "words",
    [
        "Completed,$s",
        "Completed,1",
        "Completed,-Name",
        "Completed,#x",
        "Completed,@s",
        "Completed,b$s",
        "Completed,b`c",
        "Completed,(x)",
        "Completed,b(x)",
        "Completed,b{x}",
        "Completed,b>c",
        "Completed,,b",
        "Completed,b,",
        "Completed, b",
        'Completed,b"c"',
        "Completed,ｂ",
        ",Completed,b",
        "$s,b",
        "(x)b,c",
    ],
)
def test_a_list_of_anything_but_plain_words_is_told(words: str) -> None:
    """A number, variable, sign, comment, call or blank in it: the grammar and PowerShell may part ways."""
    line = read(f"Get-MailboxExportRequest -Status {words} | Remove-MailboxExportRequest; {EXPORT}")

    assert CommandFlag.UNPARSED in flags(line)


@pytest.mark.parametrize(
    "condition",
    [
        "{$_.Name -like '*'}",
        "{$_.Name -like 'J*K*'}",
        "{$_.Name -like '[J]_*'}",
        "{$_.Name -notlike 'J_*'}",
        "{$_.RequestGuid -like 'J_*'}",
        "{$_.Status -eq 'Completed' -or $true}",
        "{$true; $_.Status -eq 'Completed'}",
        "{$_.Status -ne 'Failed'}",
        "{$_.Status -eq 'Completed' -or $_.Name -eq 'J'}",
        "{$_.Status -eq $s}",
        "{!($_.Status -eq 'Completed')}",
        "{$_.Status -eq 'Completed' -eq $false}",
    ],
)
def test_a_filter_that_is_not_understood_never_narrows(condition: str) -> None:
    """It is marked as unread, and no status or name is taken from it."""
    (removal,) = read(f"Get-MailboxExportRequest | ? {condition} | Remove-MailboxExportRequest").removals

    assert (True, None, None) == (removal.unread_filter, removal.statuses, removal.name)


def test_a_pattern_with_a_literal_beginning_names_what_begins_so() -> None:
    """`J_*` is J_ and whatever follows; the letters before the star are all that is known."""
    (removal,) = read(
        "Get-MailboxExportRequest | ? {$_.BatchName -like 'J_*'} | Remove-MailboxExportRequest"
    ).removals

    assert removal.batch_name == Value(("J_", Hole(HoleKind.WILDCARD, "*")))
    assert not removal.unread_filter


def test_among_is_no_beginning_of_a_parameter_that_sets_a_variable() -> None:
    """`-in` is Where-Object's own; `-InformationVariable` and `-infa` share that beginning."""
    (removal,) = read(
        "Get-MailboxExportRequest -BatchName J | where Status -in 'Completed','Failed'"
        " | Remove-MailboxExportRequest"
    ).removals

    assert (frozenset({"Completed", "Failed"}), False) == (removal.statuses, removal.unread_filter)


@pytest.mark.parametrize(
    "script",
    [
        "$r = Get-MailboxExportRequest -BatchName J; $r | Remove-MailboxExportRequest",
        "Get-MailboxExportRequest -BatchName J | % { Remove-MailboxExportRequest $_.Identity }",
        "Get-MailboxExportRequest -Ba J | Get-MailboxExportRequestStatistics | Remove-MailboxExportRequest",
        "foreach($r in Get-MailboxExportRequest -BatchName J){Remove-MailboxExportRequest $r.RequestGuid}",
        f"$r = {EXPORT} -BatchName J; Remove-MailboxExportRequest $r.RequestGuid",
        "MailboxExportRequest -BatchName J | Select-Object -First 5 | Remove-MailboxExportRequest",
        f"{POLL}; Get-MailboxExportRequest -BatchName J | Remove-MailboxExportRequest",
    ],
)
def test_a_removal_follows_what_it_is_fed_with(script: str) -> None:
    """Variables, loops and polling between the look-up and the removal keep the selection."""
    line = read(script)

    assert [Value(("J",))] == [removal.batch_name for removal in line.removals]
    assert () == line.flags


def test_removals_by_identity_guid_and_of_other_kinds() -> None:
    """Positional and named identities, the debugging parameters, import and move requests."""
    line = read(
        "Remove-MailboxExportRequest 'a\\MailboxExport';"
        "Remove-MailboxExportRequest -RequestQueue D -RequestGuid 1-2;"
        "Get-MailboxImportRequest | Remove-MailboxImportRequest; Get-MoveRequest | Remove-MoveRequest"
    )

    by_identity, by_guid, imports, moves = line.removals
    assert (Value((r"a\MailboxExport",)), Value(("1-2",))) == (by_identity.identity, by_guid.request_guid)
    assert (RequestKind.IMPORT, RequestKind.MOVE) == (imports.kind, moves.kind)
    assert imports.unscoped
    assert moves.unscoped


@pytest.mark.parametrize(
    "script",
    [
        "Get-Help New-MailboxExportRequest -Examples",
        "Get-Command New-MailboxExportRequest, Remove-MailboxExportRequest",
        "Write-Host 'New-MailboxExportRequest -Mailbox a'",
        "# New-MailboxExportRequest -Mailbox a\nGet-Date",
        "<# Remove-MailboxExportRequest a #> Get-Date",
        '$x = "New-MailboxExportRequest -Mailbox a"',
    ],
)
def test_a_mention_is_no_command(script: str) -> None:
    """Help, strings and comments name the cmdlets and run nothing."""
    line = read(script)

    assert ((), (), True) == (line.exports, line.removals, line.mentions)


def test_searching_for_the_name_is_no_command() -> None:
    """The system's findstr finds text."""
    line = read_command_line(
        'findstr /s /c:"New-MailboxExportRequest" *.ps1', process_name=r"C:\Windows\System32\findstr.exe"
    )

    assert ((), (), ()) == (line.exports, line.removals, line.flags)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-WhatIf", True),
        ("-wi", True),
        ("-WhatIf:$true", True),
        ("-WhatIf:$false", False),
        ("-WhatIf:$x", False),
        ("-Confirm", False),
    ],
)
def test_what_if_counts_only_where_it_is_certain(text: str, *, expected: bool) -> None:
    """A switch that is not fixed counts as not set: the export would run."""
    (export,) = read(f"{EXPORT} {text}").exports

    assert expected is export.what_if


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        ("0", True),
        ("'0'", True),
        ("0.00:00:00", True),
        ("00:00:00", True),
        ("00:00:01", True),
        ("0x0", True),
        ("$x", True),
        ("-1", True),
        ("1", False),
        ("30.00:00:00", False),
        ("unlimited", False),
    ],
)
def test_a_record_that_would_vanish_is_told(limit: str, *, expected: bool) -> None:
    """Nothing, less than a day, or not fixed: no request is left to look at."""
    (export,) = read(f"{EXPORT} -CompletedRequestAgeLimit {limit}").exports

    assert expected is export.record_suppressed


def test_filters_are_shown_as_written_and_do_not_run() -> None:
    """A content filter in a script block is text for the cmdlet."""
    content = "-ContentFilter {(Body -like '*x*') -and (Received -gt '1')}"
    line = read(f"{EXPORT} {content} -IncludeFolders '#Inbox#','b'")

    (export,) = line.exports
    assert (content, "-IncludeFolders '#Inbox#','b'") == export.filters
    assert () == line.flags


@pytest.mark.parametrize(
    "line",
    [
        f'cmd.exe /c powershell -Command "{EXPORT}"',
        f'C:\\Windows\\System32\\cmd.exe /s /c "powershell -Command "{EXPORT}""',
        f"cmd /c echo a & powershell -c {EXPORT} > C:\\log.txt 2>&1",
        f'powershell -nop -w hidden /c "{EXPORT}"',
        f'powershell –Command "{EXPORT}"',
        f'powershell.exe -version 3.0 -NonInteractive -ExecutionPolicy Bypass "{EXPORT}"',
        f'pwsh -NoProfile -Command "{EXPORT}"',
        f'"C:\\Program Files\\PowerShell\\7\\pwsh.exe" -c "{EXPORT}"',
        f'powershell -c "powershell -Command {{{EXPORT}}}"',
        f'powershell -c "cmd /c powershell -c {EXPORT}"',
        EXPORT,
    ],
)
def test_shells_inside_shells_are_read_through(line: str) -> None:
    """cmd.exe, PowerShell and a cmdlet's own text lead to the same export."""
    found = read_command_line(line)

    assert [TARGET] == [export.target and export.target.literal for export in found.exports]
    assert set() == flags(found) - ({CommandFlag.SCRIPT} if "echo" in line else set())


@pytest.mark.parametrize("switch", ["-enc", "-e", "-ec", "-EncodedCommand", "/enc", "-eNcOd", "–enc"])
def test_an_encoded_command_is_decoded_read_and_flagged(switch: str) -> None:
    """Every spelling of the switch; the plain text is kept for the analyst."""
    line = read_command_line(f"powershell -NoP {switch} {encoded(EXPORT)}")

    assert ([TARGET], (EXPORT,)) == ([e.target and e.target.literal for e in line.exports], line.decoded)
    assert {CommandFlag.ENCODED} == flags(line)


@pytest.mark.parametrize("argument", ["!!!", "QQ", "", "QQBB QQ=="])
def test_a_damaged_encoded_command_is_unparsed(argument: str) -> None:
    """What cannot be decoded cannot be read."""
    assert {CommandFlag.ENCODED, CommandFlag.UNPARSED} <= flags(
        read_command_line(f"powershell -enc {argument}")
    )


@pytest.mark.parametrize(
    ("line", "flag"),
    [
        ("", CommandFlag.CUT),
        ("   ", CommandFlag.CUT),
        (f'powershell -c "{EXPORT}', CommandFlag.CUT),
        (f'powershell -c "{EXPORT[:-3]}', CommandFlag.CUT),
        (f"powershell -c {EXPORT} |", CommandFlag.CUT),
        (f"powershell -c {EXPORT};" + "x" * LONGEST, CommandFlag.CUT),
        ("powershell -c -", CommandFlag.UNPARSED),
        ("powershell -f C:\\x.ps1 -a b", CommandFlag.SCRIPT),
        ("powershell C:\\x.ps1", CommandFlag.SCRIPT),
        ("pwsh x.ps1", CommandFlag.SCRIPT),
        (f"powershell -PSConsoleFile x.psc1 -c {EXPORT}", CommandFlag.SCRIPT),
        (f"powershell -ConfigurationName x -c {EXPORT}", CommandFlag.SCRIPT),
        (f"C:\\ProgramData\\powershell.exe -c {EXPORT}", CommandFlag.SCRIPT),
        (f'C:\\ProgramData\\ps.exe -c "{EXPORT}"', CommandFlag.SCRIPT),
        (f"C:\\ProgramData\\ps.exe -e {encoded(EXPORT)}", CommandFlag.ENCODED),
        (f'psexec \\\\h powershell -c "{EXPORT}"', CommandFlag.SCRIPT),
        (f"cmd /c p^owershell -c {EXPORT}", CommandFlag.UNPARSED),
        (f"cmd /c powershell -c %a%;{EXPORT}", CommandFlag.UNPARSED),
        (f'powershell -c "{EXPORT} -Name ""x"""', CommandFlag.UNPARSED),
        (f"cmd /c powershell -c {EXPORT} & 7z a b", CommandFlag.SCRIPT),
    ],
)
def test_a_line_that_shows_less_than_it_runs_is_flagged(line: str, flag: CommandFlag) -> None:
    """Cut, from standard input, in a file, renamed, escaped for cmd.exe, or beside another program."""
    assert flag in flags(read_command_line(line))


@pytest.mark.parametrize(
    "script",
    [
        "Ne`w-MailboxExportRequest a -FilePath {T}",
        'New-Mailbox"Export"Request a -FilePath {T}',
        "New-MailboxExportRequest a -Fi`lePath {T}",
        "& ('New-Mail'+'boxExportRequest') a -FilePath {T}",
        "$n='New-MailboxExportRequest'; & $n a -FilePath {T}",
        "& $x -Mailbox a -FilePath {T}",
        "& (gcm New-*boxExp*) -Ma a -Fi {T}",
        "sal x New-MailboxExportRequest; x a -FilePath {T}",
        "Set-Alias -Value New-MailboxExportRequest -Name x; x a -FilePath {T}",
        "function New-MailboxExportRequest {{ b }}; New-MailboxExportRequest a -FilePath {T}",
        "${{function:New-MailboxExportRequest}} = {{b}}; New-MailboxExportRequest a -FilePath {T}",
        "$PSDefaultParameterValues['*:CompletedRequestAgeLimit']=0; New-MailboxExportRequest a -FilePath {T}",
        "New-MailboxExportRequest a -FilePath {T} -Foo 1",
        "New-MailboxExportRequest a b -FilePath {T}",
        "New-MailboxExportRequest a -FilePath {T} -FilePath {T}",
        "New-MailboxExportRequest a -FilePath {T} -C 1",
        "New-MailboxExportRequest a -FilePath {T} -OutVariable x",
        "New-MailboxExportRequest a -FilePath {T} -Name",
        "New-MailboxExportRequest a -FilePath {T} -Name'x'",
        "New-MailboxExportRequest a -FilePath {T} @p",
        "New-MailboxExportRequest a -FilePath {T}; iex $y",
        "New-MailboxExportRequest a -FilePath {T}; $x.Invoke()",
        "New-MailboxExportRequest a -FilePath {T}; [IO.File]::Delete('x')",
        "New-MailboxExportRequest a -FilePath {T}; )",
        "New-MailboxExportRequest a -FilePath {T} > x.aspx",
        "New-MailboxExportRequest a -FilePath {T} --% x",
        "{{ New-MailboxExportRequest a -FilePath {T} }}",
        "Get-Mailbox | ? {{ $_.Alias = 'b' }}; New-MailboxExportRequest a -FilePath {T}",
        "Set-Location function:; New-MailboxExportRequest a -FilePath {T}",
        "class X {{ X() {{ New-MailboxExportRequest a -FilePath {T} }} }}",
        "trap {{ New-MailboxExportRequest a -FilePath {T} }}",
    ],
)
def test_what_hides_or_changes_a_command_is_unparsed_and_still_read(script: str) -> None:
    """Split, made at run time, behind an alias, redefined, refused by PowerShell, or not followed."""
    line = read(script.format(T=TARGET))

    assert CommandFlag.UNPARSED in flags(line)
    assert TARGET in [export.target and export.target.literal for export in line.exports]


@pytest.mark.parametrize(
    "script",
    [
        'Write-Host "$x <# y" ; evil "#>"; {E}',
        'Write-Host "$x # y" ; evil\n"; {E}',
        'Write-Host "`" # y" ; evil\n"; {E}',
        'Write-Host a"b $(evil) c"; {E}',
        'Write-Host b`" ; evil #"; {E}',
        '$a = b`" ; evil #"; {E}',
        "Write-Host $x#y ; evil\n{E}",
        "Write-Host ${{x}}#y ; evil\n{E}",
        "Write-Host -x#y ; evil\n{E}",
        "#Requires -Modules Evil\n{E}",
        "Write-Host b`; evil; {E}",
    ],
)
def test_a_command_that_the_grammar_would_hide_is_told(script: str) -> None:
    """PowerShell ends these strings, comments and words elsewhere than the grammar does."""
    assert CommandFlag.UNPARSED in flags(read(script.format(E=EXPORT)))


@pytest.mark.parametrize(
    "script",
    [
        "& 'C:\\Scripts\\a.ps1'; {E}",
        ". C:\\ProgramData\\RemoteExchange.ps1; {E}",
        ". 'C:\\Program Files\\Microsoft\\Exchange Server\\V15\\bin\\..\\bin\\RemoteExchange.ps1'; {E}",
        '. "$env:ExchangeInstallPath\\bin\\RemoteExchange.ps1"; {E}',
        "& C:\\Programdata\\7z.exe a b; {E}",
        "Add-PSSnapin Evil; {E}",
        "Add-PSSnapin $x; {E}",
        "Import-Module ActiveDirectory; {E}",
        "Import-PSSession $s; {E}",
        "Copy-Item a b; {E}",
        "Send-MyReport; {E}",
        "Evil\\New-MailboxExportRequest x -FilePath y; {E}",
        "Invoke-Command -ComputerName x {{ {E} }}",
        "Start-Process powershell -ArgumentList '-c','Get-Date'; {E}",
        "begin {{ {E} }}",
    ],
)
def test_scripts_programs_and_unknown_names_are_unregistered(script: str) -> None:
    """Only Exchange's own start-up and commands that read or wait may stand beside an export."""
    line = read(script.format(E=EXPORT))

    assert CommandFlag.SCRIPT in flags(line)
    assert TARGET in [export.target and export.target.literal for export in line.exports]


@pytest.mark.parametrize(
    "script",
    [
        f"N\u0435w-MailboxExportRequest -Mailbox a -FilePath {TARGET}",
        f"New-MailboxExportRequest -M\u0430ilbox a -FilePath {TARGET}",
        f"{EXPORT} -BatchName ComplianceExp\u043ertJob",
        f"{EXPORT} -Name 'a\u200bb'",
        f"{EXPORT} # \u202e",
        "New-MailboxExportRequest M\u00fcller -FilePath x",
        "New-MailboxExportRequest a -FilePath '\\\\fs\\users\u2013x\\a.pst'",
        "Get-MailboxExportRequest -BatchName \u0430 | Remove-MailboxExportRequest",
    ],
)
def test_letters_outside_ascii_in_names_and_unseen_letters_anywhere(script: str) -> None:
    """A register cannot say which of two letters was meant, so neither can this."""
    assert CommandFlag.LOOKALIKE in flags(read(script))


def test_an_umlaut_in_a_filter_is_an_ordinary_letter() -> None:
    """Only names are compared with registers."""
    assert () == read(f"{EXPORT} -ContentFilter {{Subject -like '*Müller*'}}").flags


def test_a_carriage_return_ends_a_comment() -> None:
    """PowerShell starts a new line there, and runs what follows."""
    line = read(f"Get-Date # x\r{EXPORT}")

    assert [TARGET] == [export.target and export.target.literal for export in line.exports]


def test_the_name_of_the_program_decides_over_the_first_word() -> None:
    """The first word is the caller's to choose; what runs is powershell.exe."""
    line = read_command_line(f'svchost.exe -c "{EXPORT}"', process_name=POWERSHELL)

    assert TARGET in [export.target and export.target.literal for export in line.exports]


def test_other_programs_say_nothing() -> None:
    """A line of a service or a task's definition is no command of ours."""
    for text in (
        "svchost.exe -k netsvcs -p -s Schedule",
        r'schtasks.exe /change /tn \J /tr "powershell.exe -File C:\b.ps1"',
        r'"C:\Program Files\Agent\agent.exe" -c config.xml',
    ):
        line = read_command_line(text)
        assert ((), (), ()) == (line.exports, line.removals, line.flags)


@pytest.mark.parametrize("text", costly.LINES.values(), ids=costly.LINES.keys())
def test_the_longest_text_of_anything_is_read_to_its_end(text: str) -> None:
    """32,000 letters without an error, and never as a sound command; for the cost see `bench/reading.py`."""
    line = read_command_line(text)

    assert not line.exports or line.flags or any(export.flags for export in line.exports)


def test_every_closable_case_is_read_fully_and_without_a_flag() -> None:
    """Of the labelled cases those that may close: literal exports and removals, and nothing raised."""
    if not CASES.exists():
        pytest.skip(f"there are no labelled cases at {CASES} (set LABELLED_CASES)")
    cases = [json.loads(text) for text in CASES.read_text(encoding="utf-8").splitlines()]
    for case in (case for case in cases if case["expected"] == "close"):
        lines = [
            read_command_line(event["TargetProcessCommandLine"], process_name=event["TargetProcessName"])
            for event in case["events"]
        ]
        assert [] == [raised for line in lines for raised in line.flags], case["id"]
        exports = [export for line in lines for export in line.exports]
        assert exports, case["id"]
        assert all(
            export.target and export.target.literal and None not in literals(export.mailboxes)
            for export in exports
        )
        assert any(line.removals for line in lines), case["id"]


@pytest.mark.parametrize(
    "text",
    [
        "Get-MailboxDatabase MDB12 -Status | Format-Table Name, Mount",
        "Get-Service w32time, bits | Select-Object Name, Status",
    ],
)
def test_a_whole_command_that_the_grammar_does_not_take_is_not_cut(text: str) -> None:
    """Ordinary administration beside an export is no missing evidence; it may still be unparsed."""
    line = read_command_line(f'powershell.exe -Command "{text}"')

    assert CommandFlag.CUT not in {raised.flag for raised in line.flags}


@pytest.mark.parametrize(
    "text", ["Get-Mailbox |", "Get-Mailbox -Filter {Name -eq 'a", "Get-Mailbox (Get-User"]
)
def test_a_command_that_ends_in_the_middle_is_cut(text: str) -> None:
    """An open quote, an open bracket or a waiting pipe: the rest may hold anything."""
    line = read_command_line(f'powershell.exe -Command "{text}"')

    assert CommandFlag.CUT in {raised.flag for raised in line.flags}
