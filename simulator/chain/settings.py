"""The function app's settings for a tenant, as a deployment would set them."""

from collections.abc import Mapping
from typing import Any, Protocol

from playbooks.errors import SettingsError
from playbooks.settings import PREFIX, Settings, read_settings
from simulator.chain.problems import InputRefused, Problem

_OWN = frozenset(
    {"workspaces", "mode", "queue_name", "client_id", "local_token", "time_zone", "business_hours"}
    | {"arm_endpoint", "graph_endpoint", "logs_endpoint"}
)
"""Settings that the runner or the tenant's `organisation` decides."""


def _camel(field: str) -> str:
    """The tenant file's spelling of a setting: `exportRoleGroups` for `export_role_groups`."""
    first, *rest = field.replace("ediscovery", "eDiscovery").split("_")
    return first + "".join(part.capitalize() for part in rest)


_NAMES = {_camel(field): field.upper() for field in Settings.model_fields if field not in _OWN}


class Addresses(Protocol):
    """Where the local workspace answers."""

    @property
    def arm_endpoint(self) -> str:
        """Base address of the ARM SecurityInsights API."""
        ...

    @property
    def graph_endpoint(self) -> str:
        """Base address of Microsoft Graph."""
        ...

    @property
    def logs_endpoint(self) -> str:
        """Base address of the Log Analytics query API."""
        ...

    @property
    def token(self) -> str:
        """The fixed token it accepts."""
        ...

    @property
    def workspace_id(self) -> str:
        """ARM id of the workspace."""
        ...

    @property
    def customer_id(self) -> str:
        """Customer id (GUID) of the workspace."""
        ...


def settings_for(tenant: Mapping[str, Any], workspace: Addresses, *, mode: str = "act") -> dict[str, str]:
    """TRIAGE_* environment variables for a tenant file and a local workspace.

    Settings that the tenant does not give are left to their defaults. Raises InputRefused where the
    function app would refuse to start with them.
    """
    organisation = tenant["organisation"]
    given = tenant.get("settings") or {}
    environment = {
        "WORKSPACES": f"{workspace.workspace_id}={workspace.customer_id}",
        "MODE": mode,
        "DOMAINS": f"{organisation['netbios']}={organisation['dns']}",
        "TIME_ZONE": organisation["timeZone"],
        "BUSINESS_HOURS": organisation["businessHours"],
        "ARM_ENDPOINT": workspace.arm_endpoint,
        "GRAPH_ENDPOINT": workspace.graph_endpoint,
        "LOGS_ENDPOINT": workspace.logs_endpoint,
        "LOCAL_TOKEN": workspace.token,
        **{_variable(name): _text(value) for name, value in given.items() if value is not None},
    }
    settings = {f"{PREFIX}{name}": value for name, value in environment.items()}
    try:
        read_settings(settings)
    except SettingsError as error:
        raise InputRefused(
            [Problem(file="tenant settings", message=text) for text in error.problems]
        ) from None
    return settings


def _variable(name: str) -> str:
    """The variable of a tenant setting; `mode` and endpoints are the runner's own."""
    if name not in _NAMES:
        message = f"is not a setting; known are {', '.join(sorted(_NAMES))}"
        raise InputRefused([Problem(file="tenant", field=f"settings.{name}", message=message)])
    return _NAMES[name]


def _text(value: object) -> str:
    match value:
        case Mapping():
            return ";".join(f"{name}={part}" for name, part in value.items())
        case list() | tuple():
            return ";".join(str(part) for part in value)
        case bool():
            return str(value).lower()
        case _:
            return str(value)
