"""Registers: which rows can be used, what their windows hold, and what a name selects."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fakes import fake_policy
from hypothesis import given
from hypothesis import strategies as st
from worlds import TENANT, moment

from playbooks.mailbox_export.registers.register_cells import names_key, read_cases, read_hosts, read_jobs
from playbooks.mailbox_export.registers.register_rows import JobRow
from playbooks.mailbox_export.registers.schedules import Schedule, parse_days, parse_windows, parse_zone
from playbooks.model import WatchlistItem

POLICY = fake_policy(TENANT)
UPDATED = datetime(2024, 1, 1, tzinfo=UTC)


def job(**cells: str) -> JobRow | tuple[str, ...]:
    """The nightly job with some cells changed: the row, or the problems of an unusable one."""
    row = TENANT["watchlists"]["MailboxExportJobs"][0] | cells
    rows = read_jobs((WatchlistItem(row, UPDATED),), POLICY)
    return rows.valid[0] if rows.valid else rows.invalid[0].problems


def case_problems(**cells: str) -> tuple[str, ...]:
    """Problems of the case's row with some cells changed."""
    row = TENANT["watchlists"]["EDiscoveryCases"][0] | cells
    rows = read_cases((WatchlistItem(row, UPDATED),), POLICY)
    return rows.invalid[0].problems if rows.invalid else ()


def schedule(window: str, days: str = "*", zone: str = "Europe/Vienna") -> Schedule:
    """A schedule from its cells."""
    weekdays, month_days = parse_days(days)
    return Schedule(
        weekdays=weekdays, month_days=month_days, windows=parse_windows(window), zone=parse_zone(zone)
    )


def test_a_row_reads_by_its_own_cells_time_and_policy_however_often_it_was_read() -> None:
    """Readings are kept, and nothing but the same row by the same policy is taken from there."""
    cells = TENANT["watchlists"]["MailboxExportJobs"][0] | {"Hosts": "EXCH01"}
    elsewhere = replace(POLICY, domains={"contoso": "fabrikam.com"})
    moved = WatchlistItem(cells, UPDATED + timedelta(days=1))
    asked = (
        (WatchlistItem(cells, UPDATED), POLICY),
        (WatchlistItem(cells | {"Ticket": "CHG-2"}, UPDATED), POLICY),
        (moved, POLICY),
        (moved, elsewhere),
    )

    for _ in range(2):
        rows = [read_jobs((item,), policy).valid[0] for item, policy in asked]
        assert [cells["Ticket"], "CHG-2", *[cells["Ticket"]] * 2] == [row.ticket for row in rows]
        assert [UPDATED] * 2 + [UPDATED + timedelta(days=1)] * 2 == [row.updated for row in rows]
        assert ["exch01.contoso.com"] * 3 + ["exch01.fabrikam.com"] == [min(row.hosts) for row in rows]


def test_a_row_reads_alike_in_whatever_order_its_cells_came() -> None:
    """Of two columns that are one but for case, always the same counts: a kept reading has no order."""
    cells = TENANT["watchlists"]["MailboxExportJobs"][0] | {"ticket": "CHG-3"}
    turned = dict(reversed(cells.items()))

    rows = [read_jobs((WatchlistItem(one, UPDATED),), POLICY) for one in (cells, turned)]

    assert rows[0] == rows[1]
    assert WatchlistItem(cells, UPDATED) == WatchlistItem(turned, UPDATED)
    assert hash(WatchlistItem(cells, UPDATED)) == hash(WatchlistItem(turned, UPDATED))


def test_a_whole_row_is_read() -> None:
    """Hosts are completed, roots are folders, names are kept as written."""
    row = job()

    assert isinstance(row, JobRow)
    assert frozenset({"exch01.contoso.com"}) == row.hosts
    assert ("fs01.contoso.com", ("exports$",)) == (row.roots[0].server, row.roots[0].components)


