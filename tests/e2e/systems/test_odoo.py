"""Odoo on the local cloud: staging through its life with its tenants, production up and down."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hcloud
import pytest
import typer
import yaml
from typer.testing import CliRunner

from homeport import commands, paths, smoke, stacks, tenant_commands
from homeport.cloud import served
from homeport.cloud.instance import Cloud
from tests.e2e.conftest import until
from tests.e2e.deployed import GONE, Deployed, left, open_ports, production
from tests.e2e.load import Load

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(3600)]
FIRST, NEXT, NEWEST = (
    f"registry.example.com/homeport/odoo:{version}" for version in ("1.0.0", "1.1.0", "1.1.0-2")
)
BASE = "registry.example.com/homeport/odoo-standin:17.0"
STABLE_PORTS = (18069, 18070)
AT_ONCE = ("--yes", "--skip-preview")
"""What a command hands on to `pulumi up`."""


def opened(cloud: Cloud, stack: str) -> Deployed:
    return Deployed(stacks.target("odoo", stack, cloud.name))


@pytest.fixture(scope="module")
def odoo(cloud: Cloud) -> Iterator[Deployed]:
    made = opened(cloud, "staging")
    made.up()
    yield made
    made.destroy()


def load(odoo: Deployed, hostname: str) -> Load:
    assert odoo.aim.cloud
    address, ca_file = odoo.site.address, str(odoo.aim.cloud.ca_file)
    return Load(address, hostname, ca_file, path="/web/login", rate=15)


def tenant(odoo: Deployed, name: str) -> smoke.Site:
    site = odoo.site
    hostname = f"{name}.{odoo.outputs()['domain']}"
    return smoke.Site(hostname=hostname, address=site.address, ca_file=site.ca_file)


def page(odoo: Deployed, name: str) -> int:
    return tenant(odoo, name).request("GET", "/web/login").status_code


def serving(site: smoke.Site) -> str:
    """Return which release answers."""
    return str(site.request("GET", "/web/login").headers["X-Release"])


def image(odoo: Deployed, reference: str) -> str:
    """Return an image of the local registry with its digest."""
    assert odoo.aim.cloud
    return f"{reference}@{served.digests(odoo.aim.cloud)[reference]}"


@pytest.fixture
def newest(odoo: Deployed) -> str:
    """Bring up the newest image; return its release."""
    odoo.up(app__image=image(odoo, NEWEST))
    return str(odoo.outputs()["release"])


@pytest.fixture
def checkout(odoo: Deployed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> stacks.Target:
    """A copy of the system, as the commands find it: they write into its stack file."""
    monkeypatch.setattr(paths, "SYSTEMS", tmp_path / "systems")
    return odoo.copied_to(paths.SYSTEMS)


def homeport(checkout: stacks.Target, group: typer.Typer, *arguments: str) -> int:
    """Run a command on the copy; return its exit code."""
    assert checkout.cloud
    aim = ("--system", "odoo", "--stack", checkout.stack, "--cloud", checkout.cloud.name)
    return CliRunner().invoke(group, [*arguments, *aim], catch_exceptions=False).exit_code


def configured(checkout: stacks.Target, key: str) -> Any:
    """Return what the copy's stack file says."""
    values = yaml.safe_load((checkout.project / f"Pulumi.{checkout.stack}.yaml").read_text())
    return values["config"][f"odoo:{key}"]


def databases(odoo: Deployed) -> set[str]:
    query = "SELECT datname FROM pg_database WHERE pg_get_userbyid(datdba) = 'odoo_tenants'"
    command = f'docker exec -u postgres {odoo.system}-tenants-postgres psql -Atc "{query}"'
    return set(odoo.console(command).split())


def filestores(odoo: Deployed) -> set[str]:
    volume = f"docker volume inspect -f '{{{{.Mountpoint}}}}' {odoo.system}-tenants-files"
    return set(odoo.console(f"ls $({volume})/filestore 2>/dev/null || true").split())


def attach(odoo: Deployed, name: str) -> None:
    """Put a file into a tenant's filestore."""
    login: dict[str, Any] = smoke.deployed(odoo.aim).outputs["logins"][name]
    with tenant(odoo, name).visit() as visit:
        assert visit.request("POST", "/web/login", data=login).status_code == 303
        visit.request("POST", "/standin/attachments", content=b"file").raise_for_status()


def test_the_first_up_ends_with_two_instances_that_pass_every_smoke_check(odoo: Deployed) -> None:
    assert odoo.broken() == []


def test_a_second_up_changes_nothing_and_opens_no_ssh_connection(odoo: Deployed) -> None:
    odoo.changes_nothing()


def test_only_ssh_http_and_https_answer_from_outside(odoo: Deployed) -> None:
    listening = odoo.console("ss -Htln | awk '{print $4}' | grep -o '[0-9]*$'").split()
    candidates = sorted({22, 80, 443, *STABLE_PORTS, 5432, 8069, 8072, *map(int, listening)})
    assert open_ports(odoo.outputs()["address"], candidates) == [22, 80, 443]
    for port in STABLE_PORTS:
        code = "curl -s -o /dev/null -w '%{http_code}' " + f"http://127.0.0.1:{port}/web/health"
        assert odoo.console(code) == "200"


