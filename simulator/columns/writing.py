"""Fixed-width words of a row, many at a time: times, GUIDs and the random digits of command lines."""

import sys
from binascii import hexlify

import numpy as np
from numpy.typing import NDArray

from simulator.columns.chance import Numbers, Words

type Bytes = NDArray[np.uint8]
type Cells = NDArray[np.void]

TIME_WIDTH, GUID_WIDTH, FILLER_WIDTH = 24, 36, 4
HEX, NUMBER = 0, 1
"""Kinds of fillers."""

_HALVES = 1 << 16


def _quads(texts: list[str]) -> NDArray[np.uint32]:
    """Texts of four ASCII characters as numbers that hold the same bytes."""
    return np.array([text.encode() for text in texts], dtype="S4").view(np.uint32)


_HEX4 = _quads([f"{number:04x}" for number in range(_HALVES)])
_FILLERS = np.concatenate(
    (_HEX4, _quads([f"{1000 + number * 9000 // _HALVES}" for number in range(_HALVES)]))
)
_SECONDS = np.array([f"{number:02}.".encode() for number in range(60)], dtype="S3").view("V3")
_MILLISECONDS = _quads([f"{number:03}Z" for number in range(1000)])
_TIME = np.dtype({"names": ["m", "s", "f"], "formats": ["V17", "V3", "<u4"], "offsets": [0, 17, 20]})
_GROUPS = ((0, 8), (9, 4), (14, 4), (19, 4), (24, 12))
_GUID = np.dtype(
    {
        "names": [str(at) for at, _ in _GROUPS],
        "formats": [f"V{width}" for _, width in _GROUPS],
        "offsets": [at for at, _ in _GROUPS],
        "itemsize": GUID_WIDTH,
    }
)
_DIGITS = np.dtype([(str(at), f"V{width}") for at, width in _GROUPS])
_VERSION = (~np.uint64(0xF0 << 48), np.uint64(0x40 << 48))
_VARIANT = (~np.uint64(0xC0), np.uint64(0x80))


def sixteenths(drawn: Words) -> NDArray[np.uint16]:
    """The four 16-bit parts of each word, lowest first on every machine."""
    little = drawn if sys.byteorder == "little" else drawn.byteswap()
    return np.ascontiguousarray(little).view("<u2").reshape(-1, 4)


def guids(drawn: Words) -> Cells:
    """Version 4 GUIDs in their usual form, from two words each (RFC 9562)."""
    if not drawn.size:
        return np.empty(0, dtype=f"V{GUID_WIDTH}")
    pairs = np.empty((drawn.shape[1], 2), dtype="<u8")
    pairs[:, 0] = drawn[0] & _VERSION[0] | _VERSION[1]
    pairs[:, 1] = drawn[1] & _VARIANT[0] | _VARIANT[1]
    digits = np.frombuffer(hexlify(pairs), dtype=_DIGITS)
    cells = np.full((drawn.shape[1], GUID_WIDTH), ord("-"), dtype=np.uint8).view(_GUID)[:, 0]
    for place, _ in _GROUPS:
        cells[str(place)] = digits[str(place)]
    return cells.view(f"V{GUID_WIDTH}")


def times(moments: Numbers) -> Cells:
    """Moments in milliseconds since 1970 as rows write them: UTC, ISO 8601, milliseconds."""
    cells = np.empty(moments.size, dtype=_TIME)
    if moments.size:
        minutes, rest = np.divmod(moments, 60_000)
        seconds, fractions = np.divmod(rest, 1000)
        first = int(minutes[0])
        span = np.arange(first, int(minutes[-1]) + 1).astype("datetime64[m]")
        clock = np.char.add(np.datetime_as_string(span, unit="m"), ":").astype("S17").view("V17")
        cells["m"], cells["s"] = clock[minutes - first], _SECONDS[seconds]
        cells["f"] = _MILLISECONDS[fractions]
    return cells.view(f"V{TIME_WIDTH}")


def fillers(drawn: Words, codes: Numbers) -> tuple[NDArray[np.intp], Numbers, Cells]:
    """The fillers of each row: row, place and digits, from one word and four codes a row.

    A code is twice the place plus the kind, or less than 0 where there is no such filler.
    """
    flat = codes.reshape(-1)
    there = np.flatnonzero(flat >= 0)
    code = flat[there]
    quads = _FILLERS[(code & 1) * _HALVES + sixteenths(drawn).reshape(-1)[there]]
    return there >> 2, code >> 1, quads.view(f"V{FILLER_WIDTH}")


def put(letters: Bytes, places: Numbers, cells: Cells) -> None:
    """Writes each cell over the letters from its place on."""
    width = cells.dtype.itemsize
    if cells.size:
        shape = (letters.size - width + 1,)
        windows = np.ndarray(shape, dtype=cells.dtype, buffer=letters.data, strides=(1,))
        windows[places] = cells
