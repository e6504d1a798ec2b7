"""Releases where nobody may write rules of nftables: links switch them, and nothing is lost."""

import contextlib
import dataclasses
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from homeport.cloud.instance import Cloud
from tests.e2e.conftest import Machine, MakeMachine, until
from tests.e2e.goodbyes import Goodbyes
from tests.e2e.load import Load
from tests.e2e.local_stack import ROOT, LocalStack, changes, local_cloud, open_stack

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]
FOLDER = Path(__file__).parent
IMAGES = {"caddy": "debian-12", "nginx": "debian-13"}
PROXIES = {"docker": "caddy", "quadlet": "nginx", "systemd": "caddy"}
RELEASES = 3
RELOADS = int(os.environ.get("HOMEPORT_E2E_RELOADS", "10"))
RATE = 20.0


@dataclasses.dataclass(frozen=True)
class Deployed:
    """The stack, its servers by their proxies, and what visitors of its sites see."""

    stack: LocalStack
    machines: dict[str, Machine]

    def _site(self, runtime: str) -> tuple[str, str, str]:
        ca = self.stack.cloud.environment["HOMEPORT_CA"]
        return self.machines[PROXIES[runtime]].ip, f"{runtime}.links.example.com", ca

    def load(self, runtime: str) -> Load:
        return Load(*self._site(runtime), path="/livez", rate=RATE)

    def goodbyes(self, runtime: str) -> Goodbyes:
        return Goodbyes(*self._site(runtime))

    @contextlib.contextmanager
    def under_load(self) -> Iterator[dict[str, Load]]:
        """Ask all sites all the time."""
        loads = {runtime: self.load(runtime) for runtime in PROXIES}
        with contextlib.ExitStack() as running:
            for load in loads.values():
                running.enter_context(load)
            yield loads

    def releases(self) -> dict[str, str]:
        return {runtime: self.stack.output(runtime) for runtime in PROXIES}

    def next_release(self, generation: int) -> None:
        self.stack.configure(generation=str(generation))
        self.stack.up()

    def calls_of_nft(self) -> str:
        return "".join(m.run("cat /var/log/nft-calls") for m in self.machines.values())


def await_boot(machine: Machine) -> None:
    """Wait for cloud-init; a connection may fail while it still sets sshd up."""
    waiting = "cloud-init status --wait || [ $? = 2 ]"
    until(lambda: machine.ssh(waiting, timeout=300).returncode == 0, 300, "the end of its boot")


@pytest.fixture(scope="module")
def deployed(
    cloud: Cloud, make_machine: MakeMachine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployed]:
    machines = {kind: make_machine(f"links-{kind}", image) for kind, image in IMAGES.items()}
    for machine in machines.values():
        await_boot(machine)
        machine.run((FOLDER / "refuse_nft.sh").read_text())
    login = machines["caddy"].login
    stack = open_stack(
        "links", FOLDER / "program", tmp_path_factory.mktemp("links"), local_cloud(cloud)
    )
    build = [str(ROOT / "testbed/apps/ledger/build"), "wheel", str(stack.folder / "ledger")]
    subprocess.run(build, check=True, env={**os.environ, "UV": str(ROOT / ".venv/bin/uv")})
    key = login.host_key(".pub").strip()
    stack.configure(
        servers={kind: {"address": m.ip, "host_key": key} for kind, m in machines.items()},
        private_key=(login.folder / "user").read_text(),
        generation="0",
    )
    made = Deployed(stack, machines)
    try:
        stack.up()
        yield made
    finally:
        stack.destroy()
    for machine in machines.values():
        assert machine.run("systemctl list-unit-files --no-legend 'homeport*' || :") == ""
        assert machine.run("ls -A /opt /run | grep homeport-release || :") == ""
    assert made.calls_of_nft() == ""


def test_apps_of_every_runtime_change_in_one_up_and_lose_nothing(
    deployed: Deployed, record_property: Callable[[str, object], None]
) -> None:
    before = deployed.releases()
    with deployed.under_load() as loads:
        for generation in range(1, RELEASES):
            deployed.next_release(generation)
        with contextlib.ExitStack() as running:
            opened = [running.enter_context(deployed.goodbyes(runtime)) for runtime in PROXIES]
            deployed.next_release(RELEASES)
    for runtime, load in loads.items():
        what = f"{RELEASES} releases: {dict(load.answers)}, worst {load.worst_seconds:.1f} s"
        record_property(f"{runtime} behind {PROXIES[runtime]}", what)
        print(f"{runtime} behind {PROXIES[runtime]}: {what}")
        assert load.lost == {}
        assert {before[runtime], deployed.stack.output(runtime)} < set(load.releases)
    # What was open when the last of them came was told to go by its app, and by nothing else.
    for open_ in opened:
        open_.check()
    again = deployed.stack.up()
    assert set(changes(again)) == {"unchanged"}, again
    assert deployed.calls_of_nft() == ""


def test_a_broken_release_keeps_the_old_one_and_the_next_up_converges(deployed: Deployed) -> None:
    before = deployed.releases()
    with deployed.under_load() as loads:
        deployed.stack.configure(fail_mode="crash-after:0")
        printed = deployed.stack.up_fails()
        assert "ended with exit code 70" in printed
        deployed.stack.configure(fail_mode="none")
        deployed.stack.up()
    for runtime, load in loads.items():
        assert load.lost == {}
        assert set(load.releases) == {before[runtime]}
    assert deployed.releases() == before


def test_links_lead_to_the_live_release_alone_and_a_route_says_what_it_did(
    deployed: Deployed,
) -> None:
    exported = json.loads(deployed.stack.pulumi("stack", "export").stdout)
    switches = {
        each["urn"].rpartition("::")[2]: each["outputs"]["stdout"]
        for each in exported["deployment"]["resources"]
        if "-switch-" in each["urn"].rpartition("::")[2]
    }
    for runtime, release in deployed.releases().items():
        said = json.loads(switches[f"{runtime}-switch-{release}"])
        assert said["switched_by"] == "links"
        machine = deployed.machines[PROXIES[runtime]]
        link = f"/opt/homeport/links/{deployed.stack.output(f'{runtime}-port')}"
        socket = f"/run/homeport-release/{said['live']}.sock"
        assert machine.run(f"readlink {link}") == socket
    for kind, machine in deployed.machines.items():
        behind = [runtime for runtime, proxy in PROXIES.items() if proxy == kind]
        assert len(machine.run("ls /run/homeport-release").split()) == len(behind)


@pytest.mark.parametrize("runtime", ["docker", "quadlet"])
def test_a_change_of_the_proxy_is_a_plain_reload_that_may_lose_what_is_written_down(
    deployed: Deployed, runtime: str, record_property: Callable[[str, object], None]
) -> None:
    kind = PROXIES[runtime]
    with deployed.load(runtime) as load:
        for _ in range(RELOADS):
            deployed.machines[kind].run(f"systemctl reload {kind} && sleep 0.5")
    what = f"{RELOADS} reloads: {dict(load.answers)}, worst {load.worst_seconds:.1f} s"
    record_property(kind, what)
    print(f"{kind}: {what}")
    log = deployed.machines[kind].run(f"journalctl -u {kind} -n 100 -o cat")
    assert "nobody can stand in for the proxy without nftables" in log
    with deployed.load(runtime) as load:
        until(lambda: load.answers["200"] > RATE, 120, "answers")
    assert deployed.calls_of_nft() == ""
