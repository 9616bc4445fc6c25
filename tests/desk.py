"""An incident service in memory, strict about etags, for tests of the pipeline alone."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from playbooks.errors import NotThere, SourceError, WriteConflict
from playbooks.model import (
    Alert,
    Briefing,
    BusinessHours,
    Close,
    Escalate,
    Found,
    Incident,
    IncidentChange,
    IncidentId,
    Judgement,
    Lookup,
    Mode,
    Owner,
    Policy,
    Reason,
    Severity,
    Stance,
    Status,
    Unavailable,
    WriteSettings,
)
from playbooks.pipeline import Attempt
from playbooks.ports import Playbook, Sources

NOW = datetime(2026, 11, 16, 12, 0, tzinfo=UTC)
INCIDENT_ID = IncidentId(
    "00000000-0000-0000-0000-000000000001", "rg-soc", "law-soc", "11111111-1111-1111-1111-111111111111"
)
POLICY = Policy(
    domains={"contoso": "contoso.com"},
    rule_ids=frozenset({"rule"}),
    export_role_groups=frozenset(),
    exchange_admin_groups=frozenset(),
    ediscovery_groups=frozenset(),
    personal_export_root="",
    file_server_suffixes=("contoso.com",),
    service_account_patterns=("svc-*",),
    service_account_groups=frozenset(),
    business_hours=BusinessHours(frozenset(range(5)), 420, 1140),
    time_zone="UTC",
)
ACT = WriteSettings(mode=Mode.ACT)
CLOSE = Judgement(
    verdict=Close(
        reasons=(Reason("covered", "covered by row 1", "watchlist", Stance.FOR),),
        scenarios=("scheduled_export",),
    ),
    briefing=Briefing(headline="A registered job exported its own mailboxes."),
)
ESCALATE = Judgement(
    verdict=Escalate(
        reasons=(Reason("target_web_root", "target is a web root", "events"),), severity=Severity.HIGH
    ),
    briefing=Briefing(headline="The target is a web root.", steps=("Look at the server.",)),
)
UNKNOWN = Judgement(
    verdict=Escalate(
        reasons=(Reason("source_unavailable", "Not checked: risk: 503", "graph", Stance.UNCHECKED),),
        retry_may_help=True,
    ),
    briefing=Briefing(headline="Not everything could be checked.", steps=("Look again.",)),
)


def alert(name: str) -> Alert:
    """An alert of our rule."""
    return Alert(
        system_alert_id=name,
        name="Export",
        rule_ids=frozenset({"rule"}),
        product="Sentinel",
        start=NOW,
        end=NOW,
    )


@dataclass
class Desk:
    """One incident on a desk: what the service holds, with a hook before every call.

    `before` is called with the call's name; it may edit the incident as a person would, or raise.
    `after` is called when the call was applied; raising there loses the answer.
    """

    incident: Incident = field(
        default_factory=lambda: Incident(
            id=INCIDENT_ID,
            number=7,
            title="Host exporting mailbox",
            status=Status.NEW,
            severity=Severity.LOW,
            etag='"1"',
            owner=None,
            labels=("vip",),
            rule_ids=frozenset({"rule"}),
            created=NOW - timedelta(hours=3),
            alerts=Found((alert("a1"),)),
        )
    )
    comments: dict[UUID, str] = field(default_factory=dict)
    tasks: dict[UUID, str] = field(default_factory=dict)
    closes: int = 0
    gone: bool = False
    before: Callable[[str], None] = lambda _: None
    after: Callable[[str], None] = lambda _: None

    def edit(self, **changes: object) -> None:
        """Any change by anyone: the etag moves."""
        etag = f'"{int(self.incident.etag.strip(chr(34))) + 1}"'
        self.incident = replace(self.incident, etag=etag, **changes)  # type: ignore[arg-type]

    def join(self, name: str) -> None:
        """One more alert joins."""
        assert isinstance(self.incident.alerts, Found)
        self.edit(alerts=Found((*self.incident.alerts.value, alert(name))))

    @property
    def triage_labels(self) -> set[str]:
        """Our labels on the incident."""
        return {label for label in self.incident.labels if label.startswith("triage-")}

    async def read(self, incident_id: IncidentId) -> Incident:
        self._called("read")
        assert incident_id == self.incident.id
        answer = self.incident
        self.after("read")
        return answer

    async def reread(self, incident: Incident, *, with_alerts: bool) -> Incident:
        self._called("reread")
        fresh = self.incident
        assert isinstance(incident.alerts, Found)
        assert isinstance(fresh.alerts, Found)
        if with_alerts:
            return fresh
        joined = len(fresh.alerts.value) > len(incident.alerts.value)
        return replace(fresh, alerts=Unavailable("desk", "one has joined") if joined else incident.alerts)

    async def alerts_of(self, _: Incident) -> Lookup[tuple[Alert, ...]]:
        self._called("alerts_of")
        return self.incident.alerts

    async def comment_ids(self, _: IncidentId) -> frozenset[UUID]:
        self._called("comment_ids")
        return frozenset(self.comments)

    async def task_ids(self, _: IncidentId) -> frozenset[UUID]:
        self._called("task_ids")
        return frozenset(self.tasks)

    async def add_comment(self, _: IncidentId, comment_id: UUID, text: str) -> None:
        self._called("add_comment")
        self.comments.setdefault(comment_id, text)
        self.edit()
        self.after("add_comment")

    async def add_task(self, _: IncidentId, task_id: UUID, title: str, description: str) -> None:
        self._called("add_task")
        self.tasks.setdefault(task_id, f"{title}\n{description}")
        self.edit()
        self.after("add_task")

    async def update(self, incident: Incident, change: IncidentChange) -> Incident:
        self._called("update")
        if incident.etag != self.incident.etag:
            raise WriteConflict("incident", "Newer version exists", status=409)
        labels = [label for label in self.incident.labels if label not in change.remove_labels]
        self.closes += change.status is Status.CLOSED
        self.edit(
            labels=(*labels, *(label for label in change.add_labels if label not in labels)),
            status=change.status or self.incident.status,
            severity=change.severity or self.incident.severity,
            classification_comment=change.classification_comment or self.incident.classification_comment,
        )
        self.after("update")
        return self.incident

    def _called(self, name: str) -> None:
        self.before(name)
        if self.gone:
            raise NotThere("incident", "no such incident", status=404)


@dataclass
class Office:
    """A desk and what the playbook will say; `judgements` are used up in order, the last one stays."""

    desk: Desk = field(default_factory=Desk)
    judgements: list[Judgement | SourceError] = field(default_factory=lambda: [CLOSE])
    now: datetime = NOW
    settings: WriteSettings = ACT

    @property
    def incidents(self) -> Desk:
        return self.desk

    def sources(self, incident_id: IncidentId, *, asked_at: datetime) -> Sources:
        assert (incident_id, asked_at) == (self.desk.incident.id, self.now)
        return Sources(directory=None, watchlists=None, events=None, asked_at=asked_at)  # type: ignore[arg-type]

    def attempt(self, *, last: bool = False) -> Attempt:
        """One delivery."""
        return Attempt(
            incident_id=INCIDENT_ID,
            last=last,
            policy=POLICY,
            settings=lambda: self.settings,
            now=lambda: self.now,
        )

    @property
    def playbook(self) -> Playbook[Judgement]:
        """A playbook whose evidence is the judgement itself."""

        async def gather(_incident: Incident, _sources: Sources, _policy: Policy) -> Judgement:
            said = self.judgements.pop(0) if len(self.judgements) > 1 else self.judgements[0]
            if isinstance(said, SourceError):
                raise said
            return said

        return Playbook(
            name="stand_in",
            title="Stand-in",
            rule_ids=frozenset(),
            registers=(),
            gather=gather,
            decide=lambda judgement: judgement,
        )


PERSON = Owner(key="someone@contoso.com", shown="Someone")
