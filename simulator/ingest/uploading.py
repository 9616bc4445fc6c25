"""One call of the Logs Ingestion API (2023-01-01), and what its answer says about the rows in it."""

import gzip
import io
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Any, Self

from aiohttp import ClientConnectorError
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ServiceRequestError,
    ServiceRequestTimeoutError,
)

from simulator.chain.problems import InputRefused, Problem
from simulator.ingest.batches import Batch
from simulator.ingest.credentials import Credential
from simulator.ingest.target import Target

_PACKAGE = "azure-monitor-ingestion"
_CONNECT_SECONDS, _READ_SECONDS = 10, 60
_LONGEST_WAIT = 120.0


class Fate(StrEnum):
    """What became of the rows of a call."""

    ACCEPTED = "accepted"
    TOO_LARGE = "too large"
    WAIT = "not taken, try later"
    DOUBTFUL = "nobody knows"
    REFUSED = "refused for good"


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """The fate of a call; `wait` is what the service asked for, in seconds, or None."""

    fate: Fate
    message: str = ""
    wait: float | None = None


class Uploader:
    """The SDK's client for one target, its own retries off: it would repeat a call that may have arrived.

    Raises InputRefused, naming what to install, where the SDK is missing.
    """

    def __init__(self, target: Target, credential: Credential) -> None:
        try:
            from azure.monitor.ingestion.aio import LogsIngestionClient  # noqa: PLC0415 - a package of `ingest` alone
        except ImportError:
            message = f"needs the package {_PACKAGE}: pip install {_PACKAGE}"
            raise InputRefused([Problem(file="ingest", message=message)]) from None
        self._target = target
        self._client = LogsIngestionClient(
            target.endpoint,
            credential,
            retry_total=0,
            redirect_max=0,
            connection_timeout=_CONNECT_SECONDS,
            read_timeout=_READ_SECONDS,
        )
        # azure-core sends no token over http; on this machine it may.
        self._options: dict[str, Any] = {"enforce_https": False} if target.is_local else {}

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.__aexit__(kind, error, trace)

    async def upload(self, batch: Batch) -> Upload:
        """Sends one batch, gzip-packed, in one call. Raises nothing for what service or network do."""
        body = io.BytesIO(gzip.compress(batch.body, mtime=0))
        rule, stream = self._target.rule_id, self._target.stream
        try:
            await self._client.upload(rule, stream, body, **self._options)
        except ClientAuthenticationError as error:
            return Upload(fate=Fate.REFUSED, message=_first_line(error))
        except HttpResponseError as error:
            return _answered(error)
        except (ServiceRequestTimeoutError, ServiceRequestError) as error:
            return _unsent(error)
        except AzureError as error:
            return Upload(fate=Fate.DOUBTFUL, message=_first_line(error))
        return Upload(fate=Fate.ACCEPTED)


def _answered(error: HttpResponseError) -> Upload:
    """What an answer other than 204 says: only 413, 429 and a 503 that names a time are sure refusals."""
    wait = _retry_after(error)
    match error.status_code:
        case 413:
            fate = Fate.TOO_LARGE
        case 429:
            fate = Fate.WAIT
        case 503 if wait is not None:
            fate = Fate.WAIT
        case int() as status if status >= 500 or status == 408:
            fate = Fate.DOUBTFUL
        case _:
            fate = Fate.REFUSED
    return Upload(fate=fate, message=f"{error.status_code}: {_first_line(error)}", wait=wait)


def _unsent(error: ServiceRequestError) -> Upload:
    """A connection that never stood sent nothing; azure-core reports a broken one in the same class."""
    connect = isinstance(error, ServiceRequestTimeoutError) or isinstance(
        error.inner_exception, ClientConnectorError
    )
    return Upload(fate=Fate.WAIT if connect else Fate.DOUBTFUL, message=_first_line(error))


def _retry_after(error: HttpResponseError) -> float | None:
    headers = getattr(error.response, "headers", {})
    text = headers.get("Retry-After", "")
    try:
        return min(max(float(text), 0.0), _LONGEST_WAIT)
    except ValueError:
        return None


def _first_line(error: AzureError) -> str:
    return str(error).partition("\n")[0]
