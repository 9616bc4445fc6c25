"""The worked examples and rules of every playbook that is there: found, not listed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import MappingProxyType

from playbooks import discover, load
from playbooks.scenarios import Catalogue, Scenario


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleFile:
    """A rule of a playbook: the word that results use for it, and its file."""

    word: str
    playbook: str
    path: Path


def _found() -> Iterator[Catalogue]:
    """Each playbook's own. Raises TypeError where a folder's `scenarios` does not hold a CATALOGUE."""
    for name in discover():
        catalogue = import_module(f"playbooks.{name}.scenarios").CATALOGUE
        if not isinstance(catalogue, Catalogue) or catalogue.playbook != name:
            raise TypeError(f"playbooks/{name}/scenarios does not define CATALOGUE for that playbook")
        yield catalogue


CATALOGUES: Mapping[str, Catalogue] = MappingProxyType({one.playbook: one for one in _found()})
"""By playbook, in order of name."""
FIRST_PLAYBOOK = next(iter(CATALOGUES))
SCENARIOS: tuple[Scenario, ...] = tuple(
    scenario for catalogue in CATALOGUES.values() for scenario in catalogue.scenarios
)
BY_NAME: Mapping[str, Scenario] = MappingProxyType({scenario.name: scenario for scenario in SCENARIOS})
RULE_FILES: Mapping[str, RuleFile] = MappingProxyType(
    {
        word: RuleFile(word=word, playbook=name, path=discover()[name] / file)
        for name, catalogue in CATALOGUES.items()
        for word, file in catalogue.rules.items()
    }
)
"""By word; every playbook has words of its own."""
MAIN_RULES = frozenset(catalogue.main_rule for catalogue in CATALOGUES.values())
"""Words of the analytics rules; the others are hunting queries."""
NAMED = tuple(term for catalogue in CATALOGUES.values() for term in catalogue.named)
"""Lower-case terms: a command line with one of them is about one of the playbooks."""


def family(name: str) -> tuple[Scenario, ...] | None:
    """The family of that name over all playbooks; None where no family is called so."""
    found = [catalogue.families[name] for catalogue in CATALOGUES.values() if name in catalogue.families]
    return tuple(scenario for scenarios in found for scenario in scenarios) if found else None


def playbook_of_rule(word: str) -> str:
    """The playbook whose rule goes by that word; the first where none does."""
    return RULE_FILES[word].playbook if word in RULE_FILES else FIRST_PLAYBOOK


def playbook_of_scenario(name: str) -> str:
    """The playbook of a scenario; the first for a name of nobody's, as a case of one's own has."""
    return BY_NAME[name].playbook if name in BY_NAME else FIRST_PLAYBOOK


def main_rule_of(playbook: str) -> str:
    """The word of a playbook's analytics rule; that of the first playbook where there is none of the name."""
    return CATALOGUES.get(playbook, CATALOGUES[FIRST_PLAYBOOK]).main_rule


def playbook_naming(text: str) -> str | None:
    """The first playbook whose terms stand in a command line."""
    lowered = text.lower()
    found = (name for name, one in CATALOGUES.items() if any(term in lowered for term in one.named))
    return next(found, None)


def playbooks_in(scenario: Scenario) -> frozenset[str]:
    """The scenario's own playbook, and every other whose terms stand in one of its commands."""
    commands = " ".join(step.command for step in scenario.steps).lower()
    named = {name for name, one in CATALOGUES.items() if any(term in commands for term in one.named)}
    return frozenset(named | {scenario.playbook})


def search_keys() -> Mapping[str, str]:
    """Search key of each watchlist that a playbook reads, by alias in lower case."""
    return {
        register.alias.lower(): register.search_key
        for name in CATALOGUES
        for register in load(name).registers
    }
