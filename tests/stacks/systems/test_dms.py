"""Dms without an engine: both stacks as reviewed, what holds in them, and what is refused."""

import json
import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.config.reference import markdown
from systems.dms.config import DmsConfig
from tests import bad_config, invariants, snapshots, stack_files
from tests.bad_config import CANARY
from tests.recorder import Deployment, record, reveal
from tests.stacks.systems.shipped import STACKS, document

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "systems" / "dms"
PASSWORD = {"database_password": "a-database-password"}
RELEASES = "https://releases.example.com"


def archive(name: str, letter: str) -> dict[str, str]:
    """A build as it would be downloaded, so that nothing has to be built for these tests."""
    return {"url": f"{RELEASES}/{name}.tar.gz", "sha256": letter * 64}


def shipped(stack: str) -> dict[str, Any]:
    plain, _ = stack_files.read(FOLDER / f"Pulumi.{stack}.yaml")
    plain["dms:app"]["source"] = archive("backend-1.0.0", "a")
    plain["dms:page"] = archive("page-1.0.0", "b")
    return plain


def run(stack: str, *, preview: bool = False, **changes: Any) -> Deployment:
    """Record a shipped stack with some keys changed: `section__key=value`."""
    config = shipped(stack)
    for dotted, value in changes.items():
        section, _, key = dotted.partition("__")
        config[f"dms:{section}"] = {**config.get(f"dms:{section}", {}), key: value}
    return record(
        FOLDER / "__main__.py",
        stack=stack,
        project="dms",
        config=config,
        secrets=PASSWORD,
        preview=preview,
    )


REPLICA: dict[str, Any] = {
    "replicas__eu": {
        "domain": "eu.staging.dms.example.com",
        "server": {"type": "cx23", "location": "nbg1"},
    }
}


def site(made: Deployment) -> str:
    """What nginx is told of the site."""
    (file,) = document(made, "site-site")["files"]
    return str(file["content"])


@pytest.mark.parametrize("stack", STACKS)
def test_dms_asks_for_what_was_reviewed(stack: str, update_snapshots: bool) -> None:
    made = run(stack)
    stored = ROOT / "tests" / "stacks" / "snapshots" / f"dms-{stack}.json"
    snapshots.check(snapshots.text(made), stored, update=update_snapshots)
    bare = {key.removeprefix("dms:"): value for key, value in shipped(stack).items()}
    assert [finding for rule in invariants.ALL for finding in rule(made, bare)] == []


def test_a_preview_knows_every_resource_before_the_server_is_there() -> None:
    planned, made = run("staging", preview=True), run("staging")
    assert [thing.urn for thing in planned.resources] == [thing.urn for thing in made.resources]


def test_the_backend_is_a_unit_of_the_account_dms_with_three_workers() -> None:
    made = run("production")
    unit = document(made, "backend-unit-")["text"].splitlines()
    assert {"User=dms", "Restart=always", 'Environment="WEB_CONCURRENCY=3"'} <= set(unit)
    assert 'Environment="HOST=127.0.0.1"' in unit
    assert {"StateDirectory=dms-production-backend", "StateDirectoryMode=0711"} <= set(unit)
    assert made.of_type("docker:index/container:Container") == []


def test_the_schema_changes_as_the_owner_and_the_backend_only_changes_rows() -> None:
    made = run("production")
    migrate, unit = document(made, "backend-migrate-"), document(made, "backend-unit-")
    assert 'Environment="DB_USER=dms_production_migrator_1"' in migrate["text"]
    assert 'Environment="DB_USER=dms_production_writer_1"' in unit["text"]
    assert 'Environment="PGSSLMODE=verify-full"' in unit["text"]
    assert 'Environment="DEBUG=0"' in unit["text"]


def test_djangos_own_look_at_what_is_unsafe_comes_before_the_migration() -> None:
    made = run("staging")
    check = document(made, "backend-check-")
    assert '"check" "--deploy" "--fail-level" "WARNING"' in check["text"]
    (migrate,) = [s for s in made.of_type("Command") if s.name.startswith("backend-migrate-")]
    assert any("backend-check-" in urn for urn in migrate.options.dependencies)


