"""`ingest` and `verify` for real, on this machine: nothing lost, nothing doubled, verdicts compared."""

import asyncio
import io
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
import jsonschema
import pytest
from contracts.judging import BARE
from hypothesis import given
from hypothesis import strategies as st
from outside import CONTRACTS
from typer.testing import CliRunner

from simulator.asim import TIMES
from simulator.chain.alerts import account_named, alerts_of
from simulator.chain.chain import Chain
from simulator.chain.folder import Folder, read_folder
from simulator.chain.grouping import Gathering, Sighting
from simulator.chain.problems import InputRefused
from simulator.chain.sightings import Watch
from simulator.cli import app
from simulator.event_sources import read_rows
from simulator.eventstore import EventStore
from simulator.generate import generate
from simulator.ingest.batches import Batch, as_text, cut_batches, marked
from simulator.ingest.credentials import FixedToken, credential_for
from simulator.ingest.journal import Journal, Run, journal_path, read_journal
from simulator.ingest.local_endpoint import LocalEndpoint
from simulator.ingest.reading import Arrivals, Place, Reading, ReadingFailed
from simulator.ingest.running import Planned, plan_run, resume_run, send_run
from simulator.ingest.sending import Pace, SendingStopped
from simulator.ingest.shifting import Ending, shift_for, shifted
from simulator.ingest.target import Target, allowed_rules, checked_target
from simulator.ingest.uploading import Fate, Uploader
from simulator.ingest.verified import Verified, percentile
from simulator.ingest.verifying import Verifier
from simulator.report.truths import read_full_truths
from simulator.workspace import Fault, FaultKind, LocalWorkspace
from simulator.workspace.model import CUSTOMER_ID, TOKEN, WORKSPACE_ID

pytest.importorskip("azure.monitor.ingestion", reason="azure-monitor-ingestion is not installed")

ROOT = Path(__file__).resolve().parent.parent
RULE = "dcr-0123456789abcdef0123456789abcdef"
STREAM = "Microsoft-ASimProcessEventLogs"
FAST = Pace(calls_per_second=1000, most_rows=50, backoff=0.01, settle_seconds=0.3, look_seconds=0.05)
COPIES = (
    "ASimProcessEventLogs | summarize Copies = count() by EventOriginalUid"
    " | summarize n = count(), m = max(Copies)"
)


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small day: one attack, one job that may close, 400 events."""
    path = tmp_path_factory.mktemp("day") / "day"
    generate(3, out=path, users=60, hosts=24, events=400, attacks="dark_halo", benign="compliance_job")
    return path


@pytest.fixture
def folder(generated: Path, tmp_path: Path) -> Folder:
    """The day in a folder of this test's own, so that journals do not meet."""
    own = tmp_path / "day"
    own.mkdir()
    for file in generated.iterdir():
        (own / file.name).write_bytes(file.read_bytes())
    return read_folder(own)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """A store with the endpoint that fills it and the workspace that reads it."""

    store: EventStore
    endpoint: LocalEndpoint
    workspace: LocalWorkspace

    @property
    def target(self) -> Target:
        """The endpoint's rule and stream."""
        return checked_target(endpoint=self.endpoint.address, rule_id=RULE, stream=STREAM)

    @property
    def place(self) -> Place:
        """Where to read."""
        base = self.workspace.base_url
        return Place(workspace=WORKSPACE_ID, customer_id=CUSTOMER_ID, arm=base, logs=base)

    def copies(self) -> tuple[int, int]:
        """How many different events there are, and the most copies of one."""
        (row,) = self.store.query(COPIES).records()
        return int(str(row["n"])), int(str(row["m"]))


@asynccontextmanager
async def cloud_for(tenant: Any, **endpoint: Any) -> AsyncIterator[Cloud]:
    """An empty local cloud."""
    store = EventStore()
    async with (
        LocalWorkspace(tenant, store) as workspace,
        LocalEndpoint(store, rule_id=RULE, stream=STREAM, **endpoint) as local,
    ):
        yield Cloud(store=store, endpoint=local, workspace=workspace)
    store.close()


async def send(
    cloud: Cloud, planned: Planned, folder: Folder, *, asks: bool = True, pace: Pace = FAST
) -> None:
    """Sends a planned run."""
    place = cloud.place if asks else Place()
    await send_run(planned, folder.events, FixedToken(TOKEN), place=place, pace=pace, told=lambda _: None)


