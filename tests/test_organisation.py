"""The made-up organisation: the same from the same seed, and nobody in it can be mistaken for another."""

import json
import re
from datetime import date, datetime, timedelta

import pytest

from simulator.chain.tenant import Tenant
from simulator.company.accounts import Part, plain_ascii
from simulator.company.machines import Role
from simulator.errors import PlanError
from simulator.organisation import FIRST_DAY, organise

SEEDS = (1, 2, 77)


@pytest.mark.parametrize("seed", SEEDS)
def test_one_seed_gives_one_organisation(seed: int) -> None:
    """The same seed and sizes give the same tenant file, key order included."""
    assert json.dumps(organise(seed).tenant()) == json.dumps(organise(seed).tenant())


def test_another_seed_gives_other_people() -> None:
    """Names and ids hang on the seed."""
    one, other = organise(1), organise(2)

    assert not {person.id for person in one.people} & {person.id for person in other.people}
    assert [person.display_name for person in one.people] != [person.display_name for person in other.people]


@pytest.mark.parametrize(("users", "hosts"), [(60, 24), (200, 80), (3000, 900)])
def test_sizes_are_kept(users: int, hosts: int) -> None:
    """As many people and machines as were asked for; shared mailboxes and services come on top."""
    organisation = organise(5, users=users, hosts=hosts)
    extras = {Part.SHARED_MAILBOX, Part.SERVICE}

    assert users == sum(1 for person in organisation.people if person.part not in extras)
    assert hosts == len(organisation.machines)
    assert all(organisation.machines_for(role) for role in Role)
    assert all(organisation.playing(part) for part in Part)


@pytest.mark.parametrize(("sizes", "word"), [({"users": 59}, "users"), ({"hosts": 23}, "hosts")])
def test_too_small_an_organisation_is_refused(sizes: dict[str, int], word: str) -> None:
    """The refusal says what to ask for."""
    with pytest.raises(PlanError, match=r"too few.*ask for \d+") as refusal:
        organise(1, **sizes)

    assert word in str(refusal.value)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_name_means_two_people(seed: int) -> None:
    """Every name that a command may give a mailbox by belongs to one user, and ids and SIDs to one each."""
    users = organise(seed, users=2500).tenant()["users"]
    owners: dict[str, set[str]] = {}
    for user in users:
        addresses = [address.partition(":")[2] for address in user["proxyAddresses"]]
        names = {user["mail"], user["userPrincipalName"], user["mailNickname"], *addresses}
        for name in names | {user["onPremisesSamAccountName"]}:
            owners.setdefault(name.lower(), set()).add(user["id"])

    assert [] == [name for name, ids in owners.items() if len(ids) > 1]
    assert len(users) == len({user["onPremisesSecurityIdentifier"] for user in users})


@pytest.mark.parametrize("seed", SEEDS)
def test_logon_names_are_plain_and_short(seed: int) -> None:
    """ASCII, at most 20 characters (sAMAccountName); only services look like services."""
    for person in organise(seed, users=1000).people:
        assert re.fullmatch(r"[a-z][a-z0-9.-]{1,19}", person.sam)
        assert person.sam.startswith("svc-") == (person.part is Part.SERVICE)


@pytest.mark.parametrize(
    ("name", "plain"), [("Müller", "mueller"), ("Šmíd", "smid"), ("Łoś", "los"), ("D'Angelo", "dangelo")]
)
def test_names_lose_their_accents(name: str, plain: str) -> None:
    """German letters are spelt out, others lose their marks."""
    assert plain == plain_ascii(name)


def test_all_sids_are_of_one_domain() -> None:
    """There is one domain."""
    people = organise(3).people

    assert 1 == len({person.account.sid.rpartition("-")[0] for person in people})


def test_the_tenant_file_has_the_form_that_the_runner_reads() -> None:
    """The runner's own model takes the document."""
    document = json.loads(json.dumps(organise(4).tenant()))

    assert len(document["users"]) == len(Tenant.model_validate(document).users)
    assert ["organisation", "settings", "users", "groups"] == list(document)[:4]


