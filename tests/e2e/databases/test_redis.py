"""A Redis server beside the databases: who gets in, and what stays."""

import pytest

from tests.e2e.databases.deployment import Deployed

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
CLIENT = 'read -r REDISCLI_AUTH; export REDISCLI_AUTH; exec redis-cli -h redis "$@"'
"""Reads its password on standard input."""


def asked(deployed: Deployed, password: str, *words: str) -> str:
    """Ask the server from a container on its network; return what it answered."""
    network = str(deployed.outputs()["network"])
    client = ["docker", "run", "--rm", "-i", "--network", network, "--entrypoint", "sh", "redis:7"]
    return deployed.run(*client, "-c", CLIENT, "client", *words, stdin=f"{password}\n").strip()


def password(deployed: Deployed) -> str:
    return str(deployed.outputs()["redis"]["password"])


def container(deployed: Deployed) -> str:
    return str(deployed.outputs()["redis"]["container"])


def test_only_who_knows_the_password_gets_in(deployed: Deployed) -> None:
    assert asked(deployed, password(deployed), "PING") == "PONG"
    assert "NOAUTH" in asked(deployed, "", "PING")
    assert "NOAUTH" in asked(deployed, "a-guess", "PING")


def test_it_listens_on_no_address_of_the_host_and_shows_its_password_to_nobody(
    deployed: Deployed,
) -> None:
    assert ":6379" not in deployed.run("ss", "-Hltn")
    secret, name = password(deployed), container(deployed)
    assert secret not in deployed.run("docker", "inspect", name)
    assert secret not in deployed.run("docker", "logs", name)
    assert secret not in deployed.run("ps", "axeww")
    found = deployed.run("grep", "-rlsF", "-e", secret, "/opt/homeport").split()
    assert found
    assert set(deployed.run("stat", "-c", "%a %u", *found).splitlines()) == {"400 999"}


def test_data_is_there_after_a_change_of_the_server(deployed: Deployed) -> None:
    secret = password(deployed)
    assert asked(deployed, secret, "SET", "kept", "42") == "OK"
    deployed.up(redis_mib="128")
    assert asked(deployed, secret, "GET", "kept") == "42"
    assert asked(deployed, secret, "CONFIG", "GET", "maxmemory").split() == [
        "maxmemory",
        str(96 * 2**20),
    ]


def test_a_new_rotation_locks_the_old_password_out_and_keeps_the_data(deployed: Deployed) -> None:
    old = password(deployed)
    assert asked(deployed, old, "SET", "rotated", "once") == "OK"
    deployed.up(redis_rotation="2")
    assert "NOAUTH" in asked(deployed, old, "PING")
    assert asked(deployed, password(deployed), "GET", "rotated") == "once"
    folder = f"/opt/homeport/{container(deployed).removesuffix('-redis')}/redis/redis"
    assert deployed.run("ls", folder).split() == ["2"]
