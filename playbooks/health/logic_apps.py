"""The Logic App between an automation rule and the function."""

from dataclasses import replace

from playbooks.health.troubles import Check, Trouble
from playbooks.model import Absent, Found, Lookup, Unavailable, Workflow

SERVICE = "Logic Apps"


def calls(workflow: Workflow, playbook: str) -> bool | None:
    """Whether an HTTP action of it posts to the playbook; None where an address is worked out at run time."""
    wanted = f"/api/playbooks/{playbook}".lower()
    fixed = [address.partition("?")[0].rstrip("/").lower() for address in workflow.addresses]
    if any(address.endswith(wanted) for address in fixed):
        return True
    return None if any("@" in address for address in workflow.addresses) else False


def logic_app_check(logic_app: str, answer: Lookup[Workflow], *, playbook: str, place: str) -> Check:
    """Whether the Logic App that automation rules run is there and enabled."""
    name = logic_app.rpartition("/")[2]
    bare = Check(subject=f"Logic App {name}", service=SERVICE, place=place)
    match answer:
        case Absent():
            return replace(bare, troubles=(_gone(name, logic_app),))
        case Unavailable(cause=cause):
            return replace(bare, unseen=cause)
        case Found(workflow) if calls(workflow, playbook) is False:
            return replace(bare, words="not of the triage")
        case Found(workflow) if not workflow.enabled:
            return replace(bare, troubles=(_disabled(name, logic_app),))
        case Found():
            return replace(bare, words="enabled")


def no_logic_app(*, playbook: str, place: str) -> Check:
    """The check where no automation rule leads to a Logic App; the automation rules' own checks say why."""
    unseen = "no automation rule names one"
    return Check(
        subject=f"Logic App of {playbook}", service=SERVICE, place=place, unseen=unseen, excused=True
    )


def _gone(name: str, logic_app: str) -> Trouble:
    return Trouble(
        code="logic_app_missing",
        what=f"the Logic App {name}, which an automation rule runs, is not there ({logic_app})",
        why="nothing is handed over; only the sweep, every 15 minutes, takes new incidents",
        fix="deploy it again (docs/deploy.md, step 4), or portal: Microsoft Sentinel > Automation > the "
        "rule > "
        "Actions > Run playbook: the one that is there",
    )


def _disabled(name: str, logic_app: str) -> Trouble:
    return Trouble(
        code="logic_app_disabled",
        what=f"the Logic App {name} is disabled",
        why="nothing is handed over; only the sweep, every 15 minutes, takes new incidents",
        fix=f"az logic workflow update --ids {logic_app} --state Enabled (portal: Logic apps > {name} > "
        "Enable)",
    )
