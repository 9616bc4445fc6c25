"""The worked examples: their vocabulary, and that each one gets the verdict that it says is right."""

import re
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from fakes import fake_event, fake_incident, fake_policy, fake_sources, later_event

from playbooks.mailbox_export import PLAYBOOK, reason_codes
from playbooks.mailbox_export.scenarios import (
    ATTACKS,
    CLOSABLE,
    NEAR_MISSES,
    OPEN_WORK,
    SCENARIOS,
    Expected,
    Kind,
    Scenario,
    Source,
    fill,
    slots_of,
)
from playbooks.mailbox_export.scenarios.benign import COMPLIANCE_JOB
from playbooks.mailbox_export.scenarios.flaws import reworded
from playbooks.model import Close, Verdict
from simulator.activity.placing import place
from simulator.activity.sequences import Sequence, perform
from simulator.organisation import FIRST_DAY, Organisation, organise

DAYS = tuple(FIRST_DAY + timedelta(days=day) for day in range(5))
ORGANISATION = organise(11)
# A set of names, not of codes in use, so that a new code has to be added in both places.
CODES = {*reason_codes.RED_FLAGS, *reason_codes.FURTHER_REASONS}


def by_name(scenario: Scenario) -> str:
    """The test's id."""
    return scenario.name


def performed(
    *scenarios: Scenario, seed: int = 11, organisation: Organisation = ORGANISATION
) -> list[Sequence]:
    """Each scenario on a host and at a time of its own."""
    return list(perform(place(scenarios, organisation, days=DAYS, seed=seed), organisation, seed=seed))


async def judged(sequence: Sequence, organisation: Organisation = ORGANISATION) -> Verdict:
    """The verdict on one sequence alone, from evidence gathered out of its rows."""
    tenant: dict[str, Any] = organisation.tenant()
    events = [fake_event(row) for row in sequence.rows]
    halves = [
        event for event in events if re.search(r"ExportRequest|-enc ", event.target_process_command_line)
    ]
    start, end = halves[0].time, halves[-1].time
    evidence = await PLAYBOOK.gather(
        fake_incident(hosts=[sequence.placement.machine.fqdn], start=start, end=end),
        fake_sources(
            tenant, [*events, later_event(end + timedelta(minutes=61))], asked_at=end + timedelta(hours=6)
        ),
        fake_policy(tenant),
    )
    return PLAYBOOK.decide(evidence).verdict


def test_names_are_unique_and_plain() -> None:
    """A scenario is asked for by its name."""
    counts = Counter(scenario.name for scenario in SCENARIOS)

    assert {1} == set(counts.values())
    assert all(re.fullmatch(r"[a-z]+(_[a-z0-9]+)*", name) for name in counts)


def test_every_scenario_belongs_to_a_family() -> None:
    """Nothing is left out of what `list` shows."""
    assert (*CLOSABLE, *OPEN_WORK, *ATTACKS, *NEAR_MISSES) == SCENARIOS


@pytest.mark.parametrize("scenario", SCENARIOS, ids=by_name)
def test_codes_and_techniques_are_known(scenario: Scenario) -> None:
    """Scenario and reason codes are those of the policy; techniques have ATT&CK's form."""
    assert set(scenario.scenarios) <= set(reason_codes.SCENARIOS)
    assert set(scenario.reasons) <= CODES
    assert all(re.fullmatch(r"T\d{4}(\.\d{3})?", technique) for technique in scenario.techniques)
    assert set(scenario.seen_by) <= {"seed", "correlated"}


@pytest.mark.parametrize("scenario", SCENARIOS, ids=by_name)
def test_expectations_fit_the_kind(scenario: Scenario) -> None:
    """Only honest work closes; a close names a scenario, an escalation a reason, an attack a technique."""
    closes = scenario.expected is Expected.CLOSE

    assert closes == bool(scenario.scenarios) == (not scenario.reasons)
    assert not closes or scenario.kind is Kind.BENIGN
    assert bool(scenario.techniques) == (scenario.kind is Kind.ATTACK)


def test_all_four_closing_scenarios_have_an_example() -> None:
    """Both kinds of job, a case, a self export and the clean-up."""
    assert set(reason_codes.SCENARIOS) == {code for scenario in CLOSABLE for code in scenario.scenarios}


def test_each_closable_scenario_has_near_misses() -> None:
    """A condition that no near miss breaks is a condition that no test guards."""
    for scenario in CLOSABLE:
        assert [miss for miss in NEAR_MISSES if miss.name.startswith(f"{scenario.name}_")], scenario.name


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


def test_spoiling_what_is_not_there_is_refused() -> None:
    """A flaw whose words do not occur would leave the honest command as it is."""
    with pytest.raises(ValueError, match="nothing would be spoilt"):
        reworded(COMPLIANCE_JOB, "-NoSuchParameter", "-Other")


def test_script_blocks_are_no_slots() -> None:
    """PowerShell's own braces stay as they are."""
    command = "{mailbox} | % { New-X $_.Alias } {(Received -gt '1')} {$_}"

    assert frozenset({"mailbox"}) == slots_of(command)
    assert "a.b | % { New-X $_.Alias } {(Received -gt '1')} {$_}" == fill(command, {"mailbox": "a.b"})


def test_a_slot_without_a_value_is_named() -> None:
    """A half-filled command never reaches a row."""
    with pytest.raises(KeyError, match="mailbox"):
        fill("-Mailbox {mailbox}", {})


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_scenario_can_be_performed(seed: int) -> None:
    """All of them fit into five days, with no slot left in a command."""
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

    verdict = await judged(sequence, organisation)

    assert {source.value} == sequence_source
    assert isinstance(verdict, Close), [reason.text for reason in verdict.reasons]


@pytest.mark.parametrize("source", Source)
@pytest.mark.parametrize("attack", ATTACKS, ids=by_name)
async def test_no_attack_closes_whatever_records_it(attack: Scenario, source: Source) -> None:
    """A source that says less about accounts and parents never turns an attack into honest work."""
    verdict = await judged(performed(replace(attack, sources=(source,)))[0])

    assert not isinstance(verdict, Close)
