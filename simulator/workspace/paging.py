"""Pages of a list, with an opaque token that only a link of the service's own carries."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from simulator.workspace.wire import Json, Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some items of a list, and the query of the next page (None on the last one)."""

    items: list[Json]
    next_query: str | None


def cut_page(items: Sequence[Json], query: Mapping[str, str], *, size: int, option: str) -> Page:
    """The page that the query asks for; `option` names the one that carries the place.

    Raises Refusal 400 for a place that no link carried.
    """
    given = next((value for name, value in query.items() if name.lower() == option.lower()), None)
    start = 0 if given is None else _read_token(given, option)
    end = start + size
    if end >= len(items):
        return Page(items=list(items[start:]), next_query=None)
    others = {name: value for name, value in query.items() if name.lower() != option.lower()}
    following = others | {option: _write_token(end)}
    return Page(items=list(items[start:end]), next_query=urlencode(following, quote_via=quote, safe="$"))


def _write_token(start: int) -> str:
    return base64.urlsafe_b64encode(f"page:{start}".encode()).decode()


def _read_token(given: str, option: str) -> int:
    try:
        kind, _, start = base64.urlsafe_b64decode(given.encode()).decode().partition(":")
        if kind == "page":
            return int(start)
    except (ValueError, binascii.Error):
        pass
    raise Refusal(400, "BadRequest", f"The value of {option} is not valid.")
