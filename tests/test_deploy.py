"""Templates without dangling references, settings that the app knows, content that the services take."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from outside import CONTRACTS

from playbooks import discover, load
from playbooks.intake import read_request
from playbooks.model import IncidentId, Mode, WatchlistItem
from playbooks.plan import LABELS, REOPENED, Kind
from playbooks.ports import Register, RegisterRow
from playbooks.settings import PREFIX, Settings, read_settings

ROOT = Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "deploy"
SOLUTIONS = {name: folder / "sentinel" for name, folder in discover().items()}
"""The Sentinel solution of each playbook."""
BICEP = sorted(DEPLOY.rglob("*.bicep"))
TEMPLATES = sorted(path for folder in SOLUTIONS.values() for path in folder.rglob("azuredeploy.json"))
OWN_QUERIES = {path.stem: path.read_text() for folder in SOLUTIONS.values() for path in folder.rglob("*.kql")}
QUERIES = {path.stem: path.read_text() for path in sorted((DEPLOY / "queries").glob("*.kql"))}
MAIN = (DEPLOY / "main.bicep").read_text()
CUSTOMER_ID = "00000000-0000-0000-0000-0000000000aa"

# Sentinel rejects a rule file without these (Azure-Sentinel: query style guide, scheduled rules).
RULE_FIELDS = {
    "id",
    "name",
    "description",
    "severity",
    "requiredDataConnectors",
    "queryFrequency",
    "queryPeriod",
    "triggerOperator",
    "triggerThreshold",
    "tactics",
    "relevantTechniques",
    "query",
    "entityMappings",
    "version",
    "kind",
}
HUNTING_FIELDS = {
    "id",
    "name",
    "description",
    "requiredDataConnectors",
    "tactics",
    "relevantTechniques",
    "query",
}


def named_by_folder(path: Path) -> str:
    """Playbook and folder of a template, for a test's id."""
    return f"{path.relative_to(ROOT).parts[1]}-{path.parent.name}"


def tree(path: Path) -> Any:
    """A JSON file."""
    return json.loads(path.read_text())


def strings(node: object) -> Iterator[str]:
    """Every text in a JSON tree, names of members included."""
    match node:
        case str():
            yield node
        case list():
            for item in node:
                yield from strings(item)
        case dict():
            for name, item in node.items():
                yield from strings(name)
                yield from strings(item)


def expressions(node: object) -> list[str]:
    """Every text that Resource Manager evaluates."""
    return [text for text in strings(node) if text.startswith("[") and not text.startswith("[[")]


def named(kind: str, node: object) -> set[str]:
    """Names in `parameters('…')` or `variables('…')` of all expressions."""
    return {name for text in expressions(node) for name in re.findall(rf"\b{kind}\('([^']+)'\)", text)}


# --- templates of Resource Manager -----------------------------------------------------------------


@pytest.mark.parametrize(
    "path", TEMPLATES, ids=lambda path: f"{path.relative_to(ROOT).parts[1]}-{path.parent.name}"
)
def test_a_template_names_only_what_it_declares_and_uses_all_of_it(path: Path) -> None:
    """No dangling parameter or variable, in either direction."""
    template = tree(path)
    body = {name: part for name, part in template.items() if name != "metadata"}

    assert template["$schema"].endswith("/2019-04-01/deploymentTemplate.json#")
    assert named("parameters", body) == set(template["parameters"])
    assert named("variables", body) == set(template.get("variables", {}))


@pytest.mark.parametrize(
    "path", TEMPLATES, ids=lambda path: f"{path.relative_to(ROOT).parts[1]}-{path.parent.name}"
)
def test_every_expression_of_a_template_is_closed(path: Path) -> None:
    """Brackets, parentheses and quotes are in pairs."""
    for text in expressions(tree(path)):
        bare = re.sub(r"'(?:[^']|'')*'", "''", text)
        assert text.endswith("]"), text
        assert bare.count("(") == bare.count(")"), text
        assert bare.count("[") == bare.count("]"), text
        assert bare.count("'") % 2 == 0, text


