"""Ed25519 keys derived from random bytes of the state: no key file has to exist anywhere.

The same bytes always give the same texts, so that a key never looks changed when it is not.
"""

import base64
import dataclasses
import hashlib
import struct

import pulumi
import pulumi_random as random
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

SEED_BYTES = 32

_ALGORITHM = b"ssh-ed25519"
_PUBLIC = (serialization.Encoding.Raw, serialization.PublicFormat.Raw)
_LINE = 70


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Key:
    """An SSH key of the stack: for a login, or for a host to prove who it is."""

    private: pulumi.Output[str] = dataclasses.field(repr=False)
    """The private key in OpenSSH's format; secret."""
    public: pulumi.Output[str]
    """The public line, `ssh-ed25519 AAAA…`; not secret."""


def generated_key(
    name: str, *, comment: str, rotation: int = 1, opts: pulumi.ResourceOptions | None = None
) -> Key:
    """Return a key that lives in the state; raising `rotation` makes a new one."""
    seed = random.RandomBytes(
        name, length=SEED_BYTES, keepers={"rotation": str(rotation)}, opts=opts
    )
    private = seed.base64.apply(lambda text: private_key(base64.b64decode(text), comment))
    public = seed.base64.apply(lambda text: public_line(base64.b64decode(text), comment))
    return Key(
        private=pulumi.Output.secret(private),
        public=pulumi.Output.unsecret(public),
    )


def public_line(seed: bytes, comment: str) -> str:
    """Return the public key as `authorized_keys` and `known_hosts` hold it."""
    return f"{_ALGORITHM.decode()} {base64.b64encode(_public_blob(seed)).decode()} {comment}"


def private_key(seed: bytes, comment: str) -> str:
    """Return the private key in OpenSSH's own format, unencrypted.

    The format has a random number, which only tells a wrong passphrase from a right one; here it is
    derived from the seed, since random text would be a change on every run.
    """
    check = hashlib.sha256(b"check" + seed).digest()[:4]
    public = _raw_public(seed)
    body = check * 2 + b"".join(
        _string(part) for part in (_ALGORITHM, public, seed + public, comment.encode())
    )
    body += bytes(range(1, 1 + -len(body) % 8))
    blob = b"openssh-key-v1\0" + _string(b"none") + _string(b"none") + _string(b"")
    blob += struct.pack(">I", 1) + _string(_public_blob(seed)) + _string(body)
    text = base64.b64encode(blob).decode()
    lines = [text[i : i + _LINE] for i in range(0, len(text), _LINE)]
    label = "OPENSSH PRIVATE KEY"
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""])


def check_public_line(kind: str, value: str) -> str:
    """Return `value` when it is one public key line.

    Raises:
        ValueError: naming kind and rule.
    """
    if not _is_public_line(value):
        msg = (
            f"{kind}: {value[:40]!r} is no public SSH key; give the line of a .pub file, such as "
            "`ssh-ed25519 AAAA… name`"
        )
        raise ValueError(msg)
    return value


def _is_public_line(value: str) -> bool:
    try:
        serialization.load_ssh_public_key(value.encode())
    except (ValueError, UnsupportedAlgorithm):
        return False
    return len(value.splitlines()) == 1


def _raw_public(seed: bytes) -> bytes:
    if len(seed) != SEED_BYTES:
        msg = f"an Ed25519 seed has {SEED_BYTES} bytes, not {len(seed)}"
        raise ValueError(msg)
    key = ed25519.Ed25519PrivateKey.from_private_bytes(seed)
    return key.public_key().public_bytes(*_PUBLIC)


def _public_blob(seed: bytes) -> bytes:
    return _string(_ALGORITHM) + _string(_raw_public(seed))


def _string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data
