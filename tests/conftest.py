"""Shared by all tests: where the repository is, and that exchanges with the local services are watched."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CONTRACTS = Path(os.environ.get("TRIAGE_CONTRACTS", ROOT.parent / "shared" / "contracts"))


def pytest_configure(config: pytest.Config) -> None:
    """Watches where the services' API documents are on this machine."""
    if CONTRACTS.is_dir():
        from contracts.watch import ContractWatch  # noqa: PLC0415 - it imports what many tests do without

        config.pluginmanager.register(ContractWatch(CONTRACTS), "contracts")


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository's root folder."""
    return ROOT
