"""Running processes: ids and GUIDs that stay the same wherever a process is seen."""

from random import Random

from playbooks.scenarios.programs import Program, RunsAs
from simulator.activity.rows import Running, running
from simulator.company.accounts import NETWORK_SERVICE, SYSTEM, Account, guid
from simulator.company.machines import Machine

_PARENT_ACCOUNTS = {RunsAs.SYSTEM: SYSTEM, RunsAs.NETWORK_SERVICE: NETWORK_SERVICE}


def pid(random: Random) -> str:
    """A process id: on Windows a multiple of four."""
    return str(4 * random.randrange(200, 16_000))


def resident(program: Program, machine: Machine, *, seed: int, session: str = "") -> Running:
    """A process that starts others, the same one for the same machine (and session, where it has one)."""
    random = Random(f"{seed}:{machine.name}:{program.command_line}:{session}")
    return running(program, pid=pid(random), guid=guid(random))


def parent_account(program: Program, runner: Account) -> Account:
    """Who a parent program runs as: a service account of Windows, or the one who runs the child."""
    return _PARENT_ACCOUNTS.get(program.runs_as, runner)
