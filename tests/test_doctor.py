"""`doctor`: a sound deployment has nothing to mend, and each planted mistake is named with its fix, alone."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, closing
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from azure.core.credentials import AccessToken
from typer.testing import CliRunner
from worlds import JOB, MAINTENANCE, TENANT, job_row

from operations.access import KeptTokens, read_environment
from operations.doctor.document import document
from operations.doctor.examining import Examination, examine, not_asked_of_people
from playbooks import discover, load
from playbooks.errors import SettingsError
from playbooks.health.judging import GRAPH
from playbooks.health.troubles import State
from playbooks.model import ProcessEvent
from playbooks.service import Service
from simulator.chain.settings import settings_for
from simulator.cli import app
from simulator.eventstore import EventStore
from simulator.host.queue_service import QueueService, connection_string
from simulator.host.store import QueueStore
from simulator.organisation import organise
from simulator.workspace import Fault, FaultKind, LocalWorkspace
from simulator.workspace.content import workflow

ROOT = Path(__file__).resolve().parent.parent
NOW = datetime(2025, 11, 18, 12, 0, tzinfo=UTC)
SEED, CORRELATED = "4500a2ff-455b-4ee7-a21d-5ac5c7c9ea87", "b0d9a6c2-6b1e-4a57-9f0e-6c1d7a1f2e34"
CREATED, UPDATED = "mailbox_export: incident created", "mailbox_export: alerts added"
JOBS = "MailboxExportJobs"


@cache
def kept_elsewhere() -> dict[str, Any]:
    """The registers of every other playbook, as the simulated company keeps them."""
    kept: Any = organise(1).tenant()["watchlists"]
    ours = {register.alias for register in load("mailbox_export").registers}
    return {alias: rows for alias, rows in kept.items() if alias not in ours}


def sound_tenant() -> dict[str, Any]:
    """The small organisation, with the registers of every playbook."""
    tenant: dict[str, Any] = deepcopy(TENANT)
    tenant["watchlists"] |= kept_elsewhere()
    return tenant


@dataclass(slots=True, kw_only=True)
class Stage:
    """A deployment that runs, to plant a mistake in."""

    workspace: LocalWorkspace
    queues: QueueStore
    environment: dict[str, str]
    clock: datetime = NOW
    queue_clock: list[datetime] = field(default_factory=list)

    def refuse(self, path: str, *, service: str | None = None, status: int = 403) -> None:
        """Every call to such a path is refused from now on."""
        self.workspace.faults.add(Fault(kind=FaultKind.STATUS, path=path, service=service, status=status))

    def automation(self, name: str) -> dict[str, Any]:
        """Properties of the automation rule of that name."""
        rules = self.workspace.content.automation_rules.values()
        properties: dict[str, Any] = next(
            rule["properties"] for rule in rules if rule["properties"]["displayName"] == name
        )
        return properties

    def rule(self, rule_id: str) -> dict[str, Any]:
        """Properties of an analytics rule."""
        properties: dict[str, Any] = self.workspace.content.alert_rules[rule_id]["properties"]
        return properties

    @property
    def logic_app(self) -> dict[str, Any]:
        """The Logic App of the mailbox export playbook."""
        apps = self.workspace.content.workflows
        return next(app for app in apps.values() if app["name"] == "mailbox_export")

    async def examined(self, *, days: int = 90) -> Examination:
        """What doctor says."""
        return await examine(self.environment, now=lambda: self.clock, days=days)


def logged(event: ProcessEvent) -> dict[str, Any]:
    """A row of ASimProcessEventLogs, three weeks old."""
    return {
        "TimeGenerated": NOW - timedelta(days=20),
        "EventType": "ProcessCreated",
        "DvcHostname": "EXCH01",
        "TargetProcessCommandLine": event.target_process_command_line,
    }


@asynccontextmanager
async def staged(change: Callable[[dict[str, Any]], object] | None = None) -> AsyncIterator[Stage]:
    """A sound deployment whose tenant file is changed by `change`."""
    tenant, moment = sound_tenant(), [NOW - timedelta(minutes=2)]
    if change is not None:
        change(tenant)

    def put_at() -> float:
        return moment[0].timestamp()

    async with AsyncExitStack() as stack:
        store = stack.enter_context(closing(EventStore()))
        queues = stack.enter_context(closing(QueueStore(clock=put_at)))
        for name in ("triage", "triage-poison"):
            queues.create_queue(name)
        store.add_process_events([logged(event) for event in (*JOB, *MAINTENANCE)])
        workspace = LocalWorkspace(tenant, store, clock=lambda: NOW)
        await stack.enter_async_context(workspace)
        service = await stack.enter_async_context(QueueService(queues))
        environment = settings_for(tenant, workspace)
        environment["AzureWebJobsStorage"] = connection_string(service.endpoint)
        yield Stage(workspace=workspace, queues=queues, environment=environment, queue_clock=moment)


@pytest.mark.parametrize("incidents", ["sentinel", "graph"])
async def test_a_sound_deployment_has_nothing_to_mend(incidents: str) -> None:
    """No finding at all, nothing that could not be looked at, and nothing but reads."""
    async with staged(lambda tenant: tenant["settings"].update(incidents=incidents)) as stage:
        examination = await stage.examined()
        calls = {(call.method, call.path) for call in stage.workspace.calls if call.method != "GET"}

    assert () == examination.troubles
    assert {State.WELL} == {check.state for check in examination.checks}
    assert calls <= {("POST", "/v1.0/$batch"), ("POST", "/v1/workspaces/{workspace}/query")}


async def test_what_only_a_playbook_that_is_off_needs_is_not_missed() -> None:
    """Its register is asked for where the playbook is on, and not where TRIAGE_PLAYBOOKS leaves it out."""
    async with staged(lambda tenant: tenant["watchlists"].pop("RoleGrantChanges")) as stage:
        with_all = await stage.examined()
        stage.environment["TRIAGE_PLAYBOOKS"] = "mailbox_export"
        with_one = await stage.examined()

    assert ["RoleGrantChanges" in trouble.what for trouble in with_all.troubles] == [True]
    assert () == with_one.troubles


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """One planted mistake: what names it, what the fix says, and where it is planted."""

    code: str
    names: str
    fix: str
    in_tenant: Callable[[dict[str, Any]], object] | None = None
    on_stage: Callable[[Stage], object] | None = None


def change_row(**cells: str) -> Callable[[dict[str, Any]], object]:
    """Changes cells of the job's row."""
    return lambda tenant: job_row(tenant).update(cells)


