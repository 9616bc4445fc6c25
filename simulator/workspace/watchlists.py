"""Sentinel watchlists of the tenant file as ARM resources (SecurityInsights 2025-09-01).

A row's `_updated` is the item's created and updated time; without it ValidFrom or OpenedOn, else
2020-01-01. Keys that begin with `_` are for the simulator and never served.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

from simulator.catalogues import search_keys
from simulator.workspace.directory import stable_id
from simulator.workspace.model import ANALYST, INSIGHTS_ID, TENANT_ID
from simulator.workspace.wire import Json, WrittenList, read_time, wire_time

_LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
_SEARCH_KEYS = search_keys()
_WRITER = {"objectId": ANALYST["objectId"], "email": ANALYST["email"], "name": ANALYST["name"]}


class Watchlist:
    """One watchlist: its resource, its items in the order of the file."""

    def __init__(self, alias: str, rows: Sequence[Mapping[str, Any]]) -> None:
        self.resource = _watchlist(alias, rows)
        self.items = WrittenList(_item(alias, place, row) for place, row in enumerate(rows))


class Watchlists:
    """Watchlists by alias, which compares without case. Nothing in them changes once they are made."""

    parts: ClassVar = ("watchlists",)
    """Members of a tenant document that they are made of."""

    def __init__(self, tenant: Mapping[str, Any]) -> None:
        listed = tenant.get("watchlists") or {}
        by_alias = {alias: Watchlist(alias, rows) for alias, rows in listed.items() if rows is not None}
        self._by_alias = {alias.lower(): watchlist for alias, watchlist in by_alias.items()}
        self._resources = WrittenList(watchlist.resource for watchlist in by_alias.values())

    def all(self) -> WrittenList:
        """Every watchlist resource."""
        return self._resources

    def one(self, alias: str) -> Json | None:
        """The watchlist resource, or None."""
        watchlist = self._by_alias.get(alias.lower())
        return None if watchlist is None else watchlist.resource

    def items(self, alias: str) -> WrittenList | None:
        """Its items in the order of the file; None where there is no such watchlist."""
        watchlist = self._by_alias.get(alias.lower())
        return None if watchlist is None else watchlist.items


def _changed(row: Mapping[str, Any]) -> str:
    given = (row.get("_updated"), row.get("ValidFrom"), row.get("OpenedOn"))
    moments = [read_time(text) for text in given if isinstance(text, str)]
    return wire_time(next((moment for moment in moments if moment is not None), _LONG_AGO))


def _item(alias: str, place: int, row: Mapping[str, Any]) -> Json:
    cells = {
        name: "" if cell is None else str(cell) for name, cell in row.items() if not name.startswith("_")
    }
    item_id = stable_id("watchlistItem", alias, str(place), *cells.values())
    changed = _changed(row)
    return {
        "id": f"{INSIGHTS_ID}/Watchlists/{alias}/WatchlistItems/{item_id}",
        "name": item_id,
        "etag": f'"{item_id}"',
        "type": "Microsoft.SecurityInsights/Watchlists/WatchlistItems",
        "properties": {
            "watchlistItemType": "watchlist-item",
            "watchlistItemId": item_id,
            "tenantId": TENANT_ID,
            "isDeleted": False,
            "created": changed,
            "updated": changed,
            "createdBy": _WRITER,
            "updatedBy": _WRITER,
            "itemsKeyValue": cells,
            "entityMapping": {},
        },
    }


def _watchlist(alias: str, rows: Sequence[Mapping[str, Any]]) -> Json:
    columns = [name for row in rows[:1] for name in row if not name.startswith("_")]
    search_key = _SEARCH_KEYS.get(alias.lower()) or (columns[0] if columns else "SearchKey")
    changed = max((_changed(row) for row in rows), default=wire_time(_LONG_AGO))
    return {
        "id": f"{INSIGHTS_ID}/Watchlists/{alias}",
        "name": alias,
        "etag": f'"{stable_id("watchlist", alias, changed)}"',
        "type": "Microsoft.SecurityInsights/Watchlists",
        "properties": {
            "watchlistId": stable_id("watchlist", alias),
            "displayName": alias,
            "provider": "Contoso SOC",
            "source": f"{alias}.csv",
            "sourceType": "Local",
            "created": wire_time(_LONG_AGO),
            "updated": changed,
            "createdBy": _WRITER,
            "updatedBy": _WRITER,
            "watchlistType": "watchlist",
            "watchlistAlias": alias,
            "isDeleted": False,
            "labels": [],
            "tenantId": TENANT_ID,
            "itemsSearchKey": search_key,
            "provisioningState": "Succeeded",
        },
    }
