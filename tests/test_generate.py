"""The generated folder: the same bytes again, valid rows, a truth that holds, sequences that keep apart."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fakes import fake_event, fake_incident, fake_policy, fake_sources

from playbooks.mailbox_export import PLAYBOOK
from playbooks.model import Close
from simulator import rules
from simulator.asim import problems
from simulator.catalogues import BY_NAME, RULE_FILES, SCENARIOS, family
from simulator.errors import PlanError
from simulator.eventstore import EventStore
from simulator.generate import generate
from simulator.organisation import FIRST_DAY
from simulator.plan import Plan

Rows = list[dict[str, Any]]
RED_FLAGS = re.compile(
    r"\b(?:new|remove|get)-mailboxexportrequest|roleassignment|rolegroup|\b7z|\brar\b|makecab|\btar\b"
    r"|compress-archive|schtasks|scheduledtask|\bsc\.exe|new-service|wevtutil|clear-eventlog|\bcurl|rclone"
    r"|bitsadmin|certutil|winscp|invoke-(?:web|rest)|smbshare|net1?(?:\.exe)? share|\s-e(?:nc|c)?\s",
    re.IGNORECASE,
)


def read_lines(path: Path) -> Rows:
    """A file of one JSON object a line."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def moment(text: str) -> datetime:
    """A time as rows write it."""
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default day of seed 7, with fewer rows of noise."""
    out = tmp_path_factory.mktemp("day")
    generate(7, out=out, events=6_000)
    return out


@pytest.fixture(scope="module")
def events(day: Path) -> Rows:
    """Its rows."""
    return read_lines(day / "events.jsonl")


@pytest.fixture(scope="module")
def truth(day: Path) -> Rows:
    """Its truth."""
    return read_lines(day / "truth.jsonl")


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet"])
def test_the_same_arguments_give_the_same_bytes(tmp_path: Path, kind: Any) -> None:
    """Every file, in every format."""
    for name in ("one", "two"):
        generate(3, out=tmp_path / name, events=1_500, format=kind)

    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert [f"events.{kind}", "tenant.json", "truth.jsonl"] == files
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name


def test_another_seed_gives_another_day(tmp_path: Path, events: Rows) -> None:
    """No row of one seed is found under another."""
    generate(8, out=tmp_path, events=500)
    other = read_lines(tmp_path / "events.jsonl")

    assert not {row["EventOriginalUid"] for row in events} & {row["EventOriginalUid"] for row in other}


def test_every_row_keeps_to_the_schema(events: Rows) -> None:
    """ASIM ProcessEvent 0.1.4, row by row; all rows have the same columns."""
    assert {} == {row["EventOriginalUid"]: found for row in events if (found := problems(row))}
    assert 1 == len({tuple(row) for row in events})


def test_rows_come_in_order_and_in_the_wanted_number(events: Rows) -> None:
    """Sorted by time, unique by id, as many as asked for."""
    times = [row["TimeGenerated"] for row in events]

    assert sorted(times) == times
    assert 6_000 == len(events) == len({row["EventOriginalUid"] for row in events})


def test_the_logs_reach_beyond_every_window(events: Rows, truth: Rows) -> None:
    """The last row lies more than an hour after the last honest sequence, so that it can be closed."""
    last = max(moment(line["end"]) for line in truth if line["expected"] == "close")

    assert moment(events[-1]["TimeGenerated"]) > last + timedelta(minutes=60)


def test_logs_are_complete_even_without_noise(tmp_path: Path) -> None:
    """No events asked for: the sequences and the one closing row are there all the same."""
    summary = generate(7, out=tmp_path, events=0)
    truth = read_lines(tmp_path / "truth.jsonl")

    assert sum(len(line["events"]) for line in truth) + 1 == summary.events


def test_the_default_day_shows_everything(truth: Rows) -> None:
    """All closing scenarios, eight closable or more, attacks of many kinds, some honest but open."""
    closable = [line for line in truth if line["expected"] == "close"]
    attacks = {line["scenario"] for line in truth if line["kind"] == "attack"}
    still_open = [line for line in truth if line["kind"] == "benign" and line["expected"] == "escalate"]

    assert len(truth) >= 16
    assert len(closable) >= 8
    assert {"scheduled_export", "ediscovery", "self_export", "maintenance_cleanup"} == {
        code for line in closable for code in line["scenarios"]
    }
    assert {"compliance_job", "backup_job"} <= {line["scenario"] for line in closable}
    assert {"dark_halo", "proxyshell", "unregistered_service_script", "planted_system_task"} <= attacks
    assert len(still_open) >= 2


def test_the_truth_names_rows_accounts_and_hosts_that_exist(events: Rows, truth: Rows, day: Path) -> None:
    """Every id leads to a row on that host, from start to end; every account is one of the tenant's."""
    by_id = {row["EventOriginalUid"]: row for row in events}
    tenant = json.loads((day / "tenant.json").read_text(encoding="utf-8"))
    known = {f"CONTOSO\\{user['onPremisesSamAccountName']}" for user in tenant["users"]}

    for line in truth:
        rows = [by_id[uid] for uid in line["events"]]
        assert {row["DvcFQDN"].lower() for row in rows} == {host.lower() for host in line["hosts"]}
        assert [line["start"], line["end"]] == [rows[0]["TimeGenerated"], rows[-1]["TimeGenerated"]]
        assert set(line["accounts"]) <= known | {"NT AUTHORITY\\SYSTEM", "CONTOSO\\gmsa-exbackup$"}
    assert len(truth) == len({line["id"] for line in truth})


