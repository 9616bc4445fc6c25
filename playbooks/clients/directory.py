"""The Directory port on Microsoft Graph v1.0.

Names come from logs, so an attacker chooses them: each enters its filter as one literal, every row is
compared again on this side, and two users for one name are no user.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import cached_property
from typing import Any

from playbooks.clients.answers import Call
from playbooks.clients.directory_values import (
    DEVICE_PROPERTIES,
    RISK_PROPERTIES,
    SOURCE,
    USER_PROPERTIES,
    listed,
    parse_device,
    parse_group,
    parse_risk,
    parse_user,
)
from playbooks.clients.graph import Graph
from playbooks.clients.lookups import looked_up, odd_name
from playbooks.clients.odata import any_equal, equal
from playbooks.clients.rest import together
from playbooks.clients.wire import Record, parse_guid
from playbooks.errors import NotThere
from playbooks.model import (
    Absent,
    Device,
    DirectoryRole,
    DirectoryUser,
    Found,
    Group,
    Lookup,
    Risk,
    Unavailable,
)

USERS = Call(source=SOURCE, method="GET", template="/v1.0/users", needs="User.Read.All (Microsoft Graph)")
GROUPS = Call(
    source=SOURCE,
    method="GET",
    template="/v1.0/users/{id}/transitiveMemberOf/microsoft.graph.group",
    needs="GroupMember.Read.All (Microsoft Graph)",
)
ROLES = Call(
    source=SOURCE,
    method="GET",
    template="/v1.0/roleManagement/directory/roleAssignments",
    needs="RoleManagement.Read.Directory (Microsoft Graph)",
)
ELIGIBLE = Call(
    source=SOURCE,
    method="GET",
    template="/v1.0/roleManagement/directory/roleEligibilityScheduleInstances",
    needs="RoleEligibilitySchedule.Read.Directory (Microsoft Graph) or the Entra ID P2 licence",
)
RISK = Call(
    source=SOURCE,
    method="GET",
    template="/v1.0/identityProtection/riskyUsers/{id}",
    needs="IdentityRiskyUser.Read.All (Microsoft Graph) or the Entra ID P2 licence",
)
DEVICES = Call(
    source=SOURCE, method="GET", template="/v1.0/devices", needs="Device.Read.All (Microsoft Graph)"
)


class GraphDirectory:
    """The Directory port. `has_p2` says whether the tenant has the licence that eligible roles need."""

    def __init__(self, graph: Graph, *, has_p2: bool) -> None:
        self._graph = graph
        self._has_p2 = has_p2

    @cached_property
    def _users(self) -> Any:
        return self._graph.builder(lambda graph: graph.users)

    @cached_property
    def _devices(self) -> Any:
        return self._graph.builder(lambda graph: graph.devices)

    @cached_property
    def _assignments(self) -> Any:
        return roles_builder(self._graph)

    @cached_property
    def _eligible(self) -> Any:
        return eligible_builder(self._graph)

    async def user_by_sid(self, sid: str) -> Lookup[DirectoryUser]:
        """See the port."""
        condition = equal("onPremisesSecurityIdentifier", sid)
        return await self._one_user((sid,), condition, lambda user: _same(user.sid, sid))

    async def user_by_name(self, domain: str, sam_account_name: str) -> Lookup[DirectoryUser]:
        """See the port. Graph cannot filter by domain, so all of that name are read and compared here."""
        condition = equal("onPremisesSamAccountName", sam_account_name)
        return await self._one_user(
            (domain, sam_account_name),
            condition,
            lambda user: _same(user.sam_account_name, sam_account_name) and _same(user.domain_name, domain),
        )

    async def user_by_upn(self, user_principal_name: str) -> Lookup[DirectoryUser]:
        """See the port."""
        condition = equal("userPrincipalName", user_principal_name)
        return await self._one_user(
            (user_principal_name,),
            condition,
            lambda user: _same(user.user_principal_name, user_principal_name),
        )

    async def user_by_mailbox(self, name: str) -> Lookup[DirectoryUser]:
        """See the port. A name with @ is an address or UPN, any other one a nickname or account name."""
        if "@" in name:
            conditions = [equal("mail", name), equal("userPrincipalName", name)]
            conditions += [any_equal("proxyAddresses", f"{prefix}:{name}") for prefix in ("smtp", "SMTP")]
            return await self._one_user(
                (name,), " or ".join(conditions), lambda user: _has_address(user, name)
            )
        condition = f"{equal('mailNickname', name)} or {equal('onPremisesSamAccountName', name)}"
        return await self._one_user(
            (name,),
            condition,
            lambda user: _same(user.mail_nickname, name) or _same(user.sam_account_name, name),
        )

    async def groups_of(self, user_id: str) -> Lookup[tuple[Group, ...]]:
        """See the port."""
        return await self._about(user_id, self._groups)

    async def roles_of(self, user_id: str) -> Lookup[tuple[DirectoryRole, ...]]:
        """See the port. Eligible roles are left out where the tenant has no licence for them."""
        return await self._about(user_id, self._roles)

    async def risk_of(self, user_id: str) -> Lookup[Risk]:
        """See the port."""
        return await self._about(user_id, self._risk)

    async def device_named(self, host_name: str) -> Lookup[Device]:
        """See the port. Two devices of one name are `Unavailable`."""
        if cause := odd_name(host_name, "host name"):
            return Unavailable(SOURCE, cause, lasting=True)
        return await looked_up(SOURCE, self._device(host_name))

    async def _one_user(
        self, names: Sequence[str], condition: str, is_asked_for: Callable[[DirectoryUser], bool]
    ) -> Lookup[DirectoryUser]:
        if cause := next((cause for name in names if (cause := odd_name(name, "account name"))), ""):
            return Unavailable(SOURCE, cause, lasting=True)
        return await looked_up(SOURCE, self._user(condition, is_asked_for))

    async def _user(
        self, condition: str, is_asked_for: Callable[[DirectoryUser], bool]
    ) -> Lookup[DirectoryUser]:
        pages = await self._graph.pages(
            USERS, self._users, advanced=True, filter=condition, select=list(USER_PROPERTIES)
        )
        users = {user.id: user for user in map(parse_user, listed(pages)) if is_asked_for(user)}
        if len(users) > 1:
            return Unavailable(SOURCE, f"ambiguous account: {len(users)} users of that name", lasting=True)
        return next((Found(user) for user in users.values()), Absent(SOURCE))

    async def _about[T](self, user_id: str, question: Callable[[str], Any]) -> Lookup[T]:
        guid = parse_guid(user_id)
        if guid is None:
            return Unavailable(SOURCE, "the user's object id is no GUID", lasting=True)
        answer: Lookup[T] = await looked_up(SOURCE, question(guid))
        return answer

    async def _group_records(self, user_id: str) -> list[Record]:
        select = ["id", "displayName", "isAssignableToRole"]
        builder = groups_builder(self._graph, user_id)
        return listed(await self._graph.pages(GROUPS, builder, advanced=True, select=select, top=999))

    async def _groups(self, user_id: str) -> Lookup[tuple[Group, ...]]:
        return Found(tuple(map(parse_group, await self._group_records(user_id))))

    async def _roles(self, user_id: str) -> Lookup[tuple[DirectoryRole, ...]]:
        records, direct = await together(
            self._group_records(user_id), self._roles_of_holders({user_id: "direct"})
        )
        # Only these can hold a role; where the service does not say, they are asked about.
        asked = [(parse_group(one), one.members.get("isAssignableToRole", True)) for one in records]
        groups = {group.id: group.display_name for group, may_hold in asked if may_hold}
        found = direct | await self._roles_of_holders(groups)
        return Found(tuple(sorted(found, key=lambda role: (role.display_name, role.via))))

    async def _roles_of_holders(self, holders: Mapping[str, str]) -> set[DirectoryRole]:
        """Roles of principals by id; `via` of an assigned role is the holder's name."""
        kinds = [(ROLES, self._assignments, "")]
        if self._has_p2:
            kinds.append((ELIGIBLE, self._eligible, "eligible"))
        questions = [
            self._held(call, builder, holder, via or name)
            for call, builder, via in kinds
            for holder, name in holders.items()
        ]
        return {role for roles in await _all(questions) for role in roles}

    async def _held(self, call: Call, builder: Any, holder: str, via: str) -> list[DirectoryRole]:
        condition = equal("principalId", holder)
        records = listed(await self._graph.pages(call, builder, filter=condition, expand=["roleDefinition"]))
        return [DirectoryRole(one.record("roleDefinition").name("displayName"), via) for one in records]

    async def _risk(self, user_id: str) -> Lookup[Risk]:
        builder = risk_builder(self._graph, user_id)
        try:
            return parse_risk(
                Record(SOURCE, await self._graph.one(RISK, builder, select=list(RISK_PROPERTIES)))
            )
        except NotThere:
            return Absent(SOURCE)

    async def _device(self, host_name: str) -> Lookup[Device]:
        condition = equal("displayName", host_name)
        pages = await self._graph.pages(
            DEVICES, self._devices, filter=condition, select=list(DEVICE_PROPERTIES)
        )
        devices = [one for one in map(parse_device, listed(pages)) if _same(one.display_name, host_name)]
        if len(devices) > 1:
            return Unavailable(SOURCE, f"{len(devices)} devices of that name", lasting=True)
        return Found(devices[0]) if devices else Absent(SOURCE)


