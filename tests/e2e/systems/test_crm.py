"""Crm on a server of somebody else: both stacks through their lives, and nobody is harmed."""

import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from homeport import paths, smoke, stacks
from homeport.cloud import foreign, shared_server, website_server
from homeport.cloud.instance import Cloud
from homeport.guard import run as guard
from tests.e2e.conftest import until
from tests.e2e.load import Load

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(3600)]
DOMAINS = ["crm.example.com", "staging.crm.example.com"]
WEBSITES = ["website.example.com", "staging.website.example.com"]
WEBSITE = paths.ROOT / "testbed/apps/website/website.py"
UPGRADE: dict[str, Any] = {
    "container": "signing-app",
    "version": "1.13.1",
    "database_container": "signing-db",
    "database": "signing",
    "volumes": ["signing-data"],
    "files": ["/srv/signing"],
    "stages": [
        {
            "version": version,
            "image": f"registry.example.com/homeport/signer:{version}@sha256:{'0' * 64}",
        }
        for version in ("2.0.0", "2.11.0")
    ],
}
NEXT = f"registry.example.com/homeport/ledger:1.1.0@sha256:{'0' * 64}"


class Crm:
    """A stack in a copy of the project, whose stack file changes as a person would change it."""

    def __init__(self, cloud: Cloud, stack: str, folder: Path) -> None:
        project = folder / "crm"
        shutil.copytree(paths.SYSTEMS / "crm", project)
        about = yaml.safe_load((project / "Pulumi.yaml").read_text())
        about["runtime"]["options"]["virtualenv"] = str(paths.ROOT / ".venv")
        (project / "Pulumi.yaml").write_text(yaml.safe_dump(about))
        self.cloud, self.aim = cloud, stacks.Target(project=project, stack=stack, cloud=cloud)
        self.shown = ""
        self.set("website", source={"path": str(WEBSITE)})

    def set(self, part: str, **values: Any) -> None:
        """Change keys of a part in the stack file."""
        file = self.aim.project / f"Pulumi.{self.aim.stack}.yaml"
        document = yaml.safe_load(file.read_text())
        keys = document["config"]
        keys[f"crm:{part}"] = {**keys.get(f"crm:{part}", {}), **values}
        file.write_text(yaml.safe_dump(document, sort_keys=False))

    def approve(self, operation: str = "up", touch: Sequence[str] = ()) -> bool:
        """Approve a plan; False when there is nothing to do."""
        self.shown = ""
        key = shared_server.approver_key(self.cloud)
        asked = guard.Asked(operation=operation, touch=touch, key=key)
        return guard.approve(self.aim, asked, show=self._show, agreed=lambda: True) is not None

    def _show(self, text: str) -> None:
        self.shown += text

    def run(self, operation: str = "up", touch: Sequence[str] = ()) -> int:
        """Have it approved, and run."""
        assert self.approve(operation, touch)
        return guard.run(self.aim, operation)

    def release(self) -> str:
        return str(stacks.outputs(self.aim)["release"])

    def website(self) -> smoke.Site:
        """The website on its server."""
        about = stacks.outputs(self.aim)["website"]
        name, ca = str(about["url"]).removeprefix("https://"), str(self.cloud.ca_file)
        return smoke.Site(hostname=name, address=str(about["address"]), ca_file=ca)

    def neighbours(self) -> str:
        """Everything of the neighbours', once nobody stands in for their nginx any more."""
        asked = "systemctl is-active homeport-return.service || :"

        def settled() -> bool:
            return shared_server.console(self.cloud, asked).strip() != "active"

        until(settled, 60, "nginx to serve by itself")
        return shared_server.listing(self.cloud)

    def signing(self, path: str, body: Any = None) -> Any:
        """Ask the signing app, as its owner does."""
        data = f"-d '{json.dumps(body)}'" if body else ""
        asked = f'curl -sSf -H "Authorization: Bearer $API_KEY" {data} 127.0.0.1:7300/api/{path}'
        return json.loads(shared_server.console(self.cloud, f". /srv/signing/.env; {asked}"))

    def broken(self) -> list[smoke.Result]:
        """Run the project's own smoke checks; return those that do not hold."""
        checks = smoke.declared(self.aim.project, smoke.deployed(self.aim))
        return [result for result in smoke.run(checks) if not result.passed]


@pytest.fixture(scope="module")
def before(cloud: Cloud) -> str:
    """Everything of the neighbours', before anybody else came."""
    shared_server.prepare(cloud, DOMAINS)
    website_server.prepare(cloud, WEBSITES)
    return shared_server.listing(cloud)