@pytest.mark.parametrize(
    "path", TEMPLATES, ids=lambda path: f"{path.relative_to(ROOT).parts[1]}-{path.parent.name}"
)
def test_every_dependency_is_a_resource_of_the_template(path: Path) -> None:
    """`dependsOn` names a type and a name that stand in the same template."""
    resources = tree(path)["resources"]
    made = {(resource["type"], resource["name"].strip("[]")) for resource in resources}
    for resource in resources:
        for wanted in resource.get("dependsOn", []):
            assert any(kind in wanted and name in wanted for kind, name in made), wanted


@pytest.mark.parametrize(
    "path", TEMPLATES, ids=lambda path: f"{path.relative_to(ROOT).parts[1]}-{path.parent.name}"
)
def test_every_parameter_says_what_it_is(path: Path) -> None:
    """The portal shows the description as help; a secret is never a plain text."""
    for name, parameter in tree(path)["parameters"].items():
        assert parameter["metadata"]["description"].endswith("."), name
        assert ("key" in name.lower()) == (parameter["type"] == "securestring"), name


def test_the_made_files_are_what_the_build_makes(tmp_path: Path) -> None:
    """Rules, queries and watchlists have one source; the deployable files follow from it."""
    for part in ("deploy", "playbooks"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "deploy/sentinel/build.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)  # noqa: S603

    assert not done.stdout


@pytest.mark.parametrize("playbook", SOLUTIONS)
def test_the_solution_ships_the_rules_of_the_playbook(playbook: str) -> None:
    """Byte for byte, and no other."""
    sources = {path.read_bytes() for path in discover()[playbook].glob("*rule.yaml")}
    copies = [path.read_bytes() for path in SOLUTIONS[playbook].rglob("*.yaml")]

    assert sources == set(copies)
    assert len(sources) == len(copies)


@pytest.mark.parametrize("playbook", SOLUTIONS)
def test_rule_files_have_the_published_fields(playbook: str) -> None:
    """Those that Sentinel's own repository requires."""
    (path,) = (SOLUTIONS[playbook] / "Analytic Rules").glob("*.yaml")
    rule = yaml.safe_load(path.read_text())

    for hunting in (SOLUTIONS[playbook] / "Hunting Queries").glob("*.yaml"):
        assert set(yaml.safe_load(hunting.read_text())) >= HUNTING_FIELDS
    assert set(rule) >= RULE_FIELDS
    assert len(rule["customDetails"]) <= 20
    assert all(set(re.findall(r"T\d{4}", name)) for name in rule["relevantTechniques"])


@pytest.mark.parametrize("playbook", SOLUTIONS)
def test_every_file_the_solution_names_is_there(playbook: str) -> None:
    """The packaging tool takes the paths of the manifest."""
    folder = SOLUTIONS[playbook]
    (path,) = (folder / "Data").glob("Solution_*.json")
    manifest = tree(path)
    kinds = ("Analytic Rules", "Hunting Queries", "Playbooks", "Watchlists", "Workbooks")
    listed = {name for kind in kinds for name in manifest.get(kind, [])}

    assert {"Analytic Rules", "Playbooks", "Workbooks"} <= set(manifest)
    assert not [name for name in listed if not (folder / name).is_file()]
    assert (folder / manifest["Metadata"]).is_file()
    assert (folder / "ReleaseNotes.md").is_file()
    assert folder == ROOT / manifest["BasePath"]


# --- the Logic App ---------------------------------------------------------------------------------


def logic_app(playbook: str) -> Any:
    """The template of a playbook's Logic App."""
    (path,) = (SOLUTIONS[playbook] / "Playbooks").glob("*/azuredeploy.json")
    return tree(path)


def workflow(template: Any) -> Any:
    """The Logic App in its template."""
    return next(r for r in template["resources"] if r["type"] == "Microsoft.Logic/workflows")["properties"]


@pytest.mark.parametrize("playbook", SOLUTIONS)
def test_the_button_deploys_the_template_beside_it(playbook: str) -> None:
    """*Deploy to Azure* links to the file's path in the repository."""
    (page,) = (SOLUTIONS[playbook] / "Playbooks").glob("*/README.md")
    (link,) = re.findall(r"deploytoazurebutton\)\]\(\S+%2Fmain%2F(\S+)\)", page.read_text())

    assert page.parent / "azuredeploy.json" == ROOT / link.replace("%2F", "/")


@pytest.mark.parametrize("playbook", SOLUTIONS)
def test_the_workflow_names_only_what_it_declares(playbook: str) -> None:
    """Parameters of the workflow, and actions that others run after."""
    template = logic_app(playbook)
    properties = workflow(template)
    definition = properties["definition"]
    workflow_texts = [t for t in (*strings(definition), *strings(template["variables"])) if t.startswith("@")]
    used = {name for text in workflow_texts for name in re.findall(r"parameters\('([^']+)'\)", text)}
    followed = {name for action in definition["actions"].values() for name in action["runAfter"]}

    assert set(definition["parameters"]) == used
    assert set(properties["parameters"]) == used
    assert followed <= set(definition["actions"])


@pytest.mark.parametrize("profile", ["entra", "key"])
@pytest.mark.parametrize("playbook", SOLUTIONS)
def test_the_workflow_posts_the_id_alone_and_waits_for_no_end(playbook: str, profile: str) -> None:
    """202 is the end for it; 408, 429 and 5xx are repeated; a key travels in a header only."""
    template = logic_app(playbook)
    variables = template["variables"]
    call = workflow(template)["definition"]["actions"]["Hand_the_incident_to_the_triage"]
    inputs = variables["inputs"][profile]

    assert set(template["parameters"]["AuthProfile"]["allowedValues"]) == set(variables["inputs"])
    assert "DisableAsyncPattern" == call["operationOptions"]
    assert ["incidentId"] == list(variables["body"])
    assert "exponential" == variables["retryPolicy"]["type"]
    assert f"/api/playbooks/{playbook}'" in inputs["uri"]
    assert "code=" not in inputs["uri"]
    assert ("authentication" in inputs) == (profile == "entra")
    assert ("x-functions-key" in inputs["headers"]) == (profile == "key")
    assert ["inputs"] == call["runtimeConfiguration"]["secureData"]["properties"]


@pytest.mark.parametrize("playbook", SOLUTIONS)
def test_what_the_workflow_posts_is_what_the_function_reads(playbook: str) -> None:
    """The path into Sentinel's trigger body leads to an incident id that intake accepts."""
    contract = CONTRACTS / "incident-trigger.json"
    if not contract.exists():
        pytest.skip("the published schema of the trigger is not beside this repository")
    body: Any = tree(contract)["$defs"]["incidentTrigger"]["examples"][0]
    path = re.findall(r"\['(\w+)'\]", logic_app(playbook)["variables"]["body"]["incidentId"])
    for member in path:
        body = body[member]
    workspace = body.partition("/providers/Microsoft.SecurityInsights")[0]

    subject = read_request(
        json.dumps({"incidentId": body}).encode(),
        content_type="application/json",
        workspaces=[(workspace, CUSTOMER_ID)],
    )

    assert isinstance(subject, IncidentId)
    assert body.rsplit("/", 1)[1] == subject.name


# --- requests to Sentinel --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def published() -> dict[str, Any]:
    """Microsoft's published schemas of SecurityInsights."""
    path = CONTRACTS / "securityinsights.json"
    if not path.exists():
        pytest.skip("the published schemas of SecurityInsights are not beside this repository")
    document: dict[str, Any] = tree(path)
    return document


def sent(kind: str, *, by: str = "") -> list[dict[str, Any]]:
    """Resources of one kind as Resource Manager sends them: whole-value parameters by their default.

    Those of every playbook, or of the one that they are sent `by`.
    """
    found = []
    for path in (one for one in TEMPLATES if not by or one.is_relative_to(SOLUTIONS[by])):
        template = tree(path)
        values = {
            name: p["defaultValue"] for name, p in template["parameters"].items() if "defaultValue" in p
        }
        found += [filled(r, values) for r in template["resources"] if r["type"].endswith(f"/{kind}")]
    return found


def filled(node: Any, values: dict[str, Any]) -> Any:
    """The tree with `[parameters('x')]` by its default, and arrays that are put together as one sample."""
    match node:
        case dict():
            return {name: filled(item, values) for name, item in node.items()}
        case list():
            return [filled(item, values) for item in node]
        case str() if match := re.fullmatch(r"\[parameters\('(\w+)'\)\]", node):
            return values.get(match[1], node)
        case str() if node.startswith("[concat(createArray("):
            return [node]
        case _:
            return node


def check(published: dict[str, Any], definition: str, value: object) -> None:
    """Validates against one published definition; members that it does not have are refused."""
    schema = {"$ref": f"#/definitions/{definition}", "definitions": published["definitions"]}
    jsonschema.Draft4Validator(schema).validate(value)
    known = members(published, definition)
    if isinstance(value, dict):
        assert set(value) <= known, f"{definition} has no {set(value) - known}"


def members(published: dict[str, Any], definition: str) -> set[str]:
    """Names of all members, those of its bases included."""
    node = published["definitions"][definition]
    bases = [part["$ref"].rsplit("/", 1)[1] for part in node.get("allOf", []) if "$ref" in part]
    return set(node.get("properties", {})).union(*(members(published, base) for base in bases))


def by_kind(published: dict[str, Any], base: str, value: str) -> str:
    """The definition that a discriminator's value stands for."""
    reference = {"$ref": f"#/definitions/{base}"}
    return next(
        name
        for name, node in published["definitions"].items()
        if node.get("x-ms-discriminator-value") == value and reference in node.get("allOf", [])
    )


@pytest.mark.parametrize("playbook", SOLUTIONS)
def test_the_analytics_rule_is_one_that_sentinel_takes(published: dict[str, Any], playbook: str) -> None:
    """Against the published schema, with no member it does not have."""
    (rule,) = sent("alertRules", by=playbook)
    properties = rule["properties"]

    assert "Scheduled" == rule["kind"]
    assert rule["apiVersion"] == published["info"]["version"]
    check(published, "ScheduledAlertRuleProperties", properties)
    check(published, "GroupingConfiguration", properties["incidentConfiguration"]["groupingConfiguration"])
    durations = [properties[name] for name in ("queryFrequency", "queryPeriod", "suppressionDuration")]
    durations.append(properties["incidentConfiguration"]["groupingConfiguration"]["lookbackDuration"])
    assert all(re.fullmatch(r"P(\d+D)?(T(\d+H)?(\d+M)?)?", text) for text in durations)


@pytest.mark.parametrize("playbook", SOLUTIONS)
def test_automation_rules_fire_on_our_rules_and_on_added_alerts_only(
    published: dict[str, Any], playbook: str
) -> None:
    """Two rules, by rule id; the one for updates asks for added alerts, or our own writes would start it."""
    created, updated = sent("automationRules", by=playbook)

    assert ["Created", "Updated"] == [
        r["properties"]["triggeringLogic"]["triggersWhen"] for r in (created, updated)
    ]
    for rule in (created, updated):
        check(published, "AutomationRuleProperties", rule["properties"])
        for condition in rule["properties"]["triggeringLogic"]["conditions"]:
            check(
                published,
                by_kind(published, "AutomationRuleCondition", condition["conditionType"]),
                condition,
            )
        for action in rule["properties"]["actions"]:
            check(published, by_kind(published, "AutomationRuleAction", action["actionType"]), action)
    kinds = [c["conditionType"] for c in updated["properties"]["triggeringLogic"]["conditions"]]
    assert ["Property", "PropertyArrayChanged"] == kinds
    changed = updated["properties"]["triggeringLogic"]["conditions"][1]["conditionProperties"]
    assert {"arrayType": "Alerts", "changeType": "Added"} == changed


@pytest.mark.parametrize("playbook", SOLUTIONS)
def test_watchlists_are_ones_that_sentinel_takes(published: dict[str, Any], playbook: str) -> None:
    """Each with its alias, search key and CSV."""
    watchlists = sent("watchlists", by=playbook)
    own = {register.alias for register in load(playbook).registers if register.ours}

    assert own == {watchlist["name"] for watchlist in watchlists}
    for watchlist in watchlists:
        check(published, "WatchlistProperties", watchlist["properties"])
        header = watchlist["properties"]["rawContent"].splitlines()[0].split(",")
        assert watchlist["properties"]["itemsSearchKey"] in header


def test_a_misspelt_member_is_refused(published: dict[str, Any]) -> None:
    """The check above can fail."""
    rule = sent("alertRules")[0]

    with pytest.raises(AssertionError, match="supressionEnabled"):
        check(published, "ScheduledAlertRuleProperties", {**rule["properties"], "supressionEnabled": False})
    with pytest.raises(jsonschema.ValidationError):
        check(published, "ScheduledAlertRuleProperties", {**rule["properties"], "severity": "Severe"})


@pytest.mark.parametrize(
    ("kind", "model"),
    [
        ("alertRules", "ScheduledAlertRule"),
        ("automationRules", "AutomationRule"),
        ("watchlists", "Watchlist"),
    ],
)
def test_microsofts_sdk_reads_what_is_sent(kind: str, model: str) -> None:
    """Every member that its model has comes through as it was sent."""
    models = pytest.importorskip(
        "azure.mgmt.securityinsight.models", reason="azure-mgmt-securityinsight is not installed"
    )
    for resource in sent(kind):
        wire = {"properties": resource["properties"], "kind": resource.get("kind")}
        back = getattr(models, model).deserialize(wire).serialize()
        assert back["properties"]["displayName"] == resource["properties"]["displayName"]
        for name, value in back["properties"].items():
            if isinstance(value, str | bool | int):
                assert value == resource["properties"][name], name


# --- Bicep -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", BICEP, ids=lambda path: path.stem)
def test_bicep_parses(path: Path) -> None:
    """By a grammar of its own; the compiler is the platform's."""
    pycep = pytest.importorskip("pycep", reason="the Bicep parser pycep-parser is not installed")

    parsed = pycep.BicepParser().parse(text=path.read_text())

    assert parsed["resources"] or parsed.get("modules")


def declared(path: Path) -> dict[str, bool]:
    """Parameters of a Bicep or ARM template: name -> must be given."""
    if path.suffix == ".json":
        return {name: "defaultValue" not in p for name, p in tree(path)["parameters"].items()}
    found = re.findall(r"^param (\w+) \w+( =)?", path.read_text(), re.MULTILINE)
    return {name: not default for name, default in found}


def outputs(path: Path) -> set[str]:
    """Outputs of a Bicep or ARM template."""
    if path.suffix == ".json":
        return set(tree(path).get("outputs", {}))
    return set(re.findall(r"^output (\w+) ", path.read_text(), re.MULTILINE))


def modules() -> dict[str, tuple[Path, set[str]]]:
    """Modules of main.bicep: symbol -> its file and the parameters given to it."""
    found = {}
    for symbol, file, body in re.findall(
        r"^module (\w+) '([^']+)' = \{\n(.*?)^\}", MAIN, re.MULTILINE | re.DOTALL
    ):
        inside = re.search(r"^  params: \{\n(.*?)^  \}", body, re.MULTILINE | re.DOTALL)
        given = set(re.findall(r"^    (\w+):", inside[1], re.MULTILINE)) if inside else set()
        found[symbol] = (DEPLOY / file, given)
    return found


def test_every_module_gets_the_parameters_it_declares() -> None:
    """None missing, none unknown; and main asks no module for an output it does not have."""
    assert {"storage", "telemetry", "workspaceRoles", "functionApp", "playbook", "content", "alerts"} == set(
        modules()
    )
    for symbol, (path, given) in modules().items():
        wanted = declared(path)
        assert given <= set(wanted), symbol
        assert {name for name, required in wanted.items() if required} <= given, symbol
        assert set(re.findall(rf"\b{symbol}\.outputs\.(\w+)", MAIN)) <= outputs(path), symbol


@pytest.mark.parametrize("path", BICEP, ids=lambda path: path.stem)
def test_bicep_declares_nothing_in_vain_and_loads_only_what_is_there(path: Path) -> None:
    """Every parameter and variable is used; every loaded file exists."""
    text = path.read_text()
    for name in re.findall(r"^(?:param|var) (\w+)", text, re.MULTILINE):
        assert len(re.findall(rf"\b{name}\b", text)) > 1, name
    for file in re.findall(r"load\w+Content\('([^']+)'\)", text):
        assert (path.parent / file).is_file(), file


def app_settings() -> dict[str, str]:
    """App settings of the triage that main.bicep sets: name -> Bicep expression."""
    return dict(re.findall(rf"^  ({PREFIX}\w+): (.+)$", MAIN, re.MULTILINE))


def test_every_setting_can_be_given_and_only_those_the_app_knows() -> None:
    """An unknown name would stop the app; the local token is never set."""
    known = {PREFIX + name.upper() for name in Settings.model_fields}

    assert known - {"TRIAGE_LOCAL_TOKEN"} == set(app_settings())


def test_a_setting_comes_from_the_parameter_of_its_name() -> None:
    """TRIAGE_CLOSE_LIMIT from closeLimit, so that a template and the documentation speak of one thing."""
    made_here = {"WORKSPACES", "QUEUE_NAME", "HTTP_AUTH_LEVEL", "CLIENT_ID"}
    for name, value in app_settings().items():
        bare = name.removeprefix(PREFIX)
        words = bare.lower().split("_")
        if bare not in made_here:
            assert words[0] + "".join(word.capitalize() for word in words[1:]) == value


def example_settings() -> dict[str, str]:
    """The environment that the example parameters lead to."""
    given = {name: p["value"] for name, p in tree(DEPLOY / "main.parameters.json")["parameters"].items()}
    environment = {name: str(given[value]) for name, value in app_settings().items() if given.get(value)}
    return environment | {"TRIAGE_WORKSPACES": f"{given['workspaceId']}={CUSTOMER_ID}"}


def test_the_example_parameters_give_settings_that_the_app_takes() -> None:
    """Every required one is there, and the mode is observe."""
    settings = read_settings(example_settings())

    assert Mode.OBSERVE is settings.mode
    assert settings.ediscovery_groups


def test_the_example_parameters_name_parameters_of_the_template() -> None:
    """None unknown, none required missing."""
    given = set(tree(DEPLOY / "main.parameters.json")["parameters"])
    wanted = declared(DEPLOY / "main.bicep")

    assert given <= set(wanted)
    assert {name for name, required in wanted.items() if required} <= given


def test_the_template_watches_the_rules_that_the_app_triages() -> None:
    """The ids for the alert on untriaged incidents are those of the playbook that it deploys."""
    ids = set(re.findall(r"^var \w+RuleId = '([0-9a-f-]{36})'", MAIN, re.MULTILINE))
    (deployed,) = set(re.findall(r"^module \w+ '\.\./playbooks/(\w+)/", MAIN, re.MULTILINE))

    assert load(deployed).rule_ids == ids


def test_queues_container_and_runtime_are_those_of_the_app() -> None:
    """The queue of the settings, its poison queue, Python of pyproject, a batch that host.json allows."""
    storage = (DEPLOY / "modules/storage.bicep").read_text()
    function = (DEPLOY / "modules/function.bicep").read_text()

    assert f"var queueName = '{Settings.model_fields['queue_name'].default}'" in MAIN
    assert "name: '${queueName}-poison'" in storage
    assert "version: '3.13'" in function
    assert "3.13" in (ROOT / "pyproject.toml").read_text()


def test_no_key_and_no_secret_is_in_the_way_of_an_identity() -> None:
    """Keys of the storage account are off, none is listed, the log takes tokens only."""
    everything = "".join(path.read_text() for path in BICEP)

    assert "allowSharedKeyAccess: false" in everything
    assert "DisableLocalAuth: true" in everything
    assert "listKeys" not in everything
    assert re.findall(r"@secure\(\)\nparam (\w+)", everything) == ["functionKey"]


def test_the_function_is_open_only_behind_entra() -> None:
    """Level anonymous and the Entra door hang on one and the same condition."""
    function = (DEPLOY / "modules/function.bicep").read_text()

    assert "behindEntra ? 'anonymous' : 'function'" == app_settings()["TRIAGE_HTTP_AUTH_LEVEL"]
    assert "var behindEntra = authProfile == 'entra' && !empty(apiClientId)" in MAIN
    assert "'Microsoft.Web/sites/config@2024-04-01' = if (behindEntra)" in function
    assert "requireAuthentication: true" in function
    assert "unauthenticatedClientAction: 'Return401'" in function
    assert "callerPrincipalId\n              ], operatorObjectIds)" in function


def test_no_alarm_is_sampled_away() -> None:
    """Alarms are traces; Application Insights may drop what is not excluded from sampling."""
    function = (DEPLOY / "modules/function.bicep").read_text()
    host = tree(ROOT / "host.json")["logging"]["applicationInsights"]["samplingSettings"]
    override = re.search(r"samplingSettings__excludedTypes: '([^']+)'", function)

    assert "Trace" in (override[1] if override else host.get("excludedTypes", "")).split(";")


def test_the_switch_for_hand_over_stops_the_timer_too() -> None:
    """Automation rules and sweep hang on one parameter, and the setting names the app's own timer."""
    function = (DEPLOY / "modules/function.bicep").read_text()
    timers = re.findall(
        r"@app\.timer_trigger.*\n(?:async )?def (\w+)", (ROOT / "function_app.py").read_text()
    )

    assert re.findall(r"'AzureWebJobs\.(\w+)\.Disabled': sweepEnabled", function) == timers
    assert "sweepEnabled: automationEnabled" in MAIN


def test_azd_deploys_the_service_that_the_template_tags() -> None:
    """The tool finds the app by its tag and the template by its path."""
    azure = yaml.safe_load((DEPLOY / "azure.yaml").read_text())
    (name,) = azure["services"]

    assert f"'azd-service-name': '{name}'" in (DEPLOY / "modules/function.bicep").read_text()
    assert (DEPLOY / azure["infra"]["path"] / f"{azure['infra']['module']}.bicep").is_file()
    assert (DEPLOY / azure["services"][name]["project"] / "host.json").is_file()


# --- watchlists ------------------------------------------------------------------------------------

REGISTERS = [
    pytest.param(SOLUTIONS[name] / "Watchlists", register, id=f"{name}-{register.alias}")
    for name in SOLUTIONS
    for register in load(name).registers
    if register.ours
]
NOW = datetime(2026, 1, 5, 10, tzinfo=UTC)


def rows(folder: Path, alias: str) -> list[dict[str, str]]:
    """Rows of an example."""
    header, *lines = (folder / f"{alias}.csv").read_text().splitlines()
    return [dict(zip(header.split(","), line.split(","), strict=True)) for line in lines]


def as_read(register: Register, cells: dict[str, str]) -> RegisterRow:
    """One row as the playbook reads it."""
    (row,) = register.read(
        (WatchlistItem(cells=cells, updated=NOW),), read_settings(example_settings()).policy
    )
    return row


@pytest.mark.parametrize(("folder", "register"), REGISTERS)
def test_an_example_row_is_well_formed(folder: Path, register: Register) -> None:
    """Whoever copies its form gets a row that can be read."""
    for cells in rows(folder, register.alias):
        assert () == as_read(register, cells).problems, cells


@pytest.mark.parametrize(("folder", "register"), REGISTERS)
def test_every_column_of_a_template_is_read(folder: Path, register: Register) -> None:
    """A row without it is invalid, but for the columns that may be empty."""
    full = rows(folder, register.alias)[0]

    assert register.columns == tuple(full)
    assert register.search_key in full
    for column in full:
        lacking = {name: cell for name, cell in full.items() if name != column}
        assert bool(as_read(register, lacking).problems) == (column not in register.optional), column


@pytest.mark.parametrize(("folder", "register"), REGISTERS)
def test_example_rows_approve_nothing(folder: Path, register: Register) -> None:
    """Uploaded by mistake they are over, or speak of what does not exist."""
    read = [as_read(register, cells) for cells in rows(folder, register.alias)]

    assert read
    for row in read:
        assert row.key.lower().startswith("example-")
        assert row.valid_until is None or row.valid_until < NOW


@pytest.mark.parametrize(("folder", "register"), REGISTERS)
def test_every_column_has_its_help(folder: Path, register: Register) -> None:
    """The page beside the templates explains exactly the columns that they have."""
    page = (folder / "README.md").read_text()
    section = page.partition(f"## {register.alias} ")[2].partition("\n## ")[0]

    assert register.columns == tuple(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))


