"""A generated folder: events, truth and tenant."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from simulator.chain.problems import InputRefused, Problem, problems_of
from simulator.chain.tenant import ZonedTime, read_tenant
from simulator.event_sources import find_source


class Truth(BaseModel):
    """What one sequence of the folder really is; further members are let through."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: Annotated[str, Field(min_length=1)]
    scenario: str
    playbook: str = ""
    title: str = ""
    label: Literal["attack", "benign", "ambiguous"]
    expected: Literal["close", "escalate"]
    hosts: Annotated[tuple[str, ...], Field(min_length=1)]
    accounts: tuple[str, ...] = ()
    start: ZonedTime
    end: ZonedTime

    @property
    def first(self) -> datetime:
        """Time of the first event."""
        return datetime.fromisoformat(self.start)

    @property
    def last(self) -> datetime:
        """Time of the last event."""
        return datetime.fromisoformat(self.end)


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """The folder as read; `events` is the source of its events, see `simulator.event_sources`."""

    path: Path
    events: Path
    tenant: Mapping[str, Any]
    truths: tuple[Truth, ...]


def read_folder(path: Path) -> Folder:
    """Tenant, truth and events of a folder. Raises InputRefused with file, line and field, or OSError."""
    if not path.is_dir():
        raise InputRefused([Problem(file=str(path), message="is no folder; make one with `generate --out`")])
    return Folder(
        path=path,
        events=find_source(path),
        tenant=read_tenant(path / "tenant.json"),
        truths=read_truths(path / "truth.jsonl", Truth),
    )


def read_truths[T: Truth](path: Path, kind: type[T]) -> tuple[T, ...]:
    """Every line of a `truth.jsonl`, read as `kind`. Raises InputRefused with line and field, or OSError."""
    truths: list[T] = []
    problems: list[Problem] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), start=1):
        if not line.strip():
            continue
        try:
            truths.append(kind.model_validate(json.loads(line)))
        except json.JSONDecodeError as error:
            problems.append(Problem(file=str(path), line=number, message=f"is not JSON: {error.msg}"))
        except ValidationError as error:
            problems += problems_of(error, file=str(path), line=number)
    if problems:
        raise InputRefused(problems)
    return tuple(truths)
