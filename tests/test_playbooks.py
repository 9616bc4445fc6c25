"""What holds for every playbook that is there: what it declares, its rules, its scenarios and its guide."""

import re
from collections import Counter
from dataclasses import replace
from importlib import import_module
from types import ModuleType

import pytest
import yaml
from performing import judged, performed

from playbooks import discover, load
from playbooks.model import Close
from playbooks.scenarios import Expected, Kind, Scenario, Source, slots_of
from simulator.catalogues import CATALOGUES, RULE_FILES, SCENARIOS
from simulator.organisation import organise

PLAYBOOKS = tuple(discover())
CLOSABLE = tuple(one for catalogue in CATALOGUES.values() for one in catalogue.closable)
NEAR_MISSES = tuple(one for catalogue in CATALOGUES.values() for one in catalogue.near_misses)
ATTACKS = tuple(one for catalogue in CATALOGUES.values() for one in catalogue.attacks)


def by_name(scenario: Scenario) -> str:
    """The test's id."""
    return scenario.name


def codes_of(playbook: str) -> ModuleType:
    """The playbook's reason codes."""
    return import_module(f"playbooks.{playbook}.reason_codes")


# --- what a playbook declares ------------------------------------------------------------------------


@pytest.mark.parametrize("name", PLAYBOOKS)
def test_a_playbook_answers_for_the_rules_in_its_folder(name: str) -> None:
    """The ids that it declares are those of its rule files, each named by a word of its catalogue."""
    files = sorted(discover()[name].glob("*rule.yaml"))
    ids = {yaml.safe_load(path.read_text(encoding="utf-8"))["id"] for path in files}
    words = {word: one.path for word, one in RULE_FILES.items() if one.playbook == name}

    assert load(name).rule_ids == ids
    assert sorted(words.values()) == files
    assert discover()[name] / "rule.yaml" == words[CATALOGUES[name].main_rule]


def test_no_two_playbooks_share_a_rule_a_word_a_title_or_a_scenario() -> None:
    """An incident goes to one playbook, a word of a result speaks of one rule."""
    ids = Counter(rule_id for name in PLAYBOOKS for rule_id in load(name).rule_ids)
    words = Counter(word for catalogue in CATALOGUES.values() for word in catalogue.rules)
    titles = Counter(load(name).title for name in PLAYBOOKS)
    names = Counter(scenario.name for scenario in SCENARIOS)

    assert {1} == {*ids.values(), *words.values(), *titles.values(), *names.values()}


@pytest.mark.parametrize("name", PLAYBOOKS)
def test_a_register_is_declared_once_and_keyed_by_a_column(name: str) -> None:
    """Whoever deploys or checks a watchlist goes by what the playbook says of it."""
    registers = load(name).registers

    assert len(registers) == len({register.alias.lower() for register in registers})
    for register in registers:
        assert register.search_key in register.columns
        assert register.optional <= set(register.columns)
        assert () == register.read((), None)  # type: ignore[arg-type] - nothing to read, nothing asked


# --- scenarios ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PLAYBOOKS)
def test_a_playbook_has_honest_work_that_closes_and_attacks_that_do_not(name: str) -> None:
    """Each scenario is in one family, belongs to its playbook, and has a plain name."""
    catalogue = CATALOGUES[name]

    assert catalogue.closable
    assert catalogue.attacks
    assert {name} == {scenario.playbook for scenario in catalogue.scenarios}
    assert len(catalogue.scenarios) == len({scenario.name for scenario in catalogue.scenarios})
    assert {*catalogue.first, *catalogue.demonstrated} <= set(catalogue.scenarios)
    assert all(re.fullmatch(r"[a-z]+(_[a-z0-9]+)*", one.name) for one in catalogue.scenarios)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=by_name)
def test_codes_and_techniques_are_known(scenario: Scenario) -> None:
    """Scenario and reason codes are those of the playbook; techniques have ATT&CK's form."""
    codes = codes_of(scenario.playbook)

    assert set(scenario.scenarios) <= set(codes.SCENARIOS)
    assert set(scenario.reasons) <= {*codes.RED_FLAGS, *codes.FURTHER_REASONS}
    assert all(re.fullmatch(r"T\d{4}(\.\d{3})?", technique) for technique in scenario.techniques)
    assert set(scenario.seen_by) <= set(CATALOGUES[scenario.playbook].rules)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=by_name)
def test_expectations_fit_the_kind(scenario: Scenario) -> None:
    """Only honest work closes; a close names a scenario, an escalation a reason, an attack a technique."""
    closes = scenario.expected is Expected.CLOSE

    assert closes == bool(scenario.scenarios) == (not scenario.reasons)
    assert not closes or scenario.kind is Kind.BENIGN
    assert bool(scenario.techniques) == (scenario.kind is Kind.ATTACK)


@pytest.mark.parametrize("name", PLAYBOOKS)
def test_every_way_to_close_has_an_example(name: str) -> None:
    """A scenario code that no worked example closes by is one that nobody has seen close."""
    shown = {code for scenario in CATALOGUES[name].closable for code in scenario.scenarios}

    assert set(codes_of(name).SCENARIOS) == shown


