"""A backtest from app settings: clients that only read, on the operator's own sign-in."""

from collections.abc import Callable, Mapping
from datetime import datetime

from operations.access import operator_identity
from operations.backtest.asking import ask
from operations.backtest.comparing import Backtest
from operations.backtest.running import run_backtest
from playbooks.clients import connect
from playbooks.settings import read_settings


async def backtest_workspaces(
    environment: Mapping[str, str],
    *,
    playbook: str,
    span: tuple[datetime, datetime],
    minutes_per_incident: float,
    told: Callable[[int, int], None],
) -> Backtest:
    """Incidents created in the span (UTC) in every workspace of the settings.

    `told` hears how many are done, and of how many. Raises SettingsError, UnknownPlaybook, SourceError.
    """
    settings = read_settings(environment)
    start, end = span
    asked = ask(settings, playbook=playbook, start=start, end=end, minutes_per_incident=minutes_per_incident)
    identity = operator_identity(settings)
    async with connect(settings, environment, read_only=True, identity=identity) as clients:
        return await run_backtest(clients, asked, told=told)
