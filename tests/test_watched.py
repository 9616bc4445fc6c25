"""Which playbook answers for which rules."""

import pytest

from playbooks import load
from playbooks.errors import RequestRefused, SettingsError, UnknownPlaybook
from playbooks.mailbox_export import CORRELATED_RULE_ID, PLAYBOOK, SEED_RULE_ID
from playbooks.service import Service
from playbooks.watched import switched_on, watched_rules

OTHER = "0f0f0f0f-0000-4000-8000-000000000001"
ALL: frozenset[str] = frozenset()


def test_a_playbook_watches_its_own_rules_where_none_are_given() -> None:
    """The ids of the rules in its folder."""
    assert PLAYBOOK.rule_ids == watched_rules(ALL, frozenset())["mailbox_export"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({SEED_RULE_ID}, {SEED_RULE_ID}),
        ({OTHER}, {OTHER}),
        ({f"mailbox_export={OTHER}", CORRELATED_RULE_ID}, {OTHER, CORRELATED_RULE_ID}),
    ],
)
def test_what_is_given_takes_the_place_of_its_own(given: set[str], expected: set[str]) -> None:
    """An id without a playbook is for the one that ships it, else for the first."""
    assert expected == watched_rules(ALL, frozenset(given))["mailbox_export"]


def test_a_playbook_that_is_not_there_is_named() -> None:
    """A misspelt name would leave incidents without a sweep."""
    with pytest.raises(SettingsError, match="mailbox_exports"):
        watched_rules(ALL, frozenset({f"mailbox_exports={OTHER}"}))


def test_a_playbook_that_is_off_watches_nothing() -> None:
    """Neither by its own ids nor by one that is given for it, and no other one takes them over."""
    on = frozenset({"mailbox_export"})
    assert {"mailbox_export": PLAYBOOK.rule_ids} == watched_rules(on, frozenset())
    for given in (f"mailbox_role_grant={OTHER}", min(load("mailbox_role_grant").rule_ids)):
        assert {"mailbox_export": PLAYBOOK.rule_ids} == watched_rules(on, frozenset({given}))


def test_switching_on_what_is_not_there_is_an_error() -> None:
    """A misspelt name would leave its incidents alone."""
    with pytest.raises(SettingsError, match="TRIAGE_PLAYBOOKS: there is no playbook 'mailbox_exports'"):
        switched_on(frozenset({"mailbox_exports"}), frozenset())


async def test_a_playbook_that_is_off_takes_no_request() -> None:
    """It is named with the setting, before anything of the request is read."""
    service = Service(
        {
            "TRIAGE_WORKSPACES": f"/subscriptions/{OTHER}/resourceGroups/rg/providers"
            f"/Microsoft.OperationalInsights/workspaces/soc1={OTHER}",
            "TRIAGE_DOMAINS": "CONTOSO=contoso.com",
            "TRIAGE_TIME_ZONE": "Europe/Vienna",
            "TRIAGE_BUSINESS_HOURS": "Mon-Fri 07:00-19:00",
            "TRIAGE_PLAYBOOKS": "mailbox_export",
        }
    )

    with pytest.raises(UnknownPlaybook, match="TRIAGE_PLAYBOOKS"):
        await service.receive("mailbox_role_grant", b"{}", "application/json")
    with pytest.raises(RequestRefused, match="names no incident"):
        await service.receive("mailbox_export", b"{}", "application/json")
