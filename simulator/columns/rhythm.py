"""When things happen: the weight of every quarter of an hour, and times drawn by it.

All moments are milliseconds since 1970 in UTC.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from simulator.columns.chance import Numbers, Words
from simulator.organisation import Organisation

# How busy desks are in each local hour of a working day, against a server's steady hundred.
_NIGHT, _MORNING = (1, 1, 1, 1, 1, 3), (15, 90, 210, 240, 230, 200)
_AFTERNOON, _EVENING = (120, 190, 230, 220, 190, 110), (40, 15, 8, 4, 2, 1)
_DESK_RHYTHM = (*_NIGHT, *_MORNING, *_AFTERNOON, *_EVENING)
_SERVER_LOAD, _STAFFED_FROM = 100, 90
_QUARTER = 15 * 60_000
# Weights are multiplied by this, so that the quiet quarters too are cut finer than a millisecond.
_FINE = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """The quarters of the plan: start, weight of servers and of all machines, and whether admins are there.

    `ends` holds the running total of the fine weights, beginning with 0.
    """

    starts: Numbers
    servers: Numbers
    totals: Numbers
    staffed: NDArray[np.bool_]
    ends: Numbers

    @property
    def last(self) -> int:
        """The last moment at which logs are written: a tenth of a second before the end."""
        return int(self.starts[-1]) + _QUARTER - 100

    def moment(self, share: int, of: int) -> int:
        """The moment at which `share` of `of` equal shares of all activity is over."""
        place = min(int(self.ends[-1]) * share // of, int(self.ends[-1]) - 1)
        return int(self._moments(np.array([place]), np.searchsorted(self.ends, [place], "right") - 1)[0])

    def draw(self, drawn: Words, *, first: int, of: int) -> tuple[Numbers, Numbers]:
        """Moments of rows `first` and following out of `of`, in order, and the quarter each lies in."""
        low = int(self.ends[-1]) * first // of
        high = int(self.ends[-1]) * (first + drawn.size) // of
        places = np.sort((drawn % np.uint64(max(1, high - low))).astype(np.int64) + low)
        quarters = np.searchsorted(self.ends, places, "right") - 1
        return self._moments(places, quarters), quarters

    def _moments(self, places: Numbers, quarters: Numbers) -> Numbers:
        into = (places - self.ends[quarters]) * _QUARTER // (self.totals[quarters] * _FINE)
        return self.starts[quarters] + into


def rhythm(organisation: Organisation, days: tuple[date, ...]) -> Rhythm:
    """The rhythm of the local days, as the clock on the wall counts the hours; weekends are quiet."""
    zone = ZoneInfo(organisation.time_zone)
    desks = sum(1 for machine in organisation.machines if not machine.role.is_server)
    first = datetime.combine(days[0], time(), zone).astimezone(UTC)
    after = datetime.combine(days[-1] + timedelta(days=1), time(), zone).astimezone(UTC)
    starts = np.arange(_milliseconds(first), _milliseconds(after), _QUARTER, dtype=np.int64)
    busy = np.array([_busy(int(start), zone) for start in starts], dtype=np.int64)
    servers = np.full(starts.size, (len(organisation.machines) - desks) * _SERVER_LOAD, dtype=np.int64)
    totals = servers + desks * busy
    ends = np.concatenate(([0], np.cumsum(totals * _FINE)))
    return Rhythm(starts=starts, servers=servers, totals=totals, staffed=busy >= _STAFFED_FROM, ends=ends)


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp()) * 1000


def _busy(start: int, zone: ZoneInfo) -> int:
    local = datetime.fromtimestamp(start / 1000, zone)
    return _DESK_RHYTHM[local.hour] if local.weekday() < 5 else 1
