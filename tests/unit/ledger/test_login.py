"""The login page: a form, a signed cookie, and nothing of it where there is no password."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from ledger.app import create_app
from ledger.drain import Drain
from ledger.settings import Settings, SettingsError

DATABASE = {"DATABASE_URL": "postgresql://ledger:not-a-real-password@127.0.0.1:1/ledger"}
PASSWORD = "-".join(["known", "to", "one"])
LOGIN = {"LOGIN_PASSWORD": PASSWORD, "AUTH_SECRET": "signs" * 8}
FORM = {"username": "operator", "password": PASSWORD}


@asynccontextmanager
async def visitor(**env: str) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(Settings.load({**DATABASE, **env}), Drain())
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="https://ledger") as client:
        yield client


async def test_without_a_password_there_is_no_login_page() -> None:
    async with visitor() as client:
        assert (await client.get("/login")).status_code == 404


async def test_who_knows_the_password_is_logged_in_until_logging_out() -> None:
    async with visitor(**LOGIN) as client:
        turned_away = await client.get("/account")
        assert (turned_away.status_code, turned_away.headers["location"]) == (303, "/login")
        page = await client.get("/login")
        assert '<form id="login" method="post" action="/login">' in page.text
        assert 'type="password"' in page.text
        answer = await client.post("/login", data=FORM)
        assert (answer.status_code, answer.headers["location"]) == (303, "/account")
        cookie = answer.headers["set-cookie"].lower()
        assert all(word in cookie for word in ("__host-", "secure", "httponly", "samesite=lax"))
        assert '<strong id="user">operator</strong>' in (await client.get("/account")).text
        left = await client.post("/logout", data={"x": "y"})
        assert left.headers["location"] == "/login"
        assert (await client.get("/account")).status_code == 303


@pytest.mark.parametrize("wrong", [{"password": "guessed"}, {"username": "root"}, {"password": ""}])
async def test_a_wrong_name_or_password_opens_nothing_and_is_not_shown_again(
    wrong: dict[str, str],
) -> None:
    async with visitor(**LOGIN) as client:
        answer = await client.post("/login", data={**FORM, **wrong})
        assert answer.status_code == 422
        assert "set-cookie" not in answer.headers
        assert "Name or password is wrong." in answer.text
        assert PASSWORD not in answer.text
        assert "guessed" not in answer.text


async def test_a_session_that_another_secret_signed_counts_for_nothing() -> None:
    async with visitor(**LOGIN) as client:
        await client.post("/login", data=FORM)
        cookies = client.cookies
    async with visitor(**{**LOGIN, "AUTH_SECRET": "other" * 8}) as client:
        client.cookies = cookies
        assert (await client.get("/account")).status_code == 303


async def test_a_form_of_another_site_logs_nobody_in() -> None:
    async with visitor(**LOGIN) as client:
        headers = {"sec-fetch-site": "cross-site"}
        assert (await client.post("/login", data=FORM, headers=headers)).status_code == 403


def test_a_password_needs_a_secret_that_signs_sessions() -> None:
    with pytest.raises(SettingsError, match="AUTH_SECRET: LOGIN_PASSWORD needs it"):
        Settings.load({**DATABASE, **LOGIN, "AUTH_SECRET": "short"})
