"""Which playbook answers for the incidents of which analytics rules."""

from collections.abc import Mapping

from playbooks import discover, load
from playbooks.errors import SettingsError


def watched_rules(given: frozenset[str]) -> Mapping[str, frozenset[str]]:
    """Playbook -> ids of its rules, lower case: those that the settings give it, else those of its folder.

    `given` are `<playbook>=<id>` or bare ids. A bare one is for the playbook in whose folder it stands, and
    where it stands in none, for the first playbook by name. Raises SettingsError for an unknown playbook.
    """
    own = {name: load(name).rule_ids for name in discover()}
    wanted: dict[str, set[str]] = {name: set() for name in own}
    for part in given:
        name, _, rule_id = part.rpartition("=")
        owner = name or next((one for one, rules in own.items() if rule_id in rules), next(iter(own)))
        if owner not in wanted:
            raise SettingsError(
                [f"TRIAGE_RULE_IDS: there is no playbook {owner!r}; {', '.join(own)} are there."]
            )
        wanted[owner].add(rule_id)
    return {name: frozenset(wanted[name]) or own[name] for name in own}
