"""Microsoft Graph v1.0: users, groups, memberships and devices, with what all of Graph shares."""

from collections.abc import Callable
from dataclasses import dataclass

from simulator.workspace.admission import admit_bearer
from simulator.workspace.directory import Directory
from simulator.workspace.listing import Listing, list_answer, select
from simulator.workspace.wire import Answer, Endpoint, Json, Refusal, Routes, WireRequest, words

_USER_SHOWN = words(
    """businessPhones displayName givenName id jobTitle mail mobilePhone officeLocation preferredLanguage
    surname userPrincipalName"""
)
_USER_KNOWN = frozenset(_USER_SHOWN) | frozenset(
    words(
        """accountEnabled ageGroup assignedLicenses assignedPlans city companyName country createdDateTime
    creationType deletedDateTime department employeeHireDate employeeId employeeLeaveDateTime
    employeeOrgData employeeType externalUserState externalUserStateChangeDateTime faxNumber
    identities imAddresses isResourceAccount lastPasswordChangeDateTime mailNickname
    onPremisesDistinguishedName onPremisesDomainName onPremisesExtensionAttributes
    onPremisesImmutableId onPremisesLastSyncDateTime onPremisesProvisioningErrors
    onPremisesSamAccountName onPremisesSecurityIdentifier onPremisesSyncEnabled
    onPremisesUserPrincipalName otherMails passwordPolicies postalCode proxyAddresses
    securityIdentifier showInAddressList signInActivity signInSessionsValidFromDateTime state
    streetAddress usageLocation userType"""
    )
)
_USERS = Listing(
    type_name="user",
    known=_USER_KNOWN,
    shown=_USER_SHOWN,
    plain=words(
        """accountEnabled createdDateTime department displayName employeeId employeeType givenName id
    jobTitle mail mailNickname onPremisesSecurityIdentifier onPremisesSyncEnabled otherMails
    proxyAddresses surname userPrincipalName userType"""
    ),
    advanced=["onPremisesSamAccountName"],
)
_GROUP_KNOWN = frozenset(
    words(
        """allowExternalSenders assignedLabels assignedLicenses autoSubscribeNewMembers classification
    createdDateTime deletedDateTime description displayName expirationDateTime groupTypes
    hasMembersWithLicenseErrors hideFromAddressLists hideFromOutlookClients id isArchived
    isAssignableToRole isManagementRestricted isSubscribedByMail mail mailEnabled mailNickname
    membershipRule membershipRuleProcessingState onPremisesDomainName onPremisesLastSyncDateTime
    onPremisesNetBiosName onPremisesSamAccountName onPremisesSecurityIdentifier onPremisesSyncEnabled
    preferredDataLocation preferredLanguage proxyAddresses renewedDateTime securityEnabled
    securityIdentifier theme uniqueName unseenCount visibility"""
    )
)
_DEVICE_KNOWN = frozenset(
    words(
        """accountEnabled alternativeSecurityIds approximateLastSignInDateTime complianceExpirationDateTime
    deletedDateTime deviceCategory deviceId deviceMetadata deviceOwnership deviceVersion displayName
    enrollmentProfileName enrollmentType id isCompliant isManaged isManagementRestricted isRooted
    managementType manufacturer mdmAppId model onPremisesLastSyncDateTime onPremisesSecurityIdentifier
    onPremisesSyncEnabled operatingSystem operatingSystemVersion physicalIds profileType
    registrationDateTime systemLabels trustType"""
    )
)
_GROUP_FILTERS = words("displayName id mail mailNickname onPremisesSecurityIdentifier securityEnabled")
_GROUPS = Listing(type_name="group", known=_GROUP_KNOWN, plain=_GROUP_FILTERS)
_DEVICES = Listing(
    type_name="device",
    known=_DEVICE_KNOWN,
    plain=words("accountEnabled deviceId displayName id operatingSystem"),
)
_MEMBERSHIPS = Listing(type_name="directoryObject")
_GROUP_CAST = Listing(type_name="group", known=_GROUP_KNOWN, advanced=_GROUP_FILTERS, cast=True)
_ROLE_CAST = Listing(type_name="directoryRole", advanced=["displayName", "roleTemplateId"], cast=True)
_MOST_CHECKED_GROUPS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphSource:
    """What every part of Graph needs: the directory as it is now, and the address of this server."""

    directory: Callable[[], Directory]
    link: Callable[[], str]


class GraphPart:
    """A part of Graph: some operations on one source."""

    def __init__(self, source: GraphSource) -> None:
        self.directory = source.directory
        self.link = source.link

    def operations(self) -> list[tuple[str, str, Endpoint]]:
        """Method, path below `/v1.0` and endpoint of each operation."""
        return []

    def page(self, request: WireRequest, items: list[Json], listing: Listing) -> Answer:
        """One page of a list."""
        return list_answer(request, items, listing, base=self.link())


