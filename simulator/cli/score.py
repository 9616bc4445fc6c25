"""`score`: labelled cases through the whole chain."""

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import IO, Annotated

import typer

from simulator.catalogues import playbook_of_rule, playbook_of_scenario
from simulator.chain.cases import Case, read_cases
from simulator.chain.results import CaseOutcome, Outcome, score_document, summarize
from simulator.chain.scoring import Scored, score_cases
from simulator.chain.tenant import read_tenant
from simulator.cli.console import (
    BAD_ANSWER,
    AsJson,
    ReportPath,
    counter,
    err,
    explained,
    leave_report,
    out,
    print_json,
)
from simulator.report.building import score_report

_HELP = """Run labelled cases through the playbook, each in isolation, and say how good the verdicts are.

Each case's events go into the local workspace, the rules run, the incident is made, its trigger body is
posted to the function over HTTP, and what is left in the (local) Sentinel is read.

Exit status: 0 good; 1 an attack or an ambiguous case was closed, or a case ended in no verdict;
2 a case, the tenant or a setting could not be read.

Examples:

    python -m simulator score --tenant tenant.json cases.jsonl

    python -m simulator score --tenant tenant.json cases.jsonl --out results.jsonl

    python -m simulator score --tenant tenant.json cases.jsonl --json | jq .summary

    python -m simulator score --tenant tenant.json cases.jsonl --report report.html
"""


def score(
    cases: Annotated[Path, typer.Argument(help="Cases, one JSON object a line.", show_default=False)],
    *,
    tenant: Annotated[Path, typer.Option(help="Who and what exists, as JSON.")] = Path("tenant.json"),
    results: Annotated[
        Path | None, typer.Option("--out", help="Write one result a line to this file.", show_default=False)
    ] = None,
    report: ReportPath = None,
    as_json: AsJson = False,
) -> None:
    """The command itself; its help is above."""
    kept: list[Scored] = []
    with explained(as_json=as_json):
        read = read_cases(cases, read_tenant(tenant))
        _tell_unknown_keys(read)
        if results is None:
            outcomes = asyncio.run(_run(read, lines=None if as_json else out.file, kept=kept))
        else:
            with results.open("w", encoding="utf-8") as lines:
                outcomes = asyncio.run(_run(read, lines=lines, kept=kept))
        leave_report(lambda: score_report(kept, command=f"simulator score {cases}"), report)
    if as_json:
        print_json(score_document(outcomes))
    else:
        show_summary(outcomes)
    tell_problems(outcomes)
    if any(case.wrongly_closed or case.outcome is Outcome.ERROR for case in outcomes):
        raise typer.Exit(BAD_ANSWER)


score.__doc__ = _HELP


async def _run(cases: list[Case], *, lines: IO[str] | None, kept: list[Scored]) -> list[CaseOutcome]:
    """Scores with a bar on stderr; each result is written as soon as it and those before it are known."""
    written = 0
    with counter("scoring", total=len(cases), unit="cases") as done:

        def tell(outcome: CaseOutcome) -> None:
            nonlocal written
            written += 1
            done(written)
            if lines is not None:
                lines.write(json.dumps(outcome.document, ensure_ascii=False) + "\n")
                lines.flush()

        return await score_cases(cases, told=tell, kept=kept.append)


def _tell_unknown_keys(cases: list[Case]) -> None:
    for case in cases:
        for key in case.unknown_keys:
            err.print(f"warning: line {case.line}: the key {key!r} is not known and is ignored", markup=False)


def show_summary(outcomes: list[CaseOutcome]) -> None:
    """The counts for people, on stdout."""
    counts = summarize(outcomes)
    out.print()
    out.print(f"cases                      {counts.cases}")
    out.print(f"attacks closed             {counts.attacks_closed} of {counts.attacks} (must be 0)")
    out.print(f"ambiguous closed           {counts.ambiguous_closed} of {counts.ambiguous} (must be 0)")
    out.print(f"closable benign closed     {counts.closable_closed} of {counts.closable}")
    for scenario, (closed, total) in _by_scenario(outcomes).items():
        out.print(f"  {scenario:<24} {closed} of {total}", markup=False)
    out.print(f"no verdict                 {counts.errors} (must be 0)")
    for place, word in enumerate(counts.detected):
        told = f"{'the' if place else 'attacks the'} {word} rule saw"
        attacks = _attacks_for(word, outcomes)
        seen = sum(word in case.rules for case in attacks)
        out.print(f"{told:<26} {seen} of {len(attacks)}", markup=False)


def _attacks_for(rule: str, outcomes: list[CaseOutcome]) -> list[CaseOutcome]:
    """The attacks of the playbook that the rule is for."""
    attacks = (case for case in outcomes if case.label == "attack")
    return [case for case in attacks if playbook_of_scenario(case.scenario) == playbook_of_rule(rule)]


def tell_problems(outcomes: list[CaseOutcome]) -> None:
    """Each outcome that is not the expected one, on stderr."""
    for case in outcomes:
        if not case.as_expected:
            why = case.problem or ", ".join(case.reasons)
            err.print(
                f"differs: {case.id} ({case.label}): expected {case.expected}, {case.outcome}: {why}",
                markup=False,
            )


def _by_scenario(outcomes: list[CaseOutcome]) -> dict[str, tuple[int, int]]:
    """Closed and all closable cases of each scenario, in order of name."""
    closable = [case for case in outcomes if case.expected == "close"]
    total = Counter(case.scenario for case in closable)
    closed = Counter(case.scenario for case in closable if case.outcome is Outcome.CLOSED)
    return {scenario: (closed[scenario], total[scenario]) for scenario in sorted(total)}
