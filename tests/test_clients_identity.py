"""The managed identity and the queue: no other credential, no message that is not confirmed."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from aiohttp import web
from azure.core.pipeline.transport import AioHttpTransport
from client_world import TENANT, World, new_world, settings_for

from playbooks.clients import Clients, Patience, connect
from playbooks.clients.identity import Identity
from playbooks.clients.messages import QueueMessages
from playbooks.errors import SettingsError, SourceUnavailable
from playbooks.model import Found, Unavailable
from simulator.workspace import FaultKind

KEY = base64.b64encode(b"a planted account key").decode()


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """A workspace with one incident."""
    async with new_world(TENANT) as made:
        yield made


@asynccontextmanager
async def in_the_cloud(world: World, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Clients]:
    """Clients whose tokens come from the managed identity endpoint, as on App Service."""
    monkeypatch.setenv("IDENTITY_ENDPOINT", world.workspace.identity_endpoint)
    monkeypatch.setenv("IDENTITY_HEADER", world.workspace.identity_header)
    settings = settings_for(world.workspace).model_copy(update={"local_token": ""})
    patience = Patience(repeats=0)
    async with connect(settings, {}, patience=patience) as clients:
        yield clients


async def test_the_managed_identity_serves_every_client(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One token for each service, kept for the next call."""
    async with in_the_cloud(world, monkeypatch) as clients:
        for _ in range(2):
            await clients.incidents.read(world.incident_id)
            answer = await clients.directory.user_by_upn("ann@contoso.com")
            assert isinstance(answer, Found)

    assert 2 == world.called("identity")


