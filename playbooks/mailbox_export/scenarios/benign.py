"""Honest work that a register vouches for: these may close, and only these."""

from playbooks.mailbox_export.scenarios import commands
from playbooks.mailbox_export.scenarios.scenario import ExportScenario
from playbooks.scenarios import Expected, Hours, Kind, Place, Register, Runner, Step
from playbooks.scenarios.programs import POWERSHELL, TASK_SCHEDULER


def _scheduled(minute: float, script: str, runner: Runner = Runner.JOB_ACCOUNT) -> Step:
    """A step that the Task Scheduler starts."""
    return Step(minute=minute, command=commands.exchange_shell(script), parent=TASK_SCHEDULER, runner=runner)


def _typed(minute: float, script: str, runner: Runner) -> Step:
    """A step that a person starts from a PowerShell console."""
    return Step(minute=minute, command=commands.exchange_shell(script), parent=POWERSHELL, runner=runner)


COMPLIANCE_JOB = ExportScenario(
    name="compliance_job",
    title="A registered compliance job exports a mailbox and removes its own requests",
    kind=Kind.BENIGN,
    expected=Expected.CLOSE,
    scenarios=("scheduled_export",),
    register=Register.COMPLIANCE,
    place=Place.EXCHANGE,
    hours=Hours.JOB_WINDOW,
    steps=(_scheduled(0, commands.JOB_EXPORT), _scheduled(38, commands.BATCH_REMOVAL)),
)

BACKUP_JOB = ExportScenario(
    name="backup_job",
    title="A registered backup job exports every mailbox of the server in a loop",
    kind=Kind.BENIGN,
    expected=Expected.CLOSE,
    scenarios=("scheduled_export",),
    register=Register.BACKUP,
    place=Place.EXCHANGE,
    hours=Hours.JOB_WINDOW,
    start_minutes=(12, 18),
    steps=(_scheduled(0, commands.BACKUP_EXPORT), _scheduled(35, commands.BATCH_REMOVAL)),
)

EDISCOVERY_CASE = ExportScenario(
    name="ediscovery_case",
    title="A legal operator exports a custodian for an open case",
    kind=Kind.BENIGN,
    expected=Expected.CLOSE,
    scenarios=("ediscovery",),
    register=Register.OPEN_CASE,
    place=Place.LEGAL,
    hours=Hours.BUSINESS,
    steps=(
        _typed(0, commands.CASE_EXPORT, Runner.EDISCOVERY_OPERATOR),
        _typed(41, commands.CASE_REMOVAL, Runner.EDISCOVERY_OPERATOR),
    ),
)

SELF_EXPORT = ExportScenario(
    name="self_export",
    title="An Exchange administrator with the export role archives his own mailbox",
    kind=Kind.BENIGN,
    expected=Expected.CLOSE,
    scenarios=("self_export",),
    place=Place.ADMIN,
    hours=Hours.BUSINESS,
    steps=(
        _typed(0, commands.OWN_EXPORT, Runner.EXPORT_OPERATOR),
        _typed(30, commands.OWN_REMOVAL, Runner.EXPORT_OPERATOR),
    ),
)

MAINTENANCE_CLEANUP = ExportScenario(
    name="maintenance_cleanup",
    title="The registered clean-up of the server removes a completed compliance export",
    kind=Kind.BENIGN,
    expected=Expected.CLOSE,
    scenarios=("maintenance_cleanup", "scheduled_export"),
    register=Register.COMPLIANCE,
    place=Place.EXCHANGE,
    hours=Hours.JOB_WINDOW,
    steps=(
        _scheduled(0, commands.JOB_EXPORT),
        Step(
            minute=31,
            command=commands.snap_in(commands.COMPLETED_REMOVAL),
            parent=TASK_SCHEDULER,
            runner=Runner.SYSTEM,
        ),
    ),
)

CLOSABLE = (COMPLIANCE_JOB, BACKUP_JOB, EDISCOVERY_CASE, SELF_EXPORT, MAINTENANCE_CLEANUP)