def misspell(column: str, slip: str) -> Callable[[dict[str, Any]], object]:
    """Renames a column in every row of the jobs."""

    def change(tenant: dict[str, Any]) -> None:
        rows = tenant["watchlists"][JOBS]
        tenant["watchlists"][JOBS] = [
            {(slip if name == column else name): cell for name, cell in row.items()} for row in rows
        ]

    return change


def elsewhere(stage: Stage) -> None:
    """The automation rule runs a Logic App of somebody else."""
    other = workflow("notify-soc", address="https://hooks.contoso.com/notify")
    stage.workspace.content.workflows[other["id"].lower()] = other
    stage.automation(CREATED)["actions"][0]["actionConfiguration"]["logicAppResourceId"] = other["id"]


def remove_automation(stage: Stage, name: str) -> None:
    """Deletes the automation rule of that name."""
    rules = stage.workspace.content.automation_rules
    gone = next(key for key, rule in rules.items() if rule["properties"]["displayName"] == name)
    del rules[gone]


def limit_to_another_rule(stage: Stage) -> None:
    """The automation rule names an analytics rule of somebody else."""
    conditions = stage.automation(UPDATED)["triggeringLogic"]["conditions"]
    conditions[0]["conditionProperties"]["propertyValues"] = ["/…/alertRules/" + "0" * 8]


def wait_in_queue(stage: Stage) -> None:
    """A message that nobody takes for two hours."""
    stage.queue_clock[0] = NOW - timedelta(hours=2)
    stage.queues.put("triage", "{}")
    stage.queue_clock[0] = NOW


def of_another_account(stage: Stage) -> None:
    """The storage account refuses the caller."""
    environment = stage.environment
    environment["AzureWebJobsStorage"] = environment["AzureWebJobsStorage"].replace(
        "AccountName=devstoreaccount1", "AccountName=stother"
    )