def test_rows_of_no_sequence_hold_nothing_suspicious(events: Rows, truth: Rows) -> None:
    """Noise never exports; tools that policy takes for a red flag run on plain workstations alone."""
    told = {uid for line in truth for uid in line["events"]}
    noise = [row for row in events if row["EventOriginalUid"] not in told]
    loud = [row for row in noise if RED_FLAGS.search(row["TargetProcessCommandLine"])]

    assert noise
    assert {"ws-0"} >= {row["DvcFQDN"].lower()[:4] for row in loud}
    assert not [row for row in noise if "exportrequest" in row["TargetProcessCommandLine"].lower()]
    assert not [row for row in noise if "role" in row["TargetProcessCommandLine"].lower()]


def overlaps(truth: Rows, gap: timedelta) -> list[tuple[str, str]]:
    """Pairs of sequences on one host with less than `gap` between them."""
    return [
        (one["id"], other["id"])
        for one in truth
        for other in truth
        if one["id"] < other["id"]
        and set(one["hosts"]) & set(other["hosts"])
        and moment(one["start"]) < moment(other["end"]) + gap
        and moment(other["start"]) < moment(one["end"]) + gap
    ]


def heard_grants(events: Rows, truth: Rows) -> list[tuple[str, str]]:
    """Honest sequences that grant no role, with a role grant on any host within their window, and when."""
    grants = [
        moment(row["TimeGenerated"])
        for row in events
        if any(
            w in row["TargetProcessCommandLine"] for w in ("New-ManagementRoleAssignment", "RoleGroupMember")
        )
    ]
    hour = timedelta(minutes=60)
    return [
        (line["id"], str(grant))
        for line in truth
        if line["kind"] != "attack" and not BY_NAME[line["scenario"]].grants_role
        for grant in grants
        if moment(line["start"]) - hour <= grant <= moment(line["end"]) + hour
    ]


@pytest.mark.parametrize("seed", [7, 8, 9, 10, 11])
def test_sequences_do_not_disturb_each_other(tmp_path: Path, seed: int) -> None:
    """Two and a half hours apart on one host; no role grant within an hour of honest work on any."""
    generate(seed, out=tmp_path, events=0)
    truth, events = read_lines(tmp_path / "truth.jsonl"), read_lines(tmp_path / "events.jsonl")

    assert [] == overlaps(truth, timedelta(minutes=150))
    assert [] == heard_grants(events, truth)


def test_all_scenarios_fit_into_a_week_without_disturbing_each_other(tmp_path: Path) -> None:
    """Near misses included."""
    summary = generate(
        5,
        out=tmp_path,
        days=5,
        events=0,
        attacks="attacks",
        benign="closable,open_work,near_misses",
    )
    truth = read_lines(tmp_path / "truth.jsonl")

    assert len(SCENARIOS) == summary.attacks + summary.benign == len(truth)
    assert [] == overlaps(truth, timedelta(minutes=150))
    assert [] == heard_grants(read_lines(tmp_path / "events.jsonl"), truth)


