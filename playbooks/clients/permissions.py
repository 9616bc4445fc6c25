"""One cheap read for each permission, for the health page: which are granted, and what to grant."""

import asyncio
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

from playbooks.clients.connect import Clients
from playbooks.clients.directory import (
    DEVICES,
    ELIGIBLE,
    GROUPS,
    RISK,
    ROLES,
    USERS,
    eligible_builder,
    groups_builder,
    risk_builder,
    roles_builder,
)
from playbooks.clients.graph_incidents import ALERT
from playbooks.clients.graph_incidents import READ as INCIDENT
from playbooks.clients.incident_record import SOURCE as SENTINEL
from playbooks.clients.log_rows import SOURCE as LOGS
from playbooks.clients.logs import ROLE as LOGS_ROLE
from playbooks.clients.messages import ROLE as QUEUE_ROLE
from playbooks.clients.messages import SOURCE as QUEUE
from playbooks.clients.odata import equal
from playbooks.clients.sentinel import ROLE as SENTINEL_ROLE
from playbooks.errors import NotThere, PermissionMissing, SourceError
from playbooks.model import Permission
from playbooks.settings import Workspace

if TYPE_CHECKING:
    from playbooks.clients.answers import Call

NOBODY = "00000000-0000-0000-0000-000000000000"


async def check(clients: Clients, workspace: Workspace) -> tuple[Permission, ...]:
    """Every permission for one workspace, asked for at once. Never raises for what a service answers.

    Inside an attempt without repeats it takes as long as the attempt at most, whatever is down. That
    Sentinel may be written to is seen on a write alone: a read says that the role, or a lesser one, is there.
    """
    graph = clients.graph
    few: dict[str, Any] = {"top": 1, "select": ["id"]}
    of_nobody: dict[str, Any] = {"filter": equal("principalId", NOBODY)}
    users, devices = graph.builder(lambda root: root.users), graph.builder(lambda root: root.devices)
    of_graph: list[tuple[Call, Awaitable[object]]] = [
        (USERS, graph.one(USERS, users, **few)),
        (GROUPS, graph.one(GROUPS, groups_builder(graph, NOBODY), advanced=True, count=True)),
        (ROLES, graph.one(ROLES, roles_builder(graph), **of_nobody)),
        (DEVICES, graph.one(DEVICES, devices, **few)),
    ]
    if clients.has_p2:
        of_graph.append((ELIGIBLE, graph.one(ELIGIBLE, eligible_builder(graph), **of_nobody)))
        of_graph.append((RISK, graph.one(RISK, risk_builder(graph, NOBODY))))
    if clients.in_defender_portal:
        of_graph.append((INCIDENT, clients.defender.probe()))
        of_graph.append((ALERT, clients.defender.probe_alerts()))
    checks = [
        _check(SENTINEL, SENTINEL_ROLE, clients.sentinel.probe(workspace.path)),
        _check(LOGS, LOGS_ROLE, clients.events(workspace).probe()),
        *(_check(call.source, call.needs, read) for call, read in of_graph),
    ]
    return tuple(await asyncio.gather(*checks))


async def check_queue(clients: Clients) -> Permission:
    """The one permission that belongs to no workspace. Never raises for what the service answers."""
    return await _check(QUEUE, QUEUE_ROLE, clients.messages.probe())


async def _check(service: str, name: str, read: Awaitable[object]) -> Permission:
    granted: bool | None = True
    words, status, blamed = "granted", 0, ""
    try:
        await read
    except NotThere:
        pass
    except PermissionMissing as error:
        granted, words, status = False, error.cause, error.status
    except SourceError as error:
        granted, words, blamed = None, f"could not be checked: {error.source}: {error.cause}", error.source
    return Permission(name=name, granted=granted, words=words, service=service, status=status, blamed=blamed)
