"""Documents over the API: whose they are, what they may hold, how often they are asked for."""

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from unittest import mock

from archive.models import Document
from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client, TestCase, override_settings
from rest_framework.throttling import UserRateThrottle

PASSWORD = "a long password"
HTTPS = {"X-Forwarded-Proto": "https"}


class Api(TestCase):
    def setUp(self) -> None:
        cache.clear()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.media = Path(folder.name)
        changed = override_settings(MEDIA_ROOT=folder.name)
        changed.enable()
        self.addCleanup(changed.disable)

    def visitor(self, name: str | None = None) -> Client:
        client = Client(headers=HTTPS)
        if name:
            user = get_user_model().objects.create_user(name, password=PASSWORD)
            client.force_login(user)
        return client

    def created(self, client: Client, **fields: object) -> Mapping[str, object]:
        answer = client.post("/api/documents/", {"title": "One", **fields})
        self.assertEqual(answer.status_code, 201, answer.content)
        found: Mapping[str, object] = answer.json()
        return found


class Documents(Api):
    def test_nobody_reads_or_writes_without_a_login(self) -> None:
        client = self.visitor()
        self.assertEqual(client.get("/api/documents/").status_code, 403)
        self.assertEqual(client.post("/api/documents/", {"title": "One"}).status_code, 403)

    def test_everybody_has_their_own_documents_and_finds_no_others(self) -> None:
        ada, bob = self.visitor("ada"), self.visitor("bob")
        number = self.created(ada, text="mine")["id"]
        self.assertEqual(ada.get("/api/documents/").json()["count"], 1)
        self.assertEqual(bob.get("/api/documents/").json()["count"], 0)
        for path in (f"/api/documents/{number}/", f"/api/documents/{number}/file/"):
            self.assertEqual(bob.get(path).status_code, 404)
        self.assertEqual(bob.delete(f"/api/documents/{number}/").status_code, 404)

    def test_a_file_is_kept_sent_and_removed_with_its_document(self) -> None:
        ada = self.visitor("ada")
        made = self.created(ada, file=SimpleUploadedFile("scan.txt", b"content"))
        self.assertEqual(made["size"], 7)
        sent = ada.get(f"/api/documents/{made['id']}/file/")
        self.assertEqual(b"".join(sent.streaming_content), b"content")
        self.assertEqual(ada.delete(f"/api/documents/{made['id']}/").status_code, 204)
        self.assertEqual([path for path in self.media.rglob("*") if path.is_file()], [])

    def test_a_document_without_a_file_has_none_to_send(self) -> None:
        ada = self.visitor("ada")
        number = self.created(ada)["id"]
        self.assertEqual(ada.get(f"/api/documents/{number}/file/").status_code, 404)

    @override_settings(UPLOAD_LIMIT_MIB=1)
    def test_a_file_beyond_the_limit_is_refused_and_none_of_it_is_kept(self) -> None:
        ada = self.visitor("ada")
        for size, status in ((2**20 + 1, 400), (2**21, 413)):
            file = SimpleUploadedFile("big", b"x" * size)
            answer = ada.post("/api/documents/", {"title": "Big", "file": file})
            self.assertEqual(answer.status_code, status)
            self.assertIn("end at 1 MiB", answer.content.decode())
        self.assertEqual(Document.objects.count(), 0)
        self.assertEqual(list(self.media.rglob("*")), [])

    def test_a_length_that_is_no_number_is_refused(self) -> None:
        answer = self.visitor().get("/api/healthz", headers={"Content-Length": "many"})
        self.assertEqual(answer.status_code, 413)

    def test_who_asks_too_often_is_told_to_wait(self) -> None:
        ada = self.visitor("ada")
        with mock.patch.object(UserRateThrottle, "get_rate", return_value="2/min"):
            seen = [ada.get("/api/documents/").status_code for _ in range(3)]
        self.assertEqual(seen, [200, 200, 429])


class Answers(Api):
    def test_health_counts_what_is_there_and_says_which_release_it_is(self) -> None:
        ada = self.visitor("ada")
        self.created(ada)
        answer = self.visitor().get("/api/healthz")
        said = {"status": "ok", "release": "1.2.3", "documents": 1}
        self.assertEqual((answer.status_code, answer.json()), (200, said))

    def test_every_answer_says_which_release_it_is_of(self) -> None:
        for path in ("/api/healthz", "/api/nothing", "/admin/"):
            self.assertEqual(self.visitor().get(path)["X-Release"], "1.2.3")

    def test_plain_http_leads_to_https(self) -> None:
        answer = Client().get("/api/healthz", headers={"Host": "testserver"})
        self.assertEqual((answer.status_code, answer["Location"][:8]), (301, "https://"))

    def test_one_line_is_logged_for_a_request_and_it_has_no_query(self) -> None:
        with self.assertLogs("archive.access") as seen:
            self.visitor().get("/api/healthz?token=secret", headers={"X-Real-IP": "192.0.2.1"})
        (record,) = seen.records
        fields = record.fields  # type: ignore[attr-defined] # given as extra
        self.assertEqual(fields["client"], "192.0.2.1")
        self.assertNotIn("secret", json.dumps(fields))
