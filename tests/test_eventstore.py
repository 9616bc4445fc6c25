"""The local workspace's tables and its KQL."""

import json
import threading
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise, product
from pathlib import Path
from types import MappingProxyType

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from outside import CONTRACTS

from simulator.eventstore import EventStore, QueryError, RowRefused
from simulator.eventstore.binding import bind, unbound
from simulator.eventstore.literals import quoted, tokens
from simulator.eventstore.tables import ALERTS, PROCESS_EVENTS, TABLES
from simulator.eventstore.translation import COLUMN_NAMES, SCHEMA

ROOT = Path(__file__).resolve().parent.parent
TABLE_FILE = CONTRACTS / "asim-process-event-tables.yaml"
NINE = datetime(2024, 11, 18, 21, tzinfo=UTC)


def event(command: str = "", *, at: datetime = NINE, **cells: object) -> dict[str, object]:
    """A native row with these cells."""
    return {
        "TimeGenerated": at,
        "EventType": "ProcessCreated",
        "DvcHostname": "EXCH01",
        "TargetProcessCommandLine": command,
        **cells,
    }


SCRATCH = EventStore()


@pytest.fixture(scope="module", autouse=True)
def close_in_the_end() -> Iterator[None]:
    """The stores that all tests share."""
    yield
    SCRATCH.close()
    FILLED.close()


@pytest.fixture
def store() -> Iterator[EventStore]:
    """An empty store in memory."""
    opened = EventStore()
    yield opened
    opened.close()


def lines(store: EventStore, kql: str) -> list[object]:
    """The first cell of each row of an answer."""
    return [row[0] for row in store.query(kql).rows]


def test_native_columns_are_those_of_the_service() -> None:
    """The table has the columns and types of the contract, and the columns the service adds."""
    if not TABLE_FILE.exists():
        pytest.skip(f"no table description at {CONTRACTS}; name its folder in API_CONTRACTS")
    native = yaml.safe_load(TABLE_FILE.read_text())["native_table"]
    wanted = {column["name"]: column["type"] for column in native["columns"]}
    wanted |= dict.fromkeys(native["standard_columns_added_by_the_service"], "string")

    assert wanted == dict(TABLES[PROCESS_EVENTS])


def test_the_views_have_the_columns_that_translation_counts_on(store: EventStore) -> None:
    """What DuckDB holds and what the translator is told are the same columns in the same order."""
    for table, columns in SCHEMA.items():
        assert columns == [name for name, _ in store.query(f"{table} | take 1").columns]


@pytest.mark.parametrize(
    ("cells", "dvc"),
    [
        ({"DvcFQDN": "exch01.contoso.com", "DvcHostname": "EXCH01"}, "exch01.contoso.com"),
        ({"DvcHostname": "EXCH01", "DvcIpAddr": "192.0.2.7"}, "EXCH01"),
        ({"DvcHostname": "", "DvcIpAddr": "192.0.2.7", "DvcId": "d-1"}, "192.0.2.7"),
        ({"DvcHostname": "", "DvcId": "d-1"}, "d-1"),
        ({"DvcHostname": "", "_ResourceId": "/subscriptions/s"}, "/subscriptions/s"),
    ],
)
def test_dvc_is_the_first_name_there_is(store: EventStore, cells: dict[str, object], dvc: str) -> None:
    """Dvc stands for the best of FQDN, host name, address, id and resource."""
    store.add_process_events([event(**cells)])

    assert [dvc] == lines(store, "_Im_ProcessCreate | project Dvc")


def test_parsers_add_the_aliases(store: EventStore) -> None:
    """Both parsers show process, command line, user, hash and schema under their short names."""
    cells = {"TargetProcessName": r"C:\a.exe", "TargetUsername": "CONTOSO\\adm", "TargetProcessSHA256": "ab"}
    store.add_process_events([event("a.exe -x", **cells)])

    for parser in ("_Im_ProcessCreate", "imProcessCreate"):
        table = store.query(f"{parser} | project Process, CommandLine, User, Hash, HashType, EventSchema")
        assert [[r"C:\a.exe", "a.exe -x", "CONTOSO\\adm", "ab", "SHA256", "ProcessEvent"]] == table.rows


def test_terminated_processes_come_through_the_parsers(store: EventStore) -> None:
    """As in Sentinel, the native parser filters no event type unless asked to."""
    store.add_process_events([event(), event(EventType="ProcessTerminated")])

    assert [2] == lines(store, "imProcessCreate | count")


