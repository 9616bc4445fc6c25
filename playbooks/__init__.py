"""Playbooks for Microsoft Sentinel: one folder each, found and not listed.

trigger -> Incident -> Evidence -> Verdict -> WriteBack
"""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any

from playbooks.errors import UnknownPlaybook
from playbooks.ports import Playbook


@cache
def discover() -> Mapping[str, Path]:
    """Playbook name -> folder: every folder here that holds a rule.yaml, looked for once."""
    here = Path(__file__).parent
    return MappingProxyType({rule.parent.name: rule.parent for rule in sorted(here.glob("*/rule.yaml"))})


def refuse_unknown(name: str) -> None:
    """Looks for the folder and imports nothing. Raises UnknownPlaybook."""
    known = discover()
    if name not in known:
        raise UnknownPlaybook(f"there is no playbook {name[:64]!r}; there are: {', '.join(known)}")


def load(name: str) -> Playbook[Any]:
    """The playbook of that name. Raises UnknownPlaybook."""
    refuse_unknown(name)
    playbook = import_module(f"playbooks.{name}").PLAYBOOK
    if not isinstance(playbook, Playbook) or playbook.name != name:
        raise UnknownPlaybook(f"the folder {name} does not define PLAYBOOK with that name")
    return playbook
