"""The local workspace as a driver or a test uses it."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from ssl import SSLContext
from typing import Any, Self

from simulator.workspace import rules
from simulator.workspace.arm import Arm
from simulator.workspace.content import Content
from simulator.workspace.control import Control, whole_incident
from simulator.workspace.directory import Directory
from simulator.workspace.faults import FaultBoard
from simulator.workspace.gate import Edit, Gate
from simulator.workspace.graph import Graph, GraphSource, People
from simulator.workspace.graph_batch import Batch
from simulator.workspace.graph_incidents import SecurityIncidents
from simulator.workspace.graph_roles import Risk, Roles
from simulator.workspace.incidents import Incidents
from simulator.workspace.kept import KeptParts
from simulator.workspace.logs import MOST_ROWS, Logs
from simulator.workspace.model import (
    ANALYST,
    CUSTOMER_ID,
    IDENTITY_HEADER,
    TOKEN,
    WORKSPACE_ID,
    AlertSpec,
    Call,
    EventStore,
)
from simulator.workspace.resources import alert_trigger, incident_trigger
from simulator.workspace.server import Server
from simulator.workspace.tokens import Login, ManagedIdentity
from simulator.workspace.watchlists import Watchlists
from simulator.workspace.wire import Json


def _utc_now() -> datetime:
    return datetime.now(UTC)


class LocalWorkspace:
    """ARM SecurityInsights, Microsoft Graph, Log Analytics query and tokens on one port of 127.0.0.1.

    `tenant` is a tenant document, `store` holds the log tables. Where the tenant's setting `incidents` is
    `graph`, the workspace is in the Defender portal, and Microsoft Graph has its incidents. `clock` is what
    the services take for now (also KQL's `now()`); set it any time. `page_sizes` shrinks pages: `incidents`
    (also comments and tasks), `watchlists`, and `rows` for the most rows of a query. With `tls` it is https.

        async with LocalWorkspace(tenant, store) as workspace: ...
    """

    customer_id = CUSTOMER_ID
    identity_header = IDENTITY_HEADER
    token = TOKEN
    workspace_id = WORKSPACE_ID

    def __init__(
        self,
        tenant: Mapping[str, Any],
        store: EventStore,
        *,
        port: int = 0,
        clock: Callable[[], datetime] = _utc_now,
        page_sizes: Mapping[str, int] | None = None,
        tls: SSLContext | None = None,
    ) -> None:
        self.clock = clock
        self.faults = FaultBoard()
        self._store = store
        self._directories = KeptParts(Directory, Directory.parts)
        self._registers = KeptParts(Watchlists, Watchlists.parts)
        self._fill(tenant)
        self._gate = Gate(foreign=self._foreign, flush=self._flush, faults=self.faults)
        self._gate.serve([*self._services(page_sizes or {}), Login(), ManagedIdentity()])
        control = Control(gate=self._gate, incidents=lambda: self._incidents, store=store, edit=self._edit)
        self._server = Server(self._gate, control.answer, port=port, now=self._now, tls=tls)

    def _fill(self, tenant: Mapping[str, Any]) -> None:
        self._directory = self._directories.of(tenant)
        self._watchlists = self._registers.of(tenant)
        self._content: Content | None = None
        in_portal = (tenant.get("settings") or {}).get("incidents") == "graph"
        self._incidents = Incidents(self._now, in_portal=in_portal)

    def _now(self) -> datetime:
        return self.clock()

    def _services(self, sizes: Mapping[str, int]) -> tuple[Arm, Graph, Logs]:
        arm = Arm(
            incidents=lambda: self._incidents,
            watchlists=lambda: self._watchlists,
            content=lambda: self.content,
            link=lambda: self.base_url,
            page_size=sizes.get("incidents", 50),
            watchlist_page_size=sizes.get("watchlists", 100),
        )
        source = GraphSource(directory=lambda: self._directory, link=lambda: self.base_url)
        batch = Batch(source, dispatch=self._gate.inner)
        security = SecurityIncidents(source, incidents=lambda: self._incidents)
        graph = Graph(batch, People(source), Roles(source), Risk(source), security)
        logs = Logs(store=self._store, clock=self._now, most_rows=sizes.get("rows", MOST_ROWS))
        return arm, graph, logs

    async def __aenter__(self) -> Self:
        """Starts listening. Raises OSError where the port is taken."""
        await self._server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stops listening; hanging answers are let go."""
        await self._server.stop()

    @property
    def content(self) -> Content:
        """What is deployed there: rules, automation rules, Logic Apps; edit it to plant a mistake."""
        if self._content is None:
            self._content = Content.deployed()
        return self._content

    @property
    def base_url(self) -> str:
        """`http://127.0.0.1:PORT`; the control surface is below it."""
        return self._server.base_url

    @property
    def arm_endpoint(self) -> str:
        """What stands for `https://management.azure.com`."""
        return self.base_url

    @property
    def graph_endpoint(self) -> str:
        """What stands for `https://graph.microsoft.com`; the SDK's base address is this plus `/v1.0`."""
        return self.base_url

    @property
    def logs_endpoint(self) -> str:
        """What stands for `https://api.loganalytics.azure.com`."""
        return self.base_url

    @property
    def login_endpoint(self) -> str:
        """What stands for `https://login.microsoftonline.com`."""
        return f"{self.base_url}/login"

    @property
    def identity_endpoint(self) -> str:
        """What `IDENTITY_ENDPOINT` holds in App Service; `identity_header` goes with it."""
        return f"{self.base_url}/identity/token"

    @property
    def calls(self) -> list[Call]:
        """Every call since the start or the last reset, by number."""
        return sorted(self._gate.calls, key=lambda call: call.number)

    def pause_before_calls(self, pause: Callable[[], Awaitable[None]] | None) -> None:
        """Has every call wait for `pause` before it is served; a batch waits once for all its parts."""
        self._gate.pause = pause

    def before_call(self, number: int, edit: Edit) -> None:
        """Has `edit`, a function or coroutine function, run just before the call of that number (from 1)."""
        self._gate.before_call(number, edit)

    def reset(self, tenant: Mapping[str, Any]) -> None:
        """Everything anew: tenant, incidents, calls, edits, faults, and an empty store.

        A part of the tenant that is the same object as before is taken to be as it was: edit none in place.
        """
        self._fill(tenant)
        self._gate.reset()
        self._store.clear()

    def create_incident(
        self,
        alerts: Sequence[AlertSpec],
        *,
        title: str,
        severity: str,
        created: datetime,
        name: str = "",
        **written: Any,
    ) -> str:
        """The name (GUID) of a new incident with these alerts, logged in SecurityAlert and SecurityIncident.

        `written` are further writable properties, e.g. `description`, `status`, `labels`, `owner`.
        Raises Refusal for what the service would refuse, and for a property that is none.
        """
        given = {"status": "New"} | _wire_names(written) | {"title": title, "severity": severity}
        record = self._incidents.create(alerts, given, created=created, name=name)
        self._log(*self._incidents.drain())
        return record.name

    def add_alert(self, incident_name: str, alert: AlertSpec, *, silently: bool = False) -> None:
        """Another alert joins; `silently` keeps the etag, which the service does not promise to change."""
        self._incidents.add_alert(self._incidents.find(incident_name), alert, silently=silently)
        self._log(*self._incidents.drain())

    def edit_incident(self, incident_name: str, /, **changes: Any) -> None:
        """A person changes writable properties, e.g. `status="Active"` or `owner={"objectId": …}`.

        Closing needs `classification` and its `classification_reason`; reopening clears them. Raises
        Refusal for what the service would refuse, and for a property that is none.
        """
        record = self._incidents.find(incident_name)
        given = record.written | _wire_names(changes)
        if given["status"] != "Closed":
            given |= {"classification": None, "classificationReason": None, "classificationComment": None}
        self._incidents.replace(record, rules.checked_incident(given), by=ANALYST["name"])
        self._log(*self._incidents.drain())

    def add_comment(self, incident_name: str, message: str) -> str:
        """A person comments; the comment's id."""
        record = self._incidents.find(incident_name)
        comment_id = self._incidents.add_comment(record, rules.checked_comment({"message": message}), ANALYST)
        self._log(*self._incidents.drain())
        return comment_id

    def redirect_incident(self, incident_name: str, into: str) -> None:
        """The Defender portal's correlation merges the first incident into the second."""
        self._incidents.redirect(self._incidents.find(incident_name), self._incidents.find(into))
        self._log(*self._incidents.drain())

    def delete_incident(self, incident_name: str) -> None:
        """A person deletes the incident. Raises Refusal 404."""
        self._incidents.remove(incident_name)

    def incident_names(self) -> list[str]:
        """Names of all incidents, oldest first."""
        return [record.name for record in self._incidents.all()]

    def incident(self, incident_name: str) -> Json:
        """The incident's ARM resource as it is now, with `alerts`, `comments` and `tasks` beside it."""
        return dict(json.loads(json.dumps(self.look_at(incident_name))))

    def look_at(self, incident_name: str) -> Json:
        """What `incident` gives, for reading alone: it is not copied."""
        return whole_incident(self._incidents.find(incident_name))

    def comments(self, incident_name: str) -> list[Json]:
        """ARM resources of its comments, in the order of writing."""
        return list(self.incident(incident_name)["comments"])

    def tasks(self, incident_name: str) -> list[Json]:
        """ARM resources of its tasks, in the order of writing."""
        return list(self.incident(incident_name)["tasks"])

    def labels(self, incident_name: str) -> list[str]:
        """Names of its labels."""
        return [label["labelName"] for label in self.look_at(incident_name)["properties"]["labels"]]

    def incident_id(self, incident_name: str) -> str:
        """Its ARM id."""
        return self._incidents.find(incident_name).id

    def trigger_text(self, incident_name: str, *, event: str = "Create") -> str:
        """The body that the incident trigger posts, as JSON text; `event` is Create or Update."""
        return json.dumps(incident_trigger(self._incidents.find(incident_name), event=event))

    def trigger_body(self, incident_name: str, *, event: str = "Create") -> Json:
        """That body as a document."""
        return dict(json.loads(self.trigger_text(incident_name, event=event)))

    def alert_trigger_body(self, system_alert_id: str) -> Json:
        """The body that the alert trigger posts. Raises Refusal 404 where no incident has the alert."""
        _, alert = self._incidents.of_alert(system_alert_id)
        return alert_trigger(alert)

    def _edit(self, incident_name: str, changes: Json) -> None:
        message = changes.pop("comment", None)
        if isinstance(message, str):
            self.add_comment(incident_name, message)
        if changes:
            self.edit_incident(incident_name, **changes)

    def _foreign(self, path: str) -> str:
        return self._server.foreign(path)

    async def _flush(self) -> None:
        # In this thread: a few rows take less than a way to another one and back.
        self._log(*self._incidents.drain())

    def _log(self, alert_rows: list[Json], incident_rows: list[Json]) -> None:
        if alert_rows:
            self._store.add_alerts(alert_rows)
        if incident_rows:
            self._store.add_incident_records(incident_rows)


def _wire_names(names: Mapping[str, Any]) -> Json:
    spelt = {_camel(name): value for name, value in names.items()}
    if unknown := sorted(set(spelt) - rules.WRITABLE):
        raise rules.bad(f"An incident has no writable property {', '.join(unknown)}.")
    return spelt


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
