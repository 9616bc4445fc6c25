"""host.json and the variables that override it, read as the Functions host reads them.

Source: Azure Functions, "host.json reference for Azure Functions 2.x and later", and for the overrides
"App settings reference", `AzureFunctionsJobHost__*`. Names are compared without regard to case, as there.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from simulator.host.errors import HostSettingsError

OVERRIDE_PREFIX = "azurefunctionsjobhost__"
_TIME_SPAN = re.compile(r"(?:(\d{1,8})\.)?(\d{1,2}):(\d{1,2}):(\d{1,2})(?:\.(\d{1,7}))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSettings:
    """`extensions.queues`; the defaults are those of the Storage Queues extension, version 5."""

    batch_size: int
    new_batch_threshold: int
    max_dequeue_count: int
    visibility_timeout: timedelta
    max_polling_interval: timedelta
    base64: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSettings:
    """What the local host plays of host.json; `function_timeout` is None for "unlimited"."""

    route_prefix: str
    function_timeout: timedelta | None
    queues: QueueSettings


def parse_time_span(text: str) -> timedelta:
    """Read a .NET time span, `[d.]hh:mm:ss[.fraction]`; raises ValueError on anything else."""
    match = _TIME_SPAN.fullmatch(text.strip())
    if match is None or int(match[2]) > 23 or int(match[3]) > 59 or int(match[4]) > 59:
        raise ValueError(f"{text!r} is not a time span such as 00:00:30")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups()[:4])
    fraction = float(f"0.{match[5] or 0}")
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds + fraction)


def load_settings(app_dir: Path, environment: Mapping[str, str]) -> HostSettings:
    """Read host.json of `app_dir` and apply the overrides of `environment`.

    Raises HostSettingsError, which lists every problem found.
    """
    tree = _folded(_read_host_json(app_dir / "host.json"))
    for path, text in _overrides(environment):
        _place(tree, path, text)
    reader = _Reader(tree)
    batch_size = reader.whole("extensions.queues.batchSize", 16, low=1, high=32)
    settings = HostSettings(
        route_prefix=reader.text("extensions.http.routePrefix", "api").strip("/"),
        function_timeout=reader.function_timeout(),
        queues=QueueSettings(
            batch_size=batch_size,
            new_batch_threshold=reader.whole("extensions.queues.newBatchThreshold", batch_size // 2, low=0),
            max_dequeue_count=reader.whole("extensions.queues.maxDequeueCount", 5, low=1),
            visibility_timeout=reader.span("extensions.queues.visibilityTimeout", "00:00:00"),
            max_polling_interval=reader.span("extensions.queues.maxPollingInterval", "00:01:00"),
            base64=reader.encoding(),
        ),
    )
    if reader.problems:
        raise HostSettingsError(reader.problems)
    return settings


def _read_host_json(path: Path) -> dict[str, Any]:
    try:
        tree = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as absent:
        raise HostSettingsError([f"{path} is missing; a function app needs one"]) from absent
    except ValueError as broken:
        raise HostSettingsError([f"{path} is not JSON: {broken}"]) from broken
    if not isinstance(tree, dict) or tree.get("version") != "2.0":
        raise HostSettingsError([f'{path} must be an object with "version": "2.0"'])
    return tree


def _folded(tree: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name.lower(): _folded(value) if isinstance(value, dict) else value for name, value in tree.items()
    }


def _overrides(environment: Mapping[str, str]) -> Iterator[tuple[list[str], str]]:
    for name, text in environment.items():
        if name.lower().startswith(OVERRIDE_PREFIX):
            yield name.lower().removeprefix(OVERRIDE_PREFIX).split("__"), text


def _place(tree: dict[str, Any], path: list[str], text: str) -> None:
    *sections, leaf = path
    for section in sections:
        below = tree.get(section)
        if not isinstance(below, dict):
            below = tree[section] = {}
        tree = below
    tree[leaf] = text


class _Reader:
    """Reads values by dotted path and collects one problem for each that cannot be used."""

    def __init__(self, tree: Mapping[str, Any]) -> None:
        self._tree = tree
        self.problems: list[str] = []

    def text(self, path: str, default: str) -> str:
        return str(self._value(path, default))

    def span(self, path: str, default: str) -> timedelta:
        return self._parsed(path, default, parse_time_span)

    def whole(self, path: str, default: int, *, low: int, high: int = 2**31 - 1) -> int:
        number = self._parsed(path, str(default), int)
        if not low <= number <= high:
            self.problems.append(f"{path} is {number}; it must lie between {low} and {high}")
        return number

    def function_timeout(self) -> timedelta | None:
        if self.text("functionTimeout", "").strip() == "-1":
            return None
        return self.span("functionTimeout", "00:30:00")

    def encoding(self) -> bool:
        encoding = self.text("extensions.queues.messageEncoding", "base64").lower()
        if encoding not in {"base64", "none"}:
            self.problems.append(f"extensions.queues.messageEncoding is {encoding!r}; use base64 or none")
        return encoding == "base64"

    def _value(self, path: str, default: str) -> object:
        found: Any = self._tree
        for section in path.lower().split("."):
            found = found.get(section) if isinstance(found, dict) else None
        return default if found is None else found

    def _parsed[T](self, path: str, default: str, parse: Callable[[str], T]) -> T:
        text = str(self._value(path, default))
        try:
            return parse(text)
        except ValueError as unreadable:
            self.problems.append(f"{path}: {unreadable}")
            return parse(default)
