"""Which hosts a scenario may take, so that no playbook's alerts lie on a host of another's honest work.

An alert of another rule on the host keeps an incident open, so honest work that closes under one playbook
keeps to hosts on which nothing is of interest to another. With one playbook every host is for everybody.
"""

from collections.abc import Iterable
from itertools import pairwise

from playbooks.scenarios import Expected, Scenario
from simulator.catalogues import playbooks_in
from simulator.company.machines import Machine
from simulator.organisation import Organisation

_SHARE = 4
"""Each part of the hosts but the first is so many-th of them, or one host."""


class Rooms:
    """The hosts for each scenario among everything that is planned.

    The hosts of a place are divided among the playbooks that close something there, and a part for what
    interests several playbooks or has no home there. Too few hosts for that are not divided.
    """

    def __init__(self, planned: Iterable[Scenario], organisation: Organisation) -> None:
        self._planned = tuple({one.name: one for one in planned}.values())
        self._premises = organisation.premises
        self._known: dict[str, tuple[Machine, ...]] = {}

    def of(self, scenario: Scenario) -> tuple[Machine, ...]:
        """Every host that a scenario may take."""
        if scenario.name not in self._known:
            self._known[scenario.name] = self._chosen(scenario)
        return self._known[scenario.name]

    def _chosen(self, scenario: Scenario) -> tuple[Machine, ...]:
        machines = self._premises.machines_at(scenario.place)
        here = [one for one in self._planned if one.place is scenario.place]
        homes = sorted({one.playbook for one in here if one.expected is Expected.CLOSE})
        strangers = any(not _is_at_home(one, homes) for one in here)
        parts = len(homes) + strangers
        if not homes or parts < 2 or len(machines) < parts:
            return machines
        *own, shared = _divided(machines, parts)
        rooms = own if strangers else [*own, shared]
        common = shared if strangers else ()
        if not _is_at_home(scenario, homes):
            return common
        room = rooms[homes.index(scenario.playbook)]
        return room if scenario.expected is Expected.CLOSE else (*room, *common)


def _is_at_home(scenario: Scenario, homes: list[str]) -> bool:
    """True where it interests one playbook alone, and that one closes something at its place."""
    return playbooks_in(scenario) == {scenario.playbook} and scenario.playbook in homes


def _divided(machines: tuple[Machine, ...], parts: int) -> list[tuple[Machine, ...]]:
    """The machines in parts: each but the first is a share, the first is what is left."""
    size = max(1, len(machines) // _SHARE)
    first = len(machines) - size * (parts - 1)
    bounds = (0, *range(first, len(machines) + 1, size))
    return [machines[start:end] for start, end in pairwise(bounds)]
