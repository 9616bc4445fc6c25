"""The organisation as a playbook's examples may ask about it: who fills which slot, and what stands where."""

from dataclasses import dataclass
from datetime import date

from playbooks.scenarios import Place, Runner
from simulator.company.accounts import DNS, Account, Part, Person
from simulator.company.machines import Machine, Role

PARTS = {
    Runner.EDISCOVERY_OPERATOR: Part.LEGAL,
    Runner.EXPORT_OPERATOR: Part.EXPORT_OPERATOR,
    Runner.EXCHANGE_ADMIN: Part.EXCHANGE_ADMIN,
    Runner.COMPROMISED_ADMIN: Part.COMPROMISED_ADMIN,
    Runner.IMPERSONATED_USER: Part.STAFF,
    Runner.NEW_OPERATOR: Part.NEW_OPERATOR,
    Runner.RISKY_OPERATOR: Part.RISKY_OPERATOR,
    Runner.DISABLED_OPERATOR: Part.DISABLED_OPERATOR,
    Runner.HELP_DESK: Part.HELP_DESK,
    Runner.CONTRACTOR: Part.CONTRACTOR,
    Runner.BYSTANDER: Part.STAFF,
}
_ROLES = {
    Place.EXCHANGE: Role.EXCHANGE,
    Place.SPARE_EXCHANGE: Role.EXCHANGE,
    Place.LEGAL: Role.LEGAL,
    Place.ADMIN: Role.ADMIN,
    Place.WORKSTATION: Role.WORKSTATION,
    Place.SERVER: Role.APPLICATION_SERVER,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Premises:
    """People and machines on the first day; it answers `playbooks.scenarios.Company`."""

    people: tuple[Person, ...]
    machines: tuple[Machine, ...]
    start: date
    dns: str = DNS

    def accounts(self, runner: Runner) -> tuple[Account, ...]:
        """Everybody who may play a slot; empty for the slots that Windows or a register row fills."""
        return tuple(person.account for person in self.people if person.part is PARTS.get(runner))

    def hosts(self, place: Place) -> tuple[str, ...]:
        """Full names of all hosts that fit a place."""
        return tuple(machine.fqdn for machine in self.machines_at(place))

    def machines_at(self, place: Place) -> tuple[Machine, ...]:
        """Machines that fit a place. The last Exchange server is the one that no job is registered for."""
        machines = tuple(machine for machine in self.machines if machine.role is _ROLES[place])
        match place:
            case Place.EXCHANGE:
                return machines[:-1]
            case Place.SPARE_EXCHANGE:
                return machines[-1:]
            case _:
                return machines
