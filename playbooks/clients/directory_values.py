"""Microsoft Graph v1.0 resources as values: users, groups, roles, risk, devices."""

from typing import Any

from playbooks.clients.wire import Record, parse_moment
from playbooks.model import Device, DirectoryUser, Found, Group, Lookup, Risk, Unavailable

SOURCE = "Microsoft Graph"

USER_PROPERTIES = (
    *("id", "userPrincipalName", "displayName", "mail", "mailNickname", "proxyAddresses", "accountEnabled"),
    *("onPremisesSamAccountName", "onPremisesDomainName", "onPremisesSecurityIdentifier"),
    *("createdDateTime", "userType", "jobTitle", "department"),
)
RISK_PROPERTIES = ("riskLevel", "riskState", "isProcessing")
DEVICE_PROPERTIES = ("id", "displayName", "trustType", "isCompliant", "isManaged")

_LEVELS = frozenset({"none", "low", "medium", "high"})
_STATES = frozenset({"none", "confirmedSafe", "remediated", "dismissed", "atRisk", "confirmedCompromised"})


def listed(pages: list[dict[str, Any]]) -> list[Record]:
    """The resources of every page."""
    return [item for page in pages for item in Record(SOURCE, page).records("value")]


def parse_user(user: Record) -> DirectoryUser:
    """A user with the properties asked for; null, which Graph answers for what is not set, is empty."""
    created = user.text_or_null("createdDateTime")
    if created and parse_moment(created) is None:
        raise user.unread("createdDateTime")
    return DirectoryUser(
        id=user.guid("id"),
        user_principal_name=user.name("userPrincipalName"),
        display_name=user.text_or_null("displayName"),
        mail=user.text_or_null("mail"),
        mail_nickname=user.text_or_null("mailNickname"),
        proxy_addresses=user.texts("proxyAddresses"),
        sam_account_name=user.text_or_null("onPremisesSamAccountName"),
        domain_name=user.text_or_null("onPremisesDomainName"),
        sid=user.text_or_null("onPremisesSecurityIdentifier"),
        enabled=user.flag_or_null("accountEnabled"),
        created=parse_moment(created),
        user_type=user.text_or_null("userType"),
        job_title=user.text_or_null("jobTitle"),
        department=user.text_or_null("department"),
    )


def parse_group(group: Record) -> Group:
    """A group. One without a name is shown by its id."""
    group_id = group.guid("id")
    return Group(id=group_id, display_name=group.text_if_given("displayName") or group_id)


def parse_risk(risk: Record) -> Lookup[Risk]:
    """A riskyUser. Hidden, future and unfinished values are no answer: they say nothing about risk."""
    level, state = risk.text("riskLevel"), risk.text("riskState")
    if risk.members.get("isProcessing") is True:
        return Unavailable(SOURCE, "the user's risk is still being worked out by Identity Protection")
    if level == "hidden":
        return Unavailable(
            SOURCE, "the user's risk is hidden: it needs the Entra ID P2 licence", lasting=True
        )
    if level not in _LEVELS or state not in _STATES:
        return Unavailable(SOURCE, "the user's risk has a value that is not known here", lasting=True)
    return Found(Risk(level, state))


def parse_device(device: Record) -> Device:
    """A device."""
    return Device(
        display_name=device.text("displayName"),
        trust_type=device.text_if_given("trustType"),
        is_compliant=device.flag_or_null("isCompliant"),
        is_managed=device.flag_or_null("isManaged"),
    )