def groups_builder(graph: Graph, user_id: str) -> Any:
    """Groups of a user, those that hold them through other groups too."""
    return graph.builder(lambda root: root.users.by_user_id(user_id).transitive_member_of.graph_group)


def roles_builder(graph: Graph) -> Any:
    """Directory role assignments."""
    return graph.builder(lambda root: root.role_management.directory.role_assignments)


def eligible_builder(graph: Graph) -> Any:
    """Directory roles that somebody may activate."""
    return graph.builder(lambda root: root.role_management.directory.role_eligibility_schedule_instances)


def risk_builder(graph: Graph, user_id: str) -> Any:
    """The risk record of a user."""
    return graph.builder(lambda root: root.identity_protection.risky_users.by_risky_user_id(user_id))


async def _all[T](questions: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """Every answer, asked for at once. Raises the first error, once the other calls have ended."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(question) for question in questions]
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from errors
    return [task.result() for task in tasks]


def _same(value: str, asked: str) -> bool:
    """Equal without case, never through an empty value, nor by a look-alike such as the Kelvin sign for k."""
    if value == asked:
        return bool(value)
    pairs = zip(value, asked, strict=False)
    return 0 < len(value) == len(asked) and all(
        one == other or (one.isascii() == other.isascii() and one.lower() == other.lower())
        for one, other in pairs
    )


def _has_address(user: DirectoryUser, address: str) -> bool:
    own = [user.mail, user.user_principal_name]
    own += [one.partition(":")[2] for one in user.proxy_addresses if one.lower().startswith("smtp:")]
    return any(_same(one, address) for one in own)
