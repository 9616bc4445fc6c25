"""The order of things, tested on what is left on the incident."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from desk import ACT, CLOSE, ESCALATE, NOW, PERSON, UNKNOWN, Office
from hypothesis import given, settings
from hypothesis import strategies as st

from playbooks.errors import PermissionMissing, SourceError, SourceUnavailable, WriteConflict, WriteRefused
from playbooks.model import Found, Judgement, Mode, Severity, Status, WriteSettings
from playbooks.pipeline import ComeBack, Finished, Outcome, escalate_unread, preview, triage

CALLS = ("read", "comment_ids", "add_comment", "add_task", "reread", "update")


def failing(call: str, error: SourceError) -> Callable[[str], None]:
    """Every call of that name raises."""

    def raises(name: str) -> None:
        if name == call:
            raise error

    return raises


async def run(office: Office, *, last: bool = False) -> Outcome:
    """One delivery."""
    return await triage(office.playbook, office, office.attempt(last=last))


async def test_a_proven_benign_incident_is_closed_with_one_comment_and_one_label() -> None:
    """Close: status, comment and label, the person's label kept, no task."""
    office = Office()

    outcome = await run(office)

    assert isinstance(outcome, Finished)
    assert outcome.outcome == "closed"
    assert office.desk.incident.status is Status.CLOSED
    assert office.desk.incident.labels == ("vip", "triage-closed")
    assert len(office.desk.comments) == 1
    assert office.desk.tasks == {}


async def test_an_escalation_leaves_the_incident_open_and_raises_severity() -> None:
    """Escalate: open, owner untouched, comment, task, label, severity up."""
    office = Office(judgements=[ESCALATE])

    await run(office)

    incident = office.desk.incident
    assert (incident.status, incident.severity, incident.owner) == (Status.NEW, Severity.HIGH, None)
    assert office.desk.triage_labels == {"triage-escalated"}
    assert (len(office.desk.comments), len(office.desk.tasks)) == (1, 1)


async def test_severity_is_never_lowered() -> None:
    """An incident that is High stays High when the verdict asks for Medium."""
    office = Office(judgements=[UNKNOWN])
    office.desk.edit(severity=Severity.HIGH)

    await run(office, last=True)

    assert office.desk.incident.severity is Severity.HIGH


@pytest.mark.parametrize("judgement", [CLOSE, ESCALATE], ids=["close", "escalate"])
async def test_three_deliveries_leave_what_one_leaves(judgement: object) -> None:
    """The same incident delivered again bears one comment, one label, at most one task."""
    office = Office(judgements=[judgement])  # type: ignore[list-item]
    await run(office)
    first = (office.desk.incident, dict(office.desk.comments), dict(office.desk.tasks))

    await run(office)
    await run(office)

    assert (office.desk.incident, office.desk.comments, office.desk.tasks) == first


async def test_doubt_is_retried_and_escalated_on_the_last_attempt() -> None:
    """An unknown item raises while attempts remain, then escalates and says what was not checked."""
    office = Office(judgements=[UNKNOWN])

    with pytest.raises(SourceUnavailable):
        await run(office)
    assert office.desk.comments == {}

    await run(office, last=True)
    assert office.desk.triage_labels == {"triage-escalated"}
    assert "Not checked" in "".join(office.desk.comments.values())


async def test_a_source_that_raises_on_the_last_attempt_escalates() -> None:
    """Even a playbook that cannot gather at all ends in an escalation, not in silence."""
    office = Office(judgements=[SourceUnavailable("graph", "down")])

    await run(office, last=True)

    assert office.desk.triage_labels == {"triage-escalated"}


async def test_observe_mode_only_comments_and_labels() -> None:
    """Observe: what would have been done is told; status, severity and tasks are untouched."""
    office = Office(settings=WriteSettings(mode=Mode.OBSERVE))

    await run(office)

    assert office.desk.incident.status is Status.NEW
    assert office.desk.triage_labels == {"triage-observed"}
    assert office.desk.tasks == {}
    assert "would close" in "".join(office.desk.comments.values())


