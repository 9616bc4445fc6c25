"""Casting: who plays a scenario's slots, and what fills the words of its commands."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from string import ascii_lowercase

from playbooks.scenarios import Register, Runner, Scenario
from simulator.catalogues import CATALOGUES
from simulator.company.accounts import DNS, SYSTEM, Account, Part, Person
from simulator.company.machines import Machine
from simulator.company.premises import PARTS, Premises
from simulator.company.registers import Case, Job
from simulator.organisation import Organisation

ARCHIVE_ROOT = r"\\FS03\Leavers$"
_SUBJECTS = ("Orion", "Falcon", "merger", "tender", "Nordlicht", "pricing")

_JOBS = {
    Register.COMPLIANCE: "ComplianceExportJob",
    Register.BACKUP: "BackupMailboxJob",
    Register.EXPIRED: "PublicFolderArchive",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """The accounts of a scenario by slot, and the words of its commands."""

    accounts: dict[Runner, Account]
    words: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """A performance whose words are being chosen; it answers `playbooks.scenarios.Performance`."""

    scenario: Scenario
    company: Premises
    day: date
    host: str
    runner: Account
    random: Random

    def choose[T](self, among: Sequence[T]) -> T:
        """One of these, by the run's own seed."""
        return self.random.choice(among)


def job_of(scenario: Scenario, organisation: Organisation) -> Job | None:
    """The registered job in play, if any."""
    return organisation.job(_JOBS[scenario.register]) if scenario.register in _JOBS else None


def case_of(scenario: Scenario, organisation: Organisation, *, random: Random) -> Case | None:
    """The legal case in play, if any: an open or a closed one."""
    if scenario.register not in {Register.OPEN_CASE, Register.CLOSED_CASE}:
        return None
    closed = scenario.register is Register.CLOSED_CASE
    return random.choice([case for case in organisation.cases if bool(case.closed) is closed])


def cast(
    scenario: Scenario, organisation: Organisation, *, machine: Machine, day: date, random: Random
) -> Cast:
    """Accounts and words for one performance on `machine`, on the local date `day`."""
    job, case = job_of(scenario, organisation), case_of(scenario, organisation, random=random)
    accounts = _accounts(scenario, organisation, job=job, random=random)
    runner = accounts[scenario.steps[-1].runner]
    words = _words(organisation, runner=runner, machine=machine, random=random)
    known = {
        **words,
        "date": day.isoformat(),
        "since": f"{day - timedelta(days=80):%m/%d/%Y}",
        **_register_words(job, case, words=words, random=random),
    }
    performance = Rehearsal(
        scenario=scenario,
        company=organisation.premises,
        day=day,
        host=machine.fqdn,
        runner=runner,
        random=random,
    )
    return Cast(accounts=accounts, words={**known, **CATALOGUES[scenario.playbook].words(performance)})


def _accounts(
    scenario: Scenario, organisation: Organisation, *, job: Job | None, random: Random
) -> dict[Runner, Account]:
    """An account for every slot that the scenario uses."""
    slots = {slot for step in scenario.steps for slot in (step.runner, step.actor) if slot is not None}
    return {slot: _account(slot, organisation, job=job, random=random) for slot in sorted(slots)}


def _account(slot: Runner, organisation: Organisation, *, job: Job | None, random: Random) -> Account:
    """The account for one slot. Raises ValueError where a job account is wanted and no job is in play."""
    match slot:
        case Runner.SYSTEM:
            return SYSTEM
        case Runner.UNREGISTERED_SERVICE:
            return _person(organisation, "svc-hrflow").account
        case Runner.JOB_ACCOUNT if job is not None:
            return job.run_as
        case Runner.JOB_ACCOUNT:
            raise ValueError("a step runs as the job account, and the scenario names no job")
        case _:
            return random.choice(organisation.playing(PARTS[slot])).account


def _person(organisation: Organisation, sam: str) -> Person:
    """Somebody by logon name."""
    return next(person for person in organisation.people if person.sam == sam)


def _words(
    organisation: Organisation, *, runner: Account, machine: Machine, random: Random
) -> dict[str, str]:
    """Words that do not depend on a register row."""
    named = {case_person.sam for case in organisation.cases for case_person in case.custodians}
    strangers = [
        person.sam
        for person in organisation.playing(Part.STAFF)
        if person.sam not in named and person.account != runner
    ]
    stranger = random.choice(strangers)
    return {
        "own": runner.sam,
        "runner": runner.sam,
        "home": organisation.home_of(runner),
        "host": machine.name,
        "fqdn": machine.fqdn,
        "domain": DNS,
        "stranger": stranger,
        "mailbox": stranger,
        "vip": random.choice(organisation.playing(Part.EXECUTIVE)).sam,
        "leaver": random.choice(organisation.playing(Part.LEAVER)).sam,
        "archive_root": ARCHIVE_ROOT,
        "other_root": ARCHIVE_ROOT,
        "word": "".join(random.choices(ascii_lowercase, k=10)),
        "number": str(random.randrange(1000, 9999)),
        "subject": random.choice(_SUBJECTS),
    }


def _register_words(
    job: Job | None, case: Case | None, *, words: dict[str, str], random: Random
) -> dict[str, str]:
    """Words that the register row in play gives."""
    if job is not None:
        scope = [person.sam for person in job.mailboxes] or [words["stranger"]]
        return {
            "batch": job.name,
            "batch_lookalike": job.name.replace("o", "\N{CYRILLIC SMALL LETTER O}", 1),
            "root": job.root,
            "mailbox": random.choice(scope),
        }
    if case is not None:
        return {
            "case": case.case_id,
            "root": case.root,
            "mailbox": random.choice(case.custodians).sam,
        }
    return {}