def test_the_admin_is_behind_a_password_or_a_network() -> None:
    assert "auth_basic restricted;" in site(run("staging"))
    production = site(run("production"))
    assert "auth_basic" not in production
    assert "allow 203.0.113.0/24;" in production


def test_a_rotation_makes_other_users_and_keeps_the_key_before() -> None:
    made = run("staging", secret_rotation__database=3, secret_rotation__django=3)
    unit = document(made, "backend-unit-")["text"]
    assert 'Environment="DB_USER=dms_staging_writer_3"' in unit
    assert "DJANGO_SECRET_KEY_FALLBACKS_FILE=" in unit
    keys = {thing.name for thing in made.resources if thing.name.startswith("django-key-")}
    assert keys == {"django-key-3", "django-key-3-value", "django-key-2", "django-key-2-value"}


OWN_SERVER: dict[str, Any] = {
    "database__host": "db.dms.example.com",
    "database_server__type": "cx23",
    "database_server__location": "fsn1",
    "database_server__image": "debian-13",
    "database_server__protect": True,
}
"""Keys of a stack whose database lies on a server of its own."""


def test_a_database_server_of_its_own_lets_in_the_backends_server_alone() -> None:
    made = run("production", **OWN_SERVER)
    (address,) = [ip for ip in made.of_type("PrimaryIp") if ip.name == "server-address"]
    network = f"{(address.outputs or {})['ipAddress']}/32"
    firewall = made.one("hcloud:index/firewall:Firewall", "database-cloud-firewall")
    opened = {rule.get("port"): rule["sourceIps"] for rule in firewall.inputs["rules"]}
    assert opened == {
        "22": ["0.0.0.0/0", "::/0"],
        "5432": [network],
        None: ["0.0.0.0/0", "::/0"],
    }
    rules = document(made, "database-firewall-trial")["ruleset"]
    assert f"ip saddr {{ {network} }} tcp dport 5432 accept" in rules
    config = {key.removeprefix("dms:"): value for key, value in shipped("production").items()}
    config["database_server"] = {"type": "cx23"}
    assert [finding for rule in invariants.ALL for finding in rule(made, config)] == []


def test_a_replica_has_everything_once_more_and_leaves_the_first_as_it_is() -> None:
    before, made = run("staging"), run("staging", **REPLICA)
    first = {each.urn: each.inputs for each in before.resources}
    kept = {each.urn: each.inputs for each in made.resources if each.urn in first}
    assert kept == first
    added = {each.type for each in made.resources if each.urn not in first}
    once = {"homeport:dns:DnsRecords", "hcloud:index/zone:Zone"}
    assert {each.type for each in before.resources} - added == once


def test_a_replica_has_a_database_users_and_a_site_of_its_own() -> None:
    made = run("staging", **REPLICA)
    unit = document(made, "backend-eu-unit-")["text"]
    assert 'Environment="DB_NAME=dms_staging_eu"' in unit
    assert 'Environment="DB_USER=dms_staging_eu_writer_1"' in unit
    assert 'Environment="DJANGO_ALLOWED_HOSTS=eu.staging.dms.example.com"' in unit
    assert "StateDirectory=dms-staging-backend-eu" in unit
    (file,) = document(made, "site-site-eu")["files"]
    assert "server_name eu.staging.dms.example.com;" in file["content"]
    assert set(made.outputs["replicas"]) == {"eu"}
    records = {each.inputs["name"] for each in made.of_type("ZoneRrset")}
    assert {"@", "eu"} <= records


def test_a_replica_reaches_the_database_server_of_its_stack() -> None:
    made = run("production", **OWN_SERVER, **REPLICA)
    addresses = {made.outputs["address"], made.outputs["replicas"]["eu"]["address"]}
    (rule,) = [
        rule
        for each in made.of_type("hcloud:index/firewall:Firewall")
        for rule in each.inputs["rules"]
        if rule.get("port") == "5432"
    ]
    assert set(rule["sourceIps"]) == {f"{address}/32" for address in addresses}


