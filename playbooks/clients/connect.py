# ruff: noqa: PLC0415 - heavy libraries are imported by the first question that needs them
"""From settings to clients."""

import logging
from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Self

from playbooks.clients.attempt import Patience
from playbooks.errors import RequestRefused, WriteRefused
from playbooks.model import IncidentId, Lookup, QueueState
from playbooks.ports import Incidents, Sources
from playbooks.settings import Settings, Workspace

if TYPE_CHECKING:
    from types import TracebackType

    from playbooks.clients.deployment import Deployment
    from playbooks.clients.directory import GraphDirectory
    from playbooks.clients.graph import Graph
    from playbooks.clients.graph_incidents import GraphIncidents
    from playbooks.clients.identity import Identity
    from playbooks.clients.incident_list import IncidentList
    from playbooks.clients.logged_commands import LoggedCommands
    from playbooks.clients.logs import LogEvents
    from playbooks.clients.messages import QueueMessages
    from playbooks.clients.rest import Rest
    from playbooks.clients.sentinel import SentinelIncidents
    from playbooks.clients.transport import Transport
    from playbooks.clients.watchlists import SentinelWatchlists

# These write whole addresses, query strings included, at INFO; a missing token is our own error.
_TALKATIVE = {"httpx": logging.WARNING, "httpcore": logging.WARNING, "azure": logging.WARNING}
_TALKATIVE |= {"azure.identity": logging.ERROR, "msal": logging.ERROR}