def test_passwords_are_in_files_of_the_instance_alone_and_in_no_environment(odoo: Deployed) -> None:
    release = odoo.outputs()["release"]
    shown = odoo.console(f"docker inspect {odoo.system}-tenants-{release}")
    known = {secret for secret in odoo.secrets() if len(secret) > 8}
    assert known
    assert [secret for secret in known if secret in shown] == []
    environment = json.loads(shown)[0]["Config"]["Env"]
    assert "ODOO_RC=/run/secrets/ODOO_CONF" in environment
    folder = f"/opt/homeport/{odoo.system}/apps/tenants/{release}/secrets"
    modes = odoo.console(f"stat -c '%a %u' {folder}/ODOO_CONF").split()
    assert modes == ["400", "100"]


def test_one_certificate_is_for_all_tenants_and_renews_itself(odoo: Deployed) -> None:
    for name in ("acme", "globex", "not-yet-there"):
        assert tenant(odoo, name).request("GET", "/web/health").status_code == 200
    timers = odoo.console("systemctl list-timers --all --no-legend")
    assert f"{odoo.system}" in timers


def test_commands_make_a_tenant_suspend_and_resume_it_without_a_new_release(
    odoo: Deployed, checkout: stacks.Target
) -> None:
    release = odoo.outputs()["release"]
    assert homeport(checkout, tenant_commands.app, "create", "initech") == 0
    assert page(odoo, "initech") == 200
    attach(odoo, "initech")
    attach(odoo, "acme")
    assert {"acme_db", "initech_db"} <= filestores(odoo)
    assert homeport(checkout, tenant_commands.app, "suspend", "initech") == 0
    assert (page(odoo, "initech"), page(odoo, "acme")) == (404, 200)
    assert homeport(checkout, tenant_commands.app, "resume", "initech") == 0
    assert page(odoo, "initech") == 200
    assert odoo.outputs()["release"] == release
    odoo.changes["tenants__initech"] = configured(checkout, "tenants")["initech"]


def test_a_release_that_cannot_upgrade_a_tenant_never_serves_and_says_which(odoo: Deployed) -> None:
    before = odoo.outputs()["release"]
    psql = f"docker exec -i -u postgres {odoo.system}-tenants-postgres psql -q -d globex_db"
    odoo.console(psql, stdin="INSERT INTO note (title) VALUES ('twice'), ('twice');")
    with load(odoo, tenant(odoo, "acme").hostname) as seen:
        refused = odoo.try_up(app__image=image(odoo, NEXT))
    assert refused.returncode != 0
    said = refused.stdout + refused.stderr
    assert "globex_db: odoo: module tenant: 17.0.1.1.0/post-unique-titles.py" in said
    assert '"failed": "globex_db"' in said
    assert seen.lost == {}
    assert set(seen.releases) == {before}
    odoo.console(psql, stdin="DELETE FROM note WHERE title = 'twice';")


def test_new_image_and_new_passwords_lose_no_request(odoo: Deployed) -> None:
    # An up that failed has told of releases that never served.
    before = (serving(tenant(odoo, "acme")), serving(odoo.site))
    with (
        load(odoo, tenant(odoo, "acme").hostname) as seen,
        load(odoo, odoo.site.hostname) as admin,
    ):
        odoo.up(secret_rotation__database=2)
        until(lambda: len(seen.releases) > 1, 60, "an answer of the tenants' new release")
        until(lambda: len(admin.releases) > 1, 60, "an answer of the super-admin's new release")
    after = odoo.outputs()
    assert (seen.lost, admin.lost) == ({}, {})
    assert set(seen.releases) == {before[0], after["release"]}
    assert set(admin.releases) == {before[1], after["admin_release"]}
    assert odoo.broken() == []


def test_every_tenant_is_upgraded_and_the_old_login_is_gone(odoo: Deployed) -> None:
    psql = f"docker exec -u postgres {odoo.system}-tenants-postgres psql -Atc"
    version = "SELECT latest_version FROM ir_module_module WHERE name = 'tenant'"
    for name in ("acme_db", "globex_db", "initech_db"):
        assert odoo.console(f'{psql} "{version}" -d {name}').strip() == "17.0.1.1.0"
    roles = "SELECT rolname FROM pg_roles WHERE rolname LIKE 'odoo_tenants%' ORDER BY 1"
    assert odoo.console(f'{psql} "{roles}"').split() == ["odoo_tenants", "odoo_tenants_2"]


def test_a_rollback_below_the_tenants_data_is_refused_and_the_release_serves_on(
    odoo: Deployed, checkout: stacks.Target
) -> None:
    before = odoo.outputs()["release"]
    with load(odoo, tenant(odoo, "acme").hostname) as seen:
        code = homeport(checkout, commands.app, "rollback", "tenants", FIRST, *AT_ONCE)
    assert configured(checkout, "app")["image"] == image(odoo, FIRST)
    assert code != 0
    assert seen.lost == {}
    assert set(seen.releases) == {before}


