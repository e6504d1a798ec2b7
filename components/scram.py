"""SCRAM-SHA-256 verifiers in the form that PostgreSQL stores, so that no password has to reach it.

A verifier checks that a client knows the password and cannot be used to log in (docs/adr/0008).
The same password, salt and iterations always give the same verifier, so an unchanged stack changes
nothing.
"""

import base64
import hashlib
import hmac

ITERATIONS = 4096
"""PostgreSQL's own default; generated passwords have over 200 bits, more iterations add nothing."""
SALT_BYTES = 16
"""PostgreSQL's own default."""


def verifier(password: str, salt: bytes, *, iterations: int = ITERATIONS) -> str:
    """Return `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>` (RFC 5802, RFC 7677).

    Raises:
        ValueError: the password is empty or holds anything but printable ASCII, which clients could
            normalise (SASLprep) in another way. The message does not hold the password.
    """
    if not password or not (password.isascii() and password.isprintable()):
        msg = (
            "password: must be printable ASCII and not empty, so that every client hashes it alike"
        )
        raise ValueError(msg)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)
    stored_key = hashlib.sha256(_keyed(salted, b"Client Key")).digest()
    server_key = _keyed(salted, b"Server Key")
    return f"SCRAM-SHA-256${iterations}:{_text(salt)}${_text(stored_key)}:{_text(server_key)}"


def _keyed(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, "sha256").digest()


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()
