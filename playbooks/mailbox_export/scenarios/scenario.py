"""A worked example of this playbook."""

from dataclasses import dataclass

from playbooks.scenarios import Scenario

SEED, CORRELATED = "seed", "correlated"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportScenario(Scenario):
    """A scenario that both rules should see, unless it says otherwise."""

    playbook: str = "mailbox_export"
    seen_by: tuple[str, ...] = (SEED, CORRELATED)