def plan(cloud: Cloud, folder: Folder) -> Planned:
    """A run with the times kept."""
    return plan_run(folder, cloud.target, ending=Ending.KEEP, run_id="run-1")


# Where events may go.


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://dce.westeurope-1.ingest.monitor.azure.com",
        "https://dce.westeurope-1.ingest.monitor.azure.com.example.com",
        "https://user@dce.westeurope-1.ingest.monitor.azure.com",
        "https://dce.westeurope-1.ingest.monitor.azure.com/path",
        "https://example.com",
        "http://192.0.2.1",
    ],
)
def test_an_address_that_is_no_endpoint_is_refused(endpoint: str) -> None:
    """It would be handed an access token."""
    with pytest.raises(InputRefused, match="--endpoint"):
        checked_target(endpoint=endpoint, rule_id=RULE, stream=STREAM)


def test_an_endpoint_of_azure_is_taken() -> None:
    """With or without a slash at its end."""
    address = "https://dce-x1.westeurope-1.ingest.monitor.azure.com"

    assert address == checked_target(endpoint=f"{address}/", rule_id=RULE, stream=STREAM).endpoint


def test_rules_are_allowed_by_option_and_by_file(tmp_path: Path) -> None:
    """One a line, with comments; anything else on a line is told with its number."""
    listed = tmp_path / "rules.txt"
    listed.write_text(f"# lab\n\n{RULE}  # the purple lab\n")
    other = RULE.replace("0", "f")

    assert {RULE, other} == allowed_rules([other], listed)

    listed.write_text("lab\n")
    with pytest.raises(InputRefused, match="line 1"):
        allowed_rules([], listed)


def test_a_fixed_token_never_leaves_this_machine() -> None:
    """Whatever address it is meant for."""
    with pytest.raises(InputRefused, match="--local-token"):
        credential_for(["https://management.azure.com"], local_token="x")


# Moving in time.

LAST = datetime(2025, 11, 17, 21, 30, tzinfo=UTC)
VIENNA = ZoneInfo("Europe/Vienna")


@pytest.mark.parametrize(
    ("ending", "end"),
    [
        (Ending.NOW, datetime(2026, 7, 2, 12, 0, tzinfo=UTC)),
        (Ending.SAME_HOUR, datetime(2026, 7, 1, 20, 30, tzinfo=UTC)),
        (Ending.KEEP, LAST),
    ],
)
def test_the_last_event_ends_as_asked(ending: Ending, end: datetime) -> None:
    """Now, or at its own local hour across a change of daylight saving, or where it was."""
    now = datetime(2026, 7, 2, 12, 0, tzinfo=UTC)

    assert end == LAST + shift_for(LAST, ending=ending, now=now, zone=VIENNA)


