"""Every stack of every system, previewed at once by the real engine, with nothing to ask."""

import shutil
from pathlib import Path

import pytest

from homeport import paths, previews, stacks

pytestmark = pytest.mark.engine


def test_every_stack_can_be_previewed_without_cloud_host_or_secrets() -> None:
    aims = previews.everything()
    assert [(aim.name, aim.stack) for aim in aims[:2]] == [
        ("homeport", "staging"),
        ("homeport", "production"),
    ]
    before = {aim: (aim.project / f"Pulumi.{aim.stack}.yaml").read_text() for aim in aims}
    done = list(previews.run(aims))
    assert {(each.system, each.stack): each.problem for each in done} == {
        (aim.name, aim.stack): "" for aim in aims
    }
    assert all(each.resources > 30 for each in done)
    assert {aim: (aim.project / f"Pulumi.{aim.stack}.yaml").read_text() for aim in aims} == before


def test_a_stack_that_is_refused_says_why(tmp_path: Path) -> None:
    for name in ("Pulumi.yaml", "Pulumi.staging.yaml", "Pulumi.production.yaml", "__main__.py"):
        shutil.copy(paths.ROOT / name, tmp_path)
    (tmp_path / ".venv").symlink_to(paths.ROOT / ".venv")
    file = tmp_path / "Pulumi.staging.yaml"
    file.write_text(file.read_text().replace("type: cx23", "type: cx99"))
    [done] = previews.run([stacks.Target(project=tmp_path, stack="staging", cloud=None)])
    assert done.resources == 0
    assert "homeport:server.type: is no server type (got 'cx99')" in done.problem
