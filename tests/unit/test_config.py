"""Good configurations, the shipped stack files, and the page that documents the keys."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from components.config import StackConfig, reference
from components.config.network_values import AUTHORITIES
from tests import stack_files
from tests.bad_config import ED25519, EXISTING, GOOD, GOOD_KEY, STRONG_RSA, private
from tests.recorder import record

ROOT = Path(__file__).parents[2]
STACKS = ("staging", "production")


def load(values: dict[str, Any], folder: Path = ROOT, stack: str = "staging") -> StackConfig:
    """Return what a program gets."""
    plain, secret = stack_files.split(values)
    got: list[StackConfig] = []
    record(
        lambda: got.append(StackConfig.load()),
        config=plain,
        secrets=secret,
        stack=stack,
        root=folder,
    )
    return got[0]


def test_the_smallest_configuration_gets_the_defaults(tmp_path: Path) -> None:
    config = load(GOOD, tmp_path)
    assert config.domain == "ledger.example.org"
    assert config.server is not None
    assert config.server.image == "debian-12"
    assert config.acme.directory == AUTHORITIES["letsencrypt"]
    assert config.postgres.image == "postgres:17"
    assert config.app.environment == {}
    assert config.dns is None
    assert config.backups_enabled is False


def test_an_existing_server_needs_no_cloud(tmp_path: Path) -> None:
    bastion = {"address": "bastion.example.org", "user": "jump", "host_key": f"{GOOD_KEY} comment"}
    change = {**EXISTING, "existing_server": {**EXISTING["existing_server"], "bastion": bastion}}
    config = load(stack_files.merged(GOOD, change), tmp_path)
    assert config.server is None
    assert config.existing_server is not None
    assert config.existing_server.privilege == "sudo"
    assert config.existing_server.bastion is not None
    assert config.existing_server.bastion.host_key == GOOD_KEY


def test_a_secret_carries_a_version_and_is_not_shown(tmp_path: Path) -> None:
    by_password = {**EXISTING["existing_server"], "privilege": "sudo-password"}
    values = {
        **stack_files.merged(GOOD, {**EXISTING, "existing_server": by_password}),
        "existing_server_private_key": {"secure": private(ED25519)},
        "existing_server_password": {"secure": "correct-horse"},
    }
    config, again = load(values, tmp_path), load(values, tmp_path)
    other = load({**values, "existing_server_password": {"secure": "battery-staple"}}, tmp_path)
    assert config.existing_server_password is not None
    assert again.existing_server_password is not None
    assert other.existing_server_password is not None
    assert config.existing_server_password.version == again.existing_server_password.version
    assert config.existing_server_password.version != other.existing_server_password.version
    assert "correct-horse" not in repr(config)
    assert "PRIVATE KEY" not in repr(config)


def test_every_key_type_that_servers_accept_may_administer(tmp_path: Path) -> None:
    hardware = "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29t token"
    change = {"server": {"admin_keys": [GOOD_KEY, STRONG_RSA, hardware]}}
    config = load(stack_files.merged(GOOD, change), tmp_path)
    assert config.server is not None
    assert len(config.server.admin_keys) == 3


def test_the_configuration_cannot_be_changed(tmp_path: Path) -> None:
    config = load(GOOD, tmp_path)
    with pytest.raises(ValueError, match="frozen"):
        config.domain = "other.example.org"  # type: ignore[misc]


@pytest.mark.parametrize("stack", STACKS)
def test_the_shipped_stack_files_are_good(stack: str) -> None:
    plain, secret = stack_files.read(ROOT / f"Pulumi.{stack}.yaml")
    assert secret == {}
    config = load(plain, ROOT, stack)
    assert config.domain.endswith("ledger.example.com")


def paths(values: dict[str, Any], prefix: str = "") -> list[str]:
    """Return the path of every leaf, in order."""
    found: list[str] = []
    for key, value in values.items():
        nested = isinstance(value, dict) and value
        found += paths(value, f"{prefix}{key}.") if nested else [f"{prefix}{key}"]
    return found


def test_staging_and_production_have_the_same_keys_and_differ_as_meant() -> None:
    staging, production = (stack_files.read(ROOT / f"Pulumi.{stack}.yaml")[0] for stack in STACKS)
    assert paths(staging) == paths(production)
    differing = {
        path
        for path in paths(staging)
        if at(staging, path.split(".")) != at(production, path.split("."))
    }
    assert differing == {
        "homeport:acme.directory",
        "homeport:app.image",
        "homeport:app.memory_mib",
        "homeport:app.worker_memory_mib",
        "homeport:dns.zone",
        "homeport:domain",
        "homeport:images.require_digest",
        "homeport:postgres.image",
        "homeport:postgres.memory_mib",
        "homeport:postgres.protect",
        "homeport:server.protect",
        "homeport:server.type",
        "homeport:server.volume_gib",
        "homeport:site.hsts_seconds",
    }


def at(values: Any, path: list[str]) -> Any:
    return at(values[path[0]], path[1:]) if path else values


def test_production_is_protected_and_pinned() -> None:
    config = load(stack_files.read(ROOT / "Pulumi.production.yaml")[0], ROOT, "production")
    assert config.server is not None
    assert config.server.protect
    assert config.postgres.protect
    assert config.images.require_digest
    assert config.site.hsts_seconds >= 31_536_000


def test_the_documentation_of_the_keys_is_up_to_date() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text()
    assert page == reference.markdown(StackConfig), (
        "run: python -m components.config > docs/configuration.md"
    )


def test_every_key_is_described() -> None:
    rows = [
        [cell.strip() for cell in line.split("|")]
        for line in reference.markdown(StackConfig).splitlines()
        if line.startswith("| `")
    ]
    assert len(rows) > 50
    assert [row[1] for row in rows if not row[4]] == []


def test_the_project_file_declares_the_defaults_of_the_program() -> None:
    declared = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    for name, item in declared.items():
        default = StackConfig.model_fields[name].get_default()
        plain = default if isinstance(default, bool) else default.model_dump()
        assert item["default"] == plain
