"""Command lines that several scenarios share, as templates with slots."""

from playbooks.scenarios.programs import POWERSHELL

EXCHANGE_FOLDER = r"C:\Program Files\Microsoft\Exchange Server\V15"
SNAP_IN = "Add-PSSnapin Microsoft.Exchange.Management.PowerShell.SnapIn"
SHELL = rf". '{EXCHANGE_FOLDER}\bin\RemoteExchange.ps1'; Connect-ExchangeServer -auto"
WEB_FOLDER = EXCHANGE_FOLDER.removeprefix("C:\\") + r"\FrontEnd\HttpProxy\owa\auth"


def exchange_shell(script: str) -> str:
    """`script` in a PowerShell that loads the Exchange management shell, as scheduled tasks do."""
    return f'{POWERSHELL.image} -NonInteractive -NoProfile -Command "{SHELL}; {script}"'


def snap_in(script: str) -> str:
    """`script` in a PowerShell that loads the Exchange snap-in."""
    return f'{POWERSHELL.image} -NoProfile -Command "{SNAP_IN}; {script}"'


JOB_EXPORT = (
    "New-MailboxExportRequest -Mailbox {mailbox} -Name {batch}_{mailbox} -BatchName {batch}"
    r" -FilePath '{root}\{date}\{mailbox}.pst'"
)
BATCH_REMOVAL = (
    "Get-MailboxExportRequest -BatchName {batch} -Status Completed"
    " | Remove-MailboxExportRequest -Confirm:$false"
)
BACKUP_EXPORT = (
    "Get-Mailbox -ResultSize Unlimited | ForEach-Object {"
    " New-MailboxExportRequest -Mailbox $_.Alias -BatchName {batch}"
    r" -FilePath ('{root}\{date}\' + $_.Alias + '.pst') }"
)
CASE_EXPORT = (
    "New-MailboxExportRequest -Mailbox {mailbox} -Name {case}_{mailbox} -BatchName {case}"
    " -ContentFilter {(Body -like '*{subject}*') -and (Received -gt '{since}')}"
    r" -FilePath '{root}\{case}\{mailbox}.pst'"
)
CASE_REMOVAL = (
    "Get-MailboxExportRequest -BatchName {case} -Status Completed"
    " | Remove-MailboxExportRequest -Confirm:$false"
)
OWN_EXPORT = r"New-MailboxExportRequest -Mailbox {own} -FilePath '{home}\{own}-archive.pst'"
OWN_REMOVAL = r"Remove-MailboxExportRequest -Identity '{own}\MailboxExport' -Confirm:$false"
COMPLETED_REMOVAL = "Get-MailboxExportRequest -Status Completed | Remove-MailboxExportRequest -Confirm:$false"
ANY_REMOVAL = "Get-MailboxExportRequest | Remove-MailboxExportRequest -Confirm:$false"


def removal_of(mailbox_slot: str) -> str:
    """Removal of every request of one mailbox; `mailbox_slot` with its braces."""
    return f"Get-MailboxExportRequest -Mailbox {mailbox_slot} | Remove-MailboxExportRequest -Confirm:$false"
