"""Sequences: a placed scenario as rows, and the truth about it."""

from base64 import b64encode
from dataclasses import dataclass
from datetime import timedelta
from random import Random

from playbooks.scenarios import Expected, Kind, Scenario, Source, Step, fill
from playbooks.scenarios.programs import RunsAs
from simulator.activity.casting import Cast, cast
from simulator.activity.placing import Placement
from simulator.activity.processes import parent_account, pid, resident
from simulator.activity.rows import ProcessStart, Row, Running, native_row, written
from simulator.company.accounts import Account, guid
from simulator.organisation import Organisation


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequence:
    """One performance of a scenario: its rows in order of time, and who took part."""

    id: str
    placement: Placement
    rows: tuple[Row, ...]
    accounts: tuple[str, ...]

    def truth(self) -> dict[str, object]:
        """The line of `truth.jsonl`: what it is, what is expected, and which rows belong to it."""
        scenario = self.placement.scenario
        return {
            "id": self.id,
            "scenario": scenario.name,
            "playbook": scenario.playbook,
            "title": scenario.title,
            "kind": scenario.kind.value,
            "label": scenario.kind.value,
            "expected": scenario.expected.value,
            "scenarios": list(scenario.scenarios),
            "reasons": list(scenario.reasons),
            "techniques": list(scenario.techniques),
            "accounts": list(self.accounts),
            "hosts": [self.placement.machine.fqdn],
            "events": [row["EventOriginalUid"] for row in self.rows],
            "start": self.rows[0]["TimeGenerated"],
            "end": self.rows[-1]["TimeGenerated"],
            "seen_by": list(scenario.seen_by),
        }


def perform(
    placements: tuple[Placement, ...], organisation: Organisation, *, seed: int
) -> tuple[Sequence, ...]:
    """Every placed scenario, numbered by kind: A attacks, B may close, N honest but open, M ambiguous."""
    counts: dict[str, int] = {}
    sequences = []
    for placement in placements:
        letter = _letter(placement.scenario)
        counts[letter] = counts.get(letter, 0) + 1
        sequence_id = f"{letter}{counts[letter]:03}"
        sequences.append(_sequence(sequence_id, placement, organisation=organisation, seed=seed))
    return tuple(sequences)


def _letter(scenario: Scenario) -> str:
    """First letter of a sequence's id."""
    match scenario.kind:
        case Kind.ATTACK:
            return "A"
        case Kind.AMBIGUOUS:
            return "M"
        case Kind.BENIGN:
            return "B" if scenario.expected is Expected.CLOSE else "N"


def _sequence(sequence_id: str, placement: Placement, *, organisation: Organisation, seed: int) -> Sequence:
    """Casts one placement and writes its rows."""
    random = Random(f"{seed}:sequence:{sequence_id}")
    players = cast(
        placement.scenario, organisation, machine=placement.machine, day=placement.day, random=random
    )
    source = _source(placement, random)
    stage = _Stage(placement=placement, players=players, source=source, session=f"{seed}:{sequence_id}")
    return Sequence(
        id=sequence_id,
        placement=placement,
        rows=tuple(stage.row(step, seed=seed, random=random) for step in placement.scenario.steps),
        accounts=tuple(sorted({account.windows_name for account in players.accounts.values()})),
    )


def _source(placement: Placement, random: Random) -> Source:
    """The source that records the sequence: one of the machine's own where the scenario allows it."""
    allowed = placement.scenario.sources
    own = tuple(source for source in placement.machine.sources if source in allowed)
    return random.choice(own or allowed)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stage:
    """Everything that the steps of one sequence share."""

    placement: Placement
    players: Cast
    source: Source
    session: str

    def row(self, step: Step, *, seed: int, random: Random) -> Row:
        """The row of one step."""
        user = self.players.accounts[step.runner]
        moment = self.placement.start + timedelta(minutes=step.minute)
        return native_row(
            ProcessStart(
                uid=guid(random),
                time=written(moment),
                machine=self.placement.machine,
                source=self.source,
                actor=self._actor(step, user),
                user=user,
                acting=self._acting(step, seed=seed),
                target=Running(
                    image=step.process.image,
                    command_line=self._command(step),
                    pid=pid(random),
                    guid=guid(random),
                ),
            )
        )

    def _actor(self, step: Step, user: Account) -> Account:
        """Who started the step."""
        if step.actor is not None:
            return self.players.accounts[step.actor]
        return parent_account(step.parent, user)

    def _acting(self, step: Step, *, seed: int) -> Running:
        """The parent: a service of the machine, or a console of this sequence alone."""
        session = self.session if step.parent.runs_as is RunsAs.RUNNER else ""
        return resident(step.parent, self.placement.machine, seed=seed, session=session)

    def _command(self, step: Step) -> str:
        """The command line with its slots filled, encoded where the step says so."""
        text = fill(step.command, self.players.words)
        if not step.encoded:
            return text
        hidden = b64encode(text.encode("utf-16-le")).decode("ascii")
        return f"{step.process.image} -NoP -NonI -W Hidden -enc {hidden}"
