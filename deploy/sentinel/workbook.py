"""The workbook of the solution, as Azure Monitor stores it."""  # noqa: INP001 - part of a script

from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

QUERIES = Path(__file__).resolve().parent.parent / "queries"

type Json = dict[str, object]


def query(name: str) -> str:
    """A query of deploy/queries."""
    return (QUERIES / f"{name}.kql").read_text("utf-8").strip()


def tile(name: str, title: str, shown_as: str) -> Json:
    """One query of the workbook, over its time range."""
    content: Json = {
        "version": "KqlItem/1.0",
        "query": query(name),
        "size": 0,
        "title": title,
        "timeContextFromParameter": "TimeRange",
        "queryType": 0,
        "resourceType": "microsoft.operationalinsights/workspaces",
        "visualization": shown_as,
    }
    return {"type": 3, "content": content, "name": name}


def text(words: str, name: str) -> Json:
    """A paragraph of the workbook."""
    return {"type": 1, "content": {"json": words}, "name": name}


def time_range() -> Json:
    """The workbook's one parameter."""
    spans = [{"durationMs": days * 86_400_000} for days in (1, 7, 30, 90)]
    chosen: Json = {
        "id": str(uuid5(NAMESPACE_URL, "mailbox-export-triage/time-range")),
        "version": "KqlParameterItem/1.0",
        "name": "TimeRange",
        "label": "Time range",
        "type": 4,
        "isRequired": True,
        "value": {"durationMs": 30 * 86_400_000},
        "typeSettings": {"selectableValues": spans, "allowCustom": True},
    }
    content: Json = {
        "version": "KqlParameterItem/1.0",
        "parameters": [chosen],
        "style": "pills",
        "queryType": 0,
        "resourceType": "microsoft.operationalinsights/workspaces",
    }
    return {"type": 9, "content": content, "name": "parameters"}


def workbook() -> Json:
    """All tiles, in the order in which they are read."""
    words = (
        "## Mailbox export triage\nVerdicts come from the labels of Sentinel incidents; times, scenarios and "
        "reasons from the function's log (AppTraces), which has to be in this workspace."
    )
    items = [
        text(words, "about"),
        time_range(),
        tile("verdicts_over_time", "Verdicts over time (by day of creation)", "barchart"),
        tile("time_to_verdict", "Minutes from incident to verdict", "timechart"),
        tile("by_scenario", "By benign scenario", "table"),
        tile("why_open", "Why incidents stay open", "table"),
        tile("not_checked", "What could not be checked", "table"),
        tile("alarms", "Alarms of the function", "table"),
        tile("expiring_jobs", "Register: jobs that end within 30 days, or have", "table"),
        tile("open_cases", "Register: open eDiscovery cases, the oldest first", "table"),
    ]
    return {
        "version": "Notebook/1.0",
        "items": items,
        "fallbackResourceIds": [],
        "$schema": "https://github.com/Microsoft/Application-Insights-Workbooks/blob/master/schema/workbook.json",
    }
