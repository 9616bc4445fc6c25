r"""Names as alerts spell them: which pieces to ask the log for, and which alerts name whom.

An alert may spell an account `name`, `DOMAIN\name` or `name@suffix` and a host short or in full, so both
sides are compared by their bare names as well. Too many alerts cost an analyst a look; one too few could
hide an attack.
"""

import re
from collections.abc import Iterable

from playbooks.model import LoggedAlert

# In these no JSON writer puts an escape, so the name stands in the Entities text as it is.
_PLAIN = re.compile(r"[A-Za-z0-9._$-]+", re.ASCII)
_EDGES = "._$-"


def first_labels(host_names: Iterable[str]) -> frozenset[str]:
    """Host names up to the first dot; an address has none."""
    labels = (name for name in host_names if not re.fullmatch(r"[0-9.]+|.*:.*", name))
    return frozenset(name.partition(".")[0] for name in labels if name.partition(".")[0])


def alert_pieces(names: Iterable[str]) -> frozenset[str]:
    """Words of which `has_any` finds every alert naming one of these; empty if no words can promise that."""
    bare = {bare_name(name) for name in names}
    pieces = {name.strip(_EDGES) for name in bare | {name.partition(".")[0] for name in bare}}
    if not all(_PLAIN.fullmatch(name) for name in bare) or not all(pieces):
        return frozenset()
    return frozenset(pieces)


def names_alert(alert: LoggedAlert, names: Iterable[str]) -> bool:
    """Whether the alert names one of these, in any spelling."""
    asked = {name.lower() for name in names}
    bare = {bare_name(name) for name in asked}
    return bool(
        asked & (alert.host_names | alert.account_names)
        or bare & {bare_name(name) for name in alert.account_names}
        or {name.partition(".")[0] for name in bare} & first_labels(alert.host_names)
    )


def bare_name(name: str) -> str:
    """The name without its domain, in lower case; a SID stays as it is."""
    return name.lower().rpartition("\\")[2].partition("@")[0]
