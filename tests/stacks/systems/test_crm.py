"""Crm without an engine: both stacks as reviewed, what holds in them, and what is refused."""

from pathlib import Path
from typing import Any

import pulumi
import pytest

from components.config.reference import markdown
from systems.crm import contract
from systems.crm.config import CrmConfig
from tests.bad_config import CANARY, GOOD_KEY
from tests.recorder import record
from tests.stacks.systems.shipped import STACKS, System, document

GIVEN = {
    "existing_server_password": "an-owner's password",
    "registry_password": "a-pull-token",
    "storage_secret_key": "a-storage-secret",
    "signing_api_key": "a-signing-key",
    "smtp_password": "a-smtp-password",
    "imap_password": "an-imap-password",
    "intake_secret": "what-the-website-shows",
}
MAIL = {"host": "mail.example.org", "username": "crm"}
GOOD: dict[str, Any] = {
    "domain": "crm.example.org",
    "acme": {"email": "ops@example.org"},
    "existing_server": {
        "address": "198.51.100.7",
        "port": 22022,
        "user": "deploy",
        "host_key": GOOD_KEY,
        "privilege": "su-password",
        "install_docker": False,
        "docker_settings": False,
    },
    "guard": {
        "approvers": {"anna": GOOD_KEY},
        "vital": {"containers": ["signing-app"], "vhosts": ["sign.example.org"]},
    },
    "registry": {"server": "registry.example.org", "username": "bot"},
    "app": {"image": "registry.example.org/crm/app:1.0.0"},
    "storage": {
        "endpoint": "https://s3.example.org",
        "region": "fsn1",
        "bucket": "crm-files",
        "access_key_id": "GK1",
    },
    "signing": {"host": "sign.example.org"},
    "smtp": {**MAIL, "sender": "crm@example.org", "redirect_to": "us@example.org"},
    "imap": MAIL,
    "website": {"host": "www.example.org"},
    **{key: {"secure": value} for key, value in GIVEN.items()},
}
CRM = System(name="crm", load=CrmConfig.load, secrets=GIVEN, good=GOOD)


@pytest.mark.parametrize("stack", STACKS)
def test_crm_asks_for_what_was_reviewed(stack: str, update_snapshots: bool) -> None:
    CRM.check_reviewed(stack, update=update_snapshots)


def test_a_preview_knows_every_resource() -> None:
    planned, made = CRM.run("staging", preview=True), CRM.run("staging")
    assert [thing.urn for thing in planned.resources] == [thing.urn for thing in made.resources]


def test_an_up_that_nobody_approved_is_refused_before_anything_is_made() -> None:
    plain = CRM.config("production")
    with pytest.raises(pulumi.RunError, match="only an approved plan runs"):
        record(
            CRM.folder / "__main__.py",
            stack="production",
            project="crm",
            config=plain,
            secrets=GIVEN,
        )


def test_docker_is_not_restarted_and_no_firewall_decides_about_ports_of_others() -> None:
    made = CRM.run("production")
    baseline = document(made, "server-baseline")
    assert "/etc/docker/daemon.json" not in [file["path"] for file in baseline["files"]]
    assert "docker" not in str([file.get("then") for file in baseline["files"]])
    assert made.of_type("homeport:firewall:HostFirewall") == []


def test_nothing_is_published_but_the_app_on_the_loopback() -> None:
    containers = CRM.run("production").of_type("docker:index/container:Container")
    published = {each.inputs["name"]: each.inputs.get("ports") for each in containers}
    ports = {name: port for name, port in published.items() if port}
    assert len(containers) == 4
    assert [name.rpartition("-")[0] for name in ports] == ["crm-production-app"]
    ((port,),) = ports.values()
    assert (port["ip"], port["internal"]) == ("127.0.0.1", 3000)


def test_the_stable_port_is_the_agreed_one() -> None:
    assert document(CRM.run("production"), "app-switch-")["stable_port"] == 7100


