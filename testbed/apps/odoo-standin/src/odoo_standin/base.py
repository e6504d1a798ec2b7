"""The module `base`: what every tenant's database has, whatever else is installed."""

import hashlib
import hmac
import secrets

import psycopg

VERSION = "17.0.1.3"
ADMIN = ("admin", "admin")
"""Login and password of a new database's first user, as in Odoo; an addon is to change it."""

_TABLES = """
CREATE TABLE ir_module_module (
    name text PRIMARY KEY, state text NOT NULL, latest_version text NOT NULL);
CREATE TABLE res_users (
    id serial PRIMARY KEY, login text UNIQUE NOT NULL, password text NOT NULL);
CREATE TABLE session (
    token_hash text PRIMARY KEY, user_id integer NOT NULL REFERENCES res_users ON DELETE CASCADE,
    created timestamptz NOT NULL DEFAULT now());
CREATE TABLE note (
    id serial PRIMARY KEY, title text NOT NULL, body text NOT NULL DEFAULT '');
CREATE TABLE ir_attachment (
    id serial PRIMARY KEY, name text NOT NULL, store_fname text NOT NULL,
    file_size bigint NOT NULL);
"""


def install(connection: psycopg.Connection) -> None:
    """Make the tables and the first user."""
    connection.execute(_TABLES)
    login, password = ADMIN
    connection.execute(
        "INSERT INTO res_users (login, password) VALUES (%s, %s)", (login, hashed(password))
    )


def hashed(password: str, salt: bytes | None = None) -> str:
    """Return a password as it is kept."""
    salt = secrets.token_bytes(16) if salt is None else salt
    digest = hashlib.scrypt(password.encode(), salt=salt, n=2**12, r=8, p=1)
    return f"{salt.hex()}${digest.hex()}"


def matches(password: str, kept: str) -> bool:
    """Return whether a password is the one that is kept."""
    salt = bytes.fromhex(kept.partition("$")[0])
    return hmac.compare_digest(hashed(password, salt), kept)
