"""Stands in for Google where somebody logs in: OpenID Connect with a code, for one made-up person.

It is not Google: whoever presses its button is that person. Apps are sent here by their setting of
the endpoint, whose default is Google's; discovery, signatures and checks are as there.
"""

import base64
import hashlib
import hmac
import html
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import parse_qsl, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from homeport.cloud.names import GOOGLE_CLIENT, GOOGLE_STANDIN

ISSUER = f"https://{GOOGLE_STANDIN}"
PERSON = {
    "sub": "100000000000000000001",
    "email": "ada.standin@gmail.example",
    "email_verified": True,
    "name": "Ada Standin",
    "given_name": "Ada",
    "family_name": "Standin",
}
CODE_SECONDS, TOKEN_SECONDS = 60, 3600
ALGORITHM = "RS256"
_KEY_ID = "homeport"
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Stand-in for Google</title></head>
<body><h1>Stand-in for Google</h1>
<p>This is the local cloud, not Google. An app at {app} wants to know who you are.</p>
<form method="post" action="/authorize">
<input type="hidden" name="asked" value="{asked}">
<button name="answer" value="yes">Continue as {person}</button>
<button name="answer" value="no">Cancel</button>
</form></body></html>
"""


class RefusedError(Exception):
    """What the protocol answers to a request that is not taken."""

    def __init__(self, error: str, description: str, status: int) -> None:
        super().__init__(description)
        self._error = error
        self._status = status

    def answer(self) -> JSONResponse:
        """Return it as the protocol says it."""
        said = {"error": self._error, "error_description": str(self)}
        return JSONResponse(said, self._status)


class Provider:
    """Who logs in where: codes that are used once, tokens that end."""

    def __init__(self, key: rsa.RSAPrivateKey, secret: str) -> None:
        self._key = key
        self._secret = secret
        self._codes: dict[str, tuple[float, dict[str, str]]] = {}
        self._tokens: dict[str, float] = {}

    async def discovery(self, _: Request) -> Response:
        """Tell where everything is."""
        return JSONResponse(
            {
                "issuer": ISSUER,
                "authorization_endpoint": f"{ISSUER}/authorize",
                "token_endpoint": f"{ISSUER}/token",
                "userinfo_endpoint": f"{ISSUER}/userinfo",
                "jwks_uri": f"{ISSUER}/certs",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "scopes_supported": ["openid", "email", "profile"],
                "id_token_signing_alg_values_supported": [ALGORITHM],
                "token_endpoint_auth_methods_supported": [
                    "client_secret_post",
                    "client_secret_basic",
                ],
                "code_challenge_methods_supported": ["S256"],
            }
        )

    async def certs(self, _: Request) -> Response:
        """Tell what checks the signatures."""
        public = RSAAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        return JSONResponse({"keys": [{**public, "kid": _KEY_ID, "use": "sig", "alg": ALGORITHM}]})

    async def ask(self, request: Request) -> Response:
        """Ask the person at the browser."""
        asked = dict(request.query_params)
        _check(asked)
        app = urlsplit(asked["redirect_uri"]).netloc
        fields = {"app": app, "asked": urlencode(asked), "person": str(PERSON["email"])}
        return HTMLResponse(_PAGE.format_map({k: html.escape(v) for k, v in fields.items()}))

    async def authorize(self, request: Request) -> Response:
        """Send the browser back, with a code or with the person's no."""
        form = dict(parse_qsl((await request.body()).decode()))
        asked = dict(parse_qsl(form.get("asked", "")))
        _check(asked)
        if form.get("answer") == "yes":
            code = secrets.token_urlsafe(24)
            self._codes[code] = (time.monotonic() + CODE_SECONDS, asked)
            said = {"code": code}
        else:
            said = {"error": "access_denied"}
        query = urlencode(said | {"state": asked["state"]})
        return RedirectResponse(f"{asked['redirect_uri']}?{query}", status_code=303)

    async def token(self, request: Request) -> Response:
        """Give tokens for a code."""
        form = dict(parse_qsl((await request.body()).decode()))
        self._check_client(request, form)
        until, asked = self._codes.pop(form.get("code", ""), (0.0, {}))
        if form.get("grant_type") != "authorization_code" or until < time.monotonic():
            _refuse("invalid_grant", "the code is unknown, used or too old")
        if form.get("redirect_uri") != asked["redirect_uri"]:
            _refuse("invalid_grant", "redirect_uri is not the one that was asked with")
        if "code_challenge" in asked and (
            _hashed(form.get("code_verifier", "")) != asked["code_challenge"]
        ):
            _refuse("invalid_grant", "code_verifier does not fit code_challenge")
        access = secrets.token_urlsafe(32)
        self._tokens[access] = time.monotonic() + TOKEN_SECONDS
        return JSONResponse(
            {
                "access_token": access,
                "token_type": "Bearer",
                "expires_in": TOKEN_SECONDS,
                "scope": asked["scope"],
                "id_token": self._id_token(asked, access),
            }
        )

    async def userinfo(self, request: Request) -> Response:
        """Tell who a token is for."""
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or self._tokens.get(token, 0.0) < time.monotonic():
            _refuse("invalid_token", "the token is unknown or too old", 401)
        return JSONResponse(PERSON)

    def _check_client(self, request: Request, form: Mapping[str, str]) -> None:
        name, secret = form.get("client_id", ""), form.get("client_secret", "")
        kind, _, login = request.headers.get("authorization", "").partition(" ")
        if kind.lower() == "basic":
            name, _, secret = base64.b64decode(login).decode().partition(":")
        if name != GOOGLE_CLIENT or not hmac.compare_digest(secret, self._secret):
            _refuse("invalid_client", "client_id or its secret is wrong", 401)

    def _id_token(self, asked: Mapping[str, str], access: str) -> str:
        now = int(time.time())
        half = hashlib.sha256(access.encode()).digest()[:16]
        claims: dict[str, Any] = {
            **PERSON,
            "iss": ISSUER,
            "aud": GOOGLE_CLIENT,
            "azp": GOOGLE_CLIENT,
            "iat": now,
            "exp": now + TOKEN_SECONDS,
            "at_hash": _base64(half),
        }
        if "nonce" in asked:
            claims["nonce"] = asked["nonce"]
        return jwt.encode(claims, self._key, algorithm=ALGORITHM, headers={"kid": _KEY_ID})