# --- queries ---------------------------------------------------------------------------------------

# Columns that the queries use, of the tables as Azure Monitor documents them.
TABLES = {
    "AppTraces": {"TimeGenerated": "datetime", "Message": "string", "SeverityLevel": "int"},
    "AppRequests": {
        "TimeGenerated": "datetime",
        "Name": "string",
        "Success": "bool",
        "ResultCode": "string",
        "OperationId": "string",
    },
    "SecurityIncident": {
        "TimeGenerated": "datetime",
        "IncidentName": "string",
        "IncidentNumber": "int",
        "Status": "string",
        "CreatedTime": "datetime",
        "Owner": "dynamic",
        "Labels": "dynamic",
        "RelatedAnalyticRuleIds": "dynamic",
    },
}


def with_watchlists(query: str) -> str:
    """The query with `_GetWatchlist` as a function of the register it names."""
    match = re.match(r"(//.*\n)*_GetWatchlist\('(\w+)'\)", query)
    if match is None:
        return query
    registers = [register for name in SOLUTIONS for register in load(name).registers]
    named = next(register for register in registers if register.alias == match[2])
    columns = ", ".join(f"{name}: string" for name in named.columns)
    return f"let _GetWatchlist = (alias: string) {{ datatable({columns})[] }};\n{query}"


