"""What a preview refuses, with the key it names and what it says, and that it shows no secret."""

import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import stack_files
from tests.bad_config import (
    BAD,
    BAD_EXISTING,
    BAD_GUARD,
    CANARY,
    ED25519,
    EXISTING,
    GOOD,
    load,
    private,
    problems,
)
from tests.recorder import record


def named(rows: list[tuple[str, str, str]]) -> list[str]:
    """Return names that are the same in every process, unlike the keys in the rows."""
    return [f"{number} {path} {said[:30]}" for number, (_, path, said) in enumerate(rows)]


def test_the_table_is_long_enough() -> None:
    changes = [change for change, _, _ in (*BAD, *BAD_EXISTING)]
    assert len(changes) == len(set(changes)) >= 60


@pytest.mark.parametrize(
    ("change", "path", "said"), [*BAD, *BAD_GUARD], ids=named([*BAD, *BAD_GUARD])
)
def test_a_preview_refuses(change: str, path: str, said: str, tmp_path: Path) -> None:
    refused = problems(stack_files.merged(GOOD, yaml.safe_load(change)), tmp_path)
    assert list(refused) == [path]
    assert said in refused[path]
    assert refused[path].startswith(f"homeport:{path}: ")


@pytest.mark.parametrize(("change", "path", "said"), BAD_EXISTING, ids=named(BAD_EXISTING))
def test_a_preview_refuses_for_an_existing_server(
    change: str, path: str, said: str, tmp_path: Path
) -> None:
    base = stack_files.merged(GOOD, EXISTING)
    refused = problems(stack_files.merged(base, yaml.safe_load(change)), tmp_path)
    assert list(refused) == [path]
    assert said in refused[path]


def test_a_private_key_with_a_passphrase_is_refused_without_being_shown(tmp_path: Path) -> None:
    pem = private(ED25519, password=b"correct horse")
    values = {
        **stack_files.merged(GOOD, EXISTING),
        "existing_server_private_key": {"secure": pem},
    }
    refused = problems(values, tmp_path)["existing_server_private_key"]
    assert "needs a passphrase" in refused
    assert pem.splitlines()[1] not in refused


def test_all_problems_are_told_at_once_in_the_order_of_their_keys(tmp_path: Path) -> None:
    change = """
        domain: ledger.example.org.
        acme: {email: nobody}
        server: {type: cx99, volume_gib: ten}
        app: {image: ledger, port: 1}
        colour: blue
    """
    refused = problems(stack_files.merged(GOOD, yaml.safe_load(textwrap.dedent(change))), tmp_path)
    assert list(refused) == [
        "acme.email",
        "app.image",
        "app.port",
        "colour",
        "domain",
        "server.type",
        "server.volume_gib",
    ]


def test_a_value_that_is_also_a_secret_is_not_shown(tmp_path: Path) -> None:
    values = {
        **stack_files.merged(GOOD, {"registry": {"server": "ghcr.io", "username": f"a:{CANARY}"}}),
        "registry_password": {"secure": CANARY},
    }
    assert "(got [hidden])" in problems(values, tmp_path)["registry.username"]


@pytest.mark.parametrize(
    ("project", "stack"), [("homeport", "Staging"), ("homeport", "a_b"), ("h", "x" * 60)]
)
def test_a_stack_whose_name_cannot_be_a_prefix_is_refused(
    project: str, stack: str, tmp_path: Path
) -> None:
    refused = problems(GOOD, tmp_path, stack=stack, project=project)
    assert "together use up to 40 lower-case letters" in refused["(project and stack)"]


def sibling(folder: Path, text: str, stack: str = "production") -> None:
    lines = textwrap.indent(textwrap.dedent(text), "  ")
    (folder / f"Pulumi.{stack}.yaml").write_text(f"config:\n{lines}")


SHARED: list[tuple[str, dict[str, Any], str, str]] = [
    (
        "homeport:domain: ledger.example.org",
        {},
        "domain",
        "is a domain of stack production too (got ledger.example.org)",
    ),
    (
        "homeport:site: {redirects_from: [ledger.example.org]}",
        {},
        "domain",
        "is a domain of stack production too",
    ),
    (
        "homeport:domain: www.example.org",
        {"site": {"redirects_from": ["www.example.org"]}},
        "site.redirects_from[0]",
        "is a domain of stack production too",
    ),
    (
        "homeport:dns: {zone: example.org, create_zone: true}",
        {"dns": {"zone": "example.org", "create_zone": True}},
        "dns.create_zone",
        "is true in stack production for the same zone",
    ),
    (
        "homeport:existing_server: {address: 198.51.100.7}",
        EXISTING,
        "existing_server.address",
        "is the server of stack production too (got 198.51.100.7)",
    ),
    (
        """
        homeport:existing_server: {address: 198.51.100.7, shared: true}
        homeport:postgres: {data_folder: /srv/postgres}
        """,
        {
            **EXISTING,
            "existing_server": {**EXISTING["existing_server"], "shared": True},
            "postgres": {"data_folder": "/srv/postgres"},
        },
        "postgres.data_folder",
        "is the database of stack production too",
    ),
    (
        f"homeport:basic_auth_password: {CANARY}",
        {"site": {"basic_auth_user": "ann"}, "basic_auth_password": {"secure": CANARY}},
        "basic_auth_password",
        "is the secret of stack production too",
    ),
]


@pytest.mark.parametrize(("other", "change", "path", "said"), SHARED)
def test_what_another_stack_has_is_refused(
    other: str, change: dict[str, Any], path: str, said: str, tmp_path: Path
) -> None:
    sibling(tmp_path, other)
    refused = problems(stack_files.merged(GOOD, change), tmp_path)
    assert list(refused) == [path]
    assert said in refused[path]


def test_a_copied_line_of_ciphertext_is_recognised(tmp_path: Path) -> None:
    line = "homeport:basic_auth_password: {secure: v1:abcdefgh:0123456789}"
    sibling(tmp_path, line)
    sibling(tmp_path, line, stack="staging")
    change = {"site": {"basic_auth_user": "ann"}, "basic_auth_password": {"secure": CANARY}}
    refused = problems(stack_files.merged(GOOD, change), tmp_path)
    assert list(refused) == ["basic_auth_password"]


def test_a_stack_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.production.yaml").write_text("config: [")
    refused = problems(GOOD, tmp_path)
    assert "it is no YAML file" in refused["(Pulumi.production.yaml)"]


def test_a_shared_server_is_allowed_when_both_stacks_say_so(tmp_path: Path) -> None:
    sibling(tmp_path, "homeport:existing_server: {address: 198.51.100.7, shared: true}")
    base = stack_files.merged(GOOD, EXISTING)
    values = stack_files.merged(base, {"existing_server": {"shared": True}})
    record(load, config=values, root=tmp_path)
