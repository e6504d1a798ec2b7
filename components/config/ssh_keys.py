"""SSH keys as people paste them: public keys, host keys, an existing server's private key."""

import base64
import binascii
from typing import Annotated

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import AfterValidator

from .problems import refuse
from .values import Text

_SMALLEST_RSA = 3072
_MODERN = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521")
_HARDWARE = ("sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com")
_EXAMPLE = "ssh-ed25519 AAAA… name"


def _not_private(value: str) -> None:
    if "PRIVATE KEY" in value or "-----BEGIN" in value:
        refuse(
            "is a private key",
            f"paste the public half, the line of the .pub file ({_EXAMPLE}), and make a new key: "
            "this one has been written to a file that is shared",
        )


def _parts(value: str) -> tuple[str, bytes]:
    """Return a key's type and its body, after checking that they belong together."""
    _not_private(value)
    if value.startswith("SHA256:") or value.startswith("MD5:"):
        refuse("is a fingerprint", f"give the whole key: {_EXAMPLE}")
    kind, _, rest = value.partition(" ")
    if kind not in (*_MODERN, *_HARDWARE, "ssh-rsa", "ssh-dss"):
        refuse("is no SSH public key", f"paste the line of a .pub file: {_EXAMPLE}")
    try:
        body = base64.b64decode(rest.split(" ")[0], validate=True)
    except binascii.Error:
        refuse("is cut or mistyped", "copy the whole line of the .pub file")
    length = int.from_bytes(body[:4], "big")
    if body[4 : 4 + length].decode(errors="replace") != kind:
        refuse("is cut or mistyped", "copy the whole line of the .pub file")
    return kind, body


def _public_key(value: str) -> str:
    kind, _ = _parts(value)
    if kind == "ssh-dss":
        refuse("is a DSA key", "servers refuse them; make one by `ssh-keygen -t ed25519`")
    if kind not in _HARDWARE:
        # Keys on hardware are beyond the library; their type and body were compared above.
        key = _loaded(" ".join(value.split(" ")[:2]))
        if isinstance(key, rsa.RSAPublicKey) and key.key_size < _SMALLEST_RSA:
            refuse(
                f"is an RSA key of {key.key_size} bits",
                f"use {_SMALLEST_RSA} or more, or make one by `ssh-keygen -t ed25519`",
            )
    return value


def _host_key(value: str) -> str:
    kind, _ = _parts(value)
    if kind not in _MODERN:
        refuse(
            f"is a key of type {kind}, which cannot be pinned safely",
            "pin the server's ed25519 key: `ssh-keyscan -t ed25519 HOST`, checked on the server",
        )
    plain = " ".join(value.split(" ")[:2])
    _loaded(plain)
    return plain


def _loaded(value: str) -> object:
    try:
        return serialization.load_ssh_public_key(value.encode())
    except (ValueError, UnsupportedAlgorithm):
        refuse("is cut or mistyped", "copy the whole line of the .pub file")


PublicKey = Annotated[Text, AfterValidator(_public_key)]
"""A line of an OpenSSH .pub file: ed25519, ecdsa, hardware-backed, or RSA from 3072 bits."""
HostKey = Annotated[Text, AfterValidator(_host_key)]
"""The key that a server shows: `ssh-ed25519 AAAA…`; a comment is dropped."""


def check_private_key(value: str) -> None:
    """Refuse what cannot log in without somebody typing a passphrase."""
    if value.startswith("ssh-"):
        refuse("is a public key", "set the private half, the file without .pub")
    try:
        serialization.load_ssh_private_key(value.encode(), password=None)
    except (ValueError, UnsupportedAlgorithm, TypeError) as error:
        if "password" in str(error).lower() or "encrypted" in str(error).lower():
            cure = "use a key without one, or leave it out and use your SSH agent"
            refuse("needs a passphrase", cure)
        cure = "set the whole file: `pulumi config set --secret KEY < ~/.ssh/id_ed25519`"
        refuse("is no OpenSSH private key", cure)
