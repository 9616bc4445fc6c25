"""Grants the function's managed identity the Microsoft Graph permissions it needs, and no others.

    python tools/grant_graph_permissions.py --principal OBJECT-ID            shows what it would do
    python tools/grant_graph_permissions.py --principal OBJECT-ID --apply    does it
    python tools/grant_graph_permissions.py --list                           the permissions and their purpose

Safe to run again: what is granted already is left alone; nothing is ever taken away. Needs the Azure CLI,
signed in as Privileged Role Administrator or Global Administrator; plain Python 3.11 or newer, no packages.
Exit status: 0 done or nothing to do, 1 something is missing (a dry run that found work, or a grant that was
refused), 2 bad input, or the Azure CLI is missing or not signed in.
"""  # noqa: INP001 - a script, not a package

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

GRAPH = "https://graph.microsoft.com/v1.0"
GRAPH_APP_ID = "00000003-0000-0000-c000-000000000000"
GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class Permission(NamedTuple):
    """An application permission, what it is for, and what happens without it."""

    name: str
    purpose: str
    without: str


PERMISSIONS = (
    Permission(
        "User.Read.All",
        "finds the one user behind an account, a SID or a mailbox name",
        "no account is known: every incident with a person in it stays open",
    ),
    Permission(
        "GroupMember.Read.All",
        "reads the groups of a runner: eDiscovery staff, holders of the export role, service accounts",
        "ediscovery and self_export never close",
    ),
    Permission(
        "RoleManagement.Read.Directory",
        "shows the directory roles of a runner, held and eligible",
        "the comment says that roles were not checked",
    ),
    Permission(
        "IdentityRiskyUser.Read.All",
        "sees whether Identity Protection holds a runner to be at risk (Entra ID P2)",
        "nothing that needs a person closes, unless TRIAGE_IDENTITY_PROTECTION is none",
    ),
    Permission(
        "Device.Read.All",
        "shows the state of the host's device in Entra",
        "the comment says that the device was not checked",
    ),
)
PORTAL_PERMISSIONS = (
    Permission(
        "SecurityIncident.ReadWrite.All",
        "reads incidents in the Defender portal; writes comments, tags and status (TRIAGE_INCIDENTS=graph)",
        "no incident is triaged; alarm no_permission",
    ),
    Permission(
        "SecurityAlert.Read.All",
        "reads the alerts of these incidents with their evidence (TRIAGE_INCIDENTS=graph)",
        "their alerts may be missing, and then every incident stays open",
    ),
)


class GrantError(Exception):
    """What went wrong, in words for the person at the keyboard."""


def az_rest(method: str, url: str, body: dict[str, str] | None = None) -> dict[str, Any]:
    """One call to Microsoft Graph through the Azure CLI. Raises GrantError."""
    command = ["az", "rest", "--method", method, "--url", url, "--output", "json"]
    if body is not None:
        command += ["--headers", "Content-Type=application/json", "--body", json.dumps(body)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)  # noqa: S603
    except FileNotFoundError as error:
        raise GrantError("The Azure CLI (az) was not found. Install it and run: az login") from error
    except subprocess.TimeoutExpired as error:
        raise GrantError("Microsoft Graph did not answer within two minutes. Try again.") from error
    if done.returncode:
        raise GrantError(f"az rest {method} failed: {done.stderr.strip()[:500]}")
    return json.loads(done.stdout) if done.stdout.strip() else {}


def graph_roles() -> tuple[str, dict[str, str]]:
    """The object id of Microsoft Graph in this tenant, and its application permissions: name -> id."""
    filtered = f"{GRAPH}/servicePrincipals?$filter=appId%20eq%20'{GRAPH_APP_ID}'&$select=id,appRoles"
    found = az_rest("get", filtered).get("value", [])
    if len(found) != 1:
        raise GrantError("Microsoft Graph was not found in this tenant. Is az signed in to the right one?")
    roles = {
        role["value"]: role["id"]
        for role in found[0]["appRoles"]
        if "Application" in role["allowedMemberTypes"] and role["isEnabled"]
    }
    return found[0]["id"], roles


def granted(principal: str) -> set[str]:
    """Ids of all roles that the principal holds, all pages."""
    url, held = f"{GRAPH}/servicePrincipals/{principal}/appRoleAssignments", set()
    while url:
        page = az_rest("get", url)
        held |= {assignment["appRoleId"] for assignment in page.get("value", [])}
        url = page.get("@odata.nextLink", "")
    return held


def grant(principal: str, *, graph_id: str, role_id: str) -> None:
    """Grants one role."""
    body = {"principalId": principal, "resourceId": graph_id, "appRoleId": role_id}
    az_rest("post", f"{GRAPH}/servicePrincipals/{principal}/appRoleAssignments", body)


def run(principal: str, wanted: Sequence[Permission], *, apply: bool) -> int:
    """Grants, or shows, each wanted permission; returns the exit status."""
    graph_id, roles = graph_roles()
    held, missing = granted(principal), 0
    for permission in wanted:
        role_id = roles.get(permission.name)
        if role_id is None:
            say(f"unknown   {permission.name}: Microsoft Graph does not offer it in this tenant")
            missing += 1
        elif role_id in held:
            say(f"held      {permission.name}")
        elif apply:
            grant(principal, graph_id=graph_id, role_id=role_id)
            say(f"granted   {permission.name}: {permission.purpose}")
        else:
            say(f"to grant  {permission.name}: {permission.purpose}; without it {permission.without}")
            missing += 1
    if missing and not apply:
        say("Nothing was changed. Run again with --apply.")
    return 1 if missing else 0


def say(line: str) -> None:
    """One line for the person at the keyboard."""
    sys.stdout.write(f"{line}\n")


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--principal", help="object id of the managed identity (output functionPrincipalId)")
    parser.add_argument("--apply", action="store_true", help="grant; without it nothing is changed")
    parser.add_argument(
        "--without-risk", action="store_true", help="leave IdentityRiskyUser.Read.All out (no P2)"
    )
    parser.add_argument(
        "--defender-portal",
        action="store_true",
        help="for TRIAGE_INCIDENTS=graph: incidents over Microsoft Graph",
    )
    parser.add_argument("--list", action="store_true", help="print the permissions and end")
    options = parser.parse_args(arguments)
    if not options.list and not GUID.fullmatch(options.principal or ""):
        parser.error("--principal takes the object id of the managed identity, a GUID")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit status."""
    options = parse(arguments)
    wanted = [p for p in PERMISSIONS if not (options.without_risk and p.name.startswith("IdentityRisky"))]
    wanted += PORTAL_PERMISSIONS if options.defender_portal else ()
    if options.list:
        for permission in wanted:
            say(f"{permission.name}: {permission.purpose}; without it {permission.without}")
        return 0
    try:
        return run(options.principal, wanted, apply=options.apply)
    except GrantError as error:
        sys.stderr.write(f"{error}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())
