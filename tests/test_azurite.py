"""The same app on a queue that is not ours: Azurite, Microsoft's own emulator, where Node has it.

Skipped where it is not there; `npm ci --ignore-scripts` in `tools/azurite` installs it.
"""

import asyncio
import os
import re
import shutil
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from azure.storage.queue.aio import QueueClient

from playbooks.clients.identity import Identity
from playbooks.clients.messages import QueueMessages
from playbooks.errors import SourceUnavailable
from simulator.chain.chain import Chain
from simulator.chain.folder import Folder, read_folder
from simulator.chain.results import Outcome
from simulator.generate import generate
from simulator.host.queue_service import connection_string
from simulator.organisation import FIRST_DAY

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROOT = Path(__file__).resolve().parent.parent
ENTRY = Path("node_modules/azurite/dist/src/queue/main.js")
_LISTENING = re.compile(rb"listens on (http://127\.0\.0\.1:\d+)")


def azurite() -> list[str]:
    """The command of Azurite's queue service; skips the tests where Node or the package is missing."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node is not installed")
    entry = Path(os.environ.get("AZURITE_FOLDER") or ROOT / "tools/azurite") / ENTRY
    if entry.is_file():
        return [node, str(entry)]
    pytest.skip("the npm package azurite is not installed: run `npm ci --ignore-scripts` in tools/azurite")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def endpoint(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """A running Azurite: the endpoint of its development account."""
    process = await asyncio.create_subprocess_exec(
        *azurite(),
        *("--queueHost", "127.0.0.1", "--queuePort", "0", "--inMemoryPersistence"),
        *("--skipApiVersionCheck", "--disableTelemetry", "--silent"),
        cwd=tmp_path_factory.mktemp("azurite"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(30):
            yield f"{await _address(process)}/devstoreaccount1"
    finally:
        process.terminate()
        await process.communicate()


async def _address(process: asyncio.subprocess.Process) -> str:
    """Where it says that it listens."""
    assert process.stdout is not None
    said = b""
    while line := await process.stdout.readline():
        said += line
        if found := _LISTENING.search(line):
            return found[1].decode()
    pytest.fail(f"Azurite ended: {said.decode(errors='replace')[-1000:]}")


def messages(endpoint: str, queue: str) -> QueueMessages:
    """The product's own client of a queue."""

    def no_identity() -> Identity:
        raise AssertionError("a connection string needs no identity")

    environment = {"AzureWebJobsStorage": connection_string(endpoint)}
    return QueueMessages(environment, queue_name=queue, identity=Identity(no_identity))


async def test_a_message_goes_round(endpoint: str) -> None:
    """Confirmed, without an expiry, at once or after its delay, with the text as it was."""
    sender = messages(endpoint, "round-trip")
    async with QueueClient.from_connection_string(connection_string(endpoint), "round-trip") as queue:
        await queue.create_queue()
        await sender.probe()
        await sender.send('{"v": 1}')
        await sender.send('{"v": 2}', delay_seconds=3600)

        (message,) = [one async for one in queue.receive_messages()]
        count = (await queue.get_queue_properties()).approximate_message_count
    await sender.close()

    assert ('{"v": 1}', 1) == (message.content, message.dequeue_count)
    assert message.expires_on - message.inserted_on > timedelta(days=365)
    assert 2 == count


async def test_a_queue_that_is_not_there_is_no_confirmation(endpoint: str) -> None:
    """404 is an error: nothing here makes a queue."""
    sender = messages(endpoint, "nowhere")

    with pytest.raises(SourceUnavailable, match="not confirmed"):
        await sender.send("{}")
    await sender.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """One piece of registered work and one attack."""
    out = tmp_path_factory.mktemp("azurite-day")
    start = FIRST_DAY.replace(year=FIRST_DAY.year - 1)
    generate(11, out=out, start=start, days=2, events=500, attacks="dark_halo", benign="compliance_job")
    return read_folder(out)


async def test_incidents_are_triaged_over_azurite(endpoint: str, folder: Folder) -> None:
    """From HTTP through Azurite to a close and an escalation, and the queues are empty afterwards."""
    external = {"AzureWebJobsStorage": connection_string(endpoint)}
    arguments = ("--queue", "external", "--no-timers")
    async with Chain(folder.tenant, settings=external, arguments=arguments) as chain:
        chain.load(folder)
        names = [chain.make_incident(gathering) for gathering in chain.watch()]
        for name in names:
            await chain.trigger(name)
        await chain.drained(seconds=60)
        outcomes = {chain.left(name).outcome for name in names}
        health, _ = await _get(chain)

    assert {Outcome.CLOSED, Outcome.ESCALATED} == outcomes
    assert 200 == health


async def _get(chain: Chain) -> tuple[int, object]:
    import aiohttp  # noqa: PLC0415

    async with (
        aiohttp.ClientSession(headers={"x-functions-key": chain.host.function_key}) as session,
        session.get(f"{chain.host.base_url}/api/health") as answer,
    ):
        return answer.status, await answer.json()
