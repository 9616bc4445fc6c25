"""Azure Resource Manager: SecurityInsights 2025-09-01 of one workspace; lists and rules to read."""

from collections.abc import Callable, Mapping
from uuid import UUID

from simulator.workspace import rules
from simulator.workspace.admission import admit_bearer
from simulator.workspace.content import Content, ContentOperations, version_of
from simulator.workspace.entities import entity_resources
from simulator.workspace.incidents import Incidents
from simulator.workspace.model import AUTOMATION, RESOURCE_GROUP, SUBSCRIPTION, WORKSPACE
from simulator.workspace.odata import check_paths, parse_filter
from simulator.workspace.odata_matching import matcher
from simulator.workspace.paging import cut_page
from simulator.workspace.records import IncidentRecord
from simulator.workspace.resources import alert_resource, incident_resource
from simulator.workspace.watchlists import Watchlists
from simulator.workspace.wire import (
    Answer,
    Endpoint,
    Json,
    Refusal,
    Routes,
    WireRequest,
    WrittenList,
    whole_number,
)

API_VERSION = "2025-09-01"
ROOT = (
    "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.OperationalInsights"
    "/workspaces/{workspace}/providers/Microsoft.SecurityInsights"
)

_FILTERED = frozenset(
    f"properties/{name}"
    for name in (
        *("title", "severity", "status", "classification", "incidentNumber", "providerIncidentId", "labels"),
        *("createdTimeUtc", "lastModifiedTimeUtc", "firstActivityTimeUtc", "lastActivityTimeUtc"),
        *("owner/objectId", "owner/assignedTo", "owner/email", "owner/userPrincipalName"),
    )
) | {"name"}
_ORDERED = frozenset(
    {"createdTimeUtc", "lastModifiedTimeUtc", "incidentNumber", "title", "status", "severity"}
)
_MOST_LISTED = 1000


