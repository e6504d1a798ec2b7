import pytest
from odoo_standin import hosts
from odoo_standin.config import Config
from odoo_standin.databases import visible

ALL = ["a_db", "a_db_old", "b_db", "shop_db"]


@pytest.mark.parametrize(
    ("dbfilter", "host", "expected"),
    [
        ("^%d_db$", "a.example.com", ["a_db"]),
        ("^%d_db$", "a.example.com:8069", ["a_db"]),
        ("^%d_db$", "A.Example.com", ["a_db"]),
        ("^%d_db$", "www.a.example.com", ["a_db"]),
        ("^%d_db$", "c.example.com", []),
        ("^%d_db$", "", []),
        # As in Odoo: without an end, a pattern lets another database in.
        ("%d_db", "a.example.com", ["a_db", "a_db_old"]),
        ("^%h$", "a_db", ["a_db"]),
        ("", "a.example.com", ALL),
        # What a client writes is a name, never a pattern.
        ("^%d_db$", ".*.example.com", []),
        ("^%d_db$", "[a-z]+.example.com", []),
        ("^%d_db$", "a_db|b", []),
        ("^%d_db$", "%h", []),
    ],
)
def test_a_host_sees_the_databases_of_its_filter(
    dbfilter: str, host: str, expected: list[str]
) -> None:
    assert visible(ALL, dbfilter, host) == expected


def test_a_forwarded_host_counts_behind_a_proxy_alone() -> None:
    headers = {"host": "a.example.com", "x-forwarded-host": "b.example.com"}
    assert hosts.host(Config(proxy_mode=False), headers) == "a.example.com"
    assert hosts.host(Config(proxy_mode=True), headers) == "b.example.com"
    assert hosts.host(Config(proxy_mode=True), {"host": "a.example.com"}) == "a.example.com"


def test_of_several_forwarded_hosts_the_nearest_proxys_counts() -> None:
    headers = {"host": "x", "x-forwarded-host": "forged.example.com, a.example.com"}
    assert hosts.host(Config(proxy_mode=True), headers) == "a.example.com"


@pytest.mark.parametrize(
    ("host", "asked", "expected"),
    [
        ("a.example.com", "", "a_db"),
        ("a.example.com", "a_db", "a_db"),
        ("a.example.com", "b_db", None),
        ("c.example.com", "b_db", None),
    ],
)
def test_a_parameter_chooses_only_among_what_the_host_may_see(
    monkeypatch: pytest.MonkeyPatch, host: str, asked: str, expected: str | None
) -> None:
    monkeypatch.setattr("odoo_standin.databases.owned", lambda _: ALL)
    config = Config(dbfilter="^%d_db$", proxy_mode=True)
    assert hosts.database(config, {"host": host}, asked) == expected


def test_several_databases_without_a_choice_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("odoo_standin.databases.owned", lambda _: ALL)
    assert hosts.database(Config(), {"host": "a.example.com"}) is None
    assert hosts.database(Config(), {"host": "a.example.com"}, "b_db") == "b_db"
