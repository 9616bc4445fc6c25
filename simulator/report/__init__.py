"""One run as a page for people, a document for machines and a layer for the ATT&CK Navigator."""

from simulator.report.files import ReportFiles, write_report
from simulator.report.story import Activity, EventLine, Report, Story

__all__ = ["Activity", "EventLine", "Report", "ReportFiles", "Story", "write_report"]
