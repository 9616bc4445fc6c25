"""Generates a folder: `events.*`, `truth.jsonl` and `tenant.json`. The same arguments give the same bytes."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from heapq import merge
from pathlib import Path
from time import perf_counter
from typing import Unpack

from playbooks.mailbox_export.scenarios import Kind
from simulator.activity.background import Line, background, encoded
from simulator.activity.placing import place
from simulator.activity.rows import Row
from simulator.activity.sequences import Sequence, perform
from simulator.asim import problems
from simulator.errors import PlanError
from simulator.event_files import event_file, write_events
from simulator.organisation import Organisation, organise
from simulator.plan import FORMATS, Choices, Plan

_CLOSE_LIMIT, _HIGHEST_CLOSE_LIMIT = 20, 1000
_CHECK_EVERY = 5_000


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


def generate(seed: int, *, out: Path, **choices: Unpack[Choices]) -> Summary:
    """Writes a folder of activity and its truth to `out`, which is made where it is not there.

    Choices are those of `Plan`. Raises PlanError where the plan cannot be carried out (too few hosts or
    days, unknown scenarios) and OSError where the folder cannot be written. Nothing is written before
    the plan is known to be possible.
    """
    begun = perf_counter()
    plan = Plan(seed=seed, **choices)
    organisation = _organised(plan)
    placements = place(plan.scenarios, organisation, days=plan.dates, seed=seed)
    sequences = perform(placements, organisation, seed=seed)
    out.mkdir(parents=True, exist_ok=True)
    for name in (event_file(other) for other in FORMATS):
        (out / name).unlink(missing_ok=True)
    count = write_events(_stream(plan, organisation, sequences), out=out, format=plan.format)
    _write_lines(out / "truth.jsonl", (sequence.truth() for sequence in sequences))
    _write_document(out / "tenant.json", organisation.tenant())
    attacks = sum(1 for sequence in sequences if sequence.placement.scenario.kind is Kind.ATTACK)
    return Summary(
        events=count,
        attacks=attacks,
        benign=len(sequences) - attacks,
        seconds=round(perf_counter() - begun, 3),
        files=(event_file(plan.format), "truth.jsonl", "tenant.json"),
    )


def _organised(plan: Plan) -> Organisation:
    """The organisation, with a close limit that its own honest work does not run into."""
    organisation = organise(plan.seed, users=plan.users, hosts=plan.hosts, start=plan.dates[0])
    if plan.closable <= _CLOSE_LIMIT:
        return organisation
    limit = min(plan.closable, _HIGHEST_CLOSE_LIMIT)
    return replace(organisation, settings={**organisation.settings, "closeLimit": limit})


def _stream(plan: Plan, organisation: Organisation, sequences: tuple[Sequence, ...]) -> Iterator[str]:
    """Every row as a line of JSON, in order of time. Rows of sequences are all checked, others by sample."""
    rows = [row for sequence in sequences for row in sequence.rows]
    lines = sorted(_checked_line(row) for row in rows)
    quiet = max(0, plan.events - len(lines) - 1)
    noise = background(organisation, days=plan.dates, rows=quiet, seed=plan.seed)
    for index, (_, line) in enumerate(merge(lines, noise)):
        if index % _CHECK_EVERY == 0:
            _check(json.loads(line))
        yield line


def _checked_line(row: Row) -> Line:
    """A row that keeps to the schema, as time and line."""
    _check(row)
    return str(row["TimeGenerated"]), encoded(row)


def _check(row: Row) -> None:
    """Refuses to write a row that the ASIM schema does not allow."""
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
