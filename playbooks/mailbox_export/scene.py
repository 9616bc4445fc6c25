"""The evidence made ready to judge: events read, registers parsed, runners resolved; nothing decided."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from playbooks.command_line.command_values import Removal
from playbooks.mailbox_export.evidence import Evidence, judged_readings
from playbooks.mailbox_export.readings import Anchor, Reading, Window, anchors_of, is_relevant
from playbooks.mailbox_export.registers.mailbox_names import request_names, user_of
from playbooks.mailbox_export.registers.register_cells import NameSet, read_cases, read_hosts, read_jobs
from playbooks.mailbox_export.registers.register_rows import (
    CASES,
    EXPORT_HOSTS,
    JOBS,
    CaseRow,
    HostRow,
    JobRow,
    Rows,
)
from playbooks.model import Absent, DirectoryUser, Found, Lookup, Policy, Unavailable, WatchlistItem
from playbooks.who.accounts import Runner
from playbooks.who.hosts import host_of, short_name
from playbooks.who.identities import Identity, RunnerLookups, identify


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What `decide` looks at. Registers that are missing or empty are Unavailable (policy, section 6)."""

    evidence: Evidence
    readings: tuple[Reading, ...]
    relevant: tuple[Reading, ...]
    anchors: tuple[Anchor, ...]
    exports: tuple[Anchor, ...]
    """The exports among the anchors."""
    export_names: NameSet
    """Batch and request names in the exports."""
    removals: tuple[Anchor, ...]
    """The removals among the anchors."""
    window: Window | None
    jobs: Lookup[Rows[JobRow]]
    cases: Lookup[Rows[CaseRow]]
    export_hosts: Lookup[Rows[HostRow]]
    identities: Mapping[Runner, Identity]
    mailboxes: Mapping[str, Lookup[DirectoryUser]]

    @property
    def policy(self) -> Policy:
        """The organisation's settings."""
        return self.evidence.policy

    def identity(self, reading: Reading) -> Identity:
        """Who ran it. A runner that was not looked up, or that the event does not name, is unknown."""
        runner = reading.runner
        found = self.identities.get(runner)
        return (
            found
            if found is not None
            else identify(RunnerLookups(runner=runner), self.policy, computers=frozenset())
        )

    def mailbox(self, name: str) -> Lookup[DirectoryUser]:
        """The user of a mailbox name."""
        answer = user_of(name, self.mailboxes)
        return answer if answer is not None else Unavailable("directory", f"mailbox {name} was not looked up")


def set_scene(evidence: Evidence) -> Scene:
    """Reads what can be read; the same evidence gives the same scene."""
    policy = evidence.policy
    readings, window = judged_readings(evidence.events, evidence.period, hosts=evidence.hosts, policy=policy)
    relevant = tuple(reading for reading in readings if is_relevant(reading))
    jobs = _register(evidence, JOBS, read_jobs)
    cases = _register(evidence, CASES, read_cases)
    export_hosts = _register(evidence, EXPORT_HOSTS, read_hosts)
    computers = _computers(evidence, jobs, export_hosts)
    anchors = anchors_of(relevant)
    exports = tuple(anchor for anchor in anchors if not isinstance(anchor.command, Removal))
    return Scene(
        evidence=evidence,
        readings=readings,
        relevant=relevant,
        anchors=anchors,
        exports=exports,
        export_names=NameSet(name for anchor in exports for name in request_names(anchor.command)),
        removals=tuple(anchor for anchor in anchors if isinstance(anchor.command, Removal)),
        window=window,
        jobs=jobs,
        cases=cases,
        export_hosts=export_hosts,
        identities={asked.runner: identify(asked, policy, computers=computers) for asked in evidence.runners},
        mailboxes=dict(evidence.mailboxes),
    )


def _register[R](
    evidence: Evidence, alias: str, read: Callable[[tuple[WatchlistItem, ...], Policy], Rows[R]]
) -> Lookup[Rows[R]]:
    """The rows of a required register."""
    match evidence.watchlist(alias):
        case Found(items) if items:
            return Found(read(items, evidence.policy))
        case Unavailable() as unread:
            return unread
        case Absent() | Found():
            return Unavailable(alias, f"the watchlist {alias} does not exist or is empty", lasting=True)


def _computers(
    evidence: Evidence, jobs: Lookup[Rows[JobRow]], export_hosts: Lookup[Rows[HostRow]]
) -> frozenset[str]:
    """Short names of every host that events and registers know."""
    names = set(evidence.hosts)
    for answer in (evidence.events, evidence.role_grants):
        if isinstance(answer, Found):
            names |= {host_of(event, evidence.policy) for event in answer.value}
    if isinstance(jobs, Found):
        names |= {host for row in jobs.value.valid for host in row.hosts}
    if isinstance(export_hosts, Found):
        names |= {row.key for row in export_hosts.value.valid}
    return frozenset(short_name(name) for name in names if name)
