"""The real clients over loopback HTTP against the local workspace; every HTTP call is a numbered step."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any
from uuid import UUID

from faults import portal
from faults.organisations import PLACES, Place, guid
from faults.recorded_store import RecordedStore
from faults.schedule import Schedule, Strike
from faults.trace import Frame, Trace
from playbooks.clients import Clients, Patience, connect
from playbooks.mailbox_export import CORRELATED_RULE_ID
from playbooks.model import ProcessEvent, Severity, Status
from playbooks.service import Service
from playbooks.worker import ATTEMPT_SECONDS
from simulator.chain.settings import settings_for
from simulator.workspace import AlertSpec, Call, Fault, FaultKind, LocalWorkspace

US, PERSON = "func-mailbox-export-triage", "Sam Analyst"

WIRE_FAULTS: Mapping[str, dict[str, Any]] = {
    "s400": {"kind": FaultKind.STATUS, "status": 400},
    "s401": {"kind": FaultKind.STATUS, "status": 401},
    "s401_claims": {"kind": FaultKind.STATUS, "status": 401, "claims": True},
    "s403": {"kind": FaultKind.STATUS, "status": 403},
    "s404": {"kind": FaultKind.STATUS, "status": 404},
    "s409": {"kind": FaultKind.STATUS, "status": 409},
    "s429": {"kind": FaultKind.STATUS, "status": 429},
    "s429_2": {"kind": FaultKind.STATUS, "status": 429, "retry_after": "2"},
    "s429_3600": {"kind": FaultKind.STATUS, "status": 429, "retry_after": "3600"},
    "s429_inf": {"kind": FaultKind.STATUS, "status": 429, "retry_after": "inf"},
    "s500": {"kind": FaultKind.STATUS, "status": 500},
    "s503": {"kind": FaultKind.STATUS, "status": 503},
    "reset": {"kind": FaultKind.RESET},
    "html": {"kind": FaultKind.HTML},
    "redirect": {"kind": FaultKind.REDIRECT},
    "cut_off": {"kind": FaultKind.CUT_OFF},
    "malformed": {"kind": FaultKind.MALFORMED},
    "lost_answer": {"kind": FaultKind.LOST},
    "partial": {"kind": FaultKind.PARTIAL},
    "foreign_link": {"kind": FaultKind.FOREIGN_LINK},
    "drop_value": {"kind": FaultKind.DROP, "pointer": "/value"},
    "drop_tables": {"kind": FaultKind.DROP, "pointer": "/tables"},
    "drop_properties": {"kind": FaultKind.DROP, "pointer": "/properties"},
    "drop_alerts": {"kind": FaultKind.DROP, "pointer": "/alerts"},
    "drop_comments": {"kind": FaultKind.DROP, "pointer": "/comments"},
    "drop_tags": {"kind": FaultKind.DROP, "pointer": "/customTags"},
}
WIRE_TRANSIENT = frozenset(WIRE_FAULTS) - {"s400", "s401_claims", "s403", "s404"}
_LISTS = frozenset(
    {"users", "graph.group", "roleAssignments", "roleEligibilityScheduleInstances"}
    | {"comments", "tasks", "watchlists", "watchlistItems", "devices"}
)
ONLY_IN: Mapping[str, frozenset[str]] = {
    "partial": frozenset({"query"}),
    "drop_tables": frozenset({"query"}),
    "drop_value": _LISTS | {"alerts"},
    "foreign_link": _LISTS,
    "drop_properties": frozenset({"{incident}"}),
    **dict.fromkeys(("drop_alerts", "drop_comments", "drop_tags"), frozenset({"/security/incidents/{id}"})),
}
"""Faults that reshape an answer, by the calls whose good answers they change; others stay as they were."""
NEEDED = {"query": 2, "users": 2, "graph.group": 1, "roleAssignments": 1, "riskyUsers/{id}": 1}
"""Whole answers without which no close is proven, by the end of the path."""
OF_SENTINEL = {"alerts": 2, "entities": 1}


@dataclass(slots=True)
class Floor:
    """One workspace and the product bound to it, for many runs."""

    workspace: LocalWorkspace
    store: RecordedStore
    service: Service
    stage: "WireStage | None" = None


class _Rewired:
    """The real clients, but for the queue's write, which goes to the queue of the driver."""

    def __init__(self, clients: Clients, messages: Any) -> None:
        self._clients = clients
        self.messages = messages

    def __getattr__(self, name: str) -> Any:
        return getattr(self._clients, name)


