"""Days, times of day and time zones of a register row."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_SPAN = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)")
_DAY_MINUTES = 24 * 60
GRACE = timedelta(minutes=60)
"""How long after the end of a window a removal may still start (policy, section 3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When a job may run. A window that crosses midnight belongs to the day on which it starts.

    `windows` are minutes after local midnight, start included and end not; an end that is not after
    its start lies on the next day. `month_days` are days of the month.
    """

    weekdays: frozenset[int]
    month_days: frozenset[int]
    windows: tuple[tuple[int, int], ...]
    zone: ZoneInfo

    def runs_on(self, day: date) -> bool:
        """True where a window may start on this local day."""
        return day.weekday() in self.weekdays or day.day in self.month_days

    def contains(self, moment: datetime) -> bool:
        """True where `moment` lies inside a window, read on the wall clock of the row's time zone."""
        local = moment.astimezone(self.zone)
        today, yesterday = local.date(), local.date() - timedelta(days=1)
        seconds = local.hour * 3600 + local.minute * 60 + local.second
        for start, end in self.windows:
            after_start, before_end = seconds >= start * 60, seconds < end * 60
            if start < end and after_start and before_end and self.runs_on(today):
                return True
            if start >= end and after_start and self.runs_on(today):
                return True
            if start >= end and before_end and self.runs_on(yesterday):
                return True
        return False

    def occurrences(self, moment: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Start and end of each window that began on the local day of `moment` or the two before."""
        today = moment.astimezone(self.zone).date()
        for day in (today - timedelta(days=back) for back in range(3)):
            if self.runs_on(day):
                for start, end in self.windows:
                    last = end if end > start else end + _DAY_MINUTES
                    yield min(self._instants(day, start)), max(self._instants(day, last))

    def reaches(self, moment: datetime) -> bool:
        """True from the start of a window until the grace after its end."""
        return any(start <= moment <= end + GRACE for start, end in self.occurrences(moment))

    def ended_for(self, moment: datetime, earlier: datetime) -> bool:
        """True where `earlier` lies in a window whose grace is over at `moment`."""
        return any(start <= earlier < end and moment > end + GRACE for start, end in self.occurrences(moment))

    def _instants(self, day: date, minutes: int) -> tuple[datetime, datetime]:
        """The moments of a local time: two where the clock shows it twice, or jumps over it."""
        local = day + timedelta(days=minutes // _DAY_MINUTES)
        clock = time(minutes % _DAY_MINUTES // 60, minutes % 60)
        first = datetime.combine(local, clock, tzinfo=self.zone)
        return first.astimezone(UTC), first.replace(fold=1).astimezone(UTC)


def weekday_and_time(moment: datetime, zone: ZoneInfo) -> str:
    """Weekday and time of day in a zone, in English whatever the locale."""
    local = moment.astimezone(zone)
    return f"{_DAY_NAMES[local.weekday()]} {local:%H:%M}"


def parse_windows(text: str) -> tuple[tuple[int, int], ...]:
    """`21:50-22:30`, several separated by `;`. Raises ValueError where a part cannot be read."""
    return tuple(sorted({_window(part) for part in _parts(text)}))


def parse_days(text: str) -> tuple[frozenset[int], frozenset[int]]:
    """Weekdays (Monday is 0) and days of the month of `Mon-Fri`, `Sun`, `1`, `*`, separated by `;`.

    Raises ValueError where a part cannot be read.
    """
    weekdays: set[int] = set()
    month_days: set[int] = set()
    for part in _parts(text):
        if part.isdecimal() and part.isascii() and 1 <= int(part) <= 31:
            month_days.add(int(part))
        else:
            weekdays |= _weekdays(part)
    return frozenset(weekdays), frozenset(month_days)


def parse_zone(text: str) -> ZoneInfo:
    """An IANA time zone. Raises ValueError where there is none of that name."""
    try:
        return ZoneInfo(text)
    except (KeyError, OSError, ValueError) as error:
        raise ValueError(f"{text!r} is not an IANA time zone") from error


def _parts(text: str) -> list[str]:
    parts = [part.strip() for part in text.split(";") if part.strip()]
    if not parts:
        raise ValueError("empty")
    return parts


def _window(part: str) -> tuple[int, int]:
    match = _SPAN.fullmatch(part)
    if match is None:
        raise ValueError(f"{part!r} is not of the form 21:50-22:30")
    start, end = (int(match[i]) * 60 + int(match[i + 1]) for i in (1, 3))
    if start == end or end > _DAY_MINUTES:
        raise ValueError(f"{part!r} is no span of time")
    return start, end


def _weekdays(part: str) -> frozenset[int]:
    if part == "*":
        return frozenset(range(7))
    first, _, last = part.lower().partition("-")
    if first not in _WEEKDAYS or (last or first) not in _WEEKDAYS:
        raise ValueError(f"{part!r} is neither a day, a span of days, a day of the month nor *")
    start, end = _WEEKDAYS.index(first), _WEEKDAYS.index(last or first)
    return frozenset((start + step) % 7 for step in range((end - start) % 7 + 1))