@given(st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_the_same_hour_lies_at_most_a_day_back(now: datetime) -> None:
    """And never ahead."""
    end = LAST + shift_for(LAST, ending=Ending.SAME_HOUR, now=now, zone=VIENNA)

    assert timedelta() <= now - end <= timedelta(hours=25)


def test_every_time_column_moves_by_the_same_amount() -> None:
    """Empty ones stay empty, and other columns are not touched."""
    row = dict.fromkeys(sorted(TIMES), "2025-11-17T21:00:04Z") | {"EventType": "2025-11-17", "DvcId": ""}
    row["ParentProcessCreationTime"] = ""

    moved = shifted(row, timedelta(days=1, seconds=1))

    assert {"2025-11-18T21:00:05.000000Z", ""} == {moved[name] for name in TIMES}
    assert ("2025-11-17", "") == (moved["EventType"], moved["DvcId"])


def test_a_row_carries_run_and_number_beside_what_it_had() -> None:
    """AdditionalFields may be an object or its text."""
    for before in ({"a": 1}, '{"a": 1}'):
        row = {"TimeGenerated": "2025-11-17T21:00:04Z", "AdditionalFields": before, "DvcId": ""}

        sent = marked(row, run_id="r", number=7, by=timedelta())

        assert {"a": 1, "simulationRunId": "r", "simulationRow": 7} == sent["AdditionalFields"]
        assert "DvcId" not in sent


# Batches.


@given(st.lists(st.text(st.characters(codec="ascii"), max_size=60), max_size=60), st.sets(st.integers(0, 59)))
def test_batches_hold_each_row_once_in_order_and_are_bounded(texts: list[str], skipped: set[int]) -> None:
    """Whatever is skipped, numbers and rows go together."""
    rows = [json.dumps(text) for text in texts]

    batches = list(cut_batches(iter(rows), skip=skipped.__contains__, most_bytes=500, most_rows=7))

    sent = [(batch.first + place, row) for batch in batches for place, row in enumerate(batch.rows)]
    assert [(n, row) for n, row in enumerate(rows) if n not in skipped] == sent
    assert all(len(batch.body) <= 500 and len(batch.rows) <= 7 for batch in batches)


def test_half_a_surrogate_pair_in_a_command_line_can_be_sent() -> None:
    """Attackers choose every character."""
    text = as_text({"TargetProcessCommandLine": "\ud800"})

    assert {"TargetProcessCommandLine": "\ud800"} == json.loads(Batch(first=0, rows=(text,)).body)[0]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_other_formats_give_the_same_rows(tmp_path: Path, generated: Path, kind: str) -> None:
    """What is sent does not depend on the format of the folder."""
    generate(
        3, out=tmp_path / kind, users=60, hosts=24, events=400,
        attacks="dark_halo", benign="compliance_job", format=kind,  # type: ignore[arg-type]
    )  # fmt: skip

    def sent(source: Path) -> list[dict[str, Any]]:
        rows = enumerate(read_rows(source))
        texts = [as_text(marked(row, run_id="r", number=n, by=timedelta())) for n, row in rows]
        return [{name: str(cell) for name, cell in json.loads(text).items()} for text in texts]

    assert sent(generated / "events.jsonl") == sent(tmp_path / kind / f"events.{kind}")


# The journal.


def a_journal(folder: Path) -> Journal:
    """A journal of a run of ten events."""
    run = Run(
        run_id="r", target=Target(endpoint="http://127.0.0.1:1", rule_id=RULE, stream=STREAM),
        source="events.jsonl", source_bytes=9, events=10, shift=timedelta(days=3, microseconds=7),
        ending="now", began=datetime(2026, 1, 1, tzinfo=UTC),
    )  # fmt: skip
    return Journal(path=folder / "j.jsonl", run=run)


def test_a_journal_reads_as_it_was_left(tmp_path: Path) -> None:
    """Confirmed, doubtful and refused rows, the run to the microsecond; half a last line is passed over."""
    journal = a_journal(tmp_path)
    with journal.writing():
        for rows in ((0, 3), (4, 5), (6, 9)):
            journal.sending(rows)
        journal.confirm((0, 3))
        journal.refuse((4, 5))
    with journal.path.open("a") as file:
        file.write('{"event": "confirmed", "ro')

    read = read_journal(journal.path)
    with read.writing():
        read.confirm((6, 9))

    assert journal.run == read.run
    assert ({(0, 3), (6, 9)}, set()) == (read.confirmed, read.doubtful)
    assert read.confirmed == read_journal(journal.path).confirmed
    assert [True, True, False, False, True] == [read.settled()(number) for number in (0, 3, 4, 5, 9)]


def test_another_file_is_no_journal(tmp_path: Path) -> None:
    """It is told, not torn apart."""
    (tmp_path / "j").write_text("{}\n")

    with pytest.raises(InputRefused, match="is no journal"):
        read_journal(tmp_path / "j")


# Sending.


async def test_every_event_arrives_once_with_its_run(folder: Folder) -> None:
    """The store holds what the folder holds, marked."""
    async with cloud_for(folder.tenant) as cloud:
        planned = plan(cloud, folder)
        await send(cloud, planned, folder)

        assert (400, 1) == cloud.copies()
        assert 400 == planned.journal.confirmed_rows
        (row,) = cloud.store.query(
            "ASimProcessEventLogs | where tostring(AdditionalFields.simulationRunId) == 'run-1'"
            " | extend Row = tolong(AdditionalFields.simulationRow) | summarize n = count(), m = max(Row)"
        ).records()
        assert (400, 399) == (row["n"], row["m"])


def fault(kind: FaultKind, **more: Any) -> Fault:
    """A fault of the endpoint."""
    return Fault(kind=kind, service="ingest", **more)


FAULTS = {
    "throttled": [fault(FaultKind.STATUS, status=429, retry_after="0", times=3)],
    "throttled without a time": [fault(FaultKind.STATUS, status=429, times=2, after=1)],
    "unavailable": [fault(FaultKind.STATUS, status=503, retry_after="0", times=2)],
    "too large": [fault(FaultKind.STATUS, status=413, times=1, after=2)],
    "broken before": [fault(FaultKind.RESET, times=2, after=1)],
    "answer lost": [fault(FaultKind.LOST, times=3, after=1)],
    "an error that may have arrived": [fault(FaultKind.STATUS, status=500, times=1)],
    "everything": [
        fault(FaultKind.STATUS, status=429, retry_after="0", times=1),
        fault(FaultKind.LOST, times=1, after=1),
        fault(FaultKind.STATUS, status=413, times=1, after=1),
        fault(FaultKind.RESET, times=1, after=1),
    ],
}


@pytest.mark.parametrize("faults", FAULTS.values(), ids=FAULTS)
async def test_whatever_the_service_does_nothing_is_lost_and_nothing_doubled(
    folder: Folder, faults: list[Fault]
) -> None:
    """429, 413, 503, broken connections before and after the rows were kept."""
    async with cloud_for(folder.tenant) as cloud:
        for one in faults:
            cloud.endpoint.faults.add(one)
        planned = plan(cloud, folder)

        await send(cloud, planned, folder)

        assert (400, 1) == cloud.copies()
        assert 400 == planned.journal.confirmed_rows
        assert {204} < set(cloud.endpoint.calls)


async def test_a_limit_below_ours_is_met_by_halves(folder: Folder) -> None:
    """The service's real limit decides, down to single rows."""
    async with cloud_for(folder.tenant, most_bytes=6_000) as cloud:
        await send(cloud, plan(cloud, folder), folder)

        assert (400, 1) == cloud.copies()
        assert 413 in cloud.endpoint.calls


async def test_without_a_workspace_to_ask_rows_in_doubt_are_left_and_settled_later(folder: Folder) -> None:
    """They are not sent again on a guess; --resume with a workspace settles them."""
    async with cloud_for(folder.tenant) as cloud:
        cloud.endpoint.faults.add(fault(FaultKind.LOST, times=1))
        cloud.endpoint.faults.add(fault(FaultKind.RESET, times=1, after=1))
        await send(cloud, plan(cloud, folder), folder, asks=False)

        left = read_journal(journal_path(folder.path, "run-1"))
        assert (2, 300) == (len(left.doubtful), left.confirmed_rows)

        resumed = resume_run(folder, cloud.target, run_id="run-1")
        await send(cloud, resumed, folder)

        assert (400, 1) == cloud.copies()
        assert (set(), 400) == (resumed.journal.doubtful, resumed.journal.confirmed_rows)


async def test_a_service_that_refuses_stops_the_run(folder: Folder) -> None:
    """At once, with its words, and nothing is in doubt."""
    async with cloud_for(folder.tenant) as cloud:
        cloud.endpoint.faults.add(fault(FaultKind.STATUS, status=403))
        planned = plan(cloud, folder)

        with pytest.raises(SendingStopped, match="403"):
            await send(cloud, planned, folder)

        assert (1, set()) == (len(cloud.endpoint.calls), planned.journal.doubtful)


async def test_a_service_that_never_takes_anything_is_given_up(folder: Folder) -> None:
    """After a bounded number of tries."""
    async with cloud_for(folder.tenant) as cloud:
        cloud.endpoint.faults.add(fault(FaultKind.STATUS, status=429, retry_after="0"))

        with pytest.raises(SendingStopped, match="--resume"):
            await send(cloud, plan(cloud, folder), folder)

        assert FAST.attempts == len(cloud.endpoint.calls)


async def test_calls_keep_to_the_rate(folder: Folder) -> None:
    """Eight calls at 20 a second take at least 0.35 seconds."""
    async with cloud_for(folder.tenant) as cloud:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        pace = Pace(calls_per_second=20, most_rows=50)
        await send(cloud, plan(cloud, folder), folder, pace=pace)

        assert loop.time() - begun >= 7 / 20


async def test_nobody_listening_is_no_doubt() -> None:
    """A connection that never stood carried nothing."""
    target = Target(endpoint="http://127.0.0.1:9", rule_id=RULE, stream=STREAM)
    async with Uploader(target, FixedToken(TOKEN)) as uploader:
        assert Fate.WAIT is (await uploader.upload(Batch(first=0, rows=("{}",)))).fate


# The local endpoint is as strict as the service.


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, 204),
        ({"token": "other"}, 401),
        ({"version": "2021-11-01-preview"}, 400),
        ({"path": f"/dataCollectionRules/{RULE}/streams/Custom-Other"}, 404),
        ({"content_type": "text/plain"}, 415),
        ({"body": b"{}"}, 400),
        ({"body": b"["}, 400),
        ({"body": b'[{"EventType": "ProcessCreated"}]'}, 400),
        ({"body": b"no gzip", "encoding": "gzip"}, 400),
        ({"body": b" " * (1 << 20) + b"[]"}, 413),
        ({"encoding": "br"}, 415),
    ],
)
async def test_the_local_endpoint_refuses_what_the_service_refuses(changes: Any, status: int) -> None:
    """Error bodies have a code, and x-ms-error-code says it again; 204 has no body."""
    given = {
        "token": TOKEN, "version": "2023-01-01", "content_type": "application/json", "encoding": "",
        "path": f"/dataCollectionRules/{RULE}/streams/{STREAM}",
        "body": b'[{"TimeGenerated": "2025-11-17T21:00:04Z", "EventType": "ProcessCreated", "Unknown": 1}]',
    } | changes  # fmt: skip
    store = EventStore()
    async with (
        LocalEndpoint(store, rule_id=RULE, stream=STREAM) as local,
        aiohttp.ClientSession(auto_decompress=False, headers={"User-Agent": BARE}) as session,
    ):
        headers = {"Authorization": f"Bearer {given['token']}", "Content-Type": given["content_type"]}
        headers |= {"Content-Encoding": given["encoding"]} if given["encoding"] else {}
        url = f"{local.address}{given['path']}?api-version={given['version']}"
        async with session.post(url, data=io.BytesIO(given["body"]), headers=headers) as answer:
            text = await answer.text()

    assert status == answer.status
    if status == 204:
        assert "" == text
    else:
        assert answer.headers["x-ms-error-code"] == json.loads(text)["error"]["code"]
    store.close()


