"""Rows as the role and with the claims of whoever asks: row security decides what there is."""

import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import psycopg
from psycopg import sql

from .serving import Pool

Connection = psycopg.AsyncConnection[tuple[Any, ...]]
OPERATORS = {"eq": "=", "neq": "<>", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


class QueryError(ValueError):
    """Says what of a request cannot be asked."""


@contextlib.asynccontextmanager
async def acting(pool: Pool, claims: Mapping[str, Any], anon: str) -> AsyncIterator[Connection]:
    """Yield a connection within one transaction, in which the claims are in force."""
    async with pool.connection() as connection, connection.transaction():
        # What `SET LOCAL` does, for values that come from outside.
        await connection.execute(
            "SELECT set_config('request.jwt.claims', %s, true), set_config('role', %s, true)",
            (json.dumps(claims), str(claims.get("role", anon))),
        )
        yield connection


def conditions(asked: Mapping[str, str]) -> sql.Composed:
    """Return `?column=eq.value` as SQL.

    Raises:
        QueryError: naming what cannot be read.
    """
    found: list[sql.Composable] = []
    for column, condition in asked.items():
        if column in ("select", "order", "limit"):
            continue
        operator, dot, value = condition.partition(".")
        if not dot or operator not in OPERATORS:
            msg = f"{column}={condition}: use one of {', '.join(OPERATORS)}, as in id=eq.1"
            raise QueryError(msg)
        name, text = sql.Identifier(column), sql.Literal(value)
        found.append(sql.SQL("{} {} {}").format(name, sql.SQL(OPERATORS[operator]), text))
    return sql.SQL(" AND ").join(found or [sql.SQL("true")])


def select(table: sql.Identifier, asked: Mapping[str, str]) -> sql.Composed:
    """Return the query of a GET."""
    names = [name for name in asked.get("select", "*").split(",") if name]
    columns = [sql.SQL("*") if name == "*" else sql.Identifier(name) for name in names]
    query = sql.SQL("SELECT {} FROM {} WHERE {}").format(
        sql.SQL(", ").join(columns), table, conditions(asked)
    )
    limit = asked.get("limit", "")
    return query + sql.SQL(" LIMIT {}").format(sql.Literal(int(limit))) if limit else query


def insert(table: sql.Identifier, row: Mapping[str, Any]) -> sql.Composed:
    """Return the statement of a POST with one row."""
    columns = sql.SQL(", ").join(map(sql.Identifier, row))
    return sql.SQL(
        "INSERT INTO {0} ({1}) SELECT {1} FROM json_populate_record(null::{0}, {2})"
    ).format(table, columns, sql.Literal(json.dumps(row)))


def update(table: sql.Identifier, row: Mapping[str, Any], where: sql.Composed) -> sql.Composed:
    """Return the statement of a PATCH."""
    columns = sql.SQL(", ").join(map(sql.Identifier, row))
    return sql.SQL(
        "UPDATE {0} SET ({1}) = (SELECT {1} FROM json_populate_record(null::{0}, {2})) WHERE {3}"
    ).format(table, columns, sql.Literal(json.dumps(row)), where)


def delete(table: sql.Identifier, where: sql.Composed) -> sql.Composed:
    """Return the statement of a DELETE."""
    return sql.SQL("DELETE FROM {} WHERE {}").format(table, where)


async def as_json(connection: Connection, query: sql.Composed) -> str:
    """Return the rows that a query gives, as PostgreSQL writes them as JSON."""
    wrapped = sql.SQL("SELECT coalesce(json_agg(r), '[]')::text FROM ({}) r").format(query)
    found = await (await connection.execute(wrapped)).fetchone()
    return str(found[0]) if found else "[]"


async def changed(connection: Connection, table: sql.Identifier, statement: sql.Composed) -> str:
    """Return the rows that a statement made, changed or removed, as JSON."""
    query = sql.SQL(
        "WITH made AS ({} RETURNING {}.*) SELECT coalesce(json_agg(made), '[]')::text FROM made"
    ).format(statement, table)
    found = await (await connection.execute(query)).fetchone()
    return str(found[0]) if found else "[]"
