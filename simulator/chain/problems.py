"""What is wrong with an input file, said with its line and field."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pydantic import ValidationError


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing to mend. `line` counts from 1; 0 means the file as a whole. `field` may be empty."""

    file: str
    message: str
    line: int = 0
    field: str = ""

    def __str__(self) -> str:
        place = f"{self.file}, line {self.line}" if self.line else self.file
        return f"{place}: {self.field}: {self.message}" if self.field else f"{place}: {self.message}"

    @property
    def document(self) -> dict[str, object]:
        """The same for machines."""
        return {"file": self.file, "line": self.line, "field": self.field, "message": self.message}


class InputRefused(Exception):
    """Input that cannot be read; `problems` names every line and field."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


def field_path(parts: Iterable[int | str]) -> str:
    """`events[0].TimeGenerated` for ("events", 0, "TimeGenerated")."""
    path = ""
    for part in parts:
        if isinstance(part, int):
            path += f"[{part}]"
        else:
            path += f".{part}" if path else part
    return path


def problems_of(error: ValidationError, *, file: str, line: int = 0, prefix: str = "") -> list[Problem]:
    """One problem for each thing pydantic found; the offending value itself is not repeated."""
    base = (prefix,) if prefix else ()
    return [
        Problem(
            file=file,
            line=line,
            field=field_path((*base, *detail["loc"])),
            message=detail["msg"].removeprefix("Value error, "),
        )
        for detail in error.errors(include_url=False, include_input=False)
    ]
