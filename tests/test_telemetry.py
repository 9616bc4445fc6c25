"""Notes and what is counted of them: right counts, codes alone, and a sink that may fail or hang."""

import asyncio
import json
import logging
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from client_world import TENANT, settings_for
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    InMemoryMetricReader,
    MetricExporter,
    MetricExportResult,
    MetricsData,
    PeriodicExportingMetricReader,
)
from test_injection import Case, triaged

from playbooks.clients import attempt, connect
from playbooks.clients.answers import Answer as ServiceAnswer
from playbooks.clients.answers import Call, log_answer, read_answer
from playbooks.errors import WriteConflict
from playbooks.journal import note
from playbooks.service import Service
from playbooks.telemetry import CONNECTION, LOGGERS, NoteMetrics, start
from simulator.eventstore import EventStore
from simulator.host.queue_service import connection_string
from simulator.workspace import Fault, FaultKind, LocalWorkspace

INCIDENT = Call(
    source="Microsoft Sentinel", method="PUT", template="/…/incidents/{incident}", needs="", writes=True
)


@contextmanager
def counted(reader: Any) -> Iterator[MeterProvider]:
    """Notes go to a meter that the reader reads."""
    provider = MeterProvider(metric_readers=[reader])
    metrics = NoteMetrics(provider.get_meter("test"))
    for name in LOGGERS:
        logging.getLogger(name).addHandler(metrics)
    try:
        yield provider
    finally:
        for name in LOGGERS:
            logging.getLogger(name).removeHandler(metrics)
        provider.shutdown(timeout_millis=1000)


@pytest.fixture
def sink() -> Iterator[InMemoryMetricReader]:
    """A sink that keeps what it is given."""
    reader = InMemoryMetricReader()
    with counted(reader):
        yield reader


def counts(reader: InMemoryMetricReader) -> dict[tuple[str, ...], float]:
    """Every count by its name and attribute values; a histogram by its number of values."""
    metrics = reader.get_metrics_data()
    found: dict[tuple[str, ...], float] = {}
    for resource in metrics.resource_metrics if metrics else ():
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                for point in metric.data.data_points:
                    values = sorted(str(value) for value in (point.attributes or {}).values())
                    found[metric.name, *values] = getattr(point, "value", getattr(point, "count", 0))
    return found


def test_verdicts_unknowns_retries_poison_and_alarms_are_counted(sink: InMemoryMetricReader) -> None:
    """Each note once, under its codes."""
    note("attempt", correlationId="c", deliveries=1, ageSeconds=12.5)
    note("attempt", correlationId="c", deliveries=3, ageSeconds=600)
    for scenarios in (["ediscovery"], ["ediscovery", "self_export"]):
        note("finished", correlationId="c", outcome="closed", scenarios=scenarios, unchecked=[])
    note("finished", correlationId="c", outcome="escalated", unchecked=["Microsoft Graph"], alarm="")
    note("finished", correlationId="c", outcome="not_found", alarm="incident_not_found")
    note("poison", correlationId="c", alarm="poisoned")

    assert {
        ("triage.message_age",): 2,
        ("triage.retries",): 1,
        ("triage.verdicts", "closed", "ediscovery"): 2,
        ("triage.verdicts", "closed", "self_export"): 1,
        ("triage.verdicts", "escalated", "none"): 1,
        ("triage.verdicts", "none", "not_found"): 1,
        ("triage.unknowns", "Microsoft_Graph"): 1,
        ("triage.poison", "poison"): 1,
        ("triage.alarms", "incident_not_found"): 1,
        ("triage.alarms", "poisoned"): 1,
    } == counts(sink)


def test_the_oldest_message_is_the_largest_age(sink: InMemoryMetricReader) -> None:
    """Seconds since acceptance; a clock that runs behind gives none below zero."""
    for age in (3, 900.5, -2):
        note("attempt", correlationId="c", deliveries=1, ageSeconds=age)
    metrics = sink.get_metrics_data()
    assert metrics is not None
    (point,) = metrics.resource_metrics[0].scope_metrics[0].metrics[0].data.data_points

    assert (0.0, 900.5) == (point.min, point.max)  # type: ignore[union-attr]


