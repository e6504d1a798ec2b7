"""Google's stand-in: a code for whoever presses the button, tokens for the client that has it."""

import asyncio
import base64
import hashlib
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import jwt
import pytest
from starlette.applications import Starlette
from starlette.types import ASGIApp

from homeport.cloud import google_standin
from homeport.cloud.google_standin import ALGORITHM, ISSUER, PERSON
from homeport.cloud.names import GOOGLE_CLIENT
from homeport.cloud.serve import ByName

SECRET = "of-these-tests"
BACK = "https://api.example.org/oauth/complete/google/"
VERIFIER = "a verifier that nobody guesses"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=")
ASKED = {
    "client_id": GOOGLE_CLIENT,
    "response_type": "code",
    "redirect_uri": BACK,
    "scope": "openid email profile",
    "state": "a-state",
    "nonce": "a-nonce",
    "code_challenge": CHALLENGE.decode(),
    "code_challenge_method": "S256",
}
EXCHANGE = {
    "grant_type": "authorization_code",
    "redirect_uri": BACK,
    "client_id": GOOGLE_CLIENT,
    "client_secret": SECRET,
    "code_verifier": VERIFIER,
}


class Asked:
    """An application, asked without a network; redirects are not followed."""

    def __init__(self, app: ASGIApp, url: str = ISSUER) -> None:
        self._app = app
        self._url = url

    def get(self, path: str, **sent: Any) -> httpx.Response:
        return asyncio.run(self._ask("GET", path, sent))

    def post(self, path: str, **sent: Any) -> httpx.Response:
        return asyncio.run(self._ask("POST", path, sent))

    async def _ask(self, method: str, path: str, sent: dict[str, Any]) -> httpx.Response:
        transport = httpx.ASGITransport(app=self._app)
        async with httpx.AsyncClient(transport=transport, base_url=self._url) as client:
            return await client.request(method, path, **sent)


@pytest.fixture
def google(tmp_path: Path) -> Asked:
    return Asked(google_standin.create_app(tmp_path / "google.pem", SECRET))


def answered(google: Asked, answer: str = "yes") -> dict[str, str]:
    """Press a button, and return what the browser is sent back with."""
    pressed = google.post("/authorize", data={"asked": urlencode(ASKED), "answer": answer})
    assert pressed.status_code == 303
    place = urlsplit(pressed.headers["location"])
    assert f"{place.scheme}://{place.netloc}{place.path}" == BACK
    return dict(parse_qsl(place.query))


def test_the_page_says_that_it_is_not_google_and_which_app_asks(google: Asked) -> None:
    page = google.get("/authorize", params=ASKED)
    assert page.status_code == 200
    for text in ("Stand-in for Google", "not Google", "api.example.org", str(PERSON["email"])):
        assert text in page.text


def test_a_code_gives_tokens_whose_signature_and_claims_hold(google: Asked) -> None:
    back = answered(google)
    assert back["state"] == "a-state"
    found = google.get("/.well-known/openid-configuration").json()
    assert found["issuer"] == ISSUER
    given = google.post(
        urlsplit(found["token_endpoint"]).path, data={**EXCHANGE, "code": back["code"]}
    ).json()
    (key,) = google.get(urlsplit(found["jwks_uri"]).path).json()["keys"]
    claims = jwt.decode(
        given["id_token"],
        jwt.PyJWK(key),
        algorithms=[ALGORITHM],
        audience=GOOGLE_CLIENT,
        issuer=ISSUER,
    )
    assert (claims["nonce"], claims["email"]) == ("a-nonce", PERSON["email"])
    bearer = {"Authorization": f"Bearer {given['access_token']}"}
    assert google.get("/userinfo", headers=bearer).json() == PERSON
    assert google.get("/userinfo").status_code == 401


def test_a_no_is_told_with_the_state(google: Asked) -> None:
    assert answered(google, "no") == {"error": "access_denied", "state": "a-state"}


def test_a_code_is_used_once(google: Asked) -> None:
    fields = {**EXCHANGE, "code": answered(google)["code"]}
    assert google.post("/token", data=fields).status_code == 200
    assert google.post("/token", data=fields).json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("field", "error"),
    [
        ("client_secret", "invalid_client"),
        ("client_id", "invalid_client"),
        ("redirect_uri", "invalid_grant"),
        ("code_verifier", "invalid_grant"),
        ("grant_type", "invalid_grant"),
    ],
)
def test_an_exchange_that_does_not_fit_gets_nothing(google: Asked, field: str, error: str) -> None:
    fields = {**EXCHANGE, "code": answered(google)["code"], field: "another"}
    refused = google.post("/token", data=fields)
    assert refused.json()["error"] == error
    assert "access_token" not in refused.text


@pytest.mark.parametrize(
    "changed",
    [
        {"client_id": "another"},
        {"response_type": "token"},
        {"scope": "email"},
        {"redirect_uri": "http://api.example.org/"},
        {"state": ""},
        {"code_challenge_method": "plain"},
    ],
)
def test_nobody_is_asked_for_a_request_that_does_not_hold(
    google: Asked, changed: dict[str, str]
) -> None:
    assert google.get("/authorize", params=ASKED | changed).status_code in (400, 401)


def test_the_key_stays_from_start_to_start(tmp_path: Path) -> None:
    keys = [
        Asked(google_standin.create_app(tmp_path / "google.pem", SECRET)).get("/certs").json()
        for _ in range(2)
    ]
    assert keys[0] == keys[1]
    assert (tmp_path / "google.pem").stat().st_mode & 0o777 == 0o600


def test_it_is_served_beside_the_api_under_its_own_name_alone(tmp_path: Path) -> None:
    google = google_standin.create_app(tmp_path / "google.pem", SECRET)
    both = ByName(Starlette(), {"google-standin.example.com": google})
    for name, status in (("google-standin.example.com", 200), ("api.hetzner.cloud", 404)):
        assert Asked(both, f"https://{name}").get("/certs").status_code == status, name
