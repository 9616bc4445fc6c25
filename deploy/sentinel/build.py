"""Makes the Sentinel solution of every playbook, `playbooks/<name>/sentinel`, from what it declares.

Run it after a change of a rule, a query or a watchlist: `python deploy/sentinel/build.py`. A test fails
while those files are not what it makes. By hand are written, in that folder: example rows and help of the
playbook's own registers (`Watchlists/*.csv`, `Watchlists/README.md`), tiles of its workbook (`Queries/*.kql`,
each with its title in the first line) and `ReleaseNotes.md`. Exit status 0.
"""  # noqa: INP001 - a script of this folder, not a package

import json
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import yaml
from workbook import Json, workbook

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT))

from playbooks import discover, load  # noqa: E402 - the repository's own, from wherever this is run
from playbooks.ports import Register  # noqa: E402

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


def camel(words: str) -> str:
    """`Mailbox export (by host)` as MailboxExport, a file's name."""
    plain = re.sub(r"\([^)]*\)", "", words)
    return "".join(word[0].upper() + word[1:] for word in re.findall(r"\w+", plain))


@dataclass(frozen=True)
class Solution:
    """What one playbook declares, as its Sentinel solution needs it."""

    playbook: str
    folder: Path

    @cached_property
    def title(self) -> str:
        """Such as `Mailbox export triage`."""
        return load(self.playbook).title

    @property
    def name(self) -> str:
        """Such as MailboxExportTriage: the Logic App, the workbook and the solution are called so."""
        return camel(" ".join(word.capitalize() for word in self.title.split()))

    @property
    def slug(self) -> str:
        """Such as mailbox-export-triage."""
        return "-".join(self.title.lower().split())

    @property
    def words(self) -> str:
        """What it is for: the first line of the playbook's package."""
        text = (self.folder / "__init__.py").read_text("utf-8")
        return text.partition('"""')[2].partition("\n")[0].partition('"""')[0]

    @cached_property
    def rule(self) -> Json:
        """The analytics rule."""
        return read_rule(self.folder / "rule.yaml")

    @cached_property
    def hunting(self) -> Mapping[Path, Json]:
        """The hunting queries beside it, by file."""
        return {path: read_rule(path) for path in sorted(self.folder.glob("*_rule.yaml"))}

    @property
    def registers(self) -> tuple[Register, ...]:
        """The watchlists that are deployed with it."""
        return tuple(register for register in load(self.playbook).registers if register.ours)

    @property
    def made(self) -> Path:
        """Where all of it lies."""
        return self.folder / "sentinel"

    @property
    def tiles(self) -> list[Path]:
        """The workbook's own queries."""
        return sorted((self.made / "Queries").glob("*.kql"))


def read_rule(path: Path) -> Json:
    """A rule's YAML."""
    document: Json = yaml.safe_load(path.read_text("utf-8"))
    return document


def grouped(rule: Mapping[str, object]) -> Json:
    """The rule's incident configuration, its look-back as ISO 8601."""
    configuration: Json = json.loads(json.dumps(rule["incidentConfiguration"]))
    grouping = configuration["groupingConfiguration"]
    if isinstance(grouping, dict):
        grouping["lookbackDuration"] = duration(str(grouping["lookbackDuration"]))
    return configuration


def alert_rule(rule: Json) -> Json:
    """The analytics rule as a resource. Sub-techniques are left out: this version takes techniques alone."""
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


def hunting_query(rule: Json) -> Json:
    """A hunting query as a saved search that Sentinel's hunting page shows."""
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


def automation_rule(solution: Solution, when: str, words: str, *, order: int, more: list[Json]) -> Json:
    """An automation rule that runs the playbook for incidents of its analytics rule."""
    name = solution.rule["id"]
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
        "displayName": f"{solution.title}: {words}",
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
        f"[guid({WORKSPACE}, '{solution.slug}', '{when}')]",
        properties,
        dependsOn=[f"[{rule_id}]"],
    )
    return {"condition": "[not(empty(parameters('logicAppId')))]", **resource}


