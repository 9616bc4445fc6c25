# ruff: noqa: S603, S607 - starts this project's own tools
"""The package that is deployed: what is in it, and that it runs where nothing else is."""

import asyncio
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import zipfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, closing
from importlib import metadata
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import RawTestServer
from packaging.requirements import Requirement

from simulator.catalogues import family
from simulator.chain.alerts import alerts_of
from simulator.chain.folder import Folder, read_folder
from simulator.chain.settings import settings_for
from simulator.chain.sightings import Watch
from simulator.eventstore import EventStore
from simulator.generate import generate
from simulator.organisation import FIRST_DAY
from simulator.workspace import LocalWorkspace
from tools.trim_sdk import SDK, TrimError, reached, trim

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


async def asked(
    url: str, key: str, method: str = "GET", path: str = "health", body: bytes = b"{}"
) -> tuple[int, Any]:
    """Status and JSON of one call."""
    async with aiohttp.ClientSession() as session:
        headers = {"Content-Type": "application/json"} | ({"x-functions-key": key} if key else {})
        async with session.request(method, f"{url}/api/{path}", headers=headers, data=body) as answer:
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


@pytest.fixture(scope="module")
def trimmed(bare: Path, unpacked: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same folder, with what a vendored package keeps of msgraph-sdk in the place of all of it."""
    site, whole = (
        tmp_path_factory.mktemp("trimmed"),
        Path(str(metadata.distribution("msgraph-sdk").locate_file(""))),
    )
    for entry in bare.iterdir():
        if entry.name != SDK:
            (site / entry.name).symlink_to(entry.resolve())
    for file in reached(whole, unpacked).values():
        kept = site / file.relative_to(whole)
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, kept)
    return site


def checked(site: Path, app: Path) -> subprocess.CompletedProcess[str]:
    """What the build asks of the trimmed SDK before it packs it."""
    command = [sys.executable, "-B", "tools/trim_sdk.py", str(site), str(app)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_vendored_sdk_is_a_small_part_of_it_and_enough(trimmed: Path, unpacked: Path) -> None:
    """Every request builder that the clients ask for can be made of one module in a hundred."""
    done = checked(trimmed, unpacked)

    assert (0, "") == (done.returncode, done.stderr)
    assert re.search(r"enough for [1-9]\d* request builders", done.stdout)
    assert 20 < len(list((trimmed / SDK).rglob("*.py"))) < 160


@pytest.mark.parametrize(
    ("lost", "expected"),
    [
        (
            "identity_protection/risky_users/item/risky_user_item_request_builder.py",
            ("playbooks/clients/directory.py", "risky_users.by_risky_user_id", "No module named"),
        ),
        ("models/entity.py", ("cannot be imported", "msgraph.generated.models.entity")),
    ],
    ids=["a builder", "what a model is made of"],
)
def test_a_lost_module_stops_the_build_with_what_asks_for_it(
    lost: str, expected: tuple[str, ...], trimmed: Path, unpacked: Path, tmp_path: Path
) -> None:
    """Where an upgrade of the SDK moved something, this is said on the desk and not in the cloud."""
    shutil.copytree(trimmed / SDK, tmp_path / SDK, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / SDK / "generated" / lost).unlink()
    done = checked(tmp_path, unpacked)

    assert 2 == done.returncode
    for words in expected:
        assert words in done.stderr
    assert "Traceback" not in done.stderr


def written(root: Path, files: dict[str, str]) -> Path:
    """A folder with these files."""
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


CHOOSES = "import msgraph\nclient.builder(lambda root: root.users)\n"
SMALL = {
    f"{SDK}/__init__.py": "from .root import Root\n",
    f"{SDK}/root.py": (
        "if TYPE_CHECKING:\n    from .typed import Typed\n"
        "class Root:\n"
        "    def users(self):\n        from .users import Users\n        return self.near(Users)\n"
        "    def near(self):\n        from .near import Near\n"
        "    def groups(self):\n        from .groups import Groups\n"
    ),
    **{f"{SDK}/{name}.py": "" for name in ("users", "near", "groups", "typed")},
    f"{SDK}/deep/unused.txt": "x",
    f"{SDK}_sdk-1.0.dist-info/RECORD": f"{SDK}/users.py,sha256=a,1\n{SDK}/groups.py,sha256=b,1\n",
}


def test_what_the_app_cannot_reach_is_left_out(tmp_path: Path) -> None:
    """Imports are followed into functions that are named, in the app or in the SDK, and into no others."""
    app = written(tmp_path / "app", {"playbooks/clients/graph.py": CHOOSES})
    site = written(tmp_path / "site", SMALL)

    assert 4 == trim(site, app)
    left = {path.relative_to(site / SDK).as_posix() for path in (site / SDK).rglob("*")}
    assert {"__init__.py", "root.py", "users.py", "near.py"} == left
    assert f"{SDK}/users.py,sha256=a,1\n" == (site / f"{SDK}_sdk-1.0.dist-info/RECORD").read_text()


def test_a_module_that_the_sdk_itself_lacks_is_named(tmp_path: Path) -> None:
    """A torn installation is no ground for leaving something out."""
    app = written(tmp_path / "app", {"playbooks/clients/graph.py": CHOOSES})
    site = written(tmp_path / "site", SMALL)
    (site / SDK / "near.py").unlink()

    with pytest.raises(TrimError, match=r"msgraph.root imports msgraph.near, which is not in"):
        reached(site, app)


def test_an_app_without_the_sdk_is_not_trimmed_to_nothing(tmp_path: Path) -> None:
    """If the client moves to another library, the trim has to go and says so."""
    app = written(tmp_path / "app", {"playbooks/clients/graph.py": "import aiohttp\n"})

    with pytest.raises(TrimError, match="imports nothing of msgraph"):
        reached(written(tmp_path / "site", SMALL), app)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """Two days, long past, with one registered export and one attack."""
    benign, attacks = (next(iter(family(name) or ())).name for name in ("closable", "attacks"))
    out = tmp_path_factory.mktemp("days")
    start = FIRST_DAY.replace(year=FIRST_DAY.year - 1)
    generate(11, out=out, start=start, days=2, events=200, attacks=attacks, benign=benign)
    return read_folder(out)


def incidents(workspace: LocalWorkspace, store: EventStore, folder: Folder) -> dict[str, str]:
    """What the rules see of the folder, as incidents: the host of each and its name."""
    watch, made = Watch(), dict[str, str]()
    for seen in watch.gatherings(store, dns=folder.tenant["organisation"]["dns"]):
        if seen.playbook == "mailbox_export":
            alerts = alerts_of(seen, rules=watch.rules)
            made[seen.host.upper()] = workspace.create_incident(
                alerts, title=alerts[0].display_name, severity=alerts[0].severity, created=seen.end
            )
    return made


async def labelled(workspace: LocalWorkspace, names: Sequence[str]) -> None:
    """Waits until each incident bears a label, which is written last; at most a minute."""
    async with asyncio.timeout(60):
        while not all(map(workspace.labels, names)):  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.05)


async def test_the_vendored_package_closes_and_escalates(
    unpacked: Path, trimmed: Path, folder: Folder
) -> None:
    """Nothing but what ships, with the SDK trimmed: healthy, and a whole triage either way."""
    with closing(EventStore()) as store:
        store.load_process_events(folder.events)
        async with LocalWorkspace(folder.tenant, store) as workspace:
            names = incidents(workspace, store, folder)
            settings = settings_for(folder.tenant, workspace)
            async with running(unpacked, trimmed, **settings) as (url, key):
                health, _ = await asked(url, key)
                for name in names.values():
                    body = json.dumps({"incidentId": workspace.trigger_body(name)["object"]["id"]})
                    status, _ = await asked(url, key, "POST", "playbooks/mailbox_export", body.encode())
                    assert 202 == status
                await labelled(workspace, tuple(names.values()))
            left = {host: workspace.labels(name) for host, name in names.items()}
            statuses = {
                host: workspace.incident(name)["properties"]["status"] for host, name in names.items()
            }

    closed, escalated = (
        next(truth.hosts[0].upper() for truth in folder.truths if truth.expected == verdict)
        for verdict in ("close", "escalate")
    )
    assert 200 == health
    assert {closed: ["triage-closed"], escalated: ["triage-escalated"]} == left
    assert {closed: "Closed", escalated: "New"} == statuses


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
