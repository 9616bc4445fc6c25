"""A check, what it found wrong, and which of several troubles is the one to mend."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

IDENTITY = "identity"


class State(StrEnum):
    """How a check came out."""

    WELL = "ok"
    WRONG = "wrong"
    UNSEEN = "could not look"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What is wrong, why it matters, and what to do (a portal path or a command). `code` is stable."""

    code: str
    what: str
    why: str
    fix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at. `service` is whose answer it rests on, `place` the workspace, if any.

    `unseen` says why it could not be looked at. `is_access` marks a check of whether the service can be
    asked at all: where that fails, what rests on the same service is no trouble of its own. `excused` marks
    a check that could not be made for what another check reports.
    """

    subject: str
    service: str
    place: str = ""
    words: str = ""
    unseen: str = ""
    troubles: tuple[Trouble, ...] = ()
    is_access: bool = False
    excused: bool = False

    @property
    def state(self) -> State:
        """Wrong where anything is; unseen where it could not be looked at."""
        if self.troubles:
            return State.WRONG
        return State.UNSEEN if self.unseen else State.WELL


def settled(checks: Iterable[Check]) -> tuple[Check, ...]:
    """The checks, each cause told once.

    What could not be looked at is a trouble only where no other check explains it, and of several checks
    that rest on the same service the first one tells it.
    """
    listed = tuple(dict.fromkeys(checks))
    if any(check.service == IDENTITY and check.troubles for check in listed):
        return listed
    shut = {_spot(check) for check in listed if check.is_access and check.state is State.WRONG}
    made = []
    for check in listed:
        spot = _spot(check)
        if check.state is State.UNSEEN and not check.excused and spot not in shut:
            shut.add(spot)
            made.append(replace(check, troubles=(_unseen(check),)))
        else:
            made.append(check)
    return tuple(made)


def _spot(check: Check) -> tuple[str, str]:
    return check.service, check.place


def _unseen(check: Check) -> Trouble:
    # A refusal begins so (PermissionMissing): it names a role, and no repeat cures it.
    is_refused = check.unseen.startswith("needs ")
    return Trouble(
        code="could_not_look",
        what=f"{check.subject}: could not look at it: {check.unseen}",
        why="what cannot be looked at may be wrong, and is never taken for good",
        fix=_GRANT
        if is_refused
        else f"try again in a few minutes; if it stays so, see whether {check.service} "
        "can be reached from here (status.azure.com, firewall, endpoint settings in docs/settings.md)",
    )


_GRANT = (
    "grant that to the identity that asks (portal: the resource > Access control (IAM) > Add role "
    "assignment), or ask as somebody who has it"
)