class _Bound(Service):
    """The service with the real clients and the driver's queue."""

    def __init__(self, environment: Mapping[str, str], *, floor: Callable[[], "WireStage"]) -> None:
        super().__init__(environment, now=lambda: floor().now, seconds=self._seconds)
        self._floor = floor
        self._given = environment

    async def send(self, body: str, *, delay_seconds: int = 0) -> None:
        """The queue's write; it is struck at the level of the ports."""
        self._floor().deliver(body, timedelta(seconds=delay_seconds))

    def _seconds(self) -> float:
        return self._floor().now.timestamp()

    async def _sleep(self, seconds: float) -> None:
        self._floor().now += timedelta(seconds=seconds)
        await asyncio.sleep(0)

    @cached_property
    def clients(self) -> Any:
        """The clients that these settings connect."""
        patience = Patience(sleep=self._sleep, jitter=lambda: 0.0)
        return _Rewired(connect(self.settings, self._given, patience=patience), self)


@asynccontextmanager
async def floors() -> AsyncIterator[Callable[[Schedule], Any]]:
    """Makes a floor for each size of pages, mode and portal, and keeps it."""
    made: dict[tuple[object, ...], Floor] = {}
    async with AsyncExitStack() as stack:

        async def floor_of(schedule: Schedule) -> Floor:
            place, tenant = PLACES[schedule.world], tenant_of(schedule)
            kept = schedule.flags & {"observe", portal.FLAG}
            key = (tuple(sorted(place.page_sizes.items())), kept)
            if key not in made:
                store = RecordedStore()
                stack.callback(store.close)
                workspace = LocalWorkspace(tenant, store, page_sizes=place.page_sizes)
                await stack.enter_async_context(workspace)
                mode = "observe" if "observe" in kept else "act"
                settings = settings_for(tenant, workspace, mode=mode)
                service = _Bound(settings, floor=lambda: made[key].stage)  # type: ignore[arg-type, return-value]
                stack.push_async_callback(service.clients.close)
                made[key] = Floor(workspace, store, service)
            return made[key]

        yield floor_of


def tenant_of(schedule: Schedule) -> Mapping[str, Any]:
    """The organisation of a schedule's world."""
    tenant = PLACES[schedule.world].tenant
    return portal.tenant_in_portal(tenant) if portal.FLAG in schedule.flags else tenant


