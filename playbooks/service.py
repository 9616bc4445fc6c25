"""The app behind the HTTP triggers: settings, clients and playbooks put together; no decision.

Every operation returns plain values or raises from the PlaybookError tree.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from time import monotonic
from typing import TYPE_CHECKING
from uuid import uuid4

from playbooks import load, refuse_unknown, telemetry
from playbooks.answers import Answer
from playbooks.errors import RequestRefused, SourceUnavailable, UnknownPlaybook
from playbooks.intake import DefenderReference, read_request
from playbooks.journal import note
from playbooks.messages import TriageMessage
from playbooks.model import Absent, Close, Found, IncidentId, Policy, Unavailable, WriteSettings
from playbooks.settings import Settings, read_mode, read_settings
from playbooks.watched import switched_on, watched_rules

if TYPE_CHECKING:
    from playbooks.clients import Clients, Patience
    from playbooks.pipeline import Attempt


HEALTH_SECONDS = 8.0


def machine_clock() -> datetime:
    """The time of this machine, UTC."""
    return datetime.now(UTC)


class Service:
    """The app for one environment. Settings are read at first use; clients live as long as the process.

    `now` is the clock (UTC), `seconds` one that only grows, for the end of an attempt, and `patience` how
    calls are repeated; they are arguments for tests.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        *,
        now: Callable[[], datetime] = machine_clock,
        seconds: Callable[[], float] = monotonic,
        patience: "Patience | None" = None,
    ) -> None:
        self._environment = environment
        self._patience = patience
        self.now = now
        self.seconds = seconds
        telemetry.start(environment)

    @cached_property
    def settings(self) -> Settings:
        """Raises SettingsError with every problem at once; a playbook that is not there comes last."""
        settings = read_settings(self._environment)
        switched_on(settings.playbooks, settings.rule_ids)
        return settings

    @cached_property
    def clients(self) -> "Clients":
        """Connected clients; their libraries are imported here, not at start. Raises SettingsError."""
        from playbooks.clients import connect  # noqa: PLC0415 - a first answer needs none of it

        return connect(self.settings, self._environment, patience=self._patience)

    @cached_property
    def watched_rules(self) -> Mapping[str, frozenset[str]]:
        """Playbook -> ids of the analytics rules whose incidents it triages. Raises SettingsError."""
        return watched_rules(self.settings.playbooks, self.settings.rule_ids)

    @cached_property
    def _policies(self) -> Mapping[str, Policy]:
        """Playbook -> what it judges by; an empty name where nothing is judged. Raises SettingsError."""
        rules = {"": frozenset[str](), **self.watched_rules}
        return {name: replace(self.settings.policy, rule_ids=ids) for name, ids in rules.items()}

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
        attempt = self.attempt(incident_id, playbook=playbook, last=True)
        settings = attempt.settings()
        incident, judgement = await pipeline.preview(load(playbook), self.clients, attempt)
        kind = plan.kind_of(judgement, incident, settings=settings, held=False)
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
            "comment": report.render_comment(judgement, plan.heading_of(kind, incident, settings)),
        }

    async def health(self, *_: object) -> Answer:
        """What is configured and which permissions work, each with the role to grant; 503 if one fails.

        What else is wrong (registers, rules, automation rules, queues, clock) is told beside it with its fix;
        a row that expires makes no app unhealthy. It answers within HEALTH_SECONDS or little more.
        """
        from playbooks.clients import attempt  # noqa: PLC0415 - a first answer needs none of it
        from playbooks.inspection import inspect  # noqa: PLC0415

        with attempt(str(uuid4()), seconds=HEALTH_SECONDS, repeats=False):
            found = await inspect(self.clients, self.settings, now=self.now)
        healthy = all(permission.granted for _, permission in found.permissions)
        return 200 if healthy else 503, {
            "healthy": healthy,
            "mode": self.settings.mode,
            "playbooks": list(self.watched_rules),
            "ruleIds": {name: sorted(rules) for name, rules in self.watched_rules.items()},
            "checks": [
                {"workspace": name, "permission": one.name, "works": one.granted, "words": one.words}
                for name, one in found.permissions
            ],
            "findings": [asdict(trouble) for trouble in found.troubles],
        }

    def _message(self, playbook: str, body: bytes, content_type: str) -> TriageMessage:
        """The request as a message. Raises RequestRefused or UnknownPlaybook."""
        refuse_unknown(playbook)
        if playbook not in switched_on(self.settings.playbooks, self.settings.rule_ids):
            raise UnknownPlaybook(f"the playbook {playbook} is not on; TRIAGE_PLAYBOOKS names those that are")
        allowed = [(workspace.path, workspace.customer_id) for workspace in self.settings.workspaces]
        subject = read_request(body, content_type=content_type, workspaces=allowed)
        if isinstance(subject, DefenderReference) and self.settings.incidents != "graph":
            message = "defenderIncidentId needs the setting TRIAGE_INCIDENTS to be graph; post Sentinel's id."
            raise RequestRefused(400, "not_in_defender_portal", message)
        return TriageMessage(
            playbook=playbook,
            subject=subject,
            correlation_id=str(uuid4()),
            accepted_at=self.now(),
        )

    def attempt(self, incident_id: IncidentId, *, playbook: str, last: bool) -> "Attempt":
        """One attempt at an incident by the settings and the clock of this app.

        `playbook` may be empty where nothing is judged.
        """
        from playbooks.pipeline import Attempt  # noqa: PLC0415

        return Attempt(
            incident_id=incident_id,
            last=last,
            policy=self._policies[playbook],
            settings=self.write_settings,
            now=self.now,
        )

    async def playbook_of(self, incident_id: IncidentId) -> str:
        """The playbook whose rules raised the incident; the first by name where none did, or several.

        Every playbook leaves an incident open that alerts of other rules are in. Raises SourceError.
        """
        incident = await self.clients.incidents.read(incident_id)
        names = [name for name, rules in self.watched_rules.items() if rules & incident.rule_ids]
        return next(iter(names or self.watched_rules))

    def write_settings(self) -> WriteSettings:
        """How verdicts are written back now: the mode is read anew from the environment each time."""
        return replace(self.settings.write, mode=read_mode(self._environment))

    async def incident_of(self, message: TriageMessage) -> IncidentId | timedelta:
        """The incident a message is about, or how long its alert, or its number, has been without one."""
        subject = message.subject
        if isinstance(subject, IncidentId):
            return subject
        if isinstance(subject, DefenderReference):
            found = await self.clients.sentinel.of_defender(subject.number)
            return found or self.now() - message.accepted_at
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
