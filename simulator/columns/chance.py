"""Counter-based chance: the nth batch has its words without those before it.

Philox4x64-10 (Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011). Only its raw words
are used, which NumPy keeps stable, and only whole-number arithmetic, which every machine does alike.
"""

from hashlib import sha256

import numpy as np
from numpy.random import Philox
from numpy.typing import NDArray

type Words = NDArray[np.uint64]
type Numbers = NDArray[np.int64]

_LOW = np.uint64(0xFFFF_FFFF)
_HALF = np.uint64(32)


def words(key: str, *, batch: int, rows: int, each: int) -> Words:
    """`each` rows of `rows` 64-bit words: the same for the same key and batch, wherever they are drawn."""
    number = int.from_bytes(sha256(key.encode()).digest()[:16], "little")
    return Philox(key=number, counter=batch << 64).random_raw(rows * each).reshape(each, rows)


def halves(drawn: Words) -> tuple[Words, Words]:
    """The upper and the lower 32 bits of each word."""
    return drawn >> _HALF, drawn & _LOW


def below(half: Words, limit: NDArray[np.integer] | int) -> Numbers:
    """Whole numbers from 0 to below the limit (at most 2**31), from 32 random bits each."""
    return ((half * np.asarray(limit).astype(np.uint64)) >> _HALF).astype(np.int64)