def test_missing_strings_are_empty_and_missing_numbers_null(store: EventStore) -> None:
    """Kusto has no null strings; other types have nulls."""
    store.add_process_events([{"TimeGenerated": NINE, "EventProduct": None}])
    table = store.query(
        f"{PROCESS_EVENTS} | project EventProduct, EventCount, ActingProcessIsHidden, AdditionalFields"
    )

    assert [["", None, None, None]] == table.rows
    assert ["string", "int", "bool", "dynamic"] == [kind for _, kind in table.columns]
    assert [1] == lines(store, f"{PROCESS_EVENTS} | where EventProduct == '' and isempty(DvcFQDN) | count")


def test_no_null_string_leaves_a_query(store: EventStore) -> None:
    """The unmatched side of an outer join shows empty text."""
    store.add_process_events([event()])
    other = "_Im_ProcessCreate | where Dvc == 'x'"
    kql = f"_Im_ProcessCreate | join kind=leftouter ({other}) on Dvc | project User1"

    assert [""] == lines(store, kql)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("2024-11-18T21:00:04Z", "2024-11-18T21:00:04Z"),
        ("2024-11-18T21:00:04.5Z", "2024-11-18T21:00:04.5Z"),
        ("2024-11-18T21:00:04.1234567Z", "2024-11-18T21:00:04.123456Z"),
        ("2024-11-18T22:00:04+01:00", "2024-11-18T21:00:04Z"),
        (datetime(2024, 11, 18, 22, 0, 4, tzinfo=UTC) - timedelta(hours=1), "2024-11-18T21:00:04Z"),
    ],
)
def test_times_are_utc_and_end_in_z(store: EventStore, given: object, shown: str) -> None:
    """Times come in as text or datetime in any zone and leave as the service writes them."""
    store.add_process_events([{"TimeGenerated": given}])

    assert [shown] == lines(store, "_Im_ProcessCreate | project TimeGenerated")


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"TimeGenerated": NINE, "CommandLine": "x"}, "no column 'CommandLine' (row 1)"),
        ({"TimeGenerated": NINE, "EventCount": "many"}, "EventCount (row 1): 'many' is not a whole number"),
        ({"TimeGenerated": "yesterday"}, "TimeGenerated (row 1): 'yesterday' is not an ISO 8601 time"),
        ({"TimeGenerated": NINE, "ActingProcessIsHidden": "maybe"}, "is not true or false"),
        ({"TimeGenerated": NINE, "AdditionalFields": "{"}, "is not a JSON value"),
        ({"TimeGenerated": NINE, "DvcHostname": ["a"]}, "is not text"),
        ({"DvcHostname": "EXCH01"}, "row 1 has no TimeGenerated"),
    ],
)
def test_a_row_that_does_not_fit_is_refused_by_name(
    store: EventStore, row: dict[str, object], words: str
) -> None:
    """The refusal names table, row, column and what was wanted, and nothing is added."""
    with pytest.raises(RowRefused) as refused:
        store.add_process_events([row])

    assert words in str(refused.value)
    assert [0] == lines(store, f"{PROCESS_EVENTS} | count")


@settings(deadline=None, max_examples=50)
@given(text=st.text(min_size=1))
def test_any_text_comes_back_as_it_went_in(text: str) -> None:
    """Command lines are attackers' text: controls, NULs, quotes and bidi marks pass unharmed."""
    SCRATCH.clear()
    SCRATCH.add_process_events([event(text)])

    assert [text] == lines(SCRATCH, "_Im_ProcessCreate | project CommandLine")
    assert [1] == lines(
        SCRATCH, f"let t = {quoted(text)}; _Im_ProcessCreate | where CommandLine == t | count"
    )


def test_lone_surrogates_are_replaced(store: EventStore) -> None:
    """Text that is not Unicode is stored with a replacement character instead of failing."""
    store.add_process_events([event("a\ud800b")])

    assert ["a\ufffdb"] == lines(store, "_Im_ProcessCreate | project CommandLine")


