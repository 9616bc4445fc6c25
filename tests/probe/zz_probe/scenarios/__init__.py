"""The worked examples of this playbook."""

from collections.abc import Mapping
from dataclasses import replace

from playbooks.scenarios import (
    Catalogue,
    Company,
    Expected,
    Hours,
    Kind,
    Performance,
    Place,
    Rows,
    Runner,
    Scenario,
    Step,
)
from playbooks.scenarios.flaws import near_miss
from playbooks.scenarios.programs import POWERSHELL

WORD = "probe"


def _rows(company: Company) -> Mapping[str, Rows]:
    admins = company.accounts(Runner.EXCHANGE_ADMIN)
    return {
        "ProbeTickets": [
            {"Ticket": f"PRB{number:04}", "Owner": f"{admin.sam}@{company.dns}"}
            for number, admin in enumerate(admins)
        ]
    }


def _words(performance: Performance) -> Mapping[str, str]:
    rows = _rows(performance.company)["ProbeTickets"]
    return {"probe_ticket": performance.choose([row["Ticket"] for row in rows])}


def _set(ticket: str) -> Step:
    return Step(
        minute=0,
        command=f"powershell.exe -Command Set-ProbeFlag -Ticket {ticket}",
        parent=POWERSHELL,
        runner=Runner.EXCHANGE_ADMIN,
    )


APPROVED = Scenario(
    playbook="zz_probe",
    name="approved_probe",
    title="An administrator sets a probe flag for a registered ticket",
    kind=Kind.BENIGN,
    expected=Expected.CLOSE,
    scenarios=("probe_ticket",),
    seen_by=(WORD,),
    place=Place.ADMIN,
    hours=Hours.BUSINESS,
    steps=(_set("{probe_ticket}"),),
)
STRAY = Scenario(
    playbook="zz_probe",
    name="stray_probe",
    title="An intruder sets a probe flag for a ticket of his own",
    kind=Kind.ATTACK,
    expected=Expected.ESCALATE,
    reasons=("probe_unregistered",),
    techniques=("T1562.001",),
    seen_by=(WORD,),
    place=Place.WORKSTATION,
    hours=Hours.NIGHT,
    steps=(_set("none"),),
)
MISS = replace(
    near_miss(APPROVED, "other_ticket", "the ticket is not registered", "probe_unregistered"),
    steps=(_set("PRB9999"),),
)

CATALOGUE = Catalogue(
    playbook="zz_probe",
    closable=(APPROVED,),
    attacks=(STRAY,),
    near_misses=(MISS,),
    demonstrated=(APPROVED, STRAY),
    named=("set-probeflag",),
    rules={WORD: "rule.yaml"},
    main_rule=WORD,
    techniques={"T1562.001": "Impair Defenses: Disable or Modify Tools"},
    rows=_rows,
    words=_words,
)