class Arm:
    """The ARM endpoint; `incidents`, `watchlists` and `link` (base address) give what is current."""

    name = "arm"

    def __init__(
        self,
        *,
        incidents: Callable[[], Incidents],
        watchlists: Callable[[], Watchlists],
        content: Callable[[], Content],
        link: Callable[[], str],
        page_size: int = 50,
        watchlist_page_size: int = 100,
    ) -> None:
        self._incidents = incidents
        self._watchlists = watchlists
        self._link = link
        self._page_size = page_size
        self._watchlist_page_size = watchlist_page_size
        self.routes = Routes()
        for method, path, endpoint in self._operations():
            self.routes.add(method, f"{ROOT}/{path}", endpoint)
        for method, path, endpoint in ContentOperations(content, link=link, page_size=page_size).operations():
            self.routes.add(method, path, endpoint)

    def _operations(self) -> list[tuple[str, str, Endpoint]]:
        one = "incidents/{incident}"
        return [
            ("GET", "incidents", self._list),
            ("PUT", "incidents", self._put_collection),
            ("GET", one, self._get),
            ("PUT", one, self._put),
            ("POST", f"{one}/alerts", self._alerts),
            ("POST", f"{one}/entities", self._entities),
            ("GET", f"{one}/comments", self._comments),
            ("GET", f"{one}/comments/{{comment}}", self._comment),
            ("PUT", f"{one}/comments/{{comment}}", self._put_comment),
            ("GET", f"{one}/tasks", self._tasks),
            ("GET", f"{one}/tasks/{{task}}", self._task),
            ("PUT", f"{one}/tasks/{{task}}", self._put_task),
            ("GET", "watchlists", self._watchlist_list),
            ("GET", "watchlists/{alias}", self._watchlist),
            ("GET", "watchlists/{alias}/watchlistItems", self._items),
            ("GET", "watchlists/{alias}/watchlistItems/{item}", self._item),
        ]

    def admit(self, request: WireRequest) -> None:
        """Token, api-version, and our subscription, group and workspace; in ARM's own order."""
        admit_bearer(request, missing="AuthenticationFailed", wrong="InvalidAuthenticationToken")
        _check_version(request.query, version_of(request.path, API_VERSION))
        _check_scope(request.params)

    def error(self, refusal: Refusal) -> Answer:
        """ARM's error body (CloudError)."""
        body = {"error": {"code": refusal.code, "message": refusal.message, **refusal.extra}}
        return Answer(status=refusal.status, body=body, headers=refusal.headers)

    async def _list(self, request: WireRequest) -> Answer:
        query = request.query
        size = whole_number(query.get("$top"), name="$top", default=self._page_size, most=_MOST_LISTED)
        items = [incident_resource(record) for record in self._incidents().all()]
        if "$filter" in query:
            condition = parse_filter(query["$filter"])
            check_paths(condition, _FILTERED)
            items = list(filter(matcher(condition), items))
        return self._page(request, _ordered(items, query.get("$orderby")), size)

    async def _put_collection(self, _: WireRequest) -> Answer:
        raise Refusal(
            405, "UnsupportedApiVersion", "The HTTP resource does not support the HTTP method 'PUT'."
        )

    async def _get(self, request: WireRequest) -> Answer:
        return Answer(status=200, body=incident_resource(self._record(request)))

    async def _put(self, request: WireRequest) -> Answer:
        name = rules.need_guid(request.params["incident"], what="The incident id")
        body = request.json_object()
        given = rules.properties_of(body)
        if not self._incidents().has(name):
            return self._create(name, body, given)
        record = self._incidents().find(name)
        _check_etag(body, record.etag, name)
        written = rules.with_label_types(rules.checked_incident(given), record.written["labels"])
        self._incidents().replace(record, written, by=AUTOMATION["name"])
        return Answer(status=200, body=incident_resource(record))

    def _create(self, name: str, body: Json, given: Json) -> Answer:
        if body.get("etag"):
            raise Refusal(404, "NotFound", f"Incident '{name}' does not exist.")
        return Answer(status=201, body=incident_resource(self._incidents().create((), given, name=name)))

    async def _alerts(self, request: WireRequest) -> Answer:
        return Answer(
            status=200, body={"value": [alert_resource(alert) for alert in self._record(request).alerts]}
        )

    async def _entities(self, request: WireRequest) -> Answer:
        entities = entity_resources(self._record(request).alerts)
        kinds = [entity["kind"] for entity in entities]
        counts = [{"entityKind": kind, "count": kinds.count(kind)} for kind in dict.fromkeys(kinds)]
        return Answer(status=200, body={"entities": entities, "metaData": counts})

    async def _comments(self, request: WireRequest) -> Answer:
        size = whole_number(
            request.query.get("$top"), name="$top", default=self._page_size, most=_MOST_LISTED
        )
        if "$filter" in request.query:
            raise rules.bad("The local workspace does not filter comments.")
        newest_first = list(reversed(self._record(request).comments.values()))
        return self._page(request, newest_first, size)

    async def _comment(self, request: WireRequest) -> Answer:
        return _part(self._record(request).comments, request.params["comment"], "Comment")

    async def _put_comment(self, request: WireRequest) -> Answer:
        record = self._record(request)
        comment_id = rules.need_guid(request.params["comment"], what="The comment id")
        body = request.json_object()
        message = rules.checked_comment(rules.properties_of(body))
        earlier = record.comments.get(comment_id)
        if earlier is not None:
            _check_etag(body, earlier["etag"], comment_id)
        comment = self._incidents().put_comment(record, comment_id, message, AUTOMATION)
        return Answer(status=201 if earlier is None else 200, body=comment)

    async def _tasks(self, request: WireRequest) -> Answer:
        return self._page(request, list(self._record(request).tasks.values()), self._page_size)

    async def _task(self, request: WireRequest) -> Answer:
        return _part(self._record(request).tasks, request.params["task"], "Task")

    async def _put_task(self, request: WireRequest) -> Answer:
        record = self._record(request)
        task_id = rules.need_guid(request.params["task"], what="The task id")
        body = request.json_object()
        given = rules.checked_task(rules.properties_of(body))
        earlier = record.tasks.get(task_id)
        if earlier is not None:
            _check_etag(body, earlier["etag"], task_id)
        task = self._incidents().put_task(record, task_id, given, AUTOMATION)
        return Answer(status=201 if earlier is None else 200, body=task)

    async def _watchlist_list(self, request: WireRequest) -> Answer:
        return self._page(request, self._watchlists().all(), self._watchlist_page_size)

    async def _watchlist(self, request: WireRequest) -> Answer:
        watchlist = self._watchlists().one(request.params["alias"])
        if watchlist is None:
            raise _no_watchlist(request)
        return Answer(status=200, body=watchlist)

    async def _items(self, request: WireRequest) -> Answer:
        items = self._watchlists().items(request.params["alias"])
        if items is None:
            raise _no_watchlist(request)
        return self._page(request, items, self._watchlist_page_size)

    async def _item(self, request: WireRequest) -> Answer:
        items = self._watchlists().items(request.params["alias"])
        return _part({item["name"]: item for item in items or ()}, request.params["item"], "Watchlist item")

    def _record(self, request: WireRequest) -> IncidentRecord:
        return self._incidents().find(request.params["incident"])

    def _page(self, request: WireRequest, items: list[Json], size: int) -> Answer:
        page = cut_page(items, request.query, size=size, option="$skipToken")
        body: Json = {"value": page.items}
        if page.next_query is not None:
            body["nextLink"] = f"{self._link()}{request.path}?{page.next_query}"
        elif isinstance(items, WrittenList) and len(page.items) == len(items):
            return Answer(status=200, body=body, written=items.whole)
        return Answer(status=200, body=body)


