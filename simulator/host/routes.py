"""Routes of HTTP functions: templates with `{name}`, `{name?}` and `{*rest}`, matched as ASP.NET Core does.

Fixed text is compared without regard to case; values are percent-decoded per segment; the more exact route
wins. Source: Azure Functions, "HTTP trigger", Customize the HTTP endpoint; ASP.NET Core, "Route templates".
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote

from simulator.host.errors import IndexingError
from simulator.host.triggers import HttpTrigger

_PARAMETER = re.compile(r"\{(\*{0,2})([A-Za-z_]\w*)(\??)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteMatch:
    """The function that answers a request, with the values of its route."""

    trigger: HttpTrigger
    params: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Route:
    trigger: HttpTrigger
    pattern: re.Pattern[str]
    rank: tuple[int, ...]


class Router:
    """All routes of an app below one prefix. Raises IndexingError for a template it cannot play."""

    def __init__(self, triggers: Iterable[HttpTrigger], prefix: str) -> None:
        routes = [_compile(trigger, prefix) for trigger in triggers]
        self._routes = sorted(routes, key=lambda route: route.rank)

    def match(self, method: str, raw_path: str) -> RouteMatch | None:
        """Find the function for a method and a percent-encoded path; None where the platform says 404."""
        path = raw_path.strip("/")
        for route in self._routes:
            found = route.pattern.fullmatch(path)
            if found and (not route.trigger.methods or method in route.trigger.methods):
                params = {
                    name: unquote(value) for name, value in found.groupdict().items() if value is not None
                }
                return RouteMatch(trigger=route.trigger, params=params)
        return None


def _compile(trigger: HttpTrigger, prefix: str) -> _Route:
    segments = [part for part in f"{prefix}/{trigger.route}".split("/") if part]
    pattern, rank = "", []
    for segment in segments:
        text, exactness = _segment(segment, trigger.name, separator="/" if pattern else "")
        pattern += text
        rank.append(exactness)
    return _Route(trigger=trigger, pattern=re.compile(pattern, re.IGNORECASE), rank=tuple(rank))


def _segment(segment: str, function: str, *, separator: str) -> tuple[str, int]:
    if not set("{}") & set(segment):
        return separator + re.escape(segment), 0
    parameter = _PARAMETER.fullmatch(segment)
    if parameter is None:
        raise IndexingError(
            f"the local host cannot play the route segment {segment!r}; use {{name}}, {{name?}} or {{*name}}",
            function=function,
        )
    stars, name, optional = parameter.groups()
    if stars:
        return f"(?:{separator}(?P<{name}>.*))?", 2
    return (f"(?:{separator}(?P<{name}>[^/]+))?" if optional else f"{separator}(?P<{name}>[^/]+)"), 1