async def test_act_mode_replaces_the_label_of_observe_mode() -> None:
    """A changed decision gets a new comment that names the one it replaces; the older label goes."""
    office = Office(settings=WriteSettings(mode=Mode.OBSERVE))
    await run(office)

    office.settings = ACT
    await run(office)

    assert office.desk.triage_labels == {"triage-closed"}
    assert sum("triage-observed" in text for text in office.desk.comments.values()) == 1


async def test_an_owned_incident_gets_the_evidence_and_nothing_else() -> None:
    """People win: one comment, no status, no label, no task."""
    office = Office()
    office.desk.edit(owner=PERSON)

    await run(office)
    await run(office)

    assert office.desk.incident.status is Status.NEW
    assert office.desk.triage_labels == set()
    assert len(office.desk.comments) == 1


async def test_an_owner_that_counts_as_none_does_not_hold_the_incident() -> None:
    """Automation that assigns incidents is named in the settings."""
    office = Office(settings=WriteSettings(mode=Mode.ACT, unowned_owners=frozenset({PERSON.key})))
    office.desk.edit(owner=PERSON)

    await run(office)

    assert office.desk.incident.status is Status.CLOSED


@pytest.mark.parametrize("judgement", [CLOSE, UNKNOWN], ids=["benign", "unknown"])
async def test_what_a_person_closed_is_left_alone(judgement: Judgement) -> None:
    """Closed by a person: no comment, no label."""
    office = Office(judgements=[judgement])
    office.desk.edit(status=Status.CLOSED)

    await run(office, last=True)

    assert (office.desk.comments, office.desk.triage_labels) == ({}, set())
    assert office.desk.incident.status is Status.CLOSED


async def test_a_person_who_closed_what_is_grave_is_told_once_and_their_close_stands() -> None:
    """Closed before triage came, and a web root is the target: one comment, nothing else, however often."""
    office = Office(judgements=[ESCALATE])
    office.desk.edit(status=Status.CLOSED)
    before = office.desk.incident

    await run(office)
    await run(office)

    assert replace(office.desk.incident, etag=before.etag) == before
    assert ["before triage had told them" in text for text in office.desk.comments.values()] == [True]
    assert office.desk.tasks == {}


async def test_a_person_who_closed_after_reading_our_comment_is_not_told_again() -> None:
    """What triage had told them is not told a second time."""
    office = Office(judgements=[ESCALATE])
    await run(office)
    office.desk.edit(status=Status.CLOSED)

    await run(office)

    assert len(office.desk.comments) == 1
    assert office.desk.incident.status is Status.CLOSED


async def test_poison_leaves_a_persons_close_alone() -> None:
    """The last resort neither reopens nor comments what a person has closed."""
    office = Office(judgements=[ESCALATE])
    office.desk.edit(status=Status.CLOSED)

    await escalate_unread(office, office.attempt(last=True), cause="every attempt failed")

    assert (office.desk.incident.status, office.desk.comments) == (Status.CLOSED, {})


@pytest.mark.parametrize("survives", ["comment", "whole"])
async def test_what_was_escalated_once_is_never_closed(survives: str) -> None:
    """An escalation that was told, whole or in part, stays an escalation when the evidence turns."""
    office = Office(judgements=[ESCALATE, CLOSE])
    if survives == "comment":
        office.desk.before = failing("add_task", SourceUnavailable("incident", "503", status=503))
        with pytest.raises(SourceUnavailable):
            await run(office)
        office.desk.before = lambda _: None
    else:
        await run(office)
        office.desk.join("a-second-alert")

    await run(office)

    assert office.desk.incident.status is Status.NEW
    assert office.desk.triage_labels == {"triage-escalated"}
    assert office.desk.closes == 0


async def test_observe_mode_does_not_keep_a_close_of_ours_over_a_new_alert() -> None:
    """Closed in act mode, then observe: an alert joins, so the close is undone and people are told."""
    office = Office(judgements=[CLOSE, ESCALATE])
    await run(office)
    office.settings = WriteSettings(mode=Mode.OBSERVE)
    office.desk.join("a-second-alert")

    await run(office)

    assert office.desk.incident.status is Status.NEW
    assert office.desk.triage_labels == {"triage-escalated", "triage-reopened"}


