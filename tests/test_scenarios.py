"""The worked examples of mailbox exports, beyond what `test_playbooks` asks of every playbook's."""

from copy import deepcopy
from datetime import timedelta
from typing import Any

import pytest
from fakes import fake_event, fake_policy
from performing import ORGANISATION, judged, performed

from playbooks.mailbox_export import reason_codes
from playbooks.mailbox_export.scenarios import (
    ATTACKS,
    CIRCUMSTANTIAL_MISSES,
    CLOSABLE,
    NEAR_MISSES,
    OPEN_WORK,
    SCENARIOS,
    Circumstance,
)
from playbooks.mailbox_export.scenarios.benign import COMPLIANCE_JOB
from playbooks.mailbox_export.scenarios.circumstances import CircumstantialMiss
from playbooks.model import Close, LoggedAlert
from playbooks.scenarios import fill, slots_of
from playbooks.scenarios.flaws import reworded
from playbooks.who.accounts import runner_of
from simulator.activity.sequences import Sequence


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


def test_every_scenario_belongs_to_a_family() -> None:
    """Nothing is left out of what `list` shows."""
    assert (*CLOSABLE, *OPEN_WORK, *ATTACKS, *NEAR_MISSES) == SCENARIOS


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


@pytest.mark.parametrize("miss", CIRCUMSTANTIAL_MISSES, ids=lambda miss: miss.scenario.name)
async def test_honest_commands_stay_open_for_what_lies_around_them(miss: CircumstantialMiss) -> None:
    """The same commands close without the circumstance, and name its reason with it."""
    sequence = performed(miss.scenario)[0]

    assert isinstance(await judged(sequence), Close)
    verdict = await judged(
        sequence,
        tenant=around(miss.circumstance, sequence),
        logs_complete=miss.circumstance is not Circumstance.LOGS_BEHIND,
        alerts=[alert_before(sequence)] if miss.circumstance is Circumstance.OTHER_ALERT else (),
        closes=99 if miss.circumstance is Circumstance.MANY_CLOSES else 0,
    )
    assert not isinstance(verdict, Close)
    assert set(miss.scenario.reasons) <= {reason.code for reason in verdict.reasons}


def test_every_reason_code_is_shown_by_a_scenario() -> None:
    """A code that no worked example names is a code that nobody can look up in one."""
    examples = (*SCENARIOS, *(miss.scenario for miss in CIRCUMSTANTIAL_MISSES))
    shown = {code for scenario in examples for code in (*scenario.scenarios, *scenario.reasons)}

    assert set(reason_codes.ORDER) == shown
