"""The tenant's directory: users, groups, directory roles, risk and devices, as the tenant file lists them.

`members` (and `eligibleMembers` of a role) are the edges; a group may hold users and groups. Only what
Microsoft Graph v1.0 itself would derive is derived here.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, ClassVar
from uuid import NAMESPACE_URL, uuid5

from simulator.workspace.items import Items
from simulator.workspace.wire import Json

_EDGES = frozenset({"members", "eligibleMembers"})


@lru_cache(maxsize=4096)
def stable_id(*parts: str) -> str:
    """A GUID that depends on the parts alone."""
    return str(uuid5(NAMESPACE_URL, "\n".join(parts)))


class Directory:
    """Look-ups over one tenant file. Items are Graph resources without their membership edges.

    Nothing in it changes once it is made.
    """

    parts: ClassVar = ("users", "devices", "directoryRoles", "groups", "riskyUsers")
    """Members of a tenant document that it is made of."""

    def __init__(self, tenant: Mapping[str, Any]) -> None:
        self.users = Items(dict(user) for user in tenant.get("users") or ())
        self.devices = Items(_device(device) for device in tenant.get("devices") or ())
        holders = _role_holders(tenant.get("directoryRoles") or ())
        self.groups = Items(_group(group, holders) for group in tenant.get("groups") or ())
        self.roles = [_role(role) for role in tenant.get("directoryRoles") or ()]
        self._by_key = _keys(self.users)
        self._groups_by_id = {group["id"].lower(): group for group in self.groups}
        self._group_edges = _edges(tenant.get("groups") or (), "id", "members")
        self._role_edges = _edges(tenant.get("directoryRoles") or (), "roleTemplateId", "members")
        self._eligible = _edges(tenant.get("directoryRoles") or (), "roleTemplateId", "eligibleMembers")
        self.risky_users = Items(self._risk(risk) for risk in tenant.get("riskyUsers") or ())
        self._listed: dict[str, Items] = {}

    def user(self, key: str) -> Json | None:
        """The user with that object id or user principal name."""
        return self._by_key.get(key.lower())

    def group(self, group_id: str) -> Json | None:
        """The group with that object id."""
        return self._groups_by_id.get(group_id.lower())

    def risk(self, user_id: str) -> Json | None:
        """The risk record of a user, by object id."""
        return next((risk for risk in self.risky_users if risk["id"].lower() == user_id.lower()), None)

    def groups_of(self, object_id: str, *, transitive: bool) -> list[Json]:
        """Groups that hold the object, nested ones too if `transitive`; a circle of groups ends."""
        found: dict[str, Json] = {}
        ahead = [object_id.lower()]
        while ahead:
            member = ahead.pop()
            holders = [group for group in self._group_edges.get(member, ()) if group not in found]
            found |= {group: self._groups_by_id[group] for group in holders if group in self._groups_by_id}
            ahead += holders if transitive else ()
        return list(found.values())

    def roles_of(self, object_id: str, *, transitive: bool) -> list[Json]:
        """Active directory roles of the object, those of its groups too if `transitive`."""
        principals = {object_id.lower()}
        if transitive:
            principals |= {group["id"].lower() for group in self.groups_of(object_id, transitive=True)}
        held = {role for principal in principals for role in self._role_edges.get(principal, ())}
        return [role for role in self.roles if role["roleTemplateId"].lower() in held]

    def listed(self, name: str, make: Callable[[], Iterator[Json]]) -> Items:
        """The list of that name, which `make` makes of this directory when it is first asked for."""
        if name not in self._listed:
            self._listed[name] = Items(make())
        return self._listed[name]

    def assignments(self, *, eligible: bool) -> list[tuple[str, Json]]:
        """Every (principal id, role) pair, active or eligible, exactly as assigned."""
        edges = self._eligible if eligible else self._role_edges
        by_id = {role["roleTemplateId"].lower(): role for role in self.roles}
        return [(principal, by_id[role]) for principal, roles in edges.items() for role in roles]

    def principal(self, object_id: str) -> Json | None:
        """The user or group with that id, typed."""
        user = self.user(object_id)
        if user is not None:
            return {"@odata.type": "#microsoft.graph.user", **user}
        group = self.group(object_id)
        return None if group is None else {"@odata.type": "#microsoft.graph.group", **group}

    def _risk(self, risk: Mapping[str, Any]) -> Json:
        user = self.user(risk["id"]) or {}
        defaults = {
            "isDeleted": False,
            "isProcessing": False,
            "riskDetail": "none",
            "riskLastUpdatedDateTime": "2024-01-01T00:00:00Z",
            "userDisplayName": user.get("displayName"),
            "userPrincipalName": user.get("userPrincipalName"),
        }
        return defaults | dict(risk)


def _keys(users: Iterable[Json]) -> dict[str, Json]:
    keys: dict[str, Json] = {}
    for user in users:
        keys[str(user.get("userPrincipalName", "")).lower()] = user
        keys[user["id"].lower()] = user
    keys.pop("", None)
    return keys


def _edges(holders: Iterable[Mapping[str, Any]], key: str, edge: str) -> dict[str, list[str]]:
    """Member id to the ids of its holders, all in lower case."""
    found: dict[str, list[str]] = {}
    for holder in holders:
        for member in holder.get(edge) or ():
            found.setdefault(member.lower(), []).append(holder[key].lower())
    return found


def _role_holders(roles: Iterable[Mapping[str, Any]]) -> set[str]:
    return {member.lower() for role in roles for edge in _EDGES for member in role.get(edge) or ()}


def _group(group: Mapping[str, Any], role_holders: Collection[str]) -> Json:
    """A group resource; Entra lets only role-assignable groups hold a role."""
    defaults: Json = {
        "description": None,
        "groupTypes": [],
        "isAssignableToRole": group["id"].lower() in role_holders,
        "mail": None,
        "mailEnabled": False,
        "securityEnabled": True,
    }
    return defaults | {name: value for name, value in group.items() if name not in _EDGES}


def _role(role: Mapping[str, Any]) -> Json:
    defaults: Json = {"id": stable_id("directoryRole", role["roleTemplateId"]), "description": None}
    return defaults | {name: value for name, value in role.items() if name not in _EDGES}


def _device(device: Mapping[str, Any]) -> Json:
    defaults: Json = {"id": stable_id("device", str(device.get("displayName", ""))), "accountEnabled": True}
    return defaults | dict(device)
