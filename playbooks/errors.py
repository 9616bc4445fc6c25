"""One tree of errors, each saying what is wrong, where, and what to do.

PlaybookError
├── RequestRefused          what the caller sent cannot be accepted (4xx with a stable code)
├── SettingsError           the app settings are wrong; lists every problem at once
├── UnknownPlaybook         no folder of that name
├── MessageUnreadable       a queue message is not ours or not whole
└── SourceError             a service could not be used
    ├── SourceUnavailable   no whole answer; a repeat may cure it
    ├── PermissionMissing   401 or 403: names the role to grant
    ├── NotThere            404
    ├── WriteConflict       409 or 412: somebody wrote in between
    │   └── Overtaken       and our own change was applied all the same
    └── WriteRefused        400 on a write: a repeat cannot cure it
"""

from collections.abc import Sequence


class PlaybookError(Exception):
    """Root of the tree."""


class RequestRefused(PlaybookError):
    """The caller's request is refused; `status` is the HTTP status and `code` the stable word for it."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


class SettingsError(PlaybookError):
    """The app settings are wrong or missing; `problems` holds one sentence for each."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("The app settings need attention:\n  - " + "\n  - ".join(problems))
        self.problems = tuple(problems)


class UnknownPlaybook(PlaybookError):
    """There is no playbook of that name."""


class MessageUnreadable(PlaybookError):
    """A queue message could not be read as one of ours."""


class SourceError(PlaybookError):
    """A service could not be used. `source` names it; `status` is the HTTP status, 0 where there was none."""

    def __init__(self, source: str, cause: str, *, status: int = 0) -> None:
        super().__init__(f"{source}: {cause}")
        self.source = source
        self.cause = cause
        self.status = status


class SourceUnavailable(SourceError):
    """No whole answer: connection, timeout, 429, 5xx, unreadable or oversized body, redirect."""


class PermissionMissing(SourceError):
    """401 or 403; the cause names the permission or role to grant."""


class NotThere(SourceError):
    """404."""


class WriteConflict(SourceError):
    """409 or 412: the record changed since it was read."""


class Overtaken(WriteConflict):
    """Our change was applied, and somebody else's, which it did not take into account, was so too.

    Only a service without conditional writes (Microsoft Graph's incidents) makes this possible.
    """


class WriteRefused(SourceError):
    """400 on a write, for example a comment too many or too long."""
