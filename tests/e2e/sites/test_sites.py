"""What a site promises, asked from outside, the same for every proxy."""

import contextlib
import json
import re
import resource
import socket

import httpx
import pytest

from tests.e2e.conftest import until
from tests.e2e.sites.asking import ZONE, Deployed, Server

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]


def headers_of(answer: httpx.Response) -> dict[str, str]:
    """Return what the echo or the app saw, by name; repeated headers are a mistake."""
    assert answer.status_code == 200
    seen: list[list[str]] = answer.json()["headers"]
    found = {name.lower(): value for name, value in seen}
    assert len(found) == len(seen)
    return found


def test_a_site_answers_with_a_certificate_of_its_authority_for_all_its_names(
    server: Server,
) -> None:
    for role in ("", "also-"):
        answer = server.ask("/api/version", role)
        assert answer.status_code == 200
        assert answer.headers["x-release"]
    with server.certificate() as connection:
        certificate = connection.getpeercert()
        assert certificate
        names = {name for _, name in certificate["subjectAltName"]}
        assert server.hostname() in names
        assert "Pebble" in str(certificate["issuer"])
    with server.certificate(protocols=("h2", "http/1.1")) as connection:
        assert connection.selected_alpn_protocol() == "h2"
        assert connection.version() == "TLSv1.3"


def test_plain_http_leads_to_https_with_path_and_query(server: Server) -> None:
    answer = server.ask("/a/b?c=d%20e", scheme="http")
    assert answer.status_code == 308
    assert answer.headers["location"] == f"https://{server.hostname()}/a/b?c=d%20e"


def test_another_name_redirects_to_the_site_with_path_and_query(server: Server) -> None:
    answer = server.ask("/a?b=c", "www-")
    assert answer.status_code == 301
    assert answer.headers["location"] == f"https://{server.hostname()}/a?b=c"


def test_a_name_that_is_no_site_gets_nothing(server: Server) -> None:
    with pytest.raises(httpx.ConnectError, match=r"(?i)alert|unrecognized|handshake"):
        server.ask("/", "nobodys-")
    # On Caddy there is a site for every name, which leads to HTTPS; beside is somebody else's.
    status = {"caddy": 308, "nginx": 404, "beside": 200}[server.name]
    assert server.ask("/", "nobodys-", scheme="http").status_code == status


@pytest.mark.parametrize(
    ("path", "status"),
    [("/livez", 200), ("/inside", 403), ("/files/up.txt", 200), ("/files/no", 404), ("/echo", 200)],
)
def test_every_answer_has_the_security_headers_even_an_error(
    server: Server, path: str, status: int
) -> None:
    answer = server.ask(path)
    assert answer.status_code == status
    assert answer.headers.get_list("strict-transport-security") == ["max-age=300"]
    assert answer.headers.get_list("x-content-type-options") == ["nosniff"]
    # An app's own wins, unless the site says otherwise.
    frames = "DENY" if path == "/echo" else "SAMEORIGIN"
    assert answer.headers.get_list("x-frame-options") == [frames]
    assert answer.headers.get_list("content-security-policy") == ["default-src 'self'"]
    assert len(answer.headers.get_list("referrer-policy")) == 1
    assert not re.search(r"\d|Caddy|Python", answer.headers.get("server", ""))


def test_answers_are_compressed_for_those_who_can_and_where_it_is_wanted(
    server: Server, deployed: Deployed
) -> None:
    accepts = {"Accept-Encoding": "gzip"}
    answer = server.ask("/files/index.html", headers=accepts)
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.text.startswith("<h1>it works</h1>")
    assert "content-encoding" not in server.ask("/files/index.html").headers
    plain = server.ask("/", "own-", headers=accepts, auth=("ops", deployed.password))
    assert plain.text.startswith("<h1>it works</h1>")
    assert "content-encoding" not in plain.headers


def test_a_prefix_is_kept_or_stripped_and_the_query_stays(server: Server) -> None:
    assert server.ask("/echo/x/y?z=1%202").json()["path"] == "/echo/x/y?z=1%202"
    assert server.ask("/bare/x%20y?z=1%202").json()["path"] == "/x%20y?z=1%202"
    assert server.ask("/bare").json()["path"] == "/"
    assert server.ask("/bare?z=1").json()["path"] == "/?z=1"
    assert server.ask("/bare/").json()["path"] == "/"
    told = headers_of(server.ask("/bare/x", headers={"X-Forwarded-Prefix": "/evil"}))
    assert told["x-forwarded-prefix"] == "/bare"


