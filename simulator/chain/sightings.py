"""The two rules over the log: what each of them sees, and the incidents that makes."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from types import MappingProxyType

from simulator.chain.grouping import Gathering, Sighting, gather_sightings
from simulator.eventstore import EventStore
from simulator.rules import CORRELATED_RULE, SEED_RULE, Rule, RuleHit, load_rule, run

_SPAN = "ASimProcessEventLogs | summarize First = min(TimeGenerated), Last = max(TimeGenerated)"


class Watch:
    """Both rules, read once, under the words that results use: `seed` and `correlated`."""

    def __init__(self) -> None:
        self.rules: Mapping[str, Rule] = MappingProxyType(
            {"seed": load_rule(SEED_RULE), "correlated": load_rule(CORRELATED_RULE)}
        )

    def gatherings(self, store: EventStore, *, dns: str) -> list[Gathering]:
        """The incidents that Sentinel would make of everything in the log. Raises QueryError."""
        return gather_sightings(self._sightings(store), dns=dns)

    def _sightings(self, store: EventStore) -> Iterator[Sighting]:
        (span,) = store.query(_SPAN).records()
        if not span["First"]:
            return
        first, last = (datetime.fromisoformat(str(span[name])) for name in ("First", "Last"))
        for word, rule in self.rules.items():
            for hit in run(rule, store, start=first, end=last):
                if hit.host:
                    yield _sighting(word, hit)


def _sighting(word: str, hit: RuleHit) -> Sighting:
    return Sighting(
        rule=word,
        host=hit.host,
        start=hit.start,
        end=hit.end,
        accounts=hit.accounts,
        details=tuple(hit.custom_details.items()),
    )