@pytest.mark.parametrize(
    "cells",
    [
        {"JobName": ""},
        {"JobName": "*"},
        {"Scenario": "export"},
        {"RunAs": ""},
        {"RunAs": "svc-job"},
        {"RunAs": r"FABRIKAM\svc-job"},
        {"RunAs": "S-1-5-20"},
        {"Hosts": "*"},
        {"Hosts": ""},
        {"ExportRoots": ""},
        {"ExportRoots": "*"},
        {"Mailboxes": ""},
        {"Mailboxes": "*;audit.box"},
        {"Days": "Someday"},
        {"Days": "32"},
        {"Window": "21:50"},
        {"Window": "21:50-21:50"},
        {"Window": "25:00-26:00"},
        {"TimeZone": "Europe/Atlantis"},
        {"TimeZone": "../etc/passwd"},
        {"ValidFrom": "2024-01-01T00:00:00"},
        {"ValidUntil": "until revoked"},
        {"ValidUntil": "9999-12-31T00:00:00Z"},
        {"ValidUntil": "2023-01-01T00:00:00Z"},
        {"Owner": ""},
        {"Ticket": ""},
    ],
)
def test_a_cell_that_is_missing_or_cannot_be_read_makes_the_row_invalid(cells: dict[str, str]) -> None:
    """One bad cell, one problem that names its column; the row never matches."""
    problems = job(**cells)

    assert isinstance(problems, tuple)
    assert next(iter(cells)) in problems[0]


def test_all_problems_of_a_row_are_told_at_once() -> None:
    """A person mends a row once."""
    problems = job(Days="x", Window="y", TimeZone="z")

    assert isinstance(problems, tuple)
    assert 3 == len(problems)


def test_maintenance_needs_neither_roots_nor_mailboxes() -> None:
    """It exports nothing."""
    assert isinstance(job(Scenario="maintenance", ExportRoots="", Mailboxes=""), JobRow)


def test_unknown_columns_and_letter_case_of_columns_do_not_matter() -> None:
    """Columns are matched without case and strangers are ignored."""
    cells = {name.upper(): cell for name, cell in TENANT["watchlists"]["MailboxExportJobs"][0].items()}

    assert 1 == len(read_jobs((WatchlistItem(cells | {"Comment": "x"}, UPDATED),), POLICY).valid)


@pytest.mark.parametrize(
    "cells",
    [
        {"CaseId": ""},
        {"CaseId": r"LEG\1"},
        {"CaseId": ".."},
        {"Status": "pending"},
        {"Custodians": "*"},
        {"ExportRoot": "x"},
        {"OpenedOn": ""},
        {"Status": "closed"},
        {"ClosedOn": "yesterday"},
        {"ClosedOn": "2020-01-01T00:00:00Z"},
        {"Owner": ""},
    ],
)
def test_a_case_that_cannot_be_read_is_invalid(cells: dict[str, str]) -> None:
    """A closed case without a closing time contradicts itself."""
    assert case_problems(**cells)


def test_an_open_case_is_valid_without_hosts() -> None:
    """Its hosts may all stand in MailboxExportHosts."""
    assert () == case_problems(Hosts="")


@pytest.mark.parametrize("cells", [{"Fqdn": ""}, {"Fqdn": "a;b"}, {"Fqdn": "192.0.2.1"}, {"Role": "any"}])
def test_a_host_row_names_one_host_and_a_known_role(cells: dict[str, str]) -> None:
    """Anything else never approves a host."""
    item = WatchlistItem({"Fqdn": "EXCH01", "Role": "exchange"} | cells, UPDATED)

    assert () == read_hosts((item,), POLICY).valid


@pytest.mark.parametrize(
    ("name", "selected"),
    [
        ("NightlyExport", True),
        ("NIGHTLYEXPORT", True),
        ("NightlyExport-2024", True),
        ("NightlyExport_x", True),
        ("NightlyExport2", False),
        ("NightlyExpor", False),
        ("x-NightlyExport", False),
        ("NightlyExport x", False),
        ("", False),
        ("*", False),
    ],
)
def test_a_name_selects_its_row_with_a_separator_alone(name: str, selected: bool) -> None:
    """Equal, or followed by `-` or `_`."""
    assert selected is names_key(name, "NightlyExport")