def test_folders_serve_files_and_a_single_page_app_its_page(server: Server) -> None:
    assert server.ask("/files/up.txt").text == "up\n"
    assert server.ask("/files/my%20file.txt").text == "a blank\n"
    page = server.ask("/files/")
    assert page.text.startswith("<h1>it works</h1>")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "it works" in server.ask("/page/orders/7").text
    assert "it works" in server.ask("/page").text
    assert server.ask("/page/up.txt").text == "up\n"
    assert server.ask("/files/../../etc/passwd").status_code in (400, 404)


def test_a_path_is_for_some_networks_only_however_it_is_written(server: Server) -> None:
    for path in ("/inside", "/inside/x", "/INSIDE/x", "/%69nside", "/x/../inside", "//inside"):
        assert server.ask(path).status_code == 403, path
    assert server.ask("/insider").status_code == 404, "that is the app's"


def test_an_app_sees_who_asks_and_nobody_can_pretend_to_be_another(server: Server) -> None:
    lies = {
        "X-Forwarded-For": "6.6.6.6",
        "X-Real-IP": "6.6.6.6",
        "X-Forwarded-Host": "evil.example.com",
        "X-Forwarded-Proto": "http",
        "X-Forwarded-Prefix": "/evil",
        "Forwarded": "for=6.6.6.6",
    }
    for path, role in (("/api/headers", ""), ("/echo", ""), ("/echo", "own-")):
        seen = headers_of(server.ask(path, role, headers=lies))
        me = server.own_address()
        assert seen["x-real-ip"] == me
        assert seen["x-forwarded-for"] == me
        assert seen["x-forwarded-proto"] == "https"
        assert seen["x-forwarded-host"] == server.hostname(role)
        assert seen["forwarded"] == f"for={me};host={server.hostname(role)};proto=https"
        assert "x-forwarded-prefix" not in seen
        assert seen["connection"] == "close", "a kept connection would outlive a switch"
    assert headers_of(server.ask("/api/headers"))["host"] == server.hostname()


def test_behind_a_cdn_the_client_is_whom_the_cdn_names_last(server: Server) -> None:
    named = {"X-Forwarded-For": "6.6.6.6, 192.0.2.7"}
    for path in ("/x", "/inside"):
        seen = headers_of(server.ask(path, "closed-", headers=named))
        assert seen["x-real-ip"] == "192.0.2.7"
        assert seen["x-forwarded-for"] == "192.0.2.7"
        assert seen["forwarded"].startswith("for=192.0.2.7;")
    other = {"X-Forwarded-For": "198.51.100.7"}
    assert server.ask("/x", "closed-", headers=other).status_code == 200
    assert server.ask("/inside", "closed-", headers=other).status_code == 403
    six = {"X-Forwarded-For": "2001:db8::7"}
    assert server.ask("/x", "closed-", headers=six).status_code == 503


def test_a_closed_site_says_so_to_all_but_some(server: Server) -> None:
    for headers in ({}, {"X-Forwarded-For": "192.0.2.7, 6.6.6.6"}, {"X-Forwarded-For": "nonsense"}):
        answer = server.ask("/inside/x", "closed-", headers=headers)
        assert answer.status_code == 503
        assert answer.text == 'Closed: "$5" \\ only.'
        assert answer.headers["retry-after"] == "300"
        assert answer.headers["content-type"].startswith("text/plain")
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_body_over_the_limit_is_refused(server: Server) -> None:
    for size, status in ((900_000, 200), (2_200_000, 413)):
        answer = server.ask("/api/echo", method="POST", content=b"a" * size)
        assert answer.status_code == status
        assert "strict-transport-security" in answer.headers


def test_a_stream_is_passed_on_at_once(server: Server) -> None:
    with server.streaming("/stream/events", headers={"Accept-Encoding": "gzip"}) as answer:
        lines = answer.iter_lines()
        assert next(lines) == "data: 1"
        # The second comes only because the first has arrived.
        assert server.ask("/echo/go").status_code == 200
        assert [line for line in lines if line] == ["data: 2"]
    with server.streaming("/api/events?interval=0.02") as answer:
        ticks = [line for line, _ in zip(answer.iter_lines(), range(9), strict=False)]
        assert "event: tick" in ticks


