"""Red flags of commands, of what started them and of what ran nearby (policy, section 4)."""

from collections.abc import Iterator, Mapping

from playbooks.command_line.command_values import Export, HoleKind, Removal, RequestKind, Value
from playbooks.mailbox_export.coverage.attempts import MAINTENANCE_CLEANUP, SCHEDULED_EXPORT
from playbooks.mailbox_export.coverage.conditions import off_hours_words
from playbooks.mailbox_export.coverage.covering import Coverage
from playbooks.mailbox_export.coverage.scheduled import takes_finished_exports
from playbooks.mailbox_export.readings import Anchor, Reading, read_events
from playbooks.mailbox_export.registers.mailbox_names import command_mailboxes, request_names
from playbooks.mailbox_export.registers.register_cells import NameSet
from playbooks.mailbox_export.scene import Scene
from playbooks.mailbox_export.targets import is_own_server, read_target, target_flags
from playbooks.model import Found, Policy, Reason, Unavailable
from playbooks.moments import clock, is_business_time
from playbooks.who.accounts import Runner
from playbooks.who.parents import is_scheduler, is_suspicious, is_unknown, starter_shown

ROLE_GRANTED = "role_granted"
_LOG = "process events"
_OF_JOBS = frozenset({SCHEDULED_EXPORT, MAINTENANCE_CLEANUP})
_EXCUSED = frozenset({"outside_window", "row_expired", "host_not_bound"})


def command_flags(scene: Scene) -> Iterator[Reason]:
    """What the text of the commands themselves raises."""
    for reading in scene.relevant:
        when = clock(reading.event.time)
        for raised in reading.line.flags:
            yield Reason(raised.flag.value, f"Command at {when}: {raised.detail}", _LOG)
        yield from _server_flags(reading, scene)
    for anchor in scene.anchors:
        yield from _value_flags(anchor)
        if isinstance(anchor.command, Export):
            yield from _export_flags(anchor, anchor.command, scene)


def removal_flags(scene: Scene, coverages: tuple[Coverage, ...]) -> Iterator[Reason]:
    """Removals that take other requests than their own.

    While the register of jobs is unread, one that takes finished export requests may be maintenance.
    """
    own = _covered_names(coverages, scene)
    for coverage in coverages:
        command, when = coverage.anchor.command, clock(coverage.anchor.event.time)
        if isinstance(command, Export):
            continue
        if command.kind is not RequestKind.EXPORT:
            yield Reason("removal_unscoped", f"The removal at {when} takes {command.kind} requests", _LOG)
        elif isinstance(scene.jobs, Unavailable) and takes_finished_exports(command):
            continue
        elif _takes_anothers(coverage, own, scene):
            text = f"The removal at {when} takes other requests than the account's own export made"
            yield Reason("removal_unscoped", text, _LOG)
        elif _takes_everything(coverage) and not _is_maintenance(coverage):
            yield Reason(
                "removal_unscoped", f"The removal at {when} is not limited to requests of its own", _LOG
            )


def parent_flags(scene: Scene, coverages: tuple[Coverage, ...]) -> Iterator[Reason]:
    """Parents that attackers use, and unknown ones where a job requires the scheduler."""
    for coverage in coverages:
        event, when = coverage.anchor.event, clock(coverage.anchor.event.time)
        parent = starter_shown(event)
        if is_suspicious(event):
            yield Reason(
                "parent_suspicious", f"The {coverage.anchor.what} at {when} was started by {parent}", _LOG
            )
        elif _wants_scheduler(coverage) and is_unknown(event, scene.policy):
            text = f"The {coverage.anchor.what} at {when} names a job, but its parent ({parent}) is not known"
            yield Reason("parent_suspicious", text, _LOG)


def nearby(scene: Scene) -> Iterator[Reason]:
    """What else ran in the window: role grants on any host, the rest on the judged hosts."""
    for reading in scene.readings:
        yield from (_nearby_reason(code, words, reading) for code, words in reading.nearby)
    grants = scene.evidence.role_grants
    for grant in read_events(grants.value, scene.policy) if isinstance(grants, Found) else ():
        for code, words in grant.nearby:
            if code == ROLE_GRANTED:
                yield _nearby_reason(code, words, grant)


def off_hours(coverages: tuple[Coverage, ...], policy: Policy) -> Iterator[Reason]:
    """Commands outside business hours that the Task Scheduler did not start, and that are no job's.

    A job has its own window; where its row is the closest, what keeps the command from it is told instead.
    """
    for coverage in coverages:
        anchor = coverage.anchor
        is_job = bool(coverage.closest) and coverage.closest[0].scenario in _OF_JOBS
        if (
            not is_job
            and not is_scheduler(anchor.event, policy)
            and not is_business_time(anchor.event.time, policy)
        ):
            words = off_hours_words(anchor)
            yield Reason("off_hours", words[:1].upper() + words[1:], _LOG)


