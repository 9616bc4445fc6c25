"""Sentinel watchlists by alias (SecurityInsights 2025-09-01).

A list counts as loaded only if it is listed, not being loaded or deleted, and has at least one row.
"""

import json
from typing import Any
from urllib.parse import quote

from playbooks.clients.answers import Call
from playbooks.clients.attempt import Patience
from playbooks.clients.lookups import looked_up, odd_name
from playbooks.clients.rest import Rest, together
from playbooks.clients.sentinel import VERSION
from playbooks.clients.wire import Record
from playbooks.errors import NotThere
from playbooks.model import Absent, Found, Lookup, Unavailable, WatchlistItem

ROLE = "the role Microsoft Sentinel Reader on the workspace"

_TEMPLATE = "/…/watchlists/{alias}"


class SentinelWatchlists:
    """The Watchlists port for one workspace, given by its ARM id."""

    def __init__(self, rest: Rest, *, workspace: str, patience: Patience) -> None:
        self._rest = rest
        self._root = f"{quote(workspace)}/providers/Microsoft.SecurityInsights/watchlists"
        self._patience = patience

    async def items(self, alias: str) -> Lookup[tuple[WatchlistItem, ...]]:
        """See the port."""
        source = f"watchlist {alias}"
        if cause := odd_name(alias, "alias"):
            return Unavailable("watchlist", cause, lasting=True)
        return await looked_up(source, self._items(alias, source))

    async def _items(self, alias: str, source: str) -> Lookup[tuple[WatchlistItem, ...]]:
        path = f"{self._root}/{quote(alias, safe='')}"
        call = Call(source=source, method="GET", template=_TEMPLATE, needs=ROLE)
        of_items = Call(source=source, method="GET", template=f"{_TEMPLATE}/watchlistItems", needs=ROLE)
        try:
            watchlist, pages = await together(
                self._rest.ask(call, path, query=VERSION, patience=self._patience),
                self._rest.pages(of_items, f"{path}/watchlistItems", query=VERSION, patience=self._patience),
            )
        except NotThere:
            return Absent(source)
        state = Record(source, watchlist).record("properties").text_if_given("provisioningState")
        items = _live_items(source, pages)
        if state not in ("", "Succeeded") or not items:
            return Unavailable(source, f"watchlist {alias} is empty or not loaded")
        return Found(items)


def _live_items(source: str, pages: list[dict[str, Any]]) -> tuple[WatchlistItem, ...]:
    """Every row that is not deleted. Raises SourceUnavailable for one that cannot be read."""
    rows = [item.record("properties") for page in pages for item in Record(source, page).records("value")]
    return tuple(_item(row) for row in rows if row.members.get("isDeleted") is not True)


def _item(row: Record) -> WatchlistItem:
    cells = row.record("itemsKeyValue").members
    return WatchlistItem(
        cells={name: _cell(value) for name, value in cells.items()}, updated=row.moment("updated")
    )


def _cell(value: object) -> str:
    """A cell as text; the service stores text, other JSON is shown as JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)
