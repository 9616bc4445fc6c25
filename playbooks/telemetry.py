"""Metrics over OpenTelemetry, counted from the log's own records; a sink of them is optional.

`journal.note` and the clients put what they log beside the record as a mapping. A logging handler counts it,
so nothing that decides or writes knows of metrics. Exporting happens in a thread of the SDK: a sink that
hangs or fails costs a triage nothing, and what it misses stands in the log.
"""

import logging
import re
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from logging.handlers import MemoryHandler
from threading import Thread
from typing import TYPE_CHECKING

from playbooks.journal import note

if TYPE_CHECKING:
    from opentelemetry.metrics import Meter

CONNECTION = "APPLICATIONINSIGHTS_CONNECTION_STRING"
LOGGERS = ("triage", "playbooks.clients")
SCOPE = "mailbox-export-triage"

_SINK = "azure.monitor.opentelemetry"
_CODE = re.compile(r"[a-z0-9_]{1,64}", re.IGNORECASE | re.ASCII)
_UNUSED = (
    *("azure_sdk", "django", "fastapi", "flask", "httpx"),
    *("httpx2", "psycopg2", "requests", "urllib", "urllib3"),
)


class NoteMetrics(logging.Handler):
    """Counts records on one meter. Attributes are codes and statuses alone, never outside text.

    A record without a mapping in `note` is passed over.
    """

    def __init__(self, meter: "Meter") -> None:
        super().__init__()
        self._verdicts = meter.create_counter("triage.verdicts", "1", "Decisions, by outcome and scenario")
        self._unknowns = meter.create_counter("triage.unknowns", "1", "What was not checked, by source")
        self._retries = meter.create_counter("triage.retries", "1", "Deliveries after the first")
        self._poison = meter.create_counter("triage.poison", "1", "Messages whose attempts all failed")
        self._conflicts = meter.create_counter("triage.conflicts", "1", "Updates that met a newer record")
        self._alarms = meter.create_counter("triage.alarms", "1", "Alarms, by code")
        self._failures = meter.create_counter("triage.failed_calls", "1", "Calls without a good answer")
        self._age = meter.create_histogram("triage.message_age", "s", "Seconds from acceptance to delivery")

    def emit(self, record: logging.LogRecord) -> None:
        """Counts one record."""
        members = getattr(record, "note", None)
        if not isinstance(members, Mapping):
            return
        if alarm := members.get("alarm"):
            self._alarms.add(1, {"alarm": _code(alarm)})
        match members.get("event"):
            case "attempt":
                self._count_attempt(members)
            case "finished" if members.get("outcome"):
                self._count_verdict(members)
            case "poison" | "poison_requeued" as event:
                self._poison.add(1, {"event": event})
            case "call":
                self._count_call(members)

    def _count_attempt(self, members: Mapping[str, object]) -> None:
        age, deliveries = members.get("ageSeconds"), members.get("deliveries")
        if isinstance(age, int | float):
            self._age.record(max(0.0, age))
        if isinstance(deliveries, int) and deliveries > 1:
            self._retries.add(1)

    def _count_verdict(self, members: Mapping[str, object]) -> None:
        outcome = _code(members["outcome"])
        for scenario in _codes(members.get("scenarios")) or ["none"]:
            self._verdicts.add(1, {"outcome": outcome, "scenario": scenario})
        for source in _codes(members.get("unchecked")):
            self._unknowns.add(1, {"item": source})

    def _count_call(self, members: Mapping[str, object]) -> None:
        status, service = str(members.get("status", 0)), _code(members.get("service"))
        self._failures.add(1, {"service": service, "status": _code(status)})
        if members.get("writes") and status in {"409", "412"}:
            self._conflicts.add(1)


def start(environment: Mapping[str, str]) -> None:
    """Sends metrics to Application Insights where the environment names one; at once, and never raises.

    The library is imported in a thread of its own, half a second that no triage waits for; until then
    records are kept. Without the library the log says so, and nothing else changes.
    """
    if not environment.get(CONNECTION) or _is_started():
        return
    if find_spec("azure.monitor") is None or find_spec(_SINK) is None:
        note("telemetry_off", cause=f"{_SINK} is not installed; see docs/observe.md")
        return
    kept = MemoryHandler(1, flushLevel=logging.NOTSET)
    for name in LOGGERS:
        logging.getLogger(name).addHandler(kept)
    Thread(target=_connect, args=(kept, environment[CONNECTION]), name="telemetry", daemon=True).start()


def _is_started() -> bool:
    return any(isinstance(one, MemoryHandler) for one in logging.getLogger(LOGGERS[0]).handlers)


def _connect(kept: MemoryHandler, connection: str) -> None:
    """Metrics alone: the Functions host writes the log to Application Insights by itself."""
    from opentelemetry.metrics import get_meter  # noqa: PLC0415

    target: logging.Handler = logging.NullHandler()
    try:
        import_module(_SINK).configure_azure_monitor(
            connection_string=connection,
            disable_logging=True,
            disable_tracing=True,
            disable_offline_storage=True,
            enable_live_metrics=False,
            enable_performance_counters=False,
            instrumentation_options={name: {"enabled": False} for name in _UNUSED},
        )
        target = NoteMetrics(get_meter(SCOPE))
    except ValueError:
        note("telemetry_off", cause=f"{CONNECTION} cannot be read")
    finally:
        kept.setTarget(target)
        kept.flush()


def _codes(value: object) -> list[str]:
    return [_code(one) for one in value] if isinstance(value, list | tuple) else []


def _code(value: object) -> str:
    """A value as an attribute: itself where it is a short word, else `other`."""
    text = str(value).replace(" ", "_")
    return text if _CODE.fullmatch(text) else "other"