def test_formats_agree(tmp_path: Path) -> None:
    """JSON lines, CSV and Parquet hold the same rows and read back alike."""
    told = []
    for kind in ("jsonl", "csv", "parquet"):
        folder = tmp_path / kind
        generate(4, out=folder, events=1_200, format=kind)
        store = EventStore()
        store.load_process_events(folder / f"events.{kind}")
        told.append(
            store.query("ASimProcessEventLogs | project-away _ItemId | order by EventOriginalUid asc")
        )
        store.close()

    assert 1_200 == len(told[0].records())
    assert told[0].records() == told[1].records() == told[2].records()


def test_a_folder_never_holds_the_events_of_two_formats(tmp_path: Path) -> None:
    """An older file of another format is taken away, or a replay could read the wrong one."""
    generate(4, out=tmp_path, events=0, format="csv")
    generate(4, out=tmp_path, events=0)

    assert ["events.jsonl", "tenant.json", "truth.jsonl"] == sorted(path.name for path in tmp_path.iterdir())


def hits_of(name: Path, events: Rows) -> list[rules.RuleHit]:
    """What a rule finds, run once an hour over its own period as Sentinel would, and once over everything."""
    store = EventStore()
    store.add_process_events(events)
    first, last = moment(events[0]["TimeGenerated"]), moment(events[-1]["TimeGenerated"])
    found = rules.run(rules.load_rule(name), store, start=first, end=last)
    store.close()
    return list(found)


def sees(hits: list[rules.RuleHit], line: Mapping[str, Any]) -> bool:
    """Whether a hit lies on the sequence's host and time."""
    host, start, end = line["hosts"][0].lower(), moment(line["start"]), moment(line["end"])
    return any(
        hit.host.lower() == host and hit.start.astimezone(UTC) <= end and start <= hit.end.astimezone(UTC)
        for hit in hits
    )


@pytest.mark.parametrize("rule", RULE_FILES)
def test_each_rule_sees_what_the_truth_says(tmp_path: Path, rule: str) -> None:
    """The rules' own text, run over all scenarios of a week: seen exactly where `seen_by` says so.

    What a rule sees of another playbook's scenarios is nobody's promise.
    """
    generate(
        5, out=tmp_path, days=5, events=2_000, attacks="attacks", benign="closable,open_work,near_misses"
    )
    truth, events = read_lines(tmp_path / "truth.jsonl"), read_lines(tmp_path / "events.jsonl")
    own = [line for line in truth if line["playbook"] == RULE_FILES[rule].playbook]
    hits = hits_of(RULE_FILES[rule].path, events)

    wrong = [line["scenario"] for line in own if (rule in line["seen_by"]) != sees(hits, line)]
    assert own
    assert [] == wrong


@pytest.mark.parametrize("seed", [7, 31, 32])
async def test_a_whole_day_is_judged_as_the_truth_says(tmp_path: Path, seed: int) -> None:
    """Each sequence among all rows of the day, noise included: closed where it should be and nowhere else."""
    generate(seed, out=tmp_path, events=3_000)
    tenant = json.loads((tmp_path / "tenant.json").read_text(encoding="utf-8"))
    rows = read_lines(tmp_path / "events.jsonl")
    events, by_id = [fake_event(row) for row in rows], {row["EventOriginalUid"]: row for row in rows}

    outcomes = {}
    for line in read_lines(tmp_path / "truth.jsonl"):
        told = [fake_event(by_id[uid]) for uid in line["events"]]
        halves = [
            e for e in told if any(w in e.target_process_command_line for w in ("ExportRequest", "-enc "))
        ]
        start, end = halves[0].time, halves[-1].time
        sources = fake_sources(tenant, events, asked_at=end + timedelta(hours=30))
        incident = fake_incident(hosts=line["hosts"], start=start, end=end)
        verdict = PLAYBOOK.decide(await PLAYBOOK.gather(incident, sources, fake_policy(tenant))).verdict
        outcome = "close" if isinstance(verdict, Close) else "escalate"
        codes = {reason.code for reason in verdict.reasons}
        if outcome != line["expected"] or not set(line["reasons"]) <= codes:
            outcomes[line["scenario"]] = codes

    assert {} == outcomes


