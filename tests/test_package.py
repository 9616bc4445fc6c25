# ruff: noqa: S603, S607 - starts this project's own tools
"""The package that is deployed: what is in it, and that it runs where nothing else is."""

import asyncio
import json
import os
import re
import struct
import subprocess
import sys
import zipfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import RawTestServer
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
APP = (ROOT / "function_app.py").read_text()
HOST = "azure-functions-runtime"

SETTINGS = {
    "TRIAGE_WORKSPACES": (
        "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg-soc/providers"
        "/Microsoft.OperationalInsights/workspaces/law-soc=00000000-0000-0000-0000-0000000000aa"
    ),
    "TRIAGE_DOMAINS": "CONTOSO=contoso.com",
    "TRIAGE_TIME_ZONE": "Europe/Vienna",
    "TRIAGE_BUSINESS_HOURS": "Mon-Fri 07:00-19:00",
    "TRIAGE_LOCAL_TOKEN": "local",
}


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The zip, as `make package` builds it."""
    target = tmp_path_factory.mktemp("package") / "app.zip"
    command = [sys.executable, "tools/package.py", "--out", str(target)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert f"{target.stat().st_size:,} bytes" in done.stdout
    return target


@pytest.fixture(scope="module")
def unpacked(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The zip in an empty folder."""
    folder = tmp_path_factory.mktemp("app")
    with zipfile.ZipFile(package) as packed:
        packed.extractall(folder)
    return folder


def names(package: Path) -> set[str]:
    """Every file of the zip."""
    with zipfile.ZipFile(package) as packed:
        return set(packed.namelist())


def test_the_package_holds_the_app_and_nothing_else(package: Path) -> None:
    """No simulator, tests, tools, documents or deployment files; every playbook with its rule."""
    top = {name.split("/")[0] for name in names(package)}
    parts = {part for name in names(package) for part in name.split("/")[:-1]}
    rules = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("playbooks/*/rule.yaml")}

    assert {"function_app.py", "host.json", "requirements.txt", "playbooks", "__pycache__"} == top
    assert rules
    assert rules <= names(package)
    assert not {"scenarios", "sentinel", "tests"} & parts


def test_what_the_package_leaves_out_the_funcignore_leaves_out_too() -> None:
    """`azd deploy` and `func publish` go by .funcignore: what it does not name is what the package ships."""
    lines = set((ROOT / ".funcignore").read_text().split())
    ignored = lines - {".*"}
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if tracked.returncode:
        pytest.skip("not a git checkout")
    top = {line.split("/")[0].strip('"') for line in tracked.stdout.splitlines()}

    left = {name for name in top - ignored if not name.startswith(".")}
    assert {"function_app.py", "host.json", "requirements.txt", "playbooks"} == left - {"LICENSE"}
    assert {f"playbooks/*/{name}" for name in ("scenarios", "sentinel", "tests")} <= lines
    assert "playbooks/scenarios" in lines


def test_every_module_is_compiled_and_never_compared_with_its_source(package: Path) -> None:
    """Unpacking changes times, so byte code with a time in it would be thrown away at each cold start."""
    sources = {name for name in names(package) if name.endswith(".py")}
    with zipfile.ZipFile(package) as packed:
        heads = {
            name: struct.unpack("<4sI", packed.read(name)[:8])
            for name in packed.namelist()
            if name.endswith(".pyc")
        }

    assert len(sources) == len(heads)
    assert {0b01} == {flags for _, flags in heads.values()}


def test_the_same_tree_gives_the_same_bytes(package: Path, tmp_path: Path) -> None:
    """So that a digest tells whether what runs is what was reviewed."""
    again = tmp_path / "again.zip"
    subprocess.run(
        [sys.executable, "tools/package.py", "--out", str(again)], cwd=ROOT, capture_output=True, check=True
    )

    assert package.read_bytes() == again.read_bytes()


def closure(wanted: set[str]) -> Iterator[metadata.Distribution]:
    """The named distributions and what they need, as installed here."""
    open_names, seen = set(wanted), set[str]()
    while open_names:
        name = open_names.pop()
        seen.add(name)
        distribution = metadata.distribution(name)
        yield distribution
        for text in distribution.requires or ():
            needed = Requirement(text)
            if needed.marker is None or needed.marker.evaluate({"extra": ""}):
                open_names |= {needed.name.lower()} - seen


def locked() -> set[str]:
    """Names of every package in requirements.txt."""
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    return {line.partition("==")[0].partition("[")[0] for line in lines if line[:1].isalnum()}


