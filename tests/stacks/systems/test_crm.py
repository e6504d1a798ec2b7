"""Crm without an engine: both stacks as reviewed, what holds in them, and what is refused."""

import json
from pathlib import Path
from typing import Any
from unittest import mock

import pulumi
import pytest

from components.config.guarding import Guard as GuardRules
from components.config.reference import markdown
from homeport.guard.touching import touched
from systems.crm import contract
from systems.crm.config import CrmConfig
from tests.bad_config import CANARY, GOOD_KEY
from tests.recorder import Deployment, Secret, record
from tests.stacks.systems.shipped import STACKS, System, document
from tests.unit.test_guard_plans import command, planned

GIVEN = {
    "existing_server_password": "an-owner's password",
    "registry_password": "a-pull-token",
    "storage_secret_key": "a-storage-secret",
    "signing_api_key": "a-signing-key",
    "smtp_password": "a-smtp-password",
    "imap_password": "an-imap-password",
    "intake_secret": "what-the-website-shows",
}
DIGEST = f"sha256:{'0' * 64}"
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
UPGRADE: dict[str, Any] = {
    "container": "signing-app",
    "version": "1.13.1",
    "database_container": "signing-db",
    "database": "signing",
    "volumes": ["signing-data"],
    "files": ["/srv/signing"],
    "stages": [
        {"version": "2.0.0", "image": f"registry.example.com/homeport/signer:2.0.0@{DIGEST}"},
        {"version": "2.11.0", "image": f"registry.example.com/homeport/signer:2.11.0@{DIGEST}"},
    ],
}
CRM = System(name="crm", load=CrmConfig.load, secrets=GIVEN, good=GOOD)


@pytest.fixture(autouse=True)
def in_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be where Pulumi runs the program: the website's source is named from there."""
    monkeypatch.chdir(CRM.folder)


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


def with_upgrade(**changes: Any) -> Deployment:
    """Production, asked to bring the signing app to a newer version."""
    changed = {**CRM.config("production"), "crm:signing_upgrade": {**UPGRADE, **changes}}
    with mock.patch.object(System, "config", return_value=changed):
        return CRM.run("production")


def test_the_signing_app_is_upgraded_in_stages_only_when_told_and_after_a_trial() -> None:
    commands = {s.name: s for s in with_upgrade(proceed=True).of_type("Command")}
    told = json.loads(commands["signing-upgrade-run"].inputs["stdin"])
    assert [stage["version"] for stage in told["stages"]] == ["2.0.0", "2.11.0"]
    assert told["stages"][0]["counts"] == {"documents": "SELECT count(*) FROM envelopes"}
    assert "signing-upgrade-trial" in commands["signing-upgrade-run"].options.dependencies[-1]
    tried = {
        s.name for s in with_upgrade().of_type("Command") if s.name.startswith("signing-upgrade-")
    }
    assert tried == {
        *(
            "signing-upgrade-image-2.0.0",
            "signing-upgrade-image-2.11.0",
            "signing-upgrade-backup",
            "signing-upgrade-trial",
        ),
    }


@pytest.mark.parametrize("made", [*STACKS, "upgrade"])
def test_a_plan_touches_nothing_vital_on_either_server_while_the_upgrade_is_only_tried(
    made: str,
) -> None:
    stack = "production" if made == "upgrade" else made
    vital = list(GuardRules.model_validate(CRM.config(stack)["crm:guard"]).vital.labels())
    touches = {}
    deployment = with_upgrade() if made == "upgrade" else CRM.run(stack)
    for one in deployment.of_type("Command"):
        inputs = {key: unsealed(item) for key, item in one.inputs.items()}
        [step] = planned(adds={**inputs, "connection": {}})
        touches[one.name] = touched(step, vital)
    assert {name: labels for name, labels in touches.items() if labels} == {}


def unsealed(item: Any) -> Any:
    return item.value if isinstance(item, Secret) else item


