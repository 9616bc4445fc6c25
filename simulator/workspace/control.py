"""The control surface under `/_control` (see the package's docstring): what a person may see and order."""

import asyncio
from collections.abc import Callable
from dataclasses import asdict

from simulator.workspace.faults import Fault
from simulator.workspace.gate import Gate
from simulator.workspace.incidents import Incidents
from simulator.workspace.model import EventStore
from simulator.workspace.records import IncidentRecord
from simulator.workspace.resources import alert_resource, incident_resource
from simulator.workspace.wire import Answer, Endpoint, Json, Refusal, Routes, WireRequest


class Control:
    """Answers under `/_control`; calls here are neither counted nor struck by faults."""

    def __init__(
        self,
        *,
        gate: Gate,
        incidents: Callable[[], Incidents],
        store: EventStore,
        edit: Callable[[str, Json], None],
    ) -> None:
        self._gate = gate
        self._incidents = incidents
        self._store = store
        self._edit = edit
        self._routes = Routes()
        operations: list[tuple[str, str, Endpoint]] = [
            ("GET", "", self._index),
            ("GET", "/incidents", self._list),
            ("GET", "/incidents/{incident}", self._get),
            ("POST", "/incidents/{incident}", self._edited),
            ("GET", "/calls", self._calls),
            ("GET", "/faults", self._faults),
            ("POST", "/faults", self._order_fault),
            ("DELETE", "/faults", self._clear_faults),
            ("POST", "/events", self._add_events),
        ]
        for method, path, endpoint in operations:
            self._routes.add(method, f"/_control{path}", endpoint)

    async def answer(self, request: WireRequest) -> Answer:
        """One answer; a refusal becomes `{"error": {"code", "message"}}`."""
        try:
            endpoint, routed = self._routes.find(request)
            return await endpoint(routed)
        except Refusal as refusal:
            body = {"error": {"code": refusal.code, "message": refusal.message}}
            return Answer(status=refusal.status, body=body)

    async def _index(self, _: WireRequest) -> Answer:
        paths = ["incidents", "incidents/{name}", "calls", "faults"]
        return Answer(status=200, body={"read": [f"/_control/{path}" for path in paths]})

    async def _list(self, _: WireRequest) -> Answer:
        return Answer(
            status=200, body={"incidents": [whole_incident(record) for record in self._incidents().all()]}
        )

    async def _get(self, request: WireRequest) -> Answer:
        return Answer(status=200, body=whole_incident(self._incidents().find(request.params["incident"])))

    async def _edited(self, request: WireRequest) -> Answer:
        self._edit(request.params["incident"], request.json_object())
        return await self._get(request)

    async def _calls(self, _: WireRequest) -> Answer:
        return Answer(status=200, body={"calls": [asdict(call) for call in self._gate.calls]})

    async def _faults(self, _: WireRequest) -> Answer:
        return Answer(status=200, body={"faults": [asdict(fault) for fault in self._gate.faults]})

    async def _order_fault(self, request: WireRequest) -> Answer:
        self._gate.faults.add(Fault.of_json(request.json_object()))
        return await self._faults(request)

    async def _clear_faults(self, _: WireRequest) -> Answer:
        self._gate.faults.clear()
        return Answer(status=200, body={"faults": []})

    async def _add_events(self, request: WireRequest) -> Answer:
        rows = request.json_object().get("events")
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise Refusal(400, "BadRequest", "The body needs an 'events' list of ASimProcessEventLogs rows.")
        try:
            await asyncio.to_thread(self._store.add_process_events, rows)
        except ValueError as error:
            raise Refusal(400, "BadRequest", str(error)) from error
        return Answer(status=200, body={"added": len(rows)})


def whole_incident(record: IncidentRecord) -> Json:
    """The incident with everything that hangs on it, for reading: it is the workspace's own."""
    return incident_resource(record) | {
        "alerts": [alert_resource(alert) for alert in record.alerts],
        "comments": list(record.comments.values()),
        "tasks": list(record.tasks.values()),
    }
