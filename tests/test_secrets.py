"""Planted secrets, searched for wherever text leaves the app: logs, comments, tasks, answers, errors."""

import base64
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest
import pytest_asyncio

from playbooks.errors import SettingsError
from playbooks.settings import PREFIX, Settings, read_settings
from simulator.chain.chain import Chain
from simulator.chain.folder import Folder, read_folder
from simulator.generate import generate
from simulator.host.queue_service import ACCOUNT_KEY
from simulator.organisation import FIRST_DAY
from simulator.workspace import Fault, FaultKind

pytestmark = pytest.mark.asyncio(loop_scope="module")

FUNCTION_KEY = "planted-function-key-Zm9vYmFy"
MASTER_KEY = "planted-master-key-cXV4cXV4"
TELEMETRY_KEY = "planted-instrumentation-key-6f1c"
CONNECTION = (
    "DefaultEndpointsProtocol=https;AccountName=planted;AccountKey=cGxhbnRlZC1hY2NvdW50LWtleS1vZi1zdG9yYWdl"
    "cGxhbnRlZA==;EndpointSuffix=core.windows.net"
)
GOOD = {
    "TRIAGE_WORKSPACES": (
        "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg-soc/providers"
        "/Microsoft.OperationalInsights/workspaces/law-soc=00000000-0000-0000-0000-0000000000aa"
    ),
    "TRIAGE_DOMAINS": "CONTOSO=contoso.com",
    "TRIAGE_TIME_ZONE": "Europe/Vienna",
    "TRIAGE_BUSINESS_HOURS": "Mon-Fri 07:00-19:00",
}
FAULTS = (
    Fault(kind=FaultKind.STATUS, status=401, times=2),
    Fault(kind=FaultKind.STATUS, status=403, service="graph", times=2),
    Fault(kind=FaultKind.STATUS, status=401, claims=True, service="graph", times=1),
    Fault(kind=FaultKind.STATUS, status=400, service="logs", times=1),
    Fault(kind=FaultKind.STATUS, status=503, retry_after="abc", service="arm", times=1),
    Fault(kind=FaultKind.REDIRECT, service="arm", times=1),
    Fault(kind=FaultKind.RESET, times=2),
    Fault(kind=FaultKind.HTML, service="graph", times=1),
    Fault(kind=FaultKind.MALFORMED, service="logs", times=1),
    Fault(kind=FaultKind.CUT_OFF, service="arm", times=1),
    Fault(kind=FaultKind.FOREIGN_LINK, service="graph", times=2),
    Fault(kind=FaultKind.FOREIGN_LINK, service="arm", times=1),
    Fault(kind=FaultKind.LOST, service="arm", method="PUT", times=1),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """Registered work and an attack."""
    out = tmp_path_factory.mktemp("secrets-day")
    start = FIRST_DAY.replace(year=FIRST_DAY.year - 1)
    generate(11, out=out, start=start, days=2, events=500, attacks="dark_halo", benign="self_export")
    return read_folder(out)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chain(folder: Folder) -> AsyncIterator[Chain]:
    """The local cloud, with keys of ours and a log that leaves nothing out."""
    planted = {
        "SIMULATOR_FUNCTION_KEY": FUNCTION_KEY,
        "SIMULATOR_MASTER_KEY": MASTER_KEY,
        "APPLICATIONINSIGHTS_CONNECTION_STRING": f"InstrumentationKey={TELEMETRY_KEY}",
    }
    arguments = ("--no-timers", "--log-level", "DEBUG")
    async with Chain(folder.tenant, settings=planted, arguments=arguments) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def outlet(chain: Chain, folder: Folder) -> dict[str, str]:
    """All text that left the app in a run full of faults, by where it went."""
    chain.load(folder)
    names = [chain.make_incident(gathering) for gathering in chain.watch()]
    answers = [
        await said(chain, "GET", "health"),
        await said(chain, "POST", "playbooks/mailbox_export?code=x"),
    ]
    for fault in FAULTS:
        chain.workspace.faults.add(fault)
    answers += [await said(chain, "GET", "health")]
    for name in names:
        body = chain.workspace.trigger_body(name)
        answers.append(await said(chain, "POST", "playbooks/mailbox_export/preview", body))
        answers.append(await said(chain, "POST", "playbooks/mailbox_export", body))
    await chain.drained(seconds=100)
    statuses = {call.status for call in chain.workspace.calls}
    assert {0, 302, 400, 401, 403, 503} <= statuses
    left = [chain.workspace.incident(name) for name in names]
    return {
        "log": chain.host.log,
        "answers": "\n".join(answers),
        "comments": json.dumps([one["comments"] for one in left]),
        "tasks": json.dumps([one["tasks"] for one in left]),
        "incidents": json.dumps([one["properties"] for one in left]),
    }


async def said(chain: Chain, method: str, path: str, document: Any = None) -> str:
    """Headers and body of an answer."""
    async with (
        aiohttp.ClientSession(headers={"x-functions-key": FUNCTION_KEY}) as session,
        session.request(method, f"{chain.host.base_url}/api/{path}", json=document or {}) as answer,
    ):
        return f"{dict(answer.headers)} {await answer.text()}"


def spellings(secret: str) -> Iterator[str]:
    """A secret as it stands, and as it looks on the wire."""
    yield secret
    yield quote(secret, safe="")
    yield base64.b64encode(secret.encode()).decode().rstrip("=")
    yield json.dumps(secret)[1:-1]


@pytest.mark.parametrize("place", ["log", "answers", "comments", "tasks", "incidents"])
async def test_no_planted_secret_leaves_the_app(chain: Chain, outlet: dict[str, str], place: str) -> None:
    """I15: neither token nor key, in any spelling, whatever failed; nor any authorization header."""
    assert len(outlet[place]) > 100
    for secret in (chain.workspace.token, FUNCTION_KEY, MASTER_KEY, TELEMETRY_KEY, ACCOUNT_KEY):
        for spelling in spellings(secret):
            assert spelling not in outlet[place]
    for header in ("Bearer ", "SharedKey ", "x-functions-key:", "AccountKey"):
        assert header not in outlet[place]


async def test_the_log_names_neither_queries_nor_people(outlet: dict[str, str], folder: Folder) -> None:
    """No query string, no query text, no body; a person's address is none of the log's business."""
    people = [user["userPrincipalName"] for user in folder.tenant["users"]]

    assert "finished" in outlet["log"]
    for text in ("$filter", "%24filter", "api-version=", "_Im_ProcessCreate", "let start", *people):
        assert text not in outlet["log"]


async def test_the_log_of_a_debugging_run_would_show_a_secret(chain: Chain) -> None:
    """The search finds what is there: the host's log holds text of every call at this level."""
    assert "DEBUG" in chain.host.log


@pytest.mark.parametrize("name", sorted(PREFIX + field.upper() for field in Settings.model_fields))
async def test_a_secret_in_the_wrong_setting_is_not_repeated(name: str) -> None:
    """Whoever pastes a connection string into another setting is told which one, and not what."""
    for secret in (CONNECTION, FUNCTION_KEY):
        for problem in problems({**GOOD, name: secret}):
            assert name in problem
            assert not [part for part in (secret, *secret.split(";")) if part in problem]
            assert "cGxhbnRlZC1hY2NvdW50" not in problem


def problems(environment: dict[str, str]) -> tuple[str, ...]:
    """What is wrong with these settings."""
    try:
        read_settings(environment)
    except SettingsError as error:
        return error.problems
    return ()


async def test_many_settings_refuse_a_secret() -> None:
    """Otherwise the test above looks at nothing."""
    refusing = [
        name for name in Settings.model_fields if problems({**GOOD, PREFIX + name.upper(): CONNECTION})
    ]

    assert len(refusing) >= 12
