"""Bad configurations: a change of a good one, the key that is named, a part of what is said."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from components.config import ConfigError, StackConfig
from tests import stack_files
from tests.recorder import record

CANARY = "canary-Zq7rT2xW9"


def ssh(key: Any) -> str:
    """Return the public line of a private key made for this run."""
    formats = serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    return f"{key.public_key().public_bytes(*formats).decode()}"


def private(key: Any, password: bytes | None = None) -> str:
    """Return the private file of a key."""
    encryption = (
        serialization.BestAvailableEncryption(password)
        if password
        else serialization.NoEncryption()
    )
    formats = serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH
    return str(key.private_bytes(*formats, encryption).decode())


ED25519 = ed25519.Ed25519PrivateKey.generate()
GOOD_KEY = ssh(ED25519)
WEAK_RSA = ssh(rsa.generate_private_key(65537, 2048))
STRONG_RSA = ssh(rsa.generate_private_key(65537, 3072))
DSA = f"ssh-dss {GOOD_KEY.split()[1]}"
DIGEST = "sha256:" + "0123456789abcdef" * 4
CONTEXT = "path: systems/odoo/image"
PINNED = f"images: {{require_digest: true}}, postgres: {{image: 'postgres:17@{DIGEST}'}}"

GOOD: dict[str, Any] = {
    "domain": "ledger.example.org",
    "server": {"type": "cx23", "location": "fsn1"},
    "acme": {"email": "ops@example.org"},
    "app": {"image": "ghcr.io/homeport/ledger:1.0.0", "health_path": "/healthz"},
}
EXISTING: dict[str, Any] = {
    "server": None,
    "existing_server": {"address": "198.51.100.7", "user": "deploy", "host_key": GOOD_KEY},
}


def load() -> None:
    """Read the configuration as a program does."""
    StackConfig.load()


def problems(
    values: dict[str, Any],
    folder: Path,
    stack: str = "staging",
    project: str = "homeport",
    program: Callable[[], None] = load,
) -> dict[str, str]:
    """Return what is refused by key; fails when nothing is, or when a canary can be read."""
    plain, secret = stack_files.split(values)
    with pytest.raises(ConfigError) as caught:
        record(
            program,
            config=plain,
            secrets=secret,
            stack=stack,
            project=project,
            root=folder,
        )
    text = str(caught.value)
    assert CANARY not in text
    for problem in caught.value.problems:
        assert problem.text(project) in text
    return {problem.path: problem.text(project) for problem in caught.value.problems}


# Each: what is changed in the good configuration; the key that is named; a part of what is said.
BAD: list[tuple[str, str, str]] = [
    # Keys
    ("domian: a.example.org", "domian", "is no known key: did you mean domain?"),
    ("color: blue", "color", "is no known key: remove it, or use one of domain, acme"),
    ("server: {typ: cx23}", "server.typ", "did you mean type?"),
    ("app: {replicas: 3}", "app.replicas", "remove it, or use one of image, memory_mib"),
    ("domain: null", "domain", "is missing: set it, for example by `pulumi config set domain"),
    (
        "app: {image: null}",
        "app.image",
        "is missing: set it, for example by `pulumi config set --p",
    ),
    ("acme: null", "acme", "is missing"),
    ("server: null", "server", "is missing, and existing_server as well: give server (type, loc"),
    ("server: {location: null}", "server.location", "is missing"),
    ("app: {health_path: null}", "app.health_path", "is missing"),
    # Types
    ("server: cx23", "server", "is no object (got 'cx23')"),
    ("app: [a]", "app", "is no object (got a list)"),
    ("app: {memory_mib: 512MB}", "app.memory_mib", "is no whole number (got '512MB'): write it wi"),
    ('app: {memory_mib: "512"}', "app.memory_mib", "is no whole number (got '512')"),
    ("app: {memory_mib: 512.5}", "app.memory_mib", "is no whole number (got 512.5)"),
    ("server: {protect: 'yes'}", "server.protect", "is neither true nor false (got 'yes')"),
    ("server: {admin_keys: all}", "server.admin_keys", "is no list (got 'all')"),
    ("acme: {email: 5}", "acme.email", "is no text (got 5): write it in quotes"),
    ("backups_enabled: maybe", "backups_enabled", "is neither true nor false (got 'maybe')"),
    ("app: {environment: [A]}", "app.environment", "is no object"),
    # Host names
    ("domain: https://a.example.org", "domain", "is a URL (got 'https://a.example.org'): give the"),
    ("domain: a.example.org.", "domain", "ends with a dot"),
    ("domain: '*.example.org'", "domain", "is a wildcard"),
    ("domain: 192.0.2.7", "domain", "is an IP address"),
    ("domain: '2001:db8::1'", "domain", "is an IP address"),
    ("domain: a.example.org:8443", "domain", "holds a port"),
    ("domain: bücher.example.org", "domain", "write it in its DNS form, xn--bcher-kva.example.org"),
    ("domain: Ledger.example.org", "domain", "holds capital letters"),
    ("domain: my_app.example.org", "domain", "holds an underscore"),
    ("domain: -a.example.org", "domain", "has the part '-a'"),
    ("domain: a..example.org", "domain", "has an empty part"),
    ("domain: ledger", "domain", "has no dot"),
    ("domain: a.example.123", "domain", "ends with a number"),
    (f"domain: {'a' * 64}.example.org", "domain", "has a part of more than 63 characters"),
    (f"domain: {'a.' * 130}org", "domain", "is longer than 253 characters"),
    ("domain: ''", "domain", "is empty"),
    ("domain: ' a.example.org'", "domain", "starts or ends with a blank"),
    ("domain: ledger.internal", "domain", "is a private name, for which no public certificate"),
    ("dns: {zone: example.com}", "domain", "is not inside the zone example.com (got ledger.exam"),
    ("dns: {zone: dger.example.org}", "domain", "is not inside the zone dger.example.org"),
    (
        "site: {redirects_from: [a.example.org, a.example.org]}",
        "site.redirects_from",
        "has a.example.org twice",
    ),
    (
        "site: {redirects_from: [b.example.org, ledger.example.org]}",
        "site.redirects_from[1]",
        "is the domain itself",
    ),
    # Images
    ("app: {image: ghcr.io/homeport/ledger}", "app.image", "has no tag"),
    ("app: {image: 'localhost:5000/ledger'}", "app.image", "has no tag"),
    ("app: {image: 'ledger:latest'}", "app.image", "says `latest`"),
    ("app: {image: 'ledger:1@sha256:abc'}", "app.image", "has a bad digest"),
    (f"app: {{image: 'ledger@{DIGEST}'}}", "app.image", "has no tag"),
    ("app: {image: 'Ledger:1'}", "app.image", "has a bad name"),
    ("app: {image: 'ledger:1.0 beta'}", "app.image", "has a bad tag"),
    ("app: {image: 'https://ghcr.io/x/ledger:1'}", "app.image", "is a URL"),
    ("app: {image: 5}", "app.image", "is no text (got 5)"),
    # Images that the server builds
    (f"app: {{image: {{{CONTEXT}, base: python}}}}", "app.image.base", "has no tag"),
    (f"app: {{image: {{{CONTEXT}, base: 'x:1-arm64'}}}}", "app.image.base", "another processor"),
    (f"app: {{image: {{{CONTEXT}, memory: 5}}}}", "app.image.memory", "did you mean memory_mib?"),
    (f"app: {{image: {{{CONTEXT}, memory_mib: 5}}}}", "app.image.memory_mib", "is less than 64"),
    (f"app: {{image: {{{CONTEXT}, commit: {'a' * 40}}}}}", "app.image", "is no whole source"),
    (
        f"app: {{image: {{{CONTEXT}, file: ../x}}}}",
        "app.image.file",
        "is no path inside the folder",
    ),
    (f"app: {{image: {{{CONTEXT}, file: Other}}}}", "app.image", "has no Other at path"),
    ("app: {image: {path: nowhere}}", "app.image", "has no Dockerfile at path: add Dockerfile to"),
    (
        f"app: {{image: {{{CONTEXT}, arguments: {{API_TOKEN: x}}}}}}",
        "app.image.arguments.API_TOKEN",
        "is a secret by its name, which the image would hold",
    ),
    (
        f"app: {{image: {{{CONTEXT}, arguments: {{BASE: 'x:1'}}}}}}",
        "app.image.arguments.BASE",
        "is set by base",
    ),
    (
        f"app: {{image: {{{CONTEXT}, arguments: {{a-b: x}}}}}}",
        "app.image.arguments.a-b",
        "is no name of an argument",
    ),
    (
        f"{{{PINNED}, app: {{image: {{{CONTEXT}, base: 'x:1'}}}}}}",
        "app.image.base",
        "has no digest, which images.require_digest asks for",
    ),
    (
        f"{{{PINNED}, app: {{image: {{{CONTEXT}}}}}}}",
        "app.image.base",
        "is missing, and images.require_digest wants to see its digest",
    ),
    ("postgres: {image: 'postgres:bookworm'}", "postgres.image", "does not begin with a major"),
    ("postgres: {image: 'postgres:12'}", "postgres.image", "a major version from 14 on"),
    (
        "{images: {require_digest: true}, postgres: {image: 'postgres:17@" + DIGEST + "'}}",
        "app.image",
        "has no digest, which images.require_digest asks for",
    ),
    (
        "app: {image: 'ghcr.io/homeport/ledger:1.0.0-arm64'}",
        "app.image",
        "is for another processor than cx23, which is x86",
    ),
    (
        "{server: {type: cax11}, postgres: {image: 'amd64/postgres:17'}}",
        "postgres.image",
        "use an image for arm, or another server.type",
    ),
    # Sizes
    (
        "server: {type: cx99}",
        "server.type",
        "is no server type (got 'cx99'): use one of cx23, cx33",
    ),
    ("server: {location: frankfurt}", "server.location", "is no location (got 'frankfurt')"),
    ("server: {location: ash}", "server.location", "has no cx23 (got 'ash'): use one of fsn1"),
    ("server: {image: debian-11}", "server.image", "is no supported system (got 'debian-11')"),
    ("server: {volume_gib: 5}", "server.volume_gib", "is less than 10 (got 5): use 10 or more"),
    ("server: {swap_mib: -1}", "server.swap_mib", "is less than 0 (got -1)"),
    ("postgres: {memory_mib: 3500}", "postgres.memory_mib", "does not fit: 5036 MiB are needed"),
    ("app: {memory_mib: 2000}", "app.memory_mib", "the server has 4096"),
    ("app: {memory_mib: 16}", "app.memory_mib", "is less than 64"),
    ("postgres: {memory_mib: 64}", "postgres.memory_mib", "is less than 128"),
    ("app: {drain_seconds: 0}", "app.drain_seconds", "is less than 1 (got 0)"),
    ("app: {start_timeout_seconds: 99999}", "app.start_timeout_seconds", "is more than 3600"),
    ("site: {hsts_seconds: -5}", "site.hsts_seconds", "is less than 0"),
    (
        "{acme: {directory: letsencrypt-staging}, site: {hsts_seconds: 31536000}}",
        "site.hsts_seconds",
        "with the untrusted certificates of letsencrypt-staging",
    ),
    ("secret_rotation: {database: 0}", "secret_rotation.database", "is less than 1"),
    # Ports and networks
    ("app: {port: 80}", "app.port", "is less than 10000"),
    ("app: {port: 25000}", "app.port", "is more than 19999"),
    ("server: {ssh_networks: [10.0.0.1/8]}", "server.ssh_networks[0]", "write 10.0.0.0/8"),
    ("server: {ssh_networks: [198.51.100.7]}", "server.ssh_networks[0]", "write 198.51.100.7/32"),
    ("server: {ssh_networks: [office]}", "server.ssh_networks[0]", "is no network"),
    ("server: {ssh_networks: [128.0.0.0/1]}", "server.ssh_networks[0]", "is larger than any"),
    ("server: {ssh_networks: []}", "server.ssh_networks", "is empty: name the networks"),
    (
        "server: {ssh_networks: [0.0.0.0/0, 198.51.100.0/24]}",
        "server.ssh_networks",
        "holds everybody beside smaller networks",
    ),
    # Health, mail, authority
    ("app: {health_path: healthz}", "app.health_path", "does not start with /"),
    ("app: {health_path: '/healthz?full=1'}", "app.health_path", "is more than a path"),
    ("acme: {email: ops.example.org}", "acme.email", "is no e-mail address"),
    ("acme: {email: 'ops@example'}", "acme.email", "is no e-mail address"),
    ("acme: {directory: http://ca.example.org/dir}", "acme.directory", "is not https"),
    ("acme: {directory: letsencript}", "acme.directory", "is no ACME directory"),
    # SSH keys
    ("server: {admin_keys: [AAAA]}", "server.admin_keys[0]", "is no SSH public key"),
    (f"server: {{admin_keys: ['{GOOD_KEY[:-12]}']}}", "server.admin_keys[0]", "is cut or mist"),
    (f"server: {{admin_keys: ['{WEAK_RSA}']}}", "server.admin_keys[0]", "is an RSA key of 2048"),
    (f"server: {{admin_keys: ['{DSA}']}}", "server.admin_keys[0]", "is cut or mistyped"),
    (
        f"server: {{admin_keys: ['{GOOD_KEY}', '{GOOD_KEY}']}}",
        "server.admin_keys",
        "twice: remove one of the two",
    ),
    (
        f"server: {{admin_keys: ['-----BEGIN OPENSSH PRIVATE KEY----- {CANARY}']}}",
        "server.admin_keys[0]",
        "is a private key (got [hidden]): paste the public half",
    ),
    # Secrets
    (f"registry_password: {CANARY}", "registry_password", "is a secret in plain text"),
    (f"password: {CANARY}", "password", "is no known key"),
    (f"postgres: {{password: {CANARY}}}", "postgres.password", "is a secret inside an object"),
    (f"acme: {{token: {CANARY}}}", "acme.token", "is a secret inside an object"),
    (f"domain: {{secure: {CANARY}}}", "domain", "is set as a secret, or has one inside"),
    (
        f"app: {{environment: {{API_TOKEN: {CANARY}}}}}",
        "app.environment.API_TOKEN",
        "is a secret by its name",
    ),
    (
        f"app: {{environment: {{CACHE: 'redis://u:{CANARY}@cache'}}}}",
        "app.environment.CACHE",
        "is a URL with credentials in it",
    ),
    (f"app: {{environment: {{lower: {CANARY}}}}}", "app.environment.lower", "is no name of an env"),
    ("app: {environment: {RETRIES: 3}}", "app.environment.RETRIES", "is no text: write it in quo"),
    ("app: {environment: {DATABASE_URL: x}}", "app.environment.DATABASE_URL", "is set by the prog"),
    ("app: {environment: {DEBUG: 'true'}}", "app.environment.DEBUG", "shows the app's inside"),
    ("basic_auth_password: {secure: abc}", "basic_auth_password", "is given without site.basic_a"),
    (
        f"{{site: {{basic_auth_user: ann}}, basic_auth_password: {{secure: {CANARY * 5}}}}}",
        "basic_auth_password",
        "is longer than 72 bytes",
    ),
    ("site: {basic_auth_user: ann}", "basic_auth_password", "is missing, and site.basic_auth_user"),
    ("site: {basic_auth_user: 'ann:x'}", "site.basic_auth_user", "holds a colon or a blank"),
    (
        "{registry: {server: ghcr.io, username: bot}}",
        "registry_password",
        "set it by `pulumi config set --secret registry_password`",
    ),
    (
        "{registry: {server: docker.io, username: bot}, registry_password: {secure: abc}}",
        "registry.server",
        "is the account of a registry that app.image does not come from",
    ),
    ("existing_server_password: {secure: abc}", "existing_server_password", "belongs to existing"),
    ("backups_enabled: 'true'", "backups_enabled", "is reserved: there is no backup plan yet"),
    ("postgres: {data_folder: /srv/postgres}", "postgres.data_folder", "is for existing servers"),
]

ANNA = f"anna: {GOOD_KEY}"
BAD_GUARD: list[tuple[str, str, str]] = [
    ("guard: {}", "guard.approvers", "is missing"),
    ("guard: {approvers: {}}", "guard.approvers", "names nobody"),
    (f"guard: {{approvers: {{{ANNA}, ben: {GOOD_KEY}}}}}", "guard.approvers", "somebody else too"),
    (f"guard: {{approvers: {{Anna B: {GOOD_KEY}}}}}", "guard.approvers.Anna B", "is no name of"),
    (f"guard: {{approvers: {{anna: {WEAK_RSA}}}}}", "guard.approvers.anna", "bits"),
    (f"guard: {{approvers: {{{ANNA}}}, valid_minutes: 0}}", "guard.valid_minutes", "less than 1"),
    (f"guard: {{approvers: {{{ANNA}}}, backup_hours: 1000}}", "guard.backup_hours", "more than"),
    (f"guard: {{approvers: {{{ANNA}}}, vital: {{images: [a]}}}}", "guard.vital.images", "no known"),
    (
        f"guard: {{approvers: {{{ANNA}}}, vital: {{containers: [a b]}}}}",
        "guard.vital.containers[0]",
        "is no name",
    ),
    (
        f"guard: {{approvers: {{{ANNA}}}, vital: {{volumes: [a, a]}}}}",
        "guard.vital.volumes",
        "has a twice",
    ),
    (
        f"guard: {{approvers: {{{ANNA}}}, vital: {{vhosts: [sign]}}}}",
        "guard.vital.vhosts[0]",
        "has no dot",
    ),
    (
        f"guard: {{approvers: {{{ANNA}}}, vital: {{files: [srv/x]}}}}",
        "guard.vital.files[0]",
        "is no absolute path",
    ),
]
"""What is wrong with a guard."""

BAD_EXISTING: list[tuple[str, str, str]] = [
    ("server: {type: cx23, location: fsn1}", "existing_server", "although server is given too"),
    ("existing_server: {address: null}", "existing_server.address", "is missing"),
    ("existing_server: {host_key: null}", "existing_server.host_key", "is missing"),
    (
        "existing_server: {docker_settings: false}",
        "existing_server.docker_settings",
        "is false, and Docker would be installed without them",
    ),
    ("existing_server: {address: 'h.example.org:22'}", "existing_server.address", "holds a port"),
    ("existing_server: {address: root@h.example.org}", "existing_server.address", "holds an acco"),
    ("existing_server: {address: 0.0.0.0}", "existing_server.address", "is no address of a mach"),
    ("existing_server: {port: 0}", "existing_server.port", "is less than 1"),
    ("existing_server: {port: 65536}", "existing_server.port", "is more than 65535"),
    ("existing_server: {port: 443}", "existing_server.port", "is a port of the site"),
    (
        "{existing_server: {port: 10022}, app: {port: 10022}}",
        "app.port",
        "is the SSH port (got 10022)",
    ),
    ("existing_server: {user: 'Deploy Bot'}", "existing_server.user", "is no account name"),
    ("existing_server: {privilege: doas}", "existing_server.privilege", "is none of the choices"),
    ("existing_server: {privilege: root}", "existing_server.user", "is not root, and privilege"),
    ("existing_server: {user: root}", "existing_server.privilege", "user is root (got sudo)"),
    (
        "existing_server_password: {secure: abcd}",
        "existing_server_password",
        "is given, and existing_server.privilege sudo asks for none",
    ),
    (
        "existing_server: {privilege: sudo-password}",
        "existing_server_password",
        "is missing, and existing_server.privilege is sudo-password",
    ),
    (
        "existing_server: {host_key: 'SHA256:abc'}",
        "existing_server.host_key",
        "is a fingerprint (got 'SHA256:abc'): give the whole key",
    ),
    (
        f"existing_server: {{host_key: '{STRONG_RSA}'}}",
        "existing_server.host_key",
        "is a key of type ssh-rsa, which cannot be pinned safely",
    ),
    (
        "existing_server: {bastion: {address: b.example.org, user: jump}}",
        "existing_server.bastion.host_key",
        "is missing",
    ),
    ("existing_server: {memory_mib: 1024}", "postgres.memory_mib", "does not fit"),
    ("postgres: {data_folder: srv/pg}", "postgres.data_folder", "is no absolute path"),
    ("existing_server: {password: x}", "existing_server.password", "is a secret inside an object"),
    (
        "existing_server_private_key: {secure: 'ssh-ed25519 AAAA'}",
        "existing_server_private_key",
        "is a public key: set the private half",
    ),
    (
        f"existing_server_private_key: {{secure: {CANARY}}}",
        "existing_server_private_key",
        "is no OpenSSH private key",
    ),
    (
        f"existing_server_password: {{secure: ' {CANARY}'}}",
        "existing_server_password",
        "starts or ends with a blank",
    ),
]
