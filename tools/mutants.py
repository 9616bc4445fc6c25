# ruff: noqa: INP001, ISC004, S603, T201 - a script that starts this project's own suite
"""Does the fault suite find wrong designs? Plants each known mistake in a copy and expects red.

`python tools/mutants.py` prints mistake, broken invariant and the number of runs it took. Ends with 1
where a mistake went unseen or could not be planted, or where the suite is red without any.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TREES = ("playbooks", "operations", "simulator", "tests", "tools")
SECONDS = 900


class CannotPlant(Exception):
    """The code that a mistake replaces is not there any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """Replaces `old`, which must be there exactly once, by `new` in one file of the product."""

    file: str
    old: str
    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """A wrong design. One in the clients alone can only be seen over HTTP, so only there it is looked for."""

    name: str
    edits: tuple[Edit, ...]

    @property
    def levels(self) -> tuple[str, ...]:
        """Names of the levels to run; empty for all."""
        in_clients = bool(self.edits) and all("/clients/" in edit.file for edit in self.edits)
        portal = "-portal" if in_clients and "/clients/graph_incident" in self.edits[0].file else ""
        names = ("wire-calm", "wire-outages", "wire-singles")
        return tuple(f"{name}{portal}" for name in names) if in_clients else ()


def _mistake(name: str, *edits: tuple[str, str, str]) -> Mistake:
    return Mistake(
        name=name, edits=tuple(Edit(file=f"playbooks/{file}", old=old, new=new) for file, old, new in edits)
    )


IDENTITIES = "who/identities.py"
FLAGS = "mailbox_export/red_flags/account_flags.py"
CLAIMS = (
    "    return one.status, one.owner, one.labels, one.severity, one.classified, one.classification_comment"
)
IN_PORTAL = "clients/graph_incidents.py"
MISTAKES = (
    _mistake(
        "403 read as no risk",
        (
            "clients/directory.py",
            "        except NotThere:\n            return Absent(SOURCE)",
            "        except (NotThere, PermissionMissing):\n            return Absent(SOURCE)",
        ),
        (
            "clients/directory.py",
            "from playbooks.errors import NotThere\n",
            "from playbooks.errors import NotThere, PermissionMissing\n",
        ),
    ),
    _mistake(
        "partial rows used",
        ("clients/log_rows.py", 'if body.get("error"):', 'if body.get("error") and not body.get("tables"):'),
    ),
    _mistake("next page ignored", ("clients/rest.py", "            if not link:", "            if pages:")),
    _mistake(
        "first of two users taken",
        ("clients/directory.py", "        if len(users) > 1:", "        if len(users) > 99:"),
    ),
    _mistake(
        "missing user accepted",
        (
            IDENTITIES,
            "            return user_lookup\n        case Absent():\n            return False",
            "            return user_lookup\n        case Absent():\n            return True",
        ),
        (
            FLAGS,
            "    if words := _unknown(identity, scene):",
            "    if (words := _unknown(identity, scene)) and not isinstance(identity.user, Absent):",
        ),
    ),
    _mistake(
        "random comment id",
        (
            "plan.py",
            'return uuid5(NAMESPACE_URL, "|".join((incident.id.key, *incident.alert_ids, kind.value, part)))',
            "return uuid4()",
        ),
        ("plan.py", "from uuid import NAMESPACE_URL, UUID, uuid5", "from uuid import UUID, uuid4"),
    ),
    _mistake(
        "update without etag",
        ("clients/sentinel.py", '{"etag": incident.etag, "properties": changed', '{"properties": changed'),
    ),
    _mistake(
        "update with only the changed fields",
        (
            "clients/incident_record.py",
            "for name, value in incident.record.items() if value is not None}",
            'for name, value in incident.record.items() if name in ("title", "severity", "status")}',
        ),
    ),
    _mistake(
        "evidence kept across attempts",
        (
            "pipeline.py",
            "        evidence = await playbook.gather(incident, sources, attempt.policy)",
            "        if incident.id not in _KEPT:\n"
            "            _KEPT[incident.id] = await playbook.gather(incident, sources, attempt.policy)\n"
            "        evidence = _KEPT[incident.id]",
        ),
        (
            "pipeline.py",
            "DECISIONS_PER_ATTEMPT = 3\n",
            "DECISIONS_PER_ATTEMPT = 3\n_KEPT: dict[object, object] = {}\n",
        ),
    ),
    _mistake(
        "errors swallowed",
        (
            "worker.py",
            "            await self._attempt(message, last=delivery.last)",
            "            try:\n"
            "                await self._attempt(message, last=delivery.last)\n"
            "            except SourceError:\n"
            "                return",
        ),
    ),
    _mistake(
        "no second read before close",
        ("write_back.py", "    if _differs(incident, fresh):", "    if fresh is None:"),
    ),
    _mistake(
        "no check after close and no later delivery",
        (
            "pipeline.py",
            "    if written.kind == Kind.CLOSED and not await still_as_judged(",
            "    if written is None and not await still_as_judged(",
        ),
    ),
    _mistake(
        "answer before the queue write",
        (
            "service.py",
            "        await self.clients.messages.send(message.encode())",
            '        __import__("asyncio").ensure_future(self.clients.messages.send(message.encode()))',
        ),
    ),
    _mistake(
        "no poison handler",
        ("worker.py", "        message = self._poisoned(delivery)\n", "        message = None\n"),
    ),
    _mistake(
        "state and owner ignored",
        (
            "plan.py",
            "    if incident.owner and incident.owner.key.casefold() not in settings.unowned_owners:\n"
            "        return True\n",
            "    return False\n",
        ),
        (
            "write_back.py",
            CLAIMS,
            "    return one.labels, one.severity",
        ),
    ),
    _mistake(
        "escalate without retry",
        (
            "pipeline.py",
            "    if isinstance(verdict, Escalate) and verdict.retry_may_help and not attempt.last:",
            "    if verdict is None:",
        ),
    ),
    _mistake(
        "severity and closing words of others not compared",
        (
            "write_back.py",
            CLAIMS,
            "    return one.status, one.owner, one.labels",
        ),
    ),
    _mistake(
        "404 of a part read as a gone incident",
        (
            "incident_reads.py",
            "    except NotThere as error:\n        raise SourceUnavailable",
            "    except ZeroDivisionError as error:\n        raise SourceUnavailable",
        ),
        (
            "incident_reads.py",
            '(error.source, f"{error.cause}, though it was just read")',
            '("", str(error))',
        ),
    ),
    _mistake(
        "comments older than the record that they belong to",
        ("incident_reads.py", "        if bears_our_label(incident):", "        if incident is None:"),
    ),
    _mistake(
        "answers of a batch matched by their order",
        (
            "clients/graph_batch.py",
            '        name = str(one.get("id"))',
            "        name = str(len(found))",
        ),
    ),
    _mistake(
        "one 404 ends a message that has waited",
        ("worker.py", "            if not last or self._service.now()", "            if self._service.now()"),
    ),
    _mistake(
        "mode not read again before the close",
        ("write_back.py", "and settings().mode is Mode.OBSERVE:", "and settings().mode is None:"),
    ),
    _mistake(
        "a person's close undone by the last resort",
        (
            "pipeline.py",
            '        return Finished("closed_by_person")\n    if isinstance',
            "        pass\n    if isinstance",
        ),
    ),
    _mistake(
        "duplicate after our own close finished unread",
        (
            "pipeline.py",
            "    if was_closed_by_us(incident):\n",
            '    if was_closed_by_us(incident):\n        return Finished("already_closed")\n',
        ),
    ),
    _mistake(
        "Graph: tags of others lost with ours",
        ("clients/graph_incident_record.py", "    return kept + [name for name", "    return [name for name"),
    ),
    _mistake(
        "Graph: a comment not looked for before it is written",
        (IN_PORTAL, "if comment_id not in marks(await self._body(number)):", "if comment_id:"),
    ),
    _mistake(
        "Graph: no read right before a change",
        (IN_PORTAL, "if read_again(incident, body) != incident:", "if body is None:"),
    ),
    _mistake(
        "Graph: no look at what others did meanwhile",
        (IN_PORTAL, "if others := touched_by_others(before, after, members):", "if others := ():"),
    ),
)


