"""The seed rule with its gaps, and the correlated rule that closes them."""

import base64
import json
import random
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from fakes import fake_event, fake_policy
from hypothesis import given, settings
from hypothesis import strategies as st
from outside import CASES, CONTRACTS
from worlds import TENANT

from playbooks.mailbox_export.readings import is_relevant, read_event
from simulator.catalogues import RULE_FILES
from simulator.eventstore import EventStore
from simulator.eventstore.tables import TABLES
from simulator.eventstore.translation import SCHEMA
from simulator.rules import HitAccount, Rule, RuleHit, RuleRefused, load_rule, run

CORRELATED_RULE, SEED_RULE = RULE_FILES["correlated"].path, RULE_FILES["seed"].path
ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / "tools"

# The values of AttackTactic, SecurityInsights 2025-09-01.
TACTICS = {
    "Reconnaissance",
    "ResourceDevelopment",
    "InitialAccess",
    "Execution",
    "Persistence",
    "PrivilegeEscalation",
    "DefenseEvasion",
    "CredentialAccess",
    "Discovery",
    "LateralMovement",
    "Collection",
    "Exfiltration",
    "CommandAndControl",
    "Impact",
    "PreAttack",
    "ImpairProcessControl",
    "InhibitResponseFunction",
}

POWERSHELL = r"C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe"
EXPORT = r"New-MailboxExportRequest -Mailbox ceo -FilePath '\\fs02.contoso.com\pst$\ceo.pst'"
REMOVAL = "Get-MailboxExportRequest -Mailbox ceo | Remove-MailboxExportRequest -Confirm:$false"
ADMIN = {"ActorUsername": "CONTOSO\\exadmin1", "ActorUserId": "S-1-5-21-1-2-3-1001"}

type Sees = Callable[..., list[RuleHit]]


def event(command: str, clock: str = "10:10", **cells: object) -> dict[str, object]:
    """One process of PowerShell on EXCH01 as the admin, unless a cell says otherwise."""
    return {
        "TimeGenerated": f"2024-11-18T{clock}:00Z",
        "EventType": "ProcessCreated",
        "EventVendor": "Microsoft",
        "EventProduct": "Security Events",
        "DvcHostname": "EXCH01.contoso.com",
        "DvcFQDN": "EXCH01.contoso.com",
        "ActingProcessName": r"C:\Windows\System32\cmd.exe",
        "TargetProcessName": POWERSHELL,
        "TargetProcessCommandLine": f'powershell.exe -Command "{command}"',
        **ADMIN,
        **cells,
    }


def encoded(script: str) -> str:
    """A command line with the script as PowerShell encodes it."""
    return f"powershell.exe -NoP -enc {base64.b64encode(script.encode('utf-16-le')).decode()}"


def line(text: str) -> dict[str, object]:
    """The cell of a whole command line."""
    return {"TargetProcessCommandLine": text}


@pytest.fixture(scope="module")
def store() -> Iterator[EventStore]:
    """One store for all tests here; each empties it first."""
    opened = EventStore()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def correlated_rule() -> Rule:
    """The correlated rule."""
    return load_rule(CORRELATED_RULE)


def _seeing(store: EventStore, rule: Rule) -> Sees:
    def sees(*events: dict[str, object]) -> list[RuleHit]:
        store.clear()
        store.add_process_events(events)
        day = datetime(2024, 11, 18, tzinfo=UTC)
        return list(run(rule, store, start=day, end=day + timedelta(days=1)))

    return sees


@pytest.fixture
def seed(store: EventStore) -> Sees:
    """Runs the seed rule on events."""
    return _seeing(store, load_rule(SEED_RULE))


@pytest.fixture
def correlated(store: EventStore, correlated_rule: Rule) -> Sees:
    """Runs the correlated rule on events."""
    return _seeing(store, correlated_rule)


# --- the files -------------------------------------------------------------------------------------


