"""One incident judged as it would have been then: the playbook's own gather and decide, nothing else."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from operations.backtest.then import IN_FORCE, SourcesThen, as_created
from operations.backtest.values import Judged, Told, Work, Would
from playbooks.errors import SourceUnavailable
from playbooks.model import (
    Close,
    Escalate,
    Incident,
    Judgement,
    Policy,
    Stance,
)
from playbooks.plan import is_sampled
from playbooks.ports import Playbook
from playbooks.service import machine_clock

GATHERING_SECONDS = 150.0
MOST_DECISIONS = 4


class TooYoung(SourceUnavailable):
    """The function would not have decided yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """By which playbook and settings to judge. `now` (UTC): nothing can be asked beyond it."""

    playbook: Playbook[object]
    policy: Policy
    sample_share: float
    now: Callable[[], datetime] = machine_clock


async def judge_then(bench: Bench, incident: Incident, sources: SourcesThen) -> Judged:
    """What the function would have decided in the end, and when.

    A verdict that only a register row entered too late stands against is judged again with the row in force.
    Raises SourceUnavailable where a look-up failed that may work later, TooYoung, TimeoutError.
    """
    made = as_created(incident)
    judgement, decided = await _decide(bench, made, sources, in_force_at=None)
    would = Would.CLOSE if isinstance(judgement.verdict, Close) else Would.ESCALATE
    moment = incident.created - IN_FORCE
    if would is Would.ESCALATE and sources.has_rows_after(moment):
        today, then = await _decide(bench, made, sources, in_force_at=moment)
        if isinstance(today.verdict, Close):
            judgement, decided, would = today, then, Would.CLOSE_TODAY
    return _judged(judgement, would, decided=decided, incident=incident, bench=bench)


async def _decide(
    bench: Bench, incident: Incident, sources: SourcesThen, *, in_force_at: datetime | None
) -> tuple[Judgement, datetime]:
    """The final judgement, asked for again as often as the function would have come back."""
    asked_at = incident.created + bench.policy.hold
    judgement, reached = await _ask(bench, incident, sources, asked_at=asked_at, in_force_at=in_force_at)
    for _ in range(MOST_DECISIONS):
        final = judgement.final_from
        if final is None or final <= asked_at:
            break
        asked_at = _next(final, reached, asked_at=asked_at, hold=bench.policy.hold)
        judgement, reached = await _ask(bench, incident, sources, asked_at=asked_at, in_force_at=in_force_at)
    if isinstance(judgement.verdict, Escalate) and judgement.verdict.retry_may_help:
        causes = "; ".join(reason.text for reason in judgement.verdict.reasons)
        raise SourceUnavailable("evidence", causes)
    if reached is None or reached < asked_at:
        return judgement, asked_at
    # It was escalated before its logs were complete. That stands; the whole story is told all the same.
    later = min(reached + bench.policy.hold, bench.now())
    whole, _ = await _ask(bench, incident, sources, asked_at=later, in_force_at=in_force_at)
    return (whole if isinstance(whole.verdict, Escalate) else judgement), asked_at


def _next(final: datetime, reached: datetime | None, *, asked_at: datetime, hold: timedelta) -> datetime:
    """When it decides next: it comes back every few minutes, so soon after the logs reach far enough."""
    return min(final, reached + hold) if reached is not None and reached >= asked_at else final


async def _ask(
    bench: Bench,
    incident: Incident,
    sources: SourcesThen,
    *,
    asked_at: datetime,
    in_force_at: datetime | None,
) -> tuple[Judgement, datetime | None]:
    if asked_at > bench.now():
        raise TooYoung("incident", f"triage would not decide before {asked_at:%Y-%m-%d %H:%M} UTC")
    made, events = sources.at(asked_at, in_force_at=in_force_at)
    async with asyncio.timeout(GATHERING_SECONDS):
        evidence = await bench.playbook.gather(incident, made, bench.policy)
    return bench.playbook.decide(evidence), events.reached


def _judged(
    judgement: Judgement, would: Would, *, decided: datetime, incident: Incident, bench: Bench
) -> Judged:
    verdict, briefing = judgement.verdict, judgement.briefing
    return Judged(
        would=would,
        decided=decided,
        headline=briefing.headline,
        reasons=tuple(_told(judgement)),
        scenarios=verdict.scenarios,
        severity=verdict.severity.value if isinstance(verdict, Escalate) else "",
        sampled=would.closes and is_sampled(incident, bench.sample_share),
        work=tuple(
            Work(
                what=finding.what,
                time=finding.time,
                host=finding.host,
                runner=finding.runner,
                parent=finding.parent,
                command=finding.command,
                covered=bool(finding.covered_by),
            )
            for finding in briefing.findings
        ),
        rows=briefing.rows,
    )


def _told(judgement: Judgement) -> Iterator[Told]:
    for reason in judgement.verdict.reasons:
        yield Told(reason.code, reason.text, reason.stance is not Stance.FOR)
