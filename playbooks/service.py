"""The app behind the HTTP triggers: settings, clients and playbooks put together; no decision.

Every operation returns plain values or raises from the PlaybookError tree.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING
from uuid import uuid4

from playbooks import discover, load, refuse_unknown, telemetry
from playbooks.answers import Answer
from playbooks.errors import RequestRefused, SourceUnavailable
from playbooks.intake import read_request
from playbooks.journal import note
from playbooks.messages import TriageMessage
from playbooks.model import Absent, Close, Found, IncidentId, Unavailable
from playbooks.settings import Settings, read_settings

if TYPE_CHECKING:
    from playbooks.clients import Clients, Patience
    from playbooks.pipeline import Attempt


HEALTH_SECONDS = 8.0


def machine_clock() -> datetime:
    """The time of this machine, UTC."""
    return datetime.now(UTC)


class Service:
    """The app for one environment. Settings are read at first use; clients live as long as the process.

    `now` is the clock (UTC) and `patience` how calls are repeated; both are arguments for tests.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        *,
        now: Callable[[], datetime] = machine_clock,
        patience: "Patience | None" = None,
    ) -> None:
        self._environment = environment
        self._patience = patience
        self.now = now
        telemetry.start(environment)

    @cached_property
    def settings(self) -> Settings:
        """Raises SettingsError with every problem at once."""
        return read_settings(self._environment)

    @cached_property
    def clients(self) -> "Clients":
        """Connected clients; their libraries are imported here, not at start. Raises SettingsError."""
        from playbooks.clients import connect  # noqa: PLC0415 - a first answer needs none of it

        return connect(self.settings, self._environment, patience=self._patience)

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
        incident_id = await self.incident_of(message)
        if isinstance(incident_id, timedelta):
            raise RequestRefused(404, "alert_without_incident", "No incident holds this alert yet.")
        attempt = self.attempt(incident_id, last=True)
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
            "comment": report.render_comment(judgement, plan.heading_of(kind, incident, attempt.settings)),
        }

    async def health(self, *_: object) -> Answer:
        """What is configured and which permissions work, each with the role to grant; 503 if one fails.

        Everything is asked at once and nothing twice: it answers within HEALTH_SECONDS or little more.
        """
        checks = await self._checks()
        healthy = all(check["works"] for check in checks)
        return 200 if healthy else 503, {
            "healthy": healthy,
            "mode": self.settings.mode,
            "playbooks": list(discover()),
            "ruleIds": sorted(self.settings.rule_ids),
            "checks": checks,
        }

    async def _checks(self) -> list[dict[str, object]]:
        """Every permission of every workspace, then the queue's, which belongs to none."""
        from playbooks.clients import attempt, check_permissions, check_queue  # noqa: PLC0415

        clients, workspaces = self.clients, self.settings.workspaces
        with attempt(str(uuid4()), seconds=HEALTH_SECONDS, repeats=False):
            asked = asyncio.gather(*(check_permissions(clients, workspace) for workspace in workspaces))
            found, of_queue = await asyncio.gather(asked, check_queue(clients))
        names = [workspace.path.rsplit("/", 1)[-1] for workspace in workspaces]
        rows = [(name, check) for name, checks in zip(names, found, strict=True) for check in checks]
        return [
            {"workspace": name, "permission": permission, "works": works, "words": words}
            for name, (permission, works, words) in [*rows, ("", of_queue)]
        ]

    def _message(self, playbook: str, body: bytes, content_type: str) -> TriageMessage:
        """The request as a message. Raises RequestRefused or UnknownPlaybook."""
        refuse_unknown(playbook)
        allowed = [(workspace.path, workspace.customer_id) for workspace in self.settings.workspaces]
        return TriageMessage(
            playbook=playbook,
            subject=read_request(body, content_type=content_type, workspaces=allowed),
            correlation_id=str(uuid4()),
            accepted_at=self.now(),
        )

    def attempt(self, incident_id: IncidentId, *, last: bool) -> "Attempt":
        """One attempt at an incident by the settings and the clock of this app."""
        from playbooks.pipeline import Attempt  # noqa: PLC0415

        return Attempt(
            incident_id=incident_id,
            last=last,
            policy=self.settings.policy,
            settings=self.settings.write,
            now=self.now,
        )

    async def incident_of(self, message: TriageMessage) -> IncidentId | timedelta:
        """The incident a message is about, or how long its alert has been without one."""
        subject = message.subject
        if isinstance(subject, IncidentId):
            return subject
        parts = subject.workspace_path.split("/")
        place = IncidentId(parts[2], parts[4], parts[8], "")
        events = self.clients.sources(place, asked_at=self.now()).events
        answer = await events.incident_of_alert(subject.system_alert_id)
        match answer:
            case Found():
                return IncidentId(parts[2], parts[4], parts[8], answer.value)
            case Unavailable():
                raise SourceUnavailable(answer.source, answer.cause)
            case Absent():
                return self.now() - message.accepted_at
