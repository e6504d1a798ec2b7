"""The tool `certificate`: one certificate from an authority, by certbot."""

import functools
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.processes.fake_commands import FakeCommands
from tests.processes.name_server import serving
from tests.processes.tool_runner import Ended, Machine

AUTHORITY = "https://acme.example.com/directory"
FOLDER = "/opt/homeport/shop-staging/acme"


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """Where a proxy answers challenges, as it should."""
    folder = tmp_path / "root/var/lib/homeport-acme"
    folder.mkdir(parents=True)
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def machine(tmp_path: Path, port: int) -> Machine:
    made = Machine(tmp_path / "root")
    made.environment["TEST_PORT"] = str(port)
    return made


@pytest.fixture
def commands(machine: Machine) -> FakeCommands:
    return FakeCommands(machine, "certbot")


def run(machine: Machine, verb: str = "up", **more: Any) -> Ended:
    spec = {
        "name": "web",
        "names": ["localhost"],
        "directory": AUTHORITY,
        "email": "ops@example.com",
        "challenges": "/var/lib/homeport-acme",
        "folder": FOLDER,
        "service": "nginx",
        "address": "203.0.113.7",
        "pauses": [0.1, 0.1],
        "port": int(machine.environment["TEST_PORT"]),
        **more,
    }
    return machine.run("certificate", verb, spec)


def recorded(
    machine: Machine, server: str = AUTHORITY, name: str = "web", way: str = "webroot"
) -> Path:
    """Make what certbot keeps of a certificate."""
    text = f"[renewalparams]\nserver = {server}\nauthenticator = {way}\n"
    return machine.write(f"{FOLDER}/renewal/{name}.conf", text)


def test_a_certificate_is_asked_for_in_the_stacks_own_folder(
    machine: Machine, commands: FakeCommands
) -> None:
    ended = run(machine)
    assert (ended.code, ended.out) == (0, "certificate for localhost\n")
    (line,) = commands.lines("certbot")
    own = f"{machine.root}{FOLDER}"
    assert line == (
        f"certbot certonly --non-interactive --config-dir {own} --work-dir {own}/work "
        f"--logs-dir {own}/logs --server {AUTHORITY} --agree-tos --email ops@example.com "
        f"--no-eff-email --webroot --webroot-path {machine.root}/var/lib/homeport-acme "
        "--key-type ecdsa --cert-name web --domain localhost --renew-with-new-domains "
        "--deploy-hook systemctl reload nginx --keep-until-expiring"
    )


@pytest.mark.parametrize(
    ("server", "way", "option"),
    [
        (AUTHORITY, "webroot", "--keep-until-expiring"),
        ("https://staging.example.com/d", "webroot", "--force-renewal"),
        (AUTHORITY, "manual", "--force-renewal"),
    ],
)
def test_a_certificate_of_another_authority_or_way_is_replaced_and_no_other(
    machine: Machine, commands: FakeCommands, server: str, way: str, option: str
) -> None:
    recorded(machine, server, way=way)
    assert run(machine).code == 0
    (line,) = commands.lines("certbot")
    assert line.endswith(option)


def test_a_new_address_is_told_to_the_authority_once(
    machine: Machine, commands: FakeCommands
) -> None:
    for email in ("ops@example.com", "new@example.com", "new@example.com"):
        assert run(machine, email=email).code == 0
    updates = [line for line in commands.lines("certbot") if "update_account" in line]
    assert len(updates) == 1
    assert updates[0].endswith(f"--email new@example.com --server {AUTHORITY}")


def test_a_refusal_says_what_the_authority_said_and_where_the_name_points_to(
    machine: Machine, commands: FakeCommands
) -> None:
    commands.answer("certbot", "Detail: 198.51.100.9: Invalid response", code=1)
    ended = run(machine)
    assert ended.code == 1
    assert f"{AUTHORITY} gave no certificate for localhost" in ended.err
    assert "Detail: 198.51.100.9: Invalid response" in ended.err
    assert "DNS: localhost is 127.0.0.1; this host is 203.0.113.7" in ended.err
    assert "next: let A records for localhost point to 203.0.113.7" in ended.err
    assert len(commands.lines("certbot certonly")) == 3
    assert machine.receipt("certificate-web") is None


@pytest.mark.usefixtures("commands")
def test_challenges_leave_nothing_behind(machine: Machine) -> None:
    assert run(machine).code == 0
    assert list((machine.root / "var/lib/homeport-acme").iterdir()) == []


def test_down_deletes_the_certificate_and_the_account_with_the_last_one(
    machine: Machine, commands: FakeCommands
) -> None:
    assert run(machine).code == 0
    recorded(machine)
    other = recorded(machine, name="other")
    account = machine.write(f"{FOLDER}/accounts/a/private_key.json", "{}")
    assert run(machine, "down").code == 0
    assert "certbot delete" in commands.lines("certbot")[-1]
    assert "--cert-name web" in commands.lines("certbot")[-1]
    assert machine.receipt("certificate-web") is None
    assert account.exists()
    for file in (other, other.with_name("web.conf")):
        file.unlink()
    assert run(machine, "down").code == 0
    assert not (machine.root / FOLDER.lstrip("/")).exists()


