"""Isis without an engine: both stacks as reviewed, what holds in them, and what is refused."""

from pathlib import Path
from typing import Any

import pytest

from components.config.reference import markdown
from systems.isis.config import IsisConfig
from tests.bad_config import CANARY, DIGEST, WEAK_RSA
from tests.stacks.systems.shipped import STACKS, System, document

PASSWORD = {
    "registry_password": "a-registry-password",
    "media_secret_access_key": "a-media-key",
    "google_client_secret": "a-client-secret",
}
GOOD: dict[str, Any] = {
    "domain": "api.example.org",
    "spa_origins": ["https://app.example.org"],
    "server": {"type": "cx23", "location": "fsn1", "image": "debian-13"},
    "acme": {"email": "ops@example.org"},
    "registry": {"server": "registry.example.org", "username": "bot"},
    "registry_password": {"secure": "a-registry-password"},
    "app": {"image": "registry.example.org/isis/backend:1.0.0"},
}
ISIS = System(name="isis", load=IsisConfig.load, secrets=PASSWORD, good=GOOD)


@pytest.mark.parametrize("stack", STACKS)
def test_isis_asks_for_what_was_reviewed(stack: str, update_snapshots: bool) -> None:
    ISIS.check_reviewed(stack, update=update_snapshots)


def test_a_preview_knows_every_resource_before_the_server_is_there() -> None:
    planned, made = ISIS.run("staging", preview=True), ISIS.run("staging")
    assert [thing.urn for thing in planned.resources] == [thing.urn for thing in made.resources]


def test_everything_runs_rootless_on_one_internal_network_and_publishes_the_loopback_only() -> None:
    made = ISIS.run("production")
    assert made.of_type("docker:index/container:Container") == []
    network = document(made, "swe2-network")
    assert "Internal=true" in network["content"]
    backend = document(made, "backend-start-")["content"].splitlines()
    database = document(made, "swe2-postgres-start")["content"].splitlines()
    name = network["name"]
    assert f"Network={name}.network:alias=backend" in backend
    assert f"Network={name}.network:alias=swe2-postgres" in database
    published = [line for line in (*backend, *database) if line.startswith("PublishPort=")]
    assert len(published) == 1
    assert published[0].startswith("PublishPort=127.0.0.1:")
    assert document(made, "backend-switch-")["stable_port"] == 3003


def test_the_schema_changes_as_the_owner_and_the_backend_only_changes_rows() -> None:
    made = ISIS.run("production")
    migrate, backend = document(made, "backend-migrate-"), document(made, "backend-start-")
    assert 'Environment="DATABASE_USER=isis_migrator"' in migrate["content"]
    assert 'Environment="DATABASE_USER=isis_backend"' in backend["content"]
    assert 'Environment="DEBUG=0"' in backend["content"]


def test_media_and_the_login_are_given_to_jobs_and_backend_their_secrets_as_files() -> None:
    made = ISIS.run("production")
    for start in ("backend-migrate-", "backend-start-"):
        unit = document(made, start)["content"]
        for line in (
            "AWS_S3_ENDPOINT_URL=https://objects.example.com",
            "AWS_STORAGE_BUCKET_NAME=isis-production-media",
            "GOOGLE_OIDC_ENDPOINT=https://google-standin.example.com",
            "AWS_SECRET_ACCESS_KEY_FILE=/run/secrets/AWS_SECRET_ACCESS_KEY",
        ):
            assert f'Environment="{line}"' in unit
        assert "a-media-key" not in unit
        assert "CA_BUNDLE" not in unit


def test_an_authority_of_ones_own_is_a_file_that_the_usual_variable_names() -> None:
    own = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    config = ISIS.config("staging")
    config["isis:media"] = {**config["isis:media"], "ca_certificate": own}
    unit = document(ISIS.run("staging", config=config), "backend-start-")["content"]
    assert 'Environment="AWS_CA_BUNDLE=/run/secrets/MEDIA_CA"' in unit
    assert ",target=/run/secrets/MEDIA_CA," in unit
    assert "REQUESTS_CA_BUNDLE" not in unit


def test_the_documentation_of_the_keys_is_up_to_date() -> None:
    assert (ISIS.folder / "docs" / "configuration.md").read_text() == markdown(IsisConfig), (
        "`make docs`"
    )


def test_staging_and_production_have_the_same_keys() -> None:
    ISIS.check_same_keys()


def test_the_program_only_composes() -> None:
    assert len((ISIS.folder / "__main__.py").read_text().splitlines()) <= 150


MEDIA = "endpoint: https://s3.example.org, region: fsn1, bucket: media-1, access_key_id: GK1"

