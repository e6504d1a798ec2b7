"""Release ids and image references: pure functions."""

import dataclasses
from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from components import secrets
from components.app import AppArgs, app_release
from components.environment_contract import Variable
from components.health import HealthCheck
from components.job import Job
from components.network import PrivateNetwork, PrivateNetworkArgs
from components.registry import docker_config, serves
from components.release import check_image, is_pinned, release_id
from components.runtimes.docker import Docker
from components.secrets import Secret
from components.volume import Volume, VolumeArgs
from components.worker import WorkerArgs, worker_release
from tests.recorder import record
from tests.unit.fake_host import fake_host

DIGEST = "sha256:" + "a" * 64


def secret(version: str) -> Secret:
    return Secret(value=pulumi.Output.secret("never-seen-value"), version=version)


def in_program(make: Callable[[], str]) -> str:
    """Return what `make` returns inside a program."""
    made: list[str] = []
    record(lambda: made.append(make()))
    return made[0]


def release_of(**changes: Any) -> str:
    return in_program(lambda: app_release("web", app_args(**changes), Docker()))


def app_args(**changes: Any) -> AppArgs:
    host = fake_host()
    networks = [
        PrivateNetwork(name, PrivateNetworkArgs(host=host))
        for name in changes.pop("network_names", [])
    ]
    volumes = {
        path: Volume("files", VolumeArgs(host=host)) for path in changes.pop("volume_paths", [])
    }
    plain: dict[str, Any] = {
        "host": host,
        "image": "example.com/web:1",
        "memory_mib": 128,
        "health": HealthCheck(path="/up"),
        "environment": {"A": "1"},
        "secrets": {"TOKEN": secret("1")},
        "networks": networks,
        "volumes": volumes,
        "jobs": [Job(name="migrate", command=["m"], secrets={"P": secret("1")})],
    }
    return AppArgs(**{**plain, **changes})


def test_the_id_is_eight_hexadecimal_digits_and_the_same_every_time() -> None:
    assert release_id({"b": 1, "a": [True, None, "ü"]}) == "03c07bfd"
    assert release_id({"a": [True, None, "ü"], "b": 1}) == "03c07bfd"
    assert release_of() == release_of()


@pytest.mark.parametrize(
    "changes",
    [
        {"image": "example.com/web:2"},
        {"environment": {"A": "2"}},
        {"environment": {"A": "1", "B": ""}},
        {"secrets": {"TOKEN": secret("2")}},
        {"secrets": {"OTHER": secret("1")}},
        {"secrets": {}},
        {"secret_paths": {"/etc/token": "TOKEN"}},
        {"command": ["serve"]},
        {"user": "10002:10002"},
        {"network_names": ["data"]},
        {"memory_mib": 129},
        {"cpus": 0.5},
        {"volume_paths": ["/data"]},
        {"tmpfs_mib": {"/tmp": 65}},
        {"stop_seconds": 11},
        {"container_port": 8001},
        {"side_ports": {"events": 8072}},
        {"revision": 2},
        {"health": HealthCheck(path="/other")},
        {"health": HealthCheck(path="/up", contains="ready")},
        {"health": HealthCheck(path="/up", command=["check"])},
        {"jobs": []},
        {"jobs": [Job(name="migrate", command=["n"], secrets={"P": secret("1")})]},
        {"jobs": [Job(name="migrate", command=["m"], secrets={"P": secret("2")})]},
        {"jobs": [Job(name="migrate", command=["m"], environment={"X": "1"})]},
    ],
    ids=" ".join,
)
def test_whatever_configures_a_container_or_its_way_to_serve_makes_a_release(
    changes: dict[str, Any],
) -> None:
    assert release_of(**changes) != release_of()


@pytest.mark.parametrize(
    "changes",
    [
        {"drain_seconds": 5},
        {"graceful_stop": True},
        {"port": 10_007},
        {"keep_images": 5},
        {"contract": {"LOG_LEVEL": Variable(presence="optional")}},
    ],
    ids=" ".join,
)
def test_what_concerns_only_the_route_or_old_releases_makes_no_release(
    changes: dict[str, Any],
) -> None:
    assert release_of(**changes) == release_of()


