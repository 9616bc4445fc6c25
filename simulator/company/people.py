"""The cast: who works here, made with Faker from a seed."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import chain, count
from random import Random

from faker import Faker

from simulator.company.accounts import DNS, Account, AccountKind, Part, Person, guid, plain_ascii

LOCALES = ("de_AT", "de_DE", "en_GB", "fr_FR", "it_IT", "cs_CZ", "hu_HU", "pl_PL", "sl_SI", "es_ES")
_DEPARTMENTS = ("Finance", "Sales", "Engineering", "Human Resources", "Procurement", "Marketing", "Logistics")
_CITIES = ("Vienna", "Graz", "Munich", "Prague", "Milan", "Budapest")

_OFFICES = {
    Part.DOMAIN_ADMIN: ("IT Infrastructure", "Domain Administrator"),
    Part.EXPORT_OPERATOR: ("IT Messaging", "Exchange Administrator"),
    Part.EXCHANGE_ADMIN: ("IT Messaging", "Messaging Engineer"),
    Part.COMPROMISED_ADMIN: ("IT Messaging", "Senior Messaging Engineer"),
    Part.NEW_OPERATOR: ("IT Messaging", "Exchange Administrator"),
    Part.RISKY_OPERATOR: ("IT Messaging", "Exchange Administrator"),
    Part.DISABLED_OPERATOR: ("IT Messaging", "Exchange Administrator"),
    Part.LEGAL: ("Legal", "eDiscovery Specialist"),
    Part.HELP_DESK: ("IT Service Desk", "Service Desk Agent"),
    Part.CONTRACTOR: ("IT Messaging", "Migration Consultant"),
    Part.EXECUTIVE: ("Executive Board", "Member of the Board"),
}
_PREFIXES = {
    Part.DOMAIN_ADMIN: "adm-",
    Part.EXPORT_OPERATOR: "exa-",
    Part.EXCHANGE_ADMIN: "exa-",
    Part.COMPROMISED_ADMIN: "exa-",
    Part.NEW_OPERATOR: "exa-",
    Part.RISKY_OPERATOR: "exa-",
    Part.DISABLED_OPERATOR: "exa-",
    Part.CONTRACTOR: "ext-",
}
_SHARED = (
    ("audit.box", "Audit Mailbox"),
    ("compliance.inbox", "Compliance Inbox"),
    ("records.archive", "Records Archive"),
    ("shared.finance", "Finance Shared Mailbox"),
    ("shared.hr", "Human Resources Shared Mailbox"),
)
_SERVICES = (("svc-excompl", "Compliance export job"), ("svc-hrflow", "Identity workflow"))


@dataclass(frozen=True, slots=True)
class Numbers:
    """RIDs of one domain, handed out in rising order."""

    domain_sid: str
    rids: Iterator[int]

    def next_sid(self) -> str:
        """The next SID of the domain."""
        return f"{self.domain_sid}-{next(self.rids)}"


@dataclass(frozen=True, slots=True)
class Names:
    """Seeded name makers, one for each locale, and the logon names already given."""

    fakers: tuple[Faker, ...]
    taken: set[str]

    def next_name(self, random: Random) -> tuple[str, str]:
        """Given name and surname."""
        faker = random.choice(self.fakers)
        return faker.first_name(), faker.last_name()

    def unique(self, wanted: str) -> str:
        """The name itself, or with a number where somebody has it; at most 20 characters (sAMAccountName)."""
        suffixes = chain(("",), map(str, count(2)))
        tries = (f"{wanted[: 20 - len(suffix)]}{suffix}" for suffix in suffixes)
        free = next(name for name in tries if name not in self.taken)
        self.taken.add(free)
        return free


def parts(users: int) -> tuple[Part, ...]:
    """Which parts `users` people play: the named ones first, plain staff for the rest."""
    team = max(4, min(24, users // 40))
    named = (
        Part.DOMAIN_ADMIN,
        *[Part.EXPORT_OPERATOR] * team,
        *[Part.EXCHANGE_ADMIN] * 2,
        *[Part.COMPROMISED_ADMIN] * 2,
        Part.NEW_OPERATOR,
        Part.RISKY_OPERATOR,
        Part.DISABLED_OPERATOR,
        *[Part.LEGAL] * team,
        *[Part.HELP_DESK] * 2,
        Part.CONTRACTOR,
        *[Part.EXECUTIVE] * 3,
        *[Part.LEAVER] * 3,
    )
    return (*named, *[Part.STAFF] * (users - len(named)))


def hire(seed: int, *, users: int, start: date) -> tuple[Person, ...]:
    """`users` people, then shared mailboxes and service accounts, as of `start` (local date)."""
    random = Random(f"{seed}:people")
    names = Names(_fakers(seed), {name for name, _ in (*_SHARED, *_SERVICES)})
    numbers = Numbers(_domain_sid(random), count(1104))
    people = [
        _person(part, names=names, numbers=numbers, random=random, start=start) for part in parts(users)
    ]
    return (*people, *_resources(random, numbers))


def _fakers(seed: int) -> tuple[Faker, ...]:
    """One maker for each locale, each with a seed of its own."""
    fakers = tuple(Faker(locale) for locale in LOCALES)
    for faker, locale in zip(fakers, LOCALES, strict=True):
        faker.seed_instance(f"{seed}:{locale}")
    return fakers


def _domain_sid(random: Random) -> str:
    """The SID of the one domain."""
    return "S-1-5-21-" + "-".join(str(random.randrange(10**8, 2**32)) for _ in range(3))


def _person(part: Part, *, names: Names, numbers: Numbers, random: Random, start: date) -> Person:
    """One person; name, mail and logon name are unique."""
    given, surname = names.next_name(random)
    plain_given, plain_surname = plain_ascii(given) or "x", plain_ascii(surname) or "y"
    sam = names.unique(f"{_PREFIXES.get(part, '')}{plain_given[0]}.{plain_surname}")
    # The mail local part shares one name space with the logon names, so neither can mean two people.
    local_part = names.unique(f"{plain_given}.{plain_surname}"[:20])
    department, job_title = _OFFICES.get(part) or (random.choice(_DEPARTMENTS), "Specialist")
    return Person(
        id=guid(random),
        account=Account(sam=sam, sid=numbers.next_sid()),
        part=part,
        given=given,
        surname=surname,
        display_name=f"{given} {surname}",
        mail=f"{local_part}@{DNS}",
        job_title=job_title,
        department=department,
        city=random.choice(_CITIES),
        created=_created(part, random=random, start=start),
        enabled=part is not Part.DISABLED_OPERATOR,
        former_mail=(f"{local_part}@fabrikam.com",) if random.random() < 0.1 else (),
    )


def _created(part: Part, *, random: Random, start: date) -> str:
    """When the account was made: ten days before the start for the new one, years for the others."""
    age = 10 if part is Part.NEW_OPERATOR else random.randrange(200, 4000)
    return f"{start - timedelta(days=age)}T08:00:00Z"


def _resources(random: Random, numbers: Numbers) -> Iterator[Person]:
    """Shared mailboxes and service accounts."""
    for sam, title in _SHARED:
        yield _resource(sam, title, part=Part.SHARED_MAILBOX, sid=numbers.next_sid(), random=random)
    for sam, title in _SERVICES:
        yield _resource(sam, title, part=Part.SERVICE, sid=numbers.next_sid(), random=random)


def _resource(sam: str, title: str, *, part: Part, sid: str, random: Random) -> Person:
    """An entry that is no person. The account of a shared mailbox is disabled, as Exchange leaves it."""
    service = part is Part.SERVICE
    return Person(
        id=guid(random),
        account=Account(sam=sam, sid=sid, kind=AccountKind.SERVICE if service else AccountKind.PERSON),
        part=part,
        given="",
        surname="",
        display_name=title,
        mail=f"{sam}@{DNS}",
        job_title="Service account" if service else "Shared mailbox",
        department="IT Messaging",
        city="Vienna",
        created="2019-05-06T08:00:00Z",
        enabled=service,
    )
