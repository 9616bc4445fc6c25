"""Triage of a mailbox export and the removal of its request on one host (T1114.002, T1070.008)."""

from playbooks.mailbox_export.evidence import Evidence, gather
from playbooks.mailbox_export.verdict import decide
from playbooks.ports import Playbook

PLAYBOOK: Playbook[Evidence] = Playbook(name="mailbox_export", gather=gather, decide=decide)

__all__ = ["PLAYBOOK", "Evidence", "decide", "gather"]
