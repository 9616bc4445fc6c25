"""Triage of a mailbox export and the removal of its request on one host (T1114.002, T1070.008)."""

from playbooks.mailbox_export.evidence import Evidence, gather
from playbooks.mailbox_export.registers.declared import REGISTERS
from playbooks.mailbox_export.verdict import decide
from playbooks.ports import Playbook

SEED_RULE_ID = "4500a2ff-455b-4ee7-a21d-5ac5c7c9ea87"
CORRELATED_RULE_ID = "b0d9a6c2-6b1e-4a57-9f0e-6c1d7a1f2e34"

PLAYBOOK: Playbook[Evidence] = Playbook(
    name="mailbox_export",
    title="Mailbox export triage",
    rule_ids=frozenset({SEED_RULE_ID, CORRELATED_RULE_ID}),
    registers=REGISTERS,
    gather=gather,
    decide=decide,
)

__all__ = ["CORRELATED_RULE_ID", "PLAYBOOK", "SEED_RULE_ID", "Evidence", "decide", "gather"]
