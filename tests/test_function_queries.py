"""The function's own questions to Log Analytics, as they are sent, through Microsoft's own KQL parser."""

import json
import shutil
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from worlds import JOB, changed, judge

from playbooks import discover, kql
from playbooks.clients import incident_list, log_questions, logged_commands
from playbooks.clients.log_questions import Question, request_of
from simulator.eventstore.tables import TABLES
from simulator.eventstore.translation import SCHEMA

TOOLS = Path(__file__).resolve().parent.parent / "tools"
START = datetime(2025, 11, 17, 8, tzinfo=UTC)
STOP = START + timedelta(hours=3)
VALUES = {
    "start": kql.moment(START),
    "stop": kql.moment(STOP),
    "moment": kql.moment(START),
    "names": kql.texts(["exch01.contoso.com", 'o"brien\\']),
    "labels": kql.texts(["exch01"]),
    "terms": kql.texts(["New-ManagementRoleAssignment"]),
    "pieces": kql.texts(["exch01", "svc-backup"]),
    "label": kql.text("triage-closed"),
}
TEXTS = {
    "events of hosts": log_questions.EVENTS_OF_HOSTS,
    "events with terms": log_questions.EVENTS_WITH_TERMS,
    "first after": log_questions.FIRST_AFTER,
    "alerts naming": log_questions.ALERTS_NAMING,
    "all alerts": log_questions.ALL_ALERTS,
    "closes": log_questions.CLOSES,
}
# Columns of the tables as Azure Monitor documents them, beyond those that the local workspace fills.
MORE = {"SecurityIncident": {"RelatedAnalyticRuleIds": "dynamic"}}
# Azure Monitor table reference: SigninLogs and AADNonInteractiveUserSignInLogs, what both of them have.
_SIGN_INS = {
    "TimeGenerated": "datetime",
    "UserId": "string",
    "UserPrincipalName": "string",
    "UserDisplayName": "string",
    "AlternateSignInName": "string",
    "IPAddress": "string",
    "AppDisplayName": "string",
    "ClientAppUsed": "string",
    "Location": "string",
    "ResultType": "string",
    "ResultDescription": "string",
    "RiskLevelDuringSignIn": "string",
    "RiskState": "string",
    "UserAgent": "string",
    "CorrelationId": "string",
}
FOR_ANALYSTS = {
    "SigninLogs": _SIGN_INS,
    "AADNonInteractiveUserSignInLogs": _SIGN_INS,
    "SecurityEvent": {
        "TimeGenerated": "datetime",
        "EventID": "int",
        "Computer": "string",
        "SubjectUserName": "string",
        "IpAddress": "string",
        "ShareName": "string",
        "RelativeTargetName": "string",
        "AccessMask": "string",
    },
}


def question(text: str) -> Question:
    """The text with the values that it uses."""
    used = {name: value for name, value in VALUES.items() if f"${name}" in text}
    return Question(text=text, values=used, start=START, stop=STOP)


def sent() -> dict[str, str]:
    """Every query of the function and of the operator's commands, alone and joined, by name."""
    alone = {name: request_of([question(text)])["query"] for name, text in TEXTS.items()}
    union = request_of([question(text) for text in TEXTS.values()])["query"]
    words = logged_commands.question((("BackupMailboxJob",), ("Export", "Nightly")), START, STOP)
    values = f"let start = {VALUES['start']};\nlet rules = {VALUES['terms']};\n"
    by_alert = log_questions.INCIDENT_OF_ALERT.replace("$", "")
    return alone | {
        "all in one request": union,
        "words of commands": words,
        "incident of an alert": f"let alert = {kql.text('a-1')};{by_alert}",
        "closings": values + incident_list._CLOSINGS,
    }


def columns(table: str) -> Mapping[str, str]:
    """Names and types of a table's columns."""
    known = TABLES.get(table, TABLES["ASimProcessEventLogs"])
    return {name: known.get(name, "string") for name in SCHEMA[table]} | MORE.get(table, {})


def lint(queries: Mapping[str, str]) -> dict[str, list[dict[str, Any]]]:
    """What Microsoft's parser finds in each."""
    node = shutil.which("node")
    if node is None or not (TOOLS / "node_modules" / "@kusto").exists():
        pytest.skip("Node or @kusto/language-service-next is missing; run `npm ci` in tools/")
    asked = json.dumps(
        {"tables": {name: columns(name) for name in SCHEMA} | FOR_ANALYSTS, "queries": dict(queries)}
    )
    done = subprocess.run(  # noqa: S603 - our own script
        [node, str(TOOLS / "kql_lint.mjs")], input=asked, capture_output=True, text=True, check=True
    )
    found: dict[str, list[dict[str, Any]]] = json.loads(done.stdout)
    return found


def test_every_question_parses_and_its_columns_exist() -> None:
    """Alone and as parts of one union; a misspelt column is found in either form."""
    queries = sent()
    union = queries["all in one request"]
    planted = {"alone": queries["closes"].replace("ClosedTime", "CloseTime")}
    planted["joined"] = union.replace("TargetProcessCommandLine has_any", "TargetProcessCommandline has_any")

    found = lint(queries | planted)

    assert [bool(found.pop(name)) for name in planted] == [True, True]
    assert {name: [] for name in queries} == found


def test_every_text_of_the_module_is_among_them() -> None:
    """A question that is added is linted too."""
    public = {name: value for name, value in vars(log_questions).items() if name.isupper()}
    texts = {value for name, value in public.items() if isinstance(value, str) and not name.startswith("_")}

    assert texts - {log_questions.INCIDENT_OF_ALERT, log_questions.SOURCE} == set(TEXTS.values())


def for_analysts() -> dict[str, str]:
    """The queries that comments hold, ready to run: every text of a playbook's modules that asks a table."""
    accounts = 'UserId in~ ("u-1") or UserPrincipalName startswith "exadmin@"'
    filled = {"start": VALUES["start"], "end": VALUES["stop"], "hosts": '"exch01"', "accounts": accounts}
    found = {}
    for name, folder in discover().items():
        for path in folder.rglob("*.py"):
            if {"tests", "scenarios"} & set(path.relative_to(folder).parts):
                continue
            parts = path.relative_to(folder).with_suffix("").parts
            module = import_module(".".join(("playbooks", name, *parts)).removesuffix(".__init__"))
            texts = {one: text for one, text in vars(module).items() if isinstance(text, str)}
            asking = {one: text for one, text in texts.items() if "\n| where " in text}
            found |= {f"{name} {one}": text.format(**filled) for one, text in asking.items()}
    return found


def test_the_queries_of_comments_parse_and_their_columns_exist() -> None:
    """What an analyst pastes at night runs."""
    queries = for_analysts()

    found = lint(queries)

    assert len(queries) >= 4 + 3
    assert {name: [] for name in queries} == found


async def test_a_comment_s_queries_run_as_they_are_told() -> None:
    """With the accounts filled in, known to the directory or not; a column of no sign-in log is found."""
    people = [r"CONTOSO\admin", 'CONTOSO\\o"brien', "gone@contoso.com"]
    pairs = [changed(JOB, 0, target_username=name)[0] for name in people]
    told = {query.title: query.text for query in (await judge(pairs)).briefing.queries}
    (title,) = (title for title, text in told.items() if "SigninLogs" in text)
    planted = told[title].replace("UserPrincipalName in~", "OnPremisesSamAccountName in~")

    found = lint({**told, "planted": planted})

    assert found.pop("planted")
    assert {title: [] for title in told} == found
