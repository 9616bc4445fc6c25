"""What a deployment leaves in and beside the workspace: analytics rules, automation rules, Logic Apps.

Made from the rule files of every playbook, as `deploy/` deploys them, and to be edited by whoever plants a
mistake. Served: alertRules and automationRules (SecurityInsights 2025-09-01), workflows (Microsoft.Logic
2019-05-01), the workspace (Microsoft.OperationalInsights 2023-09-01).
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import yaml

from playbooks import discover
from simulator.workspace.directory import stable_id
from simulator.workspace.model import (
    CUSTOMER_ID,
    INSIGHTS_ID,
    SUBSCRIPTION,
    TENANT_ID,
    WORKSPACE,
    WORKSPACE_ID,
)
from simulator.workspace.paging import cut_page
from simulator.workspace.wire import Answer, Endpoint, Json, Refusal, WireRequest

LOGIC_VERSION = "2019-05-01"
WORKSPACE_VERSION = "2023-09-01"
FUNCTION = "https://func-triage.contoso.com"

_GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-triage"
_SCOPE = "/subscriptions/{subscription}/resourceGroups/{group}/providers"
_UNITS = {"m": "PT{}M", "h": "PT{}H", "d": "P{}D"}


@dataclass(slots=True, kw_only=True)
class Content:
    """Resources by name (GUID) or, for Logic Apps, by ARM id in lower case; edit them as you like."""

    alert_rules: dict[str, Json] = field(default_factory=dict)
    automation_rules: dict[str, Json] = field(default_factory=dict)
    workflows: dict[str, Json] = field(default_factory=dict)

    @classmethod
    def deployed(cls, folders: Mapping[str, Path] | None = None) -> "Content":
        """As `deploy/` leaves it: every playbook's rules, automation rules and Logic App, enabled."""
        made = cls()
        for name, folder in (folders if folders is not None else discover()).items():
            rules = [
                alert_rule(yaml.safe_load(path.read_text())) for path in sorted(folder.glob("*rule.yaml"))
            ]
            made.add_playbook(name, rules)
        return made

    def add_playbook(self, name: str, rules: list[Json]) -> None:
        """Adds a playbook's rules, its Logic App, and the automation rules between them."""
        self.alert_rules |= {rule["name"]: rule for rule in rules}
        logic_app = workflow(name, address=f"{FUNCTION}/api/playbooks/{name}")
        self.workflows[logic_app["id"].lower()] = logic_app
        for event in ("Created", "Updated"):
            rule = automation_rule(name, event, rules=[one["id"] for one in rules], logic_app=logic_app["id"])
            self.automation_rules[rule["name"]] = rule


def alert_rule(text: Mapping[str, Any]) -> Json:
    """A scheduled rule (ScheduledAlertRule) of a rule file; a hunting query runs hourly."""
    incidents = text.get("incidentConfiguration") or {"createIncident": True}
    return {
        "id": f"{INSIGHTS_ID}/alertRules/{text['id']}",
        "name": text["id"],
        "type": "Microsoft.SecurityInsights/alertRules",
        "kind": "Scheduled",
        "etag": f'"{stable_id("alertRule", text["id"])}"',
        "properties": {
            "displayName": text["name"],
            "description": text["description"],
            "severity": text.get("severity", "Medium"),
            "enabled": True,
            "query": text["query"],
            "queryFrequency": _duration(text.get("queryFrequency", "1h")),
            "queryPeriod": _duration(text.get("queryPeriod", "1h")),
            "triggerOperator": "GreaterThan",
            "triggerThreshold": 0,
            "suppressionDuration": "PT5H",
            "suppressionEnabled": False,
            "tactics": list(text["tactics"]),
            "techniques": [one for one in text["relevantTechniques"] if "." not in one],
            "incidentConfiguration": {"createIncident": incidents["createIncident"]},
        },
    }


