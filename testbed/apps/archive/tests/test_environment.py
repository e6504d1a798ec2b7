"""The environment contract: variables, files, groups."""

import os
import tempfile
from pathlib import Path
from unittest import TestCase, mock

from archive import environment
from django.core.exceptions import ImproperlyConfigured


class Environment(TestCase):
    def given(self, **values: str) -> None:
        patched = mock.patch.dict(os.environ, values, clear=True)
        patched.start()
        self.addCleanup(patched.stop)

    def test_a_variable_counts_before_its_file_and_names_in_their_order(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "key"
            file.write_text("from the file\n")
            self.given(SECOND_FILE=str(file))
            self.assertEqual(environment.text("FIRST", "SECOND"), "from the file")
            self.given(SECOND_FILE=str(file), SECOND="plain")
            self.assertEqual(environment.text("FIRST", "SECOND"), "plain")
            self.given(SECOND="plain", FIRST="first")
            self.assertEqual(environment.text("FIRST", "SECOND"), "first")

    def test_what_is_missing_is_named_with_both_ways_to_give_it(self) -> None:
        self.given()
        with self.assertRaisesRegex(ImproperlyConfigured, "FIRST or SECOND is missing .*_FILE"):
            environment.text("FIRST", "SECOND")
        self.assertEqual(environment.text("FIRST", default=""), "")

    def test_lists_are_separated_by_commas_and_have_no_empty_words(self) -> None:
        self.given(HOSTS=" a.example.com,, b.example.com ,")
        self.assertEqual(environment.words("HOSTS"), ["a.example.com", "b.example.com"])
        self.assertEqual(environment.words("NOTHING"), [])

    def test_a_group_is_given_as_a_whole_or_not_at_all(self) -> None:
        names = {"key": "CLIENT_ID", "secret": "CLIENT_SECRET"}
        self.given()
        self.assertIsNone(environment.whole(names))
        self.given(CLIENT_ID="a", CLIENT_SECRET="b")
        self.assertEqual(environment.whole(names), {"key": "a", "secret": "b"})
        self.given(CLIENT_ID="a")
        with self.assertRaisesRegex(ImproperlyConfigured, "^CLIENT_SECRET is missing: set all"):
            environment.whole(names)

    def test_debugging_ends_the_start_whatever_it_is_called(self) -> None:
        for name in ("DEBUG", "DJANGO_DEBUG"):
            self.given(**{name: "true"})
            with self.assertRaises(ImproperlyConfigured):
                environment.debugging_is_off()
            self.given(**{name: "off"})
            environment.debugging_is_off()
