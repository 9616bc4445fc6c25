"""What the directory says against a user in any playbook: disabled, new, at risk, or not known whole."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from playbooks.folding import fold
from playbooks.model import DirectoryUser, Found, Lookup, Reason, Risk, Stance, Unavailable

_NEW = timedelta(days=30)
_RISKY = frozenset({"medium", "high"})
_SAFE = frozenset({"none", "low"})
_STATES = frozenset({"none", "confirmedsafe", "remediated", "dismissed", "atrisk", "confirmedcompromised"})
_DIRECTORY = "directory"


def not_checked(unread: Unavailable, item: str = "") -> Reason:
    """The reason for a look-up that gave no answer; `item` says what was asked, the source if it is empty."""
    text = f"Not checked: {item or unread.source}: {unread.cause}"
    return Reason("source_unavailable", text, unread.source, Stance.UNCHECKED, lasting=unread.lasting)


def account_state(user: DirectoryUser, moment: datetime, *, act: str) -> Iterator[Reason]:
    """Whether the account is enabled, and old enough at `moment` (UTC), when `act` was done."""
    name = user.user_principal_name
    if user.enabled is False:
        yield Reason("account_disabled", f"Account {name} is disabled", _DIRECTORY)
    if user.enabled is None:
        yield not_checked(Unavailable(_DIRECTORY, f"whether account {name} is enabled", lasting=True))
    if user.created is None:
        yield not_checked(Unavailable(_DIRECTORY, f"when account {name} was created", lasting=True))
    elif moment - user.created < _NEW:
        text = f"Account {name} was created on {user.created:%Y-%m-%d}, less than 30 days before {act}"
        yield Reason("account_new", text, _DIRECTORY)


def account_risk(user: DirectoryUser, risk: Lookup[Risk]) -> Iterator[Reason]:
    """What Identity Protection holds of the account; words that nobody knows (`hidden`) are no answer."""
    if not isinstance(risk, Found):
        return
    level, state = risk.value.level, risk.value.state
    words = f"{user.user_principal_name} at risk (level {level}, state {state})"
    if fold(level) in _RISKY or fold(state) == "confirmedcompromised":
        yield Reason("account_risky", f"Identity Protection holds {words}", _DIRECTORY)
    elif fold(level) not in _SAFE or fold(state) not in _STATES:
        name = user.user_principal_name
        cause = f"Identity Protection shows no usable risk of {name} (level {level}, state {state})"
        yield not_checked(Unavailable("sign-in risk", cause, lasting=True))