def automation_rules(solution: Solution) -> list[Json]:
    """Created, and updated with new alerts: no other update, or our own writes would call us again."""
    alerts_added: Json = {
        "conditionType": "PropertyArrayChanged",
        "conditionProperties": {"arrayType": "Alerts", "changeType": "Added"},
    }
    return [
        automation_rule(solution, "Created", "incident created", order=100, more=[]),
        automation_rule(solution, "Updated", "alerts added", order=101, more=[alerts_added]),
    ]


def workbook_of(solution: Solution) -> Json:
    """The workbook: what every playbook's shows, and the tiles of this one's own."""
    return workbook(solution.title, solution.slug, solution.tiles)


def workbook_resource(solution: Solution) -> Json:
    """The workbook as a resource that Sentinel's workbook page shows."""
    return {
        "type": "Microsoft.Insights/workbooks",
        "apiVersion": "2023-06-01",
        "name": f"[guid({WORKSPACE}, '{solution.slug}', 'workbook')]",
        "location": "[parameters('location')]",
        "kind": "shared",
        "properties": {
            "displayName": solution.title,
            "serializedData": json.dumps(workbook_of(solution), separators=(",", ":")),
            "category": "sentinel",
            "sourceId": f"[{WORKSPACE}]",
        },
    }


def content_template(solution: Solution) -> Json:
    """Rule, hunting queries, automation rules and workbook in one template."""
    parameters: Json = {
        "workspaceName": parameter("string", "Name of the Sentinel workspace in this resource group."),
        "location": parameter("string", "Region of the workbook.", defaultValue="[resourceGroup().location]"),
        "logicAppId": parameter(
            "string",
            f"ARM id of the Logic App {solution.name}. Empty: no automation rules are made.",
            defaultValue="",
        ),
        "tenantId": parameter("string", "Tenant of the Logic App.", defaultValue="[subscription().tenantId]"),
        "otherRuleArmIds": parameter(
            "array", "ARM ids of further analytics rules whose incidents are triaged.", defaultValue=[]
        ),
        "ruleEnabled": parameter("bool", "Whether the analytics rule runs.", defaultValue=True),
        "automationEnabled": parameter("bool", "Whether incidents are handed over.", defaultValue=True),
    }
    resources = [
        alert_rule(solution.rule),
        *map(hunting_query, solution.hunting.values()),
        *automation_rules(solution),
        workbook_resource(solution),
    ]
    return template(parameters, resources, f"Sentinel content of the {solution.title.lower()}.")


def watchlist(register: Register) -> Json:
    """One register as a watchlist resource."""
    alias = register.alias
    properties: Json = {
        "displayName": alias,
        "description": register.words,
        "provider": "Mailbox export triage",
        "source": f"{alias}.csv",
        "sourceType": "Local",
        "itemsSearchKey": register.search_key,
        "contentType": "text/csv",
        "numberOfLinesToSkip": 0,
        "rawContent": f"[parameters('{alias}')]",
    }
    return in_sentinel("watchlists", alias, properties)


def watchlist_template(solution: Solution) -> Json:
    """The registers in one template, apart from the rest so that an upgrade never touches them."""
    parameters: Json = {
        "workspaceName": parameter("string", "Name of the Sentinel workspace in this resource group.")
    }
    for alias in (register.alias for register in solution.registers):
        rows = (solution.made / "Watchlists" / f"{alias}.csv").read_text("utf-8")
        parameters[alias] = parameter(
            "string",
            f"The whole CSV of {alias}, header included. The default is an example that approves nothing.",
            defaultValue=rows,
        )
    return template(
        parameters, [watchlist(register) for register in solution.registers], "Registers of the triage."
    )


