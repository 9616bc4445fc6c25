"""The command line: exit status, pure JSON, and errors for people."""

import io
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from playbooks.model import Briefing, Close, Escalate, Fact, Judgement, Reason, Stance
from playbooks.report import Heading, render_comment
from simulator.catalogues import SCENARIOS, playbook_of_rule
from simulator.chain.folder import Truth, read_folder
from simulator.chain.passing import Course
from simulator.chain.problems import InputRefused
from simulator.cli import app
from simulator.cli.comment import main_reason, readable

ROOT = Path(__file__).resolve().parent.parent
SMALL = (
    "--seed",
    "3",
    "--users",
    "60",
    "--hosts",
    "24",
    "--events",
    "400",
    "--attacks",
    "1",
    "--benign",
    "1",
)


def run(*words: str) -> Result:
    """The command in this process."""
    return CliRunner().invoke(app, words)


@pytest.fixture
def tenant(tmp_path: Path) -> Path:
    """A tenant file that can be used."""
    path = tmp_path / "tenant.json"
    organisation = {"netbios": "C", "dns": "c.com", "timeZone": "UTC", "businessHours": "Mon-Fri 07:00-19:00"}
    path.write_text(json.dumps({"organisation": organisation}))
    return path


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    """A case file whose second line is bad."""
    event = {"TimeGenerated": "2024-11-18T21:00:04Z", "DvcHostname": "h"}
    case: dict[str, Any] = {"id": "1", "label": "benign", "expected": "close", "events": [event]}
    path = tmp_path / "cases.jsonl"
    path.write_text(f"{json.dumps(case)}\n{json.dumps(case | {'id': '2', 'label': 'good'})}\n")
    return path


def test_a_bad_case_line_ends_with_status_2_and_names_line_and_field(tenant: Path, cases: Path) -> None:
    """The words are on stderr, nothing is on stdout, and there is no traceback."""
    outcome = run("score", "--tenant", str(tenant), str(cases))

    assert 2 == outcome.exit_code
    assert "line 2: label:" in outcome.stderr
    assert ("", False) == (outcome.stdout, "Traceback" in outcome.stderr)


def test_a_bad_case_line_is_one_json_document_with_json(tenant: Path, cases: Path) -> None:
    """So that a pipeline can read what to mend."""
    outcome = run("score", "--tenant", str(tenant), str(cases), "--json")

    assert [(2, "label")] == [(bad["line"], bad["field"]) for bad in json.loads(outcome.stdout)["errors"]]


@pytest.mark.parametrize("missing", ["tenant", "cases"])
def test_a_missing_file_is_named(tenant: Path, cases: Path, missing: str) -> None:
    """And the status is 2."""
    gone = {"tenant": tenant, "cases": cases}[missing]
    gone.unlink()

    outcome = run("score", "--tenant", str(tenant), str(cases))

    assert 2 == outcome.exit_code
    assert str(gone) in outcome.stderr


def test_a_tenant_that_is_no_json_is_told_with_its_line(tenant: Path, cases: Path) -> None:
    """Not with a traceback."""
    tenant.write_text('{"organisation":\n oops}')

    outcome = run("score", "--tenant", str(tenant), str(cases))

    assert 2 == outcome.exit_code
    assert "tenant.json, line 2: is not JSON" in outcome.stderr


def test_a_setting_that_does_not_exist_is_told(tenant: Path, cases: Path) -> None:
    """Before anything is started."""
    tenant.write_text(json.dumps(json.loads(tenant.read_text()) | {"settings": {"closeLimits": 3}}))
    cases.write_text(cases.read_text().splitlines()[0])

    outcome = run("score", "--tenant", str(tenant), str(cases))

    assert 2 == outcome.exit_code
    assert "settings.closeLimits" in outcome.stderr


def test_list_names_every_scenario() -> None:
    """Once each, with kind and expected verdict."""
    listed = json.loads(run("list", "--json").stdout)["scenarios"]
    shown = run("list").stdout

    assert [(s.name, s.kind, s.expected) for s in SCENARIOS] == [
        (one["name"], one["kind"], one["expected"]) for one in listed
    ]
    assert [] == [scenario.name for scenario in SCENARIOS if scenario.name not in shown]


