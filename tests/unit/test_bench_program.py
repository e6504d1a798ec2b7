"""The program whose deploys are measured: every proxy takes it, and one app changes at a time."""

import json
from pathlib import Path

import pytest

from bench.deploy import ours, setting
from tests.recorder import Deployment, record

PROGRAM = ours.PROGRAM / "__main__.py"


@pytest.fixture(autouse=True)
def builds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lay out small artefacts in place of the ones that the benchmark builds."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(setting, "BUILDS", "builds")
    for version in setting.VERSIONS:
        for path in (
            "systemd/{}/requirements.lock",
            "systemd/{}/wheels/a.whl",
            "static/{}/index.html",
        ):
            file = tmp_path / "builds" / path.format(version.name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(version.name)


def deployed(proxy: str, **versions: int) -> Deployment:
    config = {runtime: versions.get(runtime, 0) for runtime in setting.RUNTIMES}
    return record(PROGRAM, stack=proxy, project="bench", config=config)


def contents(deployment: Deployment) -> dict[str, str]:
    return {
        made.name: json.dumps(made.inputs, sort_keys=True, default=str)
        for made in deployment.resources
    }


@pytest.mark.parametrize("proxy", setting.PROXIES)
def test_every_runtime_has_a_site_behind_the_proxy(proxy: str) -> None:
    names = set(contents(deployed(proxy)))
    assert {f"site-{runtime}" for runtime in setting.RUNTIMES} <= names


@pytest.mark.parametrize("runtime", setting.RUNTIMES)
def test_another_version_of_an_app_changes_nothing_of_the_others(runtime: str) -> None:
    before, after = (contents(deployed("caddy", **{runtime: number})) for number in (0, 1))
    changed = {name for name in before | after if before.get(name) != after.get(name)}
    assert changed
    assert all(name.startswith(f"{runtime}-") for name in changed)
