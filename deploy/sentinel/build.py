"""Makes the deployable files of the solution from their sources, and copies the two rules into it.

Run it after a change of a rule, a query or a watchlist: `python deploy/sentinel/build.py`. A test fails
while the files in this folder are not what it makes. Exit status 0.
"""  # noqa: INP001 - a script of this folder, not a package

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path

import yaml
from workbook import Json, workbook

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PLAYBOOK = ROOT / "playbooks" / "mailbox_export"
RULE_FILE = "Analytic Rules/MailboxExportAndRemovalOfItsRecord.yaml"
HUNTING_FILE = "Hunting Queries/HostExportingMailboxAndRemovingExport.yaml"
WORKBOOK_FILE = "Workbooks/MailboxExportTriage.json"
COPIES = {RULE_FILE: PLAYBOOK / "rule.yaml", HUNTING_FILE: PLAYBOOK / "seed_rule.yaml"}
SEARCH_KEYS = {"MailboxExportJobs": "JobName", "EDiscoveryCases": "CaseId", "MailboxExportHosts": "Fqdn"}
WATCHLIST_WORDS = {
    "MailboxExportJobs": "Scheduled jobs that may export mailboxes or remove export requests",
    "EDiscoveryCases": "eDiscovery cases, their custodians and export folders",
    "MailboxExportHosts": "Hosts from which mailboxes are exported",
}

SENTINEL = "2025-09-01"
SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
WORKSPACE = "resourceId('Microsoft.OperationalInsights/workspaces', parameters('workspaceName'))"
IN_WORKSPACE = "[format('Microsoft.OperationalInsights/workspaces/{0}', parameters('workspaceName'))]"
OPERATORS = {"gt": "GreaterThan", "lt": "LessThan", "eq": "Equal", "ne": "NotEqual"}


def parameter(kind: str, words: str, **more: object) -> Json:
    """A template parameter with its description."""
    return {"type": kind, **more, "metadata": {"description": words}}


def template(parameters: Json, resources: list[Json], words: str) -> Json:
    """A resource group template."""
    return {
        "$schema": SCHEMA,
        "contentVersion": "1.0.0.0",
        "metadata": {"description": f"{words} Made by deploy/sentinel/build.py; do not edit."},
        "parameters": parameters,
        "resources": resources,
    }


def duration(text: str) -> str:
    """`90m` as ISO 8601. Raises ValueError for anything but days, hours and minutes."""
    match = re.fullmatch(r"(\d+)([dhm])", text)
    if match is None:
        raise ValueError(f"not a time span of the form 15m, 5h or 1d: {text!r}")
    number, unit = int(match[1]), match[2]
    if unit == "d":
        return f"P{number}D"
    hours, minutes = divmod(number if unit == "m" else number * 60, 60)
    return "PT" + (f"{hours}H" if hours else "") + (f"{minutes}M" if minutes or not hours else "")


def read_rule(name: str) -> Json:
    """A rule's YAML."""
    document: Json = yaml.safe_load(COPIES[name].read_text("utf-8"))
    return document


def grouped(rule: Mapping[str, object]) -> Json:
    """The rule's incident configuration, its look-back as ISO 8601."""
    configuration: Json = json.loads(json.dumps(rule["incidentConfiguration"]))
    grouping = configuration["groupingConfiguration"]
    if isinstance(grouping, dict):
        grouping["lookbackDuration"] = duration(str(grouping["lookbackDuration"]))
    return configuration