async def test_observe_mode_switched_on_while_an_alert_joins_our_close_undoes_it() -> None:
    """The mode changes between our close and the look after it; the unseen alert still reopens."""
    office = Office(judgements=[CLOSE, ESCALATE])

    def flip(call: str) -> None:
        if call == "update" and not office.desk.closes:
            return
        if office.desk.closes and office.settings is ACT:
            office.settings = WriteSettings(mode=Mode.OBSERVE)
            office.desk.join("a-second-alert")

    office.desk.before = flip

    await run(office)

    assert office.desk.closes == 1
    assert office.desk.incident.status is Status.NEW
    assert "triage-escalated" in office.desk.triage_labels


async def test_what_was_escalated_stays_so_through_observe_mode() -> None:
    """Escalated in act, observed with one more alert, and in act again: still in people's hands."""
    office = Office(judgements=[ESCALATE, CLOSE])
    await run(office)
    office.settings = WriteSettings(mode=Mode.OBSERVE)
    office.desk.join("a-second-alert")
    await run(office)
    office.settings = ACT

    await run(office)

    assert office.desk.closes == 0
    assert "triage-escalated" in office.desk.triage_labels


@pytest.mark.parametrize("when", ["before", "meanwhile"])
async def test_what_a_person_called_a_true_positive_is_theirs(when: str) -> None:
    """Classified on the open incident, before triage or while it judges: no close, nothing overwritten."""
    office = Office()

    def classify(call: str = "add_comment") -> None:
        if call == "add_comment" and not office.desk.incident.classified:
            office.desk.edit(classified="TruePositive")

    if when == "before":
        classify()
    else:
        office.desk.before = classify

    await run(office)

    assert (office.desk.closes, office.desk.incident.classified) == (0, "TruePositive")


async def test_a_close_that_no_longer_holds_is_undone_before_anything_is_written_about_it() -> None:
    """A comment that cannot be written does not keep our close over an alert that nobody judged."""
    office = Office(judgements=[CLOSE, ESCALATE])
    await run(office)
    office.desk.join("a-second-alert")
    office.desk.before = failing("add_comment", SourceUnavailable("incident", "503", status=503))

    with pytest.raises(SourceUnavailable):
        await run(office)

    assert office.desk.incident.status is Status.NEW


async def test_observe_mode_switched_on_right_before_the_update_stops_the_close() -> None:
    """The mode is read again when the close is about to be sent; what is left is an observation."""
    office = Office()

    def flip(call: str) -> None:
        if call == "reread":
            office.settings = WriteSettings(mode=Mode.OBSERVE)

    office.desk.before = flip

    await run(office)

    assert office.desk.closes == 0
    assert office.desk.triage_labels == {"triage-observed"}


async def test_what_a_person_reopened_is_never_closed_again() -> None:
    """Our close, reopened by a person, escalates at the next delivery."""
    office = Office()
    await run(office)
    office.desk.edit(status=Status.NEW)

    await run(office)

    assert office.desk.incident.status is Status.NEW
    assert office.desk.triage_labels == {"triage-escalated", "triage-reopened"}
    assert office.desk.closes == 1


async def test_a_person_who_closes_again_after_a_new_alert_wins() -> None:
    """Closed by us, reopened and closed by a person, then an alert joins: nothing is reopened."""
    office = Office()
    await run(office)
    office.desk.edit(status=Status.CLOSED, classification_comment="spoke to the admin")
    office.desk.join("a2")

    await run(office)

    assert office.desk.incident.status is Status.CLOSED


async def test_an_alert_that_joins_after_our_close_reopens() -> None:
    """A later delivery with an alert that was not judged reopens and escalates."""
    office = Office()
    await run(office)
    office.desk.join("a2")

    await run(office)

    assert office.desk.incident.status is Status.NEW
    assert office.desk.triage_labels == {"triage-escalated", "triage-reopened"}


async def test_an_incident_is_closed_once_at_most() -> None:
    """Closed, reopened for a new alert, and then one more alert: it stays with a person."""
    office = Office()
    await run(office)
    for name in ("a2", "a3"):
        office.desk.join(name)
        await run(office)

    assert office.desk.incident.status is Status.NEW
    assert office.desk.closes == 1


