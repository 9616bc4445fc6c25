"""The analytics rules of a playbook, and the automation rules that hand their incidents over."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from playbooks.health.logic_apps import calls
from playbooks.health.troubles import Check, Trouble
from playbooks.model import AlertRule, AutomationRule, Found, Lookup, Unavailable, Workflow

SERVICE = "Microsoft Sentinel"
EVENTS = {"Created": "incident created", "Updated": "alerts added"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesLook:
    """What the workspace says of one playbook's rules.

    `wanted` are the rule ids that the settings give the playbook, `shipped` those of its folder (GUIDs in
    lower case). `workflows` are the Logic Apps that were looked at, by ARM id in lower case.
    """

    playbook: str
    wanted: frozenset[str]
    shipped: frozenset[str]
    alert_rules: Lookup[tuple[AlertRule, ...]]
    automation_rules: Lookup[tuple[AutomationRule, ...]]
    at: datetime
    workflows: Mapping[str, Lookup[Workflow]] = field(default_factory=dict)

    @property
    def present(self) -> tuple[AlertRule, ...]:
        """The playbook's rules that are in the workspace."""
        rules = self.alert_rules.value if isinstance(self.alert_rules, Found) else ()
        return tuple(rule for rule in rules if rule.name in self.wanted)

    @property
    def handing_over(self) -> tuple[AutomationRule, ...]:
        """Automation rules that name one of the playbook's rules and run anything."""
        names = {rule.name for rule in self.present}
        listed = self.automation_rules.value if isinstance(self.automation_rules, Found) else ()
        return tuple(rule for rule in listed if rule.logic_apps and rule.rule_ids and rule.rule_ids & names)

    def logic_apps(self) -> tuple[str, ...]:
        """ARM ids of what those run, each once."""
        return tuple(sorted({app for rule in self.handing_over for app in rule.logic_apps}))

    def is_elsewhere(self, rule: AutomationRule) -> bool:
        """True where everything it runs was looked at and does not call the playbook."""
        return all(self.calls(app) is False for app in rule.logic_apps)

    def calls(self, logic_app: str) -> bool | None:
        """Whether a Logic App calls the playbook; None where that is not known."""
        match self.workflows.get(logic_app.lower()):
            case Found(workflow):
                return calls(workflow, self.playbook)
            case _:
                return None


def rules_check(look: RulesLook, *, place: str) -> Check:
    """Whether the rules that the settings name are there, enabled, and make incidents."""
    bare = Check(subject=f"Analytics rules of {look.playbook}", service=SERVICE, place=place)
    match look.alert_rules:
        case Unavailable(cause=cause):
            return replace(bare, unseen=cause)
        case Found(rules):
            named = ", ".join(sorted(rule.name for rule in look.present))
            return replace(bare, words=named, troubles=tuple(_rule_troubles(look, rules)))
        case _:
            return replace(bare, unseen="the workspace is not there")


def automation_checks(look: RulesLook, *, place: str) -> tuple[Check, ...]:
    """Whether the incidents of each rule are handed over when created, and when an alert joins."""
    return tuple(_automation_check(look, event, place=place) for event in EVENTS)


def _rule_troubles(look: RulesLook, rules: tuple[AlertRule, ...]) -> Iterator[Trouble]:
    there = {rule.name for rule in rules}
    unknown = sorted(look.wanted - there - look.shipped)
    if unknown:
        yield _unknown(unknown, there & look.shipped)
    elif not look.present:
        yield _not_deployed(look)
    for rule in look.present:
        if not rule.enabled:
            yield _rule_disabled(rule)
        elif not rule.creates_incidents:
            yield _without_incidents(rule)


def _automation_check(look: RulesLook, event: str, *, place: str) -> Check:
    bare = Check(subject=f"Automation rule of {look.playbook}, {EVENTS[event]}", service=SERVICE, place=place)
    match look.automation_rules:
        case Unavailable(cause=cause):
            return replace(bare, unseen=cause)
        case Found(rules) if look.present:
            of_event = [
                rule
                for rule in rules
                if rule.triggers_when == event
                and rule.logic_apps
                and (event == "Created" or rule.on_added_alerts)
            ]
            troubles = [_handing_trouble(look, rule, of_event, event) for rule in look.present]
            found = tuple(dict.fromkeys(trouble for trouble in troubles if trouble))
            return replace(bare, words="enabled", troubles=found)
        case _:
            return replace(bare, unseen="no rule of the playbook is in the workspace", excused=True)


def _handing_trouble(
    look: RulesLook, rule: AlertRule, of_event: Iterable[AutomationRule], event: str
) -> Trouble | None:
    """Why incidents of this rule are not handed over; None where they are."""
    listed = list(of_event)
    naming = [one for one in listed if one.rule_ids is not None and rule.name in one.rule_ids]
    catching_all = [one for one in listed if one.rule_ids is None and _is_ours(look, one)]
    ours = [one for one in naming if not look.is_elsewhere(one)] + catching_all
    if any(one.enabled and not _is_over(one, look.at) for one in ours):
        return None
    if ours:
        return _automation_off(ours[0], event, is_over=ours[0].enabled)
    if naming:
        return _elsewhere(naming[0], look)
    limited = [one for one in listed if one.rule_ids is not None and _is_ours(look, one)]
    return _no_automation(rule, event, look, limited=limited)