def test_the_seed_rule_is_the_published_text() -> None:
    """The hunting query's file is its authors' file, byte for byte."""
    published = CONTRACTS.parent / "rules" / "hunting-query.yaml"
    if not published.exists():
        pytest.skip(f"the published text is not at {published}")

    assert published.read_bytes() == SEED_RULE.read_bytes()


def test_the_seed_rule_keeps_what_makes_it_the_seed() -> None:
    """Id, parser, window and join of the published query, also where its file is not at hand."""
    rule = load_rule(SEED_RULE)

    assert "4500a2ff-455b-4ee7-a21d-5ac5c7c9ea87" == rule.id
    assert not rule.is_scheduled
    assert 2 == rule.query.count("imProcessCreate\n")
    assert "| project-reorder timekey, Dvc, ActorUsername, CommandLine\n" in rule.query
    assert ["timekey", "Dvc", "CommandLine", "ActorUsername"] == re.findall(
        r"\w+", rule.query.rsplit("| summarize by ", 1)[1].partition("\n")[0]
    )


@pytest.mark.parametrize("path", [rule.path for rule in RULE_FILES.values()], ids=list(RULE_FILES))
def test_a_rule_speaks_sentinels_vocabulary(path: Path) -> None:
    """Tactics are Sentinel's, techniques look like ATT&CK ids, mapped columns are in the query."""
    rule = load_rule(path)

    assert set(rule.tactics) <= TACTICS
    assert all(re.fullmatch(r"T\d{4}(\.\d{3})?", technique) for technique in rule.techniques)
    assert {"Account", "Host"} == {mapping.kind for mapping in rule.entity_mappings}
    for mapping in rule.entity_mappings:
        assert all(re.search(rf"\b{column}\b", rule.query) for column in mapping.columns.values())


def test_the_correlated_rule_keeps_sentinels_limits(correlated_rule: Rule) -> None:
    """Ten entity mappings of three fields, twenty custom details of short names, 10,000 characters."""
    assert len(correlated_rule.query) < 10_000
    assert len(correlated_rule.entity_mappings) <= 10
    assert all(len(mapping.columns) <= 3 for mapping in correlated_rule.entity_mappings)
    assert len(correlated_rule.custom_details) <= 20
    assert all(re.fullmatch(r"[A-Za-z0-9]{1,20}", name) for name in correlated_rule.custom_details)
    assert "imProcessCreate" not in correlated_rule.query.replace("_Im_ProcessCreate", "")


def test_the_correlated_rule_looks_back_far_enough(correlated_rule: Rule) -> None:
    """A pair an hour apart is whole in some run, even if logged a quarter of an hour late."""
    frequency, period = correlated_rule.query_frequency, correlated_rule.query_period
    window, lateness = timedelta(minutes=60), timedelta(minutes=15)

    assert frequency
    assert period
    assert period >= window + lateness + frequency
    assert "let window = 60m;" in correlated_rule.query


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"querry": "x"}, "unknown keys: querry"),
        ({"tags": []}, "unknown keys: tags"),
        ({"query": None}, "lacks query"),
        ({"queryPeriod": "soon"}, "'soon' is no duration"),
        ({"entityMappings": [{"entityType": "Host", "fields": []}]}, "nothing else"),
        (
            {"entityMappings": [{"entityType": "Host", "fieldMappings": [{"identifier": "x"}]}]},
            "nothing else",
        ),
    ],
)
def test_a_rule_file_that_is_not_one_is_refused(
    tmp_path: Path, change: dict[str, object], words: str
) -> None:
    """Missing and unknown keys and unreadable values are named."""
    document = yaml.safe_load(CORRELATED_RULE.read_text(encoding="utf-8")) | change
    path = tmp_path / "rule.yaml"
    path.write_text(yaml.safe_dump({key: value for key, value in document.items() if value is not None}))

    with pytest.raises(RuleRefused, match=re.escape(words)):
        load_rule(path)


