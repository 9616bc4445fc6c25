"""The worked examples of this playbook, each with the verdict that is right for it."""

from playbooks.mailbox_export.scenarios.benign import CLOSABLE
from playbooks.mailbox_export.scenarios.circumstances import CIRCUMSTANTIAL_MISSES, Circumstance
from playbooks.mailbox_export.scenarios.intrusions import INTRUSIONS
from playbooks.mailbox_export.scenarios.job_misses import JOB_MISSES
from playbooks.mailbox_export.scenarios.lookalikes import LOOKALIKES
from playbooks.mailbox_export.scenarios.open_work import OPEN_WORK
from playbooks.mailbox_export.scenarios.people_misses import PEOPLE_MISSES
from playbooks.mailbox_export.scenarios.scenario import (
    Expected,
    Hours,
    Kind,
    Place,
    Register,
    Runner,
    Scenario,
    Source,
    Step,
    fill,
    slots_of,
)

NEAR_MISSES = (*JOB_MISSES, *PEOPLE_MISSES)
ATTACKS = (*INTRUSIONS, *LOOKALIKES)
SCENARIOS = (*CLOSABLE, *OPEN_WORK, *ATTACKS, *NEAR_MISSES)

__all__ = [
    "ATTACKS",
    "CIRCUMSTANTIAL_MISSES",
    "CLOSABLE",
    "NEAR_MISSES",
    "OPEN_WORK",
    "SCENARIOS",
    "Circumstance",
    "Expected",
    "Hours",
    "Kind",
    "Place",
    "Register",
    "Runner",
    "Scenario",
    "Source",
    "Step",
    "fill",
    "slots_of",
]