def alert_rule() -> Json:
    """The correlated rule as a resource. Sub-techniques are left out: this version takes techniques alone."""
    rule = read_rule(RULE_FILE)
    techniques = [name for name in listed(rule, "relevantTechniques") if "." not in name]
    properties: Json = {
        "displayName": rule["name"],
        "description": rule["description"],
        "enabled": "[parameters('ruleEnabled')]",
        "severity": rule["severity"],
        "query": rule["query"],
        "queryFrequency": duration(str(rule["queryFrequency"])),
        "queryPeriod": duration(str(rule["queryPeriod"])),
        "triggerOperator": OPERATORS[str(rule["triggerOperator"])],
        "triggerThreshold": rule["triggerThreshold"],
        "suppressionEnabled": rule["suppressionEnabled"],
        "suppressionDuration": duration(str(rule["suppressionDuration"])),
        "tactics": rule["tactics"],
        "techniques": techniques,
        "entityMappings": rule["entityMappings"],
        "customDetails": rule["customDetails"],
        "alertDetailsOverride": rule["alertDetailsOverride"],
        "eventGroupingSettings": rule["eventGroupingSettings"],
        "incidentConfiguration": grouped(rule),
    }
    return in_sentinel("alertRules", str(rule["id"]), properties, kind="Scheduled")


def listed(rule: Mapping[str, object], member: str) -> list[str]:
    """A member of a rule that is a list of texts."""
    values = rule[member]
    return [str(value) for value in values] if isinstance(values, list) else []


def in_sentinel(kind_of_resource: str, name: str, properties: Json, **more: object) -> Json:
    """A resource of Sentinel in the workspace."""
    return {
        "type": f"Microsoft.SecurityInsights/{kind_of_resource}",
        "apiVersion": SENTINEL,
        "name": name,
        "scope": IN_WORKSPACE,
        **more,
        "properties": properties,
    }


def hunting_query() -> Json:
    """The seed query as a saved search that Sentinel's hunting page shows."""
    rule = read_rule(HUNTING_FILE)
    tags = {
        "description": str(rule["description"]).strip(),
        "tactics": ",".join(listed(rule, "tactics")),
        "techniques": ",".join(listed(rule, "relevantTechniques")),
    }
    return {
        "type": "Microsoft.OperationalInsights/workspaces/savedSearches",
        "apiVersion": "2020-08-01",
        "name": f"[format('{{0}}/{rule['id']}', parameters('workspaceName'))]",
        "properties": {
            "category": "Hunting Queries",
            "displayName": rule["name"],
            "query": rule["query"],
            "version": 2,
            "tags": [{"name": name, "value": value} for name, value in tags.items()],
        },
    }


def automation_rule(when: str, words: str, *, order: int, more: list[Json]) -> Json:
    """An automation rule that runs the playbook for incidents of our analytics rules."""
    name = read_rule(RULE_FILE)["id"]
    rule_id = f"extensionResourceId({WORKSPACE}, 'Microsoft.SecurityInsights/alertRules', '{name}')"
    of_ours: Json = {
        "conditionType": "Property",
        "conditionProperties": {
            "propertyName": "IncidentRelatedAnalyticRuleIds",
            "operator": "Contains",
            "propertyValues": f"[concat(createArray({rule_id}), parameters('otherRuleArmIds'))]",
        },
    }
    properties: Json = {
        "displayName": f"Mailbox export triage: {words}",
        "order": order,
        "triggeringLogic": {
            "isEnabled": "[parameters('automationEnabled')]",
            "triggersOn": "Incidents",
            "triggersWhen": when,
            "conditions": [of_ours, *more],
        },
        "actions": [
            {
                "order": 1,
                "actionType": "RunPlaybook",
                "actionConfiguration": {
                    "logicAppResourceId": "[parameters('logicAppId')]",
                    "tenantId": "[parameters('tenantId')]",
                },
            }
        ],
    }
    resource = in_sentinel(
        "automationRules",
        f"[guid({WORKSPACE}, 'mailbox-export-triage', '{when}')]",
        properties,
        dependsOn=[f"[{rule_id}]"],
    )
    return {"condition": "[not(empty(parameters('logicAppId')))]", **resource}