class WireStage:
    """One run on a floor."""

    def __init__(self, floor: Floor, schedule: Schedule, *, now: datetime) -> None:
        self.place: Place = PLACES[schedule.world]
        self.schedule, self.now, self.floor = schedule, now, floor
        self.current: Any = lambda: 0
        self.kill: Any = lambda: None
        self.copy: Any = lambda: None
        self.deliver: Any = lambda _text, _delay: None
        self.announce: Any = lambda: None
        self._live, self._seen, self._struck, self._slow = True, 0, dict[int, str](), 0
        floor.stage = self
        workspace = floor.workspace
        workspace.reset(tenant_of(schedule))
        workspace.clock = lambda: self.now
        floor.store.add_process_events([native(one) for one in self.place.logged])
        floor.store.add_alerts(self.place.alerts)
        self.name = workspace.create_incident(
            [self._alert(guid("alert-1"))],
            title="Mailbox export",
            severity="Low",
            created=self.place.created,
            description="Made by the rule.",
            labels=[{"labelName": "vip", "labelType": "User"}],
        )
        self.trace = Trace(incident_key=f"{workspace.workspace_id}{_INCIDENTS}{self.name}".lower())
        self.trace.reads_missing = schedule.how == "s404" and schedule.down.endswith("{incident}")
        self._frames()
        for strike in schedule.strikes:
            self._order(strike)
        if schedule.down:
            self._down = Fault(path=f"*{schedule.down}", **WIRE_FAULTS[schedule.how])
            workspace.faults.add(self._down)

    @property
    def service(self) -> Service:
        """The product, bound to this floor."""
        return self.floor.service

    @property
    def request(self) -> dict[str, Any]:
        """The whole body of the incident trigger."""
        return dict(self.floor.workspace.trigger_body(self.name)) if not self.trace.gone else self._id_alone

    @property
    def _id_alone(self) -> dict[str, Any]:
        return {"incidentId": f"{self.floor.workspace.workspace_id}{_INCIDENTS}{self.name}"}

    def calls(self) -> int:
        """How many calls were made so far."""
        return len(self.floor.workspace.calls)

    def lift(self) -> None:
        """Ends every fault that is still to come."""
        self._live = False
        self.floor.workspace.faults.clear()
        self.schedule = replace(self.schedule, down="", flags=self.schedule.flags - {"echo"})

    async def settle(self) -> None:
        """Brings the trace up to date and looks at the calls of the delivery."""
        workspace, trace = self.floor.workspace, self.trace
        new = workspace.calls[self._seen :]
        self._seen += len(new)
        trace.steps = [f"{call.service} {call.method} {call.path}" for call in workspace.calls]
        before = len(trace.frames)
        self._frames()
        for call in new:
            self._confined(call)
        self._in_time(new)
        struck = {strike.step for strike in self.schedule.strikes if strike.kind in _OTHERS}
        moments = [call for call in workspace.calls if call.number in struck and portal.unguarded(call)]
        trace.unguarded = bool(moments)
        trace.at_change = any(call.method == "PATCH" for call in moments)
        if any(
            frame.by == "us" and frame.closed_by_us and not old.closed_by_us
            for old, frame in zip(trace.frames[before - 1 :], trace.frames[before:], strict=False)
        ):
            self._prove(new)
        if not trace.gone:
            self._comments()
            trace.tasks = _parts(workspace.tasks(self.name), "createdBy", "title")

    def _comments(self) -> None:
        comments = self.floor.workspace.comments(self.name)
        if portal.FLAG not in self.schedule.flags:
            self.trace.comments = _parts(comments, "author", "message")
            return
        ours = [one["properties"]["message"] for one in comments if one["properties"]["author"]["name"] == US]
        self.trace.comments, self.trace.doubled = portal.marked_comments(ours)

    def _frames(self) -> None:
        changes = self.floor.store.changes
        for row in changes[len(self.trace.frames) :]:
            self.trace.frames.append(_frame(row))

    def _confined(self, call: Call) -> None:
        root = f"{self.floor.workspace.workspace_id}/".lower()
        if call.service == "foreign" or not call.authorized:
            self.trace.broke("I13", f"{call.service} {call.method} {call.path}")
        if call.service == "arm" and not call.target.lower().startswith(root):
            self.trace.broke("I13", f"outside the workspace: {call.path}")

    def _in_time(self, calls: list[Call]) -> None:
        """I11: once the time of an attempt is used up, no write of it starts."""
        in_it = any(call.number == self._slow for call in calls)
        later = [call for call in calls if call.number > self._slow]
        if in_it and any(call.method in _WRITING or portal.unguarded(call) for call in later):
            self.trace.broke("I11", "a write after the time of the attempt was used up")

    def _prove(self, calls: list[Call]) -> None:
        """I2: a close needs whole answers of this delivery, and no struck one that was not asked again."""
        self.trace.judged = self.trace.last.alert_ids
        if not self.place.closes:
            self.trace.broke("I2", f"a close in the world {self.place.name}, which never may close")
        if "copy" in {strike.kind for strike in self.schedule.strikes}:
            return
        whole = [call for call in calls if not self._was_struck(call) and call.status in (200, 201, 404)]
        of_incidents = portal.NEEDED if portal.FLAG in self.schedule.flags else OF_SENTINEL
        for ending, least in (NEEDED | of_incidents).items():
            found = sum(call.path.endswith(ending) for call in whole)
            if found < least:
                self.trace.broke("I2", f"a close with {found} whole answers of …{ending} instead of {least}")

    def _was_struck(self, call: Call) -> bool:
        if call.inner and self._was_struck(self._batch_of(call)):
            return True
        down = self.schedule.down and self._down.fits(
            call.service, call.method, target=call.target, template=call.path, number=call.number
        )
        kind = self.schedule.how if down else self._struck.get(call.number, "")
        changed = kind not in ONLY_IN or (call.status < 400 and call.path.endswith(tuple(ONLY_IN[kind])))
        return bool(kind) and changed

    def _batch_of(self, part: Call) -> Call:
        batches = (call for call in self.floor.workspace.calls if call.path.endswith("/$batch"))
        return max((one for one in batches if one.number < part.number), key=lambda one: one.number)

    def _alert(self, alert_id: str, *, ours: bool = True, host: str = "") -> AlertSpec:
        host = host or self.place.events[0].dvc_fqdn
        entity = {"hostName": host.partition(".")[0], "dnsDomain": host.partition(".")[2]}
        return AlertSpec(
            system_alert_id=alert_id,
            display_name="Mailbox export" if ours else "Ransomware",
            start=self.place.start,
            end=self.place.end,
            rule_id=CORRELATED_RULE_ID if ours else None,
            alert_type="" if ours else "Ransomware",
            product_name="Azure Sentinel" if ours else "Microsoft Defender for Endpoint",
            entities=[{"kind": "Host", "properties": entity}],
        )

    def _order(self, strike: Strike) -> None:
        workspace, kind, number = self.floor.workspace, strike.kind, strike.step
        if kind in WIRE_FAULTS:
            self._struck[number] = kind
            workspace.faults.add(Fault(number=number, times=1, **WIRE_FAULTS[kind]))
        elif kind in {"kill", "kill_after"}:
            if kind == "kill":
                self._struck[number] = kind
                workspace.faults.add(Fault(kind=FaultKind.STATUS, status=503, number=number, times=1))
            workspace.before_call(number, lambda: self.kill() if self._live else None)
        elif kind == "copy":
            workspace.before_call(number, self._copied)
        else:
            workspace.before_call(
                number, lambda: self._edit(kind) if self._live and not self.trace.gone else None
            )

    async def _copied(self) -> None:
        if self._live:
            await self.copy()

    def _edit(self, kind: str) -> None:
        workspace, name = self.floor.workspace, self.name
        status = self.floor.workspace.incident(name)["properties"]["status"]
        match kind:
            case "owner":
                workspace.edit_incident(name, owner={"userPrincipalName": "sam.analyst@contoso.com"})
            case "active":
                workspace.edit_incident(name, status="Active")
            case "close":
                workspace.edit_incident(
                    name,
                    status="Closed",
                    classification="TruePositive",
                    classification_reason="SuspiciousActivity",
                    classification_comment="spoke to the admin",
                )
            case "reopen" if status == "Closed":
                workspace.edit_incident(name, status="New")
            case "raise":
                workspace.edit_incident(name, severity="High")
            case "tag":
                workspace.edit_incident(
                    name, labels=[*_labels(workspace, name), {"labelName": "seen-by-sam"}]
                )
            case "title":
                workspace.edit_incident(name, title="Renamed by Sam", description="Sam was here.")
            case "slow":
                # The call that is under way has begun before.
                self._slow = max(one.step for one in self.schedule.strikes if one.kind == "slow")
                self.now += SLOW
            case "alert" | "alert_silent" | "foreign":
                alert_id = guid(f"joined-{kind}-{len(self.trace.frames)}")
                alert = self._alert(alert_id, ours=kind != "foreign")
                workspace.add_alert(name, alert, silently=kind == "alert_silent")
                self.announce()
            case "elsewhere":
                self.trace.elsewhere = True
                workspace.add_alert(name, self._alert(guid("elsewhere"), host="exch09.contoso.com"))
                self.announce()
            case "delete":
                self.trace.gone = True
                workspace.delete_incident(name)


