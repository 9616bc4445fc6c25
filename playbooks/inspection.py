"""Looks at everything around the playbooks and has it judged, for the health page and for `doctor`."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from playbooks import load
from playbooks.clients import Clients, check_permissions, check_queue
from playbooks.health.judging import QueueLook, WorkspaceLook, judge
from playbooks.health.rules import RulesLook
from playbooks.health.troubles import Check, Trouble
from playbooks.health.watchlists import RegisterLook, asked_commands
from playbooks.model import Found, Lookup, Permission, Unavailable
from playbooks.settings import Settings, Workspace
from playbooks.watched import watched_rules

if TYPE_CHECKING:
    from playbooks.clients.deployment import Deployment


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How far to look. Logic Apps need a role that the function itself does not have.

    `days` is how far back the logs are searched for commands that rows could match; 0 leaves it.
    """

    logic_apps: bool = False
    days: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """Permissions by workspace name (empty for the queue's), and all checks."""

    permissions: tuple[tuple[str, Permission], ...]
    checks: tuple[Check, ...]

    @property
    def troubles(self) -> tuple[Trouble, ...]:
        """Everything that is wrong, each once."""
        return tuple(dict.fromkeys(trouble for check in self.checks for trouble in check.troubles))


async def inspect(
    clients: Clients, settings: Settings, *, now: Callable[[], datetime], reach: Reach | None = None
) -> Inspection:
    """Everything, asked for at once as far as one answer does not lead to the next question. Reads alone.

    `now` is the clock (UTC). Never raises for what a service answers; raises SettingsError where the rule
    ids name a playbook that is not there.
    """
    wanted = watched_rules(settings.playbooks, settings.rule_ids)
    looks, queue = await asyncio.gather(
        asyncio.gather(
            *(
                _workspace(clients, workspace, settings=settings, wanted=wanted, now=now)
                for workspace in settings.workspaces
            )
        ),
        _queue(clients, settings, now=now),
    )
    depth = reach or Reach()
    deeper = await asyncio.gather(
        *(
            _deeper(clients, workspace, look=look, reach=depth)
            for workspace, look in zip(settings.workspaces, looks, strict=True)
        )
    )
    permissions = [(look.place, permission) for look in deeper for permission in look.permissions]
    return Inspection(permissions=(*permissions, ("", queue.permission)), checks=judge(tuple(deeper), queue))


async def _workspace(
    clients: Clients,
    workspace: Workspace,
    *,
    settings: Settings,
    wanted: Mapping[str, frozenset[str]],
    now: Callable[[], datetime],
) -> WorkspaceLook:
    deployment, watchlists = clients.deployment(workspace), clients.watchlists(workspace)
    playbooks = [load(name) for name in wanted]
    registers = [(playbook.name, register) for playbook in playbooks for register in playbook.registers]
    aliases = tuple(dict.fromkeys(register.alias for _, register in registers))
    permissions, customer_id, alert_rules, automation_rules, (there, here), lists = await asyncio.gather(
        check_permissions(clients, workspace),
        deployment.customer_id(),
        deployment.alert_rules(),
        deployment.automation_rules(),
        _clocks(deployment, now),
        asyncio.gather(*(watchlists.items(alias) for alias in aliases)),
    )
    items = dict(zip(aliases, lists, strict=True))
    return WorkspaceLook(
        path=workspace.path,
        given_id=workspace.customer_id,
        customer_id=customer_id,
        permissions=permissions,
        there=there,
        here=here,
        rules=tuple(
            RulesLook(
                playbook=playbook.name,
                wanted=wanted[playbook.name],
                shipped=playbook.rule_ids,
                alert_rules=alert_rules,
                automation_rules=automation_rules,
                at=here,
            )
            for playbook in playbooks
        ),
        registers=tuple(
            RegisterLook(
                playbook=name,
                register=register,
                items=items[register.alias],
                policy=settings.policy,
                at=here,
            )
            for name, register in registers
        ),
    )


async def _clocks(deployment: "Deployment", now: Callable[[], datetime]) -> tuple[Lookup[datetime], datetime]:
    """The service's time and, read right after it, this machine's."""
    there = await deployment.moment()
    return there, now()


async def _queue(clients: Clients, settings: Settings, *, now: Callable[[], datetime]) -> QueueLook:
    name = settings.queue_name
    permission, trigger, poison = await asyncio.gather(
        check_queue(clients), clients.queue_state(name), clients.queue_state(f"{name}-poison")
    )
    return QueueLook(name=name, permission=permission, trigger=trigger, poison=poison, at=now())


async def _deeper(
    clients: Clients, workspace: Workspace, *, look: WorkspaceLook, reach: Reach
) -> WorkspaceLook:
    if reach.logic_apps:
        look = await _with_logic_apps(clients, workspace, look)
    return await _with_commands(clients, workspace, look=look, days=reach.days) if reach.days else look


async def _with_logic_apps(clients: Clients, workspace: Workspace, look: WorkspaceLook) -> WorkspaceLook:
    deployment = clients.deployment(workspace)
    names = tuple(dict.fromkeys(app for rules in look.rules for app in rules.logic_apps()))
    answers = await asyncio.gather(*(deployment.workflow(name) for name in names))
    found = {name.lower(): answer for name, answer in zip(names, answers, strict=True)}
    rules = tuple(replace(one, workflows=found) for one in look.rules)
    return replace(look, rules=rules, with_logic_apps=True)


async def _with_commands(
    clients: Clients, workspace: Workspace, *, look: WorkspaceLook, days: int
) -> WorkspaceLook:
    """The look with how often rows were seen at work; `unseen_commands` where the logs do not answer."""
    registers = tuple(replace(one, days=days) for one in look.registers)
    asked = asked_commands(registers)
    start = look.here - timedelta(days=days)
    answer = await clients.commands(workspace).seen(asked, start=start, end=look.here)
    if not isinstance(answer, Found):
        return replace(look, unseen_commands=answer.cause if isinstance(answer, Unavailable) else "no answer")
    seen = dict(zip(asked, answer.value, strict=True))
    return replace(look, registers=tuple(replace(one, seen=seen) for one in registers))
