"""Entries: what may be in one, and how they are kept."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from ledger import jobs
from ledger.database import Connection

MAX_DESCRIPTION = 200
MAX_NOTE = 1000
MAX_AMOUNT = Decimal("9999999999.99")
PAGE_SIZE = 50
MAX_PAGE_SIZE = 200

_COLUMNS = "id, description, note, amount_cents, balance_cents, created_at"


class InvalidEntryError(ValueError):
    """Holds one sentence for each field that is wrong."""

    def __init__(self, fields: dict[str, str]) -> None:
        self.fields = fields
        super().__init__("; ".join(f"{name} {text}" for name, text in fields.items()))


@dataclass(frozen=True, slots=True)
class NewEntry:
    """What a person may decide about an entry; always valid."""

    description: str
    amount_cents: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry as it is kept; `balance_cents` is None until the worker has been there."""

    id: int
    description: str
    note: str
    amount_cents: int
    balance_cents: int | None
    created_at: datetime

    def as_json(self) -> dict[str, object]:
        """Renders the entry for the API; amounts are decimal text, so that no digit is lost."""
        return {
            "id": self.id,
            "description": self.description,
            "note": self.note,
            "amount": money(self.amount_cents),
            "balance": None if self.balance_cents is None else money(self.balance_cents),
            "created_at": self.created_at.isoformat(timespec="milliseconds"),
        }


@dataclass(frozen=True, slots=True)
class Page:
    """Some entries, newest first, and what holds for all of them."""

    entries: list[Entry]
    count: int
    balance_cents: int
    jobs_waiting: int
    next_before: int | None

    def as_json(self) -> dict[str, object]:
        """Renders the page for the API."""
        return {
            "entries": [entry.as_json() for entry in self.entries],
            "count": self.count,
            "balance": money(self.balance_cents),
            "jobs_waiting": self.jobs_waiting,
            "next_before": self.next_before,
        }


def money(cents: int) -> str:
    """Writes cents as decimal text: -5 is "-0.05"."""
    return f"{'-' if cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02d}"


def parse(data: object) -> NewEntry:
    """Checks what came from outside.

    Raises:
        InvalidEntryError: Names every wrong, missing or unknown field.
    """
    if not isinstance(data, Mapping):
        raise InvalidEntryError({"body": "must be an object with description and amount"})
    errors: dict[str, str] = {
        str(name): "is unknown; known are description, amount, note"
        for name in data
        if name not in ("description", "amount", "note")
    }
    description = _text(data, "description", MAX_DESCRIPTION, errors)
    if not description and "description" not in errors:
        errors["description"] = "must not be empty"
    note = _text(data, "note", MAX_NOTE, errors)
    amount_cents = 0
    try:
        amount_cents = _cents(data.get("amount"))
    except ValueError as error:
        errors["amount"] = str(error)
    if errors:
        raise InvalidEntryError(errors)
    return NewEntry(description, amount_cents, note)


def _text(data: Mapping[object, object], name: str, limit: int, errors: dict[str, str]) -> str:
    value = data.get(name, "")
    if not isinstance(value, str):
        errors[name] = "must be text"
        return ""
    value = value.strip()
    if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
        errors[name] = "has a character that cannot be stored"
    elif len(value) > limit:
        errors[name] = f"must have at most {limit} characters (has {len(value)})"
    return value


def _cents(value: object) -> int:
    if value is None or value == "":
        msg = "must be given, such as 12.50 or -3"
        raise ValueError(msg)
    # bool is an int to Python, and a float has already lost what was written.
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        msg = "must be a number or decimal text, such as 12.50 or -3"
        raise ValueError(msg)  # noqa: TRY004 - a wrong value like any other
    text = str(value).strip()
    if not re.fullmatch(r"[+-]?[0-9]{1,15}(\.[0-9]{1,2})?", text):
        msg = "must be a decimal number with at most two places, such as 12.50 or -3"
        raise ValueError(msg)
    amount = Decimal(text)
    if amount == 0:
        msg = "must not be 0"
        raise ValueError(msg)
    if abs(amount) > MAX_AMOUNT:
        msg = f"must be from -{MAX_AMOUNT} to {MAX_AMOUNT}"
        raise ValueError(msg)
    return int(amount * 100)


async def page(connection: Connection, limit: int = PAGE_SIZE, before: int | None = None) -> Page:
    """Reads up to `limit` entries older than the entry `before`, or the newest ones."""
    cursor = await connection.execute(
        f"SELECT {_COLUMNS} FROM entries WHERE %(before)s::bigint IS NULL OR id < %(before)s "  # noqa: S608
        "ORDER BY id DESC LIMIT %(limit)s",
        {"before": before, "limit": limit + 1},
    )
    found = [Entry(**row) for row in await cursor.fetchall()]
    cursor = await connection.execute(
        "SELECT count(*) AS count, coalesce(sum(amount_cents), 0)::bigint AS balance, "
        "(SELECT count(*) FROM jobs WHERE state = 'queued') AS waiting FROM entries"
    )
    totals = await cursor.fetchone() or {}
    return Page(
        entries=found[:limit],
        count=totals["count"],
        balance_cents=totals["balance"],
        jobs_waiting=totals["waiting"],
        next_before=found[limit - 1].id if len(found) > limit else None,
    )


async def get(connection: Connection, entry_id: int) -> Entry | None:
    """Reads one entry, or None."""
    cursor = await connection.execute(
        f"SELECT {_COLUMNS} FROM entries WHERE id = %s",  # noqa: S608 - a constant
        (entry_id,),
    )
    return _entry(await cursor.fetchone())


async def add(connection: Connection, new: NewEntry) -> Entry:
    """Keeps a new entry and asks the worker for its balance."""
    cursor = await connection.execute(
        "INSERT INTO entries (description, note, amount_cents) VALUES (%s, %s, %s) "  # noqa: S608
        f"RETURNING {_COLUMNS}",
        (new.description, new.note, new.amount_cents),
    )
    entry = _entry(await cursor.fetchone())
    assert entry is not None  # noqa: S101 - RETURNING of one inserted row
    await jobs.enqueue(connection, jobs.BALANCE, entry.id)
    return entry


async def replace(connection: Connection, entry_id: int, new: NewEntry) -> Entry | None:
    """Changes an entry and asks for the balances from there on; None when there is no such one."""
    cursor = await connection.execute(
        "UPDATE entries SET description = %s, note = %s, amount_cents = %s, balance_cents = NULL "  # noqa: S608
        f"WHERE id = %s RETURNING {_COLUMNS}",
        (new.description, new.note, new.amount_cents, entry_id),
    )
    entry = _entry(await cursor.fetchone())
    if entry is not None:
        await jobs.enqueue(connection, jobs.BALANCE, entry_id)
    return entry


async def remove(connection: Connection, entry_id: int) -> bool:
    """Removes an entry and asks for the balances from there on; tells whether there was one."""
    cursor = await connection.execute("DELETE FROM entries WHERE id = %s", (entry_id,))
    if cursor.rowcount:
        await jobs.enqueue(connection, jobs.BALANCE, entry_id)
    return bool(cursor.rowcount)


def _entry(row: dict[str, object] | None) -> Entry | None:
    return None if row is None else Entry(**row)  # type: ignore[arg-type]  # columns of _COLUMNS