@pytest.fixture
def by_dns(machine: Machine, commands: FakeCommands) -> Iterator[dict[str, Any]]:
    """What the tool is told where an authority asks in the DNS, whose server says yes to all."""
    commands.add("nsupdate")
    commands.add("systemctl")
    put: list[str] = []

    def records(_name: str, kind: str) -> list[str]:
        if kind == "NS":
            return ["localhost."]
        changes = [call.stdin for call in commands.calls() if call.line.startswith("nsupdate")]
        put[:] = [text.split('"')[1] for text in changes if "update add" in text]
        return [f'"{value}"' for value in put]

    for server in serving(records):
        settings = {
            "zone": "example.com",
            "kind": "rfc2136",
            "server": "ns.example.com",
            "key_name": "updates",
            "algorithm": "hmac-sha256",
            "key": "c2VjcmV0",
            "port": server.port,
            "seconds": 5,
        }
        file = "/opt/homeport/shop-staging/acme-dns/web.json"
        machine.write("/etc/resolv.conf", "nameserver 127.0.0.1\n")
        machine.write(file, json.dumps(settings))
        yield {
            "names": ["example.com", "*.example.com"],
            "dns": file,
            "copy": {"path": "/etc/caddy/homeport.d/web.pem", "group": "caddy"},
            "service": "caddy",
        }


def obtained(machine: Machine, text: str) -> None:
    """Make what certbot leaves."""
    for part in ("fullchain", "privkey"):
        machine.write(f"{FOLDER}/live/web/{part}.pem", f"{part} {text}\n")


def test_a_wildcard_is_asked_for_in_the_dns_after_the_zone_has_been_tried(
    machine: Machine, commands: FakeCommands, by_dns: dict[str, Any]
) -> None:
    obtained(machine, "1")
    ended = run(machine, **by_dns)
    assert (ended.code, ended.err) == (0, "")
    before, line = commands.lines()[:-2], commands.lines("certbot")[0]
    assert before == ["nsupdate -v -t 30"] * 2, "one value in and out, for both names"
    tools, root = f"{machine.root}/opt/homeport/shop-staging/bin", machine.root
    settings = f"{root}{by_dns['dns']}"
    assert (
        "--manual --preferred-challenges dns "
        f"--manual-auth-hook {tools}/dnschallenge up <{settings} "
        f"--manual-cleanup-hook {tools}/dnschallenge down <{settings} --key-type ecdsa "
        "--cert-name web --domain example.com --domain *.example.com --renew-with-new-domains "
        f"--deploy-hook {tools}/certificate renewed <{root}{FOLDER}/renewed/web.json" in line
    )


def test_a_proxy_that_is_not_root_gets_certificate_and_key_in_one_file_and_takes_new_ones(
    machine: Machine, commands: FakeCommands, by_dns: dict[str, Any]
) -> None:
    copy = machine.root / "etc/caddy/homeport.d/web.pem"
    copy.parent.mkdir(parents=True)
    obtained(machine, "1")
    assert run(machine, **by_dns).code == 0
    assert copy.read_text() == "fullchain 1\nprivkey 1\n"
    assert copy.stat().st_mode & 0o777 == 0o640
    document = json.loads((machine.root / FOLDER[1:] / "renewed/web.json").read_text())
    assert document["step"] == "the certificate step-renewed", "or it would wait for its own end"
    commands.forget()
    assert machine.run("certificate", "renewed", document).code == 0
    assert commands.lines("systemctl") == [], "nothing is new"
    obtained(machine, "2")
    assert machine.run("certificate", "renewed", document).code == 0
    assert copy.read_text() == "fullchain 2\nprivkey 2\n"
    assert commands.lines("systemctl") == ["systemctl reload-or-try-restart caddy"]
    assert run(machine, "down", **by_dns).code == 0
    assert not copy.exists()


def test_a_zone_that_cannot_be_changed_is_said_before_an_authority_counts_a_failure(
    machine: Machine, commands: FakeCommands, by_dns: dict[str, Any]
) -> None:
    commands.answer("nsupdate", "update failed: NOTAUTH", code=2)
    ended = run(machine, **by_dns)
    assert ended.code == 1
    assert "the certificate step: ns.example.com refuses a change of zone example.com" in ended.err
    assert "update failed: NOTAUTH" in ended.err
    assert commands.lines("certbot") == []


def test_a_refusal_after_a_question_in_the_dns_says_nothing_of_addresses(
    machine: Machine, commands: FakeCommands, by_dns: dict[str, Any]
) -> None:
    commands.answer("certbot", "Detail: CAA record prevents issuance", code=1)
    ended = run(machine, **by_dns)
    assert "gave no certificate for example.com, *.example.com" in ended.err
    assert "Detail: CAA record prevents issuance" in ended.err
    assert "A records" not in ended.err