class Clients:
    """Every client of the process; make one, inside no loop or any, and use it in one loop. Close at the end.

    azure.identity, msgraph-sdk and the queue library are imported by the first use of what needs them.
    """

    def __init__(
        self,
        settings: Settings,
        environment: Mapping[str, str],
        patience: Patience,
        *,
        read_only: bool = False,
        identity: "Identity | None" = None,
    ) -> None:
        if identity is not None:
            self._identity = identity
        self._settings = settings
        self._read_only = read_only
        self._environment = environment
        self._patience = patience
        self._workspaces = {workspace.path.lower(): workspace for workspace in settings.workspaces}

    async def __aenter__(self) -> Self:
        """The clients; nothing is opened before the first call."""
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: "TracebackType | None"
    ) -> None:
        """Ends every connection."""
        await self.close()

    async def close(self) -> None:
        """Ends every connection that was made."""
        made = self.__dict__
        for name in ("messages", "_transport", "_identity"):
            if name in made:
                await made[name].close()

    def sources(self, incident_id: IncidentId, *, asked_at: datetime) -> Sources:
        """What a playbook may ask about an incident. Raises RequestRefused 403 for one not of ours."""
        workspace = self._workspaces.get(incident_id.workspace_path.lower())
        if workspace is None:
            message = "The incident is not in a workspace of this function app."
            raise RequestRefused(403, "incident_not_allowed", message)
        return Sources(
            directory=self.directory,
            watchlists=self.watchlists(workspace),
            events=self.events(workspace),
            asked_at=asked_at,
        )

    def watchlists(self, workspace: Workspace) -> "SentinelWatchlists":
        """Watchlists of one workspace."""
        from playbooks.clients.watchlists import SentinelWatchlists

        return SentinelWatchlists(self._arm, workspace=workspace.path, patience=self._patience)

    def events(self, workspace: Workspace) -> "LogEvents":
        """Logs of one workspace."""
        from playbooks.clients.logs import LogEvents

        return LogEvents(self._logs, customer_id=workspace.customer_id, patience=self._patience)

    def incident_list(self, workspace: Workspace) -> "IncidentList":
        """What became of a workspace's incidents."""
        from playbooks.clients.incident_list import IncidentList

        place, customer_id = workspace.path, workspace.customer_id
        return IncidentList(
            arm=self._arm, logs=self._logs, path=place, customer_id=customer_id, patience=self._patience
        )

    def deployment(self, workspace: Workspace) -> "Deployment":
        """What is deployed around the function in one workspace."""
        from playbooks.clients.deployment import Deployment

        return Deployment(self._arm, workspace=workspace, patience=self._patience)

    def commands(self, workspace: Workspace) -> "LoggedCommands":
        """Which commands the logs of one workspace hold."""
        from playbooks.clients.logged_commands import LoggedCommands

        return LoggedCommands(self._logs, customer_id=workspace.customer_id, patience=self._patience)

    async def queue_state(self, name: str) -> Lookup[QueueState]:
        """How many messages a queue of the storage account holds, and for how long; nothing is taken."""
        from playbooks.clients.messages import QueueMessages, read_state

        queue = QueueMessages(self._environment, queue_name=name, identity=self._identity)
        try:
            return await read_state(queue)
        finally:
            await queue.close()

    @property
    def has_p2(self) -> bool:
        """Whether the settings say that the tenant has Entra ID P2 (risk and eligible roles)."""
        return self._settings.identity_protection == "required"

    @property
    def incidents(self) -> "Incidents":
        """Incidents of every configured workspace, in the portal that the settings name."""
        return self.defender if self.in_defender_portal else self.sentinel

    @property
    def in_defender_portal(self) -> bool:
        """Whether incidents are read and written over Microsoft Graph."""
        return self._settings.incidents == "graph"

    @cached_property
    def defender(self) -> "GraphIncidents":
        """Incidents as Microsoft Graph has them."""
        from playbooks.clients.graph_incidents import GraphIncidents

        return GraphIncidents(self.graph, sentinel=self.sentinel, patience=self._patience)

    @cached_property
    def sentinel(self) -> "SentinelIncidents":
        """Incidents as Azure Resource Manager has them."""
        from playbooks.clients.sentinel import SentinelIncidents

        return SentinelIncidents(self._arm, workspaces=self._workspaces, patience=self._patience)

    @cached_property
    def directory(self) -> "GraphDirectory":
        """Microsoft Graph, as the Directory port."""
        from playbooks.clients.directory import GraphDirectory

        return GraphDirectory(self.graph, has_p2=self.has_p2)

    @cached_property
    def graph(self) -> "Graph":
        """Microsoft Graph."""
        from playbooks.clients.graph import Graph

        endpoint = self._settings.graph_endpoint
        rest = self._rest(endpoint, scope=_scope(endpoint, "graph_endpoint"), seconds=20.0)
        return Graph(rest, identity=self._identity, patience=self._patience)

    @cached_property
    def messages(self) -> "QueueMessages":
        """The triage queue. Raises WriteRefused where this run only reads."""
        if self._read_only:
            raise WriteRefused("this run", "only reads, and has no queue")
        from playbooks.clients.messages import QueueMessages

        name = self._settings.queue_name
        return QueueMessages(self._environment, queue_name=name, identity=self._identity)

    @cached_property
    def _identity(self) -> "Identity":
        from playbooks.clients.identity import identity_of

        return identity_of(self._settings)

    @cached_property
    def _transport(self) -> "Transport":
        from playbooks.clients.rest import make_transport

        settings = self._settings
        return make_transport(settings.arm_endpoint, settings.logs_endpoint, settings.graph_endpoint)

    @cached_property
    def _arm(self) -> "Rest":
        endpoint = self._settings.arm_endpoint
        return self._rest(endpoint, scope=_scope(endpoint, "arm_endpoint"), seconds=20.0)

    @cached_property
    def _logs(self) -> "Rest":
        from playbooks.clients.logs import SECONDS

        endpoint = self._settings.logs_endpoint
        return self._rest(endpoint, scope=_scope(endpoint, "logs_endpoint"), seconds=SECONDS)

    def _rest(self, endpoint: str, *, scope: str, seconds: float) -> "Rest":
        from playbooks.clients.rest import Rest

        return Rest(
            endpoint,
            scope=scope,
            transport=self._transport,
            identity=self._identity,
            seconds=seconds,
            read_only=self._read_only,
        )


def _scope(endpoint: str, setting: str) -> str:
    """What a token for the endpoint is asked for; the local workspace is asked for as the public cloud is."""
    place = endpoint if endpoint.startswith("https://") else Settings.model_fields[setting].default
    return f"{place}/.default"


def connect(
    settings: Settings,
    environment: Mapping[str, str],
    *,
    patience: Patience | None = None,
    read_only: bool = False,
    identity: "Identity | None" = None,
) -> Clients:
    """Clients for these settings. `environment` names the queue's storage (`AzureWebJobsStorage…`).

    With `read_only` whatever would change anything raises WriteRefused and is not sent. `identity` takes
    the place of the one that the settings name; the clients close it.
    """
    for name, level in _TALKATIVE.items():
        logging.getLogger(name).setLevel(level)
    return Clients(settings, environment, patience or Patience(), read_only=read_only, identity=identity)
