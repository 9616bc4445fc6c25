"""Every exchange with a local service, offered to whoever listens on the logger `simulator.exchanges`.

A log record of level DEBUG per call, its exchange in the attribute `exchange`. Without a listener nothing is
built. The tests listen and hold each exchange against the services' API documents.
"""

import logging
from dataclasses import dataclass

from simulator.workspace.faults import FaultKind
from simulator.workspace.wire import Answer, WireRequest

LOGGER_NAME = "simulator.exchanges"
_LOGGER = logging.getLogger(LOGGER_NAME)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request and its answer; `fault` struck the call, and may have made of the answer what it likes."""

    service: str
    request: WireRequest
    answer: Answer
    fault: FaultKind | None = None


def tell(service: str, request: WireRequest, answer: Answer, *, fault: FaultKind | None = None) -> None:
    """Offers an exchange."""
    if _LOGGER.isEnabledFor(logging.DEBUG):
        exchange = Exchange(service=service, request=request, answer=answer, fault=fault)
        _LOGGER.debug("%s %s", request.method, request.path, extra={"exchange": exchange})
