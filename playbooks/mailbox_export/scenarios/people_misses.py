"""Near misses of exports by people: exactly one condition broken, and the reason that must be named."""

from dataclasses import replace

from playbooks.mailbox_export.scenarios.benign import (
    EDISCOVERY_CASE,
    SELF_EXPORT,
)
from playbooks.scenarios import Hours, Place, Register, Runner
from playbooks.scenarios.flaws import below, near_miss, reworded, run_by, started_by
from playbooks.scenarios.programs import (
    REMOTING,
)

# eDiscovery with one thing wrong.
_CASES = (
    near_miss(
        replace(EDISCOVERY_CASE, register=Register.CLOSED_CASE),
        "closed",
        "the case is closed",
        "case_not_open",
    ),
    near_miss(
        reworded(EDISCOVERY_CASE, "{mailbox}", "{stranger}"),
        "no_custodian",
        "of somebody who is no custodian",
        "mailbox_outside_scope",
    ),
    near_miss(
        replace(EDISCOVERY_CASE, place=Place.ADMIN),
        "wrong_host",
        "from an admin workstation",
        "host_not_bound",
    ),
    near_miss(replace(EDISCOVERY_CASE, hours=Hours.OFF_HOURS), "off_hours", "out of hours", "off_hours"),
    near_miss(
        run_by(EDISCOVERY_CASE, Runner.EXCHANGE_ADMIN),
        "no_member",
        "by an Exchange administrator",
        "export_uncovered",
    ),
    near_miss(
        reworded(EDISCOVERY_CASE, r"{root}\{case}", r"{root}\{case}-copy"),
        "other_folder",
        "to a folder beside the case's",
        "path_outside_root",
    ),
    near_miss(
        reworded(reworded(EDISCOVERY_CASE, "{case}_", "{case}1_"), "-BatchName {case}", "-BatchName {case}1"),
        "longer_case",
        "the case number goes on with a digit",
        "case_not_selected",
    ),
    near_miss(below(EDISCOVERY_CASE, REMOTING), "remoting", "through remoting", "parent_suspicious"),
    near_miss(
        started_by(EDISCOVERY_CASE, Runner.BYSTANDER),
        "other_shell",
        "in somebody else's shell",
        "identity_conflict",
    ),
)

# Self export with one thing wrong.
_OWN_MAILBOXES = (
    near_miss(
        reworded(SELF_EXPORT, "-Mailbox {own}", "-Mailbox {stranger}"),
        "of_another",
        "of another person",
        "export_uncovered",
    ),
    near_miss(
        reworded(SELF_EXPORT, "-FilePath", "-ContentFilter {(Subject -like '*{subject}*')} -FilePath"),
        "filtered",
        "with a subject filter",
        "export_uncovered",
    ),
    near_miss(replace(SELF_EXPORT, hours=Hours.OFF_HOURS), "off_hours", "out of hours", "off_hours"),
    near_miss(
        replace(SELF_EXPORT, place=Place.WORKSTATION),
        "wrong_host",
        "from a host that is not listed",
        "host_not_bound",
    ),
    near_miss(
        reworded(SELF_EXPORT, r"{home}\{own}", r"{home}2\{own}"),
        "other_home",
        "to another home",
        "path_outside_root",
    ),
    near_miss(
        run_by(SELF_EXPORT, Runner.EXCHANGE_ADMIN), "no_role", "without the export role", "export_uncovered"
    ),
    near_miss(run_by(SELF_EXPORT, Runner.NEW_OPERATOR), "new", "the account is new", "account_new"),
    near_miss(run_by(SELF_EXPORT, Runner.RISKY_OPERATOR), "risky", "the account is at risk", "account_risky"),
    near_miss(
        run_by(SELF_EXPORT, Runner.DISABLED_OPERATOR),
        "disabled",
        "the account is disabled",
        "account_disabled",
    ),
    near_miss(
        run_by(SELF_EXPORT, Runner.UNREGISTERED_SERVICE),
        "service",
        "by a service account",
        "service_account_unregistered",
    ),
)

PEOPLE_MISSES = (*_CASES, *_OWN_MAILBOXES)
