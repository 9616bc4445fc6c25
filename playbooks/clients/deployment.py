"""What is deployed around the function: rules, automation rules, Logic Apps, the workspace, the time there.

Reads alone. Sources: SecurityInsights 2025-09-01 (alertRules, automationRules), Microsoft.Logic 2019-05-01
(workflows), Microsoft.OperationalInsights 2023-09-01 (workspaces).
"""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.parse import quote

from playbooks.clients.answers import Call
from playbooks.clients.attempt import Patience
from playbooks.clients.incident_record import SOURCE
from playbooks.clients.lookups import looked_up
from playbooks.clients.rest import Rest
from playbooks.clients.sentinel import ROLE, VERSION
from playbooks.clients.wire import Record, parse_moment
from playbooks.errors import NotThere
from playbooks.model import Absent, AlertRule, AutomationRule, Found, Lookup, Unavailable, Workflow
from playbooks.settings import Workspace

LOGIC_APPS = "Logic Apps"
WORKSPACE = "the workspace"

_INSIGHTS = "/providers/Microsoft.SecurityInsights"
_WORKFLOW = re.compile(
    r"/subscriptions/[0-9a-f-]{36}/resourceGroups/[\w.()-]{1,90}/providers/Microsoft\.Logic/workflows/[\w.()-]{1,80}",
    re.IGNORECASE | re.ASCII,
)
_WITH_QUERY = frozenset({"scheduled", "nrt"})


class Deployment:
    """Questions about one workspace and the Logic Apps that its automation rules run."""

    def __init__(self, rest: Rest, *, workspace: Workspace, patience: Patience) -> None:
        self._rest = rest
        self._workspace = workspace
        self._patience = patience

    async def alert_rules(self) -> Lookup[tuple[AlertRule, ...]]:
        """The analytics rules that hold a query of their own (kinds Scheduled and NRT), all pages."""
        return await looked_up(SOURCE, self._listed("alertRules", _alert_rules))

    async def automation_rules(self) -> Lookup[tuple[AutomationRule, ...]]:
        """The automation rules on incidents, all pages."""
        return await looked_up(SOURCE, self._listed("automationRules", _automation_rules))

    async def workflow(self, logic_app: str) -> Lookup[Workflow]:
        """The Logic App of that ARM id; Unavailable for one that is no Logic App (Consumption)."""
        if not _WORKFLOW.fullmatch(logic_app):
            return Unavailable(LOGIC_APPS, "it is no Logic App of the kind Consumption", lasting=True)
        return await looked_up(LOGIC_APPS, self._workflow(logic_app))

    async def customer_id(self) -> Lookup[str]:
        """The id that log queries name the workspace by, in lower case."""
        return await looked_up(WORKSPACE, self._customer_id())

    async def moment(self) -> Lookup[datetime]:
        """The time of Azure Resource Manager (UTC, whole seconds), from the Date header of an answer."""
        call = Call(source=SOURCE, method="GET", template="/…/workspaces/{workspace}", needs=ROLE)
        return await looked_up(SOURCE, self._moment(call))

    async def _listed[T](self, kind: str, parse: Any) -> Lookup[tuple[T, ...]]:
        call = Call(source=SOURCE, method="GET", template=f"/…/{kind}", needs=ROLE)
        path = f"{quote(self._workspace.path)}{_INSIGHTS}/{kind}"
        try:
            pages = await self._rest.pages(call, path, query=VERSION, patience=self._patience)
        except NotThere:
            return Absent(SOURCE)
        return Found(tuple(one for page in pages for one in parse(Record(SOURCE, page))))

    async def _workflow(self, logic_app: str) -> Lookup[Workflow]:
        call = Call(
            source=LOGIC_APPS,
            method="GET",
            template="/…/workflows/{workflow}",
            needs="the role Reader on the Logic App",
        )
        query = {"api-version": "2019-05-01"}
        try:
            body = await self._rest.ask(call, quote(logic_app), query=query, patience=self._patience)
        except NotThere:
            return Absent(LOGIC_APPS)
        properties = Record(LOGIC_APPS, body).record("properties")
        addresses = tuple(sorted(set(_addresses(properties.record("definition").members))))
        return Found(Workflow(enabled=properties.text("state") == "Enabled", addresses=addresses))

    async def _customer_id(self) -> Lookup[str]:
        call = Call(
            source=WORKSPACE,
            method="GET",
            template="/…/workspaces/{workspace}",
            needs="the role Log Analytics Reader on the workspace",
        )
        query = {"api-version": "2023-09-01"}
        path = quote(self._workspace.path)
        try:
            body = await self._rest.ask(call, path, query=query, patience=self._patience)
        except NotThere:
            return Absent(WORKSPACE)
        return Found(Record(WORKSPACE, body).record("properties").guid("customerId"))

    async def _moment(self, call: Call) -> Lookup[datetime]:
        query = {"api-version": "2023-09-01"}
        return Found(await self._rest.moment(call, quote(self._workspace.path), query=query))


