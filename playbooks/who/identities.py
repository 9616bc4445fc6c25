"""Which directory user a runner is: exactly one, none, or could not be told (policy, section 2)."""

from dataclasses import dataclass
from fnmatch import fnmatchcase

from playbooks.folding import fold, fold_display_name
from playbooks.model import (
    Absent,
    Device,
    DirectoryRole,
    DirectoryUser,
    Found,
    Group,
    Lookup,
    Policy,
    Risk,
    Unavailable,
)
from playbooks.who.accounts import RunAs, Runner, RunnerKind
from playbooks.who.hosts import dns_of

DIRECTORY = "directory"
_AMBIGUOUS = "ambiguous account"
"""How the directory begins the cause of an answer that several users match."""
_NOT_A_DEVICE = Absent("devices")
_NOT_A_PERSON = Absent("directory (not an account of a person)")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerLookups:
    """What the directory answered about one runner. A question that was not asked is None."""

    runner: Runner
    by_sid: Lookup[DirectoryUser] | None = None
    by_name: Lookup[DirectoryUser] | None = None
    device: Lookup[Device] | None = None
    """The Entra device of that name, for names ending in `$`."""
    groups: Lookup[tuple[Group, ...]] | None = None
    roles: Lookup[tuple[DirectoryRole, ...]] | None = None
    risk: Lookup[Risk] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A runner with what the directory says. `user` is Found for exactly one user that agrees."""

    runner: Runner
    user: Lookup[DirectoryUser]
    disagreement: str = ""
    """Words for a name and a SID that do not belong together; the runner is then unknown."""
    conflict: str = ""
    """Words for a name that the directory has under another SID."""
    is_computer: Lookup[bool] = _NOT_A_DEVICE
    groups: Lookup[tuple[Group, ...]] = _NOT_A_PERSON
    roles: Lookup[tuple[DirectoryRole, ...]] = _NOT_A_PERSON
    risk: Lookup[Risk] = _NOT_A_PERSON

    @property
    def found(self) -> DirectoryUser | None:
        """The directory user, where there is exactly one."""
        return self.user.value if isinstance(self.user, Found) else None

    @property
    def is_ambiguous(self) -> bool:
        """True where several users of the directory have that name or SID."""
        return isinstance(self.user, Unavailable) and self.user.cause.startswith(_AMBIGUOUS)

    @property
    def is_managed(self) -> bool:
        """True for SYSTEM, NETWORK SERVICE, computers and managed service accounts: never a person."""
        return self.runner.kind is not RunnerKind.ACCOUNT


def identify(asked: RunnerLookups, policy: Policy, *, computers: frozenset[str]) -> Identity:
    """The identity of a runner. `computers` are short names of hosts known from registers and events."""
    runner = asked.runner
    if runner.contradiction:
        absent: Lookup[DirectoryUser] = Absent(DIRECTORY)
        return Identity(runner=runner, user=absent, disagreement=runner.contradiction)
    if runner.kind is not RunnerKind.ACCOUNT:
        return Identity(runner=runner, user=_NOT_A_PERSON, is_computer=_computer(asked, computers))
    user, disagreement, conflict = _resolve(asked, policy)
    return Identity(
        runner=runner,
        user=user,
        disagreement=disagreement,
        conflict=conflict,
        groups=_asked(asked.groups, user, "groups"),
        roles=_asked(asked.roles, user, "directory roles"),
        risk=_asked(asked.risk, user, "sign-in risk"),
    )


def resolved_user(asked: RunnerLookups, policy: Policy) -> DirectoryUser | None:
    """The one directory user of a runner, where the answers so far name it."""
    if asked.runner.kind is not RunnerKind.ACCOUNT or asked.runner.contradiction:
        return None
    user, _, _ = _resolve(asked, policy)
    return user.value if isinstance(user, Found) else None


def is_run_as(identity: Identity, run_as: RunAs, policy: Policy) -> bool | Unavailable:
    """Whether a runner is the account of a job's RunAs cell (policy, section 2)."""
    runner = identity.runner
    if runner.kind in {RunnerKind.SYSTEM, RunnerKind.NETWORK_SERVICE} or run_as.is_system:
        return run_as.is_system and runner.kind is RunnerKind.SYSTEM and not runner.contradiction
    if identity.disagreement or identity.conflict:
        return False
    if run_as.sid and runner.sid:
        return run_as.sid == runner.sid
    if runner.kind is RunnerKind.DOLLAR:
        return _is_managed_run_as(identity, run_as, policy)
    return _is_run_as_user(identity.user, run_as)


