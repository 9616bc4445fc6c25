"""Drives Microsoft's worker library (`azure-functions-runtime`): index an app, then call its functions.

That library holds one app in module variables, and an app reads the process environment, so there is room for
one open worker in a process.
"""

import importlib
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

from simulator.host.errors import HostError, IndexingError
from simulator.host.fields import PROTOS, Fields

_ONE_WORKER = threading.Lock()
# The worker library behaves as inside a platform container where this is set.
_CONTAINER_MARK = "CONTAINER_NAME"


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedFunction:
    """One function as the worker library indexed it; `bindings` are its binding documents, as JSON."""

    name: str
    function_id: str
    bindings: tuple[str, ...]
    has_retry_policy: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """How one call ended: `returned` is the typed answer, `failure` and `trace` say what went wrong."""

    succeeded: bool
    returned: Any = None
    failure: str = ""
    trace: str = ""


class Worker:
    """One loaded function app. Use as a context manager; leaving restores environment and import path."""

    def __init__(self, app_dir: Path, environment: Mapping[str, str]) -> None:
        self._app_dir = app_dir
        self._environment = environment
        self._stack = ExitStack()
        self._runtime: Any = None

    def __enter__(self) -> Self:
        if not _ONE_WORKER.acquire(blocking=False):
            raise HostError(
                "Another FunctionsHost is open in this Python process; use HostProcess for a second one."
            )
        self._stack.callback(_ONE_WORKER.release)
        self._stack.enter_context(environment_with({**self._environment, _CONTAINER_MARK: ""}))
        os.environ.pop(_CONTAINER_MARK, None)
        self._stack.enter_context(_import_path(self._app_dir))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    async def index(self) -> tuple[IndexedFunction, ...]:
        """Load `function_app.py` and return its functions; IndexingError names the one at fault."""
        if not (self._app_dir / "function_app.py").is_file():
            raise IndexingError(f"There is no function_app.py in {self._app_dir}.")
        # Costs 130 ms, which a process that only watches a host need not spend.
        self._runtime = importlib.import_module("azure_functions_runtime")
        self._runtime.start_threadpool_executor()
        self._stack.callback(self._stop_threads)
        answer = await self._runtime.worker_init_request(_init_request(self._app_dir))
        if answer.result.status != PROTOS.StatusResult.Success:
            raise _indexing_error(answer.result.exception)
        answer = await self._runtime.functions_metadata_request(None)
        return tuple(_indexed(metadata) for metadata in answer.function_metadata_results or ())

    async def invoke(
        self, function_id: str, *, argument: str, value: Fields, trigger_metadata: Mapping[str, Fields]
    ) -> Invocation:
        """Call a function with `value` as its trigger argument; what it raises is a failed invocation."""
        request = Fields(
            invocation_id=str(uuid4()),
            function_id=function_id,
            input_data=[Fields(name=argument, data=value)],
            trigger_metadata=trigger_metadata,
            trace_context=Fields(trace_parent="", trace_state="", attributes={}),
            retry_context=Fields(retry_count=0, max_retry_count=0, exception=None),
        )
        answer = await self._runtime.invocation_request(Fields(request=Fields(invocation_request=request)))
        if answer.result.status == PROTOS.StatusResult.Success:
            return Invocation(succeeded=True, returned=answer.return_value)
        raised = answer.result.exception
        return Invocation(succeeded=False, failure=raised.message, trace=raised.stack_trace)

    def _stop_threads(self) -> None:
        threads = self._runtime.get_threadpool_executor()
        if threads is not None:
            threads.shutdown(wait=False, cancel_futures=True)


@contextmanager
def environment_with(values: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables, and put back on leaving what those very names held before."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


@contextmanager
def _import_path(app_dir: Path) -> Iterator[None]:
    path = str(app_dir.resolve())
    before = sys.modules.pop("function_app", None)
    sys.path.insert(0, path)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(path)
        sys.modules.pop("function_app", None)
        if before is not None:
            sys.modules["function_app"] = before


def _init_request(app_dir: Path) -> Fields:
    load = Fields(capabilities={}, function_app_directory=str(app_dir.resolve()))
    return Fields(
        request=Fields(worker_init_request=load), properties={"host": "127.0.0.1", "protos": PROTOS}
    )


def _indexed(metadata: Any) -> IndexedFunction:
    return IndexedFunction(
        name=metadata.name,
        function_id=metadata.function_id,
        bindings=tuple(metadata.raw_bindings),
        has_retry_policy=metadata.retry_options is not None,
    )


def _indexing_error(raised: Any) -> IndexingError:
    marker, message = "cannot load the ", raised.message
    function = message.partition(marker)[2].partition(" function: ")[0] if marker in message else ""
    where = [line.strip() for line in raised.stack_trace.splitlines() if line.lstrip().startswith('File "')]
    cause = message.partition(" function: ")[2] if function else message
    return IndexingError(f"{cause}{'' if function or not where else f' ({where[-1]})'}", function=function)