@pytest.mark.parametrize(
    ("window", "days", "when", "inside"),
    [
        ("21:50-23:00", "*", "2024-11-18 20:50", True),
        ("21:50-23:00", "*", "2024-11-18 20:49:59", False),
        ("21:50-23:00", "*", "2024-11-18 21:59:59", True),
        ("21:50-23:00", "*", "2024-11-18 22:00", False),
        ("09:00-10:00;21:50-23:00", "*", "2024-11-18 08:30", True),
        ("05:50-06:40", "*", "2024-07-15 04:00", True),
        ("05:50-06:40", "*", "2024-07-15 05:00", False),
        ("23:30-00:45", "Fri", "2024-11-22 22:35", True),
        ("23:30-00:45", "Fri", "2024-11-22 23:15", True),
        ("23:30-00:45", "Fri", "2024-11-21 23:15", False),
        ("23:30-00:45", "Fri", "2024-11-23 23:15", False),
        ("22:00-24:00", "Mon", "2024-11-18 22:59:59", True),
        ("22:00-24:00", "Mon", "2024-11-18 23:00", False),
        ("21:50-23:00", "Mon-Fri", "2024-11-23 21:00", False),
        ("21:50-23:00", "Sat;Sun", "2024-11-23 21:00", True),
        ("21:50-23:00", "Fri-Mon", "2024-11-18 21:00", True),
        ("21:50-23:00", "Fri-Mon", "2024-11-19 21:00", False),
        ("01:00-02:00", "1", "2024-12-01 00:30", True),
        ("01:00-02:00", "1", "2024-12-02 00:30", False),
        ("02:10-02:40", "Sun", "2024-10-27 00:20", True),
        ("02:10-02:40", "Sun", "2024-10-27 01:20", True),
        ("02:10-02:40", "Sun", "2024-03-31 01:20", False),
    ],
)
def test_a_window_is_read_on_the_wall_clock_of_its_zone(
    window: str, days: str, when: str, inside: bool
) -> None:
    """Start included and end not; midnight, summer time and both hours of an autumn night."""
    assert inside is schedule(window, days).contains(moment(when))


@pytest.mark.parametrize(
    ("window", "days", "when", "reached"),
    [
        ("21:50-23:00", "*", "2024-11-18 20:50", True),
        ("21:50-23:00", "*", "2024-11-18 23:00", True),
        ("21:50-23:00", "*", "2024-11-18 23:00:01", False),
        ("21:50-23:00", "*", "2024-11-18 20:49", False),
        ("23:30-00:45", "Fri", "2024-11-23 00:45", True),
        ("23:30-00:45", "Fri", "2024-11-22 00:30", False),
    ],
)
def test_a_removal_has_an_hour_more(window: str, days: str, when: str, reached: bool) -> None:
    """From the start of the window until 60 minutes after its end, also past midnight."""
    assert reached is schedule(window, days).reaches(moment(when))


@given(st.datetimes(min_value=datetime(2023, 1, 1), max_value=datetime(2026, 1, 1)))  # noqa: DTZ001
def test_what_lies_in_a_window_lies_in_its_hour_more(when: datetime) -> None:
    """A removal may start wherever an export may."""
    plan, moment_utc = schedule("23:30-00:45;05:00-06:00", "Mon-Fri;1"), when.replace(tzinfo=UTC)

    assert not plan.contains(moment_utc) or plan.reaches(moment_utc)


@given(
    st.dictionaries(
        st.sampled_from(sorted(TENANT["watchlists"]["MailboxExportJobs"][0])), st.text(max_size=20)
    )
)
def test_no_cell_makes_the_reader_fail(cells: dict[str, Any]) -> None:
    """Any text in any cell gives a valid or an invalid row."""
    assert job(**cells)