def automation_rule(playbook: str, event: str, *, rules: list[str], logic_app: str) -> Json:
    """An automation rule that runs a Logic App for incidents of these rules, `event` Created or Updated."""
    of_rules = {
        "conditionType": "Property",
        "conditionProperties": {
            "propertyName": "IncidentRelatedAnalyticRuleIds",
            "operator": "Contains",
            "propertyValues": rules,
        },
    }
    added = {
        "conditionType": "PropertyArrayChanged",
        "conditionProperties": {"arrayType": "Alerts", "changeType": "Added"},
    }
    name = stable_id("automationRule", playbook, event)
    action = {"logicAppResourceId": logic_app, "tenantId": TENANT_ID}
    return {
        "id": f"{INSIGHTS_ID}/automationRules/{name}",
        "name": name,
        "type": "Microsoft.SecurityInsights/automationRules",
        "etag": f'"{name}"',
        "properties": {
            "displayName": f"{playbook}: " + ("incident created" if event == "Created" else "alerts added"),
            "order": 100 if event == "Created" else 101,
            "triggeringLogic": {
                "isEnabled": True,
                "triggersOn": "Incidents",
                "triggersWhen": event,
                "conditions": [of_rules] if event == "Created" else [of_rules, added],
            },
            "actions": [{"order": 1, "actionType": "RunPlaybook", "actionConfiguration": action}],
        },
    }


def workflow(name: str, *, address: str) -> Json:
    """An enabled Logic App (Consumption) of one HTTP action that posts to this address."""
    action = {"type": "Http", "runAfter": {}, "inputs": {"method": "POST", "uri": address}}
    return {
        "id": f"{_GROUP}/providers/Microsoft.Logic/workflows/{name}",
        "name": name,
        "type": "Microsoft.Logic/workflows",
        "location": "westeurope",
        "properties": {
            "state": "Enabled",
            "definition": {"triggers": {}, "actions": {"Hand_the_incident_over": action}, "outputs": {}},
        },
    }


class ContentOperations:
    """The reads of it, for Azure Resource Manager; `link` is the base address of next pages."""

    def __init__(self, content: Callable[[], Content], *, link: Callable[[], str], page_size: int) -> None:
        self._content = content
        self._link = link
        self._page_size = page_size

    def operations(self) -> Iterator[tuple[str, str, Endpoint]]:
        """Method, whole path and what answers."""
        workspace = f"{_SCOPE}/Microsoft.OperationalInsights/workspaces/{{workspace}}"
        insights = f"{workspace}/providers/Microsoft.SecurityInsights"
        yield "GET", workspace, self._workspace
        yield "GET", f"{insights}/alertRules", self._alert_rules
        yield "GET", f"{insights}/automationRules", self._automation_rules
        yield "GET", f"{_SCOPE}/Microsoft.Logic/workflows/{{workflow}}", self._workflow

    async def _workspace(self, _: WireRequest) -> Answer:
        properties = {"customerId": CUSTOMER_ID, "provisioningState": "Succeeded", "retentionInDays": 90}
        record = {"id": WORKSPACE_ID, "name": WORKSPACE, "location": "westeurope", "properties": properties}
        return Answer(status=200, body={"type": "Microsoft.OperationalInsights/workspaces", **record})

    async def _alert_rules(self, request: WireRequest) -> Answer:
        return self._page(request, self._content().alert_rules)

    async def _automation_rules(self, request: WireRequest) -> Answer:
        return self._page(request, self._content().automation_rules)

    async def _workflow(self, request: WireRequest) -> Answer:
        logic_app = self._content().workflows.get(unquote(request.path).lower())
        if logic_app is None:
            message = (
                f"The Resource 'Microsoft.Logic/workflows/{request.params['workflow'][:80]}' was not found."
            )
            raise Refusal(404, "ResourceNotFound", message)
        return Answer(status=200, body=logic_app)

    def _page(self, request: WireRequest, resources: Mapping[str, Json]) -> Answer:
        page = cut_page(list(resources.values()), request.query, size=self._page_size, option="$skipToken")
        link = (
            {} if page.next_query is None else {"nextLink": f"{self._link()}{request.path}?{page.next_query}"}
        )
        return Answer(status=200, body={"value": page.items, **link})


def version_of(path: str, insights: str) -> str:
    """The api-version that an ARM path takes here; `insights` is that of SecurityInsights."""
    lowered = path.lower()
    if "/providers/microsoft.logic/" in lowered:
        return LOGIC_VERSION
    return insights if "/providers/microsoft.securityinsights" in lowered else WORKSPACE_VERSION


def _duration(span: str) -> str:
    """`90m` as `PT90M`."""
    match = re.fullmatch(r"(\d+)([mhd])", span)
    if match is None:
        raise ValueError(f"{span!r} is no span such as 90m")
    return _UNITS[match[2]].format(match[1])
