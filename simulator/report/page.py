"""The page: one HTML file that fetches nothing and runs no code but its own.

The content security policy names style and script by their hashes, so text from a command line or a
comment cannot become either, even where escaping failed. Incidents lie in the page as JSON and become
elements, by text alone, when somebody opens them; comments are shown in sandboxed frames.
"""

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

_FOLDER = Path(__file__).parent
_UNSAFE_IN_HTML = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})
_COMMENT_STYLE = "comment.css"


def render_page(document: Mapping[str, Any]) -> str:
    """The whole page for a report's document."""
    environment = Environment(
        loader=FileSystemLoader(_FOLDER), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    style, script, comment_style = (_asset(name) for name in ("page.css", "page.js", _COMMENT_STYLE))
    incidents = document["incidents"]
    page = environment.get_template("page.html.jinja").render(
        report=document,
        policy=_policy(styles=(style, comment_style), script=script),
        style=Markup(style),  # noqa: S704 - our own file
        script=Markup(script),  # noqa: S704 - our own file
        comment_style=_json_block(comment_style),
        rows=[(one, _search_text(one), _json_block(one)) for one in incidents],
        scenarios=_scenarios(incidents),
        outcomes=sorted(Counter(one["outcome"] for one in incidents).items()),
        differing=sum(not one["asExpected"] for one in incidents),
    )
    return f"{page}\n"


def _asset(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def _policy(*, styles: Sequence[str], script: str) -> str:
    """Everything is forbidden but our own style and script, each by its hash."""
    allowed = " ".join(_hash(style) for style in styles)
    return (
        f"default-src 'none'; style-src {allowed}; script-src {_hash(script)};"
        " base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _json_block(value: object) -> Markup:
    """JSON that stands inside a script element: no character of it can end the element."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":")).translate(_UNSAFE_IN_HTML)
    return Markup(text)  # noqa: S704 - nothing in it reads as markup


def _search_text(incident: Mapping[str, Any]) -> str:
    """What the free-text filter looks at, in lower case."""
    words = [incident["host"], incident["name"], *incident["accounts"], *incident["rules"]]
    words += [*incident["reasons"], *incident["scenarios"], *incident["labels"], incident["severity"]]
    for activity in incident["activities"]:
        words += [activity["id"], activity["scenario"], activity["title"], *activity["techniques"]]
    words += [event["command"] for event in incident["events"]]
    return " ".join(words).lower()


def _scenarios(incidents: Sequence[Mapping[str, Any]]) -> list[tuple[str, int]]:
    """Each scenario with the number of incidents it is in."""
    names = Counter(name for one in incidents for name in {a["scenario"] for a in one["activities"]})
    return sorted(names.items())
