"""A scenario of any playbook performed, and judged alone from evidence gathered out of its rows."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from fakes import fake_event, fake_incident, fake_policy, fake_sources, later_event

from playbooks import load
from playbooks.model import LoggedAlert, Verdict
from playbooks.scenarios import Scenario
from simulator.activity.placing import place
from simulator.activity.sequences import Sequence, perform
from simulator.catalogues import CATALOGUES
from simulator.organisation import FIRST_DAY, Organisation, organise

DAYS = tuple(FIRST_DAY + timedelta(days=day) for day in range(5))
ORGANISATION = organise(11)


def performed(
    *scenarios: Scenario, seed: int = 11, organisation: Organisation = ORGANISATION
) -> list[Sequence]:
    """Each scenario on a host and at a time of its own."""
    return list(perform(place(scenarios, organisation, days=DAYS, seed=seed), organisation, seed=seed))


async def judged(
    sequence: Sequence,
    *,
    tenant: Mapping[str, Any] = ORGANISATION.tenant(),
    logs_complete: bool = True,
    alerts: Iterable[LoggedAlert] = (),
    closes: int = 0,
) -> Verdict:
    """The verdict of the scenario's own playbook on one sequence alone, six hours after it."""
    scenario = sequence.placement.scenario
    playbook = load(scenario.playbook)
    named = (*CATALOGUES[scenario.playbook].named, "-enc ")
    events = [fake_event(row) for row in sequence.rows]
    telling = [
        event for event in events if any(term in event.target_process_command_line.lower() for term in named)
    ]
    start, end = telling[0].time, telling[-1].time
    later = [later_event(end + timedelta(minutes=61))] if logs_complete else []
    evidence = await playbook.gather(
        fake_incident(
            hosts=[sequence.placement.machine.fqdn], start=start, end=end, rule_ids=playbook.rule_ids
        ),
        fake_sources(
            tenant,
            [*events, *later],
            asked_at=end + timedelta(hours=6),
            alerts=alerts,
            closes=closes,
        ),
        fake_policy(tenant, rule_ids=playbook.rule_ids),
    )
    return playbook.decide(evidence).verdict