def link(distribution: metadata.Distribution, site: Path) -> None:
    """Makes one distribution, and no other, importable from `site`."""
    for file in distribution.files or ():
        depth = 2 if file.parts[0] == "azure" else 1
        part = Path(*file.parts[:depth])
        if part.parts[0] in {"..", "__pycache__"} or len(file.parts) < depth:
            continue
        (site / part).parent.mkdir(parents=True, exist_ok=True)
        if not (site / part).exists():
            (site / part).symlink_to(Path(str(distribution.locate_file(part))))


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the locked packages and Microsoft's worker alone; no package for development."""
    site = tmp_path_factory.mktemp("site")
    for name in locked():
        link(metadata.distribution(name), site)
    for distribution in closure({HOST}):
        link(distribution, site)
    (site / "simulator").symlink_to(ROOT / "simulator")
    return site


@asynccontextmanager
async def running(app: Path, site: Path, **settings: str) -> AsyncIterator[tuple[str, str]]:
    """The packaged app on the local host, where only `site` can be imported: its address and key."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-S", "-m", "simulator.host", "--app", str(app), "--json-ready", "--no-timers"),
        cwd=app.parent,
        env={**kept, "PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1", **settings},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), 60)
        if not line:
            _, log = await process.communicate()
            pytest.fail(log.decode()[-2000:])
        ready = json.loads(line)
        declared = set(re.findall(r"^async def (\w+)\((?:req|msg|timer):", APP, re.MULTILINE))
        assert declared - {"answer"} == set(ready["functions"])
        yield ready["url"], ready["functionKey"]
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


async def asked(url: str, key: str, method: str = "GET", path: str = "health") -> tuple[int, Any]:
    """Status and JSON of one call."""
    async with aiohttp.ClientSession() as session:
        headers = {"Content-Type": "application/json"} | ({"x-functions-key": key} if key else {})
        async with session.request(method, f"{url}/api/{path}", headers=headers, data=b"{}") as answer:
            return answer.status, json.loads(await answer.read() or b"null")


async def test_without_settings_the_package_says_what_is_missing(unpacked: Path, bare: Path) -> None:
    """It is indexed with its requirements alone, and health names every missing setting at once."""
    async with running(unpacked, bare) as (url, key):
        status, document = await asked(url, key)
        refused, other = await asked(url, key, "POST", "playbooks/mailbox_export")

    assert 503 == status
    assert "not_configured" == document["error"]["code"]
    for name in ("TRIAGE_WORKSPACES", "TRIAGE_DOMAINS", "TRIAGE_TIME_ZONE", "TRIAGE_BUSINESS_HOURS"):
        assert name in document["error"]["message"]
    assert (503, "not_configured") == (refused, other["error"]["code"])


async def forbidden(_: web.BaseRequest) -> web.StreamResponse:
    """What a service answers to an identity without its role."""
    return web.json_response({"error": {"code": "Forbidden", "message": "no"}}, status=403)


async def test_with_settings_the_package_asks_every_service(unpacked: Path, bare: Path) -> None:
    """Every client can be imported: health asks each service and names what to grant."""
    async with RawTestServer(forbidden) as server:
        places = ("TRIAGE_ARM_ENDPOINT", "TRIAGE_GRAPH_ENDPOINT", "TRIAGE_LOGS_ENDPOINT")
        endpoints = dict.fromkeys(places, f"http://127.0.0.1:{server.port}")
        async with running(unpacked, bare, **SETTINGS, **endpoints) as (url, key):
            status, document = await asked(url, key)

    assert 503 == status
    assert "mailbox_export" in document["playbooks"]
    named = " ".join(check["permission"] for check in document["checks"])
    assert "Sentinel Responder" in named
    assert "User.Read.All" in named
    assert {False} == {check["works"] for check in document["checks"] if check["workspace"]}
    assert [True] == [check["works"] for check in document["checks"] if "Queue" in check["permission"]]


async def test_the_package_asks_for_its_key(unpacked: Path, bare: Path) -> None:
    """Without Entra in front, the level is `function`."""
    async with running(unpacked, bare) as (url, _):
        status, _ = await asked(url, "")

    assert 401 == status


def test_a_package_is_refused_where_python_is_not_that_of_the_app() -> None:
    """Byte code of another version would be passed over in silence."""
    others = [f"python3.{minor}" for minor in (10, 11, 12, 14)]
    found = next((path for name in others if (path := which(name))), None)
    if found is None:
        pytest.skip("no other version of Python on this machine")
    done = subprocess.run([found, "tools/package.py"], cwd=ROOT, capture_output=True, text=True, check=False)

    assert 2 == done.returncode
    assert "Python 3.13" in done.stderr


def which(name: str) -> str | None:
    """A command on the path that runs; a version manager's shim may exist and fail."""
    try:
        done = subprocess.run(
            [name, "-c", "import sys; print(sys.executable)"], capture_output=True, check=False
        )
    except FileNotFoundError:
        return None
    return done.stdout.decode().strip() if done.returncode == 0 else None
