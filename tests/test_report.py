"""Comments: bounded, inert, and readable."""

import html
import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser

from desk import CLOSE, ESCALATE
from hypothesis import given
from hypothesis import strategies as st

from playbooks.inert_text import inert
from playbooks.model import Briefing, Escalate, Fact, Finding, Judgement, Query, Reason
from playbooks.report import COMMENT_LIMIT, RECORD_MARK, Heading, render_comment, render_steps

HOSTILE = [
    "<img src=x onerror=1>",
    "[a](javascript:1)",
    "![](http://192.0.2.1/x)",
    "</td></table><h1>",
    "&lt;script&gt;",
    "@everyone",
    "=cmd()",
    "**bold** _it_ `code` ~~x~~",
    "\u202eexe.tsp",
    "line\r\nbreak\x1b[31m",
    "\\\\FS01\\share$\\a.pst",
]


class Shape(HTMLParser):
    """The tags of a document, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(f"{tag}{attrs or ''}")


def shape(text: str) -> list[str]:
    """The structure of a comment without its text."""
    parser = Shape()
    parser.feed(text)
    return parser.tags


def judgement(text: str, rows: int = 1) -> Judgement:
    """An escalation in which every outside string is `text`."""
    finding = Finding(
        what="Export",
        time=datetime(2026, 11, 16, tzinfo=UTC),
        host=text,
        runner=text,
        parent=text,
        command=text,
        missing=(text,),
        decoded=(text,),
    )
    return Judgement(
        verdict=Escalate(reasons=(Reason("target_web_root", text, "events"),)),
        briefing=Briefing(
            headline=text, findings=(finding,) * rows, facts=(Fact(text, text, text),) * rows, steps=(text,)
        ),
    )


@given(st.text(min_size=1, max_size=40) | st.sampled_from(HOSTILE))
def test_outside_text_never_changes_the_structure(text: str) -> None:
    """A comment has the structure it has with `x` in place of any outside text."""
    assert shape(render_comment(judgement("x"), Heading("escalated"))) == shape(
        render_comment(judgement(text), Heading("escalated"))
    )


@given(st.text(max_size=60) | st.sampled_from(HOSTILE))
def test_no_markup_of_html_or_markdown_survives(text: str) -> None:
    """No character that HTML or Markdown would read as markup is left bare."""
    bare = re.sub(r"&#\d+;", "", str(inert(text)))

    assert not set("<>\"'[]()!*_`~@|\\:") & set(bare)
    assert "\n" not in bare


def test_text_is_shown_as_typed() -> None:
    """What a browser shows is what was typed; invisible characters are named."""
    assert "\\\\FS01\\share$\\a.pst" == html.unescape(str(inert("\\\\FS01\\share$\\a.pst")))
    assert "a[U+202E]b[U+000A]c" == html.unescape(str(inert("a\u202eb\nc")))
    assert "Müller" == html.unescape(str(inert("Müller")))


def test_queries_and_proposals_keep_their_lines() -> None:
    """What is to be pasted can be pasted: line ends are line ends, and nothing is escaped twice."""
    query = Query("Look", 'T\n| where Name == "<x>"')
    told = replace(ESCALATE, briefing=replace(ESCALATE.briefing, queries=(query,), proposal="a: b\nc: d"))

    shown = html.unescape(render_comment(told, Heading("escalated")))

    assert f"<pre>{query.text}</pre>" in shown
    assert "<pre>a: b\nc: d</pre>" in shown


def test_a_long_comment_drops_whole_rows_and_counts_them() -> None:
    """Never cut inside markup or an escape: rows go, and the comment says how many."""
    text = render_comment(judgement("<" * 400, rows=500), Heading("escalated"))

    assert len(text) <= COMMENT_LIMIT
    assert "rows left out" in text
    assert text.count("<p>") == text.count("</p>")


def test_an_enormous_single_row_still_fits() -> None:
    """One row of a megabyte becomes a comment that says the headline and the codes."""
    assert len(render_comment(judgement("<" * 1_000_000), Heading("escalated"))) <= COMMENT_LIMIT


def test_the_record_line_can_be_read_by_machines() -> None:
    """Kind, verdict, scenarios and codes stand in one JSON line at the end."""
    text = html.unescape(render_comment(CLOSE, Heading("closed")))
    record = json.loads(text.split(RECORD_MARK)[1].split("</code>")[0])

    assert {
        "v": 1,
        "decision": "closed",
        "verdict": "close",
        "scenarios": ["scheduled_export"],
        "reasons": ["covered"],
    } == record


def test_a_replaced_decision_is_named() -> None:
    """A changed decision names the one it replaces."""
    text = html.unescape(render_comment(ESCALATE, Heading("escalated", ("triage-observed",))))

    assert "This replaces the earlier decision triage-observed" in text


def test_the_same_judgement_gives_the_same_bytes() -> None:
    """Nothing but the judgement and the heading goes into a comment."""
    assert render_comment(ESCALATE, Heading("escalated")) == render_comment(
        replace(ESCALATE), Heading("escalated")
    )


def test_long_steps_stay_whole_and_below_the_task_limit() -> None:
    """A task holds 3,000 characters: whole steps only, the rest is in the comment."""
    text = render_steps(("x" * 390,) * 12)

    assert len(text) <= 3000
    assert "more steps in the comment" in text
