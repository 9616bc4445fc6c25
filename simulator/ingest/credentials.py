"""Who calls: Azure's default chain, or a fixed token for services on this machine."""

import time
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Protocol, Self

from azure.core.credentials import AccessToken

from simulator.chain.problems import InputRefused, Problem
from simulator.ingest.target import is_loopback

_LIFE_SECONDS = 3600


class Credential(Protocol):
    """What gives access tokens, as azure-core's AsyncTokenCredential."""

    async def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        """A token for the scopes."""
        ...

    async def close(self) -> None:
        """Lets go of connections."""
        ...

    async def __aenter__(self) -> Self:
        """Itself."""
        ...

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        """Closes."""
        ...


class FixedToken:
    """One token for every scope; for services on this machine alone."""

    def __init__(self, token: str) -> None:
        self._token = token

    async def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        """The token."""
        del scopes, options
        return AccessToken(self._token, int(time.time()) + _LIFE_SECONDS)

    async def close(self) -> None:
        """Nothing to let go of."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def credential_for(addresses: Iterable[str], *, local_token: str) -> Credential:
    """The fixed token where one is given, else what `az login`, the environment or the machine give.

    Raises InputRefused where a fixed token would leave this machine.
    """
    if local_token:
        if abroad := [address for address in addresses if not is_loopback(address)]:
            message = f"is for services on this machine, not for {', '.join(abroad)}"
            raise InputRefused([Problem(file="--local-token", message=message)])
        return FixedToken(local_token)
    from azure.identity.aio import DefaultAzureCredential  # noqa: PLC0415 - takes 270 ms, only needed here

    return DefaultAzureCredential()
