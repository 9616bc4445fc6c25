"""From rule hits to incidents, as the service would make them.

One incident holds the alerts of one host that overlap or lie within an hour of each other, of all rules
of one playbook. Why: Sentinel groups alerts by host, as the analytics rule asks, into an incident that is
still open, and the Defender portal joins the incidents of both rules; but the function closes a benign
incident little more than an hour after its last event, and a later alert then makes an incident of its own.
An hour is also the margin that the playbook reads around an alert, so hits further apart are judged on
different events. No incident spans more than a day, nor holds more than 150 alerts (a Sentinel limit).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from simulator.catalogues import playbook_of_rule
from simulator.rules import HitAccount

MARGIN = timedelta(hours=1)
LONGEST = timedelta(hours=24)
MOST_ALERTS = 150


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One row that a rule found: where and when, and whom it names. `host` is as logged; times in UTC."""

    rule: str
    host: str
    start: datetime
    end: datetime
    accounts: tuple[HitAccount, ...] = ()
    details: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathering:
    """The sightings that become one incident; `host` is the full name in lower case."""

    host: str
    sightings: tuple[Sighting, ...] = field(default=())

    @property
    def start(self) -> datetime:
        """Start of the earliest sighting."""
        return min(sighting.start for sighting in self.sightings)

    @property
    def end(self) -> datetime:
        """End of the latest sighting."""
        return max(sighting.end for sighting in self.sightings)

    @property
    def rules(self) -> tuple[str, ...]:
        """Names of the rules that saw it, `seed` first."""
        return tuple(sorted({sighting.rule for sighting in self.sightings}, reverse=True))

    @property
    def playbook(self) -> str:
        """The playbook whose rules saw it, which triages it."""
        return playbook_of_rule(self.sightings[0].rule)

    def takes(self, sighting: Sighting) -> bool:
        """True where the sighting, which starts no earlier than any of these, belongs to them."""
        return (
            sighting.start <= self.end + MARGIN
            and max(sighting.end, self.end) - self.start <= LONGEST
            and len(self.sightings) < MOST_ALERTS
        )


def full_host_name(host: str, *, dns: str) -> str:
    """The host's full name in lower case; a short name is completed with the organisation's suffix."""
    name = host.strip().rstrip(".").lower()
    return name if "." in name or not name else f"{name}.{dns.lower()}"


def gather_sightings(sightings: Iterable[Sighting], *, dns: str) -> list[Gathering]:
    """The incidents that these sightings make, in order of time."""
    apart: dict[tuple[str, str], list[Sighting]] = {}
    for sighting in sightings:
        place = full_host_name(sighting.host, dns=dns), playbook_of_rule(sighting.rule)
        apart.setdefault(place, []).append(sighting)
    gatherings = [one for (host, _), seen in apart.items() for one in _split(host, seen)]
    return sorted(gatherings, key=lambda one: (one.start, one.host))


def _split(host: str, sightings: Sequence[Sighting]) -> list[Gathering]:
    """The sightings of one host, cut where more than the margin lies between them."""
    made: list[Gathering] = []
    for sighting in sorted(sightings, key=lambda one: (one.start, one.end, one.rule)):
        if made and made[-1].takes(sighting):
            made[-1] = Gathering(host=host, sightings=(*made[-1].sightings, sighting))
        else:
            made.append(Gathering(host=host, sightings=(sighting,)))
    return made
