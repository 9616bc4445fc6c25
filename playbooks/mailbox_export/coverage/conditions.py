"""The conditions that several scenarios share, each as one check in words."""

from playbooks.command_line.command_values import Export, HoleKind, Removal, Value
from playbooks.mailbox_export.coverage.attempts import Check, Relied, both, either, uncovered_code
from playbooks.mailbox_export.readings import Anchor
from playbooks.mailbox_export.registers.mailbox_names import request_names
from playbooks.mailbox_export.registers.register_cells import names_key
from playbooks.mailbox_export.registers.register_rows import ANY_MAILBOX, EXPORT_HOSTS, JobRow
from playbooks.mailbox_export.scene import Scene
from playbooks.mailbox_export.targets import Root, read_target
from playbooks.model import Absent, DirectoryUser, Found, Policy, Unavailable
from playbooks.moments import clock, is_business_time
from playbooks.who.identities import is_run_as
from playbooks.who.parents import is_scheduler, starter_shown


def selects(command: Export | Removal, key: str) -> bool:
    """True where a batch or request name of the command selects the row of that key."""
    return any(names_key(name, key) for name in request_names(command))


def runner_is_run_as(anchor: Anchor, row: JobRow, scene: Scene) -> Check:
    """The account is the one the job is registered for. SYSTEM is registered for maintenance alone."""
    identity = scene.identity(anchor.reading)
    allowed = row.scenario == "maintenance" or not row.run_as.is_system
    return Check(
        passed=both(allowed, is_run_as(identity, row.run_as, scene.policy)),
        met=f"runner {identity.runner.shown} is RunAs of the job",
        code=uncovered_code(anchor),
        missing=f"runner {identity.runner.shown} is not RunAs {row.run_as.shown} of job {row.key}",
        source="watchlist",
    )


def host_is_bound(anchor: Anchor, hosts: frozenset[str], *, register: str) -> Check:
    """The host is one of those that the row names."""
    return Check(
        passed=anchor.host in hosts,
        met=f"host {anchor.host} is one of Hosts",
        code="host_not_bound",
        missing=f"host {anchor.host} is not one of Hosts of the {register} row ({', '.join(sorted(hosts))})",
        source="watchlist",
    )


def parent_is_scheduler(anchor: Anchor, policy: Policy) -> Check:
    """The Task Scheduler started it."""
    return Check(
        passed=is_scheduler(anchor.event, policy),
        met="started by the Task Scheduler",
        code=uncovered_code(anchor),
        missing=f"started by {starter_shown(anchor.event)}, not by the Task Scheduler",
        source="process events",
    )


def row_is_valid(anchor: Anchor, row: JobRow) -> Check:
    """The row was valid when the command ran."""
    return Check(
        passed=row.valid_from <= anchor.event.time <= row.valid_until,
        met=f"row valid until {row.valid_until.date()}",
        code="row_expired",
        missing=f"row of job {row.key} is valid {row.valid_from.date()} to {row.valid_until.date()}",
        source="watchlist",
    )


def target_is_inside(export: Export, roots: tuple[Root, ...], policy: Policy) -> Check:
    """The target is a literal enough path below an approved folder."""
    shown, inside = "no -FilePath", False
    if export.target is not None:
        target = read_target(export.target, policy)
        shown, inside = target.text, target.literal_enough and any(root.holds(target) for root in roots)
    allowed = ", ".join(root.shown for root in roots) or "none"
    return Check(
        passed=inside,
        met=f"target {shown} is inside the approved root",
        code="path_outside_root",
        missing=f"target {shown} is not inside the approved root ({allowed})",
        source="watchlist",
    )


def mailboxes_in_scope(export: Export, scope: tuple[str, ...], scene: Scene, *, cell: str) -> Check:
    """Every mailbox of the export is one of those the row names, compared as directory users."""
    shown = ", ".join(mailbox.shown for mailbox in export.mailboxes) or "no mailbox"
    answers = [_in_scope(mailbox, scope, scene) for mailbox in export.mailboxes]
    return Check(
        passed=both(*answers) if answers else False,
        met=f"mailbox {shown} is in {cell}",
        code="mailbox_outside_scope",
        missing=f"mailbox {shown} is not in {cell} ({'; '.join(scope)})",
        source="watchlist and directory",
    )


def in_business_hours(anchor: Anchor, scene: Scene) -> Check:
    """The command started inside business hours."""
    return Check(
        passed=is_business_time(anchor.event.time, scene.policy),
        met="inside business hours",
        code="off_hours",
        missing=off_hours_words(anchor),
        source="process events",
    )


def off_hours_words(anchor: Anchor) -> str:
    """Words for an interactive command outside business hours."""
    return f"the {anchor.what} started outside business hours, at {clock(anchor.event.time)}"


def host_has_role(
    anchor: Anchor, scene: Scene, *, roles: frozenset[str], also: frozenset[str] = frozenset()
) -> tuple[Check, tuple[Relied, ...]]:
    """The host is in MailboxExportHosts with one of the roles, or one of `also`; with the row relied on."""
    passed: bool | Unavailable = anchor.host in also
    relied: tuple[Relied, ...] = ()
    if not passed:
        passed, relied = _host_row(anchor, scene, roles)
    wanted = " or ".join(sorted(roles))
    check = Check(
        passed=passed,
        met=f"host {anchor.host} is approved ({relied[0].shown if relied else 'Hosts of the case'})",
        code="host_not_bound",
        missing=f"host {anchor.host} is not in {EXPORT_HOSTS} with role {wanted}"
        + (f", nor one of Hosts of the case ({', '.join(sorted(also))})" if also else ""),
        source="watchlist",
    )
    return check, relied


def same_user(name: str, user: DirectoryUser, scene: Scene) -> bool | Unavailable:
    """Whether a mailbox name resolves to that very directory user, by id."""
    match scene.mailbox(name):
        case Found(owner):
            return owner.id == user.id
        case Unavailable() as unread:
            return unread
        case Absent():
            return False


def in_names(name: str, scope: tuple[str, ...], scene: Scene) -> bool | Unavailable:
    """Whether a mailbox name and one of the names of a cell resolve to the same directory user."""
    match scene.mailbox(name):
        case Found(owner):
            return either(same_user(other, owner, scene) for other in scope)
        case Unavailable() as unread:
            return unread
        case Absent():
            return False


def _in_scope(mailbox: Value, scope: tuple[str, ...], scene: Scene) -> bool | Unavailable:
    literal = mailbox.literal
    if literal is None:
        fed = all(hole.kind is HoleKind.MAILBOX_PROPERTY for hole in mailbox.holes)
        return fed and scope == ANY_MAILBOX
    if scope != ANY_MAILBOX:
        return in_names(literal, scope, scene)
    answer = scene.mailbox(literal)
    return answer if isinstance(answer, Unavailable) else bool(literal.strip())


def _host_row(
    anchor: Anchor, scene: Scene, roles: frozenset[str]
) -> tuple[bool | Unavailable, tuple[Relied, ...]]:
    match scene.export_hosts:
        case Found(rows):
            fitting = [row for row in rows.valid if row.key == anchor.host and row.role in roles]
            oldest = sorted(fitting, key=lambda row: (row.updated, row.role))[:1]
            return bool(oldest), tuple(Relied(row.shown, row.updated) for row in oldest)
        case Unavailable() as unread:
            return unread, ()
        case Absent():
            return False, ()