async def test_a_refused_token_is_replaced_by_a_new_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F20, F44: the cache of the credential would hand the same one out again."""
    async with in_the_cloud(world, monkeypatch) as clients:
        world.order(FaultKind.STATUS, status=401, service="arm", times=1)
        await clients.incidents.read(world.incident_id)

    assert 2 == world.called("identity")


async def test_without_an_identity_nothing_is_asked(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """F43: no upstream call, no other kind of credential, and the error says what to check."""
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "another credential")
    async with in_the_cloud(world, monkeypatch) as clients:
        world.order(FaultKind.STATUS, status=400, service="identity")
        with pytest.raises(SourceUnavailable, match=r"identity: .*assigned"):
            await clients.incidents.read(world.incident_id)
        answer = await clients.directory.user_by_upn("ann@contoso.com")

    assert isinstance(answer, Unavailable)
    assert (0, 0, 0) == (world.called("arm"), world.called("graph"), world.called("login"))


async def test_a_credential_is_renewed_once_a_minute_at_most() -> None:
    """A service that refuses every token does not make us ask for one each time."""
    made: list[Any] = []

    class Credential:
        async def get_token(self, *_scopes: str, **_options: Any) -> Any:
            return "token"

        async def close(self) -> None:
            made.remove(self)

    def make() -> Credential:
        made.append(Credential())
        return made[-1]

    identity = Identity(make)
    for _ in range(3):
        await identity.get_token("scope")
        await identity.renew()
    await identity.close()

    assert [] == made


def test_the_fixed_token_never_leaves_this_machine() -> None:
    """Settings refuse it unless every endpoint is on loopback."""
    with pytest.raises(SettingsError, match="LOCAL_TOKEN"):
        settings_for(_Elsewhere())  # type: ignore[arg-type]


class _Elsewhere:
    """A workspace that is not on this machine."""

    workspace_id = (
        "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg"
        "/providers/Microsoft.OperationalInsights/workspaces/law-soc"
    )
    customer_id = "00000000-0000-0000-0000-0000000000aa"
    arm_endpoint = graph_endpoint = logs_endpoint = "https://management.contoso.com"
    token = "planted"


@dataclass(slots=True)
class Storage:
    """A queue service that notes what it was sent and answers with `status`."""

    status: int = 201
    port: int = 0
    sent: list[tuple[dict[str, str], str]] = field(default_factory=list)

    @property
    def connection(self) -> str:
        """A connection string that leads here."""
        endpoint = f"http://127.0.0.1:{self.port}/devstoreaccount1"
        return (
            "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;"
            f"AccountKey={KEY};QueueEndpoint={endpoint};"
        )

    async def take(self, request: web.Request) -> web.Response:
        """Answers as the service does."""
        message = ET.fromstring(await request.text())  # noqa: S314 - our own client wrote it
        text = message.findtext("MessageText") or ""
        self.sent.append((dict(request.query), text))
        if self.status != 201:
            return web.Response(status=self.status, headers={"x-ms-error-code": "QueueNotFound"})
        date = "Mon, 18 Nov 2024 12:00:00 GMT"
        names = ("InsertionTime", "ExpirationTime", "TimeNextVisible")
        times = "".join(f"<{name}>{date}</{name}>" for name in names)
        body = f"<QueueMessage><MessageId>m</MessageId><PopReceipt>p</PopReceipt>{times}</QueueMessage>"
        text = f"<?xml version='1.0'?><QueueMessagesList>{body}</QueueMessagesList>"
        return web.Response(status=201, text=text, content_type="application/xml")


@pytest.fixture
async def storage() -> AsyncIterator[Storage]:
    """A queue service on loopback."""
    made = Storage()
    app = web.Application()
    app.router.add_post("/devstoreaccount1/triage/messages", made.take)
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.port = runner.addresses[0][1]
    yield made
    await runner.cleanup()


def queue(environment: dict[str, str]) -> QueueMessages:
    """The client of the queue `triage`."""
    return QueueMessages(
        environment, queue_name="triage", identity=Identity(lambda: pytest.fail("no token is needed"))
    )


async def test_a_message_never_expires_and_may_be_delayed(storage: Storage) -> None:
    """F07: base 64 as the Functions host reads it, no end of life, seen after the delay."""
    messages = queue({"AzureWebJobsStorage": storage.connection})
    await messages.send('{"v":1,"text":"é"}')
    await messages.send("later", delay_seconds=90)
    await messages.close()

    assert ['{"v":1,"text":"é"}', "later"] == [body for _, body in storage.sent]
    assert [("-1", "0"), ("-1", "90")] == [
        (query["messagettl"], query.get("visibilitytimeout", "0")) for query, _ in storage.sent
    ]


@pytest.mark.parametrize("status", [400, 403, 404])
async def test_a_message_that_is_not_confirmed_is_an_error(storage: Storage, status: int) -> None:
    """F01: it names the status and no key; a missing queue is never created."""
    storage.status = status
    messages = queue({"AzureWebJobsStorage": storage.connection})

    with pytest.raises(SourceUnavailable, match="queue: not confirmed") as caught:
        await messages.send("text")
    await messages.close()

    assert (status, 1) == (caught.value.status, len(storage.sent))
    assert KEY not in str(caught.value)


async def test_a_dead_queue_is_noticed_in_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """F01: the stock retry would hold the caller for half a minute; the waits between tries are counted."""
    waits: list[float] = []

    async def no_wait(_transport: AioHttpTransport, seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(AioHttpTransport, "sleep", no_wait)
    dead = Storage(port=9)
    messages = queue({"AzureWebJobsStorage": dead.connection})

    with pytest.raises(SourceUnavailable, match="queue: not confirmed"):
        await messages.send("text")
    await messages.close()

    assert 2 == len(waits)
    assert sum(waits) < 15


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({}, "none of AzureWebJobsStorage"),
        ({"AzureWebJobsStorage": f"AccountKey={KEY}"}, "cannot be read"),
        ({"AzureWebJobsStorage": KEY}, "cannot be read"),
    ],
)
async def test_a_setting_that_names_no_queue_is_an_error(environment: dict[str, str], words: str) -> None:
    """It says which setting, and not what is in it."""
    with pytest.raises(SourceUnavailable, match=words) as caught:
        await queue(environment).send("text")

    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    ("environment", "url"),
    [
        ({"AzureWebJobsStorage__accountName": "stsoc"}, "https://stsoc.queue.core.windows.net/triage"),
        ({"AzureWebJobsStorage__queueServiceUri": "https://q.contoso.com/"}, "https://q.contoso.com/triage"),
    ],
)
async def test_the_queue_may_be_reached_with_the_identity(environment: dict[str, str], url: str) -> None:
    """By account name or by address; a token travels over https alone."""
    messages = queue(environment)

    assert url == messages._client.url
    await messages.close()