def test_the_backend_trusts_the_authority_of_the_database_server_and_finds_it_by_name() -> None:
    made = run("production", **OWN_SERVER)
    (step,) = [s for s in made.of_type("Command") if s.name == "managed-postgres-access"]
    way, authority = json.loads(reveal(step.inputs["stdin"]))["files"]
    assert "BEGIN CERTIFICATE" in authority["content"]
    lines = set(way["content"].splitlines())
    assert {"host=db.dms.example.com", f"sslrootcert={authority['path']}"} <= lines
    unit = document(made, "backend-unit-")["text"]
    assert f'Environment="PGSSLROOTCERT={authority["path"]}"' in unit
    record = made.one("hcloud:index/zoneRrset:ZoneRrset", "dns-db-a")
    (server,) = [ip for ip in made.of_type("PrimaryIp") if ip.name == "database-address"]
    assert record.inputs["records"] == [{"value": (server.outputs or {})["ipAddress"]}]
    # What a component waits for, all that is in it waits for.
    assert record.urn in made.one("ManagedPostgres", "managed-postgres").options.dependencies


def test_what_is_in_the_database_goes_with_its_server_and_not_with_the_backends() -> None:
    made = run("production", **OWN_SERVER)
    servers = {server.name: server.urn for server in made.of_type("Server")}
    for name in ("dms-database-database", "dms-writer-1-role"):
        options = made.one("Command", name).options
        assert str(options.deleted_with).endswith("::database-contents"), name
        assert servers["database-server"] in options.replace_with, name
        assert servers["server-server"] not in options.replace_with, name
    # What the backend's server has put in is put in again by the next one.
    options = made.one("Command", "dms-writer-1-login").options
    assert set(servers.values()) <= set(options.replace_with)


def test_the_first_key_has_none_before_it() -> None:
    assert "FALLBACKS" not in document(run("staging"), "backend-unit-")["text"]


def test_the_documentation_of_the_keys_is_up_to_date() -> None:
    assert (FOLDER / "docs" / "configuration.md").read_text() == markdown(DmsConfig), "`make docs`"


def test_staging_and_production_have_the_same_keys() -> None:
    staging, production = (shipped(stack) for stack in STACKS)
    assert list(staging) == list(production)
    for key, value in staging.items():
        if isinstance(value, dict):
            assert list(value) == list(production[key]), key


def test_the_program_only_composes() -> None:
    assert len((FOLDER / "__main__.py").read_text().splitlines()) <= 150


GOOD: dict[str, Any] = {
    "domain": "dms.example.org",
    "server": {"type": "cx23", "location": "fsn1", "image": "debian-12"},
    "acme": {"email": "ops@example.org"},
    "app": {"source": archive("backend", "a")},
    "page": archive("page", "b"),
    "database": {"host": "db.example.org", "username": "doadmin", "name": "dms"},
    "database_password": {"secure": "a-database-password"},
    "admin": {"basic_auth_user": "operator"},
}
DSN = "https://key@sentry.example.org/7"
CERTIFICATE = "-----BEGIN CERTIFICATE-----"
OWN = "database_server: {type: cx23"


def replica(
    name: str = "eu", domain: str = "eu.example.org", location: str = "fsn1", more: str = ""
) -> str:
    """Keys with a replica, and more of them."""
    server = f"{{type: cx23, location: {location}}}"
    return f"{{replicas: {{{name}: {{domain: {domain}, server: {server}}}}}, {more}}}"


