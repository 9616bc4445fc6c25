"""What else ran near an export."""

import base64

import pytest

from playbooks.command_line.nearby import nearby_flags


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (
            "role_granted",
            "powershell -c \"New-ManagementRoleAssignment -Role 'Mailbox Import Export' -User x\"",
        ),
        ("role_granted", "powershell -c Add-RoleGroupMember x -Member y"),
        ("role_granted", "powershell -c \"Update-RoleGroupMember 'x y' -Members a,b\""),
        ("role_granted", "New-ManagementRoleAssignment -Role x -User y"),
        ("share_created", "net share x=C:\\x /grant:everyone,full"),
        ("share_created", "C:\\Windows\\System32\\net1.exe SHARE x=C:\\x"),
        ("share_created", "powershell -c \"& ('New-'+'SmbShare') x\""),
        ("archiver_used", '"C:\\Program Files\\7-Zip\\7z.exe" a b c'),
        ("archiver_used", "cmd /c rar a b & echo c"),
        ("archiver_used", "makecab a b"),
        ("archiver_used", "TAR.EXE -cf a b"),
        ("archiver_used", "powershell -c Compress-Archive a b"),
        ("archiver_used", 'powershell -c "& C:\\Programdata\\7z.exe a -t7z -r b c"'),
        ("task_changed", 'schtasks.exe /create /tn x /tr "y"'),
        ("task_changed", "schtasks /Change /tn x"),
        ("task_changed", "powershell -c Register-ScheduledTask x"),
        ("task_changed", 'powershell -c "Set-ScheduledTask -TaskName x -Action $a"'),
        ("service_created", "sc.exe create x binPath= y"),
        ("service_created", "sc \\\\h config x"),
        ("service_created", "powershell -c New-Service x"),
        ("log_cleared", "wevtutil cl Security"),
        ("log_cleared", "wevtutil.exe clear-log Security"),
        ("log_cleared", "powershell -c Clear-EventLog x"),
        ("upload_tool", "curl.exe -T a b"),
        ("upload_tool", "rclone copy a b"),
        ("upload_tool", "bitsadmin /transfer a"),
        ("upload_tool", "certutil -urlcache -f a"),
        ("upload_tool", "winscp.com /script=x"),
        ("upload_tool", "powershell -c iwr a"),
        ("upload_tool", 'powershell -c "Invoke-RestMethod a"'),
        ("upload_tool", "powershell -enc " + base64.b64encode("IWR a".encode("utf-16-le")).decode()),
    ],
)
def test_a_tool_of_the_policy_is_told(code: str, text: str) -> None:
    """By its file name or cmdlet, in any shell, with the words that raised it."""
    assert [code] == [found for found, _ in nearby_flags(text)]
    assert all(words for _, words in nearby_flags(text))


@pytest.mark.parametrize(
    "text",
    [
        "net share",
        "net share x",
        "net use x: \\\\h\\y=z",
        "schtasks /query /tn create",
        "schtasks /run /tn x",
        "sc query",
        "sc qc x",
        "wevtutil qe Security",
        "powershell -c Get-Help New-SmbShare",
        "powershell -c \"Write-Host 'curl'\"",
        "powershell -c Get-ScheduledTask",
        "notepad C:\\7z.exe",
        "svchost.exe -k netsvcs -p -s Schedule",
        "",
    ],
)
def test_listings_and_mentions_say_nothing(text: str) -> None:
    """Looking at shares, tasks, services and logs is no change of them."""
    assert () == nearby_flags(text)


def test_the_program_counts_whatever_its_first_word_says() -> None:
    """The name comes from the system, the command line from the caller."""
    assert ["archiver_used"] == [
        code for code, _ in nearby_flags("notepad a b", process_name="C:\\Program Files\\7-Zip\\7z.exe")
    ]
