"""Odoo without an engine: both stacks as reviewed, what holds in them, and what is refused."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from components.config.reference import markdown
from systems.odoo.config import OdooConfig
from tests.bad_config import CANARY
from tests.recorder import Deployment, Secret, record
from tests.stacks.systems.shipped import STACKS, System, document

GIVEN = {"registry_password": "a-pull-token", "dns_token": "a-token-of-the-zone"}
GOOD: dict[str, Any] = {
    "domain": "odoo.example.org",
    "tenants": {"acme": {}, "globex": {"suspended": True}},
    "server": {"type": "ccx13", "location": "fsn1", "image": "debian-12"},
    "dns": {"zone": "odoo.example.org"},
    "wildcard": {"zone": "odoo.example.org"},
    "acme": {"email": "ops@example.org"},
    "registry": {"server": "registry.example.org", "username": "bot"},
    "app": {"image": "registry.example.org/odoo:1.0.0"},
    "admin": {"domain": "admin.odoo.example.org"},
    **{key: {"secure": value} for key, value in GIVEN.items()},
}
ODOO = System(name="odoo", load=OdooConfig.load, secrets=GIVEN, good=GOOD)


@pytest.mark.parametrize("stack", STACKS)
def test_odoo_asks_for_what_was_reviewed(stack: str, update_snapshots: bool) -> None:
    ODOO.check_reviewed(stack, update=update_snapshots)


def test_a_preview_knows_every_resource_before_the_server_is_there() -> None:
    planned, made = ODOO.run("staging", preview=True), ODOO.run("staging")
    assert [thing.urn for thing in planned.resources] == [thing.urn for thing in made.resources]


def conf(made: Deployment, instance: str) -> str:
    """The odoo.conf of an instance, as it reaches the server."""
    (step,) = [s for s in made.of_type("Command") if s.name.startswith(f"{instance}-secrets-")]
    stdin = step.inputs["stdin"]
    assert isinstance(stdin, Secret)
    folders = {f["path"].rpartition("/")[2]: f["files"] for f in json.loads(stdin.value)["folders"]}
    assert folders["secrets"] == folders["upgrade-secrets"]
    return str(folders["secrets"]["ODOO_CONF"])


def test_each_instance_has_its_own_database_server_login_and_filter() -> None:
    made = ODOO.run("production")
    tenants, admin = conf(made, "tenants"), conf(made, "admin")
    assert "db_host = tenants-postgres\n" in tenants
    assert "db_host = admin-postgres\n" in admin
    assert "dbfilter = ^%d_db$\n" in tenants
    assert "dbfilter = ^superadmin$\n" in admin
    passwords = {
        line for text in (tenants, admin) for line in text.splitlines() if "db_password" in line
    }
    assert len(passwords) == 2
    for text in (tenants, admin):
        assert "list_db = False\n" in text
        assert "admin_passwd" not in text


def test_the_server_builds_the_image_without_a_registry() -> None:
    base = f"docker.io/library/odoo:17.0@sha256:{'d' * 64}"
    own = {"path": "image", "base": base, "arguments": {"VERSION": "1.1.0"}}
    config = {**ODOO.config("production")}
    config["odoo:app"] = {**config["odoo:app"], "image": own}
    del config["odoo:registry"]
    without = dataclasses.replace(ODOO, secrets={"dns_token": "a-token-of-the-zone"})
    made = without.run("production", config=config)
    tenants, admin = (document(made, f"{name}-image-") for name in ("tenants", "admin"))
    assert tenants["image"] == admin["image"]
    assert tenants["image"].startswith("localhost/odoo-production/image:")
    assert (tenants["build"]["base"], tenants["docker_config"]) == (base, None)
    assert len(made.of_type("CopyToRemote")) == 1


@pytest.mark.parametrize(("stack", "workers"), [("staging", 5), ("production", 9)])
def test_workers_are_those_of_the_servers_processors(stack: str, workers: int) -> None:
    assert f"workers = {workers}\n" in conf(ODOO.run(stack), "tenants")


def test_only_the_instances_are_published_on_the_loopback_and_databases_on_nothing() -> None:
    made = ODOO.run("production")
    containers = made.of_type("docker:index/container:Container")
    assert len(containers) == 4
    published = {
        each.name.rpartition("-")[0]: [(p["ip"], p["internal"]) for p in each.inputs["ports"]]
        for each in containers
        if each.inputs.get("ports")
    }
    both = [("127.0.0.1", 8069), ("127.0.0.1", 8072)]
    assert published == {"tenants": both, "admin": both}
    for name, port in (("tenants", 18_069), ("admin", 18_070)):
        switch = document(made, f"{name}-switch-")
        assert switch["stable_port"] == port
        assert [side["name"] for side in switch["side_ports"]] == ["gevent"]


def test_the_instances_meet_their_own_database_server_alone() -> None:
    made = ODOO.run("production")
    joined = {
        each.name.rpartition("-")[0]: {n["name"] for n in each.inputs["networksAdvanced"]}
        for each in made.of_type("docker:index/container:Container")
    }
    tenants, admin = joined["tenants"], joined["admin"]
    assert tenants & admin == set()
    assert "odoo-production-tenants-data" in tenants
    assert "odoo-production-admin-data" in admin


def test_the_sites_are_as_asked_for() -> None:
    made = ODOO.run("production")
    for name, port in (("tenants", 18_069), ("admin", 18_070)):
        step = document(made, f"site-{name}")
        text = step["files"][-1]["content"]
        gevent = document(made, f"{name}-switch-")["side_ports"][0]["stable_port"]
        assert text.count(f"proxy_pass http://127.0.0.1:{gevent};") == 2
        assert f"proxy_pass http://127.0.0.1:{port};" in text
        assert text.count("proxy_read_timeout 600s;") == 3
        assert '"^/websocket(?:/|$)"' in text
        assert '"^/longpolling(?:/|$)"' in text
        assert step["meta"]["ports"] == sorted([port, gevent])
    assert r"~^[^.]+\.odoo\.example\.com$" in document(made, "site-tenants")["files"][-1]["content"]


def test_names_of_all_lead_to_the_server() -> None:
    made = ODOO.run("production")
    records = {each.inputs["name"] for each in made.of_type("hcloud:index/zoneRrset:ZoneRrset")}
    assert records == {"@", "*", "admin"}


def test_a_tenant_makes_no_release_and_a_suspended_one_is_closed() -> None:
    made = ODOO.run("production")
    document_of = {role: document(made, f"tenant-acme-{role}") for role in ("database", "access")}
    assert '"acme_db" OWNER "odoo_tenants"' in document_of["database"]["up"][0]["sql"]
    assert "ALLOW_CONNECTIONS true" in document_of["access"]["up"][0]["sql"]
    assert "acme" not in str(document(made, "tenants-switch-"))
    for role in ("database", "content"):
        assert made.one("Command", f"tenant-acme-{role}").options.protect


def test_every_tenant_is_upgraded_before_a_release_serves() -> None:
    made = ODOO.run("production")
    for name in ("tenants", "admin"):
        assert document(made, f"{name}-upgrade-")["command"] == ["upgrade-tenants", "tenant"]


def test_without_a_wildcard_each_tenant_is_a_name_of_the_certificate() -> None:
    plain = {k: v for k, v in ODOO.config("staging").items() if k != "odoo:wildcard"}
    made = record(
        ODOO.folder / "__main__.py",
        stack="staging",
        project="odoo",
        config=plain,
        secrets={"registry_password": "a-pull-token"},
    )
    names = document(made, "site-tenants")["meta"]["hostnames"]
    zone = "staging.odoo.example.com"
    assert names == [zone, f"acme.{zone}", f"globex.{zone}"]


def test_the_documentation_of_the_keys_is_up_to_date() -> None:
    text = (ODOO.folder / "docs" / "configuration.md").read_text()
    assert text == markdown(OdooConfig), "`make docs`"


def test_staging_and_production_have_the_same_keys() -> None:
    ODOO.check_same_keys()


def test_the_program_only_composes() -> None:
    assert len((ODOO.folder / "__main__.py").read_text().splitlines()) <= 150


# Each: what is changed in the good configuration; the key that is named; a part of what is said.
BAD: list[tuple[str, str, str]] = [
    ("domian: a.example.org", "domian", "did you mean domain?"),
    ("domain: '*.example.org'", "domain", "is a wildcard"),
    ("tenants: {my-shop: {}}", "tenants.my-shop", "is no name of a tenant"),
    ("tenants: {Acme: {}}", "tenants.Acme", "is no name of a tenant"),
    ("tenants: {www: {}}", "tenants.www", "is left out of host names by Odoo"),
    ("tenants: {odoo: {}}", "tenants.odoo", "would be served at odoo.example.org too"),
    ("tenants: {admin: {}}", "tenants.admin", "has the host name of admin.domain"),
    ("tenants: {acme: {suspended: 'yes'}}", "tenants.acme.suspended", ""),
    ("tenants: {acme: {paused: true}}", "tenants.acme.paused", ""),
    ("tenants: {acme: {suspend: true}}", "tenants.acme.suspend", "did you mean suspended?"),
    ("tenants: [acme]", "tenants", ""),
    ("server: null", "server", "is missing"),
    ("server: {type: cx23}", "app.memory_mib", "does not fit"),
    ("admin: null", "admin", "is missing"),
    ("admin: {domain: odoo.example.org}", "admin.domain", "is the domain itself"),
    ("admin: {domain: admin.example.com}", "admin.domain", "is not inside the zone"),
    ("admin: {workers: 0}", "admin.workers", "is less than 1"),
    ("admin: {memory_mib: 512}", "admin.limit_memory_hard_mib", "is above admin.memory_mib"),
    (
        "admin: {limit_memory_soft_mib: 641}",
        "admin.limit_memory_soft_mib",
        "is above limit_memory_hard_mib",
    ),
    ("app: {memory_mib: 4096}", "app.memory_mib", "does not fit"),
    ("app: {limit_memory_hard_mib: 2048}", "app.limit_memory_hard_mib", "is above app.memory_mib"),
    ("app: {workers: 20}", "app.limit_memory_soft_mib", "for 21 processes is 10752 MiB"),
    ("app: {log_level: loud}", "app.log_level", ""),
    ("app: {modules: [tenant, tenant]}", "app.modules", "twice"),
    ("app: {modules: [Tenant]}", "app.modules[0]", "is no name of a module"),
    ("app: {environment: {ODOO_RC: /etc/x}}", "app.environment.ODOO_RC", "is set by the program"),
    ("app: {environment: {ADMIN_PASSWD: x}}", "app.environment.ADMIN_PASSWD", "secret by its name"),
    ("app: {image: odoo}", "app.image", ""),
    ("wildcard: null", "dns_token", "is given without wildcard"),
    ("dns_token: null", "dns_token", "is missing, and wildcard is given"),
    (f"dns_token: {CANARY}", "dns_token", "is a secret in plain text"),
    ("wildcard: {zone: example.com}", "wildcard.zone", "does not hold odoo.example.org"),
    ("wildcard: {token: x}", "wildcard.token", "is a secret inside an object"),
    ("registry: {server: ghcr.io}", "registry.server", "that app.image does not come from"),
    ("registry_password: null", "registry_password", "is missing, and registry is given"),
    ("registry: null", "registry_password", "is given without registry"),
    ("app: {image: {path: image, base: 'odoo:17.0'}}", "app.image", "has no Dockerfile at path"),
    ("postgres: {admin_memory_mib: 64}", "postgres.admin_memory_mib", ""),
    ("site: {timeout_seconds: 0}", "site.timeout_seconds", "is less than 1"),
    ("secret_rotation: {database: 0}", "secret_rotation.database", "is less than 1"),
    ("dns: {zone: example.com}", "domain", "is not inside the zone example.com"),
]


def test_the_good_configuration_is_taken(tmp_path: Path) -> None:
    ODOO.taken(tmp_path)


@pytest.mark.parametrize(("change", "path", "said"), BAD, ids=range(len(BAD)))
def test_a_preview_of_odoo_refuses(change: str, path: str, said: str, tmp_path: Path) -> None:
    found = ODOO.refused(change, tmp_path)
    assert path in found
    assert said in found[path]
    assert found[path].startswith(f"odoo:{path}: ")


def test_more_tenants_than_a_certificate_has_names_need_a_wildcard(tmp_path: Path) -> None:
    many = ", ".join(f"t{number}: {{}}" for number in range(98))
    change = f"{{wildcard: null, dns_token: null, tenants: {{{many}}}}}"
    assert "a certificate has at most 100 names" in ODOO.refused(change, tmp_path)["tenants"]
