"""Long files: every byte in order, past the system's cache or through it, and failures told."""

import os
import random
from pathlib import Path

import pytest

from simulator.columns.long_file import LongFile

MEGABYTE = 1 << 20


@pytest.mark.parametrize("size", [0, 1, 8 * MEGABYTE, 8 * MEGABYTE + 1, 75 * MEGABYTE + 4097])
def test_every_byte_is_there_in_order(tmp_path: Path, size: int) -> None:
    """Pieces of any length, across the borders of chunks and beyond what goes through the cache."""
    chance = random.Random(size)  # noqa: S311 - test text
    text = chance.randbytes(min(size, 3 * MEGABYTE + 7)) * (1 + size // MEGABYTE)
    text = text[:size]
    place = 0
    with LongFile(tmp_path / "long") as file:
        while place < size:
            length = chance.randrange(1, 5 * MEGABYTE)
            file.write(memoryview(text)[place : place + length])
            place += length

    assert text == (tmp_path / "long").read_bytes()


def test_what_cannot_be_written_past_the_cache_goes_through_it() -> None:
    """A device that refuses such writes takes all the same as many megabytes."""
    with LongFile(Path(os.devnull)) as file:
        for _ in range(80):
            file.write(bytes(MEGABYTE))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_full_disk_is_told_with_the_file() -> None:
    """The error names the path, though a thread met it."""
    with pytest.raises(OSError, match="/dev/full"), LongFile(Path("/dev/full")) as file:
        file.write(bytes(MEGABYTE))


def test_an_error_of_the_writer_is_not_hidden(tmp_path: Path) -> None:
    """What fails inside the context comes out of it, and the file is closed."""

    def break_off() -> None:
        with LongFile(tmp_path / "long") as file:
            file.write(b"begun")
            raise KeyError

    with pytest.raises(KeyError):
        break_off()
