"""Keys: the same bytes give the same texts, and OpenSSH agrees with every one of them."""

import os
import subprocess
from pathlib import Path

import pulumi
import pytest
from cryptography.hazmat.primitives.serialization import load_ssh_private_key

from components import keys
from tests.recorder import Secret, record

SEED = bytes(range(32))


def test_the_same_seed_gives_the_same_bytes() -> None:
    assert keys.private_key(SEED, "a") == keys.private_key(SEED, "a")
    assert keys.public_line(SEED, "a") == keys.public_line(SEED, "a")


def test_another_seed_gives_another_key() -> None:
    other = bytes(32)
    assert keys.private_key(SEED, "a") != keys.private_key(other, "a")
    assert keys.public_line(SEED, "a") != keys.public_line(other, "a")


@pytest.mark.parametrize("comment", ["", "a", "homeport-staging-server", "x" * 61, "ü"])
def test_openssh_reads_the_private_key_and_derives_our_public_line(
    tmp_path: Path, comment: str
) -> None:
    seed = os.urandom(32)
    file = tmp_path / "key"
    file.write_text(keys.private_key(seed, comment))
    file.chmod(0o600)
    shown = subprocess.run(
        ["ssh-keygen", "-y", "-f", file], capture_output=True, text=True, check=True
    )
    assert shown.stdout.split()[:2] == keys.public_line(seed, comment).split()[:2]


def test_another_implementation_reads_the_private_key() -> None:
    text = keys.private_key(SEED, "comment").encode()
    loaded = load_ssh_private_key(text, password=None)
    assert loaded.private_bytes_raw() == SEED  # type: ignore[union-attr]


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_seed_of_another_size_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="has 32 bytes"):
        keys.private_key(bytes(size), "a")


def test_a_public_line_is_accepted_as_it_is() -> None:
    line = keys.public_line(SEED, "someone@laptop")
    assert keys.check_public_line("admin_keys", line) == line


@pytest.mark.parametrize(
    "value",
    [
        "",
        "ssh-ed25519",
        "ssh-ed25519 AAAA",
        "not a key",
        keys.private_key(SEED, "a"),
        keys.public_line(SEED, "a") + "\n" + keys.public_line(SEED, "b"),
    ],
)
def test_what_is_no_public_line_is_refused_by_name(value: str) -> None:
    with pytest.raises(ValueError, match=r"admin_keys: .*no public SSH key; give the line"):
        keys.check_public_line("admin_keys", value)


def test_a_refused_private_key_is_not_repeated_whole() -> None:
    private = keys.private_key(SEED, "a")
    with pytest.raises(ValueError, match="no public SSH key") as caught:
        keys.check_public_line("admin_keys", private)
    assert private.splitlines()[1] not in str(caught.value)


def test_the_private_part_is_secret_and_the_public_part_is_not() -> None:
    def program() -> None:
        parent = pulumi.ComponentResource("homeport:test:Parent", "parent")
        child = pulumi.ResourceOptions(parent=parent)
        key = keys.generated_key("login", comment="c", rotation=3, opts=child)
        parent.register_outputs({"private": key.private, "public": key.public})

    deployment = record(program)
    seed = deployment.one("RandomBytes", "login")
    parent = deployment.one("homeport:test:Parent")
    assert seed.inputs == {"length": 32, "keepers": {"rotation": "3"}}
    assert parent.outputs is not None
    assert isinstance(parent.outputs["private"], Secret)
    assert parent.outputs["public"].startswith("ssh-ed25519 AAAA")