def test_group_edges_lead_somewhere_and_nest() -> None:
    """Every member exists; export, admin and eDiscovery groups each hold another group."""
    tenant = organise(6).tenant()
    groups = {group["displayName"]: group for group in tenant["groups"]}
    known = {user["id"] for user in tenant["users"]} | {group["id"] for group in groups.values()}
    nested = {group["id"] for group in groups.values()}

    for group in groups.values():
        assert set(group["members"]) <= known
    for name in ("Organization Management", "Discovery Management", "Mailbox Export Operators"):
        assert nested & set(groups[name]["members"]), name


def test_exchange_administrators_hold_the_role_in_three_ways() -> None:
    """Directly, through a group, and on demand."""
    tenant = organise(6).tenant()
    role = next(r for r in tenant["directoryRoles"] if r["displayName"] == "Exchange Administrator")
    group_ids = {group["id"] for group in tenant["groups"]}

    assert set(role["members"]) & group_ids
    assert set(role["members"]) - group_ids
    assert set(role["eligibleMembers"]) - set(role["members"])


def test_nobody_who_may_close_is_new_disabled_risky_listed_or_leaving() -> None:
    """Operators and legal staff carry no flag of their own, nor do the custodians."""
    tenant = organise(8).tenant()
    organisation = organise(8)
    risky = {row["id"] for row in tenant["riskyUsers"] if row["riskLevel"] in {"medium", "high"}}
    listed = {
        row["User AAD Object Id"]
        for alias in ("VIPUsers", "TerminatedEmployees")
        for row in tenant["watchlists"][alias]
    }
    custodians = {person for case in organisation.cases for person in case.custodians}
    honest = {*organisation.playing(Part.EXPORT_OPERATOR), *organisation.playing(Part.LEGAL)}

    for person in honest:
        assert person.enabled
        assert person.id not in risky
        assert datetime.fromisoformat(person.created).date() < FIRST_DAY - timedelta(days=31)
    assert not {person.id for person in honest | custodians} & listed


@pytest.mark.parametrize("start", [FIRST_DAY, date(2025, 2, 3)])
def test_register_rows_fit_the_start(start: date) -> None:
    """Job rows in force were valid long before the start, one row expired, and no valid row is a day old."""
    rows = organise(9, start=start).tenant()["watchlists"]["MailboxExportJobs"]
    spans = {
        row["JobName"]: (
            datetime.fromisoformat(row["ValidFrom"]).date(),
            datetime.fromisoformat(row["ValidUntil"]).date(),
        )
        for row in rows
        if row["ValidFrom"]
    }

    assert {"ComplianceExportJob", "BackupMailboxJob", "CleanupExportedMailboxes"} == {
        name for name, (first, last) in spans.items() if first < start - timedelta(days=2) <= last
    }
    assert spans["PublicFolderArchive"][1] < start


def test_the_registers_are_as_untidy_as_real_ones() -> None:
    """A row that cannot be read, a column of somebody's own, a host in lower case, a closed case."""
    watchlists = organise(9).tenant()["watchlists"]

    assert [] != [row for row in watchlists["MailboxExportJobs"] if "Comment" in row]
    assert [] != [row for row in watchlists["MailboxExportHosts"] if row["Fqdn"].islower()]
    assert {"open", "closed"} == {row["Status"] for row in watchlists["EDiscoveryCases"]}
    assert all(isinstance(cell, str) for rows in watchlists.values() for row in rows for cell in row.values())


def test_every_machine_is_a_device_under_its_short_name() -> None:
    """Microsoft Entra knows the machines by their short names."""
    organisation = organise(10)
    devices = organisation.tenant()["devices"]

    assert [machine.name for machine in organisation.machines] == [d["displayName"] for d in devices]
    assert {"ServerAd"} == {device["trustType"] for device in devices}
