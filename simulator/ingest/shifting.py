"""Moving a folder's events in time, all by the same amount, so that they end now."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from simulator.asim import TIMES

REPLACED_AFTER = timedelta(days=2)
"""The service may put the time of arrival in place of a TimeGenerated that lies further back."""


class Ending(StrEnum):
    """When the last event is to be."""

    NOW = "now"
    SAME_HOUR = "same-hour"
    """At the last event's own local time of day, at most a day back: job windows and business hours hold."""
    KEEP = "keep"


def shift_for(last: datetime, *, ending: Ending, now: datetime, zone: ZoneInfo) -> timedelta:
    """What to add to every time of a folder whose last event is at `last`; times have a zone."""
    if ending is Ending.KEEP:
        return timedelta()
    if ending is Ending.NOW:
        return now - last
    local = last.astimezone(zone)
    today = now.astimezone(zone).date()
    moved = datetime.combine(today, local.time(), tzinfo=zone)
    if moved > now:
        moved = datetime.combine(today - timedelta(days=1), local.time(), tzinfo=zone)
    return moved.astimezone(UTC) - last


def shifted(row: Mapping[str, Any], by: timedelta) -> dict[str, Any]:
    """The row with every time column moved, in UTC with microseconds; empty cells stay empty."""
    return {name: _moved(cell, by) if name in TIMES and cell else cell for name, cell in row.items()}


def _moved(cell: Any, by: timedelta) -> str:
    moment = read_time(cell) + by
    return moment.isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def read_time(cell: Any) -> datetime:
    """A time cell of an event, in UTC; without a zone it is UTC already. Raises ValueError."""
    moment = cell if isinstance(cell, datetime) else datetime.fromisoformat(str(cell))
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
