"""The query options of Microsoft Graph v1.0 lists: `$filter $select $top $count $skiptoken $expand`.

What Graph takes only as an advanced query (`ConsistencyLevel: eventual` with `$count=true`) is refused
without both, as the page "Advanced query capabilities on Microsoft Entra ID objects" says.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from simulator.workspace.items import Items
from simulator.workspace.odata import (
    Comparison,
    Filter,
    Junction,
    Membership,
    Negation,
    TextTest,
    clauses,
    parse_filter,
    paths,
)
from simulator.workspace.odata_matching import matcher
from simulator.workspace.paging import cut_page
from simulator.workspace.wire import Answer, Json, Refusal, WireRequest, whole_number

_MOST_OR_CLAUSES = 15
_LIST_PROPERTIES = frozenset({"businessPhones", "proxyAddresses", "otherMails", "imAddresses", "groupTypes"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What a Graph collection allows.

    `known` are the properties of the type (None: items of several types, any name goes), `shown` those
    answered without `$select` (None: all that an item has). `plain` may be filtered by at once,
    `advanced` only in an advanced query; a `cast` always needs one.
    """

    type_name: str
    known: Collection[str] | None = None
    shown: Collection[str] | None = None
    plain: Collection[str] = ()
    advanced: Collection[str] = ()
    expandable: Collection[str] = ()
    cast: bool = False
    page: int = 100
    most: int = 999


def select(item: Mapping[str, Any], query: Mapping[str, str], listing: Listing) -> Json:
    """The item with the properties that the query selects. Raises Refusal 400 for an unknown one."""
    annotations = {name: value for name, value in item.items() if name.startswith("@")}
    expanded = {name: item[name] for name in _expanded(query, listing) if name in item}
    names = _selected(query, listing)
    if names is None:
        hidden = set(listing.expandable)
        return {name: value for name, value in item.items() if name not in hidden} | expanded
    if listing.known is None:
        return annotations | {name: item[name] for name in names if name in item} | expanded
    chosen = {name: item.get(name, [] if name in _LIST_PROPERTIES else None) for name in names}
    return annotations | chosen | expanded


def list_answer(request: WireRequest, items: Sequence[Json], listing: Listing, *, base: str) -> Answer:
    """One page of the items that the query asks for; `base` is the address before the request's path."""
    query = request.query
    _check_options(query)
    size = whole_number(query.get("$top"), name="$top", default=listing.page, most=listing.most)
    kept = _filtered(request, items, listing)
    page = cut_page(kept, query, size=size, option="$skiptoken")
    shown = [select(item, query, listing) for item in page.items]
    body: Json = {"@odata.context": f"{base}/v1.0/$metadata#{listing.type_name}"}
    if is_advanced(request):
        body["@odata.count"] = len(kept)
    if page.next_query is not None:
        body["@odata.nextLink"] = f"{base}{request.path}?{page.next_query}"
    return Answer(status=200, body=body | {"value": shown})


def is_advanced(request: WireRequest) -> bool:
    """Whether the request is an advanced query: both the header and `$count=true`."""
    eventual = request.headers.get("consistencylevel", "").lower() == "eventual"
    return eventual and request.query.get("$count", "").lower() == "true"


def _check_options(query: Mapping[str, str]) -> None:
    allowed = {"$filter", "$select", "$top", "$count", "$skiptoken", "$expand"}
    for name in query:
        if name.startswith("$") and name.lower() not in allowed:
            raise Refusal(400, "BadRequest", f"Query option '{name[:50]}' is not supported here.")


def _filtered(request: WireRequest, items: Sequence[Json], listing: Listing) -> Sequence[Json]:
    advanced = is_advanced(request)
    if listing.cast and not advanced:
        raise _unsupported()
    if "$filter" not in request.query:
        return items
    condition = parse_filter(request.query["$filter"])
    _check_filter(condition, listing, advanced=advanced)
    return items.meeting(condition) if isinstance(items, Items) else list(filter(matcher(condition), items))


def _check_filter(condition: Filter, listing: Listing, *, advanced: bool) -> None:
    for path in paths(condition):
        if listing.known is not None and path not in listing.known:
            raise _no_property(path, listing)
        if path not in (*listing.plain, *listing.advanced):
            raise _unsupported()
        if path in listing.advanced and not advanced:
            raise _unsupported()
    for clause in clauses(condition):
        _check_clause(clause, advanced=advanced)


def _check_clause(clause: Filter, *, advanced: bool) -> None:
    match clause:
        case TextTest("contains"):
            raise _unsupported()
        case TextTest("endswith") | Negation() | Comparison(_, "ne") if not advanced:
            raise _unsupported()
        case Junction("or", parts) if len(parts) > _MOST_OR_CLAUSES:
            raise _too_many(len(parts))
        case Membership(_, literals) if len(literals) > _MOST_OR_CLAUSES:
            raise _too_many(len(literals))


def _selected(query: Mapping[str, str], listing: Listing) -> list[str] | None:
    if "$select" not in query:
        return None if listing.shown is None else list(listing.shown)
    names = [name.strip() for name in query["$select"].split(",")]
    for name in names:
        if listing.known is not None and name not in listing.known:
            raise _no_property(name, listing)
    return names


def _expanded(query: Mapping[str, str], listing: Listing) -> list[str]:
    names = [name.strip() for name in query.get("$expand", "").split(",") if name.strip()]
    for name in names:
        if name not in listing.expandable:
            raise _no_property(name, listing)
    return names


def _no_property(name: str, listing: Listing) -> Refusal:
    message = f"Could not find a property named '{name[:100]}' on type 'microsoft.graph.{listing.type_name}'."
    return Refusal(400, "BadRequest", message)


def _unsupported() -> Refusal:
    return Refusal(400, "Request_UnsupportedQuery", "Unsupported Query.")


def _too_many(count: int) -> Refusal:
    message = f"Too many child clauses in the filter: {count}. Max allowed: {_MOST_OR_CLAUSES}."
    return Refusal(400, "Request_UnsupportedQuery", message)
