"""The rules of all playbooks over the log: what each of them sees, and the incidents that makes."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from types import MappingProxyType

from simulator.catalogues import RULE_FILES
from simulator.chain.grouping import Gathering, Sighting, gather_sightings
from simulator.eventstore import EventStore
from simulator.rules import Rule, RuleHit, load_rule, run

_SPAN = "ASimProcessEventLogs | summarize First = min(TimeGenerated), Last = max(TimeGenerated)"


class Watch:
    """Every rule, read once, under the word that results use for it."""

    def __init__(self) -> None:
        self.rules: Mapping[str, Rule] = MappingProxyType(
            {word: load_rule(rule.path) for word, rule in RULE_FILES.items()}
        )

    def gatherings(self, store: EventStore, *, dns: str) -> list[Gathering]:
        """The incidents that Sentinel would make of everything in the log. Raises QueryError."""
        return gather_sightings(self._sightings(store), dns=dns)

    def sightings(
        self, word: str, store: EventStore, *, start: datetime, end: datetime
    ) -> Iterator[Sighting]:
        """What one rule sees of a span of time, both ends included. Raises QueryError."""
        for hit in run(self.rules[word], store, start=start, end=end):
            if hit.host:
                yield _sighting(word, hit)

    def _sightings(self, store: EventStore) -> Iterator[Sighting]:
        if span := span_of(store):
            for word in self.rules:
                yield from self.sightings(word, store, start=span[0], end=span[1])


def span_of(store: EventStore) -> tuple[datetime, datetime] | None:
    """The times of the first and the last process event in UTC; None where there is none."""
    (span,) = store.query(_SPAN, constant=True).records()
    if not span["First"]:
        return None
    first, last = (datetime.fromisoformat(str(span[name])) for name in ("First", "Last"))
    return first, last


def _sighting(word: str, hit: RuleHit) -> Sighting:
    return Sighting(
        rule=word,
        host=hit.host,
        start=hit.start,
        end=hit.end,
        accounts=hit.accounts,
        details=tuple(hit.custom_details.items()),
    )
