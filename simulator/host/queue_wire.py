"""The wire form of Storage Queue calls: parameters and XML bodies in, XML and headers out.

Source: "Queue Service REST API", Put Message, Get Messages, Update Message; times are RFC 1123.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from aiohttp import web

from simulator.host.errors import StorageRefusal
from simulator.host.store import StoredMessage

PUT_FIELDS = ("MessageId", "InsertionTime", "ExpirationTime", "PopReceipt", "TimeNextVisible")
PEEK_FIELDS = ("MessageId", "InsertionTime", "ExpirationTime", "DequeueCount", "MessageText")
TAKE_FIELDS = (*PUT_FIELDS, "DequeueCount", "MessageText")
META = "x-ms-meta-"
_LARGEST_TEXT = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request: the path's segments after the account, query, headers and body."""

    parts: tuple[str, ...]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    def whole(self, name: str, default: int | None, *, low: int, high: int) -> int:
        """Read a whole number from the query; refusals are the service's own."""
        text = self.query.get(name)
        if text is None and default is not None:
            return default
        try:
            number = int(self.required(name))
        except ValueError as unreadable:
            raise StorageRefusal(
                400, "InvalidQueryParameterValue", f"Value for the query parameter {name} is invalid."
            ) from unreadable
        if not low <= number <= high:
            raise out_of_range(name)
        return number

    def required(self, name: str) -> str:
        """Read a query parameter that must be there."""
        text = self.query.get(name)
        if text is None:
            raise StorageRefusal(
                400, "MissingRequiredQueryParameter", f"The query parameter {name} is missing."
            )
        return text

    def metadata(self) -> dict[str, str]:
        """User-defined metadata from the headers."""
        return {
            name.lower().removeprefix(META): value
            for name, value in self.headers.items()
            if name.lower().startswith(META)
        }

    def message_text(self) -> str:
        """Read the message of the XML body; at most 64 KiB, as in the service."""
        try:
            root = ET.fromstring(self.body)  # noqa: S314 - loopback only, and expat bounds entity expansion
        except ET.ParseError as broken:
            raise StorageRefusal(
                400, "InvalidXmlDocument", "XML specified is not syntactically valid."
            ) from broken
        text = root.findtext("MessageText")
        if root.tag != "QueueMessage" or text is None:
            raise StorageRefusal(
                400, "MissingRequiredXmlNode", "QueueMessage/MessageText is missing in the body."
            )
        if len(text.encode()) > _LARGEST_TEXT:
            raise StorageRefusal(413, "RequestBodyTooLarge", "A message holds at most 64 KiB.")
        return text


def out_of_range(name: str) -> StorageRefusal:
    """Build the refusal of a number outside its limits."""
    return StorageRefusal(
        400, "OutOfRangeQueryParameterValue", f"The query parameter {name} is out of range."
    )


def rfc1123(moment: datetime) -> str:
    """Write a UTC time as HTTP does; fractions of a second are dropped, as in the service."""
    return format_datetime(moment, usegmt=True)


def xml(body: str, *, status: int = 200) -> web.Response:
    """Build an XML answer."""
    return web.Response(
        status=status, text=f'<?xml version="1.0" encoding="utf-8"?>{body}', content_type="application/xml"
    )


def message_list(messages: Iterable[StoredMessage], fields: Iterable[str]) -> str:
    """Write messages as a QueueMessagesList with the given fields."""
    shown = tuple(fields)
    items = "".join(f"<QueueMessage>{_message(message, shown)}</QueueMessage>" for message in messages)
    return f"<QueueMessagesList>{items}</QueueMessagesList>"


def refused(refusal: StorageRefusal) -> web.Response:
    """Build the service's error answer: status, `x-ms-error-code` and XML body."""
    body = f"<Error><Code>{refusal.code}</Code><Message>{escape(refusal.cause)}</Message></Error>"
    response = xml(body, status=refusal.status)
    response.headers["x-ms-error-code"] = refusal.code
    return response


def _message(message: StoredMessage, fields: tuple[str, ...]) -> str:
    values = {
        "MessageId": message.id,
        "InsertionTime": rfc1123(message.inserted),
        "ExpirationTime": rfc1123(message.expires),
        "PopReceipt": message.pop_receipt,
        "TimeNextVisible": rfc1123(message.visible),
        "DequeueCount": str(message.dequeue_count),
        # A bare carriage return would come back as a line feed.
        "MessageText": escape(message.text, {"\r": "&#13;"}),
    }
    return "".join(f"<{name}>{values[name]}</{name}>" for name in fields)