def _check_version(query: Mapping[str, str], expected: str) -> None:
    version = query.get("api-version")
    if not version:
        message = "The api-version query parameter (?api-version=) is required for all requests."
        raise Refusal(400, "MissingApiVersionParameter", message)
    if version != expected:
        message = f"The api-version '{version[:20]}' is invalid. The local workspace plays '{expected}'."
        raise Refusal(400, "InvalidApiVersionParameter", message)


def _check_scope(params: Mapping[str, str]) -> None:
    subscription, group = params["subscription"], params["group"]
    try:
        UUID(subscription)
    except ValueError as error:
        message = f"The provided subscription identifier '{subscription[:64]}' is malformed or invalid."
        raise Refusal(400, "InvalidSubscriptionId", message) from error
    if subscription.lower() != SUBSCRIPTION:
        raise Refusal(404, "SubscriptionNotFound", f"The subscription '{subscription}' could not be found.")
    if "workspace" not in params:
        return
    workspace = params["workspace"]
    if group.lower() != RESOURCE_GROUP:
        raise Refusal(404, "ResourceGroupNotFound", f"Resource group '{group[:90]}' could not be found.")
    if workspace.lower() != WORKSPACE:
        raise Refusal(404, "ResourceNotFound", f"The workspace '{workspace[:90]}' was not found.")


def _check_etag(body: Json, current: str, name: str) -> None:
    if body.get("etag") != current:
        message = f"Newer version of resource '{name}' exists. Data was not saved"
        raise Refusal(409, "Conflict", message)


def _part(parts: Mapping[str, Json], name: str, kind: str) -> Answer:
    part = parts.get(name.lower())
    if part is None:
        raise Refusal(404, "NotFound", f"{kind} '{name[:64]}' does not exist.")
    return Answer(status=200, body=part)


def _no_watchlist(request: WireRequest) -> Refusal:
    return Refusal(404, "NotFound", f"Watchlist '{request.params['alias'][:64]}' does not exist.")


def _ordered(items: list[Json], order: str | None) -> list[Json]:
    if order is None:
        return items
    path, _, direction = order.strip().partition(" ")
    name = path.removeprefix("properties/")
    if name not in _ORDERED or direction.strip() not in ("", "asc", "desc"):
        raise rules.bad(f"The value of $orderby is not supported: '{order[:100]}'.")
    return sorted(items, key=lambda item: item["properties"][name], reverse=direction.strip() == "desc")
