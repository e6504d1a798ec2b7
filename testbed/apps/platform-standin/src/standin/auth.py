"""Stands in for GoTrue: sign-up, login, who am I, and mail for a forgotten password."""

import asyncio
import contextlib
import hashlib
import hmac
import os
import re
import smtplib
from collections.abc import AsyncIterator
from email.message import EmailMessage
from typing import Any

import psycopg
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from . import serving, settings, tokens

SCHEMA = """
CREATE TABLE IF NOT EXISTS auth.users (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    email text NOT NULL UNIQUE,
    encrypted_password text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
)
"""
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
SHORTEST_PASSWORD = 8


def migrate() -> None:
    """Make the schema, as whoever owns it."""
    with psycopg.connect(settings.text("DATABASE_URL")) as connection:
        connection.execute(SCHEMA)


def serve() -> None:
    """Serve until SIGTERM."""
    serving.run(app())


def app() -> Starlette:
    """Return the service.

    Raises:
        SettingsError: a variable is missing or wrong.
    """
    secret = settings.secret("GOTRUE_JWT_SECRET", shortest=32)
    seconds = settings.number("GOTRUE_JWT_EXP", 3600)
    issuer = settings.text("API_EXTERNAL_URL")
    site = settings.text("GOTRUE_SITE_URL")

    @contextlib.asynccontextmanager
    async def lifespan(made: Starlette) -> AsyncIterator[None]:
        async with serving.database("DATABASE_URL") as pool:
            made.state.pool = pool
            yield

    def session(user: str, email: str) -> JSONResponse:
        token = tokens.issue(secret, user=user, email=email, issuer=issuer, seconds=seconds)
        about = {"id": user, "email": email, "role": "authenticated"}
        return JSONResponse(
            {"access_token": token, "token_type": "bearer", "expires_in": seconds, "user": about}
        )

    async def health(request: Request) -> Response:
        try:
            await _rows(request, "SELECT count(*) FROM auth.users")
        except psycopg.Error as wrong:
            return serving.error(503, f"the database: {wrong}")
        return JSONResponse({"name": "GoTrue (stand-in)", "version": os.environ.get("RELEASE")})

    async def signup(request: Request) -> Response:
        given = _account(await serving.body(request))
        if given is None:
            return serving.error(422, f"needs email and password ({SHORTEST_PASSWORD} or more)")
        email, password = given
        made = await _rows(
            request,
            "INSERT INTO auth.users (email, encrypted_password) VALUES (%s, %s) "
            "ON CONFLICT DO NOTHING RETURNING id::text",
            email,
            _hashed(password, os.urandom(16)),
        )
        return session(made[0][0], email) if made else serving.error(422, "already registered")

    async def token(request: Request) -> Response:
        given = _account(await serving.body(request))
        if request.query_params.get("grant_type") != "password" or given is None:
            return serving.error(400, "unsupported grant, or no email and password")
        email, password = given
        query = "SELECT id::text, encrypted_password FROM auth.users WHERE email = %s"
        found = await _rows(request, query, email)
        if not found or not _same(password, found[0][1]):
            return serving.error(400, "invalid login credentials")
        return session(found[0][0], email)

    async def user(request: Request) -> Response:
        try:
            said = tokens.check(secret, tokens.bearer(request) or "")
        except tokens.TokenError as wrong:
            return serving.error(401, str(wrong))
        query = "SELECT id::text, email FROM auth.users WHERE id::text = %s"
        found = await _rows(request, query, str(said.get("sub")))
        if not found:
            return serving.error(403, "there is no such user")
        return JSONResponse({"id": found[0][0], "email": found[0][1], "role": said.get("role")})

    async def recover(request: Request) -> Response:
        asked = await serving.body(request)
        email = str(asked.get("email", "")) if isinstance(asked, dict) else ""
        if await _rows(request, "SELECT id FROM auth.users WHERE email = %s", email):
            await asyncio.to_thread(_send, email, site)
        return JSONResponse({})  # whoever asks does not learn who has an account

    async def remove(request: Request) -> Response:
        try:
            said = tokens.check(secret, tokens.bearer(request) or "")
        except tokens.TokenError as wrong:
            return serving.error(401, str(wrong))
        if said.get("role") != "service_role":
            return serving.error(403, "this takes the service key")
        query = "DELETE FROM auth.users WHERE id::text = %s RETURNING id"
        gone = await _rows(request, query, request.path_params["id"])
        return JSONResponse({}) if gone else serving.error(404, "there is no such user")

    routes = [
        Route("/admin/users/{id}", remove, methods=["DELETE"]),
        Route("/health", health),
        Route("/signup", signup, methods=["POST"]),
        Route("/token", token, methods=["POST"]),
        Route("/user", user),
        Route("/recover", recover, methods=["POST"]),
    ]
    return serving.app("auth", routes, lifespan)


async def _rows(request: Request, query: str, *values: str) -> list[tuple[Any, ...]]:
    pool: serving.Pool = request.app.state.pool
    async with pool.connection() as connection:
        return await (await connection.execute(query.encode(), values)).fetchall()


def _account(asked: object) -> tuple[str, str] | None:
    if not isinstance(asked, dict):
        return None
    email, password = str(asked.get("email", "")).lower(), str(asked.get("password", ""))
    good = _EMAIL.fullmatch(email) and len(password) >= SHORTEST_PASSWORD
    return (email, password) if good else None


def _hashed(password: str, salt: bytes) -> str:
    return f"{salt.hex()}${hashlib.scrypt(password.encode(), salt=salt, n=2**13, r=8, p=1).hex()}"


def _same(password: str, stored: str) -> bool:
    return hmac.compare_digest(_hashed(password, bytes.fromhex(stored.partition("$")[0])), stored)


def _send(email: str, site: str) -> None:
    message = EmailMessage()
    message["From"] = settings.text("GOTRUE_SMTP_ADMIN_EMAIL")
    message["To"] = email
    message["Subject"] = "Your password"
    message.set_content(f"Somebody asked for a new password: {site}/recover\n")
    host, port = settings.text("GOTRUE_SMTP_HOST"), settings.number("GOTRUE_SMTP_PORT", 25)
    with smtplib.SMTP(host, port, timeout=10) as server:
        server.send_message(message)
