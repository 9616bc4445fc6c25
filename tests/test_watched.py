"""Which playbook answers for which rules."""

import pytest

from playbooks.errors import SettingsError
from playbooks.mailbox_export import CORRELATED_RULE_ID, PLAYBOOK, SEED_RULE_ID
from playbooks.watched import watched_rules

OTHER = "0f0f0f0f-0000-4000-8000-000000000001"


def test_a_playbook_watches_its_own_rules_where_none_are_given() -> None:
    """The ids of the rules in its folder."""
    assert PLAYBOOK.rule_ids == watched_rules(frozenset())["mailbox_export"]


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
    assert expected == watched_rules(frozenset(given))["mailbox_export"]


def test_a_playbook_that_is_not_there_is_named() -> None:
    """A misspelt name would leave incidents without a sweep."""
    with pytest.raises(SettingsError, match="mailbox_exports"):
        watched_rules(frozenset({f"mailbox_exports={OTHER}"}))
