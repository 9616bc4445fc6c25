"""Verdict to comment: HTML that Sentinel shows, escaped, bounded, and inert whatever text it carries.

Sentinel comments hold at most 30,000 characters and are shown as HTML, in some places as Markdown too;
a task description holds 3,000. Outside text is made inert before it stands in one (`playbooks.inert_text`).
"""

import json
import operator
from dataclasses import dataclass, fields, is_dataclass, replace
from enum import StrEnum
from functools import cache

from jinja2 import Environment
from markupsafe import Markup

from playbooks.inert_text import inert
from playbooks.model import Close, Fact, Finding, Judgement, Reason, Stance

COMMENT_LIMIT = 29_900
"""Below the services' 30,000 by what a client may add, e.g. a mark to find a comment of ours by."""
TASK_LIMIT = 3_000
RECORD_MARK = "triage-record:"

_ENVIRONMENT = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, finalize=inert)


def lines(text: str) -> Markup:
    """Text of ours with line ends kept, each line inert by itself."""
    return Markup("\n").join(inert(line) for line in text.split("\n"))


_ENVIRONMENT.filters["lines"] = lines

_COMMENT = _ENVIRONMENT.from_string("""\
<p><b>{{ title }}</b><br>{{ briefing.headline }}</p>
{% if replaces %}<p>This replaces the earlier decision {{ replaces }}.</p>
{% endif %}
{% for heading, reasons in groups if reasons %}
<p><b>{{ heading }}</b></p>
<ul>
{% for reason in reasons %}<li>{{ reason.text }} <code>{{ reason.code }}</code></li>
{% endfor %}
</ul>
{% endfor %}
{% if omitted_reasons %}<p>{{ omitted_reasons }} more reasons left out for length.</p>
{% endif %}
{% if briefing.findings %}
<p><b>What ran</b>{% if span %}, {{ span }} from first to last{% endif %}</p>
{% for finding in briefing.findings %}
<p><b>{{ finding.what.capitalize() }}</b> {{ finding.time.strftime("%Y-%m-%d %H:%M:%S") }} UTC\
 on {{ finding.host }}<br>by {{ finding.runner }}, started by {{ finding.parent or "an unknown parent" }}\
<br><code>{{ finding.command }}</code>\
{% for text in finding.decoded %}<br>decoded: <code>{{ text }}</code>{% endfor %}\
<br>{% if finding.covered_by %}Covered by {{ finding.covered_by }}{% else %}<b>Not covered.</b>{% endif %}\
{% for line in finding.missing %}<br>✗ {{ line }}{% endfor %}\
{% for line in finding.met %}<br>✓ {{ line }}{% endfor %}</p>
{% endfor %}
{% endif %}
{% if omitted_findings %}<p>{{ omitted_findings }} rows left out for length.</p>
{% endif %}
{% if facts %}
<p><b>Who and where</b></p>
{% for subject, lines in facts %}
<p><b>{{ subject }}</b>{% for line in lines %}<br>{{ line.label }}: {{ line.value }}{% endfor %}</p>
{% endfor %}
{% endif %}
{% if omitted_facts %}<p>{{ omitted_facts }} rows left out for length.</p>
{% endif %}
{% if briefing.steps %}
<p><b>Next steps</b></p>
<ol>
{% for step in briefing.steps %}<li>{{ step }}</li>
{% endfor %}
</ol>
{% endif %}
{% for query in briefing.queries %}
<p>{{ query.title }}:</p>
<pre>{{ query.text | lines }}</pre>
{% endfor %}
{% if briefing.proposal %}
<p><b>If this was approved work</b></p>
<pre>{{ briefing.proposal | lines }}</pre>
{% endif %}
{% if after %}<p>{{ after }}</p>
{% endif %}
<p><small>{{ signature }}<br><code>{{ record }}</code></small></p>
""")

_AFTER = {
    "closed": "Not right? Reopen the incident: triage never closes it a second time.",
    "sampled": "Check it as if it had been closed; if the verdict was wrong, mend the register row.",
    "observed": "Nothing was changed. Set TRIAGE_MODE to act when you agree with verdicts like this one.",
}

_TITLES = {
    "closed": "close as BenignPositive, SuspiciousButExpected",
    "escalated": "escalated",
    "sampled": "could be closed, left open as a sample for review",
    "noted": "evidence for the person who holds this incident; nothing was changed",
}


@dataclass(frozen=True, slots=True)
class _Keep:
    """How much of a judgement is shown: rows of each kind, and characters of each text."""

    reasons: int
    findings: int
    facts: int
    characters: int


_SIZES = (
    _Keep(200, 100, 200, 2_000),
    _Keep(100, 50, 50, 2_000),
    _Keep(50, 20, 50, 1_000),
    _Keep(30, 10, 20, 500),
    _Keep(20, 5, 10, 300),
    _Keep(5, 2, 3, 100),
)


