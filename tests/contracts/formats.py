"""The formats of texts that the API documents name: moments with a zone, GUIDs, durations."""

import re
from datetime import datetime
from uuid import UUID

from jsonschema import FormatChecker

FORMATS = FormatChecker(formats=())


@FORMATS.checks("date-time", raises=ValueError)
def _is_moment(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


@FORMATS.checks("uuid", raises=ValueError)
def _is_guid(value: object) -> bool:
    return not isinstance(value, str) or str(UUID(value)) == value.lower()


@FORMATS.checks("duration")
def _is_duration(value: object) -> bool:
    pattern = r"P(?=.)(\d+[YMWD])*(T(\d+(\.\d+)?[HMS])+)?"
    return not isinstance(value, str) or re.fullmatch(pattern, value) is not None
