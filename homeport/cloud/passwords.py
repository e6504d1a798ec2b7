"""Password hashes in the form that the services read."""

import base64
import hashlib
import os
import subprocess

from homeport.cloud.contract import MachineryError


def htpasswd(user: str, password: str) -> str:
    """Return a line for nginx's `auth_basic_user_file`, salted SHA-1; the same for the same input.

    The salt follows from the password, which is random, so that an unchanged file stays unchanged.
    """
    salt = hashlib.sha256(f"{user}:{password}".encode()).digest()[:8]
    digest = hashlib.sha1(password.encode() + salt).digest()  # noqa: S324  (the format's)
    return f"{user}:{{SSHA}}{base64.b64encode(digest + salt).decode()}\n"


def crypt_hash(password: str) -> str:
    """Return a password as /etc/shadow holds it (SHA-512).

    Raises:
        MachineryError: When openssl does not work.
    """
    done = subprocess.run(
        ["openssl", "passwd", "-6", "-stdin"],
        input=password,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        msg = f"openssl cannot hash a password: {done.stderr.strip()}"
        raise MachineryError(msg)
    return done.stdout.strip()


def secret_key() -> str:
    """Return 32 random bytes as base64, for rndc."""
    return base64.b64encode(os.urandom(32)).decode()