class Graph:
    """The Graph endpoint, put together from its parts."""

    name = "graph"

    def __init__(self, *parts: GraphPart) -> None:
        self.routes = Routes()
        for part in parts:
            for method, path, endpoint in part.operations():
                self.routes.add(method, f"/v1.0{path}", endpoint)

    def admit(self, request: WireRequest) -> None:
        """Every operation needs the token."""
        admit_bearer(request, missing="InvalidAuthenticationToken", wrong="InvalidAuthenticationToken")

    def error(self, refusal: Refusal) -> Answer:
        """Graph's error body (ODataError)."""
        inner = {"date": "2024-01-01T00:00:00", "request-id": "", "client-request-id": ""}
        body = {
            "error": {"code": refusal.code, "message": refusal.message, "innerError": inner, **refusal.extra}
        }
        return Answer(status=refusal.status, body=body, headers=refusal.headers)


class People(GraphPart):
    """Users, groups, their memberships, and devices."""

    def operations(self) -> list[tuple[str, str, Endpoint]]:
        """See the base class."""
        found: list[tuple[str, str, Endpoint]] = [
            ("GET", "/users", self._users),
            ("GET", "/groups", self._groups),
            ("GET", "/groups/{id}", self._group),
            ("GET", "/devices", self._devices),
        ]
        for user in ("/users('{id}')", "/users/{id}"):
            found.append(("GET", user, self._user))
            found += [("GET", f"{user}/memberOf", self._member_of)]
            found += [("GET", f"{user}/transitiveMemberOf", self._transitive_member_of)]
            for space in ("microsoft.graph", "graph"):
                found += [("GET", f"{user}/transitiveMemberOf/{space}.group", self._groups_of)]
                found += [("GET", f"{user}/transitiveMemberOf/{space}.directoryRole", self._roles_of)]
            for prefix in ("", "microsoft.graph."):
                found += [("POST", f"{user}/{prefix}getMemberGroups", self._member_groups)]
                found += [("POST", f"{user}/{prefix}checkMemberGroups", self._check_member_groups)]
        return found

    async def _users(self, request: WireRequest) -> Answer:
        return self.page(request, self.directory().users, _USERS)

    async def _user(self, request: WireRequest) -> Answer:
        context = {"@odata.context": f"{self.link()}/v1.0/$metadata#users/$entity"}
        return Answer(status=200, body=context | select(self._one(request), request.query, _USERS))

    async def _groups(self, request: WireRequest) -> Answer:
        return self.page(request, self.directory().groups, _GROUPS)

    async def _group(self, request: WireRequest) -> Answer:
        group = self.directory().group(request.params["id"])
        if group is None:
            raise not_found(request.params["id"])
        return Answer(status=200, body=select(group, request.query, _GROUPS))

    async def _devices(self, request: WireRequest) -> Answer:
        return self.page(request, self.directory().devices, _DEVICES)

    async def _member_of(self, request: WireRequest) -> Answer:
        return self._memberships(request, transitive=False)

    async def _transitive_member_of(self, request: WireRequest) -> Answer:
        return self._memberships(request, transitive=True)

    def _memberships(self, request: WireRequest, *, transitive: bool) -> Answer:
        user_id = self._one(request)["id"]
        groups = self.directory().groups_of(user_id, transitive=transitive)
        roles = self.directory().roles_of(user_id, transitive=transitive)
        items = [{"@odata.type": "#microsoft.graph.group", **group} for group in groups]
        items += [{"@odata.type": "#microsoft.graph.directoryRole", **role} for role in roles]
        return self.page(request, items, _MEMBERSHIPS)

    async def _groups_of(self, request: WireRequest) -> Answer:
        groups = self.directory().groups_of(self._one(request)["id"], transitive=True)
        return self.page(request, groups, _GROUP_CAST)

    async def _roles_of(self, request: WireRequest) -> Answer:
        roles = self.directory().roles_of(self._one(request)["id"], transitive=True)
        return self.page(request, roles, _ROLE_CAST)

    async def _member_groups(self, request: WireRequest) -> Answer:
        request.json_object()
        groups = self.directory().groups_of(self._one(request)["id"], transitive=True)
        return Answer(status=200, body={"value": [group["id"] for group in groups]})

    async def _check_member_groups(self, request: WireRequest) -> Answer:
        asked = request.json_object().get("groupIds")
        if not isinstance(asked, list) or len(asked) > _MOST_CHECKED_GROUPS:
            message = f"groupIds must be a list of at most {_MOST_CHECKED_GROUPS} ids."
            raise Refusal(400, "Request_BadRequest", message)
        groups = self.directory().groups_of(self._one(request)["id"], transitive=True)
        held = {group["id"].lower() for group in groups}
        return Answer(status=200, body={"value": [group for group in asked if str(group).lower() in held]})

    def _one(self, request: WireRequest) -> Json:
        key = request.params["id"].replace("''", "'")
        user = self.directory().user(key)
        if user is None:
            raise not_found(key)
        return user


def not_found(key: str) -> Refusal:
    """Graph's refusal for an object that is not in the directory."""
    message = f"Resource '{key[:100]}' does not exist or one of its queried reference-property objects"
    return Refusal(404, "Request_ResourceNotFound", f"{message} are not present.")
