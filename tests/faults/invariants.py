"""The invariants, on what is left of a run and on every change along the way."""

from collections import Counter
from itertools import pairwise
from uuid import NAMESPACE_URL, UUID, uuid5

from faults.driver import Stage
from faults.ports_stage import SECRET
from faults.schedule import Schedule
from faults.trace import Frame, Trace
from faults.wire_stage import WIRE_TRANSIENT
from playbooks.model import Status

KINDS = ("closed", "escalated", "observed", "sampled", "noted")
TRANSIENT = frozenset(
    {"slow", "unavailable", "lost", "missing", "conflict", "kill", "kill_after", "copy", "jump"}
)
SHORT_OUTAGE = 8
UNREAD: tuple[str, ...] = ()
"""The alert set of a decision that was made although the alerts could not be read."""


def check_end(stage: Stage) -> None:
    """I1, I5, I6 to I8, I15, I17 once both queues are empty."""
    trace, schedule = stage.trace, stage.schedule
    _ends(trace, schedule)
    _unseen(trace)
    _once(trace)
    _people(trace, schedule)
    _secrets(trace)


def check_convergence(trace: Trace, fault_free: Trace, schedule: Schedule) -> None:
    """I10: transient faults leave what the fault-free run leaves."""
    if not is_transient(schedule):
        return
    left, expected = outcome(trace), outcome(fault_free)
    if left != expected:
        trace.broke("I10", f"left {left}, and without faults {expected}")


def is_transient(schedule: Schedule) -> bool:
    """Whether every fault of the schedule is shorter than the span of the attempts."""
    kinds = {strike.kind for strike in schedule.strikes}
    short = not schedule.down or (schedule.how == "unavailable" and 0 < schedule.minutes <= SHORT_OUTAGE)
    return kinds <= TRANSIENT | WIRE_TRANSIENT and len(schedule.strikes) <= 3 and short


def outcome(trace: Trace) -> tuple[object, ...]:
    """What an analyst sees of the end."""
    last = trace.last
    comments = Counter(map(kind_of_comment, trace.comments.values()))
    return (
        str(last.status),
        str(last.severity),
        tuple(sorted(last.labels)),
        last.classification,
        tuple(sorted(comments.items())),
        len(trace.tasks),
    )


def kind_of_comment(text: str) -> str:
    """The kind of decision that a comment of ours tells, read from its record line."""
    for kind in KINDS:
        if f"decision&#34;&#58; &#34;{kind}&#34;" in text:
            return kind
    return "other"


def _ends(trace: Trace, schedule: Schedule) -> None:
    last = trace.last
    labels = set(last.labels)
    if not trace.accepted:
        return
    if trace.gone or "Redirected" in labels:
        return
    if _said_to_be_gone(trace):
        return
    switched = any(strike.kind == "observe" for strike in schedule.strikes)
    wanted = {"triage-observed"} if "observe" in schedule.flags else {"triage-escalated"}
    wanted |= {"triage-observed"} if switched else set()
    ends = {
        "closed by us": last.closed_by_us,
        "escalated by us": last.status is not Status.CLOSED and not wanted.isdisjoint(labels),
        "held": bool(last.owner) or last.status is Status.ACTIVE or _reopened_by_person(trace),
        "closed by a person": last.status is Status.CLOSED and not last.closed_by_us,
    }
    if not any(ends.values()):
        trace.broke("I1", f"lost: {last.status}, labels {sorted(labels)}, {len(trace.deliveries)} deliveries")


def _said_to_be_gone(trace: Trace) -> bool:
    """The service said 404 to every read of the last attempts, and an operator was told."""
    return "incident_not_found" in trace.alarms and trace.reads_missing


def _reopened_by_person(trace: Trace) -> bool:
    """Whether the last change of status was a person's."""
    changes = [new for old, new in pairwise(trace.frames) if new.status != old.status]
    return bool(changes) and changes[-1].by == "person"


def _unseen(trace: Trace) -> None:
    """Closed by us, and an alert on it that the closing attempt did not judge."""
    if trace.gone or not trace.last.closed_by_us:
        return
    if trace.elsewhere:
        trace.broke("I2", "closed with an alert about a host that was not looked at")
    unseen = set(trace.last.alert_ids) - set(trace.judged) - trace.exempt
    if unseen:
        trace.broke("I5", f"closed with {len(unseen)} alerts that were never judged")