def test_generate_prints_one_document_and_writes_what_it_says(tmp_path: Path) -> None:
    """Counts and files are those of the folder."""
    outcome = run("generate", "--out", str(tmp_path / "day"), *SMALL, "--json")

    document = json.loads(outcome.stdout)
    lines = (tmp_path / "day" / "events.jsonl").read_text().splitlines()
    assert {"events", "attacks", "benign", "seconds", "files"} == set(document)
    assert (400, 1, 1, 400) == (document["events"], document["attacks"], document["benign"], len(lines))
    assert {"events.jsonl", "truth.jsonl", "tenant.json"} == set(document["files"])


@pytest.mark.parametrize(
    "words",
    [
        ("--attacks", "no_such_scenario"),
        ("--users", "3"),
        ("--days", "0"),
        ("--format", "xml"),
        ("--start", "yesterday"),
    ],
)
def test_generate_refuses_what_cannot_be_made(tmp_path: Path, words: tuple[str, str]) -> None:
    """Status 2 and a sentence."""
    outcome = run("generate", "--out", str(tmp_path / "x"), *words)

    assert 2 == outcome.exit_code
    assert len(outcome.stderr) > 20
    assert "Traceback" not in outcome.stderr


def test_replay_of_no_folder_says_how_to_make_one(tmp_path: Path) -> None:
    """Status 2."""
    outcome = run("replay", str(tmp_path / "none"))

    assert 2 == outcome.exit_code
    assert "generate --out" in outcome.stderr


def test_replay_of_a_broken_truth_names_line_and_field(tmp_path: Path) -> None:
    """And nothing is started."""
    run("generate", "--out", str(tmp_path), *SMALL)
    truth = tmp_path / "truth.jsonl"
    first, _, rest = truth.read_text().partition("\n")
    truth.write_text(json.dumps(json.loads(first) | {"expected": "open"}) + "\n" + rest)

    with pytest.raises(InputRefused, match="line 1: expected"):
        read_folder(tmp_path)


def test_replay_refuses_activity_that_is_too_young_to_be_decided(tmp_path: Path) -> None:
    """The function would rightly wait; the sentence says what to do."""
    run("generate", "--out", str(tmp_path), *SMALL, "--start", "2999-01-04")

    outcome = run("replay", str(tmp_path))

    assert 2 == outcome.exit_code
    assert "--start" in outcome.stderr


@pytest.mark.parametrize("command", ["list", "generate", "replay", "score", "serve", "demo"])
def test_every_command_explains_itself_with_an_example(command: str) -> None:
    """`--help` ends well and shows a line to copy."""
    outcome = run(command, "--help")

    assert 0 == outcome.exit_code
    assert f"python -m simulator {command}" in outcome.stdout


def test_a_generated_truth_is_read_back(tmp_path: Path) -> None:
    """The folder that `generate` writes is the folder that `replay` reads."""
    run("generate", "--out", str(tmp_path), *SMALL)

    folder = read_folder(tmp_path)

    assert {"attack", "benign"} == {truth.label for truth in folder.truths}
    assert all(isinstance(truth, Truth) and truth.first <= truth.last for truth in folder.truths)


@pytest.fixture(scope="module")
def quiet_day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small settled folder with one attack and one job that may close."""
    out = tmp_path_factory.mktemp("quiet")
    words = (
        "--start",
        "2025-11-17",
        "--events",
        "400",
        "--attacks",
        "dark_halo",
        "--benign",
        "compliance_job",
    )
    assert 0 == run("generate", "--out", str(out), "--seed", "5", *words).exit_code
    return out


def rows_of(folder: Path, scenario: str) -> list[dict[str, Any]]:
    """The log rows of the folder's sequence of that scenario."""
    truths = [json.loads(line) for line in (folder / "truth.jsonl").read_text().splitlines()]
    wanted = next(truth["events"] for truth in truths if truth["scenario"] == scenario)
    rows = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    return [row for row in rows if row["EventOriginalUid"] in wanted]


