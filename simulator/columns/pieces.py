"""Pieces of text as a column that whole rows are taken from."""

from collections.abc import Sequence

import pyarrow as pa


def shelf(parts: Sequence[Sequence[bytes]]) -> pa.Array:
    """The pieces of every part, under one numbering, and one more at the end that nobody takes.

    Arrow sets aside room for what is taken by the mean length of all pieces, and where that is short,
    copies the text again and again as it grows. The last piece lifts the mean above that of a row.
    """
    pieces = [piece for part in parts for piece in part]
    means = [sum(map(len, part)) / len(part) for part in parts]
    mean = 2 * sum(means) / len(means)
    missing = max(0, int(mean * len(pieces)) - sum(map(len, pieces)))
    return pa.array([*pieces, bytes(missing)], pa.binary())
