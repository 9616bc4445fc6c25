"""The function's own permissions, from a kept answer of its health page (`GET /api/health`)."""

import json
from dataclasses import replace
from pathlib import Path

from playbooks.errors import SettingsError
from playbooks.health.access import access_checks
from playbooks.health.troubles import Check, settled
from playbooks.model import Permission
from playbooks.settings import Workspace

FUNCTION = "the function"


def page_checks(file: Path, workspaces: tuple[Workspace, ...]) -> tuple[Check, ...]:
    """A check for each permission that the page names. Raises SettingsError for a file that is no such page.

    An answer by which the settings are wrong (503 `not_configured`) is raised in its own words.
    """
    scopes = {workspace.path.rpartition("/")[2]: workspace.path for workspace in workspaces}
    try:
        document = json.loads(file.read_text())
        if "error" in document:
            raise SettingsError([f"the function says: {document['error']['message']}"])
        told = [(str(check["workspace"]), _permission(check)) for check in document["checks"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = f"{file} is no answer of the function's health page ({type(error).__name__})"
        raise SettingsError([message]) from None
    return settled(_check(permission, scopes.get(place, ""), place) for place, permission in told)


def _check(permission: Permission, scope: str, place: str) -> Check:
    (check,) = access_checks((permission,), scope=scope or "STORAGE-ACCOUNT-ID", place=place)
    return replace(check, subject=f"{check.subject} of the function")


def _permission(check: dict[str, object]) -> Permission:
    works = check["works"]
    return Permission(
        name=str(check["permission"]),
        granted=works if isinstance(works, bool) else None,
        words=str(check["words"]),
        service=FUNCTION,
        status=0 if works else 403,
    )
