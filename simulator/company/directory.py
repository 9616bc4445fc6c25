"""Groups, directory roles and risk: who holds what, directly, through a group or on demand."""

from random import Random

from simulator.company.accounts import Part, Person, guid

# Role template ids: Microsoft Entra built-in roles reference.
_GLOBAL_ADMINISTRATOR = "62e90394-69f5-4237-9190-012177145e10"
_EXCHANGE_ADMINISTRATOR = "29232cdf-9323-42fd-ade2-1d097af3e4de"
_HELPDESK_ADMINISTRATOR = "729827e3-9c14-49f7-bb1b-9608f156bbb8"
_SECURITY_READER = "5d6b6bb7-de71-4623-b4af-96380a352509"

EXPORT_OPERATORS = "Mailbox Export Operators"
MESSAGING_TEAM = "Messaging Operations"
EXCHANGE_ADMINS = "Organization Management"
EDISCOVERY = "Discovery Management"
LEGAL_TEAM = "Legal eDiscovery Team"

type Members = dict[Part, list[str]]


def _by_part(people: tuple[Person, ...]) -> Members:
    """Ids of the people who play each part."""
    members: Members = {part: [] for part in Part}
    for person in people:
        members[person.part].append(person.id)
    return members


def groups(people: tuple[Person, ...], *, seed: int) -> list[dict[str, object]]:
    """Groups with their direct members. All of legal and most operators come in through a nested group."""
    random = Random(f"{seed}:groups")
    of = _by_part(people)
    ids = {name: guid(random) for name in (MESSAGING_TEAM, LEGAL_TEAM)}
    operators = of[Part.EXPORT_OPERATOR]
    special = of[Part.NEW_OPERATOR] + of[Part.RISKY_OPERATOR] + of[Part.DISABLED_OPERATOR]
    admins = of[Part.EXCHANGE_ADMIN] + of[Part.COMPROMISED_ADMIN]
    named = {
        EXCHANGE_ADMINS: of[Part.DOMAIN_ADMIN]
        + admins
        + special
        + of[Part.CONTRACTOR]
        + [ids[MESSAGING_TEAM]],
        MESSAGING_TEAM: operators,
        EXPORT_OPERATORS: operators[:1] + special + [ids[MESSAGING_TEAM]],
        EDISCOVERY: [ids[LEGAL_TEAM]],
        LEGAL_TEAM: of[Part.LEGAL],
        "Help Desk": of[Part.HELP_DESK],
    }
    departments = sorted({person.department for person in people if person.part is Part.STAFF})
    staff = {
        name: [person.id for person in people if person.part is Part.STAFF and person.department == name]
        for name in departments
    }
    return [
        {
            "id": ids.get(name) or guid(random),
            "displayName": name,
            "securityEnabled": True,
            "mailEnabled": name in staff,
            "members": members,
        }
        for name, members in {**named, **staff}.items()
    ]


def directory_roles(people: tuple[Person, ...], group_ids: dict[str, str]) -> list[dict[str, object]]:
    """Roles: Exchange Administrator directly, through a group, and on demand (eligible)."""
    of = _by_part(people)
    return [
        {
            "roleTemplateId": _GLOBAL_ADMINISTRATOR,
            "displayName": "Global Administrator",
            "members": of[Part.DOMAIN_ADMIN],
            "eligibleMembers": [],
        },
        {
            "roleTemplateId": _EXCHANGE_ADMINISTRATOR,
            "displayName": "Exchange Administrator",
            "members": of[Part.EXCHANGE_ADMIN] + of[Part.RISKY_OPERATOR] + [group_ids[MESSAGING_TEAM]],
            "eligibleMembers": of[Part.COMPROMISED_ADMIN] + of[Part.NEW_OPERATOR],
        },
        {
            "roleTemplateId": _HELPDESK_ADMINISTRATOR,
            "displayName": "Helpdesk Administrator",
            "members": of[Part.HELP_DESK],
            "eligibleMembers": [],
        },
        {
            "roleTemplateId": _SECURITY_READER,
            "displayName": "Security Reader",
            "members": [],
            "eligibleMembers": [],
        },
    ]


def risky_users(people: tuple[Person, ...]) -> list[dict[str, object]]:
    """Identity Protection: one operator at high risk, one remediated, one member of staff at medium risk."""
    of = _by_part(people)
    seen = (
        (of[Part.RISKY_OPERATOR][0], "high", "atRisk"),
        (of[Part.EXPORT_OPERATOR][0], "none", "remediated"),
        (of[Part.STAFF][-1], "medium", "atRisk"),
    )
    return [{"id": user, "riskLevel": level, "riskState": state} for user, level, state in seen]
