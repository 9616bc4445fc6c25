"""Starts `python -m simulator.host` as a process of its own and watches it over HTTP."""

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import aiohttp

from simulator.host.errors import HostStopped

_ROOT = Path(__file__).resolve().parents[2]
_WAIT_SECONDS = 5.0
_STOP_SECONDS = 10.0
_LOG_TAIL = 2000


class HostProcess:
    """A host in another process, as an async context manager; entering waits until it is ready.

    `env` is added to this process's environment, without CONTAINER_NAME. `arguments` are further arguments of
    the command, for example `("--lease", "2", "--no-timers")`. The log goes to `log_file`, by default a file
    in the temporary directory. Raises HostStopped where the host does not become ready.
    """

    def __init__(
        self,
        app_dir: Path,
        *,
        env: Mapping[str, str] | None = None,
        queue_file: Path | None = None,
        log_file: Path | None = None,
        arguments: Sequence[str] = (),
    ) -> None:
        self._app_dir = app_dir
        self._env = dict(env or {})
        self._command = [
            sys.executable,
            "-m",
            "simulator.host",
            "--app",
            str(app_dir.resolve()),
            "--json-ready",
        ]
        if queue_file is not None:
            self._command += ["--queue-file", str(queue_file.resolve())]
        self._command += arguments
        self.log_file = log_file or _temporary_log()
        self._process: asyncio.subprocess.Process | None = None
        self._session: aiohttp.ClientSession | None = None
        self._ready: dict[str, Any] = {}

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def base_url(self) -> str:
        """Where the HTTP routes are, without a slash at the end."""
        return str(self._ready["url"])

    @property
    def queue_endpoint(self) -> str:
        """The embedded queue's endpoint, with the account's path; empty in external mode."""
        return str(self._ready["queueEndpoint"])

    @property
    def function_key(self) -> str:
        """The key for function-level routes."""
        return str(self._ready["functionKey"])

    @property
    def master_key(self) -> str:
        """The key for the `/admin` paths."""
        return str(self._ready["masterKey"])

    @property
    def functions(self) -> tuple[str, ...]:
        """Names of the functions, sorted."""
        return tuple(self._ready["functions"])

    @property
    def returncode(self) -> int | None:
        """Exit status, negative for a signal; None while the process runs."""
        return None if self._process is None else self._process.returncode

    @property
    def log(self) -> str:
        """All that the host and its functions have logged so far."""
        return self.log_file.read_text(encoding="utf-8", errors="replace")

    async def start(self, *, timeout: float = 30.0) -> None:  # noqa: ASYNC109
        """Start the process and wait until it is ready, at most `timeout` seconds."""
        environment = {**os.environ, **self._env, "PYTHONUNBUFFERED": "1"}
        environment.pop("CONTAINER_NAME", None)
        paths = [str(_ROOT), environment.get("PYTHONPATH", "")]
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        with self.log_file.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                cwd=self._app_dir,
                env=environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
            )
        try:
            async with asyncio.timeout(timeout):
                self._ready = await self._ready_line(self._process)
        except TimeoutError:
            await self.kill()
            raise HostStopped(f"The host was not ready within {timeout} s. {self._tail()}") from None

    async def kill(self) -> None:
        """Kill the process at once (SIGKILL) and wait until it is gone; its queue file stays as it is."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
        await self._hang_up()

    async def stop(self) -> None:
        """Ask the process to end (SIGTERM) and wait; kills it after 10 s."""
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            with suppress(TimeoutError):
                async with asyncio.timeout(_STOP_SECONDS):
                    await self._process.wait()
        await self.kill()

    async def drained(self, queues: Iterable[str] | None = None, *, timeout: float = 30.0) -> None:  # noqa: ASYNC109
        """Return once the trigger queues hold no message and nothing is running; see FunctionsHost.drained.

        Raises TimeoutError saying what is left, and HostStopped where the process ends meanwhile.
        """
        watched = None if queues is None else set(queues)
        states: dict[str, Any] = {}
        try:
            async with asyncio.timeout(timeout):
                while not states or not _is_drained(states, watched):
                    states = await self._queue_states(watched or ())
        except TimeoutError:
            raise TimeoutError(f"After {timeout} s the host still holds: {states}") from None

    async def _queue_states(self, watched: Iterable[str]) -> dict[str, Any]:
        """What the host holds once these queues are drained, or a while later."""
        session = self._session = self._session or aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        headers = {"x-functions-key": self.master_key}
        query = [("wait", str(_WAIT_SECONDS)), *(("queue", name) for name in watched)]
        try:
            async with session.get(f"{self.base_url}/admin/queues", params=query, headers=headers) as answer:
                states: dict[str, Any] = await answer.json()
        except aiohttp.ClientError as gone:
            raise HostStopped(f"The host does not answer: {gone}. {self._tail()}") from gone
        return states

    async def _hang_up(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _ready_line(self, process: asyncio.subprocess.Process) -> dict[str, Any]:
        if process.stdout is None:
            raise HostStopped("The host has no output to read.")
        line = await process.stdout.readline()
        if not line:
            status = await process.wait()
            raise HostStopped(f"The host ended with status {status}. {self._tail()}")
        ready: dict[str, Any] = json.loads(line)
        return ready

    def _tail(self) -> str:
        return f"The end of its log:\n{self.log[-_LOG_TAIL:]}"


def _is_drained(states: Mapping[str, Any], queues: set[str] | None) -> bool:
    watched = [state for name, state in states["queues"].items() if queues is None or name in queues]
    return not states["running"] and not any(any(state.values()) for state in watched)


def _temporary_log() -> Path:
    handle, name = tempfile.mkstemp(prefix="functions-host-", suffix=".log")
    os.close(handle)
    return Path(name)
