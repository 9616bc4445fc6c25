"""Accounts and people: what a log row, the directory and a register each say of one of them."""

import unicodedata
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from uuid import UUID

NETBIOS, DNS = "CONTOSO", "contoso.com"

_LETTERS = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "ø": "o", "ł": "l", "đ": "d", "æ": "ae"}
)


class AccountKind(StrEnum):
    """How the account is kept."""

    PERSON = "person"
    SERVICE = "service"
    MANAGED = "managed"
    SYSTEM = "system"
    NETWORK = "network service"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A security principal. Windows' own accounts are worded differently by each source."""

    sam: str
    sid: str
    kind: AccountKind = AccountKind.PERSON

    @property
    def windows_name(self) -> str:
        r"""`DOMAIN\name`, or `NT AUTHORITY\name` for Windows' own accounts."""
        return f"{'NT AUTHORITY' if self.is_built_in else NETBIOS}\\{self.sam}"

    @property
    def is_built_in(self) -> bool:
        """Whether it is one of Windows' own accounts."""
        return self.kind in {AccountKind.SYSTEM, AccountKind.NETWORK}


SYSTEM = Account(sam="SYSTEM", sid="S-1-5-18", kind=AccountKind.SYSTEM)
NETWORK_SERVICE = Account(sam="NETWORK SERVICE", sid="S-1-5-20", kind=AccountKind.NETWORK)


class Part(StrEnum):
    """The part a person plays; most are plain staff."""

    STAFF = "staff"
    DOMAIN_ADMIN = "domain admin"
    EXPORT_OPERATOR = "export operator"
    EXCHANGE_ADMIN = "exchange admin"
    COMPROMISED_ADMIN = "compromised admin"
    NEW_OPERATOR = "new operator"
    RISKY_OPERATOR = "risky operator"
    DISABLED_OPERATOR = "disabled operator"
    LEGAL = "legal"
    HELP_DESK = "help desk"
    CONTRACTOR = "contractor"
    EXECUTIVE = "executive"
    LEAVER = "leaver"
    SHARED_MAILBOX = "shared mailbox"
    SERVICE = "service"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody, or a shared mailbox or service account, in the directory."""

    id: str
    account: Account
    part: Part
    given: str
    surname: str
    display_name: str
    mail: str
    job_title: str
    department: str
    city: str
    created: str
    enabled: bool = True
    former_mail: tuple[str, ...] = field(default=())

    @property
    def sam(self) -> str:
        """The logon name, which is the mail nickname too."""
        return self.account.sam

    @property
    def upn(self) -> str:
        """User principal name."""
        return f"{self.sam}@{DNS}"

    def graph_user(self) -> dict[str, object]:
        """The user as Microsoft Graph v1.0 gives it."""
        unit = "Service Accounts" if self.part is Part.SERVICE else self.department
        return {
            "id": self.id,
            "userPrincipalName": self.upn,
            "displayName": self.display_name,
            "givenName": self.given or None,
            "surname": self.surname or None,
            "mail": self.mail,
            "mailNickname": self.sam,
            "proxyAddresses": [
                f"SMTP:{self.mail}",
                *(f"smtp:{address}" for address in self.former_mail),
                f"smtp:{self.sam}@contoso.mail.onmicrosoft.com",
            ],
            "onPremisesSamAccountName": self.sam,
            "onPremisesDomainName": DNS,
            "onPremisesUserPrincipalName": self.upn,
            "onPremisesSecurityIdentifier": self.account.sid,
            "onPremisesDistinguishedName": (
                f"CN={self.display_name},OU={unit},OU=Accounts,DC=contoso,DC=com"
            ),
            "onPremisesSyncEnabled": True,
            "accountEnabled": self.enabled,
            "userType": "Member",
            "employeeType": "Contractor" if self.part is Part.CONTRACTOR else "Employee",
            "jobTitle": self.job_title,
            "department": self.department,
            "city": self.city,
            "companyName": "Contoso",
            "createdDateTime": self.created,
        }


def plain_ascii(name: str) -> str:
    """A name in lower-case ASCII letters, as it stands in logon names."""
    decomposed = unicodedata.normalize("NFKD", name.lower().translate(_LETTERS))
    return "".join(letter for letter in decomposed if letter.isascii() and letter.isalpha())


def guid(random: Random) -> str:
    """A version 4 GUID from a seeded generator."""
    return str(UUID(int=random.getrandbits(128), version=4))
