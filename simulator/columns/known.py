"""Rows that are known beforehand, those of sequences, and where they belong among the background's."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from simulator.activity.rows import Row
from simulator.columns.chance import Numbers
from simulator.columns.drawing import Background


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Rows in order of time, and their moments in milliseconds since 1970."""

    rows: tuple[Row, ...]
    moments: Numbers

    def among(self, background: Background, *, first: int, after: int) -> range:
        """Those that belong to batches `first` to `after` (which is left out), by number."""
        edges = [background.begins(first), background.begins(after)]
        low, high = np.searchsorted(self.moments, edges).tolist()
        return range(0 if first == 0 else low, len(self.rows) if after == background.batches else high)


def known(rows: Iterable[Row]) -> Known:
    """Puts rows in order: by time, and those of one moment by id."""
    ordered = sorted(rows, key=lambda row: (str(row["TimeGenerated"]), str(row["EventOriginalUid"])))
    moments = [_moment(str(row["TimeGenerated"])) for row in ordered]
    return Known(rows=tuple(ordered), moments=np.array(moments, dtype=np.int64))


def _moment(text: str) -> int:
    written = datetime.fromisoformat(text)
    return int(written.timestamp()) * 1000 + written.microsecond // 1000
