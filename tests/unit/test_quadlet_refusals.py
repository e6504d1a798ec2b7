"""What a host or a runtime cannot do is refused before anything is made."""

from collections.abc import Callable
from typing import Any

import pytest

from components import secrets
from components.app import App, AppArgs
from components.artefact import Artefact, ArtefactArgs
from components.artefact_source import GitSource
from components.health import HealthCheck
from components.host import Host
from components.network import PrivateNetwork, PrivateNetworkArgs
from components.postgres import PostgresServerArgs
from components.registry import RegistryLogin, RegistryLoginArgs
from components.rootless import RootlessAccount, RootlessAccountArgs
from components.runtimes.quadlet import Quadlet
from components.volume import Volume, VolumeArgs
from tests.recorder import record
from tests.unit.fake_host import fake_host

PASSWORD = "correct-horse-battery"


def given() -> secrets.Secret:
    return secrets.given("password", PASSWORD, context="homeport-staging")


def account(host: Host) -> RootlessAccount:
    return RootlessAccount("apps", RootlessAccountArgs(host=host))


def deploy(build: Callable[[], object]) -> None:
    record(build, secrets={"password": PASSWORD})


def mixed(kind: str, *, rootless: bool) -> None:
    """An app of one engine that uses something of the other."""
    host = fake_host()
    apps = account(host)
    theirs = None if rootless else apps
    used: dict[str, Any] = {
        "networks": lambda: [PrivateNetwork("data", PrivateNetworkArgs(host=host, account=theirs))],
        "volumes": lambda: {"/data": Volume("rows", VolumeArgs(host=host, account=theirs))},
        "registry": lambda: RegistryLogin(
            "registry",
            RegistryLoginArgs(
                host=host, registry="docker.io", username="b", password=given(), account=theirs
            ),
        ),
    }
    args: dict[str, Any] = {kind: used[kind](), "image": "web:1", "memory_mib": 64}
    if rootless:
        args["runtime"] = Quadlet(account=apps)
    App("web", AppArgs(host=host, health=HealthCheck(path="/"), **args))


@pytest.mark.parametrize("kind", ["networks", "volumes", "registry"])
def test_what_belongs_to_another_engine_is_refused(kind: str) -> None:
    with pytest.raises(
        ValueError, match=f"^App: {kind}: .* Docker, not to quadlet of apps; .*apps"
    ):
        deploy(lambda: mixed(kind, rootless=True))
    with pytest.raises(ValueError, match=f"^App: {kind}: .*account apps, not to docker; .*without"):
        deploy(lambda: mixed(kind, rootless=False))


def test_a_database_server_in_docker_refuses_a_network_of_podman() -> None:
    def program() -> None:
        host = fake_host()
        network = PrivateNetwork("data", PrivateNetworkArgs(host=host, account=account(host)))
        PostgresServerArgs(host=host, image="postgres:17", network=network)

    with pytest.raises(ValueError, match="network: homeport-staging-data belongs to the account"):
        deploy(program)


@pytest.mark.parametrize("image", ["debian-12", "ubuntu-22.04"])
def test_a_host_whose_podman_is_too_old_is_refused_at_plan_time(image: str) -> None:
    with pytest.raises(ValueError, match=f"host: the Podman of {image} is too old for Quadlet"):
        deploy(lambda: account(fake_host(image=image)))


@pytest.mark.parametrize("name", ["root", "Apps", "", "1st", "a" * 32])
def test_a_name_that_no_account_can_have_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="RootlessAccount: name: must be 1 to 31"):
        deploy(lambda: RootlessAccountArgs(host=fake_host(), name=name))


def test_one_account_is_made_once() -> None:
    def program() -> None:
        host = fake_host()
        RootlessAccount("first", RootlessAccountArgs(host=host))
        RootlessAccount("second", RootlessAccountArgs(host=host))

    with pytest.raises(ValueError, match="account apps is already taken by account first"):
        deploy(program)


def test_an_app_needs_an_image() -> None:
    def program() -> None:
        host = fake_host()
        runtime, health = Quadlet(account=account(host)), HealthCheck(path="/")
        source = GitSource(url="https://example.com/web.git", commit="a" * 40)
        artefact = Artefact("web", ArtefactArgs(host=host, source=source))
        App(
            "web",
            AppArgs(host=host, runtime=runtime, artefact=artefact, memory_mib=64, health=health),
        )

    with pytest.raises(ValueError, match=r"^App: image: the runtime quadlet runs an image"):
        deploy(program)


@pytest.mark.parametrize("owner", ["app", "10001", "1:2:3", ""])
def test_a_volume_belongs_to_numbers(owner: str) -> None:
    with pytest.raises(ValueError, match="Volume: owner: must be numeric"):
        deploy(lambda: VolumeArgs(host=fake_host(), owner=owner))
