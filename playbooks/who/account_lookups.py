"""Asks the directory about runners and mailboxes, each question once, all at the same time."""

import asyncio
from dataclasses import replace

from playbooks.model import Absent, Device, DirectoryUser, Lookup, Policy, Risk, Unavailable
from playbooks.ports import Directory
from playbooks.who.accounts import Runner, RunnerKind
from playbooks.who.hosts import dns_of
from playbooks.who.identities import DIRECTORY, RunnerLookups, resolved_user

LONGEST_NAME = 320
"""A UPN has at most 64 + 1 + 255 characters; anything longer is no account."""
MOST_RUNNERS, MOST_MAILBOXES = 40, 200

_TOO_LONG = Unavailable(DIRECTORY, "name too long", lasting=True)
_TOO_MANY = Unavailable(DIRECTORY, "more accounts than can be looked up", lasting=True)
_NO_LICENCE: Lookup[Risk] = Absent("Identity Protection (not in use, by the settings)")


async def find_runners(
    runners: tuple[Runner, ...], directory: Directory, policy: Policy
) -> tuple[RunnerLookups, ...]:
    """Which directory user each runner is, in their order."""
    asked = await asyncio.gather(*(_find(runner, directory, policy) for runner in runners[:MOST_RUNNERS]))
    rest = (RunnerLookups(runner=r, by_sid=_TOO_MANY, by_name=_TOO_MANY) for r in runners[MOST_RUNNERS:])
    return (*asked, *rest)


async def ask_about_runners(
    found: tuple[RunnerLookups, ...], directory: Directory, policy: Policy
) -> tuple[RunnerLookups, ...]:
    """The same runners with groups, roles and risk of those who are a directory user."""
    return tuple(await asyncio.gather(*(_ask_about_user(one, directory, policy) for one in found)))


async def ask_mailboxes(
    names: tuple[str, ...], directory: Directory
) -> tuple[tuple[str, Lookup[DirectoryUser]], ...]:
    """The user of each mailbox name, in their order."""
    users = await asyncio.gather(*(_ask_mailbox(name, directory) for name in names[:MOST_MAILBOXES]))
    rest = ((name, _TOO_MANY) for name in names[MOST_MAILBOXES:])
    return (*zip(names[:MOST_MAILBOXES], users, strict=True), *rest)


async def _find(runner: Runner, directory: Directory, policy: Policy) -> RunnerLookups:
    if runner.contradiction or runner.kind in {RunnerKind.SYSTEM, RunnerKind.NETWORK_SERVICE}:
        return RunnerLookups(runner=runner)
    if runner.kind is RunnerKind.DOLLAR:
        return RunnerLookups(runner=runner, device=await _ask_device(runner, directory))
    by_sid = await directory.user_by_sid(runner.sid) if runner.sid else None
    by_name = None
    if by_sid is None or isinstance(by_sid, Absent):
        by_name = await _ask_by_name(runner, directory, policy)
    return RunnerLookups(runner=runner, by_sid=by_sid, by_name=by_name)


async def _ask_about_user(asked: RunnerLookups, directory: Directory, policy: Policy) -> RunnerLookups:
    user = resolved_user(asked, policy)
    if user is None:
        return asked
    groups, roles, risk = await asyncio.gather(
        directory.groups_of(user.id),
        directory.roles_of(user.id),
        _ask_risk(user, directory, policy),
    )
    return replace(asked, groups=groups, roles=roles, risk=risk)


async def _ask_risk(user: DirectoryUser, directory: Directory, policy: Policy) -> Lookup[Risk]:
    return await directory.risk_of(user.id) if policy.identity_protection else _NO_LICENCE


async def _ask_by_name(runner: Runner, directory: Directory, policy: Policy) -> Lookup[DirectoryUser]:
    if len(runner.spelled) > LONGEST_NAME:
        return _TOO_LONG
    if runner.is_upn:
        return await directory.user_by_upn(runner.spelled)
    dns = dns_of(runner.domain, policy)
    if not dns or not runner.name:
        return Absent("directory (not a name in one of the organisation's domains)")
    return await directory.user_by_name(dns, runner.name)


async def _ask_device(runner: Runner, directory: Directory) -> Lookup[Device]:
    name = runner.name.removesuffix("$")
    return await directory.device_named(name) if 0 < len(name) <= LONGEST_NAME else _TOO_LONG


async def _ask_mailbox(name: str, directory: Directory) -> Lookup[DirectoryUser]:
    return await directory.user_by_mailbox(name) if len(name) <= LONGEST_NAME else _TOO_LONG
