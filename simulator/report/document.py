"""A report as one JSON document; the page is made of this and nothing else."""

from collections.abc import Iterable, Sequence

from simulator.catalogues import FIRST_PLAYBOOK, MAIN_RULES, RULE_FILES, playbook_of_scenario
from simulator.chain.results import CaseOutcome, Outcome, summarize
from simulator.report.story import Activity, Report, Story
from simulator.report.techniques import technique_name, technique_page

type Json = dict[str, object]

GROUPS = {
    "attack": ("attacks", "escalate"),
    "ambiguous": ("ambiguous", "escalate"),
    "benign_close": ("honest work that a register proves", "close"),
    "benign_escalate": ("honest work that nothing proves", "escalate"),
    "unexplained": ("no truth known", "escalate"),
}
"""The rows of the confusion matrix: words for people, and the right verdict."""


def report_document(report: Report) -> Json:
    """Everything the report tells, JSON-ready; times are ISO 8601 with a zone; incidents in order of time."""
    stories = sorted(report.stories, key=lambda story: (story.start, story.host))
    return {
        "version": 1,
        "title": report.title,
        "command": report.command,
        "made": report.made.isoformat(timespec="seconds"),
        "notes": list(report.notes),
        "summary": {**summarize(report.outcomes).document, **report.figures},
        "matrix": _matrix(report),
        "rules": [_rule(rule, report) for rule in _rules(report)],
        "techniques": technique_rows(report),
        "incidents": [_incident(number, story) for number, story in enumerate(stories, start=1)],
    }


def technique_rows(report: Report) -> list[Json]:
    """Each technique of the attacks, with how many attacks used it and how many of these were seen."""
    attacks = [(case, report.activities[case.id]) for case in _attacks(report)]
    used = sorted({technique for _, activity in attacks for technique in activity.techniques})
    rules = _rules(report)
    return [
        _technique(one, [case for case, a in attacks if one in a.techniques], rules=rules) for one in used
    ]


def _rules(report: Report) -> list[str]:
    """The rules of each playbook that an attack of the report is for."""
    there = {playbook_of_scenario(case.scenario) for case in _attacks(report)} or {FIRST_PLAYBOOK}
    return [word for word, rule in RULE_FILES.items() if rule.playbook in there]


def _technique(technique: str, cases: Sequence[CaseOutcome], *, rules: Sequence[str]) -> Json:
    return {
        "id": technique,
        "name": technique_name(technique),
        "page": technique_page(technique),
        "attacks": len(cases),
        "seen": {rule: sum(rule in case.rules for case in cases) for rule in rules},
        "detected": sum(not MAIN_RULES.isdisjoint(case.rules) for case in cases),
        "unseen": sum(not case.rules for case in cases),
        "closed": sum(case.outcome is Outcome.CLOSED for case in cases),
    }


def _attacks(report: Report) -> list[CaseOutcome]:
    return [case for case in report.outcomes if case.label == "attack" and case.id in report.activities]


def _group(report: Report, case: CaseOutcome) -> str:
    activity = report.activities.get(case.id)
    return activity.group if activity else "unexplained"


def _matrix(report: Report) -> list[Json]:
    """One row a group that occurs, in the order of GROUPS."""
    grouped = [(_group(report, case), case.outcome) for case in report.outcomes]
    return [
        {
            "group": group,
            "name": name,
            "expected": expected,
            **{str(outcome): grouped.count((group, outcome)) for outcome in Outcome},
        }
        for group, (name, expected) in GROUPS.items()
        if any(one == group for one, _ in grouped)
    ]


def _rule(rule: str, report: Report) -> Json:
    """What a rule saw of the attacks that its playbook is for, and each one that it missed."""
    attacks = [
        case for case in _attacks(report) if playbook_of_scenario(case.scenario) == RULE_FILES[rule].playbook
    ]
    return {
        "rule": rule,
        "attacks": len(attacks),
        "seen": sum(rule in case.rules for case in attacks),
        "missed": [
            _missed(case, report.activities[case.id], rule=rule) for case in attacks if rule not in case.rules
        ],
    }


def _missed(case: CaseOutcome, activity: Activity, *, rule: str) -> Json:
    """`inReach` is None where nobody said which rules should see it."""
    return {
        "id": case.id,
        "scenario": case.scenario,
        "title": activity.title,
        "techniques": list(activity.techniques),
        "inReach": rule in activity.seen_by if activity.seen_by else None,
        "seenBy": list(case.rules),
        "outcome": str(case.outcome),
    }


def _incident(number: int, story: Story) -> Json:
    left = story.left
    return {
        "number": number,
        "name": left.name,
        "host": story.host,
        "start": story.start.isoformat(),
        "end": story.end.isoformat(),
        "accounts": list(story.accounts),
        "rules": list(story.rules),
        "madeUp": story.made_up,
        "activities": [activity.document for activity in story.activities],
        "groups": list(story.groups),
        "expected": story.expected,
        "outcome": str(left.outcome),
        "asExpected": story.as_expected,
        "status": left.status,
        "severity": left.severity,
        "classification": left.classification,
        "labels": list(left.labels),
        "tasks": list(left.tasks),
        "scenarios": _codes([] if left.record is None else left.record.scenarios),
        "reasons": _codes([] if left.record is None else left.record.reasons),
        "comments": list(left.comments),
        "milliseconds": story.milliseconds,
        "alerts": [alert.document for alert in story.alerts if not story.made_up],
        "events": [event.document for event in story.events],
        "omittedEvents": story.omitted_events,
    }


def _codes(codes: Iterable[str]) -> list[str]:
    return sorted(set(codes))
