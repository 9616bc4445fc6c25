"""The evidence made ready to judge: events read, the register parsed, accounts resolved; nothing decided."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from playbooks.folding import fold
from playbooks.mailbox_role_grant.changes import CHANGES, ChangeRow, InvalidChange, read_change
from playbooks.mailbox_role_grant.evidence import Evidence
from playbooks.mailbox_role_grant.grants import Grant, Reading, is_relevant, named_account, read_events
from playbooks.model import Absent, DirectoryUser, Found, Lookup, Policy, Unavailable
from playbooks.moments import clock
from playbooks.who.accounts import Runner, RunnerKind, runner_of
from playbooks.who.identities import Identity, RunnerLookups, identify

_NOT_NAMED = Absent("process events (names no account of its own)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """One grant that ran: what has to be covered. `grantee` is None where the text proves nobody."""

    reading: Reading
    grant: Grant
    granter: Identity
    grantee: Identity | None

    @property
    def when(self) -> str:
        """Its time for a reader."""
        return clock(self.reading.event.time)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What `decide` looks at. `rows` is Unavailable where the register is missing or empty."""

    evidence: Evidence
    readings: tuple[Reading, ...]
    relevant: tuple[Reading, ...]
    anchors: tuple[Anchor, ...]
    identities: Mapping[Runner, Identity]
    rows: Lookup[tuple[ChangeRow, ...]]
    invalid: tuple[InvalidChange, ...]

    @property
    def policy(self) -> Policy:
        """The organisation's settings."""
        return self.evidence.policy

    @property
    def parties(self) -> tuple[Identity, ...]:
        """Everyone who was looked up, and everyone in a grant, looked up or not."""
        in_grants = (party for one in self.anchors for party in (one.granter, one.grantee))
        return (*self.identities.values(), *(party for party in in_grants if party is not None))

    @property
    def people(self) -> Iterator[DirectoryUser]:
        """Everyone of the directory who gave or was given a role."""
        parties = (party for anchor in self.anchors for party in (anchor.granter, anchor.grantee))
        return (party.found for party in parties if party is not None and party.found is not None)


def set_scene(evidence: Evidence) -> Scene:
    """Reads what can be read; the same evidence gives the same scene."""
    policy = evidence.policy
    readings = read_events(evidence.events.value, policy) if isinstance(evidence.events, Found) else ()
    relevant = tuple(reading for reading in readings if is_relevant(reading))
    identities = {one.runner: identify(one, policy, computers=frozenset()) for one in evidence.accounts}
    rows, invalid = _register(evidence)
    return Scene(
        evidence=evidence,
        readings=readings,
        relevant=relevant,
        anchors=tuple(
            _anchor(reading, grant, identities, policy) for reading in relevant for grant in reading.grants
        ),
        identities=identities,
        rows=rows,
        invalid=invalid,
    )


def identity_of(runner: Runner, identities: Mapping[Runner, Identity], policy: Policy) -> Identity:
    """What is known of an account; nothing of one that was not looked up."""
    if runner in identities:
        return identities[runner]
    if runner.kind is RunnerKind.NOBODY:
        return Identity(runner=runner, user=_NOT_NAMED)
    return identify(RunnerLookups(runner=runner), policy, computers=frozenset())


def _anchor(reading: Reading, grant: Grant, identities: Mapping[Runner, Identity], policy: Policy) -> Anchor:
    named = named_account(grant.grantee, policy)
    return Anchor(
        reading=reading,
        grant=grant,
        granter=identity_of(runner_of(reading.event, policy), identities, policy),
        grantee=identity_of(named, identities, policy) if named is not None else None,
    )


def _register(evidence: Evidence) -> tuple[Lookup[tuple[ChangeRow, ...]], tuple[InvalidChange, ...]]:
    match evidence.changes:
        case Found(items) if items:
            read = sorted((read_change(item, evidence.policy) for item in items), key=repr)
            valid = tuple(row for row in read if isinstance(row, ChangeRow))
            return Found(valid), tuple(row for row in read if isinstance(row, InvalidChange))
        case Unavailable() as unread:
            return unread, ()
        case _:
            cause = f"the watchlist {CHANGES} does not exist or is empty"
            return Unavailable(CHANGES, cause, lasting=True), ()


def names_of(user: DirectoryUser) -> frozenset[str]:
    """Every name under which a person may stand in a log or a register, folded."""
    names = (
        user.id,
        user.sid,
        user.user_principal_name,
        user.mail,
        user.mail_nickname,
        user.sam_account_name,
    )
    addresses = (address.partition(":")[2] or address for address in user.proxy_addresses)
    return frozenset(fold(name.strip()) for name in (*names, *addresses) if name.strip())
