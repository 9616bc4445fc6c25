"""Everything that was looked at, judged: one list of checks, each cause told once."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from playbooks.health.access import access_checks, token_check
from playbooks.health.logic_apps import logic_app_check, no_logic_app
from playbooks.health.queues import poison_check, queue_check
from playbooks.health.rules import RulesLook, automation_checks, rules_check
from playbooks.health.surroundings import LOGS, SERVICE, clock_check, workspace_check
from playbooks.health.troubles import Check, State, settled
from playbooks.health.watchlists import RegisterLook, register_check
from playbooks.model import Absent, Lookup, Permission, QueueState

GRAPH = "Microsoft Graph"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceLook:
    """One workspace: `path` and `given_id` are what the settings say of it, `customer_id` what it says.

    `there` and `here` are the time by the service and by this machine (UTC). `with_logic_apps` says that
    Logic Apps were looked at, `unseen_commands` why the logs could not be searched for what rows approve.
    """

    path: str
    given_id: str
    customer_id: Lookup[str]
    permissions: tuple[Permission, ...]
    there: Lookup[datetime]
    here: datetime
    rules: tuple[RulesLook, ...]
    registers: tuple[RegisterLook, ...]
    with_logic_apps: bool = False
    unseen_commands: str = ""

    @property
    def place(self) -> str:
        """The workspace's name."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueLook:
    """The trigger queue `name` and its poison queue, and the permission to read them."""

    name: str
    permission: Permission
    trigger: Lookup[QueueState]
    poison: Lookup[QueueState]
    at: datetime


def judge(workspaces: Iterable[WorkspaceLook], queue: QueueLook) -> tuple[Check, ...]:
    """Every check, in the order in which a person would mend them."""
    looks = tuple(workspaces)
    permissions = (*(one for look in looks for one in look.permissions), queue.permission)
    return settled(
        [
            token_check(permissions),
            *(check for look in looks for check in _workspace_checks(look)),
            *_queue_checks(queue),
        ]
    )


def _workspace_checks(look: WorkspaceLook) -> Iterator[Check]:
    place = look.place
    workspace = workspace_check(look.customer_id, path=look.path, customer_id=look.given_id, place=place)
    misled = _misled_services(look, workspace)
    yield workspace
    for check in _checks_inside(look):
        if check.service in misled:
            yield replace(check, troubles=(), unseen="the settings name another workspace", excused=True)
        else:
            yield check


def _misled_services(look: WorkspaceLook, workspace: Check) -> frozenset[str]:
    """Services whose answers say nothing, since the settings lead to the wrong place."""
    if workspace.state is not State.WRONG:
        return frozenset()
    return frozenset({LOGS, SERVICE} if isinstance(look.customer_id, Absent) else {LOGS})


def _checks_inside(look: WorkspaceLook) -> Iterator[Check]:
    place = look.place
    for permission in look.permissions:
        # Graph's permissions are the tenant's, however many workspaces there are.
        spot = "" if permission.service == GRAPH else place
        yield from access_checks((permission,), scope=look.path, place=spot)
    yield clock_check(look.there, here=look.here, place=place)
    for register in look.registers:
        yield register_check(register, place=place)
    if look.unseen_commands:
        yield Check(subject="Use of the rows", service=LOGS, place=place, unseen=look.unseen_commands)
    for rules in look.rules:
        yield rules_check(rules, place=place)
        yield from automation_checks(rules, place=place)
        if look.with_logic_apps:
            yield from _logic_app_checks(rules, place)


def _logic_app_checks(rules: RulesLook, place: str) -> Iterator[Check]:
    if not rules.logic_apps():
        yield no_logic_app(playbook=rules.playbook, place=place)
    for logic_app in rules.logic_apps():
        answer = rules.workflows[logic_app.lower()]
        yield logic_app_check(logic_app, answer, playbook=rules.playbook, place=place)


def _queue_checks(queue: QueueLook) -> Iterator[Check]:
    access = access_checks((queue.permission,), scope="STORAGE-ACCOUNT-ID", place="")
    trigger = queue_check(queue.name, queue.trigger, at=queue.at)
    if isinstance(queue.trigger, Absent):
        access = tuple(replace(check, excused=True) for check in access)
    yield from (*access, trigger, poison_check(f"{queue.name}-poison", queue.poison))