@pytest.mark.skipif(not CONTRACTS.is_dir(), reason="the API contracts are not on this machine")
async def test_path_version_and_errors_are_those_of_the_api_document(folder: Folder) -> None:
    """What the SDK calls and the local endpoint answers, beside the Logs Ingestion API's document."""
    document = json.loads((CONTRACTS / "logs-ingestion.json").read_text())
    (path,) = document["paths"]
    errors = {"$ref": "#/definitions/ErrorResponse", "definitions": document["definitions"]}
    bare = aiohttp.ClientSession(headers={"User-Agent": BARE})
    async with cloud_for(folder.tenant) as cloud, bare as session:
        await send(cloud, plan(cloud, folder), folder)
        url = cloud.endpoint.address + path.format(ruleId=RULE, stream=STREAM)
        async with session.post(
            url, params={"api-version": document["info"]["version"]}, data=b"[]"
        ) as answer:
            refused = await answer.json()

    assert {204, 401} == set(cloud.endpoint.calls)
    assert {"204", "default"} == set(document["paths"][path]["post"]["responses"])
    jsonschema.validate(refused, errors)


# Killed and resumed, through the command line.


def words(cloud: Cloud, folder: Folder, *more: str) -> list[str]:
    """`ingest` of that folder to that cloud."""
    base = cloud.workspace.base_url
    return [
        "ingest", str(folder.path), "--endpoint", cloud.endpoint.address, "--rule", RULE, "--allow", RULE,
        "--end", "keep", "--workspace-id", CUSTOMER_ID, "--logs-endpoint", base, "--local-token", TOKEN,
        "--batch-bytes", "20000", "--settle-seconds", "0.5", *more,
    ]  # fmt: skip


