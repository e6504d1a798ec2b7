"""The tool `verifysite`: waits for certificate and answer, or says what is wrong."""

import datetime
import http.server
import ipaddress
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.processes.fake_commands import FakeCommands
from tests.processes.tool_runner import Ended, Machine

NAME = "localhost"
NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)


class Proxy:
    """A TLS server whose certificate and answer a test chooses."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.status = 200
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(proxy.status if self.path == "/check" else 404)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.certify([NAME])
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.socket = self.context.wrap_socket(self.server.socket, server_side=True)
        self.server.handle_error = lambda *_: None  # type: ignore[method-assign] # handshakes fail here
        threading.Thread(target=self.server.serve_forever, args=[0.01], daemon=True).start()

    @property
    def port(self) -> int:
        return int(self.server.server_address[1])

    @property
    def authority(self) -> Path:
        """The certificate itself, for a trust store of one."""
        return self.folder / "certificate.pem"

    def certify(self, names: list[str], *, until: datetime.datetime = NOW + DAY) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - 2 * DAY)
            .not_valid_after(until)
            .add_extension(
                x509.SubjectAlternativeName(
                    [*map(x509.DNSName, names), x509.IPAddress(ipaddress.ip_address("127.0.0.9"))]
                ),
                critical=False,
            )
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        pem = serialization.Encoding.PEM
        self.authority.write_bytes(certificate.public_bytes(pem))
        secret = self.folder / "key.pem"
        form, none = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        secret.write_bytes(key.private_bytes(pem, form, none))
        self.context.load_cert_chain(self.authority, secret)


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Proxy]:
    made = Proxy(tmp_path)
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def machine(tmp_path: Path, proxy: Proxy) -> Machine:
    root = tmp_path / "root"
    root.mkdir()
    machine = Machine(root)
    machine.environment["SSL_CERT_FILE"] = str(proxy.authority)
    return machine


@pytest.fixture(autouse=True)
def journal(machine: Machine) -> FakeCommands:
    return FakeCommands(machine, "journalctl")


def verify(machine: Machine, proxy: Proxy, **spec: Any) -> Ended:
    document = {
        "hostname": NAME,
        "certificates": [NAME],
        "path": "/check",
        "status": 200,
        "trusted": True,
        "authority": "https://acme.example.com/directory",
        "service": "caddy",
        "address": "127.0.0.1",
        "seconds": 0,
        "port": proxy.port,
    }
    return machine.run("verifysite", "up", {**document, **spec})


def test_a_site_with_a_trusted_certificate_and_the_right_answer_passes(
    machine: Machine, proxy: Proxy
) -> None:
    ended = verify(machine, proxy)
    assert (ended.code, ended.out) == (0, "https://localhost/check answers 200\n")


def test_a_certificate_that_nobody_trusts_is_refused_unless_that_is_expected(
    machine: Machine, proxy: Proxy
) -> None:
    machine.environment["SSL_CERT_FILE"] = "/dev/null"
    refused = verify(machine, proxy)
    assert refused.code == 1
    assert "there is no valid certificate for localhost" in refused.err
    assert "self-signed certificate" in refused.err
    assert verify(machine, proxy, trusted=False).code == 0


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda proxy: proxy.certify([NAME], until=NOW - DAY), "the certificate has expired"),
        (lambda proxy: proxy.certify(["other.example"]), "the certificate is for other names"),
    ],
)
def test_even_an_untrusted_certificate_must_fit_and_not_be_expired(
    machine: Machine,
    proxy: Proxy,
    wrong: Callable[[Proxy], None],
    words: str,
) -> None:
    wrong(proxy)
    ended = verify(machine, proxy, trusted=False)
    assert ended.code == 1
    assert words in ended.err


def test_every_name_needs_a_certificate(machine: Machine, proxy: Proxy) -> None:
    ended = verify(machine, proxy, certificates=[NAME, "www.localhost"])
    assert ended.code == 1
    assert "there is no valid certificate for www.localhost" in ended.err


@pytest.mark.parametrize(
    ("status", "advice"), [(502, "look at the app's own log"), (404, "check_path")]
)
def test_a_wrong_answer_is_told_apart_from_a_missing_certificate(
    machine: Machine, proxy: Proxy, status: int, advice: str
) -> None:
    proxy.status = status
    ended = verify(machine, proxy)
    assert ended.code == 1
    assert f"gave answer {status}, expected 200" in ended.err
    assert f"next: {advice}" in ended.err or advice in ended.err.split("next: ")[1]


def test_a_name_that_points_elsewhere_is_said_to_and_where_it_should_point(
    machine: Machine, proxy: Proxy
) -> None:
    machine.environment["SSL_CERT_FILE"] = "/dev/null"
    ended = verify(machine, proxy, address="203.0.113.9")
    assert "DNS: localhost is 127.0.0.1; this host is 203.0.113.9" in ended.err
    assert "next: let an A record for localhost point to 203.0.113.9" in ended.err


def test_what_the_authority_said_is_shown_once_and_only_for_this_name(
    machine: Machine, proxy: Proxy, journal: FakeCommands
) -> None:
    machine.environment["SSL_CERT_FILE"] = "/dev/null"
    refusal = {"level": "error", "identifier": NAME, "error": "HTTP 429 rateLimited: too many"}
    other = {"level": "error", "identifier": "x.example", "error": "not about us"}
    harmless = {"level": "info", "identifier": NAME, "error": "harmless"}
    lines = [json.dumps(entry) for entry in (refusal, other, harmless, refusal)]
    journal.answer("journalctl", "\n".join(["no json", *lines]))
    ended = verify(machine, proxy)
    assert ended.err.count("HTTP 429 rateLimited: too many") == 1
    assert "not about us" not in ended.err
    assert "harmless" not in ended.err
    assert "see what https://acme.example.com/directory answered" in ended.err


def test_it_waits_for_a_certificate_that_comes_later(machine: Machine, proxy: Proxy) -> None:
    proxy.certify(["not.yet"])
    later = threading.Timer(1.0, lambda: proxy.certify([NAME]))
    later.start()
    start = time.monotonic()
    ended = verify(machine, proxy, trusted=False, seconds=20)
    assert ended.code == 0, ended.err
    assert time.monotonic() - start >= 1.0


def test_a_proxy_that_does_not_listen_is_an_error_and_no_crash(
    machine: Machine, proxy: Proxy
) -> None:
    ended = verify(machine, proxy, port=1)
    assert ended.code == 1
    assert "Connection refused" in ended.err
    assert "Traceback" not in ended.err
