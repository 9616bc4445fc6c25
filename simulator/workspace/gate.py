"""The way every call takes: number, a person's edit between calls, ordered fault, service, call list."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Sequence

from simulator.workspace.admission import has_token
from simulator.workspace.exchanges import tell
from simulator.workspace.faults import BEFORE_SERVICE, Fault, FaultBoard, FaultKind, answer_instead, reshape
from simulator.workspace.model import Call
from simulator.workspace.wire import Answer, Delivery, Refusal, Service, WireRequest

type Edit = Callable[[], Awaitable[None] | None]

_ROOTS = {
    "subscriptions": "arm",
    "v1.0": "graph",
    "v1": "logs",
    "login": "login",
    "identity": "identity",
}


class Gate:
    """Sends each call to its service. `foreign` turns a path into an address on another host name.

    `flush` writes the log rows that a call left, before its answer goes out.
    """

    def __init__(
        self, *, foreign: Callable[[str], str], flush: Callable[[], Awaitable[None]], faults: FaultBoard
    ) -> None:
        self.faults = faults
        self.calls: list[Call] = []
        self._services: dict[str, Service] = {}
        self._foreign = foreign
        self._flush = flush
        self._edits: dict[int, list[Edit]] = {}
        self._number = 0
        self.pause: Callable[[], Awaitable[None]] | None = None

    def serve(self, services: Sequence[Service]) -> None:
        """Names the services behind the gate."""
        self._services = {service.name: service for service in services}

    def before_call(self, number: int, edit: Edit) -> None:
        """Has `edit` run just before the call with that running number (from 1) is served."""
        self._edits.setdefault(number, []).append(edit)

    def reset(self) -> None:
        """Forgets calls, edits and faults; numbers start again at 1."""
        self.calls.clear()
        self._edits.clear()
        self.faults.clear()
        self._number = 0

    async def inner(self, request: WireRequest) -> Answer:
        """One part of a batch."""
        return await self.answer(request, inner=True)

    async def answer(self, request: WireRequest, *, inner: bool = False) -> Answer:
        """The answer that goes back, faults and all."""
        self._number += 1
        number = self._number
        for edit in self._edits.pop(number, ()):
            if inspect.isawaitable(done := edit()):
                await done
        if self.pause is not None and not inner:
            await self.pause()
        name = _service_name(request.path)
        service = self._services.get(name)
        template = service.routes.template(request) if service else request.path
        fault = self.faults.take(name, request.method, target=request.path, template=template, number=number)
        answer = await self._faulty(service, request, fault)
        tell(name, request, answer, fault=fault.kind if fault else None)
        seen = answer.status if answer.delivery is Delivery.WHOLE else 0
        self._note(request, number=number, service=name, template=template, status=seen, inner=inner)
        return answer

    def stray(self, request: WireRequest) -> Answer:
        """A caller that came by another host name: it followed what it should not have followed."""
        self._number += 1
        self._note(request, number=self._number, service="foreign", template=request.path, status=200)
        return Answer(status=200, body={"value": []})

    def _note(
        self,
        request: WireRequest,
        *,
        number: int,
        service: str,
        template: str,
        status: int,
        inner: bool = False,
    ) -> None:
        call = Call(
            number=number,
            service=service,
            method=request.method,
            path=template,
            status=status,
            target=request.path,
            inner=inner,
            authorized=has_token(request),
        )
        self.calls.append(call)

    async def _faulty(self, service: Service | None, request: WireRequest, fault: Fault | None) -> Answer:
        if fault is None:
            return await self._served(service, request)
        foreign = self._foreign(request.path)
        if fault.kind in BEFORE_SERVICE:
            return answer_instead(fault, foreign=foreign)
        if fault.kind is FaultKind.DELAY:
            await asyncio.sleep(fault.seconds)
        return reshape(fault, await self._served(service, request), foreign=foreign)

    async def _served(self, service: Service | None, request: WireRequest) -> Answer:
        if service is None:
            message = f"No service of the local workspace has the path {request.path[:200]}."
            return Answer(status=404, body={"error": {"code": "NotFound", "message": message}})
        try:
            endpoint, routed = service.routes.find(request)
            service.admit(routed)
            answer = await endpoint(routed)
        except Refusal as refusal:
            return service.error(refusal)
        await self._flush()
        return answer


def _service_name(path: str) -> str:
    """The service that has the path by its first segment, which another has to follow; else nothing."""
    root, slash, _ = path.removeprefix("/").partition("/")
    return _ROOTS.get(root.lower(), "") if slash and path.startswith("/") else ""
