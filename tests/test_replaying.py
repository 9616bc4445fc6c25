"""In which order a generated folder's incidents are made and decided."""

from datetime import UTC, datetime, timedelta

from simulator.chain.grouping import Gathering, Sighting
from simulator.chain.replaying import SETTLED, waves_of

NOON = datetime(2025, 11, 17, 12, tzinfo=UTC)


def incident(minutes: int, *, lasts: int = 10) -> Gathering:
    """An incident that starts so many minutes after noon."""
    start = NOON + timedelta(minutes=minutes)
    sighting = Sighting(
        rule="correlated", host="exch01.contoso.com", start=start, end=start + timedelta(minutes=lasts)
    )
    return Gathering(host="exch01.contoso.com", sightings=(sighting,))


def test_what_starts_before_another_would_be_decided_is_there_when_it_is() -> None:
    """An alert counts until the decision, so both are made before either is decided."""
    first, second = incident(0), incident(60)

    assert [[first, second]] == waves_of([first, second])


def test_what_starts_later_is_not_there_yet() -> None:
    """Next week's alert on the same account says nothing about today's work."""
    first, second = incident(0), incident(7 * 24 * 60)

    assert [[first], [second]] == waves_of([first, second])


def test_the_longest_of_a_group_decides_when_the_next_begins() -> None:
    """A long incident is not decided before its own window has passed."""
    long, short = incident(0, lasts=300), incident(30)
    edge = 300 + int(SETTLED.total_seconds() // 60)
    inside, outside = incident(edge), incident(edge + 1)

    assert [[long, short, inside]] == waves_of([long, short, inside])
    assert [[long, short], [outside]] == waves_of([long, short, outside])
