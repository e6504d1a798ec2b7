"""What a preview of the real engine refuses: a volume that would shrink, two flags at once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.conftest import Engine
from tests.unit.cloud.machinery import MemoryMachinery
from tests.unit.cloud.service import TOKEN, Service, Stage

pytestmark = pytest.mark.engine

PROGRAM = """
    import pulumi
    import pulumi_hcloud as hcloud
    from components.guards import never_smaller

    config = pulumi.Config()
    cloud = hcloud.Provider(
        "cloud", token=config.require_secret("token"), endpoint=config.require("endpoint")
    )
    hcloud.Volume(
        "data",
        name="data",
        location="fsn1",
        size=config.require_int("size"),
        opts=pulumi.ResourceOptions(
            provider=cloud,
            hooks=never_smaller("data", "size", key="server.volume_gib", unit="GiB"),
        ),
    )
"""


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    stage = Stage()
    stage.start()
    with stage.serving(tmp_path / "cloud.sqlite", MemoryMachinery()) as running:
        yield running
    stage.stop()


def test_a_volume_may_grow_but_a_preview_refuses_to_shrink_it(
    engine: Engine, service: Service, tmp_path: Path
) -> None:
    project = engine.project(tmp_path / "project", PROGRAM)

    def plan(size: int, command: str = "preview") -> tuple[int, str]:
        engine.run("config", "set", "size", str(size), cwd=project)
        yes = [] if command == "preview" else ["--yes", "--skip-preview"]
        done = engine.run(command, *yes, cwd=project, check=False)
        return done.returncode, done.stdout + done.stderr

    engine.run("config", "set", "endpoint", service.endpoint, cwd=project)
    engine.run("config", "set", "token", TOKEN, "--secret", cwd=project)
    assert plan(20, "up")[0] == 0
    assert plan(20)[0] == 0

    code, said = plan(10)
    assert code != 0
    assert "server.volume_gib: is 20 GiB and can only grow" in said
    assert plan(10, "up")[0] != 0
    assert [volume.size for volume in service.client().volumes.get_all()] == [20]

    assert plan(30, "up")[0] == 0


FLAGS = """
    import json

    import pulumi
    import pulumi_command as command
    from components.guards import one_flag_at_a_time

    config = pulumi.Config()
    document = {"flipped": config.require_int("flipped"), "order": ["A", "B", "C"]}
    command.local.Command(
        "it",
        # The second flag never works.
        create="! grep -q '\\"flipped\\": 2'",
        stdin=json.dumps(document),
        opts=pulumi.ResourceOptions(hooks=one_flag_at_a_time("it", key="cutover")),
    )
"""


def test_a_flag_flips_only_where_the_one_before_is_verified(engine: Engine, tmp_path: Path) -> None:
    project = engine.project(tmp_path / "project", FLAGS)

    def plan(flipped: int, command: str = "preview") -> tuple[int, str]:
        engine.run("config", "set", "flipped", str(flipped), cwd=project)
        yes = [] if command == "preview" else ["--yes", "--skip-preview"]
        done = engine.run(command, *yes, cwd=project, check=False)
        return done.returncode, done.stdout + done.stderr

    assert plan(0, "up")[0] == 0
    code, said = plan(2)
    assert code != 0
    assert "cutover: A, B would flip at once" in said
    assert plan(1)[0] == 0
    assert plan(1, "up")[0] == 0
    assert plan(2, "up")[0] != 0, "it is not seen to work"
    code, said = plan(3)
    assert code != 0
    assert "verified are 1" in said
    assert plan(0, "up")[0] == 0
