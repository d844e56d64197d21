"""The store: SQLite, append-only, one connection.

Each transaction of the engine becomes one journal row per execution it touched, so that a checkpoint costs one insert
however long the history is. An execution is the fold of its rows. The write-ahead log makes a commit survive the
death of the process at any moment; with ``durability="normal"`` a power cut may lose the last commits (never corrupt
the file), with ``"full"`` each commit waits for the disk.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from durable_local import _rules as rules

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

DURABILITIES = ("normal", "full")
LOCK_SECONDS = 1.0
"""How long to wait for a file that another process holds: the one before may be closing it."""
CACHE_KILOBYTES = 16 * 1024

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE executions (
        key INTEGER PRIMARY KEY,
        arn TEXT NOT NULL UNIQUE,
        id TEXT NOT NULL UNIQUE,
        function TEXT NOT NULL,
        version TEXT NOT NULL,
        name TEXT NOT NULL,
        status TEXT NOT NULL,
        started INTEGER NOT NULL,
        ended INTEGER,
        expires INTEGER,
        header TEXT NOT NULL
    );
    CREATE INDEX executions_by_function ON executions (function, started, key);
    CREATE INDEX executions_by_name ON executions (name);
    CREATE INDEX executions_open ON executions (status) WHERE status IN ('RUNNING', 'PAUSING', 'PAUSED');
    CREATE INDEX executions_expiring ON executions (expires) WHERE expires IS NOT NULL;
    CREATE TABLE journal (
        seq INTEGER PRIMARY KEY,
        execution INTEGER NOT NULL,
        body TEXT NOT NULL
    );
    CREATE INDEX journal_by_execution ON journal (execution, seq);
    CREATE TABLE documents (
        kind TEXT NOT NULL,
        name TEXT NOT NULL,
        body TEXT NOT NULL,
        PRIMARY KEY (kind, name)
    ) WITHOUT ROWID;
    CREATE TABLE archives (
        sha256 TEXT PRIMARY KEY,
        content BLOB NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE queue (
        key TEXT PRIMARY KEY,
        body TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE present (
        only INTEGER PRIMARY KEY CHECK (only = 1),
        instant INTEGER NOT NULL
    );
    """,
)


class Header(NamedTuple):
    """The row of an execution: what lists are filtered by, and what never changes."""

    key: int
    arn: str
    id: str
    function: str
    version: str
    name: str
    status: str
    started: int
    ended: int | None
    expires: int | None
    header: str


class Batch:
    """Everything one transaction of the engine writes."""

    __slots__ = ("deleted", "inserted", "journal", "present", "queued", "statuses", "unqueued")

    def __init__(self) -> None:
        self.inserted: list[Header] = []
        self.statuses: list[tuple[str, int | None, int | None, int]] = []
        self.journal: list[tuple[int, str]] = []
        self.deleted: list[int] = []
        self.queued: list[tuple[str, str]] = []
        self.unqueued: list[str] = []
        self.present: int | None = None

    def only_journal(self) -> bool:
        """Whether there is nothing but journal rows: the shape of nearly every checkpoint."""
        return not (self.inserted or self.statuses or self.deleted or self.queued or self.unqueued or self.present)


class StoreError(Exception):
    """The store's file cannot be used; the text says why."""


