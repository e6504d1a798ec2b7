"""Certificates of the stack's own authority: the same bytes, and OpenSSL takes them as they are."""

import os
import socket
import ssl
import subprocess
import threading
from pathlib import Path

import pytest

from components import private_certificate

ROOT, LEAF = bytes(range(32)), bytes(range(1, 33))
NAME = "db.shop.example.com"


def texts(root: bytes = ROOT, leaf: bytes = LEAF, name: str = NAME) -> tuple[str, str, str]:
    return (
        private_certificate.authority_pem(root, "shop-database"),
        private_certificate.certificate_pem(root, "shop-database", leaf, name),
        private_certificate.key_pem(leaf),
    )


def files(folder: Path, root: bytes = ROOT, leaf: bytes = LEAF) -> tuple[Path, Path, Path]:
    found = folder / "authority.pem", folder / "server.pem", folder / "server.key"
    for file, text in zip(found, texts(root, leaf), strict=True):
        file.write_text(text)
    return found


def greeting(folder: Path, asked: str, authority: Path) -> str:
    """Serve once with the certificate; return what a client that checks it gets."""
    _, chain, key = files(folder)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(chain, key)
    client = ssl.create_default_context(cafile=str(authority))
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            taken, _ = listening.accept()
            try:
                with server.wrap_socket(taken, server_side=True) as secured:
                    secured.sendall(b"hello")
            except (ssl.SSLError, ConnectionError):
                taken.close()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            with (
                socket.create_connection(listening.getsockname()) as plain,
                client.wrap_socket(plain, server_hostname=asked) as secured,
            ):
                return secured.recv(5).decode()
        finally:
            thread.join()


def test_the_same_seeds_give_the_same_texts_and_others_give_others() -> None:
    assert texts() == texts()
    other = texts(leaf=bytes(32))
    assert other[0] == texts()[0], "a rotation leaves the authority"
    assert set(other[1:]).isdisjoint(texts()[1:])
    assert set(texts(root=bytes(32))[:2]).isdisjoint(texts()[:2])


@pytest.mark.parametrize(
    "seed", [bytes(32), b"\xff" * 32, os.urandom(32)], ids=["zeros", "ones", "any"]
)
def test_openssl_verifies_every_certificate_for_its_name(tmp_path: Path, seed: bytes) -> None:
    authority, chain, _ = files(tmp_path, root=seed, leaf=seed[::-1])
    command = ["openssl", "verify", "-x509_strict", "-purpose", "sslserver"]
    subprocess.run(
        [*command, "-verify_hostname", NAME, "-CAfile", authority, chain],
        check=True,
        capture_output=True,
    )


def test_a_client_that_has_the_authority_takes_the_server_by_its_name_alone(
    tmp_path: Path,
) -> None:
    authority, *_ = files(tmp_path)
    assert greeting(tmp_path, NAME, authority) == "hello"
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        greeting(tmp_path, "db.example.com", authority)


def test_a_client_with_another_authority_of_the_same_name_refuses_it(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    authority, *_ = files(other, root=bytes(32))
    with pytest.raises(ssl.SSLCertVerificationError):
        greeting(tmp_path, NAME, authority)


def test_a_name_longer_than_a_common_name_is_still_checked_in_full(tmp_path: Path) -> None:
    long = f"{'a' * 63}.{'b' * 63}.example.com"
    authority, chain, _ = (tmp_path / name for name in ("authority", "chain", "key"))
    for file, text in zip((authority, chain), texts(name=long), strict=False):
        file.write_text(text)
    subprocess.run(
        ["openssl", "verify", "-verify_hostname", long, "-CAfile", authority, chain],
        check=True,
        capture_output=True,
    )


def test_a_seed_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="a seed has 32 bytes, not 16"):
        private_certificate.key_pem(bytes(16))
