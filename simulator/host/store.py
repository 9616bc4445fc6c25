"""Queues and their messages in SQLite: a file in WAL mode, which survives a killed process, or memory.

Semantics are those of Azure Queue Storage ("Queue Service REST API", version 2021-12-02): a leased message is
invisible until its time comes, each lease counts and brings a new pop receipt, only the holder of the latest
receipt may change or delete it. Times are UTC.
"""

import json
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from simulator.host.errors import HostError, StorageRefusal

NEVER = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
DEFAULT_LIFE = timedelta(days=7)
_SCHEMA = """
CREATE TABLE IF NOT EXISTS queues (name TEXT PRIMARY KEY, metadata TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS messages (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, queue TEXT NOT NULL, id TEXT NOT NULL UNIQUE, text TEXT NOT NULL,
  inserted REAL NOT NULL, expires REAL NOT NULL, visible REAL NOT NULL,
  pop_receipt TEXT NOT NULL, dequeue_count INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS messages_by_visibility ON messages (queue, visible, seq);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMessage:
    """A message as the service holds it; `text` is as sent, usually base64; times are UTC."""

    id: str
    text: str
    inserted: datetime
    expires: datetime
    visible: datetime
    pop_receipt: str
    dequeue_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueCounts:
    """Messages of a queue: ready to be taken, and leased or delayed."""

    visible: int
    invisible: int


class QueueStore:
    """All queues of one account. `clock` gives seconds since 1970; use from one thread.

    Raises HostError for a file that cannot be used.
    """

    def __init__(self, path: Path | None = None, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._watchers: list[Callable[[str], None]] = []
        self._db = _opened(path)

    def close(self) -> None:
        """Close the file; nothing may be called afterwards."""
        self._db.close()

    def watch(self, watcher: Callable[[str], None]) -> None:
        """Call `watcher` with the queue's name whenever a message was added or changed its time."""
        self._watchers.append(watcher)

    def create_queue(self, queue: str, metadata: Mapping[str, str] | None = None) -> bool:
        """Create a queue; False where it exists, QueueAlreadyExists where its metadata differ."""
        text = _canonical(metadata or {})
        made = self._db.execute("INSERT OR IGNORE INTO queues VALUES (?, ?)", (queue, text)).rowcount == 1
        if not made and metadata is not None and self._metadata_text(queue) != text:
            raise StorageRefusal(409, "QueueAlreadyExists", "The specified queue already exists.")
        return made

    def delete_queue(self, queue: str) -> None:
        """Delete a queue with its messages."""
        self._metadata_text(queue)
        self._db.execute("DELETE FROM queues WHERE name = ?", (queue,))
        self._empty(queue)

    def queues(self) -> tuple[str, ...]:
        """Names of all queues, sorted."""
        return tuple(name for (name,) in self._db.execute("SELECT name FROM queues ORDER BY name"))

    def metadata(self, queue: str) -> dict[str, str]:
        """User-defined metadata of a queue."""
        return {str(name): str(value) for name, value in json.loads(self._metadata_text(queue)).items()}

    def set_metadata(self, queue: str, metadata: Mapping[str, str]) -> None:
        """Replace the metadata of a queue."""
        self._metadata_text(queue)
        self._db.execute("UPDATE queues SET metadata = ? WHERE name = ?", (_canonical(metadata), queue))

    def put(
        self,
        queue: str,
        text: str,
        *,
        delay: timedelta = timedelta(0),
        life: timedelta | None = DEFAULT_LIFE,
    ) -> StoredMessage:
        """Add a message, first visible after `delay`; `life` None means that it never expires."""
        self._metadata_text(queue)
        now = self._clock()
        expires = NEVER.timestamp() if life is None else now + life.total_seconds()
        row = self._one(
            "INSERT INTO messages (queue, id, text, inserted, expires, visible, pop_receipt) "
            "VALUES (?, ?, ?, ?, ?, ?, lower(hex(randomblob(12)))) RETURNING *",
            (queue, str(uuid4()), text, now, expires, now + delay.total_seconds()),
        )
        self._tell(queue)
        return _message(row)

    def lease(self, queue: str, *, count: int, lease: timedelta) -> list[StoredMessage]:
        """Take up to `count` visible messages, oldest first, and hide them for `lease`."""
        self._metadata_text(queue)
        now = self._clock()
        self._db.execute("DELETE FROM messages WHERE queue = ? AND expires <= ?", (queue, now))
        rows = self._db.execute(
            "UPDATE messages SET dequeue_count = dequeue_count + 1, visible = ?, "
            "pop_receipt = lower(hex(randomblob(12))) WHERE seq IN (SELECT seq FROM messages "
            "WHERE queue = ? AND visible <= ? ORDER BY visible, seq LIMIT ?) RETURNING *",
            (now + lease.total_seconds(), queue, now, count),
        ).fetchall()
        return [_message(row) for row in sorted(rows)]

    def peek(self, queue: str, *, count: int) -> list[StoredMessage]:
        """Look at up to `count` visible messages without taking them."""
        sql = (
            "SELECT * FROM messages WHERE queue = ? AND expires > ? AND visible <= ? "
            "ORDER BY visible, seq LIMIT ?"
        )
        return self._listed(sql, queue, self._clock(), count)

    def messages(self, queue: str) -> list[StoredMessage]:
        """Every message of a queue, in order of arrival, the leased and delayed ones included."""
        return self._listed("SELECT * FROM messages WHERE queue = ? AND expires > ? ORDER BY seq", queue)

    def delete(self, queue: str, message_id: str, pop_receipt: str) -> None:
        """Delete a message; MessageNotFound, or PopReceiptMismatch where it was leased again since."""
        sql = "DELETE FROM messages WHERE queue = ? AND id = ? AND pop_receipt = ? RETURNING *"
        self._held(queue, message_id, self._one(sql, (queue, message_id, pop_receipt)))

    def update(
        self, queue: str, message_id: str, pop_receipt: str, *, delay: timedelta, text: str | None = None
    ) -> StoredMessage:
        """Make a message visible after `delay`, with a new text where given; returns its new state."""
        sql = (
            "UPDATE messages SET visible = ?, text = coalesce(?, text), "
            "pop_receipt = lower(hex(randomblob(12))) "
            "WHERE queue = ? AND id = ? AND pop_receipt = ? RETURNING *"
        )
        visible = self._clock() + delay.total_seconds()
        row = self._held(queue, message_id, self._one(sql, (visible, text, queue, message_id, pop_receipt)))
        self._tell(queue)
        return _message(row)

    def clear(self, queue: str) -> None:
        """Delete all messages of a queue."""
        self._metadata_text(queue)
        self._empty(queue)

    def counts(self, queue: str) -> QueueCounts:
        """Count the messages that have not expired."""
        self._metadata_text(queue)
        now = self._clock()
        total, visible = self._one(
            "SELECT count(*), coalesce(sum(visible <= ?), 0) FROM messages WHERE queue = ? AND expires > ?",
            (now, queue, now),
        )
        return QueueCounts(visible=visible, invisible=total - visible)

    def seconds_to_next(self, queue: str) -> float | None:
        """Seconds until a message of the queue is visible: 0 or less for now, None for no message."""
        now = self._clock()
        sql = "SELECT min(visible) FROM messages WHERE queue = ? AND expires > ?"
        (visible,) = self._one(sql, (queue, now))
        return None if visible is None else visible - now

    def _listed(self, sql: str, queue: str, *limits: object) -> list[StoredMessage]:
        self._metadata_text(queue)
        return [_message(row) for row in self._db.execute(sql, (queue, self._clock(), *limits))]

    def _held(self, queue: str, message_id: str, row: Any) -> Any:
        if row is not None:
            return row
        self._metadata_text(queue)
        if self._one("SELECT 1 FROM messages WHERE queue = ? AND id = ?", (queue, message_id)) is None:
            raise StorageRefusal(404, "MessageNotFound", "The specified message does not exist.")
        raise StorageRefusal(400, "PopReceiptMismatch", "The pop receipt is not that of the latest delivery.")

    def _empty(self, queue: str) -> None:
        self._db.execute("DELETE FROM messages WHERE queue = ?", (queue,))

    def _metadata_text(self, queue: str) -> str:
        row = self._one("SELECT metadata FROM queues WHERE name = ?", (queue,))
        if row is None:
            raise StorageRefusal(404, "QueueNotFound", "The specified queue does not exist.")
        return str(row[0])

    def _one(self, sql: str, given: Sequence[object]) -> Any:
        # A statement commits when its last row is read, so all of them are.
        return next(iter(self._db.execute(sql, given).fetchall()), None)

    def _tell(self, queue: str) -> None:
        for watcher in self._watchers:
            watcher(queue)


def _opened(path: Path | None) -> sqlite3.Connection:
    with ExitStack() as undo:
        try:
            # Autocommit: each call of the store is one statement, hence one transaction.
            db = sqlite3.connect(path or ":memory:", isolation_level=None, timeout=10)
            undo.callback(db.close)
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=NORMAL")
            db.executescript(_SCHEMA)
        except sqlite3.DatabaseError as unusable:
            raise HostError(f"The queue file {path} cannot be used: {unusable}") from unusable
        undo.pop_all()
    return db


def _canonical(metadata: Mapping[str, str]) -> str:
    return json.dumps(dict(metadata), sort_keys=True)


def _message(row: Any) -> StoredMessage:
    _, _, message_id, text, inserted, expires, visible, pop_receipt, dequeue_count = row
    return StoredMessage(
        id=message_id,
        text=text,
        inserted=datetime.fromtimestamp(inserted, UTC),
        expires=datetime.fromtimestamp(expires, UTC),
        visible=datetime.fromtimestamp(visible, UTC),
        pop_receipt=pop_receipt,
        dequeue_count=dequeue_count,
    )
