"""The worked examples: their vocabulary, and that each one gets the verdict that it says is right."""

import re
from collections import Counter
from copy import deepcopy
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fakes import fake_event, fake_incident, fake_policy, fake_sources, later_event

from playbooks.mailbox_export import PLAYBOOK, reason_codes
from playbooks.mailbox_export.scenarios import (
    ATTACKS,
    CIRCUMSTANTIAL_MISSES,
    CLOSABLE,
    NEAR_MISSES,
    OPEN_WORK,
    SCENARIOS,
    Circumstance,
    Expected,
    Kind,
    Scenario,
    Source,
    fill,
    slots_of,
)
from playbooks.mailbox_export.scenarios.benign import COMPLIANCE_JOB
from playbooks.mailbox_export.scenarios.circumstances import CircumstantialMiss
from playbooks.mailbox_export.scenarios.flaws import reworded
from playbooks.mailbox_export.who.accounts import runner_of
from playbooks.model import Close, LoggedAlert, Verdict
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


async def judged(
    sequence: Sequence,
    organisation: Organisation = ORGANISATION,
    *,
    circumstance: Circumstance | None = None,
) -> Verdict:
    """The verdict on one sequence alone, from evidence gathered out of its rows."""
    tenant = around(circumstance, sequence) if circumstance else organisation.tenant()
    events = [fake_event(row) for row in sequence.rows]
    halves = [
        event for event in events if re.search(r"ExportRequest|-enc ", event.target_process_command_line)
    ]
    start, end = halves[0].time, halves[-1].time
    later = [] if circumstance is Circumstance.LOGS_BEHIND else [later_event(end + timedelta(minutes=61))]
    evidence = await PLAYBOOK.gather(
        fake_incident(hosts=[sequence.placement.machine.fqdn], start=start, end=end),
        fake_sources(
            tenant,
            [*events, *later],
            asked_at=end + timedelta(hours=6),
            alerts=[alert_before(sequence)] if circumstance is Circumstance.OTHER_ALERT else (),
            closes=99 if circumstance is Circumstance.MANY_CLOSES else 0,
        ),
        fake_policy(tenant),
    )
    return PLAYBOOK.decide(evidence).verdict


def around(circumstance: Circumstance, sequence: Sequence) -> dict[str, Any]:
    """The organisation as the circumstance has it."""
    tenant: dict[str, Any] = deepcopy(ORGANISATION.tenant())
    lists, first = tenant["watchlists"], fake_event(sequence.rows[0])
    runner = runner_of(first, fake_policy(tenant)).name
    match circumstance:
        case Circumstance.ROW_CHANGED:
            moment = f"{first.time - timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
            lists["MailboxExportJobs"] = [row | {"_updated": moment} for row in lists["MailboxExportJobs"]]
        case Circumstance.ROW_UNREADABLE:
            lists["MailboxExportJobs"] = [row | {"ValidUntil": "?"} for row in lists["MailboxExportJobs"]]
        case Circumstance.REGISTER_MISSING:
            del lists["EDiscoveryCases"]
        case Circumstance.LEAVER_LISTED:
            lists["TerminatedEmployees"] = [{"User Identifier": runner}]
        case Circumstance.NOT_SYNCHRONISED:
            tenant["users"] = [
                user
                for user in tenant["users"]
                if (user.get("onPremisesSamAccountName") or "").lower() != runner
            ]
        case _:
            pass
    return tenant


def alert_before(sequence: Sequence) -> LoggedAlert:
    """Another product's alert on the scenario's host, two hours before it starts."""
    machine = sequence.placement.machine.fqdn.lower()
    return LoggedAlert(
        time=fake_event(sequence.rows[0]).time - timedelta(hours=2),
        system_alert_id="another",
        name="Web shell",
        product="Another product",
        rule_ids=frozenset(),
        host_names=frozenset({machine}),
        account_names=frozenset(),
    )


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


@pytest.mark.parametrize("miss", CIRCUMSTANTIAL_MISSES, ids=lambda miss: miss.scenario.name)
async def test_honest_commands_stay_open_for_what_lies_around_them(miss: CircumstantialMiss) -> None:
    """The same commands close without the circumstance, and name its reason with it."""
    sequence = performed(miss.scenario)[0]

    assert isinstance(await judged(sequence), Close)
    verdict = await judged(sequence, circumstance=miss.circumstance)
    assert not isinstance(verdict, Close)
    assert set(miss.scenario.reasons) <= {reason.code for reason in verdict.reasons}


def test_every_reason_code_is_shown_by_a_scenario() -> None:
    """A code that no worked example names is a code that nobody can look up in one."""
    examples = (*SCENARIOS, *(miss.scenario for miss in CIRCUMSTANTIAL_MISSES))
    shown = {code for scenario in examples for code in (*scenario.scenarios, *scenario.reasons)}

    assert set(reason_codes.ORDER) == shown


def test_every_reason_code_is_in_the_triage_guide_and_every_code_there_exists() -> None:
    """The guide's two tables: scenarios, and reasons with their kind. Three are written by the chain."""
    folder = Path(reason_codes.__file__).parent
    guide = (folder / "README.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^\| `(\w+)` \| (red flag|against|not checked) \|", guide, re.MULTILINE))
    scenarios = re.findall(
        r"^\| `(\w+)` \| [^|]+ \| [^|]+ \|$", guide.split("## Investigate")[0], re.MULTILINE
    )
    by_chain = {"reopened", "close_refused", "triage_failed"}
    chain = "".join(path.read_text(encoding="utf-8") for path in folder.parent.glob("*.py"))

    assert set(reason_codes.SCENARIOS) == set(scenarios)
    assert {*reason_codes.RED_FLAGS, *reason_codes.FURTHER_REASONS} | by_chain == set(told)
    assert set(reason_codes.RED_FLAGS) == {code for code, kind in told.items() if kind == "red flag"}
    assert by_chain == {code for code in by_chain if f'"{code}"' in chain}
