"""The worked examples of this playbook, each with the verdict that is right for it."""

from playbooks.mailbox_role_grant.scenarios.honest import APPROVED_MEMBER, APPROVED_ROLE
from playbooks.mailbox_role_grant.scenarios.intrusions import ATTACKS, DARK_HALO, PROXYSHELL
from playbooks.mailbox_role_grant.scenarios.near_misses import NEAR_MISSES
from playbooks.mailbox_role_grant.scenarios.staging import GRANT, rows, words
from playbooks.scenarios import Catalogue

CATALOGUE = Catalogue(
    playbook="mailbox_role_grant",
    closable=(APPROVED_ROLE, APPROVED_MEMBER),
    attacks=ATTACKS,
    near_misses=NEAR_MISSES,
    first=(DARK_HALO, PROXYSHELL),
    demonstrated=(APPROVED_ROLE, DARK_HALO),
    named=(
        "new-managementroleassignment",
        "add-rolegroupmember",
        "update-rolegroupmember",
        "add-adgroupmember",
    ),
    rules={GRANT: "rule.yaml"},
    main_rule=GRANT,
    techniques={"T1098.007": "Account Manipulation: Additional Local or Domain Groups"},
    rows=rows,
    words=words,
)
