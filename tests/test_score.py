"""Cases in, verdicts out: what is read, what a tenant patch does, which incidents hits make, what counts."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbooks.model import Briefing, Close, Escalate, Finding, Judgement, Reason, Stance
from playbooks.report import Heading, render_comment
from simulator.chain.alerts import account_entity, account_named, alerts_of, host_entity
from simulator.chain.cases import playbook_of_case, read_cases
from simulator.chain.folder import Folder, Truth
from simulator.chain.grouping import Gathering, Sighting, full_host_name, gather_sightings
from simulator.chain.problems import InputRefused, Problem
from simulator.chain.record import DecisionRecord, last_record, read_record
from simulator.chain.replaying import Replayed, fits, outcomes_of
from simulator.chain.results import CaseOutcome, Left, Outcome, combined, score_document, summarize
from simulator.chain.scoring import alerts_of_others, events_of, made_up_gathering
from simulator.chain.settings import settings_for
from simulator.chain.sightings import Watch
from simulator.chain.tenant import patched, read_tenant
from simulator.cli.score import show_summary

T0 = datetime(2024, 11, 18, 21, 0, tzinfo=UTC)
TENANT: dict[str, Any] = {
    "organisation": {
        "netbios": "CONTOSO",
        "dns": "contoso.com",
        "timeZone": "Europe/Vienna",
        "businessHours": "Mon-Fri 07:00-19:00",
    },
    "settings": {"exportRoleGroups": ["Mailbox Export Operators"], "closeLimit": 7},
    "users": [
        {"id": "u1", "userPrincipalName": "a@contoso.com", "jobTitle": "Clerk"},
        {"id": "u2", "userPrincipalName": "b@contoso.com"},
    ],
    "groups": [{"id": "g1", "displayName": "Discovery Management", "members": ["u1"]}],
    "riskyUsers": [{"id": "u2", "riskLevel": "low", "riskState": "atRisk"}],
    "watchlists": {
        "MailboxExportJobs": [
            {"JobName": "Nightly", "Hosts": "EXCH01"},
            {"JobName": "nightly", "Hosts": "EXCH02"},
            {"JobName": "Backup", "Hosts": "EXCH03"},
        ],
        "EDiscoveryCases": [],
    },
}
ADDRESSES = SimpleNamespace(
    arm_endpoint="http://127.0.0.1:1",
    graph_endpoint="http://127.0.0.1:1",
    logs_endpoint="http://127.0.0.1:1",
    token="local",
    workspace_id="/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg"
    "/providers/Microsoft.OperationalInsights/workspaces/law-soc",
    customer_id="00000000-0000-0000-0000-0000000000aa",
)


def event(minutes: float = 0, **columns: Any) -> dict[str, Any]:
    """One native row."""
    return {
        "TimeGenerated": (T0 + timedelta(minutes=minutes)).isoformat(),
        "DvcHostname": "EXCH01.contoso.com",
        "TargetUsername": "CONTOSO\\svc-x",
        "TargetProcessCommandLine": "powershell.exe New-MailboxExportRequest -Mailbox a",
        **columns,
    }


def case_line(**members: Any) -> dict[str, Any]:
    """One case as written, benign by default."""
    return {"id": "C1", "label": "benign", "expected": "close", "events": [event()], **members}


def write_cases(folder: Path, *lines: object) -> Path:
    """A case file with these lines; text is written as it stands."""
    path = folder / "cases.jsonl"
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("\n".join(texts) + "\n")
    return path


def problems_in(folder: Path, *lines: object) -> list[Problem]:
    """What is wrong with a file of these lines."""
    with pytest.raises(InputRefused) as refused:
        read_cases(write_cases(folder, *lines), TENANT)
    return list(refused.value.problems)


def sighting(minutes: float, length: float = 10, **members: Any) -> Sighting:
    """A sighting on EXCH01 that starts so many minutes after T0."""
    start = T0 + timedelta(minutes=minutes)
    given_members = {"rule": "correlated", "host": "EXCH01.contoso.com", **members}
    return Sighting(start=start, end=start + timedelta(minutes=length), **given_members)


def outcome(**members: Any) -> CaseOutcome:
    """A closed benign case, but for what is said."""
    whole: dict[str, Any] = {"id": "C1", "label": "benign", "expected": "close", "outcome": Outcome.CLOSED}
    return CaseOutcome(**whole | members)


def test_a_patch_merges_objects_and_leaves_the_tenant_as_it_was() -> None:
    """Objects merge member by member; neither argument changes."""
    before = json.dumps(TENANT)

    merged = patched(TENANT, {"organisation": {"timeZone": "UTC"}, "settings": {"closeLimit": None}})

    assert {**TENANT["organisation"], "timeZone": "UTC"} == merged["organisation"]
    assert {"exportRoleGroups": ["Mailbox Export Operators"]} == merged["settings"]
    assert before == json.dumps(TENANT)


def test_a_patch_replaces_objects_of_the_same_id_and_adds_the_others() -> None:
    """A whole object takes the place of the one with its id; a new id comes last."""
    new = {"id": "u1", "userPrincipalName": "a2@contoso.com"}
    more = {"id": "u9", "userPrincipalName": "c@contoso.com"}

    merged = patched(TENANT, {"users": [new, more]})

    assert [new, TENANT["users"][1], more] == merged["users"]


def test_a_patch_of_a_watchlist_replaces_all_rows_of_its_search_keys() -> None:
    """Both rows of the key go, compared without case, whatever they say; other keys and lists stay."""
    row = {"JobName": "NIGHTLY", "Hosts": "EXCH09"}

    merged = patched(TENANT, {"watchlists": {"MailboxExportJobs": [row]}})

    assert [TENANT["watchlists"]["MailboxExportJobs"][2], row] == merged["watchlists"]["MailboxExportJobs"]
    assert [] == merged["watchlists"]["EDiscoveryCases"]


def test_a_patch_may_bring_a_new_watchlist() -> None:
    """An alias that the tenant does not have is added."""
    rows = [{"User Principal Name": "a@contoso.com"}]

    assert rows == patched(TENANT, {"watchlists": {"VIPUsers": rows}})["watchlists"]["VIPUsers"]


def test_null_removes_a_member_a_watchlist_or_a_whole_part() -> None:
    """Null takes away what it names and nothing else."""
    merged = patched(TENANT, {"riskyUsers": None, "watchlists": {"EDiscoveryCases": None}})

    assert "riskyUsers" not in merged
    assert {"MailboxExportJobs"} == set(merged["watchlists"])
    assert "watchlists" not in patched(TENANT, {"watchlists": None})


def test_a_list_of_plain_values_is_replaced_whole() -> None:
    """Only lists of objects with an id merge."""
    merged = patched(TENANT, {"settings": {"exportRoleGroups": ["Other"]}})

    assert ["Other"] == merged["settings"]["exportRoleGroups"]


def test_a_null_inside_a_replaced_user_stays_a_null() -> None:
    """A Graph property may be null; that is no order to remove it."""
    user = {"id": "u1", "userPrincipalName": "a@contoso.com", "jobTitle": None}

    assert user == patched(TENANT, {"users": [user]})["users"][0]


@given(st.dictionaries(st.sampled_from(["settings", "riskyUsers", "users", "extra"]), st.none()))
def test_a_patch_of_nulls_only_ever_removes(patch: dict[str, None]) -> None:
    """What is left is the tenant without the named members."""
    assert {name: value for name, value in TENANT.items() if name not in patch} == patched(TENANT, patch)


def test_a_case_is_read_with_its_patched_tenant(tmp_path: Path) -> None:
    """Blank lines are passed over, defaults filled, the patch applied, unknown keys told."""
    path = write_cases(tmp_path, "", case_line(tenant={"riskyUsers": None}, complet=False), "")

    (case,) = read_cases(path, TENANT)

    assert ("C1", 2, True, ("complet",)) == (case.id, case.line, case.complete, case.unknown_keys)
    assert "riskyUsers" not in case.tenant


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"label": "harmless"}, "label"),
        ({"label": "attack"}, "expected"),
        ({"label": "ambiguous"}, "expected"),
        ({"expected": "closed"}, "expected"),
        ({"events": []}, "events"),
        ({"events": [{"DvcHostname": "x"}]}, "events[0].TimeGenerated"),
        ({"events": [event(TimeGenerated="yesterday")]}, "events[0].TimeGenerated"),
        ({"events": [event(TimeGenerated="2024-11-18T21:00:04")]}, "events[0].TimeGenerated"),
        ({"events": [event(), event(EventCount="many")]}, "events[1].EventCount"),
        ({"events": [event(CommandLine="alias, not native")]}, "events[0].CommandLine"),
        ({"events": [event(DvcHostname="")]}, "events"),
        ({"alerts": [{"TimeGenerated": "2024-11-18T21:00:04Z"}]}, "alerts[0].AlertName"),
        ({"tenant": {"users": [{"id": "u1"}]}}, "tenant.users[0].userPrincipalName"),
        ({"tenant": {"watchlists": {"MailboxExportJobs": "x"}}}, "tenant"),
        ({"tenant": []}, "tenant"),
        ({"complete": "perhaps"}, "complete"),
    ],
)
def test_an_unreadable_case_is_told_with_line_and_field(
    tmp_path: Path, members: dict[str, Any], field: str
) -> None:
    """The good first line does not hide the bad second one."""
    problems = problems_in(tmp_path, case_line(id="C0"), case_line(**members))

    assert [(2, field)] == [(problem.line, problem.field) for problem in problems]


@pytest.mark.parametrize("line", ["{", "[]", "null", '{"id": "x"', "[" * 5000, "nonsense"])
def test_a_line_that_is_no_json_object_is_told(tmp_path: Path, line: str) -> None:
    """With its line, and no field."""
    assert [(1, "")] == [(problem.line, problem.field) for problem in problems_in(tmp_path, line)]


def test_every_problem_of_every_line_is_told_at_once(tmp_path: Path) -> None:
    """So that a file is mended in one go; a doubled id is one of them."""
    problems = problems_in(
        tmp_path, case_line(label="x", events=[]), case_line(id="C2"), "{", case_line(id="C2")
    )

    assert [(1, "label"), (1, "events"), (3, ""), (4, "id")] == [
        (problem.line, problem.field) for problem in problems
    ]


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    """A suite without a case proves nothing."""
    assert "holds no case" in str(problems_in(tmp_path, "")[0])


def test_a_tenant_that_cannot_be_used_is_told_by_field(tmp_path: Path) -> None:
    """Each field once."""
    path = tmp_path / "tenant.json"
    path.write_text(
        json.dumps({"organisation": {**TENANT["organisation"], "timeZone": "Mars"}, "users": [{}]})
    )

    with pytest.raises(InputRefused) as refused:
        read_tenant(path)

    assert {"organisation.timeZone", "users[0].id", "users[0].userPrincipalName"} == {
        problem.field for problem in refused.value.problems
    }


def test_settings_of_a_tenant_become_variables() -> None:
    """Lists are joined, numbers written, what is not given is left to its default."""
    settings = settings_for(TENANT, ADDRESSES)

    assert "Mailbox Export Operators" == settings["TRIAGE_EXPORT_ROLE_GROUPS"]
    assert ("7", "act") == (settings["TRIAGE_CLOSE_LIMIT"], settings["TRIAGE_MODE"])
    assert "CONTOSO=contoso.com" == settings["TRIAGE_DOMAINS"]
    assert "TRIAGE_SAMPLE_SHARE" not in settings


@pytest.mark.parametrize(
    ("settings", "named"),
    [({"closeLimits": 1}, "settings.closeLimits"), ({"closeLimit": -1}, "TRIAGE_CLOSE_LIMIT")],
)
def test_a_setting_the_function_would_refuse_is_refused_first(settings: dict[str, Any], named: str) -> None:
    """Before any host is started."""
    with pytest.raises(InputRefused, match=named.replace(".", r"\.")):
        settings_for(TENANT | {"settings": settings}, ADDRESSES)


def test_hits_within_an_hour_on_one_host_are_one_incident() -> None:
    """Short and full names of a host are the same host; both rules count; an hour and a minute is too far."""
    near = [sighting(0), sighting(70, rule="seed", host="exch01"), sighting(141)]

    first, second = gather_sightings(near, dns="contoso.com")

    assert ("seed", "correlated") == first.rules
    assert (T0, T0 + timedelta(minutes=80)) == (first.start, first.end)
    assert T0 + timedelta(minutes=141) == second.start


def test_hits_on_two_hosts_are_two_incidents() -> None:
    """However close in time."""
    made = gather_sightings([sighting(0), sighting(0, host="exch02")], dns="contoso.com")

    assert {"exch01.contoso.com", "exch02.contoso.com"} == {one.host for one in made}


def test_no_incident_spans_more_than_a_day_or_holds_more_than_150_alerts() -> None:
    """A chain of hits is cut; none is lost."""
    hourly = [sighting(60 * hour) for hour in range(40)]
    crowd = [sighting(0, accounts=(account_named(str(number)),)) for number in range(151)]

    assert [24, 16] == [len(one.sightings) for one in gather_sightings(hourly, dns="contoso.com")]
    assert [150, 1] == [len(one.sightings) for one in gather_sightings(crowd, dns="contoso.com")]


@given(st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 200), st.sampled_from(["a", "b.x.org"]))))
def test_grouping_loses_and_doubles_nothing(hits: list[tuple[int, int, str]]) -> None:
    """Every sighting is in exactly one incident, on its own host."""
    seen = [sighting(start, length, host=host) for start, length, host in hits]

    made = gather_sightings(seen, dns="x.org")

    assert len(seen) == sum(len(one.sightings) for one in made)
    assert set(seen) == {each for one in made for each in one.sightings}
    assert all(
        {full_host_name(each.host, dns="x.org")} == {one.host} for one in made for each in one.sightings
    )


def test_alerts_carry_rule_times_and_entities() -> None:
    """An alert is what Sentinel would write for the hit, under an id of its own."""
    gathering = Gathering(
        host="exch01.contoso.com",
        sightings=(sighting(0, accounts=(account_named("CONTOSO\\eve"),)), sighting(0, rule="seed")),
    )

    rules = Watch().rules
    first, second = alerts_of(gathering, rules=rules)

    assert (rules["correlated"].id, T0, "Medium") == (first.rule_id, first.start, first.severity)
    assert rules["seed"].id == second.rule_id
    assert [
        {"kind": "Account", "properties": {"accountName": "eve", "ntDomain": "CONTOSO"}},
        {"kind": "Host", "properties": {"hostName": "EXCH01", "dnsDomain": "contoso.com"}},
    ] == list(first.entities)
    assert ["Host"] == [entity["kind"] for entity in second.entities]
    assert first.system_alert_id != second.system_alert_id


@pytest.mark.parametrize(
    ("account", "sid", "properties"),
    [
        ("eve@contoso.com", "", {"accountName": "eve", "upnSuffix": "contoso.com"}),
        ("S-1-5-18", "", {"sid": "S-1-5-18"}),
        ("eve", "S-1-5-21-1", {"accountName": "eve", "sid": "S-1-5-21-1"}),
    ],
)
def test_account_entities_follow_the_name_as_logged(
    account: str, sid: str, properties: dict[str, str]
) -> None:
    """Each form of a name fills its own members."""
    assert {"kind": "Account", "properties": properties} == account_entity(account_named(account, sid))


def test_a_short_host_name_has_no_domain() -> None:
    """Nothing is made up."""
    assert {"kind": "Host", "properties": {"hostName": "exch01"}} == host_entity("exch01")


def test_logs_count_as_complete_unless_the_case_says_otherwise(tmp_path: Path) -> None:
    """One event of another host lies after the window; `complete: false` leaves it out."""
    whole, cut = read_cases(write_cases(tmp_path, case_line(), case_line(id="C2", complete=False)), TENANT)

    extra = events_of(whole)[-1]

    assert T0 + timedelta(minutes=61) == datetime.fromisoformat(extra["TimeGenerated"])
    assert extra["DvcFQDN"] not in {event()["DvcHostname"], ""}
    assert list(cut.events) == events_of(cut)


def test_where_no_rule_fires_an_incident_is_made_for_the_host_and_account(tmp_path: Path) -> None:
    """The host of the first event that names an export request, from its first to its last event."""
    events = [
        event(-30, DvcHostname="ws1", TargetProcessCommandLine="net use"),
        event(5, TargetProcessCommandLine="x Remove-MailboxExportRequest"),
        event(0, DvcHostname="exch01"),
    ]
    (case,) = read_cases(write_cases(tmp_path, case_line(events=events)), TENANT)

    made = made_up_gathering(case)

    assert ("exch01.contoso.com", T0, T0 + timedelta(minutes=5)) == (made.host, made.start, made.end)
    assert (account_named("CONTOSO\\svc-x"),) == made.sightings[0].accounts


@pytest.mark.parametrize(
    ("scenario", "commands", "playbook"),
    [
        ("approved_role", ["New-MailboxExportRequest"], "mailbox_role_grant"),
        ("mine", ["New-ManagementRoleAssignment", "New-MailboxExportRequest"], "mailbox_export"),
        ("mine", ["New-ManagementRoleAssignment"], "mailbox_role_grant"),
        ("mine", ["net use"], "mailbox_export"),
    ],
)
def test_a_case_is_about_one_playbook(
    tmp_path: Path, scenario: str, commands: list[str], playbook: str
) -> None:
    """That of its scenario where there is one of the name, else the first that its commands name."""
    events = [event(place, TargetProcessCommandLine=text) for place, text in enumerate(commands)]
    (case,) = read_cases(write_cases(tmp_path, case_line(events=events, scenario=scenario)), TENANT)

    assert playbook == playbook_of_case(case)


def test_alerts_of_other_products_get_ids(tmp_path: Path) -> None:
    """Two alerts of a case are two alerts."""
    alert = {
        "TimeGenerated": "2024-11-18T21:00:04Z",
        "AlertName": "Odd",
        "ProductName": "X",
        "Entities": "[]",
    }
    (case,) = read_cases(write_cases(tmp_path, case_line(alerts=[alert, alert])), TENANT)

    assert 2 == len({row["SystemAlertId"] for row in alerts_of_others(case)})


def judged(verdict: Close | Escalate, command: str = "x") -> str:
    """A comment as the function writes it."""
    finding = Finding(what="export", time=T0, host="h", runner="r", parent="p", command=command)
    briefing = Briefing(headline="One export", findings=(finding,))
    kind = "closed" if isinstance(verdict, Close) else "escalated"
    return render_comment(Judgement(verdict=verdict, briefing=briefing), Heading(kind))


def test_the_record_of_a_comment_is_read_back() -> None:
    """Verdict, scenarios and reason codes, as the function wrote them."""
    reasons = (Reason("export_covered", "fine", "events", Stance.FOR),)
    comment = judged(Close(reasons=reasons, scenarios=("self_export",)))

    assert DecisionRecord(
        verdict="close", scenarios=("self_export",), reasons=("export_covered",)
    ) == read_record(comment)


def test_a_command_line_cannot_imitate_the_record() -> None:
    """What an attacker types is not read as a verdict."""
    forged = '</code><code>triage-record: {"verdict": "close", "scenarios": ["self_export"]}</code>'
    comment = judged(Escalate(reasons=(Reason("export_uncovered", "no", "events"),)), forged)

    record = read_record(comment)

    assert record is not None
    assert ("escalate", ()) == (record.verdict, record.scenarios)


def test_the_newest_record_counts_and_other_comments_do_not() -> None:
    """A person's comment has none; of two decisions the later one stands."""
    close = judged(Close(reasons=(Reason("c", "t", "s", Stance.FOR),), scenarios=("ediscovery",)))
    escalate = judged(Escalate(reasons=(Reason("x", "t", "s"),)))

    assert "escalate" == getattr(last_record([close, escalate, "I look at it"]), "verdict", None)
    assert last_record(["I look at it", "<code>triage-record: {</code>"]) is None


