"""The policy pack's rules, one by one, and over everything that the starter asks for."""

from pathlib import Path
from typing import Any

import pytest

from policy import guards
from tests import stack_files
from tests.recorder import record, reveal

ROOT = Path(__file__).parents[2]
CONTAINER, FIREWALL = guards.CONTAINER, guards.FIREWALL
REMOTE = "command:remote:Command"
PINNED = {"connection": {"hostKey": "ssh-ed25519 AAAA"}}
CANARY = "hunter2hunter2"


def findings(kind: str, props: dict[str, Any]) -> list[str]:
    return [wrong for rule in guards.RULES for wrong in rule(kind, props)]


def firewall(port: str, *sources: str, protocol: str = "tcp") -> dict[str, Any]:
    rule = {"direction": "in", "protocol": protocol, "port": port, "sourceIps": [*sources]}
    return {"rules": [rule]}


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    (CONTAINER, {"image": "a:1", "ports": [{"internal": 80, "external": 80}]}, "port 80 is publis"),
    (CONTAINER, {"image": "a:1", "ports": [{"internal": 80, "ip": "0.0.0.0"}]}, "set ip to 127.0."),
    (CONTAINER, {"image": "a:1", "networkMode": "host"}, "network_mode is host"),
    (guards.SERVICE, {"endpointSpec": {"ports": [{"targetPort": 80}]}}, "publishes ports on every"),
    (CONTAINER, {"image": "a:1", "privileged": True}, "is privileged"),
    (CONTAINER, {"image": "a:1", "mounts": [{"source": "/run/docker.sock"}]}, "gets the Docker so"),
    (CONTAINER, {"image": "a:1", "volumes": [{"hostPath": "/var/run/docker.sock"}]}, "gets the Do"),
    (CONTAINER, {"image": "ghcr.io/x/app"}, "does not say which version"),
    (CONTAINER, {"image": "localhost:5000/app:latest"}, "does not say which version"),
    (
        CONTAINER,
        {"image": "a:1", "envs": [f"DB_PASSWORD={CANARY}"]},
        "the environment holds DB_PAS",
    ),
    (REMOTE, {"connection": {"host": "h"}}, "connects to whoever answers"),
    (REMOTE, {"connection": {"hostKey": "k", "proxy": {"host": "b"}}}, "goes through whoever answ"),
    (REMOTE, {**PINNED, "create": f"PGPASSWORD={CANARY} psql"}, "create seems to hold a secret"),
    (REMOTE, {**PINNED, "create": f"psql postgres://app:{CANARY}@db"}, "create seems to hold"),
    (REMOTE, {**PINNED, "delete": f"login --password {CANARY}"}, "delete seems to hold a secret"),
    (REMOTE, {**PINNED, "triggers": [f"token={CANARY}"]}, "triggers seems to hold a secret"),
    (REMOTE, {**PINNED, "environment": {"API_KEY": CANARY}}, "environment seems to hold a secret"),
    (
        "command:local:Command",
        {"create": f"curl -H 'Authorization: Bearer {CANARY}' x"},
        "create seems to hold a secret",
    ),
    (FIREWALL, firewall("5432", "0.0.0.0/0"), "opens port 5432 to everybody"),
    (FIREWALL, firewall("1-65535", "::/0"), "opens port 1-65535 to everybody"),
]


@pytest.mark.parametrize(("kind", "props", "said"), REFUSED)
def test_the_pack_refuses(kind: str, props: dict[str, Any], said: str) -> None:
    [wrong] = findings(kind, props)
    assert said in wrong
    assert CANARY not in wrong


PASSED: list[tuple[str, dict[str, Any]]] = [
    (CONTAINER, {"image": "sha256:abc", "ports": [{"internal": 80, "ip": "127.0.0.1"}]}),
    (CONTAINER, {"image": "a:1", "envs": ["DB_PASSWORD_FILE=/run/secrets/x", "TOKENS_PER_S=5"]}),
    (REMOTE, {**PINNED, "create": "/opt/homeport/x/bin/files up"}),
    (REMOTE, {**PINNED, "create": 'PGPASSWORD="$(cat /run/secret)" psql', "stdin": CANARY}),
    (FIREWALL, firewall("443", "0.0.0.0/0", "::/0")),
    (FIREWALL, firewall("5432", "198.51.100.0/24")),
    (FIREWALL, firewall("", "0.0.0.0/0", protocol="icmp")),
]


@pytest.mark.parametrize(("kind", "props"), PASSED)
def test_the_pack_lets_pass(kind: str, props: dict[str, Any]) -> None:
    assert findings(kind, props) == []


@pytest.mark.parametrize("stack", ["staging", "production"])
def test_the_starter_keeps_every_rule(stack: str) -> None:
    plain, _ = stack_files.read(ROOT / f"Pulumi.{stack}.yaml")
    made = record(ROOT / "__main__.py", stack=stack, config=plain)
    wrong = [
        f"{thing.name}: {found}"
        for thing in made.resources
        for found in findings(thing.type, reveal(thing.inputs))
    ]
    assert wrong == []
    protected = {r.urn: (r.type, bool(r.options.protect)) for r in made.resources}
    assert list(guards.protection_is_whole(protected)) == []


def test_a_protected_server_with_an_unprotected_address_is_refused() -> None:
    server, address = "hcloud:index/server:Server", "hcloud:index/primaryIp:PrimaryIp"
    [(urn, wrong)] = guards.protection_is_whole({"a": (server, True), "b": (address, False)})
    assert urn == "b"
    assert "set protect on it" in wrong
    assert not [*guards.protection_is_whole({"a": (server, False), "b": (address, False)})]
    assert not [*guards.protection_is_whole({"a": (server, True), "c": ("x:y:Z", False)})]
