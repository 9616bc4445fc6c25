"""Machines: Exchange and file servers, workstations, and the devices Microsoft Entra knows of them."""

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network
from random import Random

from playbooks.scenarios import Source
from simulator.company.accounts import DNS, Part, Person, guid

# Networks set aside for documentation (RFC 5737).
_ADDRESSES: tuple[IPv4Address, ...] = tuple(
    address
    for network in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")
    for address in IPv4Network(network).hosts()
)


class Role(StrEnum):
    """What a machine is for."""

    EXCHANGE = "exchange"
    DOMAIN_CONTROLLER = "domain controller"
    FILE_SERVER = "file server"
    APPLICATION_SERVER = "application server"
    LEGAL = "legal"
    ADMIN = "admin"
    WORKSTATION = "workstation"

    @property
    def is_server(self) -> bool:
        """Whether it stands in the server room."""
        return self in {Role.EXCHANGE, Role.DOMAIN_CONTROLLER, Role.FILE_SERVER, Role.APPLICATION_SERVER}


_FIXED = (
    ("DC01", Role.DOMAIN_CONTROLLER),
    ("DC02", Role.DOMAIN_CONTROLLER),
    ("FS01", Role.FILE_SERVER),
    ("FS02", Role.FILE_SERVER),
    ("FS03", Role.FILE_SERVER),
    ("IDM01", Role.APPLICATION_SERVER),
)
_SOURCES = (Source.SYSMON, Source.SECURITY, Source.DEFENDER)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Machine:
    """A domain-joined Windows machine; `owner` is who sits at it, if anybody does.

    Machines compare by identity, which makes them cheap keys.
    """

    name: str
    role: Role
    address: str
    sources: tuple[Source, ...]
    entra_id: str
    owner: Person | None = None

    @property
    def fqdn(self) -> str:
        """Name with the organisation's DNS suffix."""
        return f"{self.name}.{DNS}"

    def graph_device(self) -> dict[str, object]:
        """The device as Microsoft Graph v1.0 gives it; servers are not enrolled in management."""
        server = self.role.is_server
        return {
            "id": self.entra_id,
            "deviceId": self.entra_id,
            "displayName": self.name,
            "operatingSystem": "Windows Server" if server else "Windows",
            "operatingSystemVersion": "10.0.20348.2849" if server else "10.0.26100.6899",
            "trustType": "ServerAd",
            "profileType": "RegisteredDevice",
            "accountEnabled": True,
            "isCompliant": None if server else True,
            "isManaged": None if server else True,
            "onPremisesSyncEnabled": True,
        }


def rack(seed: int, *, hosts: int, people: tuple[Person, ...]) -> tuple[Machine, ...]:
    """`hosts` machines; workstations belong to staff, legal and admin ones to those teams."""
    random = Random(f"{seed}:machines")
    owners = {
        Role.LEGAL: [person for person in people if person.part is Part.LEGAL],
        Role.ADMIN: [person for person in people if person.part is Part.EXPORT_OPERATOR],
        Role.WORKSTATION: [person for person in people if person.part is Part.STAFF],
    }
    return tuple(
        _machine(index, name, role=role, owners=owners.get(role, []), random=random)
        for index, (name, role) in enumerate(_names(hosts))
    )


def _names(hosts: int) -> list[tuple[str, Role]]:
    """Names and roles; one Exchange server in fourteen machines, six at least."""
    exchange = max(6, min(40, hosts // 14))
    desks = max(3, min(20, hosts // 26))
    named = [
        *((f"EXCH{number:02}", Role.EXCHANGE) for number in range(1, exchange + 1)),
        *_FIXED,
        *((f"LEGAL-WS{number:02}", Role.LEGAL) for number in range(1, desks + 1)),
        *((f"WS-ADM{number:02}", Role.ADMIN) for number in range(1, desks + 1)),
    ]
    return [
        *named,
        *((f"WS-{number:04}", Role.WORKSTATION) for number in range(1, hosts - len(named) + 1)),
    ]


def _machine(index: int, name: str, *, role: Role, owners: list[Person], random: Random) -> Machine:
    """One machine, with the sources that its collector sends."""
    return Machine(
        name=name,
        role=role,
        address=str(_ADDRESSES[index % len(_ADDRESSES)]),
        sources=tuple(random.sample(_SOURCES, 2 if role.is_server else 1)),
        entra_id=guid(random),
        owner=owners[index % len(owners)] if owners else None,
    )
