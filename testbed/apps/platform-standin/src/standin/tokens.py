"""JSON web tokens, signed with the secret that all services share."""

import time
import uuid
from typing import Any

import jwt
from starlette.requests import HTTPConnection

ALGORITHM = "HS256"
AUDIENCE = "authenticated"


class TokenError(ValueError):
    """Says why a token is not taken."""


def issue(secret: str, *, user: str, email: str, issuer: str, seconds: int) -> str:
    """Return the token of somebody who logged in."""
    now = int(time.time())
    claims = {
        "aud": AUDIENCE,
        "exp": now + seconds,
        "iat": now,
        "iss": issuer,
        "sub": user,
        "email": email,
        "role": "authenticated",
        "session_id": str(uuid.uuid4()),
    }
    return jwt.encode(claims, secret, algorithm=ALGORITHM)


def check(secret: str, token: str) -> dict[str, Any]:
    """Return what a token says.

    Raises:
        TokenError: it is not signed with this secret, has ended, or has no end.
    """
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            secret,
            algorithms=[ALGORITHM],
            options={"require": ["exp"], "verify_aud": False},
        )
    except jwt.InvalidTokenError as error:
        raise TokenError(str(error)) from None
    return claims


def bearer(asked: HTTPConnection) -> str | None:
    """Return the token that a request shows."""
    scheme, _, token = asked.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None
