"""Sentinel watchlists by alias (SecurityInsights 2025-09-01).

A list counts as loaded only if it is listed, not being loaded or deleted, and has at least one row.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from playbooks.clients.answers import Call
from playbooks.clients.attempt import Patience
from playbooks.clients.lookups import looked_up, odd_name
from playbooks.clients.rest import Rest, quoted
from playbooks.clients.rounds import Rounds, outcome
from playbooks.clients.sentinel import VERSION
from playbooks.clients.wire import Record, parse_moment
from playbooks.errors import NotThere, SourceUnavailable
from playbooks.model import Absent, Found, Lookup, Unavailable, WatchlistItem
from playbooks.ports import EMPTY_WATCHLIST

ROLE = "the role Microsoft Sentinel Reader on the workspace"

_TEMPLATE = "/…/watchlists"
_ITEMS = f"{_TEMPLATE}/{{alias}}/watchlistItems"
_SOURCE = "watchlists"
_WHOLE = ("", "Succeeded")
_TEXT = frozenset({str})

MOST_ROWS, LONGEST_ROW = 8_192, 4_096
"""Rows, and letters of each, that are read once: every attempt asks for all of them anew, and their text
hardly ever changes. A row of the same text is the same one."""


class _Listed:
    """The list of watchlists of one workspace."""

    def __init__(self, rest: Rest, *, root: str, patience: Patience) -> None:
        self._rest = rest
        self._root = root
        self._patience = patience

    async def ask(self, asked: Sequence[None]) -> Sequence[Mapping[str, str]]:
        """For each that asks: alias, without case -> provisioning state. Raises SourceError."""
        call = Call(source=_SOURCE, method="GET", template=_TEMPLATE, needs=ROLE, settled=True)
        pages = await self._rest.pages(call, self._root, query=VERSION, patience=self._patience)
        listed = [
            one.record("properties") for page in pages for one in Record(_SOURCE, page).records("value")
        ]
        states = {
            one.text("watchlistAlias").casefold(): one.text_if_given("provisioningState")
            for one in listed
            if one.members.get("isDeleted") is not True
        }
        return [states] * len(asked)


class SentinelWatchlists:
    """The Watchlists port for one workspace, given by its ARM id, for one attempt.

    The list of watchlists is read once: it says which there are and which are still being loaded.
    """

    def __init__(self, rest: Rest, *, workspace: str, patience: Patience) -> None:
        self._rest = rest
        self._root = f"{quote(workspace)}/providers/Microsoft.SecurityInsights/watchlists"
        self._patience = patience
        # Apart from this object, which would else be held by what it holds.
        self._rounds = Rounds[None, Mapping[str, str]](_Listed(rest, root=self._root, patience=patience).ask)
        self._known: Mapping[str, str] | None = None

    async def items(self, alias: str, *, optional: bool = False) -> Lookup[tuple[WatchlistItem, ...]]:
        """See the port."""
        source = f"watchlist {alias}"
        if cause := odd_name(alias, "alias"):
            return Unavailable("watchlist", cause, lasting=True)
        return await looked_up(source, self._items(alias, source, optional=optional))

    async def _items(self, alias: str, source: str, *, optional: bool) -> Lookup[tuple[WatchlistItem, ...]]:
        if optional and alias.casefold() not in await self._states():
            return Absent(source)
        listed, pages = await asyncio.gather(
            self._states(), self._pages(alias, source), return_exceptions=True
        )
        state = outcome(listed).get(alias.casefold())
        try:
            items = _live_items(source, outcome(pages))
        except NotThere:
            if state is None:
                return Absent(source)
            raise SourceUnavailable(source, "it is listed, but its rows are not there") from None
        if state not in _WHOLE or not items:
            return Unavailable(source, f"watchlist {alias} {EMPTY_WATCHLIST}")
        return Found(items)

    async def _pages(self, alias: str, source: str) -> list[dict[str, Any]]:
        call = Call(source=source, method="GET", template=_ITEMS, needs=ROLE, settled=True)
        path = f"{self._root}/{quoted(alias, safe='')}/watchlistItems"
        return await self._rest.pages(call, path, query=VERSION, patience=self._patience)

    async def _states(self) -> Mapping[str, str]:
        """Alias, without case -> provisioning state, of every watchlist that is not deleted."""
        if self._known is None:
            self._known = await self._rounds.ask(None)
        return self._known


def _live_items(source: str, pages: list[dict[str, Any]]) -> tuple[WatchlistItem, ...]:
    """Every row that is not deleted. Raises SourceUnavailable for one that cannot be read."""
    rows = [item.record("properties") for page in pages for item in Record(source, page).records("value")]
    return tuple(_item(row) for row in rows if row.members.get("isDeleted") is not True)


def _item(row: Record) -> WatchlistItem:
    """A row. Raises SourceUnavailable for one that cannot be read."""
    cells = row.record("itemsKeyValue").members
    if not _TEXT.issuperset(map(type, cells.values())):
        cells = {name: cell if isinstance(cell, str) else _cell(cell) for name, cell in cells.items()}
    read = _read_once if sum(map(len, cells.values())) <= LONGEST_ROW else _read
    item = read(tuple(cells), tuple(cells.values()), row.text("updated"))
    if item is None:
        raise row.unread("updated")
    return item


def _read(names: tuple[str, ...], cells: tuple[str, ...], updated: str) -> WatchlistItem | None:
    """The row of these cells; None where `updated` is no time. It may be shared, so nobody can change it."""
    moment = parse_moment(updated)
    if moment is None:
        return None
    return WatchlistItem(cells=MappingProxyType(dict(zip(names, cells, strict=True))), updated=moment)


_read_once = lru_cache(MOST_ROWS)(_read)


def _cell(value: object) -> str:
    """A cell that is no text, as text; the service stores text, other JSON is shown as JSON."""
    return "" if value is None else json.dumps(value)
