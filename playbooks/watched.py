"""Which playbooks are on, and which answers for the incidents of which analytics rules."""

from collections.abc import Iterable, Mapping

from playbooks import discover, load
from playbooks.errors import SettingsError


def switched_on(names: frozenset[str], rule_ids: frozenset[str]) -> tuple[str, ...]:
    """The playbooks that are on, in order: those of `names`, or all where there are none. Imports none.

    Raises SettingsError where `names`, or `rule_ids` such as `<playbook>=<id>`, name one that is not there.
    """
    known = discover()
    _refuse_unknown("TRIAGE_PLAYBOOKS", names, known)
    _refuse_unknown("TRIAGE_RULE_IDS", (part.rpartition("=")[0] for part in rule_ids), known)
    return tuple(name for name in known if name in names or not names)


def watched_rules(names: frozenset[str], rule_ids: frozenset[str]) -> Mapping[str, frozenset[str]]:
    """Playbook that is on -> ids of its rules, lower case: what the settings give it, else what it ships.

    `names` are the playbooks that are on, `rule_ids` are `<playbook>=<id>` or bare ids. A bare one is for the
    playbook in whose folder it stands, and where it stands in none, for the first that is on. An id for a
    playbook that is off is of no effect. Raises SettingsError for an unknown playbook.
    """
    on = switched_on(names, rule_ids)
    shipped = {name: load(name).rule_ids for name in discover()}
    wanted: dict[str, set[str]] = {name: set() for name in shipped}
    for part in rule_ids:
        name, _, rule_id = part.rpartition("=")
        owner = name or next((one for one, rules in shipped.items() if rule_id in rules), on[0])
        wanted[owner].add(rule_id)
    return {name: frozenset(wanted[name]) or shipped[name] for name in on}


def _refuse_unknown(setting: str, names: Iterable[str], known: Mapping[str, object]) -> None:
    if unknown := sorted(set(names) - {"", *known}):
        raise SettingsError(
            [f"{setting}: there is no playbook {unknown[0]!r}; {', '.join(known)} are there."]
        )
