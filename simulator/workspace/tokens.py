"""Where tokens come from: the Entra token endpoint, and the managed identity endpoint of App Service.

Both hand out the one token that every service here accepts. The identity endpoint is the one that
`IDENTITY_ENDPOINT` and `IDENTITY_HEADER` name (api-version 2019-08-01).
"""

import time

from simulator.workspace.model import IDENTITY_HEADER, TOKEN
from simulator.workspace.wire import Answer, Refusal, Routes, WireRequest, parse_query

_LIFE_SECONDS = 3599


class Login:
    """`POST /login/{tenant}/oauth2/v2.0/token`, client credentials only."""

    name = "login"

    def __init__(self) -> None:
        self.routes = Routes()
        self.routes.add("POST", "/login/{tenant}/oauth2/v2.0/token", self._token)

    def admit(self, request: WireRequest) -> None:
        """Nobody has a token yet."""

    def error(self, refusal: Refusal) -> Answer:
        """OAuth 2.0 error body."""
        return Answer(
            status=refusal.status, body={"error": refusal.code, "error_description": refusal.message}
        )

    async def _token(self, request: WireRequest) -> Answer:
        form = parse_query(request.body.decode("utf-8", "replace"))
        if form.get("grant_type") != "client_credentials":
            raise Refusal(400, "unsupported_grant_type", "Only client_credentials is supported.")
        if not form.get("scope", "").endswith("/.default"):
            raise Refusal(400, "invalid_scope", "The scope must end in /.default for client credentials.")
        life = {"expires_in": _LIFE_SECONDS, "ext_expires_in": _LIFE_SECONDS}
        return Answer(status=200, body={"token_type": "Bearer", "access_token": TOKEN, **life})


class ManagedIdentity:
    """`GET /identity/token?resource=…&api-version=2019-08-01` with the secret header."""

    name = "identity"

    def __init__(self) -> None:
        self.routes = Routes()
        self.routes.add("GET", "/identity/token", self._token)

    def admit(self, request: WireRequest) -> None:
        """The header proves that the caller runs inside the app."""
        if request.headers.get("x-identity-header") != IDENTITY_HEADER:
            raise Refusal(401, "Unauthorized", "The X-IDENTITY-HEADER is missing or wrong.")

    def error(self, refusal: Refusal) -> Answer:
        """App Service's error body."""
        return Answer(status=refusal.status, body={"statusCode": refusal.status, "message": refusal.message})

    async def _token(self, request: WireRequest) -> Answer:
        resource = request.query.get("resource", "")
        if request.query.get("api-version") != "2019-08-01" or not resource.startswith("https://"):
            raise Refusal(400, "BadRequest", "api-version 2019-08-01 and a resource are needed.")
        expires = str(int(time.time()) + _LIFE_SECONDS)
        body = {"access_token": TOKEN, "expires_on": expires, "resource": resource, "token_type": "Bearer"}
        return Answer(status=200, body=body)
