"""Logins: what the command provider gets, and the files from which `ssh` works alone."""

import subprocess
from pathlib import Path

import pytest

from components.ssh import (
    Bastion,
    Login,
    forget_connection,
    known_hosts,
    ssh_config,
    ssh_options,
    write_private,
)

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExample someone"
FOLDER = Path(".homeport/run/shop-staging/server")
LOGIN = Login(address="203.0.113.7", host_key=KEY, port=2222)
BASTION = Bastion(address="bastion.example.com", host_key=KEY, user="jump", port=2022)
THROUGH = Login(address="10.0.0.5", host_key=KEY, user="deploy", bastion=BASTION)


def test_the_configuration_pins_the_host_key_and_uses_only_its_own_key() -> None:
    assert ssh_config(FOLDER, "server", LOGIN, "203.0.113.7", keys={"key"}) == (
        "Host server 203.0.113.7\n"
        "  HostName 203.0.113.7\n"
        "  Port 2222\n"
        "  User root\n"
        "  HostKeyAlias server\n"
        "  IdentityFile .homeport/run/shop-staging/server/key\n"
        "  IdentitiesOnly yes\n"
        "  ControlMaster auto\n"
        "  ControlPath .homeport/run/shop-staging/server/mux\n"
        "  ControlPersist 60\n"
        "  ServerAliveInterval 15\n"
        "Host *\n"
        "  UserKnownHostsFile .homeport/run/shop-staging/server/known_hosts\n"
        "  GlobalKnownHostsFile /dev/null\n"
        "  StrictHostKeyChecking yes\n"
        "  BatchMode yes\n"
        "  ConnectTimeout 15\n"
    )


def test_without_a_key_the_agent_serves() -> None:
    text = ssh_config(FOLDER, "server", LOGIN, "203.0.113.7", keys=set())
    assert "Identit" not in text


def test_a_bastion_has_its_own_key_and_its_own_pinned_host_key() -> None:
    text = ssh_config(FOLDER, "server", THROUGH, "10.0.0.5", keys={"key", "bastion_key"})
    target, rest = text.split("Host bastion\n")
    assert "  ProxyJump bastion\n" in target
    assert "/key\n" in target
    assert rest.startswith(
        "  HostName bastion.example.com\n  Port 2022\n  User jump\n  HostKeyAlias bastion\n"
        "  IdentityFile .homeport/run/shop-staging/server/bastion_key\n"
    )
    assert known_hosts("server", KEY, BASTION).splitlines() == [
        "server ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExample",
        "bastion ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExample",
    ]


@pytest.mark.parametrize("login", [LOGIN, THROUGH])
@pytest.mark.parametrize("asked", ["server", "address"])
def test_openssh_reads_the_configuration_as_meant(tmp_path: Path, login: Login, asked: str) -> None:
    address = str(login.address)
    (tmp_path / "c").write_text(ssh_config(FOLDER, "server", login, address, keys={"key"}))
    name = address if asked == "address" else asked
    shown = subprocess.run(
        ["ssh", "-G", "-F", tmp_path / "c", name], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    wanted = {
        f"hostname {address}",
        f"user {login.user}",
        f"port {login.port}",
        "hostkeyalias server",
        "stricthostkeychecking true",
        "batchmode yes",
        "identitiesonly yes",
        f"controlpath {FOLDER}/mux",
        *(["proxyjump bastion"] if login.bastion else []),
    }
    assert wanted <= set(shown)


def test_the_control_path_leaves_room_for_what_ssh_adds_to_it() -> None:
    # A socket's path may have 104 bytes on macOS; ssh adds 17 while it makes the socket.
    longest = Path(".homeport/run-65535") / ("x" * 40) / ("y" * 20) / "mux"
    assert len(str(longest)) + 17 < 104


def test_files_are_private_and_written_only_when_they_change(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    write_private(folder, {"key": "1"})
    first = (folder / "key").stat()
    assert first.st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    write_private(folder, {"key": "1"})
    assert (folder / "key").stat().st_ino == first.st_ino
    write_private(folder, {"key": "2"})
    assert (folder / "key").read_text() == "2"
    assert [p.name for p in folder.iterdir()] == ["key"]


def test_a_file_that_others_can_read_is_made_private_again(tmp_path: Path) -> None:
    write_private(tmp_path, {"key": "1"})
    (tmp_path / "key").chmod(0o644)
    write_private(tmp_path, {"key": "1"})
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600


def test_ssh_gets_nothing_but_the_configuration() -> None:
    assert ssh_options("x/ssh_config") == ["-F", "x/ssh_config"]


def test_another_address_is_reached_by_another_connection(tmp_path: Path) -> None:
    forget_connection(tmp_path, "HostName 203.0.113.7\n")
    write_private(tmp_path, {"ssh_config": "HostName 203.0.113.7\n"})
    (tmp_path / "mux").touch()
    forget_connection(tmp_path, "HostName 203.0.113.7\n")
    assert (tmp_path / "mux").exists()
    forget_connection(tmp_path, "HostName 203.0.113.8\n")
    assert not (tmp_path / "mux").exists()
    forget_connection(tmp_path, "HostName 203.0.113.8\n")