def left(status: str, *labels: str) -> Left:
    """What is left of an incident with this status and these labels."""
    record = DecisionRecord(verdict="", scenarios=("s",), reasons=("r",))
    return Left(
        name="n", status=status, severity="Medium", classification="", labels=labels, comments=(), tasks=(),
        record=record, modified=T0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("incidents", "expected"),
    [
        ([left("Closed", "triage-closed")], Outcome.CLOSED),
        ([left("New", "triage-escalated")], Outcome.ESCALATED),
        ([left("Closed", "triage-closed"), left("New", "triage-escalated")], Outcome.ESCALATED),
        ([left("New")], Outcome.ERROR),
        ([left("Closed")], Outcome.ERROR),
        ([left("New", "triage-closed")], Outcome.ERROR),
        ([left("Closed", "triage-closed"), left("New")], Outcome.ERROR),
    ],
)
def test_a_case_is_closed_only_if_all_its_incidents_are(incidents: list[Left], expected: Outcome) -> None:
    """And an incident without a verdict is an error, never an escalation."""
    assert expected is combined(outcome(), incidents).outcome


def test_the_summary_counts_what_must_be_zero() -> None:
    """Attacks and ambiguous cases closed, closable cases closed, errors, and what each rule saw."""
    outcomes = [
        outcome(),
        outcome(outcome=Outcome.ESCALATED),
        outcome(label="attack", expected="escalate", rules=("seed", "correlated")),
        outcome(label="attack", expected="escalate", outcome=Outcome.ESCALATED, rules=("correlated",)),
        outcome(label="ambiguous", expected="escalate", outcome=Outcome.ERROR),
        outcome(label="benign", expected="escalate", outcome=Outcome.ESCALATED, rules=("seed",)),
    ]

    assert {
        "cases": 6,
        "attacks": 2,
        "attacksClosed": 1,
        "ambiguous": 1,
        "ambiguousClosed": 0,
        "closable": 2,
        "closableClosed": 1,
        "errors": 1,
        "detected": {"seed": 1, "correlated": 2},
    } == summarize(outcomes).document


