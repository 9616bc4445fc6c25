"""Register rows that would have covered recurring honest work, those that save the most hours first. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from operations.backtest.values import Compared, Judged, Work

RECURRING = 2
"""A row is proposed for work that was seen at least so often."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """One row to change or to make, and the honest work behind it. Times are UTC.

    `incidents` are the numbers of those that it would have closed; where one needs several rows, `needs`
    names the others, and the hours count for each of them.
    """

    row: str
    is_new: bool
    changes: tuple[str, ...]
    incidents: tuple[int, ...]
    hours: float
    first: datetime
    last: datetime
    runners: tuple[str, ...]
    parents: tuple[str, ...]
    example: str
    needs: tuple[str, ...] = ()
    attacks: tuple[int, ...] = ()
    """Numbers of incidents of the same runners that people called a true positive."""


def propose(
    escalated: Iterable[Compared], attacks: Iterable[Compared], *, minutes_per_incident: float
) -> tuple[Proposal, ...]:
    """The rows for what people closed as honest and the triage, without a red flag, would have escalated.

    Those whose runners are also in one of the `attacks` come last, and name it.
    """
    groups: dict[tuple[str, bool], list[tuple[Compared, Judged]]] = {}
    for one in escalated:
        if isinstance(one.judged, Judged):
            for row in one.judged.rows:
                groups.setdefault((row.row, row.is_new), []).append((one, one.judged))
    known = [(one.outcome.number, _runners(one)) for one in attacks]
    made = [
        _proposal(row, is_new=is_new, members=members, minutes=minutes_per_incident)
        for (row, is_new), members in groups.items()
        if len(members) >= RECURRING
    ]
    told = [
        replace(one, attacks=tuple(number for number, runners in known if runners & set(one.runners)))
        for one in made
    ]
    return tuple(sorted(told, key=lambda one: (bool(one.attacks), -one.hours, one.row)))


def _runners(one: Compared) -> set[str]:
    return {done.runner for done in one.judged.work} if isinstance(one.judged, Judged) else set()


def _proposal(row: str, *, is_new: bool, members: list[tuple[Compared, Judged]], minutes: float) -> Proposal:
    rows = [other for _, judged in members for other in judged.rows]
    work = [done for _, judged in members for done in judged.work if not done.covered]
    created = [one.outcome.created for one, _ in members]
    return Proposal(
        row=row,
        is_new=is_new,
        changes=tuple(dict.fromkeys(change for one in rows if one.row == row for change in one.changes)),
        incidents=tuple(one.outcome.number for one, _ in members),
        hours=len(members) * minutes / 60,
        first=min(created),
        last=max(created),
        runners=_each(done.runner for done in work),
        parents=_each(done.parent for done in work),
        example=_example(work),
        needs=tuple(sorted({other.row for other in rows} - {row})),
    )


def _each(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({name for name in names if name}))


def _example(work: list[Work]) -> str:
    """The newest command of the kind that comes first, which is what the rest follows from."""
    kind = min(work, key=lambda done: done.time).what if work else ""
    return (
        max((done for done in work if done.what == kind), key=lambda done: done.time).command if work else ""
    )
