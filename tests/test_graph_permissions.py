# ruff: noqa: S603 - starts this project's own tools
"""The scripts that ask the tenant for rights: what they ask for, dry by default, safe to run again."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
PRINCIPAL = "00000000-0000-0000-0000-0000000000ee"
WANTED = {
    "User.Read.All",
    "GroupMember.Read.All",
    "RoleManagement.Read.Directory",
    "IdentityRiskyUser.Read.All",
    "Device.Read.All",
}
OFFERED = {name: f"00000000-0000-0000-0001-{number:012d}" for number, name in enumerate(sorted(WANTED), 1)}

# A command `az` that plays Microsoft Graph on a file; each call is written down.
AZ = """#!{python}
import json, sys
place, arguments = {place!r}, sys.argv[1:]
tenant = json.load(open(place))
option = dict(zip(arguments, arguments[1:]))
tenant["calls"].append(arguments)
answer = ""
if arguments[0] == "rest":
    url, method = option["--url"], option["--method"].lower()
    if tenant["signed_out"]:
        sys.exit("ERROR: Please run 'az login' to setup account.")
    if "$filter=appId" in url:
        roles = [dict(value=n, id=i, allowedMemberTypes=["Application"], isEnabled=True)
                 for n, i in tenant["offered"].items()]
        answer = dict(value=[dict(id="graph", appRoles=roles)])
    elif method == "get":
        page = int(url.partition("page=")[2] or 0)
        answer = dict(value=[dict(appRoleId=r) for r in tenant["held"][page : page + 2]])
        if page + 2 < len(tenant["held"]):
            answer["@odata.nextLink"] = url.partition("?")[0] + "?page=" + str(page + 2)
    elif method == "post":
        tenant["held"].append(json.loads(option["--body"])["appRoleId"])
        answer = dict()
    elif method == "patch":
        tenant["app"].update(json.loads(option["--body"])["api"])
elif arguments[:3] == ["ad", "app", "list"]:
    answer = "\\n".join(["app-1"] * tenant["apps"])
elif arguments[:3] == ["ad", "app", "create"]:
    tenant["apps"] = 1
    answer = "app-1"
elif arguments[:3] == ["ad", "app", "update"]:
    tenant["app"]["uri"] = option["--identifier-uris"]
elif arguments[:3] == ["ad", "app", "show"]:
    scopes = [s["value"] for s in tenant["app"].get("oauth2PermissionScopes", [])]
    answer = {{"identifierUris": tenant["app"].get("uri", ""), "id": "object-1"}}.get(
        option["--query"], "\\n".join(scopes))
elif arguments[:3] == ["ad", "sp", "list"]:
    answer = "sp-1" if tenant["app"].get("sp") else ""
elif arguments[:3] == ["ad", "sp", "create"]:
    tenant["app"]["sp"] = True
