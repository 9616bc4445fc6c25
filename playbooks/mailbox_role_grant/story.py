"""The story of a verdict: one sentence, the grants, the accounts, the next steps and queries to run."""

from collections.abc import Iterator
from datetime import timedelta

from playbooks import kql
from playbooks.mailbox_role_grant.coverage import Coverage
from playbooks.mailbox_role_grant.scene import Anchor, Scene
from playbooks.model import (
    Absent,
    Briefing,
    Close,
    Escalate,
    Fact,
    Finding,
    Found,
    Lookup,
    Query,
    Stance,
    Unavailable,
    Verdict,
)
from playbooks.who.hosts import short_name
from playbooks.who.identities import Identity
from playbooks.who.parents import parent_shown

TITLE = "Mailbox role grant triage"
_STEPS = (
    "Ask the granter, by a way that is not e-mail, which change this was; ask the approver as well.",
    "Read who holds the role: Get-ManagementRoleAssignment -Role 'Mailbox Import Export' -GetEffectiveUsers.",
    "Look for New-MailboxExportRequest by the granter and the grantee since the grant (queries below).",
    "Unless the change is confirmed, take the role away, disable both accounts and revoke their sessions.",
)
_HOST = """\
_Im_ProcessCreate
| where TimeGenerated between ({start} .. {end})
| where Dvc in~ ({hosts})
| project TimeGenerated, ActorUsername, TargetUsername, ActingProcessName, TargetProcessName, CommandLine
| order by TimeGenerated asc"""
_EXPORTS = """\
_Im_ProcessCreate
| where TimeGenerated between ({start} .. {end})
| where CommandLine has_any ("New-MailboxExportRequest", "Remove-MailboxExportRequest", "New-MailboxSearch")
| project TimeGenerated, Dvc, ActorUsername, TargetUsername, CommandLine
| order by TimeGenerated asc"""
_GRANTS = """\
_Im_ProcessCreate
| where TimeGenerated between ({start} .. {end})
| where CommandLine has_any ("New-ManagementRoleAssignment", "Add-RoleGroupMember", "Update-RoleGroupMember")
| project TimeGenerated, Dvc, ActorUsername, TargetUsername, CommandLine
| order by TimeGenerated asc"""


def brief(scene: Scene, coverages: tuple[Coverage, ...], verdict: Verdict) -> Briefing:
    """Everything that the comment and the task say besides the verdict, in a fixed order."""
    is_open = isinstance(verdict, Escalate)
    return Briefing(
        headline=_headline(scene, verdict),
        title=TITLE,
        findings=tuple(_finding(coverage) for coverage in coverages),
        facts=tuple(dict.fromkeys(fact for anchor in scene.anchors for fact in _facts(anchor))),
        steps=_STEPS if is_open else (),
        queries=_queries(scene) if is_open else (),
    )


def _headline(scene: Scene, verdict: Verdict) -> str:
    who = sorted({anchor.granter.runner.shown or "an account not named" for anchor in scene.anchors})
    hosts = ", ".join(scene.evidence.hosts) or "an unnamed host"
    number = len(scene.anchors)
    grants = (
        f"{number} grant{'' if number == 1 else 's'} of the export role on {hosts} by {', '.join(who[:3])}"
    )
    done = grants if number else f"No grant of the export role could be read on {hosts}"
    match verdict:
        case Close(scenarios=scenarios):
            return f"{done}: every grant is covered by {' and '.join(scenarios)}."
        case Escalate(reasons=reasons):
            against = [reason for reason in reasons if reason.stance is Stance.AGAINST]
            if not against:
                return f"{done}. Nothing speaks against closing, but not everything could be checked."
            return f"{done}. It stays open: {against[0].text}."


def _finding(coverage: Coverage) -> Finding:
    anchor = coverage.anchor
    covered = f"{coverage.scenario}: {coverage.row.shown}" if coverage.row is not None else ""
    return Finding(
        what=anchor.grant.kind.value,
        time=anchor.reading.event.time,
        host=anchor.reading.host,
        runner=anchor.granter.runner.full or "nobody named",
        parent=parent_shown(anchor.reading.event),
        command=anchor.reading.line.text,
        covered_by=covered,
        met=tuple(check.met for check in coverage.checks if check.passed),
        missing=tuple(check.missing for check in coverage.checks if check.passed is False),
        decoded=anchor.reading.line.decoded,
    )


def _facts(anchor: Anchor) -> Iterator[Fact]:
    yield from _account("Granter", anchor.granter)
    if anchor.grantee is not None:
        yield from _account("Grantee", anchor.grantee)
    else:
        yield Fact(anchor.grant.grantee or "not named", "Grantee", "not proven to be one account")


def _account(part: str, identity: Identity) -> Iterator[Fact]:
    subject, user = identity.runner.shown or "not named", identity.found
    if user is None:
        yield Fact(subject, part, _worded(identity.user, "not in the directory"))
        return
    state = {True: "enabled", False: "disabled", None: "state not known"}[user.enabled]
    created = f"{user.created:%Y-%m-%d}" if user.created is not None else "not known"
    yield Fact(subject, part, f"{user.display_name} ({user.user_principal_name}), {state}, created {created}")
    yield Fact(subject, "SID", user.sid or "none in the directory")
    yield Fact(subject, "Job", ", ".join(filter(None, (user.job_title, user.department))) or "not known")
    match identity.groups:
        case Found(groups):
            yield Fact(subject, "Groups", ", ".join(sorted(one.display_name for one in groups)) or "none")
        case other:
            yield Fact(subject, "Groups", _worded(other, "none"))
    match identity.risk:
        case Found(risk):
            yield Fact(subject, "Sign-in risk", f"level {risk.level}, state {risk.state}")
        case other:
            yield Fact(subject, "Sign-in risk", _worded(other, "none recorded"))


def _worded(answer: Lookup[object], absent: str) -> str:
    match answer:
        case Unavailable(source, cause):
            return f"not checked ({source}: {cause})"
        case Absent():
            return absent
        case _:
            return "found"


def _queries(scene: Scene) -> tuple[Query, ...]:
    """What to look at next, with hosts and times filled in."""
    if not isinstance(scene.evidence.window, Found):
        return ()
    window, week = scene.evidence.window.value, timedelta(days=7)
    hosts = set(scene.evidence.hosts) | {short_name(host) for host in scene.evidence.hosts}
    listed = ", ".join(kql.text(host) for host in sorted(hosts))
    start, end = kql.moment(window.start), kql.moment(window.end)
    before, after = kql.moment(window.start - week), kql.moment(window.end + week)
    return (
        Query("Everything on the host, in the window", _HOST.format(start=start, end=end, hosts=listed)),
        Query("Exports on any host, until a week after", _EXPORTS.format(start=start, end=after)),
        Query("Other grants of roles, a week before", _GRANTS.format(start=before, end=end)),
    )
