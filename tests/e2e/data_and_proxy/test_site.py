"""Sites on a real server: certificates, redirects, headers, access, and what a mistake does."""

import dataclasses
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.data_and_proxy.deployment import Deployed

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

ZONE = "proof.example.com"
SITE, WWW, STAFF = f"site.{ZONE}", f"www.{ZONE}", f"staff.{ZONE}"

ECHO = """
import http.server, json
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = json.dumps({"path": self.path, "headers": dict(self.headers)}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Release", "abc")
        self.send_header("X-Frame-Options", "DENY")
        self.end_headers()
        self.wfile.write(body)
    do_POST = do_GET
http.server.ThreadingHTTPServer(("127.0.0.1", 9999), Handler).serve_forever()
"""
"""What the site's /echo leads to."""


@dataclasses.dataclass(frozen=True)
class Answer:
    """An answer as curl sees it; header names and values in lower case."""

    status: int
    headers: dict[str, str]
    body: str


def curl(deployed: Deployed, url: str, *options: str) -> "subprocess.CompletedProcess[bytes]":
    """Ask from this machine, with the cloud's root as the only one that is trusted."""
    address, host = deployed.outputs()["address"], url.split("/")[2]
    resolve = [part for port in (80, 443) for part in ("--resolve", f"{host}:{port}:{address}")]
    argv = ["curl", "-sS", "-i", "--http1.1", "--cacert", str(deployed.cloud.ca_file), *resolve]
    return subprocess.run([*argv, *options, url], capture_output=True, check=False, timeout=60)


def ask(deployed: Deployed, url: str, *options: str) -> Answer:
    done = curl(deployed, url, "-H", "Expect:", *options)
    assert done.returncode == 0, done.stderr.decode()
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    return Answer(int(first.split()[1]), headers, body.decode(errors="replace"))


@pytest.fixture(scope="module")
def echo(deployed: Deployed) -> Iterator[str]:
    """The URL of the echo, which runs."""
    deployed.run("systemd-run", "-q", "--collect", "--unit=echo", "python3", "-c", ECHO)
    waiting = "until curl -s -o /dev/null http://127.0.0.1:9999/; do sleep 0.2; done"
    deployed.run("timeout", "20", "sh", "-c", waiting)
    yield f"https://{SITE}/echo"
    deployed.console("systemctl", "stop", "echo")


def test_a_site_answers_with_a_certificate_of_the_local_authority(deployed: Deployed) -> None:
    answer = ask(deployed, f"https://{SITE}/")
    assert answer.status == 200
    assert answer.body.startswith("<h1>it works</h1>")


def test_plain_http_leads_to_https_with_path_and_query(deployed: Deployed) -> None:
    answer = ask(deployed, f"http://{SITE}/a/b?c=d")
    assert answer.status == 308
    assert answer.headers["location"] == f"https://{SITE}/a/b?c=d"


def test_another_name_redirects_to_the_site_with_path_and_query(deployed: Deployed) -> None:
    answer = ask(deployed, f"https://{WWW}/a?b=c")
    assert answer.status == 301
    assert answer.headers["location"] == f"https://{SITE}/a?b=c"


def test_a_name_that_is_no_site_gets_nothing(deployed: Deployed) -> None:
    assert ask(deployed, "http://other.example.com/").status == 404
    assert curl(deployed, "https://other.example.com/", "-k").returncode == 35


@pytest.mark.parametrize(("path", "status"), [("/", 200), ("/inside", 403), ("/up.txt", 200)])
def test_every_answer_has_the_security_headers_even_an_error(
    deployed: Deployed, path: str, status: int
) -> None:
    answer = ask(deployed, f"https://{SITE}{path}")
    assert answer.status == status
    assert answer.headers["strict-transport-security"] == "max-age=300"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "sameorigin"
    assert answer.headers["referrer-policy"] == "strict-origin-when-cross-origin"
    assert answer.headers["content-security-policy"] == "default-src 'self'"
    assert "server" not in answer.headers


def test_answers_are_compressed_for_those_who_can(deployed: Deployed) -> None:
    answer = ask(deployed, f"https://{SITE}/", "-H", "Accept-Encoding: gzip")
    assert answer.headers["content-encoding"] == "gzip"


def test_a_single_page_app_gets_its_page_for_paths_without_a_file(deployed: Deployed) -> None:
    assert "it works" in ask(deployed, f"https://{SITE}/orders/7").body
    assert ask(deployed, f"https://{SITE}/up.txt").body == "up\n"


def test_a_path_may_be_for_some_networks_only(deployed: Deployed) -> None:
    assert ask(deployed, f"https://{SITE}/inside").status == 403
    assert ask(deployed, f"https://{SITE}/inside/x").status == 403
    assert ask(deployed, f"https://{SITE}/insider").status == 200