json.dump(tenant, open(place, "w"))
print(answer if isinstance(answer, str) else json.dumps(answer))
"""


class Tenant:
    """A directory behind a command `az` of its own, on a file."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "tenant.json"
        self.bin = folder / "bin"
        self.bin.mkdir()
        command = self.bin / "az"
        command.write_text(AZ.format(python=sys.executable, place=str(self.path)))
        command.chmod(0o700)
        (self.bin / "python3").symlink_to(sys.executable)
        self.lay(offered=OFFERED, held=[], apps=0, app={}, calls=[], signed_out=False)

    def lay(self, **members: Any) -> None:
        """Changes what the tenant holds."""
        before = json.loads(self.path.read_text()) if self.path.exists() else {}
        self.path.write_text(json.dumps({**before, **members}))

    def __getitem__(self, member: str) -> Any:
        """What the tenant holds now."""
        return json.loads(self.path.read_text())[member]

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """A script of the project with this `az` first on the path."""
        environment = {**os.environ, "PATH": f"{self.bin}:/usr/bin:/bin"}
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    def grant(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The script for Graph permissions."""
        return self.run(sys.executable, "tools/grant_graph_permissions.py", *arguments)

    def register(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The script for the app registration."""
        return self.run("bash", "deploy/register_api.sh", *arguments)


@pytest.fixture
def tenant(tmp_path: Path) -> Tenant:
    """A tenant in which nothing is granted."""
    return Tenant(tmp_path)


def asked(*options: str) -> set[str]:
    """Permissions that the script knows, by its own list."""
    done = subprocess.run(
        [sys.executable, "tools/grant_graph_permissions.py", "--list", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return {line.partition(":")[0] for line in done.stdout.splitlines()}


def test_the_script_asks_for_what_the_clients_need_and_no_more() -> None:
    """Five reads; nothing that writes; eligible roles come with the reading of roles."""
    source = "".join(path.read_text() for path in (ROOT / "playbooks/clients").glob("*.py"))
    needed = set(re.findall(r'needs="([\w.]+) (?:\(Microsoft Graph\))', source))

    assert WANTED == asked()
    assert WANTED == needed - {"RoleEligibilitySchedule.Read.Directory"}
    assert not [name for name in WANTED if "Write" in name]


def test_the_defender_portal_needs_two_more_and_gets_them_on_request_alone() -> None:
    """Those that the adapter names; one of them writes."""
    source = (ROOT / "playbooks/clients/graph_incidents.py").read_text()
    needed = set(re.findall(r'"the Microsoft Graph permission ([\w.]+)"', source))

    assert {"SecurityIncident.ReadWrite.All", "SecurityAlert.Read.All"} == needed
    assert needed == asked("--defender-portal") - WANTED


def test_a_dry_run_lists_what_is_missing_and_changes_nothing(tenant: Tenant) -> None:
    """Exit status 1; each permission with its purpose and what happens without it."""
    done = tenant.grant("--principal", PRINCIPAL)

    assert 1 == done.returncode
    assert WANTED == set(re.findall(r"^to grant  ([\w.]+): .+; without it .+", done.stdout, re.MULTILINE))
    assert [] == tenant["held"]
    assert not [call for call in tenant["calls"] if "post" in call]


def test_granting_twice_grants_once(tenant: Tenant) -> None:
    """The second run finds everything held, over several pages, and writes nothing."""
    first = tenant.grant("--principal", PRINCIPAL, "--apply")
    granted = tenant["held"]
    second = tenant.grant("--principal", PRINCIPAL, "--apply")

    assert (0, 0) == (first.returncode, second.returncode)
    assert sorted(OFFERED.values()) == sorted(granted) == sorted(tenant["held"])
    assert 5 == second.stdout.count("held ")


def test_what_is_held_already_is_left_alone(tenant: Tenant) -> None:
    """Other rights of the identity stay; only what is missing is granted."""
    tenant.lay(held=["another", OFFERED["User.Read.All"]])

    done = tenant.grant("--principal", PRINCIPAL, "--apply")

    assert 0 == done.returncode
    assert {"another", *OFFERED.values()} == set(tenant["held"])
    assert 6 == len(tenant["held"])


def test_risk_is_left_out_on_request(tenant: Tenant) -> None:
    """A tenant without Entra ID P2."""
    tenant.grant("--principal", PRINCIPAL, "--apply", "--without-risk")

    assert OFFERED["IdentityRiskyUser.Read.All"] not in tenant["held"]
    assert 4 == len(tenant["held"])


def test_a_permission_that_the_tenant_does_not_offer_is_named(tenant: Tenant) -> None:
    """And the rest is granted all the same; exit status 1."""
    tenant.lay(offered={name: role for name, role in OFFERED.items() if name != "Device.Read.All"})

    done = tenant.grant("--principal", PRINCIPAL, "--apply")

    assert 1 == done.returncode
    assert "unknown   Device.Read.All" in done.stdout
    assert 4 == len(tenant["held"])


@pytest.mark.parametrize("principal", ["", "law-soc", f"{PRINCIPAL}/../x"])
def test_a_principal_that_is_no_object_id_is_refused(tenant: Tenant, principal: str) -> None:
    """Before any call."""
    done = tenant.grant("--principal", principal)

    assert 2 == done.returncode
    assert "object id" in done.stderr
    assert [] == tenant["calls"]


def test_being_signed_out_is_said_in_words(tenant: Tenant) -> None:
    """No traceback; exit status 2."""
    tenant.lay(signed_out=True)

    done = tenant.grant("--principal", PRINCIPAL)

    assert 2 == done.returncode
    assert "az login" in done.stderr
    assert "Traceback" not in done.stderr


def test_registering_is_dry_without_apply(tenant: Tenant) -> None:
    """It says what it would do, and makes nothing."""
    done = tenant.register()

    assert 0 == done.returncode, done.stderr
    assert "to be made" in done.stderr
    assert 0 == tenant["apps"]


def test_registering_twice_makes_one_registration(tenant: Tenant) -> None:
    """With its URI, one scope for the Azure CLI and a service principal; the id is the last line."""
    first = tenant.register("--apply")
    made, writes = tenant["app"], len(tenant["calls"])
    second = tenant.register("--apply")
    later = tenant["calls"][writes:]

    assert (0, 0) == (first.returncode, second.returncode), first.stderr + second.stderr
    assert "app-1" == first.stdout.strip() == second.stdout.strip()
    assert "api://app-1" == made["uri"]
    assert made["sp"]
    (scope,) = made["oauth2PermissionScopes"]
    (trusted,) = made["preAuthorizedApplications"]
    assert "user_impersonation" == scope["value"]
    assert [scope["id"]] == trusted["delegatedPermissionIds"]
    assert not [call for call in later if {"create", "update", "PATCH"} & set(call)]


def test_two_registrations_of_one_name_are_refused(tenant: Tenant) -> None:
    """The first is never taken by guess."""
    tenant.lay(apps=2)

    done = tenant.register("--apply")

    assert 2 == done.returncode
    assert "remove all but one" in done.stderr
