"""A local Azure Functions host on Microsoft's own worker library, with an embedded Storage Queue service.

`FunctionsHost` runs an app inside this Python process; `HostProcess` runs `python -m simulator.host` as a
process of its own, which may be killed.
"""

from simulator.host.errors import (
    HostError,
    HostSettingsError,
    HostStopped,
    IndexingError,
    QueueUnavailable,
    StorageRefusal,
)
from simulator.host.front import Keys
from simulator.host.host import FunctionsHost, HostOptions
from simulator.host.host_process import HostProcess
from simulator.host.queue_service import QueueService, connection_string
from simulator.host.store import QueueCounts, QueueStore, StoredMessage

__all__ = [
    "FunctionsHost",
    "HostError",
    "HostOptions",
    "HostProcess",
    "HostSettingsError",
    "HostStopped",
    "IndexingError",
    "Keys",
    "QueueCounts",
    "QueueService",
    "QueueStore",
    "QueueUnavailable",
    "StorageRefusal",
    "StoredMessage",
    "connection_string",
]
