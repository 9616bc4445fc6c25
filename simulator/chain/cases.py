"""Case files: labelled activity in, one JSON object a line."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from simulator.catalogues import BY_NAME, CATALOGUES, FIRST_PLAYBOOK, playbook_naming
from simulator.chain.problems import InputRefused, Problem, problems_of
from simulator.chain.tenant import Json, Tenant, ZonedTime, patched
from simulator.eventstore import RowRefused
from simulator.eventstore.rows import read_row
from simulator.eventstore.tables import ALERTS, PROCESS_EVENTS


class EventRow(BaseModel):
    """Native columns of ASimProcessEventLogs; a missing column is empty."""

    model_config = ConfigDict(extra="allow", frozen=True)

    time: Annotated[ZonedTime, Field(alias="TimeGenerated")]
    hostname: Annotated[str | None, Field(alias="DvcHostname")] = None
    fqdn: Annotated[str | None, Field(alias="DvcFQDN")] = None
    command_line: Annotated[str | None, Field(alias="TargetProcessCommandLine")] = None


class AlertRow(BaseModel):
    """Another alert in the workspace, as the SecurityAlert table holds it."""

    model_config = ConfigDict(extra="allow", frozen=True)

    time: Annotated[ZonedTime, Field(alias="TimeGenerated")]
    name: Annotated[str, Field(alias="AlertName", min_length=1)]
    entities: Annotated[str, Field(alias="Entities")] = "[]"


class _CaseLine(BaseModel):
    """One line of a case file as written. Unknown keys are let through and told."""

    model_config = ConfigDict(extra="allow", frozen=True)

    id: Annotated[str, Field(min_length=1, max_length=200)]
    label: Literal["attack", "benign", "ambiguous"]
    expected: Literal["close", "escalate"]
    scenario: str = ""
    events: tuple[EventRow, ...]
    alerts: tuple[AlertRow, ...] = ()
    tenant: dict[str, Any] = {}
    note: str = ""
    complete: bool = True

    @field_validator("expected")
    @classmethod
    def _only_benign_closes(cls, expected: str, given: ValidationInfo) -> str:
        label = given.data.get("label", "benign")
        if expected == "close" and label != "benign":
            raise ValueError(f"a case labelled {label!r} cannot expect 'close'")
        return expected

    @field_validator("events")
    @classmethod
    def _some_host(cls, events: tuple[EventRow, ...]) -> tuple[EventRow, ...]:
        if not any(event.hostname or event.fqdn for event in events):
            raise ValueError("no event has a DvcHostname or DvcFQDN")
        return events


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One case, ready to run: `events` and `alerts` are wire rows, `tenant` is the patched document."""

    id: str
    label: str
    expected: str
    scenario: str
    events: tuple[Mapping[str, Any], ...]
    alerts: tuple[Mapping[str, Any], ...]
    tenant: Mapping[str, Any]
    complete: bool
    unknown_keys: tuple[str, ...] = ()
    line: int = 0


def playbook_of_case(case: Case) -> str:
    """The one playbook that the case is about: its scenario's, else the first that one of its lines names.

    The rules of others are not run on it: their incidents would be judged by the label of this one.
    """
    if case.scenario in BY_NAME:
        return BY_NAME[case.scenario].playbook
    named = {playbook_naming(str(row.get("TargetProcessCommandLine"))) for row in case.events}
    return next((name for name in CATALOGUES if name in named), FIRST_PLAYBOOK)


def read_cases(path: Path, tenant: Mapping[str, Any]) -> list[Case]:
    """Every case of the file, with the tenant it runs in. Blank lines are passed over.

    Raises InputRefused naming every unreadable line with its field, or OSError.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError:
        raise InputRefused([Problem(file=str(path), message="is not UTF-8 text")]) from None
    cases: list[Case] = []
    problems: list[Problem] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            cases.append(
                _read_case(line, place=Problem(file=str(path), line=number, message=""), tenant=tenant)
            )
        except InputRefused as refused:
            problems += refused.problems
    problems += _doubled(cases, file=str(path))
    if not cases and not problems:
        problems.append(Problem(file=str(path), message="holds no case"))
    if problems:
        raise InputRefused(sorted(problems, key=lambda problem: problem.line))
    return cases


def _read_case(line: str, *, place: Problem, tenant: Mapping[str, Any]) -> Case:
    written = _read_object(line, place=place)
    try:
        checked = _CaseLine.model_validate(written)
    except ValidationError as error:
        raise InputRefused(problems_of(error, file=place.file, line=place.line)) from None
    _check_rows(PROCESS_EVENTS, "events", written["events"], place=place)
    _check_rows(ALERTS, "alerts", written.get("alerts") or [], place=place)
    merged = _patched_tenant(tenant, checked.tenant, place=place)
    return Case(
        id=checked.id,
        label=checked.label,
        expected=checked.expected,
        scenario=checked.scenario,
        events=tuple(written["events"]),
        alerts=tuple(written.get("alerts") or ()),
        tenant=merged,
        complete=checked.complete,
        unknown_keys=tuple(sorted(checked.model_extra or {})),
        line=place.line,
    )


def _read_object(line: str, *, place: Problem) -> Json:
    try:
        written = json.loads(line)
    except json.JSONDecodeError as error:
        message = f"is not JSON: {error.msg} (column {error.colno})"
        raise InputRefused([Problem(file=place.file, line=place.line, message=message)]) from None
    except RecursionError:
        message = "is not JSON: nested too deep"
        raise InputRefused([Problem(file=place.file, line=place.line, message=message)]) from None
    if not isinstance(written, dict):
        raise InputRefused([Problem(file=place.file, line=place.line, message="is not a JSON object")])
    return written


def _check_rows(table: str, field: str, rows: list[Json], *, place: Problem) -> None:
    """Every cell fits its column. Raises InputRefused with the field of each that does not."""
    problems = []
    for number, row in enumerate(rows):
        for column, value in row.items():
            try:
                read_row(table, number + 1, {"TimeGenerated": row["TimeGenerated"], column: value})
            except RowRefused as refused:
                where = f"{field}[{number}].{column}"
                problems.append(Problem(file=place.file, line=place.line, field=where, message=str(refused)))
    if problems:
        raise InputRefused(problems)


def _patched_tenant(tenant: Mapping[str, Any], patch: Json, *, place: Problem) -> Json:
    try:
        merged = patched(tenant, patch)
    except (AttributeError, KeyError, TypeError):
        message = "does not have the shape of a tenant file"
        raise InputRefused(
            [Problem(file=place.file, line=place.line, field="tenant", message=message)]
        ) from None
    try:
        Tenant.model_validate(merged)
    except ValidationError as error:
        raise InputRefused(problems_of(error, file=place.file, line=place.line, prefix="tenant")) from None
    return merged


def _doubled(cases: list[Case], *, file: str) -> list[Problem]:
    """One problem for each id that an earlier line has already."""
    first: dict[str, int] = {}
    problems = []
    for case in cases:
        earlier = first.setdefault(case.id, case.line)
        if earlier != case.line:
            message = f"{case.id!r} is on line {earlier} already"
            problems.append(Problem(file=file, line=case.line, field="id", message=message))
    return problems
