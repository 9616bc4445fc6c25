"""The app behind the queue triggers: one delivery in, done or handed back. No decision of its own.

Returning means that the message is done with; raising hands it back to the queue.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from playbooks import load
from playbooks.errors import MessageUnreadable, NotThere, PermissionMissing, RequestRefused, SourceError
from playbooks.intake import AlertReference, DefenderReference
from playbooks.journal import note
from playbooks.messages import TriageMessage, decode, rescue
from playbooks.model import Stance
from playbooks.service import Service

if TYPE_CHECKING:
    from playbooks.pipeline import Finished, Outcome

MAX_DEQUEUE_COUNT = 5
"""As in host.json; a delivery with this count is the last attempt."""
ATTEMPT_SECONDS = 240.0
"""Below the functionTimeout of host.json, so that an attempt ends by itself."""
NOT_VISIBLE_YET = timedelta(minutes=10)
POISON_PAUSE = 600
"""Seconds before what could not even be escalated is tried again from the start."""
ALERT_WITHOUT_INCIDENT = timedelta(minutes=30)
SWEPT_BACK = timedelta(days=7)
MOST_YOUNG = 50_000
"""Objects that may be made before those that refer to each other are looked for. A good course leaves none
of them; with 64 in flight Python's 2,000 cost a twelfth of the processor time."""
MOST_SWEPT = 50
"""Incidents that one sweep hands over, for each playbook and workspace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One queue message as delivered: its text, its id, and how often it was handed out (0: unknown)."""

    text: str
    message_id: str
    dequeue_count: int

    @property
    def last(self) -> bool:
        """True on the last attempt; an unknown count counts as the last."""
        return self.dequeue_count == 0 or self.dequeue_count >= MAX_DEQUEUE_COUNT


