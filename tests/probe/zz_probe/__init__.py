"""Triage of a probe flag that somebody sets (T1562.001); the smallest playbook that does something."""

from playbooks.zz_probe.deciding import Evidence, decide, gather
from playbooks.zz_probe.tickets import REGISTER

from playbooks.ports import Playbook

PLAYBOOK: Playbook[Evidence] = Playbook(
    name="zz_probe",
    title="Probe flag triage",
    rule_ids=frozenset({"5d3d3f63-3c0e-4d7c-8a5b-9d3f1f5a7c11"}),
    registers=(REGISTER,),
    gather=gather,
    decide=decide,
)