def test_the_upgrade_touches_vital_things_and_what_leads_to_it_does_not() -> None:
    vital = list(GuardRules.model_validate(CRM.config("production")["crm:guard"]).vital.labels())
    seen = {}
    for name in ("backup", "trial", "run"):
        made = document(with_upgrade(proceed=True), f"signing-upgrade-{name}")
        [step] = planned(adds=command(f"staged{name}", made))
        seen[name] = touched(step, vital)
    assert (seen["backup"], seen["trial"]) == ([], [])
    assert {"container:signing-app", "database:signing", "volume:signing-data"} <= {*seen["run"]}


def test_the_website_has_its_part_of_the_secrets_and_no_other() -> None:
    made = CRM.run("production")
    (step,) = [s for s in made.of_type("Command") if s.name.startswith("website-secrets")]
    assert isinstance(step.inputs["stdin"], Secret)
    told = str(step.inputs["stdin"].value)
    assert [key for key, value in GIVEN.items() if value in told] == ["intake_secret"]
    agreed = document(made, "website-switch-")["contract"]
    assert [each["name"] for each in agreed if each["secret"]] == ["CRM_INTAKE_SECRET"]


def test_the_flags_of_the_website_flip_in_their_order_and_crm_is_asked_each_time() -> None:
    told = document(CRM.run("production"), "website-cutover-verified")
    assert told["order"] == ["CRM_INTAKE", "CRM_LOGIN", "INBOX"]
    assert [check["contains"] for check in told["checks"]] == ['"secret": "ok"', '"crm": "off"']


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


SOURCE = "{source: {path: website.py}}"
SERVER = (
    "{address: 198.51.100.8, user: deploy, privilege: sudo, "
    f"install_docker: false, docker_settings: false, host_key: {GOOD_KEY}}}"
)
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
    ("website: {host: crm.example.org}", "website.host", "is the domain itself"),
    ("website: {cutover: -1}", "website.cutover", ""),
    ("website: {cutover: 4}", "website.cutover", "in their order they are CRM_INTAKE, CRM_LOGIN"),
    ("website: {source: {path: website.py}}", "website_server", "website.source is given"),
    (f"website_server: {SERVER}", "website.source", "is missing, and website_server is given"),
    (
        f"{{website: {SOURCE}, website_server: {SERVER.replace('.8,', '.7,')}}}",
        "website_server.address",
        "is that of existing_server",
    ),
    (
        f"{{website: {SOURCE}, website_server: {SERVER.replace(' sudo,', ' su-password,')}}}",
        "website_server.privilege",
        "asks for a password",
    ),
    (
        f"{{website: {SOURCE}, website_server: {SERVER.replace('s: false', 's: true')}}}",
        "website_server.docker_settings",
        "counts as a touch of every vital container",
    ),
    (
        f"signing_upgrade: {json.dumps({**UPGRADE, 'container': 'shop'})}",
        "signing_upgrade.container",
        "is not among guard.vital.containers",
    ),
    (
        f"signing_upgrade: {json.dumps({**UPGRADE, 'version': '2.0.0'})}",
        "signing_upgrade.stages[0].version",
        "occurs twice",
    ),
    (
        f"signing_upgrade: {json.dumps({**UPGRADE, 'stages': []})}",
        "signing_upgrade.stages",
        "",
    ),
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
    bare = json.dumps(UPGRADE).replace(f"@{DIGEST}", "")
    change = f"{{images: {{require_digest: true}}, signing_upgrade: {bare}}}"
    stages = {f"signing_upgrade.stages[{index}].image" for index in range(2)}
    found = CRM.refused(change, tmp_path)
    assert set(found) == {"app.image", "postgres.image", "redis.image", *stages}


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


def test_two_stacks_have_websites_of_their_own_on_servers_that_both_call_shared(
    tmp_path: Path,
) -> None:
    (tmp_path / "Pulumi.production.yaml").write_text(
        "config:\n  crm:website: {host: www.example.org}\n"
        "  crm:website_server: {address: 198.51.100.8, shared: true}\n"
    )
    (tmp_path / "Pulumi.staging.yaml").write_text("config: {}\n")
    found = CRM.refused(f"{{website: {SOURCE}, website_server: {SERVER}}}", tmp_path)
    assert set(found) == {"website.host", "website_server.address"}
    assert "is the website of stack production too" in found["website.host"]
