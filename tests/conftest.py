"""Shared by all tests: where the repository is, and that exchanges with the local services are watched."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from outside import CONTRACTS

ROOT = Path(__file__).resolve().parent.parent


def pytest_configure(config: pytest.Config) -> None:
    """No example is timed, since a slow machine is no mistake; watches where the API documents are here."""
    settings.register_profile(
        "untimed", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
    settings.load_profile("untimed")
    if CONTRACTS.is_dir():
        from contracts.watch import ContractWatch  # noqa: PLC0415 - it imports what many tests do without

        config.pluginmanager.register(ContractWatch(CONTRACTS), "contracts")


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository's root folder."""
    return ROOT