async def test_an_alert_that_joins_right_after_the_update_reopens_in_the_same_attempt() -> None:
    """The check after the close sees what the close did not."""
    office = Office()

    def join(call: str) -> None:
        if call == "update" and office.desk.closes == 1:
            office.desk.after = lambda _: None
            office.desk.join("a2")

    office.desk.after = join
    await run(office)

    assert office.desk.incident.status is Status.NEW
    assert office.desk.triage_labels == {"triage-escalated", "triage-reopened"}


@pytest.mark.parametrize("call", CALLS)
async def test_an_owner_set_between_any_two_calls_is_never_overruled(call: str) -> None:
    """Whenever a person takes the incident before the update lands, it is not closed."""
    office = Office()

    def take(name: str) -> None:
        if name == call and office.desk.incident.owner is None:
            office.desk.before = lambda _: None
            office.desk.edit(owner=PERSON)

    office.desk.before = take
    await run(office)

    if office.desk.incident.owner:
        assert office.desk.incident.status is Status.NEW
        assert office.desk.closes == 0


async def test_a_close_waits_until_its_window_has_passed() -> None:
    """Before `final_from` nothing is written; the delivery comes back, at most ten minutes later."""
    office = Office(judgements=[replace(CLOSE, final_from=NOW + timedelta(hours=1))])

    outcome = await run(office)

    assert outcome == ComeBack(
        NOW + timedelta(minutes=10), outcome.why if isinstance(outcome, ComeBack) else ""
    )
    assert office.desk.comments == {}


async def test_a_young_incident_is_not_closed() -> None:
    """Related alerts may still be on their way: a close holds for the hold time after creation."""
    office = Office()
    office.desk.edit(created=NOW - timedelta(minutes=5))

    assert isinstance(await run(office), ComeBack)
    assert office.desk.incident.status is Status.NEW


async def test_a_young_alert_in_an_old_incident_holds_the_close() -> None:
    """What joins late may be followed by more: the hold counts from the newest alert."""
    office = Office()
    old = office.desk.incident
    assert isinstance(old.alerts, Found)
    young = replace(old.alerts.value[0], generated=NOW - timedelta(minutes=5))
    office.desk.edit(created=NOW - timedelta(hours=9), alerts=Found((young,)))

    outcome = await run(office)

    assert isinstance(outcome, ComeBack)
    assert outcome.at == NOW + timedelta(minutes=10)
    assert office.desk.comments == {}


async def test_an_escalation_never_waits_for_the_hold() -> None:
    """A red flag on a young incident is told at once."""
    office = Office(judgements=[ESCALATE])
    office.desk.edit(created=NOW)

    await run(office)

    assert office.desk.triage_labels == {"triage-escalated"}


async def test_a_close_whose_comment_is_refused_escalates_instead() -> None:
    """A close without its reason in writing is no close (100 comments reached)."""
    office = Office()

    def refuse(call: str) -> None:
        if call == "add_comment":
            raise WriteRefused("incident", "the comment limit of 100 is reached", status=400)

    office.desk.before = refuse
    await run(office)

    assert office.desk.incident.status is Status.NEW
    assert office.desk.triage_labels == {"triage-escalated"}


async def test_a_refused_close_escalates_by_the_other_writes() -> None:
    """Sentinel refuses the update that closes: the incident stays open, with a comment that says so."""
    office = Office()

    def refuse(call: str) -> None:
        if call == "update":
            office.desk.before = lambda _: None
            raise WriteRefused("incident", "classification not accepted", status=400)

    office.desk.before = refuse
    await run(office)

    assert office.desk.incident.status is Status.NEW
    assert office.desk.triage_labels == {"triage-escalated"}
    assert any("close&#95;refused" in text for text in office.desk.comments.values())


async def test_a_refused_task_does_not_stop_the_escalation() -> None:
    """40 tasks reached: comment, label and severity are written all the same."""
    office = Office(judgements=[ESCALATE])

    def refuse(call: str) -> None:
        if call == "add_task":
            raise WriteRefused("incident", "the task limit of 40 is reached", status=400)

    office.desk.before = refuse
    await run(office)

    assert office.desk.triage_labels == {"triage-escalated"}


