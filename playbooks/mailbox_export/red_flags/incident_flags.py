"""Red flags of the incident as a whole, and what could not be looked up (policy, sections 1, 4; faults)."""

from collections.abc import Iterator

from playbooks.command_line.command_values import Export
from playbooks.folding import fold
from playbooks.mailbox_export.coverage.covering import Coverage
from playbooks.mailbox_export.readings import LONGEST_SPAN, is_half
from playbooks.mailbox_export.registers.register_rows import LEAVERS, VIPS
from playbooks.mailbox_export.scene import Scene
from playbooks.model import Absent, Account, Found, Lookup, Reason, Stance, Unavailable
from playbooks.moments import clock
from playbooks.who.accounts import actor_of
from playbooks.who.hosts import alerts_elsewhere, foreign_alerts, further_alerts
from playbooks.who.scope import NO_HOST


def incident_flags(scene: Scene, coverages: tuple[Coverage, ...]) -> Iterator[Reason]:
    """What speaks against closing the incident whatever covers its commands."""
    yield from _halves(scene)
    yield from _span(scene)
    yield from _logs(scene)
    yield from _other_alerts(scene)
    yield from _registers(coverages)
    closes, limit = scene.evidence.closes, scene.policy.close_limit
    if isinstance(closes, Found) and closes.value > limit:
        text = f"{closes.value} incidents were closed by this playbook in the last 24 hours (limit {limit})"
        yield Reason("close_limit", text, "incidents")


def unread(scene: Scene) -> Iterator[tuple[str, Unavailable]]:
    """Every look-up that any close needs and that gave no whole answer, with what was asked."""
    for item, answer in (*_incident_lookups(scene), *_account_lookups(scene)):
        if isinstance(answer, Unavailable):
            yield item, answer
    yield from _accounts(scene)
    evidence = scene.evidence
    yield from alerts_elsewhere(
        evidence.incident, evidence.alerts, hosts=evidence.hosts, rule_ids=scene.policy.rule_ids
    )


def _incident_lookups(scene: Scene) -> Iterator[tuple[str, Lookup[object]]]:
    evidence = scene.evidence
    if not evidence.hosts:
        yield "host", NO_HOST
    if not evidence.incident.entities_whole:
        # Where the alerts could not be read either, both may come at another time.
        whole = isinstance(evidence.incident.alerts, Found)
        yield "entities", Unavailable("incident", "incident larger than can be read whole", lasting=whole)
    yield "alerts of the incident", evidence.incident.alerts
    yield "time of the alerts", evidence.period
    if evidence.hosts and isinstance(evidence.period, Found):
        yield "process events of the host", evidence.events
    if scene.window is not None:
        yield "role grants on any host", evidence.role_grants
        yield "how far the logs reach", evidence.logs_reach
        yield "other alerts on host and runner", evidence.alerts
    yield "closes of the last 24 hours", evidence.closes
    yield from ((alias, evidence.watchlist(alias)) for alias in (VIPS, LEAVERS))


def _account_lookups(scene: Scene) -> Iterator[tuple[str, Lookup[object]]]:
    for runner in sorted(scene.identities, key=repr):
        identity = scene.identities[runner]
        yield f"account {runner.shown}", identity.user
        if isinstance(identity.user, Unavailable):
            # What hangs on the account was not looked up for the same cause.
            continue
        yield f"groups of {runner.shown}", identity.groups
        yield f"directory roles of {runner.shown}", identity.roles
        yield f"sign-in risk of {runner.shown}", identity.risk
    yield from ((f"mailbox {name}", user) for name, user in scene.evidence.mailboxes)


def _halves(scene: Scene) -> Iterator[Reason]:
    if scene.window is None:
        return
    for host in scene.evidence.hosts:
        here = [anchor for anchor in scene.anchors if anchor.host == host and is_half(anchor)]
        exports = sum(isinstance(anchor.command, Export) for anchor in here)
        missing = [
            what for what, count in (("export", exports), ("removal", len(here) - exports)) if not count
        ]
        if missing:
            text = f"No {' and no '.join(missing)} is in the events of {host} around the alert"
            yield Reason("half_missing", text, "process events")


def _span(scene: Scene) -> Iterator[Reason]:
    window = scene.window
    if window is not None and window.last - window.first > LONGEST_SPAN:
        text = f"More than 26 hours lie between {clock(window.first)} and {clock(window.last)}"
        yield Reason("span_too_long", text, "process events")


def _logs(scene: Scene) -> Iterator[Reason]:
    window, reach = scene.window, scene.evidence.logs_reach
    if window is None or isinstance(reach, Unavailable):
        return
    if isinstance(reach, Absent) or not window.end < reach.value <= scene.evidence.asked_at:
        text = f"Not checked: log data not complete until {clock(window.end)}"
        yield Reason("logs_incomplete", text, "process events", Stance.UNCHECKED)


def _other_alerts(scene: Scene) -> Iterator[Reason]:
    evidence, rules = scene.evidence, scene.policy.rule_ids
    for alert in foreign_alerts(evidence.incident, rules):
        text = f"The incident holds an alert outside this triage: {alert.name} ({alert.product})"
        yield Reason("other_alerts", text, "incident")
    for logged in further_alerts(evidence.incident, evidence.alerts, rules):
        text = f"Alert on the host or a runner at {clock(logged.time)}: {logged.name} ({logged.product})"
        yield Reason("other_alerts", text, "alerts")


def _registers(coverages: tuple[Coverage, ...]) -> Iterator[Reason]:
    for coverage in coverages:
        for row in coverage.recent:
            text = (
                f"{row.shown} was changed {clock(row.updated)}, less than 24 hours before the event or later"
            )
            yield Reason("register_row_recent", text, "watchlist")
        for invalid in coverage.invalid:
            yield Reason("register_row_invalid", f"Unusable row: {invalid.shown}", "watchlist")


def _accounts(scene: Scene) -> Iterator[tuple[str, Unavailable]]:
    """Accounts that the incident names and that no event of the window does: their part was not seen."""
    if scene.window is None:
        return
    seen = _seen_names(scene)
    for account in scene.evidence.incident.accounts:
        if (names := _names(account)) and not names & seen:
            cause = "the incident names it, but no event on its hosts does"
            yield f"account {', '.join(sorted(names))}", Unavailable("incident", cause, lasting=True)


def _seen_names(scene: Scene) -> frozenset[str]:
    """Names, SIDs and ids of everyone who started or ran something in the window."""
    seen: set[str] = set()
    for reading in scene.readings:
        for runner in (reading.runner, actor_of(reading.event, scene.policy)):
            seen |= {runner.name, fold(runner.sid)}
    for identity in scene.identities.values():
        if (user := identity.found) is not None:
            seen |= {fold(name) for name in (user.id, user.sid, user.sam_account_name)}
            seen |= {fold(user.user_principal_name).partition("@")[0], fold(user.mail_nickname)}
    return frozenset(seen - {""})


def _names(account: Account) -> set[str]:
    name = fold(account.name.strip()).rpartition("\\")[2].partition("@")[0]
    return {name, fold(account.sid.strip()), fold(account.aad_user_id.strip())} - {""}