def test_conflicts_and_failed_calls_are_counted(sink: InMemoryMetricReader) -> None:
    """409 and 412 of an update are conflicts; a good answer is not counted at all."""
    for status in (200, 409, 412, 503):
        log_answer(INCIDENT, status)
    with pytest.raises(WriteConflict):
        read_answer(INCIDENT, ServiceAnswer(status=412, headers={}, body=b""))

    assert {
        ("triage.conflicts",): 2,
        ("triage.failed_calls", "409", "Microsoft_Sentinel"): 1,
        ("triage.failed_calls", "412", "Microsoft_Sentinel"): 1,
        ("triage.failed_calls", "503", "Microsoft_Sentinel"): 1,
    } == counts(sink)


def test_outside_text_never_becomes_an_attribute(sink: InMemoryMetricReader) -> None:
    """An attribute with a value of somebody's choice would cost money and hide the others."""
    note("finished", correlationId="c", outcome="x'; drop", scenarios=["a" * 65], unchecked=["é"])
    note("finished", correlationId="c", outcome="x\n", alarm="<b>")

    assert {"other", "none"} == {value for name, *values in counts(sink) for value in values}


def test_a_question_not_understood_and_an_update_refused_raise_alarms(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """F34, F53: the log names them; other refusals of writes are no alarm."""
    question = Call(source="Log Analytics", method="POST", template="/query", needs="")
    comment = Call(source="Microsoft Sentinel", method="PUT", template="/comments", needs="", writes=True)
    for call in (question, INCIDENT, comment):
        log_answer(call, 400)

    alarms = [json.loads(line).get("alarm") for line in caplog.messages]
    assert ["bad_query", "update_refused", None] == alarms


@pytest.mark.parametrize(
    "text", ["a\nb", "\x1b[31mred\x1b[0m", "\u202egpj.exe", '"}\r\n{"event": "finished"']
)
def test_a_note_is_one_line_of_ascii_whatever_it_holds(caplog: pytest.LogCaptureFixture, text: str) -> None:
    """Outside text is an escaped value in one record, and comes back as it was."""
    caplog.set_level(logging.INFO)
    note("finished", incident=text, correlationId=text)
    (line,) = caplog.messages

    assert line.isascii()
    assert line.isprintable()
    assert {"event": "finished", "incident": text, "correlationId": text} == json.loads(line)


def test_every_note_carries_a_correlation_id(caplog: pytest.LogCaptureFixture) -> None:
    """Its own, the attempt's, the message's, or a new one."""
    caplog.set_level(logging.INFO)
    with attempt("of-the-attempt"):
        note("finished", correlationId="its-own")
        note("finished", messageId="m")
    note("finished", messageId="of-the-message")
    note("swept")

    ids = [json.loads(line)["correlationId"] for line in caplog.messages]
    assert ["its-own", "of-the-attempt", "of-the-message"] == ids[:3]
    assert 36 == len(ids[3])


def test_a_correlation_id_of_a_forged_message_fits_a_header() -> None:
    """Who may write to the queue chooses it; a line end in a header would end every attempt in an error."""
    with attempt("x\r\nAuthorization: é" + "y" * 100) as begun:
        assert "x__Authorization___" + "y" * 45 == begun.correlation_id


class Broken(MetricExporter):
    """A sink that hangs, then fails."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = threading.Event()
        self.released = threading.Event()
        self.ended = threading.Event()

    def export(self, _data: MetricsData, **_: Any) -> MetricExportResult:
        """Waits until it is let go, then fails."""
        self.reached.set()
        self.released.wait(30)
        self.ended.set()
        return MetricExportResult.FAILURE

    def force_flush(self, timeout_millis: float = 0) -> bool:
        """Nothing to flush."""
        del timeout_millis
        return True

    def shutdown(self, timeout_millis: float = 0, **_: Any) -> None:
        """Lets it go."""
        del timeout_millis
        self.released.set()


def test_a_sink_that_hangs_costs_a_note_nothing() -> None:
    """F70: a thousand notes are done while the export still hangs."""
    broken = Broken()
    with counted(PeriodicExportingMetricReader(broken, export_interval_millis=10)):
        note("attempt", correlationId="c", deliveries=2, ageSeconds=1)
        assert broken.reached.wait(10)
        for _ in range(1000):
            note("finished", correlationId="c", outcome="escalated")
        still_hanging = not broken.ended.is_set()
        broken.released.set()

    assert still_hanging


def test_without_a_connection_string_nothing_is_set_up() -> None:
    """No handler, no thread, no import."""
    start({})

    assert not [one for name in LOGGERS for one in logging.getLogger(name).handlers if "Memory" in repr(one)]
    assert "telemetry" not in {thread.name for thread in threading.enumerate()}


def test_without_the_library_the_log_says_so_and_the_app_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    """The library is an extra: a deployment without it has the log alone."""
    caplog.set_level(logging.INFO)
    try:
        import azure.monitor.opentelemetry  # noqa: F401, PLC0415
    except ImportError:
        start({CONNECTION: "InstrumentationKey=planted-secret"})
        assert "telemetry_off" in caplog.text
        assert "planted-secret" not in caplog.text
    else:
        pytest.skip("azure-monitor-opentelemetry is installed here")


@pytest.fixture
def service_settings() -> dict[str, str]:
    """Settings without endpoints."""
    return {
        "TRIAGE_DOMAINS": "CONTOSO=contoso.com",
        "TRIAGE_TIME_ZONE": "Europe/Vienna",
        "TRIAGE_BUSINESS_HOURS": "Mon-Fri 07:00-19:00",
    }


async def silent(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Takes a connection and never says a word."""
    await asyncio.sleep(3600)
    writer.close()


@pytest.mark.parametrize("kind", [FaultKind.HANG, FaultKind.RESET])
async def test_health_answers_though_everything_is_dead_for_an_hour(
    kind: FaultKind, service_settings: dict[str, str]
) -> None:
    """Every probe is named, none works, and none is repeated."""
    store = EventStore()
    queue = await asyncio.start_server(silent, "127.0.0.1", 0)
    place = f"http://127.0.0.1:{queue.sockets[0].getsockname()[1]}/devstoreaccount1"
    async with LocalWorkspace(TENANT, store) as workspace:
        workspace.faults.add(Fault(kind=kind, seconds=3600))
        environment = {
            **service_settings,
            "TRIAGE_WORKSPACES": f"{workspace.workspace_id}={workspace.customer_id}",
            "TRIAGE_ARM_ENDPOINT": workspace.arm_endpoint,
            "TRIAGE_GRAPH_ENDPOINT": workspace.graph_endpoint,
            "TRIAGE_LOGS_ENDPOINT": workspace.logs_endpoint,
            "TRIAGE_LOCAL_TOKEN": workspace.token,
            "AzureWebJobsStorage": connection_string(place),
        }
        service = Service(environment)
        status, document = await service.health()
        await service.clients.close()
        calls = Counter(call.target for call in workspace.calls)
    queue.close()
    store.close()

    assert 503 == status
    assert [None] * 9 == [check["works"] for check in document["checks"]]  # type: ignore[index, attr-defined]
    # The workspace is asked for its id and for the time; aiohttp itself asks once more after a reset.
    assert max(calls.values()) <= 4
    findings: Any = document["findings"]
    assert ["could_not_look"] * 4 == [finding["code"] for finding in findings]


async def test_health_names_the_role_that_is_missing_for_the_queue() -> None:
    """403 of the storage account: the queue's role, which belongs to no workspace."""

    async def forbid(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    store = EventStore()
    queue = await asyncio.start_server(forbid, "127.0.0.1", 0)
    place = f"http://127.0.0.1:{queue.sockets[0].getsockname()[1]}/devstoreaccount1"
    async with LocalWorkspace(TENANT, store) as workspace:
        settings = settings_for(workspace)
        async with connect(settings, {"AzureWebJobsStorage": connection_string(place)}) as clients:
            from playbooks.clients import check_queue  # noqa: PLC0415

            queue_check = await check_queue(clients)
    queue.close()
    store.close()

    assert queue_check.granted is False
    assert "Storage Queue Data Contributor" in queue_check.name
    assert queue_check.name in queue_check.words


async def test_a_real_attempt_is_counted(sink: InMemoryMetricReader) -> None:
    """The worker's own notes: the fifth delivery of an incident that is escalated with doubts."""
    await triaged(Case())
    found = counts(sink)

    assert 1 == found["triage.retries",]
    assert 1 == found["triage.message_age",]
    assert 1 == found["triage.verdicts", "escalated", "none"]
    assert 1 == found["triage.unknowns", "MailboxExportJobs"]
