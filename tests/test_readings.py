"""Events with their command lines read: what is kept of one reading never leaks into another."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from fakes import fake_policy
from worlds import TENANT

from playbooks.mailbox_export.readings import LONGEST_KEPT, read_event
from playbooks.model import ProcessEvent

POLICY = fake_policy(TENANT)
EXPORT = r"New-MailboxExportRequest -Mailbox ann -FilePath \\fs01.contoso.com\exports$\a.pst"
EVENT = ProcessEvent(
    time=datetime(2024, 11, 18, 12, 0, tzinfo=UTC),
    dvc_hostname="EXCH01",
    dvc_fqdn="exch01.contoso.com",
    actor_username=r"CONTOSO\ann",
    target_process_name=r"C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe",
    target_process_command_line=f"powershell.exe -Command {EXPORT}",
)
PADDING = " " * LONGEST_KEPT


@pytest.mark.parametrize("behind", ["", PADDING])
def test_a_text_is_read_as_what_ran_it(behind: str) -> None:
    """The same words start an archiver or a shell; long texts, whose reading is not kept, read alike."""
    line = f"{EVENT.target_process_command_line}{behind}"
    shell = replace(EVENT, target_process_command_line=line)
    archiver = replace(shell, target_process_name=r"C:\Tools\7z.exe")

    for _ in range(2):
        assert () == read_event(shell, POLICY).nearby
        assert ["archiver_used"] == [code for code, _ in read_event(archiver, POLICY).nearby]


@pytest.mark.parametrize("behind", ["", PADDING])
def test_each_text_says_what_it_says(behind: str) -> None:
    """Two events of one program with different words."""
    other = replace(
        EVENT, target_process_command_line=EVENT.target_process_command_line.replace("ann", "ben")
    )

    for _ in range(2):
        named = [
            read_event(
                replace(event, target_process_command_line=event.target_process_command_line + behind), POLICY
            )
            .line.exports[0]
            .mailboxes[0]
            .literal
            for event in (EVENT, other)
        ]
        assert ["ann", "ben"] == named


def test_who_ran_it_and_where_belong_to_the_event() -> None:
    """Another account, another host, the same text."""
    other = replace(
        EVENT, actor_username=r"CONTOSO\ben", dvc_hostname="EXCH02", dvc_fqdn="exch02.contoso.com"
    )

    read = [read_event(event, POLICY) for event in (EVENT, other)]

    assert [("exch01.contoso.com", "ann"), ("exch02.contoso.com", "ben")] == [
        (one.host, one.runner.name) for one in read
    ]
    assert read[0].line is read[1].line
