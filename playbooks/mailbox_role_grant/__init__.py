"""Triage of an account that is given the Exchange role Mailbox Import Export (T1098.002, T1098.007)."""

from playbooks.mailbox_role_grant.changes import REGISTER
from playbooks.mailbox_role_grant.evidence import Evidence, gather
from playbooks.mailbox_role_grant.verdict import decide
from playbooks.ports import Playbook

PLAYBOOK: Playbook[Evidence] = Playbook(
    name="mailbox_role_grant",
    title="Mailbox role grant triage",
    rule_ids=frozenset({"8d3b5f0e-2c64-4f4b-9a35-71c0d7a9e2b6"}),
    registers=(REGISTER,),
    gather=gather,
    decide=decide,
)
