"""Labelled cases through the chain, each in isolation."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from typing import Any

from simulator.catalogues import main_rule_of, playbook_naming
from simulator.chain.alerts import account_named
from simulator.chain.cases import Case, playbook_of_case
from simulator.chain.chain import Chain, ChainFailed
from simulator.chain.foreseen import Foreseen, Log
from simulator.chain.grouping import Gathering, Sighting, full_host_name
from simulator.chain.results import CaseOutcome, Left, Outcome, combined
from simulator.chain.together import running_together
from simulator.host import HostError
from simulator.rules import HitAccount

AFTER_WINDOW = timedelta(minutes=61)
"""The playbook reads 60 minutes beyond the last event; one event later than that proves the logs complete."""
SECONDS_A_CASE = 90.0
LANES = 2
"""Chains side by side: while one waits for its function, the other runs its rules."""

type Scored = tuple[Case, CaseOutcome, Sequence[Gathering], Sequence[Left]]
"""A case, its outcome, the incidents it made and what is left of each."""


def _forget(_: Scored) -> None:
    """Nobody asked for what is left."""


async def score_cases(
    cases: Sequence[Case],
    *,
    told: Callable[[CaseOutcome], None],
    lanes: int = LANES,
    kept: Callable[[Scored], None] = _forget,
) -> list[CaseOutcome]:
    """One outcome a case, in order; `told` hears each in order, as soon as it is known.

    `kept` is given each case with its incidents and what is left of them, in the order of finishing.

    Workspace, logs and incidents are new for each case. `lanes` chains, each with a workspace and a host of
    its own, share the cases. Raises InputRefused, HostError or OSError where a chain cannot be started.
    """
    outcomes: dict[int, CaseOutcome] = {}
    waiting = iter(enumerate(cases))
    heard = 0

    async def lane(chain: Chain) -> None:
        nonlocal heard
        for number, case in waiting:
            seen = await foreseen.of(number)
            outcomes[number] = await score_case(chain, case, seen=seen, whole=number % 2 == 0, kept=kept)
            while heard in outcomes:
                told(outcomes[heard])
                heard += 1

    async with AsyncExitStack() as stack:
        foreseen = stack.enter_context(Foreseen(cases, _log_of))
        chains = [await stack.enter_async_context(Chain(case.tenant)) for case in cases[:lanes]]
        async with running_together() as group:
            for chain in chains:
                group.create_task(lane(chain))
    return [outcomes[number] for number in range(len(cases))]


async def score_case(
    chain: Chain,
    case: Case,
    *,
    seen: Sequence[Gathering],
    whole: bool = True,
    kept: Callable[[Scored], None] = _forget,
) -> CaseOutcome:
    """One case, of which the rules saw `seen`. `whole` posts the whole trigger body, otherwise the id alone.

    A case that leads to no verdict is an outcome `error` with its problem, and the host starts anew.
    """
    events, alerts = _log_of(case)
    await chain.begin(case.tenant, events=events, alerts=alerts)
    rules = tuple(sorted({rule for one in seen for rule in one.rules}, reverse=True))
    gatherings = seen or [made_up_gathering(case)]
    names = [chain.make_incident(one, salt=case.id) for one in gatherings]
    started = time.perf_counter()
    problem = await _run(chain, names, whole=whole)
    left = [chain.left(name) for name in names]
    blank = CaseOutcome(
        id=case.id,
        label=case.label,
        expected=case.expected,
        scenario=case.scenario,
        outcome=Outcome.ERROR,
        rules=rules,
        milliseconds=round((time.perf_counter() - started) * 1000),
    )
    outcome = combined(blank, left, problem=problem)
    kept((case, outcome, gatherings, left))
    return outcome


async def _run(chain: Chain, names: Sequence[str], *, whole: bool) -> str:
    """Triggers and waits; what went wrong, or nothing."""
    try:
        for name in names:
            await chain.trigger(name, whole=whole)
        await chain.drained(seconds=SECONDS_A_CASE)
    except (TimeoutError, ChainFailed, HostError) as failed:
        log = chain.host.log_file
        await chain.restart(keep_log=True)
        return f"{failed} (log of the host: {log})"
    return ""


def _log_of(case: Case) -> Log:
    return events_of(case), alerts_of_others(case)


def events_of(case: Case) -> list[Mapping[str, Any]]:
    """The case's events and, unless it says `complete: false`, one unrelated event of another host later."""
    events = list(case.events)
    if case.complete:
        events.append(_unrelated_event(case))
    return events


def alerts_of_others(case: Case) -> list[Mapping[str, Any]]:
    """The case's alerts as rows of SecurityAlert; each needs an id of its own to count once."""
    return [
        {"SystemAlertId": f"{case.id}-alert-{number}", "DisplayName": alert["AlertName"], **alert}
        for number, alert in enumerate(case.alerts)
    ]


def made_up_gathering(case: Case) -> Gathering:
    """The incident for a case on which no rule fires: its first host, all its time.

    The first event that names what a playbook is about decides on host and account, else the first of all.
    """
    rows = sorted(case.events, key=_time)
    named = [row for row in rows if playbook_naming(str(row.get("TargetProcessCommandLine")))]
    first = next((row for row in (*named, *rows) if _host(row)), rows[0])
    dns = case.tenant["organisation"]["dns"]
    host = full_host_name(_host(first), dns=dns)
    times = [_time(row) for row in rows if full_host_name(_host(row), dns=dns) == host]
    sighting = Sighting(
        rule=main_rule_of(playbook_of_case(case)),
        host=_host(first),
        start=min(times),
        end=max(times),
        accounts=_accounts(first),
    )
    return Gathering(host=host, sightings=(sighting,))


def _accounts(row: Mapping[str, Any]) -> tuple[HitAccount, ...]:
    """Who ran it, where the row names anybody whom Sentinel would make an entity of."""
    name, sid = (
        str(row.get(f"Target{column}") or row.get(f"Actor{column}") or "")
        for column in ("Username", "UserId")
    )
    account = account_named(name, sid)
    return () if account.is_dropped else (account,)


def _unrelated_event(case: Case) -> dict[str, Any]:
    """A service start on another host, after everything the playbook reads for this case."""
    dns = case.tenant["organisation"]["dns"]
    name = f"ws-unrelated.{dns}"
    later = max(_time(row) for row in case.events) + AFTER_WINDOW
    return {
        "TimeGenerated": later.isoformat(),
        "DvcHostname": name,
        "DvcFQDN": name,
        "EventVendor": "Microsoft",
        "EventProduct": "Sysmon",
        "EventType": "ProcessCreated",
        "ActorUsername": "NT AUTHORITY\\SYSTEM",
        "TargetUsername": "NT AUTHORITY\\SYSTEM",
        "ActingProcessName": "C:\\Windows\\System32\\services.exe",
        "ActingProcessCommandLine": "C:\\Windows\\system32\\services.exe",
        "TargetProcessName": "C:\\Windows\\System32\\svchost.exe",
        "TargetProcessCommandLine": "C:\\Windows\\System32\\svchost.exe -k netsvcs -p",
    }


def _time(row: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(str(row["TimeGenerated"]))


def _host(row: Mapping[str, Any]) -> str:
    return str(row.get("DvcFQDN") or row.get("DvcHostname") or "")
