"""What a run that only reads may send, decided where the requests leave: a bug above cannot write.

Reads are every GET and the questions that the services take by POST: a log query, the alerts and the
entities of an incident, and a Graph batch of GETs.
"""

import json
import re
from urllib.parse import urlsplit

from azure.core.pipeline import PipelineRequest
from azure.core.pipeline.policies import SansIOHTTPPolicy
from azure.core.pipeline.transport import AsyncHttpResponse, HttpRequest

from playbooks.errors import WriteRefused

_QUESTIONS = re.compile(
    r"/v1/workspaces/[^/]+/query|/subscriptions/.+/incidents/[^/]+/(?:alerts|entities)", re.IGNORECASE
)
_BATCH = "/v1.0/$batch"


def refuse_write(method: str, url: str, body: bytes = b"") -> None:
    """Raises WriteRefused for anything but a read; a batch is one only where every part of it is a GET."""
    path = urlsplit(url).path.replace("%24", "$")
    asks = method == "POST" and (_QUESTIONS.fullmatch(path) or (path == _BATCH and _all_gets(body)))
    if method != "GET" and not asks:
        raise WriteRefused("this run", f"only reads, and would have sent {method} {path}")


class ReadOnlyPolicy(SansIOHTTPPolicy[HttpRequest, AsyncHttpResponse]):
    """Of an azure-core pipeline: stops what is no read."""

    def on_request(self, request: PipelineRequest[HttpRequest]) -> None:
        """Raises WriteRefused before anything is sent."""
        body = request.http_request.data
        refuse_write(
            request.http_request.method, request.http_request.url, body if isinstance(body, bytes) else b""
        )


def _all_gets(body: bytes) -> bool:
    try:
        parts = json.loads(body)["requests"]
        return bool(parts) and all(str(part["method"]).upper() == "GET" for part in parts)
    except (ValueError, RecursionError, KeyError, TypeError):
        return False