def _is_ours(look: RulesLook, rule: AutomationRule) -> bool:
    """True where one of the Logic Apps that it runs is known to call the playbook."""
    known = {app.lower() for one in look.handing_over if not look.is_elsewhere(one) for app in one.logic_apps}
    return any(look.calls(app) or app.lower() in known for app in rule.logic_apps)


def _is_over(rule: AutomationRule, at: datetime) -> bool:
    return rule.expires is not None and rule.expires <= at


def _unknown(unknown: list[str], shipped: set[str]) -> Trouble:
    hint = f"; {', '.join(sorted(shipped))} of this project is there" if shipped else ""
    return Trouble(
        code="rule_unknown",
        what=f"TRIAGE_RULE_IDS names {', '.join(unknown)}, and the workspace has no such analytics "
        f"rule{hint}",
        why="alerts of a rule that the settings do not name keep an incident open, and its incidents are "
        "not swept",
        fix="portal: Microsoft Sentinel > Analytics > the rule; its id is the last part of its resource "
        "id. Then: az "
        "functionapp config appsettings set --resource-group RG --name APP --settings TRIAGE_RULE_IDS=ID",
    )


def _not_deployed(look: RulesLook) -> Trouble:
    return Trouble(
        code="rule_missing",
        what=f"no analytics rule of {look.playbook} is in the workspace ({', '.join(sorted(look.wanted))})",
        why="without its rule no incident of this kind is ever made",
        fix="az deployment group create --resource-group WORKSPACE-RG --template-file "
        f"playbooks/{look.playbook}/sentinel/azuredeploy.json --parameters workspaceName=WORKSPACE "
        "(docs/deploy.md, step 4)",
    )


def _rule_disabled(rule: AlertRule) -> Trouble:
    return Trouble(
        code="rule_disabled",
        what=f"the analytics rule {rule.display_name} ({rule.name}) is disabled",
        why="a disabled rule raises no alert: nobody looks for what it finds. Sentinel also disables a "
        "rule whose "
        "query keeps failing",
        fix="portal: Microsoft Sentinel > Analytics > Active rules > the rule > Enable",
    )


def _without_incidents(rule: AlertRule) -> Trouble:
    return Trouble(
        code="rule_makes_no_incidents",
        what=f"the analytics rule {rule.display_name} ({rule.name}) makes alerts but no incidents",
        why="what is no incident is never handed over",
        fix="portal: Microsoft Sentinel > Analytics > the rule > Edit > Incident settings > Create "
        "incidents: Enabled",
    )


def _automation_off(rule: AutomationRule, event: str, *, is_over: bool) -> Trouble:
    state = "has expired" if is_over else "is disabled"
    return Trouble(
        code="automation_expired" if is_over else "automation_disabled",
        what=f"the automation rule {rule.display_name} ({EVENTS[event]}) {state}",
        why=_WHY[event],
        fix=f"portal: Microsoft Sentinel > Automation > {rule.display_name} > "
        + ("Rule expiration: Indefinite" if is_over else "Enable"),
    )


def _elsewhere(rule: AutomationRule, look: RulesLook) -> Trouble:
    apps = ", ".join(app.rpartition("/")[2] for app in rule.logic_apps)
    return Trouble(
        code="automation_elsewhere",
        what=f"the automation rule {rule.display_name} ({EVENTS[rule.triggers_when]}) runs {apps}, which "
        "does not "
        f"call /api/playbooks/{look.playbook}",
        why=_WHY[rule.triggers_when],
        fix=f"portal: Microsoft Sentinel > Automation > {rule.display_name} > Actions > Run playbook: the "
        "Logic App "
        "of the triage (docs/deploy.md, step 4, makes it)",
    )


def _no_automation(rule: AlertRule, event: str, look: RulesLook, *, limited: list[AutomationRule]) -> Trouble:
    near = f"; {limited[0].display_name} is limited to other rules" if limited else ""
    return Trouble(
        code="automation_missing",
        what=f"no automation rule ({EVENTS[event]}) hands over the incidents of {rule.display_name} "
        f"({rule.name}){near}",
        why=_WHY[event],
        fix="portal: Microsoft Sentinel > Automation > "
        + (f"{limited[0].display_name} > Conditions: add the analytics rule" if limited else _CREATE)
        + f" (it calls /api/playbooks/{look.playbook})" * (not limited),
    )


_CREATE = (
    "Create > Automation rule, with the analytics rule as condition and the Logic App of the triage as action"
)
_WHY = {
    "Created": "new incidents are not handed over; only the sweep, every 15 minutes, takes them",
    "Updated": "an alert that joins an incident later is not looked at; a triaged incident is not swept "
    "again",
}
