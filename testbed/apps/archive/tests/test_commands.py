"""Commands of the app: accounts, and taking over another database."""

import io
import json
import os
from unittest import mock

from archive.models import Document
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.test import TestCase

OTHER = [
    {
        "model": "auth.user",
        "fields": {"username": "ada", "password": "!", "date_joined": "2026-01-01T00:00:00Z"},
    },
    {
        "model": "archive.document",
        "pk": 7,
        "fields": {
            "owner": ["ada"],
            "title": "Old",
            "text": "",
            "file": "",
            "created": "2026-01-01T00:00:00Z",
        },
    },
]


class Accounts(TestCase):
    def made(self, password: str) -> str:
        said = io.StringIO()
        with mock.patch.dict(os.environ, {"ACCOUNT_PASSWORD": password}):
            call_command("account", "smoke", stdout=said)
        return said.getvalue()

    def test_an_account_is_made_once_and_gets_another_password_when_it_is_another(self) -> None:
        self.assertEqual(self.made("one"), "account smoke: made\n")
        self.assertEqual(self.made("one"), "")
        self.assertEqual(self.made("two"), "account smoke: password changed\n")
        user = get_user_model().objects.get(username="smoke")
        self.assertTrue(user.check_password("two"))
        self.assertFalse(user.is_staff or user.is_superuser)


class Adoption(TestCase):
    def adopted(self, rows: object) -> str:
        said = io.StringIO()
        with mock.patch("sys.stdin", io.StringIO(json.dumps(rows))):
            call_command("adopt", stdout=said)
        return said.getvalue()

    def test_all_rows_are_taken_over_and_counted(self) -> None:
        self.assertEqual(self.adopted(OTHER), "archive.Document 1\nauth.User 1\n")
        self.assertEqual(Document.objects.get(pk=7).owner.username, "ada")

    def test_a_database_that_holds_documents_is_left_alone(self) -> None:
        self.adopted(OTHER)
        with self.assertRaisesRegex(CommandError, "holds 1 rows already"):
            self.adopted(OTHER)
        self.assertEqual(Document.objects.count(), 1)