def test_microsofts_parser_accepts_every_rule() -> None:
    """No error and no warning of Kusto's own analysis; and a planted mistake is found."""
    if not shutil.which("node") or not (TOOLS / "node_modules" / "@kusto").exists():
        pytest.skip("Node or @kusto/language-service-next is missing; run `npm ci` in tools/")
    tables = {name: _types(name) for name in SCHEMA}
    queries = {word: load_rule(rule.path).query for word, rule in RULE_FILES.items()}
    queries["planted"] = queries["correlated"].replace("CommandLine", "Commandline")
    asked = json.dumps({"tables": tables, "queries": queries})
    answered = subprocess.run(  # noqa: S603
        [str(shutil.which("node")), str(TOOLS / "kql_lint.mjs")],
        input=asked, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    found = json.loads(answered.stdout)

    assert "KS142" in {item["code"] for item in found.pop("planted")}
    assert {word: [] for word in RULE_FILES} == found


def _types(table: str) -> dict[str, str]:
    known = TABLES.get(table, TABLES["ASimProcessEventLogs"])
    return {column: known.get(column, "string") for column in SCHEMA[table]}


# --- what both see ---------------------------------------------------------------------------------


def test_both_rules_see_the_plain_pair(seed: Sees, correlated: Sees) -> None:
    """An export and its removal in one clock hour, by one account, in powershell.exe."""
    pair = event(EXPORT, "10:10"), event(REMOVAL, "10:40")
    (old,), (new,) = seed(*pair), correlated(*pair)

    assert ("EXCH01.contoso.com", datetime(2024, 11, 18, 10, tzinfo=UTC)) == (old.host, old.start)
    assert timedelta(hours=1) == old.end - old.start
    assert HitAccount(name="exadmin1", nt_domain="CONTOSO") == old.account
    assert "exch01.contoso.com" == new.host
    assert HitAccount(name="exadmin1", nt_domain="CONTOSO", sid="S-1-5-21-1-2-3-1001") == new.account
    assert [(10, 10), (10, 40)] == [(moment.hour, moment.minute) for moment in (new.start, new.end)]


def test_the_correlated_row_carries_both_halves(correlated: Sees) -> None:
    """Both command lines, times, parents, SIDs and the target are custom details."""
    parent = {"ActingProcessName": r"C:\Windows\System32\inetsrv\w3wp.exe"}
    (hit,) = correlated(event(EXPORT, "10:10"), event(REMOVAL, "10:40", **parent))
    wanted = {
        "ExportCommand": f'powershell.exe -Command "{EXPORT}"',
        "RemovalCommand": f'powershell.exe -Command "{REMOVAL}"',
        "ExportTime": "2024-11-18T10:10:00Z",
        "RemovalTime": "2024-11-18T10:40:00Z",
        "ExportParent": r"C:\Windows\System32\cmd.exe",
        "RemovalParent": r"C:\Windows\System32\inetsrv\w3wp.exe",
        "ExportSid": "S-1-5-21-1-2-3-1001",
        "RemovalSid": "S-1-5-21-1-2-3-1001",
        "Targets": r"\\fs02.contoso.com\pst$\ceo.pst",
        "Order": "export first",
        "Encoded": "false",
        "RecordSuppressed": "false",
        "Sources": "Security Events",
    }

    assert wanted == {name: hit.custom_details[name] for name in wanted}


def test_neither_rule_sees_an_export_alone(seed: Sees, correlated: Sees) -> None:
    """An export whose record stays is no hit; nor is a removal alone."""
    assert [] == seed(event(EXPORT)) + seed(event(REMOVAL))
    assert [] == correlated(event(EXPORT)) + correlated(event(REMOVAL))


def test_neither_rule_sees_other_hosts_together(seed: Sees, correlated: Sees) -> None:
    """An export on one host and a removal on another are no pair."""
    other = {"DvcHostname": "EXCH02.contoso.com", "DvcFQDN": "EXCH02.contoso.com"}

    assert [] == seed(event(EXPORT), event(REMOVAL, **other))
    assert [] == correlated(event(EXPORT), event(REMOVAL, **other))


def test_neither_rule_sees_a_script_file(seed: Sees, correlated: Sees) -> None:
    """A known gap of both: with -File the cmdlets are on no command line."""
    scripts = (
        event("", **line(r"powershell.exe -File C:\a.ps1")),
        event("", "10:20", **line(r"powershell -f b.ps1")),
    )

    assert [] == seed(*scripts) + correlated(*scripts)


# --- the seed's gaps, and the correlated rule without them -----------------------------------------


def test_a_pair_across_the_clock_hour(seed: Sees, correlated: Sees) -> None:
    """10:55 and 11:05: the seed's bins part them, the sliding window does not."""
    pair = event(EXPORT, "10:55"), event(REMOVAL, "11:05")

    assert [] == seed(*pair)
    assert 1 == len(correlated(*pair))


@pytest.mark.parametrize(("removed_at", "hits"), [("11:10", 1), ("11:11", 0)])
def test_the_window_is_an_hour(correlated: Sees, removed_at: str, hits: int) -> None:
    """Sixty minutes apart is a pair, sixty-one is not."""
    assert hits == len(correlated(event(EXPORT, "10:10"), event(REMOVAL, removed_at)))


def test_order_is_looked_at(seed: Sees, correlated: Sees) -> None:
    """The seed shows a removal before the export alike; the correlated rule says which came first."""
    pair = event(EXPORT, "10:40"), event(REMOVAL, "10:10")

    assert 1 == len(seed(*pair))
    assert "removal first" == correlated(*pair)[0].custom_details["Order"]


def test_the_removals_command_line_is_kept(seed: Sees, correlated: Sees) -> None:
    """The seed drops it."""
    pair = event(EXPORT, "10:10"), event(REMOVAL, "10:40")

    assert not any("Remove-" in str(cell) for cell in seed(*pair)[0].row.values())
    assert "Remove-" in correlated(*pair)[0].custom_details["RemovalCommand"]


def test_one_command_with_both_cmdlets_says_so(seed: Sees, correlated: Sees) -> None:
    """The seed joins the event with itself as a pair; the correlated rule tells that it is one event."""
    both = event(f"{EXPORT}; {REMOVAL}")

    assert 1 == len(seed(both))
    (hit,) = correlated(both)
    assert "both in one command" == hit.custom_details["Order"]
    assert ("1", "1") == (hit.custom_details["Exports"], hit.custom_details["Removals"])


def test_three_exports_and_one_removal_are_one_row(seed: Sees, correlated: Sees) -> None:
    """The seed makes three rows, so three alerts."""
    exports = [event(EXPORT.replace("ceo", name), f"10:1{number}") for number, name in enumerate("abc")]

    assert 3 == len(seed(*exports, event(REMOVAL, "10:40")))
    (hit,) = correlated(*exports, event(REMOVAL, "10:40"))
    assert "3" == hit.custom_details["Exports"]
    assert 3 == hit.custom_details["Targets"].count(".pst")


def test_two_episodes_are_two_rows(correlated: Sees) -> None:
    """Pairs hours apart on one host are not run together."""
    hits = correlated(
        event(EXPORT, "08:00"), event(REMOVAL, "08:30"), event(EXPORT, "14:00"), event(REMOVAL, "14:30")
    )

    assert [8, 14] == [hit.start.hour for hit in hits]
    assert [8, 14] == [hit.end.hour for hit in hits]


@pytest.mark.parametrize("name", ["pwsh.exe", "powershell_ise.exe", "svchost.exe", "renamed.exe"])
def test_any_process_name(seed: Sees, correlated: Sees, name: str) -> None:
    """PowerShell 7, the ISE and renamed copies: the seed wants powershell.exe or cmd.exe."""
    cells = {"TargetProcessName": rf"C:\Temp\{name}"}
    pair = (
        event("", **cells, **line(f"{name} -c {EXPORT}")),
        event("", "10:20", **cells, **line(f"{name} -c {REMOVAL}")),
    )

    assert [] == seed(*pair)
    assert 1 == len(correlated(*pair))


def test_encoded_commands_are_decoded(seed: Sees, correlated: Sees) -> None:
    """-EncodedCommand holds UTF-16LE base64, which the seed does not read."""
    pair = event("", **line(encoded(EXPORT))), event("", "10:20", **line(encoded(REMOVAL)))

    assert [] == seed(*pair)
    (hit,) = correlated(*pair)
    assert ("true", r"\\fs02.contoso.com\pst$\ceo.pst") == (
        hit.custom_details["Encoded"],
        hit.custom_details["Targets"],
    )


@pytest.mark.parametrize("switch", ["-e", "-ec", "-EncodedCommand", "/enc", "–enc", "-e^n^c", "-ENC:"])
def test_every_spelling_of_the_switch(correlated: Sees, switch: str) -> None:
    """PowerShell takes any beginning of the name, several dashes, a slash and a colon."""
    text = encoded(f"{EXPORT}; {REMOVAL}").replace("-enc ", f"{switch} ").replace(": ", ":")

    assert 1 == len(correlated(event("", **line(text))))


def test_an_encoded_command_that_cannot_be_read_is_a_hit_alone(correlated: Sees) -> None:
    """One letter beyond ASCII makes Kusto's decoder answer nothing; the pattern on the base64 still holds."""
    (hit,) = correlated(event("", **line(encoded(f"{EXPORT} # Müller"))))

    assert "true" == hit.custom_details["Encoded"]


def test_a_decoy_before_the_encoded_command(correlated: Sees) -> None:
    """Base64 that comes first and says nothing does not hide the second."""
    decoy = encoded("Get-Date; Get-Date; Get-Date")

    assert 1 == len(correlated(event("", **line(f"{decoy} ; {encoded(f'{EXPORT}; {REMOVAL}')}"))))


@settings(deadline=None)
@given(
    before=st.text(st.characters(codec="utf-8"), max_size=7),
    after=st.text(st.characters(codec="utf-8"), max_size=7),
    seed=st.integers(),
)
def test_the_pattern_on_base64_knows_every_alignment(before: str, after: str, seed: int) -> None:
    """Wherever the word starts and however its letters are cased."""
    pattern = re.search(r"let unread = @'([^']+)'", load_rule(CORRELATED_RULE).query)
    chance = random.Random(seed)  # noqa: S311 - letters' case, nothing secret
    cased = "".join(chance.choice((letter, letter.upper())) for letter in "exportrequest")
    text = base64.b64encode(f"{before}{cased}{after}".encode("utf-16-le")).decode()

    assert pattern
    assert re.search(pattern[1], text)


@pytest.mark.parametrize(
    "text",
    [
        "New-Mailbox`Export`Request x; Rem`ove-MailboxExportRequest x",
        "&('New-Mailbox'+'ExportRequest') x; &('Remove-'+'MailboxExportRequest') x",
        "cmd.exe /c powershell New-^Mailbox^ExportRequest x ^& Remove-^MailboxExportRequest x",
        "New–MailboxExportRequest x; REMOVE–MAILBOXEXPORTREQUEST x",
        'New-"Mailbox"ExportRequest x; Remove-"Mailbox"ExportRequest x',
    ],
)
def test_marks_between_the_letters_do_not_hide_a_cmdlet(seed: Sees, correlated: Sees, text: str) -> None:
    """Backticks, carets, joined strings, other dashes and inner quotes."""
    assert [] == seed(event("", **line(text)))
    assert 1 == len(correlated(event("", **line(text))))


def base64_of(script: str, encoding: str) -> str:
    """Base64 of a script."""
    return base64.b64encode(script.encode(encoding)).decode()


@pytest.mark.parametrize(
    "text",
    [
        encoded(EXPORT),
        encoded(f"{EXPORT} # Müller"),
        f"powershell.exe -c iex(decode('{base64_of(EXPORT, 'utf-16-le')}'))",
        f"powershell.exe -c $x='{base64_of('; ' + EXPORT, 'utf-16-le')}'; iex (decode $x)",
        f"powershell.exe -c iex(utf8([Convert]::FromBase64String('{base64_of(EXPORT, 'utf-8')}')))",
        f"agent.exe {base64_of('a;' + EXPORT, 'utf-16-le')}",
        "New-Mailbox`Export`Request x",
        "cmd.exe /c powershell New-^Mailbox^ExportRequest x",
        "powershell.exe &('New-Mailbox'+'ExportRequest') x",
    ],
)
def test_what_the_rule_counts_as_an_export_the_playbook_looks_at(correlated: Sees, text: str) -> None:
    """A line that makes an alert is never passed over by the triage of that alert."""
    logged = event("", **line(text))
    (hit,) = correlated(logged, event(REMOVAL, "10:20"))
    reading = read_event(fake_event(logged), fake_policy(TENANT))

    assert hit.custom_details["Exports"] != "0"
    assert is_relevant(reading)
    assert reading.line.exports or reading.line.flags


def test_a_name_that_is_written_from_its_end_is_seen_by_the_playbook() -> None:
    """The rule sees none of it; beside an honest pair it keeps the incident open."""
    turned = event(f"iex (-join ('{EXPORT[::-1]}'[-1..-90]))")

    assert is_relevant(read_event(fake_event(turned), fake_policy(TENANT)))


def test_halves_under_different_accounts(seed: Sees, correlated: Sees) -> None:
    """The seed compares accounts; the correlated rule names both."""
    other = {"ActorUsername": "CONTOSO\\exadmin2", "ActorUserId": "S-1-5-21-1-2-3-1002"}
    pair = event(EXPORT), event(REMOVAL, "10:20", **other)

    assert [] == seed(*pair)
    (hit,) = correlated(*pair)
    assert ["exadmin1", "exadmin2"] == [account.name for account in hit.accounts]
    assert ["S-1-5-21-1-2-3-1001", "S-1-5-21-1-2-3-1002"] == [account.sid for account in hit.accounts]


def test_an_actor_as_sid_and_as_name(seed: Sees, correlated: Sees) -> None:
    """One event has the SID where the other has the name."""
    pair = event(EXPORT), event(REMOVAL, "10:20", ActorUsername="S-1-5-21-1-2-3-1001", ActorUserId="")

    assert [] == seed(*pair)
    assert "S-1-5-21-1-2-3-1001" == correlated(*pair)[0].custom_details["RemovalSid"]


@pytest.mark.parametrize(
    "short",
    [
        {"DvcHostname": "EXCH01", "DvcFQDN": ""},
        {"DvcHostname": "exch01", "DvcFQDN": "", "DvcDomain": "contoso.com", "DvcDomainType": "FQDN"},
        {"DvcHostname": "exch01.CONTOSO.com", "DvcFQDN": ""},
    ],
)
def test_a_host_by_short_and_by_full_name(seed: Sees, correlated: Sees, short: dict[str, object]) -> None:
    """Two sources name one host differently; the row has the full name."""
    pair = event(EXPORT), event(REMOVAL, "10:20", **short)

    assert [] == seed(*pair)
    assert ["exch01.contoso.com"] == [hit.host for hit in correlated(*pair)]


def test_a_short_name_may_be_either_of_two_hosts(correlated: Sees) -> None:
    """Where two domains have a host of that name, the event counts for both; full names never mix."""
    other = {"DvcHostname": "EXCH01.fabrikam.com", "DvcFQDN": "EXCH01.fabrikam.com"}
    exports = event(EXPORT), event(EXPORT, "10:15", **other)

    assert [] == correlated(exports[0], event(REMOVAL, "10:20", **other))
    hits = correlated(*exports, event(REMOVAL, "10:20", DvcHostname="EXCH01", DvcFQDN=""))
    assert ["exch01.contoso.com", "exch01.fabrikam.com"] == [hit.host for hit in hits]


@pytest.mark.parametrize("address", ["192.0.2.7", "2001:db8::7"])
def test_a_host_known_by_address_alone(correlated: Sees, address: str) -> None:
    """An address is not taken apart like a name."""
    cells = {"DvcHostname": "", "DvcFQDN": "", "DvcIpAddr": address}
    (hit,) = correlated(event(EXPORT, **cells), event(REMOVAL, "10:20", **cells))

    assert (address, address, "") == (hit.host, hit.row["HostName"], hit.row["DnsDomain"])


@pytest.mark.parametrize(
    "limit",
    [
        "-CompletedRequestAgeLimit 0",
        "-completedrequestagelimit:0",
        "-Comp '0'",
        "-CompletedRequestAgeLimit 00:00:00",
        "–CompletedRequestAgeLimit ([TimeSpan]::Zero)",
    ],
)
def test_an_export_that_keeps_no_record(seed: Sees, correlated: Sees, limit: str) -> None:
    """It needs no removal, so the seed never sees it."""
    export = event(f"{EXPORT} {limit}")

    assert [] == seed(export)
    (hit,) = correlated(export)
    assert ("true", "no removal", "") == tuple(
        hit.custom_details[name] for name in ("RecordSuppressed", "Order", "RemovalTime")
    )


@pytest.mark.parametrize(
    "limit", ["-CompletedRequestAgeLimit 30", "-Confirm:0", "-CompletedRequestAgeLimit $x"]
)
def test_an_export_with_another_limit_is_no_hit(correlated: Sees, limit: str) -> None:
    """Thirty days is the default; a variable is not known (a known gap)."""
    assert [] == correlated(event(f"{EXPORT} {limit}"))


def test_terminated_processes_do_not_count(correlated: Sees) -> None:
    """The native parser shows them too; a removal that ended is not a second one."""
    assert [] == correlated(event(EXPORT), event(REMOVAL, "10:20", EventType="ProcessTerminated"))


# --- sources ---------------------------------------------------------------------------------------

SCHEDULED_BY = {
    "Security Events": {
        "ActorUsername": "CONTOSO\\EXCH01$",
        "ActorUserId": "S-1-5-18",
        "TargetUsername": "CONTOSO\\svc-excompl",
        "TargetUserId": "S-1-0-0",
    },
    "Sysmon": {
        "ActorUsername": "NT AUTHORITY\\SYSTEM",
        "ActorUserId": "",
        "TargetUsername": "CONTOSO\\svc-excompl",
        "TargetUserId": "",
    },
    "M365 Defender for Endpoint": {
        "ActorUsername": "CONTOSO\\svc-excompl",
        "ActorUserId": "S-1-5-21-1-2-3-1009",
        "TargetUsername": "",
        "TargetUserId": "",
    },
}


@pytest.mark.parametrize("product", SCHEDULED_BY)
def test_the_runner_is_found_in_every_sources_shape(correlated: Sees, product: str) -> None:
    """A scheduled task: 4688 and Sysmon have the account as target, Defender as actor."""
    cells = {"EventProduct": product, **SCHEDULED_BY[product]}
    (hit,) = correlated(event(EXPORT, **cells), event(REMOVAL, "10:20", **cells))

    assert hit.account
    assert ("svc-excompl", "CONTOSO") == (hit.account.name, hit.account.nt_domain)
    assert product == hit.custom_details["Sources"]


@pytest.mark.parametrize("nobody", ["-", "-\\-", "", "Local System", "Nobody"])
def test_a_target_that_names_nobody_leaves_the_actor(correlated: Sees, nobody: str) -> None:
    """4688 writes dashes where creator and user are the same."""
    cells = {"TargetUsername": nobody, "TargetUserId": "S-1-0-0"}
    (hit,) = correlated(event(EXPORT, **cells), event(REMOVAL, "10:20", **cells))

    assert HitAccount(name="exadmin1", nt_domain="CONTOSO", sid="S-1-5-21-1-2-3-1001") == hit.account


def test_system_makes_no_account_entity(seed: Sees, correlated: Sees) -> None:
    """Sentinel drops such accounts, so the alert carries a host alone; the row still tells."""
    cells = {"ActorUsername": "NT AUTHORITY\\SYSTEM", "ActorUserId": "S-1-5-18"}
    pair = event(EXPORT, **cells), event(REMOVAL, "10:20", **cells)

    for (hit,) in (seed(*pair), correlated(*pair)):
        assert hit.account is None
        assert ["SYSTEM"] == [account.name for account in hit.dropped_accounts]


def test_a_user_principal_name_is_taken_apart(correlated: Sees) -> None:
    """Some sources write the UPN."""
    cells = {"ActorUsername": "exadmin1@contoso.com"}
    (hit,) = correlated(event(EXPORT, **cells), event(REMOVAL, "10:20", **cells))

    assert HitAccount(name="exadmin1", upn_suffix="contoso.com", sid="S-1-5-21-1-2-3-1001") == hit.account


def test_one_process_logged_by_two_sources_is_one_row(correlated: Sees) -> None:
    """Sysmon and 4688 on one host tell of the same two processes."""
    twice = [
        event(command, clock, EventProduct=product)
        for product in ("Sysmon", "Security Events")
        for command, clock in ((EXPORT, "10:10"), (REMOVAL, "10:20"))
    ]
    (hit,) = correlated(*twice)

    assert "Security Events, Sysmon" == hit.custom_details["Sources"]


def test_long_commands_are_cut_in_custom_details_alone(correlated: Sees) -> None:
    """All custom details of an alert share 2 kB; the row keeps the text."""
    filler = "# " + "x" * 5000
    long = event(f"{EXPORT} {filler}"), event(f"{REMOVAL} {filler}", "10:20")
    (hit,) = correlated(*long)

    assert len("".join(hit.custom_details.values()).encode()) < 2048
    assert len(str(hit.row["ExportCommand"])) > 5000


def test_events_outside_the_run_do_not_count(store: EventStore, correlated_rule: Rule) -> None:
    """A run sees its own period: the export before it is not there."""
    store.clear()
    store.add_process_events([event(EXPORT, "10:10"), event(REMOVAL, "10:40")])
    ten = datetime(2024, 11, 18, 10, tzinfo=UTC)

    assert 1 == len(run(correlated_rule, store, start=ten, end=ten + timedelta(minutes=40)))
    assert () == run(correlated_rule, store, start=ten + timedelta(minutes=11), end=ten + timedelta(hours=2))
    assert () == run(correlated_rule, store, start=ten, end=ten + timedelta(minutes=39))


def test_the_labelled_attacks_are_all_seen(store: EventStore, correlated_rule: Rule) -> None:
    """Every attack of the labelled cases makes a hit of the correlated rule."""
    if not CASES.exists():
        pytest.skip(f"there are no labelled cases at {CASES}")
    attacks = [
        json.loads(text) for text in CASES.read_text(encoding="utf-8").splitlines() if '"attack"' in text
    ]
    missed = [case["id"] for case in attacks[::4] if not _hits(store, correlated_rule, case["events"])]

    assert [] == missed


def _hits(store: EventStore, rule: Rule, events: list[dict[str, object]]) -> tuple[RuleHit, ...]:
    store.clear()
    store.add_process_events(events)
    times = [datetime.fromisoformat(str(event["TimeGenerated"])) for event in events]
    return run(rule, store, start=min(times), end=max(times))
