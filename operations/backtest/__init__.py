"""What the triage would have done with the last days' incidents, beside what people did. Reads only."""

from operations.backtest.asking import Asked, ask
from operations.backtest.comparing import Backtest
from operations.backtest.document import backtest_document
from operations.backtest.files import write_backtest
from operations.backtest.running import run_backtest
from operations.backtest.starting import backtest_workspaces
from operations.backtest.values import Would

__all__ = [
    "Asked",
    "Backtest",
    "Would",
    "ask",
    "backtest_document",
    "backtest_workspaces",
    "run_backtest",
    "write_backtest",
]
