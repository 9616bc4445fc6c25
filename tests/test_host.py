"""The local Functions host, on a small app with every kind of trigger, and on the real queue SDK."""

import asyncio
import base64
import io
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.storage.queue import QueueClient as SyncQueueClient
from azure.storage.queue import TextBase64EncodePolicy
from azure.storage.queue.aio import QueueClient, QueueServiceClient

from simulator.host import (
    FunctionsHost,
    HostError,
    HostOptions,
    HostProcess,
    HostSettingsError,
    HostStopped,
    IndexingError,
    QueueService,
    QueueStore,
    StorageRefusal,
    connection_string,
)
from simulator.host.schedule import parse_schedule
from simulator.host.settings import load_settings, parse_time_span

APP = Path(__file__).parent / "host_app"


@pytest.fixture
async def host() -> AsyncIterator[FunctionsHost]:
    """Run the test app in this process, on a queue in memory."""
    async with FunctionsHost(APP) as running:
        yield running


@pytest.fixture
async def web(host: FunctionsHost) -> AsyncIterator[aiohttp.ClientSession]:
    """Call the running host."""
    async with aiohttp.ClientSession(host.base_url) as session:
        yield session


@pytest.fixture
async def queue(host: FunctionsHost) -> AsyncIterator[QueueClient]:
    """Speak to the queue `plain`, which triggers nothing, with Microsoft's SDK."""
    client = QueueClient.from_connection_string(
        connection_string(host.queue_endpoint), "plain", retry_total=0
    )
    async with client:
        yield client


def seen() -> dict[str, list[dict[str, Any]]]:
    """What the functions of the test app saw, in this process."""
    notes: dict[str, list[dict[str, Any]]] = sys.modules["function_app"].SEEN
    return notes


async def until(holds: Callable[[], object]) -> None:
    """Wait until something holds, at most 2 seconds."""
    async with asyncio.timeout(2):
        while not holds():  # noqa: ASYNC110 - what is waited for happens inside the app
            await asyncio.sleep(0.01)


def encoded(**order: object) -> str:
    """Write an order as the host expects it on a queue."""
    return base64.b64encode(json.dumps(order).encode()).decode()


def app_with(folder: Path, code: str, *, host_json: str = '{"version": "2.0"}') -> Path:
    """Write an app of one module into `folder`."""
    (folder / "host.json").write_text(host_json, encoding="utf-8")
    head = "import azure.functions as func\napp = func.FunctionApp()\n"
    (folder / "function_app.py").write_text(head + code, encoding="utf-8")
    return folder


async def test_every_function_is_indexed(host: FunctionsHost, web: aiohttp.ClientSession) -> None:
    """The worker library finds every function, and the status page names them."""
    names = ("broken", "item", "orders", "orders_poison", "owner", "slow", "special", "tick")

    status = await (await web.get("/admin/host/status")).json()

    assert names == host.functions
    assert ("Running", list(names)) == (status["state"], list(status["functions"]))


async def test_route_carries_everything_through(host: FunctionsHost, web: aiohttp.ClientSession) -> None:
    """Route value, query, headers and body arrive; status, headers and body of the answer come back."""
    headers = {"x-functions-key": host.keys.function, "X-Agent": "test"}

    async with web.post("/API/Items/a%20b%2Fc?x=1&x=2", data=b"123", headers=headers) as answer:
        body = await answer.json()

    expected = {"item": "a b/c", "method": "POST", "query": {"x": "1,2"}, "length": 3, "agent": "test"}
    assert (201, "yes", "application/json") == (
        answer.status,
        answer.headers["X-Seen"],
        answer.headers["Content-Type"],
    )
    assert expected == body


async def test_body_above_one_mebibyte_is_passed_on(host: FunctionsHost, web: aiohttp.ClientSession) -> None:
    """A body of 5 MiB reaches the function whole."""
    headers = {"x-functions-key": host.keys.function}

    async with web.post("/api/items/big", data=io.BytesIO(b"x" * (5 << 20)), headers=headers) as answer:
        assert 5 << 20 == (await answer.json())["length"]