def _alert_rules(page: Record) -> Iterator[AlertRule]:
    for resource in page.records("value"):
        if resource.text("kind").lower() in _WITH_QUERY:
            yield _alert_rule(resource)


def _alert_rule(resource: Record) -> AlertRule:
    properties = resource.record("properties")
    incidents = properties.members.get("incidentConfiguration")
    return AlertRule(
        name=resource.text("name").lower(),
        display_name=properties.text("displayName"),
        enabled=properties.flag_or_null("enabled") is True,
        # Rules that do not say otherwise create incidents (ScheduledAlertRuleProperties).
        creates_incidents=not incidents or incidents.get("createIncident") is True,
    )


def _automation_rules(page: Record) -> Iterator[AutomationRule]:
    for resource in page.records("value"):
        properties = resource.record("properties")
        logic = properties.record("triggeringLogic")
        if logic.text("triggersOn") == "Incidents":
            yield _automation_rule(properties, logic)


def _automation_rule(properties: Record, logic: Record) -> AutomationRule:
    conditions = list(_conditions(logic.members.get("conditions")))
    limits = [_rule_ids(condition) for condition in conditions]
    changes = [
        condition for condition in conditions if "changed" in str(condition.get("conditionType")).lower()
    ]
    return AutomationRule(
        display_name=properties.text("displayName"),
        enabled=logic.flag_or_null("isEnabled") is True,
        expires=parse_moment(logic.members.get("expirationTimeUtc")),
        triggers_when=logic.text("triggersWhen"),
        on_added_alerts=not changes or any(_is_added_alert(change) for change in changes),
        rule_ids=frozenset().union(*(limit for limit in limits if limit is not None))
        if any(limit is not None for limit in limits)
        else None,
        logic_apps=tuple(_logic_apps(properties)),
    )


def _conditions(listed: Any, depth: int = 0) -> Iterator[dict[str, Any]]:
    """Every condition, those inside Boolean ones too (Sentinel nests them two deep at most)."""
    for condition in listed if isinstance(listed, list) and depth < 5 else ():
        if isinstance(condition, dict):
            yield condition
            inner = condition.get("conditionProperties")
            yield from _conditions(
                inner.get("innerConditions") if isinstance(inner, dict) else None, depth + 1
            )


def _rule_ids(condition: dict[str, Any]) -> frozenset[str] | None:
    """The analytics rules that a condition limits to, by GUID; None where it says nothing of them."""
    said = condition.get("conditionProperties")
    if not isinstance(said, dict) or said.get("propertyName") != "IncidentRelatedAnalyticRuleIds":
        return None
    if str(said.get("operator")) not in ("Contains", "Equals"):
        return None
    values = said.get("propertyValues")
    listed = values if isinstance(values, list) else []
    return frozenset(str(value).rpartition("/")[2].lower() for value in listed)


def _is_added_alert(condition: dict[str, Any]) -> bool:
    said = condition.get("conditionProperties")
    return isinstance(said, dict) and (said.get("arrayType"), said.get("changeType")) == ("Alerts", "Added")


def _logic_apps(properties: Record) -> Iterator[str]:
    for action in properties.records("actions"):
        if action.text("actionType") == "RunPlaybook":
            yield action.record("actionConfiguration").text("logicAppResourceId")


def _addresses(definition: Any) -> Iterator[str]:
    """The `uri` of every HTTP action in a workflow definition, however deep it is nested."""
    if isinstance(definition, dict):
        inputs = definition.get("inputs")
        if str(definition.get("type")).lower() == "http" and isinstance(inputs, dict):
            yield str(inputs.get("uri"))
        yield from (address for member in definition.values() for address in _addresses(member))
    elif isinstance(definition, list):
        yield from (address for member in definition for address in _addresses(member))
