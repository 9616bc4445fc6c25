"""The three files of a report, side by side."""

import json
from dataclasses import dataclass
from pathlib import Path

from simulator.report.document import report_document
from simulator.report.navigator import navigator_layer
from simulator.report.page import render_page
from simulator.report.story import Report


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFiles:
    """Where a report was written: page, JSON document, ATT&CK Navigator layer."""

    page: Path
    document: Path
    layer: Path


def write_report(report: Report, page: Path) -> ReportFiles:
    """Writes `page`, and beside it `<stem>.json` and `<stem>.navigator.json`. Raises OSError."""
    files = ReportFiles(
        page=page,
        document=page.with_suffix(".json"),
        layer=page.with_suffix(".navigator.json"),
    )
    page.parent.mkdir(parents=True, exist_ok=True)
    document = report_document(report)
    for path, content in (
        (files.page, render_page(document)),
        (files.document, _written(document)),
        (files.layer, _written(navigator_layer(report))),
    ):
        path.write_text(content, encoding="utf-8", newline="\n")
    return files


def _written(document: object) -> str:
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"