# Each: what is changed in the good configuration; the key that is named; a part of what is said.
BAD: list[tuple[str, str, str]] = [
    ("databse: {}", "databse", "did you mean database?"),
    ("database: null", "database", "is missing"),
    ("database: {host: 198.51.100.7}", "database.host", "is an IP address"),
    ("database: {host: 'db.example.org:5432'}", "database.host", "holds a port"),
    ("database: {port: 0}", "database.port", "is less than 1"),
    ("database: {name: Dms}", "database.name", "is no name in a database"),
    ("database: {name: postgres}", "database.name", "is no name in a database"),
    ("database: {username: 'do-admin'}", "database.username", "is no name in a database"),
    ("database: {password: x}", "database.password", "is a secret inside an object"),
    ("database: {ca_certificate: ca.crt}", "database.ca_certificate", "is no certificate"),
    ("database: {max_connections: 20}", "app.processes", "needs up to 32 connections"),
    (f"{{{OWN}, location: ash}}}}", "database_server.location", "has no cx23"),
    (f"{{{OWN}, location: fsn1, volume_gib: 10}}}}", "database_server.volume_gib", "is not used"),
    (
        f"{{{OWN}, location: fsn1}}, database: {{host: dms.example.org}}}}",
        "database.host",
        "is a name of the site",
    ),
    (
        f"{{{OWN}, location: fsn1}}, dns: {{zone: dms.example.org}}}}",
        "database.host",
        "is not inside the zone dms.example.org",
    ),
    (
        f"{{{OWN}, location: fsn1}}, database: {{port: 5433}}}}",
        "database.port",
        "is another port (got 5433): leave it out",
    ),
    (
        f"{{{OWN}, location: fsn1}}, database: {{ca_certificate: {CERTIFICATE}}}}}",
        "database.ca_certificate",
        "is the authority of a service",
    ),
    (replica(more="database: {max_connections: 63}"), "app.processes", "needs up to 64"),
    (replica(name="Eu"), "replicas.Eu", "is no name of a replica"),
    (replica(domain="dms.example.org"), "replicas.eu.domain", "is in domain too"),
    (replica(domain="198.51.100.7"), "replicas.eu.domain", "is an IP address"),
    (replica(location="ash"), "replicas.eu.server.location", "has no cx23"),
    (replica(more="dns: {zone: dms.example.org}"), "replicas.eu.domain", "is not inside the zone"),
    (
        replica(more="app: {memory_mib: 1900}, server: {type: cx33}"),
        "replicas.eu.server.type",
        "does not fit",
    ),
    ("database_password: null", "database_password", "is missing"),
    (f"database_password: {CANARY}", "database_password", "is a secret in plain text"),
    ("admin: null", "admin", "is missing"),
    ("admin: {basic_auth_user: null}", "admin", "lets everybody try passwords"),
    ("admin: {basic_auth_user: 'a:b'}", "admin.basic_auth_user", "holds a colon"),
    ("admin: {allow_from: [203.0.113.7]}", "admin.allow_from[0]", "has no prefix length"),
    ("admin: {allow_from: [office]}", "admin.allow_from[0]", "is no network"),
    ("sentry: {required: true}", "sentry.dsn", "is missing, and sentry.required is true"),
    ("sentry: {dsn: 'https://sentry.example.org/7'}", "sentry.dsn", "is no DSN"),
    ("sentry: {dsn: 'https://a:b@sentry.example.org/7'}", "sentry.dsn", "holds a secret key"),
    ("page: null", "page", "is missing"),
    ("page: {path: dist/page}", "page", "is no whole source"),
    ("page: {sha256: abc}", "page.sha256", "is no SHA-256"),
    ("app: {source: {sha256: null}}", "app.source", "is no whole source"),
    ("app: {source: {commit: main}}", "app.source.commit", "is no whole name of a commit"),
    ("app: {source: {url: 'http://releases.example.org/a'}}", "app.source.url", "is no https URL"),
    ("app: {source: null}", "app.source", "is missing"),
    ("app: {image: 'archive:1'}", "app.image", "is no known key"),
    ("app: {processes: 0}", "app.processes", "is less than 1"),
    ("app: {memory_mib: 4096}", "app.memory_mib", "does not fit"),
    ("app: {environment: {DEBUG: '1'}}", "app.environment.DEBUG", "shows the app's inside"),
    ("app: {environment: {DB_HOST: db}}", "app.environment.DB_HOST", "and set database.host"),
    ("app: {environment: {SENTRY_DSN: x}}", "app.environment.SENTRY_DSN", "and set sentry.dsn"),
    (
        "app: {environment: {DJANGO_ALLOWED_HOSTS: '*'}}",
        "app.environment.DJANGO_ALLOWED_HOSTS",
        "and set domain",
    ),
    (
        "app: {environment: {DJANGO_SECRET_KEY: x}}",
        "app.environment.DJANGO_SECRET_KEY",
        "is a secret by its name",
    ),
    (
        "site: {content_security_policy: {scripts: [self]}}",
        "site.content_security_policy",
        "is no policy that browsers understand",
    ),
    (
        "site: {content_security_policy: {script: [none, self]}}",
        "site.content_security_policy",
        "is no policy that browsers understand",
    ),
    (
        "{acme: {directory: letsencrypt-staging}, site: {hsts_seconds: 1209600}}",
        "site.hsts_seconds",
        "is longer than a day",
    ),
    ("secret_rotation: {django: 0}", "secret_rotation.django", "is less than 1"),
    ("dns: {zone: example.com}", "domain", "is not inside the zone example.com"),
]