async def test_fixed_route_wins_over_a_parameter(web: aiohttp.ClientSession) -> None:
    """The more exact route answers, also from a synchronous function, with its cookie."""
    async with web.get("/api/items/special") as answer:
        assert (200, "special 0") == (answer.status, await answer.text())
    assert "1" == answer.cookies["visit"].value


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/api/nothing"),
        ("GET", "/items/1"),
        ("DELETE", "/api/items/1"),
        ("GET", "/api/items"),
    ],
)
async def test_unknown_path_or_method_is_404(web: aiohttp.ClientSession, method: str, path: str) -> None:
    """What no function answers is 404 with an empty body, a wrong method included."""
    async with web.request(method, path) as answer:
        assert (404, b"") == (answer.status, await answer.read())


async def test_function_key_is_asked_for(host: FunctionsHost, web: aiohttp.ClientSession) -> None:
    """A function-level route opens to the key in the header or the query, and to the master key; else 401."""
    keys = host.keys

    async def status(path: str, key: str | None = None) -> int:
        headers = {"x-functions-key": key} if key else {}
        return (await web.get(path, headers=headers)).status

    assert 401 == await status("/api/items/1")
    assert 401 == await status("/api/items/1", "wrong é")
    assert 401 == await status("/api/items/1?code=wrong")
    assert 201 == await status(f"/api/items/1?code={keys.function}")
    assert 201 == await status("/api/items/1", keys.master)
    assert 401 == await status("/api/owner", keys.function)
    assert 200 == await status("/api/owner", keys.master)


