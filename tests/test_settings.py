"""Settings: all problems at once, nothing guessed, no secret repeated."""

import tomllib
from pathlib import Path

import pytest

from playbooks.errors import SettingsError
from playbooks.model import BusinessHours, Mode
from playbooks.settings import VERSION, read_settings

GOOD = {
    "TRIAGE_WORKSPACES": (
        "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg-soc/providers"
        "/Microsoft.OperationalInsights/workspaces/law-soc=00000000-0000-0000-0000-0000000000aa"
    ),
    "TRIAGE_DOMAINS": "CONTOSO=contoso.com; FABRIKAM=fabrikam.com",
    "TRIAGE_TIME_ZONE": "Europe/Vienna",
    "TRIAGE_BUSINESS_HOURS": "Mon-Fri 07:00-19:00",
    "TRIAGE_EXPORT_ROLE_GROUPS": "Mailbox Export Operators; Mailbox Exports",
    "PATH": "/usr/bin",
}


def problems(**changes: str) -> str:
    """All problems of the good settings with some changed."""
    with pytest.raises(SettingsError) as caught:
        read_settings({**GOOD, **changes})
    return "\n".join(caught.value.problems)


def test_good_settings_are_read_and_the_mode_is_observe() -> None:
    """A new deployment observes; names compare without case."""
    settings = read_settings(GOOD)

    assert Mode.OBSERVE is settings.mode
    assert {"contoso": "contoso.com", "fabrikam": "fabrikam.com"} == settings.domains
    assert BusinessHours(frozenset(range(5)), 420, 1140) == settings.business_hours
    assert frozenset({"mailbox export operators", "mailbox exports"}) == settings.policy.export_role_groups
    assert ("contoso.com", "fabrikam.com") == settings.policy.file_server_suffixes


def test_every_problem_is_named_at_once() -> None:
    """One start, one list."""
    with pytest.raises(SettingsError) as caught:
        read_settings({"TRIAGE_CLOSE_LIMIT": "-1", "TRIAGE_COLOUR": "red"})

    named = {problem.split(" ")[0].rstrip(":") for problem in caught.value.problems}
    assert {
        "TRIAGE_WORKSPACES",
        "TRIAGE_DOMAINS",
        "TRIAGE_TIME_ZONE",
        "TRIAGE_BUSINESS_HOURS",
        "TRIAGE_CLOSE_LIMIT",
        "TRIAGE_COLOUR",
    } == named


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TRIAGE_WORKSPACES", "law-soc"),
        ("TRIAGE_WORKSPACES", ";"),
        ("TRIAGE_DOMAINS", "CONTOSO"),
        ("TRIAGE_TIME_ZONE", "Vienna"),
        ("TRIAGE_BUSINESS_HOURS", "Fri-Mon 07:00-19:00"),
        ("TRIAGE_BUSINESS_HOURS", "Mon-Fri 19:00-07:00"),
        ("TRIAGE_ARM_ENDPOINT", "http://contoso.com"),
        ("TRIAGE_GRAPH_ENDPOINT", "ftp://contoso.com"),
        ("TRIAGE_MODE", "maybe"),
        ("TRIAGE_SAMPLE_SHARE", "2"),
        ("TRIAGE_IDENTITY_PROTECTION", "off"),
    ],
)
def test_a_wrong_value_is_named_by_its_setting(name: str, value: str) -> None:
    """The variable's name and what is wrong with it."""
    assert name in problems(**{name: value})


def test_a_local_token_is_refused_beyond_loopback() -> None:
    """A fixed token never travels to a real service, and is not repeated in the message."""
    text = problems(TRIAGE_LOCAL_TOKEN="planted-secret")

    assert "TRIAGE_LOCAL_TOKEN" in text
    assert "planted-secret" not in text


def test_the_fingerprint_follows_the_settings_and_not_their_order_or_the_token() -> None:
    """A comment tells by which settings it was judged; the local token is no part of it."""
    local = {f"TRIAGE_{name}_ENDPOINT": "http://127.0.0.1:1" for name in ("ARM", "GRAPH", "LOGS")}
    one = read_settings({**GOOD, **local, "TRIAGE_LOCAL_TOKEN": "a"})
    same = read_settings(
        {
            **GOOD,
            **local,
            "TRIAGE_LOCAL_TOKEN": "b",
            "TRIAGE_EXPORT_ROLE_GROUPS": "Mailbox Exports;Mailbox Export Operators",
        }
    )
    other = read_settings({**GOOD, **local, "TRIAGE_CLOSE_LIMIT": "5"})

    assert one.fingerprint == same.fingerprint
    assert one.fingerprint != other.fingerprint


def test_the_version_is_that_of_the_project(root: Path) -> None:
    """One number: in the comment and in pyproject.toml."""
    assert VERSION == tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