def test_an_app_sees_who_asks_and_nobody_can_pretend_to_be_another(
    deployed: Deployed, echo: str
) -> None:
    lies = ("X-Forwarded-For: 6.6.6.6", "X-Real-IP: 6.6.6.6", "Forwarded: for=6.6.6.6")
    answer = ask(deployed, f"{echo}/x?y=z", *(word for lie in lies for word in ("-H", lie)))
    seen = json.loads(answer.body)
    headers = {name.lower(): value for name, value in seen["headers"].items()}
    assert seen["path"] == "/x?y=z"
    me = headers["x-real-ip"]
    assert me != "6.6.6.6"
    assert headers["x-forwarded-for"] == me
    assert headers["x-forwarded-proto"] == "https"
    assert headers["x-forwarded-host"] == SITE
    assert headers["forwarded"] == f"for={me};host={SITE};proto=https"
    assert headers["connection"] == "close", "a kept connection would outlive a switch"


def test_what_an_app_says_of_itself_passes_and_its_own_headers_win(
    deployed: Deployed, echo: str
) -> None:
    headers = ask(deployed, echo).headers
    assert headers["x-release"] == "abc"
    assert headers["x-frame-options"] == "deny"


def test_a_body_over_the_limit_is_refused(deployed: Deployed, echo: str, tmp_path: Path) -> None:
    for size, status in ((900_000, 200), (2_000_000, 413)):
        body = tmp_path / "body"
        body.write_bytes(b"a" * size)
        assert ask(deployed, echo, "--data-binary", f"@{body}").status == status


def test_an_app_that_is_away_is_waited_for_and_then_reported(deployed: Deployed) -> None:
    deployed.console("systemctl", "stop", "echo")
    assert ask(deployed, f"https://{SITE}/echo").status == 502


def test_a_password_is_asked_for_except_on_public_paths(deployed: Deployed) -> None:
    password = deployed.outputs()["passwords"]["other_app"]
    assert ask(deployed, f"https://{STAFF}/").status == 401
    assert ask(deployed, f"https://{STAFF}/", "-u", "ops:wrong").status == 401
    assert ask(deployed, f"https://{STAFF}/", "-u", f"ops:{password}").status == 200
    assert ask(deployed, f"https://{STAFF}/up.txt").status == 200


def test_no_credentials_stand_in_the_access_log(deployed: Deployed) -> None:
    ask(deployed, f"https://{STAFF}/", "-u", "ops:typed-by-somebody")
    log = deployed.run("sh", "-c", "cat /var/log/caddy/*-staff.log")
    assert '"status":401' in log
    assert "b3BzOnR5cGVkLWJ5LXNvbWVib2R5" not in log, "Basic ops:typed-by-somebody in base64"


def test_only_the_proxy_and_ssh_listen_in_public(deployed: Deployed) -> None:
    listening = deployed.run("ss", "-Hltn").splitlines()
    public = {line.split()[3] for line in listening if "127.0.0" not in line.split()[3]}
    assert {address.rsplit(":", 1)[1] for address in public} == {"22", "80", "443"}


def test_the_proxys_admin_socket_is_closed_to_other_accounts(deployed: Deployed) -> None:
    request = ("curl", "-sS", "--unix-socket", "/run/caddy/admin.sock", "http://x/config/")
    refused = deployed.console("runuser", "-u", "nobody", "--", *request)
    assert refused.returncode != 0
    assert deployed.console(*request).returncode == 0, "the test itself must be able to ask"


def test_a_configuration_that_caddy_refuses_is_taken_back_and_the_site_goes_on(
    deployed: Deployed,
) -> None:
    config = f"/etc/caddy/homeport.d/proof-{deployed.stack}-site.caddy"
    broken = "/etc/caddy/homeport.d/zz-broken.caddy"
    before = deployed.run("cat", config)
    deployed.run("tee", broken, stdin="broken.example.com {\n\tnonsense\n}\n")
    try:
        error = deployed.failing_up(max_body_mib="2")
        assert "caddy validate" in error
        assert "no file on the host was changed" in error
        assert deployed.run("cat", config) == before
        assert ask(deployed, f"https://{SITE}/").status == 200
    finally:
        deployed.run("rm", broken)
    deployed.up()
    assert "max_size 2MiB" in deployed.run("cat", config)
    assert ask(deployed, f"https://{SITE}/").status == 200
    deployed.up(max_body_mib=None)


def test_the_sites_come_back_by_themselves_after_a_crash(deployed: Deployed) -> None:
    deployed.run("systemctl", "kill", "--signal=KILL", "caddy")
    back = f"until curl -sk -o /dev/null --resolve {SITE}:443:127.0.0.1 https://{SITE}/"
    deployed.run("timeout", "30", "sh", "-c", f"{back}; do sleep 0.2; done")
    assert ask(deployed, f"https://{SITE}/").status == 200
