"""Where events may go: a data collection endpoint, rule and stream, and which rules are allowed."""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from simulator.chain.problems import InputRefused, Problem

_RULE = re.compile(r"dcr-[0-9a-f]{32}")
_STREAM = re.compile(r"(?:Custom|Microsoft)-[A-Za-z0-9_-]{1,100}")
_CLOUDS = (".ingest.monitor.azure.com", ".ingest.monitor.azure.us", ".ingest.monitor.azure.cn")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A data collection endpoint (address), the immutable id of a rule there, and one of its streams."""

    endpoint: str
    rule_id: str
    stream: str

    @property
    def is_local(self) -> bool:
        """Whether it is on this machine, where plain http and a fixed token are allowed."""
        return is_loopback(self.endpoint)

    @property
    def document(self) -> dict[str, str]:
        """The same for machines."""
        return {"endpoint": self.endpoint, "rule": self.rule_id, "stream": self.stream}


def checked_target(*, endpoint: str, rule_id: str, stream: str) -> Target:
    """The target. Raises InputRefused, naming the option, for what cannot be one.

    An address that is no data collection endpoint is refused: it would be handed an access token.
    """
    address = endpoint.rstrip("/")
    problems = [
        Problem(file=f"--{option}", message=message)
        for option, good, message in (
            (
                "endpoint",
                _is_endpoint(address),
                f"must be https://….ingest.monitor.azure.com, not {address!r}",
            ),
            ("rule", _RULE.fullmatch(rule_id), "must be an immutable id, dcr- and 32 hexadecimal digits"),
            ("stream", _STREAM.fullmatch(stream), "must be a stream such as Custom-ProcessEvents"),
        )
        if not good
    ]
    if problems:
        raise InputRefused(problems)
    return Target(endpoint=address, rule_id=rule_id, stream=stream)


def allowed_rules(given: Iterable[str], listed: Path | None) -> frozenset[str]:
    """The rules that may be sent to: those given, and those of a file, one a line, `#` begins a comment.

    Raises InputRefused for a line that is no immutable id, or OSError.
    """
    lines = listed.read_text(encoding="utf-8").splitlines() if listed else []
    written = [(number, line.partition("#")[0].strip()) for number, line in enumerate(lines, start=1)]
    problems = [
        Problem(file=str(listed), line=number, message="is no immutable id, dcr- and 32 hexadecimal digits")
        for number, text in written
        if text and not _RULE.fullmatch(text)
    ]
    if problems:
        raise InputRefused(problems)
    return frozenset(text for _, text in written if text) | frozenset(given)


def is_loopback(address: str) -> bool:
    """Whether an address names this machine by its loopback number or as localhost."""
    host = urlsplit(address).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_endpoint(address: str) -> bool:
    parts = urlsplit(address)
    if parts.path or parts.query or parts.fragment or parts.username:
        return False
    if is_loopback(address):
        return parts.scheme in ("http", "https")
    return parts.scheme == "https" and (parts.hostname or "").endswith(_CLOUDS)
