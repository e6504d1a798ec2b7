"""Documents and their signatures, in whatever schema this version has."""

# ruff: noqa: S608 - the names in the statements are this file's own

import hmac
from typing import Any

import psycopg
from psycopg.rows import dict_row

from signer.migrations import number
from signer.settings import Settings


class Store:
    """Reads and writes documents; opens a connection for each request."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        second = number(settings.release) >= (2,)
        self._table = "envelopes" if second else "documents"
        self._reference = "envelope_id" if second else "document_id"
        self._has_digest = number(settings.release) >= (2, 11)

    def ping(self) -> None:
        """Raise unless the database answers and has this version's tables."""
        self._ask(f"SELECT 1 FROM {self._table} LIMIT 1")

    def documents(self) -> list[dict[str, Any]]:
        """Return all documents with the number of their signatures."""
        return self._ask(
            f"SELECT d.id, d.title, d.status, count(s.id) AS signatures FROM {self._table} d "
            f"LEFT JOIN signatures s ON s.{self._reference} = d.id GROUP BY d.id ORDER BY d.id"
        )

    def add(self, title: str, content: bytes) -> dict[str, Any]:
        """Keep a new document."""
        columns, values = ["title", "content"], ["%s", "%s"]
        parameters: list[object] = [title, content]
        if self._table == "envelopes":
            columns, values = [*columns, "public_id"], [*values, "%s"]
            parameters.append("envelope_" + self._seal(content + title.encode())[:32])
        if self._has_digest:
            columns, values = [*columns, "digest"], [*values, "encode(sha256(%s), 'hex')"]
            parameters.append(content)
        (row,) = self._ask(
            f"INSERT INTO {self._table} ({', '.join(columns)}) VALUES ({', '.join(values)}) "
            "RETURNING id, title, status",
            parameters,
        )
        return row

    def sign(self, document: int, signer: str) -> dict[str, Any] | None:
        """Sign a document with the certificate, and keep it sealed; None when there is none."""
        found = self._ask(f"SELECT content FROM {self._table} WHERE id = %s", [document])
        if not found:
            return None
        content = bytes(found[0]["content"])
        seal = self._seal(content + signer.encode())
        path = self._settings.objects / f"{document}.sealed"
        if self._has_digest:
            path = self._settings.objects / str(document) / "1.sealed"
            path.parent.mkdir(exist_ok=True)
        path.write_bytes(content + b"\n" + seal.encode() + b"\n")
        (row,) = self._ask(
            f"INSERT INTO signatures ({self._reference}, signer, signature) VALUES (%s, %s, %s) "
            "RETURNING id, signer, signature",
            [document, signer, seal],
        )
        self._ask(
            f"UPDATE {self._table} SET status = 'signed' WHERE id = %s RETURNING id", [document]
        )
        return row

    def _seal(self, content: bytes) -> str:
        return hmac.new(self._settings.certificate, content, "sha256").hexdigest()

    def _ask(self, query: str, parameters: list[object] | None = None) -> list[dict[str, Any]]:
        with psycopg.connect(
            self._settings.database_url, row_factory=dict_row, connect_timeout=3
        ) as database:
            return database.execute(query.encode(), parameters).fetchall()
