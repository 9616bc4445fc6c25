"""An organisation from one seed: the people, machines, directory and registers of the tenant file.

The same seed, sizes and start give the same organisation, byte for byte.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from simulator.catalogues import CATALOGUES
from simulator.company import directory, registers
from simulator.company.accounts import DNS, NETBIOS, Account, Part, Person
from simulator.company.machines import Machine, Role, rack
from simulator.company.people import hire
from simulator.company.premises import Premises
from simulator.company.registers import Case, Job
from simulator.errors import PlanError

BUSINESS_HOURS = "Mon-Fri 07:00-19:00"
FIRST_DAY = date(2025, 11, 17)
"""A Monday, long past: fixed, so that the same arguments give the same bytes on any day, and over, since the
playbook decides only when an activity's window has passed."""
FEWEST_USERS, FEWEST_HOSTS = 60, 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Organisation:
    """Who and what exists. `settings` are the tenant's own, by their camelCase names."""

    people: tuple[Person, ...]
    machines: tuple[Machine, ...]
    jobs: tuple[Job, ...]
    cases: tuple[Case, ...]
    groups: list[dict[str, object]]
    roles: list[dict[str, object]]
    risky: list[dict[str, object]]
    watchlists: dict[str, list[dict[str, str]]]
    settings: Mapping[str, object] = field(default_factory=dict)
    time_zone: str = registers.TIME_ZONE
    start: date = FIRST_DAY

    @property
    def premises(self) -> Premises:
        """Its people and machines, as a playbook's examples may ask about them."""
        return Premises(people=self.people, machines=self.machines, start=self.start)

    def playing(self, part: Part) -> tuple[Person, ...]:
        """Everybody who plays a part, in the order of the directory."""
        return tuple(person for person in self.people if person.part is part)

    def machines_for(self, role: Role) -> tuple[Machine, ...]:
        """Every machine of a role, in the order of the inventory."""
        return tuple(machine for machine in self.machines if machine.role is role)

    def job(self, name: str) -> Job:
        """A registered job by its name. Raises StopIteration where no job has it."""
        return next(job for job in self.jobs if job.name == name)

    def home_of(self, account: Account) -> str:
        """The personal export root of an account."""
        return registers.PERSONAL_ROOT.replace("{sam}", account.sam)

    def tenant(self) -> dict[str, object]:
        """The tenant file: plain JSON in the services' own shapes, keys in a fixed order."""
        return {
            "organisation": {
                "netbios": NETBIOS,
                "dns": DNS,
                "timeZone": self.time_zone,
                "businessHours": BUSINESS_HOURS,
            },
            "settings": dict(self.settings),
            "users": [person.graph_user() for person in self.people],
            "groups": self.groups,
            "directoryRoles": self.roles,
            "riskyUsers": self.risky,
            "devices": [machine.graph_device() for machine in self.machines],
            "watchlists": self.watchlists,
        }


def organise(seed: int, *, users: int = 200, hosts: int = 80, start: date = FIRST_DAY) -> Organisation:
    """An organisation of `users` people and `hosts` machines as it is on `start` (local date).

    Raises PlanError where it would be too small to play every part.
    """
    _check(users, least=FEWEST_USERS, what="users")
    _check(hosts, least=FEWEST_HOSTS, what="hosts")
    people = hire(seed, users=users, start=start)
    machines = rack(seed, hosts=hosts, people=people)
    domain_sid = people[0].account.sid.rpartition("-")[0]
    jobs = registers.register_jobs(people, machines, domain_sid=domain_sid, start=start)
    cases = registers.register_cases(people, machines, seed=seed, start=start)
    groups = directory.groups(people, seed=seed)
    group_ids = {str(group["displayName"]): str(group["id"]) for group in groups}
    return Organisation(
        people=people,
        machines=machines,
        jobs=jobs,
        cases=cases,
        groups=groups,
        roles=directory.directory_roles(people, group_ids),
        risky=directory.risky_users(people),
        watchlists={
            **_watchlists(people, machines, jobs=jobs, cases=cases, start=start),
            **_watchlists_of_playbooks(Premises(people=people, machines=machines, start=start)),
        },
        settings=_settings(),
        start=start,
    )


def _check(count: int, *, least: int, what: str) -> None:
    """Refuses a size that cannot hold the cast."""
    if count < least:
        raise PlanError(f"{count} {what} are too few to play every part: ask for {least} or more")


def _settings() -> dict[str, object]:
    """What the organisation tells the function app."""
    return {
        "exportRoleGroups": [directory.EXPORT_OPERATORS],
        "exchangeAdminGroups": [directory.EXCHANGE_ADMINS],
        "eDiscoveryGroups": [directory.EDISCOVERY],
        "personalExportRoot": registers.PERSONAL_ROOT,
    }


def _watchlists_of_playbooks(premises: Premises) -> dict[str, list[dict[str, str]]]:
    """The rows that playbooks bring for their own registers, by alias."""
    brought = [catalogue.rows(premises) for catalogue in CATALOGUES.values()]
    return {alias: rows for registers_of_one in brought for alias, rows in registers_of_one.items()}


def _watchlists(
    people: tuple[Person, ...],
    machines: tuple[Machine, ...],
    *,
    jobs: tuple[Job, ...],
    cases: tuple[Case, ...],
    start: date,
) -> dict[str, list[dict[str, str]]]:
    """The registers of mailbox exports and Sentinel's own lists, by alias."""
    owner = next(person.mail for person in people if person.part is Part.DOMAIN_ADMIN)
    counsel = next(person.mail for person in people if person.part is Part.LEGAL)
    return {
        "MailboxExportJobs": [
            *(job.row(owner) for job in jobs),
            registers.clean_up_row(machines, owner=owner, start=start),
            registers.untidy_row(owner),
        ],
        "EDiscoveryCases": [case.row(counsel) for case in cases],
        "MailboxExportHosts": registers.host_rows(machines),
        "VIPUsers": registers.person_rows(people, Part.EXECUTIVE),
        "TerminatedEmployees": registers.leaver_rows(people, start=start),
        "HighValueAssets": registers.asset_rows(machines),
    }