def create_app(key_file: Path, secret: str) -> Starlette:
    """Return the stand-in.

    Args:
        key_file: What it signs with; made when it is not there, since apps remember it for a day.
        secret: What its one client shows.
    """
    provider = Provider(_key(key_file), secret)

    async def refused(_: Request, error: Exception) -> Response:
        assert isinstance(error, RefusedError)  # noqa: S101  (registered for this class)
        return error.answer()

    return Starlette(
        routes=[
            Route("/.well-known/openid-configuration", provider.discovery),
            Route("/certs", provider.certs),
            Route("/authorize", provider.ask),
            Route("/authorize", provider.authorize, methods=["POST"]),
            Route("/token", provider.token, methods=["POST"]),
            Route("/userinfo", provider.userinfo),
        ],
        exception_handlers={RefusedError: refused},
    )


def _refuse(error: str, description: str, status: int = 400) -> NoReturn:
    raise RefusedError(error, description, status)


def _check(asked: Mapping[str, str]) -> None:
    if asked.get("client_id") != GOOGLE_CLIENT:
        _refuse("invalid_client", "client_id is not known here", 401)
    if asked.get("response_type") != "code" or "openid" not in asked.get("scope", "").split():
        _refuse("invalid_request", "only a code with the scope openid is given")
    if not asked.get("redirect_uri", "").startswith("https://") or not asked.get("state"):
        _refuse("invalid_request", "an https redirect_uri and a state are needed")
    if "code_challenge" in asked and asked.get("code_challenge_method") != "S256":
        _refuse("invalid_request", "code_challenge_method must be S256")


def _key(file: Path) -> rsa.RSAPrivateKey:
    if not file.exists():
        made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        file.touch(mode=0o600)
        file.write_bytes(
            made.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
    key = serialization.load_pem_private_key(file.read_bytes(), password=None)
    assert isinstance(key, rsa.RSAPrivateKey)  # noqa: S101  (made above)
    return key


def _hashed(verifier: str) -> str:
    return _base64(hashlib.sha256(verifier.encode()).digest())


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
