"""The one credential: the function's managed identity, or a fixed token for the local workspace.

There is no chain and no fallback: a token from any other identity would hide that the right one is missing.
"""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Protocol

from azure.core.credentials import AccessToken
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError

from playbooks.errors import SourceUnavailable
from playbooks.settings import Settings

SOURCE = "identity"
_TOKENLESS = "the managed identity gave no token; check that one is assigned to the function app"

_FAR_FUTURE = 4_102_444_800  # 1 January 2100, in seconds since 1970
_SECONDS_BETWEEN_RENEWALS = 60.0


class Credential(Protocol):
    """What `azure.identity.aio` credentials and the fixed token have in common."""

    async def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        """A token for the scopes. Raises AzureError."""
        ...

    async def close(self) -> None:
        """Ends its connections."""
        ...


class FixedToken:
    """The token of the local workspace; settings refuse it unless every endpoint is on loopback."""

    def __init__(self, token: str) -> None:
        self._token = AccessToken(token, _FAR_FUTURE)

    async def get_token(self, *_scopes: str, **_options: Any) -> AccessToken:
        """The token."""
        return self._token

    async def close(self) -> None:
        """Nothing to end."""


class Identity(AsyncTokenCredential):
    """A credential that can be renewed: its own cache would hand out a refused token until it expires."""

    def __init__(self, make: Callable[[], Credential], *, tokenless: str = _TOKENLESS) -> None:
        self._make = make
        self._tokenless = tokenless
        self._credential: Credential | None = None
        self._replaced: Credential | None = None
        self._renewed_at = -_SECONDS_BETWEEN_RENEWALS

    async def get_token(
        self,
        *scopes: str,
        claims: str | None = None,
        tenant_id: str | None = None,
        enable_cae: bool = False,
        **options: Any,
    ) -> AccessToken:
        """A token for the scopes, from the cache unless claims are asked for. Raises SourceUnavailable."""
        if self._credential is None:
            self._credential = self._make()
        try:
            return await self._credential.get_token(
                *scopes, claims=claims, tenant_id=tenant_id, enable_cae=enable_cae, **options
            )
        except (AzureError, ValueError) as error:
            raise SourceUnavailable(SOURCE, f"{self._tokenless} ({type(error).__name__})") from error

    async def renew(self) -> None:
        """Drops the cached tokens, at most once a minute."""
        now = time.monotonic()
        if now - self._renewed_at < _SECONDS_BETWEEN_RENEWALS:
            return
        self._renewed_at = now
        # The credential before the last one: no call can still be using it.
        if self._replaced is not None:
            await self._replaced.close()
        self._replaced, self._credential = self._credential, None

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        """Ends its connections."""
        await self.close()

    async def close(self) -> None:
        """Ends the connections of the credentials made."""
        for credential in (self._replaced, self._credential):
            if credential is not None:
                await credential.close()


def identity_of(settings: Settings) -> Identity:
    """The identity that the settings name."""
    if settings.local_token:
        return Identity(lambda: FixedToken(settings.local_token))
    return Identity(lambda: _managed_identity(settings.client_id))


def _managed_identity(client_id: str) -> Credential:
    # Imported late: it costs a quarter of a second that `receive` does not need.
    from azure.identity.aio import ManagedIdentityCredential  # noqa: PLC0415

    credential: Credential = ManagedIdentityCredential(client_id=client_id or None)
    return credential
