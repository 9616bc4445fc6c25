"""A file that is written past the system's cache, some megabytes at a time, by a thread of its own.

Of gigabytes that nobody reads soon, the copy into the cache and its care took a third of the processor's time
in a trial. Where the system or the file system does not take such writes, they go through the cache.
"""

import os
from concurrent.futures import Future, ThreadPoolExecutor
from errno import EINVAL
from fcntl import F_GETFL, F_SETFL, fcntl
from mmap import mmap
from pathlib import Path
from typing import Self

_CHUNK = 8 << 20
"""Bytes of one write: a multiple of every disk's block, as writes past the cache have to be."""
_CACHED = 8
"""Chunks that go through the cache all the same: a short file is read back at once."""
_PAST_CACHE = getattr(os, "O_DIRECT", 0)


class LongFile:
    """A new file for pieces of text, as a context manager; it is whole once the context is left.

    Raises OSError with the path where it cannot be opened or written; while writing, that may be told one
    chunk later.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        # Memory of the system's own lies on page borders, which writes past the cache ask for.
        self._filling, self._leaving = memoryview(mmap(-1, _CHUNK)), memoryview(mmap(-1, _CHUNK))
        self._filled = 0
        self._chunks = 0
        self._thread = ThreadPoolExecutor(1)
        self._underway: Future[None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._turn()
                self._wait()
        finally:
            self._thread.shutdown()
            os.close(self._file)

    def write(self, piece: bytes | memoryview) -> None:
        """Adds a piece at the end; it may be changed or freed afterwards."""
        begin = 0
        while begin < len(piece):
            end = min(len(piece), begin + _CHUNK - self._filled)
            self._filling[self._filled : self._filled + end - begin] = piece[begin:end]
            self._filled += end - begin
            begin = end
            if self._filled == _CHUNK:
                self._turn()

    def _turn(self) -> None:
        """Hands the filled chunk to the thread, which has written the one before."""
        self._wait()
        chunk = self._filling[: self._filled]
        self._filling, self._leaving, self._filled = self._leaving, self._filling, 0
        self._chunks += 1
        self._underway = self._thread.submit(self._write, chunk, cached=self._chunks <= _CACHED)

    def _wait(self) -> None:
        if self._underway is not None:
            self._underway.result()

    def _write(self, chunk: memoryview, *, cached: bool) -> None:
        """Writes all of a chunk; a last, shorter one never fits the disk's blocks."""
        self._go_past_cache(not cached and len(chunk) == _CHUNK)
        try:
            while chunk:
                chunk = chunk[self._write_some(chunk) :]
        except OSError as failed:
            raise OSError(failed.errno, failed.strerror, str(self._path)) from None

    def _write_some(self, chunk: memoryview) -> int:
        try:
            return os.write(self._file, chunk)
        except OSError as failed:
            if failed.errno != EINVAL or not self._go_past_cache(wanted=False):
                raise
        return os.write(self._file, chunk)

    def _go_past_cache(self, wanted: bool) -> bool:  # noqa: FBT001 - what is wanted is the whole question
        """Switches writing past the cache on or off; whether it was on before."""
        flags = fcntl(self._file, F_GETFL)
        was = bool(flags & _PAST_CACHE)
        if was != wanted and _PAST_CACHE:
            try:
                fcntl(self._file, F_SETFL, flags ^ _PAST_CACHE)
            except OSError as refused:
                # A file system without such writes says so here.
                if refused.errno != EINVAL:
                    raise
        return was