@pytest.fixture(scope="module")
def crm(
    cloud: Cloud,
    before: str,  # noqa: ARG001 - looks at the neighbours first
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Crm]:
    made = Crm(cloud, "staging", tmp_path_factory.mktemp("staging"))
    address = shared_server.prepare(cloud, DOMAINS).address
    shop = Load(address, "shop.example.org", str(cloud.ca_file), path="/", rate=8, scheme="http")
    with shop:
        assert made.run() == 0
    assert shop.lost == {}
    yield made
    # The last test destroys it; where that was not reached, nothing else stops the next run.
    if stacks.outputs(made.aim) and made.approve("destroy"):
        guard.run(made.aim, "destroy")


def but_nginx(listing: str) -> list[str]:
    """Leave out since when nginx runs."""
    return [line for line in listing.splitlines() if not line.startswith("ExecMainStart")]


def others(listing: str) -> list[str]:
    """Leave out the signing app too, which may be upgraded: container, volume, rows, site."""
    theirs = ("/signing-app ", "volume signing-data ", "signing-data ", "signing-rows ", "sign ")
    return [line for line in but_nginx(listing) if not line.startswith(theirs)]


def but_its_times(listing: str) -> list[str]:
    """Leave out since when the signing app runs, and when its volume was written to."""
    shown = []
    for line in listing.splitlines():
        words = line.split(" ")
        if line.startswith("/signing-app "):
            # Name, id, image, and after the start what it mounts.
            words = [*words[:3], *words[5:]]
        elif line.startswith("volume signing-data "):
            words = words[:2]
        shown.append(" ".join(words))
    return shown


def test_staging_comes_up_passes_every_smoke_check_and_harms_nobody(crm: Crm, before: str) -> None:
    assert "RESTARTS nginx" in crm.shown
    assert crm.broken() == []
    after = crm.neighbours()
    assert after != before, "nginx has its drop-in, and was restarted behind a stand-in"
    assert but_nginx(after) == but_nginx(before)


def test_nothing_is_left_to_approve_and_nothing_runs_without(crm: Crm) -> None:
    assert not crm.approve()
    refused = stacks.run(crm.aim, "up", ["--yes", "--skip-preview"])
    assert refused != 0


def test_the_flags_of_the_website_flip_one_after_the_other(crm: Crm) -> None:
    def seen() -> dict[str, str]:
        found: dict[str, str] = crm.website().request("GET", "/api/cutover").json()
        return found

    assert seen() == {"secret": "ok", "crm": "off", "login": "off", "inbox": "open"}
    crm.set("website", cutover=2)
    with pytest.raises(stacks.StackError, match="CRM_INTAKE, CRM_LOGIN would flip at once"):
        crm.approve()
    crm.set("website", cutover=1)
    assert crm.run() == 0
    assert seen() == {"secret": "ok", "crm": "ok", "login": "off", "inbox": "open"}
    form = {"description": "from the website", "amount": "12.50"}
    assert crm.website().request("POST", "/contact", data=form).status_code == 200
    arrived = smoke.deployed(crm.aim).site.request("GET", "/api/entries").json()["entries"]
    assert "from the website" in [entry["description"] for entry in arrived]


def test_only_the_app_listens_and_only_on_the_loopback(crm: Crm) -> None:
    looked = "docker ps --format '{{.Names}} {{.Ports}}' | grep ^crm-"
    shown = shared_server.console(crm.cloud, looked)
    ports = {
        name: [port for port in listed.split(", ") if "->" in port]
        for name, _, listed in (line.partition(" ") for line in shown.splitlines())
    }
    published = {name: found for name, found in ports.items() if found}
    assert set(published) == {f"crm-staging-app-{crm.release()}"}
    assert all(port.startswith("127.0.0.1:") for found in published.values() for port in found)
    release = f"/opt/homeport/crm-staging/apps/app/{crm.release()}/secrets"
    modes = shared_server.console(crm.cloud, f"stat -c '%a %u' {release}/*").split("\n")
    assert set(filter(None, modes)) == {"400 10001"}


def test_a_plan_that_touches_a_vital_thing_is_refused_unrun(crm: Crm, before: str) -> None:
    crm.set("guard", vital={"containers": ["crm-staging-redis"]})
    crm.set("redis", memory_mib=160)
    with pytest.raises(stacks.StackError, match="container:crm-staging-redis is vital"):
        crm.approve()
    vital = yaml.safe_load((paths.SYSTEMS / "crm/Pulumi.staging.yaml").read_text())
    crm.set("guard", vital=vital["config"]["crm:guard"]["vital"])
    crm.set("redis", memory_mib=128)
    assert not crm.approve()
    assert but_nginx(crm.neighbours()) == but_nginx(before)