def test_the_vhost_is_as_asked_for() -> None:
    made = CRM.run("production")
    (file,) = document(made, "site-site")["files"]
    text = file["content"]
    for line in (
        "client_max_body_size 64m;",
        "proxy_read_timeout 300s;",
        "proxy_buffering off;",
        "real_ip_header CF-Connecting-IP;",
        "set_real_ip_from 173.245.48.0/20;",
        "proxy_pass http://127.0.0.1:7100;",
    ):
        assert line in text
    before = document(made, "site-http")
    assert "/.well-known/acme-challenge/" in str(before), "HTTP comes first, for the certificate"
    assert "ssl_certificate" not in str(before)


def test_the_schema_changes_as_the_owner_and_before_the_seed() -> None:
    made = CRM.run("production")
    migrate, seed = document(made, "app-migrate-"), document(made, "app-seed-")
    assert migrate["environment"]["DATABASE_USER"] == "crm_migrator"
    assert seed["environment"]["DATABASE_USER"] == "crm_app"


@pytest.mark.parametrize(
    ("stack", "presence"), [("staging", "required"), ("production", "forbidden")]
)
def test_mail_is_redirected_on_staging_and_never_in_production(stack: str, presence: str) -> None:
    agreed = document(CRM.run(stack), "app-switch-")["contract"]
    found = {each["name"]: each for each in agreed}
    assert found["EMAIL_REDIRECT_TO"]["presence"] == presence
    assert found["SIGNING_HOST"]["shape"]["words"].startswith("a host name alone")


def test_every_variable_of_the_program_is_reserved() -> None:
    made = CRM.run("staging")
    (app,) = [
        each
        for each in made.of_type("docker:index/container:Container")
        if each.name.startswith("app-")
    ]
    names = {pair.partition("=")[0] for pair in app.inputs["envs"]}
    given = {"LOG_LEVEL", "PORT", "RELEASE"}
    ours = {n for n in names - given if not n.startswith("DATABASE_") and not n.endswith("_FILE")}
    assert ours == set(contract.RESERVED)


def test_the_documentation_of_the_keys_is_up_to_date() -> None:
    text = (CRM.folder / "docs" / "configuration.md").read_text()
    assert text == markdown(CrmConfig), "`make docs`"


def test_staging_and_production_have_the_same_keys() -> None:
    CRM.check_same_keys()


def test_the_program_only_composes() -> None:
    assert len((CRM.folder / "__main__.py").read_text().splitlines()) <= 150


