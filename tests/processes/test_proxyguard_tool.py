"""The tool `proxyguard`: a host whose proxy serves somebody else is refused."""

import hashlib
from pathlib import Path

import pytest

from tests.processes.fake_commands import FakeCommands
from tests.processes.tool_runner import Ended, Machine

CADDYFILE = "/etc/caddy/Caddyfile"
CADDY = 'LISTEN 0 4096 *:80 *:* users:(("caddy",pid=311,fd=7))\n'
NGINX = 'LISTEN 0 511 0.0.0.0:80 0.0.0.0:* users:(("nginx",pid=5,fd=6),("nginx",pid=6,fd=6))\n'


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    root = tmp_path / "root"
    root.mkdir()
    return Machine(root)


@pytest.fixture
def commands(machine: Machine) -> FakeCommands:
    return FakeCommands(machine, "ss", "dpkg-query")


def guard(machine: Machine) -> Ended:
    spec = {"configuration": CADDYFILE, "command": "caddy", "ports": [80, 443]}
    return machine.run("proxyguard", "up", spec)


def test_a_host_without_a_proxy_is_free(machine: Machine, commands: FakeCommands) -> None:
    assert guard(machine).code == 0
    assert commands.lines("ss") == ["ss -Hltnp sport = :80", "ss -Hltnp sport = :443"]


def test_a_proxy_as_its_package_shipped_it_may_be_taken(
    machine: Machine, commands: FakeCommands
) -> None:
    machine.write(CADDYFILE, "stock")
    md5 = hashlib.md5(b"stock", usedforsecurity=False).hexdigest()
    commands.answer("dpkg-query", f" /etc/caddy/Caddyfile {md5}\n")
    commands.answer("ss -Hltnp sport = :80", CADDY)
    assert guard(machine).code == 0


def test_a_configuration_of_another_stack_of_ours_may_be_shared(
    machine: Machine, commands: FakeCommands
) -> None:
    machine.write(CADDYFILE, "ours")
    commands.answer("dpkg-query", f" /etc/caddy/Caddyfile {'0' * 32}\n")
    other = machine.root / "opt/homeport/shop-production/receipts/proxy.json"
    other.parent.mkdir(parents=True)
    other.write_text('{"files": [{"path": "/etc/caddy/Caddyfile"}]}')
    assert guard(machine).code == 0


@pytest.mark.parametrize("shipped", ["", f" /etc/caddy/Caddyfile {'0' * 32}\n"])
def test_a_configuration_of_somebody_else_is_refused_and_left_alone(
    machine: Machine, commands: FakeCommands, shipped: str
) -> None:
    file = machine.write(CADDYFILE, "theirs")
    commands.answer("dpkg-query", shipped)
    ended = guard(machine)
    assert ended.code == 1
    assert f"{CADDYFILE} is not Homeport's" in ended.err
    assert "next: this host's caddy serves somebody else's sites" in ended.err
    assert file.read_text() == "theirs"


@pytest.mark.parametrize("port", [80, 443])
def test_a_port_that_another_program_holds_is_refused_with_its_name(
    machine: Machine, commands: FakeCommands, port: int
) -> None:
    commands.answer(f"ss -Hltnp sport = :{port}", NGINX)
    ended = guard(machine)
    assert ended.code == 1
    assert f"port {port} is held by nginx, caddy needs it" in ended.err


def test_a_port_that_nobody_admits_to_hold_is_refused_too(
    machine: Machine, commands: FakeCommands
) -> None:
    commands.answer("ss -Hltnp sport = :80", "LISTEN 0 511 0.0.0.0:80 0.0.0.0:*\n")
    ended = guard(machine)
    assert ended.code == 1
    assert "port 80 is held by an unknown program" in ended.err


def shared_guard(machine: Machine) -> Ended:
    spec = {
        "configuration": "/etc/nginx/nginx.conf",
        "includes": "/etc/nginx/sites-enabled/",
        "package": "nginx-common",
        "command": "nginx",
        "ports": [80, 443],
    }
    return machine.run("proxyguard", "up", spec)


def test_a_proxy_that_serves_others_too_may_be_shared_if_it_reads_our_folder(
    machine: Machine, commands: FakeCommands
) -> None:
    commands.answer("ss -Hltnp sport = :80", NGINX)
    file = machine.write(
        "/etc/nginx/nginx.conf", "http {\n\tinclude /etc/nginx/sites-enabled/*;\n}\n"
    )
    assert shared_guard(machine).code == 0
    file.write_text("http {\n\t#include /etc/nginx/sites-enabled/*;\n}\n")
    ended = shared_guard(machine)
    assert ended.code == 1
    assert "/etc/nginx/nginx.conf does not include /etc/nginx/sites-enabled/*" in ended.err
    assert "write `include /etc/nginx/sites-enabled/*;` into its `http` part" in ended.err
