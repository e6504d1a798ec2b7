"""Sessions: a random token in a cookie, its hash in the tenant's own database."""

import hashlib
import secrets

import psycopg

from odoo_standin import base

COOKIE = "session_id"


def login(connection: psycopg.Connection, name: str, password: str) -> str | None:
    """Return a new session's token; None when name or password are wrong."""
    row = connection.execute(
        "SELECT id, password FROM res_users WHERE login = %s", (name,)
    ).fetchone()
    if row is None or not base.matches(password, row[1]):
        return None
    token = secrets.token_urlsafe(32)
    connection.execute(
        "INSERT INTO session (token_hash, user_id) VALUES (%s, %s)", (_hash(token), row[0])
    )
    return token


def user(connection: psycopg.Connection, token: str) -> str | None:
    """Return whose session it is; None where this database knows of none."""
    row = connection.execute(
        "SELECT login FROM res_users JOIN session ON user_id = res_users.id WHERE token_hash = %s",
        (_hash(token),),
    ).fetchone()
    return str(row[0]) if row else None


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
