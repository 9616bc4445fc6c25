"""The rules of all playbooks over the log: what each of them sees, and the incidents that makes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from simulator.catalogues import RULE_FILES, playbook_of_rule
from simulator.chain.grouping import Gathering, Sighting, gather_sightings
from simulator.eventstore import EventStore, SeparateLogs
from simulator.rules import Rule, RuleHit, load_rule, run, run_each

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
        yield from _sightings(word, run(self.rules[word], store, start=start, end=end))

    def gatherings_each(
        self, logs: SeparateLogs, *, dns: Sequence[str], playbooks: Sequence[str]
    ) -> list[list[Gathering]]:
        """The incidents of each log that the rules of its playbook make in it alone. Raises QueryError.

        `dns` is the suffix of each log's organisation.
        """
        seen: list[list[Sighting]] = [[] for _ in dns]
        for word, rule in self.rules.items():
            for place, hits in enumerate(run_each(rule, logs)):
                if playbook_of_rule(word) == playbooks[place]:
                    seen[place] += _sightings(word, hits)
        return [gather_sightings(one, dns=suffix) for one, suffix in zip(seen, dns, strict=True)]

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


def _sightings(word: str, hits: Iterable[RuleHit]) -> Iterator[Sighting]:
    for hit in hits:
        if hit.host:
            yield Sighting(
                rule=word,
                host=hit.host,
                start=hit.start,
                end=hit.end,
                accounts=hit.accounts,
                details=tuple(hit.custom_details.items()),
            )
