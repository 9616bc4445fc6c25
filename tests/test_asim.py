"""The schema check: it takes good rows, and every kind of mistake turns it red."""

from datetime import datetime

import pytest
import yaml
from outside import CONTRACTS

from playbooks.scenarios import Source
from playbooks.scenarios.programs import POWERSHELL, TASK_SCHEDULER
from simulator import asim
from simulator.activity.rows import ProcessStart, Row, Running, native_row, running, written
from simulator.company.accounts import SYSTEM, Account, AccountKind
from simulator.organisation import organise

MACHINE = organise(1).machines[0]
JOB = Account(sam="svc-job", sid="S-1-5-21-1-2-3-1105", kind=AccountKind.SERVICE)
PERSON = Account(sam="exa-a.berger", sid="S-1-5-21-1-2-3-1106")
UID = "8e0f5d2c-6a87-4c55-9b0e-0a5c6f6f1d11"


def row(source: Source, *, actor: Account = SYSTEM, user: Account = JOB) -> Row:
    """A PowerShell that the Task Scheduler started."""
    return native_row(
        ProcessStart(
            uid=UID,
            time="2026-11-16T21:00:04.250Z",
            machine=MACHINE,
            source=source,
            actor=actor,
            user=user,
            acting=running(TASK_SCHEDULER, pid="1288", guid=UID),
            target=Running(image=POWERSHELL.image, command_line="powershell.exe", pid="5696", guid=UID),
        )
    )


@pytest.mark.parametrize("source", Source)
@pytest.mark.parametrize("accounts", [(SYSTEM, JOB), (SYSTEM, SYSTEM), (PERSON, PERSON)])
def test_rows_of_every_source_are_valid(source: Source, accounts: tuple[Account, Account]) -> None:
    """What the generator writes keeps to the schema, whoever runs it."""
    actor, user = accounts

    assert () == asim.problems(row(source, actor=actor, user=user))


@pytest.mark.parametrize(
    ("source", "accounts", "told"),
    [
        (Source.SYSMON, (SYSTEM, JOB), ("NT AUTHORITY\\SYSTEM", "", "CONTOSO\\svc-job", "")),
        (Source.SECURITY, (SYSTEM, JOB), ("CONTOSO\\EXCH01$", "S-1-5-18", "CONTOSO\\svc-job", "S-1-0-0")),
        (Source.SECURITY, (SYSTEM, SYSTEM), ("CONTOSO\\EXCH01$", "S-1-5-18", "-", "S-1-0-0")),
        (Source.SECURITY, (PERSON, PERSON), ("CONTOSO\\exa-a.berger", PERSON.sid, "-", "S-1-0-0")),
        (Source.DEFENDER, (SYSTEM, JOB), ("nt authority\\system", "S-1-5-18", "CONTOSO\\svc-job", JOB.sid)),
    ],
)
def test_each_source_words_accounts_in_its_own_way(
    source: Source, accounts: tuple[Account, Account], told: tuple[str, str, str, str]
) -> None:
    """Actor and target, name and SID, as the parsers present them."""
    actor, user = accounts
    written_row = row(source, actor=actor, user=user)

    columns = ("ActorUsername", "ActorUserId", "TargetUsername", "TargetUserId")
    assert told == tuple(written_row[column] for column in columns)