def _once(trace: Trace) -> None:
    """Ids follow from incident, alert set and kind alone; one comment, task and label for each."""
    sets = {frame.alert_ids for frame in trace.frames}
    allowed = {
        part: {
            uuid5(NAMESPACE_URL, "|".join((trace.incident_key, *alerts, kind, part)))
            for alerts in (*sets, UNREAD)
            for kind in KINDS
        }
        for part in ("comment", "task")
    }
    strange: set[UUID] = (set(trace.comments) - allowed["comment"]) | (set(trace.tasks) - allowed["task"])
    if strange:
        trace.broke("I6", f"{len(strange)} comments or tasks under ids that do not follow from the decision")
    unread = {uuid5(NAMESPACE_URL, f"{trace.incident_key}|{kind}|comment") for kind in KINDS}
    known = [text for name, text in trace.comments.items() if name not in unread]
    if trace.doubled and not trace.unguarded:
        trace.broke("I6", f"{trace.doubled} comments that stand there twice")
    kinds = Counter(map(kind_of_comment, known))
    if crowded := [kind for kind, number in kinds.items() if number > len(sets)]:
        trace.broke("I6", f"more {crowded} comments than states of the incident")
    counted = Counter(label.casefold() for label in trace.last.labels if label.startswith("triage-"))
    ours = set(counted) - {"triage-reopened"}
    ours -= {"triage-observed"} if "triage-escalated" in ours else set()
    held = bool(trace.last.owner) or trace.last.status is not Status.NEW
    if any(number > 1 for number in counted.values()) or (len(ours) > 1 and not held):
        trace.broke("I6", f"labels {sorted(counted.elements())}")


def _people(trace: Trace, schedule: Schedule) -> None:
    pinned: dict[str, object] = {}
    names = ("status", "owner", "others", "classification", "closing_words")
    base: dict[str, object] = {name: getattr(trace.frames[0], name) for name in names}
    for old, new in pairwise(trace.frames):
        changed = {name: getattr(new, name) for name in names if getattr(new, name) != getattr(old, name)}
        if new.by != "us":
            # What a person set back to what it was before is as if it had not been touched.
            pinned |= changed
            pinned = {name: value for name, value in pinned.items() if value != base[name]}
            continue
        base |= changed
        _ours(trace, old, new, schedule)
        if trace.unguarded and old.by != "us":
            # What our write names too, it overwrites; what it left alone is still theirs.
            pinned = {name: value for name, value in pinned.items() if name not in changed}
            continue
        for name, value in changed.items():
            if name in pinned:
                trace.broke("I7", f"{name} {pinned[name]!r}, which others set, became {value!r}")
        if lost := [
            label for label in old.labels if label not in new.labels and not label.startswith("triage-")
        ]:
            trace.broke("I7", f"labels {lost} of others are gone")
    left, first = trace.last, trace.frames[0]
    if trace.at_change and left.closed_by_us and (left.owner or left.severity is not first.severity):
        # Our write does not name these, so the look after it shows them.
        trace.broke("I7", "left closed although somebody took or weighed it at that very moment")
    if trace.closes > 1:
        trace.broke("I7", f"closed {trace.closes} times")


def _ours(trace: Trace, old: Frame, new: Frame, schedule: Schedule) -> None:
    """One change of ours."""
    closes = new.status is Status.CLOSED and old.status is not Status.CLOSED
    # What somebody set in the portal's unguarded moment our write cannot have seen.
    unseen = trace.unguarded and old.by != "us"
    if new.severity.rank < old.severity.rank and not unseen:
        trace.broke("I17", f"severity from {old.severity} to {new.severity}")
    if new.classification not in ("", "BenignPositive") and new.classification != old.classification:
        trace.broke("I17", f"classified as {new.classification}")
    if closes and old.owner and not trace.unguarded:
        trace.broke("I7", "closed while somebody owned it")
    if closes and "observe" in schedule.flags:
        trace.broke("I17", "closed in observe mode")
    if new.others != old.others or new.owner != old.owner:
        trace.broke("I8", "an update changed what it was not meant to change")


def _secrets(trace: Trace) -> None:
    texts = [*trace.logs, *trace.comments.values(), *trace.tasks.values()]
    if any(SECRET in text for text in texts):
        trace.broke("I15", "a token is in a log line, a comment or a task")
