"""The tool `certificate`: one certificate from an authority, by certbot."""

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.fake_commands import FakeCommands
from tests.unit.tool_runner import Ended, Machine

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


def recorded(machine: Machine, server: str = AUTHORITY, name: str = "web") -> Path:
    """Make what certbot keeps of a certificate."""
    return machine.write(f"{FOLDER}/renewal/{name}.conf", f"[renewalparams]\nserver = {server}\n")


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
    ("server", "option"),
    [(AUTHORITY, "--keep-until-expiring"), ("https://staging.example.com/d", "--force-renewal")],
)
def test_a_certificate_of_another_authority_is_replaced_and_no_other(
    machine: Machine, commands: FakeCommands, server: str, option: str
) -> None:
    recorded(machine, server)
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
