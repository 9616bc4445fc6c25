"""The tenant file: who and what exists, checked at the edge, and how a case changes it.

The document stays plain JSON in the services' own shapes, because the local workspace serves it as it
is; the models here only say whether it can be used.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from simulator.catalogues import search_keys
from simulator.chain.problems import InputRefused, Problem, problems_of

type Json = dict[str, Any]

SEARCH_KEYS = search_keys()
"""Search key of each watchlist, by alias in lower case; another list is keyed by its first column."""


def _time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError) as error:
        raise ValueError(f"not an IANA time zone: {name[:60]!r}") from error
    return name


def _zoned(text: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError("not an ISO 8601 time such as 2024-11-18T21:00:04Z") from error
    if moment.tzinfo is None:
        raise ValueError("has no time zone; write 2024-11-18T21:00:04Z")
    return text


type ZonedTime = Annotated[str, AfterValidator(_zoned)]
type Cell = str | int | float | bool | None


class _Resource(BaseModel):
    """A service's resource: what we need is checked, any other property is let through."""

    model_config = ConfigDict(extra="allow", frozen=True)


class Organisation(_Resource):
    """The organisation's names and hours."""

    netbios: Annotated[str, Field(min_length=1)]
    dns: Annotated[str, Field(pattern=r"^[^\s.]+(\.[^\s.]+)+$")]
    time_zone: Annotated[str, AfterValidator(_time_zone), Field(alias="timeZone")]
    business_hours: Annotated[
        str, Field(alias="businessHours", pattern=r"^\w{3}(-\w{3})? \d\d:\d\d-\d\d:\d\d$")
    ]


class User(_Resource):
    """A Microsoft Graph v1.0 user."""

    id: Annotated[str, Field(min_length=1)]
    user_principal_name: Annotated[str, Field(alias="userPrincipalName", min_length=1)]
    created: Annotated[ZonedTime | None, Field(alias="createdDateTime")] = None
    enabled: Annotated[bool | None, Field(alias="accountEnabled")] = None


class Group(_Resource):
    """A Microsoft Graph v1.0 group with the ids of its direct members."""

    id: Annotated[str, Field(min_length=1)]
    display_name: Annotated[str, Field(alias="displayName", min_length=1)]
    members: tuple[str, ...] = ()


class Role(_Resource):
    """A directory role with the ids of its members."""

    role_template_id: Annotated[str, Field(alias="roleTemplateId", min_length=1)]
    members: tuple[str, ...] = ()


class RiskyUser(_Resource):
    """A Microsoft Graph v1.0 riskyUser."""

    id: Annotated[str, Field(min_length=1)]
    risk_level: Annotated[str, Field(alias="riskLevel")]
    risk_state: Annotated[str, Field(alias="riskState")]


class Tenant(_Resource):
    """The whole file."""

    organisation: Organisation
    settings: dict[str, Any] = {}
    users: tuple[User, ...] = ()
    groups: tuple[Group, ...] = ()
    directory_roles: Annotated[tuple[Role, ...], Field(alias="directoryRoles")] = ()
    risky_users: Annotated[tuple[RiskyUser, ...], Field(alias="riskyUsers")] = ()
    watchlists: dict[str, tuple[dict[str, Cell], ...]] = {}


def read_tenant(path: Path) -> Json:
    """The tenant document. Raises InputRefused with file and field, or OSError."""
    document = read_json(path)
    try:
        Tenant.model_validate(document)
    except ValidationError as error:
        raise InputRefused(problems_of(error, file=str(path))) from None
    return document


def read_json(path: Path) -> Json:
    """A file that holds one JSON object. Raises InputRefused with the line, or OSError."""
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError:
        raise InputRefused([Problem(file=str(path), message="is not UTF-8 text")]) from None
    except json.JSONDecodeError as error:
        problem = Problem(file=str(path), line=error.lineno, message=f"is not JSON: {error.msg}")
        raise InputRefused([problem]) from None
    if not isinstance(document, dict):
        raise InputRefused([Problem(file=str(path), message="is not a JSON object")])
    return document


def patched(tenant: Mapping[str, Any], patch: Mapping[str, Any]) -> Json:
    """The tenant with a case's patch applied; neither argument is changed.

    Objects merge; lists of objects with an `id` replace or add by that key; in a watchlist the patch's
    rows replace all rows with their search key; null removes. Any other value replaces what was there.
    """
    merged = _merged(tenant, {name: change for name, change in patch.items() if name != "watchlists"})
    if "watchlists" not in patch:
        return merged
    if patch["watchlists"] is None:
        return {name: value for name, value in merged.items() if name != "watchlists"}
    return {**merged, "watchlists": _patched_watchlists(merged.get("watchlists") or {}, patch["watchlists"])}


def _merged(base: Mapping[str, Any], patch: Mapping[str, Any]) -> Json:
    kept = {name: value for name, value in base.items() if name not in patch or patch[name] is not None}
    changes = {name: _changed(base.get(name), change) for name, change in patch.items() if change is not None}
    return {**kept, **changes}


def _changed(before: Any, change: Any) -> Any:
    if isinstance(before, Mapping) and isinstance(change, Mapping):
        return _merged(before, change)
    if isinstance(before, list) and isinstance(change, list) and _have_ids(change):
        return _replaced(before, change, key="id")
    return change


def _have_ids(rows: Sequence[Any]) -> bool:
    return all(isinstance(row, Mapping) and "id" in row for row in rows)


def _replaced(before: Sequence[Any], change: Sequence[Json], *, key: str) -> list[Any]:
    """The list with each object of the same key replaced in its place, and the others added at the end."""
    new = {row[key]: row for row in change}
    known = [row.get(key) for row in before if isinstance(row, Mapping)]
    return [new.get(row.get(key), row) for row in before] + [row for row in change if row[key] not in known]


def _patched_watchlists(before: Mapping[str, Any], change: Mapping[str, Any]) -> Json:
    kept = {alias: rows for alias, rows in before.items() if alias not in change}
    new = {
        alias: _patched_rows(alias, before.get(alias) or [], rows)
        for alias, rows in change.items()
        if rows is not None
    }
    return {**kept, **new}


def _patched_rows(alias: str, before: Sequence[Json], rows: Sequence[Json]) -> list[Json]:
    first = next(iter(rows[0]), "") if rows else ""
    key = SEARCH_KEYS.get(alias.lower(), first)
    replaced = {str(row.get(key, "")).casefold() for row in rows}
    return [row for row in before if str(row.get(key, "")).casefold() not in replaced] + list(rows)