def automation_rules() -> list[Json]:
    """Created, and updated with new alerts: no other update, or our own writes would call us again."""
    alerts_added: Json = {
        "conditionType": "PropertyArrayChanged",
        "conditionProperties": {"arrayType": "Alerts", "changeType": "Added"},
    }
    return [
        automation_rule("Created", "incident created", order=100, more=[]),
        automation_rule("Updated", "alerts added", order=101, more=[alerts_added]),
    ]


def workbook_resource() -> Json:
    """The workbook as a resource that Sentinel's workbook page shows."""
    return {
        "type": "Microsoft.Insights/workbooks",
        "apiVersion": "2023-06-01",
        "name": f"[guid({WORKSPACE}, 'mailbox-export-triage', 'workbook')]",
        "location": "[parameters('location')]",
        "kind": "shared",
        "properties": {
            "displayName": "Mailbox export triage",
            "serializedData": json.dumps(workbook(), separators=(",", ":")),
            "category": "sentinel",
            "sourceId": f"[{WORKSPACE}]",
        },
    }


def content_template() -> Json:
    """Rule, hunting query, automation rules and workbook in one template."""
    parameters: Json = {
        "workspaceName": parameter("string", "Name of the Sentinel workspace in this resource group."),
        "location": parameter("string", "Region of the workbook.", defaultValue="[resourceGroup().location]"),
        "logicAppId": parameter(
            "string",
            "ARM id of the Logic App MailboxExportTriage. Empty: no automation rules are made.",
            defaultValue="",
        ),
        "tenantId": parameter("string", "Tenant of the Logic App.", defaultValue="[subscription().tenantId]"),
        "otherRuleArmIds": parameter(
            "array", "ARM ids of further analytics rules whose incidents are triaged.", defaultValue=[]
        ),
        "ruleEnabled": parameter("bool", "Whether the analytics rule runs.", defaultValue=True),
        "automationEnabled": parameter("bool", "Whether incidents are handed over.", defaultValue=True),
    }
    resources = [alert_rule(), hunting_query(), *automation_rules(), workbook_resource()]
    return template(parameters, resources, "Sentinel content of the mailbox export triage.")


def watchlist(alias: str) -> Json:
    """One register as a watchlist resource."""
    properties: Json = {
        "displayName": alias,
        "description": WATCHLIST_WORDS[alias],
        "provider": "Mailbox export triage",
        "source": f"{alias}.csv",
        "sourceType": "Local",
        "itemsSearchKey": SEARCH_KEYS[alias],
        "contentType": "text/csv",
        "numberOfLinesToSkip": 0,
        "rawContent": f"[parameters('{alias}')]",
    }
    return in_sentinel("watchlists", alias, properties)


def watchlist_template() -> Json:
    """The three registers in one template, apart from the rest so that an upgrade never touches them."""
    parameters: Json = {
        "workspaceName": parameter("string", "Name of the Sentinel workspace in this resource group.")
    }
    for alias in SEARCH_KEYS:
        rows = (HERE / "Watchlists" / f"{alias}.csv").read_text("utf-8")
        parameters[alias] = parameter(
            "string",
            f"The whole CSV of {alias}, header included. The default is an example that approves nothing.",
            defaultValue=rows,
        )
    return template(parameters, [watchlist(alias) for alias in SEARCH_KEYS], "Registers of the triage.")


def files() -> Mapping[str, bytes]:
    """Every made file: path below this folder -> bytes."""
    made = {
        "azuredeploy.json": content_template(),
        "Watchlists/azuredeploy.json": watchlist_template(),
        WORKBOOK_FILE: workbook(),
    }
    written = {name: (json.dumps(tree, indent=2) + "\n").encode() for name, tree in made.items()}
    return written | {name: source.read_bytes() for name, source in COPIES.items()}


def main() -> int:
    """Writes every made file that differs, and names it."""
    for name, content in files().items():
        place = HERE / name
        if not place.exists() or place.read_bytes() != content:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
            sys.stdout.write(f"wrote deploy/sentinel/{name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
