"""Everything around the function, on one machine: logs, rules, Sentinel, Graph, HTTP, queue and host.

The function itself is the repository's `function_app.py`, unchanged, in a Functions host of its own
process; this side plays what Azure would do and then reads what is left.
"""

import json
import os
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self

import aiohttp

from playbooks.settings import PREFIX
from simulator.catalogues import FIRST_PLAYBOOK
from simulator.chain.alerts import alerts_of
from simulator.chain.folder import Folder
from simulator.chain.grouping import Gathering, Sighting
from simulator.chain.record import last_record
from simulator.chain.results import Left
from simulator.chain.settings import settings_for
from simulator.chain.sightings import Watch
from simulator.eventstore import EventStore
from simulator.host import HostProcess
from simulator.host.queue_service import connection_string
from simulator.rules import Rule
from simulator.workspace import LocalWorkspace
from simulator.workspace.kept import KeptParts

APP_FOLDER = Path(__file__).resolve().parents[2]
NOTICED_AFTER = timedelta(minutes=5)
_PATH = f"playbooks/{FIRST_PLAYBOOK}"

_HOST_SETTINGS = {
    # The deployed value gives a redelivery after minutes; here a retry takes a second.
    "AzureFunctionsJobHost__extensions__queues__visibilityTimeout": "00:00:01",
    "AzureFunctionsJobHost__extensions__queues__maxPollingInterval": "00:00:01",
}


class ChainFailed(Exception):
    """The chain itself broke: what happened, and where its log is."""