def lint(queries: dict[str, str]) -> dict[str, list[dict[str, Any]]]:
    """Findings of Microsoft's parser."""
    node = shutil.which("node")
    if node is None or not (ROOT / "tools" / "node_modules").is_dir():
        pytest.skip("Node and the packages of tools/package.json are needed for Microsoft's KQL parser")
    text = json.dumps({"tables": TABLES, "queries": {n: with_watchlists(q) for n, q in queries.items()}})
    done = subprocess.run(  # noqa: S603 - our own script
        [node, "kql_lint.mjs"], cwd=ROOT / "tools", input=text, capture_output=True, text=True, check=True
    )
    found: dict[str, list[dict[str, Any]]] = json.loads(done.stdout)
    return found


def test_every_query_of_alerts_and_workbook_parses_and_its_columns_exist() -> None:
    """By Microsoft's own parser; and a misspelt column is found."""
    queries = {name: text.replace("__RULE_IDS__", "id") for name, text in (QUERIES | OWN_QUERIES).items()}
    wrong = queries["alarms"].replace("Message startswith", "Mesage startswith")

    found = lint({**queries, "wrong": wrong})

    assert [finding["message"] for finding in found.pop("wrong")]
    assert not {name: findings for name, findings in found.items() if findings}


@pytest.mark.parametrize("playbook", SOLUTIONS)
def test_every_query_is_shown_or_raises_an_alert(playbook: str) -> None:
    """None lies there unused; the workbook names each tile once, and has those of its playbook."""
    (path,) = (SOLUTIONS[playbook] / "Workbooks").glob("*.json")
    book = tree(path)
    tiles = [item["name"] for item in book["items"] if item["type"] == 3]
    own = {path.stem for path in SOLUTIONS[playbook].rglob("*.kql")}
    alerts = re.findall(r"queries/(\w+)\.kql", (DEPLOY / "modules/alerts.bicep").read_text())

    assert len(tiles) == len(set(tiles))
    assert own <= set(tiles)
    assert set(QUERIES) == {*tiles, *alerts} - own


