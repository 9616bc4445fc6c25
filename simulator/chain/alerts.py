"""From gathered sightings to the alerts and entities that Sentinel writes."""

from collections.abc import Mapping
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from simulator.chain.grouping import Gathering, Sighting
from simulator.rules import HitAccount, Rule
from simulator.workspace import AlertSpec

type Entity = dict[str, Any]


def alerts_of(gathering: Gathering, *, rules: Mapping[str, Rule], salt: str = "") -> list[AlertSpec]:
    """One alert a sighting. `rules` are the rules by the sightings' words; `salt` keeps ids of runs apart."""
    return [
        _alert(sighting, rule=rules[sighting.rule], alert_id=_alert_id(salt, gathering.host, place, sighting))
        for place, sighting in enumerate(gathering.sightings)
    ]


def host_entity(host: str) -> Entity:
    """A Host entity; a full name is split at its first dot, as the FullName mapping does."""
    name, _, domain = host.partition(".")
    properties = {"hostName": name, "dnsDomain": domain} if domain else {"hostName": name}
    return {"kind": "Host", "properties": properties}


def account_entity(account: HitAccount) -> Entity:
    """An Account entity with the members that the account has."""
    members = {
        "accountName": account.name,
        "ntDomain": account.nt_domain,
        "upnSuffix": account.upn_suffix,
        "sid": account.sid,
    }
    return {"kind": "Account", "properties": {name: text for name, text in members.items() if text}}


def account_named(text: str, sid: str = "") -> HitAccount:
    """An account from its name as logged: with its domain, UPN, SID or plain."""
    if text.upper().startswith("S-1-"):
        return HitAccount(name="", sid=text)
    domain, _, rest = text.strip().rpartition("\\")
    name, _, suffix = rest.partition("@")
    return HitAccount(name=name, nt_domain=domain, upn_suffix=suffix, sid=sid)


def _alert(sighting: Sighting, *, rule: Rule, alert_id: str) -> AlertSpec:
    return AlertSpec(
        system_alert_id=alert_id,
        display_name=rule.name,
        rule_id=rule.id,
        start=sighting.start,
        end=sighting.end,
        severity=rule.severity,
        description=rule.description,
        tactics=rule.tactics,
        techniques=rule.techniques,
        entities=[*map(account_entity, sighting.accounts), host_entity(sighting.host)],
        custom_details={name: [text] for name, text in sighting.details},
    )


def _alert_id(salt: str, host: str, place: int, sighting: Sighting) -> str:
    parts = (salt, host, str(place), sighting.rule, sighting.start.isoformat())
    return str(uuid5(NAMESPACE_URL, "|".join(parts)))