async def simulator(*arguments: str) -> asyncio.subprocess.Process:
    """The command in a process of its own."""
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "simulator", *arguments, cwd=ROOT,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


async def finished(*arguments: str) -> tuple[int | None, Any, str]:
    """Exit status, the JSON document and stderr of a command."""
    process = await simulator(*arguments, "--json")
    out, err = await process.communicate()
    return process.returncode, json.loads(out), err.decode()


@pytest.mark.parametrize("lost", [False, True], ids=["between calls", "within a call"])
async def test_a_killed_run_is_resumed_without_losing_or_doubling(folder: Folder, lost: bool) -> None:
    """SIGKILL after a few calls, once with the answer of the last call lost."""
    async with cloud_for(folder.tenant) as cloud:
        if lost:
            cloud.endpoint.faults.add(fault(FaultKind.LOST, times=1, after=3))
        process = await simulator(*words(cloud, folder, "--yes", "--run-id", "k", "--calls-per-second", "8"))
        while len(cloud.endpoint.calls) < 4:  # noqa: ASYNC110 - another process calls
            await asyncio.sleep(0.02)
        os.kill(process.pid, signal.SIGKILL)
        await process.communicate()
        before, _ = cloud.copies()

        status, document, err = await finished(
            *words(cloud, folder, "--yes", "--resume", "k", "--calls-per-second", "50")
        )

        assert 0 < before < 400
        assert (0, 400, 0) == (status, document["confirmed"], document["inDoubt"]), err
        assert (400, 1) == cloud.copies()