async def test_conflicts_without_end_go_back_to_the_queue() -> None:
    """Three new decisions at most, then the delivery is repeated."""
    office = Office()

    def conflict(call: str) -> None:
        if call == "update":
            raise WriteConflict("incident", "newer version", status=409)

    office.desk.before = conflict
    with pytest.raises(SourceUnavailable):
        await run(office)


async def test_poison_escalates_with_the_incident_service_alone() -> None:
    """The last resort asks no playbook and no source, and leaves a whole escalation."""
    office = Office(judgements=[])

    await escalate_unread(office, office.attempt(last=True), cause="every attempt failed")

    assert office.desk.triage_labels == {"triage-escalated"}
    assert (len(office.desk.comments), len(office.desk.tasks)) == (1, 1)


async def test_poison_after_a_whole_decision_changes_nothing() -> None:
    """A message that failed after its writes does not add a second comment."""
    office = Office()
    await run(office)

    await escalate_unread(office, office.attempt(last=True), cause="every attempt failed")

    assert office.desk.incident.status is Status.CLOSED
    assert len(office.desk.comments) == 1


async def test_a_sampled_incident_stays_open_for_a_person() -> None:
    """With a sample share of one every close becomes a sample."""
    office = Office(settings=WriteSettings(mode=Mode.ACT, sample_share=1.0))

    await run(office)

    assert office.desk.incident.status is Status.NEW
    assert office.desk.triage_labels == {"triage-sampled"}


async def test_a_merged_incident_is_left_alone() -> None:
    """The Redirected tag means that another incident carries the alerts now."""
    office = Office()
    office.desk.edit(labels=("Redirected",))

    outcome = await run(office)

    assert outcome == Finished("redirected", alarm="incident_redirected")
    assert office.desk.comments == {}


async def test_preview_writes_nothing() -> None:
    """The verdict as of now, and an untouched incident."""
    office = Office()
    before = office.desk.incident

    _, judgement = await preview(office.playbook, office, office.attempt(last=True))

    assert judgement == CLOSE
    assert (office.desk.incident, office.desk.comments) == (before, {})


FAULTS = st.lists(
    st.tuples(
        st.integers(0, 30),
        st.sampled_from(["unavailable", "permission", "lost", "kill", "owner", "alert", "reopen"]),
    ),
    max_size=4,
)


@settings(max_examples=300, deadline=None)
@given(faults=FAULTS, benign=st.booleans())
async def test_whatever_fails_nothing_is_lost_and_nothing_unseen_is_closed(
    faults: list[tuple[int, str]], benign: bool
) -> None:
    """Faults, kills, lost answers and people at any step: closed by us, escalated, or in a person's hands."""
    office = Office(judgements=[CLOSE if benign else ESCALATE])
    steps = iter(range(10_000))
    pending = dict(faults)
    lost = False

    def step(_: str) -> None:
        nonlocal lost
        match pending.pop(next(steps), None):
            case "unavailable":
                raise SourceUnavailable("incident", "503", status=503)
            case "permission":
                raise PermissionMissing("incident", "403", status=403)
            case "kill":
                raise asyncio.CancelledError
            case "lost":
                lost = True
            case "owner":
                office.desk.edit(owner=PERSON)
            case "alert":
                office.desk.join(f"a{office.desk.incident.etag}")
            case "reopen" if office.desk.incident.status is Status.CLOSED:
                office.desk.edit(status=Status.NEW)
            case _:
                pass

    def lose(_: str) -> None:
        nonlocal lost
        if lost:
            lost = False
            raise SourceUnavailable("incident", "the answer was lost")

    office.desk.before, office.desk.after = step, lose
    for delivery in range(1, 12):
        try:
            await run(office, last=delivery >= 5)
        except (SourceError, asyncio.CancelledError):
            continue
    # A later alert always brings a new delivery; nothing fails any more.
    pending.clear()
    lost = False
    await run(office, last=True)

    incident, desk = office.desk.incident, office.desk
    closed = incident.status is Status.CLOSED and desk.triage_labels == {"triage-closed"}
    escalated = incident.status is not Status.CLOSED and "triage-escalated" in desk.triage_labels
    assert closed or escalated or incident.owner is not None
    assert benign or desk.closes == 0
    assert desk.closes <= 1
    assert "vip" in incident.labels
