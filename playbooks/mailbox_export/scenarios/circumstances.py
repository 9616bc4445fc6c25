"""Near misses in what lies around the commands: a register, the logs, the directory, another alert.

The commands are those of the honest scenario, to the letter, so these are no activity of their own and
are not among the scenarios that the simulator performs.
"""

from dataclasses import dataclass
from enum import StrEnum

from playbooks.mailbox_export.scenarios.benign import COMPLIANCE_JOB, EDISCOVERY_CASE, SELF_EXPORT
from playbooks.scenarios import Scenario
from playbooks.scenarios.flaws import near_miss


class Circumstance(StrEnum):
    """What is different around the commands."""

    ROW_CHANGED = "every register row was changed an hour before the first command"
    ROW_UNREADABLE = "no ValidUntil of the register of jobs can be read"
    REGISTER_MISSING = "the register of cases does not exist"
    LEAVER_LISTED = "TerminatedEmployees names the runner"
    NOT_SYNCHRONISED = "the directory does not hold the runner"
    OTHER_ALERT = "another product raised an alert on the host in the hours before"
    LOGS_BEHIND = "no event is newer than the end of the window"
    MANY_CLOSES = "more incidents were closed in 24 hours than the limit"


@dataclass(frozen=True, slots=True, kw_only=True)
class CircumstantialMiss:
    """A closable scenario that has to stay open for a circumstance alone."""

    scenario: Scenario
    circumstance: Circumstance


def _miss(scenario: Scenario, flaw: str, circumstance: Circumstance, reason: str) -> CircumstantialMiss:
    return CircumstantialMiss(
        scenario=near_miss(scenario, flaw, circumstance.value, reason), circumstance=circumstance
    )


CIRCUMSTANTIAL_MISSES = (
    _miss(COMPLIANCE_JOB, "row_changed", Circumstance.ROW_CHANGED, "register_row_recent"),
    _miss(COMPLIANCE_JOB, "row_unreadable", Circumstance.ROW_UNREADABLE, "register_row_invalid"),
    _miss(EDISCOVERY_CASE, "register_missing", Circumstance.REGISTER_MISSING, "source_unavailable"),
    _miss(SELF_EXPORT, "leaver", Circumstance.LEAVER_LISTED, "terminated_employee"),
    _miss(SELF_EXPORT, "not_synchronised", Circumstance.NOT_SYNCHRONISED, "runner_unknown"),
    _miss(COMPLIANCE_JOB, "other_alert", Circumstance.OTHER_ALERT, "other_alerts"),
    _miss(COMPLIANCE_JOB, "logs_behind", Circumstance.LOGS_BEHIND, "logs_incomplete"),
    _miss(COMPLIANCE_JOB, "many_closes", Circumstance.MANY_CLOSES, "close_limit"),
)