def test_score_writes_a_line_a_case_and_rings_when_an_attack_was_closed(
    quiet_day: Path, tmp_path: Path
) -> None:
    """Work that closes, falsely labelled an attack: status 1, counted and told; cases do not mix."""
    job = {"label": "benign", "expected": "close", "events": rows_of(quiet_day, "compliance_job")}
    halo = rows_of(quiet_day, "dark_halo")
    lines = [
        {**job, "id": "good", "scenario": "scheduled_export"},
        {**job, "id": "bad", "label": "attack", "expected": "escalate"},
        {**job, "id": "cut", "label": "ambiguous", "expected": "escalate", "complete": False},
        {**job, "id": "halo", "label": "attack", "expected": "escalate"} | {"events": halo},
        {**job, "id": "unregistered", "label": "ambiguous", "expected": "escalate"}
        | {"tenant": {"watchlists": {"MailboxExportJobs": None}}},
    ]  # fmt: skip
    cases, results = tmp_path / "cases.jsonl", tmp_path / "results.jsonl"
    cases.write_text("".join(json.dumps(line) + "\n" for line in lines))

    words = ("--tenant", str(quiet_day / "tenant.json"), "--out", str(results), "--json")
    outcome = run("score", str(cases), *words)
    document = json.loads(outcome.stdout)

    assert 1 == outcome.exit_code
    assert "differs: bad (attack)" in outcome.stderr
    assert document["results"] == [json.loads(line) for line in results.read_text().splitlines()]
    assert ["closed", "closed", "escalated", "escalated", "escalated"] == [
        one["outcome"] for one in document["results"]
    ]
    detected = document["summary"].pop("detected")
    assert {"seed": 2, "correlated": 2} == {word: detected[word] for word in ("seed", "correlated")}
    assert {
        "cases": 5,
        "attacks": 2,
        "attacksClosed": 1,
        "ambiguous": 2,
        "ambiguousClosed": 0,
        "closable": 1,
        "closableClosed": 1,
        "errors": 0,
    } == document["summary"]


def test_replay_agrees_with_the_truth_and_rings_when_it_does_not(quiet_day: Path, tmp_path: Path) -> None:
    """Status 0 with the true truth, a line an incident; status 1 once the truth says otherwise."""
    shown = run("replay", str(quiet_day))
    lying = shutil.copytree(quiet_day, tmp_path / "lying")
    truth = lying / "truth.jsonl"
    truth.write_text(truth.read_text().replace('"expected": "close"', '"expected": "escalate"'))
    differing = run("replay", str(lying), "--json")

    assert 0 == shown.exit_code
    assert 1 == sum(" closed " in line and "contoso.com" in line for line in shown.stdout.splitlines())
    assert "attacks closed             0 of 1" in shown.stdout
    assert 1 == differing.exit_code
    assert {"closed", "escalated"} == {one["outcome"] for one in json.loads(differing.stdout)["results"]}


def test_replay_lets_time_pass_and_comes_to_the_same(quiet_day: Path) -> None:
    """Events come and rules run on the clock of the replay; each incident is told as it is decided."""
    at_once = json.loads(run("replay", str(quiet_day), "--json").stdout)
    passing = run("replay", str(quiet_day), "--json", "--speed", "1000000")
    results = json.loads(passing.stdout)["results"]

    assert 0 == passing.exit_code
    assert json.loads(passing.stdout)["summary"] == at_once["summary"]
    assert [(one["id"], one["outcome"]) for one in at_once["results"]] == [
        (one["id"], one["outcome"]) for one in results
    ]
    told = [line for line in passing.stderr.splitlines() if "contoso.com" in line]
    assert sum(len({playbook_of_rule(word) for word in one["rules"]}) for one in results) == len(told)


def test_a_course_is_looked_at_several_times_a_second_and_ends_at_the_last_event() -> None:
    """At 3600 times real time a day takes 24 s, and no step is longer than rules are apart."""
    first = datetime(2025, 11, 17, tzinfo=UTC)
    course = Course(first=first, last=first + timedelta(days=1), speed=3600)
    moments = list(course.moments())

    assert 24 == course.wall_seconds(moments[-1])
    assert (first, first + timedelta(days=1)) == (moments[0], moments[-1])
    assert timedelta(minutes=5) >= max(after - before for before, after in pairwise(moments))


