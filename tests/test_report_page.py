"""The report: what it counts, that it is one inert file, and its layer for the ATT&CK Navigator."""

import base64
import hashlib
import html.parser
import json
import re
from pathlib import Path
from typing import Any

import pytest
from reports import ATTACK, HOSTILE, JOB, large_report, report, small_report, story
from typer.testing import CliRunner

from simulator.catalogues import SCENARIOS
from simulator.chain.results import Outcome
from simulator.cli import app
from simulator.eventstore import RowRefused
from simulator.generate import generate
from simulator.report import write_report
from simulator.report.document import report_document
from simulator.report.events import between, telling_events
from simulator.report.navigator import navigator_layer
from simulator.report.page import render_page
from simulator.report.techniques import technique_name
from simulator.report.truths import read_full_truths, techniques_of


class Elements(html.parser.HTMLParser):
    """Start tags with attributes, and the text of script and style elements."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {"script": [], "style": []}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][0] in self.texts and self.cdata_elem:
            self.texts[self.tags[-1][0]].append(data)


@pytest.fixture
def page() -> Elements:
    """The small report's page, read as a browser reads it."""
    elements = Elements()
    elements.feed(render_page(report_document(small_report())))
    return elements


def test_the_matrix_counts_every_case_by_what_it_is() -> None:
    """Rows by label and expectation, columns by outcome; what no truth explains has a row of its own."""
    matrix = {
        row["group"]: (row["closed"], row["escalated"], row["error"])  # type: ignore[index]
        for row in report_document(small_report())["matrix"]  # type: ignore[attr-defined]
    }

    assert {
        "attack": (1, 1, 0), "benign_close": (1, 0, 0), "benign_escalate": (0, 1, 0),
        "unexplained": (0, 0, 1),
    } == matrix  # fmt: skip


def test_each_rule_tells_what_it_missed_and_whether_it_could_see_it() -> None:
    """The seed rule's known gap is told apart from a surprise, and from what nobody said."""
    rules: Any = report_document(small_report())["rules"]

    assert [("seed", 0, ["A001", "A002"], [False, None]), ("correlated", 1, ["A002"], [None])] == [
        (r["rule"], r["seen"], [m["id"] for m in r["missed"]], [m["inReach"] for m in r["missed"]])
        for r in rules
    ]


def test_incidents_are_in_order_of_time_with_events_and_comment() -> None:
    """Each with its verdict beside the truth."""
    incidents: Any = report_document(small_report())["incidents"]

    assert [1, 2, 3, 4, 5] == [one["number"] for one in incidents]
    assert [True, True, True, False, False] == [one["asExpected"] for one in incidents]
    assert all(len(one["events"]) == 2 and one["comments"] for one in incidents)


def test_the_page_asks_for_nothing(page: Elements) -> None:
    """No element fetches, and the policy would forbid it."""
    fetching = {"src", "data", "poster", "action", "formaction", "srcset"}

    assert not [(tag, attrs) for tag, attrs in page.tags if fetching & attrs.keys()]
    assert not [tag for tag, _ in page.tags if tag in ("link", "img", "iframe", "object", "embed", "base")]
    assert all((attrs["href"] or "").startswith("#") for _, attrs in page.tags if "href" in attrs)
    policy = next(a["content"] for t, a in page.tags if "http-equiv" in a)
    assert policy is not None
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy


def test_only_our_own_script_and_style_are_let_run(page: Elements) -> None:
    """The policy's hashes are those of the one script and the one style."""
    policy = next(a["content"] or "" for t, a in page.tags if "http-equiv" in a)
    codes = [text for text in page.texts["script"] if "use strict" in text]
    hashes = {
        base64.b64encode(hashlib.sha256(t.encode()).digest()).decode() for t in codes + page.texts["style"]
    }

    assert (1, 1) == (len(codes), len(page.texts["style"]))
    assert all(f"'sha256-{one}'" in policy for one in hashes)


def test_hostile_text_stays_text(page: Elements) -> None:
    """Titles, command lines and comments make no element, and come back unchanged."""
    blocks = [json.loads(text) for text in page.texts["script"] if text.startswith('{"number"')]

    assert not [
        tag for tag, attrs in page.tags if tag == "img" or any(name.startswith("on") for name in attrs)
    ]
    assert HOSTILE == blocks[0]["events"][0]["command"]
    assert "onerror=alert(1)" in blocks[0]["comments"][0]


def test_a_thousand_incidents_are_light_rows() -> None:
    """Their bodies are made when they are opened: a row is fewer than a dozen elements."""
    elements = Elements()
    elements.feed(render_page(report_document(large_report())))

    assert 1000 == sum(attrs.get("class") == "incident" for _, attrs in elements.tags)
    assert len(elements.tags) < 12_000