def main() -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", help="mistakes whose name holds this text")
    parser.add_argument("--seed", type=int, default=1, help="seed of the suite's chosen schedules")
    given = parser.parse_args()
    chosen = [one for one in MISTAKES if not given.only or given.only in one.name]
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        return _tried(chosen, Path(folder), seed=given.seed, with_none=not given.only)


def _tried(mistakes: Iterable[Mistake], folder: Path, *, seed: int, with_none: bool) -> int:
    print(f"{'mistake':48} {'broken':28} {'runs':>6}  level", flush=True)
    unseen = 0
    for mistake in mistakes:
        copy = folder / str(abs(hash(mistake.name)))
        try:
            _plant(mistake, copy)
            unseen += not _seen(mistake, copy, seed)
        except (CannotPlant, subprocess.TimeoutExpired) as trouble:
            print(f"{mistake.name:48} could not be tried: {trouble}", flush=True)
            unseen += 1
        shutil.rmtree(copy, ignore_errors=True)
    if with_none:
        copy = folder / "none"
        none = Mistake(name="none (the suite must be green)", edits=())
        _plant(none, copy)
        unseen += _seen(none, copy, seed)
    return 1 if unseen else 0


def _plant(mistake: Mistake, copy: Path) -> None:
    """A copy of the tree with the mistake in it. Raises CannotPlant."""
    for tree in TREES:
        shutil.copytree(
            ROOT / tree, copy / tree, ignore=shutil.ignore_patterns("__pycache__", "node_modules")
        )
    for edit in mistake.edits:
        path = copy / edit.file
        text = path.read_text()
        if text.count(edit.old) != 1:
            raise CannotPlant(f"{edit.file} does not hold exactly once: {edit.old.strip()!r}")
        path.write_text(text.replace(edit.old, edit.new))


def _seen(mistake: Mistake, copy: Path, seed: int) -> bool:
    """Runs the suite's short form on the copy up to the first violation; True where it is red."""
    command = [sys.executable, "-B", "tools/chaos.py", "--short", "--first", "--json", "--seed", str(seed)]
    command += [part for level in mistake.levels for part in ("--level", level)]
    name = mistake.name
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True, timeout=SECONDS, check=False)
    if done.returncode == 0:
        told = json.loads(done.stdout)
        print(f"{name:48} {'-':28} {told['runs']:6}  green, {told['closes']} closes", flush=True)
        return False
    if not done.stdout:
        raise CannotPlant(f"the suite did not run: {done.stderr.strip().splitlines()[-1:]}")
    told = json.loads(done.stdout)
    levels = [level for level in told["levels"] if level["violations"]]
    runs = sum(level["runs"] for level in told["levels"])
    if not levels:
        print(f"{name:48} {'no run closed':28} {runs:6}", flush=True)
        return True
    words, schedule = levels[0]["violations"][0]
    print(f"{name:48} {words[:28]:28} {runs:6}  {levels[0]['name']}: {schedule}", flush=True)
    return True


if __name__ == "__main__":
    sys.exit(main())