def test_a_websocket_goes_through(server: Server) -> None:
    with server.websocket("/ws/echo") as connection:
        for message in ("hello", "x" * 100_000):
            connection.send(message)
            assert connection.recv(timeout=20) == message


def test_a_silent_target_is_given_up(server: Server) -> None:
    assert server.ask("/quick/never").status_code == 504
    with server.streaming("/quick/silent") as answer:
        assert answer.status_code == 200
        with pytest.raises(httpx.RemoteProtocolError):
            answer.read()


def test_a_target_that_is_away_is_reported(server: Server) -> None:
    assert server.ask("/nowhere").status_code == 502


def test_another_server_is_asked_under_its_own_name_if_its_certificate_is_right(
    server: Server,
) -> None:
    seen = server.ask("/partner/api/headers")
    assert seen.status_code == 200
    host = dict(seen.json()["headers"])["host"]
    assert host.endswith(f".{ZONE}")
    assert host != server.hostname()
    assert server.ask("/distrusted/up.txt").status_code == 502


def test_a_password_is_asked_for_except_on_public_paths(server: Server, deployed: Deployed) -> None:
    refused = server.ask("/", "own-")
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"].startswith("Basic")
    assert server.ask("/", "own-", auth=("ops", "wrong")).status_code == 401
    assert server.ask("/", "own-", auth=("ops", deployed.password)).status_code == 200
    assert server.ask("/up.txt", "own-").status_code == 200


def test_a_certificate_that_is_given_is_served_and_its_key_is_the_proxys_alone(
    server: Server,
) -> None:
    with server.certificate("own-") as connection:
        certificate = connection.getpeercert()
        assert certificate
        assert "Test Authority" in str(certificate["issuer"])
    group, reader = {"caddy": ("caddy", "caddy"), "nginx": ("root", "www-data")}[server.kind]
    folder = f"/etc/{server.kind}/homeport.d"
    listed = server.run(f"stat -c '%a %U:%G' {folder}/*.key {folder}/*.auth").splitlines()
    assert listed == [f"640 root:{group}", f"640 root:{reader}"]
    others = server.console("runuser", "-u", "nobody", "--", "sh", "-c", f"cat {folder}/*")
    assert others.returncode != 0
    assert others.stdout == ""


def test_no_credentials_stand_in_the_access_log(server: Server) -> None:
    server.ask("/", "own-", auth=("ops", "typed-by-somebody"))
    log = server.run(f"cat /var/log/{server.kind}/*-own*.log")
    entries = [json.loads(line) for line in log.splitlines()]
    assert 401 in {entry["status"] for entry in entries}
    assert "b3BzOnR5cGVkLWJ5LXNvbWVib2R5" not in log, "Basic ops:typed-by-somebody in base64"


def test_nobody_but_caddy_and_root_reaches_its_admin_interface(deployed: Deployed) -> None:
    caddy = deployed.servers["caddy"]
    ask = ("curl", "-s", "-o", "/dev/null", "--unix-socket", "/run/caddy/admin.sock")
    url = "http://127.0.0.1/config/"
    assert caddy.console(*ask, url).returncode == 0
    assert caddy.console("runuser", "-u", "nobody", "--", *ask, url).returncode != 0
    assert ":2019" not in caddy.run("ss -Hltn")


def test_only_the_proxy_and_ssh_listen_in_public(server: Server) -> None:
    # For as long as the proxy changes, its stand-in listens too, behind the firewall.
    state = "systemctl show -P ActiveState homeport-return"
    until(lambda: server.run(state).strip() == "inactive", 700, "the proxy's return")
    listening = [line.split()[3] for line in server.run("ss -Hltn").splitlines()]
    public = {address for address in listening if not address.startswith(("127.", "[::1]:"))}
    own = {"53"} if server.name == "beside" else set()
    assert {address.rsplit(":", 1)[1] for address in public} == {"22", "80", "443"} | own


def test_two_thousand_visitors_who_say_nothing_keep_nobody_out(nginx: Server) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with contextlib.ExitStack() as opened:
        for _ in range(2000):
            opened.enter_context(socket.create_connection((nginx.address, 80), timeout=30))
        assert nginx.ask("/livez").status_code == 200
