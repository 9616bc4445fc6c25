"""The worked examples of this playbook, each with the verdict that is right for it."""

from playbooks.mailbox_export.scenarios.benign import CLOSABLE
from playbooks.mailbox_export.scenarios.circumstances import CIRCUMSTANTIAL_MISSES, Circumstance
from playbooks.mailbox_export.scenarios.intrusions import (
    DARK_HALO,
    INTRUSIONS,
    PLANTED_TASK,
    PROXYSHELL,
)
from playbooks.mailbox_export.scenarios.job_misses import JOB_MISSES
from playbooks.mailbox_export.scenarios.lookalikes import (
    CLOSED_CASE,
    ENCODED,
    HIJACKED_JOB,
    INSIDER,
    LOOKALIKES,
    SERVICE_SCRIPT,
)
from playbooks.mailbox_export.scenarios.open_work import OPEN_WORK
from playbooks.mailbox_export.scenarios.people_misses import PEOPLE_MISSES
from playbooks.mailbox_export.scenarios.scenario import CORRELATED, SEED
from playbooks.scenarios import Catalogue

NEAR_MISSES = (*JOB_MISSES, *PEOPLE_MISSES)
ATTACKS = (*INTRUSIONS, *LOOKALIKES)
SCENARIOS = (*CLOSABLE, *OPEN_WORK, *ATTACKS, *NEAR_MISSES)

CATALOGUE = Catalogue(
    playbook="mailbox_export",
    closable=CLOSABLE,
    open_work=OPEN_WORK,
    attacks=ATTACKS,
    near_misses=NEAR_MISSES,
    first=(
        DARK_HALO,
        PROXYSHELL,
        PLANTED_TASK,
        SERVICE_SCRIPT,
        INSIDER,
        HIJACKED_JOB,
        ENCODED,
        CLOSED_CASE,
    ),
    named=("mailboxexportrequest",),
    rules={SEED: "seed_rule.yaml", CORRELATED: "rule.yaml"},
    main_rule=CORRELATED,
)

__all__ = [
    "ATTACKS",
    "CATALOGUE",
    "CIRCUMSTANTIAL_MISSES",
    "CLOSABLE",
    "NEAR_MISSES",
    "OPEN_WORK",
    "SCENARIOS",
    "Circumstance",
]
