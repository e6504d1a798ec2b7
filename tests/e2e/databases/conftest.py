"""One server of the local cloud, with the databases of `program`, for all tests here."""

import os
from collections.abc import Iterator

import pytest

from homeport import paths
from homeport.cloud.instance import Cloud
from tests.e2e.databases.deployment import PROGRAM, Deployed


@pytest.fixture(scope="session", params=["debian-12", "debian-13"])
def deployed(
    request: pytest.FixtureRequest, cloud: Cloud, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployed]:
    """The program, up; destroyed at the end."""
    state, folder = tmp_path_factory.mktemp("state"), tmp_path_factory.mktemp("program")
    for file in (PROGRAM / name for name in ("Pulumi.yaml", "__main__.py")):
        text = file.read_text().replace("../../../../.venv", str(paths.ROOT / ".venv"))
        (folder / file.name).write_text(text)
    stack = f"{request.param}-{os.getpid()}".replace("-", "")
    made = Deployed(cloud, stack, folder, state)
    started = made.pulumi("stack", "init")
    assert started.returncode == 0, started.stderr
    try:
        volume = "true" if request.param == "debian-13" else "false"
        made.up(image=request.param, volume=volume)
        yield made
    finally:
        gone = made.pulumi("destroy", "--yes", "--skip-preview")
        removed = made.pulumi("stack", "rm", "--yes", "--force")
    assert gone.returncode == 0, f"{gone.stdout}\n{gone.stderr}"
    assert removed.returncode == 0, removed.stderr