def test_4688_shows_no_command_line_of_the_parent() -> None:
    """Only Sysmon and Defender do."""
    assert "" == row(Source.SECURITY)["ActingProcessCommandLine"]
    assert "-s Schedule" in str(row(Source.SYSMON)["ActingProcessCommandLine"])


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"Dvc": "EXCH01"}, "Dvc is no column"),
        ({"CommandLine": "x"}, "CommandLine is no column"),
        ({"User": "x"}, "User is no column"),
        ({"Type": "ASimProcessEventLogs"}, "Type is no column"),
        ({"ActorUsername": ""}, "ActorUsername is mandatory"),
        ({"TargetProcessName": ""}, "TargetProcessName is mandatory"),
        ({"DvcFQDN": "", "DvcHostname": "", "DvcIpAddr": ""}, "no device"),
        ({"TargetProcessId": 5696}, "TargetProcessId must be text"),
        ({"EventCount": "1"}, "EventCount must be a whole number"),
        ({"EventCount": True}, "EventCount must be a whole number"),
        ({"TargetProcessIsHidden": "no"}, "TargetProcessIsHidden must be true or false"),
        ({"TimeGenerated": "2026-11-16 21:00"}, "TimeGenerated is not a UTC time"),
        ({"TimeGenerated": "2026-02-30T21:00:00Z"}, "TimeGenerated is not a UTC time"),
        ({"TimeGenerated": "2026-11-16T21:00:00+01:00"}, "TimeGenerated is not a UTC time"),
        ({"EventType": "Created"}, "EventType has the value"),
        ({"EventProduct": "Windows"}, "EventProduct has the value"),
        ({"ActorUserIdType": "Sid"}, "ActorUserIdType has the value"),
        ({"EventSchemaVersion": "0.1.3"}, "EventSchemaVersion must be 0.1.4"),
        ({"ActorUsernameType": ""}, "ActorUsernameType must be there"),
        ({"ActorUserId": ""}, "ActorUserIdType must be there"),
        ({"EventEndTime": "2026-11-16T20:00:00.000Z"}, "EventEndTime lies before"),
    ],
)
def test_every_mistake_is_told(change: dict[str, object], complaint: str) -> None:
    """One planted mistake, one sentence about it."""
    found = asim.problems({**row(Source.DEFENDER), **change})

    assert [problem for problem in found if complaint in problem], found


def test_a_missing_column_is_told() -> None:
    """Absent is as bad as empty."""
    good = row(Source.SYSMON)
    del good["EventResult"]

    assert ("EventResult is mandatory and missing",) == asim.problems(good)


def test_times_are_written_in_utc_with_milliseconds() -> None:
    """Local times are turned into UTC."""
    assert "2026-11-16T21:00:04.250Z" == written(datetime.fromisoformat("2026-11-16T22:00:04.250999+01:00"))


def test_the_field_list_is_the_published_one() -> None:
    """Columns, mandatory fields and value lists equal those of the schema files, where these are at hand."""
    path = CONTRACTS / "asim-process-event-tables.yaml"
    if not path.is_file():
        pytest.skip(f"the schema files are not in {CONTRACTS} (set API_CONTRACTS)")
    schema = yaml.safe_load(path.read_text(encoding="utf-8"))
    columns = {column["name"]: column["type"] for column in schema["native_table"]["columns"]}
    kinds = {"datetime": asim.TIMES, "string": asim.STRINGS, "bool": asim.TRUTHS}

    assert set(columns) == asim.COLUMNS
    for kind, names in kinds.items():
        assert {name for name, declared in columns.items() if declared == kind} == names
    assert {name for name, kind in columns.items() if kind in {"int", "long"}} == asim.NUMBERS
    assert set(schema["mandatory_fields"]) - {"Dvc", "Type"} == asim.MANDATORY
    assert set(schema["username_type_values"]) == asim.VALUES["ActorUsernameType"]
    assert set(schema["user_id_type_values"]) == asim.VALUES["TargetUserIdType"]
    assert set(schema["user_type_values"]) == asim.VALUES["ActorUserType"]
    assert set(schema["event_type_values"]) == asim.VALUES["EventType"]
    assert set(schema["event_result_values"]) == asim.VALUES["EventResult"]
    assert set(schema["event_severity_values"]) == asim.VALUES["EventSeverity"]
    assert set(schema["dvc_id_type_values"]) == asim.VALUES["DvcIdType"]
    microsoft = schema["vendor_product_pairs"][0]
    assert "Microsoft" == microsoft["vendor"]
    assert set(microsoft["products"]) == asim.VALUES["EventProduct"]