async def test_a_dry_run_sends_nothing_and_says_what_it_would(folder: Folder) -> None:
    """And writes no journal."""
    async with cloud_for(folder.tenant) as cloud:
        status, document, _ = await finished(*words(cloud, folder))

        assert (0, False, 400) == (status, document["sent"], document["events"])
        assert ([], []) == (cloud.endpoint.calls, list(folder.path.parent.glob("*.ingest-*")))


def test_a_rule_that_is_on_no_list_is_not_sent_to(folder: Folder) -> None:
    """--yes alone does not do."""
    outcome = CliRunner().invoke(
        app, ["ingest", str(folder.path), "--endpoint", "http://127.0.0.1:9", "--rule", RULE, "--yes"]
    )

    assert 2 == outcome.exit_code
    assert "is on no list" in outcome.stderr


def test_a_run_is_not_begun_twice_and_not_resumed_elsewhere(folder: Folder) -> None:
    """The journal belongs to one target and one folder."""
    target = Target(endpoint="http://127.0.0.1:9", rule_id=RULE, stream=STREAM)
    planned = plan_run(folder, target, ending=Ending.KEEP, run_id="r")
    with planned.journal.writing():
        pass

    with pytest.raises(InputRefused, match="--resume r"):
        plan_run(folder, target, ending=Ending.KEEP, run_id="r")
    other = Target(endpoint="http://127.0.0.1:9", rule_id=RULE, stream="Custom-Other")
    with pytest.raises(InputRefused, match="another endpoint"):
        resume_run(folder, other, run_id="r")


# Verifying.


@pytest.fixture
def watch() -> Watch:
    """Both rules."""
    return Watch()


def raise_incident(
    cloud: Cloud, folder: Folder, truth_id: str, *, outcome: str, rule: str = "correlated"
) -> str:
    """The incident that Sentinel would make of a sequence, with what the playbook would leave on it."""
    truth = next(one for one in read_full_truths(folder.path) if one.id == truth_id)
    sighting = Sighting(
        rule=rule, host=truth.hosts[0], start=truth.first, end=truth.last,
        accounts=(account_named(truth.accounts[0]),),
    )  # fmt: skip
    gathering = Gathering(host=truth.hosts[0].lower(), sightings=(sighting,))
    created = truth.last + timedelta(minutes=5)
    closed = {
        "status": "Closed",
        "classification": "BenignPositive",
        "classification_reason": "SuspiciousButExpected",
    }
    name = cloud.workspace.create_incident(
        alerts_of(gathering, rules=Watch().rules),
        title="t",
        severity="Medium",
        created=created,
        labels=[{"labelName": f"triage-{outcome}", "labelType": "User"}] if outcome else [],
        **(closed if outcome == "closed" else {}),
    )
    if outcome:
        record = json.dumps({"v": 1, "verdict": outcome, "scenarios": [], "reasons": ["export_uncovered"]})
        cloud.workspace.add_comment(name, f"<p>x</p><code>triage-record: {record}</code>")
    return name


