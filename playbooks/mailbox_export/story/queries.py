"""Queries ready to run, for the analyst who goes on from here. Outside text enters as KQL literals only."""

from datetime import timedelta

from playbooks import kql
from playbooks.mailbox_export.scene import Scene
from playbooks.model import Close, Query, Verdict
from playbooks.who.hosts import short_name
from playbooks.who.identities import Identity

_HOST = """\
_Im_ProcessCreate
| where TimeGenerated between ({start} .. {end})
| where Dvc in~ ({hosts})
| project TimeGenerated, ActorUsername, TargetUsername, ActingProcessName, TargetProcessName, CommandLine
| order by TimeGenerated asc"""

_ACCOUNT = """\
union isfuzzy=true SigninLogs, AADNonInteractiveUserSignInLogs
| where TimeGenerated between ({start} .. {end})
| where {accounts}
| project TimeGenerated, UserPrincipalName, IPAddress, AppDisplayName, ResultType, RiskLevelDuringSignIn
| order by TimeGenerated asc"""

_ROLE = """\
_Im_ProcessCreate
| where TimeGenerated between ({start} .. {end})
| where CommandLine has_any ("New-ManagementRoleAssignment", "Add-RoleGroupMember", "Update-RoleGroupMember")
| project TimeGenerated, Dvc, ActorUsername, TargetUsername, CommandLine"""

_FILES = """\
SecurityEvent
| where EventID == 5145 and TimeGenerated between ({start} .. {end})
| where RelativeTargetName endswith ".pst" or RelativeTargetName has_any (".aspx", ".ashx", ".asmx")
| project TimeGenerated, Computer, SubjectUserName, IpAddress, ShareName, RelativeTargetName, AccessMask"""


def queries(scene: Scene, verdict: Verdict) -> tuple[Query, ...]:
    """What to look at next, with hosts, accounts and times filled in. A close needs none."""
    if isinstance(verdict, Close) or scene.window is None:
        return ()
    window, day = scene.window, timedelta(hours=24)
    hosts = set(scene.evidence.hosts) | {short_name(host) for host in scene.evidence.hosts}
    span = {"start": kql.moment(window.start), "end": kql.moment(window.end)}
    before = {"start": kql.moment(window.start - 7 * day), "end": span["end"]}
    after = {"start": span["start"], "end": kql.moment(window.end + day)}
    told = [Query("Everything on the host, in the window", _HOST.format(hosts=_listed(hosts), **span))]
    if accounts := sign_ins_of(tuple(scene.identity(anchor.reading) for anchor in scene.anchors)):
        text = _ACCOUNT.format(accounts=accounts, **before)
        told.append(Query("Sign-ins of the account, a week before", text))
    told.append(Query("Who was given the export role, a week before", _ROLE.format(**before)))
    told.append(Query("Who touched the file, until a day after", _FILES.format(**after)))
    return tuple(told)


def sign_ins_of(identities: tuple[Identity, ...]) -> str:
    """The condition, in KQL, that a sign-in is by one of these accounts; empty where none ever signs in.

    Sign-in logs hold no account name of Windows. Of an account that the directory does not resolve, the
    sign-in name is likely to begin with it. Managed accounts, computers and SYSTEM do not sign in there.
    """
    people = [identity for identity in identities if not identity.is_managed]
    users = [identity.found for identity in people if identity.found is not None]
    unresolved = [identity.runner for identity in people if identity.found is None]
    names = {user.user_principal_name for user in users}
    names |= {runner.spelled for runner in unresolved if runner.is_upn}
    beginnings = {f"{runner.name}@" for runner in unresolved if runner.name and not runner.is_upn}
    lists = {"UserId": {user.id for user in users} - {""}, "UserPrincipalName": names - {""}}
    conditions = [f"{column} in~ ({_listed(values)})" for column, values in lists.items() if values]
    conditions += [f"UserPrincipalName startswith {kql.text(start)}" for start in sorted(beginnings)]
    return " or ".join(conditions)


def _listed(names: set[str]) -> str:
    return ", ".join(kql.text(name) for name in sorted(names))
