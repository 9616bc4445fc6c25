"""Many logs asked at once: each answer is that of its log alone, whatever the query."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.catalogues import RULE_FILES
from simulator.chain.sightings import Watch
from simulator.eventstore import EventStore, QueryError, QueryTable, RowRefused, SeparateLogs
from simulator.rules import load_rule, run_each

NINE = datetime(2024, 11, 18, 21, tzinfo=UTC)
POWERSHELL = r"C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe"
EXPORT = r"New-MailboxExportRequest -Mailbox ceo -FilePath \\fs02.contoso.com\pst$\ceo.pst"
REMOVAL = "Remove-MailboxExportRequest -Identity ceo -Confirm:$false"
GRANT = "New-ManagementRoleAssignment -Role 'Mailbox Import Export' -User eve"
COMMANDS = (EXPORT, REMOVAL, GRANT, "whoami", "query user", "powershell -enc AAAA", "")

HOSTS = "SecurityAlert | project Dvc = CompromisedEntity, AlertName"

type Log = tuple[list[dict[str, object]], list[dict[str, object]]]

# What a rule may be made of; each would show it where one log's rows reached another's.
QUESTIONS = (
    "_Im_ProcessCreate | project TimeGenerated, Dvc, CommandLine",
    "_Im_ProcessCreate | count",
    "_Im_ProcessCreate | where CommandLine has 'none' | count",
    "_Im_ProcessCreate | where CommandLine has 'none' | summarize n = count(), least = min(TimeGenerated)",
    "_Im_ProcessCreate | summarize n = count(), lines = array_sort_asc(make_set(CommandLine)) by Dvc",
    "_Im_ProcessCreate | summarize arg_max(TimeGenerated, *) by Dvc | project Dvc, CommandLine",
    "_Im_ProcessCreate | summarize dcount(Dvc), countif(CommandLine has 'query'), max(strlen(CommandLine))",
    "_Im_ProcessCreate | distinct Dvc, CommandLine",
    "_Im_ProcessCreate | top 1 by TimeGenerated asc | project CommandLine",
    "_Im_ProcessCreate | order by TimeGenerated desc, CommandLine asc | take 2 | project CommandLine",
    "_Im_ProcessCreate | take 1 | count",
    "_Im_ProcessCreate | where TimeGenerated > ago(90s) | project CommandLine, late = now()",
    "_Im_ProcessCreate | extend w = split(CommandLine, ' ') | mv-expand w | summarize count() by tostring(w)",
    "_Im_ProcessCreate | join kind=inner (_Im_ProcessCreate | distinct Dvc) on Dvc | project CommandLine",
    f"_Im_ProcessCreate | join kind=leftouter ({HOSTS}) on Dvc | project CommandLine, AlertName",
    f"_Im_ProcessCreate | join kind=leftanti ({HOSTS}) on Dvc | count",
    f"_Im_ProcessCreate | join kind=leftsemi ({HOSTS}) on Dvc | count",
    f"_Im_ProcessCreate | join kind=fullouter ({HOSTS}) on Dvc | project CommandLine, AlertName",
    f"_Im_ProcessCreate | project Dvc | join kind=rightouter ({HOSTS}) on Dvc | project Dvc, AlertName",
    "union (_Im_ProcessCreate | project Text = CommandLine), (SecurityAlert | project Text = AlertName)",
    "let seen = _Im_ProcessCreate | distinct Dvc; SecurityAlert | where CompromisedEntity in (seen) | count",
    f"let both = materialize({HOSTS}); union (both | count), (both | distinct Dvc | count)",
    "let total = toscalar(_Im_ProcessCreate | count); _Im_ProcessCreate | project CommandLine, total",
    "let most = toscalar(_Im_ProcessCreate | summarize max(TimeGenerated)); SecurityAlert | project most",
    "SecurityAlert | summarize count() by AlertName",
    "SecurityIncident | count",
    "print answer = 6 * 7",
)


def event(command: str, *, host: str = "EXCH01.contoso.com", minutes: float = 0) -> dict[str, object]:
    """One process of PowerShell."""
    return {
        "TimeGenerated": NINE + timedelta(minutes=minutes),
        "EventType": "ProcessCreated",
        "DvcFQDN": host,
        "ActorUsername": "CONTOSO\\exadmin1",
        "TargetProcessName": POWERSHELL,
        "TargetProcessCommandLine": f"powershell.exe -Command {command}",
    }


def alert(name: str, host: str = "EXCH01.contoso.com") -> dict[str, object]:
    """One alert on a host."""
    return {"TimeGenerated": NINE, "AlertName": name, "CompromisedEntity": host, "SystemAlertId": name}


LOGS: tuple[Log, ...] = (
    ([event(EXPORT), event("query user", minutes=1)], [alert("one")]),
    ([event(REMOVAL, minutes=1)], []),
    ([event(EXPORT), event("whoami", host="EXCH02", minutes=2)], [alert("one"), alert("two", "EXCH03")]),
    ([event(EXPORT, minutes=3), event(REMOVAL, minutes=4), event(GRANT, minutes=5)], [alert("three")]),
)


@pytest.fixture(scope="module")
def separate() -> Iterator[SeparateLogs]:
    """Logs that each test replaces."""
    with SeparateLogs() as opened:
        yield opened


@pytest.fixture(scope="module")
def store() -> Iterator[EventStore]:
    """A store that is filled with one log after the other; closes what this module has opened."""
    yield ALONE
    ALONE.close()
    SHARED.__exit__()


def told(table: QueryTable) -> tuple[object, list[str]]:
    """Columns, and rows in an order of their own."""
    return table.columns, sorted(map(str, table.rows))


def alone(store: EventStore, kql: str, log: Log) -> tuple[object, list[str]]:
    """The answer where there is no other log."""
    events, alerts = log
    moments = [row["TimeGenerated"] for row in events]
    span = min(moments), max(moments)  # type: ignore[type-var]
    store.clear()
    store.add_process_events(events)
    store.add_alerts(alerts)
    return told(store.query(kql, now=span[1], timespan=span, constant=True))  # type: ignore[arg-type]


def asked(separate: SeparateLogs, kql: str, logs: Sequence[Log]) -> list[tuple[object, list[str]]]:
    """The answers to all logs at once."""
    separate.replace(logs)
    spans = [span for span in separate.spans() if span]
    return [told(table) for table in separate.query_each(kql, spans)]


@pytest.mark.parametrize("kql", QUESTIONS)
def test_each_log_is_answered_as_if_it_were_alone(
    separate: SeparateLogs, store: EventStore, kql: str
) -> None:
    """Joins, sets, limits, clocks and counts of nothing see the rows of one log."""
    assert [alone(store, kql, log) for log in LOGS] == asked(separate, kql, LOGS)


def test_most_questions_are_asked_of_all_logs_at_once(separate: SeparateLogs) -> None:
    """The rules, and nearly all that a rule may be made of, need not be asked log by log."""
    for kql in (*QUESTIONS, *(load_rule(rule.path).query for rule in RULE_FILES.values())):
        asked(separate, kql, LOGS)

    assert not separate._refused & {load_rule(rule.path).query for rule in RULE_FILES.values()}
    assert len(QUESTIONS) // 10 >= len(separate._refused)


ALONE, SHARED = EventStore(), SeparateLogs()


@settings(deadline=None, max_examples=25)
@given(
    logs=st.lists(
        st.lists(
            st.builds(
                event,
                st.sampled_from(COMMANDS),
                host=st.sampled_from(["EXCH01.contoso.com", "EXCH01", "EXCH02"]),
                minutes=st.integers(0, 100),
            ),
            min_size=1,
            max_size=5,
        ),
        min_size=1,
        max_size=5,
    ),
    word=st.sampled_from(list(RULE_FILES)),
)
def test_rules_never_see_two_logs_together(logs: list[list[dict[str, object]]], word: str) -> None:
    """For any events in any number of logs, a rule gives for each what it gives for that one alone."""
    kql = load_rule(RULE_FILES[word].path).query
    each: list[Log] = [(events, []) for events in logs]

    assert [alone(ALONE, kql, log) for log in each] == asked(SHARED, kql, each)


@pytest.mark.parametrize("word", ["seed", "correlated"])
def test_an_export_and_a_removal_of_two_cases_are_no_pair(separate: SeparateLogs, word: str) -> None:
    """On one host within a minute, but in two logs: no hit; in one log they are one."""
    halves: list[Log] = [([event(EXPORT)], []), ([event(REMOVAL, minutes=1)], [])]
    both: list[Log] = [([event(EXPORT), event(REMOVAL, minutes=1)], [])]
    rule = load_rule(RULE_FILES[word].path)

    separate.replace(halves)
    assert [0, 0] == [len(hits) for hits in run_each(rule, separate)]
    separate.replace(both)
    assert [1] == [len(hits) for hits in run_each(rule, separate)]


def test_what_the_engine_cannot_ask_of_many_is_asked_one_by_one(separate: SeparateLogs) -> None:
    """A statement that fails for all logs together is asked of each, and not tried for all again."""
    separate._refused.add("_Im_ProcessCreate | count")

    assert [["[2]"], ["[1]"], ["[2]"], ["[3]"]] == [
        rows for _, rows in asked(separate, "_Im_ProcessCreate | count", LOGS)
    ]


def test_a_wrong_question_is_told_as_one_log_tells_it(separate: SeparateLogs) -> None:
    """Unknown columns and tables are refused by name."""
    for kql in ("_Im_ProcessCreate | project Nothing", "Nowhere | count"):
        with pytest.raises(QueryError) as refused:
            asked(separate, kql, LOGS)
        assert "SemanticError" == refused.value.code


def test_a_log_without_events_sees_nothing(separate: SeparateLogs) -> None:
    """Rules are not run on it, and the logs beside it are as they are without it."""
    watch, full = Watch(), LOGS[3]
    separate.replace([full, ([], []), full])
    seen = watch.gatherings_each(separate, dns=["contoso.com"] * 3, playbooks=["mailbox_export"] * 3)

    assert [] == seen[1]
    assert seen[0] == seen[2] != []


def test_a_log_is_looked_at_by_the_rules_of_its_playbook(separate: SeparateLogs) -> None:
    """A role grant beside an export is an incident of the one or of the other, never of both."""
    grant = "New-ManagementRoleAssignment -Role 'Mailbox Import Export' -User x@contoso.com"
    log: Log = ([event(grant), event(EXPORT, minutes=1), event(REMOVAL, minutes=2)], [])
    separate.replace([log, log])
    seen = Watch().gatherings_each(
        separate, dns=["contoso.com"] * 2, playbooks=["mailbox_export", "mailbox_role_grant"]
    )

    assert [{"seed", "correlated"}, {"grant"}] == [
        {rule for gathering in one for rule in gathering.rules} for one in seen
    ]


def test_rows_that_do_not_fit_are_refused_and_nothing_is_held(separate: SeparateLogs) -> None:
    """As a store refuses them."""
    with pytest.raises(RowRefused):
        separate.replace([LOGS[0], ([{"TimeGenerated": NINE, "Nothing": "x"}], [])])

    assert [] == separate.spans()


def test_large_logs_are_asked_alone(separate: SeparateLogs) -> None:
    """Beyond 20,000 rows nothing is gained by asking together; the answers are the same."""
    many = [event("whoami", minutes=number / 1000) for number in range(20_001)]

    found = asked(separate, "_Im_ProcessCreate | count", [(many, []), LOGS[1]])
    assert [["[20001]"], ["[1]"]] == [rows for _, rows in found]