def test_every_setting_of_an_app_was_thought_of() -> None:
    # A new setting has to be put into one of the two tests above, and then here. The artefact has
    # its test where units have theirs.
    known = (
        "host image artefact runtime memory_mib cpus environment secrets networks volumes user "
        "command tmpfs_mib jobs registry stop_seconds after revision health container_port port "
        "drain_seconds graceful_stop keep_images contract side_ports secret_paths"
    )
    assert {field.name for field in dataclasses.fields(AppArgs)} == set(known.split())


def test_the_secret_itself_is_no_part_of_the_id() -> None:
    other = Secret(value=pulumi.Output.secret("another-value"), version="1")
    assert release_of(secrets={"TOKEN": other}) == release_of()


def test_apps_with_the_same_settings_have_releases_of_their_own() -> None:
    assert in_program(lambda: app_release("api", app_args(), Docker())) != release_of()


def test_a_workers_release_follows_its_settings_too() -> None:
    def release_with(**changes: Any) -> str:
        plain: dict[str, Any] = {"image": "example.com/web:1", "memory_mib": 128, **changes}
        return in_program(
            lambda: worker_release("worker", WorkerArgs(host=fake_host(), **plain), Docker())
        )

    assert release_with() == release_with(settle_seconds=9, start_seconds=90)
    assert release_with() != release_with(health_command=["check"])
    assert release_with() != release_with(command=["work"])


def test_a_value_that_is_not_plain_is_refused() -> None:
    with pytest.raises(TypeError):
        release_id({"a": object()})


@pytest.mark.parametrize(
    "reference",
    [
        "web:1.2",
        "library/web:1.2",
        "example.com/team/web:v1_2-3",
        "localhost:5000/web:1",
        "registry.example.com:5000/a/b/c:1",
        f"web@{DIGEST}",
        f"example.com/web:1.2@{DIGEST}",
        f"web:latest@{DIGEST}",
    ],
)
def test_a_reference_that_names_one_version_is_taken(reference: str) -> None:
    assert check_image(reference) == reference
    assert is_pinned(reference) == ("@" in reference)


@pytest.mark.parametrize(
    ("reference", "why"),
    [
        ("web", "does not say which version"),
        ("web:latest", "does not say which version"),
        ("registry.example.com:5000/web", "does not say which version"),
        ("Web:1", "is no image reference"),
        ("web:1 ", "is no image reference"),
        ("", "is no image reference"),
        ("https://example.com/web:1", "is no image reference"),
        ("web@sha256:abc", "is no image reference"),
        ("web:", "is no image reference"),
        ("-web:1", "is no image reference"),
    ],
)
def test_any_other_reference_is_refused_with_the_cure(reference: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        check_image(reference)


@pytest.mark.parametrize(
    ("registry", "reference", "yes"),
    [
        ("example.com", "example.com/web:1", True),
        ("example.com", "example.com.evil.test/web:1", False),
        ("example.com:5000", "example.com:5000/web:1", True),
        ("example.com", "example.com:5000/web:1", False),
        ("docker.io", "web:1", True),
        ("docker.io", "team/web:1", True),
        ("docker.io", "example.com/web:1", False),
        ("localhost", "localhost/web:1", True),
    ],
)
def test_a_login_goes_only_to_its_registry(registry: str, reference: str, yes: bool) -> None:
    assert serves(registry, reference) is yes


def test_the_login_file_is_what_docker_reads() -> None:
    assert docker_config("example.com", "bot", "pw") == (
        '{"auths": {"example.com": {"auth": "Ym90OnB3"}}}\n'
    )
    assert '"https://index.docker.io/v1/"' in docker_config("docker.io", "bot", "pw")


def test_a_given_secret_changes_its_version_with_its_value() -> None:
    one, other = (secrets.given("key", value, context="shop/staging") for value in ("one", "two"))
    assert one.version != other.version