@dataclass(frozen=True, slots=True)
class Heading:
    """Which decision a comment tells (`closed`, `escalated`, …) and which earlier labels it replaces."""

    kind: str
    replaces: tuple[str, ...] = ()
    signature: str = ""
    """Version, settings and where to look in the logs."""


def render_comment(judgement: Judgement, heading: Heading) -> str:
    """The comment as HTML, at most COMMENT_LIMIT characters: beyond it whole rows go, and are counted."""
    for keep in _SIZES:
        text = _render(judgement, heading, keep)
        if len(text) <= COMMENT_LIMIT:
            break
    return text


def render_steps(steps: tuple[str, ...]) -> str:
    """A task's description: the steps as an HTML list, at most 3,000 characters, whole steps only."""
    items = [f"<li>{inert(_clipped(step, 400))}</li>" for step in steps]
    while len(items) > 1 and sum(map(len, items)) > TASK_LIMIT - 100:
        items.pop()
    left_out = len(steps) - len(items)
    more = f"<p>{left_out} more steps in the comment.</p>" if left_out else ""
    return f"<ol>{''.join(items)}</ol>{more}"


def _render(judgement: Judgement, heading: Heading, keep: _Keep) -> str:
    briefing, reasons = judgement.briefing, judgement.verdict.reasons
    ordered = sorted(reasons, key=lambda reason: reason.stance is Stance.FOR)[: keep.reasons]
    shown = replace(briefing, findings=briefing.findings[: keep.findings], facts=briefing.facts[: keep.facts])
    told = [_clipped(reason, keep.characters) for reason in ordered]
    return _COMMENT.render(
        title=_title(judgement, heading),
        briefing=_clipped(shown, keep.characters),
        replaces=", ".join(heading.replaces),
        span=_span(briefing.findings),
        facts=_by_subject(_clipped(shown.facts, keep.characters)),
        after=_AFTER.get(heading.kind, ""),
        signature=heading.signature,
        groups=[
            ("Against closing", _of(told, Stance.AGAINST)),
            ("Not checked", _of(told, Stance.UNCHECKED)),
            ("For closing", _of(told, Stance.FOR)),
        ],
        omitted_reasons=len(reasons) - len(ordered),
        omitted_findings=len(briefing.findings) - len(shown.findings),
        omitted_facts=len(briefing.facts) - len(shown.facts),
        record=_record(judgement, heading),
    )


def _span(findings: tuple[Finding, ...]) -> str:
    """The time from the first to the last command, in words; empty for a single one."""
    if len(findings) < 2:
        return ""
    times = [finding.time for finding in findings]
    minutes, seconds = divmod(round((max(times) - min(times)).total_seconds()), 60)
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def _by_subject(facts: tuple[Fact, ...]) -> list[tuple[str, list[Fact]]]:
    """Facts under the account or host that they are about, in the order they came."""
    subjects = dict.fromkeys(fact.subject for fact in facts)
    return [(subject, [fact for fact in facts if fact.subject == subject]) for subject in subjects]


def _clipped[T](value: T, limit: int) -> T:
    """The same value with every text in it at most `limit` characters long, saying how much is missing."""
    match value:
        case StrEnum():
            return value
        case str():
            rest = len(value) - limit
            return value if rest <= 0 else f"{value[:limit]} … ({rest} more characters)"  # type: ignore[return-value]
        case tuple():
            parts = tuple(_clipped(part, limit) for part in value)
            return value if all(map(operator.is_, parts, value)) else parts  # type: ignore[return-value]
    kind: type = type(value)
    clipped: dict[str, object] = {}
    # Nearly always nothing is clipped, and it is the same value.
    for name in _parts_of(kind):
        part = getattr(value, name)
        if (shorter := _clipped(part, limit)) is not part:
            clipped[name] = shorter
    return replace(value, **clipped) if clipped else value  # type: ignore[type-var]


@cache
def _parts_of(kind: type) -> tuple[str, ...]:
    """The fields of a dataclass; anything else has none."""
    return tuple(field.name for field in fields(kind)) if is_dataclass(kind) else ()


def _title(judgement: Judgement, heading: Heading) -> str:
    title = judgement.briefing.title
    if heading.kind == "observed":
        word = "close" if isinstance(judgement.verdict, Close) else "escalate"
        return f"{title} (observe mode, nothing was changed): it would {word} this incident"
    return f"{title}: {_TITLES[heading.kind]}"


def _of(reasons: list[Reason], stance: Stance) -> list[Reason]:
    return [reason for reason in reasons if reason.stance is stance]


def _record(judgement: Judgement, heading: Heading) -> str:
    """The decision in one line for machines: kind, verdict, scenarios and sorted reason codes."""
    verdict = judgement.verdict
    record = {
        "v": 1,
        "decision": heading.kind,
        "verdict": "close" if isinstance(verdict, Close) else "escalate",
        "scenarios": sorted(verdict.scenarios),
        "reasons": sorted({reason.code for reason in verdict.reasons}),
    }
    return f"{RECORD_MARK} {json.dumps(record)}"