class Worker:
    """What the queue functions do, for one service."""

    def __init__(self, service: Service) -> None:
        self._service = service
        young, *older = gc.get_threshold()
        if young:
            gc.set_threshold(max(young, MOST_YOUNG), *older)

    @contextmanager
    def _bounded(self, correlation_id: str) -> Iterator[None]:
        """One attempt: its log records carry the correlation id, and no call starts after ATTEMPT_SECONDS."""
        from playbooks.clients import attempt  # noqa: PLC0415

        with attempt(correlation_id, seconds=ATTEMPT_SECONDS, clock=self._service.seconds):
            yield

    async def triage(self, delivery: Delivery) -> None:
        """One attempt at one message. Returns when it is done with; raises to have it redelivered."""
        message = self._decoded(delivery)
        if message is None:
            return
        with self._bounded(message.correlation_id):
            self._note_attempt(message, delivery)
            await self._attempt(message, last=delivery.last)

    def _decoded(self, delivery: Delivery) -> TriageMessage | None:
        """The message; None, with an alarm, where its incident is not allowed. Raises MessageUnreadable."""
        try:
            return decode(delivery.text, self._service.workspace_paths)
        except RequestRefused as error:
            note("finished", outcome=error.code, alarm=error.code, messageId=delivery.message_id)
            return None

    def _note_attempt(self, message: TriageMessage, delivery: Delivery) -> None:
        age = round((self._service.now() - message.accepted_at).total_seconds(), 1)
        note("attempt", deliveries=delivery.dequeue_count, ageSeconds=age, **_names(message))

    async def _attempt(self, message: TriageMessage, *, last: bool) -> None:
        from playbooks import pipeline  # noqa: PLC0415

        incident_id = await self._service.incident_of(message)
        if isinstance(incident_id, timedelta):
            await self._wait_for_incident(message, incident_id)
            return
        try:
            known = message.playbook in self._service.watched_rules
            name = message.playbook if known else await self._service.playbook_of(incident_id)
            attempt = self._service.attempt(incident_id, playbook=name, last=last)
            outcome = await pipeline.triage(load(name), self._service.clients, attempt)
        except NotThere:
            # A message that has waited is older than ten minutes: one 404 must not end it.
            if not last or self._service.now() - message.accepted_at < NOT_VISIBLE_YET:
                raise
            note("finished", outcome="not_found", alarm="incident_not_found", **_names(message))
            return
        await self._conclude(message, outcome)

    async def triage_poison(self, delivery: Delivery) -> None:
        """Escalates what could not be triaged, with the incident service alone.

        Where even that fails, a new message goes to the main queue before this one ends: the host hands a
        poison message out five times only, and its copy expires. Raises where that write fails too.
        """
        message = self._poisoned(delivery)
        if message is None:
            return
        try:
            with self._bounded(message.correlation_id):
                self._note_attempt(message, delivery)
                await self._escalate_poisoned(message)
        except NotThere:
            if not delivery.last:
                raise
            note("finished", outcome="not_found", alarm="incident_not_found", **_names(message))
        except SourceError as error:
            alarm = "no_permission" if isinstance(error, PermissionMissing) else "cannot_escalate"
            await self._again(message, delay_seconds=POISON_PAUSE)
            note("poison_requeued", alarm=alarm, cause=str(error), **_names(message))

    async def sweep(self) -> None:
        """Puts incidents of our rules that bear no sign of triage on the queue, newest first.

        At most `MOST_SWEPT` of each workspace for each playbook, created in the last `SWEPT_BACK`. A
        workspace that cannot be asked, or a queue that will not take a message, is an alarm; the next sweep
        tries again.
        """
        with self._bounded(str(uuid4())):
            for path in self._service.workspace_paths:
                await self._sweep_workspace(path)

    async def _sweep_workspace(self, path: str) -> None:
        try:
            handed_over = [
                await self._sweep(path, playbook=name, rule_ids=rules)
                for name, rules in self._service.watched_rules.items()
            ]
        except SourceError as error:
            note("sweep_failed", alarm="sweep_failed", workspace=path, cause=str(error))
        else:
            note("swept", workspace=path, incidents=sum(handed_over))

    async def _sweep(self, workspace_path: str, *, playbook: str, rule_ids: frozenset[str]) -> int:
        now, clients = self._service.now(), self._service.clients
        found = await clients.incidents.untriaged(workspace_path, rule_ids=rule_ids, since=now - SWEPT_BACK)
        for incident_id in found[:MOST_SWEPT]:
            message = TriageMessage(
                playbook=playbook,
                subject=incident_id,
                correlation_id=str(uuid4()),
                accepted_at=now,
                swept=True,
            )
            await clients.messages.send(message.encode())
        return min(len(found), MOST_SWEPT)

    async def _again(self, message: TriageMessage, *, delay_seconds: int) -> None:
        """A new message in the place of this one; a swept one is brought again by the next sweep."""
        if not message.swept:
            await self._service.clients.messages.send(message.later().encode(), delay_seconds=delay_seconds)

    async def _wait_for_incident(self, message: TriageMessage, waited: timedelta) -> None:
        if waited >= ALERT_WITHOUT_INCIDENT:
            by_alert = isinstance(message.subject, AlertReference)
            alarm = "alert_without_incident" if by_alert else "incident_not_found"
            note("finished", outcome="no_incident", alarm=alarm, **_names(message))
            return
        await self._again(message, delay_seconds=60)

    async def _conclude(self, message: TriageMessage, outcome: "Outcome") -> None:
        """Logs what was done; a wait is a new message, written before the old one is finished."""
        from playbooks.pipeline import ComeBack  # noqa: PLC0415

        if isinstance(outcome, ComeBack):
            delay = max(1, round((outcome.at - self._service.now()).total_seconds()))
            await self._again(message, delay_seconds=delay)
            note("delayed", seconds=delay, why=outcome.why, **_names(message))
            return
        note("finished", **_names(message), **_told(outcome))

    def _poisoned(self, delivery: Delivery) -> TriageMessage | None:
        """A poisoned message as far as it can be read; None, with an alarm, where it names nothing."""
        try:
            return self._decoded(delivery)
        except MessageUnreadable:
            rescued = rescue(delivery.text, self._service.workspace_paths, accepted_at=self._service.now())
            if rescued is None:
                note("finished", alarm="queue_unreadable", messageId=delivery.message_id)
                return None
            return rescued

    async def _escalate_poisoned(self, message: TriageMessage) -> None:
        from playbooks import pipeline  # noqa: PLC0415

        incident_id = await self._service.incident_of(message)
        if isinstance(incident_id, timedelta):
            await self._wait_for_incident(message, incident_id)
            return
        cause = "every attempt failed; see the app's log for the reason of each"
        attempt = self._service.attempt(incident_id, playbook="", last=True)
        outcome = await pipeline.escalate_unread(self._service.clients, attempt, cause=cause)
        note("poison", alarm="poisoned", **_names(message), outcome=outcome.outcome)


def _names(message: TriageMessage) -> dict[str, Any]:
    match message.subject:
        case AlertReference(_, name) | DefenderReference(name):
            pass
        case incident_id:
            name = incident_id.name
    return {
        "correlationId": message.correlation_id,
        "incident": name,
        "playbook": message.playbook,
        "delays": message.delays,
    }


def _told(finished: "Finished") -> dict[str, Any]:
    told: dict[str, Any] = {"outcome": finished.outcome, "reasons": [], "alarm": finished.alarm}
    if finished.judgement is None:
        return told
    verdict = finished.judgement.verdict
    unchecked = {reason.source for reason in verdict.reasons if reason.stance is Stance.UNCHECKED}
    told |= {"reasons": sorted({reason.code for reason in verdict.reasons}), "unchecked": sorted(unchecked)}
    return told | {"scenarios": sorted(verdict.scenarios)}
