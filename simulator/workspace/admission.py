"""Who may call: the bearer token that every service but the token endpoint asks for."""

import hmac
from functools import lru_cache

from simulator.workspace.model import TENANT_ID, TOKEN
from simulator.workspace.wire import Refusal, WireRequest

AUTHORITY = f"https://login.microsoftonline.com/{TENANT_ID}"


def has_token(request: WireRequest) -> bool:
    """Whether the request carries the workspace's token."""
    return _opens(request.headers.get("authorization", ""))


@lru_cache(maxsize=64)
def _opens(authorization: str) -> bool:
    scheme, _, token = authorization.partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(token.strip().encode(), TOKEN.encode())


def admit_bearer(request: WireRequest, *, missing: str, wrong: str) -> None:
    """Raises Refusal 401 with a WWW-Authenticate challenge, under the service's own error codes."""
    if has_token(request):
        return
    challenge = f'Bearer authorization_uri="{AUTHORITY}"'
    if not request.headers.get("authorization"):
        message = "Authentication failed. The 'Authorization' header is missing."
        raise Refusal(401, missing, message, headers={"WWW-Authenticate": challenge})
    message = "The access token is invalid."
    raise Refusal(401, wrong, message, headers={"WWW-Authenticate": f'{challenge}, error="invalid_token"'})