@pytest.mark.parametrize("suffix", [".jsonl", ".csv"])
def test_whole_files_are_loaded(store: EventStore, tmp_path: Path, suffix: str) -> None:
    """A generated file gives the same rows as adding them one by one."""
    path = tmp_path / f"events{suffix}"
    if suffix == ".csv":
        path.write_text(
            'TimeGenerated,DvcHostname,TargetProcessCommandLine\n2024-11-18T21:00:00Z,EXCH01,"a ""b"""\n'
        )
    else:
        row = {
            "TimeGenerated": "2024-11-18T21:00:00Z",
            "DvcHostname": "EXCH01",
            "TargetProcessCommandLine": 'a "b"',
        }
        path.write_text(json.dumps(row) + "\n")

    assert 1 == store.load_process_events(path)
    table = store.query("_Im_ProcessCreate | project TimeGenerated, Dvc, CommandLine, DvcFQDN")
    assert [["2024-11-18T21:00:00Z", "EXCH01", 'a "b"', ""]] == table.rows


def test_a_file_with_a_foreign_column_is_refused(store: EventStore, tmp_path: Path) -> None:
    """The refusal names the file and the column."""
    path = tmp_path / "events.csv"
    path.write_text("TimeGenerated,Computer\n2024-11-18T21:00:00Z,EXCH01\n")

    with pytest.raises(RowRefused, match=r"events\.csv.*Computer"):
        store.load_process_events(path)


def test_alerts_and_incidents_are_asked_as_the_product_asks(store: EventStore) -> None:
    """Entities by name, incident of an alert, and the latest record of each incident."""
    host = json.dumps([{"$id": "3", "HostName": "EXCH01", "DnsDomain": "contoso.com", "Type": "host"}])
    store.add_alerts([{"TimeGenerated": NINE, "SystemAlertId": "a-1", "AlertName": "x", "Entities": host}])
    record = {"IncidentName": "i-1", "AlertIds": ["a-1"], "Labels": [{"labelName": "triage-closed"}]}
    store.add_incident_records(
        [
            {"TimeGenerated": NINE, "Status": "New", **record, "Labels": []},
            {"TimeGenerated": NINE + timedelta(minutes=5), "Status": "Closed", **record},
            {"TimeGenerated": NINE, "Status": "New", "IncidentName": "i-2", "AlertIds": ["a-2"]},
        ]
    )
    latest = "SecurityIncident | summarize arg_max(TimeGenerated, *) by IncidentName"

    assert ["a-1"] == lines(
        store, f'{ALERTS} | where Entities has_any ("exch01", "none") | project SystemAlertId'
    )
    assert [] == lines(store, f'{ALERTS} | where Entities has_any ("exch") | project SystemAlertId')
    assert ["Closed"] == lines(store, f'{latest} | where AlertIds has "a-1" | project Status')
    assert ["i-1"] == lines(store, f'{latest} | where Labels has "triage-closed" | project IncidentName')
    assert [1] == lines(store, f'{latest} | where Labels has "triage-closed" and Status == "Closed" | count')


def test_clear_empties_every_table(store: EventStore) -> None:
    """A store can be used for the next case."""
    store.add_process_events([event()])
    store.add_alerts([{"TimeGenerated": NINE}])
    store.add_incident_records([{"TimeGenerated": NINE}])
    store.clear()

    assert [0, 0, 0] == [lines(store, f"{table} | count")[0] for table in TABLES]


def test_a_store_in_a_file_keeps_its_rows(tmp_path: Path) -> None:
    """A file opened again holds what was put in."""
    first = EventStore(tmp_path / "events.duckdb")
    first.add_process_events([event("kept")])
    first.close()
    second = EventStore(tmp_path / "events.duckdb")

    assert ["kept"] == lines(second, "_Im_ProcessCreate | project CommandLine")
    second.close()


@pytest.mark.parametrize(
    ("text", "term", "found"),
    [
        ("x New-MailboxExportRequest y", "new-mailboxexportrequest", True),
        ("xNew-MailboxExportRequest", "New-MailboxExportRequest", False),
        ("New-MailboxExportRequests", "New-MailboxExportRequest", False),
        ("_New-MailboxExportRequest_", "New-MailboxExportRequest", True),
        ("\u202eNew-MailboxExportRequest\u202e", "New-MailboxExportRequest", True),
        ("äNew-MailboxExportRequest", "New-MailboxExportRequest", False),
        ("日本New-MailboxExportRequest New-MailboxExportRequest", "New-MailboxExportRequest", True),
        (r"C:\Windows\powershell.exe", "powershell.exe", True),
        (r"C:\Windows\powershell_ise.exe", "powershell", True),
        (r"C:\Windows\powershell.exe", "shell.exe", False),
    ],
)
def test_has_finds_whole_terms(store: EventStore, text: str, term: str, found: bool) -> None:
    """`has` matches a term between characters that are no letters or digits, in any case."""
    store.add_process_events([event(text)])

    assert [int(found)] == lines(store, f"_Im_ProcessCreate | where CommandLine has '{term}' | count")
    assert [int(found)] == lines(
        store, f"let t = '{term}'; _Im_ProcessCreate | where CommandLine has t | count"
    )