def test_three_files_are_written_side_by_side(tmp_path: Path) -> None:
    """Page, document and layer; the folder is made."""
    files = write_report(small_report(), tmp_path / "new" / "r.html")

    assert {"r.html", "r.json", "r.navigator.json"} == {path.name for path in (tmp_path / "new").iterdir()}
    assert 5 == len(json.loads(files.document.read_text())["incidents"])


def test_the_layer_scores_what_the_correlated_rule_saw() -> None:
    """Format 4.5: names, domain, versions; techniques with score, comment, metadata and links as text."""
    layer: Any = navigator_layer(small_report())

    assert ("enterprise-attack", "4.5") == (layer["domain"], layer["versions"]["layer"])
    assert [("T1059.001", 100), ("T1114.002", 100)] == [
        (t["techniqueID"], t["score"]) for t in layer["techniques"]
    ]
    assert all(re.fullmatch(r"T\d{4}(\.\d{3})?", t["techniqueID"]) for t in layer["techniques"])
    assert {
        "attacks": "1",
        "seen by seed": "0",
        "seen by correlated": "1",
        "seen by no rule": "0",
        "closed": "0",
    } == {one["name"]: one["value"] for one in layer["techniques"][0]["metadata"]}
    assert layer["gradient"]["minValue"] < layer["gradient"]["maxValue"]


def test_an_attack_unseen_has_score_zero() -> None:
    """And its technique is in the layer all the same."""
    layer: Any = navigator_layer(report(story(ATTACK, Outcome.ESCALATED, rules=())))

    assert {0} == {technique["score"] for technique in layer["techniques"]}


def test_a_run_without_attacks_has_a_report() -> None:
    """No technique, no division by nothing."""
    quiet = report(story(JOB, Outcome.CLOSED))

    assert [] == navigator_layer(quiet)["techniques"]
    assert "There was no attack to see." in render_page(report_document(quiet))
    assert render_page(report_document(report()))


def test_every_technique_of_the_scenarios_has_a_name() -> None:
    """So that the page says more than numbers."""
    assert not [t for scenario in SCENARIOS for t in scenario.techniques if not technique_name(t)]


def test_techniques_of_a_case_are_its_scenarios_or_the_rules() -> None:
    """A case file names none."""
    assert "T1190" in techniques_of("proxyshell", "attack")
    assert "T1114" in "".join(techniques_of("our own name", "attack"))
    assert () == techniques_of("our own name", "benign")


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet"])
def test_time_lines_are_read_from_every_format(tmp_path: Path, kind: str) -> None:
    """Every event that the truth names, in order, on its own host, with who ran it."""
    generate(
        3, out=tmp_path, users=60, hosts=24, events=400, attacks="dark_halo,encoded_export", benign="1",
        format=kind,  # type: ignore[arg-type]
    )  # fmt: skip
    truths = read_full_truths(tmp_path)
    uids = [uid for truth in truths for uid in truth.events]

    events = telling_events(tmp_path / f"events.{kind}", uids)

    assert set(uids) <= {event.uid for event in events if event.known}
    assert sorted(events, key=lambda event: event.time) == list(events)
    truth = next(one for one in truths if one.scenario == "dark_halo")
    mine = between(events, host=truth.hosts[0].lower(), start=truth.first, end=truth.last)
    assert list(truth.events) == [event.uid for event in mine]
    assert all(event.account and event.program for event in mine)


def test_events_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    """With the file."""
    (tmp_path / "events.parquet").write_text("no parquet")

    with pytest.raises(RowRefused, match=r"events\.parquet"):
        telling_events(tmp_path / "events.parquet", [])


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_show_tells_steps_techniques_verdict_and_why(scenario: Any) -> None:
    """For people and as one JSON document."""
    document = json.loads(CliRunner().invoke(app, ["show", scenario.name, "--json"]).stdout)
    told = CliRunner().invoke(app, ["show", scenario.name])

    assert (scenario.name, scenario.expected, len(scenario.steps)) == (
        document["name"], document["expected"], len(document["steps"]),
    )  # fmt: skip
    assert all(code in document["why"] for code in (*scenario.reasons, *scenario.scenarios))
    assert 0 == told.exit_code
    assert document["why"] in told.stdout


def test_show_of_an_unknown_name_offers_the_nearest() -> None:
    """Status 2, on stderr."""
    told = CliRunner().invoke(app, ["show", "dark_hallo"])

    assert (2, "") == (told.exit_code, told.stdout)
    assert "did you mean dark_halo?" in told.stderr
