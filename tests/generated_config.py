"""Random but valid configurations of the starter, the same for the same seed everywhere."""

import base64
import random
from typing import Any

from components import hetzner_catalogue as catalogue

DIGEST = "sha256:" + "89abcdef01234567" * 4
MARK = "s3cr3t"
"""Every generated secret holds it."""


def configuration(seed: int) -> dict[str, Any]:
    """Return a configuration whose secrets are written as `{secure: VALUE}`."""
    rng = random.Random(seed)  # noqa: S311 (a test that can be repeated)
    values: dict[str, Any] = {
        "domain": f"{_word(rng)}.{_word(rng)}.example.org",
        "acme": {
            "email": f"{_word(rng)}@example.org",
            "directory": rng.choice(["letsencrypt", "https://ca.example.net/directory"]),
        },
        "app": _app(rng),
        "site": {"hsts_seconds": rng.choice([0, 300, 31_536_000])},
        "postgres": {
            "image": rng.choice(["postgres:17", f"postgres:16.4-bookworm@{DIGEST}", "postgres:18"]),
            "memory_mib": rng.randrange(128, 900),
            "protect": _coin(rng),
        },
        "secret_rotation": {"database": rng.randrange(1, 5)},
        **(_server(rng) if rng.random() < 0.6 else _existing_server(rng)),
    }
    if _coin(rng):
        zone = values["domain"].split(".", rng.randrange(2))[-1]
        values["dns"] = {"zone": zone, "create_zone": _coin(rng), "manage": _coin(rng)}
    if _coin(rng):
        values["site"]["redirects_from"] = [f"www.{values['domain']}"]
    if _coin(rng):
        values["site"]["basic_auth_user"] = _word(rng)
        values["basic_auth_password"] = {"secure": _secret(rng)}
    if _coin(rng):
        values["registry"] = {"server": "ghcr.io", "username": _word(rng)}
        values["registry_password"] = {"secure": _secret(rng)}
    return values


def _app(rng: random.Random) -> dict[str, Any]:
    app: dict[str, Any] = {
        "image": rng.choice([f"ghcr.io/{_word(rng)}/app:1.2.3", f"ghcr.io/app:v4@{DIGEST}"]),
        "health_path": rng.choice(["/", "/healthz", "/api/health.json"]),
        "memory_mib": rng.randrange(64, 300),
        "worker_memory_mib": rng.randrange(64, 300),
        "start_timeout_seconds": rng.randrange(10, 600),
        "drain_seconds": rng.randrange(1, 120),
        "environment": {
            f"{_word(rng).upper()}_{n}": rng.choice(["", "1", "a b", "ü", '"q" \\ $x', "{a: b}"])
            for n in range(rng.randrange(4))
        },
    }
    if rng.random() < 0.3:
        app["port"] = rng.randrange(10_000, 20_000)
    return app


def _server(rng: random.Random) -> dict[str, Any]:
    kind = rng.choice([k for k in catalogue.SERVER_TYPES.values() if k.memory_gib >= 4])
    server: dict[str, Any] = {
        "type": kind.name,
        "location": rng.choice(kind.locations or catalogue.LOCATIONS),
        "image": rng.choice(catalogue.IMAGES),
        "protect": _coin(rng),
        "admin_keys": [_public_key(rng) for _ in range(rng.randrange(3))],
        "swap_mib": rng.choice([0, 512, 4096]),
    }
    if _coin(rng):
        server["volume_gib"] = rng.randrange(10, 200)
    if _coin(rng):
        server["ssh_networks"] = ["198.51.100.0/24", "2001:db8:1::/48"]
    return {"server": server}


def _existing_server(rng: random.Random) -> dict[str, Any]:
    privilege = rng.choice(["root", "sudo", "sudo-password", "su-password"])
    server: dict[str, Any] = {
        "address": rng.choice(["198.51.100.9", f"{_word(rng)}.example.net"]),
        "port": rng.choice([22, 2222, 22022]),
        "user": "root" if privilege == "root" else _word(rng),
        "host_key": _public_key(rng),
        "privilege": privilege,
        "install_docker": _coin(rng),
        "nftables": _coin(rng),
    }
    values: dict[str, Any] = {"existing_server": server}
    if privilege.endswith("-password"):
        values["existing_server_password"] = {"secure": _secret(rng)}
    if _coin(rng):
        server["memory_mib"] = rng.randrange(4096, 65_536)
    if _coin(rng):
        server["bastion"] = {
            "address": "bastion.example.net",
            "user": _word(rng),
            "host_key": _public_key(rng),
        }
    return values


def _public_key(rng: random.Random) -> str:
    """Return a line with a real Ed25519 type and 32 bytes; any 32 bytes are a key to look at."""
    kind = b"ssh-ed25519"
    body = len(kind).to_bytes(4) + kind + (32).to_bytes(4) + rng.randbytes(32)
    return f"ssh-ed25519 {base64.b64encode(body).decode()}"


def _word(rng: random.Random) -> str:
    return "".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randrange(3, 10)))


def _secret(rng: random.Random) -> str:
    return MARK + "".join(rng.choices("abcXYZ0189$\"'\\ {}%", k=16)) + "z"


def _coin(rng: random.Random) -> bool:
    return rng.random() < 0.5
