"""Honest work outside the four closable scenarios: a person has to check the ticket."""

from playbooks.mailbox_export.scenarios import commands
from playbooks.mailbox_export.scenarios.scenario import ExportScenario
from playbooks.scenarios import Expected, Hours, Kind, Place, Runner, Step
from playbooks.scenarios.programs import COMMAND_PROMPT, DESKTOP, POWERSHELL, TASK_SCHEDULER

OFFBOARDING = ExportScenario(
    name="offboarding",
    title="An Exchange administrator archives a leaver's mailbox for a ticket",
    kind=Kind.BENIGN,
    expected=Expected.ESCALATE,
    reasons=("export_uncovered", "removal_uncovered"),
    place=Place.ADMIN,
    hours=Hours.BUSINESS,
    steps=(
        Step(
            minute=0,
            command=commands.exchange_shell(
                "New-MailboxExportRequest -Mailbox {leaver} -Name 'HR-{number}'"
                r" -FilePath '{archive_root}\{leaver}.pst'"
            ),
            parent=POWERSHELL,
            runner=Runner.EXPORT_OPERATOR,
        ),
        Step(
            minute=44,
            command=commands.exchange_shell(
                "Get-MailboxExportRequest -Name 'HR-{number}' | Remove-MailboxExportRequest -Confirm:$false;"
                " Disable-Mailbox -Identity {leaver} -Confirm:$false"
            ),
            parent=POWERSHELL,
            runner=Runner.EXPORT_OPERATOR,
        ),
    ),
)

RESTORE = ExportScenario(
    name="restore",
    title="A restored folder goes to a drive share, an old request of that name is removed first",
    kind=Kind.BENIGN,
    expected=Expected.ESCALATE,
    reasons=("target_admin_share",),
    place=Place.EXCHANGE,
    hours=Hours.BUSINESS,
    steps=(
        Step(
            minute=0,
            command=commands.exchange_shell("Remove-MailboxExportRequest Restore{number}"),
            parent=POWERSHELL,
            runner=Runner.EXPORT_OPERATOR,
        ),
        Step(
            minute=0.5,
            command=commands.exchange_shell(
                "New-MailboxExportRequest -Name Restore{number} -Mailbox {stranger}"
                r" -SourceRootFolder 'Restore/Inbox' -FilePath '\\FS03\C$\temp\{stranger}.pst'"
            ),
            parent=POWERSHELL,
            runner=Runner.EXPORT_OPERATOR,
        ),
    ),
)

MIGRATION = ExportScenario(
    name="migration",
    title="A contractor moves every mailbox to another mail product and clears all requests first",
    kind=Kind.BENIGN,
    expected=Expected.ESCALATE,
    reasons=("removal_unscoped",),
    place=Place.EXCHANGE,
    hours=Hours.BUSINESS,
    steps=(
        Step(
            minute=0,
            command=commands.exchange_shell(commands.ANY_REMOVAL),
            parent=COMMAND_PROMPT,
            runner=Runner.CONTRACTOR,
        ),
        Step(
            minute=2,
            command=commands.exchange_shell(
                "foreach($m in Get-Mailbox){ New-MailboxExportRequest -Mailbox $m.PrimarySmtpAddress"
                r" -Priority Higher -ExcludeDumpster -BadItemLimit 500"
                r" -FilePath ('{archive_root}\migration\'+$m.PrimarySmtpAddress+'.pst') }"
            ),
            parent=COMMAND_PROMPT,
            runner=Runner.CONTRACTOR,
        ),
    ),
)

LEAVER_WORKFLOW = ExportScenario(
    name="leaver_workflow",
    title="The identity workflow archives a leaver every night, and no register names its account",
    kind=Kind.BENIGN,
    expected=Expected.ESCALATE,
    reasons=("service_account_unregistered", "removal_unscoped"),
    place=Place.SERVER,
    hours=Hours.NIGHT,
    steps=(
        Step(
            minute=0,
            command=commands.exchange_shell(
                "New-MailboxExportRequest -Mailbox {leaver} -BatchName {leaver}"
                r" -FilePath '{archive_root}\{leaver}\{leaver}.pst'"
            ),
            parent=TASK_SCHEDULER,
            runner=Runner.UNREGISTERED_SERVICE,
        ),
        Step(
            minute=21,
            command=commands.exchange_shell(commands.COMPLETED_REMOVAL),
            parent=TASK_SCHEDULER,
            runner=Runner.UNREGISTERED_SERVICE,
        ),
    ),
)

NIGHT_REQUEST = ExportScenario(
    name="night_request",
    title="An administrator exports an executive at night and says that somebody phoned him",
    kind=Kind.AMBIGUOUS,
    expected=Expected.ESCALATE,
    reasons=("export_uncovered", "vip_mailbox"),
    place=Place.EXCHANGE,
    hours=Hours.NIGHT,
    steps=(
        Step(
            minute=0,
            command=commands.exchange_shell(
                r"New-MailboxExportRequest -Mailbox {vip} -FilePath '{archive_root}\adhoc\{vip}.pst'"
            ),
            parent=POWERSHELL,
            runner=Runner.EXPORT_OPERATOR,
        ),
        Step(
            minute=39,
            command=commands.exchange_shell(commands.removal_of("{vip}")),
            parent=POWERSHELL,
            runner=Runner.EXPORT_OPERATOR,
        ),
    ),
)

HELP_PAGES = ExportScenario(
    name="help_pages",
    title="An administrator reads the help of both commands; nothing is exported",
    kind=Kind.BENIGN,
    expected=Expected.ESCALATE,
    reasons=("half_missing",),
    place=Place.ADMIN,
    hours=Hours.BUSINESS,
    steps=(
        Step(
            minute=0,
            command=f'{POWERSHELL.image} -Command "Get-Help New-MailboxExportRequest -Examples"',
            parent=DESKTOP,
            runner=Runner.EXCHANGE_ADMIN,
        ),
        Step(
            minute=2,
            command=f'{POWERSHELL.image} -Command "Get-Help Remove-MailboxExportRequest -Full"',
            parent=DESKTOP,
            runner=Runner.EXCHANGE_ADMIN,
        ),
    ),
)

OPEN_WORK = (OFFBOARDING, RESTORE, MIGRATION, LEAVER_WORKFLOW, NIGHT_REQUEST, HELP_PAGES)