MISTAKES: dict[str, Mistake] = {
    "no Sentinel role": Mistake(
        code="permission_missing",
        names="Microsoft Sentinel Responder",
        fix='--role "Microsoft Sentinel Responder"',
        on_stage=lambda stage: stage.refuse("*/microsoft.securityinsights/*"),
    ),
    "no Log Analytics role": Mistake(
        code="permission_missing",
        names="Log Analytics Reader",
        fix='--role "Log Analytics Reader"',
        on_stage=lambda stage: stage.refuse("*", service="logs"),
    ),
    "no queue role": Mistake(
        code="permission_missing",
        names="Storage Queue Data Contributor",
        fix='--role "Storage Queue Data Contributor"',
        on_stage=of_another_account,
    ),
    "a Graph permission missing": Mistake(
        code="permission_missing",
        names="IdentityRiskyUser.Read.All",
        fix="tools/grant_graph_permissions.py",
        on_stage=lambda stage: stage.refuse("*riskyUsers*"),
    ),
    "permission for the Defender portal missing": Mistake(
        code="permission_missing",
        names="SecurityIncident.ReadWrite.All",
        fix="tools/grant_graph_permissions.py",
        in_tenant=lambda tenant: tenant["settings"].update(incidents="graph"),
        on_stage=lambda stage: stage.refuse("*/security/incidents*"),
    ),
    "token of another tenant": Mistake(
        code="token_refused",
        names="does not accept the token (401)",
        fix="az login --tenant",
        on_stage=lambda stage: stage.environment.update(TRIAGE_LOCAL_TOKEN="of-another-tenant"),
    ),
    "wrong workspace": Mistake(
        code="workspace_missing",
        names="law-old, and there is no such workspace",
        fix="az monitor log-analytics workspace show",
        on_stage=lambda stage: stage.environment.update(
            TRIAGE_WORKSPACES=stage.environment["TRIAGE_WORKSPACES"].replace("law-soc", "law-old")
        ),
    ),
    "wrong customer id": Mistake(
        code="customer_id_wrong",
        names="00000000-0000-0000-0000-0000000000aa",
        fix="TRIAGE_WORKSPACES=/subscriptions/",
        on_stage=lambda stage: stage.environment.update(
            TRIAGE_WORKSPACES=stage.environment["TRIAGE_WORKSPACES"].replace("0000000000aa", "0000000000ff")
        ),
    ),
    "clock off by an hour": Mistake(
        code="clock_off",
        names="60 minutes ahead of",
        fix="timedatectl",
        on_stage=lambda stage: setattr(stage, "clock", NOW + timedelta(hours=1)),
    ),
    "watchlist missing": Mistake(
        code="watchlist_missing",
        names="EDiscoveryCases",
        fix="playbooks/mailbox_export/sentinel/Watchlists/EDiscoveryCases.csv",
        in_tenant=lambda tenant: tenant["watchlists"].pop("EDiscoveryCases"),
    ),
    "watchlist empty": Mistake(
        code="watchlist_empty",
        names="MailboxExportHosts has no row",
        fix="Watchlist > MailboxExportHosts",
        in_tenant=lambda tenant: tenant["watchlists"].update(MailboxExportHosts=[]),
    ),
    "column misspelt": Mistake(
        code="column_missing",
        names="has no column Window (there is Windw)",
        fix="JobName,Scenario,RunAs",
        in_tenant=misspell("Window", "Windw"),
    ),
    "column under another name": Mistake(
        code="column_missing",
        names="has no column Window",
        fix="JobName,Scenario,RunAs",
        in_tenant=misspell("Window", "Zeitfenster"),
    ),
    "column misspelt that no row needs": Mistake(
        code="column_missing",
        names="has no column ExportRoots (there is Export Roots)",
        fix="JobName,Scenario,RunAs",
        in_tenant=lambda tenant: (
            tenant["watchlists"].update({JOBS: [job_row(tenant, 1)]}),
            misspell("ExportRoots", "Export Roots")(tenant),
        ),
    ),
    "row unreadable": Mistake(
        code="row_unreadable",
        names="NightlyExport: Window cannot be read",
        fix="Update watchlist",
        in_tenant=change_row(Window="after 22h"),
    ),
    "row expired": Mistake(
        code="row_expired",
        names="NightlyExport (2025-11-17)",
        fix="set a later end",
        in_tenant=change_row(ValidUntil="2025-11-17T00:00:00Z"),
    ),
    "row ends soon": Mistake(
        code="row_ends_soon",
        names="NightlyExport (2025-11-30)",
        fix="set a later end",
        in_tenant=change_row(ValidUntil="2025-11-30T00:00:00Z"),
    ),
    "row never matched": Mistake(
        code="row_never_matched",
        names="last 90 days could match: OldExport",
        fix="set JobName to",
        in_tenant=change_row(JobName="OldExport"),
    ),
    "wrong rule id": Mistake(
        code="rule_unknown",
        names="00000000-0000-0000-0000-00000000dead",
        fix="TRIAGE_RULE_IDS=ID",
        on_stage=lambda stage: stage.environment.update(
            TRIAGE_RULE_IDS="00000000-0000-0000-0000-00000000dead"
        ),
    ),
    "rule not deployed": Mistake(
        code="rule_missing",
        names=CORRELATED,
        fix="playbooks/mailbox_export/sentinel/azuredeploy.json",
        on_stage=lambda stage: [stage.workspace.content.alert_rules.pop(one) for one in (SEED, CORRELATED)],
    ),
    "rule disabled": Mistake(
        code="rule_disabled",
        names=CORRELATED,
        fix="Enable",
        on_stage=lambda stage: stage.rule(CORRELATED).update(enabled=False),
    ),
    "rule makes no incidents": Mistake(
        code="rule_makes_no_incidents",
        names=CORRELATED,
        fix="Create incidents",
        on_stage=lambda stage: stage.rule(CORRELATED).update(incidentConfiguration={"createIncident": False}),
    ),
    "automation rule missing": Mistake(
        code="automation_missing",
        names="(alerts added) hands over",
        fix="/api/playbooks/mailbox_export",
        on_stage=lambda stage: (
            remove_automation(stage, UPDATED),
            stage.workspace.content.alert_rules.pop(SEED),
        ),
    ),
    "automation rule on other changes": Mistake(
        code="automation_missing",
        names="(alerts added) hands over",
        fix="/api/playbooks/mailbox_export",
        on_stage=lambda stage: (
            stage.automation(UPDATED)["triggeringLogic"]["conditions"][1]["conditionProperties"].update(
                arrayType="Labels"
            ),
            stage.workspace.content.alert_rules.pop(SEED),
        ),
    ),
    "automation rule of another rule": Mistake(
        code="automation_missing",
        names=f"{UPDATED} is limited to other rules",
        fix="Conditions: add the analytics rule",
        on_stage=lambda stage: (
            limit_to_another_rule(stage),
            stage.workspace.content.alert_rules.pop(SEED),
        ),
    ),
    "automation rule disabled": Mistake(
        code="automation_disabled",
        names=UPDATED,
        fix=f"{UPDATED} > Enable",
        on_stage=lambda stage: stage.automation(UPDATED)["triggeringLogic"].update(isEnabled=False),
    ),
    "automation rule expired": Mistake(
        code="automation_expired",
        names=CREATED,
        fix="Rule expiration: Indefinite",
        on_stage=lambda stage: stage.automation(CREATED)["triggeringLogic"].update(
            expirationTimeUtc="2025-01-01T00:00:00Z"
        ),
    ),
    "automation rule elsewhere": Mistake(
        code="automation_elsewhere",
        names="runs notify-soc",
        fix=CREATED,
        on_stage=elsewhere,
    ),
    "Logic App missing": Mistake(
        code="logic_app_missing",
        names="the Logic App mailbox_export",
        fix="docs/deploy.md, step 4",
        on_stage=lambda stage: stage.workspace.content.workflows.pop(stage.logic_app["id"].lower()),
    ),
    "Logic App disabled": Mistake(
        code="logic_app_disabled",
        names="the Logic App mailbox_export is disabled",
        fix="az logic workflow update --ids /subscriptions/",
        on_stage=lambda stage: stage.logic_app["properties"].update(state="Disabled"),
    ),
    "Logic App not to be read": Mistake(
        code="could_not_look",
        names="needs the role Reader on the Logic App",
        fix="Access control (IAM)",
        on_stage=lambda stage: stage.refuse("*/microsoft.logic/*"),
    ),
    "queue missing": Mistake(
        code="queue_missing",
        names="no queue triage",
        fix="az storage queue create --name triage ",
        on_stage=lambda stage: stage.queues.delete_queue("triage"),
    ),
    "poison queue missing": Mistake(
        code="queue_missing",
        names="no queue triage-poison",
        fix="az storage queue create --name triage-poison ",
        on_stage=lambda stage: stage.queues.delete_queue("triage-poison"),
    ),
    "poison waiting": Mistake(
        code="poison_waiting",
        names="1 message waits in the queue triage-poison",
        fix="az storage message peek --queue-name triage-poison",
        on_stage=lambda stage: stage.queues.put("triage-poison", "{}"),
    ),
    "queue not worked on": Mistake(
        code="queue_stuck",
        names="has waited for 120 minutes",
        fix="az functionapp start",
        on_stage=wait_in_queue,
    ),
    "Graph not to be reached": Mistake(
        code="could_not_look",
        names="Permission User.Read.All: could not look",
        fix="whether Microsoft Graph can be reached",
        on_stage=lambda stage: stage.workspace.faults.add(Fault(kind=FaultKind.REDIRECT, service="graph")),
    ),
    "logs fail at length": Mistake(
        code="could_not_look",
        names="Use of the rows: could not look",
        fix="whether Log Analytics can be reached",
        on_stage=lambda stage: stage.workspace.faults.add(
            Fault(kind=FaultKind.PARTIAL, service="logs", after=1)
        ),
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
async def test_a_planted_mistake_is_named_with_its_fix_and_nothing_else(name: str) -> None:
    """One finding: its code, what is wrong, why, and what to do."""
    mistake = MISTAKES[name]
    async with staged(mistake.in_tenant) as stage:
        if mistake.on_stage is not None:
            mistake.on_stage(stage)
        examination = await stage.examined()

    assert [mistake.code] == [trouble.code for trouble in examination.troubles], examination.troubles
    (trouble,) = examination.troubles
    assert mistake.names in trouble.what
    assert mistake.fix in trouble.fix
    assert trouble.why
    for path in re.findall(r"\b(?:playbooks|docs|tools)/[\w./-]+\.\w+", trouble.fix):
        assert (ROOT / path).exists(), path


async def test_two_mistakes_are_two_findings() -> None:
    """One cause never hides another one of the same service."""
    async with staged(change_row(Window="after 22h")) as stage:
        stage.automation(CREATED)["triggeringLogic"]["isEnabled"] = False
        stage.queues.put("triage-poison", "{}")
        examination = await stage.examined()

    codes = [trouble.code for trouble in examination.troubles]
    assert ["row_unreadable", "automation_disabled", "poison_waiting"] == codes


async def test_a_new_row_is_not_called_unused() -> None:
    """It could not have been used for as long as is asked for."""
    async with staged(change_row(JobName="NewExport", ValidFrom="2025-10-01T00:00:00Z")) as stage:
        young = await stage.examined()
        old = await stage.examined(days=30)

    assert () == young.troubles
    assert ["row_never_matched"] == [trouble.code for trouble in old.troubles]


async def test_the_logs_are_left_alone_where_asked() -> None:
    """`--days 0` puts no question about the rows."""
    async with staged(change_row(JobName="OldExport")) as stage:
        examination = await stage.examined(days=0)

    assert () == examination.troubles


async def test_no_secret_is_in_what_doctor_says() -> None:
    """Neither the token nor the storage key, whatever is wrong."""
    async with staged() as stage:
        of_another_account(stage)
        stage.refuse("*")
        said = json.dumps(document(await stage.examined()))
        secrets = [stage.environment["TRIAGE_LOCAL_TOKEN"], "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50u"]

    assert not [secret for secret in secrets if secret in said]


def test_every_own_register_of_every_playbook_names_the_columns_of_its_template() -> None:
    """What doctor asks for is what is deployed from the playbook's folder."""
    registers = [one for name in discover() for one in load(name).registers if one.ours]
    headers = {
        path.stem: tuple(path.read_text("utf-8-sig").splitlines()[0].split(","))
        for folder in discover().values()
        for path in (folder / "sentinel" / "Watchlists").glob("*.csv")
    }

    assert {register.alias: register.columns for register in registers} == headers


SHARED = (
    *("no Sentinel role", "no queue role", "a Graph permission missing", "wrong customer id"),
    *("clock off by an hour", "watchlist missing", "column misspelt", "row unreadable"),
    *("rule disabled", "automation rule disabled", "queue missing", "poison waiting"),
)


@pytest.mark.parametrize("name", SHARED)
async def test_the_health_page_says_the_same(name: str) -> None:
    """The very findings of doctor; 503 only where a permission or the queue does not work."""
    mistake = MISTAKES[name]
    async with staged(mistake.in_tenant) as stage:
        if mistake.on_stage is not None:
            mistake.on_stage(stage)
        examination = await stage.examined(days=0)
        service = Service(stage.environment, now=lambda: stage.clock)
        status, page = await service.health()
        await service.clients.close()

    assert [asdict(trouble) for trouble in examination.troubles] == page["findings"]
    checks: Any = page["checks"]
    assert (200 if all(check["works"] for check in checks) else 503) == status


async def test_a_row_that_ends_makes_no_app_unhealthy() -> None:
    """It is told, and the page stays 200."""
    async with staged(change_row(ValidUntil="2025-11-30T00:00:00Z")) as stage:
        service = Service(stage.environment, now=lambda: stage.clock)
        status, page = await service.health()
        await service.clients.close()

    findings: Any = page["findings"]
    assert (200, True, ["row_ends_soon"]) == (status, page["healthy"], [one["code"] for one in findings])


def run(*arguments: str, environment: dict[str, str | None] | None = None) -> tuple[int, str, str]:
    """Exit status, stdout and stderr of `simulator doctor`."""
    found = CliRunner().invoke(app, ["doctor", *arguments], env=environment)
    return found.exit_code, found.stdout, found.stderr


def forever(tenant: dict[str, Any]) -> None:
    """Rows that hold whenever the test runs."""
    for row in tenant["watchlists"][JOBS]:
        row["ValidUntil"] = "2200-01-01T00:00:00Z"


async def test_the_command_says_it_to_people_and_to_programs(tmp_path: Path) -> None:
    """Exit status 0 and 1, a line for each check, why and fix below; one JSON document with --json."""
    file = tmp_path / "local.settings.json"
    async with staged(forever) as stage:
        stage.workspace.clock = lambda: datetime.now(UTC)
        file.write_text(json.dumps({"Values": stage.environment}))
        arguments = ("--settings", str(file), "--days", "0")
        well = await asyncio.to_thread(run, *arguments)
        stage.queues.put("triage-poison", "{}")
        ill = await asyncio.to_thread(run, *arguments)
        told = await asyncio.to_thread(run, *arguments, "--json")

    assert 0 == well[0]
    assert "all is well" in well[1]
    assert 1 == ill[0] == told[0]
    assert re.search(r"^wrong +Queue triage-poison", ill[1], re.MULTILINE)
    assert "\n  why  every attempt" in ill[1]
    assert "\n  fix  mend what else" in ill[1]
    page = json.loads(told[1])
    assert (False, ["poison_waiting"]) == (page["well"], [one["code"] for one in page["findings"]])
    assert len(page["checks"]) > 20


async def test_the_function_s_own_permissions_come_from_its_health_page(tmp_path: Path) -> None:
    """What it lacks is named once, though whoever asks has it; the page of a sound one adds no finding."""
    file = tmp_path / "health.json"
    async with staged() as stage:
        service = Service(stage.environment, now=lambda: NOW)
        pages = [(await service.health())[1]]
        stage.refuse("*riskyUsers*")
        pages.append((await service.health())[1])
        await service.clients.close()
        stage.workspace.faults.clear()
        codes = []
        for page in pages:
            file.write_text(json.dumps(page))
            asked = await examine(stage.environment, now=lambda: NOW, days=0, health_page=file)
            codes.append([(trouble.code, trouble.what) for trouble in asked.troubles])

    assert [] == codes[0]
    assert ["permission_missing"] == [code for code, _ in codes[1]]
    assert "IdentityRiskyUser.Read.All" in codes[1][0][1]


@pytest.mark.parametrize(
    ("content", "names"),
    [
        ("<html>", "is no answer of the function's health page"),
        ('{"checks": [{}]}', "is no answer of the function's health page"),
        (
            '{"error": {"message": "TRIAGE_DOMAINS is missing."}}',
            "the function says: TRIAGE_DOMAINS is missing",
        ),
    ],
)
async def test_a_health_page_that_is_none_is_refused(tmp_path: Path, content: str, names: str) -> None:
    """A page of the platform, another document, or the function's own word that its settings are wrong."""
    file = tmp_path / "health.json"
    file.write_text(content)
    async with staged() as stage:
        with pytest.raises(SettingsError, match=names):
            await examine(stage.environment, now=lambda: NOW, days=0, health_page=file)


async def test_what_a_person_lacks_in_graph_is_no_finding() -> None:
    """Only the function has to have it; every other check stands as it is."""
    async with staged() as stage:
        stage.refuse("*riskyUsers*")
        checks = (await stage.examined(days=0)).checks

    of_graph = [not_asked_of_people(check) for check in checks if check.service == GRAPH]
    others = [check for check in checks if check.service != GRAPH]
    assert [()] * len(of_graph) == [check.troubles for check in of_graph]
    assert 1 == [check.state for check in of_graph].count(State.UNSEEN)
    assert others == [not_asked_of_people(check) for check in others]


def test_bad_settings_are_named_and_end_in_2(tmp_path: Path) -> None:
    """Every problem at once, from a file, and no value is repeated."""
    file = tmp_path / "local.settings.json"
    values = {"TRIAGE_TIME_ZONE": "Middle/Earth", "TRIAGE_MODE": "on", "TRIAGE_LOCAL_TOKEN": "s3cret"}
    file.write_text(json.dumps({"IsEncrypted": False, "Values": values}))
    status, printed, told = run("--settings", str(file))

    assert (2, "") == (status, printed)
    for name in ("TRIAGE_TIME_ZONE", "TRIAGE_MODE", "TRIAGE_DOMAINS is missing"):
        assert name in told
    assert "s3cret" not in told


@pytest.mark.parametrize(
    ("content", "names"),
    [
        ("", "cannot be read as JSON"),
        ("[1]", 'has neither "Values" nor a list'),
        ('{"Values": {"TRIAGE_MODE": 1}}', "all of them text"),
        ('{"IsEncrypted": true, "Values": {}}', "func settings decrypt"),
    ],
)
def test_a_settings_file_that_is_none_is_refused(tmp_path: Path, content: str, names: str) -> None:
    """With what is wrong with it."""
    file = tmp_path / "local.settings.json"
    file.write_text(content)

    with pytest.raises(SettingsError, match=names):
        read_environment(file, {})


def test_a_file_takes_the_place_of_the_environment(tmp_path: Path) -> None:
    """Both forms; settings of the shell do not leak in, what is no setting stays."""
    file, listed = tmp_path / "local.settings.json", tmp_path / "settings.json"
    file.write_text(json.dumps({"Values": {"TRIAGE_MODE": "act"}}))
    listed.write_text(json.dumps([{"name": "TRIAGE_MODE", "value": "act", "slotSetting": False}]))
    shell = {"TRIAGE_TIME_ZONE": "Europe/Vienna", "AzureWebJobsStorage": "x", "PATH": "/bin"}

    for path in (file, listed):
        assert {"PATH": "/bin", "TRIAGE_MODE": "act"} == read_environment(path, shell)
    assert shell == read_environment(None, shell)


class CountingCredential:
    """Gives a new token each time, good for an hour."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []

    async def get_token(self, *scopes: str, **_options: Any) -> AccessToken:
        self.asked.append(scopes)
        return AccessToken(f"token {len(self.asked)}", 3600)

    async def close(self) -> None:
        """Nothing to end."""


async def test_a_token_of_the_azure_cli_is_kept_until_it_is_about_to_end() -> None:
    """One program run for each scope, however many calls ask at once."""
    made, clock = CountingCredential(), [0.0]
    kept = KeptTokens(made, seconds=lambda: clock[0])
    at_once = await asyncio.gather(*(kept.get_token("arm") for _ in range(5)), kept.get_token("graph"))
    clock[0] = 3301
    later = await kept.get_token("arm")
    challenged = await kept.get_token("arm", claims="{}")

    assert ["token 1"] * 5 + ["token 2"] == [token.token for token in at_once]
    assert ["token 3", "token 4"] == [later.token, challenged.token]
