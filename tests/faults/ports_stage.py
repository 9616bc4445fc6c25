"""The ports in memory, strict: etags, full replace; every call is a numbered step that may be struck."""

import asyncio
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any
from uuid import UUID

from fakes import FakeDirectory, FakeEvents, FakeWatchlists, own_alert

from faults.organisations import Place, guid
from faults.people import EDITS, People
from faults.schedule import Schedule
from faults.trace import Frame, Trace
from playbooks.errors import (
    NotThere,
    PermissionMissing,
    SourceError,
    SourceUnavailable,
    WriteConflict,
    WriteRefused,
)
from playbooks.mailbox_export import CORRELATED_RULE_ID
from playbooks.model import (
    Absent,
    Alert,
    Found,
    Host,
    Incident,
    IncidentChange,
    IncidentId,
    LoggedAlert,
    Lookup,
    Severity,
    Status,
    Unavailable,
)
from playbooks.ports import Sources
from playbooks.service import Service
from simulator.chain.settings import settings_for

WORKSPACE = (
    "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg-soc"
    "/providers/Microsoft.OperationalInsights/workspaces/law-soc"
)
INCIDENT_ID = IncidentId(
    "00000000-0000-0000-0000-000000000001", "rg-soc", "law-soc", "22222222-2222-4222-8222-222222222222"
)
CUSTOMER_ID = "00000000-0000-0000-0000-0000000000aa"
SECRET = "planted-local-token"
FIRST_ALERT = guid("alert-1")
WRITES = frozenset({"add_comment", "add_task", "update"})
READS = frozenset({"read", "reread", "alerts_of", "comment_ids", "task_ids"})
SEND = "send"
FAULTS = frozenset({"unavailable", "lost", "forbidden", "missing", "conflict", "refused"})
TICK = timedelta(milliseconds=200)
MOST_COMMENTS, MOST_TASKS = 100, 40


class BoundService(Service):
    """The service with other clients than its settings would connect."""

    def __init__(self, environment: Mapping[str, str], *, now: Callable[[], datetime], clients: Any) -> None:
        super().__init__(environment, now=now, seconds=lambda: now().timestamp())
        self._bound = clients

    @cached_property
    def clients(self) -> Any:
        """The ports of the stage."""
        return self._bound


class _Addresses:
    """Addresses that are never called."""

    arm_endpoint = graph_endpoint = logs_endpoint = "http://127.0.0.1:1"
    token = SECRET
    workspace_id = WORKSPACE
    customer_id = CUSTOMER_ID