@settings(deadline=None)
@given(
    text=st.text(st.sampled_from("ab-. \u202eäßſK²_日"), max_size=8),
    term=st.text(st.sampled_from("ab-.ä²k"), min_size=1, max_size=3),
)
def test_the_fast_matcher_agrees_with_the_plain_one(text: str, term: str) -> None:
    """The shortcut for `has` never changes an answer."""
    pattern = "'(?i)(?:^|[^\\pL\\pN])' || regexp_escape($term) || '(?:$|[^\\pL\\pN])'"
    query = f"SELECT regexp_matches($text, {pattern}), system.main.regexp_matches($text, {pattern})"
    fast, plain = SCRATCH._connection.execute(query, {"text": text, "term": term}).fetchall()[0]

    assert plain == fast


def test_timespan_limits_every_table_and_adds_to_filters(store: EventStore) -> None:
    """Both ends are included; joins and the query's own filters see the rest alone."""
    store.add_process_events([event(str(n), at=NINE + timedelta(hours=n)) for n in range(4)])
    store.add_alerts([{"TimeGenerated": NINE + timedelta(hours=n)} for n in range(4)])
    span = (NINE + timedelta(hours=1), NINE + timedelta(hours=2))
    asked = [
        ("_Im_ProcessCreate | project CommandLine", [["1"], ["2"]]),
        (
            "_Im_ProcessCreate | where TimeGenerated > datetime(2024-11-18T22:00:00Z) | project CommandLine",
            [["2"]],
        ),
        ("SecurityAlert | count", [[2]]),
        ("imProcessCreate | join kind=inner (_Im_ProcessCreate) on EventType | count", [[4]]),
        (
            "union (_Im_ProcessCreate | project Type), (SecurityAlert | project Type) | count",
            [[4]],
        ),
    ]

    for kql, rows in asked:
        assert rows == sorted(store.query(kql, timespan=span).rows)


def test_the_clock_is_the_callers(store: EventStore) -> None:
    """`ago` and `now` count from the given moment, also in a text that was asked before."""
    store.add_process_events([event(at=NINE)])
    kql = "_Im_ProcessCreate | where TimeGenerated > ago(1h) | count"

    assert [[1]] == store.query(kql, now=NINE + timedelta(minutes=59)).rows
    assert [[0]] == store.query(kql, now=NINE + timedelta(minutes=61)).rows


@pytest.mark.parametrize(
    ("kql", "code", "words"),
    [
        ("_Im_ProcessCreate | wherex", "SyntaxError", "could not be parsed"),
        ("print 'a", "SyntaxError", "line 1 does not end"),
        (r'print "c:\dir"', "SyntaxError", r"Unknown escape \d"),
        ("Nope | take 1", "SemanticError", "named 'Nope'"),
        ("duckdb_tables | take 1", "SemanticError", "named 'duckdb_tables'"),
        ("_im_processcreate | take 1", "SemanticError", "named '_im_processcreate'"),
        ("_Im_ProcessCreate | where Nope == 1", "SemanticError", "Nope"),
        ("_Im_ProcessCreate | where commandline has 'x'", "SemanticError", "did you mean 'CommandLine'"),
        ("_Im_ProcessCreate | extend x = prev(Dvc)", "UnsupportedQuery", "prev"),
        ("", "SyntaxError", ""),
    ],
)
def test_a_wrong_query_says_what_is_wrong(store: EventStore, kql: str, code: str, words: str) -> None:
    """Text that does not parse and names that are not there are told apart, by Log Analytics' words."""
    with pytest.raises(QueryError) as refused:
        store.query(kql)

    assert code == refused.value.code
    assert words in refused.value.message


