"""A generated folder through the whole chain, and each incident beside the truth."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from simulator.catalogues import main_rule_of
from simulator.chain.alerts import account_named
from simulator.chain.chain import Chain
from simulator.chain.folder import Folder, Truth
from simulator.chain.grouping import Gathering, Sighting, full_host_name
from simulator.chain.problems import InputRefused, Problem
from simulator.chain.results import CaseOutcome, Left, Outcome, combined
from simulator.chain.together import running_together

AT_ONCE = 8
"""Requests under way at the same time; the function takes as many messages at once."""
SETTLED = timedelta(minutes=80)
"""The playbook decides an hour and its hold time (15 minutes) after the last event."""
_LOOK_SECONDS = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """One incident: what was seen, what it really is (nothing where no truth is near), and what is left.

    `made_up` marks an incident that no rule raised, made all the same so that the verdict is tested.
    """

    gathering: Gathering
    truths: tuple[Truth, ...]
    left: Left
    milliseconds: int
    made_up: bool = False

    @property
    def expected(self) -> str:
        """`close` where everything in it may close, else `escalate`; so too where nothing is known."""
        return "close" if self.truths and all(t.expected == "close" for t in self.truths) else "escalate"

    @property
    def as_expected(self) -> bool:
        """The verdict is the right one."""
        return self.left.outcome is (Outcome.CLOSED if self.expected == "close" else Outcome.ESCALATED)


async def replay_folder(chain: Chain, folder: Folder, *, decided: Callable[[int], None]) -> list[Replayed]:
    """Runs the rules over the folder's events, triages every incident, and compares, in order of time.

    An incident is decided before those are made that start after its own decision would have been, since an
    alert on the same host or account counts until the decision.

    `decided` is told now and then how many incidents have a verdict. Raises InputRefused where the
    events are too young to be decided, TimeoutError where the queue does not empty.
    """
    refuse_young(folder)
    await asyncio.to_thread(chain.load, folder)
    seen = await asyncio.to_thread(chain.watch)
    unseen = [made_up_of(truth) for truth in folder.truths if not any(fits(truth, one) for one in seen)]
    gatherings = sorted((*seen, *unseen), key=lambda one: (one.start, one.host))
    posted: dict[str, datetime] = {}
    async with running_together() as group:
        counting = group.create_task(_count(chain, posted, decided))
        for wave in waves_of(gatherings):
            names = [chain.make_incident(one) for one in wave]
            posted |= dict.fromkeys(names, datetime.now(UTC))
            await _trigger_all(chain, names)
            await chain.drained(seconds=60 + 2 * len(names))
        counting.cancel()
    decided(len(posted))
    return [
        judged(chain, one, name=name, folder=folder, posted=posted[name], made_up=one in unseen)
        for one, name in zip(gatherings, posted, strict=True)
    ]


def waves_of(gatherings: Sequence[Gathering]) -> list[list[Gathering]]:
    """The incidents, sorted by start, in groups: each begins after every one before it would be decided."""
    waves: list[list[Gathering]] = []
    until = datetime.min.replace(tzinfo=UTC)
    for one in gatherings:
        if one.start > until:
            waves.append([])
        waves[-1].append(one)
        until = max(until, one.end + SETTLED)
    return waves


def outcomes_of(folder: Folder, replayed: Sequence[Replayed]) -> list[CaseOutcome]:
    """One outcome for each line of the truth, then one for each incident that no truth explains."""
    known = [_outcome(truth, [one for one in replayed if truth in one.truths]) for truth in folder.truths]
    return known + [_unexplained(one) for one in replayed if not one.truths]


async def _trigger_all(chain: Chain, names: Sequence[str]) -> None:
    """Posts every incident; every other one as the id alone."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def post(number: int, name: str) -> None:
        async with slots:
            await chain.trigger(name, whole=number % 2 == 0)

    async with running_together() as group:
        for number, name in enumerate(names):
            group.create_task(post(number, name))


async def _count(chain: Chain, names: Collection[str], decided: Callable[[int], None]) -> None:
    """Tells how many incidents have a verdict until it is cancelled; `names` may grow meanwhile."""
    done: set[str] = set()
    while True:
        waiting = [name for name in names if name not in done]
        done |= {name for name in waiting if chain.left(name).outcome is not Outcome.ERROR}
        decided(len(done))
        await asyncio.sleep(max(_LOOK_SECONDS, len(waiting) / 1000))


def judged(
    chain: Chain, gathering: Gathering, *, name: str, folder: Folder, posted: datetime, made_up: bool
) -> Replayed:
    """An incident that was posted, as it is now, beside the truth."""
    left = chain.left(name)
    return Replayed(
        gathering=gathering,
        truths=tuple(truth for truth in folder.truths if fits(truth, gathering)),
        left=left,
        milliseconds=max(0, round((left.modified - posted).total_seconds() * 1000)),
        made_up=made_up,
    )


def fits(truth: Truth, gathering: Gathering) -> bool:
    """True where the incident may be about that truth: the same host at the same time."""
    dns = gathering.host.partition(".")[2]
    hosts = {full_host_name(host, dns=dns) for host in truth.hosts}
    return gathering.host in hosts and gathering.start <= truth.last and gathering.end >= truth.first


def made_up_of(truth: Truth) -> Gathering:
    """The incident of a sequence that no rule saw."""
    accounts = tuple(account_named(account) for account in truth.accounts[:1])
    sighting = Sighting(
        rule=main_rule_of(truth.playbook),
        host=truth.hosts[0],
        start=truth.first,
        end=truth.last,
        accounts=tuple(account for account in accounts if not account.is_dropped),
    )
    return Gathering(host=truth.hosts[0].lower(), sightings=(sighting,))


def _outcome(truth: Truth, incidents: Sequence[Replayed]) -> CaseOutcome:
    rules = {rule for one in incidents if not one.made_up for rule in one.gathering.rules}
    blank = CaseOutcome(
        id=truth.id,
        label=truth.label,
        expected=truth.expected,
        scenario=truth.scenario,
        outcome=Outcome.ERROR,
        rules=tuple(sorted(rules, reverse=True)),
        milliseconds=max(one.milliseconds for one in incidents),
    )
    return combined(blank, [one.left for one in incidents])


def _unexplained(one: Replayed) -> CaseOutcome:
    """What nobody has vouched for has to stay open."""
    blank = CaseOutcome(
        id=f"{one.gathering.host} {one.gathering.start.isoformat()}",
        label="ambiguous",
        expected="escalate",
        outcome=Outcome.ERROR,
        rules=one.gathering.rules,
        milliseconds=one.milliseconds,
    )
    return combined(blank, [one.left])


def refuse_young(folder: Folder) -> None:
    """Raises InputRefused where the playbook would not decide yet."""
    last = max((truth.last for truth in folder.truths), default=None)
    if last is not None and last + SETTLED > datetime.now(UTC):
        message = (
            f"the last activity is of {last.isoformat()}; the playbook decides 75 minutes after it at the"
            " earliest. Generate with an earlier --start"
        )
        raise InputRefused([Problem(file=str(folder.path), message=message)])