# Each: what is changed in the good configuration; the key that is named; a part of what is said.
BAD: list[tuple[str, str, str]] = [
    ("spa_origin: https://a.example.org", "spa_origin", "did you mean spa_origins?"),
    ("spa_origins: null", "spa_origins", "is missing"),
    ("spa_origins: []", "spa_origins", "is empty, and so no page could call the backend"),
    ("spa_origins: https://app.example.org", "spa_origins", "is no list"),
    ("spa_origins: ['*']", "spa_origins[0]", "is a wildcard"),
    ("spa_origins: [http://app.example.org]", "spa_origins[0]", "is no https URL"),
    ("spa_origins: [https://app.example.org/]", "spa_origins[0]", "has a path"),
    ("spa_origins: [https://App.example.org]", "spa_origins[0]", "holds capital letters"),
    ("spa_origins: [https://api.example.org]", "spa_origins[0]", "is the backend itself"),
    ("spa_origins: [https://a.example.org, https://a.example.org]", "spa_origins", "twice"),
    ("server: {image: debian-12}", "server.image", "too old for Quadlet units"),
    ("server: {volume_gib: 20}", "server.volume_gib", "would hold nothing"),
    ("server: null", "server", "is missing"),
    (f"server: {{admin_keys: ['{WEAK_RSA}']}}", "server.admin_keys[0]", ""),
    ("registry: null", "registry", "is missing"),
    ("registry: {server: ghcr.io}", "registry.server", "that app.image does not come from"),
    ("registry_password: null", "registry_password", "is missing"),
    (f"registry_password: {CANARY}", "registry_password", "is a secret in plain text"),
    ("registry: {password: x}", "registry.password", "is a secret inside an object"),
    (f"media: {{{MEDIA}}}", "media_secret_access_key", "is missing, and media is given"),
    ("media: {region: fsn1, bucket: media-1, access_key_id: GK1}", "media.endpoint", "is missing"),
    (f"media: {{{MEDIA}, secret_access_key: x}}", "media.secret_access_key", "is a secret inside"),
    ("media_secret_access_key: {secure: abc}", "media_secret_access_key", "given without media"),
    (
        f"{{media: {{{MEDIA.replace('media-1', 'Media_1')}}}, "
        "media_secret_access_key: {secure: abc}}",
        "media.bucket",
        "is no name of a bucket",
    ),
    (
        f"{{media: {{{MEDIA.replace('https', 'http')}}}, "
        "media_secret_access_key: {secure: abc}}",
        "media.endpoint",
        "is no https URL",
    ),
    (
        "google: {client_id: 1234.apps.googleusercontent.com}",
        "google_client_secret",
        "is missing, and google is given",
    ),
    ("google_client_secret: {secure: abc}", "google_client_secret", "is given without google"),
    ("google: {}", "google.client_id", "is missing"),
    (
        "{google: {client_id: a, endpoint: 'https://accounts.google.com/'}, "
        "google_client_secret: {secure: abc}}",
        "google.endpoint",
        "has a path",
    ),
    (
        "{google: {client_id: a, endpoint: 'http://accounts.google.com'}, "
        "google_client_secret: {secure: abc}}",
        "google.endpoint",
        "is no https URL",
    ),
    (
        f"{{media: {{{MEDIA}, ca_certificate: AAAA}}, media_secret_access_key: {{secure: abc}}}}",
        "media.ca_certificate",
        "is no certificate",
    ),
    (
        "app: {environment: {GOOGLE_OIDC_ENDPOINT: 'https://a.example.org'}}",
        "app.environment.GOOGLE_OIDC_ENDPOINT",
        "and set google.endpoint",
    ),
    ("app: {environment: {ALLOWED_HOSTS: '*'}}", "app.environment.ALLOWED_HOSTS", "and set domain"),
    (
        "app: {environment: {CORS_ALLOWED_ORIGINS: 'https://a.example.org'}}",
        "app.environment.CORS_ALLOWED_ORIGINS",
        "and set spa_origins",
    ),
    (
        "app: {environment: {AWS_ACCESS_KEY_ID: GK1}}",
        "app.environment.AWS_ACCESS_KEY_ID",
        "and set media.access_key_id",
    ),
    ("app: {environment: {DEBUG: '1'}}", "app.environment.DEBUG", "shows the app's inside"),
    ("app: {environment: {DATABASE_HOST: db}}", "app.environment.DATABASE_HOST", "by the program"),
    (
        "app: {environment: {SECRET_KEY: x}}",
        "app.environment.SECRET_KEY",
        "is a secret by its name",
    ),
    ("app: {processes: 0}", "app.processes", "is less than 1"),
    ("app: {memory_mib: 4096}", "app.memory_mib", "does not fit"),
    ("images: {require_digest: true}", "app.image", "has no digest"),
    ("secret_rotation: {django: 0}", "secret_rotation.django", "is less than 1"),
    (
        "{acme: {directory: letsencrypt-staging}, site: {hsts_seconds: 31536000}}",
        "site.hsts_seconds",
        "is longer than a day",
    ),
    ("dns: {zone: example.com}", "domain", "is not inside the zone example.com"),
]


def test_the_good_configuration_is_taken(tmp_path: Path) -> None:
    ISIS.taken(tmp_path)


@pytest.mark.parametrize(("change", "path", "said"), BAD, ids=range(len(BAD)))
def test_a_preview_of_isis_refuses(change: str, path: str, said: str, tmp_path: Path) -> None:
    found = ISIS.refused(change, tmp_path)
    assert path in found
    assert said in found[path]
    assert found[path].startswith(f"isis:{path}: ")
    pinned = path == "app.image"
    assert set(found) == ({path, "postgres.image"} if pinned else {path})


def test_all_problems_of_isis_are_told_at_once(tmp_path: Path) -> None:
    change = f"""
        spa_origins: ['*']
        server: {{image: debian-12}}
        media: {{bucket: media}}
        app: {{image: 'backend:1@{DIGEST}', environment: {{DEBUG: "1"}}}}
        colour: blue
    """
    found = ISIS.refused(change, tmp_path)
    assert {"spa_origins[0]", "server.image", "media.endpoint", "media.region", "colour"} <= {
        *found
    }
    assert {"registry.server", "app.environment.DEBUG"} <= {*found}