@pytest.mark.parametrize(
    ("literal", "value"),
    [
        (r'"\\"', "\\"),
        (r'"\""', '"'),
        (r'"\u202e"', "\u202e"),
        (r"'\t\n\r\'\x41\U0001F600\101'", "\t\n\r'A\U0001f600A"),
        (r'@"C:\dir ""x"""', r'C:\dir "x"'),
        (r"@'\\fs02\users$'' '", r"\\fs02\users$' "),
        ("h'secret'", "secret"),
        ("```a\n'b'\\```", "a\n'b'\\"),
        ("'a' \"b\"", "ab"),
        ("'a // b' // c", "a // b"),
    ],
)
def test_string_literals_read_as_kusto_reads_them(store: EventStore, literal: str, value: str) -> None:
    """Every spelling of a string, and comments, mean what the KQL reference says."""
    assert [value] == lines(store, f"print x = {literal}")


@settings(deadline=None)
@given(value=st.text())
def test_a_quoted_text_is_one_literal(value: str) -> None:
    """Quoting any text gives one string token with that value."""
    assert [("string", value)] == [(token.kind, token.value) for token in tokens(quoted(value))]


SAMPLES = (
    event('powershell.exe -c "New-MailboxExportRequest -Mailbox a"', DvcFQDN="EXCH01.contoso.com"),
    event("cmd.exe /c dir C:\\%TEMP%_x", at=NINE + timedelta(minutes=1), DvcHostname="exch02"),
    event(
        "\u202eé–x 'q' \"r\" \\\\fs\\a$",
        at=NINE + timedelta(minutes=2),
        DvcHostname="",
        DvcIpAddr="192.0.2.7",
    ),
    event("", at=NINE + timedelta(minutes=3)),
)
SHAPES = (
    "| where TimeGenerated between (since .. until) | where DvcHostname in~ (hosts) or DvcFQDN in~ (hosts)",
    "| where TimeGenerated >= since and TimeGenerated < until | where CommandLine has_any (terms)",
    "| where CommandLine has_all (terms) | order by TimeGenerated desc | take 2",
    "| where CommandLine has word or CommandLine contains word | where Dvc !in~ (hosts)",
    "| where CommandLine !has word and CommandLine !contains word | where TimeGenerated > since",
    "| where CommandLine startswith word or CommandLine endswith word or CommandLine == word or Dvc =~ word",
    "| where (CommandLine != word) and Dvc in (hosts) | summarize n = count() by Dvc",
    "| where TimeGenerated between (since .. until) | extend seen = iff(CommandLine has word, word, '')",
    "| join kind=inner (_Im_ProcessCreate | where CommandLine has word and Dvc in~ (hosts)) on Dvc",
)
WORDS = st.sampled_from(
    ["x", "new-mailboxexportrequest", "%", "_", "\\", "c:\\", "'", '"', "\u202e", "é", "–", "-", ""]
)
HOSTS = st.sampled_from(["exch01", "EXCH01.contoso.com", "exch02", "192.0.2.7", "", "none'"])
MOMENTS = st.sampled_from(
    ["2024-11-18T21:00:00Z", "2024-11-18T21:01:30.5Z", "2024-11-18 21:02", "2024-11-19"]
)
FILLED = EventStore()
FILLED.add_process_events(SAMPLES)


@settings(deadline=None, max_examples=60)
@given(
    shape=st.sampled_from(SHAPES),
    word=WORDS,
    hosts=st.lists(HOSTS, max_size=3),
    terms=st.lists(WORDS, max_size=3),
    since=MOMENTS,
    until=MOMENTS,
)
def test_bound_values_answer_as_written_values(
    shape: str, word: str, hosts: list[str], terms: list[str], since: str, until: str
) -> None:
    """Lifting `let` values out of a query never changes its answer."""
    kql = (
        f"let since = datetime({since}); let until = datetime({until});\n"
        f"let hosts = dynamic([{', '.join(map(quoted, hosts))}]); // hosts\n"
        f"let terms = dynamic([{', '.join(map(quoted, terms))}]);\nlet word = {quoted(word)};\n"
        f"_Im_ProcessCreate {shape}"
    )
    direct, lifted = FILLED._answer(unbound(kql)), FILLED.query(kql)

    assert direct.columns == lifted.columns
    assert sorted(map(str, direct.rows)) == sorted(map(str, lifted.rows))


