"""Strict reading of JSON objects: a member that is missing or of the wrong type is an error that names it."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from playbooks.errors import SourceUnavailable

_TIME = re.compile(r"(\d{4})-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)", re.ASCII)
_GUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_SURROGATES = re.compile("[\ud800-\udfff]")


class Record:
    """One JSON object of an answer. `where` is its place in the answer, for the error text."""

    __slots__ = ("_members", "_source", "_where")

    def __init__(self, source: str, members: object, *, where: str = "answer") -> None:
        if not isinstance(members, dict):
            raise SourceUnavailable(source, f"{where} is missing or not as documented")
        self._source = source
        self._members: Mapping[str, Any] = members
        self._where = where

    def __contains__(self, name: str) -> bool:
        return name in self._members

    @property
    def members(self) -> Mapping[str, Any]:
        """The object as it came."""
        return self._members

    def text(self, name: str) -> str:
        """Text; lone surrogates, which no encoder takes, become U+FFFD."""
        value = self._members.get(name)
        if not isinstance(value, str):
            raise self.unread(name)
        return clean(value)

    def name(self, name: str) -> str:
        """Text that is not blank."""
        value = self.text(name)
        if not value.strip():
            raise self.unread(name)
        return value

    def text_or_null(self, name: str) -> str:
        """Text, or empty for null; the member itself must be there."""
        if name in self._members and self._members[name] is None:
            return ""
        return self.text(name)

    def text_if_given(self, name: str) -> str:
        """Text, or empty where the member is missing or null."""
        return "" if self._members.get(name) is None else self.text(name)

    def number(self, name: str) -> int:
        """A whole number."""
        value = self._members.get(name)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.unread(name)
        return value

    def flag_or_null(self, name: str) -> bool | None:
        """True, false or null; the member itself must be there."""
        if name not in self._members or not isinstance(value := self._members[name], bool | None):
            raise self.unread(name)
        return value

    def moment(self, name: str) -> datetime:
        """A usable time in UTC."""
        moment = parse_moment(self._members.get(name))
        if moment is None:
            raise self.unread(name)
        return moment

    def guid(self, name: str) -> str:
        """A GUID in lower case."""
        guid = parse_guid(self.text(name))
        if guid is None:
            raise self.unread(name)
        return guid

    def record(self, name: str) -> "Record":
        """A JSON object."""
        return Record(self._source, self._members.get(name), where=f"{self._where}.{name}")

    def list(self, name: str) -> list[Any]:
        """A JSON array."""
        value = self._members.get(name)
        if not isinstance(value, list):
            raise self.unread(name)
        return value

    def records(self, name: str) -> Iterator["Record"]:
        """A JSON array of objects."""
        where = f"{self._where}.{name}"
        for place, member in enumerate(self.list(name)):
            yield Record(self._source, member, where=f"{where}[{place}]")

    def texts(self, name: str) -> tuple[str, ...]:
        """A JSON array of text."""
        values = self.list(name)
        if not all(isinstance(value, str) for value in values):
            raise self.unread(name)
        return tuple(clean(value) for value in values)

    def unread(self, name: str) -> SourceUnavailable:
        """The error for a member that cannot be used."""
        return SourceUnavailable(self._source, f"{self._where}.{name} is missing or not as documented")


def clean(text: str) -> str:
    """The text with lone surrogates as U+FFFD, which stays visible as an oddity."""
    return text if text.isascii() else _SURROGATES.sub("\ufffd", text)


def parse_moment(text: object) -> datetime | None:
    """An ISO 8601 time with a zone as UTC; None for anything else, year 1 (no time) and 2262 or later."""
    match = _TIME.fullmatch(text) if isinstance(text, str) else None
    if match is None or not 1 < int(match[1]) < 2262:
        return None
    try:
        return datetime.fromisoformat(match[0]).astimezone(UTC)
    except ValueError:
        return None


def parse_guid(text: object) -> str | None:
    """A GUID in its plain form, in lower case; None for anything else."""
    return text.lower() if isinstance(text, str) and _GUID.fullmatch(text) else None