def load() -> None:
    DmsConfig.load()


def refused(change: str, folder: Path) -> dict[str, str]:
    values = stack_files.merged(GOOD, yaml.safe_load(textwrap.dedent(change)))
    return bad_config.problems(values, folder, project="dms", program=load)


def test_the_good_configuration_is_taken(tmp_path: Path) -> None:
    more = {"sentry": {"dsn": DSN}, "database": {"ca_certificate": f"{CERTIFICATE}\nMII\n"}}
    plain, secret = stack_files.split(stack_files.merged(GOOD, more))
    record(load, config=plain, secrets=secret, project="dms", root=tmp_path)


@pytest.mark.parametrize(("change", "path", "said"), BAD, ids=range(len(BAD)))
def test_a_preview_of_dms_refuses(change: str, path: str, said: str, tmp_path: Path) -> None:
    found = refused(change, tmp_path)
    assert path in found
    assert said in found[path]
    assert found[path].startswith(f"dms:{path}: ")
    assert set(found) == {path}


@pytest.mark.parametrize(
    ("replicas", "refusals"), [({"eu": {}}, {"database.name"}), ({"us": {}}, set()), (5, set())]
)
def test_a_database_of_another_stacks_replica_is_refused(
    replicas: object, refusals: set[str], tmp_path: Path
) -> None:
    theirs = {"dms:database": {**GOOD["database"], "name": "shop"}, "dms:replicas": replicas}
    (tmp_path / "Pulumi.production.yaml").write_text(yaml.safe_dump({"config": theirs}))
    found = refused("{database: {name: shop_eu}, app: {processes: 0}}", tmp_path)
    assert found.keys() - {"app.processes"} == refusals


@pytest.mark.parametrize(
    ("theirs", "path"),
    [
        ({"domain": "eu.dms.example.org"}, "replicas.eu.domain"),
        ({"site": {"redirects_from": ["eu.dms.example.org"]}}, "replicas.eu.domain"),
        ({"replicas": {"us": {"domain": "eu.dms.example.org"}}}, "replicas.eu.domain"),
        ({"replicas": {"us": {"domain": "dms.example.org"}}}, "domain"),
        ({"replicas": {"us": {"domain": "www.dms.example.org"}}}, "site.redirects_from[0]"),
        ({"replicas": {"us": 5, 6: {"domain": "us.dms.example.org"}}}, None),
    ],
)
def test_a_replica_has_no_domain_of_another_stack(
    theirs: dict[str, Any], path: str | None, tmp_path: Path
) -> None:
    document = {"config": {f"dms:{key}": value for key, value in theirs.items()}}
    (tmp_path / "Pulumi.production.yaml").write_text(yaml.safe_dump(document))
    site = "site: {redirects_from: [www.dms.example.org]}, app: {processes: 0}"
    found = refused(replica(domain="eu.dms.example.org", more=site), tmp_path)
    assert found.keys() - {"app.processes"} == ({path} if path else set())
    if path:
        assert "is a domain of stack production too" in found[path]


def test_a_database_of_another_stack_is_refused(tmp_path: Path) -> None:
    theirs = {"config": {"dms:database": {**GOOD["database"]}}}
    (tmp_path / "Pulumi.production.yaml").write_text(yaml.safe_dump(theirs))
    assert "is the database of stack production too" in refused("{}", tmp_path)["database.name"]


def test_all_problems_of_dms_are_told_at_once(tmp_path: Path) -> None:
    change = """
        database: {port: 0, name: Dms}
        sentry: {required: true}
        admin: {basic_auth_user: null}
        app: {environment: {DEBUG: "1"}}
        colour: blue
    """
    found = refused(change, tmp_path)
    assert {"database.port", "database.name", "sentry.dsn", "admin", "colour"} <= set(found)