_INCIDENTS = "/providers/Microsoft.SecurityInsights/incidents/"
_WRITING = frozenset({"PUT", "PATCH"})
_OTHERS = frozenset({*("owner", "active", "close", "reopen", "raise", "tag", "title"), "copy"})
"""What others than this attempt do to the incident."""
SLOW = timedelta(seconds=ATTEMPT_SECONDS)
WIRE_EDITS = (
    "slow",
    "elsewhere",
    "owner",
    "active",
    "close",
    "reopen",
    "raise",
    "tag",
    "title",
    "alert",
    "alert_silent",
    "foreign",
    "delete",
)


def _labels(workspace: LocalWorkspace, name: str) -> list[dict[str, str]]:
    return [{"labelName": label} for label in workspace.labels(name)]


def _frame(row: Mapping[str, Any]) -> Frame:
    owner = row["Owner"] or {}
    return Frame(
        by={US: "us", PERSON: "person"}.get(row["ModifiedBy"], "service"),
        attempt=0,
        status=Status(row["Status"]),
        severity=Severity(row["Severity"]),
        owner=str(owner.get("userPrincipalName") or owner.get("objectId") or ""),
        labels=tuple(label["labelName"] for label in row["Labels"]),
        classification=row["Classification"],
        closing_words=row["ClassificationComment"],
        alert_ids=tuple(sorted(alert.lower() for alert in row["AlertIds"])),
        comments=len(row["Comments"]),
        tasks=len(row["Tasks"]),
        others=f"{row['Title']}|{row['Description']}",
    )


def _parts(parts: list[dict[str, Any]], author: str, text: str) -> dict[UUID, str]:
    ours = [one for one in parts if one["properties"][author].get("name") == US]
    return {UUID(one["name"]): str(one["properties"][text]) for one in ours}


def native(event: ProcessEvent) -> dict[str, str]:
    """The event as a row of ASimProcessEventLogs."""
    return {
        "TimeGenerated": event.time.isoformat(),
        "EventType": "ProcessCreated",
        "DvcHostname": event.dvc_hostname,
        "DvcFQDN": event.dvc_fqdn,
        "EventProduct": event.event_product,
        "ActorUsername": event.actor_username,
        "ActorUserId": event.actor_user_id,
        "TargetUsername": event.target_username,
        "TargetUserId": event.target_user_id,
        "ActingProcessName": event.acting_process_name,
        "ActingProcessCommandLine": event.acting_process_command_line,
        "TargetProcessName": event.target_process_name,
        "TargetProcessCommandLine": event.target_process_command_line,
    }
