"""The app behind the triggers: settings, clients and playbooks put together; no transport, no decision.

Every operation returns plain values or raises from the PlaybookError tree. `function_app.py` turns both
into HTTP answers and queue outcomes.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from playbooks import discover, load
from playbooks.answers import Answer
from playbooks.errors import MessageUnreadable, NotThere, RequestRefused, SourceUnavailable
from playbooks.intake import AlertReference, read_request
from playbooks.messages import TriageMessage, decode, rescue_incident_id
from playbooks.model import Absent, Close, Found, IncidentId, Unavailable
from playbooks.settings import Settings, read_settings

if TYPE_CHECKING:
    from playbooks.clients import Clients
    from playbooks.pipeline import Attempt, Finished, Outcome

MAX_DEQUEUE_COUNT = 5
"""As in host.json; a delivery with this count is the last attempt."""
NOT_VISIBLE_YET = timedelta(minutes=10)
ALERT_WITHOUT_INCIDENT = timedelta(minutes=30)

log = logging.getLogger("triage")


def note(event: str, **members: object) -> None:
    """One structured log record: a line of JSON, outside text escaped. Never a token, query or body."""
    level = logging.WARNING if members.get("alarm") else logging.INFO
    log.log(level, "%s", json.dumps({"event": event, **members}, default=str))


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


class Service:
    """The app for one environment. Settings are read at first use; clients live as long as the process."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    @cached_property
    def settings(self) -> Settings:
        """Raises SettingsError with every problem at once."""
        return read_settings(self._environment)

    @cached_property
    def clients(self) -> "Clients":
        """Connected clients; their libraries are imported here, not at start. Raises SettingsError."""
        from playbooks.clients import connect  # noqa: PLC0415 - a first answer needs none of it

        return connect(self.settings, self._environment)

    @cached_property
    def workspace_paths(self) -> tuple[str, ...]:
        """ARM ids of the workspaces that incidents may come from."""
        return tuple(workspace.path for workspace in self.settings.workspaces)

    async def receive(self, playbook: str, body: bytes, content_type: str) -> Answer:
        """202: the incident or alert is on the queue, and the queue has confirmed the write.

        Raises RequestRefused, UnknownPlaybook, SettingsError, SourceUnavailable (queue).
        """
        message = self._message(playbook, body, content_type)
        await self.clients.messages.send(message.encode())
        note("accepted", correlationId=message.correlation_id, operationId=message.operation_id)
        return 202, {
            "operationId": str(message.operation_id),
            "correlationId": message.correlation_id,
            "acceptedAt": message.accepted_at.isoformat(),
        }

    async def preview(self, playbook: str, body: bytes, content_type: str) -> Answer:
        """200: the verdict as of now, with the comment it would write; nothing is written anywhere."""
        from playbooks import pipeline, plan, report  # noqa: PLC0415

        message = self._message(playbook, body, content_type)
        incident_id = await self._incident_of(message)
        if isinstance(incident_id, timedelta):
            raise RequestRefused(404, "alert_without_incident", "No incident holds this alert yet.")
        attempt = self._attempt(incident_id, last=True)
        incident, judgement = await pipeline.preview(load(playbook), self.clients, attempt)
        kind = plan.kind_of(judgement, incident, settings=attempt.settings, held=False)
        verdict = judgement.verdict
        return 200, {
            "correlationId": message.correlation_id,
            "incident": incident.number,
            "verdict": "close" if isinstance(verdict, Close) else "escalate",
            "finalFrom": judgement.final_from.isoformat() if judgement.final_from else None,
            "scenarios": list(verdict.scenarios),
            "reasons": [
                {"code": r.code, "text": r.text, "source": r.source, "stance": r.stance}
                for r in verdict.reasons
            ],
            "comment": report.render_comment(judgement, report.Heading(kind.value)),
        }

    async def triage(self, delivery: Delivery) -> None:
        """One attempt at one message. Returns when it is done with; raises to have it redelivered."""
        from playbooks import pipeline  # noqa: PLC0415

        try:
            message = decode(delivery.text, self.workspace_paths)
        except RequestRefused as error:
            note("finished", outcome=error.code, alarm=error.code, messageId=delivery.message_id)
            return
        incident_id = await self._incident_of(message)
        if isinstance(incident_id, timedelta):
            await self._wait_for_incident(message, incident_id)
            return
        try:
            attempt = self._attempt(incident_id, last=delivery.last)
            outcome = await pipeline.triage(load(message.playbook), self.clients, attempt)
        except NotThere:
            if datetime.now(UTC) - message.accepted_at < NOT_VISIBLE_YET:
                raise
            note("finished", outcome="not_found", alarm="incident_not_found", **_names(message))
            return
        await self._conclude(message, outcome)

    async def triage_poison(self, delivery: Delivery) -> None:
        """Escalates what could not be triaged, with the incident service alone. Raises to be tried again."""
        from playbooks import pipeline  # noqa: PLC0415

        incident_id = await self._poisoned_incident(delivery)
        if incident_id is None:
            return
        cause = "every attempt failed; see the app's log for the reason of each"
        try:
            outcome = await pipeline.escalate_unread(
                self.clients, self._attempt(incident_id, last=True), cause=cause
            )
        except NotThere:
            note("finished", outcome="not_found", alarm="incident_not_found", messageId=delivery.message_id)
            return
        note("poison", outcome=outcome.outcome, alarm="poisoned", incident=incident_id.name)

    async def health(self, *_: object) -> Answer:
        """What is configured and which permissions work, each with the role to grant; 503 if one fails."""
        from playbooks.clients import check_permissions  # noqa: PLC0415

        checks = [
            {
                "workspace": workspace.path.rsplit("/", 1)[-1],
                "permission": name,
                "works": works,
                "words": words,
            }
            for workspace in self.settings.workspaces
            for name, works, words in await check_permissions(self.clients, workspace)
        ]
        healthy = all(check["works"] for check in checks)
        return 200 if healthy else 503, {
            "healthy": healthy,
            "mode": self.settings.mode,
            "playbooks": list(discover()),
            "ruleIds": sorted(self.settings.rule_ids),
            "checks": checks,
        }

    def _message(self, playbook: str, body: bytes, content_type: str) -> TriageMessage:
        """The request as a message. Raises RequestRefused or UnknownPlaybook."""
        load(playbook)
        allowed = [(workspace.path, workspace.customer_id) for workspace in self.settings.workspaces]
        return TriageMessage(
            playbook=playbook,
            subject=read_request(body, content_type=content_type, workspaces=allowed),
            correlation_id=str(uuid4()),
            accepted_at=datetime.now(UTC),
        )

    def _attempt(self, incident_id: IncidentId, *, last: bool) -> "Attempt":
        from playbooks.pipeline import Attempt  # noqa: PLC0415

        return Attempt(
            incident_id=incident_id,
            last=last,
            policy=self.settings.policy,
            settings=self.settings.write,
            now=lambda: datetime.now(UTC),
        )

    async def _incident_of(self, message: TriageMessage) -> IncidentId | timedelta:
        """The incident a message is about, or how long its alert has been without one."""
        subject = message.subject
        if isinstance(subject, IncidentId):
            return subject
        parts = subject.workspace_path.split("/")
        place = IncidentId(parts[2], parts[4], parts[8], "")
        events = self.clients.sources(place, asked_at=datetime.now(UTC)).events
        answer = await events.incident_of_alert(subject.system_alert_id)
        match answer:
            case Found():
                return IncidentId(parts[2], parts[4], parts[8], answer.value)
            case Unavailable():
                raise SourceUnavailable(answer.source, answer.cause)
            case Absent():
                return datetime.now(UTC) - message.accepted_at

    async def _wait_for_incident(self, message: TriageMessage, waited: timedelta) -> None:
        if waited >= ALERT_WITHOUT_INCIDENT:
            note("finished", outcome="no_incident", alarm="alert_without_incident", **_names(message))
            return
        await self.clients.messages.send(message.later().encode(), delay_seconds=60)

    async def _conclude(self, message: TriageMessage, outcome: "Outcome") -> None:
        """Logs what was done; a wait is a new message, written before the old one is finished."""
        from playbooks.pipeline import ComeBack  # noqa: PLC0415

        if isinstance(outcome, ComeBack):
            delay = max(1, round((outcome.at - datetime.now(UTC)).total_seconds()))
            await self.clients.messages.send(message.later().encode(), delay_seconds=delay)
            note("delayed", seconds=delay, why=outcome.why, **_names(message))
            return
        note("finished", **_names(message), **_told(outcome))

    async def _poisoned_incident(self, delivery: Delivery) -> IncidentId | None:
        """The incident of a poisoned message; None, with an alarm, where it cannot be told or is not ours."""
        try:
            message = decode(delivery.text, self.workspace_paths)
        except MessageUnreadable:
            if (rescued := rescue_incident_id(delivery.text, self.workspace_paths)) is None:
                note(
                    "finished", outcome="unreadable", alarm="queue_unreadable", messageId=delivery.message_id
                )
            return rescued
        except RequestRefused as error:
            note("finished", outcome=error.code, alarm=error.code, messageId=delivery.message_id)
            return None
        incident_id = await self._incident_of(message)
        if isinstance(incident_id, timedelta):
            await self._wait_for_incident(message, incident_id)
            return None
        return incident_id


def _names(message: TriageMessage) -> dict[str, Any]:
    subject = message.subject
    name = subject.system_alert_id if isinstance(subject, AlertReference) else subject.name
    return {"correlationId": message.correlation_id, "incident": name, "delays": message.delays}


def _told(finished: "Finished") -> dict[str, Any]:
    verdict = finished.judgement.verdict if finished.judgement else None
    codes = sorted({reason.code for reason in verdict.reasons}) if verdict else []
    return {"outcome": finished.outcome, "reasons": codes, "alarm": finished.alarm}