def test_a_release_that_never_gets_healthy_leaves_the_old_one_serving(
    crm: Crm,
) -> None:
    served, before = crm.release(), crm.neighbours()
    crm.set("app", environment={"LOG_LEVEL": "INFO", "FAIL_MODE": "never-healthy"})
    crm.set("app", start_timeout_seconds=15)
    assert crm.run() != 0
    site = smoke.deployed(crm.aim).site
    assert site.request("GET", "/healthz").json()["release"] == served
    assert crm.neighbours() == before
    crm.set("app", environment={"LOG_LEVEL": "INFO"}, start_timeout_seconds=120)


def test_a_release_under_load_loses_no_request_while_the_upgrade_is_tried_and_a_flag_goes_back(
    crm: Crm,
) -> None:
    site, before = smoke.deployed(crm.aim).site, crm.neighbours()
    served = site.request("GET", "/healthz").json()["release"]
    crm.set("app", image=NEXT)
    crm.set("signing_upgrade", **UPGRADE)
    crm.set("website", cutover=0)
    ca_file = str(crm.cloud.ca_file)
    with Load(site.address, site.hostname, ca_file, path="/healthz", rate=15) as seen:
        assert crm.run() == 0
        until(lambda: len(seen.releases) > 1, 60, "an answer of the new release")
    assert seen.lost == {}
    assert set(seen.releases) == {served, crm.release()}
    assert crm.broken() == []
    assert crm.website().request("GET", "/api/cutover").json()["crm"] == "off"
    assert crm.neighbours() == before


@pytest.fixture(scope="module")
def touched(crm: Crm) -> list[str]:
    """The vital things that the plan of the signing app's upgrade is refused for."""
    crm.set("signing_upgrade", proceed=True, keep_way_back=False)
    with pytest.raises(stacks.StackError) as refused:
        crm.approve()
    return [line.split(" ")[0] for line in str(refused.value).splitlines()]


def test_an_upgrade_of_the_signing_app_approved_by_name_that_fails_leaves_every_byte(
    crm: Crm, touched: list[str]
) -> None:
    # Something that the trial on the copy did not know yet: 2.11.0 cannot take an empty document.
    crm.signing("v1/documents", {"title": "empty", "content": ""})
    before = crm.neighbours()
    assert {"container:signing-app", "database:signing", "volume:signing-data"} <= set(touched)
    # The backup that was tried while it served is the one that counts.
    assert crm.run(touch=touched) != 0
    assert but_its_times(crm.neighbours()) == but_its_times(before)
    assert crm.broken() == []


def test_an_upgrade_of_the_signing_app_approved_by_name_ends_at_its_last_version(
    crm: Crm, before: str, touched: list[str]
) -> None:
    psql = "docker exec -u postgres signing-db psql -XAtq -U signer -d signing -c"
    away = "DELETE FROM documents WHERE title = 'empty'"
    shared_server.console(crm.cloud, f'{psql} "{away}"')
    documents = crm.signing("v1/documents")["documents"]
    assert crm.signing("health")["version"] == "1.13.1"
    assert crm.run(touch=touched) == 0
    assert crm.signing("health")["version"] == "2.11.0"
    assert crm.signing("v1/documents")["documents"] == documents
    assert others(crm.neighbours()) == others(before)
    assert "before" not in shared_server.console(crm.cloud, "docker ps -a --format '{{.Names}}'")
    assert crm.broken() == []


def test_production_comes_up_beside_it_by_sudo_and_both_go_without_a_trace(
    crm: Crm, before: str, tmp_path: Path
) -> None:
    upgraded = crm.neighbours()
    assert others(upgraded) == others(before)
    production = Crm(crm.cloud, "production", tmp_path)
    assert production.run() == 0
    assert production.broken() == []
    assert not production.approve()
    assert crm.broken() == []
    assert but_nginx(crm.neighbours()) == but_nginx(upgraded)
    with pytest.raises(stacks.StackError, match=r"protected, and not to be destroyed: .*-volume"):
        production.approve("destroy")
    assert production.broken() == []
    production.set("postgres", protect=False)
    assert production.run() == 0
    assert production.run("destroy") == 0
    assert crm.run("destroy") == 0
    assert but_nginx(crm.neighbours()) == but_nginx(upgraded)
    left = (
        "(docker ps -a --format '{{.Names}}'; docker volume ls -q; docker network ls; ls /opt;"
        " cut -d: -f1 /etc/passwd) | grep -e crm- -e homeport || :"
    )
    for server in (shared_server.NAME, website_server.NAME):
        assert foreign.console(crm.cloud, server, left) == ""
