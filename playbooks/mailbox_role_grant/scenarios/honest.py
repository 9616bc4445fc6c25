"""Grants that an approved change vouches for: these may close, and only these."""

from playbooks.mailbox_role_grant.scenarios.staging import (
    ASSIGNMENT,
    MEMBERSHIP,
    GrantScenario,
    exchange_shell,
)
from playbooks.scenarios import Expected, Hours, Kind, Place, Runner, Step
from playbooks.scenarios.programs import POWERSHELL


def typed(script: str, runner: Runner = Runner.EXCHANGE_ADMIN, minute: float = 0) -> Step:
    """A step that a person starts from a PowerShell console."""
    return Step(minute=minute, command=exchange_shell(script), parent=POWERSHELL, runner=runner)


APPROVED_ROLE = GrantScenario(
    name="approved_role",
    title="An Exchange admin gives the role to a person, as an approved change says",
    kind=Kind.BENIGN,
    expected=Expected.CLOSE,
    scenarios=("approved_role_grant",),
    place=Place.WORKSTATION,
    hours=Hours.BUSINESS,
    steps=(typed(ASSIGNMENT),),
)

APPROVED_MEMBER = GrantScenario(
    name="approved_member",
    title="An Exchange admin adds a person to the group that holds the role, as an approved change says",
    kind=Kind.BENIGN,
    expected=Expected.CLOSE,
    scenarios=("approved_group_member",),
    place=Place.WORKSTATION,
    hours=Hours.BUSINESS,
    steps=(typed(MEMBERSHIP), typed("Get-RoleGroupMember 'Mailbox Export Operators'", minute=2)),
)