class Store:
    """The store of one service. ``Store()`` lives in memory, ``Store(path)`` in a file."""

    def __init__(self, path: str | Path = ":memory:", *, durability: str = "normal") -> None:
        if durability not in DURABILITIES:
            raise ValueError(f"there is no durability `{durability}`; choose one of {', '.join(DURABILITIES)}")
        self.path = str(path)
        try:
            self._db = sqlite3.connect(self.path, timeout=LOCK_SECONDS, isolation_level=None, check_same_thread=False)
        except sqlite3.DatabaseError as error:
            raise self._unusable(error) from error
        try:
            self._open(durability)
        except sqlite3.DatabaseError as error:
            self._db.close()
            raise self._unusable(error) from error
        except StoreError:
            self._db.close()
            raise
        self._next_key = self._scalar("SELECT COALESCE(MAX(key), 0) + 1 FROM executions")

    def _unusable(self, error: sqlite3.DatabaseError) -> StoreError:
        hint = "; another service is using it" if "locked" in str(error) else ""
        return StoreError(f"cannot use {self.path} as the service's database: {error}{hint}")

    def _open(self, durability: str) -> None:
        execute = self._db.execute
        if self.path != ":memory:":
            execute("PRAGMA locking_mode=EXCLUSIVE")
            execute("PRAGMA journal_mode=WAL")
            execute(f"PRAGMA cache_size=-{CACHE_KILOBYTES}")
        execute(f"PRAGMA synchronous={durability}")
        version = self._scalar("PRAGMA user_version")
        if version > len(MIGRATIONS):
            raise StoreError(
                f"{self.path} was written by a newer release (schema {version}, this one knows {len(MIGRATIONS)}): "
                "update constructs-durable, or choose another file"
            )
        for number, script in enumerate(MIGRATIONS[version:], version + 1):
            self._db.executescript(f"BEGIN IMMEDIATE;{script};PRAGMA user_version={number};COMMIT;")

    def _scalar(self, query: str) -> int:
        value: int = self._db.execute(query).fetchone()[0]
        return value

    def new_key(self) -> int:
        """Return the key of the next execution."""
        key = self._next_key
        self._next_key += 1
        return key

    def write(self, batch: Batch) -> None:
        """Write a batch in one transaction; on return it survives the death of the process."""
        if batch.only_journal() and len(batch.journal) == 1:
            self._db.execute("INSERT INTO journal (execution, body) VALUES (?, ?)", batch.journal[0])
            return
        with self._transaction():
            for statement, rows in (
                ("INSERT INTO executions VALUES (?,?,?,?,?,?,?,?,?,?,?)", batch.inserted),
                ("UPDATE executions SET status=?, ended=?, expires=? WHERE key=?", batch.statuses),
                ("INSERT INTO journal (execution, body) VALUES (?, ?)", batch.journal),
                ("INSERT OR REPLACE INTO queue VALUES (?, ?)", batch.queued),
                ("DELETE FROM queue WHERE key=?", [(key,) for key in batch.unqueued]),
                ("DELETE FROM journal WHERE execution=?", [(key,) for key in batch.deleted]),
                ("DELETE FROM executions WHERE key=?", [(key,) for key in batch.deleted]),
            ):
                if rows:
                    self._db.executemany(statement, rows)
            if batch.present is not None:
                self._db.execute("INSERT OR REPLACE INTO present VALUES (1, ?)", (batch.present,))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    # --- executions ---

    def find(self, column: str, value: str) -> Header | None:
        """Return the execution whose `column` (``arn`` or ``id``) is `value`."""
        row = self._db.execute(f"SELECT * FROM executions WHERE {column}=?", (value,)).fetchone()  # noqa: S608  ours
        return Header(*row) if row else None

    def named(self, name: str) -> list[Header]:
        """Return the executions called `name`, in every function."""
        return [Header(*row) for row in self._db.execute("SELECT * FROM executions WHERE name=?", (name,))]

    def open_executions(self) -> Iterator[Header]:
        """Yield the executions that are not closed, oldest first."""
        marks = ",".join(f"'{status}'" for status in sorted(rules.OPEN_STATUSES))
        query = f"SELECT * FROM executions WHERE status IN ({marks}) ORDER BY key"  # noqa: S608  constants
        yield from (Header(*row) for row in self._db.execute(query))

    def expiring(self) -> list[tuple[int, str]]:
        """Return the end of retention and the ARN of each closed execution."""
        return list(self._db.execute("SELECT expires, arn FROM executions WHERE expires IS NOT NULL"))

    def journal(self, key: int) -> Iterator[dict[str, Any]]:
        """Yield the journal rows of one execution in order."""
        query = "SELECT body FROM journal WHERE execution=? ORDER BY seq"
        yield from (json.loads(body) for (body,) in self._db.execute(query, (key,)))

    def listed(self, conditions: list[tuple[str, Any]], *, newest_first: bool, limit: int) -> list[Header]:
        """Return up to `limit` executions that meet all `conditions` (SQL with one placeholder, and its value)."""
        where = " AND ".join(text for text, _ in conditions)
        order = "DESC" if newest_first else "ASC"
        query = f"SELECT * FROM executions WHERE {where} ORDER BY started {order}, key {order} LIMIT ?"  # noqa: S608
        values: list[Any] = []
        for _, value in conditions:
            values.extend(value if isinstance(value, (list, tuple)) else [value])
        return [Header(*row) for row in self._db.execute(query, [*values, limit])]

    def count_open(self, function: str, version: str | None = None) -> int:
        """Return how many executions of a function (or of one version) are not closed."""
        query = "SELECT COUNT(*) FROM executions WHERE status IN ('RUNNING','PAUSING','PAUSED') AND function=?"
        values = [function]
        if version is not None:
            query += " AND version=?"
            values.append(version)
        count: int = self._db.execute(query, values).fetchone()[0]
        return count

    # --- documents: functions, versions, aliases, layers, tags ---

    def documents(self, kind: str) -> dict[str, Any]:
        """Return all documents of one kind by name."""
        rows = self._db.execute("SELECT name, body FROM documents WHERE kind=?", (kind,))
        return {name: json.loads(body) for name, body in rows}

    def put_documents(self, documents: Iterable[tuple[str, str, Any]]) -> None:
        """Write documents (kind, name, body) in one transaction; a body of None deletes."""
        with self._transaction():
            for kind, name, body in documents:
                if body is None:
                    self._db.execute("DELETE FROM documents WHERE kind=? AND name=?", (kind, name))
                else:
                    row = (kind, name, json.dumps(body))
                    self._db.execute("INSERT OR REPLACE INTO documents VALUES (?, ?, ?)", row)

    def put_archive(self, sha256: str, content: bytes) -> None:
        """Keep the bytes of a code archive under their digest."""
        self._db.execute("INSERT OR IGNORE INTO archives VALUES (?, ?)", (sha256, content))

    def archive(self, sha256: str) -> bytes | None:
        """Return the bytes of a code archive."""
        row = self._db.execute("SELECT content FROM archives WHERE sha256=?", (sha256,)).fetchone()
        return bytes(row[0]) if row else None

    # --- the rest ---

    def queue(self) -> dict[str, Any]:
        """Return the asynchronous invocations of plain functions that are not finished, oldest first."""
        return {key: json.loads(body) for key, body in self._db.execute("SELECT key, body FROM queue ORDER BY key")}

    def present(self) -> int:
        """Return the latest instant a clock that can be moved has reported; 0 when there is none."""
        row = self._db.execute("SELECT instant FROM present").fetchone()
        return int(row[0]) if row else 0

    def close(self) -> None:
        """Close the file."""
        self._db.close()