def _server_flags(reading: Reading, scene: Scene) -> Iterator[Reason]:
    """Servers that the commands take their orders, directory or files from, and are not our own."""
    when = clock(reading.event.time)
    for server in reading.line.servers:
        if server.literal is None:
            text = f"Command at {when}: the server it names is not fixed by the text: {server.shown}"
            yield Reason("command_unparsed", text, _LOG)
        elif not is_own_server(server.literal, scene.policy):
            text = f"Command at {when}: {server.shown} is no server of the organisation"
            yield Reason("target_untrusted_host", text, _LOG)


def _export_flags(anchor: Anchor, export: Export, scene: Scene) -> Iterator[Reason]:
    if export.record_suppressed:
        text = f"The export at {clock(anchor.event.time)} leaves no record (-CompletedRequestAgeLimit 0)"
        yield Reason("record_suppressed", text, _LOG)
    if export.target is None:
        return
    target = read_target(export.target, scene.policy)
    for code, words in target_flags(target, scene.policy):
        yield Reason(code, f"Export at {clock(anchor.event.time)}: {words}", _LOG)
    if not target.literal_enough:
        text = (
            f"The target of the export at {clock(anchor.event.time)} is not fixed by the text: {target.text}"
        )
        yield Reason("command_unparsed", text, _LOG)


def _value_flags(anchor: Anchor) -> Iterator[Reason]:
    """Values that the text does not fix: nobody can say what the command will do."""
    for value in _values(anchor):
        if any(hole.kind is HoleKind.UNKNOWN for hole in value.holes):
            what = f"A value of the {anchor.what} at {clock(anchor.event.time)}"
            text = f"{what} is not fixed by the text: {value.shown}"
            yield Reason("command_unparsed", text, _LOG)


def _values(anchor: Anchor) -> tuple[Value, ...]:
    command = anchor.command
    if isinstance(command, Export):
        named = (
            command.target,
            command.name,
            command.batch_name,
            *command.mailboxes,
        )
    else:
        named = (command.identity, command.mailbox, command.name, command.batch_name, command.request_guid)
    return tuple(value for value in named if value is not None)


def _takes_everything(coverage: Coverage) -> bool:
    """No selector at all, or none but wildcards."""
    return all(not (value.literal or "x").strip("*? ") for value in _values(coverage.anchor))


def _covered_names(coverages: tuple[Coverage, ...], scene: Scene) -> Mapping[Runner, NameSet]:
    """The names in the covered exports of each account."""
    names: dict[Runner, set[str]] = {}
    for coverage in coverages:
        if isinstance(coverage.anchor.command, Export) and coverage.proof is not None:
            runner = scene.identity(coverage.anchor.reading).runner
            names.setdefault(runner, set()).update(_names(coverage.anchor.command, scene))
    return {runner: NameSet(known) for runner, known in names.items()}


def _takes_anothers(removal: Coverage, own: Mapping[Runner, NameSet], scene: Scene) -> bool:
    """Nothing covers it, and none of its names is one of a covered export by the same account."""
    names = _names(removal.anchor.command, scene)
    known = own.get(scene.identity(removal.anchor.reading).runner)
    if removal.proof is not None or not names or not known:
        return False
    return not any(map(known.is_related, names))


def _names(command: Export | Removal, scene: Scene) -> frozenset[str]:
    """Request and batch names, and the mailboxes: as directory ids, where the directory knows them."""
    users = ((name, scene.mailbox(name)) for name in command_mailboxes(command))
    owners = (user.value.id if isinstance(user, Found) else name for name, user in users)
    return frozenset((*request_names(command), *owners))


def _is_maintenance(coverage: Coverage) -> bool:
    """Covered as maintenance, or the work of a maintenance job but for its time, validity or host."""
    if coverage.proof is not None:
        return coverage.proof.scenario == MAINTENANCE_CLEANUP
    attempts = [attempt for attempt in coverage.closest if attempt.scenario == MAINTENANCE_CLEANUP]
    return any({check.code for check in attempt.missing} <= _EXCUSED for attempt in attempts)


def _wants_scheduler(coverage: Coverage) -> bool:
    return any(attempt.scenario in _OF_JOBS for attempt in coverage.closest)


def _nearby_reason(code: str, words: str, reading: Reading) -> Reason:
    who = reading.runner.shown or "an account that is not named"
    return Reason(code, f"At {clock(reading.event.time)} on {reading.host}, {who}: {words}", _LOG)
