"""The clock, and whether the settings name the workspace by its right id."""

from dataclasses import replace
from datetime import datetime, timedelta

from playbooks.health.troubles import Check, Trouble
from playbooks.model import Absent, Found, Lookup, Unavailable

SERVICE = "Microsoft Sentinel"
LOGS = "Log Analytics"
MOST_OFF = timedelta(minutes=2)


def clock_check(there: Lookup[datetime], *, here: datetime, place: str) -> Check:
    """Whether this machine's clock (UTC) agrees with the service's."""
    bare = Check(subject="Clock", service=SERVICE, place=place)
    if not isinstance(there, Found):
        return replace(bare, unseen=there.cause if isinstance(there, Unavailable) else "no answer")
    off = here - there.value
    words = f"{abs(off).total_seconds():.0f} s apart"
    if abs(off) <= MOST_OFF:
        return replace(bare, words=words)
    way = "ahead of" if off > timedelta() else "behind"
    trouble = Trouble(
        code="clock_off",
        what=f"the clock of this machine is {abs(off) // timedelta(minutes=1)} minutes {way} the services' "
        f"({here:%H:%M:%S} here, {there.value:%H:%M:%S} UTC there)",
        why="windows, holds, expiry of rows and tokens are reckoned with it",
        fix="set the clock by NTP (Linux: timedatectl set-ntp true; Windows: w32tm /resync)",
    )
    return replace(bare, troubles=(trouble,))


def workspace_check(answer: Lookup[str], *, path: str, customer_id: str, place: str) -> Check:
    """Whether the workspace is there, under the customer id of the settings."""
    bare = Check(subject="Workspace", service=LOGS, place=place)
    match answer:
        case Absent():
            return replace(bare, troubles=(_no_workspace(path),))
        case Unavailable(cause=cause):
            return replace(bare, unseen=cause)
        case Found(found) if found != customer_id.lower():
            return replace(bare, troubles=(_other_id(path, found, customer_id),))
        case Found():
            return replace(bare, words="there, under the id of the settings")


def _no_workspace(path: str) -> Trouble:
    return Trouble(
        code="workspace_missing",
        what=f"TRIAGE_WORKSPACES names {path}, and there is no such workspace",
        why="nothing can be read there, and incidents of any other workspace are refused",
        fix="az monitor log-analytics workspace show --resource-group RG --workspace-name NAME --query id, "
        "and set "
        "TRIAGE_WORKSPACES to <id>=<customer id> (docs/settings.md)",
    )


def _other_id(path: str, found: str, given: str) -> Trouble:
    return Trouble(
        code="customer_id_wrong",
        what=f"TRIAGE_WORKSPACES gives {path.rpartition('/')[2]} the customer id {given}; it is {found}",
        why="log queries go to the customer id: they ask another workspace, or are refused",
        fix=f"az functionapp config appsettings set --resource-group RG --name APP --settings "
        f'"TRIAGE_WORKSPACES={path}={found}"',
    )
