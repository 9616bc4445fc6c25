"""The plan of a generated folder: sizes, days, and which scenarios are performed."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import cycle, islice
from typing import Literal, TypedDict
from zoneinfo import ZoneInfo

from playbooks.scenarios import Catalogue, Expected, Kind, Scenario
from simulator.catalogues import BY_NAME, CATALOGUES, FIRST_PLAYBOOK, family
from simulator.company.registers import TIME_ZONE
from simulator.errors import PlanError
from simulator.organisation import FIRST_DAY

type Format = Literal["jsonl", "csv", "parquet"]
FORMATS: tuple[Format, ...] = ("jsonl", "csv", "parquet")

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
    and `benign` are each a count, or parts separated by commas: a count (of the first playbook's), the name
    of a scenario, of a family over all playbooks (`near_misses`, `closable`, `open_work`, `attacks`), or of
    a playbook (all that it has of that kind).

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
        honest = tuple(_chosen(self.benign, option="benign"))
        hostile = tuple(_chosen(self.attacks, option="attacks"))
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


def _chosen(wanted: int | str, *, option: str) -> Iterator[Scenario]:
    """The scenarios that a count, or a list of counts and names, asks for."""
    for part in (part.strip() for part in str(wanted).split(",")):
        named = family(part)
        if part.isdecimal() or isinstance(wanted, int):
            yield from _counted(int(part), option=option)
        elif part in BY_NAME:
            yield BY_NAME[part]
        elif part in CATALOGUES:
            yield from _all_of(CATALOGUES[part], option=option)
        elif named is not None:
            yield from named
        elif part:
            raise PlanError(f"{option}: there is no scenario {part!r}; `list` names them all")


def _counted(count: int, *, option: str) -> Iterator[Scenario]:
    """So many of the first playbook, in its order, again from the start where there are not enough."""
    if not 0 <= count <= _MOST:
        raise PlanError(f"{option}: {count} sequences; ask for 0 to {_MOST}")
    one = CATALOGUES[FIRST_PLAYBOOK]
    later = tuple(scenario for scenario in one.attacks if scenario not in one.first)
    order = (*one.first, *later) if option == "attacks" else (*one.closable, *one.open_work[:3])
    yield from islice(cycle(order), count)


def _all_of(catalogue: Catalogue, *, option: str) -> tuple[Scenario, ...]:
    """Every attack of a playbook, or all of its honest work."""
    return catalogue.attacks if option == "attacks" else (*catalogue.closable, *catalogue.open_work)


def _check_kinds(honest: tuple[Scenario, ...], hostile: tuple[Scenario, ...]) -> None:
    """An attack asked for as benign, or the reverse, is a mistake of the caller."""
    for scenario in honest:
        if scenario.kind is Kind.ATTACK:
            raise PlanError(f"{scenario.name} is an attack: ask for it under attacks")
    for scenario in hostile:
        if scenario.kind is not Kind.ATTACK:
            raise PlanError(f"{scenario.name} is no attack: ask for it under benign")