def test_a_terminal_is_told_share_rate_and_time_left(tmp_path: Path) -> None:
    """While stderr is a terminal a bar shows how many of how many, how many a second, and how long still."""
    shown, terminal = pty.openpty()
    words = ("generate", "--out", str(tmp_path), "--events", "400000", "--format", "csv")
    made = subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-m", "simulator", *words],
        cwd=ROOT,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "120"},
        stdout=subprocess.DEVNULL,
        stderr=terminal,
    )
    os.close(terminal)
    text = b""
    with suppress(OSError):  # what a closed terminal raises
        while piece := os.read(shown, 65_536):
            text += piece
    os.close(shown)

    assert 0 == made.wait(timeout=30)
    assert re.search(rb"generating.* of 400,000 events .*[0-9]+/s.*0:0[0-9]:[0-9]{2}", text)


def comment(verdict: Close | Escalate) -> str:
    """A comment as the function writes it."""
    briefing = Briefing(
        headline="1 export on h by CONTOSO\\x: every command is covered by self_export.",
        facts=(Fact("CONTOSO\\x", "Department", "<b>Sales</b>"),),
        steps=("Ask the owner.",),
    )
    kind = "closed" if isinstance(verdict, Close) else "escalated"
    return render_comment(Judgement(verdict=verdict, briefing=briefing), Heading(kind))


def test_a_comment_is_shown_as_an_analyst_sees_it() -> None:
    """Words, lists and tables without markup; what looked like markup stays text."""
    console = Console(width=120, record=True, file=io.StringIO())
    against = Reason("off_hours", "It started at night", "events")

    for shown in readable(comment(Escalate(reasons=(against,)))):
        console.print(shown)
    text = console.export_text()

    assert "  - It started at night off_hours" in text
    assert "1. Ask the owner." in text
    assert "<b>Sales</b>" in text
    assert "<li>" not in text


def test_the_main_reason_is_in_words() -> None:
    """The first thing against, else what was not checked, else why it may close; no codes."""
    against = Reason("off_hours", "It started at night", "events")
    unchecked = Reason("source_unavailable", "Risk could not be read", "graph", Stance.UNCHECKED)
    proof = Reason("self_export", "own mailbox", "events", Stance.FOR)

    assert "It started at night" == main_reason(comment(Escalate(reasons=(unchecked, against))))
    assert "Risk could not be read" == main_reason(comment(Escalate(reasons=(unchecked,))))
    assert "every command is covered by self_export." == main_reason(
        comment(Close(reasons=(proof,), scenarios=("self_export",)))
    )


@pytest.mark.enable_socket
def test_serve_says_where_it_answers_and_stops_on_ctrl_c(tmp_path: Path) -> None:
    """Lines name addresses and key; the one for `ingest` sends; SIGINT ends it, status 0, no traceback."""
    run("generate", "--out", str(tmp_path), *SMALL, "--start", "2025-11-17")
    ports = ("--port", "0", "--workspace-port", "0", "--ingest-port", "0")
    words = ("serve", "--from", str(tmp_path), *ports)
    served = subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-m", "simulator", *words],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name != "CONTAINER_NAME"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    shown = ""
    deadline = time.monotonic() + 60
    while "Ctrl-C stops" not in shown and time.monotonic() < deadline and served.stdout:
        shown += served.stdout.readline()
    line = next((line for line in shown.splitlines() if " ingest " in line), "")
    sent = subprocess.run(  # noqa: S603 - the line that it showed
        [sys.executable, *line.split()[1:], "--calls-per-second", "50"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    served.send_signal(signal.SIGINT)
    _, errors = served.communicate(timeout=30)

    assert 0 == served.returncode
    assert "confirmed  400 of 400" in sent.stdout, sent.stderr
    assert "x-functions-key" in shown
    assert "/preview" in shown
    assert "Traceback" not in errors
