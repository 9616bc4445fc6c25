"""The ports answered by the services: Sentinel and Log Analytics, Microsoft Graph, the triage queue."""

from typing import TYPE_CHECKING

from playbooks.clients.attempt import Attempt, Passing, Patience, attempt, current_attempt
from playbooks.clients.connect import Clients, connect
from playbooks.settings import Workspace

if TYPE_CHECKING:
    from playbooks.model import Permission

__all__ = [
    "Attempt",
    "Clients",
    "Passing",
    "Patience",
    "attempt",
    "check_permissions",
    "check_queue",
    "connect",
    "current_attempt",
]


async def check_permissions(clients: Clients, workspace: Workspace) -> "tuple[Permission, ...]":
    """Every permission for one workspace, each tried by a cheap read."""
    from playbooks.clients import permissions  # noqa: PLC0415 - it imports every client library

    return await permissions.check(clients, workspace)


async def check_queue(clients: Clients) -> "Permission":
    """The same for the queue, which belongs to no workspace."""
    from playbooks.clients import permissions  # noqa: PLC0415 - it imports every client library

    return await permissions.check_queue(clients)
