"""Documents in SQLite: what the stand-in remembers, across restarts."""

import contextlib
import json
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from homeport.cloud.api import errors

Doc = dict[str, Any]
"""One resource as JSON; its shape belongs to the module of its kind."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
    kind TEXT NOT NULL, id INTEGER NOT NULL, name TEXT, key TEXT, body TEXT NOT NULL,
    PRIMARY KEY (kind, id), UNIQUE (kind, name), UNIQUE (kind, key));
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
"""
_FIRST_ID = 1_000_000


class Store:
    """Holds documents by kind and id, with unique names and one more unique key per kind.

    Every method is safe to call from any thread; whatever must hold together is done inside
    `transaction`, which serialises writers and undoes everything when an exception leaves it.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        self._lock = threading.RLock()
        self._depth = 0
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file; no other method may be called afterwards."""
        with self._lock:
            self._db.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Make all writes inside one unit; may be nested, the outermost decides."""
        with self._lock:
            if self._depth == 0:
                self._db.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
            except BaseException:
                self._depth -= 1
                if self._depth == 0:
                    self._db.execute("ROLLBACK")
                raise
            self._depth -= 1
            if self._depth == 0:
                self._db.execute("COMMIT")

    def count_up(self, counter: str, start: int = 0) -> int:
        """Return the next number of a counter; the first one is `start` + 1."""
        with self.transaction():
            row = self._db.execute(
                "INSERT INTO counters VALUES (?, ?) "
                "ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value",
                (counter, start + 1),
            ).fetchone()
        return int(row[0])

    def new_id(self) -> int:
        """Return an id that no document of any kind has had before."""
        return self.count_up("id", _FIRST_ID)

    def insert(self, kind: str, doc: Doc, *, key: str | None = None, key_field: str = "key") -> Doc:
        """Add a document, giving it an id unless it has one.

        Raises:
            ApiError: `uniqueness_error` when the name or the key is taken.
        """
        with self.transaction():
            doc.setdefault("id", self.new_id())
            name = doc.get("name") if kind != "rrset" else None
            if name is not None and self.find(kind, name) is not None:
                raise errors.not_unique(kind, "name")
            try:
                self._db.execute(
                    "INSERT INTO documents VALUES (?, ?, ?, ?, ?)",
                    (kind, doc["id"], name, key, json.dumps(doc)),
                )
            except sqlite3.IntegrityError as error:
                raise errors.not_unique(kind, key_field) from error
        return doc

    def save(self, kind: str, doc: Doc) -> None:
        """Replace a document; one that is gone stays gone.

        Raises:
            ApiError: `uniqueness_error` when the new name is taken.
        """
        name = doc.get("name") if kind != "rrset" else None
        with self.transaction():
            try:
                self._db.execute(
                    "UPDATE documents SET body = ?, name = ? WHERE kind = ? AND id = ?",
                    (json.dumps(doc), name, kind, doc["id"]),
                )
            except sqlite3.IntegrityError as error:
                raise errors.not_unique(kind, "name") from error

    def delete(self, kind: str, doc_id: int) -> None:
        """Remove a document; one that is gone is no error."""
        with self.transaction():
            self._db.execute("DELETE FROM documents WHERE kind = ? AND id = ?", (kind, doc_id))

    def get(self, kind: str, doc_id: int) -> Doc | None:
        """Return a document by id, or None."""
        return self._one("SELECT body FROM documents WHERE kind = ? AND id = ?", kind, doc_id)

    def find(self, kind: str, name: str) -> Doc | None:
        """Return a document by its name, or None."""
        return self._one("SELECT body FROM documents WHERE kind = ? AND name = ?", kind, name)

    def find_key(self, kind: str, key: str) -> Doc | None:
        """Return a document by its key, or None."""
        return self._one("SELECT body FROM documents WHERE kind = ? AND key = ?", kind, key)

    def require(self, kind: str, doc_id: int) -> Doc:
        """Return a document by id.

        Raises:
            ApiError: `not_found`.
        """
        doc = self.get(kind, doc_id)
        if doc is None:
            raise errors.not_found(kind, doc_id)
        return doc

    def all(self, kind: str) -> list[Doc]:
        """Return all documents of a kind, oldest first."""
        with self._lock:
            rows = self._db.execute(
                "SELECT body FROM documents WHERE kind = ? ORDER BY id", (kind,)
            ).fetchall()
        return [json.loads(row[0]) for row in rows]

    def count(self, kind: str) -> int:
        """Return how many documents of a kind there are."""
        with self._lock:
            row = self._db.execute(
                "SELECT count(*) FROM documents WHERE kind = ?", (kind,)
            ).fetchone()
        return int(row[0])

    def _one(self, query: str, *values: object) -> Doc | None:
        with self._lock:
            row = self._db.execute(query, values).fetchone()
        return None if row is None else dict(json.loads(row[0]))
