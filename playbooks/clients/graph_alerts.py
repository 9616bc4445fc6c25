"""Alerts of Microsoft Graph v1.0 `security`, as an incident holds them with `$expand=alerts`."""

from collections.abc import Iterator
from datetime import datetime

from playbooks.clients.incident_record import MOST_ENTITIES, TOO_LARGE, analytic_rule_ids
from playbooks.clients.wire import Record, parse_guid, parse_moment
from playbooks.errors import SourceUnavailable
from playbooks.model import Account, Alert, Found, Host, Lookup, Unavailable

SOURCE = "Microsoft Defender"


def parse_alerts(resource: Record, number: str, *, at_least: int) -> Lookup[tuple[Alert, ...]]:
    """The alerts of incident `number`, expanded in it; Unavailable where one is odd, or some are missing."""
    try:
        alerts = tuple(_alert(alert, number) for alert in resource.records("alerts"))
    except SourceUnavailable as error:
        return Unavailable(SOURCE, error.cause)
    short = "alerts@odata.nextLink" in resource or at_least > len(alerts)
    return Unavailable(SOURCE, TOO_LARGE) if short else Found(alerts)


def _alert(alert: Record, incident_number: str) -> Alert:
    if alert.text_if_given("incidentId") not in ("", incident_number):
        raise alert.unread("incidentId")
    start, end = _span(alert)
    return Alert(
        system_alert_id=alert.name("providerAlertId"),
        name=alert.text("title"),
        rule_ids=_rule_ids(alert),
        product=alert.text_if_given("productName") or alert.name("serviceSource"),
        start=start,
        end=end,
        generated=parse_moment(alert.members.get("createdDateTime")),
    )


def _rule_ids(alert: Record) -> frozenset[str]:
    """The rule behind an alert: `detectorId`, which for Sentinel's alerts is the analytics rule's GUID.

    Where `additionalData` names rules too, it has to name that one. A title is no sign of anything.
    """
    detector = parse_guid(alert.text_if_given("detectorId").rpartition("_")[2])
    more = alert.members.get("additionalData") or {}
    try:
        listed = analytic_rule_ids(more.get("Analytic Rule Ids"), "")
    except (AttributeError, ValueError, RecursionError) as error:
        raise alert.unread("additionalData") from error
    if listed and detector is not None and detector not in listed:
        raise alert.unread("detectorId")
    return listed or (frozenset() if detector is None else frozenset({detector}))


def _span(alert: Record) -> tuple[datetime | None, datetime | None]:
    names = ("firstActivityDateTime", "lastActivityDateTime")
    start, end = (parse_moment(alert.members.get(name)) for name in names)
    return (None, None) if start is not None and end is not None and end < start else (start, end)


def parse_entities(resource: Record) -> tuple[tuple[Account, ...], tuple[Host, ...], bool]:
    """Accounts and hosts of all evidence, each once, and whether it could be read whole.

    An alert without a host is not whole: what it saw would not be looked at.
    """
    accounts: list[Account] = []
    hosts: list[Host] = []
    try:
        for alert in resource.records("alerts"):
            evidence = list(alert.records("evidence"))
            if len(evidence) >= MOST_ENTITIES or "evidence@odata.nextLink" in alert:
                return (), (), False
            named = len(hosts)
            for piece in evidence:
                _add_entities(piece, accounts, hosts)
            if len(hosts) == named:
                return (), (), False
    except SourceUnavailable:
        return (), (), False
    return tuple(dict.fromkeys(accounts)), tuple(dict.fromkeys(hosts)), True


def _add_entities(piece: Record, accounts: list[Account], hosts: list[Host]) -> None:
    match piece.name("@odata.type").rpartition(".")[2]:
        case "userEvidence":
            accounts.append(_account(piece.record("userAccount")))
        case "processEvidence" if piece.members.get("userAccount") is not None:
            accounts.append(_account(piece.record("userAccount")))
        case "deviceEvidence":
            hosts += _hosts(piece)


def _account(account: Record) -> Account:
    principal = account.text_if_given("userPrincipalName")
    found = Account(
        name=account.text_if_given("accountName") or principal.partition("@")[0],
        nt_domain=account.text_if_given("domainName"),
        upn_suffix=principal.partition("@")[2],
        sid=account.text_if_given("userSid"),
        aad_user_id=account.text_if_given("azureAdUserId"),
    )
    if not (found.name or found.sid or found.aad_user_id):
        raise account.unread("accountName")
    return found


def _hosts(device: Record) -> Iterator[Host]:
    """The device by its DNS name, and by its host name where that is another one."""
    full, name = device.text_if_given("deviceDnsName").strip(), device.text_if_given("hostName").strip()
    if not full and not name:
        raise device.unread("deviceDnsName")
    short, _, domain = full.partition(".")
    if full:
        yield Host(host_name=short, dns_domain=domain or device.text_if_given("dnsDomain"))
    if name and name.partition(".")[0].casefold() != short.casefold():
        yield Host(host_name=name, dns_domain=device.text_if_given("dnsDomain"))
