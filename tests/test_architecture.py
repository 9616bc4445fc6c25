"""The shape of the code, read from its syntax trees: who may import whom, sizes, and what is never there."""

import ast
import json
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest

from playbooks import discover
from playbooks.worker import ATTEMPT_SECONDS, MAX_DEQUEUE_COUNT

ROOT = Path(__file__).resolve().parent.parent
PRODUCT = sorted(
    [
        ROOT / "function_app.py",
        *(
            path
            for room in ("playbooks", "operations", "simulator")
            for path in (ROOT / room).rglob("*.py")
            if "tests" not in path.relative_to(ROOT).parts
        ),
    ]
)
PLAYBOOKS = tuple(discover())

CORE = ("playbooks.model", "playbooks.errors")
ASKING = ("playbooks.kql", "playbooks.ports")
READING = ("playbooks.command_line", "playbooks.folding", "playbooks.moments", "playbooks.who")
"""What playbooks share to read command lines, accounts and hosts."""
OUTSIDE = {
    "os",
    "time",
    "random",
    "secrets",
    "socket",
    "subprocess",
    "http",
    "urllib",
    "aiohttp",
    "httpx",
    "azure",
    "msgraph",
}
ROOMS: dict[str, tuple[str, ...]] = {
    "playbooks.model": ("playbooks.model",),
    "playbooks.errors": CORE,
    "playbooks.ports": CORE,
    "playbooks.inert_text": (),
    "playbooks.report": (*CORE, "playbooks.inert_text"),
    "playbooks.objections": CORE,
    "playbooks.plan": (*CORE, "playbooks.report"),
    "playbooks.incident_reads": (*CORE, "playbooks.ports", "playbooks.plan"),
    "playbooks.write_back": (*CORE, "playbooks.ports", "playbooks.plan", "playbooks.objections"),
    "playbooks.pipeline": (
        *CORE,
        "playbooks.ports",
        "playbooks.plan",
        "playbooks.objections",
        "playbooks.write_back",
        "playbooks.incident_reads",
    ),
    "playbooks.intake": CORE,
    "playbooks.messages": (*CORE, "playbooks.intake"),
    "playbooks.answers": CORE,
    "playbooks.settings": CORE,
    "playbooks.kql": (),
    "playbooks.health": (*CORE, "playbooks.ports", "playbooks.health"),
    "playbooks.scenarios": ("playbooks.scenarios",),
    "playbooks.folding": (),
    "playbooks.moments": CORE,
    "playbooks.command_line": ("playbooks.command_line",),
    "playbooks.who": (*CORE, "playbooks.ports", "playbooks.folding", "playbooks.who"),
    "operations": ("playbooks", "operations"),
    "playbooks.journal": (*CORE, "playbooks.clients"),
    "playbooks.telemetry": (*CORE, "playbooks.journal"),
    "playbooks.clients": (
        *CORE,
        "playbooks.kql",
        "playbooks.ports",
        "playbooks.settings",
        "playbooks.clients",
    ),
    **{
        f"playbooks.{name}": (
            *CORE,
            "playbooks.kql",
            "playbooks.ports",
            *READING,
            "playbooks.scenarios",
            f"playbooks.{name}",
        )
        for name in PLAYBOOKS
    },
}
PURE = (
    "playbooks.model",
    "playbooks.inert_text",
    "playbooks.report",
    "playbooks.plan",
    "playbooks.objections",
    "playbooks.health",
    *READING,
    *(f"playbooks.{n}" for n in PLAYBOOKS),
)
BANNED = {"utils", "helpers", "common", "manager", "handler", "process", "data", "info", "result"}


def module_of(path: Path) -> str:
    """Dotted name of a file."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports_of(path: Path) -> Iterator[str]:
    """Every module that a file imports, anywhere in it, relative ones resolved."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            base = node.module or ""
            yield from (f"{base}.{alias.name}" for alias in node.names)


def is_within(name: str, rooms: tuple[str, ...]) -> bool:
    """True where a dotted name lies in one of the rooms."""
    return any(name == room or name.startswith(f"{room}.") for room in rooms)