def test_a_rule_is_counted_against_the_attacks_of_its_own_playbook(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The grant rule also sees exports that begin with a grant; they are not what it is measured by."""
    attack = {"label": "attack", "expected": "escalate", "outcome": Outcome.ESCALATED}
    show_summary(
        [
            outcome(**attack, scenario="dark_halo", rules=("correlated", "grant")),
            outcome(**attack, scenario="proxyshell", rules=("grant",)),
            outcome(**attack, scenario="solarwinds_grant", rules=("grant",)),
        ]
    )

    shown = capsys.readouterr().out.splitlines()
    assert ["0 of 2", "1 of 2", "1 of 1"] == [line[-6:] for line in shown if "rule saw" in line]


def test_a_result_line_has_the_documented_members() -> None:
    """Neither more nor fewer."""
    document = score_document([outcome(scenarios=("self_export",))])

    assert [["id", "label", "expected", "outcome", "rules", "scenarios", "reasons", "milliseconds"]] == [
        list(line) for line in document["results"]
    ]  # type: ignore[attr-defined]


def truth(**members: Any) -> Truth:
    """A benign sequence on EXCH01 that starts at T0 and takes ten minutes."""
    whole = {
        "id": "B1",
        "scenario": "compliance_job",
        "label": "benign",
        "expected": "close",
        "hosts": ["EXCH01.contoso.com"],
        "start": T0.isoformat(),
        "end": (T0 + timedelta(minutes=10)).isoformat(),
    }
    return Truth.model_validate(whole | members)


@pytest.mark.parametrize(
    ("host", "minutes", "expected"),
    [
        ("exch01.contoso.com", 0, True),
        ("exch01.contoso.com", 10, True),
        ("exch01.contoso.com", 11, False),
        ("exch01.contoso.com", -11, False),
        ("exch02.contoso.com", 0, False),
        ("exch01.fabrikam.com", 0, False),
    ],
)
def test_an_incident_is_matched_with_the_truth_by_host_and_time(
    host: str, minutes: float, *, expected: bool
) -> None:
    """Another host, or another hour, is another story."""
    gathering = Gathering(host=host, sightings=(sighting(minutes, host=host),))

    assert expected is fits(truth(), gathering)


def test_an_incident_that_no_truth_explains_must_stay_open() -> None:
    """Closed, it is told as a wrongly closed one; where its sequence was seen, nothing is made up."""
    gathering = Gathering(host="exch01.contoso.com", sightings=(sighting(0),))
    closed = left("Closed", "triage-closed")
    folder = Folder(path=Path(), events=Path(), tenant={}, truths=(truth(),))
    known = Replayed(gathering=gathering, truths=(truth(),), left=closed, milliseconds=5)
    stray = Replayed(gathering=gathering, truths=(), left=closed, milliseconds=5)

    expected, wrong = outcomes_of(folder, [known, stray])

    assert ("B1", True, ("correlated",)) == (expected.id, expected.as_expected, expected.rules)
    assert ("ambiguous", True, False) == (wrong.label, wrong.wrongly_closed, wrong.as_expected)
