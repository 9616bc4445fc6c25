"""The real clients against the local workspace, for the tests of the clients."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from playbooks.clients import Clients, Patience, connect
from playbooks.model import IncidentId
from playbooks.ports import Sources
from playbooks.settings import Settings, read_settings
from simulator.eventstore import EventStore
from simulator.workspace import AlertSpec, Fault, FaultKind, LocalWorkspace

NOON = datetime(2024, 11, 18, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LATER = NOON + 120 * MINUTE
RULE = "4500a2ff-455b-4ee7-a21d-5ac5c7c9ea87"
ANN, BEN, OBRIEN, GUEST = (f"0000000{n}-1111-4111-8111-111111111111" for n in (1, 2, 3, 4))
INNER, OUTER = (f"0000000{n}-2222-4222-8222-222222222222" for n in (1, 2))


def user(user_id: str, name: str, domain: str = "contoso.com", **others: Any) -> dict[str, Any]:
    """A synchronised user whose names all follow from one."""
    return {
        "id": user_id,
        "userPrincipalName": f"{name}@{domain}",
        "displayName": name.title(),
        "mail": f"{name}@{domain}",
        "mailNickname": name,
        "proxyAddresses": [f"SMTP:{name}@{domain}", f"smtp:{name}.old@{domain}"],
        "onPremisesSamAccountName": name,
        "onPremisesDomainName": domain,
        "onPremisesSecurityIdentifier": f"S-1-5-21-1-2-3-{int(user_id[:8], 16)}",
        "accountEnabled": True,
        "createdDateTime": "2020-01-01T00:00:00Z",
        "userType": "Member",
        **others,
    }


TENANT: dict[str, Any] = {
    "users": [
        user(ANN, "ann"),
        user(BEN, "ben"),
        user(OBRIEN, "o'brien"),
        user(GUEST, "ann", "fabrikam.com", userType="Guest"),
    ],
    "groups": [
        {"id": INNER, "displayName": "Inner", "members": [ANN]},
        {"id": OUTER, "displayName": "Outer", "members": [INNER]},
    ],
    "directoryRoles": [
        {
            "roleTemplateId": "29232cdf-9323-42fd-ade2-1d097af3e4de",
            "displayName": "Exchange Administrator",
            "members": [OUTER],
        },
        {
            "roleTemplateId": "5d6b6bb7-de71-4623-b4af-96380a352509",
            "displayName": "Security Reader",
            "members": [ANN],
            "eligibleMembers": [BEN],
        },
    ],
    "riskyUsers": [{"id": ANN, "riskLevel": "high", "riskState": "atRisk"}],
    "devices": [
        {"displayName": "EXCH01", "trustType": "ServerAd", "isCompliant": True, "isManaged": None},
        {"id": "d1", "displayName": "TWIN", "trustType": "Workplace"},
        {"id": "d2", "displayName": "TWIN", "trustType": "ServerAd"},
    ],
    "watchlists": {
        "MailboxExportHosts": [
            {"Fqdn": f"EXCH{n:02}.contoso.com", "Role": "exchange", "_updated": "2024-01-02T03:04:05Z"}
            for n in range(5)
        ],
        "EDiscoveryCases": [],
    },
}


def alert(number: int = 1, **members: Any) -> AlertSpec:
    """An alert of the seed rule about one host and one account."""
    entities = [
        {"kind": "Host", "properties": {"hostName": "EXCH01", "dnsDomain": "contoso.com"}},
        {"kind": "Account", "properties": {"accountName": "ann", "ntDomain": "CONTOSO"}},
    ]
    given: dict[str, Any] = {
        "system_alert_id": f"aaaaaaaa-0000-4000-8000-{number:012}",
        "display_name": "Mailbox export and removal",
        "start": NOON,
        "end": NOON + MINUTE,
        "rule_id": RULE,
        "entities": entities,
    }
    return AlertSpec(**given | members)


def settings_for(workspace: LocalWorkspace, **changes: str) -> Settings:
    """Settings that lead to the local workspace."""
    return read_settings(
        {
            "TRIAGE_WORKSPACES": f"{workspace.workspace_id}={workspace.customer_id}",
            "TRIAGE_DOMAINS": "CONTOSO=contoso.com",
            "TRIAGE_TIME_ZONE": "Europe/Vienna",
            "TRIAGE_BUSINESS_HOURS": "Mon-Fri 07:00-19:00",
            "TRIAGE_ARM_ENDPOINT": workspace.arm_endpoint,
            "TRIAGE_GRAPH_ENDPOINT": workspace.graph_endpoint,
            "TRIAGE_LOGS_ENDPOINT": workspace.logs_endpoint,
            "TRIAGE_LOCAL_TOKEN": workspace.token,
            **changes,
        }
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """One incident in a workspace, the clients, and every wait they asked for."""

    workspace: LocalWorkspace
    store: EventStore
    clients: Clients
    waits: list[float]
    incident_id: IncidentId

    @property
    def sources(self) -> Sources:
        """What a playbook may ask about the incident."""
        return self.clients.sources(self.incident_id, asked_at=NOON)

    @property
    def properties(self) -> dict[str, Any]:
        """The incident's properties as the service holds them now."""
        return dict(self.workspace.incident(self.incident_id.name)["properties"])

    def order(self, kind: FaultKind, **members: Any) -> None:
        """Orders a fault, in place of those ordered before."""
        self.workspace.faults.clear()
        self.waits.clear()
        self.order_also(kind, **members)

    def order_also(self, kind: FaultKind, **members: Any) -> None:
        """Orders one more fault."""
        self.workspace.faults.add(Fault(kind=kind, **members))

    def called(self, service: str = "") -> int:
        """How many calls the workspace, or one service of it, was sent."""
        return len([call for call in self.workspace.calls if service in ("", call.service)])


@asynccontextmanager
async def new_world(
    tenant: Mapping[str, Any] | None = None,
    *,
    alerts: int = 1,
    page_sizes: Mapping[str, int] | None = None,
    written: Mapping[str, Any] | None = None,
    **settings: str,
) -> AsyncIterator[World]:
    """A world with one incident; waits are noted and not slept, and carry no jitter."""
    store = EventStore()
    waits: list[float] = []

    async def note_wait(seconds: float) -> None:
        waits.append(seconds)
        await asyncio.sleep(0)

    patience = Patience(sleep=note_wait, jitter=lambda: 0.0)
    async with LocalWorkspace(
        tenant or TENANT, store, clock=lambda: LATER, page_sizes=page_sizes
    ) as workspace:
        name = workspace.create_incident(
            [alert(number) for number in range(alerts)],
            title="Mailbox export",
            severity="Medium",
            created=NOON,
            **written or {},
        )
        place = workspace.workspace_id.split("/")
        async with connect(settings_for(workspace, **settings), {}, patience=patience) as clients:
            yield World(
                workspace=workspace,
                store=store,
                clients=clients,
                waits=waits,
                incident_id=IncidentId(place[2], place[4], place[8], name),
            )
    store.close()