async def test_unhandled_error_is_500_without_a_word(
    web: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    """What a function raises is logged, and the caller gets an empty 500."""
    async with web.get("/api/broken") as answer:
        assert (500, b"") == (answer.status, await answer.read())
    assert "planted secret GET" in caplog.text


async def test_function_that_outlives_its_limit_fails(web: aiohttp.ClientSession) -> None:
    """The functionTimeout of host.json cuts a function off."""
    async with web.get("/api/slow") as answer:
        assert 500 == answer.status


async def test_message_is_worked_off_and_deleted(host: FunctionsHost) -> None:
    """A function that returns leaves nothing on the queue, and saw the message's own facts."""
    message = host.queue.put("orders", encoded(name="one"), life=None)

    await host.drained()

    (order,) = seen()["orders"]
    assert (message.id, 1, "one") == (order["id"], order["count"], order["name"])
    assert message.inserted.replace(microsecond=0) == order["inserted"]
    assert [] == host.queue.messages("orders-poison")


async def test_failed_message_is_delivered_again(host: FunctionsHost) -> None:
    """A message whose function raised comes back with a higher delivery count."""
    host.queue.put("orders", encoded(name="one", failures=2))

    await host.drained()

    assert [1, 2, 3] == [order["count"] for order in seen()["orders"]]
    assert [] == seen()["poison"]


async def test_message_that_always_fails_goes_to_poison(host: FunctionsHost) -> None:
    """After maxDequeueCount deliveries the poison function gets the same body."""
    host.queue.put("orders", encoded(name="one", failures=99))

    await host.drained()

    assert [1, 2, 3] == [order["count"] for order in seen()["orders"]]
    (poison,) = seen()["poison"]
    assert (1, "one") == (poison["count"], json.loads(poison["body"])["name"])


async def test_poison_copy_lives_seven_days(host: FunctionsHost) -> None:
    """The poison copy has the service's default life, as in Azure, and what fails there stays hidden."""
    host.queue.put("orders", encoded(name="stubborn", failures=99), life=None)

    with pytest.raises(TimeoutError, match="orders-poison"):
        await host.drained(timeout=0.5)

    (poison,) = host.queue.messages("orders-poison")
    assert timedelta(days=7) == poison.expires - poison.inserted
    assert 1 == len(seen()["poison"])
    assert poison.visible - datetime.now(UTC) > timedelta(minutes=9)


async def test_poison_function_is_not_run_beyond_the_limit() -> None:
    """On a poison queue a message is kept beyond maxDequeueCount deliveries, but no function sees it."""
    async with FunctionsHost(APP, options=HostOptions(lease=timedelta(seconds=0.1))) as host:
        host.queue.put("orders-poison", encoded(name="stubborn"))
        await until(lambda: host.queue.messages("orders-poison")[0].dequeue_count > 4)
        assert [1, 2, 3] == [poison["count"] for poison in seen()["poison"]]


async def test_undecodable_message_goes_to_poison_unseen(host: FunctionsHost) -> None:
    """Text that is not base64 is moved untouched, runs no function, and stays on the poison queue."""
    host.queue.put("orders", '{"plain": "text"}')

    await host.drained(["orders"])
    await asyncio.sleep(0.1)

    assert {"orders": [], "poison": []} == {name: seen()[name] for name in ("orders", "poison")}
    assert ['{"plain": "text"}'] == [message.text for message in host.queue.messages("orders-poison")]


async def test_plain_text_is_read_where_host_json_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """With messageEncoding none the function gets the text as it was sent."""
    monkeypatch.setenv("AzureFunctionsJobHost__extensions__queues__messageEncoding", "none")
    async with FunctionsHost(APP) as host:
        host.queue.put("orders", '{"name": "plain"}')
        await host.drained()
        assert ["plain"] == [order["name"] for order in seen()["orders"]]


async def test_delayed_message_waits(host: FunctionsHost) -> None:
    """A message is not delivered before its time, and promptly after it."""
    host.queue.put("orders", encoded(name="later"), delay=timedelta(seconds=0.3))
    await asyncio.sleep(0.15)
    early = list(seen()["orders"])

    await host.drained()

    assert ([], 1) == (early, len(seen()["orders"]))


async def test_lease_is_renewed_while_the_function_runs() -> None:
    """A function that runs longer than its lease is not run twice at once, and its message is deleted."""
    async with FunctionsHost(APP, options=HostOptions(lease=timedelta(seconds=0.2))) as host:
        host.queue.put("orders", encoded(name="long", seconds=0.6))
        await host.drained()
        assert 1 == len(seen()["orders"])


async def test_retry_delay_follows_the_override(monkeypatch: pytest.MonkeyPatch) -> None:
    """The host's own variables override host.json: a failed message stays hidden for visibilityTimeout."""
    monkeypatch.setenv("azurefunctionsjobhost__EXTENSIONS__queues__visibilityTimeout", "01:00:00")
    async with FunctionsHost(APP) as host:
        host.queue.put("orders", encoded(name="one", failures=1))
        await until(lambda: seen()["orders"])
        with pytest.raises(TimeoutError):
            await host.drained(timeout=0.2)
        (message,) = host.queue.messages("orders")
        assert message.visible - datetime.now(UTC) > timedelta(minutes=59)


async def test_last_failure_goes_to_poison_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The retry delay does not hold back a message that has no delivery left."""
    monkeypatch.setenv("AzureFunctionsJobHost__extensions__queues__visibilityTimeout", "01:00:00")
    monkeypatch.setenv("AzureFunctionsJobHost__extensions__queues__maxDequeueCount", "1")
    async with FunctionsHost(APP) as host:
        host.queue.put("orders", encoded(name="one", failures=99))
        await host.drained(timeout=2)
        assert (1, 1) == (len(seen()["orders"]), len(seen()["poison"]))


async def test_many_messages_run_side_by_side(host: FunctionsHost) -> None:
    """Three hundred messages of 20 ms each take far less than one after the other, and each runs once."""
    for number in range(300):
        host.queue.put("orders", encoded(name=str(number), seconds=0.02))
    started = asyncio.get_running_loop().time()

    await host.drained()

    assert {str(number) for number in range(300)} == {order["name"] for order in seen()["orders"]}
    assert 300 == len(seen()["orders"])
    assert asyncio.get_running_loop().time() - started < 4


async def test_functions_start_by_hand(host: FunctionsHost, web: aiohttp.ClientSession) -> None:
    """The admin path runs a queue or timer function with the master key only."""
    master = {"x-functions-key": host.keys.master}
    order = {"input": json.dumps({"name": "by hand"})}

    assert 401 == (await web.post("/admin/functions/tick", json={}, headers={"x-functions-key": "no"})).status
    assert 404 == (await web.post("/admin/functions/nobody", json={}, headers=master)).status
    assert 400 == (await web.post("/admin/functions/tick", data=b"[", headers=master)).status
    assert 202 == (await web.post("/admin/functions/tick", json={}, headers=master)).status
    assert 202 == (await web.post("/admin/functions/orders", json=order, headers=master)).status
    await host.drained()

    assert [{"past_due": False}] == seen()["timer"]
    assert [("by hand", 1)] == [(order["name"], order["count"]) for order in seen()["orders"]]


async def test_timer_runs_on_its_schedule() -> None:
    """A timer due every second runs within two, where timers are on."""
    async with FunctionsHost(APP, timers=True):
        await until(lambda: seen()["timer"])


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("0 */5 * * * *", "2026-02-28T10:35:00"),
        ("30 0 0 29 2 *", "2028-02-29T00:00:30"),
        ("0 30 9 * * 1-5", "2026-03-02T09:30:00"),
        ("0 0 0 13 * FRI", "2026-03-13T00:00:00"),
        ("0 0 9-17/4 * jan,mar *", "2026-03-01T09:00:00"),
        ("45 10 * * *", "2026-03-01T10:45:00"),
        ("* * * * * *", "2026-02-28T10:30:16"),
        ("5/20 * * * * *", "2026-02-28T10:30:25"),
    ],
)
def test_schedule_finds_the_next_occurrence(expression: str, expected: str) -> None:
    """NCRONTAB: steps, ranges, lists, names, leap days; day and weekday must both hold."""
    now = datetime(2026, 2, 28, 10, 30, 15, 900, tzinfo=UTC)
    if expression == "45 10 * * *":
        now += timedelta(minutes=15)

    assert datetime.fromisoformat(expected).replace(tzinfo=UTC) == parse_schedule(expression).next_after(now)


@pytest.mark.parametrize(
    "expression", ["", "0 0 0", "60 * * * * *", "0 0 0 30 2 *", "0 5-1 * * * *", "0 */0 * * * *"]
)
def test_schedule_that_cannot_be_meant_is_refused(expression: str) -> None:
    """A bad field, and a date that never comes, are errors when the app is loaded."""
    with pytest.raises(ValueError, match=r"."):
        parse_schedule(expression)


async def test_sdk_round_trip(queue: QueueClient) -> None:
    """Microsoft's client creates, sends, peeks, takes, extends, counts, deletes and clears; times are UTC."""
    await queue.create_queue(metadata={"owner": "soc"})
    sent = await queue.send_message("a < b & \n\N{SNOWMAN}", time_to_live=-1)
    (peeked,) = await queue.peek_messages()
    taken = await queue.receive_message(visibility_timeout=60)
    assert taken is not None
    longer = await queue.update_message(taken, visibility_timeout=120, content="changed")
    properties = await queue.get_queue_properties()
    again = await queue.receive_message()
    await queue.delete_message(longer)
    await queue.send_message("x")
    await queue.clear_messages()

    assert 9999 == sent.expires_on.year
    assert ("a < b & \n\N{SNOWMAN}", 0) == (peeked.content, peeked.dequeue_count)
    assert (sent.id, 1, None) == (taken.id, taken.dequeue_count, again)
    assert longer.next_visible_on - datetime.now(UTC) > timedelta(seconds=110)
    assert (1, {"owner": "soc"}) == (properties.approximate_message_count, properties.metadata)
    assert 0 == (await queue.get_queue_properties()).approximate_message_count


async def test_sdk_sees_a_delayed_message_late(queue: QueueClient) -> None:
    """A message sent with a visibility timeout is counted at once and delivered later."""
    await queue.create_queue()
    sent = await queue.send_message("later", visibility_timeout=3600)

    assert await queue.receive_message() is None
    assert 1 == (await queue.get_queue_properties()).approximate_message_count
    assert sent.next_visible_on - datetime.now(UTC) > timedelta(minutes=59)


async def test_sdk_errors_carry_the_services_codes(queue: QueueClient) -> None:
    """Each refusal arrives as the SDK's own error with the documented code."""
    with pytest.raises(ResourceNotFoundError) as absent:
        await queue.send_message("x")
    await queue.create_queue()
    with pytest.raises(ResourceExistsError) as doubled:
        await queue.create_queue(metadata={"other": "1"})
    sent = await queue.send_message("x")
    taken = await queue.receive_message(visibility_timeout=60)
    assert taken is not None
    with pytest.raises(HttpResponseError) as stale:
        await queue.delete_message(sent.id, sent.pop_receipt)
    await queue.delete_message(taken)
    with pytest.raises(ResourceNotFoundError) as gone:
        await queue.delete_message(taken)
    with pytest.raises(HttpResponseError) as outside:
        await queue.receive_message(visibility_timeout=8 * 24 * 3600)
    with pytest.raises(HttpResponseError) as huge:
        await queue.send_message("x" * 65537)

    refusals = [absent, doubled, stale, gone, outside, huge]
    codes = ["QueueNotFound", "QueueAlreadyExists", "PopReceiptMismatch", "MessageNotFound"]
    codes += ["OutOfRangeQueryParameterValue", "RequestBodyTooLarge"]
    assert [404, 409, 400, 404, 400, 413] == [refusal.value.status_code for refusal in refusals]
    assert codes == [
        getattr(refusal.value.error_code, "value", refusal.value.error_code) for refusal in refusals
    ]


async def test_sdk_creating_a_queue_twice_says_so(host: FunctionsHost) -> None:
    """A queue that exists answers 204, which the SDK reports as QueueAlreadyExists; the list shows it."""
    connection = connection_string(host.queue_endpoint)
    async with QueueServiceClient.from_connection_string(connection) as service:
        with pytest.raises(ResourceExistsError):
            await service.create_queue("orders")
        assert ["orders", "orders-poison"] == [found.name async for found in service.list_queues()]


async def test_call_without_the_account_is_refused(host: FunctionsHost) -> None:
    """A queue call must be signed for the development account."""
    async with aiohttp.ClientSession() as session:
        url = f"{host.queue_endpoint}/orders/messages"
        unsigned = await session.get(url)
        foreign = await session.get(url, headers={"Authorization": "SharedKey contoso:c2ln"})

    assert [401, 403] == [unsigned.status, foreign.status]
    assert "AuthenticationFailed" == foreign.headers["x-ms-error-code"]


async def test_synchronous_sdk_reaches_a_trigger(host: FunctionsHost) -> None:
    """What the synchronous client sends, encoded as the host expects, starts the function."""
    client = SyncQueueClient.from_connection_string(
        connection_string(host.queue_endpoint), "orders", message_encode_policy=TextBase64EncodePolicy()
    )
    with client:
        await asyncio.to_thread(client.send_message, '{"name": "sent"}', time_to_live=-1)

    await host.drained()

    assert ["sent"] == [order["name"] for order in seen()["orders"]]


async def test_external_queue_is_polled_through_the_sdk(monkeypatch: pytest.MonkeyPatch) -> None:
    """With an external queue the same rules hold: redelivery, poison, deletion."""
    store = QueueStore()
    async with QueueService(store) as service:
        monkeypatch.setenv("AzureWebJobsStorage", connection_string(service.endpoint))
        async with FunctionsHost(APP, options=HostOptions(external=True)) as host:
            store.put("orders", encoded(name="good"))
            store.put("orders", encoded(name="bad", failures=99))
            await host.drained()
            assert {"good": 1, "bad": 3} == {
                name: sum(order["name"] == name for order in seen()["orders"]) for name in ("good", "bad")
            }
            assert ["bad"] == [json.loads(poison["body"])["name"] for poison in seen()["poison"]]
            with pytest.raises(HostError, match="external"):
                host.queue.queues()
    store.close()


def test_leased_message_expires_and_its_receipt_ages() -> None:
    """Life and lease follow the clock: an old receipt is refused, an expired message is gone."""
    now = [1_000_000.0]
    store = QueueStore(clock=lambda: now[0])
    store.create_queue("plain")
    store.put("plain", "x", life=timedelta(seconds=100))
    (first,) = store.lease("plain", count=32, lease=timedelta(seconds=10))
    assert [] == store.lease("plain", count=32, lease=timedelta(seconds=10))
    now[0] += 10
    (second,) = store.lease("plain", count=32, lease=timedelta(seconds=10))
    with pytest.raises(StorageRefusal, match="receipt"):
        store.delete("plain", first.id, first.pop_receipt)
    now[0] += 90

    assert (1, 2) == (first.dequeue_count, second.dequeue_count)
    assert [] == store.messages("plain")
    assert [] == store.lease("plain", count=1, lease=timedelta(seconds=10))
    store.close()


@pytest.mark.parametrize(
    ("binding", "signature"),
    [
        ("route()", "lost(other: func.HttpRequest) -> str"),
        ("route('x/{a:int}')", "typed(req: func.HttpRequest) -> str"),
        ("timer_trigger(arg_name='t', schedule='60 * * * * *')", "late(t: func.TimerRequest) -> None"),
        ("queue_trigger('m', queue_name='Big_Q', connection='')", "big(m: func.QueueMessage) -> None"),
        ("queue_trigger('m', queue_name='%GONE%', connection='')", "unset(m: func.QueueMessage) -> None"),
        ("queue_trigger('m', queue_name='abc', connection='')", "kind(m: func.TimerRequest) -> None"),
        ("blob_trigger('b', path='a/b', connection='')", "blob(b: func.InputStream) -> None"),
    ],
)
async def test_bad_binding_names_its_function(tmp_path: Path, binding: str, signature: str) -> None:
    """An app that Azure or this host cannot run is refused with the function's name."""
    folder = app_with(tmp_path, f"@app.{binding}\ndef {signature}: ...\n")
    named = signature.partition("(")[0]

    with pytest.raises(IndexingError) as refused:
        async with FunctionsHost(folder):
            pass

    assert named == refused.value.function
    assert named in str(refused.value)


async def test_taken_port_or_unusable_file_is_told(host: FunctionsHost, tmp_path: Path) -> None:
    """A port in use and a queue file that is no database are errors in words."""
    (tmp_path / "queue.db").write_bytes(b"no database" * 200)

    with pytest.raises(HostError, match="Port"):
        async with QueueService(host.queue, port=int(host.base_url.rpartition(":")[2])):
            pass
    with pytest.raises(HostError, match=r"queue\.db"):
        QueueStore(tmp_path / "queue.db")


async def test_app_that_cannot_be_imported_says_where(tmp_path: Path) -> None:
    """An error while the module loads is reported with its file and line."""
    with pytest.raises(IndexingError, match=r"planted.*function_app\.py.*line 3"):
        async with FunctionsHost(app_with(tmp_path, "raise RuntimeError('planted')\n")):
            pass


async def test_host_leaves_the_process_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """Environment, import path and modules are put back; CONTAINER_NAME is hidden; one host at a time."""
    monkeypatch.setenv("CONTAINER_NAME", "box")
    before = (dict(os.environ), list(sys.path), "function_app" in sys.modules)
    async with FunctionsHost(APP):
        assert "CONTAINER_NAME" not in os.environ
        with pytest.raises(HostError, match="HostProcess"):
            async with FunctionsHost(APP):
                pass

    assert before == (dict(os.environ), list(sys.path), "function_app" in sys.modules)


def test_settings_have_the_hosts_defaults(tmp_path: Path) -> None:
    """An empty host.json means what the host's documentation says."""
    settings = load_settings(app_with(tmp_path, ""), {})

    queues = settings.queues
    assert ("api", timedelta(minutes=30)) == (settings.route_prefix, settings.function_timeout)
    assert (16, 8, 5) == (queues.batch_size, queues.new_batch_threshold, queues.max_dequeue_count)
    assert (timedelta(0), True) == (queues.visibility_timeout, queues.base64)


def test_settings_problems_are_listed_together(tmp_path: Path) -> None:
    """Every unusable value is named at once, whether from host.json or from a variable."""
    host_json = '{"version": "2.0", "functionTimeout": "soon", "extensions": {"queues": {"batchSize": 33}}}'
    folder = app_with(tmp_path, "", host_json=host_json)

    with pytest.raises(HostSettingsError) as refused:
        load_settings(folder, {"AzureFunctionsJobHost__extensions__queues__maxDequeueCount": "many"})

    assert 3 == len(refused.value.problems)


@pytest.mark.parametrize(
    ("text", "seconds"), [("00:00:30", 30), ("1.00:00:00", 86400), ("00:00:00.25", 0.25)]
)
def test_time_spans_are_dot_nets(text: str, seconds: float) -> None:
    """Time spans of host.json: hours, minutes and seconds, with days in front and a fraction behind."""
    assert timedelta(seconds=seconds) == parse_time_span(text)


async def test_killed_host_loses_nothing(tmp_path: Path) -> None:
    """Messages in hand and waiting at a kill -9 are all worked off by the next host on the same file."""
    ledger = tmp_path / "ledger"
    settings: dict[str, Any] = {
        "env": {"HOST_APP_LEDGER": str(ledger), "CONTAINER_NAME": "box"},
        "queue_file": tmp_path / "queue.db",
        "log_file": tmp_path / "log",
        "arguments": ("--lease", "1", "--no-timers"),
    }
    async with HostProcess(APP, **settings) as host:
        client = QueueClient.from_connection_string(
            connection_string(host.queue_endpoint), "orders", message_encode_policy=TextBase64EncodePolicy()
        )
        async with client:
            for number in range(60):
                await client.send_message(json.dumps({"name": str(number), "seconds": 0.05}))
        await host.kill()
        assert -9 == host.returncode
    worked_off = len(ledger.read_text().split()) if ledger.exists() else 0
    async with HostProcess(APP, **settings) as host:
        await host.drained(timeout=10)
        await host.stop()
        assert 0 == host.returncode

    assert worked_off < 60
    assert {str(number) for number in range(60)} == set(ledger.read_text().split())


async def test_process_answers_with_its_keys(tmp_path: Path) -> None:
    """The ready line names address and keys; the log goes to its file, with what functions print."""
    folder = shutil.copytree(APP, tmp_path / "app")
    code = (folder / "function_app.py").read_text()
    (folder / "function_app.py").write_text("print('printed while loading')\n" + code)
    async with HostProcess(folder, log_file=tmp_path / "log", arguments=("--no-timers",)) as host:
        async with aiohttp.ClientSession(host.base_url) as session:
            headers = {"x-functions-key": host.function_key}
            assert 201 == (await session.get("/api/items/1", headers=headers)).status
            assert 401 == (await session.get("/admin/queues", headers=headers)).status
        await host.drained(timeout=2)

    assert 0 == host.returncode
    assert "printed while loading" in host.log
    assert host.function_key not in host.log


async def test_process_refuses_a_bad_app(tmp_path: Path) -> None:
    """A bad binding ends the process with status 2 and one sentence, without a traceback."""
    host = HostProcess(app_with(tmp_path, "@app.route()\ndef lost(x: func.HttpRequest) -> str: ...\n"))

    with pytest.raises(HostStopped, match="Function 'lost'"):
        await host.start()

    assert 2 == host.returncode
    assert "Traceback" not in host.log
    host.log_file.unlink()


async def test_the_queues_are_told_once_they_are_drained(tmp_path: Path) -> None:
    """`/admin/queues?wait=…` holds its answer back until nothing is left, or until the time is up."""
    ledger = {"HOST_APP_LEDGER": str(tmp_path / "ledger")}
    async with (
        HostProcess(APP, env=ledger, log_file=tmp_path / "log", arguments=("--no-timers",)) as host,
        aiohttp.ClientSession(host.base_url) as session,
    ):
        headers = {"x-functions-key": host.master_key}
        assert 400 == (await session.get("/admin/queues?wait=soon", headers=headers)).status
        client = QueueClient.from_connection_string(
            connection_string(host.queue_endpoint), "orders", message_encode_policy=TextBase64EncodePolicy()
        )
        async with client:
            await client.send_message(json.dumps({"name": "late", "seconds": 0.3}))
            early = await (await session.get("/admin/queues?wait=0.05", headers=headers)).json()
            drained = await (await session.get("/admin/queues?wait=9&queue=orders", headers=headers)).json()

    assert 0 < early["queues"]["orders"]["visible"] + early["queues"]["orders"]["invisible"]
    assert {"visible": 0, "invisible": 0, "running": 0} == drained["queues"]["orders"]
