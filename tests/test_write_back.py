"""A service without conditional writes and without tasks: what the pipeline makes of it."""

from dataclasses import replace
from uuid import UUID

import pytest
from desk import ESCALATE, PERSON, Desk, Office

from playbooks.errors import Overtaken, SourceUnavailable, WriteRefused
from playbooks.model import IncidentId, Severity, Status
from playbooks.pipeline import Finished, triage


class TasklessDesk(Desk):
    """An incident service that has no tasks."""

    async def task_ids(self, _: IncidentId) -> frozenset[UUID] | None:  # type: ignore[override]
        """See the port."""
        return None

    async def add_task(self, _: IncidentId, task_id: UUID, title: str, description: str) -> None:
        """See the port."""
        del task_id, title, description
        raise WriteRefused("desk", "has no tasks")


def overtaken(office: Office, **changes: object) -> None:
    """The next update is applied, and so is a change of somebody else, which is told only afterwards."""

    def after(call: str) -> None:
        if call == "update":
            office.desk.after = lambda _: None
            office.desk.edit(**changes)
            raise Overtaken("desk", "somebody changed it meanwhile")

    office.desk.after = after


async def test_a_close_that_was_overtaken_is_opened_again_and_escalated() -> None:
    """What the other one set stays; the comment says why; it is never closed by us again."""
    office = Office()
    overtaken(office, owner=PERSON, severity=Severity.HIGH)
    outcome = await triage(office.playbook, office, office.attempt())
    again = await triage(office.playbook, office, office.attempt())
    incident = office.desk.incident

    assert isinstance(outcome, Finished)
    assert ("escalated", Status.NEW, PERSON) == (outcome.outcome, incident.status, incident.owner)
    assert ({"triage-escalated", "triage-reopened"}, Severity.HIGH) == (
        office.desk.triage_labels,
        incident.severity,
    )
    assert any("overtaken" in text for text in office.desk.comments.values())
    assert isinstance(again, Finished)
    assert (1, "already_escalated") == (office.desk.closes, again.outcome)


async def test_a_close_that_a_person_undid_at_once_is_decided_anew() -> None:
    """They opened it and took it: it is theirs, with one more comment at most."""
    office = Office()
    overtaken(office, status=Status.ACTIVE, owner=PERSON)
    await triage(office.playbook, office, office.attempt())

    assert (Status.ACTIVE, PERSON, 1) == (
        office.desk.incident.status,
        office.desk.incident.owner,
        office.desk.closes,
    )


async def test_an_escalation_that_was_overtaken_is_decided_anew() -> None:
    """Nothing of it has to be taken back."""
    office = Office(judgements=[ESCALATE])
    overtaken(office, owner=PERSON)
    outcome = await triage(office.playbook, office, office.attempt())

    assert isinstance(outcome, Finished)
    assert "already_escalated" == outcome.outcome
    assert (Status.NEW, PERSON) == (office.desk.incident.status, office.desk.incident.owner)


async def test_a_close_overtaken_again_and_again_goes_back_to_the_queue() -> None:
    """Never a silent end."""
    office = Office()

    def after(call: str) -> None:
        if call == "update":
            office.desk.edit(status=Status.NEW, labels=("vip",))
            raise Overtaken("desk", "somebody changed it meanwhile")

    office.desk.after = after
    with pytest.raises(SourceUnavailable):
        await triage(office.playbook, office, office.attempt())


async def test_without_tasks_an_escalation_stands_whole_without_one() -> None:
    """Delivered again, nothing is judged or written anew."""
    office = Office(desk=TasklessDesk(), judgements=[ESCALATE])
    first = await triage(office.playbook, office, office.attempt())
    left = replace(office.desk.incident)
    again = await triage(office.playbook, office, office.attempt())

    assert isinstance(first, Finished)
    assert isinstance(again, Finished)
    assert ("escalated", "already_escalated") == (first.outcome, again.outcome)
    assert ({}, left) == (office.desk.tasks, office.desk.incident)
