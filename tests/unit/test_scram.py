"""A verifier must be exactly what PostgreSQL and every client compute."""

import base64
import hashlib
import hmac

import pytest

from components import scram

# Made by PostgreSQL 15: CREATE ROLE x PASSWORD 'pencil'; SELECT rolpassword FROM pg_authid.
FROM_POSTGRES = (
    "SCRAM-SHA-256$4096:DuNVTJElUKffGGmdhpKDVQ==$a4wcL7r+tqOQlv+v9pMy1QM5mV"
    "6dodms9SGGt8nOyfk=:06y3ns/3+W3SKYozc9RUa8tEwwZP8gSgHxeUW9sm7vY="
)


def test_a_verifier_is_what_postgresql_itself_stored_for_the_same_password_and_salt() -> None:
    salt = base64.b64decode(FROM_POSTGRES.split("$")[1].split(":")[1])
    assert scram.verifier("pencil", salt) == FROM_POSTGRES


def test_a_verifier_proves_the_exchange_of_rfc_7677() -> None:
    salt = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
    made = scram.verifier("pencil", salt, iterations=4096)
    head, keys = made.rsplit("$", 1)
    assert head == "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ=="
    stored, server = (base64.b64decode(key) for key in keys.split(":"))
    message = (
        b"n=user,r=rOprNGfwEbeRWgbNEkqO,"
        b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
        b"s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,"
        b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    )
    proof = base64.b64decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
    signature = _hmac(stored, message)
    client_key = bytes(a ^ b for a, b in zip(proof, signature, strict=True))
    assert hashlib.sha256(client_key).digest() == stored
    signed = base64.b64decode("6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")
    assert _hmac(server, message) == signed


def test_the_same_password_and_salt_give_the_same_verifier_and_others_another() -> None:
    salt = b"0123456789abcdef"
    assert scram.verifier("one", salt) == scram.verifier("one", salt)
    assert scram.verifier("one", salt) != scram.verifier("two", salt)
    assert scram.verifier("one", salt) != scram.verifier("one", salt[::-1])


@pytest.mark.parametrize("password", ["", "pässword", "tab\there", "nul\0", "new\nline", "\u00a0"])
def test_a_password_that_clients_may_normalise_is_refused_without_being_shown(
    password: str,
) -> None:
    with pytest.raises(ValueError, match="printable ASCII") as refused:
        scram.verifier(password, b"0123456789abcdef")
    assert not password or password not in str(refused.value)


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, "sha256").digest()
