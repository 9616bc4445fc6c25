"""The backtest as one HTML page that fetches nothing and runs nothing.

Its security policy allows its own style, by hash, and no script; all text goes through `inert`, which shows
a command line as it was typed and names what is invisible in it.
"""

import base64
import hashlib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from playbooks.inert_text import inert

_FOLDER = Path(__file__).parent


def backtest_page(document: Mapping[str, object]) -> str:
    """The page for the document of a backtest."""
    style = (_FOLDER / "page.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    page = _environment().get_template("page.html.jinja")
    written = page.render(report=document, policy=policy, style=Markup(style))  # noqa: S704 - our own file
    return f"{written}\n"


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=inert,
    )
    made.filters |= {"when": _when, "span": _span, "hours": _number}
    return made


def _when(text: str) -> str:
    """`2025-11-17 12:08`; the page says once that times are UTC."""
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M}"


def _number(count: float) -> str:
    """One decimal where there is one to show."""
    return f"{count:.1f}".removesuffix(".0")


def _span(minutes: float | None) -> str:
    """Minutes in people's words."""
    if minutes is None:
        return "none closed"
    if minutes < 60:
        return f"{minutes:.0f} min"
    return f"{minutes / 60:.1f} h" if minutes < 48 * 60 else f"{minutes / 1440:.1f} days"