@pytest.mark.parametrize("seed", [11, 12, 13])
def test_the_new_operator_is_new_whenever_he_plays(tmp_path: Path, seed: int) -> None:
    """In a long run his part lies in its first weeks; later the account would be over thirty days old."""
    generate(seed, out=tmp_path, days=60, events=0, attacks=0, benign="near_misses," * 3)
    tenant = json.loads((tmp_path / "tenant.json").read_text(encoding="utf-8"))
    created = {
        f"CONTOSO\\{user['onPremisesSamAccountName']}": moment(user["createdDateTime"])
        for user in tenant["users"]
    }
    ages = [
        moment(line["start"]) - created[line["accounts"][0]]
        for line in read_lines(tmp_path / "truth.jsonl")
        if "account_new" in line["reasons"]
    ]

    assert 3 == len(ages)
    assert max(ages) < timedelta(days=30)


def test_a_chosen_start_moves_everything(tmp_path: Path) -> None:
    """Events, tenant and truth all follow the start."""
    generate(4, out=tmp_path, start=date(2025, 6, 2), events=300)
    times = [row["TimeGenerated"] for row in read_lines(tmp_path / "events.jsonl")]

    assert "2025-06-01T22:00" <= times[0] < times[-1] < "2025-06-02T22:00"


@pytest.mark.parametrize("start", [date(2026, 3, 27), date(2026, 10, 23)])
def test_days_on_which_clocks_change_are_days_too(tmp_path: Path, start: date) -> None:
    """Friday to Monday over either change of clocks: every row is valid and nothing overlaps."""
    generate(4, out=tmp_path, start=start, days=4, events=2_000, attacks=20, benign=30)
    truth = read_lines(tmp_path / "truth.jsonl")

    assert 50 == len(truth)
    assert [] == [row for row in read_lines(tmp_path / "events.jsonl") if problems(row)]
    assert [] == overlaps(truth, timedelta(minutes=150))


def test_many_closable_sequences_raise_the_close_limit(tmp_path: Path) -> None:
    """The tenant's own setting follows, or the function would rightly stop closing."""
    generate(4, out=tmp_path, days=5, events=0, attacks=0, benign="closable," * 6)
    tenant = json.loads((tmp_path / "tenant.json").read_text(encoding="utf-8"))

    assert 6 * len(family("closable") or ()) == tenant["settings"]["closeLimit"]


def test_names_choose_scenarios(tmp_path: Path) -> None:
    """Exactly those asked for."""
    generate(4, out=tmp_path, events=0, attacks="proxyshell, hour_edge", benign="backup_job")

    assert {"proxyshell", "hour_edge", "backup_job"} == {
        line["scenario"] for line in read_lines(tmp_path / "truth.jsonl")
    }


@pytest.mark.parametrize(
    ("choices", "told"),
    [
        ({"attacks": "dark_hallo"}, "no scenario 'dark_hallo'"),
        ({"attacks": "backup_job"}, "backup_job is no attack"),
        ({"benign": "proxyshell"}, "proxyshell is an attack"),
        ({"attacks": -1}, "attacks: -1 sequences"),
        ({"days": 0}, "0 days"),
        ({"events": -5}, "-5 events"),
        ({"format": "xlsx"}, "choose one of jsonl, csv, parquet"),
        ({"users": 5}, "5 users are too few"),
        ({"benign": 500}, "no room for another"),
        ({"start": date(2025, 11, 22)}, "include a working day"),
    ],
)
def test_what_cannot_be_made_is_refused_before_anything_is_written(
    tmp_path: Path, choices: Any, told: str
) -> None:
    """The refusal names the option and what to do; the folder is not even made."""
    with pytest.raises(PlanError, match=told):
        generate(1, out=tmp_path / "new", **choices)

    assert not (tmp_path / "new").exists()


def test_the_default_start_is_a_monday_that_does_not_move() -> None:
    """Or the same arguments would give other bytes on another day."""
    assert 0 == FIRST_DAY.weekday()
    assert (FIRST_DAY,) == Plan(seed=1).dates


def test_near_misses_can_be_asked_for_as_a_family() -> None:
    """By the family's name."""
    assert family("near_misses") == Plan(seed=1, attacks=0, benign="near_misses").scenarios
