"""What a rule makes of each row by itself is kept with the row; answers are never kept."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.catalogues import RULE_FILES
from simulator.eventstore import EventStore, QueryTable
from simulator.eventstore.held import HeldRows
from simulator.eventstore.kept_rows import KeptRows
from simulator.eventstore.rows import read_row
from simulator.eventstore.tables import PROCESS_EVENTS
from simulator.eventstore.translation import translate_parted
from simulator.rules import load_rule

NINE = datetime(2024, 11, 18, 21, tzinfo=UTC)
EXPORT = r"New-MailboxExportRequest -Mailbox ceo -FilePath \\fs02.contoso.com\pst$\ceo.pst"
REMOVAL = "Remove-MailboxExportRequest -Identity ceo -Confirm:$false"
GRANT = "New-ManagementRoleAssignment -Role 'Mailbox Import Export' -User eve"
COMMANDS = (EXPORT, REMOVAL, GRANT, "whoami", "query user", "")

SEEN = "_Im_ProcessCreate | where CommandLine has 'query' | project Dvc, CommandLine, Moment = TimeGenerated"
ALERTS = "SecurityAlert | where AlertName != '' | project AlertName, Dvc = CompromisedEntity"
IN_PARTS = (
    SEEN,
    f"{SEEN} | summarize n = count(), earliest = min(Moment) by Dvc",
    f"{SEEN} | where Moment > ago(30m) | count",
    f"{SEEN} | extend Dvc = toupper(Dvc) | distinct Dvc",
    "_Im_ProcessCreate | where EventCount > 1 | project EventCount, AdditionalFields | take 3",
    f"let seen = {SEEN}; seen | join kind=inner (seen | summarize most = max(Moment) by Dvc) on Dvc",
    f"let seen = materialize({SEEN}); union (seen | count), (seen | where Dvc has 'EXCH02' | count)",
    "SecurityAlert | where AlertName has 'one' | project AlertName, Entities | take 5",
    f"{SEEN} | join kind=leftouter ({ALERTS}) on Dvc | project CommandLine, AlertName",
    *(load_rule(rule.path).query for word, rule in RULE_FILES.items() if word != "seed"),
)
WHOLE = (
    "_Im_ProcessCreate | where CommandLine has 'query' | count",
    "_Im_ProcessCreate | project CommandLine",
    "_Im_ProcessCreate | where TimeGenerated > ago(30m) | project CommandLine",
    "_Im_ProcessCreate | where CommandLine has 'query' | project late = now()",
    "let few = SecurityAlert | distinct Status; _Im_ProcessCreate | where Dvc in (few) | project Dvc",
    "let n = toscalar(SecurityAlert | count); _Im_ProcessCreate | where strlen(Dvc) > n | project Dvc",
    "_Im_ProcessCreate | summarize n = count() by Dvc | where n > 1 | project Dvc",
)
# A cell of a kind that no table has: told in parts, but never kept.
WITH_A_LIST = (
    "_Im_ProcessCreate | where CommandLine != '' | project words = extract_all(@'(\\w+)', CommandLine)"
)

type Rows = list[dict[str, object]]


def event(command: str, *, host: str = "EXCH01.contoso.com", minutes: float = 0) -> dict[str, object]:
    """One process."""
    return {
        "TimeGenerated": NINE + timedelta(minutes=minutes),
        "EventType": "ProcessCreated",
        "EventCount": 2,
        "AdditionalFields": {"of": command},
        "DvcFQDN": host,
        "ActorUsername": "CONTOSO\\exadmin1",
        "TargetProcessCommandLine": command,
    }


FIRST = [event(EXPORT), event("query user", minutes=1), event("whoami", minutes=2)]
LATER = [
    event(REMOVAL, minutes=20),
    event("query session", host="EXCH02", minutes=40),
    event(GRANT, minutes=41),
]
ALERT = {"TimeGenerated": NINE, "AlertName": "one", "CompromisedEntity": "EXCH02", "SystemAlertId": "1"}


@pytest.fixture(scope="module")
def store() -> Iterator[EventStore]:
    """A store that lives through all tests, so that what it keeps could outlive a row."""
    yield KEEPING
    KEEPING.close()
    FRESH.close()


KEEPING, FRESH = EventStore(), EventStore()


def told(table: QueryTable) -> tuple[object, list[str]]:
    """Columns, and rows in an order of their own."""
    return table.columns, sorted(map(str, table.rows))


def kept(store: EventStore, kql: str, *, until: datetime) -> tuple[object, list[str]]:
    """The answer as a rule gets it, whose text comes again."""
    return told(store.query(kql, now=until, timespan=(NINE, until), constant=True))


def worked_out(kql: str, rows: Sequence[dict[str, object]], *, until: datetime) -> tuple[object, list[str]]:
    """The answer to a text that is taken to come once, from a store that has these rows and no past."""
    FRESH.clear()
    FRESH.add_process_events(rows)
    FRESH.add_alerts([ALERT])
    return told(FRESH.query(kql, now=until, timespan=(NINE, until)))


@pytest.mark.parametrize("kql", [*IN_PARTS, *WHOLE, WITH_A_LIST])
def test_answers_are_the_same_as_without_anything_kept(store: EventStore, kql: str) -> None:
    """Asked again, after rows were added, within another span of time, and after all rows were dropped."""
    store.clear()
    store.add_alerts([ALERT])
    half, hour = NINE + timedelta(minutes=30), NINE + timedelta(hours=1)

    store.add_process_events(FIRST)
    assert worked_out(kql, FIRST, until=half) == kept(store, kql, until=half) == kept(store, kql, until=half)
    store.add_process_events(LATER)
    assert worked_out(kql, FIRST + LATER, until=hour) == kept(store, kql, until=hour)
    assert worked_out(kql, FIRST + LATER, until=half) == kept(store, kql, until=half)
    store.clear()
    store.add_alerts([ALERT])
    assert worked_out(kql, [], until=hour) == kept(store, kql, until=hour)
    store.add_process_events(LATER)
    assert worked_out(kql, LATER, until=hour) == kept(store, kql, until=hour)


@settings(deadline=None, max_examples=25)
@given(
    steps=st.lists(
        st.none()
        | st.lists(
            st.builds(
                event,
                st.sampled_from(COMMANDS),
                host=st.sampled_from(["EXCH01.contoso.com", "EXCH01", "EXCH02"]),
                minutes=st.integers(0, 100),
            ),
            max_size=4,
        ),
        max_size=5,
    ),
    word=st.sampled_from(list(RULE_FILES)),
)
def test_a_rule_sees_every_row_that_is_there_and_no_other(steps: list[Rows | None], word: str) -> None:
    """Whatever is added (a list) or dropped (None) between its evaluations."""
    kql = load_rule(RULE_FILES[word].path).query
    until = NINE + timedelta(hours=2)
    rows: Rows = []
    KEEPING.clear()
    for step in steps:
        rows = [] if step is None else rows + step
        if step is None:
            KEEPING.clear()
        else:
            KEEPING.add_process_events(step)
        assert worked_out(kql, rows, until=until) == kept(KEEPING, kql, until=until)


@pytest.mark.parametrize("kql", IN_PARTS)
def test_the_parts_of_a_query_are_kept(store: EventStore, kql: str) -> None:
    """No query of these is asked as a whole because its parts could not be."""
    store.clear()
    store.add_process_events(FIRST)
    kept(store, kql, until=NINE + timedelta(hours=1))

    parted = translate_parted(kql)
    assert parted.parts
    assert parted.whole.sql not in store._kept._whole


@pytest.mark.parametrize("kql", WHOLE)
def test_what_needs_more_than_its_row_has_no_parts(kql: str) -> None:
    """The clock, other tables, and whatever comes after rows were brought together; or nothing is saved."""
    assert () == translate_parted(kql).parts


def test_queries_that_end_alike_keep_rows_of_their_own(store: EventStore) -> None:
    """The same question over two selections is two questions."""
    store.clear()
    store.add_process_events(FIRST)
    question = "_Im_ProcessCreate | where CommandLine has '{}' | project Line = CommandLine | order by Line"
    hour = NINE + timedelta(hours=1)
    lines = {word: kept(store, question.format(word), until=hour)[1] for word in ("query", "whoami")}

    assert {"query": ["['query user']"], "whoami": ["['whoami']"]} == lines


def test_a_row_is_looked_at_once() -> None:
    """Asked only for rows that came since, however often it is followed; from the first after a clearing."""
    rows, asked = HeldRows(), list[int]()

    def ask(start: int) -> list[tuple[object, ...]]:
        asked.append(start)
        return [(row["TargetProcessCommandLine"],) for row in rows.of(PROCESS_EVENTS)[start:]]

    def add(*commands: str) -> None:
        rows.add(PROCESS_EVENTS, [read_row(PROCESS_EVENTS, 1, event(command)) for command in commands])

    followed = KeptRows(rows, PROCESS_EVENTS, plan="", columns={"Line": "string"}, ask=ask)
    add("one", "two")
    followed.follow()
    followed.follow()
    add("three")
    followed.follow()
    assert [0, 2] == asked
    assert [{"Line": "one"}, {"Line": "two"}, {"Line": "three"}] == followed.as_table().to_pylist()

    rows.clear()
    add("four", "five", "six")
    followed.follow()
    assert [0, 2, 0] == asked
    assert [{"Line": "four"}, {"Line": "five"}, {"Line": "six"}] == followed.as_table().to_pylist()
