"""Crm on a server of somebody else: both stacks through their lives, and nobody is harmed."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from homeport import paths, smoke, stacks
from homeport.cloud import shared_server
from homeport.cloud.instance import Cloud
from homeport.guard import run as guard
from tests.e2e.conftest import until
from tests.e2e.load import Load

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(3600)]
DOMAINS = ["crm.example.com", "staging.crm.example.com"]
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

    def set(self, part: str, **values: Any) -> None:
        """Change keys of a part in the stack file."""
        file = self.aim.project / f"Pulumi.{self.aim.stack}.yaml"
        document = yaml.safe_load(file.read_text())
        document["config"][f"crm:{part}"] |= values
        file.write_text(yaml.safe_dump(document, sort_keys=False))

    def approve(self, operation: str = "up") -> bool:
        """Approve a plan; False when there is nothing to do."""
        self.shown = ""
        asked = guard.Asked(operation=operation, key=shared_server.approver_key(self.cloud))
        return guard.approve(self.aim, asked, show=self._show, agreed=lambda: True) is not None

    def _show(self, text: str) -> None:
        self.shown += text

    def run(self, operation: str = "up") -> int:
        """Have it approved, and run."""
        assert self.approve(operation)
        return guard.run(self.aim, operation)

    def release(self) -> str:
        return str(stacks.outputs(self.aim)["release"])

    def broken(self) -> list[smoke.Result]:
        """Run the project's own smoke checks; return those that do not hold."""
        checks = smoke.declared(self.aim.project, smoke.deployed(self.aim))
        return [result for result in smoke.run(checks) if not result.passed]


@pytest.fixture(scope="module")
def before(cloud: Cloud) -> str:
    """Everything of the neighbours', before anybody else came."""
    shared_server.prepare(cloud, DOMAINS)
    return shared_server.listing(cloud)


@pytest.fixture(scope="module")
def crm(
    cloud: Cloud,
    before: str,  # noqa: ARG001 - looks at the neighbours first
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Crm]:
    made = Crm(cloud, "staging", tmp_path_factory.mktemp("staging"))
    assert made.run() == 0
    yield made
    # The last test destroys it; where that was not reached, nothing else stops the next run.
    if stacks.outputs(made.aim) and made.approve("destroy"):
        guard.run(made.aim, "destroy")


def test_staging_comes_up_passes_every_smoke_check_and_harms_nobody(crm: Crm, before: str) -> None:
    assert crm.broken() == []
    assert shared_server.listing(crm.cloud) == before


def test_nothing_is_left_to_approve_and_nothing_runs_without(crm: Crm) -> None:
    assert not crm.approve()
    refused = stacks.run(crm.aim, "up", ["--yes", "--skip-preview"])
    assert refused != 0


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
    assert shared_server.listing(crm.cloud) == before


def test_a_release_that_never_gets_healthy_leaves_the_old_one_serving(
    crm: Crm, before: str
) -> None:
    served = crm.release()
    crm.set("app", environment={"LOG_LEVEL": "INFO", "FAIL_MODE": "never-healthy"})
    crm.set("app", start_timeout_seconds=15)
    assert crm.run() != 0
    site = smoke.deployed(crm.aim).site
    assert site.request("GET", "/healthz").json()["release"] == served
    assert shared_server.listing(crm.cloud) == before
    crm.set("app", environment={"LOG_LEVEL": "INFO"}, start_timeout_seconds=120)


def test_a_release_under_load_loses_no_request(crm: Crm, before: str) -> None:
    site = smoke.deployed(crm.aim).site
    served = site.request("GET", "/healthz").json()["release"]
    crm.set("app", image=NEXT)
    ca_file = str(crm.cloud.ca_file)
    with Load(site.address, site.hostname, ca_file, path="/healthz", rate=15) as seen:
        assert crm.run() == 0
        until(lambda: len(seen.releases) > 1, 60, "an answer of the new release")
    assert seen.lost == {}
    assert set(seen.releases) == {served, crm.release()}
    assert crm.broken() == []
    assert shared_server.listing(crm.cloud) == before


def test_production_comes_up_beside_it_by_sudo_and_both_go_without_a_trace(
    crm: Crm, before: str, tmp_path: Path
) -> None:
    production = Crm(crm.cloud, "production", tmp_path)
    assert production.run() == 0
    assert production.broken() == []
    assert not production.approve()
    assert crm.broken() == []
    assert shared_server.listing(crm.cloud) == before
    with pytest.raises(stacks.StackError, match=r"protected, and not to be destroyed: .*-volume"):
        production.approve("destroy")
    assert production.broken() == []
    production.set("postgres", protect=False)
    assert production.run() == 0
    assert production.run("destroy") == 0
    assert crm.run("destroy") == 0
    assert shared_server.listing(crm.cloud) == before
    left = (
        "(docker ps -a --format '{{.Names}}'; docker volume ls -q; docker network ls; ls /opt;"
        " cut -d: -f1 /etc/passwd) | grep -e crm- -e homeport || :"
    )
    assert shared_server.console(crm.cloud, left) == ""
