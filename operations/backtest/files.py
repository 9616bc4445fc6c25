"""The report on disk."""

import json
from pathlib import Path

from operations.backtest.comparing import Backtest
from operations.backtest.document import backtest_document
from operations.backtest.page import backtest_page


def write_backtest(backtest: Backtest, folder: Path) -> Path:
    """Writes report.html and backtest.json, makes the folder; the page's path. Raises OSError."""
    document = backtest_document(backtest)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "backtest.json").write_text(
        json.dumps(document, ensure_ascii=False, indent=2) + "\n", encoding="utf-8"
    )
    page = folder / "report.html"
    page.write_text(backtest_page(document), encoding="utf-8")
    return page
