"""The list of a bucket's objects, by requests that a store of S3's kind accepts."""

import importlib
import urllib.parse
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.processes.threaded_server import ThreadedServer

TOOLS = Path(__file__).parents[2] / "assets" / "remote"
OBJECTS = {"a/1.sealed": ("e1", 3), "b c.sealed": ("e2", 0), "ü.sealed": ("e3", 7)}


class Store(BaseHTTPRequestHandler):
    """Lists two objects a page, to whom has signed for it; only the first has a name space."""

    def do_GET(self) -> None:
        path, _, text = self.path.partition("?")
        query = dict(urllib.parse.parse_qsl(text))
        if path != "/store/signing" or query.get("list-type") != "2":
            self._send(404, "<Error><Code>NoSuchBucket</Code></Error>")
        elif "Credential=the-id/" not in self.headers.get("Authorization", ""):
            self._send(403, "<Error><Code>AccessDenied</Code></Error>")
        elif query.get("continuation-token") == "a+/=":
            self._send(200, f"<R>{listed(list(OBJECTS)[2:])}</R>")
        else:
            more = "<NextContinuationToken>a+/=</NextContinuationToken>"
            space = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
            self._send(200, f"<R {space}>{listed(list(OBJECTS)[:2])}{more}</R>")

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _send(self, status: int, text: str) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())


def listed(keys: list[str]) -> str:
    return "".join(
        f'<Contents><Key>{key}</Key><ETag>"{OBJECTS[key][0]}"</ETag>'
        f"<Size>{OBJECTS[key][1]}</Size></Contents>"
        for key in keys
    )


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(TOOLS))  # type: ignore[no-untyped-call]
    return importlib.import_module("_bucket")


@pytest.fixture
def bucket() -> Iterator[dict[str, str]]:
    with ThreadedServer(HTTPServer(("127.0.0.1", 0), Store), 0.02) as server:
        yield {
            "endpoint": f"http://127.0.0.1:{server.port}/store",
            "name": "signing",
            "access_key": "the-id",
            "secret_key": "the-key",
            "region": "us-east-1",
        }


def test_a_signature_is_the_one_that_the_makers_document_shows(module: Any) -> None:
    # The example of listing objects in the service's own documentation of version 4.
    keys = {
        "access_key": "AKIAIOSFODNN7EXAMPLE",
        "secret_key": "/".join(["wJalrXUtnFEMI", "K7MDENG", "bPxRfiCYEXAMPLEKEY"]),
        "region": "us-east-1",
    }
    query = {"prefix": "J", "max-keys": "2"}
    host = "examplebucket.s3.amazonaws.com"
    made = module.signed(keys, host, "/", query, "20130524T000000Z")
    wanted = "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"
    assert made["authorization"].endswith(f"Signature={wanted}")


def test_all_pages_are_listed_with_key_size_and_etag(module: Any, bucket: dict[str, str]) -> None:
    assert module.inventory(bucket) == [
        {"key": key, "size": size, "etag": etag} for key, (etag, size) in OBJECTS.items()
    ]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"access_key": "other"}, "the bucket signing cannot be listed: 403"),
        ({"name": "absent"}, "the bucket absent cannot be listed: 404"),
        ({"endpoint": "http://127.0.0.1:1"}, "the bucket signing cannot be listed"),
    ],
)
def test_a_bucket_that_does_not_answer_ends_the_backup(
    module: Any, bucket: dict[str, str], change: dict[str, str], said: str
) -> None:
    error = importlib.import_module("_homeport").StepError
    with pytest.raises(error, match=said) as caught:
        module.inventory({**bucket, **change})
    assert "the-key" not in f"{caught.value.output}{caught.value.cure}"
