"""The S3 gateway of the local cloud as a process: versitygw, and what stands around it."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from homeport.paths import ROOT
from systems.command_center import s3
from tests.processes.app_process import Process, free_port

HOST = "center.example.org"
KEY = s3.Key(id="center", secret="a-key-of-these-tests")
BUILD_SECONDS = 600


class Gateway:
    """One process over a folder, and what asks it."""

    def __init__(self, folder: Path, program: Path) -> None:
        self._folder = folder
        self._program = program
        self.objects = folder / "objects"
        self.objects.mkdir()
        (folder / "secret").write_text(f"{KEY.secret}\n")
        self.figures = free_port()

    def run(self, log: str = "log", **changed: str) -> Process:
        env = {
            "PORT": str(free_port()),
            "METRICS_PORT": str(self.figures),
            "DATA_FOLDER": str(self.objects),
            "S3_ACCESS_KEY": KEY.id,
            "S3_SECRET_KEY_FILE": str(self._folder / "secret"),
            "RELEASE": "abc",
        }
        return Process([], {**env, **changed}, self._folder / log, program=self._program)

    def ask(
        self,
        method: str,
        path: str,
        content: bytes = b"",
        *,
        prefix: str = "",
        told: str | None = None,
        key: s3.Key = KEY,
        port: int = 0,
    ) -> httpx.Response:
        """Ask as through a proxy that takes `prefix` away and tells of `told`, or of just that."""
        headers = {**s3.signed(method, HOST, prefix + path, content, key), "Host": HOST}
        told = prefix if told is None else told
        if told:
            headers["X-Forwarded-Prefix"] = told
        url = f"http://127.0.0.1:{port or self.port}{path}"
        with httpx.Client(trust_env=False) as client:
            return client.request(method, url, headers=headers, content=content)

    port: int = 0


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("s3")
    program = folder / "s3-gateway"
    done = subprocess.run(
        [str(ROOT / "testbed/images/s3/prepare"), str(program)],
        capture_output=True,
        text=True,
        check=False,
        timeout=BUILD_SECONDS,
    )
    assert done.returncode == 0, done.stderr
    one = Gateway(folder, program)
    process = one.run()
    process.wait_until_up()
    one.port = process.port
    assert one.ask("PUT", "/files").status_code == 200
    yield one
    process.terminate()
    assert process.popen.wait(20) == 0, process.log


def test_it_is_well_and_tells_its_figures_on_another_port(gateway: Gateway) -> None:
    health = httpx.get(f"http://127.0.0.1:{gateway.port}/healthz", trust_env=False)
    assert health.status_code == 200
    figures = httpx.get(f"http://127.0.0.1:{gateway.figures}/metrics", trust_env=False)
    assert "process_resident_memory_bytes" in figures.text


def test_what_is_put_is_got_listed_and_removed(gateway: Gateway) -> None:
    path, content = "/files/a%20folder/b%2Bc.txt", b"hello"
    put = gateway.ask("PUT", path, content, prefix="/s3")
    assert (put.status_code, put.headers["x-release"]) == (200, "abc")
    assert gateway.ask("GET", path, prefix="/s3").content == content
    assert "<Key>a folder/b+c.txt</Key>" in gateway.ask("GET", "/files", prefix="/s3").text
    assert gateway.ask("DELETE", path).status_code == 204
    assert gateway.ask("GET", path).status_code == 404


def test_a_signature_is_for_the_path_that_the_client_sent(gateway: Gateway) -> None:
    assert gateway.ask("GET", "/files", prefix="/s3").status_code == 200
    assert gateway.ask("GET", "/files", prefix="/s3", told="").status_code == 403
    assert gateway.ask("GET", "/files", prefix="/s3", told="/s4").status_code == 403


def test_who_has_not_the_key_stores_and_reads_nothing(gateway: Gateway) -> None:
    wrong = s3.Key(id=KEY.id, secret=KEY.secret[::-1])
    assert gateway.ask("PUT", "/other", key=wrong).status_code == 403
    unsigned = httpx.get(f"http://127.0.0.1:{gateway.port}/files/x", trust_env=False)
    assert unsigned.status_code == 403
    assert not (gateway.objects / "other").exists()


def test_no_key_leads_out_of_its_bucket(gateway: Gateway) -> None:
    answer = gateway.ask("PUT", "/files/..%2Foutside", b"x")
    assert answer.status_code >= 400
    assert not (gateway.objects / "outside").exists()


def test_two_releases_serve_one_folder_while_one_follows_the_other(gateway: Gateway) -> None:
    second = gateway.run(log="second", METRICS_PORT=str(free_port()))
    try:
        second.wait_until_up()
        assert gateway.ask("PUT", "/files/shared", b"1").status_code == 200
        assert gateway.ask("GET", "/files/shared", port=second.port).content == b"1"
        assert gateway.ask("PUT", "/files/shared", b"2", port=second.port).status_code == 200
        assert gateway.ask("GET", "/files/shared").content == b"2"
    finally:
        second.terminate()
    assert second.popen.wait(20) == 0, second.log


@pytest.mark.parametrize(
    ("variable", "said"),
    [
        ("S3_ACCESS_KEY=", "S3_ACCESS_KEY is missing"),
        ("S3_SECRET_KEY_FILE=/nowhere", "S3_SECRET_KEY_FILE: open /nowhere"),
        ("S3_SECRET_KEY_FILE=/dev/null", "S3_SECRET_KEY is missing"),
        ("DATA_FOLDER=/nowhere", "DATA_FOLDER: "),
    ],
)
def test_a_gateway_that_is_not_told_enough_does_not_start(
    gateway: Gateway, variable: str, said: str
) -> None:
    name, _, value = variable.partition("=")
    process = gateway.run(log="refused", METRICS_PORT=str(free_port()), **{name: value})
    assert process.popen.wait(20) != 0
    assert said in process.log