class Struck(Exception):
    """A fault struck this call; `kind` says how."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


@dataclass(slots=True)
class Asked:
    """What one attempt has asked and read; the proof of a close is looked for here."""

    looked_up: dict[tuple[str, str], bool]
    judged: tuple[str, ...] = ()
    read: Incident | None = None
    read_after_write: bool = False


class PortsStage(People):
    """The incident service, the sources and the queue's write behind the ports, for one run."""

    def __init__(self, place: Place, schedule: Schedule, *, now: datetime) -> None:
        self.place = place
        self.schedule = schedule
        self.now = now
        self.trace = Trace(incident_key=INCIDENT_ID.key)
        self.strikes: dict[int, list[str]] = {}
        for strike in schedule.strikes:
            self.strikes.setdefault(strike.step, []).append(strike.kind)
        self.trace.reads_missing = (schedule.down, schedule.how, schedule.minutes) == ("read", "missing", 0)
        self.down_until = now + timedelta(minutes=schedule.minutes) if schedule.minutes else None
        self.asked: dict[int, Asked] = {}
        self.current: Callable[[], int] = lambda: 0
        self.kill: Callable[[], object] = lambda: None
        self.copy: Callable[[], Any] = lambda: None
        self.deliver: Callable[[str, timedelta], None] = lambda _text, _delay: None
        self.announce: Callable[[], None] = lambda: None
        self.dead: set[int] = set()
        self.close_step = 0
        mode = "observe" if "observe" in schedule.flags else "act"
        self.environment = dict(settings_for(place.tenant, _Addresses(), mode=mode))
        self.observed_from: float = math.inf
        self.silent: dict[str, int] = {}
        self.incident = self._first_incident()
        self.note_frame("service")

    def _first_incident(self) -> Incident:
        host = self.place.events[0].dvc_fqdn
        return Incident(
            id=INCIDENT_ID,
            number=7,
            title="Mailbox export",
            status=Status.NEW,
            severity=Severity.LOW,
            etag='"1"',
            owner=None,
            labels=("vip",),
            rule_ids=frozenset({CORRELATED_RULE_ID}),
            created=self.place.created,
            alerts=Found((self.alert(FIRST_ALERT),)),
            hosts=(Host(host_name=host.partition(".")[0], dns_domain=host.partition(".")[2]),),
        )

    def alert(self, alert_id: str, *, ours: bool = True) -> Alert:
        """An alert about the same events, of our rule or of another product."""
        return Alert(
            system_alert_id=alert_id,
            name="Mailbox export" if ours else "Ransomware",
            rule_ids=frozenset({CORRELATED_RULE_ID}) if ours else frozenset(),
            product="Azure Sentinel" if ours else "Microsoft Defender for Endpoint",
            start=self.place.start,
            end=self.place.end,
        )

    # What a person or the service does to the incident

    def edit(self, by: str, *, silently: bool = False, **changes: object) -> None:
        """A change by somebody; the etag moves unless told otherwise."""
        etag = self.incident.etag if silently else f'"{int(self.incident.etag.strip(chr(34))) + 1}"'
        self.incident = replace(self.incident, etag=etag, **changes)  # type: ignore[arg-type]
        self.note_frame(by)

    def observe(self) -> None:
        """Observe mode is switched on; a call that is under way is not called back."""
        self.environment["TRIAGE_MODE"] = "observe"
        self.observed_from = min(self.observed_from, len(self.trace.steps))

    def join(self, alert_id: str, *, ours: bool, silently: bool) -> None:
        """One more alert joins, and an automation rule hands the incident over unless told otherwise."""
        known = self.incident.alerts.value if isinstance(self.incident.alerts, Found) else ()
        self.silent[alert_id] = len(self.trace.steps)
        self.edit("service", silently=silently, alerts=Found((*known, self.alert(alert_id, ours=ours))))
        self.announce()

    def note_frame(self, by: str) -> None:
        """Writes the present state down."""
        one = self.incident
        self.trace.frames.append(
            Frame(
                by=by,
                attempt=self.current() if by == "us" else 0,
                status=one.status,
                severity=one.severity,
                owner=one.owner.key if one.owner else "",
                labels=one.labels,
                classification=str(one.record.get("classification", "")),
                closing_words=one.classification_comment,
                alert_ids=one.alert_ids,
                comments=len(self.trace.comments),
                tasks=len(self.trace.tasks),
                others=one.title,
            )
        )
        if by == "us" and "echo" in self.schedule.flags:
            self.announce()

    # One call

    async def call[T](self, name: str, answer: Callable[[], T]) -> T:
        """One numbered step: what strikes it, what it answers, and whether the answer arrives."""
        attempt = self.current()
        if attempt in self.dead:
            raise asyncio.CancelledError
        self.now += TICK
        self.trace.steps.append(name)
        kinds = self.strikes.pop(len(self.trace.steps), [])
        for kind in kinds:
            await self._befall(kind, attempt)
        if name == self.schedule.down and (self.down_until is None or self.now < self.down_until):
            kinds = [*kinds, self.schedule.how]
        faults = [kind for kind in kinds if kind in FAULTS]
        if faults and faults[0] != "lost":
            raise Struck(faults[0])
        value = answer()
        if "kill_after" in kinds:
            await self._die(attempt)
        if faults:
            raise Struck("lost")
        return value

    async def _befall(self, kind: str, attempt: int) -> None:
        if kind == "kill":
            await self._die(attempt)
        elif kind == "copy":
            await self.copy()
        elif kind == "jump":
            self.now += timedelta(minutes=25)
        elif kind in EDITS:
            EDITS[kind](self)

    async def _die(self, attempt: int) -> None:
        self.dead.add(attempt)
        self.kill()
        await asyncio.sleep(0)
        raise asyncio.CancelledError

    # The Incidents port

    @property
    def incidents(self) -> "PortsStage":
        """The port itself."""
        return self

    @property
    def messages(self) -> "PortsStage":
        """The queue's write."""
        return self

    def sources(self, incident_id: IncidentId, *, asked_at: datetime) -> Sources:
        del incident_id
        return Sources(
            directory=_Struck(self, FakeDirectory(self.place.tenant)),  # type: ignore[arg-type]
            watchlists=_Struck(self, FakeWatchlists(self.place.tenant)),  # type: ignore[arg-type]
            events=_StruckEvents(self, FakeEvents(self.place.logged, self._logged_alerts())),  # type: ignore[arg-type]
            asked_at=asked_at,
        )

    def _logged_alerts(self) -> tuple[LoggedAlert, ...]:
        """Alerts of other products, and those of the incident, which all are about one host."""
        inside = self.incident.alerts.value if isinstance(self.incident.alerts, Found) else ()
        host = self.place.events[0].dvc_fqdn.lower()
        own = (own_alert(a.system_alert_id, hosts=frozenset({host}), time=self.place.start) for a in inside)
        return (*self.place.logged_alerts, *own)

    @property
    def request(self) -> dict[str, Any]:
        """What the Logic App posts: the incident's id, or the alert trigger's body."""
        if "by_alert" in self.schedule.flags:
            return {
                "SystemAlertId": FIRST_ALERT,
                "WorkspaceSubscriptionId": INCIDENT_ID.subscription,
                "WorkspaceResourceGroup": INCIDENT_ID.resource_group,
                "WorkspaceId": CUSTOMER_ID,
            }
        return {"incidentId": INCIDENT_ID.path, "benign": True, "entities": []}

    @cached_property
    def service(self) -> Service:
        """The product with these ports in the place of its clients."""
        return BoundService(self.environment, now=lambda: self.now, clients=self)

    def calls(self) -> int:
        """How many calls were made so far."""
        return len(self.trace.steps)

    def lift(self) -> None:
        """Ends every fault that is still to come."""
        self.strikes.clear()
        self.schedule = replace(self.schedule, down="", flags=self.schedule.flags - {"echo"})

    async def settle(self) -> None:
        """Says which alerts nobody could have seen."""
        if "unnotified" in self.schedule.flags:
            # One call follows the close, and it looks; what joins after that call nobody can know of.
            late = {alert for alert, step in self.silent.items() if step > self.close_step + 1}
            self.trace.exempt = frozenset(late)

    def log_of(self, attempt: int) -> Asked:
        """What an attempt has asked so far."""
        return self.asked.setdefault(attempt, Asked({}))

    async def _incident_call[T](self, name: str, answer: Callable[[], T]) -> T:
        def there() -> T:
            if self.trace.gone:
                raise NotThere("incident", "no such incident", status=404)
            return answer()

        try:
            return await self.call(name, there)
        except Struck as fault:
            raise _error(fault.kind, writes=name in WRITES) from None

    async def read(self, incident_id: IncidentId) -> Incident:
        del incident_id

        def answer() -> Incident:
            asked = self.log_of(self.current())
            asked.read, asked.read_after_write = self.incident, True
            return self.incident

        return await self._incident_call("read", answer)

    async def reread(self, incident: Incident, *, with_alerts: bool) -> Incident:
        def answer() -> Incident:
            asked, fresh = self.log_of(self.current()), self.incident
            if not with_alerts:
                joined = len(fresh.alert_ids) > len(incident.alert_ids)
                unread = Unavailable("incident", "one has joined") if joined else incident.alerts
                fresh = replace(fresh, alerts=unread)
            asked.read, asked.read_after_write = fresh, True
            return fresh

        return await self._incident_call("reread", answer)

    async def alerts_of(self, _: Incident) -> Lookup[tuple[Alert, ...]]:
        return await self._incident_call("alerts_of", lambda: self.incident.alerts)

    async def comment_ids(self, _: IncidentId) -> frozenset[UUID]:
        # A new decision begins here; what an earlier one asked proves nothing for it.
        self.log_of(self.current()).looked_up.clear()
        return await self._incident_call("comment_ids", lambda: frozenset(self.trace.comments))

    async def task_ids(self, _: IncidentId) -> frozenset[UUID]:
        return await self._incident_call("task_ids", lambda: frozenset(self.trace.tasks))

    async def add_comment(self, _: IncidentId, comment_id: UUID, text: str) -> None:
        await self._incident_call("add_comment", lambda: self._part(self.trace.comments, comment_id, text))

    async def add_task(self, _: IncidentId, task_id: UUID, title: str, description: str) -> None:
        await self._incident_call(
            "add_task", lambda: self._part(self.trace.tasks, task_id, f"{title}\n{description}")
        )

    def _part(self, parts: dict[UUID, str], part_id: UUID, text: str) -> None:
        if part_id in parts:
            return
        parts[part_id] = text
        self.log_of(self.current()).read_after_write = False
        self.edit("us")

    async def update(self, incident: Incident, change: IncidentChange) -> Incident:
        return await self._incident_call("update", lambda: self._replaced(incident, change))

    def _replaced(self, incident: Incident, change: IncidentChange) -> Incident:
        asked = self.log_of(self.current())
        if not asked.read_after_write or asked.read != incident:
            self.trace.broke("I8", "an update without a read in this attempt after our own last write")
        if incident.etag and incident.etag != self.incident.etag:
            raise WriteConflict("incident", "newer version exists", status=409)
        if change.status is Status.CLOSED:
            self._prove(asked, change)
            self.close_step = len(self.trace.steps)
            self.trace.judged = asked.judged
        off = {name.casefold() for name in change.remove_labels}
        labels = tuple(label for label in incident.labels if label.casefold() not in off)
        reopens = change.status not in (None, Status.CLOSED)
        record = {} if reopens else dict(incident.record)
        record |= {"classification": str(change.classification)} if change.classification else {}
        asked.read_after_write = False
        self.edit(
            "us",
            title=incident.title,
            owner=incident.owner,
            labels=(*labels, *(label for label in change.add_labels if label not in labels)),
            status=change.status or incident.status,
            severity=change.severity or incident.severity,
            classification_comment=change.classification_comment
            or ("" if reopens else incident.classification_comment),
            record=record,
        )
        return self.incident

    def _prove(self, asked: Asked, change: IncidentChange) -> None:
        """I2 at the moment a close is asked for: every needed answer is whole, and of this attempt."""
        if not self.place.closes:
            self.trace.broke("I2", f"a close in the world {self.place.name}, which never may close")
        whole = {name for (name, _), good in asked.looked_up.items() if good}
        bad = {name for (name, _), good in asked.looked_up.items() if not good} & self.place.needs
        if lacking := sorted((self.place.needs - whole) | bad):
            self.trace.broke("I2", f"a close without {', '.join(lacking)} in this attempt")
        if "observe" in self.schedule.flags or self.observed_from < len(self.trace.steps):
            self.trace.broke("I17", "a close in observe mode")
        if (change.classification, change.classification_reason) != (
            "BenignPositive",
            "SuspiciousButExpected",
        ):
            self.trace.broke("I17", f"classified as {change.classification}")

    async def untriaged(
        self, workspace_path: str, *, rule_ids: frozenset[str], since: datetime
    ) -> tuple[IncidentId, ...]:
        one = self.incident
        open_to_us = (
            workspace_path == WORKSPACE
            and one.rule_ids & rule_ids
            and one.created >= since
            and one.status is not Status.CLOSED
            and not one.owner
            and not any(label.startswith("triage-") for label in one.labels)
        )
        return await self._incident_call("untriaged", lambda: (INCIDENT_ID,) if open_to_us else ())

    async def send(self, body: str, *, delay_seconds: int = 0) -> None:
        """The queue's confirmed write."""
        try:
            await self.call(SEND, lambda: self.deliver(body, timedelta(seconds=delay_seconds)))
        except Struck as fault:
            raise SourceUnavailable("queue", f"not confirmed ({fault.kind})") from None


