"""The workbook of a solution, as Azure Monitor stores it."""  # noqa: INP001 - part of a script

from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

QUERIES = Path(__file__).resolve().parent.parent / "queries"

type Json = dict[str, object]


def own_tile(path: Path) -> Json:
    """A query of a playbook's own as a table; its first line is a comment that holds the title."""
    title = path.read_text("utf-8").partition("\n")[0].removeprefix("//").strip()
    return tile(path, title, "table")


def tile(path: Path, title: str, shown_as: str) -> Json:
    """One query of the workbook, over its time range."""
    content: Json = {
        "version": "KqlItem/1.0",
        "query": path.read_text("utf-8").strip(),
        "size": 0,
        "title": title,
        "timeContextFromParameter": "TimeRange",
        "queryType": 0,
        "resourceType": "microsoft.operationalinsights/workspaces",
        "visualization": shown_as,
    }
    return {"type": 3, "content": content, "name": path.stem}


def text(words: str, name: str) -> Json:
    """A paragraph of the workbook."""
    return {"type": 1, "content": {"json": words}, "name": name}


def time_range(slug: str) -> Json:
    """The workbook's one parameter."""
    spans = [{"durationMs": days * 86_400_000} for days in (1, 7, 30, 90)]
    chosen: Json = {
        "id": str(uuid5(NAMESPACE_URL, f"{slug}/time-range")),
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


def workbook(title: str, slug: str, own: list[Path]) -> Json:
    """All tiles, in the order in which they are read; those of the playbook's `own` queries last."""
    words = (
        f"## {title}\nVerdicts come from the labels of Sentinel incidents; times, scenarios and "
        "reasons from the function's log (AppTraces), which has to be in this workspace."
    )
    items = [
        text(words, "about"),
        time_range(slug),
        tile(QUERIES / "verdicts_over_time.kql", "Verdicts over time (by day of creation)", "barchart"),
        tile(QUERIES / "time_to_verdict.kql", "Minutes from incident to verdict", "timechart"),
        tile(QUERIES / "by_scenario.kql", "By benign scenario", "table"),
        tile(QUERIES / "why_open.kql", "Why incidents stay open", "table"),
        tile(QUERIES / "not_checked.kql", "What could not be checked", "table"),
        tile(QUERIES / "alarms.kql", "Alarms of the function", "table"),
        *map(own_tile, own),
    ]
    return {
        "version": "Notebook/1.0",
        "items": items,
        "fallbackResourceIds": [],
        "$schema": "https://github.com/Microsoft/Application-Insights-Workbooks/blob/master/schema/workbook.json",
    }
