"""One more folder under playbooks/ is a whole second playbook: nothing outside it is touched."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from playbooks.mailbox_export import PLAYBOOK

ROOT = Path(__file__).resolve().parent.parent
PARTS = ("playbooks", "operations", "simulator", "deploy")
PROBE_RULE = "5d3d3f63-3c0e-4d7c-8a5b-9d3f1f5a7c11"
FILES = ("function_app.py", "host.json", "pyproject.toml")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the product with the folder of a small playbook dropped in, and nothing else changed."""
    folder = tmp_path_factory.mktemp("tree")
    for part in PARTS:
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    for file in FILES:
        shutil.copyfile(ROOT / file, folder / file)
    shutil.copytree(
        ROOT / "tests" / "probe" / "zz_probe",
        folder / "playbooks" / "zz_probe",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    return folder


def run(tree: Path, *arguments: str) -> str:
    """Standard output of a command of the copy, which has to succeed."""
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, *arguments], cwd=tree, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_its_scenarios_are_listed(tree: Path) -> None:
    """`list` knows which playbook each belongs to."""
    listed = json.loads(run(tree, "-m", "simulator", "list", "--json"))["scenarios"]

    assert {"approved_probe", "stray_probe", "approved_probe_other_ticket"} == {
        one["name"] for one in listed if one["playbook"] == "zz_probe"
    }


def test_its_incidents_are_raised_by_its_rule_and_judged_by_it(tree: Path, tmp_path: Path) -> None:
    """Generated beside exports and replayed over HTTP and queue: each verdict is the right one."""
    choices = ("--attacks", "zz_probe", "--benign", "zz_probe,self_export", "--events", "500")
    run(tree, "-m", "simulator", "generate", "--out", str(tmp_path), *choices)
    document = json.loads(run(tree, "-m", "simulator", "replay", str(tmp_path), "--json"))

    outcomes = {
        (one["id"][0], tuple(one["rules"]), one["outcome"], tuple(one["scenarios"]))
        for one in document["results"]
    }
    assert {
        ("A", ("probe",), "escalated", ()),
        ("B", ("probe",), "closed", ("probe_ticket",)),
        ("B", ("seed", "correlated"), "closed", ("self_export",)),
    } == outcomes


def test_its_rules_are_its_own(tree: Path) -> None:
    """A bare id goes to the playbook that ships it, and takes nothing from the other."""
    script = (
        "import json; from playbooks.watched import watched_rules;"
        "watched = watched_rules(frozenset(), frozenset({GIVEN}));"
        "print(json.dumps({name: sorted(ids) for name, ids in watched.items()}))"
    )
    given = json.dumps([PROBE_RULE, "zz_probe=another"])
    watched = json.loads(run(tree, "-c", script.replace("{GIVEN}", given)))

    assert [PROBE_RULE, "another"] == watched["zz_probe"]
    assert sorted(PLAYBOOK.rule_ids) == watched["mailbox_export"]


def test_its_sentinel_solution_is_built_and_no_other_changes(tree: Path) -> None:
    """Rule, Logic App, automation rules, watchlist and workbook."""
    written = run(tree, "deploy/sentinel/build.py").splitlines()

    assert {"wrote playbooks/zz_probe/sentinel"} == {
        line[: len("wrote playbooks/zz_probe/sentinel")] for line in written
    }
    folder = tree / "playbooks" / "zz_probe" / "sentinel"
    assert "api/playbooks/zz_probe" in (folder / "Playbooks/ProbeFlagTriage/azuredeploy.json").read_text()
    assert "ProbeTickets" in (folder / "Watchlists/azuredeploy.json").read_text()