@pytest.mark.parametrize("scenario", CLOSABLE, ids=by_name)
def test_each_closable_scenario_has_near_misses(scenario: Scenario) -> None:
    """A condition that no near miss breaks is a condition that no test guards."""
    assert [miss for miss in NEAR_MISSES if miss.name.startswith(f"{scenario.name}_")]


@pytest.mark.parametrize("miss", NEAR_MISSES, ids=by_name)
def test_a_near_miss_differs_from_what_closes(miss: Scenario) -> None:
    """A near miss that changed nothing would prove nothing."""
    original = next(scenario for scenario in CLOSABLE if miss.name.startswith(f"{scenario.name}_"))
    renamed = replace(
        miss,
        name=original.name,
        title=original.title,
        kind=original.kind,
        expected=original.expected,
        scenarios=original.scenarios,
        reasons=original.reasons,
        sources=original.sources,
    )

    assert renamed != original


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_scenario_can_be_performed(seed: int) -> None:
    """All of them, of all playbooks, fit into five days, with no slot left in a command."""
    organisation = organise(seed)
    sequences = performed(*SCENARIOS, seed=seed, organisation=organisation)

    assert len(SCENARIOS) == len(sequences)
    for sequence in sequences:
        assert [] == [row for row in sequence.rows if slots_of(str(row["TargetProcessCommandLine"]))]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=by_name)
async def test_the_verdict_is_the_expected_one(scenario: Scenario) -> None:
    """Each scenario alone: closed only where it should be, and for the reasons that it names."""
    verdict = await judged(performed(scenario)[0])
    codes = {reason.code for reason in verdict.reasons}

    assert (scenario.expected is Expected.CLOSE) == isinstance(verdict, Close), codes
    assert set(scenario.reasons) <= codes
    if isinstance(verdict, Close):
        assert set(scenario.scenarios) == set(verdict.scenarios)


@pytest.mark.parametrize("source", Source)
@pytest.mark.parametrize("scenario", CLOSABLE, ids=by_name)
@pytest.mark.parametrize("seed", [21, 22])
async def test_honest_work_closes_whatever_records_it(scenario: Scenario, source: Source, seed: int) -> None:
    """Sysmon without SIDs, Security 4688 with the computer account, Defender with both: all prove enough."""
    organisation = organise(seed)
    told = replace(scenario, sources=(source,))
    sequence = performed(told, seed=seed, organisation=organisation)[0]
    sequence_source = {str(row["EventProduct"]) for row in sequence.rows}

    verdict = await judged(sequence, tenant=organisation.tenant())

    assert {source.value} == sequence_source
    assert isinstance(verdict, Close), [reason.text for reason in verdict.reasons]


@pytest.mark.parametrize("source", Source)
@pytest.mark.parametrize("attack", ATTACKS, ids=by_name)
async def test_no_attack_closes_whatever_records_it(attack: Scenario, source: Source) -> None:
    """A source that says less about accounts and parents never turns an attack into honest work."""
    verdict = await judged(performed(replace(attack, sources=(source,)))[0])

    assert not isinstance(verdict, Close)


# --- the guide ---------------------------------------------------------------------------------------

# Written by the chain, for every playbook; a guide may explain them.
BY_CHAIN = {"reopened", "escalated_before", "closed_unread", "overtaken", "close_refused", "triage_failed"}


@pytest.mark.parametrize("name", PLAYBOOKS)
def test_every_reason_code_is_in_the_triage_guide_and_every_code_there_exists(name: str) -> None:
    """The guide's two tables: scenarios, and reasons with their kind."""
    codes = codes_of(name)
    guide = (discover()[name] / "README.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^\| `(\w+)` \| (red flag|against|not checked) \|", guide, re.MULTILINE))
    scenarios = re.findall(
        r"^\| `(\w+)` \| [^|]+ \| [^|]+ \|$", guide.split("## Investigate")[0], re.MULTILINE
    )
    own = {*codes.RED_FLAGS, *codes.FURTHER_REASONS}

    assert set(codes.SCENARIOS) == set(scenarios)
    assert own == set(told) - (BY_CHAIN - own)
    assert set(codes.RED_FLAGS) == {code for code, kind in told.items() if kind == "red flag"}
    assert set(codes.ORDER) == {*codes.SCENARIOS, *own}


def test_the_chain_writes_the_codes_that_no_playbook_has() -> None:
    """They stand in the core, and the first guide explains each."""
    chain = "".join(path.read_text(encoding="utf-8") for path in discover()[PLAYBOOKS[0]].parent.glob("*.py"))
    guide = (discover()["mailbox_export"] / "README.md").read_text(encoding="utf-8")

    assert BY_CHAIN == {code for code in BY_CHAIN if f'"{code}"' in chain}
    assert BY_CHAIN <= set(re.findall(r"^\| `(\w+)` \|", guide, re.MULTILINE))