def test_the_products_shapes_share_one_translation() -> None:
    """Two runs that differ in values alone are one text to the translator."""
    kql = 'let since = datetime({0}); let hosts = dynamic(["{1}"]); _Im_ProcessCreate {2}'
    shape = "| where TimeGenerated > since | where Dvc in~ (hosts)"
    one = bind(kql.format("2024-11-18T21:00:00Z", "exch01", shape), COLUMN_NAMES)
    two = bind(kql.format("2024-11-18T22:00:00Z", "exch02", shape), COLUMN_NAMES)

    assert one.text == two.text
    assert {"bound_since_0": NINE, "bound_hosts_0": "exch01"} == dict(one.values)


@pytest.mark.parametrize(
    "kql",
    [
        "let p = @'a.c'; _Im_ProcessCreate | where CommandLine matches regex p",
        "let p = 'a'; _Im_ProcessCreate | extend x = strcat(p, Dvc)",
        "let p = 'a'; _Im_ProcessCreate | extend p = Dvc | where Dvc has p",
        "let Dvc = 'a'; _Im_ProcessCreate | where CommandLine has Dvc",
        "let p = dynamic(['a', 1]); _Im_ProcessCreate | where Dvc in (p)",
        "let p = dynamic([]); _Im_ProcessCreate | where Dvc in (p)",
        "let p = datetime(2024-11-18T21:00:00.1234567Z); _Im_ProcessCreate | where TimeGenerated > p",
        "let p = 1h; _Im_ProcessCreate | where TimeGenerated > ago(p)",
        "let p = 'a'; let p = 'b'; _Im_ProcessCreate | where Dvc has p",
        "let p = 'a'; let q = p; _Im_ProcessCreate | where Dvc has q",
    ],
)
def test_a_value_whose_place_is_not_certain_stays_in_the_text(kql: str) -> None:
    """Patterns, arguments, hidden names, mixed lists and chained values are not lifted."""
    assert {} == dict(bind(kql, COLUMN_NAMES).values)


def test_project_reorder_moves_columns_and_keeps_the_rest(store: EventStore) -> None:
    """The local engine lacks the operator, so it is rewritten."""
    table = store.query("print a = 1, b = 2, c = 3 | project-reorder c, a | extend d = 4")

    assert ["c", "a", "b", "d"] == [name for name, _ in table.columns]


def test_dynamic_cells_and_timespans_are_text(store: EventStore) -> None:
    """Values of every kind are ready for JSON."""
    asked = {
        'dynamic({"x": [1, "é"]})': '{"x":[1,"é"]}',
        'dynamic("s")': "s",
        "26h": "1.02:00:00",
        "-90s": "-00:01:30",
        "1.5": 1.5,
        "true": True,
        "int(null)": None,
    }

    assert [list(asked.values())] == store.query(f"print {', '.join(asked)}").rows


def test_base64_that_is_no_text_decodes_to_nothing(store: EventStore) -> None:
    """As in Kusto; and NULs are NULs."""
    asked = ", ".join(f"base64_decode_tostring('{text}')" for text in ("%%", "/ADwAA==", "cABcAA=="))

    assert [["", "", "p\0\\\0"]] == store.query(f"print {asked}").rows


