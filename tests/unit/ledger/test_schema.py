from pathlib import Path

import ledger
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from ledger import schema


def test_the_list_of_revisions_is_that_of_the_migrations() -> None:
    config = Config()
    folder = Path(ledger.__file__).parent / "migrations"
    config.set_main_option("script_location", str(folder))
    found = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    assert tuple(reversed(found)) == schema.REVISIONS


@pytest.mark.parametrize(
    ("revision", "floor", "problem"),
    [
        (None, None, "the schema is missing; run `ledger migrate` (needed: 0003)"),
        ("0002", None, "the schema is at 0002; run `ledger migrate` (needed: 0003)"),
        ("0003", None, None),
        ("0004", None, None),  # Left by a newer release that was rolled back: it only expanded.
        ("0005", "0003", None),  # Contracted, but not what this release needs.
        (
            "0004",
            "0004",
            "the schema is at 0004, which lacks what releases before 0004 need (this one knows "
            "0003)",
        ),
    ],
)
def test_a_release_serves_with_its_own_schema_or_a_newer_one_that_was_not_contracted(
    revision: str | None, floor: str | None, problem: str | None
) -> None:
    assert schema.problem(schema.State(revision, floor), "0003") == problem


def test_a_release_that_knows_a_contraction_serves_with_it_alone() -> None:
    assert schema.problem(schema.State("0004", "0004"), "0004") is None
    assert schema.problem(schema.State("0003"), "0004") == (
        "the schema is at 0003; run `ledger migrate` (needed: 0004)"
    )