def logic_app(solution: Solution, file: str) -> str:
    """A file of the Logic App, for this playbook."""
    text = (HERE / file).read_text("utf-8")
    for mark, value in (
        ("__PLAYBOOK__", solution.playbook),
        ("__SOLUTION__", solution.name),
        ("__TITLE__", solution.title),
    ):
        text = text.replace(mark, value)
    return text


def manifest(solution: Solution, names: list[str]) -> Json:
    """What Microsoft's packaging tool reads: the parts of the solution by kind."""
    kinds = ("Analytic Rules", "Hunting Queries", "Playbooks", "Watchlists", "Workbooks")
    parts: Json = {
        kind: [name for name in names if name.startswith(f"{kind}/") and not name.endswith(".md")]
        for kind in kinds
    }
    described = {
        "PlaybookDescription": "Hands each incident to the triage function.",
        "WorkbookDescription": "Verdicts, times, scenarios, what could not be checked, the registers.",
        "WatchlistDescription": "; ".join(register.words for register in solution.registers),
    }
    return {
        "Name": " ".join(word.capitalize() for word in solution.title.split()),
        "Author": "Community",
        "Description": f"{solution.words} Closes what registers and directory prove benign, escalates the"
        " rest with its evidence.",
        **{kind: listed for kind, listed in parts.items() if listed},
        **{name: [words] for name, words in described.items() if words},
        "BasePath": solution.made.relative_to(ROOT).as_posix(),
        "Version": "1.0.0",
        "Metadata": "SolutionMetadata.json",
        "TemplateSpec": True,
        "Is1PConnector": False,
    }


def metadata(solution: Solution) -> Json:
    """Who publishes the solution."""
    return {
        "publisherId": "contoso",
        "offerId": solution.slug,
        "firstPublishDate": "2026-01-01",
        "lastPublishDate": "2026-01-01",
        "providers": ["Community"],
        "categories": {
            "domains": ["Security - Automation (SOAR)", "Security - Threat Protection"],
            "verticals": [],
        },
        "support": {
            "name": "Community",
            "tier": "Community",
            "link": "https://github.com/YOUR-ORGANISATION/YOUR-REPOSITORY/issues",
        },
    }


def parts(solution: Solution) -> Iterator[tuple[str, str]]:
    """Every made file of the solution but its manifest: path below its folder, and text."""
    rules = {solution.folder / "rule.yaml": ("Analytic Rules", solution.rule)}
    rules |= {path: ("Hunting Queries", rule) for path, rule in solution.hunting.items()}
    for path, (kind, rule) in rules.items():
        yield f"{kind}/{camel(str(rule['name']))}.yaml", path.read_text("utf-8")
    yield f"Playbooks/{solution.name}/azuredeploy.json", logic_app(solution, "logic_app.json")
    yield f"Playbooks/{solution.name}/README.md", logic_app(solution, "logic_app.md")
    if solution.registers:
        yield "Watchlists/azuredeploy.json", written(watchlist_template(solution))
    yield f"Workbooks/{solution.name}.json", written(workbook_of(solution))
    yield "azuredeploy.json", written(content_template(solution))
    yield "SolutionMetadata.json", written(metadata(solution))


def written(tree: Json) -> str:
    """A JSON tree as its file holds it."""
    return json.dumps(tree, indent=2) + "\n"


def files() -> Mapping[Path, str]:
    """Every made file of every playbook."""
    made: dict[Path, str] = {}
    for name, folder in discover().items():
        solution = Solution(name, folder)
        texts = dict(parts(solution))
        texts[f"Data/Solution_{solution.name}.json"] = written(manifest(solution, list(texts)))
        made |= {solution.made / place: text for place, text in texts.items()}
    return made


def main() -> int:
    """Writes every made file that differs, and names it."""
    for place, text in files().items():
        if not place.exists() or place.read_text("utf-8") != text:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, "utf-8")
            sys.stdout.write(f"wrote {place.relative_to(ROOT).as_posix()}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