def test_threads_may_write_and_ask_at_once(store: EventStore) -> None:
    """Eight threads, each adding rows and counting its own, always see what they added."""
    failures: list[object] = []

    def work(name: str) -> None:
        for number in range(1, 11):
            store.add_process_events([event(f"{name} x{number}")])
            counted = store.query(
                f"let me = '{name}'; _Im_ProcessCreate | where CommandLine has me | count"
            ).rows
            if counted != [[number]]:
                failures.append((name, number, counted))

    threads = [threading.Thread(target=work, args=(f"worker{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [] == failures
    assert [80] == lines(store, f"{PROCESS_EVENTS} | count")


def test_rows_are_read_only_views_too(store: EventStore) -> None:
    """Any mapping is a row."""
    assert 1 == store.add_process_events([MappingProxyType(event("x"))])


def tabled(folder: Path, rows: Iterable[Mapping[str, object]]) -> EventStore:
    """A store that keeps its rows in tables, as one in a file does."""
    opened = EventStore(folder / "events.duckdb")
    opened.add_process_events(rows)
    return opened


ODD_WORDS = ("x", "k", "\u212a", "s", "ſ", "é", "É", "a-b", ".", "日", "ß", "\\", "'", "$kqlp0", "%")
ODD_TEXTS = [
    event(f"{before}{word}{after}", at=NINE + timedelta(minutes=number))
    for number, (before, word, after) in enumerate(
        product(("", "a", "ä", " ", "\\"), ODD_WORDS, ("", "b", "é", "-"))
    )
]


@pytest.mark.parametrize("operator", ["has", "!has", "contains", "startswith", "==", "=~", "has_cs"])
def test_few_rows_and_many_are_answered_alike(tmp_path: Path, store: EventStore, operator: str) -> None:
    """Rows that are held, and a plan that is kept, give what tables give, for any letters."""
    store.add_process_events(ODD_TEXTS)
    many = tabled(tmp_path, ODD_TEXTS)
    for word in ODD_WORDS:
        kql = f"let word = {quoted(word)}; _Im_ProcessCreate | where CommandLine {operator} word"
        kql += " | project CommandLine"

        assert sorted(map(str, lines(many, kql))) == sorted(map(str, lines(store, kql))), word
    many.close()


@pytest.mark.parametrize("operator", ["has_any", "has_all"])
def test_terms_that_are_told_together_find_what_each_finds(store: EventStore, operator: str) -> None:
    """The patterns that the terms of a list share find the lines that the list as written finds."""
    store.add_process_events(ODD_TEXTS)
    for one, other in pairwise((*ODD_WORDS, ODD_WORDS[0])):
        kql = (
            f"let words = dynamic([{quoted(one)}, {quoted(other)}]);\n"
            f"_Im_ProcessCreate | where CommandLine {operator} (words) | project CommandLine"
        )
        told, written = store.query(kql), store._answer(unbound(kql))

        assert sorted(map(str, written.rows)) == sorted(map(str, told.rows)), (one, other)


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_is_answered_alike_from_few_rows_and_many(
    tmp_path: Path, store: EventStore, shape: str
) -> None:
    """Columns, their types and rows are the same in both."""
    store.add_process_events(SAMPLES)
    many = tabled(tmp_path, SAMPLES)
    kql = (
        f"let since = datetime({NINE:%Y-%m-%d}); let until = datetime(2024-11-20);\nlet word = 'x';"
        "let hosts = dynamic(['exch01', 'exch02']); let terms = dynamic(['x', 'y']);\n"
        f"_Im_ProcessCreate {shape}"
    )
    if {"EventUid", "_ItemId"} <= dict(store.query(kql).columns).keys():
        kql += " | project-away EventUid, _ItemId"

    for span in (None, (NINE - timedelta(days=1), NINE + timedelta(seconds=30))):
        few, more = store.query(kql, timespan=span), many.query(kql, timespan=span)
        assert more.columns == few.columns
        assert sorted(map(str, more.rows)) == sorted(map(str, few.rows))
    many.close()


def test_one_plan_answers_for_any_values_and_any_rows(store: EventStore) -> None:
    """A query that differs in values alone, or comes after other rows, runs on the plan that is there."""
    kql = "let word = {0}; _Im_ProcessCreate | where CommandLine has word | count"
    found = []
    for number, word in enumerate(["x", "a'b", "c\0d", "\u212a", "x"]):
        store.add_process_events([event(f"{word} {number}")])
        found += lines(store, kql.format(quoted(word)))

    assert [1, 1, 1, 1, 2] == found
    assert 1 == len(store._kept._plans)


def test_a_store_that_grows_keeps_its_rows(store: EventStore) -> None:
    """Beyond 20,000 rows they lie in tables, alerts among them; an emptied store begins anew."""
    store.add_alerts([{"TimeGenerated": NINE, "SystemAlertId": "a1"}])
    for _ in range(3):
        store.add_process_events(event(f"x{number}") for number in range(7_000))

    assert [21_000] == lines(store, "_Im_ProcessCreate | count")
    assert ["a1"] == lines(store, "SecurityAlert | project SystemAlertId")
    store.clear()
    assert [0] == lines(store, "_Im_ProcessCreate | count")
    store.add_process_events([event("again")])
    assert ["again"] == lines(store, "_Im_ProcessCreate | project CommandLine")


def test_more_plans_than_are_kept_do_no_harm(store: EventStore) -> None:
    """The plan that was not used for longest makes room, and is made anew when it is asked for."""
    store.add_process_events([event("x")])
    texts = [f"_Im_ProcessCreate | where CommandLine != 'y{number}' | count" for number in range(260)]

    assert [1] * 261 == [found for kql in (*texts, texts[0]) for found in lines(store, kql)]
