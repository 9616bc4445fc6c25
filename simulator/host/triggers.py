"""What starts a function: the raw binding documents of the worker library, read into typed triggers."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from simulator.host.errors import IndexingError
from simulator.host.schedule import Schedule, parse_schedule
from simulator.host.worker import IndexedFunction

DEFAULT_CONNECTION = "AzureWebJobsStorage"
_SETTING = re.compile(r"%([^%]+)%")
QUEUE_NAME = re.compile(r"(?=.{3,63}$)[a-z0-9]+(?:-[a-z0-9]+)*")


class AuthLevel(StrEnum):
    """Who may call an HTTP function (httpTrigger binding, `authLevel`)."""

    ANONYMOUS = "ANONYMOUS"
    FUNCTION = "FUNCTION"
    ADMIN = "ADMIN"


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpTrigger:
    """An HTTP function; `route` is without the prefix, empty `methods` means every method."""

    name: str
    function_id: str
    argument: str
    route: str
    methods: frozenset[str]
    auth: AuthLevel


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueTrigger:
    """A queue function; `connection` names the setting that holds the storage connection."""

    name: str
    function_id: str
    argument: str
    queue: str
    connection: str

    @property
    def is_on_poison_queue(self) -> bool:
        """Tell whether the function listens to a poison queue, which has no poison queue of its own."""
        return self.queue.endswith("-poison")


@dataclass(frozen=True, slots=True, kw_only=True)
class TimerTrigger:
    """A timer function."""

    name: str
    function_id: str
    argument: str
    schedule: Schedule
    run_on_startup: bool


type Trigger = HttpTrigger | QueueTrigger | TimerTrigger


def read_trigger(function: IndexedFunction, environment: Mapping[str, str]) -> Trigger:
    """Read a function's trigger, with `%SETTING%` replaced from `environment`.

    Raises IndexingError naming the function, also for bindings that this host does not play.
    """
    documents = [json.loads(text) for text in function.bindings]
    inbound = [binding for binding in documents if binding["type"].endswith("Trigger")]
    others = [
        b["type"] for b in documents if b not in inbound and (b["type"], b["name"]) != ("http", "$return")
    ]
    if others:
        raise IndexingError(
            f"its binding {others[0]!r} is not played by the local host; use a client in the code",
            function=function.name,
        )
    if len(inbound) != 1:
        raise IndexingError(f"it has {len(inbound)} triggers; a function has one", function=function.name)
    try:
        return _READERS[inbound[0]["type"]](function, _resolved(inbound[0], environment))
    except KeyError as absent:
        raise IndexingError(f"there is nothing to play for {absent}", function=function.name) from absent
    except ValueError as unusable:
        raise IndexingError(str(unusable), function=function.name) from unusable


def _resolved(binding: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    def setting(match: re.Match[str]) -> str:
        if match[1] not in environment:
            raise ValueError(f"its binding needs the app setting {match[1]}, which is not set")
        return environment[match[1]]

    return {
        name: _SETTING.sub(setting, value) if isinstance(value, str) else value
        for name, value in binding.items()
    }


def _http(function: IndexedFunction, binding: Mapping[str, Any]) -> HttpTrigger:
    methods = binding.get("methods") or ()
    return HttpTrigger(
        name=function.name,
        function_id=function.function_id,
        argument=binding["name"],
        route=(binding.get("route") or function.name).strip("/"),
        methods=frozenset(method.upper() for method in methods),
        auth=AuthLevel((binding.get("authLevel") or "FUNCTION").upper()),
    )


def _queue(function: IndexedFunction, binding: Mapping[str, Any]) -> QueueTrigger:
    queue = str(binding["queueName"])
    if not QUEUE_NAME.fullmatch(queue):
        raise ValueError(
            f"{queue!r} is no queue name: 3 to 63 lower-case letters, digits and single hyphens between them"
        )
    return QueueTrigger(
        name=function.name,
        function_id=function.function_id,
        argument=binding["name"],
        queue=queue,
        connection=binding.get("connection") or DEFAULT_CONNECTION,
    )


def _timer(function: IndexedFunction, binding: Mapping[str, Any]) -> TimerTrigger:
    return TimerTrigger(
        name=function.name,
        function_id=function.function_id,
        argument=binding["name"],
        schedule=parse_schedule(str(binding["schedule"])),
        run_on_startup=bool(binding.get("runOnStartup")),
    )


_READERS: Mapping[str, Callable[[IndexedFunction, Mapping[str, Any]], Trigger]] = {
    "httpTrigger": _http,
    "queueTrigger": _queue,
    "timerTrigger": _timer,
}