def test_queries_speak_the_words_of_the_code() -> None:
    """Labels, scenarios, reason codes, outcomes and events are those that the app writes."""
    quoted = {name: set(re.findall(r"'([a-z_-]+)'", text)) for name, text in QUERIES.items()}
    written = "".join(path.read_text() for path in (ROOT / "playbooks").glob("*.py"))

    assert quoted["verdicts_over_time"] == {*LABELS, REOPENED} - {Kind.NOTED.label}
    codes = {code for name in SOLUTIONS for code in import_module(f"playbooks.{name}.reason_codes").ORDER}
    assert quoted["not_checked"] - {"finished"} <= {*codes, "triage_failed"}
    assert {kind.value for kind in Kind} <= quoted["time_to_verdict"]
    for event in ("accepted", "finished", "poison"):
        assert f'note("{event}"' in written
        assert event in quoted["unfinished"]


def test_windows_of_log_alerts_are_ones_that_azure_monitor_knows() -> None:
    """A window is never shorter than its frequency, so no record falls between two evaluations."""
    text = (DEPLOY / "modules/alerts.bicep").read_text()
    minutes = {"PT5M": 5, "PT10M": 10, "PT15M": 15, "PT1H": 60, "P1D": 1440}
    spans = re.findall(r"frequency: '(\w+)'\n\s+window: '(\w+)'", text)

    assert 4 == len(spans)
    assert all(minutes[frequency] <= minutes[window] for frequency, window in spans)


def test_the_longest_wait_for_a_new_row_is_below_the_alert_on_unfinished_incidents() -> None:
    """With the default settings an incident is decided before the alert that nothing was decided."""
    hours = [int(h) for h in re.findall(r"ago\((\d+)h\)", QUERIES["unfinished"])]
    fields = Settings.model_fields
    longest = 60 + fields["hold_minutes"].default + fields["log_wait_minutes"].default

    assert all(longest < hour * 60 for hour in hours)
    assert hours
    assert all(first <= second for first, second in pairwise(sorted(hours)))