def test_a_rollback_to_a_release_of_the_same_modules_loses_neither_a_request_nor_data(
    odoo: Deployed, newest: str, checkout: stacks.Target
) -> None:
    assert configured(checkout, "app")["image"] == image(odoo, NEWEST)
    with load(odoo, tenant(odoo, "acme").hostname) as seen:
        assert homeport(checkout, commands.app, "rollback", "tenants", *AT_ONCE) == 0
        until(lambda: len(seen.releases) > 1, 60, "an answer of the release before")
    odoo.changes["app__image"] = configured(checkout, "app")["image"]
    assert odoo.changes["app__image"] == image(odoo, NEXT)
    assert seen.lost == {}
    assert set(seen.releases) == {newest, odoo.outputs()["release"]}
    assert odoo.broken() == []


def built(odoo: Deployed, version: str, path: str = "image") -> dict[str, Any]:
    """Return how the server builds an image of its own, onto the same base as the registry's."""
    return {"path": path, "base": image(odoo, BASE), "arguments": {"VERSION": version}}


def test_a_build_that_wants_too_much_memory_is_stopped_and_the_release_serves_on(
    odoo: Deployed, tmp_path: Path
) -> None:
    greedy = """ARG BASE\nFROM ${BASE}\nRUN python3 -c "print(len(bytearray(400 * 2**20)))"\n"""
    (tmp_path / "Dockerfile").write_text(greedy)
    before, kept = serving(tenant(odoo, "acme")), dict(odoo.changes)
    own = {**built(odoo, "1.1.0", str(tmp_path)), "memory_mib": 128}
    with load(odoo, tenant(odoo, "acme").hostname) as seen:
        refused = odoo.try_up(app__image=own)
    odoo.changes = kept
    assert refused.returncode != 0
    said = refused.stdout + refused.stderr
    assert "`docker build` ended with 137" in said
    assert "Step 3/3 : RUN python3" in said
    assert "next: if it was memory, raise memory_mib of the build (128)" in said
    assert seen.lost == {}
    assert set(seen.releases) == {before}


def test_a_release_of_an_image_that_the_server_builds_loses_no_request(odoo: Deployed) -> None:
    before = serving(tenant(odoo, "acme"))
    with load(odoo, tenant(odoo, "acme").hostname) as seen:
        odoo.up(app__image=built(odoo, "1.1.0-3"))
        until(lambda: len(seen.releases) > 1, 60, "an answer of the release that was built")
    outputs = odoo.outputs()
    assert (seen.lost, set(seen.releases)) == ({}, {before, outputs["release"]})
    # Both instances run what was built once.
    images = odoo.console(f"docker image ls -q --no-trunc localhost/{odoo.system}/image").split()
    for name in ("tenants-" + outputs["release"], "admin-" + outputs["admin_release"]):
        shown = odoo.console(f"docker inspect -f '{{{{.Image}}}}' {odoo.system}-{name}")
        assert images == [shown.strip()]
    odoo.changes_nothing()
    assert odoo.broken() == []


def test_a_rollback_leads_from_what_was_built_to_what_the_registry_has(
    odoo: Deployed, checkout: stacks.Target
) -> None:
    assert configured(checkout, "app")["image"] == built(odoo, "1.1.0-3")
    assert homeport(checkout, commands.app, "rollback", "tenants", *AT_ONCE) == 0
    odoo.changes["app__image"] = configured(checkout, "app")["image"]
    assert odoo.changes["app__image"] == image(odoo, NEXT)
    assert odoo.broken() == []


def test_a_command_deletes_a_tenant_with_its_database_and_files(
    odoo: Deployed, checkout: stacks.Target
) -> None:
    assert homeport(checkout, tenant_commands.app, "delete", "initech", "--yes") == 0
    odoo.changes["tenants__initech"] = GONE
    assert (page(odoo, "initech"), page(odoo, "acme")) == (404, 200)
    assert databases(odoo) == {"acme_db", "globex_db"}
    assert filestores(odoo) == {"acme_db"}


def test_what_is_removed_leaves_nothing_in_the_cloud(odoo: Deployed, client: hcloud.Client) -> None:
    odoo.destroy()
    assert left(client, odoo.system) == []
    assert left(client, "staging.odoo.example.com") == []


def test_production_comes_up_is_protected_and_goes_when_it_is_told_twice(
    cloud: Cloud, client: hcloud.Client
) -> None:
    made = opened(cloud, "production")
    with production(made, client, server__protect=False, postgres__protect=False):
        refused = made.try_up(tenants__globex=GONE)
        assert refused.returncode != 0
        assert "protect" in refused.stdout + refused.stderr
        assert page(made, "globex") == 200
        made.changes.pop("tenants__globex")
