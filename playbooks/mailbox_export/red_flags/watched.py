"""The optional watch-for lists of Sentinel's built-in templates: they only ever raise concern."""

from collections.abc import Iterable

from playbooks.folding import fold
from playbooks.model import DirectoryUser, Found, Lookup, Policy, WatchlistItem
from playbooks.who.hosts import complete_host
from playbooks.who.identities import Identity

_PERSON_COLUMNS = ("user identifier", "user aad object id", "user on-prem sid", "user principal name")
_ASSET_COLUMNS = ("asset fqdn", "asset name", "asset id")


def on_list(items: Lookup[tuple[WatchlistItem, ...]], names: frozenset[str]) -> bool:
    r"""True where a row of a people list (VIPUsers, TerminatedEmployees) names one of `names`.

    Of `DOMAIN\name` the name counts as well: these lists only ever raise concern.
    """
    cells = _cells(items, _PERSON_COLUMNS)
    return bool((cells | {cell.rpartition("\\")[2] for cell in cells}) & names)


def is_high_value(items: Lookup[tuple[WatchlistItem, ...]], host: str, policy: Policy) -> bool:
    """True where HighValueAssets names the host, short or full."""
    return host in {complete_host(cell, policy) for cell in _cells(items, _ASSET_COLUMNS)}


def names_of_mailbox(name: str, user: Lookup[DirectoryUser]) -> frozenset[str]:
    """Every name of a mailbox and its owner, folded."""
    return _names([name], user.value if isinstance(user, Found) else None)


def names_of_runner(identity: Identity) -> frozenset[str]:
    """Every name of a runner, folded."""
    runner = identity.runner
    return _names([runner.sid, runner.spelled, runner.name], identity.found)


def _names(given: Iterable[str], user: DirectoryUser | None) -> frozenset[str]:
    names = list(given)
    if user is not None:
        names += [
            user.id,
            user.sid,
            user.user_principal_name,
            user.mail,
            user.mail_nickname,
            user.sam_account_name,
        ]
        names += [address.partition(":")[2] or address for address in user.proxy_addresses]
    return frozenset(fold(name.strip()) for name in names if name.strip())


def _cells(items: Lookup[tuple[WatchlistItem, ...]], columns: tuple[str, ...]) -> frozenset[str]:
    if not isinstance(items, Found):
        return frozenset()
    folded = [
        {fold(name.strip()): fold(cell.strip()) for name, cell in item.cells.items()} for item in items.value
    ]
    return frozenset(cells[column] for cells in folded for column in columns if cells.get(column))
