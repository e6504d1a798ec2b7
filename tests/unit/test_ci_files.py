"""What CI services are given: the workflows of this repository, and those that users copy."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FILES = [*sorted(ROOT.glob(".github/workflows/*.yml")), *sorted(ROOT.glob("docs/ci/*.yml"))]
PINNED = re.compile(r"(\./|(https://github\.com/)?[\w.-]+/[\w.-]+@[0-9a-f]{40}$)")


def texts(value: Any, key: str) -> list[str]:
    """Return every value of a key, however deep it stands."""
    if isinstance(value, dict):
        own = [value[key]] if isinstance(value.get(key), str) else []
        return own + [found for part in value.values() for found in texts(part, key)]
    if isinstance(value, list):
        return [found for part in value for found in texts(part, key)]
    return []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_foreign_actions_are_pinned_by_commit(file: Path) -> None:
    for used in texts(yaml.safe_load(file.read_text()), "uses"):
        assert PINNED.match(used), used


@pytest.mark.parametrize("name", ["gitlab-ci.yml", "gitea.yml"])
def test_a_copied_pipeline_previews_both_stacks_and_waits_with_production(name: str) -> None:
    jobs = yaml.safe_load((ROOT / "docs" / "ci" / name).read_text())
    jobs = jobs.get("jobs", jobs)
    preview = yaml.safe_dump(jobs["preview"])
    assert "staging" in preview
    assert "production" in preview
    assert "HCLOUD_TOKEN_STAGING" not in yaml.safe_dump(jobs["production"])
    assert "HCLOUD_TOKEN_PRODUCTION" not in yaml.safe_dump(jobs["staging"])
    by_hand = yaml.safe_dump(jobs["production"])
    assert "when: manual" in by_hand or "workflow_dispatch" in by_hand
