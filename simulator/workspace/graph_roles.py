"""Microsoft Graph v1.0: directory role assignments (active and eligible), role definitions, risky users."""

from collections.abc import Iterator

from simulator.workspace.directory import Directory, stable_id
from simulator.workspace.graph import GraphPart
from simulator.workspace.listing import Listing, select
from simulator.workspace.wire import Answer, Endpoint, Json, Refusal, WireRequest, words

_FILTERS = ["principalId", "roleDefinitionId", "directoryScopeId"]
_EXPANDABLE = ["principal", "roleDefinition"]
_ASSIGNMENTS = Listing(type_name="unifiedRoleAssignment", plain=_FILTERS, expandable=_EXPANDABLE)
_ACTIVE = Listing(
    type_name="unifiedRoleAssignmentScheduleInstance",
    plain=[*_FILTERS, "assignmentType", "memberType"],
    expandable=_EXPANDABLE,
)
_ELIGIBLE = Listing(
    type_name="unifiedRoleEligibilityScheduleInstance",
    plain=[*_FILTERS, "memberType"],
    expandable=_EXPANDABLE,
)
_DEFINITIONS = Listing(
    type_name="unifiedRoleDefinition", plain=["displayName", "id", "isBuiltIn", "templateId"]
)
_RISKY = Listing(
    type_name="riskyUser",
    known=words(
        """id isDeleted isProcessing riskDetail riskLastUpdatedDateTime riskLevel riskState userDisplayName
    userPrincipalName"""
    ),
    plain=["id", "riskLevel", "riskState", "riskDetail", "userPrincipalName", "riskLastUpdatedDateTime"],
    page=20,
    most=500,
)


class Roles(GraphPart):
    """Role assignments exactly as assigned: what a user holds through a group is listed under the group."""

    def operations(self) -> list[tuple[str, str, Endpoint]]:
        """See the base class."""
        root = "/roleManagement/directory"
        return [
            ("GET", f"{root}/roleAssignments", self._assignments),
            ("GET", f"{root}/roleAssignmentScheduleInstances", self._active),
            ("GET", f"{root}/roleEligibilityScheduleInstances", self._eligible),
            ("GET", f"{root}/roleDefinitions", self._definitions),
            ("GET", f"{root}/roleDefinitions/{{id}}", self._role_definition),
        ]

    async def _assignments(self, request: WireRequest) -> Answer:
        return self.page(request, self._edges("roleAssignment", {}), _ASSIGNMENTS)

    async def _active(self, request: WireRequest) -> Answer:
        extra = {
            "assignmentType": "Assigned",
            "memberType": "Direct",
            "startDateTime": None,
            "endDateTime": None,
        }
        return self.page(request, self._edges("roleAssignmentScheduleInstance", extra), _ACTIVE)

    async def _eligible(self, request: WireRequest) -> Answer:
        extra = {"memberType": "Direct", "startDateTime": None, "endDateTime": None}
        return self.page(
            request, self._edges("roleEligibilityScheduleInstance", extra, eligible=True), _ELIGIBLE
        )

    async def _definitions(self, request: WireRequest) -> Answer:
        return self.page(request, [_definition(role) for role in self.directory().roles], _DEFINITIONS)

    async def _role_definition(self, request: WireRequest) -> Answer:
        for role in self.directory().roles:
            if role["roleTemplateId"].lower() == request.params["id"].lower():
                return Answer(status=200, body=select(_definition(role), request.query, _DEFINITIONS))
        raise Refusal(404, "NotFound", "The role definition was not found.")

    def _edges(self, kind: str, extra: Json, *, eligible: bool = False) -> list[Json]:
        directory = self.directory()
        return directory.listed(kind, lambda: _assigned(directory, kind, extra, eligible=eligible))


class Risk(GraphPart):
    """Identity Protection: a user without a risk record answers 404."""

    def operations(self) -> list[tuple[str, str, Endpoint]]:
        """See the base class."""
        return [
            ("GET", "/identityProtection/riskyUsers", self._list),
            ("GET", "/identityProtection/riskyUsers/{id}", self._get),
        ]

    async def _list(self, request: WireRequest) -> Answer:
        return self.page(request, self.directory().risky_users, _RISKY)

    async def _get(self, request: WireRequest) -> Answer:
        risk = self.directory().risk(request.params["id"])
        if risk is None:
            raise Refusal(404, "NotFound", f"No risky user has the id '{request.params['id'][:64]}'.")
        return Answer(status=200, body=select(risk, request.query, _RISKY))


def _assigned(directory: Directory, kind: str, extra: Json, *, eligible: bool) -> Iterator[Json]:
    for principal, role in directory.assignments(eligible=eligible):
        yield {
            "id": stable_id(kind, principal, role["roleTemplateId"]),
            "principalId": principal,
            "roleDefinitionId": role["roleTemplateId"],
            "directoryScopeId": "/",
            "appScopeId": None,
            "roleDefinition": _definition(role),
            "principal": directory.principal(principal),
            **extra,
        }


def _definition(role: Json) -> Json:
    return {
        "id": role["roleTemplateId"],
        "templateId": role["roleTemplateId"],
        "displayName": role.get("displayName"),
        "isBuiltIn": True,
        "isEnabled": True,
        "resourceScopes": ["/"],
        "version": "1",
    }