def _error(kind: str, *, writes: bool) -> SourceError:
    if kind == "forbidden":
        return PermissionMissing("incident", "needs a role (403)", status=403)
    if kind == "missing":
        return NotThere("incident", "not found", status=404)
    if kind == "conflict" and writes:
        return WriteConflict("incident", "changed since it was read", status=409)
    if kind == "refused" and writes:
        return WriteRefused("incident", "will not take the change", status=400)
    return SourceUnavailable("incident", "no whole answer", status=503)


class _Struck:
    """A port of look-ups whose every method is a step; a fault is Unavailable, as the port promises."""

    def __init__(self, stage: PortsStage, port: Any) -> None:
        self._stage = stage
        self._port = port

    def __getattr__(self, method: str) -> Callable[..., Any]:
        async def ask(*given: Any, **named: Any) -> Lookup[Any]:
            name = given[0] if method == "items" else method
            key = (name, repr((given, sorted(named.items(), key=str))))
            asked = self._stage.log_of(self._stage.current())
            if asked.read is not None:
                asked.judged = asked.read.alert_ids
            answer: Lookup[Any] = await getattr(self._port, method)(*given, **named)
            try:
                await self._stage.call(name, lambda: None)
            except Struck as fault:
                answer = Unavailable("test", fault.kind, lasting=fault.kind == "forbidden")
            asked.looked_up[key] = not isinstance(answer, Unavailable)
            return answer

        return ask


class _StruckEvents(_Struck):
    """The log port; it also knows the incident of an alert, once it is visible."""

    async def incident_of_alert(self, system_alert_id: str) -> Lookup[str]:
        try:
            await self._stage.call("incident_of_alert", lambda: None)
        except Struck as fault:
            return Unavailable("test", fault.kind)
        known = system_alert_id.lower() == FIRST_ALERT and not self._stage.trace.gone
        return Found(INCIDENT_ID.name) if known else Absent("SecurityIncident")