def _is_run_as_user(user_lookup: Lookup[DirectoryUser], run_as: RunAs) -> bool | Unavailable:
    """An event without a SID, or a RunAs without one: they meet in the directory."""
    match user_lookup:
        case Unavailable():
            return user_lookup
        case Absent():
            return False
        case Found(user):
            pass
    if run_as.sid:
        return run_as.sid == user.sid.upper()
    return (run_as.domain, run_as.name) == (fold(user.domain_name), fold(user.sam_account_name))


def is_service_account(identity: Identity, policy: Policy) -> bool | Unavailable:
    """Whether a runner is no person, by its kind, by the name patterns or by the groups of the settings."""
    if identity.is_managed:
        return True
    names = {identity.runner.name}
    if identity.found is not None:
        names.add(fold(identity.found.sam_account_name))
    patterns = [fold(pattern) for pattern in policy.service_account_patterns]
    if any(fnmatchcase(name, pattern) for name in names for pattern in patterns):
        return True
    return is_member(identity, policy.service_account_groups) if policy.service_account_groups else False


def is_member(identity: Identity, wanted: frozenset[str]) -> bool | Unavailable:
    """Whether the runner is in one of these groups (folded names or ids), directly or through others."""
    match identity.groups:
        case Found(groups):
            held = {fold_display_name(name) for group in groups for name in (group.id, group.display_name)}
            return bool(held & wanted)
        case Unavailable():
            return identity.groups
        case Absent():
            return False


def _is_managed_run_as(identity: Identity, run_as: RunAs, policy: Policy) -> bool | Unavailable:
    """A managed service account by name alone: only where it is known to be no computer."""
    runner = identity.runner
    if run_as.sid or (dns_of(runner.domain, policy), runner.name) != (run_as.domain, run_as.name):
        return False
    match identity.is_computer:
        case Found(is_computer):
            return not is_computer
        case Unavailable():
            return identity.is_computer
        case Absent():
            return True


def _computer(asked: RunnerLookups, computers: frozenset[str]) -> Lookup[bool]:
    if asked.runner.name.removesuffix("$") in computers:
        return Found(value=True)
    match asked.device:
        case Found():
            return Found(value=True)
        case Unavailable():
            return asked.device
        case _:
            return Found(value=False)


def _resolve(asked: RunnerLookups, policy: Policy) -> tuple[Lookup[DirectoryUser], str, str]:
    """The user, a disagreement of name and SID in words, and a conflicting directory entry in words."""
    runner, by_name = asked.runner, asked.by_name or _not_asked("the account's name")
    if not runner.sid:
        return by_name, "", ""
    match asked.by_sid or _not_asked("the account's SID"):
        case Found(user):
            if _agrees(runner, user, policy):
                return Found(user), "", ""
            words = f"{runner.sid} is {user.user_principal_name}, not {runner.spelled}"
            return Absent(DIRECTORY), words, ""
        case Unavailable() as unread:
            return unread, "", ""
        case Absent():
            return _by_name_beside_sid(runner, by_name)


def _by_name_beside_sid(
    runner: Runner, by_name: Lookup[DirectoryUser]
) -> tuple[Lookup[DirectoryUser], str, str]:
    match by_name:
        case Found(user):
            words = f"{runner.spelled} has {user.sid or 'no SID'} in the directory, {runner.sid} in the event"
            return Absent(DIRECTORY), "", words
        case _:
            return by_name, "", ""


def _agrees(runner: Runner, user: DirectoryUser, policy: Policy) -> bool:
    """True where the event's SID and, as far as it has one, its name are those of this user."""
    if user.sid.upper() != runner.sid:
        return False
    if runner.is_upn:
        return runner.spelled == fold(user.user_principal_name)
    if runner.name and runner.name != fold(user.sam_account_name):
        return False
    return not runner.domain or dns_of(runner.domain, policy) == fold(user.domain_name) != ""


def _asked[T](answer: Lookup[T] | None, user: Lookup[DirectoryUser], what: str) -> Lookup[T]:
    """An answer about a user; where there is no such user there is nothing to ask."""
    match user:
        case Found():
            return answer if answer is not None else _not_asked(what)
        case Absent():
            return Absent(DIRECTORY)
        case Unavailable():
            return user


def _not_asked(what: str) -> Unavailable:
    return Unavailable(DIRECTORY, f"{what} was not looked up")
