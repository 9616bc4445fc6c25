"""What can go wrong in the local Functions host, each as one sentence for the person in front of it.

HostError
├── HostSettingsError     host.json or an override variable is wrong; lists every problem at once
├── IndexingError         the function app cannot be loaded; names the function
├── HostStopped           the host process ended or did not become ready
├── QueueUnavailable      the polled queue did not answer; polling goes on
└── StorageRefusal        a Storage Queue call is refused, with the service's own status and code
"""

from collections.abc import Sequence


class HostError(Exception):
    """Root of the tree."""


class HostSettingsError(HostError):
    """host.json or one of its overrides is wrong; `problems` holds one sentence for each."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("The host settings need attention:\n  - " + "\n  - ".join(problems))
        self.problems = tuple(problems)


class IndexingError(HostError):
    """The function app cannot be loaded; `function` is empty where no single function is to blame."""

    def __init__(self, cause: str, *, function: str = "") -> None:
        super().__init__(f"Function '{function}': {cause}" if function else cause)
        self.function = function
        self.cause = cause


class HostStopped(HostError):
    """The host process ended, or was not ready in time; carries the end of its log."""


class QueueUnavailable(HostError):
    """The queue that triggers listen to could not be used just now."""


class StorageRefusal(HostError):
    """A Storage Queue call is refused.

    `status` and `code` are those of the service's documentation, "Queue Service error codes".
    """

    def __init__(self, status: int, code: str, cause: str) -> None:
        super().__init__(cause)
        self.status = status
        self.code = code
        self.cause = cause
