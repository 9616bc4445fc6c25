"""Near misses: an approved grant with exactly one condition broken, and the reason that must be named."""

from dataclasses import replace

from playbooks.mailbox_role_grant.scenarios.honest import APPROVED_MEMBER, APPROVED_ROLE, typed
from playbooks.scenarios import Hours, Place, Runner, Step
from playbooks.scenarios.flaws import below, near_miss, reworded, run_by, started_by, with_step
from playbooks.scenarios.programs import (
    COMMAND_PROMPT,
    NET,
    REMOTING,
    SEVEN_ZIP,
    STRAY_SVCHOST,
    TASK_SCHEDULER,
)

_ROLES = (
    near_miss(
        reworded(APPROVED_ROLE, "{grantee}", "{stranger_grantee}"),
        "other_grantee",
        "to somebody whom no change names",
        "grantee_not_approved",
        "grant_uncovered",
    ),
    near_miss(
        reworded(APPROVED_ROLE, "{grantee}", "{expired_grantee}"),
        "expired",
        "the change is over",
        "row_expired",
    ),
    near_miss(
        reworded(APPROVED_ROLE, "{grantee}", "{bare_grantee}"),
        "bare_name",
        "by a name that Exchange may take for several accounts",
        "grantee_unproven",
    ),
    near_miss(
        reworded(APPROVED_ROLE, "{grantee}", "{self}"),
        "to_self",
        "to itself",
        "self_grant",
        "grant_uncovered",
    ),
    near_miss(
        reworded(APPROVED_ROLE, "'Mailbox Import Export'", "'ApplicationImpersonation'"),
        "other_role",
        "it is another role",
        "role_unknown",
        "role_not_approved",
    ),
    near_miss(
        reworded(APPROVED_ROLE, "-User", "-DelegatingOrgWide -User"),
        "wider",
        "with the right to hand it on",
        "grant_unread",
    ),
    near_miss(
        reworded(APPROVED_ROLE, "-User {grantee}", "-SecurityGroup {grantee}"),
        "to_group",
        "to a security group",
        "grant_unread",
    ),
    near_miss(
        run_by(APPROVED_ROLE, Runner.HELP_DESK),
        "no_admin",
        "by the help desk",
        "granter_not_admin",
        "granter_not_approved",
    ),
    near_miss(
        run_by(APPROVED_ROLE, Runner.EXPORT_OPERATOR),
        "other_admin",
        "by another admin than the change says",
        "granter_not_approved",
    ),
    near_miss(
        run_by(APPROVED_ROLE, Runner.UNREGISTERED_SERVICE),
        "service",
        "by a service account",
        "service_account",
    ),
    near_miss(
        run_by(APPROVED_ROLE, Runner.SYSTEM), "system", "by SYSTEM", "service_account", "grant_uncovered"
    ),
    near_miss(
        started_by(APPROVED_ROLE, Runner.BYSTANDER),
        "other_shell",
        "in somebody else's shell",
        "identity_conflict",
    ),
    near_miss(replace(APPROVED_ROLE, hours=Hours.NIGHT), "night", "at night", "off_hours"),
    near_miss(replace(APPROVED_ROLE, place=Place.SERVER), "wrong_host", "on another host", "host_not_bound"),
    near_miss(below(APPROVED_ROLE, REMOTING), "remoting", "through remoting", "parent_suspicious"),
    near_miss(below(APPROVED_ROLE, TASK_SCHEDULER), "scheduled", "by a scheduled task", "not_interactive"),
    near_miss(below(APPROVED_ROLE, STRAY_SVCHOST), "stray_parent", "by a stray program", "not_interactive"),
    near_miss(
        replace(
            APPROVED_ROLE,
            steps=tuple(replace(step, encoded=True) for step in APPROVED_ROLE.steps),
        ),
        "encoded",
        "handed over as -EncodedCommand",
        "command_encoded",
    ),
    near_miss(
        reworded(APPROVED_ROLE, "-User {grantee}", "-User $env:USERNAME"),
        "variable",
        "to whomever a variable names",
        "grant_unread",
    ),
)
_MEMBERS = (
    near_miss(
        reworded(
            APPROVED_MEMBER,
            "Add-RoleGroupMember 'Mailbox Export Operators'",
            "Add-RoleGroupMember 'Help Desk'",
        ),
        "other_group",
        "it is another group",
        "role_unknown",
        "role_not_approved",
    ),
    near_miss(
        reworded(APPROVED_MEMBER, "-Member {grantee}", "-Member {grantee},{stranger_grantee}"),
        "two_members",
        "with a second member",
        "grant_unread",
    ),
    near_miss(
        reworded(APPROVED_MEMBER, "Add-RoleGroupMember", "Update-RoleGroupMember"),
        "replaced",
        "all members are replaced",
        "grant_unread",
    ),
    near_miss(
        with_step(
            APPROVED_MEMBER,
            typed(
                r"New-MailboxExportRequest -Mailbox {vip} -FilePath '{home}\{vip}.pst'",
                runner=Runner.HELP_DESK,
                minute=20,
            ),
        ),
        "then_export",
        "and somebody exports on the host at once",
        "export_nearby",
    ),
    near_miss(
        with_step(
            APPROVED_MEMBER, typed("Add-RoleGroupMember 'Mailbox Export Operators' -Member {self}", minute=9)
        ),
        "second_grant",
        "and adds itself after it",
        "self_grant",
        "grant_uncovered",
    ),
    near_miss(
        with_step(
            APPROVED_MEMBER,
            Step(
                minute=9,
                command=rf"{NET.image} share stage$=C:\stage /grant:everyone,full",
                process=NET,
                parent=COMMAND_PROMPT,
                runner=Runner.EXCHANGE_ADMIN,
            ),
        ),
        "share",
        "and makes a share",
        "share_created",
    ),
    near_miss(
        with_step(
            APPROVED_MEMBER,
            Step(
                minute=12,
                command=rf"{SEVEN_ZIP.image} a -t7z C:\stage\a.7z C:\stage",
                process=SEVEN_ZIP,
                parent=COMMAND_PROMPT,
                runner=Runner.EXCHANGE_ADMIN,
            ),
        ),
        "archive",
        "and packs files",
        "archiver_used",
    ),
)
NEAR_MISSES = (*_ROLES, *_MEMBERS)
