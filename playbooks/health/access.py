"""The token and every permission: what is granted, and what to run where one is not."""

import re
from dataclasses import replace

from playbooks.health.troubles import IDENTITY, Check, Trouble
from playbooks.model import Permission

_WHY = {
    "Microsoft Sentinel Responder": "no incident can be read or changed: nothing is triaged",
    "Log Analytics Reader": "no process event can be read: every incident is escalated unchecked",
    "Storage Queue Data Contributor": "nothing is accepted (503 queue_unavailable), nothing is worked on",
    "User.Read.All": "no account is known: every incident with a person in it stays open",
    "GroupMember.Read.All": "no group is known: ediscovery and self_export never close",
    "RoleManagement.Read.Directory": "the directory roles of a runner are not checked",
    "RoleEligibilitySchedule.Read.Directory": "the eligible directory roles of a runner are not checked",
    "IdentityRiskyUser.Read.All": "risk is not checked: nothing that needs a person closes",
    "SecurityIncident.ReadWrite.All": "no incident can be read or changed: nothing is triaged",
    "SecurityAlert.Read.All": "no alert of an incident can be read: nothing is triaged",
    "Device.Read.All": "the state of the host's device in Entra is not checked",
}
_P2 = " Without the licence: set TRIAGE_IDENTITY_PROTECTION to none."


def access_checks(permissions: tuple[Permission, ...], *, scope: str, place: str) -> tuple[Check, ...]:
    """A check for each permission of one place. `scope` is the ARM id that Azure roles are assigned on."""
    return tuple(_permission_check(permission, scope=scope, place=place) for permission in permissions)


def token_check(permissions: tuple[Permission, ...]) -> Check:
    """Whether a token was to be had at all, and whether the services take it (no 401)."""
    tokenless = [permission.words for permission in permissions if permission.blamed == IDENTITY]
    refusing = sorted({permission.service for permission in permissions if permission.status == 401})
    if tokenless:
        return _token_check(
            Trouble(
                code="no_token",
                what=f"there is no token to ask with: {tokenless[0]}",
                why="nothing can be read or written, so nothing is triaged",
                fix="give the function app its identity (portal: the function app > Settings > Identity), "
                "and its "
                "client id in TRIAGE_CLIENT_ID if it is a user-assigned one; on your own machine: az login",
            )
        )
    if refusing:
        return _token_check(
            Trouble(
                code="token_refused",
                what=f"{', '.join(refusing)} does not accept the token (401)",
                why="nothing can be read or written there, so nothing is triaged",
                fix="the identity has to belong to the tenant of the workspace, and the endpoints to its "
                "cloud: "
                "check TRIAGE_CLIENT_ID, TRIAGE_ARM_ENDPOINT, TRIAGE_GRAPH_ENDPOINT, TRIAGE_LOGS_ENDPOINT; "
                "on "
                "your own machine: az login --tenant TENANT",
            )
        )
    return Check(subject="Token", service=IDENTITY, words="given, and accepted", is_access=True)


def _token_check(trouble: Trouble) -> Check:
    return Check(subject="Token", service=IDENTITY, troubles=(trouble,), is_access=True)


def _permission_check(permission: Permission, *, scope: str, place: str) -> Check:
    name = _short(permission.name)
    bare = Check(subject=f"Permission {name}", service=permission.service, place=place, is_access=True)
    if permission.granted:
        return replace(bare, words="granted")
    if permission.granted is None or permission.status == 401:
        return replace(bare, unseen=permission.words)
    trouble = Trouble(
        code="permission_missing",
        what=f"{permission.name} is missing ({permission.status})",
        why=_WHY.get(name, "what needs it is not checked, and incidents that need it are escalated"),
        fix=_fix(permission, name, scope),
    )
    return replace(bare, troubles=(trouble,))


def _short(name: str) -> str:
    """The name alone: `Log Analytics Reader` of an Azure role, `User.Read.All` of a permission of Graph."""
    found = re.search(r"the role (.+?) on the |([A-Za-z]+(?:\.[A-Za-z]+)+)", name)
    return (found[1] or found[2]) if found else name


def _fix(permission: Permission, name: str, scope: str) -> str:
    if not permission.name.startswith("the role "):
        licence = _P2 if "P2" in permission.name else ""
        return (
            "as Privileged Role Administrator: python3 tools/grant_graph_permissions.py "
            f"--principal OBJECT-ID-OF-THE-IDENTITY --apply (a new grant may take up to 24 h).{licence}"
        )
    return (
        f"az role assignment create --assignee-object-id OBJECT-ID-OF-THE-IDENTITY "
        f'--assignee-principal-type ServicePrincipal --role "{name}" --scope {scope} '
        "(portal: the resource > Access control (IAM) > Add role assignment)"
    )
