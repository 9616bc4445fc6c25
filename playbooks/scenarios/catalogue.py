"""What the scenarios of one playbook need besides themselves, and what they may ask of the organisation."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import Protocol

from playbooks.scenarios.scenario import Place, Runner, Scenario

type Rows = list[dict[str, str]]
"""The rows of one watchlist."""


class Named(Protocol):
    r"""An account: logon name, SID and `DOMAIN\name`."""

    @property
    def sam(self) -> str:
        """The logon name; with `@` and the organisation's DNS name it is the user principal name."""
        ...

    @property
    def sid(self) -> str:
        """The security identifier."""
        ...

    @property
    def windows_name(self) -> str:
        r"""`DOMAIN\name`."""
        ...


class Company(Protocol):
    """The made-up organisation, as far as the examples of a playbook may ask."""

    @property
    def start(self) -> date:
        """The first local day of the activity; a row that is to count was written long before."""
        ...

    @property
    def dns(self) -> str:
        """The organisation's DNS name."""
        ...

    def accounts(self, runner: Runner) -> Sequence[Named]:
        """Everybody who may play a slot; empty for the slots that Windows or a register row fills."""
        ...

    def hosts(self, place: Place) -> Sequence[str]:
        """Full names of all hosts that fit a place."""
        ...


class Performance(Protocol):
    """One performance of a scenario, while the words of its commands are chosen."""

    @property
    def scenario(self) -> Scenario:
        """What is performed."""
        ...

    @property
    def company(self) -> Company:
        """Where."""
        ...

    @property
    def day(self) -> date:
        """The local date."""
        ...

    @property
    def host(self) -> str:
        """Full name of the host."""
        ...

    @property
    def runner(self) -> Named:
        """Who runs the last step."""
        ...

    def choose[T](self, among: Sequence[T]) -> T:
        """One of these, by the run's own seed."""
        ...


def _no_rows(_: Company) -> Mapping[str, Rows]:
    return {}


def _no_words(_: Performance) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """The worked examples of one playbook, by family, and what the simulator has to know of it.

    `rules` are the rule files of the folder under the words that results use, which no other playbook has;
    `main_rule` is the word of its analytics rule. `named` are lower-case terms: a command line with one of
    them is about this playbook. `first` attacks are performed before the others where a number of them is
    asked for, and `demonstrated` scenarios join the demo. `rows` fills the playbook's watchlists, by alias;
    `words` the slots that the simulator does not know. `techniques` names the ATT&CK techniques that no
    other playbook uses.
    """

    playbook: str
    closable: tuple[Scenario, ...]
    attacks: tuple[Scenario, ...]
    open_work: tuple[Scenario, ...] = ()
    near_misses: tuple[Scenario, ...] = ()
    first: tuple[Scenario, ...] = ()
    demonstrated: tuple[Scenario, ...] = ()
    named: tuple[str, ...]
    rules: Mapping[str, str] = field(default_factory=dict)
    main_rule: str
    techniques: Mapping[str, str] = field(default_factory=dict)
    rows: Callable[[Company], Mapping[str, Rows]] = _no_rows
    words: Callable[[Performance], Mapping[str, str]] = _no_words

    @property
    def scenarios(self) -> tuple[Scenario, ...]:
        """All of them, in the order in which they are listed."""
        return (*self.closable, *self.open_work, *self.attacks, *self.near_misses)

    @property
    def families(self) -> Mapping[str, tuple[Scenario, ...]]:
        """Each family under its name."""
        return MappingProxyType(
            {
                "closable": self.closable,
                "open_work": self.open_work,
                "near_misses": self.near_misses,
                "attacks": self.attacks,
            }
        )
