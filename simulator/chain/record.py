"""The decision as machines read it: the `triage-record` line at the end of a comment."""

import html
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

_CODE = re.compile(r"<code>(.*?)</code>", re.DOTALL)
_MARK = "triage-record:"


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRecord:
    """What the last decision on an incident was, in codes."""

    verdict: str
    scenarios: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()


def read_record(comment: str) -> DecisionRecord | None:
    """The record of one comment (HTML), or None where it holds none that can be read.

    The last code element counts: anything before it may quote a command line that imitates a record.
    """
    quoted = _CODE.findall(comment)
    last = html.unescape(quoted[-1]).strip() if quoted else ""
    if not last.startswith(_MARK):
        return None
    try:
        written = json.loads(last.removeprefix(_MARK))
    except ValueError:
        return None
    if not isinstance(written, dict):
        return None
    return DecisionRecord(
        verdict=str(written.get("verdict", "")),
        scenarios=_codes(written.get("scenarios")),
        reasons=_codes(written.get("reasons")),
    )


def last_record(comments: Iterable[str]) -> DecisionRecord | None:
    """The record of the newest comment that has one; `comments` are in the order of writing."""
    records = [record for comment in comments if (record := read_record(comment)) is not None]
    return records[-1] if records else None


def _codes(written: object) -> tuple[str, ...]:
    return tuple(str(code) for code in written) if isinstance(written, list) else ()
