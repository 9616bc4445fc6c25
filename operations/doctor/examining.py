"""From the function's settings to everything that was looked at."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from operations.access import operator_identity
from operations.doctor.health_page import page_checks
from playbooks.clients import attempt, connect
from playbooks.health.judging import GRAPH
from playbooks.health.troubles import Check, State, Trouble
from playbooks.inspection import Reach, inspect
from playbooks.settings import read_settings

SECONDS = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """As whom it was asked (in words), in which mode the settings are, every check, and all that is wrong."""

    asked_as: str
    mode: str
    checks: tuple[Check, ...]
    troubles: tuple[Trouble, ...]


async def examine(
    environment: Mapping[str, str],
    *,
    now: Callable[[], datetime],
    days: int,
    own_identity: bool = False,
    health_page: Path | None = None,
) -> Examination:
    """Looks at everything that the app settings in `environment` name. Reads alone.

    `now` is the clock (UTC); `days` is how far back rows have to have been of use, 0 leaves that. With
    `own_identity` it asks as the managed identity of the settings, otherwise as who is signed in by the Azure
    CLI. `health_page` is a kept answer of the function's health page, for its own permissions. Raises
    SettingsError with every problem of the settings, and for a page that is none.
    """
    settings = read_settings(environment)
    told = page_checks(health_page, settings.workspaces) if health_page else ()
    identity = None if own_identity else operator_identity(settings)
    async with connect(settings, environment, identity=identity) as clients:
        with attempt(str(uuid4()), seconds=SECONDS):
            found = await inspect(clients, settings, now=now, reach=Reach(logic_apps=True, days=days))
    as_person = not own_identity and not settings.local_token
    checks = (*(found.checks if not as_person else map(not_asked_of_people, found.checks)), *told)
    return Examination(
        asked_as=_asked_as(own_identity=own_identity, is_local=bool(settings.local_token)),
        mode=settings.mode,
        checks=checks,
        troubles=tuple(dict.fromkeys(trouble for check in checks for trouble in check.troubles)),
    )


def not_asked_of_people(check: Check) -> Check:
    """The check, without what a person lacks in Microsoft Graph: only the function has to have it."""
    if check.service != GRAPH or check.state is State.WELL:
        return check
    return replace(check, troubles=(), unseen="you may not; does the function? Give --health", excused=True)


def _asked_as(*, own_identity: bool, is_local: bool) -> str:
    if is_local:
        return "the fixed token of the local workspace"
    return "the managed identity" if own_identity else "who is signed in by az login"