# Each: what is changed in the good configuration; the key that is named; a part of what is said.
BAD: list[tuple[str, str, str]] = [
    ("domian: a.example.org", "domian", "did you mean domain?"),
    (
        "{domain: shop.example.org, guard: {vital: {vhosts: [shop.example.org]}}}",
        "domain",
        "is a vital vhost of somebody else",
    ),
    ("existing_server: null", "existing_server", "is missing"),
    ("existing_server: {docker_settings: true}", "existing_server.docker_settings", "containers"),
    (
        "existing_server: {install_docker: true}",
        "existing_server.docker_settings",
        "Docker would be installed without them",
    ),
    ("existing_server: {user: root}", "existing_server.privilege", "and user is root"),
    ("existing_server: {privilege: doas}", "existing_server.privilege", ""),
    ("existing_server: {host_key: AAAA}", "existing_server.host_key", ""),
    ("existing_server: {password: x}", "existing_server.password", "is a secret inside an object"),
    ("existing_server_password: null", "existing_server_password", "is missing"),
    (
        f"existing_server_password: {CANARY}",
        "existing_server_password",
        "is a secret in plain text",
    ),
    ("guard: null", "guard", "is missing"),
    ("guard: {approvers: {Anna: x}}", "guard.approvers.Anna", "is no name of a person"),
    ("guard: {vital: {containers: [], vhosts: []}}", "guard.vital", "names nothing"),
    ("guard: {vital: {files: [srv/signing]}}", "guard.vital.files[0]", "is no absolute path"),
    ("registry: null", "registry", "is missing"),
    ("registry: {server: ghcr.io}", "registry.server", "that app.image does not come from"),
    ("registry_password: null", "registry_password", "is missing"),
    ("signing: {host: https://sign.example.org}", "signing.host", "is a URL"),
    ("signing: {host: sign.example.org/api}", "signing.host", "is a URL"),
    ("signing: {host: crm.example.org}", "signing.host", "is the domain itself"),
    ("signing: {version: '1'}", "signing.version", ""),
    ("signing_api_key: null", "signing_api_key", "is missing"),
    ("smtp: {deliver: true}", "smtp.redirect_to", "is forbidden where mail is delivered"),
    ("smtp: {redirect_to: null}", "smtp.redirect_to", "is missing, and smtp.deliver is false"),
    ("smtp: {sender: crm}", "smtp.sender", "is no e-mail address"),
    ("smtp: {port: 0}", "smtp.port", ""),
    ("smtp_password: null", "smtp_password", "is missing"),
    ("imap_password: null", "imap_password", "is missing"),
    ("intake_secret: null", "intake_secret", "is missing"),
    (f"intake_secret: {CANARY}", "intake_secret", "is a secret in plain text"),
    ("storage: {endpoint: http://s3.example.org}", "storage.endpoint", "is no https URL"),
    ("storage: {bucket: Crm}", "storage.bucket", "is no name of a bucket"),
    ("storage: {secret_key: x}", "storage.secret_key", "is a secret inside an object"),
    ("storage_secret_key: null", "storage_secret_key", "is missing"),
    ("app: {port: 22022}", "app.port", ""),
    ("app: {port: 80}", "app.port", ""),
    (
        "app: {environment: {EMAIL_REDIRECT_TO: us@example.org}}",
        "app.environment.EMAIL_REDIRECT_TO",
        "and set smtp.redirect_to",
    ),
    ("app: {environment: {APP_URL: 'https://a.b'}}", "app.environment.APP_URL", "and set domain"),
    ("app: {environment: {REDIS_PASSWORD: x}}", "app.environment.REDIS_PASSWORD", "secret by its"),
    ("app: {environment: {DEBUG: '1'}}", "app.environment.DEBUG", "shows the app's inside"),
    ("{existing_server: {memory_mib: 1024}}", "postgres.memory_mib", "does not fit"),
    ("site: {max_body_mib: 0}", "site.max_body_mib", "is less than 1"),
    ("site: {cdn_networks: [173.245.48.1/20]}", "site.cdn_networks[0]", "bits set beyond"),
    ("redis: {memory_mib: 1}", "redis.memory_mib", ""),
    ("redis: {image: redis}", "redis.image", ""),
]


def test_the_good_configuration_is_taken(tmp_path: Path) -> None:
    CRM.taken(tmp_path)


@pytest.mark.parametrize(("change", "path", "said"), BAD, ids=range(len(BAD)))
def test_a_preview_of_crm_refuses(change: str, path: str, said: str, tmp_path: Path) -> None:
    found = CRM.refused(change, tmp_path)
    assert set(found) == {path}
    assert said in found[path]
    assert found[path].startswith(f"crm:{path}: ")


def test_images_have_digests_where_that_is_asked_for(tmp_path: Path) -> None:
    found = CRM.refused("images: {require_digest: true}", tmp_path)
    assert set(found) == {"app.image", "postgres.image", "redis.image"}


def test_two_stacks_on_one_server_need_ports_of_their_own_and_to_say_so(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.production.yaml").write_text(
        "config:\n  crm:domain: other.example.org\n"
        "  crm:existing_server: {address: 198.51.100.7, port: 22022, shared: true}\n"
    )
    (tmp_path / "Pulumi.staging.yaml").write_text("config: {}\n")
    found = CRM.refused("existing_server: {shared: false}", tmp_path)
    assert set(found) == {"existing_server.address"}
    (tmp_path / "Pulumi.production.yaml").write_text(
        "config:\n  crm:domain: other.example.org\n  crm:app: {port: 7100}\n"
        "  crm:existing_server: {address: 198.51.100.7, port: 22022, shared: true}\n"
    )
    found = CRM.refused("existing_server: {shared: true}", tmp_path)
    assert set(found) == {"app.port"}
    assert "is the port of stack production on the same server" in found["app.port"]