class Chain:
    """The local cloud with the function in it, as an async context manager.

    `mode` is `act` or `observe`; `settings` are further variables of the host, which win over the tenant's.
    `port` is the local workspace's; `arguments` go to the Functions host. Entering raises InputRefused
    for settings the function would refuse, HostError where the host does not start, OSError for a port.
    """

    def __init__(
        self,
        tenant: Mapping[str, Any],
        *,
        mode: str = "act",
        settings: Mapping[str, str] | None = None,
        port: int = 0,
        arguments: tuple[str, ...] = (),
    ) -> None:
        self.tenant = tenant
        self.store = EventStore()
        self.workspace = LocalWorkspace(tenant, self.store, port=port)
        self._settings = KeptParts(self._settings_for, ("organisation", "settings"))
        self._mode = mode
        self._more = dict(settings or {})
        self._arguments = arguments
        self._stack = AsyncExitStack()
        self._watch = Watch()
        self._playbooks: dict[str, str] = {}
        self._session: aiohttp.ClientSession
        self._environment: dict[str, str] = {}
        self._host: HostProcess | None = None

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            stack.callback(self.store.close)
            await stack.enter_async_context(self.workspace)
            session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
            self._session = await stack.enter_async_context(session)
            stack.push_async_callback(self._stop_host)
            await self.use(self.tenant)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @property
    def host(self) -> HostProcess:
        """The Functions host. Raises ChainFailed before it was started."""
        if self._host is None:
            raise ChainFailed("The Functions host was not started.")
        return self._host

    @property
    def app_settings(self) -> dict[str, str]:
        """The function's settings with the queue it uses. Raises ChainFailed before it was started."""
        return self._environment | {"AzureWebJobsStorage": connection_string(self.host.queue_endpoint)}

    async def use(self, tenant: Mapping[str, Any]) -> None:
        """Another organisation from now on; the host starts anew only where its settings differ."""
        environment = {**self._settings.of(tenant), **self._more}
        self.tenant = tenant
        if environment != self._environment:
            await self.restart(environment)

    def _settings_for(self, tenant: Mapping[str, Any]) -> dict[str, str]:
        return settings_for(tenant, self.workspace, mode=self._mode)

    async def restart(self, environment: Mapping[str, str] | None = None, *, keep_log: bool = False) -> None:
        """A fresh host with an empty queue. Raises HostStopped with the end of its log."""
        await self._stop_host(keep_log=keep_log)
        self._environment = dict(environment if environment is not None else self._environment)
        # What is blank counts as not given: settings of the person's own shell must not leak in.
        blank = {name: "" for name in os.environ if name.startswith(PREFIX)}
        self._host = HostProcess(
            APP_FOLDER, env={**blank, **self._environment, **_HOST_SETTINGS}, arguments=self._arguments
        )
        await self._host.start()

    async def begin(
        self,
        tenant: Mapping[str, Any],
        *,
        events: Iterable[Mapping[str, Any]] = (),
        alerts: Iterable[Mapping[str, Any]] = (),
    ) -> None:
        """Everything empty but for this tenant, these events and these alerts of other products."""
        self.workspace.reset(tenant)
        await self.use(tenant)
        self.store.add_process_events(events)
        self.store.add_alerts(alerts)

    def load(self, folder: Folder) -> None:
        """Adds a folder's events. Raises RowRefused where they do not fit the table."""
        self.store.load_process_events(folder.events)

    def watch(self) -> list[Gathering]:
        """Runs every rule over all events: the incidents that Sentinel would make, in order of time."""
        return self._watch.gatherings(self.store, dns=self.tenant["organisation"]["dns"])

    @property
    def rules(self) -> Mapping[str, Rule]:
        """Every rule, under the word that results use for it."""
        return self._watch.rules

    def sightings(self, rule: str, *, start: datetime, end: datetime) -> list[Sighting]:
        """What one rule sees of the events from `start` to `end`, both included. Raises QueryError."""
        return list(self._watch.sightings(rule, self.store, start=start, end=end))

    def make_incident(self, gathering: Gathering, *, salt: str = "") -> str:
        """The incident as Sentinel makes it, and its name (GUID). `salt` keeps alert ids of cases apart."""
        alerts = alerts_of(gathering, rules=self._watch.rules, salt=salt)
        name = self.workspace.create_incident(
            alerts,
            title=alerts[0].display_name,
            severity=alerts[0].severity,
            created=gathering.end + NOTICED_AFTER,
        )
        self._playbooks[name] = gathering.playbook
        return name

    async def trigger(self, incident_name: str, *, whole: bool = True) -> None:
        """Posts the incident as its playbook's Logic App would: the whole trigger body, or the id alone.

        Raises ChainFailed for any answer but 202.
        """
        path = f"playbooks/{self._playbooks.get(incident_name, FIRST_PLAYBOOK)}"
        if whole:
            body = self.workspace.trigger_text(incident_name)
        else:
            body = json.dumps({"object": {"id": self.workspace.incident_id(incident_name)}})
        status, answer = await self.send(body.encode(), path=path)
        if status != 202:
            raise ChainFailed(f"The function answered {status} instead of 202: {answer}")

    async def post(self, document: object, *, path: str = _PATH) -> tuple[int, Any]:
        """Posts JSON to the function with its key: HTTP status and answer document. Raises ChainFailed."""
        return await self.send(json.dumps(document).encode(), path=path)

    async def send(self, body: bytes, *, path: str = _PATH, key: str | None = None) -> tuple[int, Any]:
        """Posts these bytes as JSON: HTTP status and answer document, None where there is none.

        `key` takes the place of the function's own. Raises ChainFailed where nothing answers.
        """
        given = self.host.function_key if key is None else key
        headers = {"x-functions-key": given, "Content-Type": "application/json"}
        url = f"{self.host.base_url}/api/{path}"
        try:
            async with self._session.post(url, data=body, headers=headers) as answer:
                text = await answer.text()
                return answer.status, json.loads(text) if text else None
        except (aiohttp.ClientError, ValueError) as error:
            raise ChainFailed(f"The function did not answer: {error}. See {self.host.log_file}.") from error

    async def drained(self, *, seconds: float = 60.0) -> None:
        """Waits until no message is left or running. Raises TimeoutError, HostStopped."""
        await self.host.drained(timeout=seconds)

    def left(self, incident_name: str) -> Left:
        """What is left of the incident."""
        incident = self.workspace.look_at(incident_name)
        properties = incident["properties"]
        comments = tuple(str(comment["properties"]["message"]) for comment in incident["comments"])
        return Left(
            name=incident_name,
            status=properties["status"],
            severity=properties["severity"],
            classification=properties.get("classification") or "",
            labels=tuple(label["labelName"] for label in properties.get("labels") or ()),
            comments=comments,
            tasks=tuple(str(task["properties"]["title"]) for task in incident["tasks"]),
            record=last_record(comments),
            modified=datetime.fromisoformat(properties["lastModifiedTimeUtc"]),
        )

    async def _stop_host(self, *, keep_log: bool = False) -> None:
        if self._host is None:
            return
        await self._host.stop()
        if not keep_log:
            self._host.log_file.unlink(missing_ok=True)
