"""Queries ready to run, for the analyst who goes on from here. Outside text enters as KQL literals only."""

from datetime import timedelta

from playbooks import kql
from playbooks.mailbox_export.scene import Scene
from playbooks.model import Close, Query, Verdict
from playbooks.who.hosts import short_name

_HOST = """\
_Im_ProcessCreate
| where TimeGenerated between ({start} .. {end})
| where Dvc in~ ({hosts})
| project TimeGenerated, ActorUsername, TargetUsername, ActingProcessName, TargetProcessName, CommandLine
| order by TimeGenerated asc"""

_ACCOUNT = """\
union isfuzzy=true SigninLogs, AADNonInteractiveUserSignInLogs
| where TimeGenerated between ({start} .. {end})
| where UserPrincipalName in~ ({names}) or OnPremisesSamAccountName in~ ({names})
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
    runners = {scene.identity(anchor.reading).runner.shown for anchor in scene.anchors} - {""}
    hosts = set(scene.evidence.hosts) | {short_name(host) for host in scene.evidence.hosts}
    names = {runner.rsplit("\\", 1)[-1] for runner in runners}
    span = {"start": kql.moment(window.start), "end": kql.moment(window.end)}
    before = {"start": kql.moment(window.start - 7 * day), "end": span["end"]}
    after = {"start": span["start"], "end": kql.moment(window.end + day)}
    told = [Query("Everything on the host, in the window", _HOST.format(hosts=_listed(hosts), **span))]
    if names:
        told.append(
            Query("Sign-ins of the account, a week before", _ACCOUNT.format(names=_listed(names), **before))
        )
    told.append(Query("Who was given the export role, a week before", _ROLE.format(**before)))
    told.append(Query("Who touched the file, until a day after", _FILES.format(**after)))
    return tuple(told)


def _listed(names: set[str]) -> str:
    return ", ".join(kql.text(name) for name in sorted(names))
