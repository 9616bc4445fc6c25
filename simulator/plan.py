"""The plan of a generated folder: sizes, days, and which scenarios are performed."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import cycle, islice
from typing import Literal, TypedDict
from zoneinfo import ZoneInfo

from playbooks.mailbox_export.scenarios import (
    ATTACKS,
    CLOSABLE,
    NEAR_MISSES,
    OPEN_WORK,
    SCENARIOS,
    Expected,
    Kind,
    Scenario,
)
from simulator.company.registers import TIME_ZONE
from simulator.errors import PlanError
from simulator.organisation import FIRST_DAY

type Format = Literal["jsonl", "csv", "parquet"]
FORMATS: tuple[Format, ...] = ("jsonl", "csv", "parquet")

_BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}
_FIRST_ATTACKS = (
    "dark_halo",
    "proxyshell",
    "planted_system_task",
    "unregistered_service_script",
    "insider_night_export",
    "hijacked_job_name",
    "encoded_export",
    "stolen_ediscovery_closed_case",
)
_ATTACK_ORDER = (
    *(_BY_NAME[name] for name in _FIRST_ATTACKS),
    *(scenario for scenario in ATTACKS if scenario.name not in _FIRST_ATTACKS),
)
_BENIGN_ORDER = (*CLOSABLE, *OPEN_WORK[:3])
_FAMILIES = {
    "closable": CLOSABLE,
    "open_work": OPEN_WORK,
    "near_misses": NEAR_MISSES,
    "attacks": ATTACKS,
}
_MOST = 10_000
_MOST_SHARDS = 999
_MOST_THREADS = 64
_SHARD = re.compile(r"([0-9]{1,3})/([0-9]{1,3})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """The part `number` (from 1) of a run that is cut into `of` parts, each made by itself."""

    number: int
    of: int

    def share(self, batches: int) -> range:
        """Which of the batches are this shard's; all shards together have each once, in order."""
        return range(batches * (self.number - 1) // self.of, batches * self.number // self.of)


WHOLE = Shard(number=1, of=1)


class Choices(TypedDict, total=False):
    """What a caller may choose; the meaning and default of each stands in `Plan`."""

    start: date | None
    days: int
    users: int
    hosts: int
    events: int
    attacks: int | str
    benign: int | str
    format: Format
    end: datetime | None
    shard: str | None
    partition: bool
    threads: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to generate.

    `start` is the first local day (a fixed Monday by default, so that the same arguments give the same
    bytes on any day). `events` is the number of rows wanted, those of the sequences included. `attacks`
    and `benign` are each a count, or names of scenarios separated by commas; `near_misses`, `closable`,
    `open_work` and `attacks` name whole families.

    `end` (with its zone) takes the place of `start`: the last day is the last one that is over by then.
    `shard` such as `3/16` makes that part of the events alone. `partition` writes Parquet into one folder
    a day. `threads` changes how long it takes, never the bytes.
    """

    seed: int
    start: date | None = None
    days: int = 1
    users: int = 200
    hosts: int = 80
    events: int = 20_000
    attacks: int | str = 8
    benign: int | str = 13
    format: Format = "jsonl"
    end: datetime | None = None
    shard: str | None = None
    partition: bool = False
    threads: int = 1

    def __post_init__(self) -> None:
        """Raises PlanError for sizes and formats that make no sense."""
        if not 1 <= self.days <= 366:
            raise PlanError(f"{self.days} days: ask for 1 to 366")
        if self.events < 0:
            raise PlanError(f"{self.events} events: ask for none or more")
        if self.format not in FORMATS:
            raise PlanError(f"{self.format!r} is no format: choose one of {', '.join(FORMATS)}")
        if self.partition and self.format != "parquet":
            raise PlanError(f"partition: only parquet is partitioned by day, and the format is {self.format}")
        if not 1 <= self.threads <= _MOST_THREADS:
            raise PlanError(f"{self.threads} threads: ask for 1 to {_MOST_THREADS}")
        if self.start and self.end:
            raise PlanError("start and end: choose one of them, the other follows from the number of days")
        if self.end and self.end.tzinfo is None:
            raise PlanError(f"end: {self.end.isoformat()} names no time zone; add Z or an offset")
        _read_shard(self.shard)

    @property
    def piece(self) -> Shard:
        """The shard to make; the whole where none is named."""
        return _read_shard(self.shard)

    @property
    def dates(self) -> tuple[date, ...]:
        """The local days."""
        first = self.start or FIRST_DAY
        if self.end:
            first = _last_day_over(self.end) - timedelta(days=self.days - 1)
        return tuple(first + timedelta(days=day) for day in range(self.days))

    @property
    def scenarios(self) -> tuple[Scenario, ...]:
        """The scenarios to perform, honest ones first. Raises PlanError for names that are not there."""
        honest = _chosen(self.benign, order=_BENIGN_ORDER, option="benign")
        hostile = _chosen(self.attacks, order=_ATTACK_ORDER, option="attacks")
        _check_kinds(honest, hostile)
        return (*honest, *hostile)

    @property
    def closable(self) -> int:
        """How many of the sequences should be closed."""
        return sum(1 for scenario in self.scenarios if scenario.expected is Expected.CLOSE)


def _read_shard(text: str | None) -> Shard:
    """Reads `3/16`. Raises PlanError for anything that is no such part."""
    if text is None:
        return WHOLE
    found = _SHARD.fullmatch(text)
    number, of = (int(part) for part in found.groups()) if found else (0, 0)
    if not 1 <= number <= of <= _MOST_SHARDS:
        raise PlanError(
            f"shard {text!r}: write it as 3/16, the third of sixteen parts (at most {_MOST_SHARDS})"
        )
    return Shard(number=number, of=of)


def _last_day_over(end: datetime) -> date:
    """The last local day that is over at a moment: registers speak of local hours, so only days move."""
    local = end.astimezone(ZoneInfo(TIME_ZONE))
    return local.date() - timedelta(days=1)


def _chosen(wanted: int | str, *, order: tuple[Scenario, ...], option: str) -> tuple[Scenario, ...]:
    """The scenarios that a count or a list of names asks for."""
    if isinstance(wanted, str) and not wanted.strip().isdigit():
        return tuple(_named(wanted, option))
    count = int(wanted)
    if not 0 <= count <= _MOST:
        raise PlanError(f"{option}: {count} sequences; ask for 0 to {_MOST}")
    return tuple(islice(cycle(order), count))


def _named(wanted: str, option: str) -> Iterator[Scenario]:
    """The scenarios of a comma-separated list, families unfolded."""
    for name in (part.strip() for part in wanted.split(",")):
        if name in _FAMILIES:
            yield from _FAMILIES[name]
        elif name in _BY_NAME:
            yield _BY_NAME[name]
        elif name:
            raise PlanError(f"{option}: there is no scenario {name!r}; `list` names them all")


def _check_kinds(honest: tuple[Scenario, ...], hostile: tuple[Scenario, ...]) -> None:
    """An attack asked for as benign, or the reverse, is a mistake of the caller."""
    for scenario in honest:
        if scenario.kind is Kind.ATTACK:
            raise PlanError(f"{scenario.name} is an attack: ask for it under attacks")
    for scenario in hostile:
        if scenario.kind is not Kind.ATTACK:
            raise PlanError(f"{scenario.name} is no attack: ask for it under benign")
