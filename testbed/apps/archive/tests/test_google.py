"""The login with Google: who gets a session, and who does not, with a provider made up here."""

import json
import time
from typing import Any
from unittest import mock
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from archive.google import Google
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings
from django.contrib.auth import get_user_model
from django.test import Client, TestCase
from jwt.algorithms import RSAAlgorithm

ENDPOINT = settings.SOCIAL_AUTH_GOOGLE_OIDC_ENDPOINT
KEY, OTHER_KEY = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
BACK = "/oauth/complete/google/"
HOST = "testserver"
FOUND = {
    "issuer": ENDPOINT,
    "authorization_endpoint": f"{ENDPOINT}/authorize",
    "token_endpoint": f"{ENDPOINT}/token",
    "userinfo_endpoint": f"{ENDPOINT}/userinfo",
    "jwks_uri": f"{ENDPOINT}/certs",
}


class Answer:
    def __init__(self, content: dict[str, Any]) -> None:
        self.content = content

    def json(self) -> dict[str, Any]:
        return self.content

    @property
    def text(self) -> str:
        return json.dumps(self.content)


class Provider:
    """Answers what the app asks."""

    def __init__(self) -> None:
        self.person: dict[str, Any] = {
            "sub": "1",
            "email": "ada@example.org",
            "email_verified": True,
        }
        self.nonce = ""
        self.key = KEY
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def request(self, url: str, **sent: object) -> Answer:
        self.asked.append((url, sent))
        public = RSAAlgorithm.to_jwk(KEY.public_key(), as_dict=True)
        answers = {
            "/.well-known/openid-configuration": FOUND,
            "/certs": {"keys": [{**public, "kid": "k", "alg": "RS256", "use": "sig"}]},
            "/token": {"access_token": "a-token", "id_token": self._id_token()},
            "/userinfo": self.person,
        }
        return Answer(answers[url.removeprefix(ENDPOINT)])

    def _id_token(self) -> str:
        now = int(time.time())
        claims = {**self.person, "iss": ENDPOINT, "aud": settings.GOOGLE["key"], "iat": now}
        more = {"exp": now + 60, "nonce": self.nonce}
        return jwt.encode(claims | more, self.key, algorithm="RS256", headers={"kid": "k"})


class Login(TestCase):
    def setUp(self) -> None:
        self.provider = Provider()
        patched = mock.patch.object(
            Google, "request", lambda _, url, **sent: self.provider.request(url, **sent)
        )
        patched.start()
        self.addCleanup(patched.stop)
        self.client = Client(headers={"X-Forwarded-Proto": "https", "Host": HOST})

    def begun(self) -> str:
        """Press the button; return the state that comes back with a code."""
        answer = self.client.post("/oauth/login/google/")
        self.assertEqual(answer.status_code, 302)
        place = urlsplit(answer["Location"])
        self.assertEqual(f"{place.scheme}://{place.netloc}{place.path}", f"{ENDPOINT}/authorize")
        asked = {key: values[0] for key, values in parse_qs(place.query).items()}
        self.assertEqual(asked["redirect_uri"], f"https://{HOST}{BACK}")
        self.assertEqual(asked["code_challenge_method"], "S256")
        self.provider.nonce = asked["nonce"]
        return asked["state"]

    def completed(self, state: str) -> int:
        answer = self.client.get(f"{BACK}?{urlencode({'code': 'a-code', 'state': state})}")
        return answer.status_code

    def user(self) -> str:
        found: str = self.client.get("/api/session").json()["user"]
        return found

    def test_who_is_known_there_gets_a_session_and_keeps_their_account(self) -> None:
        for _ in range(2):
            self.assertEqual(self.completed(self.begun()), 302)
            self.assertEqual(self.user(), "ada")
            self.client.logout()
        self.assertEqual(get_user_model().objects.count(), 1)
        sent = next(sent for url, sent in self.provider.asked if url.endswith("/token"))
        self.assertTrue(sent["data"]["code_verifier"])

    def test_a_wrong_state_is_refused_before_anything_is_asked(self) -> None:
        self.begun()
        self.provider.asked.clear()
        self.assertEqual(self.completed("another"), 403)
        self.assertEqual((self.user(), self.provider.asked), ("", []))

    def test_a_state_counts_once(self) -> None:
        state = self.begun()
        self.assertEqual(self.completed(state), 302)
        self.client.logout()
        self.assertEqual(self.completed(state), 403)

    def test_a_token_that_another_key_has_signed_is_refused(self) -> None:
        state = self.begun()
        self.provider.key = OTHER_KEY
        self.assertEqual(self.completed(state), 502)
        self.assertEqual(self.user(), "")

    def test_a_nonce_of_another_login_is_refused(self) -> None:
        state = self.begun()
        self.provider.nonce = "another"
        self.assertEqual(self.completed(state), 403)
        self.assertEqual(self.user(), "")

    def test_an_address_that_is_not_verified_is_refused(self) -> None:
        state = self.begun()
        self.provider.person["email_verified"] = False
        self.assertEqual(self.completed(state), 502)
        self.assertEqual(self.user(), "")

    def test_a_link_does_not_begin_it(self) -> None:
        self.assertEqual(self.client.get("/oauth/login/google/").status_code, 405)