async def looked(
    cloud: Cloud, folder: Folder, *, seconds: float = 0.0, ending: Ending = Ending.KEEP, asks: bool = False
) -> Verified:
    """What `verify` sees."""
    planned = plan_run(folder, cloud.target, ending=Ending.KEEP, run_id="v")
    run = Run.of_document(planned.journal.run.document | {"ending": str(ending)})
    async with aiohttp.ClientSession() as session:
        reading = Reading(cloud.place, FixedToken(TOKEN), session)
        verifier = Verifier(
            reading, run, read_full_truths(folder.path), dns=folder.tenant["organisation"]["dns"], rules={}
        )
        return await verifier.wait(seconds=seconds, every=0.05, asks_arrivals=asks, told=lambda _: None)


async def test_incidents_are_told_beside_the_truth(folder: Folder) -> None:
    """By host and time; right verdicts are good, and the time to a verdict is measured."""
    async with cloud_for(folder.tenant) as cloud:
        raise_incident(cloud, folder, "A001", outcome="escalated")
        raise_incident(cloud, folder, "B001", outcome="closed")

        verified = await looked(cloud, folder, seconds=5)

    assert [("A001", "escalated"), ("B001", "closed")] == sorted(
        (one.id, str(one.outcome)) for one in verified.outcomes()
    )
    assert verified.is_good
    assert 2 == verified.figures["timeToVerdict"]["count"]  # type: ignore[index]
    assert all(one.rules == ("correlated",) for one in verified.outcomes())


@pytest.mark.parametrize(
    ("attack", "job", "ending", "good"),
    [
        ("closed", "closed", Ending.KEEP, False),
        ("escalated", "escalated", Ending.KEEP, False),
        ("escalated", "escalated", Ending.NOW, True),
        ("closed", "escalated", Ending.NOW, False),
        ("escalated", "", Ending.NOW, False),
        ("", "closed", Ending.KEEP, False),
    ],
)
async def test_a_wrong_or_missing_verdict_is_bad(
    folder: Folder, attack: str, job: str, ending: Ending, good: bool
) -> None:
    """A closed attack always; honest work left open only where its hour was kept; no verdict in time."""
    async with cloud_for(folder.tenant) as cloud:
        raise_incident(cloud, folder, "A001", outcome=attack)
        raise_incident(cloud, folder, "B001", outcome=job)

        assert good is (await looked(cloud, folder, ending=ending)).is_good


async def test_an_expected_incident_that_does_not_come_is_told(folder: Folder) -> None:
    """A rule that is switched off in the workspace."""
    async with cloud_for(folder.tenant) as cloud:
        raise_incident(cloud, folder, "B001", outcome="closed")

        verified = await looked(cloud, folder)

    assert ["A001"] == [truth.id for truth in verified.missed]
    assert not verified.is_good


async def test_events_lost_or_doubled_are_bad(folder: Folder) -> None:
    """The run id is counted in the workspace."""
    async with cloud_for(folder.tenant) as cloud:
        raise_incident(cloud, folder, "A001", outcome="escalated")
        raise_incident(cloud, folder, "B001", outcome="closed")
        rows = [
            marked(row, run_id="v", number=n, by=timedelta())
            for n, row in enumerate(read_rows(folder.events))
        ]
        cloud.store.add_process_events(rows[:-1])
        lost = await looked(cloud, folder, asks=True)
        cloud.store.add_process_events(rows[-1:])
        whole = await looked(cloud, folder, asks=True)
        cloud.store.add_process_events(rows[5:6])
        doubled = await looked(cloud, folder, asks=True)

    assert [
        Arrivals(events=399, doubled=0),
        Arrivals(events=400, doubled=0),
        Arrivals(events=400, doubled=1),
    ] == [one.arrivals for one in (lost, whole, doubled)]
    assert [False, True, False] == [one.is_good for one in (lost, whole, doubled)]


