"""What the examples share: command lines, the rows of the register, and who is given the role in them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from playbooks.scenarios import Company, Named, Performance, Place, Rows, Runner, Scenario
from playbooks.scenarios.programs import POWERSHELL

GRANT = "grant"
GROUP = "Mailbox Export Operators"
_SHELL = (
    r". 'C:\Program Files\Microsoft\Exchange Server\V15\bin\RemoteExchange.ps1'; Connect-ExchangeServer -auto"
)
_GRANTEES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantScenario(Scenario):
    """A scenario of this playbook, seen by its rule unless it says otherwise."""

    playbook: str = "mailbox_role_grant"
    seen_by: tuple[str, ...] = (GRANT,)


def exchange_shell(script: str) -> str:
    """`script` in a PowerShell that loads the Exchange management shell."""
    return f'{POWERSHELL.image} -NoProfile -Command "{_SHELL}; {script}"'


ASSIGNMENT = "New-ManagementRoleAssignment -Role 'Mailbox Import Export' -User {grantee}"
MEMBERSHIP = f"Add-RoleGroupMember '{GROUP}' -Member {{grantee}}"


def rows(company: Company) -> Mapping[str, Rows]:
    """Changes of every Exchange admin for every grantee, and one each that is over."""
    hosts = ";".join(company.hosts(Place.WORKSTATION))
    pairs = [
        (granter, grantee)
        for granter in company.accounts(Runner.EXCHANGE_ADMIN)
        for grantee in _approved(company)
    ]
    made = [
        _row(
            company, f"CHG{41_000 + 2 * number + member}", granter, grantee, hosts=hosts, member=bool(member)
        )
        for number, (granter, grantee) in enumerate(pairs)
        for member in (0, 1)
    ]
    over = {"ValidFrom": _day(company, -90), "ValidTo": _day(company, -60)}
    old = [
        _row(company, f"CHG{40_300 + number}", granter, _expired(company), hosts=hosts, member=False) | over
        for number, granter in enumerate(company.accounts(Runner.EXCHANGE_ADMIN))
    ]
    return {"RoleGrantChanges": [*made, *old]}


def words(performance: Performance) -> Mapping[str, str]:
    """An approved grantee, one whose change is over, one that no change names, and the intruder's own."""
    company = performance.company
    return {
        "grantee": _upn(company, performance.choose(_approved(company))),
        "expired_grantee": _upn(company, _expired(company)),
        "stranger_grantee": _upn(company, company.accounts(Runner.BYSTANDER)[_GRANTEES + 1]),
        "bare_grantee": performance.choose(_approved(company)).sam,
        "self": _upn(company, performance.runner),
    }


def _approved(company: Company) -> tuple[Named, ...]:
    return tuple(company.accounts(Runner.BYSTANDER)[:_GRANTEES])


def _expired(company: Company) -> Named:
    return company.accounts(Runner.BYSTANDER)[_GRANTEES]


def _upn(company: Company, account: Named) -> str:
    return f"{account.sam}@{company.dns}"


def _day(company: Company, offset: int) -> str:
    return f"{company.start + timedelta(days=offset)}T00:00:00Z"


def _row(
    company: Company, change: str, granter: Named, grantee: Named, *, hosts: str, member: bool
) -> dict[str, str]:
    return {
        "ChangeId": change,
        "GranterSid": granter.sid,
        "GranteeSid": grantee.sid,
        "RoleOrGroup": GROUP if member else "Mailbox Import Export",
        "Hosts": hosts,
        "ValidFrom": _day(company, -10),
        "ValidTo": _day(company, 400),
        "Approver": f"change.board@{company.dns}",
    }
