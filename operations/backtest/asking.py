"""From settings to what a run needs to know."""

from dataclasses import dataclass, replace
from datetime import datetime

from operations.backtest.comparing import Question
from operations.backtest.judging import Bench
from playbooks import load
from playbooks.settings import Settings, Workspace
from playbooks.watched import watched_rules


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The question, the workspaces it is put to, and by what is judged."""

    question: Question
    workspaces: tuple[Workspace, ...]
    bench: Bench


def ask(
    settings: Settings,
    *,
    playbook: str,
    start: datetime,
    end: datetime,
    minutes_per_incident: float,
) -> Asked:
    """What the settings say about a playbook and a span (UTC). Raises UnknownPlaybook, SettingsError."""
    judged_by = load(playbook)
    on = settings.playbooks and settings.playbooks | {playbook}
    rules = watched_rules(on, settings.rule_ids)[playbook]
    question = Question(
        playbook=playbook,
        title=judged_by.title,
        workspaces=tuple(workspace.path.rpartition("/")[2] for workspace in settings.workspaces),
        start=start,
        end=end,
        minutes_per_incident=minutes_per_incident,
        signature=settings.write.signature,
    )
    bench = Bench(
        playbook=judged_by,
        policy=replace(settings.policy, rule_ids=rules),
        sample_share=settings.sample_share,
    )
    return Asked(question=question, workspaces=settings.workspaces, bench=bench)
