"""One cheap read for each permission, for the health page: which are granted, and what to grant."""

import asyncio
from collections.abc import Awaitable
from typing import Any, NamedTuple

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
from playbooks.clients.logs import ROLE as LOGS_ROLE
from playbooks.clients.messages import ROLE as QUEUE_ROLE
from playbooks.clients.odata import equal
from playbooks.clients.sentinel import ROLE as SENTINEL_ROLE
from playbooks.errors import NotThere, PermissionMissing, SourceError
from playbooks.settings import Workspace

NOBODY = "00000000-0000-0000-0000-000000000000"


class Permission(NamedTuple):
    """`granted` is None where it could not be found out; `words` say what to do."""

    name: str
    granted: bool | None
    words: str


async def check(clients: Clients, workspace: Workspace) -> tuple[Permission, ...]:
    """Every permission for one workspace, asked for at once. Never raises for what a service answers.

    Inside an attempt without repeats it takes as long as the attempt at most, whatever is down. That
    Sentinel may be written to is seen on a write alone: a read says that the role, or a lesser one, is there.
    """
    graph = clients.graph
    few: dict[str, Any] = {"top": 1, "select": ["id"]}
    of_nobody: dict[str, Any] = {"filter": equal("principalId", NOBODY)}
    users, devices = graph.builder(lambda root: root.users), graph.builder(lambda root: root.devices)
    reads = [
        (SENTINEL_ROLE, clients.incidents.probe(workspace.path)),
        (LOGS_ROLE, clients.events(workspace).probe()),
        (USERS.needs, graph.one(USERS, users, **few)),
        (GROUPS.needs, graph.one(GROUPS, groups_builder(graph, NOBODY), advanced=True, count=True)),
        (ROLES.needs, graph.one(ROLES, roles_builder(graph), **of_nobody)),
        (DEVICES.needs, graph.one(DEVICES, devices, **few)),
    ]
    if clients.has_p2:
        reads.append((ELIGIBLE.needs, graph.one(ELIGIBLE, eligible_builder(graph), **of_nobody)))
        reads.append((RISK.needs, graph.one(RISK, risk_builder(graph, NOBODY))))
    return tuple(await asyncio.gather(*(_check(name, read) for name, read in reads)))


async def check_queue(clients: Clients) -> Permission:
    """The one permission that belongs to no workspace. Never raises for what the service answers."""
    return await _check(QUEUE_ROLE, clients.messages.probe())


async def _check(name: str, read: Awaitable[object]) -> Permission:
    try:
        await read
    except NotThere:
        return Permission(name=name, granted=True, words="granted")
    except PermissionMissing as error:
        return Permission(name=name, granted=False, words=error.cause)
    except SourceError as error:
        return Permission(
            name=name, granted=None, words=f"could not be checked: {error.source}: {error.cause}"
        )
    return Permission(name=name, granted=True, words="granted")