def functions_of(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function in a file."""
    tree = ast.parse(path.read_text())
    yield from (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def body_length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function's body without its docstring."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


@pytest.mark.parametrize("room", ROOMS)
def test_each_room_imports_only_what_it_may(room: str) -> None:
    """The import table, for our own modules."""
    for path in PRODUCT:
        if is_within(module_of(path), (room,)):
            ours = {
                name for name in imports_of(path) if name.startswith(("playbooks", "operations", "simulator"))
            }
            strangers = {name for name in ours if not is_within(name, ROOMS[room])}
            assert strangers <= {"playbooks.errors"}, f"{path.relative_to(ROOT)} imports {sorted(strangers)}"


def test_what_does_not_ship_is_imported_by_nothing_that_ships() -> None:
    """Scenarios, and the tests of a playbook, are for the simulator: the package leaves them out."""
    for path in PRODUCT:
        module = module_of(path)
        if is_within(module, ("playbooks",)) and ".scenarios" not in module:
            strangers = {name for name in imports_of(path) if {"scenarios", "tests"} & set(name.split("."))}
            assert not strangers, f"{path.relative_to(ROOT)} imports {sorted(strangers)}"


@pytest.mark.parametrize("room", PURE)
def test_the_core_knows_no_clock_network_or_chance(room: str) -> None:
    """Judging, planning and telling are pure."""
    for path in PRODUCT:
        if is_within(module_of(path), (room,)):
            names = {name.split(".")[0] for name in imports_of(path)}
            assert not names & OUTSIDE, f"{path.relative_to(ROOT)} imports {sorted(names & OUTSIDE)}"
            assert ".now(" not in path.read_text(), f"{path.relative_to(ROOT)} reads a clock"


def test_the_simulator_plays_the_far_side_only() -> None:
    """It never imports the product's clients or pipeline: it would test itself."""
    forbidden = ("playbooks.clients", "playbooks.pipeline", "playbooks.service", "playbooks.worker")
    for path in PRODUCT:
        if is_within(module_of(path), ("simulator",)):
            assert not [name for name in imports_of(path) if is_within(name, forbidden)], path


def test_the_product_does_not_import_the_simulator() -> None:
    """Simulator and tests stay home."""
    for path in PRODUCT:
        if not is_within(module_of(path), ("simulator",)):
            assert not [name for name in imports_of(path) if is_within(name, ("simulator", "tests"))], path


def test_modules_are_small() -> None:
    """At most 300 lines."""
    assert not {str(p.relative_to(ROOT)): n for p in PRODUCT if (n := len(p.read_text().splitlines())) > 300}


def test_functions_are_small() -> None:
    """Bodies: median at most 8 lines, 95th percentile at most 30, none over 45."""
    lengths = {f"{p.relative_to(ROOT)}:{f.name}": body_length(f) for p in PRODUCT for f in functions_of(p)}
    ordered = sorted(lengths.values())

    assert not {name: n for name, n in lengths.items() if n > 45}
    assert statistics.median(ordered) <= 8
    assert ordered[int(len(ordered) * 0.95)] <= 30


def test_there_is_one_broad_except_and_no_global() -> None:
    """The one broad except is the HTTP edge, in function_app.py."""
    broad: list[str] = []
    for path in PRODUCT:
        for node in ast.walk(ast.parse(path.read_text())):
            assert not isinstance(node, ast.Global), path
            if isinstance(node, ast.ExceptHandler):
                names = ast.unparse(node.type) if node.type else "Exception"
                broad += [str(path.relative_to(ROOT))] * bool(
                    {"Exception", "BaseException"} & set(names.split(", "))
                )

    assert ["function_app.py"] == broad


def test_no_name_says_nothing() -> None:
    """Banned words are not module, class or function names."""
    for path in PRODUCT:
        names = {path.stem} | {
            node.name.lower()
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        }
        assert not names & BANNED, f"{path.relative_to(ROOT)}: {sorted(names & BANNED)}"


def test_no_assert_and_no_note_to_self_is_left_in_the_product() -> None:
    """Asserts vanish under -O, and an open note is an open issue."""
    for path in PRODUCT:
        text = path.read_text()
        assert not [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Assert)], path
        assert not [word for word in ("TO" + "DO", "FIX" + "ME", "XX" + "X:") if word in text], path


def test_any_is_held_at_the_edge() -> None:
    """`Any` stands only in clients, in discovery and where a queue of outside values is told to the log."""
    allowed = ("playbooks.clients", "playbooks.worker", "simulator")
    for path in PRODUCT:
        if module_of(path) != "playbooks" and not is_within(module_of(path), allowed):
            assert "typing.Any" not in set(imports_of(path)), path


def test_the_functions_file_is_short() -> None:
    """Under 60 lines that are not blank."""
    text = (ROOT / "function_app.py").read_text()

    assert len([line for line in text.splitlines() if line.strip()]) < 60


def seconds_of(span: str) -> int:
    """Seconds of an hh:mm:ss span."""
    hours, minutes, seconds = map(int, span.split(":"))
    return hours * 3600 + minutes * 60 + seconds


def test_attempts_span_ten_minutes_and_the_last_one_is_known() -> None:
    """host.json: a failing upstream is retried for ten minutes or more; the app knows the last attempt."""
    host = json.loads((ROOT / "host.json").read_text())
    queues = host["extensions"]["queues"]

    assert queues["maxDequeueCount"] == MAX_DEQUEUE_COUNT
    assert seconds_of(queues["visibilityTimeout"]) * (MAX_DEQUEUE_COUNT - 1) >= 600
    assert seconds_of(host["functionTimeout"]) > ATTEMPT_SECONDS
    assert queues["messageEncoding"] == "none"
