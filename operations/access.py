"""What an operator's command works with: the function's settings, and the operator's own sign-in."""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from azure.core.credentials import AccessToken

from playbooks.clients.identity import Credential, FixedToken, Identity
from playbooks.errors import SettingsError
from playbooks.settings import PREFIX, Settings

_MARGIN_SECONDS = 300


def read_environment(file: Path | None, environment: Mapping[str, str]) -> Mapping[str, str]:
    """The function's app settings: the environment, or a file in its place.

    The file is a local.settings.json (`{"Values": {…}}`), or what `az functionapp config appsettings list`
    prints (`[{"name": …, "value": …}]`). Of the environment only what is no app setting (`TRIAGE_…`,
    `AzureWebJobs…`) stays beside it. Raises SettingsError for a file that cannot be read or is encrypted.
    """
    if file is None:
        return environment
    try:
        document = json.loads(file.read_text("utf-8-sig"))
    except (OSError, ValueError) as error:
        raise SettingsError([f"{file} cannot be read as JSON ({type(error).__name__})"]) from None
    if isinstance(document, dict) and document.get("IsEncrypted"):
        raise SettingsError([f"{file} is encrypted; run `func settings decrypt` beside it first"])
    values = _values(document)
    if values is None:
        raise SettingsError([f'{file} has neither "Values" nor a list of names and values, all of them text'])
    ours = (PREFIX, "AzureWebJobs")
    return {name: value for name, value in environment.items() if not name.startswith(ours)} | values


def _values(document: object) -> dict[str, str] | None:
    """Names and values of either form; None for anything else."""
    match document:
        case {"Values": dict(given)}:
            values = given
        case list() if all(isinstance(one, dict) and {"name", "value"} <= set(one) for one in document):
            values = {one["name"]: one["value"] for one in document}
        case _:
            return None
    texts = (text for pair in values.items() for text in pair)
    return values if all(isinstance(text, str) for text in texts) else None


class KeptTokens:
    """Keeps a credential's tokens until five minutes before they end; the CLI runs a program for each."""

    def __init__(self, credential: Credential, *, seconds: Callable[[], float] = time.time) -> None:
        self._credential = credential
        self._seconds = seconds
        self._tokens: dict[tuple[str, ...], AccessToken] = {}
        self._asking = asyncio.Lock()

    async def get_token(self, *scopes: str, **options: str | bool | None) -> AccessToken:
        """A token for the scopes; one with claims is always asked for. Raises AzureError."""
        async with self._asking:
            kept = self._tokens.get(scopes)
            if kept is None or options.get("claims") or kept.expires_on < self._seconds() + _MARGIN_SECONDS:
                kept = self._tokens[scopes] = await self._credential.get_token(*scopes, **options)
            return kept

    async def close(self) -> None:
        """Ends its connections."""
        await self._credential.close()


def operator_identity(settings: Settings) -> Identity:
    """The local workspace's fixed token where the settings have one, else who is signed in by `az login`."""
    if settings.local_token:
        return Identity(lambda: FixedToken(settings.local_token))
    return Identity(_signed_in, tokenless="the Azure CLI gave no token; sign in with `az login`")


def _signed_in() -> Credential:
    from azure.identity.aio import AzureCliCredential  # noqa: PLC0415 - a quarter of a second

    return KeptTokens(AzureCliCredential())