async def test_a_verdict_that_comes_later_is_waited_for_through_faults(folder: Folder) -> None:
    """429 and broken answers pass; the incident's new etag has it read again."""
    async with cloud_for(folder.tenant) as cloud:
        raise_incident(cloud, folder, "A001", outcome="escalated")
        name = raise_incident(cloud, folder, "B001", outcome="")
        for kind in (FaultKind.RESET, FaultKind.HTML, FaultKind.MALFORMED):
            cloud.workspace.faults.add(Fault(kind=kind, service="arm", times=1))
        cloud.workspace.faults.add(Fault(kind=FaultKind.STATUS, status=429, service="arm", times=2))
        waiting = asyncio.create_task(looked(cloud, folder, seconds=20))
        await asyncio.sleep(0.5)
        assert not waiting.done()
        cloud.workspace.edit_incident(
            name, status="Closed", classification="BenignPositive",
            classification_reason="SuspiciousButExpected",
            labels=[{"labelName": "triage-closed", "labelType": "User"}],
        )  # fmt: skip

        assert (await waiting).is_complete


async def test_a_workspace_that_may_not_be_read_ends_the_wait(folder: Folder) -> None:
    """403 does not pass."""
    async with cloud_for(folder.tenant) as cloud:
        cloud.workspace.faults.add(Fault(kind=FaultKind.STATUS, status=403, service="arm"))

        with pytest.raises(ReadingFailed, match="403"):
            await looked(cloud, folder, seconds=30)


async def test_pages_of_incidents_are_followed_on_the_same_host_alone(folder: Folder) -> None:
    """A link elsewhere would be handed our token."""
    async with cloud_for(folder.tenant) as cloud:
        raise_incident(cloud, folder, "A001", outcome="escalated")
        cloud.workspace.faults.add(Fault(kind=FaultKind.FOREIGN_LINK, service="arm"))

        with pytest.raises(ReadingFailed, match="another host"):
            await looked(cloud, folder, seconds=30)
        assert not [call for call in cloud.workspace.calls if call.service == "foreign"]


@pytest.mark.parametrize(("percent", "value"), [(50, 5.0), (95, 10.0), (1, 1.0)])
def test_percentiles_are_the_nearest_rank(percent: float, value: float) -> None:
    """Of one to ten."""
    assert value == percentile([float(n) for n in range(1, 11)], percent)


# The whole way: ingest, rules, function, verify.


@pytest.fixture
def no_container(monkeypatch: pytest.MonkeyPatch) -> None:
    """Microsoft's worker takes a container name for the cloud."""
    monkeypatch.delenv("CONTAINER_NAME", raising=False)


@pytest.mark.usefixtures("no_container")
async def test_ingest_then_verify_with_the_real_function(folder: Folder, tmp_path: Path) -> None:
    """Events go in over the API, the rules run on them, the function judges, and `verify` finds it good."""
    async with (
        Chain(folder.tenant) as chain,
        LocalEndpoint(chain.store, rule_id=RULE, stream=STREAM) as local,
    ):
        cloud = Cloud(store=chain.store, endpoint=local, workspace=chain.workspace)
        status, document, err = await finished(
            *words(cloud, folder, "--yes", "--run-id", "w", "--calls-per-second", "50")
        )
        assert (0, 400) == (status, document["confirmed"]), err
        base = cloud.workspace.base_url
        verifying = asyncio.create_task(
            finished(
                "verify", str(folder.path), "--run", "w", "--workspace", WORKSPACE_ID,
                "--workspace-id", CUSTOMER_ID, "--arm-endpoint", base, "--logs-endpoint", base,
                "--local-token", TOKEN, "--every-seconds", "0.5", "--wait-minutes", "1",
                "--report", str(tmp_path / "report.html"),
            )
        )  # fmt: skip
        for gathering in await asyncio.to_thread(chain.watch):
            await chain.trigger(chain.make_incident(gathering))
        await chain.drained()
        status, document, err = await verifying

    assert 0 == status, err
    summary = document["summary"]
    assert (0, 1, 1, []) == (
        summary["attacksClosed"], summary["attacks"], summary["closableClosed"], summary["missed"],
    )  # fmt: skip
    assert {"events": 400, "sent": 400, "doubled": 0} == summary["arrived"]
    assert (tmp_path / "report.html").read_text().startswith("<!DOCTYPE html>")
