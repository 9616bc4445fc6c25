"""NCRONTAB expressions of timer triggers: `{second} {minute} {hour} {day} {month} {day-of-week}`, in UTC.

Source: Azure Functions, "Timer trigger for Azure Functions", NCRONTAB expressions. A day must satisfy the
day, month and day-of-week fields together; five fields mean second 0.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import product

# A leap day on a given weekday comes round within 40 years, also across 2100.
_HORIZON = timedelta(days=366 * 40)
_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAY_NAMES = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MONTHS = {name: number for number, name in enumerate(_MONTH_NAMES, 1)}
_WEEKDAYS = {name: number for number, name in enumerate(_WEEKDAY_NAMES)}
_FIELDS: tuple[tuple[str, int, int, dict[str, int]], ...] = (
    ("second", 0, 59, {}),
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day", 1, 31, {}),
    ("month", 1, 12, _MONTHS),
    ("day of week", 0, 6, _WEEKDAYS),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A parsed expression; each field holds its allowed values."""

    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]

    def next_after(self, moment: datetime) -> datetime:
        """Return the first occurrence after `moment` (any zone), in UTC; ValueError where there is none."""
        start = moment.astimezone(UTC)
        day = start.date()
        while day - start.date() <= _HORIZON:
            if self._has(day) and (found := self._time_on(day, start)):
                return found
            day += timedelta(days=1)
        raise ValueError("the schedule never comes round")

    def _has(self, day: date) -> bool:
        return day.month in self.months and day.day in self.days and day.isoweekday() % 7 in self.weekdays

    def _time_on(self, day: date, start: datetime) -> datetime | None:
        floor = (start.hour, start.minute, start.second) if day == start.date() else (-1, 0, 0)
        hours = [hour for hour in self.hours if hour >= floor[0]]
        later = (clock for clock in product(hours, self.minutes, self.seconds) if clock > floor)
        found = next(later, None)
        return None if found is None else datetime.combine(day, time(*found), tzinfo=UTC)


def parse_schedule(expression: str) -> Schedule:
    """Read an NCRONTAB expression; raises ValueError for a bad field and for what never comes round."""
    parts = expression.split()
    if len(parts) == 5:
        parts = ["0", *parts]
    if len(parts) != 6:
        raise ValueError(f"schedule {expression!r} has {len(parts)} fields; NCRONTAB has six, seconds first")
    values = [_parse_field(part, *field) for part, field in zip(parts, _FIELDS, strict=True)]
    seconds, minutes, hours = (tuple(sorted(allowed)) for allowed in values[:3])
    days, months, weekdays = values[3:]
    schedule = Schedule(
        seconds=seconds, minutes=minutes, hours=hours, days=days, months=months, weekdays=weekdays
    )
    schedule.next_after(datetime(2000, 1, 1, tzinfo=UTC))
    return schedule


def _parse_field(text: str, name: str, low: int, high: int, words: dict[str, int]) -> frozenset[int]:
    allowed: set[int] = set()
    for item in text.lower().split(","):
        span, stepped, step = item.partition("/")
        try:
            width = int(step) if stepped else 1
            first, last = _parse_span(span, low, high, words)
        except ValueError as unreadable:
            raise ValueError(f"{name} field {text!r} cannot be read at {item!r}") from unreadable
        if stepped and span.isalnum():
            last = high
        if not low <= first <= last <= high or width < 1:
            raise ValueError(f"{name} field {text!r} must lie between {low} and {high}")
        allowed.update(range(first, last + 1, width))
    return frozenset(allowed)


def _parse_span(span: str, low: int, high: int, words: dict[str, int]) -> tuple[int, int]:
    if span == "*":
        return low, high
    first, ranged, last = span.partition("-")
    start = _number(first, words)
    return start, _number(last, words) if ranged else start


def _number(text: str, words: dict[str, int]) -> int:
    return words[text] if text in words else int(text)
