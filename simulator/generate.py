"""Generates a folder: `events.*`, `truth.jsonl` and `tenant.json`. The same arguments give the same bytes."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from time import perf_counter
from typing import Unpack

from playbooks.scenarios import Kind
from simulator.activity.noise import HEARTBEAT
from simulator.activity.placing import place
from simulator.activity.processes import pid, resident
from simulator.activity.rows import ProcessStart, Row, Running, native_row, written
from simulator.activity.sequences import Sequence, perform
from simulator.asim import problems
from simulator.columns.drawing import background
from simulator.columns.known import known
from simulator.columns.rhythm import rhythm
from simulator.company.accounts import SYSTEM, guid
from simulator.company.machines import Role
from simulator.errors import PlanError
from simulator.event_files import events_name, write_events
from simulator.organisation import Organisation, organise
from simulator.plan import Choices, Plan

_CLOSE_LIMIT, _HIGHEST_CLOSE_LIMIT = 20, 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What was written: rows, sequences by kind (`benign` counts all that are no attack), files by name."""

    events: int
    attacks: int
    benign: int
    seconds: float
    files: tuple[str, ...]

    def document(self) -> dict[str, object]:
        """The summary as a JSON object."""
        return asdict(self) | {"files": list(self.files)}


def generate(
    seed: int, *, out: Path, told: Callable[[int], None] = lambda _: None, **choices: Unpack[Choices]
) -> Summary:
    """Writes a folder of activity and its truth to `out`, which is made where it is not there.

    Choices are those of `Plan`; `told` hears now and then how many events are written. Raises PlanError
    where the plan cannot be carried out (too few hosts or days, unknown scenarios) and OSError where the
    folder cannot be written. Nothing is written before the plan is known to be possible.
    """
    begun = perf_counter()
    plan = Plan(seed=seed, **choices)
    organisation = _organised(plan)
    placements = place(plan.scenarios, organisation, days=plan.dates, seed=seed)
    sequences = perform(placements, organisation, seed=seed)
    out.mkdir(parents=True, exist_ok=True)
    count = _write(plan, organisation, sequences, out=out, told=told)
    _write_lines(out / "truth.jsonl", (sequence.truth() for sequence in sequences))
    _write_document(out / "tenant.json", organisation.tenant())
    attacks = sum(1 for sequence in sequences if sequence.placement.scenario.kind is Kind.ATTACK)
    return Summary(
        events=count,
        attacks=attacks,
        benign=len(sequences) - attacks,
        seconds=round(perf_counter() - begun, 3),
        files=(events_name(plan), "truth.jsonl", "tenant.json"),
    )


def _organised(plan: Plan) -> Organisation:
    """The organisation, with a close limit that its own honest work does not run into."""
    organisation = organise(plan.seed, users=plan.users, hosts=plan.hosts, start=plan.dates[0])
    if plan.closable <= _CLOSE_LIMIT:
        return organisation
    limit = min(plan.closable, _HIGHEST_CLOSE_LIMIT)
    return replace(organisation, settings={**organisation.settings, "closeLimit": limit})


def _write(
    plan: Plan,
    organisation: Organisation,
    sequences: tuple[Sequence, ...],
    *,
    out: Path,
    told: Callable[[int], None],
) -> int:
    """Writes rows of sequences and background, and a last one by which the logs are complete."""
    told_of = [row for sequence in sequences for row in sequence.rows] + [_last_row(plan, organisation)]
    quiet = max(0, plan.events - len(told_of))
    noise = background(organisation, days=plan.dates, rows=quiet, seed=plan.seed)
    _check((*told_of, *noise.repertoire.examples()))
    return write_events(noise, known(told_of), out=out, plan=plan, told=told)


def _last_row(plan: Plan, organisation: Organisation) -> Row:
    """A sign of life from a domain controller at the very end of the days."""
    keeper = organisation.machines_for(Role.DOMAIN_CONTROLLER)[0]
    random = Random(f"{plan.seed}:end")
    last = datetime.fromtimestamp(rhythm(organisation, plan.dates).last / 1000, UTC)
    process = Running(
        image=HEARTBEAT.image, command_line=HEARTBEAT.command_line, pid=pid(random), guid=guid(random)
    )
    return native_row(
        ProcessStart(
            uid=guid(random),
            time=written(last),
            machine=keeper,
            source=random.choice(keeper.sources),
            actor=SYSTEM,
            user=SYSTEM,
            acting=resident(HEARTBEAT.parent, keeper, seed=plan.seed),
            target=process,
        )
    )


def _check(rows: Iterable[Row]) -> None:
    """Refuses to write a row that the ASIM schema does not allow."""
    for row in rows:
        if found := problems(row):
            raise PlanError(f"the generator made a row that ASIM does not allow: {'; '.join(found)}")


def _write_lines(path: Path, documents: Iterator[dict[str, object]]) -> None:
    """One JSON object a line."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for document in documents:
            file.write(json.dumps(document, ensure_ascii=False) + "\n")


def _write_document(path: Path, document: dict[str, object]) -> None:
    """One JSON document, indented for people."""
    text = json.dumps(document, ensure_ascii=False, indent=1)
    path.write_text(text + "\n", encoding="utf-8", newline="\n")
